package linkage

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// personsByDefinition joins the two groups most alike, again and again, looking at
// every two groups each time. Scores and the floor must be whole 64ths, so that sums
// are exact.
func personsByDefinition(records []int, clean []bool, pairs []Pair, threshold, floor float64) (person []int32, tooLarge int) {
	n := records[len(records)-1]
	score := map[[2]int32]float64{}
	for _, p := range pairs {
		score[[2]int32{p.A, p.B}] = p.Score
	}
	groups := make([][]int32, n)
	for i := range groups {
		groups[i] = []int32{int32(i)}
	}
	for {
		var best, with int
		top := -1.0
		for i, a := range groups {
			for j := i + 1; j < len(groups); j++ {
				b := groups[j]
				var sum float64
				kept, met := 0, false
				for _, x := range a {
					for _, y := range b {
						if party := partyOf(records, x); clean[party] && party == partyOf(records, y) {
							met = true
						}
						if s, ok := score[[2]int32{min(x, y), max(x, y)}]; ok {
							sum += s
							kept++
						} else {
							sum += floor
						}
					}
				}
				if average := sum / float64(len(a)*len(b)); kept > 0 && !met && average >= threshold && average > top {
					best, with, top = i, j, average
				}
			}
		}
		if top < 0 {
			break
		}
		groups[best] = append(groups[best], groups[with]...)
		groups = slices.Delete(groups, with, with+1)
	}
	person = make([]int32, n)
	for i := range person {
		person[i] = -1
	}
	for _, g := range groups {
		if len(g) > mostRecords {
			tooLarge++
			continue
		}
		for _, x := range g {
			person[x] = slices.Min(g)
		}
	}
	for i := range person {
		if person[i] < 0 {
			person[i] = int32(i)
		}
	}
	// Number them by their first records.
	number, next := map[int32]int32{}, int32(0)
	for i, p := range person {
		if _, ok := number[p]; !ok {
			number[p] = next
			next++
		}
		person[i] = number[p]
	}
	return person, tooLarge
}

func sortPairs(pairs []Pair) []Pair {
	slices.SortFunc(pairs, func(x, y Pair) int {
		switch {
		case x.Score != y.Score && x.Score > y.Score, x.Score == y.Score && (x.A < y.A || x.A == y.A && x.B < y.B):
			return -1
		default:
			return 1
		}
	})
	return pairs
}

// The chains find the persons of the definition: with ties, clean parties, more than 64 of them,
// missing pairs, and a floor at the threshold.
func TestPersonsAreThoseOfTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []int
		var clean []bool
		n := 0
		for range rapid.IntRange(1, 5).Draw(t, "parties") {
			records = append(records, n)
			clean = append(clean, rapid.Bool().Draw(t, "clean"))
			n += rapid.IntRange(0, 6).Draw(t, "records")
			if rapid.IntRange(0, 9).Draw(t, "empty parties") == 0 { // parties 64 apart share a bit
				for range 63 {
					records, clean = append(records, n), append(clean, true)
				}
			}
		}
		records = append(records, n)
		steps := rapid.SampledFrom([]int{1, 3, 24}).Draw(t, "steps") // few: many ties
		floor := float64(64-24) / 64
		threshold := float64(64-rapid.IntRange(0, 24).Draw(t, "threshold")) / 64
		share := rapid.IntRange(1, 100).Draw(t, "share")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var pairs []Pair
		for a := range int32(n) {
			for b := a + 1; b < int32(n); b++ {
				if party := partyOf(records, a); clean[party] && party == partyOf(records, b) || rng.IntN(100) >= share {
					continue
				}
				pairs = append(pairs, Pair{a, b, floor + float64(rng.IntN(steps+1)*(24/steps))/64})
			}
		}
		got, _, rules := Persons(records, clean, sortPairs(pairs), threshold, Least(threshold, floor, false))
		for i := range pairs {
			pairs[i].Score = max(pairs[i].Score, threshold-mostAgainst)
		}
		want, _ := personsByDefinition(records, clean, sortPairs(pairs), threshold, max(floor, threshold-mostAgainst))
		if !slices.Equal(got, want) {
			t.Fatalf("records %v, clean %v, threshold %v, floor %v, pairs %v:\ngot  %v\nwant %v", records, clean, threshold, floor, pairs, got, want)
		}
		if !slices.Contains(clean, true) && rules.SameParty > 0 {
			t.Fatalf("no party is clean, but %d persons were kept apart for it", rules.SameParty)
		}
	})
}

