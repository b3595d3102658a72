package linkage

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// explained is a result made of pairs by the rules for persons, as Link ends.
func explained(first []int, clean []bool, pairs []Pair, threshold int, floor float64) *Result {
	r := &Result{First: first, Clean: clean, Pairs: pairs, Floor: floor}
	r.Threshold.Ratio = ratio(threshold)
	for range clean {
		r.Parties = append(r.Parties, "party")
	}
	r.IDs = make([]RecordID, first[len(first)-1])
	r.Person, r.Persons, r.Rules = Persons(first, clean, pairs, r.Score(), Least(r.Score(), floor, false))
	return r
}

func TestWhy(t *testing.T) {
	// Party 0 has each person once and records 0 to 2, party 1 has too and records 3 to 5,
	// party 2 holds 6 to 8 and may have duplicates.
	first, clean := []int{0, 3, 6, 9}, []bool{true, true, false}
	pairs := []Pair{
		{0, 3, 0.95}, // linked
		{1, 3, 0.91}, // reaches the threshold, but 3 has its partner in party 0
		{0, 6, 0.90}, // linked
		{2, 4, 0.85}, // linked
		{4, 7, 0.81}, // reaches the threshold; 7 is nothing like 2, so that it stays alone
		{3, 6, 0.75}, // under the threshold, linked through 0
		{2, 5, 0.70}, // short of it, and 4 is there
	}
	r := explained(first, clean, pairs, 800, 0.6)
	x := NewExplainer(r)
	const low = 0.8 - mostAgainst
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 || math.IsNaN(a) && math.IsNaN(b) }
	for _, c := range []struct {
		a, b          int32
		linked        bool
		ground        Ground
		room, average float64
		chain         []int32
	}{
		{0, 3, true, ByThreshold, 0.95 - 0.91, math.NaN(), []int32{0, 3}},
		{0, 6, true, ByThreshold, 0.10, math.NaN(), []int32{0, 6}},
		{2, 4, true, ByThreshold, 0.05, math.NaN(), []int32{2, 4}},
		{3, 6, true, ByPerson, math.NaN(), math.NaN(), []int32{3, 0, 6}},
		{6, 3, true, ByPerson, math.NaN(), math.NaN(), []int32{6, 0, 3}},
		{1, 3, false, ByParty, 0.91 - 0.95, (0.91 + low) / 2, nil},
		{4, 7, false, ByAverage, (0.81+low)/2 - 0.8, (0.81 + low) / 2, nil},
		{2, 5, false, ByScore, 0.70 - 0.85, low, nil},
		{5, 8, false, ByScore, 0.6 - 0.8, low, nil},
	} {
		w := x.Why(c.a, c.b)
		if w.Linked != c.linked || w.Ground != c.ground || !near(w.Room, c.room) || !near(w.Average, c.average) || !slices.Equal(w.Chain, c.chain) {
			t.Errorf("why %d and %d: %+v, want %+v", c.a, c.b, w, c)
		}
	}
	if w := x.Why(1, 3); w.Present != [2]int32{-1, 0} || !w.RunnerUp[0].None() || !w.RunnerUp[1].None() {
		t.Errorf("3 has its place taken by 0: %+v", w)
	}
	least := x.LeastCertain(2)
	if len(least) != 2 || least[0].A != 0 || least[0].B != 3 || least[1].A != 2 || least[1].B != 4 {
		t.Errorf("the least certain links are %+v", least)
	}
	if c := x.Closest(9); len(c) != 3 || c[0].A != 4 || c[1].A != 1 || c[2].A != 2 {
		t.Errorf("the closest refusals are %+v", c)
	}
	if len(x.LeastCertain(0))+len(x.Closest(0)) > 0 {
		t.Error("none were asked for")
	}
}

// Where a party has each person once and two of its records reach the threshold with one
// of another, that is a breach; so is a crowd that is too large for one person.
func TestBreaches(t *testing.T) {
	const crowd = mostRecords + 1
	first, clean := []int{0, 2, 3 + crowd}, []bool{true, false}
	pairs := []Pair{{0, 2, 0.95}, {1, 2, 0.9}}
	for a := int32(3); a < 3+crowd; a++ {
		for b := a + 1; b < 3+crowd; b++ {
			pairs = append(pairs, Pair{a, b, 0.85})
		}
	}
	r := explained(first, clean, pairs, 800, 0.5)
	if r.Rules.TooLarge != 1 {
		t.Fatalf("the crowd is %d groups too large", r.Rules.TooLarge)
	}
	got := NewExplainer(r).Breaches()
	if len(got) != 2 || got[0].Ground != ByParty || got[0].Party != 0 || got[0].Pair != 1 || got[0].Average != 0.9 || len(got[0].Persons) != 2 {
		t.Errorf("the breaches begin with %+v", got[0])
	}
	if last := got[len(got)-1]; last.Ground != BySize || len(last.Persons) != crowd || last.Pair != 2 {
		t.Errorf("the crowd is %s of %d persons by pair %d", last.Ground, len(last.Persons), last.Pair)
	}
	if c := NewExplainer(r).Closest(1000); len(c) != 1 || c[0].Pair != 1 {
		t.Errorf("%d refusals were close, the first %+v; those of the crowd are not", len(c), c[0])
	}
	if w := NewExplainer(r).Why(3, 4); w.Ground != BySize || w.Linked {
		t.Errorf("two of the crowd: %+v", w)
	}
}

