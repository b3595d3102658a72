package linkage

import (
	"math"
	"testing"
)

// bell is the share of true partners at k/grid or above: a logistic around 0.85.
func bell(k int) float64 { return 1 / (1 + math.Exp(float64(k-850)/10)) }

// lookOf is a look of n records, a share of which have a partner, among strangers of whom
// Λ at k/grid or above are expected, as it would be counted without chance.
func lookOf(n, share float64, size, stratum int, strangers func(k int) float64) lookModel {
	l := lookModel{look: &look{b: 1, cleanA: true, cleanB: true, size: size, weight: 1, sampled: int(n)}, stratum: stratum, n: n}
	for k := range l.first {
		l.first[k] = n * (1 - share*bell(k)) * math.Exp(-strangers(k))
	}
	return l
}

// Where Λ is a third off, a look that has few partners comes out right all the same, because
// it is read where strangers are fewer still, and goes on as the others do.
func TestShareIsReadBesideFewStrangers(t *testing.T) {
	const n, large, small = 10_000, 4000, 1000
	rate := func(k int) float64 { return math.Exp(float64(650-k)/20) / large }
	for _, off := range []float64{0.7, 1, 1.3} {
		m := &nullModel{looks: []lookModel{
			lookOf(n, 0.7, large, 0, func(k int) float64 { return off * large * rate(k) }),
			lookOf(n, 0.02, small, 0, func(k int) float64 { return off * small * rate(k) }),
		}}
		for k := range m.perPair[0] {
			m.perPair[0][k] = rate(k)
		}
		m.solveShares()
		for i, want := range []float64{0.7, 0.02} {
			if got := m.looks[i].share[0]; math.Abs(got-want) > 0.1*want {
				t.Errorf("strangers %g times as many as taken for: a share of %g comes out as %.4f", off, want, got)
			}
		}
		if m.looks[1].edge <= m.looks[0].edge {
			t.Errorf("the share of few partners is read down to %d, that of many to %d: want it higher", m.looks[1].edge, m.looks[0].edge)
		}

		// Read as far down as strangers can be told, the small one would not.
		m.alone = true
		m.solveShares()
		if got := m.looks[1].share[m.looks[1].edge]; off != 1 && math.Abs(got-0.02) < 0.01 {
			t.Errorf("strangers %g times as many as taken for: the test shows nothing, read lower the share is %.4f", off, got)
		}
	}
}

// A look whose partners cannot be read goes on as the others of its stratum do, and
// not as those of another.
func TestSharesRiseInProportion(t *testing.T) {
	looks := func(edges ...int) (out []*lookModel) {
		for i, edge := range edges {
			l := lookOf(1000, 0.2*float64(i+1), 1000, 0, func(int) float64 { return 0 })
			l.edge = edge
			for k := edge; k <= grid; k++ {
				l.share[k] = 0.2 * float64(i+1) * bell(k)
			}
			out = append(out, &l)
		}
		return out
	}
	both := looks(850, 700)
	extendShares(both, 0)
	for k := range grid {
		if a, b := both[0].share[k], both[1].share[k]; math.Abs(b-2*a) > 1e-9 {
			t.Fatalf("at %d the shares are %.6f and %.6f, want the second twice the first", k, a, b)
		}
	}
	if low := both[1].share[700]; math.Abs(low-0.4*bell(700)) > 1e-12 {
		t.Errorf("a share that was read is %.6f, want %.6f", low, 0.4*bell(700))
	}
	// The smaller look, once it is the only one that is read, is not enough to go by.
	lone := looks(700, 850)
	extendShares(lone, 0)
	if lone[0].edge != 850 || lone[1].edge != 850 {
		t.Errorf("reading ends at %d and %d, want 850: a third of the partners is too few", lone[0].edge, lone[1].edge)
	}
	// As much is hidden as is seen just above the edge.
	edge, above := lone[1].share[850], lone[1].share[910]
	if got, want := lone[1].share[0]-edge, edge-above; math.Abs(got-want) > 1e-6 {
		t.Errorf("%.6f are hidden below the edge, want %.6f", got, want)
	}
}

// Without a partner, or without a record, there is nothing to go by, and nothing to go wrong.
func TestSharesOfNobody(t *testing.T) {
	none := lookOf(1000, 0, 1000, 0, func(k int) float64 { return math.Exp(float64(650-k) / 20) })
	empty := lookOf(0, 0, 1000, 1, func(int) float64 { return 0 })
	m := &nullModel{looks: []lookModel{none, empty, {look: none.look, stratum: 2}, {look: none.look, stratum: 3}}}
	for s := range m.perPair {
		for k := range m.perPair[s] {
			m.perPair[s][k] = math.Exp(float64(650-k)/20) / 1000
		}
	}
	m.solveShares()
	for i := range m.looks {
		for k, share := range m.looks[i].share {
			if math.IsNaN(share) || math.Abs(share) > 1e-9 {
				t.Fatalf("look %d: a share of %g at %d, want none", i, share, k)
			}
		}
	}
}

// The groups that a threshold makes change how strangers are counted between parties, not how
// many true pairs there are.
func TestRegroupKeepsTruePairs(t *testing.T) {
	for _, parties := range []int{1, 2} {
		s := duplicatesSample(parties)
		first := newNullModel(s)
		everybody := make([]int32, 2000) // as one person
		again := first.regroup(s, everybody)
		if kept := again.found == first.found; kept != (parties == 2) {
			t.Errorf("%d parties: true pairs kept is %t (%.1f, before %.1f)", parties, kept, again.total, first.total)
		}
		const k = 595
		if again.perPair[0][k] >= first.perPair[0][k] {
			t.Errorf("%d parties: strangers do not become fewer where all are one person", parties)
		}
	}
}

// duplicatesSample is a sample of 1000 records of a party held against those of another, or of the
// party itself, where half have a partner at 0.9, and strangers score from 0.5 to 0.6.
func duplicatesSample(parties int) *sample {
	const n = 1000
	s := &sample{}
	for a := range parties {
		l := look{a: a, b: parties - 1 - a, size: n, weight: 1, perRow: ranks, sampled: n}
		for i := range n {
			l.rows, l.ones = append(l.rows, int32(i)), append(l.ones, 100)
			top := make([]best, ranks)
			for j := range top {
				top[j] = best{0.6 - 0.1*float64((i*ranks+j)%n)/n, int32((i + j + 1) % n)}
			}
			if i%2 == 0 {
				top[0].score = 0.9
			}
			l.best = append(l.best, top...)
		}
		s.looks = append(s.looks, l)
	}
	for i := range s.cuts {
		s.cuts[i] = math.MaxUint16
	}
	return s
}
