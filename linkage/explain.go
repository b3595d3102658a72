package linkage

import (
	"cmp"
	"math"
	"slices"
)

// Why is a record where it is? Persons are formed of many pairs at once (persons.go), so
// the reason for one link is seldom its score alone: two records may be in one person
// because each is close to a third, and two that are close may be kept apart because one
// of them has its partner already. An Explainer tells these apart from a result alone, by
// the same rules, without filters.
//
// Of all the pairs in a person those count that it hangs on: a spanning tree of its pairs
// whose scores are as high as can be (Kruskal, Proc. Am. Math. Soc. 7, 1956). Take one of
// them away, and the person falls in two unless lower pairs hold it. Every other pair in
// it only says again what the tree says.

// A Ground is why a pair of records was linked or not.
type Ground string

// Grounds of links and, from ByScore on, of refusals.
const (
	ByThreshold Ground = "threshold"  // the two reach the threshold
	ByPerson    Ground = "person"     // they do not, but both belong with others
	ByScore     Ground = "score"      // they do not reach the threshold
	ByParty     Ground = "same party" // they do, but a party that has each person once would have two records in the person
	ByAverage   Ground = "average"    // they do, but the persons that they are in do not, on average
	BySize      Ground = "too large"  // they do, but so do so many others that it cannot be one person
)

// An Explainer has what explanations are looked up in. It may be used by several
// goroutines at once.
type Explainer struct {
	r       *Result
	from    []int32 // of each record, where its pairs begin in pairs
	pairs   []int32 // indices of Result.Pairs, of each record, best first
	tree    []bool  // of each pair: a person hangs on it
	first   []int32 // of each person, where its records begin in members
	members []int32
}

// NewExplainer prepares a result, in time and memory of the order of its pairs.
func NewExplainer(r *Result) *Explainer {
	n := len(r.IDs)
	x := &Explainer{r: r, from: make([]int32, n+1), pairs: make([]int32, 2*len(r.Pairs)), tree: make([]bool, len(r.Pairs))}
	for _, p := range r.Pairs {
		x.from[p.A+1]++
		x.from[p.B+1]++
	}
	for i := range n {
		x.from[i+1] += x.from[i]
	}
	at := slices.Clone(x.from)
	for i, p := range r.Pairs {
		for _, record := range [2]int32{p.A, p.B} {
			x.pairs[at[record]] = int32(i)
			at[record]++
		}
	}
	sets := newForest(n)
	for i, p := range r.Pairs {
		if r.Accepted(p) && sets.root(p.A) != sets.root(p.B) {
			sets.join(p.A, p.B)
			x.tree[i] = true
		}
	}
	x.first = make([]int32, r.Persons+1)
	for _, p := range r.Person {
		x.first[p+1]++
	}
	for i := range r.Persons {
		x.first[i+1] += x.first[i]
	}
	x.members = make([]int32, n)
	at = slices.Clone(x.first)
	for i, p := range r.Person {
		x.members[at[p]] = int32(i)
		at[p]++
	}
	return x
}

// Members are the records of a person, rising.
func (x *Explainer) Members(person int32) []int32 {
	return x.members[x.first[person]:x.first[person+1]]
}

func (x *Explainer) of(record int32) []int32 { return x.pairs[x.from[record]:x.from[record+1]] }

func (x *Explainer) other(pair, record int32) int32 {
	if p := x.r.Pairs[pair]; p.A != record {
		return p.A
	}
	return x.r.Pairs[pair].B
}

// Pair is the index of two records among Result.Pairs, -1 where they scored under the floor
// or were never compared.
func (x *Explainer) Pair(a, b int32) int {
	if len(x.of(b)) < len(x.of(a)) {
		a, b = b, a
	}
	for _, i := range x.of(a) {
		if x.other(i, a) == b {
			return int(i)
		}
	}
	return -1
}

// A Rival is the best record of a party for some record.
type Rival struct {
	Record int32
	Pair   int // index of the two in Result.Pairs; -1 where there is none above the floor
}

// None reports that no such record scores above the floor.
func (v Rival) None() bool { return v.Pair < 0 }

