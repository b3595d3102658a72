package cohort

import (
	"cmp"
	"maps"
	"math/bits"
	"slices"
)

// Counts are the exact counts of a linkage. They can be given to Protect and to
// nothing else: there is no exported way to read a number out of them, and
// printing or encoding them shows none. Safe for concurrent use.
type Counts struct {
	see func() *tally
}

type tally struct {
	parties []string
	needs   []Need
	slots   [][]int
	width   int

	declared int
	by       []uint64
	twice    []int

	atoms []weighed // in a fixed order, so that the same persons always give the same release
	said  []map[int]int
	own   [][]ownCount // party -> its own persons, by what it says of them itself

	homesKnown bool
	kinds      []weighedKind // in a fixed order
	homesSaid  []map[int]int // party -> need bit -> households in which this party says it
}

type weighed struct {
	atom
	n int
}

// Count counts the persons. Later additions to p do not change the result.
func Count(p *Persons) *Counts {
	f := p.see()
	t := &tally{parties: f.parties, needs: f.needs, slots: f.slots, width: f.width, declared: f.declared, by: f.by, twice: f.twice}
	for a, n := range f.atoms {
		t.atoms = append(t.atoms, weighed{a, n})
	}
	slices.SortFunc(t.atoms, func(a, b weighed) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.parties, b.parties), cmp.Compare(a.needs, b.needs))
	})
	for _, s := range f.said {
		t.said = append(t.said, maps.Clone(s))
	}
	t.homesKnown, t.kinds = f.homes != nil, f.kindsOf()
	for _, s := range f.homesSaid {
		t.homesSaid = append(t.homesSaid, maps.Clone(s))
	}
	for _, o := range f.own {
		t.own = append(t.own, countOwn(o))
	}
	return &Counts{see: func() *tally { return t }}
}

// table says which of the release's tables a figure stands in.
type table uint8

const (
	people       table = iota // all persons
	parties                   // in a party
	pairs                     // in both of two parties
	combinations              // in exactly these parties
	atLeast                   // in at least k parties
	needs                     // carrying a need
	needParties               // in a party and carrying a need
	needPairs                 // carrying two needs
	needTwice                 // of whom two parties or more say a need
	asked                     // meeting the condition of a question, all or by party or need

	// Of households (household.go).
	homes       // all households
	homeParties // known to a party
	homePairs   // known to both of two parties
	homeAtLeast // known to at least k parties
	homeAsked   // meeting the condition of a question

	// What a party knows of its own, and no release has.
	ownAlone // persons of whom no household is known
	ownHomes // households of at least k persons who are in the party and carry or meet something
)

// figure names one number of a release: how many persons are in all of these
// parties and carry all of these needs; or are in exactly these parties; or are
// in at least k parties; or how many households are. It is comparable, so that it can be a
// map's key.
type figure struct {
	table          table
	parties, needs uint64
	k              int
	where          *Condition // of table asked; one for each spelling in a sheet
	// within, if not 0, are the parties that an earlier release knew: those since
	// then do not count for it.
	within uint64
}

// covers reports whether persons of atom a are counted in f; for a figure of households,
// whether one is in which together they are in these parties and carry these needs.
func (f figure) covers(a atom) bool {
	if f.within != 0 {
		if a.parties &= f.within; a.parties == 0 {
			return false
		}
	}
	if f.where != nil && !f.where.holds(a) {
		return false
	}
	switch f.table {
	case combinations:
		return a.parties == f.parties
	case atLeast, homeAtLeast:
		return bits.OnesCount64(a.parties) >= f.k
	}
	return a.parties&f.parties == f.parties && a.needs&f.needs == f.needs
}

func (t *tally) count(f figure) int {
	if f.table.ofHomes() {
		return t.countHomes(f)
	}
	n := 0
	for _, a := range t.atoms {
		if f.covers(a.atom) {
			n += a.n
		}
	}
	return n
}

// combinationCounts returns how many persons are in exactly each combination of
// parties that occurs.
func (t *tally) combinationCounts() map[uint64]int {
	m := make(map[uint64]int)
	for _, a := range t.atoms {
		m[a.parties] += a.n
	}
	return m
}

// maxAtLeast is up to how many parties it is told how many persons are in so
// many or more. Few are in more than that many, and nobody asks.
const maxAtLeast = 7

// inclusive lists every figure of the release but the combinations, in the
// order of its tables.
func (t *tally) inclusive() []figure {
	fs := []figure{{table: people}}
	for i := range t.parties {
		fs = append(fs, figure{table: parties, parties: 1 << i})
	}
	for i := range t.parties {
		for j := range i {
			fs = append(fs, figure{table: pairs, parties: 1<<i | 1<<j})
		}
	}
	// In at least one party are all persons, and that figure is there already.
	// Where the table ends does not depend on counts: ending it at the first
	// small figure would give away that it is small.
	for k := 2; k <= min(len(t.parties), maxAtLeast); k++ {
		fs = append(fs, figure{table: atLeast, k: k})
	}
	for b := range t.declared {
		fs = append(fs, figure{table: needs, needs: 1 << b})
	}
	for b := range t.declared {
		for i := range t.parties {
			fs = append(fs, figure{table: needParties, parties: 1 << i, needs: 1 << b})
		}
	}
	for n, need := range t.needs {
		for m, other := range t.needs[:n] {
			// Two categories together (each age band in each area) make many
			// small cells, and nobody asks for them here.
			if need.Kind != YesNo && other.Kind != YesNo {
				continue
			}
			for _, b := range t.slots[n] {
				for _, c := range t.slots[m] {
					fs = append(fs, figure{table: needPairs, needs: 1<<b | 1<<c})
				}
			}
		}
	}
	for b, twice := range t.twice {
		if twice >= 0 {
			fs = append(fs, figure{table: needTwice, needs: 1<<b | 1<<twice})
		}
	}
	return fs
}
