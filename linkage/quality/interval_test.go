package quality

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3.
func TestWilsonPublished(t *testing.T) {
	for _, c := range []struct {
		part, n   int
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
	} {
		low, high := wilson(float64(c.part)/float64(c.n), float64(c.n))
		if math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, published %.4f to %.4f", c.part, c.n, low, high, c.low, c.high)
		}
	}
}

// The ends solve the equation the interval is made from: |rate - p| is 1.96
// standard errors of p. They stay inside 0 to 1 and around the rate.
func TestWilsonLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1_000_000).Draw(t, "n")
		part := rapid.IntRange(0, n).Draw(t, "part")
		s := newShare(part, n, float64(n))
		if s.Low < 0 || s.High > 1 || s.Low > s.Rate || s.High < s.Rate || s.Effective != float64(n) {
			t.Fatalf("%+v", s)
		}
		for _, p := range []float64{s.Low, s.High} {
			if want := z975 * math.Sqrt(p*(1-p)/float64(n)); math.Abs(math.Abs(s.Rate-p)-want) > 1e-7 {
				t.Fatalf("%d of %d: end %v is %v away, want %v", part, n, p, math.Abs(s.Rate-p), want)
			}
		}
		m := newShare(n-part, n, float64(n))
		if !near(m.Low, 1-s.High) || !near(m.High, 1-s.Low) {
			t.Fatalf("%d of %d does not mirror: %v and %v", part, n, s, m)
		}
	})
}

// Who is missed by one party is missed in all pairs with it. Over many boroughs
// of such people the interval must hold the true recall at least 95 times in
// 100; one that takes pairs for independent does not.
func TestIntervalCoverage(t *testing.T) {
	const boroughs, people, found = 600, 150, 0.93
	rnd := rand.New(rand.NewPCG(11, 11))
	// With k records, each found with the same chance, a pair is right when both are.
	const recall = found * found
	var held, heldNaive int
	for range boroughs {
		var r Records
		person := 0
		for e := range people {
			for p := range 2 + rnd.IntN(3) {
				person++
				r.Person, r.Entity, r.Party = append(r.Person, -e), append(r.Entity, e), append(r.Party, p)
				if rnd.Float64() >= found {
					r.Person[len(r.Person)-1] = person
				}
			}
		}
		b, err := Why(r, Facts{Parties: []string{"a", "b", "c", "d"}})
		if err != nil {
			t.Fatal(err)
		}
		s := b.All.Recall
		if s.Low <= recall && recall <= s.High {
			held++
		}
		if low, high := wilson(s.Rate, float64(s.Whole)); low <= recall && recall <= high {
			heldNaive++
		}
	}
	if held < boroughs*95/100 {
		t.Errorf("the interval held the truth in %d of %d", held, boroughs)
	}
	if heldNaive >= boroughs*93/100 {
		t.Errorf("pairs taken for independent held it in %d of %d: nothing to correct for", heldNaive, boroughs)
	}
	t.Logf("held in %d of %d; with pairs taken for independent, in %d", held, boroughs, heldNaive)
}
