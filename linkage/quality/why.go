package quality

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Why answers for whom links were missed, and whom wrong links joined.
//
// A pair is of a cause, a group or a label of any kind when either of its
// records carries it: a record with a wrong date of birth puts all its pairs at
// risk. So causes overlap, their rows add up to more than all, and a cause looks
// worse than it is where others come with it; Cause.Alone has the pairs that
// carry no other. Precision under a label is over the linked pairs of which
// either record carries it, so a wrong pair of two groups counts in both, and
// precision of every group can lie below that of all.

// Facts are what is known about records beyond Records: one entry for each
// record in every slice that is not nil.
type Facts struct {
	Parties []string // names; Records.Party are numbers in this list
	// Causes has, of each record, the words for what sets it apart from the facts
	// about its entity (typos, moves, missing values), or for what makes it easy to
	// take for another's. A record without any has an empty list.
	Causes    [][]string
	Groups    []Dimension
	Relations []Relation // the first that holds of a wrong pair is its kind; see Kin
}

// Dimension divides records into groups: sex, age band.
type Dimension struct {
	Name string
	Of   []string // the group of each record; "" where it is not known
}

// NotKnown is the label of records without a group.
const NotKnown = "not known"

// Relation is something that records of two entities can share, so that they are
// more easily taken for one than those of strangers.
type Relation struct {
	Name string
	Of   []int // records of equal number share it; a negative number is shared with nobody
}

// Strangers is the kind of wrong pairs of which no relation holds.
const Strangers = "strangers"

// Kin returns the relations of an invented borough, the closest first: twins,
// father and son of one name, a shared number, one household. Slices have an
// entry for each record; a nil slice leaves out what needs it. household and
// number are negative where unknown; number stands for the identifying number,
// such as an NHS number, that the record itself carries; twin marks records of
// those who are twins, and junior records of both, the father and the son.
func Kin(household []int, twin, junior []bool, number []int) []Relation {
	where := func(is []bool) []int {
		of := make([]int, len(is))
		for i := range of {
			of[i] = -1
			if is[i] {
				of[i] = household[i]
			}
		}
		return of
	}
	var out []Relation
	if household != nil && twin != nil {
		out = append(out, Relation{"twins", where(twin)})
	}
	if household != nil && junior != nil {
		out = append(out, Relation{"father and son", where(junior)})
	}
	if number != nil {
		out = append(out, Relation{"shared number", number})
	}
	if household != nil {
		out = append(out, Relation{"same household", household})
	}
	return out
}

// Breakdown says where recall and precision come from.
type Breakdown struct {
	All Row `json:"all"`
	// Causes has the pairs without any cause first, under None, then the causes by
	// how many pairs with them were missed, most first.
	Causes     []Cause     `json:"causes"`
	PartyPairs []PartyPair `json:"party_pairs"` // in the order of Facts.Parties; those without a true or linked pair are left out
	Groups     []Group     `json:"groups"`      // in the order of Facts.Groups
	Wrong      []WrongKind `json:"wrong"`       // in the order of Facts.Relations, then Strangers
}

// Row is recall and precision of the pairs under a label.
type Row struct {
	Label     string `json:"label"`
	Recall    Share  `json:"recall"`    // right pairs, of true ones
	Precision Share  `json:"precision"` // right pairs, of linked ones
}

// None is the label of pairs neither of whose records has a cause.
const None = "none"

// Cause is a row of the causes.
type Cause struct {
	Row
	Alone Share `json:"alone"` // recall of the pairs with this cause and no other
}

// PartyPair is recall and precision of the pairs between two parties, or within
// one where both are the same.
type PartyPair struct {
	Parties   [2]string `json:"parties"`
	Recall    Share     `json:"recall"`
	Precision Share     `json:"precision"`
}

// Group is a dimension: linkage bias is how its rows differ.
type Group struct {
	Name         string `json:"name"`
	Rows         []Row  `json:"rows"` // by label, with numbers in it by size
	RecallGap    Gap    `json:"recall_gap"`
	PrecisionGap Gap    `json:"precision_gap"`
}

