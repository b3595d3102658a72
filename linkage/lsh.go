package linkage

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"cohortlink/linkage/overlap"
)

// LSH by bit sampling (Indyk & Motwani, STOC 1998, section 4.2; for Bloom filters of
// records Durham, PhD thesis, Vanderbilt 2012; Karapiperis & Verykios, IEEE TKDE 27(4),
// 2015). A table puts two records into one bucket if their filters agree in k places
// drawn at random, and pairs that share a bucket of any of T tables are compared. Two
// filters of L bits that differ in h meet in a table with probability
//
//	p(h) = C(L-h, k) / C(L, k)
//
// and in none of them with (1-p)^T: tables are independent given the filters, so this is
// no bound but what is to be expected, whatever made the bits differ. It asks for nothing
// but the distance of the two, and so it is the same for every encoding, even though
// what distance a score means is not: the steeper the encoding, the farther apart are
// true pairs, and the less LSH is worth.

// mostPlaces leaves half of a word for the number of a record. Buckets of 2^32 hold less
// than one stranger each in any linkage that can be run.
const mostPlaces = 32

// tables are those of one filter.
type lshTables struct {
	bits   int
	k      int
	places [][mostPlaces]uint16 // of each table; the first k count
}

// newTables draws the places of n tables for filter number i. Those of the first tables
// are the same whatever n is, and the first places whatever k is.
func newTables(secret []byte, i, length, k, n int) *lshTables {
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "cohortlink LSH, filter %d", i)
	rng := rand.New(rand.NewChaCha8([32]byte(mac.Sum(nil))))
	t := &lshTables{length, k, make([][mostPlaces]uint16, n)}
	all := make([]uint16, length)
	for b := range all {
		all[b] = uint16(b)
	}
	for j := range t.places {
		for p := range mostPlaces {
			// The beginning of a Fisher-Yates shuffle: places of one table are distinct.
			q := p + rng.IntN(length-p)
			all[p], all[q] = all[q], all[p]
		}
		copy(t.places[j][:], all)
	}
	return t
}

// meets is the probability that two filters that differ in h bits meet in a table.
func (t *lshTables) meets(h int) float64 { return meets(t.bits, t.k, h) }

func meets(length, k, h int) float64 {
	p := 1.0
	for i := range k {
		p *= float64(max(0, length-h-i)) / float64(length-i)
	}
	return p
}

// key is the bucket of a filter in a table: its bits in the first k places, the first of
// them the most significant.
func key(row []uint64, places []uint16) (key uint32) {
	for _, b := range places {
		key = key<<1 | uint32(row[b/64]>>(b%64)&1)
	}
	return key
}

// meet reports whether two filters share a bucket of table j.
func (t *lshTables) meet(j int, x, y []uint64) bool {
	for _, b := range t.places[j][:t.k] {
		if (x[b/64]^y[b/64])>>(b%64)&1 != 0 {
			return false
		}
	}
	return true
}

// anew reports whether j is the first table in which two filters that meet in it do. A
// pair is kept there and nowhere else, so that which pairs were found need not be
// remembered.
func (t *lshTables) anew(j int, x, y []uint64) bool {
	for i := range j {
		if t.meet(i, x, y) {
			return false
		}
	}
	return true
}

// buckets sorts records by bucket in a table, of k places: a record is bucket<<32 | number,
// and those of a bucket are in the order of their numbers. Records with nothing in their
// filters are in none, since they score 0 with everybody. It works in dst and spare, which
// have room for all records.
func (r *run) buckets(places []uint16, dst, spare []uint64) []uint64 {
	dst = dst[:0]
	for i := range r.parties {
		p := &r.parties[i]
		for k := range p.ids {
			number := r.first[i] + k
			if r.ones[number] > 0 {
				dst = append(dst, uint64(key(p.rows[k*r.words:][:r.words], places))<<32|uint64(number))
			}
		}
	}
	return sortHigh(dst, spare[:len(dst)], len(places))
}

// sortHigh sorts by the lowest n bits of the high half, what is equal there staying in its
// order (a radix sort from the least digit), and returns the one of a and spare that has
// the result.
func sortHigh(a, spare []uint64, n int) []uint64 {
	const digit = 11
	for shift := 0; shift < n; shift += digit {
		var from [1 << digit]int
		at := 32 + shift
		for _, x := range a {
			from[x>>at&(1<<digit-1)]++
		}
		sum := 0
		for i, count := range from {
			from[i], sum = sum, sum+count
		}
		for _, x := range a {
			d := x >> at & (1<<digit - 1)
			spare[from[d]] = x
			from[d]++
		}
		a, spare = spare, a
	}
	return a
}

