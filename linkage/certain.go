package linkage

import (
	"context"
	"math"
	"slices"
	"sort"
)

// groups are records that are already joined, where persons are formed.
type groups struct {
	threshold, floor uint64 // in 1/scoreUnit

	// By record. A group goes by its smallest record.
	of    []int32
	size  []int32
	holds []uint64 // words of bits: the deduplicated parties that the group has a record of
	words int

	scratch []uint64
}

// newGroups has each record in a group of its own.
func newGroups(records []int, clean []bool, threshold, floor float64) *groups {
	n := records[len(records)-1]
	g := &groups{
		threshold: units(threshold), floor: units(floor),
		of: newForest(n), size: make([]int32, n), words: (len(clean) + 63) / 64,
	}
	g.holds, g.scratch = make([]uint64, n*g.words), make([]uint64, g.words)
	for p, is := range clean {
		for i := records[p]; i < records[p+1]; i++ {
			g.size[i] = 1
			if is {
				g.holds[i*g.words+p/64] = 1 << (p % 64)
			}
		}
	}
	return g
}

func (g *groups) meet(a, b int32) bool { return meet(g.holds, g.words, a, b) }

// meet reports whether a and b have a bit in common.
func meet(holds []uint64, words int, a, b int32) bool {
	if words == 1 {
		return holds[a]&holds[b] != 0
	}
	x, y := holds[int(a)*words:][:words], holds[int(b)*words:][:words]
	for k, w := range x {
		if w&y[k] != 0 {
			return true
		}
	}
	return false
}

// certain joins the records that any order of joining would put together before
// anything else happens to them, and returns the sets of records that are connected at the
// threshold: nothing outside a set is joined to any of it.
//
// Pairs are taken best first, and the records they connect are a set. Where every two
// records of a set have a pair, and no pair that connects the set with another is as good as
// the worst of its own, the average of any two parts of it is better than that
// of any part and something outside; so they are joined first, all of them. The person of
// most records is found so, whatever strangers it is a little like. And two such groups
// with a record of the same deduplicated party are never joined, nor is what they grow to;
// a pair between them says nothing and connects nothing. ctx ends it early.
func (g *groups) certain(ctx context.Context, pairs []Pair) forest {
	c := &certainty{groups: g, members: make([]member, len(g.of))}
	for i := range c.members {
		c.members[i] = member{set: int32(i), next: int32(i), group: int32(i), size: 1, holds: folded(g.holds[i*g.words:][:g.words])}
	}
	n := sort.Search(len(pairs), func(i int) bool { return units(pairs[i].Score) < g.threshold })
	level, score := int32(0), uint64(math.MaxUint64)
	for next := range slices.Chunk(pairs[:n], touchedAtATime) {
		if ctx.Err() != nil {
			break
		}
		c.touch(next)
		for i := range next {
			p := &next[i]
			if u := units(p.Score); u != score {
				level, score = level+1, u
			}
			c.connect(p.A, p.B, level)
		}
	}
	sets := make(forest, len(c.members))
	for i := range c.members {
		m := &c.members[i]
		sets[i] = int32(i)
		if m.set != int32(i) {
			sets[i] = sets[m.set] // smaller than i, so known
		} else if m.complete > 0 {
			c.join(int32(i))
		}
	}
	for i := range c.members {
		g.of[i] = c.members[i].group
	}
	return sets
}

// certainty is where certain joins records. What it knows of a record is in one place, half
// of a cache line: there are millions of records and pairs come to them in no order, so
// what takes time is waiting for memory.
type certainty struct {
	*groups
	members []member
	touched int32
}

// A member is a record of a set. size, pairs and complete are of the set, kept at its
// smallest record.
type member struct {
	set      int32 // a smaller record of the same set, or itself; see forest
	next     int32 // the next record of the set, all around
	group    int32 // as in groups
	size     int32
	pairs    int32
	complete int32  // the level of the pair with which every two records had one; else 0
	holds    uint64 // of the group, folded: all of it where there are no more words
}

