package linkage

import (
	"context"
	"math"
	"slices"
	"sort"
)

// When records have several filters, or exact keys, one score no longer says how alike
// two of them are. Each filter and key is then a witness, and what they say is added up
// as Fellegi & Sunter do (J. Am. Stat. Assoc. 64, 1969): for each outcome of each witness
// m is its probability among the pairs that are one person, u among those that are not,
// and the match weight of a pair is
//
//	log₂ of the prior odds + Σ log₂ m/u
//
// so that 0 is even odds and each unit doubles them. A witness that is missing says
// nothing. Witnesses are taken as independent given the answer, which they are not
// quite: brothers share surname, address and telephone at once. So weights order pairs,
// and the threshold is not taken from them but from how high strangers score (null.go).
//
// Neither m nor u is known. u comes from random pairs, hardly any of which are one
// person (Jaro, J. Am. Stat. Assoc. 84, 1989): the counts of the sample that is held
// against everybody, less the matches among them. m and the number of matches come from
// the candidate pairs by the EM algorithm without labels (Winkler, Proc. ASA Section on
// Survey Research Methods, 1988; Census Bureau RR2000/05), begun where the second-best
// model stands for each filter.

// A witness is a filter, whose score is cut into levels.
type witness struct {
	edges  []int     // by level: the least step; edges[0] is 0
	pairs  []float64 // by level: pairs of the whole comparison, estimated
	m      []float64 // by level: of them, expected to be one person
	weight []float64 // by level: log₂ m/u, times own
	// own is the share of what the filter says that no other filter has said (overlapping).
	own float64
	// strange is the step that one stranger in a hundred reaches.
	strange int
	floor   int // the least step that brings two records together; 0: none does
}

// strangers is the share of random pairs whose score contradicts a match: it is one
// that a stranger may well have.
const strangers = 0.01

// newWitness cuts the scores of a filter where ever fewer strangers reach them, by
// powers of four, and above, where true pairs are, into even parts.
func newWitness(s *sample, null *nullModel) *witness {
	total := s.above[0]
	// Less the true pairs: in small files they are more than one pair in a hundred.
	k := sort.Search(grid, func(k int) bool {
		return s.above[k+1]-null.found[min(k+1, grid)] <= strangers*(total-null.total)
	})
	w := &witness{edges: []int{0}, strange: k, own: 1}
	add := func(k int) {
		if k > w.edges[len(w.edges)-1] {
			w.edges = append(w.edges, k)
		}
	}
	for share := 0.25; share*total > max(2*null.total, 1); share /= 4 {
		add(sort.Search(grid, func(k int) bool { return s.above[k] <= share*total }))
	}
	const parts = 10
	for from, i := w.edges[len(w.edges)-1], 1; i <= parts; i++ {
		add(from + (grid-from)*i/parts)
	}
	w.m, w.pairs, w.weight = make([]float64, len(w.edges)), make([]float64, len(w.edges)), make([]float64, len(w.edges))
	for i, k := range w.edges {
		next := grid + 1
		if i+1 < len(w.edges) {
			next = w.edges[i+1]
		}
		w.pairs[i] = s.above[k] - s.above[next]
		found := null.found[k]
		if next <= grid {
			found -= null.found[next]
		}
		w.m[i] = max(found, 0)
	}
	return w
}

// silent is the level of a filter that one of the two records has nothing in.
const silent = math.MaxUint8

func (w *witness) level(score float64) int {
	if math.IsNaN(score) {
		return silent
	}
	k := step(score)
	return sort.Search(len(w.edges), func(i int) bool { return w.edges[i] > k }) - 1
}

// says is the weight of a score, straight from the middle of one level to the next, so
// that no two scores that differ are taken as equal between the lowest and the highest.
func (w *witness) says(score float64) float64 {
	i := w.level(score)
	if i == silent {
		return 0
	}
	x := score * grid
	at := func(i int) float64 {
		if i+1 == len(w.edges) {
			return float64(w.edges[i]+grid) / 2
		}
		return float64(w.edges[i]+w.edges[i+1]) / 2
	}
	if x < at(i) {
		i--
	}
	if i < 0 || i+1 == len(w.edges) {
		return w.weight[max(i, 0)]
	}
	part := (x - at(i)) / (at(i+1) - at(i))
	return w.weight[i] + part*(w.weight[i+1]-w.weight[i])
}

