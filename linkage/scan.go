package linkage

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"cohortlink/linkage/overlap"
)

// A tile is the work of comparing rows [lo, hi) of one join: a pure function of
// two sets of filters and a threshold, whose results merge in any order.
type tile struct {
	join   *overlap.Join
	a, b   *portion
	lo, hi int
	pairs  uint64
	offset int // of the two parties
}

// A portion is records of one party that are compared with the same others: all of them, or,
// where an earlier linkage has compared some with each other (previous.go), those or the rest.
type portion struct {
	party   int
	old     bool
	filters *overlap.Filters
	from    int32   // number of the first record, where the numbers of the others follow it
	numbers []int32 // of each record, where they do not
}

func (p *portion) number(row int32) int32 {
	if p.numbers != nil {
		return p.numbers[row]
	}
	return p.from + row
}

// tileRows is small enough that a tile is done in a fraction of a second and a
// run that is told to stop does so soon.
const tileRows = 8 * overlap.Chunk

// scan compares every pair of records of two parties, and of one party that is not
// deduplicated, and returns those at or above the floor, best first.
func (r *run) scan(ctx context.Context, floor overlap.Ratio) ([]Pair, uint64, error) {
	var tiles []tile
	var total uint64
	parts, err := r.parts()
	if err != nil {
		return nil, 0, err
	}
	for i := range parts {
		for j := i; j < len(parts); j++ {
			a, b := &parts[i], &parts[j]
			if a.old && b.old || a.party == b.party && r.parties[a.party].clean {
				continue
			}
			offset := r.offsets.Of(a.party, b.party)
			rule := r.measure.rule(lowered(floor, offset))
			var join *overlap.Join
			if i == j {
				join, err = overlap.Within(a.filters, rule)
			} else {
				join, err = overlap.Between(a.filters, b.filters, rule)
			}
			if err != nil {
				return nil, 0, fmt.Errorf("compare %q with %q: %w", r.parties[a.party].name, r.parties[b.party].name, err)
			}
			rows := a.filters.Len()
			for lo := 0; lo < rows; lo += tileRows {
				hi := min(lo+tileRows, rows)
				n := uint64(hi-lo) * uint64(b.filters.Len())
				if i == j {
					n = uint64(hi-lo) * uint64(rows-1) / 2
				}
				tiles = append(tiles, tile{join, a, b, lo, hi, n, offset})
				total += n
			}
		}
	}

	var (
		found = make([][]Pair, len(tiles))
		next  atomic.Int64
		done  atomic.Uint64
		kept  atomic.Int64
		wg    sync.WaitGroup
	)
	known := r.knownFrom(floor)
	kept.Store(int64(len(known)))
	r.progress("compare", 0, total)
	for range r.Workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(tiles) || ctx.Err() != nil || kept.Load() > int64(r.MaxPairs) {
					return
				}
				t := &tiles[i]
				found[i] = r.compare(t, value(floor), &kept)
				r.progress("compare", done.Add(t.pairs), total)
			}
		})
	}
	wg.Wait()
	pairs, err := r.gather(ctx, known, found, kept.Load(), floor)
	return pairs, total, err
}

// gather puts what was found in the order of pairs, best first.
func (r *run) gather(ctx context.Context, known []Pair, found [][]Pair, kept int64, floor overlap.Ratio) ([]Pair, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if kept > int64(r.MaxPairs) {
		return nil, &TooManyPairsError{r.MaxPairs, value(floor)}
	}
	pairs := append(make([]Pair, 0, kept), known...)
	for i := range found {
		pairs = append(pairs, found[i]...)
		found[i] = nil
	}
	slices.SortFunc(pairs, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(y.Score, x.Score), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return pairs, nil
}

// TooManyPairsError is that more candidate pairs were found than may be held.
type TooManyPairsError struct {
	Most  int     // that may be held
	Floor float64 // the score that they have, or more; 0 of pairs that are to be weighed
}

func (e *TooManyPairsError) Error() string {
	if e.Floor == 0 {
		return fmt.Sprintf("more than %d pairs are worth weighing: allow more candidate pairs", e.Most)
	}
	return fmt.Sprintf("more than %d pairs score %.4g or more: raise the threshold, or allow more candidate pairs", e.Most, e.Floor)
}

// compareAll finds the pairs of filter number i at or above the floor, best first, as
// planned, and says how many comparisons that took.
func (l *layer) compareAll(ctx context.Context, i int, b *blocks, floor overlap.Ratio) ([]Pair, uint64, error) {
	switch {
	case !l.brings:
		return nil, 0, nil
	case b.Method == BlockNone:
		return l.scan(ctx, floor)
	case b.lsh[i] == nil:
		return nil, 0, nil
	}
	pairs, compared, err := l.scanBuckets(ctx, floor, b.lsh[i], b.LSH[i].Expected)
	if err != nil {
		return nil, 0, err
	}
	pairs, more, err := l.complete(ctx, pairs, l.threshold, floor)
	return pairs, compared + more, err
}

// parts are the records of each party that has any, cut in two where some are old.
func (r *run) parts() ([]portion, error) {
	if r.split != nil {
		return r.split, nil
	}
	var parts []portion
	for i := range r.parties {
		p := &r.parties[i]
		from, n := int32(r.first[i]), len(p.ids)
		old := 0
		for k := range n {
			if r.isOld(from + int32(k)) {
				old++
			}
		}
		if n == 0 {
			continue
		}
		if old == 0 || old == n {
			parts = append(parts, portion{party: i, old: old == n, filters: p.filters, from: from})
			continue
		}
		for _, isOld := range []bool{true, false} {
			x := portion{party: i, old: isOld}
			var rows []uint64
			for k := range n {
				if number := from + int32(k); r.isOld(number) == isOld {
					x.numbers = append(x.numbers, number)
					rows = append(rows, p.rows[k*r.words:][:r.words]...)
				}
			}
			var err error
			if x.filters, err = r.layout.Prepare(rows); err != nil {
				return nil, err
			}
			parts = append(parts, x)
		}
	}
	r.split = parts
	return parts, nil
}

// compare works on a tile, and adds the pairs it keeps to kept as it goes. Once that
// is over the limit the run has failed, and what else is found is dropped.
func (r *run) compare(t *tile, floor float64, kept *atomic.Int64) []Pair {
	var out []Pair
	t.join.Pairs(t.lo, t.hi, func(hits []overlap.Hit) {
		if kept.Add(int64(len(hits))) > int64(r.MaxPairs) {
			return
		}
		for _, h := range hits {
			a, b := t.a.number(h.A), t.b.number(h.B)
			if a > b {
				a, b = b, a
			}
			score := r.measure.score(int(h.Common), int(r.ones[a]), int(r.ones[b]))
			if score = shift(score, t.offset); score < floor {
				continue // equal filters, see lowered
			}
			out = append(out, Pair{a, b, score})
		}
	})
	return out
}