// A block of records that are all alike is no person, whatever else is near it.
func TestPersonsHugeBlock(t *testing.T) {
	const block = mostRecords + 40
	var pairs []Pair
	for a := range int32(block) {
		for b := a + 1; b < block; b++ {
			pairs = append(pairs, Pair{a, b, 0.875})
		}
	}
	// Two records of one person, and one of the block that looks like one of them.
	pairs = append(pairs, Pair{block, block + 1, 0.9375}, Pair{block - 1, block, 0.875})
	got, n, rules := Persons([]int{0, block + 2}, []bool{false}, sortPairs(pairs), 0.8125, 0.5)
	if n != block+1 || got[block] != got[block+1] || rules.TooLarge != 1 {
		t.Errorf("%d persons, want %d; rules %+v", n, block+1, rules)
	}
}

// impatient is a context that ends when it has been asked for the most-th time.
type impatient struct {
	context.Context
	asked atomic.Int64
	most  int64
}

func (c *impatient) Err() error {
	if c.asked.Add(1) > c.most {
		return context.Canceled
	}
	return nil
}

// Forming persons ends early wherever it is, even within one component: the context is asked often enough, and
// from when it has ended nothing more is joined.
func TestPersonsEndEarly(t *testing.T) {
	// Neighbours are alike, the nearer the more, so that all are one component of small persons.
	const n = 3000
	var pairs []Pair
	rng := rand.New(rand.NewPCG(8, 8))
	for a := range int32(n) {
		for b := a + 1; b < min(a+20, n); b++ {
			pairs = append(pairs, Pair{a, b, 0.9 - 0.01*float64(b-a) + 0.005*rng.Float64()})
		}
	}
	pairs = sortPairs(pairs)
	form := func(most int64) (persons int, asked int64) {
		ctx := &impatient{Context: t.Context(), most: most}
		_, persons, _ = personsOf(ctx, []int{0, n}, []bool{false}, pairs, 0.8, 0.75)
		return persons, ctx.asked.Load()
	}
	whole, all := form(math.MaxInt64)
	if all < n/2 {
		t.Fatalf("the context was asked %d times for %d records", all, n)
	}
	before := n + 1
	for _, most := range []int64{0, all / 4, all / 2, 3 * all / 4} {
		persons, asked := form(most)
		if persons > before || persons <= whole || asked > most+n+64 {
			t.Errorf("ended at %d of %d, there are %d persons after %d, of %d in the end; it was asked %d times", most, all, persons, before, whole, asked)
		}
		before = persons
	}
}

// fiveParties invents m candidate pairs among five clean parties of n records: the
// pairs of n people who are in all five, and others that are strangers' and join most
// records in one component.
func fiveParties(n, m int) (records []int, clean []bool, pairs []Pair) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 6 {
		records = append(records, i*n)
	}
	for a := range 5 {
		for b := a + 1; b < 5; b++ {
			for i := range n {
				pairs = append(pairs, Pair{int32(a*n + i), int32(b*n + i), 1 - 0.3*rng.Float64()*rng.Float64()})
			}
		}
	}
	there := map[[2]int32]bool{}
	for len(pairs) < m {
		a, b, i, j := rng.IntN(5), rng.IntN(5), rng.IntN(n), rng.IntN(n)
		at := [2]int32{int32(a*n + i), int32(b*n + j)}
		if a < b && i != j && !there[at] {
			there[at] = true
			s := rng.Float64()
			pairs = append(pairs, Pair{at[0], at[1], 0.7 + 0.15*s*s})
		}
	}
	return records, []bool{true, true, true, true, true}, sortPairs(pairs)
}

func BenchmarkPersons(b *testing.B) {
	for _, n := range []int{100_000, 400_000} {
		records, clean, pairs := fiveParties(n, 5_000_000)
		b.Run(fmt.Sprintf("records=%d", 5*n), func(b *testing.B) {
			for b.Loop() {
				Persons(records, clean, pairs, 0.7, 0.7)
			}
		})
	}
}