// Gap is how far a rate of the groups of a dimension differs, among those that
// are known and large enough to be judged. It is empty with fewer than two.
type Gap struct {
	Lowest  string  `json:"lowest,omitempty"` // labels of rows
	Highest string  `json:"highest,omitempty"`
	Gap     float64 `json:"gap"` // the difference of their rates
	// Apart says that the two intervals do not overlap: more than the luck of the
	// draw. The converse does not follow.
	Apart bool `json:"apart"`
}

// WrongKind counts pairs of two entities that were joined.
type WrongKind struct {
	Kind     string  `json:"kind"`
	Wrong    int     `json:"wrong"`       // wrong pairs of this kind
	Share    float64 `json:"share"`       // of all wrong pairs
	Possible int     `json:"possible"`    // pairs of two entities of this kind that there are, joined or not
	Rate     float64 `json:"joined_rate"` // Wrong of Possible
	TooFew   bool    `json:"too_few"`     // Possible is below TooFew
}

// Why breaks the scores down. The pairs are those of Score(r). It refuses slices
// that do not fit together; no error holds a value. Time and memory grow with
// the records, not with the pairs: half a million records take seconds.
func Why(r Records, f Facts) (*Breakdown, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := f.check(&r); err != nil {
		return nil, err
	}
	party := make([]int32, len(r.Party))
	for i, p := range r.Party {
		party[i] = int32(p)
	}
	person, _ := dense(r.Person)
	entity, _ := dense(r.Entity)
	c := newCounter(party, len(f.Parties), r.Within)
	all := kept(&r)
	persons, entities := all.split(person, 2), all.split(entity, 2)

	l := newLabels(&f, len(r.Person))
	t := newTallier(c, l)
	truth, linked, right := t.tally(entities), t.tally(persons), t.tally(persons.split(entity, 2))
	row := func(label string, slot int) Row {
		return Row{label, share2(right, truth, slot), share2(right, linked, slot)}
	}

	b := &Breakdown{All: row("all", t.all), Causes: []Cause{}, PartyPairs: []PartyPair{}, Groups: []Group{}}
	for i := range f.Parties {
		for j := i; j < len(f.Parties); j++ {
			if s := t.pair(i, j); truth.sum[s]+linked.sum[s] > 0 {
				b.PartyPairs = append(b.PartyPairs, PartyPair{[2]string{f.Parties[i], f.Parties[j]}, share2(right, truth, s), share2(right, linked, s)})
			}
		}
	}
	for i, name := range l.causes {
		b.Causes = append(b.Causes, Cause{row(name, l.cause(i)), share2(right, truth, l.alone(i))})
	}
	missed := func(c Cause) int { return c.Recall.Whole - c.Recall.Part }
	slices.SortFunc(b.Causes, func(x, y Cause) int {
		return cmp.Or(missed(y)-missed(x), cmp.Compare(x.Label, y.Label))
	})
	if f.Causes != nil {
		none := row(None, t.none)
		b.Causes = slices.Insert(b.Causes, 0, Cause{none, none.Recall})
	}
	for d, dim := range f.Groups {
		g := Group{Name: dim.Name, Rows: []Row{}}
		for i, label := range l.groups[d] {
			g.Rows = append(g.Rows, row(label, l.group(d, i)))
		}
		slices.SortFunc(g.Rows, func(x, y Row) int { return compareLabels(x.Label, y.Label) })
		g.RecallGap = gap(g.Rows, func(r Row) Share { return r.Recall })
		g.PrecisionGap = gap(g.Rows, func(r Row) Share { return r.Precision })
		b.Groups = append(b.Groups, g)
	}
	b.Wrong = wrongKinds(c, all, person, entity, f.Relations)
	return b, nil
}

