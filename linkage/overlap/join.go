package overlap

import (
	"errors"
	"fmt"
	"math/bits"
)

// A Hit is a pair of filters that reaches the rule: row numbers of a and of b, and the bits
// they have in common, from which, with a.Ones(A) and b.Ones(B), their similarity follows.
type Hit struct {
	A, B   int32
	Common int32
}

// A Join finds every pair of filters, one of a and one of b, that reaches a rule, and no
// other. It is immutable and safe for concurrent use.
type Join struct {
	a, b   *Filters
	within bool // a and b are one set, and each unordered pair is wanted once
	bounds *bounds
	check  int // the checkpoint, in words; the words of a filter if there is none
}

// Between prepares the join of two sets, which must have been prepared under one layout.
// Apart from checks it spends a few milliseconds choosing a checkpoint by timing, which
// changes how fast hits are found, and not which or in what order.
func Between(a, b *Filters, r Rule) (*Join, error) { return newJoin(a, b, r, false) }

// Within prepares the join of a set with itself. Each unordered pair of different rows is
// found once, as A and B in an order that means nothing.
func Within(f *Filters, r Rule) (*Join, error) { return newJoin(f, f, r, true) }

func newJoin(a, b *Filters, r Rule, within bool) (*Join, error) {
	switch {
	case a.Bits() != b.Bits():
		return nil, fmt.Errorf("filters of %d bits cannot be compared with filters of %d bits", a.Bits(), b.Bits())
	case !a.layout.same(b.layout) || a.kernel != b.kernel:
		return nil, errors.New("the two sets of filters were prepared under different layouts: prepare both under one")
	}
	if err := r.check(a.Bits()); err != nil {
		return nil, err
	}
	j := &Join{a, b, within, newBounds(r, a.Bits()), a.words}
	j.check = j.tune()
	return j, nil
}

// Chunk is the number of filters of a that are held against a tile of b before the next
// tile is read. Work that is split by positions is best split at multiples of it.
const Chunk = 128

// hitBuffer is the most hits that are emitted at once.
const hitBuffer = 1024

// Pairs emits the hits of the filters of a at positions lo … hi-1 (0 ≤ lo ≤ hi ≤ a.Len();
// it panics if they are not). The union over ranges that cover a is all hits, and each
// comes once. Their order depends on the sets, the rule and the range, and on
// nothing else: not on the kernel, the checkpoint or the machine; and ranges that begin
// at multiples of [Chunk] give, one after the other, what one range over all of them
// gives. The slice is emit's until it returns; it is called with at least one hit, and
// from the calling goroutine. Memory does not grow with the number of hits.
//
// Calls may overlap.
func (j *Join) Pairs(lo, hi int, emit func([]Hit)) {
	if lo < 0 || lo > hi || hi > j.a.n {
		panic(fmt.Sprintf("overlap: positions %d to %d of %d filters", lo, hi, j.a.n))
	}
	s := j.newScan(j.check, emit)
	for from := lo; from < hi; from += Chunk {
		s.chunk(from, min(from+Chunk, hi))
	}
	s.flush()
}

// A scan is the working memory of one call of Pairs.
type scan struct {
	*Join
	check     int
	rows      []uint64 // a chunk of a: group after group as the kernel wants them
	survivors []survivor
	hits      []Hit
	emit      func([]Hit)
	limits    limits
}

func (j *Join) newScan(check int, emit func([]Hit)) *scan {
	most := 0
	for _, t := range j.b.tiles[:min(1, len(j.b.tiles))] { // the first is as large as any
		most = (t.to - t.from + lanes - 1) / lanes * group
	}
	return &scan{
		Join: j, check: check,
		rows:      make([]uint64, Chunk*j.a.words),
		survivors: make([]survivor, most),
		hits:      make([]Hit, 0, hitBuffer),
		emit:      emit,
	}
}

// chunk holds the filters of a at positions from … to-1 against every tile of b that one
// of them can reach.
func (s *scan) chunk(from, to int) {
	size := group * s.a.words
	for p := from; p < to; p += group {
		s.a.gather(p, s.rows[(p-from)/group*size:][:size])
	}
	// Ones grow with the position, and so do both ends of the reach.
	least, _ := s.bounds.reach(int(s.a.ones[from]))
	_, most := s.bounds.reach(int(s.a.ones[to-1]))
	tiles := s.b.within(least, most)
	for i := range tiles {
		t := &tiles[i]
		for p := from; p < to; p += group {
			s.tile(p, min(p+group, to), s.rows[(p-from)/group*size:][:size], t)
		}
	}
}

// tile holds the filters of a at positions p … to-1, at most a group, against a tile of b.
func (s *scan) tile(p, to int, rows []uint64, t *tile) {
	if s.within && t.to <= p+1 || !s.setLimits(p, to, t) {
		return
	}
	first := t.from / lanes * lanes * s.b.words
	end := (t.to + lanes - 1) / lanes * lanes * s.b.words
	n := s.b.kernel.scan(rows, s.b.blocks[first:end], s.b.words, s.check, &s.limits, s.survivors)
	for i := range s.survivors[:n] {
		s.keep(p, t.from, &s.survivors[i])
	}
}

// setLimits works out the limits of a group against a tile, and reports whether any pair
// is left to look for.
func (s *scan) setLimits(p, to int, t *tile) bool {
	any := false
	s.limits = limits{}
	for r := range to - p {
		ones := int(s.a.ones[p+r])
		limit := int(s.bounds.limit[ones+t.topOnes])
		if limit <= outside(ones, t.leastOnes, t.topOnes) {
			continue // two filters differ in at least as many bits as their ones do
		}
		any = true
		s.limits[r] = uint64(limit)
	}
	return any
}

// outside is how far x lies outside least … most.
func outside(x, least, most int) int { return max(0, least-x, x-most) }

// keep makes hits of the lanes of a survivor that reach the rule themselves: the
// limit was that of the tile's largest filter.
func (s *scan) keep(group, tile int, v *survivor) {
	p, q := group+v.row(), tile+v.block()*lanes
	ones := int(s.a.ones[p])
	for mask := v.mask(); mask != 0; mask &= mask - 1 {
		lane := bits.TrailingZeros(mask)
		q := q + lane
		if q >= s.b.n || s.within && q <= p {
			continue
		}
		sum := ones + int(s.b.ones[q])
		common := (sum - int(v.differ[lane])) / 2
		if common < int(s.bounds.need[sum]) {
			continue
		}
		s.hits = append(s.hits, Hit{s.a.row[p], s.b.row[q], int32(common)})
		if len(s.hits) == cap(s.hits) {
			s.flush()
		}
	}
}

func (s *scan) flush() {
	if len(s.hits) > 0 {
		s.emit(s.hits)
		s.hits = s.hits[:0]
	}
}
