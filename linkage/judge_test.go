package linkage

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestAcceptedPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := []int{0}
		for range rapid.IntRange(1, 4).Draw(t, "parties") {
			first = append(first, first[len(first)-1]+rapid.IntRange(0, 5).Draw(t, "records"))
		}
		n := first[len(first)-1]
		person, persons := drawPersons(t, n)
		for _, alone := range []bool{false, true} {
			want := 0.0
			for a := range int32(n) {
				for b := a + 1; b < int32(n); b++ {
					if person[a] == person[b] && (alone || partyOf(first, a) != partyOf(first, b)) {
						want++
					}
				}
			}
			if alone && len(first) != 2 {
				continue
			}
			if got := acceptedPairs(first, person, persons, alone); got != want {
				t.Fatalf("%v pairs of %v in %v, want %v", got, person, first, want)
			}
		}
	})
}

// What persons accept tells how many of the strangers expected are joined: of one party's worth of them all, or none that
// can be seen; and the slope that counts is the steepest.
func TestCalibrate(t *testing.T) {
	for _, c := range []struct {
		accepted []float64 // by steps of ten from 100
		joined   float64
	}{
		{[]float64{1800, 1400, 1200, 1100, 1050}, 1},                // as many as expected
		{[]float64{1560, 1280, 1140, 1070, 1035}, 0.7},              // seven in ten
		{[]float64{1100, 1050, 1025, 1012.5, 1006.25}, leastJoined}, // one in eight, which is not believed
		{[]float64{1000, 1000, 1000, 1000, 1000}, leastJoined},      // none
		{[]float64{1480, 1240, 1080, 1070, 1065}, 2.0 / 3},          // two in three: the steepest of three slopes
		{[]float64{9000, 5000, 3000, 2000, 1500}, 1},                // more than expected: true pairs, for all that is known
	} {
		null := &nullModel{total: 1000}
		j := &judge{null: null, accepted: map[int]float64{}, joined: 1, truePairs: 1000}
		var steps []int
		for i, wrong := range []float64{800, 400, 200, 100, 50} {
			k := 100 + 10*i
			steps = append(steps, k)
			null.wrong[k], j.accepted[k] = wrong, c.accepted[i]
		}
		if j.calibrate(steps); math.Abs(j.joined-c.joined) > 1e-9 {
			t.Errorf("of the strangers %v are joined where persons accept %v, want %v", j.joined, c.accepted, c.joined)
		}
	}
}

// The threshold that is chosen is hardly worse than the best one, and what is expected of it about true, where persons
// have records in many parties and half of the pairs of strangers look like brothers.
func TestJudge(t *testing.T) {
	for seed := range uint64(3) {
		for _, s := range []worldSettings{
			{seed: seed, people: 900, parties: 5, size: 500, clean: true, noise: 0.14, families: true},
			{seed: seed, people: 900, parties: 4, size: 500, noise: 0.12, twice: 6, families: true},
			{seed: seed, people: 900, parties: 2, size: 600, clean: true, noise: 0.16},
		} {
			t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
				w := invent(s)
				r := linkAll(t, w.parties, Options{})
				f1 := func(r *Result) float64 {
					p, c := w.score(r)
					return 2 * p * c / (p + c)
				}
				chosen, best, at := f1(r), 0.0, 0.0
				for k := step(r.Floor) + 1; k < grid; k += 5 {
					again := *r
					again.Person, again.Persons, again.Rules = Persons(r.First, r.Clean, r.Pairs, float64(k)/grid, Least(float64(k)/grid, r.Floor, false))
					if f := f1(&again); f > best {
						best, at = f, float64(k)/grid
					}
				}
				p, c := w.score(r)
				e := r.Estimate
				t.Logf("F1 %.4f at %.3f, %.4f at %.3f; precision %.3f (%.3f), recall %.3f (%.3f)", chosen, r.Score(), best, at, p, e.Precision, c, e.Recall)
				if chosen < best-0.01 {
					t.Errorf("F1 %.4f at %.3f, where %.4f is to be had at %.3f", chosen, r.Score(), best, at)
				}
				if math.Abs(e.Precision-p) > 0.03 || math.Abs(e.Recall-c) > 0.05 {
					t.Errorf("estimated precision %.3f and recall %.3f, but they are %.3f and %.3f", e.Precision, e.Recall, p, c)
				}
			})
		}
	}
}