// scanBuckets compares the pairs that share a bucket, and returns those at or above the
// floor, best first, each once, and how many comparisons it took; a pair is compared as
// often as it meets.
func (r *run) scanBuckets(ctx context.Context, floor overlap.Ratio, t *lshTables, expected float64) ([]Pair, uint64, error) {
	var (
		found = make([][]Pair, len(t.places))
		rule  = r.measure.rule(lowered(floor, r.offsets.largest()))
		kin   = r.kin()
		next  atomic.Int64
		met   atomic.Uint64 // pairs, those of one party that are not compared counted in
		done  atomic.Uint64
		kept  atomic.Int64
		wg    sync.WaitGroup
		fail  atomic.Pointer[error]
	)
	known := r.knownFrom(floor)
	kept.Store(int64(len(known)))
	total := uint64(expected) + 1
	tell := func(meeting, compared uint64) {
		n := met.Add(meeting)
		done.Add(compared)
		r.progress("compare", n, max(n, total))
	}
	tell(0, 0)
	for range r.Workers {
		wg.Go(func() {
			s := &bucketScan{run: r, lshTables: t, rule: rule, floor: value(floor), kin: kin, kept: &kept, ctx: ctx, tell: tell,
				records: make([]uint64, len(r.ones)), spare: make([]uint64, len(r.ones))}
			for {
				j := int(next.Add(1)) - 1
				if j >= len(found) || s.stop() || fail.Load() != nil {
					return
				}
				pairs, err := s.table(j)
				if err != nil {
					fail.Store(&err)
					return
				}
				found[j] = pairs
			}
		})
	}
	wg.Wait()
	if err := fail.Load(); err != nil {
		return nil, 0, *err
	}
	pairs, err := r.gather(ctx, known, found, kept.Load(), floor)
	return pairs, done.Load(), err
}

// kin gives two records the same number if they are never compared: those of a party that
// holds each person once.
func (r *run) kin() []int32 {
	kin := make([]int32, len(r.ones))
	for i := range r.parties {
		for n := r.first[i]; n < r.first[i+1]; n++ {
			if kin[n] = int32(n); r.parties[i].clean {
				kin[n] = int32(r.first[i])
			}
		}
	}
	return kin
}

// joinFrom is the size from which a bucket is worth laying out for the kernels: a record
// takes as long to lay out as to be compared with half a hundred others without them.
const joinFrom = 96

// A bucketScan goes through tables, one at a time.
type bucketScan struct {
	*run
	*lshTables
	ctx      context.Context
	rule     overlap.Rule // that every pair at or above the floor reaches
	floor    float64
	kin      []int32
	kept     *atomic.Int64
	tell     func(met, compared uint64)
	met      uint64 // pairs in buckets, and not told yet
	compared uint64 // of them

	records, spare []uint64
	rows           [][]uint64 // of the bucket at hand
	joined         []uint64   // the same, one after the other
	out            []Pair
}

// stop reports whether the run has ended, or failed.
func (s *bucketScan) stop() bool {
	return s.ctx.Err() != nil || s.kept.Load() > int64(s.MaxPairs)
}

// table returns the pairs that meet in table j first, and reach the rule.
func (s *bucketScan) table(j int) ([]Pair, error) {
	s.out = nil
	sorted := s.buckets(s.places[j][:s.k], s.records, s.spare)
	for from, to, asked := 0, 0, 0; from < len(sorted); from = to {
		for to = from + 1; to < len(sorted) && sorted[to]>>32 == sorted[from]>>32; to++ {
		}
		if to == from+1 {
			continue
		}
		if to > asked {
			if s.stop() {
				return nil, nil
			}
			s.report()
			asked = to + 1<<12
		}
		bucket, old := sorted[from:to], 0
		for _, x := range bucket {
			if s.isOld(int32(uint32(x))) {
				old++
			}
		}
		pairs := pairsMeeting(len(bucket), old)
		if pairs == 0 {
			continue
		}
		s.met += uint64(pairs)
		s.rows = s.rows[:0]
		for _, x := range bucket {
			s.rows = append(s.rows, s.filterOf(int32(uint32(x))))
		}
		if len(bucket) < joinFrom {
			s.small(j, bucket)
		} else if err := s.large(j, bucket); err != nil {
			return nil, err
		}
	}
	s.report()
	return s.out, nil
}

// report tells how many pairs met, and were compared, since it last did.
func (s *bucketScan) report() {
	s.tell(s.met, s.compared)
	s.met, s.compared = 0, 0
}

// small compares the records of a bucket one by one.
func (s *bucketScan) small(j int, bucket []uint64) {
	for x, row := range s.rows {
		a := int32(uint32(bucket[x]))
		for y, other := range s.rows[:x] {
			b := int32(uint32(bucket[y]))
			if s.kin[a] == s.kin[b] || s.isOld(a) && s.isOld(b) {
				continue
			}
			s.compared++
			common := overlap.CommonBits(row, other)
			if s.rule.Reached(common, int(s.ones[a]), int(s.ones[b])) {
				s.keep(j, x, y, bucket, common)
			}
		}
	}
}

// large compares the records of a bucket by the kernels.
func (s *bucketScan) large(j int, bucket []uint64) error {
	s.joined = s.joined[:0]
	for _, row := range s.rows {
		s.joined = append(s.joined, row...)
	}
	filters, err := s.layout.Prepare(s.joined)
	if err != nil {
		return err
	}
	join, err := overlap.Within(filters, s.rule)
	if err != nil {
		return err
	}
	for lo := 0; lo < len(bucket) && !s.stop(); lo += tileRows {
		join.Pairs(lo, min(lo+tileRows, len(bucket)), func(hits []overlap.Hit) {
			for _, h := range hits {
				if s.kin[uint32(bucket[h.A])] != s.kin[uint32(bucket[h.B])] {
					s.keep(j, int(h.A), int(h.B), bucket, int(h.Common))
				}
			}
		})
	}
	n := uint64(len(bucket))
	s.compared += n * (n - 1) / 2
	return nil
}

