package linkage

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// RuleCounts says how often the rules for forming persons had to decide.
type RuleCounts struct {
	SameParty int // pairs of persons alike enough to be one, but a deduplicated party would have two records in it
	TooLarge  int // persons dissolved again, having more records than mostRecords
}

// mostRecords is the most records that one person can have. More of them (a
// hostel's shared name, a block of nearly empty records) say nothing about who is
// who, so they are left apart and counted.
const mostRecords = 200

// Persons joins records to persons.
//
// The two groups of records that are most alike on average are joined, again and
// again, while that average reaches the threshold and no deduplicated party would
// have two records in one person (average linkage: Sokal & Michener 1958; with the
// clean-source constraint of Saeedi, Peukert & Rahm, ESWC 2018, section 4). A
// single strong pair then cannot glue two families together, as it does where
// connected components are taken whole, and one weak pair does not keep a person
// apart, as it does where all pairs must reach the threshold. A pair that was not
// kept counts as if it stood at the floor, the most that it can have scored. Of
// groups equally alike, those with the smallest records are joined first.
//
// Groups only ever meet inside a connected component of the pairs at the threshold,
// so each component is worked on by itself, the components side by side. How the
// joins of a component are found without looking for the best of all pairs each
// time is told at agglomeration.
//
// records holds the first record number of each party, and the number of records;
// clean says of each party whether it is deduplicated; pairs are those kept above
// the floor, best first. person gives each record's person, of n, numbered by
// their first records.
func Persons(records []int, clean []bool, pairs []Pair, threshold, floor float64) (person []int32, n int, rules RuleCounts) {
	component := connected(records[len(records)-1], pairs, threshold)
	parts, members, inside := partition(component, pairs)

	out := newForest(len(component))
	solvers := make([]*solver, min(runtime.GOMAXPROCS(0), len(parts)/partsAtATime+1))
	local := make([]int32, len(component)) // of each record, its place in its component
	var next atomic.Int64
	var wg sync.WaitGroup
	for i := range solvers {
		s := newSolver(records, clean, pairs, local, threshold, floor, out)
		solvers[i] = s
		wg.Go(func() {
			for {
				from := int(next.Add(partsAtATime)) - partsAtATime
				if from >= len(parts) {
					return
				}
				for _, p := range parts[from:min(from+partsAtATime, len(parts))] {
					s.solve(members[p.nodes:p.nodesEnd], inside[p.pairs:p.pairsEnd])
				}
			}
		})
	}
	wg.Wait()
	for _, s := range solvers {
		rules.SameParty += s.rules.SameParty
		rules.TooLarge += s.rules.TooLarge
	}

	person = make([]int32, len(out))
	for i := range out {
		if root := out.root(int32(i)); root == int32(i) {
			person[i] = int32(n)
			n++
		} else {
			person[i] = person[root] // a root is its set's smallest record, so it is numbered already
		}
	}
	return person, n, rules
}

// partsAtATime is how many components a worker takes at once; most have a handful of
// records.
const partsAtATime = 64

// A part is a component that has pairs: its records are members[nodes:nodesEnd], its
// pairs inside[pairs:pairsEnd].
type part struct{ nodes, nodesEnd, pairs, pairsEnd int32 }

// partition sorts records by component, ascending in each; and the numbers of those
// pairs whose two records lie in one component, best first in each.
func partition(component []int32, pairs []Pair) (parts []part, members, inside []int32) {
	// Counts, and then places, by a component's smallest record.
	nodes, count := make([]int32, len(component)), make([]int32, len(component))
	for _, c := range component {
		nodes[c]++
	}
	for _, p := range pairs {
		if c := component[p.A]; c == component[p.B] {
			count[c]++
		}
	}
	var node, from int32
	for c, n := range count {
		if n > 0 {
			parts = append(parts, part{node, node + nodes[c], from, from + n})
			count[c] = from
			from += n
			nodes[c], node = node, node+nodes[c]
		} else {
			nodes[c] = -1
		}
	}
	members, inside = make([]int32, node), make([]int32, from)
	for record, c := range component {
		if at := nodes[c]; at >= 0 {
			members[at] = int32(record)
			nodes[c]++
		}
	}
	for i, p := range pairs {
		if c := component[p.A]; c == component[p.B] {
			inside[count[c]] = int32(i)
			count[c]++
		}
	}
	return parts, members, inside
}
