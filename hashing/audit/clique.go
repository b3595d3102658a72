package audit

import (
	"cmp"
	"context"
	"math"
	"slices"
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

// A guess is that two cliques are the same four people.
type guess struct {
	pairs []pair
	doubt float64 // squared distance of the similarities, over that of the next best clique
}

// mostGuesses is how many guesses are followed up.
const mostGuesses = 100

// byCliques matches each clique of the encoded with the clique of values whose six
// similarities are nearest, in the best order, and returns the surest guesses.
func byCliques(ctx context.Context, e, p *shape) ([]guess, error) {
	es, ps := e.cliques(), p.cliques()
	if len(es) == 0 || len(ps) == 0 {
		return nil, nil
	}
	level(es)
	level(ps)
	slices.SortFunc(ps, func(a, b clique) int {
		return cmp.Or(cmp.Compare(a.sum, b.sum), slices.Compare(a.of[:], b.of[:]))
	})
	guesses := make([]guess, len(es))
	const run = 64
	err := parallel(ctx, (len(es)+run-1)/run, func(block int) error {
		for at := block * run; at < min(len(es), (block+1)*run); at++ {
			guesses[at] = nearestClique(&es[at], ps)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(guesses, func(a, b guess) int { return cmp.Compare(a.doubt, b.doubt) })
	var out []guess
	followed := map[pair]int{}
	for _, g := range guesses {
		// Cliques that share people give one guess over and over.
		again := 0
		for _, q := range g.pairs {
			if followed[q] > 0 {
				again++
			}
		}
		if again > 2 || len(out) == mostGuesses {
			continue
		}
		for _, q := range g.pairs {
			followed[q]++
		}
		out = append(out, g)
	}
	return out, nil
}

// nearestClique finds the guess for one clique among others in the order of their sums.
func nearestClique(c *clique, among []clique) guess {
	first, second := float32(math.Inf(1)), float32(math.Inf(1))
	var best *clique
	var order []int
	look := func(q *clique) bool {
		// Six differences of sum d have squares of at least d²/6.
		gap := q.sum - c.sum
		if gap*gap/6 > second {
			return false
		}
		least, at := float32(math.Inf(1)), 0
		for i, o := range orders {
			var d float32
			for k, from := range o[1] {
				v := c.edges[k] - q.edges[from]
				d += v * v
			}
			if d < least {
				least, at = d, i
			}
		}
		if least < first {
			first, second, best, order = least, first, q, orders[at][0]
		} else {
			second = min(second, least)
		}
		return true
	}
	middle, _ := slices.BinarySearchFunc(among, c.sum, func(q clique, sum float32) int { return cmp.Compare(q.sum, sum) })
	for i := middle; i < len(among) && look(&among[i]); i++ {
	}
	for i := middle - 1; i >= 0 && look(&among[i]); i-- {
	}
	g := guess{doubt: 1}
	for k, from := range order {
		g.pairs = append(g.pairs, pair{c.of[k], best.of[from]})
	}
	if len(among) > 1 {
		g.doubt = float64(first) / float64(max(second, 1e-12))
	}
	return g
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