func (f *Facts) check(r *Records) error {
	n := len(r.Person)
	if f.Causes != nil && len(f.Causes) != n {
		return errors.New("causes are not of as many records as persons; give a list, empty or not, for each")
	}
	for i, words := range f.Causes {
		if slices.Contains(words, None) || slices.Contains(words, "") {
			return fmt.Errorf("record %d has a cause that is empty or called %q, which stands for no cause; leave it out", i, None)
		}
	}
	for _, d := range f.Groups {
		if len(d.Of) != n {
			return fmt.Errorf("the groups of %q are not of as many records as persons; give one for each", d.Name)
		}
	}
	for _, rel := range f.Relations {
		if len(rel.Of) != n {
			return fmt.Errorf("the relation %q is not of as many records as persons; give a number for each", rel.Name)
		}
	}
	for i, p := range r.Party {
		if p < 0 || p >= len(f.Parties) {
			return fmt.Errorf("record %d is of party number %d, but %d parties are named; name all parties in Facts.Parties", i, p, len(f.Parties))
		}
	}
	return nil
}

func share2(part, whole tally, slot int) Share {
	return newShare(part.sum[slot], whole.sum[slot], whole.squares[slot])
}

// gap compares one rate of the rows.
func gap(rows []Row, of func(Row) Share) Gap {
	judged := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return of(r).TooFew || r.Label == NotKnown })
	if len(judged) < 2 {
		return Gap{}
	}
	byRate := func(x, y Row) int { return cmp.Compare(of(x).Rate, of(y).Rate) }
	low, high := slices.MinFunc(judged, byRate), slices.MaxFunc(judged, byRate)
	return Gap{low.Label, high.Label, of(high).Rate - of(low).Rate, of(low).High < of(high).Low}
}

// compareLabels compares text, but runs of digits in it by the number they are,
// so that 5-9 comes before 10-14, and "under 18" where 18 would stand. What is
// not known comes last.
func compareLabels(x, y string) int {
	if (x == NotKnown) != (y == NotKnown) {
		if x == NotKnown {
			return 1
		}
		return -1
	}
	digits := func(s string) int {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		return n
	}
	trimmed := func(s string) string {
		for len(s) > 1 && s[0] == '0' {
			s = s[1:]
		}
		return s
	}
	a, b := strings.TrimPrefix(x, "under "), strings.TrimPrefix(y, "under ")
	for a != "" && b != "" {
		if n, m := digits(a), digits(b); n > 0 && m > 0 {
			p, q := trimmed(a[:n]), trimmed(b[:m])
			if c := cmp.Or(len(p)-len(q), cmp.Compare(p, q)); c != 0 {
				return c
			}
			a, b = a[n:], b[m:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Or(len(a)-len(b), cmp.Compare(x, y))
}

// wrongKinds counts pairs of two entities by the first relation that holds.
func wrongKinds(c *counter, all groups, person, entity []int32, relations []Relation) []WrongKind {
	persons := all.split(person, 2)
	left := WrongKind{Kind: Strangers, Wrong: c.apart(persons, entity), Possible: c.apart(all, entity)}
	wrong := left.Wrong
	earlier := [][]int32{entity}
	var out []WrongKind
	for _, rel := range relations {
		key := sharing(rel.Of)
		k := WrongKind{Kind: rel.Name,
			Wrong:    c.apart(persons.split(key, 2), earlier...),
			Possible: c.apart(all.split(key, 2), earlier...)}
		left.Wrong -= k.Wrong
		left.Possible -= k.Possible
		earlier = append(earlier, key)
		out = append(out, k)
	}
	out = append(out, left)
	for i := range out {
		k := &out[i]
		k.Share = share(float64(k.Wrong), float64(wrong))
		k.Rate = share(float64(k.Wrong), float64(k.Possible))
		k.TooFew = k.Possible < TooFew
	}
	return out
}

// sharing is dense, but leaves negative numbers as they are.
func sharing(of []int) []int32 {
	out, _ := dense(of)
	for i, v := range of {
		if v < 0 {
			out[i] = -1
		}
	}
	return out
}
