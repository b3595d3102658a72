package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
)

// A scene is an attack's people: who is encoded, whose values the attacker has, and who
// is both, which only the grading knows.
type scene struct {
	t          *Target
	e, p       *side
	encoded    []int // record of each place of e
	known      []int // record of each place of p
	seeds      []pair
	overlapped []pair // in both, seeds aside
}

// newScene draws a scene: of n records, n/(2-overlap) are on either side, so that all
// are on one. Of those on both, at most half are anchors.
func newScene(t *Target, a Attack, r *rand.Rand) (*scene, error) {
	n := len(t.Values)
	each := int(float64(n) / (2 - a.Overlap))
	both := int(float64(each) * a.Overlap)
	order := r.Perm(n)
	s := &scene{t: t, encoded: slices.Clone(order[:each]), known: append(slices.Clone(order[:both]), order[each:min(n, 2*each-both)]...)}
	shuffle := func(x []int) { r.Shuffle(len(x), func(i, j int) { x[i], x[j] = x[j], x[i] }) }
	shuffle(s.encoded)
	shuffle(s.known)
	place := map[int]int{}
	for i, record := range s.known {
		place[record] = i
	}
	for i, record := range s.encoded {
		if j, ok := place[record]; ok {
			s.overlapped = append(s.overlapped, pair{int32(i), int32(j)})
		}
	}
	anchors := min(a.Anchors, len(s.overlapped)/2)
	s.seeds, s.overlapped = s.overlapped[:anchors], s.overlapped[anchors:]
	var err error
	if s.e, err = newSide(s.encoded, t.Filters); err == nil {
		s.p, err = newSide(s.known, t.Own...)
	}
	return s, err
}

// right tells whether a pair is one person's, as far as values can tell: two records of
// the same values are as good as each other.
func (s *scene) right(q pair) bool {
	x, y := s.encoded[q.e], s.known[q.p]
	return x == y || slices.Equal(s.t.Values[x], s.t.Values[y])
}

// grade counts what a round recovered.
func (s *scene) grade(ofE []nearest, claims []claim) Outcome {
	o := Outcome{Tried: len(s.overlapped)}
	for _, q := range s.overlapped {
		if p := ofE[q.e].best; p >= 0 && s.right(pair{q.e, p}) {
			o.Right++
		}
	}
	seeded := map[int32]bool{}
	for _, q := range s.seeds {
		seeded[q.e] = true
	}
	for _, c := range claims {
		if !seeded[c.e] {
			o.Claimed++
			if s.right(c.pair) {
				o.RightClaims++
			}
		}
	}
	return o
}

// round finds everybody's nearest by their similarities to the anchors.
func (s *scene) round(ctx context.Context, anchors []pair, v view, as metric) (ofE, ofP []nearest, err error) {
	m := len(anchors)
	es, ps := make([]int, m), make([]int, m)
	for i, q := range anchors {
		es[i], ps[i] = int(q.e), int(q.p)
	}
	x, err := s.e.columns(ctx, es, v)
	if err != nil {
		return nil, nil, err
	}
	y, err := s.p.columns(ctx, ps, v)
	if err != nil {
		return nil, nil, err
	}
	describe(x, s.e.n, m, es, as)
	describe(y, s.p.n, m, ps, as)
	return nearestOf(ctx, x, y, s.e.n, s.p.n, m)
}

// maxAnchors bounds the work of a round.
const maxAnchors = 2000

// grow repeats rounds, each with the surest claims of the round before as its anchors, the
// seeds always among them, growing times as many each time.
func (s *scene) grow(ctx context.Context, start []pair, growth float64, v view, as metric) (Outcome, error) {
	anchors := start
	var best Outcome
	for round := 0; ; round++ {
		ofE, ofP, err := s.round(ctx, anchors, v, as)
		if err != nil {
			return best, err
		}
		claims := mutual(ofE, ofP)
		o := s.grade(ofE, claims)
		if debug {
			right := 0
			for _, q := range anchors {
				if s.right(q) {
					right++
				}
			}
			fmt.Printf("   %s %d growth %g round %d: anchors %d right %d -> right %d of %d, claims %d right %d\n", v.name, as, growth, round, len(anchors), right, o.Right, o.Tried, o.Claimed, o.RightClaims)
		}
		o.Variant = fmt.Sprintf("%s, metric %d, growth %g, %d rounds", v.name, as, growth, round+1)
		if o.Right > best.Right || best.Tried == 0 {
			best = o
		}
		next := min(int(growth*float64(max(len(anchors), 10))), maxAnchors, len(claims)+len(s.seeds))
		if next <= len(anchors) || round == 14 {
			return best, nil
		}
		seeded := map[int32]bool{}
		anchors = slices.Clone(s.seeds)
		for _, q := range s.seeds {
			seeded[q.e] = true
		}
		for _, c := range claims {
			if len(anchors) < next && !seeded[c.e] {
				anchors = append(anchors, c.pair)
			}
		}
	}
}

var debug = true

func anchorAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (best Outcome, err error) {
	s, err := newScene(t, a, r)
	if err != nil {
		return Outcome{}, err
	}
	for _, v := range views(t.Filters.Similarity) {
		for _, as := range []metric{correlation, euclidean} {
			for _, growth := range []float64{4, 1.6} {
				o, err := s.grow(ctx, s.seeds, growth, v, as)
				if err != nil {
					return best, err
				}
				if o.Right > best.Right || best.Tried == 0 {
					best = o
				}
			}
		}
	}
	return best, nil
}
