package overlap

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseRatio(t *testing.T) {
	for text, want := range map[string]Ratio{
		"0.85": {17, 20}, "0.850": {17, 20}, "1": {1, 1}, "1.0": {1, 1}, "0.000000001": {1, 1e9},
		"0.999999999": {999999999, 1e9}, "00.5": {1, 2}, "0.80000000000000": {4, 5},
	} {
		if got, err := ParseRatio(text); err != nil || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", ".", ".5", "1.", "0", "0.0", "1.01", "2", "-0.5", "+0.5", "0,85", "85%", "8e-1",
		"0.0000000001", "0.5 ", " 0.5", "NaN", "inf", "0x1", "٠.٥", "1_0", "0.8.5", strings.Repeat("9", 30)} {
		if got, err := ParseRatio(text); err == nil {
			t.Errorf("%q: accepted as %v", text, got)
		}
	}
}

func FuzzParseRatio(f *testing.F) {
	for _, s := range []string{"0.85", "1", "0.000000001", "1.000000000000", "0", "abc"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRatio(s); err == nil && (r.Num == 0 || r.Num > r.Den || gcd(uint64(r.Num), uint64(r.Den)) != 1) {
			t.Errorf("%q became %d/%d", s, r.Num, r.Den)
		}
	})
}

// The tables say what the definition says, for every pair of ones and every overlap.
func TestBoundsAreTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "words") * 64
		r := drawRule(t, n)
		b := newBounds(r, n)
		p := rapid.IntRange(0, n).Draw(t, "p")
		least, most := b.reach(p)
		for q := range n + 1 {
			reaches := false
			for c := max(0, p+q-n); c <= min(p, q); c++ {
				reached := r.Reached(c, p, q)
				reaches = reaches || reached
				if reached != (c >= int(b.need[p+q])) {
					t.Fatalf("%v: %d and %d ones, %d in common: need is %d", r, p, q, c, b.need[p+q])
				}
				if reached && p+q-2*c >= int(b.limit[p+q]) {
					t.Fatalf("%v: %d and %d ones, %d in common: limit is %d", r, p, q, c, b.limit[p+q])
				}
			}
			if reaches != (least <= q && q <= most) {
				t.Fatalf("%v: %d and %d ones: reach is %d to %d", r, p, q, least, most)
			}
		}
		if p < n {
			// A chunk reads the tiles from the least that its first filter reaches to the most
			// that its last one does.
			if l, m := b.reach(p + 1); l < least || m < most {
				t.Fatalf("%v: %d ones reach %d to %d, and one more %d to %d", r, p, least, most, l, m)
			}
		}
		if !slices.IsSorted(b.limit) {
			t.Fatal("a limit is below that of a smaller sum")
		}
	})
}

// drawRule draws Dice, Hamming distances, and lines of any kind, one or two.
func drawRule(t *rapid.T, bits int) Rule {
	switch rapid.IntRange(0, 3).Draw(t, "kind of rule") {
	case 0:
		den := rapid.Uint32Range(1, 1e9).Draw(t, "den")
		return Dice(Ratio{rapid.Uint32Range(1, den).Draw(t, "num"), den})
	case 1:
		return Hamming(rapid.IntRange(0, bits).Draw(t, "distance"))
	}
	var r Rule
	for range rapid.IntRange(1, 2).Draw(t, "lines") {
		den := rapid.Int64Range(1, 1e9).Draw(t, "den")
		r = append(r, Line{
			Num: rapid.Int64Range(0, den).Draw(t, "num"), Den: den,
			Off: rapid.Int64Range(-2*den*int64(bits), den*int64(bits)).Draw(t, "off"),
		})
	}
	return r
}

// A rule for Dice is the coefficient 2c/(p+q), and one for a distance the distance.
func TestRulesByName(t *testing.T) {
	for p := range 40 {
		for q := range 40 {
			for c := max(0, p+q-64); c <= min(p, q); c++ {
				for _, r := range []Ratio{{1, 1000}, {1, 2}, {4, 5}, {17, 20}, {1, 1}} {
					if Dice(r).Reached(c, p, q) != (c > 0 && 2*c*int(r.Den) >= int(r.Num)*(p+q)) {
						t.Fatalf("Dice %v: %d, %d ones, %d in common", r, p, q, c)
					}
				}
				for _, h := range []int{0, 1, 5, 64} {
					if Hamming(h).Reached(c, p, q) != (c > 0 && p+q-2*c <= h) {
						t.Fatalf("distance %d: %d, %d ones, %d in common", h, p, q, c)
					}
				}
			}
		}
	}
}

