package cohort

import (
	"math"
	"math/bits"
	"slices"
)

// The attacker that Protect plays.
//
// Hiding small figures is not enough: with parties' totals and overlaps shown,
// a reader solves for what is hidden. The usual test of a protected table is to
// be that reader: bound each hidden figure from all that is shown, by linear
// programs, and call it safe only if the bounds tell no more than the mark does
// (Fischetti and Salazar 2001; the audit step of tau-ARGUS).
//
// What the attacker is given here:
//
//   - every shown figure, as the interval of counts that round to it;
//   - for every mark, that the figure was hidden, and, when "told", which marks
//     stand for small figures and so for 1 to 7 (under hes). A reader is not told
//     that, but may guess it. Where no release can be safe against a guess that
//     is always right, the attacker has what a reader has: a mark stands for 1 or
//     more (see Protect);
//   - when told, that a combination which is not in a list of the largest is
//     smaller, or was held back, and which were. (A hidden one in the list would
//     give away that it is not small, so it is left out without a mark, and a
//     reader cannot conclude anything from a combination that is not there);
//   - every earlier release of the project (see earlier.go), and as one of the
//     parties the members of cohorts that it was given;
//   - that a category has at most one value for a person, and that everybody in
//     a party has one, wherever that is so in the data; and which parties declare a
//     need (see sayers.go);
//   - as one of the parties: its own number of persons exactly, and of how many of
//     them it said itself each need, and which needs together (see own.go), which
//     are all who carry a need where nobody else declares it. First all parties
//     together are played, who know more than any one: what is safe from them is
//     safe from each.
//
//   - where households are counted, that they are of these persons, and as one of the
//     parties how its own persons share them (see household.go).
//
// A hidden figure is called safe only with two worlds in hand, one in which it
// is as small and one in which it is as large as its mark allows, and each of
// which would have given this very release. A world is checked by adding it up.
// Worlds are made of whole persons where such can be found, which is nearly
// always; where not, of parts, as linear programs allow (see Audit.InParts).
// This makes the audit sound however it looks for worlds: for many parties and
// needs it looks only among persons like those that there are and their near
// neighbours, and can only err towards hiding more.

// Audit is what the attacker that Protect plays was given and could not do.
type Audit struct {
	Figures   int // figures in the release
	Primary   int // of them hidden by the rule itself
	Secondary int // of them hidden to protect those
	Worlds    int // worlds that were looked at to show them safe
	// InParts counts the small figures whose safety rests on a world with parts
	// of persons in it, because none of whole persons was found. They are safe
	// from linear programs, as the usual test asks, but an attacker who reckons
	// in whole numbers may bound them more tightly.
	InParts int
	// Told is true when the figures are safe even from an attacker who is told
	// which marks stand for small figures.
	Told bool
	// Hurried names tables (see Row) of which every figure above 0 was hidden, since
	// showing them to be safe one by one took too long.
	Hurried []string
}

// Attackers are numbered: party p is p.
const (
	stranger = -1
	everyone = -2 // all parties together
)

// world is one way the persons could be, as the value of every figure.
type world struct {
	figures []float64
	parts   bool // it takes parts of persons, which only a linear program believes in
	moved   []shift
	// attackers who can give out what they said to the persons of this world
	believed map[int]bool
}

type auditor struct {
	*sheet
	told   bool
	worlds []*world
	last   map[[2]int]*world // target and direction -> the world that showed it safe

	known map[[3]int]float64 // target, side, attacker -> what needs no release to be known
	// zeros that are shown are thought of for hiding, where a mark may stand for them
	ofZeros bool
	rough   bool            // worlds are not kept, so that parts of persons do not matter
	blind   bool            // bounds are those of one who has not seen this release
	tried   map[[3]int]bool // target, side, attacker -> a world was looked for
	// target, side -> it is safe from some attacker by a world in parts only
	partial map[[2]int]bool

	spent    int       // work done so far, see program.spent
	patience int       // see usualPatience
	hurries  [][]table // tables to hide when that is too much
	hurried  int       // of hurries, how many were needed
	gaveUp   bool      // households must be left out

	categories []needRule
	sayers     []sayRule
	combined   map[uint64]int // persons of each exact combination
	capped     []uint64       // combinations that are not listed and that a world once made too large
	homes      bool           // households are counted
	base       map[kind]int   // how many there are
	ownTables  map[ownKey]*ownTable
	cuts       int    // facts about statements that were added to the figures
	largest    int    // persons of a household that one more may join
	few        []atom // all atoms there can be
	many       bool   // they are too many
	whole      *model // of few, where no households are counted
	latest     *model // else the last one made, for figure latestFor
	latestFor  int
}

