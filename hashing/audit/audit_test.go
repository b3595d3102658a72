package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"cohortlink/hashing"
	"cohortlink/hashing/norm"
	"cohortlink/linkage/overlap"
)

// crowd invents people in households, whose names are as unevenly frequent as people's.
func crowd(n int, seed uint64) (fields []hashing.Field, records [][]string) {
	r := rand.New(rand.NewPCG(seed, 3))
	syllables := []string{"AN", "BER", "CO", "DEL", "ES", "FI", "GAR", "HOL", "IN", "JO", "KEN", "LU", "MAR", "NI", "OR", "PAT", "RO", "SON", "TER", "WIL", "SH", "TON", "LEY", "MAN"}
	names := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			for range 2 + r.IntN(2) {
				out[i] += syllables[r.IntN(len(syllables))]
			}
		}
		return out
	}
	of := func(names []string) string { return names[int(math.Pow(float64(len(names)), r.Float64()))-1] }
	forenames, surnames := names(300), names(400)
	fields = []hashing.Field{
		{Name: "forename", Kind: norm.Name}, {Name: "surname", Kind: norm.Name}, {Name: "birth_date", Kind: norm.Date},
		{Name: "sex", Kind: norm.Sex}, {Name: "postcode", Kind: norm.Postcode},
	}
	for len(records) < n {
		surname, letters := of(surnames), "ABDEFGHJLN"
		postcode := fmt.Sprintf("RG%d %d%c%c", 1+r.IntN(9), r.IntN(10), letters[r.IntN(10)], letters[r.IntN(10)])
		for range 1 + r.IntN(4) {
			records = append(records, []string{of(forenames), surname, fmt.Sprintf("%d%02d%02d", 1930+r.IntN(80), 1+r.IntN(12), 2+r.IntN(26)), []string{"M", "F"}[r.IntN(2)], postcode})
		}
	}
	return fields, records[:n]
}

// plain is an unhardened Bloom filter: about as many bits for each token of a record.
func plain(fields []hashing.Field, bits, each int) Encode {
	return func(key *hashing.Key, records [][]string) (Filters, error) {
		secret := key.Fingerprint()
		f := Filters{Bits: bits, Similarity: "dice", Rows: make([]uint64, len(records)*bits/64)}
		for i, values := range records {
			for j, value := range values {
				n, err := norm.New(fields[j].Kind, norm.Options{})
				if err != nil {
					return f, err
				}
				text, _ := n.Value(value)
				for _, token := range hashing.Tokens(fields[j].Kind, text) {
					r := rand.New(rand.NewChaCha8(sha256.Sum256(append(append(secret[:], byte(j)), token...))))
					for range each {
						p := r.IntN(bits)
						f.row(i)[p/64] |= 1 << (p % 64)
					}
				}
			}
		}
		return f, nil
	}
}

// blind is an encoding that says nothing but whether two records are equal.
func blind(key *hashing.Key, records [][]string) (Filters, error) {
	secret := key.Fingerprint()
	f := Filters{Bits: 512, Similarity: "sketch:4"}
	for _, values := range records {
		r := rand.NewChaCha8(sha256.Sum256(append(secret[:], fmt.Sprint(values)...)))
		for range f.Bits / 64 {
			f.Rows = append(f.Rows, r.Uint64())
		}
	}
	return f, nil
}

