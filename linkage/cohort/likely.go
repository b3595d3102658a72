package cohort

import (
	"math"
	"math/bits"
)

// Ranges: between which numbers the truth probably is, since linkage misses links and
// makes wrong ones.
//
// They are reckoned from shown figures and from how good the links are thought to be,
// so that they tell nothing which those do not, and widened to the rule's rounding. The
// model is plain: a link joins records of two people with a chance of at most 1 minus
// the precision, and one that should be there is missed with a chance of at most 1
// minus the recall, each by itself. Links of names that are hard to write fail
// together, so that the truth can lie outside.
//
//   - What takes k records of a person to see (in both of two parties; in at least k;
//     a need in another party): some of the persons shown are joined wrongly, and some
//     are missing whose k-1 links were not all made: n·p^(k-1) to n/r^(k-1).
//   - A need that several parties declare, whoever says so: people whose link was missed
//     count twice, and two who were joined count once: n·r to n/p.
//   - What a link more can undo (in exactly these parties, not in this one, without this
//     need): also as many as have links missed, or made wrongly, between a party that it
//     names and another, or to a record that says the need.
//   - All persons: as many fewer as links were missed, and more as were made wrongly.

// Likely returns between which numbers the truth probably is. There is no range for a
// figure that is hidden or 0, for a party's own number and for a need that one party
// alone declares, which do not depend on links but for people whom a party has twice,
// where nothing is known of the links, and in a release with noise (see Range).
func (f Figure) Likely() (low, high int, ok bool) { return f.likelyLow, f.likelyHigh, f.likelyHigh > 0 }

// LikelyText returns the range as it is read, "595 to 1,640", and "" where there is none.
func (f Figure) LikelyText() string {
	if low, high, ok := f.Likely(); ok {
		return thousands(low) + " to " + thousands(high)
	}
	return ""
}

// ranges adds to each figure its range.
func (r *Release) ranges() {
	for f, x := range r.figures {
		if low, high, ok := r.likely(f); ok {
			x.likelyLow, x.likelyHigh = low, high
			r.figures[f] = x
		}
	}
	for i := range r.inTable {
		c := &r.inTable[i]
		var in uint64
		for _, p := range c.Parties {
			in |= 1 << p
		}
		c.Figure = r.figures[figure{table: combinations, parties: in}]
	}
}

func (r *Release) likely(f figure) (low, high int, ok bool) {
	n, shown := r.figures[f].Value()
	valid := r.precision > 0 && r.precision <= 1 && r.recall > 0 && r.recall <= 1
	if !shown || n == 0 || !valid || len(r.parties) < 2 {
		return 0, 0, false
	}
	x := float64(n)
	least, most := x, x
	seen := func(records int) {
		least, most = x*math.Pow(r.precision, float64(records-1)), x/math.Pow(r.recall, float64(records-1))
	}
	disturbed := func(links float64) {
		least, most = least-links*(1/r.recall-1), most+links*(1-r.precision)
	}
	switch f.table {
	case people:
		disturbed(r.links(1<<len(r.parties) - 1))
	case pairs, needTwice, needPairs:
		seen(2)
	case atLeast:
		seen(f.k)
	case combinations:
		seen(bits.OnesCount64(f.parties))
		disturbed(r.links(f.parties))
	case needs:
		if bits.OnesCount64(r.declarers(f)) == 1 {
			return 0, 0, false
		}
		least, most = x*r.recall, x/r.precision
	case needParties:
		if r.declarers(f) == f.parties {
			return 0, 0, false
		}
		seen(2)
	case asked:
		seen(max(1, f.where.records+bits.OnesCount64(f.parties)+bits.OnesCount64(f.needs)))
		disturbed(r.undone(f.where.undo))
	default:
		return 0, 0, false
	}
	if total, ok := r.Total().Value(); ok && f.table != people {
		most = min(most, float64(max(total, n)))
	}
	base := float64(r.rule.Base)
	return int(math.Floor(max(0, least)/base) * base), int(math.Ceil(most/base) * base), true
}

// links is how many links go from one of the parties to one that is not of them, or
// for all parties between any two, as far as they are shown; a hidden number counts as
// the largest small one.
func (r *Release) links(parties uint64) float64 {
	sum := 0
	add := func(f Figure) {
		if v, ok := f.Value(); ok {
			sum += v
		} else if f.Hidden() {
			sum += r.rule.Least - 1
		}
	}
	if parties == 1<<len(r.parties)-1 {
		for k := 2; k <= min(len(r.parties), maxAtLeast); k++ {
			add(r.AtLeast(k)) // who is in so many has a link more than who is in one less
		}
		return float64(sum)
	}
	for i := range r.parties {
		for j := range i {
			if parties>>i&1 != parties>>j&1 {
				add(r.Overlap(i, j))
			}
		}
	}
	return float64(sum)
}

// undone is how many links can make a condition fail: those of the parties that it
// excludes, and for a need that it excludes one for each who carries it.
func (r *Release) undone(u whereUndo) float64 {
	sum := 0.0
	switch {
	case u.sizes:
		sum = r.links(1<<len(r.parties) - 1)
	case u.parties != 0:
		sum = r.links(u.parties)
	}
	for b := u.needs; b != 0; b &= b - 1 {
		f := r.figures[figure{table: needs, needs: b & -b}]
		if v, ok := f.Value(); ok {
			sum += float64(v)
		} else if f.Hidden() {
			sum += float64(r.rule.Least - 1)
		}
	}
	return sum
}

// declarers are the parties that declare the need of a figure; 0 where that is not known.
func (r *Release) declarers(f figure) uint64 {
	for n, slots := range r.slots {
		for _, b := range slots {
			if f.needs>>b&1 == 1 {
				return r.needs[n].By
			}
		}
	}
	return 0
}
