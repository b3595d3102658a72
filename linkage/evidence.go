package linkage

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"cohortlink/linkage/overlap"
)

// A Filter says what a further filter of each record is, beside the first.
type Filter struct {
	Name       string
	Length     int // bits
	Similarity string
}

// An ExactKey is a keyed hash of a whole value. The zero key is a missing value.
type ExactKey = [16]byte

// Evidence is how pairs were weighed when there was more than one score to go by (fs.go).
// Of each pair in Result.Pairs it holds, at the same index, what each filter and key said.
type Evidence struct {
	Weight []float64 // match weight: log₂ of the odds that the two are one person
	// Probability is that of the weight where the record's other candidates in the party of
	// the other are taken into account: at most one of them is its partner in a party that
	// has each person once.
	Probability []float64
	Scores      [][]float32 // of each filter, the first one first; NaN where one of the two has nothing in it
	Outcomes    [][]Outcome // of each exact key
	// Contradicted holds, of the candidate pairs that agree on an exact key, those that no
	// filter bears out, as far down as strangers score. They are no matches.
	Contradicted int
	Shared       int       // values of exact keys that too many records share, and that were taken for missing
	Agreement    []float64 // of each exact key, how often it agrees between records of a person who both have it
	// Expected is what the weights alone make of the links at the threshold; where it is far
	// from Threshold.Estimate, witnesses that are taken as independent are not.
	Expected struct{ Precision, Recall float64 }
	Weighing *Weighing // what the weights are made of
}

// An Outcome is what an exact key says of a pair.
type Outcome uint8

// Outcomes of an exact key.
const (
	Absent Outcome = iota // one of the two has no value
	Disagree
	Agree
)

func (o Outcome) String() string { return [...]string{"absent", "disagree", "agree"}[o] }

// A score of weighed pairs is their match weight laid out from 0 to 1, with even odds in
// the middle and weightReach at the ends: it adds up and averages as weights do, where
// probabilities would all be 0 or 1.
const weightReach = 40

func weightScore(weight float64) float64 {
	return math.Round(clamp(0.5+weight/(2*weightReach))*1e6) / 1e6
}

// ScoreWeight is the match weight of a score of weighed pairs.
func ScoreWeight(score float64) float64 { return (score - 0.5) * 2 * weightReach }

// WeightProbability is the probability of a match at a match weight.
func WeightProbability(weight float64) float64 { return probability(weight) }

// linkEvidence is Link for records with several filters, or exact keys.
func linkEvidence(ctx context.Context, parties []Party, o Options) (*Result, error) {
	layers, err := newLayers(parties, o)
	if err != nil {
		return nil, err
	}
	if o.Previous != nil {
		return linkMoreEvidence(ctx, layers, parties)
	}
	m := &model{}
	c := &candidates{}
	budget := min(float64(layers[0].MaxPairs)/2, max(200_000, 10*float64(len(layers[0].ones)))) / float64(len(layers))
	sampled := make([]layer, len(layers))
	floors := make([]overlap.Ratio, len(layers))
	for i, r := range layers {
		s, err := r.sample(ctx)
		if err != nil {
			return nil, err
		}
		null := newNullModel(s)
		sampled[i] = layer{run: r, sample: s, threshold: null.choose(nil).Score()}
		floors[i], sampled[i].brings = s.candidateFloor(sampled[i].threshold, budget)
		w := newWitness(s, null)
		if sampled[i].brings {
			w.floor = step(value(floors[i]))
		}
		m.filters = append(m.filters, w)
		m.pairs, m.matches = s.above[0], max(m.matches, null.total)
	}
	first := layers[0]
	keys := first.keysOf(parties)
	blocks, err := plan(sampled, keys, o.Blocking)
	if err != nil {
		return nil, err
	}
	var compared uint64
	for i := range sampled {
		pairs, n, err := sampled[i].compareAll(ctx, i, blocks, floors[i])
		if err != nil {
			return nil, err
		}
		compared += n
		for _, p := range pairs {
			c.a, c.b = append(c.a, p.A), append(c.b, p.B)
		}
	}
	for range o.Exact {
		m.keys = append(m.keys, &exactKey{m: 0.9})
	}
	if err := c.fill(ctx, layers, keys, m, blocks.keys); err != nil {
		return nil, err
	}
	m.matches = max(m.matches, 0.5)
	m.pairs = max(m.pairs, 1)
	m.overlapping(layers)
	rivals := c.rivals(first)
	m.fit(ctx, c, rivals)
	res, err := first.settle(ctx, c, m, rivals, compared)
	if err != nil {
		return nil, err
	}
	first.blocked(res, blocks, nil, nil)
	return res, nil
}