func testTarget(t *testing.T, fields []hashing.Field, records [][]string, encode Encode) *Target {
	t.Helper()
	key, err := hashing.NewKey("audit", bytes.NewReader(bytes.Repeat([]byte{7}, hashing.KeyBytes)))
	if err != nil {
		t.Fatal(err)
	}
	target, err := NewTarget(fields, make([]norm.Options, len(fields)), records, key, encode, 1)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func mustRun(t *testing.T, target *Target, a Attack) Outcome {
	t.Helper()
	o, err := Run(t.Context(), target, a, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s %d %g: %d of %d, %d of %d claims, AUC %.3f; %s; %s", a.Name, a.Anchors, a.Overlap, o.Right, o.Tried, o.RightClaims, o.Claimed, o.AUC, o.Variant, o.Detail)
	return o
}

// An audit whose attacks do not work would pass everything. On plain filters they must
// do what they are known to do.
func TestAttacksBreakPlainFilters(t *testing.T) {
	fields, records := crowd(600, 1)
	target := testTarget(t, fields, records, plain(fields, 1024, 24))
	for _, c := range []struct {
		attack Attack
		least  float64
	}{
		{Attack{Name: Anchor, Anchors: 10, Overlap: 1}, 0.95},
		{Attack{Name: Anchor, Anchors: 10, Overlap: 0.5}, 0.9},
		{Attack{Name: Anchor, Anchors: 50, Overlap: 0.2}, 0.9},
		{Attack{Name: Graph, Overlap: 1}, 0.9},
		{Attack{Name: Tokens, Anchors: 200, Overlap: 1}, 0.6},
		{Attack{Name: Dictionary, Overlap: 1, RightKey: true}, 1},
	} {
		o := mustRun(t, target, c.attack)
		if o.Share() < c.least {
			t.Errorf("%s with %d anchors at overlap %g: %d of %d, want a share of %g", c.attack.Name, c.attack.Anchors, c.attack.Overlap, o.Right, o.Tried, c.least)
		}
		if c.attack.Name == Tokens && o.AUC < 0.85 {
			t.Errorf("tokens are told with AUC %.3f, want 0.85", o.AUC)
		}
	}
	if o := mustRun(t, target, Attack{Name: Dictionary, Overlap: 1}); o.Share() > 0.02 {
		t.Errorf("under a wrong key %d of %d", o.Right, o.Tried)
	}
	risk, err := Suspicion(t.Context(), target, 50, 1, 1)
	if err != nil || risk.Max != 1 || risk.Marketer < 0.9 || risk.Mean < risk.Marketer || risk.Median != 1 {
		t.Errorf("risk %+v, %v", risk, err)
	}
}

// Filters of which nothing can be learned are not recovered: what is recovered from
// others is no accident of the grading.
func TestAttacksFailOnBlindFilters(t *testing.T) {
	fields, records := crowd(300, 2)
	target := testTarget(t, fields, records, blind)
	for _, a := range []Attack{
		{Name: Anchor, Anchors: 50, Overlap: 1}, {Name: Graph, Overlap: 1}, {Name: Graph, Overlap: 0.5},
		{Name: Tokens, Anchors: 100, Overlap: 1}, {Name: Frequency, Overlap: 1}, {Name: Pattern, Overlap: 1},
		{Name: Dictionary, Overlap: 1},
	} {
		o := mustRun(t, target, a)
		if o.Right > max(3, o.Tried/40) {
			t.Errorf("%s: %d of %d", a.Name, o.Right, o.Tried)
		}
		chosen := a.Name == Anchor || a.Name == Graph || a.Name == Tokens
		if chosen && (o.Chance <= 0 || math.Abs(float64(o.Right)-o.Chance) > 1+3*math.Sqrt(o.Chance)) {
			t.Errorf("%s: %d right, where chance is to find about %.1f", a.Name, o.Right, o.Chance)
		}
		if a.Name == Tokens && math.Abs(o.AUC-0.5) > 0.05 {
			t.Errorf("tokens: AUC %.3f, want about 0.5", o.AUC)
		}
	}
	risk, err := Suspicion(t.Context(), target, 50, 1, 1)
	if err != nil || risk.Median > 0.05 {
		t.Errorf("risk %+v, %v", risk, err)
	}
}

// Filters of one field repeat, and their bits show their tokens.
func TestAttacksOnOneField(t *testing.T) {
	fields, all := crowd(2000, 3)
	records := make([][]string, len(all))
	for i, r := range all {
		records[i] = r[1:2]
	}
	target := testTarget(t, fields[1:2], records, plain(fields[1:2], 1024, 20))
	if o := mustRun(t, target, Attack{Name: Frequency, Overlap: 1}); o.Share() < 0.02 || o.RightClaims*10 < o.Claimed*9 {
		t.Errorf("frequency: %d of %d, %d of %d claims", o.Right, o.Tried, o.RightClaims, o.Claimed)
	}
	if o := mustRun(t, target, Attack{Name: Pattern, Overlap: 1}); o.Share() < 0.02 || o.RightClaims*10 < o.Claimed*7 {
		t.Errorf("pattern: %d of %d, %d of %d claims", o.Right, o.Tried, o.RightClaims, o.Claimed)
	}
}

func TestUnique(t *testing.T) {
	target := &Target{
		Fields: []hashing.Field{{Name: "forename", Kind: norm.Name}, {Name: "surname", Kind: norm.Name}},
		Values: [][]string{{"A", "X"}, {"A", "Y"}, {"A", ""}, {"B", ""}, {"A", "X"}},
	}
	want := []Uniqueness{
		{Alone: 0.6, Few: 1},
		{Field: "forename", Alone: 0.2, Few: 1, Without: 0.2},
		{Field: "surname", Alone: 0.2, Few: 0.6, Without: 0.2},
	}
	got := Unique(target)
	for i := range want {
		g, w := got[i], want[i]
		if i == 0 {
			g.Without, w.Without = 0, 0
		}
		if g.Field != w.Field || math.Abs(g.Alone-w.Alone)+math.Abs(g.Few-w.Few)+math.Abs(g.Without-w.Without) > 1e-9 {
			t.Errorf("%+v, want %+v", g, w)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	fields, records := crowd(120, 4)
	target := testTarget(t, fields, records, plain(fields, 512, 10))
	few := testTarget(t, fields, records[:10], plain(fields, 512, 10))
	if _, err := Run(t.Context(), few, Attack{Name: Anchor, Anchors: 3, Overlap: 1}, 1); !errors.Is(err, ErrTooFew) {
		t.Errorf("ten records: %v", err)
	}
	if _, err := Suspicion(t.Context(), few, 3, 1, 1); !errors.Is(err, ErrTooFew) {
		t.Errorf("ten records: %v", err)
	}
	for _, a := range []Attack{{Name: "none", Overlap: 1}, {Name: Anchor}, {Name: Anchor, Overlap: 1.5}, {Name: Anchor, Overlap: math.NaN()}, {Name: Anchor, Anchors: -1, Overlap: 1}, {Name: Anchor, Overlap: 1}} {
		if _, err := Run(t.Context(), target, a, 1); err == nil {
			t.Errorf("%+v was run", a)
		}
	}
	short := *target
	short.Filters.Rows = short.Filters.Rows[8:]
	if _, err := Run(t.Context(), &short, Attack{Name: Anchor, Anchors: 3, Overlap: 1}, 1); err == nil {
		t.Error("a filter too few was attacked")
	}
}

// A file of one record over and over: nobody can be told from anybody, which is no pass.
func TestIdenticalRecords(t *testing.T) {
	fields, records := crowd(1, 5)
	target := testTarget(t, fields, slices.Repeat(records, 150), plain(fields, 512, 10))
	for _, a := range Attacks() {
		o := mustRun(t, target, a)
		if o.Tried > 0 && a.Name == Dictionary && a.RightKey && o.Right != o.Tried {
			t.Errorf("%+v: %d of %d", a, o.Right, o.Tried)
		}
	}
}

// The same seed gives the same outcome, however work is shared out.
func TestOutcomeIsRepeatable(t *testing.T) {
	fields, records := crowd(200, 6)
	target := testTarget(t, fields, records, plain(fields, 512, 10))
	for _, a := range []Attack{{Name: Anchor, Anchors: 10, Overlap: 0.5}, {Name: Graph, Overlap: 0.5}, {Name: Frequency, Overlap: 1}, {Name: Pattern, Overlap: 1}, {Name: Tokens, Anchors: 60, Overlap: 1}} {
		if first, again := mustRun(t, target, a), mustRun(t, target, a); !reflect.DeepEqual(first, again) {
			t.Errorf("%s: %+v, then %+v", a.Name, first, again)
		}
	}
}

// Columns are what the definitions of the views say, averaged over keys.
func TestColumnsMatchDefinition(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n, words := rapid.IntRange(1, 70).Draw(r, "n"), rapid.IntRange(1, 3).Draw(r, "words")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 1))
		var sets []Filters
		for range rapid.IntRange(1, 3).Draw(r, "keys") {
			f := Filters{Bits: words * 64}
			for range n * words {
				f.Rows = append(f.Rows, random.Uint64()&random.Uint64())
			}
			sets = append(sets, f)
		}
		records := random.Perm(n)
		s, err := newSide(records, sets...)
		if err != nil {
			r.Fatal(err)
		}
		of := random.Perm(n)[:1+random.IntN(n)]
		for _, v := range append(views("xor:4:0.5"), views("dice")...) {
			got, err := s.columns(t.Context(), of, v)
			if err != nil {
				r.Fatal(err)
			}
			for i := range n {
				for a, j := range of {
					sum := 0.0
					for k := range sets {
						x, y := sets[k].row(records[i]), sets[k].row(records[j])
						sum += v.one(overlap.CommonBits(x, y), ones(x), ones(y), sets[k].Bits)
					}
					if want := v.after(sum / float64(len(sets))); math.Abs(float64(got[i*len(of)+a])-want) > 1e-5 {
						r.Fatalf("%s of %d and %d: %g, want %g", v.name, i, j, got[i*len(of)+a], want)
					}
				}
			}
		}
	})
}

