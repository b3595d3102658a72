package audit

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func outcomesOf(tried int, right ...int) []Outcome {
	var out []Outcome
	for _, r := range right {
		out = append(out, Outcome{Tried: tried, Right: r})
	}
	return out
}

// guessed are outcomes of which chance explains so many right each.
func guessed(tried int, chance float64, right ...int) []Outcome {
	out := outcomesOf(tried, right...)
	for i := range out {
		out[i].Chance = chance
	}
	return out
}

// TestJudge: a pass has to be earned.
func TestJudge(t *testing.T) {
	anchor := Attack{Name: Anchor, Anchors: 10, Overlap: 0.5}
	broken := outcomesOf(1000, 980)
	for _, c := range []struct {
		name            string
		attack          Attack
		outcomes, plain []Outcome
		want            Grade
	}{
		{"nothing recovered, plain broken", anchor, outcomesOf(1000, 0, 0, 0), broken, Pass},
		{"a few recovered", anchor, outcomesOf(1000, 5, 8, 6), broken, Pass},
		{"one seed lucky", anchor, outcomesOf(1000, 0, 0, 25), broken, Warn},
		{"some recovered", anchor, outcomesOf(1000, 30, 30, 30), broken, Warn},
		{"many recovered", anchor, outcomesOf(1000, 300, 300, 300), broken, Fail},
		{"many recovered, plain unknown", anchor, outcomesOf(1000, 300), nil, Fail},
		{"nothing recovered, plain unknown", anchor, outcomesOf(1000, 0, 0, 0), nil, Unknown},
		{"nothing recovered from plain either", anchor, outcomesOf(1000, 0, 0, 0), outcomesOf(1000, 3), Info},
		{"too few to tell", anchor, outcomesOf(20, 0, 0, 0), outcomesOf(20, 20), Unknown},
		{"one seed of a few people", anchor, outcomesOf(120, 0), outcomesOf(120, 120), Unknown},
		{"not run", anchor, nil, nil, Unknown},
		{"what chance finds among few", anchor, guessed(110, 1.2, 1, 2, 0), broken, Info},
		{"what chance finds among many", anchor, guessed(2000, 4, 5, 3, 6), broken, Pass},
		{"more than chance finds among few", anchor, guessed(110, 1.2, 4, 5, 3), broken, Warn},
		{"wrong key", Attack{Name: Dictionary, Overlap: 1}, outcomesOf(1000, 0, 0, 0), nil, Pass},
		{"right key", Attack{Name: Dictionary, Overlap: 1, RightKey: true}, outcomesOf(1000, 1000), nil, Info},
		{"tokens hidden", Attack{Name: Tokens}, []Outcome{{AUC: 0.6}, {AUC: 0.61}, {AUC: 0.6}}, nil, Pass},
		{"tokens partly shown", Attack{Name: Tokens}, []Outcome{{AUC: 0.8}, {AUC: 0.81}, {AUC: 0.8}}, nil, Warn},
		{"tokens shown", Attack{Name: Tokens}, []Outcome{{AUC: 0.99}, {AUC: 0.99}, {AUC: 0.99}}, nil, Fail},
	} {
		v := Judge(c.attack, c.outcomes, c.plain)
		if v.Grade != c.want {
			t.Errorf("%s: %q, want %q (%s)", c.name, v.Grade, c.want, v.Text)
		}
		if v.Text == "" || v.Title == "" || v.Given == "" || strings.HasSuffix(v.Text, ".") {
			t.Errorf("%s: title %q, given %q, text %q", c.name, v.Title, v.Given, v.Text)
		}
	}
}

// TestOverall: no grade is better than its parts, and nothing passes unless an attack that
// breaks plain filters was withstood.
func TestOverall(t *testing.T) {
	grades := []Grade{Fail, Unknown, Warn, Pass, Info}
	rapid.Check(t, func(t *rapid.T) {
		var findings []Finding
		var verdicts []Verdict
		worst, earned := Info, false
		for range rapid.IntRange(0, 4).Draw(t, "findings") {
			g := rapid.SampledFrom(grades).Draw(t, "grade")
			findings = append(findings, Finding{Grade: g})
			worst = worse(worst, g)
		}
		for range rapid.IntRange(0, 4).Draw(t, "verdicts") {
			g := rapid.SampledFrom(grades).Draw(t, "grade")
			name := rapid.SampledFrom([]string{Anchor, Graph, Frequency, Dictionary}).Draw(t, "attack")
			verdicts = append(verdicts, Verdict{Attack: Attack{Name: name}, Grade: g})
			worst = worse(worst, g)
			earned = earned || g == Pass && (name == Anchor || name == Graph)
		}
		got := Overall(findings, verdicts)
		if badness[got] < badness[worst] {
			t.Fatalf("overall %q, and a part is %q", got, worst)
		}
		if (got == Pass || got == Warn || got == Info) && !earned {
			t.Fatalf("overall %q, and no attack was withstood", got)
		}
	})
}

