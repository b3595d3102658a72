package linkage

import (
	"context"
	"math/bits"
	"slices"
)

// Average linkage in one component of groups (certain). Looking for the best pair of groups, joining
// them, and looking again takes a queue of all pairs of groups, which every join
// fills anew: in a component of five thousand records and three million pairs that
// took minutes. Instead chains are followed: from a group to the one that it is most
// alike, from there to the one that that is most alike, until two are each other's;
// those are joined. The joins come in another order, but they are the same
// (Bruynooghe 1977; Müllner, J. Stat. Soft. 53(9), 2013, section 2.2), because a
// group is never more alike to the union of two than to the better of them. That
// holds for averages, for groups that may not be joined, which are not alike at all,
// and for ties, which are broken by the smallest records; and it holds exactly,
// because averages are whole numbers here, never rounded sums.
//
// A join costs a look at the links of the groups on the chain, no more than there
// are groups in the component; so a component of n records and m pairs takes time in
// the order of m, where its records have a few links each, up to n² where all are
// alike, and memory in the order of m. A component is bounded by the pairs that are
// held: fifty million pairs are at most ten thousand records all alike.
type solver struct {
	ctx context.Context // ends it early
	*groups
	pairs []Pair
	local []int32 // of each group, its node
	out   forest

	// Of the component at hand, by node: nodes are its groups to begin with, in ascending
	// order. A group of nodes goes by its smallest.
	nodes  []int32
	group  forest
	size   []int32
	links  [][]link
	arena  []link
	slot   []int32  // see gather
	holds  []uint64 // as in groups
	apart  []bool   // nothing is alike enough to be joined to this group, now or ever
	chain  []int32
	starts []int32
}

// A link adds up the scores of the pairs kept between a group and another.
type link struct {
	sum   uint64 // in 1/scoreUnit
	pairs uint32
	to    int32 // a node of the other group
}

// scoreUnit is one in the whole numbers that scores are added up in. All pairs that
// can be held add up to less than 2^64; two Dice coefficients of filters up to 2^16
// bits differ by two units or more.
const scoreUnit = 1 << 36

// finer is by how many binary places averages are kept finer than scores: those of many pairs
// lie closer together.
const finer = 24

func units(score float64) uint64 { return uint64(score*scoreUnit + 0.5) }

// solve joins the groups of one component in out: nodes, ascending. part numbers the
// pairs between them, but for those of groups that may not be joined.
func (s *solver) solve(nodes, part []int32) {
	s.nodes = nodes
	for i, g := range nodes {
		s.local[g] = int32(i)
	}
	s.prepare(part)
	for i := range s.nodes {
		s.follow(int32(i))
	}
	for i := range s.nodes {
		if root := s.group.root(int32(i)); root != int32(i) {
			s.out[s.nodes[i]] = s.nodes[root]
		}
	}
}

// resized is a slice of n elements that are all the zero value, reusing old.
func resized[T any](old []T, n int) []T {
	old = slices.Grow(old[:0], n)[:n]
	clear(old)
	return old
}

// prepare lays out the links of each group.
func (s *solver) prepare(part []int32) {
	n := len(s.nodes)
	s.group = resized(s.group, n)
	s.size = resized(s.size, n)
	s.slot = resized(s.slot, n)
	s.apart = resized(s.apart, n)
	s.holds = resized(s.holds, n*s.words)
	s.links = resized(s.links, n)
	s.starts = resized(s.starts, n+1)
	for i, g := range s.nodes {
		s.group[i], s.size[i] = int32(i), s.groups.size[g]
		copy(s.holds[i*s.words:], s.groups.holds[int(g)*s.words:][:s.words])
	}
	for _, i := range part {
		p := &s.pairs[i]
		s.starts[s.local[s.of[p.A]]+1]++
		s.starts[s.local[s.of[p.B]]+1]++
	}
	for i := range n {
		s.starts[i+1] += s.starts[i]
	}
	s.arena = slices.Grow(s.arena[:0], 2*len(part))[:2*len(part)]
	for i := range n {
		s.links[i] = s.arena[s.starts[i]:s.starts[i]:s.starts[i+1]]
	}
	for _, i := range part {
		p := &s.pairs[i]
		a, b, u := s.local[s.of[p.A]], s.local[s.of[p.B]], units(p.Score)
		s.links[a] = append(s.links[a], link{u, 1, b})
		s.links[b] = append(s.links[b], link{u, 1, a})
	}
}

