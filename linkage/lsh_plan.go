package linkage

import (
	"fmt"
	"math"
	"sort"

	"cohortlink/linkage/overlap"
)

// How many places and tables LSH gets is worked out from the run's own records: how far
// apart links are from the sample, how often strangers meet from the records, by numbers
// of places from 1 to mostPlaces. Of all plans that lose no more than they may, the one
// that takes least time is chosen.

// What things take, in nanoseconds on one core of an AMD EPYC (Zen 4) with other work, the
// second of each for every word of a filter. Only how they stand to each other matters; they
// are constants so that a plan, and with it what is linked, is the same on every machine.
const (
	bucketCost                   = 50.0       // to find the bucket of a record
	fetchCost, fetchWordCost     = 100.0, 20. // to fetch a filter from anywhere in memory
	pairCost, pairWordCost       = 5.0, 2.5   // to compare two
	layoutWordCost, joinWordCost = 60., 0.08  // to lay one out for the kernels, and compare two by them
)

// cost is what a table takes.
func (r *run) cost(m *meeting) float64 {
	words := float64(r.words)
	return bucketCost*float64(len(r.ones)) + (fetchCost+fetchWordCost*words)*(m.fetched+m.laid) +
		(pairCost+pairWordCost*words)*m.pairs + layoutWordCost*words*m.laid + joinWordCost*words*m.joined
}

// mostTables bounds the search. A table costs as much as comparing each record with
// hundreds of others by the kernels.
const mostTables = 20_000

// fullCost is what comparing every pair takes.
func (r *run) fullCost() float64 {
	return joinWordCost * float64(r.words) * float64(r.allPairs())
}

// distance is in how many bits the filters of a link differ; all of them where one has
// nothing in it, and is in no bucket.
func (r *run) distance(x seenLink) int {
	p, q := int(r.ones[x.a]), int(r.ones[x.b])
	if p == 0 || q == 0 {
		return r.words * 64
	}
	return p + q - 2*overlap.CommonBits(r.filterOf(x.a), r.filterOf(x.b))
}

// tables chooses the LSH of filter number i.
func (l *layer) tables(i int, links []seenLink, keys [][]ExactKey, o Blocking) (FilterPlan, *lshTables, error) {
	length := l.words * 64
	far := make([]float64, length+1) // weight of the links that differ in so many bits, and that no key brings together
	all := 0.0
	for _, x := range links {
		all += x.weight
		if !agreeOn(keys, x.a, x.b) {
			far[l.distance(x)] += x.weight
		}
	}
	m := l.meetings(newTables(o.Secret, i, length, mostPlaces, measureTables))
	best := FilterPlan{cost: math.Inf(1)}
	for k := 1; k <= mostPlaces; k++ {
		var apart, weights []float64 // how likely a link is to miss a table, by how far it is
		for h, weight := range far {
			if weight > 0 {
				apart, weights = append(apart, 1-meets(length, k, h)), append(weights, weight)
			}
		}
		lost := func(n int) float64 {
			sum := 0.0
			for h, weight := range weights {
				sum += weight * math.Pow(apart[h], float64(n))
			}
			return sum / max(all, 1)
		}
		n := 1 + sort.Search(mostTables, func(n int) bool { return lost(n+1) <= o.Loss })
		if n > mostTables {
			continue
		}
		p := FilterPlan{Places: k, Tables: n, Expected: float64(n) * (m[k].pairs + m[k].joined)}
		p.cost = float64(n) * l.cost(&m[k])
		if p.cost < best.cost {
			best = p
		}
	}
	if best.Tables == 0 {
		return best, nil, &BlockingError{fmt.Sprintf("at a loss of at most %.3g of the links, LSH would need more than %d tables: comparing every pair is cheaper", o.Loss, mostTables), true}
	}
	return best, newTables(o.Secret, i, length, best.Places, best.Tables), nil
}
