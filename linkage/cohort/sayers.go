package cohort

import "math/bits"

// Who says a need.
//
// A person carries a need when any party says so. Which parties may say it is known
// to all who have the project file, so an attacker reckons with it: nobody carries a
// need who is in none of the parties that declare it. Where two parties or more
// declare a yes-no need, the persons of whom at least two say it are counted too, as
// a bit of their own in atom.needs: those are served, or known, twice over.

// layNeeds lays out the bits of needs and of their double statements.
func (f *facts) layNeeds(needs []Need) {
	for _, n := range needs {
		var slots []int
		for range n.values() {
			slots = append(slots, f.width)
			f.by = append(f.by, n.By)
			f.width++
		}
		f.slots = append(f.slots, slots)
		n.Values = append([]string(nil), n.Values...)
		f.needs = append(f.needs, n)
	}
	f.declared = f.width
	f.twice = make([]int, f.declared)
	for n, slots := range f.slots {
		for _, b := range slots {
			f.twice[b] = -1
			if f.needs[n].Kind == YesNo && bits.OnesCount64(f.by[b]) >= 2 && f.width < MaxNeedValues {
				f.twice[b] = f.width
				f.width++
			}
		}
	}
}

// bitsOf returns the needs that are said of a person, as in atom.needs.
func (f *facts) bitsOf(carries []Carry) uint64 {
	var needs uint64
	for i, c := range carries {
		bit := f.slots[c.Need][c.Value]
		needs |= 1 << bit
		for _, o := range carries[:i] {
			if t := f.twice[bit]; t >= 0 && o.Need == c.Need && o.Value == c.Value && o.Party != c.Party {
				needs |= 1 << t
			}
		}
	}
	return needs
}

// sayRule is what everybody knows of the persons who carry a need.
type sayRule struct {
	bit, twice uint64 // in atom.needs; twice is 0 where no two parties declare the need
	by         uint64
}

// sayRules returns what holds for each need of which it is known who declares it.
func (t *tally) sayRules() []sayRule {
	var out []sayRule
	for b, by := range t.by {
		if by == 0 {
			continue
		}
		r := sayRule{bit: 1 << b, by: by}
		if t.twice[b] >= 0 {
			r.twice = 1 << t.twice[b]
		}
		out = append(out, r)
	}
	return out
}

// allows reports whether somebody in these parties can carry these needs.
func (r sayRule) allows(x atom) bool {
	sayers := bits.OnesCount64(x.parties & r.by)
	carried, twice := x.needs&r.bit != 0, x.needs&r.twice != 0
	return !(carried && sayers == 0) && !(twice && (!carried || sayers < 2))
}

// settle takes from an atom what nobody in its parties can say.
func (r sayRule) settle(x atom) atom {
	sayers := bits.OnesCount64(x.parties & r.by)
	if sayers == 0 {
		x.needs &^= r.bit
	}
	if sayers < 2 || x.needs&r.bit == 0 {
		x.needs &^= r.twice
	}
	return x
}

// together returns the bits that come and go with a bit of atom.needs: a need that
// goes takes its double statement with it, and a double statement brings its need.
func (t *tally) together(bit uint64) (on, off uint64) {
	on, off = bit, bit
	b := bits.TrailingZeros64(bit)
	if b < t.declared {
		if t.twice[b] >= 0 {
			off |= 1 << t.twice[b]
		}
		return on, off
	}
	for n, twice := range t.twice {
		if twice == b {
			on |= 1 << n
		}
	}
	return on, off
}

// ownNeed reports whether an attacker is the one party that declares the need which f
// counts, so that it knows the number.
func (t *tally) ownNeed(f figure, attacker int) bool {
	if f.within != 0 || f.table != needs && f.table != needParties || f.where != nil {
		return false
	}
	by := t.by[bits.TrailingZeros64(f.needs)]
	if bits.OnesCount64(by) != 1 || f.parties&^by != 0 {
		return false
	}
	return attacker == everyone || attacker == bits.TrailingZeros64(by)
}
