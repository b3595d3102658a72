package linkage

import (
	"cmp"
	"container/heap"
	"slices"
)

// RuleCounts says how often the rules for forming persons had to decide.
type RuleCounts struct {
	SameParty int // joins refused: two records of one deduplicated party would have met
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
// kept counts as if it stood at the floor, the most that it can have scored.
//
// Groups only ever meet inside a connected component of the pairs at the threshold,
// so each component is worked on by itself.
//
// records holds the first record number of each party, and the number of records;
// clean says of each party whether it is deduplicated; pairs are those kept above
// the floor, best first. person gives each record's person, of n, numbered by
// their first records.
func Persons(records []int, clean []bool, pairs []Pair, threshold, floor float64) (person []int32, n int, rules RuleCounts) {
	component := connected(records[len(records)-1], pairs, threshold)
	inside := make([]int32, 0, len(pairs)) // pairs that lie in one component, by component
	for i, p := range pairs {
		if component[p.A] == component[p.B] {
			inside = append(inside, int32(i))
		}
	}
	slices.SortStableFunc(inside, func(x, y int32) int {
		return cmp.Compare(component[pairs[x].A], component[pairs[y].A])
	})

	out := newForest(len(component))
	var part []Pair
	for from, to := 0, 0; from < len(inside); from = to {
		part = part[:0]
		for ; to < len(inside) && component[pairs[inside[to]].A] == component[pairs[inside[from]].A]; to++ {
			part = append(part, pairs[inside[to]])
		}
		newAgglomeration(records, clean, part, threshold, floor).run(out, &rules)
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

// An agglomeration is average linkage under way in one component.
type agglomeration struct {
	threshold, floor float64
	groups           []group
	queue            mergeQueue
}

type group struct {
	members []int32 // record numbers; the first is the smallest
	clean   []int32 // deduplicated parties that have a record here, sorted
	links   map[int32]link
}

// A link adds up the scores kept between two groups.
type link struct {
	sum   float64
	pairs int
}

func newAgglomeration(records []int, clean []bool, pairs []Pair, threshold, floor float64) *agglomeration {
	g := &agglomeration{threshold: threshold, floor: floor}
	index := make(map[int32]int32)
	of := func(record int32) int32 {
		i, ok := index[record]
		if !ok {
			i = int32(len(g.groups))
			index[record] = i
			x := group{members: []int32{record}, links: map[int32]link{}}
			if p := partyOf(records, record); clean[p] {
				x.clean = []int32{int32(p)}
			}
			g.groups = append(g.groups, x)
		}
		return i
	}
	for _, p := range pairs {
		i, j := of(p.A), of(p.B)
		l := link{p.Score, 1}
		g.groups[i].links[j], g.groups[j].links[i] = l, l
		g.consider(i, j)
	}
	return g
}

func (g *agglomeration) average(i, j int32) float64 {
	l := g.groups[i].links[j]
	n := len(g.groups[i].members) * len(g.groups[j].members)
	if l.pairs == n {
		return l.sum / float64(n)
	}
	return (l.sum + float64(n-l.pairs)*g.floor) / float64(n)
}

// consider queues a join that reaches the threshold.
func (g *agglomeration) consider(i, j int32) {
	if avg := g.average(i, j); avg >= g.threshold {
		m := merge{avg, i, j, g.groups[i].members[0], g.groups[j].members[0]}
		if m.a > m.b {
			m.i, m.j, m.a, m.b = m.j, m.i, m.b, m.a
		}
		heap.Push(&g.queue, m)
	}
}

func (g *agglomeration) run(out forest, rules *RuleCounts) {
	for g.queue.Len() > 0 {
		m := heap.Pop(&g.queue).(merge)
		if _, ok := g.groups[m.i].links[m.j]; !ok || g.average(m.i, m.j) != m.average {
			continue // one of the two has grown or gone since
		}
		if meet(g.groups[m.i].clean, g.groups[m.j].clean) {
			// They will never be joined, however they grow.
			rules.SameParty++
			delete(g.groups[m.i].links, m.j)
			delete(g.groups[m.j].links, m.i)
			continue
		}
		g.merge(m.i, m.j)
	}
	for i := range g.groups {
		members := g.groups[i].members
		if len(members) > mostRecords {
			rules.TooLarge++
			continue
		}
		for _, m := range members[min(1, len(members)):] {
			out.join(members[0], m)
		}
	}
}

// merge puts j into i, or i into j where j has more links.
func (g *agglomeration) merge(i, j int32) {
	if len(g.groups[i].links) < len(g.groups[j].links) {
		i, j = j, i
	}
	a, b := &g.groups[i], &g.groups[j]
	if a.members[0] < b.members[0] {
		a.members = append(a.members, b.members...)
	} else {
		a.members = append(b.members, a.members...)
	}
	a.clean = append(a.clean, b.clean...)
	slices.Sort(a.clean)
	delete(a.links, j)
	for x, l := range b.links {
		if x == i {
			continue
		}
		sum := link{a.links[x].sum + l.sum, a.links[x].pairs + l.pairs}
		a.links[x], g.groups[x].links[i] = sum, sum
		delete(g.groups[x].links, j)
	}
	*b = group{}
	for x := range a.links {
		g.consider(i, x)
	}
}

// A merge is two groups that may be joined; a and b are their smallest records,
// which decide between equal averages so that the order is one of a kind.
type merge struct {
	average float64
	i, j    int32
	a, b    int32
}

type mergeQueue []merge

func (q mergeQueue) Len() int { return len(q) }
func (q mergeQueue) Less(x, y int) bool {
	return cmp.Or(cmp.Compare(q[y].average, q[x].average), cmp.Compare(q[x].a, q[y].a), cmp.Compare(q[x].b, q[y].b)) < 0
}
func (q mergeQueue) Swap(x, y int) { q[x], q[y] = q[y], q[x] }
func (q *mergeQueue) Push(x any)   { *q = append(*q, x.(merge)) }
func (q *mergeQueue) Pop() any {
	last := len(*q) - 1
	m := (*q)[last]
	*q = (*q)[:last]
	return m
}

// meet reports whether two sorted lists share an element.
func meet(a, b []int32) bool {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			return true
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return false
}
