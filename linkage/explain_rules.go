package linkage

import (
	"cmp"
	"math"
	"slices"
)

// A Breach is where a rule for persons overruled the scores.
type Breach struct {
	Ground Ground // ByParty or BySize
	// Persons that would have been one: two for ByParty, all of one record for BySize.
	Persons []int32
	Party   int // for ByParty: one that has each person once, and a record in both
	Pair    int // the best pair between them
	Average float64
}

// Breaches are the persons that were kept apart by a rule: of one party that has each
// person once although they are alike enough to be one, the most alike first; and groups
// of records that were dissolved because they had too many, the largest first.
func (x *Explainer) Breaches() []Breach {
	r := x.r
	var out []Breach
	seen := map[[2]int32]bool{}
	dissolved := newForest(len(r.IDs))
	best := map[int32]int{} // of records that are in a group too large, any pair
	for i, p := range r.Pairs {
		if p.Score < r.Score() {
			break
		}
		if r.Accepted(p) {
			continue
		}
		if x.alone(p.A) && x.alone(p.B) {
			// Nothing but its size keeps the group that these two are in apart (Why).
			dissolved.join(p.A, p.B)
			for _, record := range [2]int32{p.A, p.B} {
				if _, ok := best[record]; !ok {
					best[record] = i
				}
			}
			continue
		}
		ends := [2]int32{min(r.Person[p.A], r.Person[p.B]), max(r.Person[p.A], r.Person[p.B])}
		if seen[ends] {
			continue
		}
		seen[ends] = true
		party := x.shared(ends[0], ends[1])
		if average := x.average(ends[0], ends[1]); party >= 0 && average >= r.Score() {
			out = append(out, Breach{Ground: ByParty, Persons: ends[:], Party: party, Pair: i, Average: average})
		}
	}
	slices.SortStableFunc(out, func(a, b Breach) int { return cmp.Compare(b.Average, a.Average) })

	groups := map[int32]*Breach{}
	var large []*Breach
	for record := range int32(len(r.IDs)) {
		pair, ok := best[record]
		if !ok {
			continue
		}
		root := dissolved.root(record)
		g := groups[root]
		if g == nil {
			g = &Breach{Ground: BySize, Party: -1, Pair: pair, Average: math.NaN()}
			groups[root] = g
			large = append(large, g)
		}
		g.Pair = min(g.Pair, pair)
		g.Persons = append(g.Persons, r.Person[record])
	}
	slices.SortStableFunc(large, func(a, b *Breach) int { return cmp.Compare(len(b.Persons), len(a.Persons)) })
	for _, g := range large {
		out = append(out, *g)
	}
	return out
}

// A ScoreBin counts the pairs whose score is at least From and less than To.
type ScoreBin struct {
	From, To        float64
	Linked, Refused int
}

// Histogram counts pairs by score, in bins of which one begins at the threshold, from the
// floor to the highest score. width is more than 0.
func (x *Explainer) Histogram(width float64) []ScoreBin {
	r := x.r
	if len(r.Pairs) == 0 {
		return nil
	}
	// A score that equals an edge belongs above it, though the edge be a rounded sum.
	of := func(score float64) int { return int(math.Floor((score-r.Score())/width + 1e-9)) }
	from, to := of(r.Pairs[len(r.Pairs)-1].Score), of(r.Pairs[0].Score)
	bins := make([]ScoreBin, to-from+1)
	for i := range bins {
		bins[i].From = r.Score() + float64(from+i)*width
		bins[i].To = r.Score() + float64(from+i+1)*width
	}
	for _, p := range r.Pairs {
		if r.Accepted(p) {
			bins[of(p.Score)-from].Linked++
		} else {
			bins[of(p.Score)-from].Refused++
		}
	}
	return bins
}