// folded has a bit for all parties 64 apart: where two have no bit in common, they have no
// party in common.
func folded(holds []uint64) uint64 {
	var f uint64
	for _, w := range holds {
		f |= w
	}
	return f
}

// touchedAtATime is how many pairs' records are brought into the cache together; 16 and 64
// are no faster.
const touchedAtATime = 32

// touch reads what connect is about to: the records of pairs, the smallest of their sets, and
// the first few others of sets that may be joined now. These reads do not wait for each
// other as those of connect do, which takes a third of the time off.
func (c *certainty) touch(pairs []Pair) {
	var sum int32
	for i := range pairs {
		sum += c.members[pairs[i].A].set + c.members[pairs[i].B].set
	}
	var array [2 * touchedAtATime]int32
	sets := array[:0]
	for i := range pairs {
		if a, b := &c.members[pairs[i].A], &c.members[pairs[i].B]; a.holds&b.holds == 0 {
			sets = append(sets, a.set, b.set)
		}
	}
	for _, set := range sets {
		sum += c.members[set].set
	}
	around := sets[:0]
	for _, set := range sets {
		if c.members[set].complete > 0 {
			around = append(around, set)
		}
	}
	for range 4 {
		for k, i := range around {
			around[k] = c.members[i].next
		}
	}
	c.touched = sum // or the compiler would leave the reads out
}

// root is the smallest record of the set that i is in.
func (c *certainty) root(i int32) int32 {
	for {
		m := &c.members[i]
		if m.set == i {
			return i
		}
		m.set = c.members[m.set].set
		i = m.set
	}
}

// meet reports whether a deduplicated party has a record in the groups of both.
func (c *certainty) meet(i, j int32) bool {
	a, b := &c.members[i], &c.members[j]
	return a.holds&b.holds != 0 && (c.words == 1 || c.groups.meet(a.group, b.group))
}

// connect takes the next pair. Pairs of equal scores have the same level, worse ones a higher one.
func (c *certainty) connect(i, j, level int32) {
	if c.meet(i, j) {
		return
	}
	a, b := c.root(i), c.root(j)
	if a == b {
		c.members[a].pairs++
	} else {
		joined := false
		for _, set := range [...]int32{a, b} {
			if m := &c.members[set]; m.complete > 0 && m.complete < level {
				c.join(set)
				m.complete, joined = 0, true
			}
		}
		if joined && c.meet(i, j) {
			return
		}
		a, b = min(a, b), max(a, b)
		x, y := &c.members[a], &c.members[b]
		x.next, y.next = y.next, x.next
		y.set = a
		x.size += y.size
		x.pairs += y.pairs + 1
		x.complete = 0
	}
	if m := &c.members[a]; m.size <= mostRecords && m.pairs == m.size*(m.size-1)/2 {
		m.complete = level
	}
}

// join makes a group of a set, if no deduplicated party has two records in it.
func (c *certainty) join(set int32) {
	var size int32
	holds := c.scratch
	clear(holds)
	for i, from := set, true; from || i != set; i, from = c.members[i].next, false {
		size++
		if c.members[i].group == i && !c.add(holds, i) {
			return
		}
	}
	all := folded(holds)
	for i, from := set, true; from || i != set; i, from = c.members[i].next, false {
		c.members[i].group, c.members[i].holds = set, all
	}
	c.groups.size[set] = size
	copy(c.groups.holds[int(set)*c.words:], holds)
}

// add adds the parties of a group, and reports whether none was there.
func (c *certainty) add(holds []uint64, group int32) bool {
	own := c.groups.holds[int(group)*c.words:][:c.words]
	if c.words == 1 {
		own = []uint64{c.members[group].holds} // is in the cache
	}
	for k, w := range own {
		if holds[k]&w != 0 {
			return false
		}
		holds[k] |= w
	}
	return true
}
