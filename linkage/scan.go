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
	a, b   int // parties
	lo, hi int
	pairs  uint64
}

// tileRows is small enough that a tile is done in a fraction of a second and a
// run that is told to stop does so soon.
const tileRows = 8 * overlap.Chunk

// scan compares every pair of records of two parties, and of one party that is not
// deduplicated, and returns those at or above the floor, best first.
func (r *run) scan(ctx context.Context, floor overlap.Ratio) ([]Pair, uint64, error) {
	var tiles []tile
	var total uint64
	rule := r.measure.rule(floor)
	for a := range r.parties {
		for b := a; b < len(r.parties); b++ {
			pa, pb := &r.parties[a], &r.parties[b]
			if a == b && pa.clean || len(pa.ids) == 0 || len(pb.ids) == 0 {
				continue
			}
			var join *overlap.Join
			var err error
			if a == b {
				join, err = overlap.WithinBy(pa.filters, rule)
			} else {
				join, err = overlap.BetweenBy(pa.filters, pb.filters, rule)
			}
			if err != nil {
				return nil, 0, fmt.Errorf("compare %q with %q: %w", pa.name, pb.name, err)
			}
			for lo := 0; lo < len(pa.ids); lo += tileRows {
				hi := min(lo+tileRows, len(pa.ids))
				n := uint64(hi-lo) * uint64(len(pb.ids))
				if a == b {
					n = uint64(hi-lo) * uint64(len(pa.ids)-1) / 2
				}
				tiles = append(tiles, tile{join, a, b, lo, hi, n})
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
	r.progress("compare", 0, total)
	for range r.Workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(tiles) || ctx.Err() != nil || kept.Load() > int64(r.MaxPairs) {
					return
				}
				t := &tiles[i]
				found[i] = r.compare(t, &kept)
				r.progress("compare", done.Add(t.pairs), total)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if kept.Load() > int64(r.MaxPairs) {
		return nil, 0, fmt.Errorf("more than %d pairs score %.4g or more: raise the threshold, or allow more candidate pairs", r.MaxPairs, value(floor))
	}
	pairs := make([]Pair, 0, kept.Load())
	for i := range found {
		pairs = append(pairs, found[i]...)
		found[i] = nil
	}
	slices.SortFunc(pairs, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(y.Score, x.Score), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	return pairs, total, nil
}

// compare works on a tile, and adds the pairs it keeps to kept as it goes. Once that
// is over the limit the run has failed, and what else is found is dropped.
func (r *run) compare(t *tile, kept *atomic.Int64) []Pair {
	var out []Pair
	fa, fb := r.first[t.a], r.first[t.b]
	t.join.Pairs(t.lo, t.hi, func(hits []overlap.Hit) {
		if kept.Add(int64(len(hits))) > int64(r.MaxPairs) {
			return
		}
		for _, h := range hits {
			a, b := int32(fa)+h.A, int32(fb)+h.B
			if a > b {
				a, b = b, a
			}
			out = append(out, Pair{a, b, r.measure.score(int(h.Common), int(r.ones[a]), int(r.ones[b]))})
		}
	})
	return out
}
