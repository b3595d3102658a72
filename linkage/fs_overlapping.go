package linkage

import (
	"math"
	"math/rand/v2"

	"cohortlink/linkage/overlap"
)

// overlapping discounts filters that say the same thing twice. Which fields a filter is
// over is not known here, but it shows: the scores of two filters of one field rise and
// fall together among random pairs, and those of filters over different fields do not.
// With correlations ρ the weight of each filter is divided by 1+Σρ over the others, so
// that a filter given twice counts once, and one beside an unrelated one counts in full:
// the design effect of n observations that all correlate by ρ, 1+(n-1)ρ (Kish, Survey
// Sampling, 1965, section 5.4), for each by itself. Steep encodings, whose strangers all
// score alike, show nothing: their filters are taken as they are.
func (m *model) overlapping(layers []*run) {
	scores := randomScores(layers)
	for f, w := range m.filters {
		said := 1.0
		for g := range m.filters {
			if g != f {
				said += max(0, correlation(scores[f], scores[g]))
			}
		}
		w.own = 1 / said
	}
}

// randomPairs is enough to know a correlation to within 0.01.
const randomPairs = 20_000

// randomScores scores pairs of records drawn with a fixed seed, by every filter. Pairs
// that share a filter without a one are left out, and so are those that nothing compares.
func randomScores(layers []*run) [][]float64 {
	r := layers[0]
	out := make([][]float64, len(layers))
	n := len(r.ones)
	if n < 2 {
		return out
	}
	rng := rand.New(rand.NewPCG(0x636f686f72746c6e, 1<<32))
draw:
	for range randomPairs {
		a, b := int32(rng.IntN(n)), int32(rng.IntN(n))
		if p := partyOf(r.first, a); a == b || p == partyOf(r.first, b) && r.parties[p].clean {
			continue
		}
		for _, l := range layers {
			if l.ones[a] == 0 || l.ones[b] == 0 {
				continue draw
			}
		}
		for f, l := range layers {
			c := overlap.CommonBits(l.filterOf(a), l.filterOf(b))
			out[f] = append(out[f], l.measure.score(c, int(l.ones[a]), int(l.ones[b])))
		}
	}
	return out
}

// correlation is Pearson's; 0 where one of the two does not vary, or there is too little
// to tell.
func correlation(x, y []float64) float64 {
	const least = 100
	if len(x) < least {
		return 0
	}
	var mx, my float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(x))
	}
	var xx, yy, xy float64
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		xx, yy, xy = xx+dx*dx, yy+dy*dy, xy+dx*dy
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}