// The nearest are those that a plain loop finds.
func TestNearestMatchesLoop(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		nx, ny, m := rapid.IntRange(1, 70).Draw(r, "nx"), rapid.IntRange(1, 70).Draw(r, "ny"), rapid.IntRange(1, 9).Draw(r, "m")
		draw := func(n int) []float32 {
			out := make([]float32, n*m)
			for i := range out {
				out[i] = float32(rapid.IntRange(-3, 3).Draw(r, "x")) // small whole numbers: sums are exact, and ties occur
			}
			return out
		}
		x, y := draw(nx), draw(ny)
		ofX, ofY, err := nearestOf(t.Context(), x, y, nx, ny, m)
		if err != nil {
			r.Fatal(err)
		}
		check := func(got []nearest, a, b []float32, na, nb int) {
			for i := range na {
				want := unseen
				for j := range nb {
					var d float32
					for k := range m {
						v := a[i*m+k] - b[j*m+k]
						d += v * v
					}
					want.see(int32(j), -d/2)
				}
				if got[i] != want {
					r.Fatalf("nearest of %d: %+v, want %+v", i, got[i], want)
				}
			}
		}
		check(ofX, x, y, nx, ny)
		check(ofY, y, x, ny, nx)
	})
}

// A cloud turned and seen through other people is found again.
func TestFitFindsTurn(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		const k, n = 5, 200
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 2))
		turn := make([][]float32, k)
		for c := range turn {
			turn[c] = make([]float32, k)
			for d := range turn[c] {
				turn[c][d] = float32(random.NormFloat64())
			}
		}
		orthonormal(turn)
		x, y := &cloud{n: n, k: k, points: make([]float32, n*k)}, &cloud{n: n, k: k, points: make([]float32, n*k)}
		var claims []claim
		for i := range n {
			for c := range k {
				v := float32(random.NormFloat64())
				x.points[i*k+c] = v
				for d := range k {
					y.points[i*k+d] += v * turn[c][d]
				}
			}
			claims = append(claims, claim{pair: pair{int32(i), int32(i)}})
		}
		got := fit(x, y, claims, k)
		for c := range k {
			for d := range k {
				if math.Abs(got[c][d]-float64(turn[c][d])) > 1e-3 {
					r.Fatalf("turn %v, want %v", got, turn)
				}
			}
		}
	})
}
