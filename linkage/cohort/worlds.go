package cohort

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// Looking for worlds: which persons a program may move (all kinds there can be,
// or for many parties and needs those near the ones there are; whole households, where
// these are counted), what an attacker knows as the program's bounds, and how a solution
// becomes a world.

// model is a program and what its variables stand for.
type model struct {
	*program
	kinds   []kind   // of a person, or of a household where these are counted
	persons [][]atom // of each kind
	rowOf   []int    // figure -> row, or -1 where it bounds one column or nothing
	colOf   []int    // figure -> the one column it is, or -1
	figures []int    // row -> figure
	capped  []uint64 // rows after those of figures: combinations that are not listed
	base    []int    // column -> how many of the kind there are
	touches [][]int  // column -> figures that count it, as often as they count it
	none    []bool   // figures that the attacker knows to be 0
}

// Up to wholeAtoms atoms are looked at all together; more are not.
const (
	wholeAtoms = 600
	wholeBits  = 14
)

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
	for _, r := range a.sayers {
		if !r.allows(x) {
			return false
		}
	}
	return true
}

// settled is the possible atom that is nearest to x, as far as who says what is concerned.
func (a *auditor) settled(x atom) atom {
	for _, r := range a.sayers {
		x = r.settle(x)
	}
	return x
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
		if !a.homes {
			a.whole = a.build(singles(a.few))
			return a.whole
		}
		a.latest, a.latestFor = a.build(a.nearHomes(a.list[target], a.few)), target
		return a.latest
	}
	atoms := a.near(a.list[target])
	kinds := singles(atoms)
	if a.homes {
		kinds = a.nearHomes(a.list[target], atoms)
	}
	a.latest, a.latestFor = a.build(kinds), target
	return a.latest
}

// singles returns the kinds of persons of whom no household is known.
func singles(atoms []atom) []kind {
	out := make([]kind, len(atoms))
	for i, x := range atoms {
		out[i].first = x
	}
	return out
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
	nearNamed   = 4
)

