package quality

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// draw makes records of a few entities, linked in part at random, so that right,
// missed and wrong pairs all occur. Numbers have gaps and may be negative.
func draw(t *rapid.T) Records {
	n := rapid.IntRange(0, 30).Draw(t, "records")
	parties := rapid.IntRange(1, 4).Draw(t, "parties")
	entities := rapid.IntRange(1, 12).Draw(t, "entities")
	errorsIn := rapid.IntRange(0, 100).Draw(t, "errors")
	r := Records{Within: rapid.Bool().Draw(t, "within"), Person: make([]int, n), Entity: make([]int, n), Party: make([]int, n)}
	rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	for i := range n {
		e := rnd.IntN(entities)
		r.Entity[i], r.Party[i], r.Person[i] = 7*e-20, rnd.IntN(parties), 3*e+100
		if rnd.IntN(100) < errorsIn {
			r.Person[i] = 3*rnd.IntN(entities) + 100 + rnd.IntN(2)
		}
	}
	if rapid.Bool().Draw(t, "only") {
		r.Only = make([]bool, n)
		for i := range n {
			r.Only[i] = rnd.IntN(4) > 0
		}
	}
	return r
}

// eachPair calls f for every pair that counts, by the definition.
func eachPair(r Records, f func(i, j int)) {
	for j := range r.Person {
		for i := range j {
			if r.Only != nil && !(r.Only[i] && r.Only[j]) || r.Party[i] == r.Party[j] && !r.Within {
				continue
			}
			f(i, j)
		}
	}
}

// only drops the records that do not count.
func only(r Records) Records {
	out := Records{Within: r.Within}
	for i := range r.Person {
		if r.Only == nil || r.Only[i] {
			out.Person, out.Entity, out.Party = append(out.Person, r.Person[i]), append(out.Entity, r.Entity[i]), append(out.Party, r.Party[i])
		}
	}
	return out
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-12 }

func TestScoreCountsPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		var right, wrong, missed int
		eachPair(r, func(i, j int) {
			linked, truth := r.Person[i] == r.Person[j], r.Entity[i] == r.Entity[j]
			switch {
			case linked && truth:
				right++
			case linked:
				wrong++
			case truth:
				missed++
			}
		})
		s := Score(r)
		if s.TruePositives != right || s.FalsePositives != wrong || s.FalseNegatives != missed {
			t.Fatalf("right, wrong, missed: %d %d %d, want %d %d %d", s.TruePositives, s.FalsePositives, s.FalseNegatives, right, wrong, missed)
		}
		if right > 0 {
			p, q := float64(right)/float64(right+wrong), float64(right)/float64(right+missed)
			if !near(s.Precision, p) || !near(s.Recall, q) || !near(s.F1, 2*p*q/(p+q)) {
				t.Fatalf("rates %v %v %v", s.Precision, s.Recall, s.F1)
			}
		} else if s.Precision != 0 || s.Recall != 0 || s.F1 != 0 {
			t.Fatalf("rates of nothing right: %v %v %v", s.Precision, s.Recall, s.F1)
		}
	})
}

// B-cubed and exact clusters from their definitions, record by record.
func TestScoreClusters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		s := Score(r)
		k := only(r)
		agree := func(of []int, i int) []int {
			var out []int
			for j := range of {
				if of[j] == of[i] {
					out = append(out, j)
				}
			}
			return out
		}
		var precision, recall float64
		var exact, clusters, entities int
		for i := range k.Person {
			c, e := agree(k.Person, i), agree(k.Entity, i)
			both := 0
			for _, j := range c {
				if slices.Contains(e, j) {
					both++
				}
			}
			precision += float64(both) / float64(len(c))
			recall += float64(both) / float64(len(e))
			if first := c[0] == i; first && len(c) > 1 {
				clusters++
				if slices.Equal(c, e) {
					exact++
				}
			}
			if e[0] == i && len(e) > 1 {
				entities++
			}
		}
		n := float64(len(k.Person))
		want := [4]float64{share(precision, n), share(recall, n), share(float64(exact), float64(clusters)), share(float64(exact), float64(entities))}
		got := [4]float64{s.BCubed.Precision, s.BCubed.Recall, s.Exact.Precision, s.Exact.Recall}
		for i := range want {
			if !near(got[i], want[i]) {
				t.Fatalf("B-cubed and exact precision and recall %v, want %v", got, want)
			}
		}
	})
}

