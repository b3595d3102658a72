package cohort

import (
	"slices"
)

// Looking for worlds of households. There is no end of kinds of household, so it is always
// looked among those like the ones that there are (see worlds.go): this can only err towards
// hiding more.

// How many of the most frequent kinds are looked at, of how many of them the neighbours, and
// of how many atoms households of two are made.
const (
	nearKinds     = 120
	nearKindFlips = 6
	nearCouples   = 5
	nearJoining   = 4
)

// mostMoved is the most persons of a household of which one is moved. Larger ones are taken
// as they are: a care home is no family.
const mostMoved = 12

// nearHomes returns kinds among which a world for figure f is likely to be found: persons of
// the given atoms, alone in a household and in none that is known; and the households there
// are, and some that differ in one person.
func (a *auditor) nearHomes(f figure, atoms []atom) []kind {
	seen := make(map[kind]bool)
	var out []kind
	add := func(k kind) {
		if k, ok := a.believable(k); ok && !seen[k] {
			seen[k] = true
			out = append(out, k)
		}
	}
	for _, x := range atoms {
		add(kind{first: x})
		add(kind{first: x, home: true})
	}
	for i, x := range atoms[:min(len(atoms), nearCouples)] {
		for _, y := range atoms[:i+1] {
			add(homeOf([]atom{x, y}))
		}
	}
	members := 0
	change := f
	if f.where != nil {
		change.parties |= f.where.parties
		change.needs |= f.where.needs
	}
	for i, w := range a.kinds {
		if i < nearKinds {
			add(w.kind)
		}
		if i < nearKindFlips {
			a.besides(w.kind, 1<<len(a.parties)-1, change.needs, add)
		}
		if members < nearTargets && f.in(w.kind, w.persons()) > 0 {
			members++
			add(w.kind)
			a.besides(w.kind, change.parties, change.needs, add)
		}
	}
	return out
}

// believable returns a kind with what nobody can say of its persons taken from them, and
// whether such persons can be.
func (a *auditor) believable(k kind) (kind, bool) {
	if k.rest == "" {
		k.first = a.settled(k.first)
		return k, a.possible(k.first)
	}
	persons := k.persons()
	for i, x := range persons {
		if persons[i] = a.settled(x); !a.possible(persons[i]) {
			return k, false
		}
	}
	return homeOf(persons), true
}

// besides calls add with the kinds that differ from k in one person: in one of these parties
// or needs, or by that person's leaving or joining; and of one person, in whether its
// household is known.
func (a *auditor) besides(k kind, parties, needs uint64, add func(kind)) {
	if len(k.rest)/atomBytes >= mostMoved {
		return
	}
	persons := k.persons()
	with := func(i int, x atom) {
		if !k.home {
			add(kind{first: x})
			return
		}
		other := slices.Clone(persons)
		other[i] = x
		add(homeOf(other))
	}
	for i, x := range persons {
		if i > 0 && x == persons[i-1] {
			continue
		}
		for p := parties; p != 0; p &= p - 1 {
			with(i, atom{x.parties ^ p&-p, x.needs})
		}
		for b := needs; b != 0; b &= b - 1 {
			for _, v := range a.variants(x.needs, b&-b) {
				with(i, atom{x.parties, v})
			}
		}
		if len(persons) > 1 {
			add(homeOf(slices.Delete(slices.Clone(persons), i, i+1)))
		}
	}
	if len(persons) == 1 && a.homes {
		add(kind{first: k.first, home: !k.home})
	}
	if k.home && len(persons) < a.largest {
		for _, w := range a.atoms[:min(len(a.atoms), nearJoining)] {
			add(homeOf(append(slices.Clone(persons), w.atom)))
		}
	}
}