// An exactKey is what an exact key says. What agreement is worth depends on how many
// share the value, so that is kept with each pair.
type exactKey struct {
	m        float64 // agreement among pairs that are one person and have both values
	distinct float64 // values that there are
}

// Outcomes of an exact key. The numbers above agreed are values that more records of one
// party share, in powers of two.
const (
	absent     = iota      // missing in one of the two
	disagree               //
	agree                  // on a value that one record of a party has
	mostShared = agree + 7 // agree on a value that 128 or more have
)

// says is the weight of an outcome. A value's frequency is the probability that a
// stranger has it (Winkler, Frequency-Based Matching, Census Bureau RR2000/06): here how
// many records of one party share it, of the values that there are, since a person's own
// records in fifteen parties do not make a number common.
func (k *exactKey) says(outcome int) float64 {
	switch {
	case outcome == absent:
		return 0
	case outcome == disagree:
		return math.Log2((1 - k.m) / (1 - 1/max(k.distinct, 2)))
	default:
		u := float64(int(1)<<(outcome-agree)) / k.distinct
		return math.Log2(k.m / min(u, k.m))
	}
}

// A model is all witnesses, and how many matches there are.
type model struct {
	filters []*witness
	keys    []*exactKey
	pairs   float64 // of the whole comparison
	matches float64 // of them
	prior   float64 // log₂ of the odds that any pair is a match
}

// A pattern is what the witnesses say of a pair.
type pattern struct {
	levels   []uint8 // a level for each filter, then an outcome for each key
	excluded bool    // contradicted: no match, whatever the weight
	odds     float64
	matches  float64 // expected among the candidates that have it
}

// patterns lists what is said of the candidates, and for each of them its place in the list.
func (c *candidates) patterns(m *model) (patterns []pattern, of []int32) {
	at := map[string]int32{}
	of = make([]int32, len(c.a))
	line := make([]byte, len(m.filters)+len(m.keys)+1)
	for i := range c.a {
		for f, w := range m.filters {
			line[f] = byte(w.level(float64(c.scores[f][i])))
		}
		for k := range m.keys {
			line[len(m.filters)+k] = c.outcomes[k][i]
		}
		line[len(line)-1] = 0
		if c.contradicted[i] {
			line[len(line)-1] = 1
		}
		j, ok := at[string(line)]
		if !ok {
			j = int32(len(patterns))
			at[string(line)] = j
			patterns = append(patterns, pattern{levels: slices.Clone(line[:len(line)-1]), excluded: c.contradicted[i]})
		}
		of[i] = j
	}
	return patterns, of
}

// rivals groups the candidates that one record has in one other party. Where that party
// has each person once, at most one of them is the record's partner, so they compete:
// with odds o against being a stranger, the probability of each is o/(1+Σo). Taken one by
// one, a street's worth of good candidates would all pass for matches, and EM would go on
// to learn what neighbours look like.
type rivals struct {
	of  [2][]int32 // of each candidate: the group of its first record, and that of its second; -1: it has none
	sum []float64  // of odds, by group
}

func (c *candidates) rivals(r *run) *rivals {
	v := &rivals{}
	at := map[[2]int32]int32{}
	for side := range v.of {
		v.of[side] = make([]int32, len(c.a))
		for i := range c.a {
			mine, other := c.a[i], c.b[i]
			if side == 1 {
				mine, other = other, mine
			}
			p := partyOf(r.first, other)
			if v.of[side][i] = -1; !r.parties[p].clean {
				continue
			}
			key := [2]int32{mine, int32(p)}
			j, ok := at[key]
			if !ok {
				j = int32(len(v.sum))
				at[key] = j
				v.sum = append(v.sum, 0)
			}
			v.of[side][i] = j
		}
	}
	return v
}

// add counts the odds of candidate i in its groups.
func (v *rivals) add(i int, odds float64) {
	for _, of := range v.of {
		if of[i] >= 0 {
			v.sum[of[i]] += odds
		}
	}
}

// take marks the groups of candidate i as won, and reports whether it wins them: taken
// in the order of their odds, the best of each wins.
func (v *rivals) take(i int, taken []bool) bool {
	for _, of := range v.of {
		if of[i] >= 0 && taken[of[i]] {
			return false
		}
	}
	for _, of := range v.of {
		if of[i] >= 0 {
			taken[of[i]] = true
		}
	}
	return true
}

