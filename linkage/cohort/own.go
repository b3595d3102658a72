package cohort

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// What a party knows of its own persons.
//
// Not only how many they are, and of how many of them it said a need itself: it has its
// rows, so it knows of how many it said this need and that, and this one and not that.
// A need is carried when any party says so, so that what one party said is not what its
// persons carry; but the one must be possible beside the other. A person who carries a
// need that nobody else could have said of it, it said; one who does not carry it, it
// did not say it of. A world that a party can believe in lets everything it said be
// given out to its persons there, each statement to one who can have it.
//
// That is a transport problem for each world, and where it fails its smallest cut names
// a set of statements for which there are too few persons (Hall 1935): a fact which the
// attacker knows and which the programs did not. It is added to them as a figure of no
// release, and the search goes on. There are far too many such facts to have them all
// from the beginning, and most worlds break none.
//
// Members of a cohort that a party was given are told apart in the same way: of each of
// its rows the party knows whether it is one.

// cohortsOf are the cohorts of which a party knows its own members: from before, and
// given with this release.
type cohortsOf struct{ before, now []*Condition }

// statement is what a party says of a person, in bits of atom.needs, and in which of
// the cohorts that it was given the person is, in bits of auditor.cohortsOf.
type statement struct{ said, within uint64 }

// ownKind is persons of one atom of whom a party says the same.
type ownKind struct {
	atom
	said uint64
}

type ownCount struct {
	ownKind
	n int
}

// countOwn puts them in a fixed order.
func countOwn(own map[ownKind]int) []ownCount {
	var out []ownCount
	for k, n := range own {
		out = append(out, ownCount{k, n})
	}
	slices.SortFunc(out, func(a, b ownCount) int {
		return cmp.Or(cmp.Compare(a.parties, b.parties), cmp.Compare(a.needs, b.needs), cmp.Compare(a.said, b.said))
	})
	return out
}

// shift is how many persons more, or fewer, of an atom there are in a world.
type shift struct {
	atom
	n float64
}

// believe reports whether the attacker can give out to its persons in a world what it
// said of them. Where not, what stands against it is added to the figures.
func (a *auditor) believe(w *world, attacker int) bool {
	if attacker == stranger || w.believed[attacker] {
		return true
	}
	ok := true
	for p := range a.parties {
		if attacker == p || attacker == everyone {
			ok = a.believeOf(w, p) && ok
		}
	}
	if ok && !a.blind {
		if w.believed == nil {
			w.believed = make(map[int]bool)
		}
		w.believed[attacker] = true
	}
	return ok
}

func (a *auditor) believeOf(w *world, party int) bool {
	cohorts := a.cohortsOf(party)
	said := make(map[statement]float64)
	for _, k := range a.own[party] {
		said[statement{k.said, within(cohorts, k.atom)}] += float64(k.n)
	}
	var statements []statement
	for s := range said {
		statements = append(statements, s)
	}
	slices.SortFunc(statements, func(x, y statement) int {
		return cmp.Or(cmp.Compare(x.said, y.said), cmp.Compare(x.within, y.within))
	})
	// Persons of whom the party can have said the same are counted together.
	at := make(map[hearing]int)
	var there []hearing
	var persons []float64
	add := func(x atom, n float64) {
		if x.parties>>party&1 == 0 || n == 0 {
			return
		}
		h := a.hear(x, party, cohorts)
		i, ok := at[h]
		if !ok {
			i = len(there)
			at[h] = i
			there, persons = append(there, h), append(persons, 0)
		}
		persons[i] += n
	}
	for _, x := range a.atoms {
		add(x.atom, float64(x.n))
	}
	for _, s := range w.moved {
		add(s.atom, s.n)
	}
	f := flow{from: make([]float64, len(statements)), to: persons, sent: make([][]float64, len(statements)), may: make([][]bool, len(statements))}
	for i, s := range statements {
		f.from[i] = said[s]
		f.sent[i] = make([]float64, len(there))
		f.may[i] = make([]bool, len(there))
		for j, h := range there {
			f.may[i][j] = h.allows(s)
		}
	}
	without := f.cut()
	if without == nil {
		return true
	}
	var cut []statement
	n := 0.0
	for _, i := range without {
		cut = append(cut, statements[i])
		n += f.from[i]
	}
	a.know(party, cohorts, cut, n)
	return false
}

