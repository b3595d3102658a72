package linkage

import (
	"math"
	"slices"
	"sync"

	"cohortlink/linkage/overlap"
)

// How high do strangers score? Not as high as chance alone would have it: real
// files hold brothers, twins and namesakes. But the file itself tells. Held
// against a party that has each person at most once, a record has at most one
// true partner there, so whoever comes second is somebody else, and comes from
// the same streets and families as whoever would come first if the true partner
// were missing. (Search engines for spectra set their false discovery rate by
// such decoys: Elias & Gygi, Nature Methods 4, 2007. Taking the share of true
// partners from where strangers dominate is Storey's π0: J. R. Stat. Soc. B 64, 2002.)
//
// Let Λ be the expected number of strangers that score t or more, for one record
// against the whole of the other party; taken as Poisson, strangers stay below t
// with probability F = exp(-Λ), and all but one of them with F(1+Λ). With a share
// π of records that have a partner above t,
//
//	P(best   < t) = (1-π) F
//	P(second < t) = π F + (1-π) F (1 + Λ)
//
// Both left sides are counted; Λ and π are solved for. Λ per compared pair is taken
// as alike in all parties, so that small parties borrow it from large ones, but not
// for records that hold much and records that hold little (see strata); π belongs to
// each pair of parties, each stratum and each t.
type nullModel struct {
	looks []lookModel
	// perPair[s][k] is the expected number of strangers at k/grid or above for a record
	// of stratum s, per pair compared.
	perPair [strata][grid + 1]float64
	found   [grid + 1]float64 // expected true pairs whose score is at or above k/grid
	wrong   [grid + 1]float64 // expected wrong pairs, were k/grid the threshold
	total   float64           // expected true pairs in all
	least   int               // the lowest step that may be chosen for a threshold
	bottom  int               // the lowest step at which all scores were counted
	alone   bool              // there is one party only
}

// A lookModel counts the records of one stratum in a look.
type lookModel struct {
	*look
	stratum       int
	n             float64           // records in the sample
	first, second [grid + 1]float64 // of them, with the best and the second best under k/grid
	above         [grid + 1]float64 // how many of all their scores are at k/grid or above
	share         [grid + 2]float64 // π R(t): share with a true partner at or above t; none above 1
	edge          int               // the lowest step at which share is read, not extended
}

// newNullModel is what a sample says when nothing is known of persons.
func newNullModel(s *sample) *nullModel {
	m := countSample(s, nil)
	m.solve(nil)
	return m
}

// regroup is the model again, where groups says for each record which person it was put
// with. Strangers who score just above the threshold are put with persons too, and pass
// for them. That hardly matters for how many there are below; but shares read there would
// count them as partners, 22 % more true pairs on ons-mock-census-pes. So what was found of
// true pairs stays as it was. Within a single party, where persons have many records, the
// widest gap tells strangers far worse than groups do, and shares are read anew.
func (m *nullModel) regroup(s *sample, groups []int32) *nullModel {
	again := countSample(s, groups)
	if m.alone {
		m = nil
	}
	again.solve(m)
	return again
}

// countSample counts the sample. In a party that was not deduplicated the second
// best may be the true person again. There the first stranger is taken to be who
// comes after the widest gap in the scores; or, where there are groups, the first who
// is not in that of the best.
func countSample(s *sample, groups []int32) *nullModel {
	m := &nullModel{looks: make([]lookModel, len(s.looks)*strata), least: max(s.least(), s.bottom), bottom: s.bottom, alone: !slices.ContainsFunc(s.looks, func(l look) bool { return l.a != l.b })}
	for i := range m.looks {
		m.looks[i].look, m.looks[i].stratum = &s.looks[i/strata], i%strata
	}
	for i := range s.looks {
		for j := range s.looks[i].sampled {
			l := &m.looks[i*strata+s.stratum(s.looks[i].ones[j])]
			top := l.of(j)
			second := top[1]
			switch {
			case len(top) == 2: // the party has each person once
			case groups == nil:
				second = top[widestGap(top)]
			case top[0].record >= 0:
				for _, t := range top[1:] {
					second = t
					if t.record < 0 || groups[t.record] != groups[top[0].record] {
						break
					}
				}
			}
			l.n++
			l.first[below(top[0].score)]++
			l.second[below(second.score)]++
			for _, t := range top {
				if t.record >= 0 {
					l.above[step(t.score)]++
				}
			}
		}
	}
	for i := range m.looks {
		l := &m.looks[i]
		// Counts of "under k/grid", from counts by the first grid point above.
		for k := 1; k <= grid; k++ {
			l.first[k] += l.first[k-1]
			l.second[k] += l.second[k-1]
		}
		for k := grid - 1; k >= 0; k-- {
			l.above[k] += l.above[k+1]
		}
	}
	return m
}