// Best is the best record of a party for a record that is in its person, or that is not.
func (x *Explainer) Best(record int32, party int, inPerson bool) Rival {
	for _, i := range x.of(record) {
		o := x.other(i, record)
		if x.r.Party(o) == party && (x.r.Person[o] == x.r.Person[record]) == inPerson {
			return Rival{o, int(i)}
		}
	}
	return Rival{-1, -1}
}

// A Why is why two records were linked or not.
type Why struct {
	A, B   int32
	Pair   int // index in Result.Pairs; -1 where the two scored under the floor
	Linked bool
	Ground Ground
	// Chain leads from A to B by pairs that the person hangs on, where the two are linked.
	Chain []int32
	// RunnerUp is A's best record in the party of B outside A's person, B left out, and B's
	// best in the party of A in the same way.
	RunnerUp [2]Rival
	// Present is, for two that are not linked, the record of B's party that is in A's person
	// though that party has each person once, and in the same way for B.
	Present [2]int32 // -1: there is none
	// Average is what the persons of two that are not linked score on average, as Persons
	// counts pairs that score low or were not kept. NaN for two that are linked.
	Average float64
	// Room is how far the score stands above what would have undone the link: the threshold,
	// or a rival in a party that has each person once. Of two that are not linked it is how
	// far they fell short, below 0 or 0. NaN for those linked through others.
	Room float64
}

// Why explains a pair of records.
func (x *Explainer) Why(a, b int32) Why {
	r := x.r
	w := Why{A: a, B: b, Pair: x.Pair(a, b), Linked: r.Person[a] == r.Person[b], Present: [2]int32{-1, -1}, Average: math.NaN(), Room: math.NaN()}
	ends := [2]int32{a, b}
	for side, record := range ends {
		w.RunnerUp[side] = x.runnerUp(record, ends[1-side])
	}
	score := r.Floor
	if w.Pair >= 0 {
		score = r.Pairs[w.Pair].Score
	}
	if w.Linked {
		w.Chain = x.chain(a, b)
		w.Ground = ByPerson
		if w.Pair >= 0 && score >= r.Score() {
			w.Ground = ByThreshold
			w.Room = score - r.Score()
			for side, v := range w.RunnerUp {
				if r.Clean[r.Party(ends[1-side])] {
					w.Room = min(w.Room, score-x.score(v.Pair))
				}
			}
		}
		return w
	}
	w.Average = x.average(r.Person[a], r.Person[b])
	short := max(0, r.Score()-score, r.Score()-w.Average)
	for side, record := range ends {
		party := r.Party(ends[1-side])
		if !r.Clean[party] {
			continue
		}
		for _, m := range x.Members(r.Person[record]) {
			if r.Party(m) != party {
				continue
			}
			w.Present[side] = m
			if i := x.Pair(record, m); i >= 0 {
				short = max(short, r.Pairs[i].Score-score)
			} else {
				short = max(short, r.Score()-score)
			}
		}
	}
	w.Room = -short
	switch {
	case score < r.Score():
		w.Ground = ByScore
	case x.shared(r.Person[a], r.Person[b]) >= 0:
		w.Ground = ByParty
	case x.alone(a) && x.alone(b):
		w.Ground = BySize // nothing else keeps two single records apart
	default:
		w.Ground = ByAverage
	}
	return w
}

// alone reports whether a record is a person by itself.
func (x *Explainer) alone(record int32) bool { return len(x.Members(x.r.Person[record])) == 1 }

// score is that of a pair, or the floor for one that was not kept: the most that it can be.
func (x *Explainer) score(pair int) float64 {
	if pair < 0 {
		return x.r.Floor
	}
	return x.r.Pairs[pair].Score
}

// runnerUp is the best record for a record in the party of other, outside its person.
func (x *Explainer) runnerUp(record, other int32) Rival {
	party := x.r.Party(other)
	for _, i := range x.of(record) {
		o := x.other(i, record)
		if o != other && x.r.Party(o) == party && x.r.Person[o] != x.r.Person[record] {
			return Rival{o, int(i)}
		}
	}
	return Rival{-1, -1}
}

// chain is the way from one record of a person to another in its tree.
func (x *Explainer) chain(a, b int32) []int32 {
	before := map[int32]int32{b: b}
	for queue := []int32{b}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at == a {
			break
		}
		for _, i := range x.of(at) {
			if o := x.other(i, at); x.tree[i] {
				if _, seen := before[o]; !seen {
					before[o] = at
					queue = append(queue, o)
				}
			}
		}
	}
	chain := []int32{a}
	for at := a; at != b; {
		next, ok := before[at]
		if !ok {
			return nil // not held by the pairs that were kept
		}
		chain, at = append(chain, next), next
	}
	return chain
}

