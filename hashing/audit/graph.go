package audit

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// graphAttack knows no pair. It finds its first anchors by what is alike about the
// similarities of the two sides as a whole, in two ways, and goes on as the anchor attack
// does:
//
//   - by rows: how alike a record is to its nearest, its second nearest, and so on, and
//     the quantiles of its similarities; best where nearly everybody is on both sides
//     (encodings-and-attacks.md, 2.9);
//   - by clouds: both sides as points in a few dimensions, turned onto each other
//     (spectrum.go), which does not need that anybody in particular is on both.
//
// Vidanage et al. (CIKM 2020) and Schäfer, Armknecht and Heng (ACSAC 2024) match such graphs
// with learned embeddings. Households were tried as well, as cliques of four records with
// six similarities between them: of the hundred surest guesses on a plain filter at half
// overlap none had more than two of its four pairs right.
func graphAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (best Outcome, err error) {
	s, err := newScene(t, a, r)
	if err != nil {
		return Outcome{}, err
	}
	best.Tried = len(s.overlapped)
	if len(s.seeds) > 0 {
		return best, fmt.Errorf("attack %s takes no anchors: use %s", Graph, Anchor)
	}
	try := func(how string, start []pair, ways []growth) error {
		if len(start) < 3 || best.Right == best.Tried {
			return nil
		}
		o, err := s.best(ctx, start, ways)
		if err != nil {
			return err
		}
		o.Variant = how + "; " + o.Variant
		best.take(o)
		return nil
	}
	v := views(t.Filters.Similarity)[0]
	ways := []growth{{v, correlation, 1.5}, {v, euclidean, 1.5}}
	es, err := s.e.shape(ctx, v)
	if err != nil {
		return best, err
	}
	// The order of noisy similarities is itself shaped by the noise, so one key's are held
	// against one key's.
	one := &side{s.p.n, s.p.sets[:1]}
	ps, err := one.shape(ctx, v)
	if err != nil {
		return best, err
	}
	start, err := byRows(ctx, es, ps, s.e.n, s.p.n)
	if err != nil {
		return best, err
	}
	if err := try("rows", start, ways); err != nil {
		return best, err
	}
	if best.Right == best.Tried {
		return best, nil
	}
	x, err := newCloud(ctx, s.e, v, r)
	if err != nil {
		return best, err
	}
	y, err := newCloud(ctx, s.p, v, r)
	if err != nil {
		return best, err
	}
	guesses, err := byClouds(ctx, x, y)
	if err != nil {
		return best, err
	}
	starts, err := s.follow(ctx, guesses, v)
	if err != nil {
		return best, err
	}
	for _, start := range starts {
		if err := try("clouds", start, ways); err != nil {
			return best, err
		}
	}
	return best, nil
}

const (
	screenRounds = 5 // after three, right guesses and wrong ones still fit alike
	followed     = 3 // guesses that are grown to the end
)

// follow grows each guess a little, and returns the anchors of those that then fit best:
// a right guess draws right claims after it, whose descriptors agree; a wrong one does not.
// That is seen without knowing who is who.
func (s *scene) follow(ctx context.Context, guesses [][]pair, v view) ([][]pair, error) {
	type grown struct {
		anchors []pair
		misfit  float64
	}
	all := make([]grown, len(guesses))
	for i, g := range guesses {
		anchors, misfit := g, 2.0
		for range screenRounds {
			ofE, ofP, noise, err := s.round(ctx, anchors, v, correlation)
			if err != nil {
				return nil, err
			}
			misfit = noise * float64(len(anchors)) / 2
			claims := mutual(ofE, ofP, correlation)
			next := min(len(anchors)+20, len(claims))
			if next < 4 {
				break
			}
			anchors = nil
			for _, c := range claims[:next] {
				anchors = append(anchors, c.pair)
			}
		}
		all[i] = grown{anchors, misfit}
	}
	slices.SortStableFunc(all, func(a, b grown) int { return cmp.Compare(a.misfit, b.misfit) })
	var out [][]pair
	for _, f := range all[:min(len(all), followed)] {
		out = append(out, f.anchors)
	}
	return out, nil
}

const (
	rowTop       = 30 // greatest similarities of a row that are features
	rowQuantiles = 19
	rowFeatures  = rowTop + rowQuantiles
)

// shape returns rowFeatures numbers for each record: the greatest of its similarities to
// all others, and quantiles of them. It reads the matrix a run of rows at a time.
func (s *side) shape(ctx context.Context, v view) ([]float32, error) {
	out := make([]float32, s.n*rowFeatures)
	const run = 256
	for from := 0; from < s.n; from += run {
		to := min(s.n, from+run)
		of := make([]int, 0, run)
		for i := from; i < to; i++ {
			of = append(of, i)
		}
		x, err := s.columns(ctx, of, v)
		if err != nil {
			return nil, err
		}
		err = parallel(ctx, len(of), func(a int) error {
			all := make([]float32, 0, s.n-1)
			for i := range s.n {
				if i != of[a] {
					all = append(all, x[i*len(of)+a])
				}
			}
			slices.Sort(all)
			slices.Reverse(all)
			row := out[of[a]*rowFeatures:][:rowFeatures]
			for k := range rowTop {
				row[k] = all[min(k, len(all)-1)]
			}
			for k := range rowQuantiles {
				row[rowTop+k] = all[(k+1)*(len(all)-1)/(rowQuantiles+1)]
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// firstAnchors is how many anchors an attack without known pairs begins with at most.
const firstAnchors = 200

// byRows matches records whose rows of similarities look alike.
func byRows(ctx context.Context, x, y []float32, nx, ny int) ([]pair, error) {
	x, y = standard(x, nx), standard(y, ny)
	ofX, ofY, err := nearestOf(ctx, x, y, nx, ny, rowFeatures)
	if err != nil {
		return nil, err
	}
	claims := mutual(ofX, ofY, correlation)
	claims = claims[:min(len(claims), firstAnchors, max(10, nx/20))]
	out := make([]pair, len(claims))
	for i, c := range claims {
		out[i] = c.pair
	}
	return out, nil
}

// standard gives each feature mean 0 and variance 1.
func standard(x []float32, n int) []float32 {
	out := slices.Clone(x)
	standardise(out, n, rowFeatures)
	return out
}

// standardise gives each of m columns of n rows mean 0 and variance 1, in place.
func standardise(x []float32, n, m int) {
	for f := range m {
		var sum, squares float64
		for i := range n {
			v := float64(x[i*m+f])
			sum += v
			squares += v * v
		}
		mean := sum / float64(n)
		sd := math.Sqrt(max(1e-12, squares/float64(n)-mean*mean))
		for i := range n {
			x[i*m+f] = float32((float64(x[i*m+f]) - mean) / sd)
		}
	}
}
