package linkage

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawWitness has levels with any counts.
func drawWitness(t *rapid.T) *witness {
	edges := []int{0}
	edges = append(edges, rapid.SliceOfNDistinct(rapid.IntRange(1, grid), 1, 20, rapid.ID).Draw(t, "edges")...)
	slices.Sort(edges)
	w := &witness{edges: edges, own: 1, weight: make([]float64, len(edges))}
	for range edges {
		w.pairs = append(w.pairs, rapid.Float64Range(0, 1e6).Draw(t, "pairs"))
		w.m = append(w.m, rapid.Float64Range(0, 1e3).Draw(t, "matches"))
	}
	return w
}

// A higher score never weighs less, whatever was counted, and a little more of it never
// weighs much more: the weights of neighbouring levels bound it.
func TestMoreAlikeWeighsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWitness(t)
		w.weigh(1e7)
		if !slices.IsSorted(w.weight) {
			t.Fatalf("weights by level: %v", w.weight)
		}
		last := math.Inf(-1)
		for k := range 4*grid + 1 {
			score := float64(k) / (4 * grid)
			x := w.says(score)
			i := w.level(score)
			if x < last || x < w.weight[max(i-1, 0)] || x > w.weight[min(i+1, len(w.weight)-1)] {
				t.Fatalf("a score of %v weighs %v, at level %d of %v, and one of less %v", score, x, i, w.weight, last)
			}
			last = x
		}
		if w.says(math.NaN()) != 0 {
			t.Fatal("a missing filter says something")
		}
	})
}

// Half of the pairs at the top level are matches, who are one pair in a thousand: the
// level says so.
func TestWeightsByHand(t *testing.T) {
	w := &witness{edges: []int{0, 900}, own: 1, pairs: []float64{998_000, 2_000}, m: []float64{0, 1_000}, weight: make([]float64, 2)}
	w.weigh(1e6)
	// m is 1, u is 1,000 of a million; and at the bottom a quarter of a match of a thousand.
	want := []float64{math.Log2(0.25 / 1000.5 / 0.998), math.Log2(1000.25 / 1000.5 / 0.001)}
	for i := range want {
		if math.Abs(w.weight[i]-want[i]) > 1e-9 {
			t.Errorf("level %d weighs %v, want %v", i, w.weight[i], want[i])
		}
	}
}

func TestExactKeySays(t *testing.T) {
	k := &exactKey{m: 0.9, distinct: 10_000}
	if got, want := k.says(agree), math.Log2(0.9*10_000); math.Abs(got-want) > 1e-9 {
		t.Errorf("agreement weighs %v, want %v", got, want)
	}
	if got, want := k.says(disagree), math.Log2(0.1/(1-1e-4)); math.Abs(got-want) > 1e-9 {
		t.Errorf("disagreement weighs %v, want %v", got, want)
	}
	if k.says(absent) != 0 {
		t.Error("a missing value says something")
	}
	// A value that twice as many share is worth one less.
	for o := agree; o < mostShared; o++ {
		if got := k.says(o) - k.says(o+1); math.Abs(got-1) > 1e-9 {
			t.Errorf("twice as many share it, and it is worth %v less", got)
		}
	}
	// A key that hardly tells records apart is never evidence against by agreeing.
	if few := (&exactKey{m: 0.9, distinct: 1}); few.says(mostShared) < 0 {
		t.Errorf("agreement weighs %v", few.says(mostShared))
	}
}

func TestCorrelation(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	var x, y, z, flat []float64
	for range 5000 {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		x, y, z, flat = append(x, a), append(y, b), append(z, (a+b)/math.Sqrt2), append(flat, 0.5)
	}
	for _, c := range []struct {
		a, b []float64
		want float64
	}{{x, x, 1}, {x, y, 0}, {x, z, math.Sqrt2 / 2}, {x, flat, 0}, {x[:50], x[:50], 0}} {
		if got := correlation(c.a, c.b); math.Abs(got-c.want) > 0.05 {
			t.Errorf("correlation %v, want %v", got, c.want)
		}
	}
}

// Scores and weights are two ways to write the same thing.
func TestWeightScore(t *testing.T) {
	for w := -weightReach; w <= weightReach; w++ {
		if got := ScoreWeight(weightScore(float64(w))); math.Abs(got-float64(w)) > 1e-4 {
			t.Errorf("weight %d became %v", w, got)
		}
	}
	if weightScore(1000) != 1 || weightScore(-1000) != 0 || weightScore(0) != 0.5 {
		t.Error("scores do not end at 0 and 1 with even odds between")
	}
	if p := WeightProbability(3); math.Abs(p-8.0/9) > 1e-12 {
		t.Errorf("odds of eight to one are a probability of %v", p)
	}
}