// average is what the records of two persons score with each other, on average, as Persons
// counts it. Records of one party that has each person once are not compared, and do not count.
func (x *Explainer) average(p, q int32) float64 {
	// One order of adding up, so that both sides see the same number.
	if cmp.Or(cmp.Compare(len(x.Members(p)), len(x.Members(q))), cmp.Compare(p, q)) > 0 {
		p, q = q, p
	}
	r := x.r
	least := Least(r.Score(), r.Floor, r.Evidence != nil)
	sum, kept := 0.0, 0
	for _, m := range x.Members(p) {
		for _, i := range x.of(m) {
			if r.Person[x.other(i, m)] == q {
				sum += max(r.Pairs[i].Score, least)
				kept++
			}
		}
	}
	in := map[int]int{} // records of q, by clean party
	for _, m := range x.Members(q) {
		if party := r.Party(m); r.Clean[party] {
			in[party]++
		}
	}
	all := len(x.Members(p)) * len(x.Members(q))
	for _, m := range x.Members(p) {
		all -= in[r.Party(m)]
	}
	if all == 0 {
		return least
	}
	return (sum + float64(all-kept)*least) / float64(all)
}

// shared is a party that has each person once and a record in both persons; -1 if there is none.
func (x *Explainer) shared(p, q int32) int {
	has := map[int]bool{}
	for _, m := range x.Members(p) {
		has[x.r.Party(m)] = true
	}
	for _, m := range x.Members(q) {
		if party := x.r.Party(m); has[party] && x.r.Clean[party] {
			return party
		}
	}
	return -1
}

// LeastCertain are the n links that persons hang on which stand least far above what would
// have undone them (Why.Room), the least certain first.
func (x *Explainer) LeastCertain(n int) []Why {
	var best shortlist
	for i, p := range x.r.Pairs {
		if x.tree[i] {
			if w := x.Why(p.A, p.B); w.Ground == ByThreshold {
				best.add(w, w.Room, n)
			}
		}
	}
	return best.take(n)
}

// Closest are the n pairs that were refused and fell least far short (Why.Room), the closest
// first. Pairs of a group that is too large to be one person are not among them: there may
// be millions, and Breaches has the group.
func (x *Explainer) Closest(n int) []Why {
	var best shortlist
	for _, p := range x.r.Pairs {
		if x.r.Accepted(p) {
			continue
		}
		if p.Score >= x.r.Score() && x.alone(p.A) && x.alone(p.B) {
			continue
		}
		if best.full(n) && max(0, x.r.Score()-p.Score) >= best.worst(n) {
			break // pairs fall from here, and none falls less short than its score does
		}
		w := x.Why(p.A, p.B)
		best.add(w, -w.Room, n)
	}
	return best.take(n)
}

// A shortlist keeps the n with the least of something. What comes first stays ahead.
type shortlist struct {
	all []ranked
}

type ranked struct {
	Why
	key float64
}

func (s *shortlist) sort() {
	slices.SortStableFunc(s.all, func(x, y ranked) int { return cmp.Compare(x.key, y.key) })
}

// add takes w in, and now and then drops what is past the n best.
func (s *shortlist) add(w Why, key float64, n int) {
	if s.full(n) && key >= s.worst(n) {
		return
	}
	s.all = append(s.all, ranked{w, key})
	if len(s.all) >= 2*n {
		s.sort()
		s.all = s.all[:n]
	}
}

func (s *shortlist) full(n int) bool { return len(s.all) >= n }

// worst is a bound above which nothing can be among the n best.
func (s *shortlist) worst(n int) float64 {
	if n == 0 {
		return math.Inf(-1)
	}
	worst := math.Inf(-1)
	for _, r := range s.all[:n] {
		worst = max(worst, r.key)
	}
	return worst
}

func (s *shortlist) take(n int) []Why {
	s.sort()
	var out []Why
	for _, r := range s.all[:min(n, len(s.all))] {
		out = append(out, r.Why)
	}
	return out
}
