package audit

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// A cloud is a side's records as points whose inner products are their similarities: its
// principal axes, the widest first. Two sides drawn from one population have clouds of one
// shape, turned against each other, whoever is on both.
type cloud struct {
	n, k   int
	points []float32 // k a record
}

const (
	cloudAxes = 32
	// cloudMost is the most records a cloud is made of: its matrix is held in memory.
	cloudMost = 3000
	// cloudTurns are rounds of subspace iteration: the axes that matter stand well apart.
	cloudTurns = 25
)

// newCloud finds the principal axes of the similarities of a side's first records (its
// order is random), by subspace iteration on the centred matrix.
func newCloud(ctx context.Context, s *side, v view, r *rand.Rand) (*cloud, error) {
	n := min(s.n, cloudMost)
	k := min(cloudAxes, n/4)
	of := make([]int, n)
	for i := range of {
		of[i] = i
	}
	all, err := s.columns(ctx, of, v)
	if err != nil {
		return nil, err
	}
	a := all[:n*n] // the first n records of s.n, each with n similarities
	mean, total := make([]float64, n), 0.0
	for i := range n {
		// A record's similarity to itself, always 1, is left out, and is 0 once centred.
		a[i*n+i] = 0
		for _, x := range a[i*n:][:n] {
			mean[i] += float64(x) / float64(n-1)
		}
		total += mean[i] / float64(n)
	}
	for i := range n {
		for j := range n {
			if i == j {
				a[i*n+j] = 0
			} else {
				a[i*n+j] -= float32(mean[i] + mean[j] - total)
			}
		}
	}
	a, wide := padded(a, n, n)
	// Columns of q, each of n and zeros after them, are the axes.
	q := make([][]float32, k)
	for c := range q {
		q[c] = make([]float32, wide)
		for i := range n {
			q[c][i] = float32(r.NormFloat64())
		}
	}
	orthonormal(q)
	lengths := make([]float64, k)
	for range cloudTurns {
		next := make([][]float32, k)
		for c := range next {
			next[c] = make([]float32, wide)
		}
		err := parallel(ctx, (n+1)/2, func(half int) error {
			i := [2]int{2 * half, min(2*half+1, n-1)}
			rows := [2]*float32{&a[i[0]*wide], &a[i[1]*wide]}
			var out [8]float32
			for c := 0; c < k; c += 4 {
				var of [4]int
				var axes [4]*float32
				for d := range of {
					of[d] = min(c+d, k-1)
					axes[d] = &q[of[d]][0]
				}
				dots(&axes, &rows, wide, &out)
				for d, to := range of {
					next[to][i[0]], next[to][i[1]] = out[2*d], out[2*d+1]
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for c := range next {
			sum := 0.0
			for i, x := range next[c] {
				sum += float64(x) * float64(q[c][i])
			}
			lengths[c] = sum
		}
		q = next
		orthonormal(q)
	}
	order := make([]int, k)
	for c := range order {
		order[c] = c
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(lengths[y], lengths[x]) })
	out := &cloud{n: n, k: k, points: make([]float32, n*k)}
	for to, c := range order {
		scale := float32(math.Sqrt(max(0, lengths[c])))
		for i, x := range q[c][:n] {
			out.points[i*k+to] = x * scale
		}
	}
	return out, nil
}

// orthonormal makes vectors orthonormal, in their order (Gram and Schmidt, twice for
// rounding).
func orthonormal(q [][]float32) {
	for c := range q {
		for range 2 {
			for d := range c {
				var dot float64
				for i, x := range q[d] {
					dot += float64(x) * float64(q[c][i])
				}
				for i, x := range q[d] {
					q[c][i] -= float32(dot) * x
				}
			}
		}
		var norm float64
		for _, x := range q[c] {
			norm += float64(x) * float64(x)
		}
		scale := float32(1 / math.Sqrt(max(norm, 1e-30)))
		for i := range q[c] {
			q[c][i] *= scale
		}
	}
}

// byClouds turns the cloud of the encoded onto that of the values, and matches the points
// that then lie nearest each other: first by a few axes, whose signs are tried in all ways,
// then by more and more, the turn fitted to the matches each time (Procrustes). It works
// when few are on both sides, for the clouds are alike whoever they are. Grave, Joulin &
// Berthet (2019) align clouds so without known pairs; Schäfer, Armknecht & Heng use it on
// filters. It returns one list of pairs for each number of axes that was begun with.
func byClouds(ctx context.Context, x, y *cloud) ([][]pair, error) {
	var out [][]pair
	for _, first := range []int{3, 4, 5, 6, 7, 8} {
		if first > x.k || first > y.k {
			break
		}
		turns, err := bestSigns(ctx, x, y, first)
		if err != nil {
			return nil, err
		}
		for _, turn := range turns {
			claims, err := x.align(ctx, y, turn, first)
			if err != nil {
				return nil, err
			}
			claims = claims[:min(len(claims), firstAnchors/2)]
			pairs := make([]pair, len(claims))
			for i, c := range claims {
				pairs[i] = c.pair
			}
			out = append(out, pairs)
		}
	}
	return out, nil
}

// signsKept is how many ways to sign the first axes are followed up.
const signsKept = 4

// bestSigns tries all signs of the first axes, and returns the turns under which the points
// of x have the nearest neighbours in y.
func bestSigns(ctx context.Context, x, y *cloud, first int) ([][][]float64, error) {
	type tried struct {
		signs int
		far   float64
	}
	all := make([]tried, 1<<first)
	step := max(1, x.n/250)
	err := parallel(ctx, len(all), func(signs int) error {
		far := 0.0
		p := make([]float32, first)
		for i := 0; i < x.n; i += step {
			for c := range p {
				if p[c] = x.points[i*x.k+c]; signs>>c&1 == 1 {
					p[c] = -p[c]
				}
			}
			least := float32(math.Inf(1))
			for j := range y.n {
				var d float32
				for c, v := range y.points[j*y.k:][:first] {
					d += (v - p[c]) * (v - p[c])
				}
				least = min(least, d)
			}
			far += math.Sqrt(float64(least))
		}
		all[signs] = tried{signs, far}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b tried) int { return cmp.Compare(a.far, b.far) })
	var out [][][]float64
	for _, t := range all[:min(signsKept, len(all))] {
		turn := make([][]float64, first)
		for c := range turn {
			turn[c] = make([]float64, first)
			if turn[c][c] = 1; t.signs>>c&1 == 1 {
				turn[c][c] = -1
			}
		}
		out = append(out, turn)
	}
	return out, nil
}

// align matches and turns by more and more axes.
func (x *cloud) align(ctx context.Context, y *cloud, turn [][]float64, k int) ([]claim, error) {
	for {
		var claims []claim
		for range 4 {
			a, b := x.turned(turn), y.cut(k)
			ofX, ofY, err := nearestOf(ctx, a, b, x.n, y.n, k)
			if err != nil {
				return nil, err
			}
			claims = mutual(ofX, ofY, correlation)
			if len(claims) < k {
				return claims, nil
			}
			turn = fit(x, y, claims, k)
		}
		most := min(x.k, y.k)
		if k == most {
			return claims, nil
		}
		k = min(most, k+max(1, k/3))
		turn = fit(x, y, claims, k)
	}
}

// turned are the first points of x, turned.
func (x *cloud) turned(turn [][]float64) []float32 {
	k := len(turn)
	out := make([]float32, x.n*k)
	for i := range x.n {
		for c, from := range turn {
			v := float64(x.points[i*x.k+c])
			for d, t := range from {
				out[i*k+d] += float32(v * t)
			}
		}
	}
	return out
}

func (x *cloud) cut(k int) []float32 {
	out := make([]float32, 0, x.n*k)
	for i := range x.n {
		out = append(out, x.points[i*x.k:][:k]...)
	}
	return out
}

// fit is the turn of k axes that brings the claimed points nearest each other (Schönemann
// 1966): the orthogonal factor of the matrix of their products, by the iteration of Newton
// and Schulz, to which a little of the identity is added for axes on which the claims say
// nothing.
func fit(x, y *cloud, claims []claim, k int) [][]float64 {
	m := make([][]float64, k)
	for c := range m {
		m[c] = make([]float64, k)
	}
	for _, q := range claims {
		p, r := x.points[int(q.e)*x.k:][:k], y.points[int(q.p)*y.k:][:k]
		for c := range k {
			for d := range k {
				m[c][d] += float64(p[c]) * float64(r[d])
			}
		}
	}
	var norm float64
	for c := range m {
		for _, v := range m[c] {
			norm += v * v
		}
	}
	norm = math.Sqrt(max(norm, 1e-30))
	for c := range m {
		for d := range m[c] {
			m[c][d] /= norm
		}
		m[c][c] += 1e-6
	}
	product := func(a, b [][]float64, transposed bool) [][]float64 {
		out := make([][]float64, k)
		for i := range out {
			out[i] = make([]float64, k)
			for j := range k {
				for l := range k {
					if transposed {
						out[i][j] += a[l][i] * b[l][j]
					} else {
						out[i][j] += a[i][l] * b[l][j]
					}
				}
			}
		}
		return out
	}
	for range 40 {
		square := product(m, m, true)
		cube := product(m, square, false)
		for c := range m {
			for d := range m[c] {
				m[c][d] = 1.5*m[c][d] - 0.5*cube[c][d]
			}
		}
	}
	return m
}