// near returns atoms among which a world for figure f is likely to be found:
// the most frequent ones, the same with one party more or less, and those that
// a person goes to when it joins or leaves f.
func (a *auditor) near(f figure) []atom {
	if f.where != nil {
		// What a person changes to join or leave a question is what it names. Of
		// many parties, some: each doubles the atoms.
		f.needs |= f.where.needs
		for p := f.where.parties; p != 0 && bits.OnesCount64(f.parties) < nearNamed; p &= p - 1 {
			f.parties |= p & -p
		}
	}
	sizes := f.table == atLeast || f.where != nil && f.where.sizes
	seen := make(map[atom]bool)
	var out []atom
	add := func(x atom) {
		x = a.settled(x)
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
		touching := w.parties&f.parties != 0 || w.needs&f.needs != 0 || sizes
		if related >= nearTargets || !touching {
			continue
		}
		related++
		add(w.atom)
		if sizes {
			for p := range a.parties {
				for q := range p {
					add(atom{w.parties ^ (1<<p | 1<<q), w.needs})
				}
			}
		}
		if f.table == atLeast {
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

// How often a program that falls short is made wider, and by how many kinds; how
// many kinds are looked at for neighbours.
const (
	maxWider    = 8
	widerKinds  = 60
	widerStarts = 60
)

// further returns kinds that would let a program which fell short go further: of
// the neighbours of its kinds those that the prices of its last step speak for
// (column generation; which of all kinds is best is hard to say, and neighbours of
// the best ones that are known, and of those, do).
func (a *auditor) further(m *model, target int, sign float64) []kind {
	at := m.place[target]
	if a.whole != nil || at < 0 {
		return nil
	}
	known := make(map[kind]bool, len(m.kinds))
	for _, k := range m.kinds {
		known[k] = true
	}
	type priced struct {
		kind
		price float64
	}
	order := func(x, y priced) int {
		return cmp.Or(cmp.Compare(y.price, x.price), compareKinds(x.kind, y.kind))
	}
	m.read(target)
	y := m.dual
	var rows []int // that have a price, or that nobody can join
	for i, r := range m.rowOf {
		if r >= 0 && math.Abs(y[r]) > priceTolerance || m.none[i] {
			rows = append(rows, i)
		}
	}
	price := func(k kind) (float64, bool) {
		sum, persons := 0.0, k.persons()
		for _, i := range rows {
			if n := a.list[i].in(k, persons); n > 0 {
				if m.none[i] {
					return 0, false
				}
				sum += float64(n) * y[m.rowOf[i]]
			}
		}
		for i, p := range m.capped {
			for _, x := range persons {
				if x.parties == p {
					sum += y[len(m.figures)+i]
				}
			}
		}
		return -sign * sum, true
	}
	var starts []priced
	for _, k := range m.kinds {
		if d, ok := price(k); ok {
			starts = append(starts, priced{k, d})
		}
	}
	var out []priced
	for range 2 {
		slices.SortFunc(starts, order)
		starts = starts[:min(len(starts), widerStarts)]
		var next []kind
		for _, s := range starts {
			a.besides(s.kind, 1<<len(a.parties)-1, 1<<a.width-1, func(k kind) { next = append(next, k) })
		}
		starts = starts[:0]
		for _, k := range next {
			k, ok := a.believable(k)
			if known[k] || !ok {
				continue
			}
			known[k] = true
			if d, ok := price(k); ok {
				x := priced{k, d}
				starts = append(starts, x)
				if d > priceTolerance {
					out = append(out, x)
				}
			}
		}
	}
	slices.SortFunc(out, order)
	var kinds []kind
	for _, x := range out[:min(len(out), widerKinds)] {
		kinds = append(kinds, x.kind)
	}
	return kinds
}

// variants returns needs with every choice of the bits of change, and for a
// category of which nobody has two, with the value exchanged for another.
func (a *auditor) variants(needs, change uint64) []uint64 {
	out := []uint64{needs}
	for c := change; c != 0; c &= c - 1 {
		bit := c & -c
		on, off := a.together(bit)
		group := bit
		for _, r := range a.categories {
			if r.mask&bit != 0 && r.single {
				group = r.mask
			}
		}
		for _, x := range out {
			out = append(out, x&^group|on, x&^(group|off))
			for g := group &^ bit; g != 0; g &= g - 1 {
				if x&bit != 0 {
					out = append(out, x&^group|g&-g)
				}
			}
		}
	}
	return out
}

// build lays out a program over the given kinds. Where a figure counts several persons of
// a household, its row is named as often.
func (a *auditor) build(kinds []kind) *model {
	m := &model{kinds: kinds, rowOf: make([]int, len(a.list)), colOf: make([]int, len(a.list))}
	covered := make([][]int, len(a.list))
	m.touches = make([][]int, len(kinds))
	for j, k := range kinds {
		m.persons = append(m.persons, k.persons())
		for i, f := range a.list {
			for range f.in(k, m.persons[j]) {
				covered[i] = append(covered[i], j)
				m.touches[j] = append(m.touches[j], i)
			}
		}
	}
	cols := make([][]int32, len(kinds))
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
	for _, k := range kinds {
		m.base = append(m.base, a.base[k])
	}
	m.capped = slices.Clone(a.capped)
	for i, p := range m.capped {
		for j, persons := range m.persons {
			for _, x := range persons {
				if x.parties == p {
					cols[j] = append(cols[j], int32(len(m.figures)+i))
				}
			}
		}
	}
	m.program = newProgram(cols, len(m.figures)+len(m.capped))
	m.spent = &a.spent
	a.spent += len(kinds) * len(a.list) / 16
	return m
}

// variable returns the program's variable for figure i, or -1.
func (m *model) variable(i int) int {
	if m.rowOf[i] >= 0 {
		return len(m.kinds) + m.rowOf[i]
	}
	return m.colOf[i]
}

// confine sets the program's bounds to what an attacker knows.
func (a *auditor) confine(m *model, attacker int) {
	// Nobody can join a figure that is known to be 0. In a small borough that
	// leaves few of the kinds, and programs are solved several times as quickly. (A
	// 0 that is thought of for hiding must stand in the way itself.)
	none := make([]bool, len(a.list))
	m.none = none
	for i := range a.list {
		_, high := a.bounds(i, attacker)
		none[i] = high == 0 && !(a.ofZeros && a.why[i] == open)
	}
	for j := range m.kinds {
		m.low[j], m.high[j] = -float64(m.base[j]), math.Inf(1)
		for _, i := range m.touches[j] {
			if none[i] {
				m.high[j] = 0
				break
			}
		}
	}
	for i, p := range m.capped {
		v := len(m.kinds) + len(m.figures) + i
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
		if v < len(m.kinds) {
			// Several figures may be the same single column.
			m.low[v], m.high[v] = max(m.low[v], low-n), min(m.high[v], high-n)
		} else {
			m.low[v], m.high[v] = low-n, high-n
		}
	}
}

// solve looks for a world that an attacker can believe in and in which figure
// target is goal. Failing that it returns the figures that stand in the way and
// how near it came.
func (a *auditor) solve(target, attacker int, goal float64) (w *world, reached float64, stops []int) {
	wider, again := 0, 0
	// What the attacker said itself may rule a world out: then more is known (own.go).
	believes := func(w *world) bool {
		if w == nil || a.rough || a.believe(w, attacker) {
			return true
		}
		again++
		return false
	}
	for {
		if attacker == everyone && again > mostTogether || a.late(a.lateAt()) {
			return nil, 0, nil
		}
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
			if !a.rough && wider < maxWider {
				if more := a.further(m, v, sign); len(more) > 0 {
					wider++
					a.latest = a.build(append(m.kinds, more...))
					continue
				}
			}
			if a.blind {
				if w, _ := a.add(m); !believes(w) {
					continue
				}
			}
			return nil, reached, a.figuresOf(m, variables)
		}
		if w, _ := a.add(m); !believes(w) {
			continue
		}
		whole := a.rough || a.blind || !a.late(len(a.hurries)) && m.whole(v, sign, distance)
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
		if !believes(w) {
			continue
		}
		w.parts = !whole
		return w, reached, nil
	}
}

// mostTogether is how often a world for all parties together is sought again because
// some of them could not believe in it. Each alone is asked then.
const mostTogether = 12

// whole tries to make whole persons of the parts of persons that a linear
// program moves: it takes small parts back, towards the truth, solves again, and
// takes fewer back at a time when that does not get there. It reports whether
// it succeeded; otherwise the program's values are as they were.
func (m *model) whole(target int, sign, goal float64) bool {
	first := slices.Clone(m.value)
	low, high := slices.Clone(m.low), slices.Clone(m.high)
	for _, share := range wholeShares {
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

// How large the parts are that whole takes back at first. Nearly all at once is
// quickest and works most often (beside 0.75: 17 for 25 s of a borough of 2,000
// with 15 parties, and 4 for 7 figures left in parts); one of these works for
// about nine programs in ten that have parts at all.
var wholeShares = [...]float64{0.97, 0.4, 0.2}

func (m *model) dive(target int, sign, goal, share float64) bool {
	const tiny = 1e-7
	for range maxDives {
		smallest, parts := 1.0, 0
		for j := range m.kinds {
			if part := math.Abs(m.value[j] - math.Trunc(m.value[j])); part > tiny && part < 1-tiny {
				smallest = math.Min(smallest, part)
				parts++
			}
		}
		if parts == 0 {
			return true
		}
		low, high, before := slices.Clone(m.low), slices.Clone(m.high), slices.Clone(m.value)
		for j := range m.kinds {
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
	for j, persons := range m.persons {
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
		for _, x := range persons {
			grown[x.parties] += d
			w.moved = append(w.moved, shift{x, d})
		}
		for _, i := range m.touches[j] {
			w.figures[i] += d
		}
	}
	if a.most < 0 || !a.told {
		return w, nil
	}
	for p, d := range grown {
		if i, found := a.index[figure{table: combinations, parties: p}]; found && a.why[i] != past {
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
