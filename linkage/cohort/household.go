package cohort

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"slices"
)

// Households.
//
// Where it is known who lives with whom, households are counted beside persons: all of
// them, those known to a party, to both of two, to two or three or more, and those that
// meet the condition of a question. A household is in every party that has one of its
// persons, and carries every need that is said of one of them: two parties that know a
// household need not know one person of it both. Persons of whom it is not known where
// they live are counted as persons and are in no household.
//
// The two kinds of figure are of the same people, and tell of each other. Households known
// to a party are no more than its persons; two parties that share eight households and no
// person know sixteen; a household in three parties has at least one person in each. Such
// rules have no end, and one that is left out is one that an attacker has and the audit
// has not. So none is written down here. Instead the worlds of the audit (audit.go) are made
// of whole households: what a program moves are kinds of household, each the list of its
// persons, and every figure, of persons or of households, is added up from them. Every
// world is one that could be, and so obeys every rule there is.
//
// A party knows more than its own number of households: attach names the household of each
// of its rows. So it has in how many households it has two persons or more, three or more,
// and so on; how many of its persons are in none; in how many it says each need; and in how
// many one of its persons belongs to a cohort that it was given. (As with persons, it is
// not played that it knows these of each household together.) And everybody is taken to
// know of how many persons no household is known, since often it is of nobody.
//
// Nothing is put out here with noise: one person more changes the cell of a household to
// another, or joins two, which takes several times what persons take of the budget.

// Member is one person of a household, as Add takes it.
type Member struct {
	Parties uint64
	Carries []Carry
}

// homeAtLeasts is up to how many parties it is told how many households are in so many or
// more: of more, nobody asks.
const homeAtLeasts = 3

// KnowHouseholds says that it is known who lives together, also where no household follows.
func (p *Persons) KnowHouseholds() {
	if f := p.see(); f.homes == nil {
		f.homes = make(map[kind]int)
		for range f.parties {
			f.homesSaid = append(f.homesSaid, make(map[int]int))
		}
	}
}

// AddHousehold adds the persons of one household. Those that are added by Add are in none
// that is known.
func (p *Persons) AddHousehold(members []Member) error {
	if p == nil || p.see == nil {
		return errors.New("these persons were not made by NewPersons")
	}
	if len(members) == 0 {
		return errors.New("a household has at least one person")
	}
	p.KnowHouseholds()
	f := p.see()
	said := make([]uint64, len(f.parties))
	var persons []atom
	for _, m := range members {
		if err := p.Add(m.Parties, m.Carries); err != nil {
			return err
		}
		persons = append(persons, atom{m.Parties, f.bitsOf(m.Carries)})
		for _, c := range m.Carries {
			said[c.Party] |= 1 << f.slots[c.Need][c.Value]
		}
	}
	f.homes[homeOf(persons)]++
	for party, needs := range said {
		for ; needs != 0; needs &= needs - 1 {
			f.homesSaid[party][bits.TrailingZeros64(needs)]++
		}
	}
	return nil
}

// kind is what a world has some of: a person of whom no household is known, or a household
// of such persons. It is comparable, so that it can be a map's key.
type kind struct {
	first atom
	rest  string // the other persons of the household, in ascending order after the first
	home  bool
}

// homeOf returns the kind of a household of these persons, which it sorts.
func homeOf(persons []atom) kind {
	slices.SortFunc(persons, func(x, y atom) int { return cmp.Or(cmp.Compare(x.parties, y.parties), cmp.Compare(x.needs, y.needs)) })
	k := kind{first: persons[0], home: true}
	if len(persons) > 1 {
		var rest []byte
		for _, x := range persons[1:] {
			rest = binary.BigEndian.AppendUint64(rest, x.parties)
			rest = binary.BigEndian.AppendUint64(rest, x.needs)
		}
		k.rest = string(rest)
	}
	return k
}

// atomBytes is how long a person is in kind.rest.
const atomBytes = 16