// average is how alike two groups are that could have n pairs, in 1/averageUnit,
// rounded down.
func (s *groups) average(sum uint64, pairs uint32, n uint64) uint64 {
	if n == 1 {
		return sum << finer
	}
	hi, lo := bits.Mul64(sum, 1<<finer)
	missingHi, missingLo := bits.Mul64(n-uint64(pairs), s.floor<<finer)
	lo, carry := bits.Add64(lo, missingLo, 0)
	hi, _ = bits.Add64(hi, missingHi, carry)
	average, _ := bits.Div64(hi, lo, n)
	return average
}

// gather brings the links of a group up to date: one for each other group that it may
// be joined to. Groups that may not be joined never may.
func (s *solver) gather(i int32) []link {
	all := s.links[i]
	out := all[:0]
	for _, l := range all {
		l.to = s.group.root(l.to)
		if l.to == i {
			continue
		}
		// slot says where in out a group's link is, if it is there.
		if at := s.slot[l.to]; int(at) < len(out) && out[at].to == l.to {
			out[at].sum += l.sum
			out[at].pairs += l.pairs
			continue
		}
		if !s.meet(i, l.to) {
			s.slot[l.to] = int32(len(out))
			out = append(out, l)
		}
	}
	s.links[i] = out
	return out
}

// nearest is the group that i is to be joined to before all others, or -1.
func (s *solver) nearest(i int32) int32 {
	best, top := int32(-1), s.threshold<<finer
	links := s.gather(i)
	for k := range links {
		l := &links[k]
		average := s.average(l.sum, l.pairs, uint64(s.size[i])*uint64(s.size[l.to]))
		// Of equal averages with i, the smaller group comes first: the pairs differ only in it.
		if average < top || best >= 0 && average == top && l.to > best {
			continue
		}
		best, top = l.to, average
	}
	return best
}

// meet reports whether a deduplicated party has a record in both groups.
func (s *solver) meet(i, j int32) bool { return meet(s.holds, s.words, i, j) }

// follow follows the chain from a group, and joins what it leads to, until nothing is
// left to be joined to any group on it.
func (s *solver) follow(from int32) {
	if s.group[from] != from || s.apart[from] {
		return
	}
	s.chain = append(s.chain[:0], from)
	for len(s.chain) > 0 && s.ctx.Err() == nil {
		top := s.chain[len(s.chain)-1]
		to := s.nearest(top)
		switch {
		case to < 0:
			s.apart[top] = true
			s.chain = s.chain[:len(s.chain)-1]
		case len(s.chain) > 1 && s.chain[len(s.chain)-2] == to:
			s.chain = s.chain[:len(s.chain)-2]
			joined := s.merge(top, to)
			if len(s.chain) == 0 {
				s.chain = append(s.chain, joined)
			}
		default:
			s.chain = append(s.chain, to)
		}
	}
}

// merge joins two groups, and returns the group they are now.
func (s *solver) merge(i, j int32) int32 {
	i, j = min(i, j), max(i, j)
	s.group[j] = i
	s.size[i] += s.size[j]
	for k := range s.words {
		s.holds[int(i)*s.words+k] |= s.holds[int(j)*s.words+k]
	}
	more, fewer := s.links[i], s.links[j]
	if len(more) < len(fewer) {
		more, fewer = fewer, more
	}
	s.links[i], s.links[j] = append(more, fewer...), nil
	return i
}