// needRule is what is true of a category in the data.
type needRule struct {
	mask     uint64 // its values
	single   bool   // nobody has two
	complete uint64 // parties of whose persons everybody has one
}

func newAuditor(s *sheet, told bool) *auditor {
	a := &auditor{sheet: s, told: told, patience: usualPatience, last: make(map[[2]int]*world), known: make(map[[3]int]float64), tried: make(map[[3]int]bool),
		partial: make(map[[2]int]bool), combined: s.combinationCounts(), homes: s.joint(), base: make(map[kind]int), ownTables: make(map[ownKey]*ownTable), sayers: s.sayRules()}
	a.hurries = hurries
	if a.homes {
		if a.households {
			a.hurries = slices.Concat(homeHurries, hurries)
		}
		for _, w := range s.kinds {
			a.base[w.kind] = w.n
			a.largest = max(a.largest, 1+len(w.rest)/atomBytes)
		}
		a.largest = min(a.largest, mostMoved)
	} else {
		for _, w := range s.atoms {
			a.base[kind{first: w.atom}] = w.n
		}
	}
	for n, need := range s.needs {
		if need.Kind != Category {
			continue
		}
		r := needRule{single: true}
		for _, w := range s.atoms {
			r.complete |= w.parties
		}
		for _, b := range s.slots[n] {
			r.mask |= 1 << b
		}
		for _, w := range s.atoms {
			switch bits.OnesCount64(w.needs & r.mask) {
			case 0:
				r.complete &^= w.parties
			case 1:
			default:
				r.single = false
			}
		}
		a.categories = append(a.categories, r)
	}
	truth := &world{figures: make([]float64, len(s.list))}
	for i, n := range s.exact {
		truth.figures[i] = float64(n)
	}
	a.worlds = append(a.worlds, truth)
	return a
}

// bounds returns between which values an attacker knows figure i to be.
func (a *auditor) bounds(i, attacker int) (low, high float64) {
	f, n := a.list[i], a.exact[i]
	marked := 1.0
	if a.zeroes {
		marked = 0
	}
	switch {
	case a.blind, a.why[i] == past, a.dropped(i):
		low, high = 0, math.Inf(1)
	case a.why[i] == open:
		l, h := a.rule.meaning(a.rule.round(n))
		low, high = float64(l), float64(h)
	case a.why[i] == primary && a.told:
		low, high = marked, a.marks(i)[1]
	default:
		low, high = marked, math.Inf(1)
	}
	if m := a.earlier[i]; m != nil {
		l, h := m.bounds(a.told, a.blind, attacker)
		low, high = max(low, l), min(high, h)
	}
	if a.ownNeed(f, attacker) {
		return float64(n), float64(n)
	}
	for p := f.parties; p != 0; p &= p - 1 {
		party := bits.TrailingZeros64(p)
		if attacker != party && attacker != everyone {
			continue
		}
		switch f.table {
		case parties, homeParties:
			return float64(n), float64(n)
		case needParties:
			low = max(low, float64(a.said[party][bits.TrailingZeros64(f.needs)]))
		}
	}
	return low, high
}

// goal returns how far from the truth a hidden figure must be free to be: at
// side 0 as low, at side 1 as high as its mark says.
func (a *auditor) goal(i, side int) float64 {
	return a.marks(i)[side]
}

