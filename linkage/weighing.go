package linkage

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"
)

// When records are added to an earlier linkage that weighed its pairs (fs.go), the new pairs
// are weighed as the old ones were: weights learnt anew from all of them would move every
// old pair, and the threshold that was kept would mean something else. So a linkage keeps what
// its weights are made of. Then persons come out as if all records were compared again and
// weighed in this way, down to the floor of the earlier linkage. What does change for an old
// pair is how many records share the value of an exact key: it can only become more common,
// and its pairs weigh less, never more.

// Weighing is what match weights are made of: all of a model that weighs a pair. Of each
// filter, and of each exact key, the first one first.
type Weighing struct {
	Prior   float64     // log₂ of the odds that any pair is a match
	Floors  []int       // of each filter: the least score, in thousandths, that brings two records together; 0: none does
	Strange []int       // of each filter: the score, in thousandths, that one stranger in a hundred reaches
	Levels  [][]int     // of each filter: the least score of each level, in thousandths, rising from 0
	Weights [][]float64 // of each filter: log₂ of what each level makes of the odds
	// Of each exact key: how often it agrees between records of a person who both have it, and
	// how many values it has.
	Agreement, Values []float64
}

// weighing is what the model weighs by.
func (m *model) weighing() *Weighing {
	w := &Weighing{Prior: m.prior}
	for _, f := range m.filters {
		w.Floors, w.Strange = append(w.Floors, f.floor), append(w.Strange, f.strange)
		w.Levels, w.Weights = append(w.Levels, slices.Clone(f.edges)), append(w.Weights, slices.Clone(f.weight))
	}
	for _, k := range m.keys {
		w.Agreement, w.Values = append(w.Agreement, k.m), append(w.Values, k.distinct)
	}
	return w
}

// model is the model that weighs like that, for so many filters and keys.
func (w *Weighing) model(filters, keys int) (*model, error) {
	bad := errors.New("what the pairs of the earlier linkage were weighed by is damaged: link all files without it")
	finite := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	if len(w.Floors) != filters || len(w.Strange) != filters || len(w.Levels) != filters || len(w.Weights) != filters || len(w.Agreement) != keys || len(w.Values) != keys || !finite(w.Prior) {
		return nil, bad
	}
	m := &model{prior: w.Prior}
	for f, levels := range w.Levels {
		// A level has a number of eight bits, the last of which says nothing.
		if len(levels) == 0 || len(levels) > silent || len(w.Weights[f]) != len(levels) || levels[0] != 0 || w.Floors[f] < 0 || w.Floors[f] > grid {
			return nil, bad
		}
		for i, k := range levels {
			if k > grid || i > 0 && k <= levels[i-1] || !finite(w.Weights[f][i]) {
				return nil, bad
			}
		}
		m.filters = append(m.filters, &witness{edges: slices.Clone(levels), weight: slices.Clone(w.Weights[f]), strange: w.Strange[f], floor: w.Floors[f]})
	}
	for k, agreement := range w.Agreement {
		if !(agreement > 0 && agreement < 1) || !(w.Values[k] >= 0) || !finite(w.Values[k]) {
			return nil, bad
		}
		m.keys = append(m.keys, &exactKey{m: agreement, distinct: w.Values[k]})
	}
	return m, nil
}

