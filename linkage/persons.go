package linkage

import (
	"context"
	"runtime"
	"slices"
	"sort"
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

// mostAgainst is how far under the threshold a pair counts at most. Two records of one
// person can score like strangers when they were badly written, and a good share of all
// true pairs does; so a low score is a little evidence against, where one well above the
// threshold is overwhelming evidence in favour. A plain average takes both for as much, and
// tears persons of many noisy records apart, the more so the steeper the encoding. With a
// bound of 0 persons would be connected components, but for parties that have each person
// once. By the threshold that is best for each, plain filters of 1,024 bits and filters
// folded to 4,096, mean of three keys, without the bound and with it, F1 is
//
//	anonlink-5party        .870 .898   .918 .929
//	anonlink-3party        .864 .882   .886 .896
//	splink-fake1000-dedup  .888 .899   .830 .875
//	febrl3-dedup           .983 .986   .963 .967
//	ons-mock-census-pes    .965 .964   .973 .972
//	a clean borough        .991 .991   .992 .992
//	a dirty borough        .954 .955   .960 .959
//
// Nearer 0 it is worth more still on the noisiest sets, and begins to cost on the others.
const mostAgainst = 1.0 / 64

// mostWeighedAgainst is the same for weighed pairs (Evidence), whose score is laid out over
// 80 bits of evidence: two and a half bits, odds of six to one. Weights say more fully what
// speaks against a pair, so that more of it is let count. On a dirty borough of 5,000 the F1 of one
// filter with an exact key, of three filters with one, and of three filters is .978 .992
// .933 so; with mostAgainst .973 .993 .941; without a bound .978 .990 .922.
const mostWeighedAgainst = 1.0 / 32

// Least is what a pair counts as at least, kept or not: the floor that Persons is to be
// given.
func Least(threshold, floor float64, weighed bool) float64 {
	if weighed {
		return max(floor, threshold-mostWeighedAgainst)
	}
	return max(floor, threshold-mostAgainst)
}

// Persons joins records to persons.
//
// The two groups of records that are most alike on average are joined, again and
// again, while that average reaches the threshold and no deduplicated party would
// have two records in one person (average linkage: Sokal & Michener 1958; with the
// clean-source constraint of Saeedi, Peukert & Rahm, ESWC 2018, section 4). A
// single strong pair then cannot glue two families together, as it does where
// connected components are taken whole, and one weak pair does not keep a person
// apart, as it does where all pairs must reach the threshold. A pair that was not
// kept counts as if it stood at the floor, the most that it can have scored (see Least),
// and none counts as less. Of groups equally alike, those with the smallest records are
// joined first.
//
// Most persons are plain to see, whatever else there is (certain); what is left falls
// into components that are worked on by themselves, side by side. How the joins of a
// component are found without looking for the best of all pairs each time is told at
// solver.
//
// records holds the first record number of each party, and the number of records;
// clean says of each party whether it is deduplicated; pairs are those kept above
// the floor, best first, each once. person gives each record's person, of n, numbered by
// their first records.
func Persons(records []int, clean []bool, pairs []Pair, threshold, floor float64) (person []int32, n int, rules RuleCounts) {
	return personsOf(context.Background(), records, clean, pairs, threshold, floor)
}

// personsOf is Persons, ended early by ctx: then the persons are those that were joined by
// then, and mean nothing.
func personsOf(ctx context.Context, records []int, clean []bool, pairs []Pair, threshold, floor float64) (person []int32, n int, rules RuleCounts) {
	pairs = pairs[:sort.Search(len(pairs), func(i int) bool { return pairs[i].Score < floor })]
	g := newGroups(records, clean, threshold, floor)
	sets := g.certain(ctx, pairs)
	parts, members, inside := g.partition(sets, pairs)

	out := slices.Clone(g.of)
	local := make([]int32, len(out))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(parts)/partsAtATime+1) {
		wg.Go(func() {
			s := &solver{ctx: ctx, groups: g, pairs: pairs, local: local, out: out}
			for {
				from := int(next.Add(partsAtATime)) - partsAtATime
				if from >= len(parts) || ctx.Err() != nil {
					return
				}
				for _, p := range parts[from:min(from+partsAtATime, len(parts))] {
					s.solve(members[p.nodes:p.nodesEnd], inside[p.pairs:p.pairsEnd])
				}
			}
		})
	}
	wg.Wait()

	size := make([]int32, len(out))
	for i := range out {
		out[i] = out[out[i]] // from its group to the person of that
		size[out[i]]++
	}
	rules.SameParty = g.sameParty(out, size, pairs)
	person = make([]int32, len(out))
	for i, root := range out {
		if root != int32(i) && size[root] <= mostRecords {
			person[i] = person[root]
			continue
		}
		if root == int32(i) && size[root] > mostRecords {
			rules.TooLarge++
		}
		person[i] = int32(n)
		n++
	}
	return person, n, rules
}