// trivial returns how far a figure could be, at most goal, for an attacker who
// has not seen this release: what its own numbers and earlier releases tell it
// already cannot be hidden any more.
func (a *auditor) trivial(target, side, attacker int, goal float64) float64 {
	key := [3]int{target, side, attacker}
	if t, ok := a.known[key]; ok {
		return t
	}
	a.blind = true
	w, reached, _ := a.solve(target, attacker, goal)
	a.blind = false
	if w == nil {
		n := float64(a.exact[target])
		goal = n - math.Floor(reached+1e-6)
		if side == 1 {
			goal = n + math.Floor(reached+1e-6)
		}
	}
	a.known[key] = goal
	return goal
}

// fits reports whether an attacker can believe in a world.
func (a *auditor) fits(w *world, attacker int) bool {
	const slack = 1e-6
	for i, v := range w.figures {
		low, high := a.bounds(i, attacker)
		if v < low-slack || v > high+slack {
			return false
		}
	}
	return true
}

// failure is a hidden figure that an attacker can bound too tightly.
type failure struct {
	target, attacker int
	goal             float64
	reached          float64
	stops            []int
}

// secure reports whether no attacker can tell that hidden figure target is not
// as small (side 0) or as large (side 1) as its mark allows; nil means none can.
func (a *auditor) secure(target, side int) *failure {
	key := [2]int{target, side}
	w, f := a.against(target, side, everyone)
	a.partial[key] = f == nil && w.inParts()
	if f == nil && !a.partial[key] {
		return nil
	}
	// One of them alone knows less, so that a world is found more easily.
	alone := []int{stranger}
	if len(a.parties) > 1 { // a single party knows all there is, and learns nothing
		for p := range a.parties {
			alone = append(alone, p)
		}
	}
	a.partial[key] = false
	for _, attacker := range alone {
		w, f := a.against(target, side, attacker)
		if f != nil {
			return f
		}
		a.partial[key] = a.partial[key] || w.inParts()
	}
	return nil
}

// inParts counts the small figures whose worlds take parts of persons.
func (a *auditor) inParts() int {
	n := 0
	for _, i := range a.targets() {
		if a.partial[[2]int{i, 0}] || a.partial[[2]int{i, 1}] {
			n++
		}
	}
	return n
}

func (w *world) inParts() bool { return w != nil && w.parts }

// against returns a world that keeps an attacker from telling, which is nil
// when the truth itself does, or how it can tell.
func (a *auditor) against(target, side, attacker int) (*world, *failure) {
	w, f := a.beyond(target, side, attacker, a.goal(target, side))
	if f == nil || attacker == everyone {
		return w, f
	}
	if t := a.trivial(target, side, attacker, f.goal); t != f.goal {
		return a.beyond(target, side, attacker, t)
	}
	return nil, f
}

// beyond looks for a world in which the target is at or beyond the goal, first
// among those found before, of whole persons if there is one.
func (a *auditor) beyond(target, side, attacker int, goal float64) (*world, *failure) {
	n := float64(a.exact[target])
	if side == 0 && n <= goal || side == 1 && n >= goal {
		return nil, nil
	}
	good := func(w *world) bool {
		far := side == 0 && w.figures[target] <= goal+1e-6 || side == 1 && w.figures[target] >= goal-1e-6
		return far && a.fits(w, attacker) && a.believe(w, attacker)
	}
	key := [2]int{target, side}
	var found *world
	if w := a.last[key]; w != nil && good(w) {
		found = w
	}
	for i := 0; i < len(a.worlds) && (found == nil || found.parts); i++ {
		if w := a.worlds[i]; (found == nil || !w.parts) && good(w) {
			found = w
		}
	}
	// A world in parts is used again only where a better one was looked for.
	asked := [3]int{target, side, attacker}
	if found == nil || found.parts && !a.tried[asked] {
		a.tried[asked] = true
		w, reached, stops := a.solve(target, attacker, goal)
		switch {
		case w != nil:
			a.worlds = append(a.worlds, w)
			found = w
		case found == nil:
			return nil, &failure{target, attacker, goal, reached, stops}
		}
	}
	a.last[key] = found
	return found, nil
}
