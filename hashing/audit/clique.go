package audit

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
)

// A clique is four records that are near each other, and the six similarities between
// them: 01, 02, 03, 12, 13, 23.
type clique struct {
	of    [4]int32
	edges [6]float32
	sum   float32
}

// mostCliques bounds the work of comparing each clique with each.
const mostCliques = 12000

// cliques lists sets of four records of which each is among the nearest of another, those
// with the greatest similarities first.
func (s *shape) cliques() []clique {
	edge := make([]map[int32]float32, s.n)
	for i := range edge {
		edge[i] = map[int32]float32{}
	}
	for i, near := range s.near {
		for _, b := range near {
			edge[i][b.to], edge[b.to][int32(i)] = b.similarity, b.similarity
		}
	}
	var out []clique
	for i := range s.n {
		var later []int32
		for j := range edge[i] {
			if j > int32(i) {
				later = append(later, j)
			}
		}
		slices.Sort(later)
		for a, j := range later {
			for b, k := range later[a+1:] {
				jk, ok := edge[j][k]
				if !ok {
					continue
				}
				for _, l := range later[a+1+b+1:] {
					jl, ok := edge[j][l]
					if !ok {
						continue
					}
					kl, ok := edge[k][l]
					if !ok {
						continue
					}
					c := clique{of: [4]int32{int32(i), j, k, l}, edges: [6]float32{edge[i][j], edge[i][k], edge[i][l], jk, jl, kl}}
					for _, e := range c.edges {
						c.sum += e
					}
					out = append(out, c)
				}
			}
		}
	}
	slices.SortFunc(out, func(p, q clique) int {
		return cmp.Or(cmp.Compare(q.sum, p.sum), slices.Compare(p.of[:], q.of[:]))
	})
	return out[:min(len(out), mostCliques)]
}

// orders are the 24 orders of four records, and where their edges go.
var orders = func() (all [][2][]int) {
	at := [4][4]int{{0, 0, 1, 2}, {0, 0, 3, 4}, {1, 3, 0, 5}, {2, 4, 5, 0}}
	for a := range 4 {
		for b := range 4 {
			for c := range 4 {
				d := 6 - a - b - c
				if a == b || a == c || b == c {
					continue
				}
				all = append(all, [2][]int{{a, b, c, d}, {at[a][b], at[a][c], at[a][d], at[b][c], at[b][d], at[c][d]}})
			}
		}
	}
	return all
}()

// byCliques matches each clique of the encoded with the clique of values whose six
// similarities are nearest, in the best order, and lets the matches vote: a record is in
// many cliques, and a right match is repeated where a wrong one is not.
func byCliques(ctx context.Context, e, p *shape) ([]pair, error) {
	es, ps := e.cliques(), p.cliques()
	if len(es) == 0 || len(ps) == 0 {
		return nil, nil
	}
	level(es)
	level(ps)
	slices.SortFunc(ps, func(a, b clique) int {
		return cmp.Or(cmp.Compare(a.sum, b.sum), slices.Compare(a.of[:], b.of[:]))
	})
	votes := map[pair]float64{}
	var mu sync.Mutex
	const run = 64
	// The matches are kept by clique and counted in order, for sums of floats depend on it.
	type match struct {
		to       clique
		order    []int
		distance float32
		weight   float64
	}
	matches := make([]match, len(es))
	err := parallel(ctx, (len(es)+run-1)/run, func(block int) error {
		for at := block * run; at < min(len(es), (block+1)*run); at++ {
			c := es[at]
			first, second := float32(math.Inf(1)), float32(math.Inf(1))
			var best match
			// Six differences of sum d have squares of at least d²/6, so only cliques of about
			// the same sum can be nearest.
			middle, _ := slices.BinarySearchFunc(ps, c.sum, func(q clique, sum float32) int { return cmp.Compare(q.sum, sum) })
			look := func(q *clique) bool {
				gap := q.sum - c.sum
				if gap*gap/6 > second {
					return false
				}
				for _, o := range orders {
					var d float32
					for i, from := range o[1] {
						v := c.edges[i] - q.edges[from]
						if d += v * v; d > second {
							break
						}
					}
					if d < first {
						if best.order == nil || q.of != best.to.of {
							second = first
						}
						first, best.to, best.order = d, *q, o[0]
					} else if d < second && q.of != best.to.of {
						second = d
					}
				}
				return true
			}
			for i := middle; i < len(ps) && look(&ps[i]); i++ {
			}
			for i := middle - 1; i >= 0 && look(&ps[i]); i-- {
			}
			best.distance, best.weight = first, 1-float64(first)/float64(max(second, 1e-12))
			matches[at] = best
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	for i, m := range matches {
		for k, from := range m.order {
			votes[pair{es[i].of[k], m.to.of[from]}] += m.weight
		}
	}
	return surest(votes), nil
}

// level gives the edges of all cliques mean 0 and variance 1.
func level(all []clique) {
	var sum, squares float64
	for i := range all {
		for _, e := range all[i].edges {
			sum += float64(e)
			squares += float64(e) * float64(e)
		}
	}
	n := float64(6 * len(all))
	mean := sum / n
	sd := math.Sqrt(max(1e-12, squares/n-mean*mean))
	for i := range all {
		all[i].sum = 0
		for j, e := range all[i].edges {
			all[i].edges[j] = float32((float64(e) - mean) / sd)
			all[i].sum += all[i].edges[j]
		}
	}
}

// surest are the pairs with the most votes, each record once.
func surest(votes map[pair]float64) []pair {
	var all []pair
	for q := range votes {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b pair) int {
		return cmp.Or(cmp.Compare(votes[b], votes[a]), cmp.Compare(a.e, b.e), cmp.Compare(a.p, b.p))
	})
	var out []pair
	ofE, ofP := map[int32]bool{}, map[int32]bool{}
	for _, q := range all {
		if !ofE[q.e] && !ofP[q.p] {
			ofE[q.e], ofP[q.p] = true, true
			out = append(out, q)
		}
		if len(out) == firstAnchors/4 {
			break
		}
	}
	return out
}
