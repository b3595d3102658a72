package overlap

import "sort"

// A rule in terms of the bits that differ. With p and q ones, c in common and d
// different, p+q = 2c+d, and for each of its lines
//
//	2·Den·c ≥ Num·(p+q)+Off  ⇔  c ≥ ⌈(Num·(p+q)+Off) / (2·Den)⌉
//
// With need(p+q) the largest of these, and at least 1, the rule is c ≥ need(p+q), or
// d ≤ (p+q) - 2·need(p+q): both bounds are functions of the sum p+q alone, worked out
// once for each sum.
type bounds struct {
	bits int
	need []uint16 // by sum: the fewest bits in common that reach the rule
	// limit by sum: one more than the most bits that may differ for this sum or any
	// smaller one; 0 if none may. The running maximum is there because rounding need up
	// makes the bound go down by one now and then, and a tile is held to the bound of
	// its largest sum.
	limit []uint16
}

func newBounds(r Rule, bits int) *bounds {
	b := &bounds{bits, make([]uint16, 2*bits+1), make([]uint16, 2*bits+1)}
	highest := 0
	for sum := range b.need {
		need := 1
		for _, l := range r {
			// Go rounds a quotient towards 0, so a negative one is rounded up as well.
			most := l.Num*int64(sum) + l.Off
			if most > 0 {
				most += 2*l.Den - 1
			}
			// What cannot be reached may be beyond 16 bits: one more than all is enough.
			need = max(need, int(min(most/(2*l.Den), int64(bits)+1)))
		}
		highest = max(highest, sum-2*need+1)
		b.need[sum], b.limit[sum] = uint16(need), uint16(highest)
	}
	return b
}

// reach gives the least and the most ones that a filter can have to reach the rule with
// one of p ones: the common bits are at most the smaller of the two. Where there is none,
// as for an empty filter, least is p+1 and most is p.
//
// need grows by at most one for every two ones (Num ≤ Den), so the filters that reach p
// are one range around p, and both its ends grow with p: chunk relies on that.
func (b *bounds) reach(p int) (least, most int) {
	if int(b.need[2*p]) > p {
		return p + 1, p
	}
	least = sort.Search(p, func(q int) bool { return int(b.need[p+q]) <= q })
	return least, p + sort.Search(b.bits-p, func(more int) bool { return int(b.need[2*p+more+1]) > p })
}