// newLayers makes a run for each filter. All number records alike.
func newLayers(parties []Party, o Options) ([]*run, error) {
	filters := append([]Filter{{Length: o.Length, Similarity: o.Similarity}}, o.More...)
	var layers []*run
	for i, f := range filters {
		own, p := o, slices.Clone(parties)
		own.Length, own.Similarity, own.Threshold = f.Length, f.Similarity, nil
		for j := range p {
			if len(p[j].More) != len(o.More) || len(p[j].Exact) != len(o.Exact) {
				return nil, fmt.Errorf("party %q has %d further filters and %d exact keys, where there should be %d and %d", p[j].Name, len(p[j].More), len(p[j].Exact), len(o.More), len(o.Exact))
			}
			for _, keys := range p[j].Exact {
				if len(keys) != len(p[j].IDs) {
					return nil, fmt.Errorf("party %q has %d records but %d exact keys", p[j].Name, len(p[j].IDs), len(keys))
				}
			}
			if i > 0 {
				p[j].Bits = p[j].More[i-1]
			}
		}
		r, err := newRun(p, own)
		if err != nil {
			if i > 0 {
				err = fmt.Errorf("filter %q: %w", f.Name, err)
			}
			return nil, err
		}
		layers = append(layers, r)
	}
	layers[0].Options.Threshold = o.Threshold
	if err := layers[0].adopt(o.Previous); err != nil {
		return nil, err
	}
	for _, r := range layers[1:] {
		r.old = layers[0].old
	}
	return layers, nil
}

// settle weighs the candidates and goes on from their scores as Link does from those of a
// single filter.
func (r *run) settle(ctx context.Context, c *candidates, m *model, v *rivals, compared uint64) (*Result, error) {
	pairs, order := c.weigh(m)
	s := r.sampleOf(pairs, m.pairs)
	expected := c.expected(m, v, pairs, order)
	choose := func(null *nullModel) Threshold {
		if r.Options.Threshold != nil {
			return null.choose(r.Options.Threshold)
		}
		return expected.choose(null, r.hasDuplicates())
	}
	null := newNullModel(s)
	chosen := choose(null)
	floor, err := r.notUnder(s.floor(chosen.Score()), chosen)
	if err != nil {
		return nil, err
	}
	kept := 0
	for kept < len(pairs) && pairs[kept].Score >= value(floor) {
		kept++
	}
	e := c.evidence(m, expected, pairs, order, kept)
	chosen, _ = r.refine(ctx, s, pairs[:kept], chosen, null, floor, choose)
	res, err := r.result(ctx, pairs[:kept], chosen, floor, compared)
	if err != nil {
		return nil, err
	}
	e.expect(res, m.matches)
	e.Weighing = m.weighing()
	res.Evidence = e
	return res, nil
}

// weigh gives every candidate its score, and sorts: order[i] is the candidate that pair i
// is. Contradicted pairs score 0.
func (c *candidates) weigh(m *model) (pairs []Pair, order []int32) {
	pairs = make([]Pair, len(c.a))
	scores := make([]float64, len(c.a))
	order = make([]int32, len(c.a))
	for i := range order {
		order[i] = int32(i)
		if !c.contradicted[i] {
			scores[i] = weightScore(c.weight(m, i))
		}
	}
	slices.SortFunc(order, func(x, y int32) int { return cmp.Or(cmp.Compare(scores[y], scores[x]), cmp.Compare(x, y)) })
	for i, j := range order {
		pairs[i] = Pair{c.a[j], c.b[j], scores[j]}
	}
	return pairs, order
}

func (c *candidates) weight(m *model, i int) float64 {
	w := m.prior
	for f, filter := range m.filters {
		w += filter.says(float64(c.scores[f][i]))
	}
	for k, key := range m.keys {
		w += key.says(int(c.outcomes[k][i]))
	}
	return w
}

// evidence has what was said of the pairs that are kept.
func (c *candidates) evidence(m *model, x *expectation, pairs []Pair, order []int32, kept int) *Evidence {
	e := &Evidence{Shared: c.shared, Scores: make([][]float32, len(c.scores)), Outcomes: make([][]Outcome, len(c.outcomes))}
	for i, j := range order {
		if c.contradicted[j] {
			e.Contradicted++
		}
		if i >= kept {
			continue
		}
		e.Weight = append(e.Weight, ScoreWeight(pairs[i].Score))
		e.Probability = append(e.Probability, x.probability[i])
		for f := range c.scores {
			e.Scores[f] = append(e.Scores[f], c.scores[f][j])
		}
		for k := range c.outcomes {
			e.Outcomes[k] = append(e.Outcomes[k], Outcome(min(c.outcomes[k][j], agree)))
		}
	}
	for _, k := range m.keys {
		e.Agreement = append(e.Agreement, k.m)
	}
	return e
}