// TestSeedInterval: the mean is inside, and chance alone stays inside nineteen times in
// twenty or more.
func TestSeedInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 12).Draw(t, "shares")
		tried := rapid.IntRange(1, 1e6).Draw(t, "tried")
		low, high := seedInterval(shares, tried)
		mean := 0.0
		for _, s := range shares {
			mean += s / float64(len(shares))
		}
		if !(0 <= low && low <= mean+1e-12 && mean-1e-12 <= high && high <= 1) {
			t.Fatalf("%g to %g around %g", low, high, mean)
		}
	})
	r := rand.New(rand.NewPCG(1, 2))
	const p, n, rounds = 0.03, 400, 2000
	inside := 0
	for range rounds {
		shares := make([]float64, 3)
		for i := range shares {
			for range n {
				if r.Float64() < p {
					shares[i] += 1.0 / n
				}
			}
		}
		if low, high := seedInterval(shares, 3*n); low <= p && p <= high {
			inside++
		}
	}
	if inside < rounds*95/100 {
		t.Errorf("the interval holds the truth in %d of %d", inside, rounds)
	}
}

// TestLink: filters of the same people find each other, strangers do not, and what is
// found is what loops over all pairs find.
func TestLink(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	const words, n = 16, 300
	x := Filters{Bits: 64 * words, Rows: aloneRandomRows(n, words, r), Similarity: "xor:4:0.5"}
	y := Filters{Bits: 64 * words, Similarity: x.Similarity}
	var truth []int
	for i := range n {
		if i%3 == 0 { // somebody else
			y.Rows = append(y.Rows, aloneRandomRows(1, words, r)...)
			truth = append(truth, -1)
			continue
		}
		row := append([]uint64(nil), x.Rows[i*words:][:words]...)
		for range 150 {
			row[r.IntN(words)] ^= 1 << r.IntN(64)
		}
		y.Rows, truth = append(y.Rows, row...), append(truth, i)
	}
	c, err := Link(context.Background(), x, y, truth)
	if err != nil {
		t.Fatal(err)
	}
	if c.F1 != 1 || c.Precision != 1 || c.Recall != 1 {
		t.Errorf("%+v, want everybody found", c)
	}
	if _, err := Link(context.Background(), x, y, truth[1:]); err == nil {
		t.Error("a truth that is too short was taken")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Link(ctx, x, y, truth); err == nil {
		t.Error("went on after an interrupt")
	}
	none, err := Link(context.Background(), Filters{Bits: 64}, Filters{Bits: 64}, nil)
	if err != nil || none != (Cost{}) {
		t.Errorf("nobody: %+v, %v", none, err)
	}
}

// TestBestThreshold: no other threshold has a better F1.
func TestBestThreshold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		toX, toY, truth := make([]match, n), make([]match, n), make([]int, n)
		for i := range n {
			score := float64(rapid.IntRange(0, 5).Draw(t, "score"))
			toX[i], toY[i] = match{i, score}, match{i, score}
			truth[i] = rapid.SampledFrom([]int{i, -1, n + 5}).Draw(t, "truth")
		}
		best := bestThreshold(toX, toY, truth)
		people := 0
		for _, k := range truth {
			if k >= 0 {
				people++
			}
		}
		top := 0.0
		for threshold := range 6 {
			links, right := 0, 0
			for i := range n {
				if toX[i].score >= float64(threshold) {
					links++
					if truth[i] == i {
						right++
					}
				}
			}
			if right > 0 {
				top = max(top, 2*float64(right)/float64(links+people))
			}
		}
		if math.Abs(best.F1-top) > 1e-12 {
			t.Fatalf("F1 %g, the best is %g", best.F1, top)
		}
	})
}