// widestGap is the place, at least 1, before which falling scores fall farthest.
func widestGap(top []best) int {
	at := 1
	for k := 2; k < len(top); k++ {
		if top[k-1].score-top[k].score > top[at-1].score-top[at].score {
			at = k
		}
	}
	return at
}

// below is the first grid step that a score is under; a score of 1 is under none,
// and counts at none.
func below(score float64) int {
	if score < 0 {
		return 0
	}
	return min(step(score)+1, grid)
}

// solve alternates between Λ, given each π, and π, given Λ; or takes π, and with it what
// was found of true pairs, from an earlier model of the same sample.
func (m *nullModel) solve(earlier *nullModel) {
	const rounds = 4 // more change the shares by less than their noise
	if earlier != nil {
		for i := range m.looks {
			m.looks[i].share, m.looks[i].edge = earlier.looks[i].share, earlier.looks[i].edge
		}
		m.solveStrangers()
	} else {
		for range rounds {
			m.solveStrangers()
			m.solveShares()
		}
	}

	shareOf := m.sharesOfLooks()
	for k := range m.found {
		for i := range m.looks {
			l := &m.looks[i]
			if !m.counts(l) {
				continue
			}
			n := l.weight * l.n
			m.found[k] += n * m.truePairs(l, k) / 2
			m.wrong[k] += n * m.wrongLinks(l, k, clamp(shareOf[[2]int{l.b, l.a}][k])) / 2
		}
	}
	// Shares of single looks are noisy and may be negative; their sum hardly. What is
	// left of it goes: there are no fewer true pairs above a lower score.
	m.found[grid] = max(0, m.found[grid])
	for k := grid - 1; k >= 0; k-- {
		m.found[k] = max(m.found[k], m.found[k+1])
	}
	if earlier != nil {
		m.found = earlier.found
	}
	m.total = m.found[0]
}

// solveStrangers finds Λ, given each π, at every step.
func (m *nullModel) solveStrangers() {
	var wg sync.WaitGroup
	for s := range m.perPair {
		wg.Go(func() {
			null := &m.perPair[s]
			for k := range null {
				null[k] = m.solveNull(s, k)
			}
			// More can only be above a lower score.
			for k := grid - 1; k >= 0; k-- {
				null[k] = max(null[k], null[k+1])
			}
		})
	}
	wg.Wait()
}

// counts reports whether a look is of the pairs that a linkage is judged by: those
// of two parties, and of one with itself where there is no other.
func (m *nullModel) counts(l *lookModel) bool { return l.a != l.b || m.alone }

func clamp(x float64) float64 { return min(1, max(0, x)) }

// truePairs is how many true partners at k/grid or above a record is expected to
// have: one at most in a party that has each person once; elsewhere, of those that
// have any, as many each as score that high less the strangers among them, counted
// where there are few of these.
func (m *nullModel) truePairs(l *lookModel, k int) float64 {
	if l.cleanB || l.n == 0 {
		return l.share[k]
	}
	edge := max(k, l.edge)
	for edge < grid && m.perPair[l.stratum][edge]*float64(l.size) > mostMean {
		edge++
	}
	if l.share[edge] <= 0 {
		return l.share[k]
	}
	each := (l.above[edge]/l.n - m.perPair[l.stratum][edge]*float64(l.size)) / l.share[edge]
	return l.share[k] * max(1, each) // a partner is one at least
}

// wrongLinks is how many strangers a record is expected to be linked to, were k/grid
// the threshold; taken is the share of the other party's records that have found
// their true partner. Where a party has each person once, a record can be linked to
// one of its records only, and one that has its true partner is out of reach.
func (m *nullModel) wrongLinks(l *lookModel, k int, taken float64) float64 {
	strangers := m.perPair[l.stratum][k] * float64(l.size)
	if l.cleanA {
		strangers *= 1 - taken
	}
	if l.cleanB {
		return (1 - clamp(l.share[k])) * -math.Expm1(-strangers)
	}
	return strangers
}

