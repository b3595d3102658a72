package hashing

import (
	"math"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func bitOf(words []uint64, i int) uint64 { return words[i>>6] >> (i & 63) & 1 }

// TestHardeningByDefinition: each step, and all of them together, bit by bit as it is defined.
func TestHardeningByDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Filter{Name: "f", Length: 64 << rapid.IntRange(0, 6).Draw(t, "log length")}
		f.Fold = rapid.IntRange(0, min(3, bits.Len(uint(f.Length))-7)).Draw(t, "fold")
		f.Rule90, f.Balance = rapid.Bool().Draw(t, "rule 90"), rapid.Bool().Draw(t, "balance")
		words := rapid.SliceOfN(rapid.Uint64(), f.Length/64, f.Length/64).Draw(t, "bits")
		h := newHardening(&f, newKey("p", make([]byte, 32)))
		if h == nil {
			if f.Encoding() != "bloom/1" {
				t.Fatalf("%s hardens nothing", f.Encoding())
			}
			return
		}
		dst := make([]uint64, f.Bits()/64)
		want := make([]uint64, 0, f.Length)
		for i := range f.Length {
			want = append(want, bitOf(words, i))
		}
		for range f.Fold {
			half := len(want) / 2
			for i := range half {
				want[i] ^= want[i+half]
			}
			want = want[:half]
		}
		if n := len(want); f.Rule90 {
			turned := make([]uint64, n)
			for i := range turned {
				turned[i] = want[(i+n-1)%n] ^ want[(i+1)%n]
			}
			want = turned
		}
		w := h.worker(nil)
		w.apply(words, dst)
		if !f.Balance {
			for i, bit := range want {
				if bitOf(dst, i) != bit {
					t.Fatalf("%s of %d bits: bit %d differs", f.Encoding(), f.Length, i)
				}
			}
			return
		}
		seen := make([]bool, 2*len(want))
		for i, p := range h.place {
			bit := want[i%len(want)]
			if i >= len(want) {
				bit = 1 - bit
			}
			if seen[p] || bitOf(dst, int(p)) != bit {
				t.Fatalf("%s: bit %d, at place %d, differs or has no place of its own", f.Encoding(), i, p)
			}
			seen[p] = true
		}
		if weightOf(dst) != len(want) {
			t.Errorf("%d of %d bits set, want one half", weightOf(dst), 2*len(want))
		}
	})
}

// TestPermutationIsFair: of three things, each of the six orders comes as often as any
// other. A shuffle that never leaves a thing in its place (Sattolo's, which one library has)
// makes two of them.
func TestPermutationIsFair(t *testing.T) {
	count := map[[3]uint32]float64{}
	const keys = 6000
	for i := range keys {
		key := testKey(t, "p").derive("field/f"+string(rune('a'+i%26))+decimal(float64(i)), 32)
		count[[3]uint32(permutation(key, 3))]++
	}
	chi2 := 0.0
	for _, n := range count {
		chi2 += (n - keys/6) * (n - keys/6) / (keys / 6)
	}
	if len(count) != 6 || chi2 > 5+4*math.Sqrt(10) {
		t.Errorf("%d orders, chi-squared %.1f with 5 degrees of freedom", len(count), chi2)
	}
}

// noisy hashes the same values again and again under a filter with noise, and returns where
// each result differs from the filter without.
func noisy(t *testing.T, f Filter, times int, hashers int) [][]uint64 {
	t.Helper()
	person := []string{"ANNE", "SMITH", "19870314", "F", "RG401XS"}
	clean := f
	clean.Noise = 0
	want := hashOne(t, mustHasher(t, Schema{Project: "p", Fields: fiveFields(), Filters: []Filter{clean}}, testKey(t, "p")), person...)
	var out [][]uint64
	for range hashers {
		h := mustHasher(t, Schema{Project: "p", Fields: fiveFields(), Filters: []Filter{f}}, testKey(t, "p"))
		w := h.Worker()
		for range times {
			dst := make([]uint64, h.Words())
			w.Hash(person, dst)
			for i := range dst {
				dst[i] ^= want[i]
			}
			out = append(out, dst)
		}
	}
	return out
}

// TestNoiseIsFresh: noise falls on F/2 of the bits, everywhere alike, and elsewhere in each
// record, each worker and each run, though key and values are the same. Two published
// libraries seed their generator anew for each record, so that the same bits are replaced in
// all: here that would be an overlap of 1 and not of F/2.
func TestNoiseIsFresh(t *testing.T) {
	for _, f := range []Filter{
		{Name: "a", Length: 2048, Noise: 0.05},
		{Name: "a", Length: 2048, Noise: 0.5},
		{Name: "a", Length: 4096, Fold: 2, Rule90: true, Noise: 0.9},
		{Name: "a", Length: 2048, Balance: true, Noise: 0.001},
	} {
		const times, hashers = 200, 3
		flips := noisy(t, f, times, hashers)
		length, rate := float64(f.Bits()), f.Noise/2
		all, common, at := 0.0, 0.0, make([]float64, f.Bits())
		pairs := 0.0
		for i, x := range flips {
			all += float64(weightOf(x))
			for j := range at {
				at[j] += float64(bitOf(x, j))
			}
			for _, y := range flips[max(0, i-times-1):i] { // neighbours, and across two hashers
				pairs++
				for k := range x {
					common += float64(bits.OnesCount64(x[k] & y[k]))
				}
			}
		}
		n := float64(len(flips))
		// Five standard deviations of a binomial of as many bits.
		if got, sd := all/n/length, math.Sqrt(rate*(1-rate)/n/length); math.Abs(got-rate) > 5*sd {
			t.Errorf("%s: %.4f of bits flipped, want %.4f (standard deviation %.5f)", f.Encoding(), got, rate, sd)
		}
		// Pairs share records, so that their overlaps are not independent; 5 % is wide for
		// that, and far below F/2 to 1.
		if got := common / pairs / length; math.Abs(got-rate*rate) > 0.05*rate+5*math.Sqrt(rate*rate/n/length) {
			t.Errorf("%s: two records have the same noise in %.5f of bits, want %.5f", f.Encoding(), got, rate*rate)
		}
		sd := math.Sqrt(n * rate * (1 - rate))
		if most := slices.Max(at); most > n*rate+6*sd+3 {
			t.Errorf("%s: a bit is flipped in %.0f of %.0f records, want about %.0f", f.Encoding(), most, n, n*rate)
		}
	}
}

