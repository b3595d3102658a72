package audit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cohortlink/hashing"
	"cohortlink/hashing/norm"
)

// aloneHouseholds invents records in families: surnames and forenames as skewed as real ones
// (frequency falling as one over the rank), a surname and a postcode for each household.
func aloneHouseholds(n int, seed uint64) [][]string {
	r := rand.New(rand.NewPCG(seed, 1))
	forenames, surnames := rand.NewZipf(r, 1.1, 4, 800), rand.NewZipf(r, 1.1, 8, 5000)
	word := func(stem string, k uint64) string {
		const letters = "bcdfghklmnprstvw"
		const vowels = "aeiou"
		out := stem
		for k++; k > 0; k /= 80 {
			out += string(letters[k%16]) + string(vowels[k/16%5])
		}
		return out
	}
	var out [][]string
	for len(out) < n {
		surname := word("q", surnames.Uint64())
		postcode := fmt.Sprintf("RG%d %d%c%c", 1+r.IntN(9), 1+r.IntN(9), 'A'+r.IntN(8), 'A'+r.IntN(8))
		for range 1 + r.IntN(4) {
			out = append(out, []string{word("j", forenames.Uint64()), surname, fmt.Sprintf("%d-%02d-%02d", 1930+r.IntN(90), 1+r.IntN(12), 1+r.IntN(28)), postcode})
		}
	}
	return out[:n]
}

var aloneFields = []hashing.Field{{Name: "forename", Kind: norm.Name}, {Name: "surname", Kind: norm.Name}, {Name: "birth_date", Kind: norm.Date}, {Name: "postcode", Kind: norm.Postcode}}

// alonePlain encodes records as Bloom filters of a length.
func alonePlain(t *testing.T, fields []hashing.Field, records [][]string, length int) []uint64 {
	t.Helper()
	key, err := hashing.NewKey("audit-test", rand.NewChaCha8([32]byte{7}))
	if err != nil {
		t.Fatal(err)
	}
	h, err := hashing.NewHasher(hashing.Schema{Project: "audit-test", Fields: fields, Filters: hashing.Plain(length)}, key, make([]norm.Options, len(fields)))
	if err != nil {
		t.Fatal(err)
	}
	w := h.Worker()
	rows := make([]uint64, len(records)*h.Words())
	for i, r := range records {
		w.Hash(r, rows[i*h.Words():][:h.Words()])
	}
	return rows
}

// aloneFolded folds each filter once: bit i is the sum of bits i and i+L/2.
func aloneFolded(rows []uint64, words int) []uint64 {
	var out []uint64
	for from := 0; from < len(rows); from += words {
		row := rows[from:][:words]
		for i, w := range row[:words/2] {
			out = append(out, w^row[i+words/2])
		}
	}
	return out
}

func aloneRandomRows(n, words int, r *rand.Rand) []uint64 {
	rows := make([]uint64, n*words)
	for i := range rows {
		rows[i] = r.Uint64()
	}
	return rows
}

func sentOf(nbits int, rows []uint64, encoding, similarity string) []Sent {
	return []Sent{{Name: "record", Encoding: encoding, Filters: Filters{Bits: nbits, Rows: rows, Similarity: similarity}}}
}

func aloneGrade(a *Alone, check string) Grade {
	for _, f := range a.Findings {
		if f.Check == check {
			return f.Grade
		}
	}
	return "none"
}

// TestAloneTranspose: on its side and back, and each bit where it belongs.
func TestAloneTranspose(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a, b [64]uint64
		for i := range a {
			a[i] = rapid.Uint64().Draw(t, "row")
		}
		b = a
		transpose(&b)
		for i := range 64 {
			for j := range 64 {
				if a[i]>>j&1 != b[j]>>i&1 {
					t.Fatalf("bit %d of row %d is not bit %d of row %d", j, i, i, j)
				}
			}
		}
	})
}