// mostMean is the most strangers a record may be expected to meet where the records
// of its person are counted by how many there are, less the strangers. Beyond, common
// names bring far more strangers than a Poisson tells: at 0.36 expected, febrl4 with its
// parties not declared clean seemed to have 8 % too many true pairs, at 0.1 two.
const mostMean = 0.1

// solveNull finds Λ per pair at k/grid by bisection: the expected number of second
// bests below, summed over all looks, falls as Λ rises.
func (m *nullModel) solveNull(stratum, k int) float64 {
	var seen, all float64
	var largest int
	for i := stratum; i < len(m.looks); i += strata {
		seen += m.looks[i].second[k]
		all += m.looks[i].n
		largest = max(largest, m.looks[i].size)
	}
	if seen >= all || largest == 0 {
		return 0
	}
	const most = 50.0
	if seen < all/100 {
		return most / float64(largest) // strangers are everywhere: how many does not matter
	}
	lo, hi := 0.0, most
	for range 28 { // to within 2e-7 of a stranger a record
		mid := (lo + hi) / 2
		var expected float64
		for i := stratum; i < len(m.looks); i += strata {
			l := &m.looks[i]
			lambda := mid * float64(l.size) / float64(largest)
			expected += l.n * math.Exp(-lambda) * (1 + (1-clamp(l.share[k]))*lambda)
		}
		if expected > seen {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2 / float64(largest)
}

// connected returns for each record the smallest record it is joined to by pairs
// at or above a score.
func connected(n int, pairs []Pair, score float64) []int32 {
	f := newForest(n)
	for _, p := range pairs {
		if p.Score < score {
			break
		}
		f.join(p.A, p.B)
	}
	for i := range f {
		f[i] = f.root(int32(i))
	}
	return f
}

// A forest holds disjoint sets; each set's root is its smallest member.
type forest []int32

func newForest(n int) forest {
	f := make(forest, n)
	for i := range f {
		f[i] = int32(i)
	}
	return f
}

func (f forest) root(i int32) int32 {
	for f[i] != i {
		f[i] = f[f[i]]
		i = f[i]
	}
	return i
}

func (f forest) join(a, b int32) {
	a, b = f.root(a), f.root(b)
	f[max(a, b)] = min(a, b)
}

// A Threshold is the score that links need, and what is expected of it.
type Threshold struct {
	overlap.Ratio
	Auto     bool
	Nothing  bool // no sign of any person shared was found: only equal filters are linked
	Estimate Estimate
}

// Score is the threshold as a number.
func (t Threshold) Score() float64 { return value(t.Ratio) }

// An Estimate is made without truth, from the scores of the sample (see nullModel and
// interval). It is of the pairs between parties, or of those within the only one.
type Estimate struct {
	Precision float64 // of accepted pairs; NaN where nothing is accepted
	Recall    float64 // of true pairs; NaN where there seem to be none
	TruePairs float64 // expected number of true pairs
	// The 95 % intervals; NaN where the estimates are.
	PrecisionLow, PrecisionHigh float64
	RecallLow, RecallHigh       float64
}

// TooWide is the width from which an interval is no use for judging a linkage.
const TooWide = 0.1

// indifferent is how much expected F1 is given up for a higher threshold: where
// lower ones promise nothing, strangers are not let in.
const indifferent = 0.0005

// choose takes the threshold with the best expected F1, or the one given. Where nearly
// everybody has a partner, and parties hold each person once, lower thresholds seem to do
// no harm for ever, because few are left to be linked wrongly: two parties of five
// thousand CLKs with two thirds of their bits set were to be linked at 0.545, which every
// pair of strangers reaches. What little is gained there is extrapolated, not seen, and
// takes minutes; so a threshold that would not keep the pairs few is left alone.
func (m *nullModel) choose(given *overlap.Ratio) Threshold {
	if given != nil {
		t := m.at(*given)
		t.Auto = false
		return t
	}
	var top float64
	for k := m.least; k <= grid; k++ {
		top = max(top, m.f1(k))
	}
	best := grid
	for best > m.least && m.f1(best) < top-indifferent {
		best--
	}
	if !m.credible(best) {
		t := m.at(ratio(grid))
		t.Nothing = true
		return t
	}
	return m.at(ratio(best))
}

// credible reports whether the true pairs found at a step are more than noise. In
// small files a good part of all records is enough.
func (m *nullModel) credible(k int) bool {
	var most float64
	for i := range m.looks {
		if l := &m.looks[i]; m.counts(l) {
			most += l.weight * l.n / 2
		}
	}
	found := m.found[k]
	return found >= 3 && (found >= 5*math.Sqrt(found+m.wrong[k]+m.noise(k)) || found >= 0.3*most)
}

// noise is the variance of the true pairs found at a step that comes from how well the
// sample tells that no stranger is there.
func (m *nullModel) noise(k int) float64 {
	var noise float64
	for i := range m.looks {
		l := &m.looks[i]
		if !m.counts(l) {
			continue
		}
		f := max(leastF, math.Exp(-m.perPair[l.stratum][k]*float64(l.size)))
		noise += l.weight * l.weight * l.n * (1 - f) / f / 4
	}
	return noise
}

func (m *nullModel) f1(k int) float64 {
	if m.total == 0 {
		return 0
	}
	return 2 * m.found[k] / (m.found[k] + m.wrong[k] + m.total)
}

func (m *nullModel) at(r overlap.Ratio) Threshold {
	k := step(value(r))
	return Threshold{Ratio: r, Auto: true, Estimate: m.estimate(k, m.found[k], m.found[k]+m.wrong[k], m.total)}
}

// estimate is what is told of a threshold by how many of the accepted pairs are expected to be
// right, of so many true ones in all.
func (m *nullModel) estimate(k int, right, accepted, total float64) Estimate {
	nan := math.NaN()
	e := Estimate{nan, nan, total, nan, nan, nan, nan}
	if accepted > 0 {
		e.Precision = right / accepted
		e.PrecisionLow, e.PrecisionHigh = m.interval(k, right, accepted-right, m.unseen())
	}
	if total > 0 {
		e.Recall = right / total
		e.RecallLow, e.RecallHigh = m.interval(k, right, total-right, m.hidden())
	}
	return e
}

// unseen is what share of accepted pairs may be wrong without the model's seeing it.
// Where a party may hold a person twice, a stranger can pass for the person again.
func (m *nullModel) unseen() float64 {
	const clean, guessed = 0.005, 0.05
	return clean + (guessed-clean)*m.twice()
}

// hidden is what share of the true pairs may score like strangers, so that nothing tells of
// them: most of all second records of a person that were entered because the first was
// not found.
func (m *nullModel) hidden() float64 {
	const clean, guessed, alone = 0.02, 0.1, 0.2
	if m.alone {
		return alone
	}
	return clean + (guessed-clean)*m.twice()
}

// twice is the share of the pairs compared where one of the two parties may hold a person twice.
func (m *nullModel) twice() float64 {
	var all, twice float64
	for i := range m.looks {
		if l := &m.looks[i]; m.counts(l) {
			n := l.weight * l.n * float64(l.size)
			all += n
			if !l.cleanA || !l.cleanB {
				twice += n
			}
		}
	}
	return twice / max(all, 1)
}

// misfit is by what factor the wrong and the missed pairs for each right one may differ
// from what the model expects of them.
func (m *nullModel) misfit() float64 {
	const partners, alone = 2.5, 4
	if m.alone {
		return alone
	}
	return partners
}

// interval is a 95 % interval of the share found/(found+lost), where lost are the pairs
// wrongly accepted, or those missed. Two things are added up. What the model takes for
// granted does not quite hold; by how much cannot be told without truth, so it is read
// off sets with truth: the lost are misfit times as many as expected or as few, and
// may be unseen as a share of those found besides (TestQualityOnPeople and
// TestEstimatesOnPeople in cmd/cohortlink show how often that holds). Where few records were
// looked at, chance is added: the lost as a Poisson count, known from a sample, and the
// noise of taking out strangers.
func (m *nullModel) interval(k int, found, lost, unseen float64) (low, high float64) {
	const z = 1.96
	if found <= 0 {
		return 0, 1
	}
	weight := 1.0
	for i := range m.looks {
		weight = max(weight, m.looks[i].weight)
	}
	chance := z * math.Sqrt(weight*(lost+2)+m.noise(k))
	most := m.misfit()*lost + unseen*found + chance
	least := max(0, lost/m.misfit()-chance)
	return found / (found + most), found / (found + least)
}