// same allows B-cubed, which is a sum over records in their order, its last bits.
func same(a, b Scores) bool {
	if !near(a.BCubed.Precision, b.BCubed.Precision) || !near(a.BCubed.Recall, b.BCubed.Recall) {
		return false
	}
	a.BCubed = b.BCubed
	return a == b
}

func TestScoreLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		s := Score(r)

		swapped := r
		swapped.Person, swapped.Entity = r.Entity, r.Person
		m := Score(swapped)
		if m.TruePositives != s.TruePositives || m.FalsePositives != s.FalseNegatives || m.FalseNegatives != s.FalsePositives ||
			m.Precision != s.Recall || m.Exact.Precision != s.Exact.Recall || !near(m.BCubed.Precision, s.BCubed.Recall) {
			t.Fatalf("truth and links changed places, scores did not: %+v and %+v", s, m)
		}

		// Neither the order of records nor the numbers themselves matter.
		shuffled := Records{Within: r.Within}
		for _, i := range rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 2)).Perm(len(r.Person)) {
			shuffled.Person = append(shuffled.Person, -r.Person[i])
			shuffled.Entity = append(shuffled.Entity, r.Entity[i]*1_000_003)
			shuffled.Party = append(shuffled.Party, 9-r.Party[i])
			if r.Only != nil {
				shuffled.Only = append(shuffled.Only, r.Only[i])
			}
		}
		if m = Score(shuffled); !same(m, s) {
			t.Fatalf("another order, other scores: %+v and %+v", m, s)
		}

		// Leaving records out is the same as never having had them.
		if m = Score(only(r)); !same(m, s) {
			t.Fatalf("records left out count: %+v and %+v", m, s)
		}
	})
}

func TestScoreEnds(t *testing.T) {
	r := Records{Entity: []int{1, 1, 2, 2, 3}, Party: []int{0, 1, 0, 1, 2}}
	r.Person = r.Entity
	want := Rates{1, 1, 1}
	if s := Score(r); s.Precision != 1 || s.Recall != 1 || s.F1 != 1 || s.Exact != want || s.BCubed != want || s.TruePositives != 2 {
		t.Errorf("everything right: %+v", s)
	}
	r.Person = []int{1, 2, 3, 4, 5}
	if s := Score(r); s.TruePositives+s.FalsePositives != 0 || s.FalseNegatives != 2 || s.Precision != 0 || s.BCubed.Precision != 1 {
		t.Errorf("nothing linked: %+v", s)
	}
	if s := Score(Records{}); s != (Scores{}) {
		t.Errorf("no records: %+v", s)
	}
	defer func() {
		if recover() == nil {
			t.Error("slices of two lengths were scored")
		}
	}()
	Score(Records{Person: []int{1}, Entity: []int{1, 2}, Party: []int{0, 0}})
}

func TestSweep(t *testing.T) {
	r := Records{Entity: []int{1, 1, 2, 2}, Party: []int{0, 1, 0, 1}}
	buffer := make([]int, 4) // reused, as it may be
	at := map[float64][]int{0.9: {1, 2, 3, 4}, 0.8: {1, 1, 3, 4}, 0.7: {1, 1, 3, 3}, 0.6: {1, 1, 3, 3}, 0.5: {1, 1, 1, 1}}
	points, err := Sweep(r, []float64{0.5, 0.6, 0.7, 0.8, 0.9}, func(threshold float64) ([]int, error) {
		copy(buffer, at[threshold])
		return buffer, nil
	})
	if err != nil || len(points) != 5 {
		t.Fatalf("%d points, %v", len(points), err)
	}
	for i, want := range []float64{2. / 3, 1, 1, 2. / 3, 0} {
		if !near(points[i].F1, want) {
			t.Errorf("F1 at %v: %v, want %v", points[i].Threshold, points[i].F1, want)
		}
	}
	if best, ok := Best(points); !ok || best.Threshold != 0.7 {
		t.Errorf("best at %v, want 0.7", best.Threshold)
	}
	if _, ok := Best(nil); ok {
		t.Error("the best of nothing")
	}
	broken := errors.New("broken")
	if _, err := Sweep(r, []float64{1}, func(float64) ([]int, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if _, err := Sweep(r, []float64{1}, func(float64) ([]int, error) { return []int{1}, nil }); err == nil {
		t.Error("too few persons were taken")
	}
}