// Whatever the layout, the stored words hold the same bits: each filter is found again by
// undoing chain and order, tiles cover all, and their ranges hold.
func TestPrepareKeepsEveryFilter(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 1))
		for _, words := range []int{1, 2, 3, 16, 31, 128} {
			for _, n := range []int{0, 1, 7, 8, 9, 63, 64, 65, 700} {
				rows := near(r, n, words)
				kept := slices.Clone(rows)
				l, err := NewLayout(words*64, rows, near(r, 30, words))
				if err != nil {
					t.Fatal(err)
				}
				f, err := l.Prepare(rows)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(rows, kept) {
					t.Fatal("Prepare changed the caller's rows")
				}
				if f.Len() != n || f.Bits() != words*64 {
					t.Fatalf("%d filters of %d bits, want %d of %d", f.Len(), f.Bits(), n, words*64)
				}
				seen := make([]bool, n)
				for p := range n {
					i := f.Row(p)
					if seen[i] {
						t.Fatalf("row %d is stored twice", i)
					}
					seen[i] = true
					want := rows[i*words:][:words]
					if got := stored(f, p); !slices.Equal(got, want) {
						t.Fatalf("%d words, %d filters: position %d does not hold row %d", words, n, p, i)
					}
					if f.Ones(i) != onesIn(want) || int(f.ones[p]) != onesIn(want) {
						t.Fatalf("row %d has %d ones, not %d", i, onesIn(want), f.Ones(i))
					}
				}
				if !slices.IsSorted(f.ones[:n]) {
					t.Error("filters are not ordered by ones")
				}
				next := 0
				for _, tile := range f.tiles {
					if tile.from != next || tile.to <= tile.from || tile.from%lanes != 0 {
						t.Fatalf("tile from %d to %d after %d", tile.from, tile.to, next)
					}
					next = tile.to
					for p := tile.from; p < tile.to; p++ {
						if ones := int(f.ones[p]); ones < tile.leastOnes || ones > tile.topOnes {
							t.Fatalf("position %d lies outside the range of its tile", p)
						}
					}
				}
				if next != n {
					t.Fatalf("tiles cover %d of %d filters", next, n)
				}
			}
		}
	})
}

// stored reads a filter back from where it is stored, in its own bit order.
func stored(f *Filters, position int) []uint64 {
	row := make([]uint64, f.words)
	chain := uint64(0)
	for w := range f.words {
		word := f.blocks[position/lanes*lanes*f.words+w*lanes+position%lanes]
		if f.kernel.chained {
			word, chain = word^chain, word
		}
		for i := range 64 {
			bit := f.layout.order[w*64+i]
			row[bit/64] |= word >> i & 1 << (bit % 64)
		}
	}
	return row
}

func TestTranspose(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var a [64]uint64
	for i := range a {
		a[i] = r.Uint64()
	}
	b := a
	transpose(&b)
	for i := range a {
		for j := range a {
			if a[i]>>j&1 != b[j]>>i&1 {
				t.Fatalf("bit %d of word %d went elsewhere", j, i)
			}
		}
	}
}

func TestLayoutPutsTheMostEvenBitsFirst(t *testing.T) {
	const n = 1000
	rows := make([]uint64, n*2)
	for i := range n {
		rows[i*2+1] = 1 << 63 // bit 127: always
		if i%2 == 0 {
			rows[i*2] |= 1 << 9 // bit 9: half
		}
		if i%4 == 0 {
			rows[i*2+1] |= 1 // bit 64: a quarter
		}
		if i%10 != 0 {
			rows[i*2] |= 1 // bit 0: nine tenths
		}
	}
	l, err := NewLayout(128, rows)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{9, 64, 0}; !slices.Equal(l.order[:3], want) {
		t.Errorf("bits %v come first, want %v", l.order[:3], want)
	}
	all := slices.Clone(l.order)
	slices.Sort(all)
	for i, bit := range all {
		if i != bit {
			t.Fatalf("the order is no permutation: %d at %d", bit, i)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	for _, bits := range []int{-64, 0, 1, 63, 65, 100, MaxBits + 64} {
		if _, err := Prepare(bits, nil); err == nil {
			t.Errorf("%d bits: accepted", bits)
		}
	}
	if _, err := Prepare(128, make([]uint64, 3)); err == nil {
		t.Error("one filter and a half: accepted")
	}
	if _, err := NewLayout(128, make([]uint64, 2), make([]uint64, 3)); err == nil {
		t.Error("a layout from one filter and a half: accepted")
	}
}

func TestCommon(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 2))
		for _, words := range []int{1, 2, 5, 16, 17, 64, 128} {
			for _, n := range []int{0, 1, 7, 8, 9, 255, 256, 257, 300} {
				for _, k := range []int{0, 1, 3, 4, 5, 64, 70} {
					if words > 17 && k > 5 {
						continue
					}
					filters, rows := near(r, n, words), near(r, k, words)
					l, err := NewLayout(words*64, filters)
					if err != nil {
						t.Fatal(err)
					}
					f, err := l.Prepare(filters)
					if err != nil {
						t.Fatal(err)
					}
					dst := make([]uint16, n*k)
					if err := f.Common(rows, dst); err != nil {
						t.Fatal(err)
					}
					for i := range k {
						for p := range n {
							want := CommonBits(rows[i*words:][:words], filters[f.Row(p)*words:][:words])
							if got := int(dst[i*n+p]); got != want {
								t.Fatalf("%d words: row %d and position %d of %d have %d bits in common, not %d", words, i, p, n, want, got)
							}
						}
					}
				}
			}
		}
		f, err := Prepare(128, make([]uint64, 20))
		if err != nil {
			t.Fatal(err)
		}
		if f.Common(make([]uint64, 3), make([]uint16, 10)) == nil {
			t.Error("one row and a half: accepted")
		}
		if f.Common(make([]uint64, 2), make([]uint16, 9)) == nil {
			t.Error("too little room: accepted")
		}
	})
}