// TestStatsAgainstDefinition: what the columns give is what loops over bits give.
func TestStatsAgainstDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, nbits := rapid.IntRange(2, 130).Draw(t, "records"), rapid.SampledFrom([]int{64, 100, 192}).Draw(t, "bits")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		words := (nbits + 63) / 64
		rows := make([]uint64, n*words)
		for i := range n {
			for p := range nbits {
				if r.IntN(100) < 30+p%50 {
					rows[i*words+p/64] |= 1 << (p % 64)
				}
			}
		}
		copy(rows[words:2*words], rows[:words]) // one repeat at least
		s := measureBits(nbits, rows, aloneRandom(1))

		seen := map[string]int{}
		var distinct []int
		for i := range n {
			k := fmt.Sprint(rows[i*words:][:words])
			if seen[k]++; seen[k] == 1 {
				distinct = append(distinct, i)
			}
		}
		repeated, largest := 0, 0
		for _, c := range seen {
			if c > 1 {
				repeated += c
			}
			largest = max(largest, c)
		}
		if s.Distinct != len(seen) || s.LargestRepeat != largest || math.Abs(s.Repeated-float64(repeated)/float64(n)) > 1e-12 {
			t.Fatalf("repeats: %d distinct, largest %d, share %g; want %d, %d, %d of %d", s.Distinct, s.LargestRepeat, s.Repeated, len(seen), largest, repeated, n)
		}
		bit := func(i, p int) float64 { return float64(rows[i*words+p/64] >> (p % 64) & 1) }
		ones := make([]float64, nbits)
		total := 0.0
		for p := range nbits {
			for _, i := range distinct {
				ones[p] += bit(i, p)
			}
			total += ones[p]
		}
		// The Gini coefficient as the mean difference of all pairs (Gini 1912).
		var differences float64
		for _, x := range ones {
			for _, y := range ones {
				differences += math.Abs(x - y)
			}
		}
		if want := differences / (2 * float64(nbits) * total); math.Abs(s.Gini-want) > 1e-9 {
			t.Fatalf("gini %g, want %g", s.Gini, want)
		}
		if want := total / float64(nbits*len(distinct)); math.Abs(s.Fill-want) > 1e-12 {
			t.Fatalf("fill %g, want %g", s.Fill, want)
		}
		m := float64(len(distinct))
		var sum float64
		looked := 0
		for p := range nbits {
			for q := range p {
				if ones[p] == 0 || ones[p] == m || ones[q] == 0 || ones[q] == m {
					continue
				}
				var both float64
				for _, i := range distinct {
					both += bit(i, p) * bit(i, q)
				}
				phi := (both/m - ones[p]*ones[q]/m/m) / math.Sqrt(ones[p]/m*(1-ones[p]/m)*ones[q]/m*(1-ones[q]/m))
				sum += phi * phi
				looked++
			}
		}
		if s.Equal+s.Complement == 0 && looked > 0 {
			want := math.Sqrt(max(0, 1+DependenceRecords*(sum/float64(looked)-1/(m-1))))
			if math.Abs(s.Dependence-want) > 1e-6 || s.PairsLooked != looked {
				t.Fatalf("dependence %g of %d pairs, want %g of %d", s.Dependence, s.PairsLooked, want, looked)
			}
		}
	})
}