// drawLinkage draws a small linkage of any shape.
func drawLinkage(t *rapid.T) *Result {
	clean := rapid.SliceOfN(rapid.Bool(), 1, 4).Draw(t, "clean")
	first := []int{0}
	for range clean {
		first = append(first, first[len(first)-1]+rapid.IntRange(0, 8).Draw(t, "records"))
	}
	n := first[len(first)-1]
	var pairs []Pair
	for a := range int32(n) {
		for b := a + 1; b < int32(n); b++ {
			if p := partyOf(first, a); p == partyOf(first, b) && clean[p] {
				continue
			}
			if s := rapid.IntRange(0, 100).Draw(t, "score"); s >= 50 {
				pairs = append(pairs, Pair{a, b, float64(s) / 100})
			}
		}
	}
	slices.SortStableFunc(pairs, func(x, y Pair) int {
		if x.Score > y.Score {
			return -1
		} else if x.Score < y.Score {
			return 1
		}
		return 0
	})
	return explained(first, clean, pairs, 700, 0.5)
}

// Whatever the linkage: an explanation does not contradict it, is the same from both sides,
// and lists are what a look at every pair gives.
func TestExplanationsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawLinkage(t)
		x := NewExplainer(r)
		var rooms, shorts []float64
		for a := range int32(len(r.IDs)) {
			for b := range int32(len(r.IDs)) {
				if a == b {
					continue
				}
				w, v := x.Why(a, b), x.Why(b, a)
				if w.Linked != (r.Person[a] == r.Person[b]) || w.Ground != v.Ground || w.Pair != v.Pair || w.RunnerUp[0] != v.RunnerUp[1] || w.Room != v.Room && !math.IsNaN(w.Room) {
					t.Fatalf("%+v but the other way %+v", w, v)
				}
				if w.Pair >= 0 && !(r.Pairs[w.Pair].A == min(a, b) && r.Pairs[w.Pair].B == max(a, b)) {
					t.Fatalf("%+v is not pair %+v", w, r.Pairs[w.Pair])
				}
				if linked := w.Ground == ByThreshold || w.Ground == ByPerson; linked != w.Linked {
					t.Fatalf("linked %v by %s", w.Linked, w.Ground)
				}
				if !w.Linked && w.Room > 0 {
					t.Fatalf("%+v was refused with room", w)
				}
				for i := range max(0, len(w.Chain)-1) {
					if p := x.Pair(w.Chain[i], w.Chain[i+1]); p < 0 || !x.tree[p] || !r.Accepted(r.Pairs[p]) {
						t.Fatalf("%+v leads through what is no link", w)
					}
				}
				if w.Linked && (len(w.Chain) < 2 || w.Chain[0] != a || w.Chain[len(w.Chain)-1] != b) {
					t.Fatalf("%+v does not lead from one to the other", w)
				}
				if a < b && w.Pair >= 0 && !w.Linked {
					shorts = append(shorts, -w.Room)
				}
				if a < b && w.Ground == ByThreshold && x.tree[w.Pair] {
					rooms = append(rooms, w.Room)
				}
			}
		}
		slices.Sort(rooms)
		slices.Sort(shorts)
		n := rapid.IntRange(1, 6).Draw(t, "n")
		least, closest := x.LeastCertain(n), x.Closest(n)
		if len(least) != min(n, len(rooms)) || len(closest) != min(n, len(shorts)) {
			t.Fatalf("asked for %d, got %d of %d links and %d of %d refusals", n, len(least), len(rooms), len(closest), len(shorts))
		}
		for i, w := range least {
			if w.Room != rooms[i] {
				t.Fatalf("link %d has room %v, want %v", i, w.Room, rooms[i])
			}
		}
		for i, w := range closest {
			if -w.Room != shorts[i] {
				t.Fatalf("refusal %d is short by %v, want %v", i, -w.Room, shorts[i])
			}
		}
		linked, refused := 0, 0
		for i, b := range x.Histogram(0.03) {
			linked += b.Linked
			refused += b.Refused
			if i > 0 && b.From < r.Score()-1e-9 && b.To > r.Score()+1e-9 {
				t.Fatalf("the threshold lies inside the bin from %v to %v", b.From, b.To)
			}
		}
		accepted := 0
		for _, p := range r.Pairs {
			if r.Accepted(p) {
				accepted++
			}
		}
		if linked != accepted || linked+refused != len(r.Pairs) {
			t.Fatalf("the histogram has %d and %d of %d pairs", linked, refused, len(r.Pairs))
		}
	})
}