// partsAtATime is how many components a worker takes at once; most have a handful of
// records.
const partsAtATime = 64

// A part is a component that has more than one group: its groups are members[nodes:nodesEnd],
// the pairs between them inside[pairs:pairsEnd].
type part struct{ nodes, nodesEnd, pairs, pairsEnd int32 }

// partition sorts groups by the set they are in, ascending in each, of sets of more than
// one; and the numbers of the pairs of two groups of one set that may be joined.
func (g *groups) partition(sets forest, pairs []Pair) (parts []part, members, inside []int32) {
	// Counts, and then places, by a set's smallest record.
	nodes, count := make([]int32, len(sets)), make([]int32, len(sets))
	for i, of := range g.of {
		if of == int32(i) {
			nodes[sets[i]]++
		}
	}
	for i := range pairs {
		p := &pairs[i]
		a, b := g.of[p.A], g.of[p.B]
		if a == b {
			continue
		}
		if set := sets[a]; set == sets[b] && !g.meet(a, b) {
			count[set]++
			inside = append(inside, int32(i))
		}
	}
	var node, from int32
	for set, n := range nodes {
		if n > 1 {
			parts = append(parts, part{node, node + n, from, from + count[set]})
			nodes[set], node = node, node+n
			count[set], from = from, from+count[set]
		} else {
			nodes[set] = -1
		}
	}
	members = make([]int32, node)
	for i, of := range g.of {
		if set := sets[i]; of == int32(i) && nodes[set] >= 0 {
			members[nodes[set]] = of
			nodes[set]++
		}
	}
	if len(parts) == 1 {
		return parts, members, inside
	}
	sorted := make([]int32, from)
	for _, i := range inside {
		set := sets[pairs[i].A]
		sorted[count[set]] = i
		count[set]++
	}
	return parts, members, sorted
}

// sameParty counts the pairs of persons that reach the threshold and were not joined,
// which only deduplicated parties are the reason of. of has each record's person, by its
// smallest record, and size the records of that.
func (g *groups) sameParty(of, size []int32, pairs []Pair) int {
	near := make([]bool, len(of)) // has a pair at the threshold with another person
	// The pairs of each person with larger ones.
	starts := make([]int32, len(of)+1)
	var between []int32
	for i := range pairs {
		a, b := of[pairs[i].A], of[pairs[i].B]
		if a == b {
			continue
		}
		if units(pairs[i].Score) >= g.threshold {
			near[a], near[b] = true, true
		}
		if near[a] && near[b] {
			between = append(between, int32(i))
			starts[min(a, b)+1]++
		}
	}
	for i := range of {
		starts[i+1] += starts[i]
	}
	links := make([]link, len(between))
	for _, i := range between {
		a, b := of[pairs[i].A], of[pairs[i].B]
		a, b = min(a, b), max(a, b)
		links[starts[a]] = link{units(pairs[i].Score), 1, b}
		starts[a]++
	}
	var count int
	slot := make([]int32, len(of))
	var from int32
	for a, to := range starts[:len(of)] {
		merged := links[from:from]
		for _, l := range links[from:to] {
			if at := slot[l.to]; int(at) < len(merged) && merged[at].to == l.to {
				merged[at].sum += l.sum
				merged[at].pairs++
				continue
			}
			slot[l.to] = int32(len(merged))
			merged = append(merged, l)
		}
		for k := range merged {
			l := &merged[k]
			if g.average(l.sum, l.pairs, uint64(size[a])*uint64(size[l.to])) >= g.threshold<<finer {
				count++
			}
		}
		from = to
	}
	return count
}