// keep keeps a pair that reaches the rule, if this is where it belongs.
func (s *bucketScan) keep(j, x, y int, bucket []uint64, common int) {
	a, b := int32(uint32(bucket[x])), int32(uint32(bucket[y]))
	if s.isOld(a) && s.isOld(b) || !s.anew(j, s.rows[x], s.rows[y]) {
		return
	}
	score := s.score(common, a, b)
	if s.offsets != nil && score < s.floor || s.kept.Add(1) > int64(s.MaxPairs) {
		return
	}
	s.out = append(s.out, Pair{min(a, b), max(a, b), score})
}

// complete adds to what LSH found the pairs at or above the floor of records that links join
// by way of others, and says how many it compared. A person's records in many parties hang
// together by far more pairs than they need, so most that LSH lost come back; and where
// persons are formed a pair that is not there counts as one at the floor, which one that
// was lost is not. More than mostChained records are no person, and stay as they are.
func (r *run) complete(ctx context.Context, pairs []Pair, threshold float64, floor overlap.Ratio) ([]Pair, uint64, error) {
	sets := connected(len(r.ones), pairs, threshold)
	size := make([]int32, len(sets))
	for _, set := range sets {
		size[set]++
	}
	members := make(map[int32][]int32)
	for i, set := range sets {
		if 2 < size[set] && size[set] <= mostChained {
			members[set] = append(members[set], int32(i))
		}
	}
	there := make(map[[2]int32]bool)
	for _, p := range pairs {
		if set := sets[p.A]; set == sets[p.B] && members[set] != nil {
			there[[2]int32{p.A, p.B}] = true
		}
	}
	kin, rule := r.kin(), r.measure.rule(lowered(floor, r.offsets.largest()))
	var found []Pair
	var compared uint64
	for _, of := range members {
		if len(pairs)+len(found) > r.MaxPairs || ctx.Err() != nil {
			break
		}
		for i, b := range of {
			for _, a := range of[:i] {
				if kin[a] == kin[b] || r.isOld(a) && r.isOld(b) || there[[2]int32{a, b}] {
					continue
				}
				compared++
				common := overlap.CommonBits(r.filterOf(a), r.filterOf(b))
				if rule.Reached(common, int(r.ones[a]), int(r.ones[b])) {
					if score := r.score(common, a, b); r.offsets == nil || score >= value(floor) {
						found = append(found, Pair{a, b, score})
					}
				}
			}
		}
	}
	all, err := r.gather(ctx, pairs, [][]Pair{found}, int64(len(pairs)+len(found)), floor)
	return all, compared, err
}

// A meeting is what a table would have to do: the mean over a few of the tables that would
// be used. It is of all records: strangers are as alike as they are, and a block of nearly
// empty records meets as often as it does. Buckets of old records alone are left out.
type meeting struct {
	fetched, pairs float64 // records in buckets that are compared one by one, and their pairs
	laid, joined   float64 // records in buckets that are laid out for the kernels, and their pairs
}

// measureTables is how many tables are counted.
const measureTables = 4

// meetings are those for each number of places.
func (r *run) meetings(t *lshTables) *[mostPlaces + 1]meeting {
	m := &[mostPlaces + 1]meeting{}
	records, spare := make([]uint64, len(r.ones)), make([]uint64, len(r.ones))
	n := min(measureTables, len(t.places))
	for j := range n {
		sorted := r.buckets(t.places[j][:], records, spare)
		var start, startOld [mostPlaces + 1]int // where the bucket begins, and how many old records are before it
		old := 0
		for i, x := range sorted {
			if r.isOld(int32(uint32(x))) {
				old++
			}
			agree := -1 // places in which the next record agrees
			if i+1 < len(sorted) {
				agree = bits.LeadingZeros32(uint32(x>>32) ^ uint32(sorted[i+1]>>32))
			}
			for k := mostPlaces; k > agree && k > 0; k-- {
				size, known := i+1-start[k], old-startOld[k]
				start[k], startOld[k] = i+1, old
				switch pairs := float64(pairsMeeting(size, known)); {
				case pairs == 0:
				case size >= joinFrom:
					m[k].laid += float64(size) / float64(n)
					m[k].joined += pairs / float64(n)
				default:
					m[k].fetched += float64(size) / float64(n)
					m[k].pairs += pairs / float64(n)
				}
			}
		}
	}
	return m
}

// pairsMeeting is how many pairs a bucket of so many records is to compare, old ones among
// them: not those of two old records, but where the kernels compare all.
func pairsMeeting(size, old int) int {
	switch pairs := size * (size - 1) / 2; {
	case old == size:
		return 0
	case size >= joinFrom:
		return pairs
	default:
		return pairs - old*(old-1)/2
	}
}
