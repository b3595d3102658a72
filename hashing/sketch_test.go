package hashing

import (
	"math"
	"slices"
	"testing"

	"cohortlink/hashing/norm"

	"pgregory.net/rapid"
)

// TestCounterCounts: a counter's digits are the number of slices with each bit set, each as
// often as it is given, whatever their number.
func TestCounterCounts(t *testing.T) {
	var c counter
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.IntRange(1, 3).Draw(t, "words")
		c.begin(length)
		want := make([]int, 64*length)
		for level := range 4 {
			for range rapid.IntRange(0, 40).Draw(t, "slices") {
				words := rapid.SliceOfN(rapid.Uint64(), length, length).Draw(t, "words")
				c.total[level] = append(c.total[level], words)
				for i := range want {
					want[i] += int(bitOf(words, i)) << level
				}
			}
		}
		given := slices.Clone(slices.Concat(c.total[:4]...))
		var copies [][]uint64
		for _, g := range given {
			copies = append(copies, slices.Clone(g))
		}
		c.reduce(&c.total)
		got := make([]int, len(want))
		for level, digits := range c.total {
			if len(digits) > 1 {
				t.Fatalf("%d slices at level %d", len(digits), level)
			}
			for i := range got {
				if len(digits) == 1 {
					got[i] += int(bitOf(digits[0], i)) << level
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
		for i := range given {
			if !slices.Equal(given[i], copies[i]) {
				t.Error("counting changed what was counted")
			}
		}
	})
}

// cosine is that of two records' vectors, with a place for each token that holds its votes:
// what a sketch estimates.
func cosine(s *Schema, a, b []string) float64 {
	votes := s.votes(&s.Filters[0])
	var both, one, other float64
	for i, f := range s.Fields {
		v := float64(votes[i] * votes[i])
		x, y := cutSet(f.Kind, a[i]), cutSet(f.Kind, b[i])
		one, other = one+v*float64(len(x)), other+v*float64(len(y))
		for _, token := range x {
			if slices.Contains(y, token) {
				both += v
			}
		}
	}
	return both / math.Sqrt(one*other)
}

// TestSketchAgreesAsItShould: bits of two sketches agree with probability (1 +
// (1-2θ/π)^H)/2, the law that `link` inverts (Charikar 2002 for one hash): what it gets back
// is the cosine of the records' votes. The law is that of votes drawn from a normal
// distribution; those of forty tokens come near it.
func TestSketchAgreesAsItShould(t *testing.T) {
	people := invent(9)
	for _, hashes := range []int{1, 2, 3, 4} {
		s := Schema{Project: "p", Fields: sixFields(), Filters: []Filter{{Name: "a", Length: 1 << 14, Hashes: hashes}}}
		h := mustHasher(t, s, testKey(t, "p"))
		var bias, square, n float64
		for range 200 {
			a := people.person(s.Fields)
			b := slices.Clone(a)
			for i, v := range people.person(s.Fields) {
				if people.IntN(6) == 0 {
					b[i] = v
				}
			}
			want := cosine(&s, a, b)
			if want < 0.6 { // coin tosses, to a steep sketch
				continue
			}
			d := estimate(&s.Filters[0], hashOne(t, h, a...), hashOne(t, h, b...)) - want
			bias, square, n = bias+d, square+d*d, n+1
		}
		bias, square = bias/n, math.Sqrt(square/n)
		t.Logf("%d hashes, %.0f pairs: mean difference %+.4f, root mean square %.4f", hashes, n, bias, square)
		if n < 100 || math.Abs(bias) > 0.01 || square > 0.02 {
			t.Errorf("%d hashes, %.0f pairs: mean difference %+.3f, root mean square %.3f; want at most 0.01 and 0.02", hashes, n, bias, square)
		}
	}
}

// TestVotesFollowWeights: tokens times votes squared is a field's share of its weight, to
// the rounding of eighths.
func TestVotesFollowWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Schema{Project: "p", Filters: []Filter{{Name: "a", Length: 256, Hashes: 3}}}
		for i, kind := range rapid.SliceOfN(rapid.SampledFrom(norm.Kinds()), 1, 12).Draw(t, "kinds") {
			s.Fields = append(s.Fields, Field{"f" + string(rune('a'+i)), kind, float64(rapid.IntRange(1, 20_000).Draw(t, "weight")) / 1000})
		}
		votes := s.votes(&s.Filters[0])
		top := 0.0
		for _, f := range s.Fields {
			top = max(top, float64(f.weight())/float64(kinds[f.Kind].tokens))
		}
		for i, f := range s.Fields {
			exact := mostVotes * math.Sqrt(float64(f.weight())/float64(kinds[f.Kind].tokens)/top)
			if math.Abs(float64(votes[i])-exact) > 0.5+1e-9 {
				t.Errorf("a field has %d votes, want %.2f", votes[i], exact)
			}
		}
		if slices.Max(votes) != mostVotes {
			t.Errorf("votes %v: none has %d", votes, mostVotes)
		}
		if (s.Check() != nil) != slices.Contains(votes, 0) {
			t.Errorf("votes %v, and Check says %v", votes, s.Check())
		}
	})
}

// TestSketchesAreBalanced: bits of a sketch are ones and zeros alike, whatever the number of
// tokens: ties, where it is even, fall either way.
func TestSketchesAreBalanced(t *testing.T) {
	s := Schema{Project: "p", Fields: fieldsOf(norm.Name), Filters: []Filter{{Name: "a", Length: 1 << 14, Hashes: 1}}}
	h := mustHasher(t, s, testKey(t, "p"))
	for _, name := range []string{"O", "ANN", "ANNE", "SMITH", "ANNANN", "CATHERINE", "ABABABABA"} {
		ones, length := float64(weightOf(hashOne(t, h, name))), float64(64*h.Words())
		if z := (ones - length/2) / math.Sqrt(length/4); math.Abs(z) > 5 {
			t.Errorf("%q: %.0f of %.0f bits set, %.1f standard deviations from one half", name, ones, length, z)
		}
	}
}