// expect adds up the probabilities of the pairs that were accepted.
func (e *Evidence) expect(r *Result, matches float64) {
	var right, accepted float64
	for i, p := range r.Pairs {
		if r.Accepted(p) {
			accepted++
			right += e.Probability[i]
		}
	}
	e.Expected.Precision, e.Expected.Recall = right/accepted, min(1, right/matches) // NaN where nothing was accepted
}

// An expectation is what the probabilities of the pairs make of every threshold.
type expectation struct {
	probability   []float64         // of each pair
	precision, f1 [grid + 1]float64 // were k/grid the threshold
}

// expected takes each record's best candidate in a party that has each person once, and
// every candidate elsewhere, as linked.
func (c *candidates) expected(m *model, v *rivals, pairs []Pair, order []int32) *expectation {
	clear(v.sum)
	odds := make([]float64, len(order))
	for i, j := range order {
		if !c.contradicted[j] {
			odds[i] = math.Exp2(ScoreWeight(pairs[i].Score))
			v.add(int(j), odds[i])
		}
	}
	x := &expectation{probability: make([]float64, len(order))}
	var right, linked [grid + 1]float64
	taken := make([]bool, len(v.sum))
	for i, j := range order {
		x.probability[i] = v.probability(int(j), odds[i])
		if !v.take(int(j), taken) || odds[i] == 0 {
			continue
		}
		k := step(pairs[i].Score)
		right[k] += x.probability[i]
		linked[k]++
	}
	for k := grid - 1; k >= 0; k-- {
		right[k] += right[k+1]
		linked[k] += linked[k+1]
	}
	for k := range x.f1 {
		x.f1[k] = 2 * right[k] / (linked[k] + m.matches)
		x.precision[k] = right[k] / max(linked[k], 1)
	}
	return x
}

// leastWeight is the least that a threshold is put at: odds of 256 to one against. Where
// nothing lies between true pairs and strangers every threshold between is as good to the
// second-best model, and the few strangers who do lie there would be linked. On the sets
// it was tried on the threshold is never below -6.
const leastWeight = -8

// choose takes the threshold from the second-best candidates, as for a single filter: on
// every set it was tried on that is the better judge, since it sees brothers for what they
// are where weights take a shared surname and address for two witnesses. But where a party
// may hold a person twice it has to guess who is a stranger, and can go far wrong. If
// a tenth of what it would link is wrong by the weights, the threshold is where the
// worse of the two opinions of F1 is best.
func (x *expectation) choose(null *nullModel, duplicates bool) Threshold {
	t := null.choose(nil)
	if t.Score() < weightScore(leastWeight) {
		t = null.at(ratio(step(weightScore(leastWeight))))
	}
	if k := step(t.Score()); !duplicates || t.Nothing || x.precision[k] >= 0.9 {
		return t
	}
	f1 := func(k int) float64 { return min(null.f1(k), x.f1[k]) }
	best := grid
	for k := grid; k > 0; k-- {
		if f1(k) > f1(best) {
			best = k
		}
	}
	return null.at(ratio(best))
}

// sampleOf is the sample that pairs make, all records in it: who is not among a record's
// pairs scored less than all who are.
func (r *run) sampleOf(pairs []Pair, compared float64) *sample {
	s := r.newSample()
	at := map[[2]int]int{}
	for a := range r.parties {
		n := len(r.parties[a].ids)
		for b := range r.parties {
			size := len(r.parties[b].ids)
			if a == b {
				size--
			}
			if a == b && r.parties[a].clean || size < 1 || n == 0 {
				continue
			}
			rows := drawRows(n, n, 0)
			at[[2]int{a, b}] = len(s.looks)
			s.looks = append(s.looks, r.newLook(a, b, size, rows))
		}
	}
	see := func(mine, other int32, score float64) {
		a, b := partyOf(r.first, mine), partyOf(r.first, other)
		s.looks[at[[2]int{a, b}]].see(int(mine)-r.first[a], best{score, other})
	}
	for _, p := range pairs {
		if p.Score == 0 {
			continue // contradicted
		}
		see(p.A, p.B, p.Score)
		see(p.B, p.A, p.Score)
		s.above[step(p.Score)]++
	}
	for k := grid; k >= 0; k-- {
		s.above[k] += s.above[k+1]
	}
	s.above[0] = compared
	return s
}
