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
// All needs of a party together are looked at where it says few different things
// (mostStatements), and each by itself elsewhere.
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
	if a.declared == 0 && len(a.cohortsOf(party)) == 0 {
		return true // nothing was said; how many they are, the programs know
	}
	for _, view := range a.views(party) {
		if a.cuts < mostCuts && !a.believeIn(w, party, view) {
			return false
		}
	}
	return true
}

// How many different things a party may say of its persons for all its needs to be
// looked at together, and how many facts about statements are added at most.
const (
	mostStatements = 24
	mostCuts       = 300
)

// views returns which needs of a party are looked at together, as bits of atom.needs:
// all where it says few different things, else each by itself. With six needs of a
// borough, all together take minutes.
func (a *auditor) views(party int) []uint64 {
	all := uint64(1)<<a.declared - 1
	if len(a.ownOf(party, all).statements) <= mostStatements {
		return []uint64{all}
	}
	var out []uint64
	for _, slots := range a.slots {
		view := uint64(0)
		for _, b := range slots {
			view |= 1 << b
		}
		out = append(out, view)
	}
	return out
}

// believeIn looks at some of the needs.
func (a *auditor) believeIn(w *world, party int, view uint64) bool {
	k := a.ownOf(party, view)
	there, at := k.there, make(map[hearing]int)
	persons := slices.Clone(k.persons)
	may := slices.Clone(k.may)
	for _, s := range w.moved {
		if s.parties>>party&1 == 0 {
			continue
		}
		h := a.hear(s.atom, party, view, k.cohorts)
		j, ok := k.at[h]
		if !ok {
			j, ok = at[h]
		}
		if !ok {
			j = len(there)
			at[h] = j
			there, persons = append(there[:j:j], h), append(persons, 0)
			for i, said := range k.statements {
				if h.allows(said) {
					may[i] = append(may[i][:len(may[i]):len(may[i])], j)
				}
			}
		}
		persons[j] += s.n
	}
	f := newFlow(slices.Clone(k.said), persons, may)
	// As it is in truth, as far as that goes; little is left then.
	for _, x := range k.truth {
		f.send(x.i, x.place, x.n)
	}
	without := f.cut()
	if without == nil {
		return true
	}
	var cut []statement
	n := 0.0
	for _, i := range without {
		cut = append(cut, k.statements[i])
		n += k.said[i]
	}
	a.know(party, view, k.cohorts, cut, n)
	return false
}

// ownTable is what a party said of its own persons, and of whom in truth.
type ownTable struct {
	cohorts    []*Condition
	statements []statement
	said       []float64 // how often
	there      []hearing // persons of whom the party can have said the same are counted together
	at         map[hearing]int
	persons    []float64
	may        [][]int // statement -> persons who can have it
	truth      []sending
}

type sending struct {
	i, place int // statement, and place in may
	n        float64
}

// ownKey is a table of a party for some needs; blind for one who has not seen this
// release.
type ownKey struct {
	party int
	view  uint64
	blind bool
}

func (a *auditor) ownOf(party int, view uint64) *ownTable {
	key := ownKey{party, view, a.blind}
	if k := a.ownTables[key]; k != nil {
		return k
	}
	k := &ownTable{cohorts: a.cohortsOf(party), at: make(map[hearing]int)}
	place := make(map[statement]int)
	type pair struct{ i, j int }
	truth := make(map[pair]float64)
	for _, x := range a.own[party] {
		s, h := statement{x.said & view, within(k.cohorts, x.atom)}, a.hear(x.atom, party, view, k.cohorts)
		i, ok := place[s]
		if !ok {
			i = len(k.statements)
			place[s] = i
			k.statements, k.said = append(k.statements, s), append(k.said, 0)
		}
		j, ok := k.at[h]
		if !ok {
			j = len(k.there)
			k.at[h] = j
			k.there, k.persons = append(k.there, h), append(k.persons, 0)
		}
		n := float64(x.n)
		k.said[i] += n
		k.persons[j] += n
		truth[pair{i, j}] += n
	}
	k.may = make([][]int, len(k.statements))
	for i, s := range k.statements {
		for j, h := range k.there {
			if h.allows(s) {
				if n := truth[pair{i, j}]; n > 0 {
					k.truth = append(k.truth, sending{i, len(k.may[i]), n})
				}
				k.may[i] = append(k.may[i], j)
			}
		}
	}
	a.ownTables[key] = k
	return k
}

