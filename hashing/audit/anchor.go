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
	overlapped []pair    // in both, seeds aside
	shuffled   [][]int32 // orders of overlapped: truths that are not so, by which chance is told
}

// shuffles are how many false truths every round is graded by as well.
const shuffles = 20

// newScene draws a scene: of n records, n/(2-overlap) are on either side, so that all
// are on one. Of those on both, at most half are anchors.
func newScene(t *Target, a Attack, r *rand.Rand) (*scene, error) {
	apart := rand.New(rand.NewPCG(shuffles, uint64(len(t.Values)))) // no attack is to depend on it
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
	for range shuffles {
		order := make([]int32, len(s.overlapped))
		for i := range order {
			order[i] = int32(i)
		}
		apart.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		s.shuffled = append(s.shuffled, order)
	}
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
	for _, order := range s.shuffled {
		right := 0
		for i, q := range s.overlapped {
			if p := ofE[q.e].best; p >= 0 && s.right(pair{s.overlapped[order[i]].e, p}) {
				right++
			}
		}
		o.byChance = append(o.byChance, right)
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

// descriptors are everybody's similarities to the anchors, made comparable. noise is the
// variance of the difference between a descriptor of an encoded record and that of the
// same person's values, in one anchor, as the anchors themselves show it.
func (s *scene) descriptors(ctx context.Context, anchors []pair, v view, as metric) (x, y []float32, noise float64, err error) {
	m := len(anchors)
	es, ps := make([]int, m), make([]int, m)
	for i, q := range anchors {
		es[i], ps[i] = int(q.e), int(q.p)
	}
	if x, err = s.e.columns(ctx, es, v); err != nil {
		return nil, nil, 0, err
	}
	if y, err = s.p.columns(ctx, ps, v); err != nil {
		return nil, nil, 0, err
	}
	describe(x, s.e.n, m, es, as)
	describe(y, s.p.n, m, ps, as)
	for i := range m {
		for a := range m {
			if a != i {
				d := float64(x[es[i]*m+a] - y[ps[i]*m+a])
				noise += d * d
			}
		}
	}
	return x, y, noise / float64(max(1, m*(m-1))), nil
}

// round finds everybody's nearest by their similarities to the anchors.
func (s *scene) round(ctx context.Context, anchors []pair, v view, as metric) (ofE, ofP []nearest, noise float64, err error) {
	x, y, noise, err := s.descriptors(ctx, anchors, v, as)
	if err != nil {
		return nil, nil, 0, err
	}
	ofE, ofP, err = nearestOf(ctx, x, y, s.e.n, s.p.n, len(anchors))
	return ofE, ofP, noise, err
}

// anchorsFor bounds the anchors, and so the work, of a round: a plain filter is recovered
// whole from far fewer.
func (s *scene) anchorsFor() int { return max(256, min(640, 2_000_000/max(1, s.e.n)), len(s.seeds)) }

const (
	mostRounds = 12
	// sure is how much likelier, as a logarithm, a claim must be than the next best to serve
	// as an anchor by likelihood: seven, for there are thousands of others.
	sure = 7
)

// A growth is how the anchors of the next round are chosen.
type growth struct {
	view
	metric
	times float64
}

func (g growth) String() string {
	if g.metric == euclidean {
		return g.name + ", likelihood"
	}
	return g.name + ", correlation"
}

// grow repeats rounds, each with the surest claims of the round before as its anchors, the
// seeds always among them. By correlation there are times as many in each round; by
// likelihood all that are sure, and at most so many.
func (s *scene) grow(ctx context.Context, start []pair, g growth) (best Outcome, err error) {
	anchors := start
	for round := range mostRounds {
		ofE, ofP, noise, err := s.round(ctx, anchors, g.view, g.metric)
		if err != nil {
			return best, err
		}
		claims := mutual(ofE, ofP, g.metric)
		o := s.grade(ofE, claims)
		o.Variant = g.String()
		best.take(o)
		next := min(int(g.times*float64(max(len(anchors), 10))), s.anchorsFor())
		seeded := map[int32]bool{}
		chosen := slices.Clone(s.seeds)
		for _, q := range s.seeds {
			seeded[q.e] = true
		}
		for _, c := range claims {
			if len(chosen) == next || g.metric == euclidean && -float64(c.doubt) < sure*noise {
				break
			}
			if !seeded[c.e] {
				chosen = append(chosen, c.pair)
			}
		}
		if len(chosen) <= len(anchors)+len(anchors)/20 && round > 0 {
			break
		}
		anchors = chosen
	}
	return best, nil
}

// growths are the ways to grow that are tried on an encoding.
func growths(similarity string) []growth {
	var all []growth
	for _, v := range views(similarity) {
		all = append(all, growth{v, correlation, 2}, growth{v, euclidean, 2})
	}
	return all
}

func anchorAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (Outcome, error) {
	if a.Anchors == 0 {
		return Outcome{}, fmt.Errorf("attack %s begins with known pairs: without any, use %s", Anchor, Graph)
	}
	s, err := newScene(t, a, r)
	if err != nil {
		return Outcome{}, err
	}
	return s.best(ctx, s.seeds, growths(t.Filters.Similarity))
}

// best grows in each way from the same start, and returns what recovered most.
func (s *scene) best(ctx context.Context, start []pair, ways []growth) (best Outcome, err error) {
	best.Tried = len(s.overlapped)
	for _, g := range ways {
		o, err := s.grow(ctx, start, g)
		if err != nil {
			return best, err
		}
		best.take(o)
		if best.Right == best.Tried {
			break
		}
	}
	return best, nil
}
