package audit

import (
	"context"
	"math"
	"slices"
	"sync"
)

// pair is an encoded record and a record that the attacker has the values of, by their
// places in the two sides.
type pair struct{ e, p int32 }

// metric is how the descriptors of two records are compared.
type metric int

const (
	correlation metric = iota // of the centred descriptors
	euclidean                 // distance: under noise alike for all, the likelihood
)

// describe turns similarities to the anchors (n records, m anchors) into descriptors whose
// inner products tell who is who. self has the anchors' own places: an anchor's similarity
// to itself says nothing.
func describe(x []float32, n, m int, self []int, as metric) {
	for a, r := range self {
		sum := 0.0
		for i := range n {
			if i != r {
				sum += float64(x[i*m+a])
			}
		}
		mean := float32(sum / float64(max(1, n-1)))
		x[r*m+a] = mean
		for i := range n {
			x[i*m+a] -= mean
		}
	}
	if as != correlation {
		return
	}
	for i := range n {
		row := x[i*m:][:m]
		sum := 0.0
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		if sum > 0 {
			scale := float32(1 / math.Sqrt(sum))
			for j := range row {
				row[j] *= scale
			}
		}
	}
}

// nearest are, for one record, the best and the second best of the other side.
type nearest struct {
	best          int32 // -1 where there is none
	first, second float32
}

func (n *nearest) see(i int32, score float32) {
	switch {
	case n.best < 0 || score > n.first || score == n.first && i < n.best:
		n.second, n.first, n.best = n.first, score, i
	case score > n.second:
		n.second = score
	}
}

var unseen = nearest{-1, float32(math.Inf(-1)), float32(math.Inf(-1))}

// blockRows is how many encoded records are scored at a time.
const blockRows = 32

// nearestOf finds for every encoded record its nearest on the other side, and the other
// way round. Scores are minus half the squared distance; of descriptors of length one that
// is the correlation, less one.
func nearestOf(ctx context.Context, x, y []float32, nx, ny, m int) (ofX, ofY []nearest, err error) {
	x, _ = padded(x, nx, m)
	y, m = padded(y, ny, m)
	half := func(rows []float32, n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			var sum float32
			for _, v := range rows[i*m:][:m] {
				sum += v * v
			}
			out[i] = sum / 2
		}
		return out
	}
	hx, hy := half(x, nx), half(y, ny)
	ofX, ofY = slices.Repeat([]nearest{unseen}, nx), slices.Repeat([]nearest{unseen}, ny)
	var mu sync.Mutex
	err = parallel(ctx, (nx+blockRows-1)/blockRows, func(block int) error {
		mine := slices.Repeat([]nearest{unseen}, ny)
		from, to := block*blockRows, min(nx, (block+1)*blockRows)
		var four [4]*float32
		var two [2]*float32
		var products [8]float32
		for j := 0; j < ny; j += 2 {
			two = [2]*float32{&y[j*m], &y[min(j+1, ny-1)*m]}
			for i := from; i < to; i += 4 {
				for a := range four {
					four[a] = &x[min(i+a, nx-1)*m]
				}
				dots(&four, &two, m, &products)
				for a := range min(4, to-i) {
					for b := range min(2, ny-j) {
						s := products[2*a+b] - hx[i+a] - hy[j+b]
						// Both sides are seen in order, so that one no better than the second best changes
						// nothing: nearly all of them, and this is the innermost loop.
						if n := &ofX[i+a]; s > n.second {
							n.see(int32(j+b), s)
						}
						if n := &mine[j+b]; s > n.second {
							n.see(int32(i+a), s)
						}
					}
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for j, n := range mine {
			second := n.second
			ofY[j].see(n.best, n.first)
			ofY[j].second = max(ofY[j].second, second)
		}
		return nil
	})
	return ofX, ofY, err
}

// claim is a pair that are each other's nearest, and how sure that is. For a correlation
// doubt is the greater of the two ratios of nearest to second nearest squared distance;
// for a distance, the negative of the lesser of the two differences, which is the log of how much
// likelier the nearest is than the second nearest, in units of the noise's variance.
type claim struct {
	pair
	doubt float32
}

// mutual returns the claims, the surest first.
func mutual(ofX, ofY []nearest, as metric) []claim {
	var claims []claim
	for e, n := range ofX {
		if n.best < 0 || ofY[n.best].best != int32(e) {
			continue
		}
		back := ofY[n.best]
		doubt := max(ratio(n), ratio(back))
		if as == euclidean {
			doubt = max(n.second-n.first, back.second-back.first)
		}
		claims = append(claims, claim{pair{int32(e), n.best}, doubt})
	}
	slices.SortFunc(claims, func(a, b claim) int {
		switch {
		case a.doubt < b.doubt:
			return -1
		case a.doubt > b.doubt:
			return 1
		}
		return int(a.e - b.e)
	})
	return claims
}

func ratio(n nearest) float32 {
	if n.second >= 0 { // two that are as good as identical
		return 1
	}
	return n.first / n.second
}