// know adds to the figures how many persons can have one of these statements: at least
// as many as the party made.
func (a *auditor) know(party int, view uint64, cohorts []*Condition, cut []statement, n float64) {
	a.cuts++
	c := &Condition{holds: func(x atom) bool {
		if x.parties>>party&1 == 0 {
			return false
		}
		h := a.hear(x, party, view, cohorts)
		return slices.ContainsFunc(cut, h.allows)
	}}
	f := figure{table: asked, where: c}
	m, _ := a.memory(f)
	m.own[party] = [2]float64{n, math.Inf(1)}
	m.fresh = !a.blind && len(a.cohorts[party].now) > 0
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

func (a *auditor) hear(x atom, party int, view uint64, cohorts []*Condition) hearing {
	h := hearing{within: within(cohorts, x)}
	for needs := x.needs & view; needs != 0; needs &= needs - 1 {
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
	left, room []float64 // what is not sent yet, and what there is still room for
	may        [][]int   // from -> to
	sent       [][]float64
	back       [][]edge // to -> where it may have come from
}

// edge is a place from which something goes, and where in may it is.
type edge struct{ i, place int }

func newFlow(from, to []float64, may [][]int) *flow {
	f := &flow{left: from, room: to, may: may, back: make([][]edge, len(to))}
	for i, js := range may {
		f.sent = append(f.sent, make([]float64, len(js)))
		for place, j := range js {
			f.back[j] = append(f.back[j], edge{i, place})
		}
	}
	return f
}

// send sends as much as there is room for.
func (f *flow) send(i, place int, n float64) {
	if n = min(n, f.left[i], f.room[f.may[i][place]]); n > 0 {
		f.left[i] -= n
		f.room[f.may[i][place]] -= n
		f.sent[i][place] += n
	}
}

// cut sends as much as can be sent, where others go elsewhere for it (Ford and Fulkerson
// 1956, the shortest way first). It returns nil if that is all, or the places from which
// too much comes for all that they may go to.
func (f *flow) cut() []int {
	const tiny, slack = 1e-9, 1e-4 // slack is more than what a program's rows can be off
	for {
		ways := make([]edge, len(f.room))   // to -> how it is reached
		undone := make([]edge, len(f.left)) // from -> what it would send elsewhere: j, place in may
		reached, taken := make([]bool, len(f.left)), make([]bool, len(f.room))
		var queue []int
		sum := 0.0
		for i, n := range f.left {
			sum += n
			if n > tiny {
				reached[i], undone[i].i = true, -1
				queue = append(queue, i)
			}
		}
		if sum < slack {
			return nil
		}
		end := -1
	search:
		for at := 0; at < len(queue); at++ {
			i := queue[at]
			for place, j := range f.may[i] {
				if taken[j] {
					continue
				}
				taken[j], ways[j] = true, edge{i, place}
				if f.room[j] > tiny {
					end = j
					break search
				}
				for _, e := range f.back[j] {
					if !reached[e.i] && f.sent[e.i][e.place] > tiny {
						reached[e.i], undone[e.i] = true, edge{j, e.place}
						queue = append(queue, e.i)
					}
				}
			}
		}
		if end < 0 {
			return queue
		}
		n := f.room[end]
		for j := end; ; {
			i := ways[j].i
			if undone[i].i < 0 {
				n = min(n, f.left[i])
				break
			}
			n = min(n, f.sent[i][undone[i].place])
			j = undone[i].i
		}
		f.room[end] -= n
		for j := end; ; {
			e := ways[j]
			f.sent[e.i][e.place] += n
			if undone[e.i].i < 0 {
				f.left[e.i] -= n
				break
			}
			f.sent[e.i][undone[e.i].place] -= n
			j = undone[e.i].i
		}
	}
}
