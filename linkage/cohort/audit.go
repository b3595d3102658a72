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
//   - that a category has at most one value for a person, and that everybody in
//     a party has one, wherever that is so in the data;
//   - as one of the parties: its own number of persons exactly, and for each need
//     how many of them it said so of itself. First all parties together are
//     played, who know more than any one: what is safe from them is safe from
//     each.
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
}

type auditor struct {
	*sheet
	told   bool
	worlds []*world
	last   map[[2]int]*world // target and direction -> the world that showed it safe

	known map[[3]int]float64 // target, side, attacker -> what needs no release to be known
	rough bool               // worlds are not kept, so that parts of persons do not matter
	blind bool               // bounds are those of one who has seen no release
	tried map[[3]int]bool    // target, side, attacker -> a world was looked for

	categories []needRule
	combined   map[uint64]int // persons of each exact combination
	capped     []uint64       // combinations that are not listed and that a world once made too large
	persons    map[atom]int
	few        []atom // all atoms there can be
	many       bool   // they are too many
	whole      *model // of few
	latest     *model // else the last one made, for figure latestFor
	latestFor  int
}

// needRule is what is true of a category in the data.
type needRule struct {
	mask     uint64 // its values
	single   bool   // nobody has two
	complete uint64 // parties of whose persons everybody has one
}

// model is a program and what its variables stand for.
type model struct {
	*program
	atoms   []atom
	rowOf   []int    // figure -> row, or -1 where it bounds one column or nothing
	colOf   []int    // figure -> the one column it is, or -1
	figures []int    // row -> figure
	capped  []uint64 // rows after those of figures: combinations that are not listed
	base    []int    // column -> persons of the atom
	touches [][]int  // column -> figures that count it
}

// Up to wholeAtoms atoms are looked at all together; more are not.
const (
	wholeAtoms = 600
	wholeBits  = 14
)