// persons returns who is in the household, or the one person.
func (k kind) persons() []atom {
	out := append(make([]atom, 0, 1+len(k.rest)/atomBytes), k.first)
	for at := 0; at < len(k.rest); at += atomBytes {
		b := []byte(k.rest[at : at+atomBytes])
		out = append(out, atom{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])})
	}
	return out
}

func compareKinds(x, y kind) int {
	home := func(k kind) int {
		if k.home {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(home(x), home(y)), cmp.Compare(len(x.rest), len(y.rest)), cmp.Compare(x.first.parties, y.first.parties),
		cmp.Compare(x.first.needs, y.first.needs), cmp.Compare(x.rest, y.rest))
}

// weighedKind is how many there are of a kind.
type weighedKind struct {
	kind
	n int
}

// kindsOf lists the kinds of all persons, the most frequent first: households, and the
// persons that are in none.
func (f *facts) kindsOf() []weighedKind {
	if f.homes == nil {
		return nil
	}
	alone := make(map[atom]int, len(f.atoms))
	for x, n := range f.atoms {
		alone[x] = n
	}
	var out []weighedKind
	for k, n := range f.homes {
		out = append(out, weighedKind{k, n})
		for _, x := range k.persons() {
			alone[x] -= n
		}
	}
	for x, n := range alone {
		if n > 0 {
			out = append(out, weighedKind{kind{first: x}, n})
		}
	}
	slices.SortFunc(out, func(a, b weighedKind) int { return cmp.Or(cmp.Compare(b.n, a.n), compareKinds(a.kind, b.kind)) })
	return out
}

// ofHomes reports whether the figures of a table count households, or what a party knows of
// its own.
func (t table) ofHomes() bool { return t >= homes }

// in returns how many a kind adds to a figure: of persons, as many of its persons as are
// counted; of households, 1 or 0.
func (f figure) in(k kind, persons []atom) int {
	n := 0
	switch {
	case !f.table.ofHomes():
		for _, x := range persons {
			if f.covers(x) {
				n++
			}
		}
		return n
	case f.table == ownAlone:
		if !k.home && f.covers(k.first) {
			n = 1
		}
		return n
	case !k.home:
		return 0
	case f.table == ownHomes:
		for _, x := range persons {
			if f.covers(x) {
				n++
			}
		}
		return min(1, n/f.k)
	}
	var all atom
	for _, x := range persons {
		if f.within != 0 && x.parties&f.within == 0 {
			continue // was nowhere then
		}
		all.parties |= x.parties
		all.needs |= x.needs
	}
	if f.covers(all) {
		return 1
	}
	return 0
}

// countHomes is count for a figure of households.
func (t *tally) countHomes(f figure) int {
	n := 0
	for _, k := range t.kinds {
		n += k.n * f.in(k.kind, k.persons())
	}
	return n
}

// homeTables lists the figures of households that every release with households has.
func (t *tally) homeTables() []figure {
	fs := []figure{{table: homes}}
	for i := range t.parties {
		fs = append(fs, figure{table: homeParties, parties: 1 << i})
	}
	for i := range t.parties {
		for j := range i {
			fs = append(fs, figure{table: homePairs, parties: 1<<i | 1<<j})
		}
	}
	for k := 2; k <= min(len(t.parties), homeAtLeasts); k++ {
		fs = append(fs, figure{table: homeAtLeast, k: k})
	}
	return fs
}

// errNoHomes is returned for figures of households where it is not known who lives together.
var errNoHomes = errors.New("it is not known who lives together")

// askHomes adds the figures of households.
func (s *sheet) askHomes(o Options) error {
	if !o.Households {
		return nil
	}
	if !s.homesKnown {
		return errNoHomes
	}
	s.households = true
	if !o.QuestionsOnly {
		for _, f := range s.homeTables() {
			s.add(f, open)
		}
	}
	for _, is := range s.byQuestion {
		if where := s.list[is[0]].where; where.text != "" {
			s.add(figure{table: homeAsked, where: where}, open)
		}
	}
	return nil
}

// errTooLong is returned where households take so long to protect that they are left out.
var errTooLong = errors.New("it takes too long to protect households")

// protectOrLeaveOut protects counts by hiding, without households where they cannot be shown
// safely, or not in time: persons are asked for more.
func protectOrLeaveOut(c *Counts, r Rule, o Options) (*Release, error) {
	rel, err := protectHiding(c, r, o)
	var differs *DifferenceError
	if !o.Households || !errors.Is(err, errTooLong) && !errors.Is(err, ErrUnsafe) && !errors.As(err, &differs) {
		return rel, err
	}
	o.Households = false
	if rel, err = protectHiding(c, r, o); err == nil {
		rel.homesLeftOut = true
	}
	return rel, err
}

// joint reports whether any figure counts households, so that worlds must be made of them.
func (s *sheet) joint() bool {
	return slices.ContainsFunc(s.list, func(f figure) bool { return f.table.ofHomes() })
}

// ownHouseholds adds what each party knows of its own households, where any are counted:
// no reader sees these figures, but the party has them exactly.
func (s *sheet) ownHouseholds() {
	if !s.joint() {
		return
	}
	// Of how many no household is known may be known to all: often it is nobody.
	nowhere, _ := s.memory(figure{table: ownAlone})
	n := float64(s.count(figure{table: ownAlone}))
	nowhere.low, nowhere.high = [2]float64{n, n}, [2]float64{n, n}
	knows := func(party int, f figure, low, high float64) {
		m, _ := s.memory(f)
		m.own[party] = [2]float64{low, high}
	}
	exactly := func(party int, f figure) {
		n := float64(s.count(f))
		knows(party, f, n, n)
	}
	for party := range s.parties {
		own := figure{parties: 1 << party}
		own.table = ownAlone
		exactly(party, own)
		own.table = ownHomes
		for _, k := range s.ownSizes(party) {
			for own.k = max(1, k); own.k <= k+1; own.k++ {
				exactly(party, own)
			}
		}
		own.k = 1
		for b := range s.declared {
			own.needs = 1 << b
			switch said := float64(s.homesSaid[party][b]); {
			case s.by[b] == 1<<party: // nobody else says it
				exactly(party, own)
			case said > 0:
				knows(party, own, said, math.Inf(1))
			}
		}
	}
	// In the order of the list, so that the same counts give the same release.
	for i, f := range slices.Clone(s.list) {
		given := s.earlier[i]
		if given == nil || f.table != asked || f.parties == 0 {
			continue
		}
		f.table, f.k = ownHomes, 1
		n := float64(s.count(f))
		for party := range s.parties {
			if _, ok := given.own[party]; ok {
				knows(party, f, n, n)
			}
			if _, ok := given.given[party]; ok {
				m, _ := s.memory(f)
				m.given[party] = n
			}
		}
	}
}

// ownSizes returns how many persons of a party its households have, each number once. That
// and one more, as the least that a household has, says all there is to know of them.
func (s *sheet) ownSizes(party int) []int {
	out := []int{0}
	for _, w := range s.kinds {
		n := 0
		for _, x := range w.persons() {
			n += int(x.parties >> party & 1)
		}
		if w.home && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// Households is how many households there are; not released where they were not counted.
func (r *Release) Households() Figure { return r.figures[figure{table: homes}] }

// HouseholdsLeftOut reports whether households were to be counted, and were not: too few
// persons are in too many parties or needs to show them safely, or not in a short time.
func (r *Release) HouseholdsLeftOut() bool { return r.homesLeftOut }

// HouseholdsOf is how many households party i knows a person of.
func (r *Release) HouseholdsOf(i int) Figure {
	return r.figures[figure{table: homeParties, parties: 1 << i}]
}

// HouseholdsShared is how many households both party i and party j know a person of, who
// need not be the same.
func (r *Release) HouseholdsShared(i, j int) Figure {
	if i == j {
		return r.HouseholdsOf(i)
	}
	return r.figures[figure{table: homePairs, parties: 1<<i | 1<<j}]
}

// HouseholdsAtLeast is how many households k parties or more know a person of. It is
// released for k up to 3.
func (r *Release) HouseholdsAtLeast(k int) Figure {
	if k == 1 {
		return r.Households()
	}
	return r.figures[figure{table: homeAtLeast, k: k}]
}