// probability is that of candidate i, once all are added.
func (v *rivals) probability(i int, odds float64) float64 {
	all := odds
	for _, of := range v.of {
		if of[i] >= 0 {
			all = max(all, v.sum[of[i]])
		}
	}
	return odds / (1 + all)
}

// rounds is more than EM needs on the sets it was tried on: the number of matches moves
// by less than one pair in ten thousand after 15 to 25 of them.
const rounds = 40

// fit runs EM over the candidates, and stops between rounds if ctx ends.
func (m *model) fit(ctx context.Context, c *candidates, v *rivals) {
	patterns, of := c.patterns(m)
	m.weigh()
	m.settlePrior()
	for range rounds {
		if ctx.Err() != nil {
			return
		}
		m.expect(patterns, of, v)
		m.maximise(patterns)
		m.weigh()
	}
}

func (m *model) settlePrior() { m.prior = math.Log2(m.matches / max(m.pairs-m.matches, 0.5)) }

// expect works out how many matches are expected among the candidates of each pattern.
func (m *model) expect(patterns []pattern, of []int32, v *rivals) {
	for i := range patterns {
		p := &patterns[i]
		p.odds, p.matches = 0, 0
		if p.excluded {
			continue
		}
		w := m.prior
		for f, filter := range m.filters {
			if l := p.levels[f]; l != silent {
				w += filter.weight[l]
			}
		}
		for k, key := range m.keys {
			w += key.says(int(p.levels[len(m.filters)+k]))
		}
		p.odds = math.Exp2(w)
	}
	clear(v.sum)
	for i, j := range of {
		v.add(i, patterns[j].odds)
	}
	for i, j := range of {
		patterns[j].matches += v.probability(i, patterns[j].odds)
	}
}

// probability is that of a match of weight w.
func probability(w float64) float64 { return 1 / (1 + math.Exp2(-w)) }

// maximise takes the number of matches, and m of every witness, from the expectations.
func (m *model) maximise(patterns []pattern) {
	matches := 0.0
	for f := range m.filters {
		clear(m.filters[f].m)
	}
	type tally struct{ both, agreed float64 }
	keys := make([]tally, len(m.keys))
	for i := range patterns {
		p := &patterns[i]
		n := p.matches
		matches += n
		for f, w := range m.filters {
			if l := p.levels[f]; l != silent {
				w.m[l] += n
			}
		}
		for k := range m.keys {
			outcome := p.levels[len(m.filters)+k]
			if outcome != absent {
				keys[k].both += n
			}
			if outcome >= agree {
				keys[k].agreed += n
			}
		}
	}
	m.matches = max(matches, 0.5)
	m.settlePrior()
	for k, t := range keys {
		// As if ten more pairs had been seen, nine of which agree: a key is chosen because it
		// is right nine times in ten or better, and with few pairs that is all there is to go by.
		// (With one filter beside it EM learns that a key is never wrong. To take it as wrong
		// in one pair of a hundred at least was tried on a dirty borough, and gained nothing.)
		m.keys[k].m = (t.agreed + 9) / (t.both + 10)
	}
}

// weigh turns what was counted into weights.
func (m *model) weigh() {
	for _, w := range m.filters {
		w.weigh(m.pairs)
	}
}

// weigh takes u from the pairs at each level that are not matches. No level is taken to
// be without strangers: a hundredth of its pairs may be, and half a pair at least. More
// alike is never weaker evidence: where counts say so they are pooled with their
// neighbours (pool adjacent violators: Barlow et al., Statistical Inference under Order
// Restrictions, 1972).
func (w *witness) weigh(pairs float64) {
	type run struct {
		m, u   float64
		levels int
	}
	var runs []run
	sum := 0.0
	for _, x := range w.m {
		sum += x
	}
	for i, x := range w.m {
		share := (x + 0.5/float64(len(w.m))) / (sum + 0.5)
		u := max(w.pairs[i]-x, 0.01*w.pairs[i], 0.5) / pairs
		runs = append(runs, run{share, u, 1})
		for n := len(runs); n > 1 && runs[n-1].m*runs[n-2].u < runs[n-2].m*runs[n-1].u; n-- {
			a, b := runs[n-2], runs[n-1]
			runs = append(runs[:n-2], run{a.m + b.m, a.u + b.u, a.levels + b.levels})
		}
	}
	i := 0
	for _, r := range runs {
		for range r.levels {
			w.weight[i] = w.own * math.Log2(r.m/r.u)
			i++
		}
	}
}