func newAuditor(s *sheet, told bool) *auditor {
	a := &auditor{sheet: s, told: told, last: make(map[[2]int]*world), known: make(map[[3]int]float64), tried: make(map[[3]int]bool),
		combined: s.combinationCounts(), persons: make(map[atom]int)}
	for _, w := range s.atoms {
		a.persons[w.atom] = w.n
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
	case a.blind:
		low, high = 0, math.Inf(1)
	case a.dropped(i):
		low, high = 0, math.Inf(1)
	case a.why[i] == open:
		l, h := a.rule.meaning(a.rule.round(n))
		low, high = float64(l), float64(h)
	case a.why[i] == primary && a.told:
		_, h := a.rule.mark()
		low, high = marked, float64(h)
	default:
		low, high = marked, math.Inf(1)
	}
	for p := f.parties; p != 0; p &= p - 1 {
		party := bits.TrailingZeros64(p)
		if attacker != party && attacker != everyone {
			continue
		}
		switch f.table {
		case parties:
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
	low, high := a.rule.mark()
	if a.zeroes {
		low = 0
	}
	if side == 0 {
		return float64(low)
	}
	return float64(high)
}

// trivial returns how far a figure could be, at most goal, for an attacker who
// has seen no release: what its own numbers alone tell it cannot be hidden.
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

// possible reports whether an attacker can believe in an atom at all.
func (a *auditor) possible(x atom) bool {
	if x.parties == 0 {
		return false
	}
	for _, r := range a.categories {
		n := bits.OnesCount64(x.needs & r.mask)
		if n > 1 && r.single || n == 0 && x.parties&r.complete != 0 {
			return false
		}
	}
	return true
}

// model returns the program in which to look for worlds for figure target.
func (a *auditor) model(target int) *model {
	if a.whole != nil {
		return a.whole
	}
	if a.latest != nil && a.latestFor == target {
		return a.latest
	}
	if a.few == nil && !a.many {
		a.few = a.all()
		a.many = a.few == nil
	}
	if a.few != nil {
		a.whole = a.build(a.few)
		return a.whole
	}
	a.latest, a.latestFor = a.build(a.near(a.list[target])), target
	return a.latest
}

// all returns all atoms that are possible, or nil when they are too many.
func (a *auditor) all() []atom {
	n, v := len(a.parties), a.width
	if n+v > wholeBits {
		return nil
	}
	var out []atom
	for p := uint64(1); p < 1<<n; p++ {
		for c := uint64(0); c < 1<<v; c++ {
			if x := (atom{p, c}); a.possible(x) {
				out = append(out, x)
			}
		}
		if len(out) > wholeAtoms {
			return nil
		}
	}
	return out
}

// How many of the most frequent atoms are looked at, and of how many of them
// the neighbours. More find worlds that fewer miss, and take longer.
const (
	nearAtoms   = 120
	nearTargets = 24
	nearFlips   = 12
	nearNeeds   = 3
	manyParties = 16
)

// near returns atoms among which a world for figure f is likely to be found:
// the most frequent ones, the same with one party more or less, and those that
// a person goes to when it joins or leaves f.
func (a *auditor) near(f figure) []atom {
	seen := make(map[atom]bool)
	var out []atom
	add := func(x atom) {
		if !seen[x] && a.possible(x) {
			seen[x] = true
			out = append(out, x)
		}
	}
	for i, w := range a.atoms {
		if i >= nearAtoms {
			break
		}
		add(w.atom)
	}
	related, flipped := 0, 0
	for _, w := range a.atoms {
		if flipped < nearFlips {
			flipped++
			for p := range a.parties {
				add(atom{w.parties ^ 1<<p, w.needs})
			}
		}
		touching := w.parties&f.parties != 0 || w.needs&f.needs != 0 || f.table == atLeast
		if related >= nearTargets || !touching {
			continue
		}
		related++
		add(w.atom)
		if f.table == atLeast {
			for p := range a.parties {
				for q := range p {
					add(atom{w.parties ^ (1<<p | 1<<q), w.needs})
				}
			}
			continue
		}
		for sub := f.parties; ; sub = (sub - 1) & f.parties {
			for _, needs := range a.variants(w.needs, f.needs) {
				add(atom{w.parties&^f.parties | sub, needs})
			}
			if sub == 0 {
				break
			}
		}
	}
	// Persons in one or two parties only change the fewest figures.
	var common []uint64
	for _, w := range a.atoms {
		if len(common) < nearNeeds && !slices.Contains(common, w.needs) {
			common = append(common, w.needs)
		}
	}
	if !slices.Contains(common, 0) {
		common = append(common, 0)
	}
	for _, c := range common {
		for p := range a.parties {
			add(atom{1 << p, c})
			for q := range p {
				// With many parties, only the pairs that f is about.
				if len(a.parties) <= manyParties || f.parties&(1<<p|1<<q) != 0 {
					add(atom{1<<p | 1<<q, c})
				}
			}
			for _, needs := range a.variants(c, f.needs) {
				add(atom{1<<p | f.parties, needs})
			}
		}
	}
	// The few who are in f can leave it only if they are looked at.
	members := 0
	for _, w := range a.atoms {
		if f.covers(w.atom) && members < nearTargets {
			members++
			add(w.atom)
			for sub := f.parties; sub != 0; sub &= sub - 1 {
				add(atom{w.parties &^ (sub & -sub), w.needs})
			}
			for _, needs := range a.variants(w.needs, f.needs) {
				add(atom{w.parties, needs})
			}
		}
	}
	return out
}

// variants returns needs with every choice of the bits of change, and for a
// category of which nobody has two, with the value exchanged for another.
func (a *auditor) variants(needs, change uint64) []uint64 {
	out := []uint64{needs}
	for c := change; c != 0; c &= c - 1 {
		bit := c & -c
		group := bit
		for _, r := range a.categories {
			if r.mask&bit != 0 && r.single {
				group = r.mask
			}
		}
		for _, x := range out {
			out = append(out, x&^group|bit, x&^group)
			for g := group &^ bit; g != 0; g &= g - 1 {
				if x&bit != 0 {
					out = append(out, x&^group|g&-g)
				}
			}
		}
	}
	return out
}

// build lays out a program over the given atoms.
func (a *auditor) build(atoms []atom) *model {
	m := &model{atoms: atoms, rowOf: make([]int, len(a.list)), colOf: make([]int, len(a.list))}
	covered := make([][]int, len(a.list))
	m.touches = make([][]int, len(atoms))
	for j, x := range atoms {
		for i, f := range a.list {
			if f.covers(x) {
				covered[i] = append(covered[i], j)
				m.touches[j] = append(m.touches[j], i)
			}
		}
	}
	cols := make([][]int32, len(atoms))
	for i, js := range covered {
		m.rowOf[i], m.colOf[i] = -1, -1
		switch len(js) {
		case 0:
		case 1:
			m.colOf[i] = js[0]
		default:
			m.rowOf[i] = len(m.figures)
			for _, j := range js {
				cols[j] = append(cols[j], int32(len(m.figures)))
			}
			m.figures = append(m.figures, i)
		}
	}
	for _, x := range atoms {
		m.base = append(m.base, a.persons[x])
	}
	m.capped = slices.Clone(a.capped)
	for i, p := range m.capped {
		for j, x := range atoms {
			if x.parties == p {
				cols[j] = append(cols[j], int32(len(m.figures)+i))
			}
		}
	}
	m.program = newProgram(cols, len(m.figures)+len(m.capped))
	return m
}

// variable returns the program's variable for figure i, or -1.
func (m *model) variable(i int) int {
	if m.rowOf[i] >= 0 {
		return len(m.atoms) + m.rowOf[i]
	}
	return m.colOf[i]
}

// confine sets the program's bounds to what an attacker knows.
func (a *auditor) confine(m *model, attacker int) {
	for j := range m.atoms {
		m.low[j], m.high[j] = -float64(m.base[j]), math.Inf(1)
	}
	for i, p := range m.capped {
		v := len(m.atoms) + len(m.figures) + i
		m.low[v], m.high[v] = math.Inf(-1), math.Inf(1)
		if a.told && !a.blind {
			m.high[v] = float64(a.most - a.combined[p])
		}
	}
	for i := range a.list {
		v := m.variable(i)
		if v < 0 {
			continue
		}
		low, high := a.bounds(i, attacker)
		n := float64(a.exact[i])
		if v < len(m.atoms) {
			// Several figures may be the same single column.
			m.low[v], m.high[v] = max(m.low[v], low-n), min(m.high[v], high-n)
		} else {
			m.low[v], m.high[v] = low-n, high-n
		}
	}
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

// solve looks for a world that an attacker can believe in and in which figure
// target is goal. Failing that it returns the figures that stand in the way and
// how near it came.
func (a *auditor) solve(target, attacker int, goal float64) (w *world, reached float64, stops []int) {
	for {
		m := a.model(target)
		v := m.variable(target)
		if v < 0 {
			return nil, 0, nil
		}
		a.confine(m, attacker)
		sign, distance := 1.0, goal-float64(a.exact[target])
		if distance < 0 {
			sign, distance = -1, -distance
		}
		reached, variables := m.push(v, sign, distance)
		if reached < distance-1e-6 {
			return nil, reached, a.figuresOf(m, variables)
		}
		whole := a.rough || a.blind || m.whole(v, sign, distance)
		w, large := a.add(m)
		if large != nil && !a.blind {
			// Few combinations ever grow so, and a row for each would be slow.
			a.capped = append(a.capped, large...)
			a.whole, a.latest = nil, nil
			continue
		}
		if w == nil || !a.fits(w, attacker) || math.Abs(w.figures[target]-goal) > 1e-6 {
			return nil, reached, nil
		}
		w.parts = !whole
		return w, reached, nil
	}
}

// whole tries to make whole persons of the parts of persons that a linear
// program moves: it takes small parts back, towards the truth, solves again, and
// takes fewer back at a time when that does not get there. It reports whether
// it succeeded; otherwise the program's values are as they were.
func (m *model) whole(target int, sign, goal float64) bool {
	first := slices.Clone(m.value)
	low, high := slices.Clone(m.low), slices.Clone(m.high)
	shares := wholeShares[:]
	if len(m.atoms) > wholeAtoms {
		shares = shares[:1] // each takes seconds
	}
	for _, share := range shares {
		copy(m.value, first)
		copy(m.low, low)
		copy(m.high, high)
		if m.dive(target, sign, goal, share) {
			return true
		}
	}
	copy(m.value, first)
	return false
}

// How large the parts are that whole takes back at first. One of these works
// for about nine programs in ten that have parts at all.
var wholeShares = [...]float64{0.75, 0.4, 0.2}

func (m *model) dive(target int, sign, goal, share float64) bool {
	const tiny = 1e-7
	for range maxDives {
		smallest, parts := 1.0, 0
		for j := range m.atoms {
			if part := math.Abs(m.value[j] - math.Trunc(m.value[j])); part > tiny && part < 1-tiny {
				smallest = math.Min(smallest, part)
				parts++
			}
		}
		if parts == 0 {
			return true
		}
		low, high, before := slices.Clone(m.low), slices.Clone(m.high), slices.Clone(m.value)
		for j := range m.atoms {
			d := m.value[j]
			part := math.Abs(d - math.Trunc(d))
			if part <= tiny || part >= 1-tiny || part > max(share, smallest+tiny) {
				continue
			}
			if d > 0 {
				m.high[j] = math.Floor(d)
			} else {
				m.low[j] = math.Ceil(d)
			}
		}
		if reached, _ := m.push(target, sign, goal); reached < goal-1e-6 {
			if share < 0.1 {
				return false
			}
			copy(m.low, low)
			copy(m.high, high)
			copy(m.value, before)
			share /= 2
		}
	}
	return false
}

// maxDives is how often dive solves again. Some 16 times are usual for the
// largest programs, which take most of the time of Protect.
const maxDives = 100

// add adds a world up from the persons that the program moved. It also returns
// the combinations that are not listed and yet grew too large for that.
func (a *auditor) add(m *model) (w *world, large []uint64) {
	w = &world{figures: make([]float64, len(a.list))}
	for i, n := range a.exact {
		w.figures[i] = float64(n)
	}
	grown := make(map[uint64]float64)
	for j, x := range m.atoms {
		d := m.value[j]
		if near := math.Round(d); math.Abs(d-near) < 1e-7 {
			d = near
		}
		if d == 0 {
			continue
		}
		if d < -float64(m.base[j])-1e-7 {
			return nil, nil
		}
		grown[x.parties] += d
		for _, i := range m.touches[j] {
			w.figures[i] += d
		}
	}
	if a.most < 0 || !a.told {
		return w, nil
	}
	for p, d := range grown {
		if _, listed := a.index[figure{table: combinations, parties: p}]; listed {
			continue
		}
		if float64(a.combined[p])+d > float64(a.most)+1e-6 {
			if slices.Contains(m.capped, p) {
				return nil, nil // a rounding error in the program
			}
			large = append(large, p)
		}
	}
	slices.Sort(large)
	return w, large
}

// figuresOf returns the figures whose bounds are the bounds of these variables.
func (a *auditor) figuresOf(m *model, variables []int) []int {
	wanted := make(map[int]bool, len(variables))
	for _, v := range variables {
		wanted[v] = true
	}
	var out []int
	for i := range a.list {
		if v := m.variable(i); v >= 0 && wanted[v] {
			out = append(out, i)
		}
	}
	return out
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
	if f := a.against(target, side, everyone); f == nil && !a.last[[2]int{target, side}].inParts() {
		return nil
	}
	// One of them alone knows less, so that a world is found more easily.
	if f := a.against(target, side, stranger); f != nil {
		return f
	}
	if len(a.parties) == 1 {
		return nil // it knows all there is, and learns nothing
	}
	for p := range a.parties {
		if f := a.against(target, side, p); f != nil {
			return f
		}
	}
	return nil
}

// inParts counts the small figures whose worlds take parts of persons.
func (a *auditor) inParts() int {
	n := 0
	for i, w := range a.why {
		if w == primary && (a.last[[2]int{i, 0}].inParts() || a.last[[2]int{i, 1}].inParts()) {
			n++
		}
	}
	return n
}

func (w *world) inParts() bool { return w != nil && w.parts }

func (a *auditor) against(target, side, attacker int) *failure {
	f := a.beyond(target, side, attacker, a.goal(target, side))
	if f == nil || attacker == everyone {
		return f
	}
	if t := a.trivial(target, side, attacker, f.goal); t != f.goal {
		return a.beyond(target, side, attacker, t)
	}
	return f
}

// beyond looks for a world in which the target is at or beyond the goal.
func (a *auditor) beyond(target, side, attacker int, goal float64) *failure {
	n := float64(a.exact[target])
	if side == 0 && n <= goal || side == 1 && n >= goal {
		return nil
	}
	far := func(w *world) bool {
		return side == 0 && w.figures[target] <= goal+1e-6 || side == 1 && w.figures[target] >= goal-1e-6
	}
	key := [2]int{target, side}
	var found *world
	if w := a.last[key]; w != nil && far(w) && a.fits(w, attacker) {
		found = w
	}
	for i := 0; i < len(a.worlds) && (found == nil || found.parts); i++ {
		// Of whole persons if there is one.
		if w := a.worlds[i]; far(w) && (found == nil || !w.parts) && a.fits(w, attacker) {
			found = w
		}
	}
	if found != nil && (!found.parts || a.tried[[3]int{target, side, attacker}]) {
		a.last[key] = found
		return nil
	}
	a.tried[[3]int{target, side, attacker}] = true
	w, reached, stops := a.solve(target, attacker, goal)
	if w == nil && found != nil {
		a.last[key] = found
		return nil
	}
	if w == nil {
		return &failure{target, attacker, goal, reached, stops}
	}
	a.worlds = append(a.worlds, w)
	a.last[key] = w
	return nil
}