// TestNoNoiseOnNothing: a filter that a record lacks evidence for stays all zeros.
func TestNoNoiseOnNothing(t *testing.T) {
	s := Schema{Project: "p", Fields: fiveFields(), Filters: []Filter{
		{Name: "person", Length: 512, Fields: []string{"forename", "surname", "birth_date", "sex"}, Fold: 1},
		{Name: "place", Length: 512, Fields: []string{"postcode", "sex"}, Fold: 1, Balance: true, Noise: 0.5},
		{Name: "both", Length: 512, Hashes: 2, Fields: []string{"postcode", "sex"}},
	}}
	h := mustHasher(t, s, testKey(t, "p"))
	dst := hashOne(t, h, "ANNE", "SMITH", "19870314", "F", "")
	person, place, both := dst[:4], dst[4:12], dst[12:]
	if weightOf(person) == 0 || weightOf(place) != 0 || weightOf(both) != 0 || len(both) != 8 {
		t.Errorf("bits set: %d, %d and %d of %d words; want none in the filters without a postcode", weightOf(person), weightOf(place), weightOf(both), len(dst))
	}
	if w, bits := h.Worker(), make([]uint64, h.Words()); !w.Hash([]string{"", "", "", "F", ""}, bits).Unusable || weightOf(bits) != 0 {
		t.Error("a record with too little for any filter is not set aside, or has bits")
	}
}

// estimate is the similarity that a filter's name for it stands for, by SPEC.md,
// "Similarities".
func estimate(f *Filter, a, b []uint64) float64 {
	p, q, c, length := float64(weightOf(a)), float64(weightOf(b)), 0.0, float64(64*len(a))
	for i := range a {
		c += float64(bits.OnesCount64(a[i] & b[i]))
	}
	distance := (p + q - 2*c) / length
	switch {
	case f.Hashes > 0:
		r := max(0, 1-2*distance)
		return math.Cos(math.Pi / 2 * (1 - math.Pow(r, 1/float64(f.Hashes))))
	case f.xored() > 1 || f.Balance:
		r := max(0, 1-2*distance) / (1 - f.Noise) / (1 - f.Noise)
		d := (1 - math.Pow(r, 1/float64(f.xored()))) / 2
		return min(1, max(0, 1-d/2/(float64(f.fill())/1000)))
	case f.Noise > 0:
		return 2 * (c - f.Noise/2*(p+q) + length*f.Noise*f.Noise/4) / ((1 - f.Noise) * (p + q - length*f.Noise))
	}
	return 2 * c / (p + q)
}

// TestSimilaritiesSayWhatTheyEstimate: each encoding, compared as its similarity says, gives
// back the Dice coefficient of the plain filters of two records of one person, give or take
// the noise of its length.
func TestSimilaritiesSayWhatTheyEstimate(t *testing.T) {
	people := invent(8)
	type pair struct{ a, b []string }
	var pairs []pair
	for range 300 {
		a := people.person(sixFields())
		b := slices.Clone(a)
		other := people.person(sixFields())
		for i := range b { // now and then another value, as people move and marry
			if people.IntN(6) == 0 {
				b[i] = other[i]
			}
		}
		pairs = append(pairs, pair{a, b})
	}
	hash := func(f Filter) func(values []string) []uint64 {
		h := mustHasher(t, Schema{Project: "p", Fields: sixFields(), Filters: []Filter{f}}, testKey(t, "p"))
		return func(values []string) []uint64 { return hashOne(t, h, values...) }
	}
	const bound, scatter = 0.005, 0.02 // of the mean difference, and of the root mean square
	for _, f := range []Filter{
		{Name: "record", Length: 8192, Noise: 0.2},
		{Name: "record", Length: 8192, Balance: true},
		{Name: "record", Length: 16384, Fold: 1},
		{Name: "record", Length: 32768, Fold: 2},
		{Name: "record", Length: 32768, Fold: 2, Fill: 0.25},
		{Name: "record", Length: 32768, Fold: 1, Rule90: true, Balance: true, Noise: 0.05},
	} {
		plain := f
		plain.Fold, plain.Rule90, plain.Balance, plain.Noise = 0, false, false, 0
		bare, hard := hash(plain), hash(f)
		var bias, square, n float64
		for _, p := range pairs {
			want := estimate(&plain, bare(p.a), bare(p.b))
			if want < 0.6 { // far below what links; folded bits say nothing there
				continue
			}
			d := estimate(&f, hard(p.a), hard(p.b)) - want
			bias, square, n = bias+d, square+d*d, n+1
		}
		if n < 100 {
			t.Fatalf("only %.0f pairs alike", n)
		}
		bias, square = bias/n, math.Sqrt(square/n)
		t.Logf("%-45s %s: mean difference %+.3f, root mean square %.3f", f.Encoding(), f.Similarity(), bias, square)
		if math.Abs(bias) > bound || square > scatter {
			t.Errorf("%s: mean difference %.3f and root mean square %.3f, want at most %.3f and %.2f", f.Encoding(), bias, square, bound, scatter)
		}
	}
}