// know adds to the figures how many persons can have one of these statements: at least
// as many as the party made.
func (a *auditor) know(party int, cohorts []*Condition, cut []statement, n float64) {
	c := &Condition{holds: func(x atom) bool {
		if x.parties>>party&1 == 0 {
			return false
		}
		h := a.hear(x, party, cohorts)
		return slices.ContainsFunc(cut, h.allows)
	}}
	f := figure{table: asked, where: c}
	m, _ := a.memory(f)
	m.own[party] = [2]float64{n, math.Inf(1)}
	for _, w := range a.worlds {
		w.figures = append(w.figures, a.valueIn(w, f))
	}
	a.whole, a.latest = nil, nil
}

// valueIn counts a figure in a world.
func (a *auditor) valueIn(w *world, f figure) float64 {
	n := float64(a.count(f))
	for _, s := range w.moved {
		if f.covers(s.atom) {
			n += s.n
		}
	}
	return n
}

// hearing is what a party must and what it can have said of a person, and in which
// cohorts the person is.
type hearing struct{ must, can, within uint64 }

func (h hearing) allows(s statement) bool {
	return s.within == h.within && h.must&^s.said == 0 && s.said&^h.can == 0
}

func (a *auditor) hear(x atom, party int, cohorts []*Condition) hearing {
	h := hearing{within: within(cohorts, x)}
	for needs := x.needs & (1<<a.declared - 1); needs != 0; needs &= needs - 1 {
		b := bits.TrailingZeros64(needs)
		by := a.by[b]
		if by == 0 { // nobody knows who declares it: anybody
			by = 1<<len(a.parties) - 1
		}
		if by>>party&1 == 0 {
			continue
		}
		h.can |= 1 << b
		others := bits.OnesCount64(x.parties & by &^ (1 << party))
		twice := a.twice[b] >= 0 && x.needs>>a.twice[b]&1 == 1
		if others == 0 || others == 1 && twice {
			h.must |= 1 << b
		}
	}
	return h
}

func within(cohorts []*Condition, x atom) uint64 {
	var in uint64
	for i, c := range cohorts {
		if c.holds(x) {
			in |= 1 << i
		}
	}
	return in
}

// cohortsOf returns the conditions of the cohorts of which a party knows its members.
func (a *auditor) cohortsOf(party int) []*Condition {
	known := a.cohorts[party].before
	if !a.blind {
		known = append(slices.Clip(known), a.cohorts[party].now...)
	}
	return known[:min(len(known), 64)]
}

// flow sends what there is from each place to others where it may go.
type flow struct {
	from, to []float64
	sent     [][]float64
	may      [][]bool
}

// cut sends as much as can be sent. It returns nil if that is all, or the places from
// which too much comes for all that they may go to.
func (f *flow) cut() []int {
	const tiny, slack = 1e-9, 1e-4 // slack is more than what a program's rows can be off
	left, room := slices.Clone(f.from), slices.Clone(f.to)
	for {
		// Breadth first from what is left, forth where it may go and back where
		// something was sent.
		back := make([]int, len(f.to)) // to -> from, or -1
		forth := make([]int, len(f.from))
		for j := range back {
			back[j] = -1
		}
		var queue []int
		for i, n := range left {
			forth[i] = -2
			if n > tiny {
				forth[i] = -1
				queue = append(queue, i)
			}
		}
		end := -1
		for len(queue) > 0 && end < 0 {
			i := queue[0]
			queue = queue[1:]
			for j, ok := range f.may[i] {
				if !ok || back[j] >= 0 {
					continue
				}
				back[j] = i
				if room[j] > tiny {
					end = j
					break
				}
				for k := range f.from {
					if forth[k] == -2 && f.sent[k][j] > tiny {
						forth[k] = j
						queue = append(queue, k)
					}
				}
			}
		}
		if end < 0 {
			var out []int
			sum := 0.0
			for i, n := range left {
				sum += n
				if forth[i] != -2 {
					out = append(out, i)
				}
			}
			if sum < slack {
				return nil
			}
			return out
		}
		n := room[end]
		for j := end; ; j = forth[back[j]] {
			i := back[j]
			if forth[i] < 0 {
				n = min(n, left[i])
				break
			}
			n = min(n, f.sent[i][forth[i]])
		}
		room[end] -= n
		for j := end; ; j = forth[back[j]] {
			i := back[j]
			f.sent[i][j] += n
			if forth[i] < 0 {
				left[i] -= n
				break
			}
			f.sent[i][forth[i]] -= n
		}
	}
}