// TestRandomBitsPass: bits that tell nothing pass every check on bits, and are never said
// to pass where there are few.
func TestRandomBitsPass(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, n := range []int{1, 10, 99, 120, 1000, 5000} {
		a, err := LookAlone(sentOf(1024, aloneRandomRows(n, 16, r), "sketch/1 hashes:3", "sketch:3"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range a.Findings {
			if f.Check == CheckEncoding {
				continue
			}
			switch {
			case f.Grade == Fail || f.Grade == Warn:
				t.Errorf("%d random filters: %s is %s: %s", n, f.Check, f.Grade, f.Text)
			case n < FewestRecords && f.Grade == Pass:
				t.Errorf("%d random filters are too few, and %s passes", n, f.Check)
			case n >= 1000 && f.Grade == Unknown:
				t.Errorf("%d random filters: %s is unknown: %.3f with noise %.3f", n, f.Check, f.Value, f.Noise)
			}
		}
		if n < FewestRecords && aloneGrade(a, CheckRecords) != Unknown {
			t.Errorf("%d records are not said to be too few", n)
		}
	}
}

// TestPlantedFaults: each fault is found by the check that is there for it.
func TestPlantedFaults(t *testing.T) {
	const n, words = 2000, 16
	plant := func(change func(row []uint64, r *rand.Rand)) *Alone {
		r := rand.New(rand.NewPCG(9, 9))
		rows := aloneRandomRows(n, words, r)
		for i := range n {
			change(rows[i*words:][:words], r)
		}
		a, err := LookAlone(sentOf(64*words, rows, "sketch/1 hashes:3", "sketch:3"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	for _, c := range []struct {
		name, check string
		want        []Grade
		change      func(row []uint64, r *rand.Rand)
	}{
		{"a place that is always set", CheckPlaces, []Grade{Warn}, func(row []uint64, _ *rand.Rand) { row[3] |= 4 }},
		{"many places that are always set", CheckPlaces, []Grade{Fail}, func(row []uint64, _ *rand.Rand) { row[3] |= 0xfff }},
		{"places that are set often", CheckSkew, []Grade{Warn, Fail}, func(row []uint64, r *rand.Rand) { row[0] |= r.Uint64() | r.Uint64() }},
		{"places set together", CheckDependence, []Grade{Fail}, func(row []uint64, r *rand.Rand) {
			for w := range words {
				row[w] = row[w]&^0xff | 0xff*(row[w]>>8&1)
				if r.IntN(8) == 0 {
					row[w] ^= 1 << r.IntN(8) // so that they are no twins
				}
			}
		}},
		{"balanced", CheckTwins, []Grade{Info}, func(row []uint64, _ *rand.Rand) {
			for w := range words / 2 {
				row[w+words/2] = ^row[w]
			}
		}},
		{"one filter for all", CheckRepeats, []Grade{Fail}, func(row []uint64, _ *rand.Rand) {
			for w := range row {
				row[w] = uint64(w) * 0x9e3779b97f4a7c15
			}
		}},
	} {
		a := plant(c.change)
		if g := aloneGrade(a, c.check); !slices.Contains(c.want, g) {
			t.Errorf("%s: %s is %q, want one of %q", c.name, c.check, g, c.want)
		}
	}
	// Balancing is no dependence: what is opposite by design is looked at once.
	a := plant(func(row []uint64, _ *rand.Rand) {
		for w := range words / 2 {
			row[w+words/2] = ^row[w]
		}
	})
	if g := aloneGrade(a, CheckDependence); g != Pass {
		t.Errorf("balanced random bits: dependence is %q", g)
	}
	if got := a.Filters[0].Stats.Complement; got != 64*words/2 {
		t.Errorf("%d complement places, want %d", got, 64*words/2)
	}
}

// TestTuples: four records made of two times two pieces are found in an encoding that is
// linear over XOR, and two pairs of near-copies, which prove nothing, are not.
func TestTuples(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	const words = 32
	rows := aloneRandomRows(300, words, r)
	a, b, c, d := aloneRandomRows(1, words, r), aloneRandomRows(1, words, r), aloneRandomRows(1, words, r), aloneRandomRows(1, words, r)
	near := func(x []uint64) []uint64 {
		y := slices.Clone(x)
		for range 100 {
			y[r.IntN(words)] ^= 1 << r.IntN(64)
		}
		return y
	}
	copies := slices.Concat(rows, a, near(a), b, near(b))
	l, err := measureTuples(64*words, copies, aloneRandom(2))
	if err != nil {
		t.Fatal(err)
	}
	if l.Triples+l.Quads != 0 || l.TriplesLooked == 0 || l.QuadsLooked == 0 {
		t.Errorf("near-copies: %+v", l)
	}
	sum := func(x, y []uint64) []uint64 {
		z := slices.Clone(x)
		for i := range z {
			z[i] ^= y[i]
		}
		return z
	}
	set := [][]uint64{}
	for i := range 60 {
		set = append(set, rows[i*words:][:words])
	}
	set = append(set, sum(a, c), sum(a, d), sum(b, c), sum(b, d))
	l = &TupleLeak{Records: len(set), Fours: len(set)}
	l.count(set, 64*words)
	if l.Quads != 1 || l.Triples != 0 {
		t.Errorf("crossed pieces: %+v, want one quad", l)
	}
}

// TestEncodingsApart: on people, a plain filter fails, one that is folded twice passes on
// its bits, and a filter over one field fails by its repeats.
func TestEncodingsApart(t *testing.T) {
	people := aloneHouseholds(3000, 1)
	plain, err := LookAlone(sentOf(1024, alonePlain(t, aloneFields, people, 1024), "bloom/1", "dice"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range []string{CheckEncoding, CheckSkew, CheckDependence} {
		if g := aloneGrade(plain, check); g != Fail {
			t.Errorf("plain filters: %s is %q", check, g)
		}
	}
	twice := aloneFolded(aloneFolded(alonePlain(t, aloneFields, people, 8192), 128), 64)
	hard, err := LookAlone(sentOf(2048, twice, "bloom/1 fold:2", "xor:4:0.5"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(slices.Clone(plain.Findings), hard.Findings...) {
		t.Logf("%-12s %-8s %.4f ± %.4f  %s", f.Check, f.Grade, f.Value, f.Noise, f.Text)
	}
	for _, check := range []string{CheckEncoding, CheckSkew} {
		if g := aloneGrade(hard, check); g != Pass {
			t.Errorf("filters folded twice: %s is %q", check, g)
		}
	}
	if g := aloneGrade(hard, CheckDependence); g == Fail {
		t.Errorf("filters folded twice: dependence is %q", g)
	}
	var surnames [][]string
	for _, p := range people {
		surnames = append(surnames, p[1:2])
	}
	s := sentOf(1024, alonePlain(t, aloneFields[1:2], surnames, 1024), "bloom/1", "dice")
	s[0].Fields = []string{"surname"}
	one := Quick(s, []string{"nhs_number"})
	if aloneGrade(one, CheckFields) != Fail || aloneGrade(one, CheckRepeats) != Fail || aloneGrade(one, CheckExact) != Warn {
		t.Errorf("a filter of one field: %v", one.Findings)
	}
}

// TestEncodingFinding: what is not known is never passed.
func TestEncodingFinding(t *testing.T) {
	for _, c := range []struct {
		encoding, similarity string
		want                 Grade
	}{
		{"bloom/1", "dice", Fail}, {"clkhash/3", "dice", Fail}, {"bloom/1 noise:0.05", "noise:0.05", Fail},
		{"bloom/1 balance", "xor:1:0.5", Fail}, {"bloom/1 fold:1", "xor:2:0.5", Warn}, {"bloom/1 fold:2", "xor:4:0.5", Pass}, {"bloom/1 fold:2 rule90 noise:0.02", "xor:8:0.35:0.02", Pass},
		{"sketch/1 hashes:1", "sketch:1", Warn}, {"sketch/1 hashes:3", "sketch:3", Pass},
		{"sketch/1", "sketch:", Unknown}, {"bloom/1", "xor:x:0.5", Unknown}, {"bloom/1", "cosine", Unknown}, {"quantum/9", "dice", Unknown}, {"", "", Unknown},
	} {
		if f := encodingFinding(Sent{Encoding: c.encoding, Filters: Filters{Similarity: c.similarity}}); f.Grade != c.want || f.Text == "" {
			t.Errorf("%q, %q: %q, want %q", c.encoding, c.similarity, f.Grade, c.want)
		}
		if f := encodingFinding(Sent{Encoding: c.encoding, Filters: Filters{Similarity: c.similarity}}); strings.HasSuffix(f.Text, ".") {
			t.Errorf("%q ends in a full stop", f.Text)
		}
	}
}

// Families have the filter of their home in common: that is told, and not held against it. Anything else is judged as ever.
func TestHouseholdsAreNotRepeats(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	var rows []uint64
	for range 400 {
		a, b := rng.Uint64(), rng.Uint64()
		rows = append(rows, a, b, a, b, a, b)
	}
	sent := []Sent{{Name: "home", Encoding: "bloom/1 fold:2", Filters: Filters{Bits: 128, Rows: rows, Similarity: "xor:4:0.5"}}}
	grades := func() map[string]Grade {
		out := map[string]Grade{}
		for _, f := range Quick(sent, nil).Findings {
			out[f.Check] = f.Grade
		}
		return out
	}
	was := grades()
	sent[0].Household = true
	is := grades()
	if was[CheckRepeats] != Fail || is[CheckRepeats] != Info || is[CheckDependence] != Info {
		t.Errorf("filters that are all there three times are graded %v, and %v for a household", was, is)
	}
	for check, grade := range was {
		if check != CheckRepeats && check != CheckDependence && is[check] != grade {
			t.Errorf("%s is graded %s, and %s for a household", check, grade, is[check])
		}
	}
}