// linkMoreEvidence is linkEvidence for records that are added to an earlier linkage.
func linkMoreEvidence(ctx context.Context, layers []*run, parties []Party) (*Result, error) {
	first := layers[0]
	earlier := first.Previous.Evidence
	if earlier == nil || earlier.Weighing == nil || len(earlier.Scores) != len(layers) {
		return nil, errors.New("the earlier linkage does not say how its pairs were weighed, or weighed others: link all files without it")
	}
	if method := first.Blocking.Method; method != "" && method != BlockNone {
		return nil, &BlockingError{"records that are added to an earlier linkage with several filters or exact keys are compared with all others: leave blocking out", false}
	}
	m, err := earlier.Weighing.model(len(layers), len(first.Exact))
	if err != nil {
		return nil, err
	}
	blocks, err := planMore(layers, m)
	if err != nil {
		return nil, err
	}
	c := &candidates{earlier: earlier}
	var compared uint64
	known := first.known
	first.known = nil // their scores are weights, which a filter's do not belong among
	for f, r := range layers {
		if floor := m.filters[f].floor; floor > 0 {
			n, err := c.meet(ctx, r, ratio(floor))
			if err != nil {
				return nil, err
			}
			compared += n
		}
	}
	first.known = known
	for _, p := range known {
		c.a, c.b = append(c.a, p.A), append(c.b, p.B)
	}
	if err := c.fill(ctx, layers, first.keysOf(parties), m, true); err != nil {
		return nil, err
	}
	m.pairs = first.comparable()
	rivals := c.rivals(first)
	m.matches = c.matches(m, rivals)
	res, err := first.settle(ctx, c, m, rivals, compared)
	if err != nil {
		return nil, err
	}
	first.blocked(res, blocks, nil, nil)
	res.Evidence.Expected.Recall *= 1 - res.Plan.Loss // of what was lost before, candidates know nothing
	return res, nil
}

// planMore is the plan to compare every pair that has a new record in it, told beforehand where they are many.
func planMore(layers []*run, m *model) (*blocks, error) {
	first := layers[0]
	b := unblocked(first.allPairs())
	b.Asked = first.Blocking.Method != ""
	if b.Pairs <= BoroughPairs {
		return b, nil
	}
	if !b.Asked {
		b.Unblocked = "to records with several filters or exact keys others are added without blocking"
	}
	var seconds float64 // that a pair takes
	for f, r := range layers {
		if m.filters[f].floor == 0 {
			continue
		}
		pace, err := r.pace()
		if err != nil {
			return nil, err
		}
		seconds += 1 / pace
	}
	b.Rate = 1 / seconds
	if told := first.Blocking.Planned; told != nil {
		told(&b.Plan)
	}
	return b, nil
}

// pace is how many pairs are compared in a second, as a few rows of the largest party show.
func (r *run) pace() (float64, error) {
	const rows = 32
	largest := slices.MaxFunc(r.parties, func(a, b party) int { return cmp.Compare(a.filters.Len(), b.filters.Len()) }).filters
	words := make([]uint64, rows*r.words)
	common := make([]uint16, rows*largest.Len())
	began := time.Now()
	if err := largest.Common(words, common); err != nil {
		return 0, err
	}
	return float64(len(common)) * float64(r.Workers) / max(time.Since(began).Seconds(), 1e-9), nil
}

// recall finds the pairs that the earlier linkage has among the candidates, which must be
// sorted.
func (c *candidates) recall(known []Pair) {
	if c.earlier == nil {
		return
	}
	c.known = make([]int32, len(c.a))
	for i := range c.known {
		c.known[i] = -1
	}
	for k, p := range known {
		want := packed(p.A, p.B)
		low, high := 0, len(c.a)
		for low < high {
			if mid := (low + high) / 2; packed(c.a[mid], c.b[mid]) < want {
				low = mid + 1
			} else {
				high = mid
			}
		}
		c.known[low] = int32(k)
	}
}

// matches is how many candidates are expected to be one person, by their weights. Those that
// the earlier linkage did not keep are hardly any of them.
func (c *candidates) matches(m *model, v *rivals) float64 {
	odds := make([]float64, len(c.a))
	clear(v.sum)
	for i := range odds {
		if !c.contradicted[i] {
			odds[i] = math.Exp2(c.weight(m, i))
			v.add(i, odds[i])
		}
	}
	var matches float64
	for i, o := range odds {
		matches += v.probability(i, o)
	}
	return max(matches, 0.5)
}

// comparable is the number of pairs that a linkage compares when nothing is known.
func (r *run) comparable() float64 {
	var pairs, before float64
	for i := range r.parties {
		n := float64(len(r.parties[i].ids))
		pairs += before * n
		if !r.parties[i].clean {
			pairs += n * (n - 1) / 2
		}
		before += n
	}
	return max(pairs, 1)
}
