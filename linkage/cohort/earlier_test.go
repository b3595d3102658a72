package cohort

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
)

// asSeen is a release as a ledger remembers it.
func asSeen(rel *Release, same bool) Earlier {
	e := Earlier{Number: 1, Rule: rel.Rule(), Parties: rel.Parties(), MarkMayBeZero: rel.MarkMayBeZero(), Told: rel.Audit().Told, Same: same}
	see := func(row Row, held bool) {
		n, ok := row.Figure.Value()
		e.Figures = append(e.Figures, Seen{Table: row.Table, Where: row.Where, Parties: row.Parties, AtLeast: row.AtLeast, Needs: row.Needs, Count: n, Hidden: !ok, HeldBack: held})
	}
	for _, row := range rel.Rows() {
		see(row, false)
	}
	for _, h := range rel.Account() {
		if !h.Row.Figure.Released() {
			see(h.Row, true)
		}
	}
	return e
}

func custom(t testing.TB, least, base int) Rule {
	t.Helper()
	r, err := Custom(least, base, "to see differences")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// everyWorld is an attacker that knows no mathematics: it goes through every way
// that few persons of two parties and one need can be, up to most of each kind,
// and keeps those that every release allows. It shares with the package what a
// row counts, and nothing else.
type everyWorld struct {
	kinds []atom
	most  int
	facts []fact
}

type fact struct {
	counts    []bool // of each kind
	low, high int
}

func newEveryWorld(most int) *everyWorld {
	w := &everyWorld{most: most}
	for p := uint64(1); p < 4; p++ {
		for n := range uint64(2) {
			w.kinds = append(w.kinds, atom{p, n})
		}
	}
	return w
}

func (w *everyWorld) counts(t testing.TB, row Row, rel *Release) []bool {
	c, err := ParseWhere(row.Where, rel.Parties(), rel.Needs())
	if err != nil {
		t.Fatal(err)
	}
	var mask uint64
	for _, p := range row.Parties {
		mask |= 1 << slices.Index(rel.Parties(), p)
	}
	out := make([]bool, len(w.kinds))
	for i, a := range w.kinds {
		in := a.parties&mask == mask && (len(row.Needs) == 0 || a.needs&1 == 1) && bits.OnesCount64(a.parties) >= row.AtLeast
		switch row.Table {
		case "combination":
			in = a.parties == mask
		case "need-twice":
			in = in && a.needs == 3
		}
		out[i] = in && c.holds(a)
	}
	return out
}

// read takes in a release, as one who is not told which marks are small.
func (w *everyWorld) read(t testing.TB, rel *Release) {
	r := rel.Rule()
	for _, row := range rel.Rows() {
		f := fact{counts: w.counts(t, row, rel), low: 1, high: math.MaxInt}
		if rel.MarkMayBeZero() || r.HideZero {
			f.low = 0
		}
		if v, ok := row.Figure.Value(); ok {
			f.low, f.high = 0, 0
			if v > 0 {
				f.low, f.high = max(r.Least, v-r.Base/2), v+(r.Base-1)/2
			}
		}
		w.facts = append(w.facts, f)
	}
}

// own takes in that the attacker is a party, and knows its own number and of how
// many it said itself that they carry the need.
func (w *everyWorld) own(party int, c *Counts) {
	all, carry := fact{counts: make([]bool, len(w.kinds))}, fact{counts: make([]bool, len(w.kinds))}
	for i, a := range w.kinds {
		all.counts[i] = a.parties>>party&1 == 1
		carry.counts[i] = all.counts[i] && a.needs&1 == 1
	}
	all.low = c.see().count(figure{table: parties, parties: 1 << party})
	all.high = all.low
	carry.low, carry.high = c.see().said[party][0], math.MaxInt
	if c.see().by[0] == 1<<party { // all who carry it are its own
		carry.high = carry.low
	}
	w.facts = append(w.facts, all, carry)
}

// bounds returns the smallest and largest value of a sum over all worlds.
func (w *everyWorld) bounds(counts []bool) (low, high int) {
	low, high = math.MaxInt, -1
	at := make([]int, len(w.kinds))
	for {
		if w.allowed(at) {
			n := 0
			for i, c := range counts {
				if c {
					n += at[i]
				}
			}
			low, high = min(low, n), max(high, n)
		}
		i := 0
		for i < len(at) && at[i] == w.most {
			at[i] = 0
			i++
		}
		if i == len(at) {
			return low, high
		}
		at[i]++
	}
}

func (w *everyWorld) allowed(at []int) bool {
	for _, f := range w.facts {
		n := 0
		for i, c := range f.counts {
			if c {
				n += at[i]
			}
		}
		if n < f.low || n > f.high {
			return false
		}
	}
	return true
}

// tooTight counts the small figures of the releases that are bounded more tightly
// than their marks and what is known already tell. (A first release may tell what
// it has no figure for: those in a party, less those of them with a need.)
func (w *everyWorld) tooTight(t testing.TB, known *everyWorld, rels ...*Release) int {
	tight := 0
	for _, rel := range rels {
		low, high := rel.Rule().mark()
		if rel.MarkMayBeZero() {
			low = 0
		}
		for _, h := range rel.Account() {
			if h.Why != Primary {
				continue
			}
			counts := w.counts(t, h.Row, rel)
			l0, u0 := known.bounds(counts)
			if l, u := w.bounds(counts); l > max(low, l0) || u < min(high, u0) {
				tight++
			}
		}
	}
	return tight
}

// Two releases of the same few persons, by two rules or with other questions, are
// attacked together by going through every world. The second, made in knowledge of
// the first, is safe; made without, it is often not.
func TestEveryWorldAgainstTwoReleases(t *testing.T) {
	questions := []Question{{Where: "council and not ccg"}, {Where: "parties=1", By: "needs"}, {Where: "not frailty", By: "parties"}, {Where: "frailty or council", By: "parties"}, {Where: "parties>=2 and not frailty"}}
	rnd := rand.New(rand.NewPCG(7, 7))
	cases, alone, together, refused := 0, 0, 0, 0
	most := 10
	if n, err := strconv.Atoi(os.Getenv("COHORTLINK_LATTICES")); err == nil {
		most = n
	}
	for cases < most {
		p := newPersons(t, borough[:2], boroughNeeds[:1])
		for in := uint64(1); in < 4; in++ {
			fill(t, p, rnd.IntN(6), in)
			fill(t, p, rnd.IntN(4), in, Carry{bits.TrailingZeros64(in), 0, 0})
		}
		c := Count(p)
		first, err := Protect(c, custom(t, 3, 1), Options{Questions: questions[:rnd.IntN(2)]})
		if err != nil {
			continue
		}
		rule := custom(t, 3, 1+rnd.IntN(2))
		asked := Options{Questions: []Question{questions[rnd.IntN(len(questions))]}, QuestionsOnly: rnd.IntN(2) == 0}
		second, err := Protect(c, rule, asked)
		if err != nil || first.Audit().InParts+second.Audit().InParts > 0 {
			continue
		}
		cases++
		w := newEveryWorld(7)
		w.read(t, first)
		w.read(t, second)
		known := newEveryWorld(7)
		known.read(t, first)
		alone += w.tooTight(t, known, first, second)

		asked.Earlier = []Earlier{asSeen(first, true)}
		second, err = Protect(c, rule, asked)
		var differs *DifferenceError
		if errors.As(err, &differs) && len(differs.Figures) > 0 {
			refused++
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		if second.Audit().InParts > 0 {
			continue
		}
		for attacker := stranger; attacker < 2; attacker++ {
			w, known := newEveryWorld(7), newEveryWorld(7)
			for _, x := range []*everyWorld{w, known} {
				x.read(t, first)
				if attacker != stranger {
					x.own(attacker, c)
				}
			}
			w.read(t, second)
			together += w.tooTight(t, known, first, second)
		}
	}
	if alone == 0 {
		t.Error("releases that know nothing of each other are safe: the attacker does not work")
	}
	if together > 0 {
		t.Errorf("%d small figures are bounded too tightly by two releases", together)
	}
	t.Logf("%d pairs of releases: %d small figures bounded too tightly where the second knew nothing of the first, %d where it did; %d refused", cases, alone, together, refused)
}

// The same release comes out again, for every rule.
func TestReleaseAgain(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 9))
	for l := range 12 {
		c := lattice(t, rnd, 2+l%4, boroughNeeds[:l%3])
		if l == 11 {
			c = boroughCounts(t, 9, 4000, nil)
		}
		for _, r := range Presets() {
			o := Options{Questions: []Question{{Where: "parties>=2", By: "parties"}, {Where: "not p0 and parties<3"}}}
			if l == 11 {
				o.Questions = nil
			}
			one, err := Protect(c, r, o)
			if err != nil {
				t.Fatalf("lattice %d, %s: %v", l, r.Name, err)
			}
			o.Earlier = []Earlier{asSeen(one, true)}
			two, err := Protect(c, r, o)
			if err != nil {
				t.Fatalf("lattice %d, %s, again: %v", l, r.Name, err)
			}
			if !reflect.DeepEqual(one.Rows(), two.Rows()) || one.MarkMayBeZero() != two.MarkMayBeZero() {
				t.Errorf("lattice %d, %s: the second release differs from the first", l, r.Name)
			}
		}
	}
}

// What a question would give away by the figures beside it is hidden.
func TestQuestionByDifference(t *testing.T) {
	p := newPersons(t, borough[:2], boroughNeeds[:1])
	fill(t, p, 300, 1)
	fill(t, p, 400, 2)
	fill(t, p, 500, 3)
	fill(t, p, 3, 3, Carry{0, 0, 0})
	r := custom(t, 8, 1)
	q := Question{Name: "not frail", Where: "not frailty", By: "parties"}
	free, err := Protect(Count(p), r, Options{Questions: []Question{q}, QuestionsOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if a := free.Answers()[0]; a.All.Text() != "1,200" || a.By[0].Figure.Text() != "800" || a.By[1].Figure.Text() != "900" || a.Question.Title() != "not frail" || len(free.Rows()) != 3 {
		t.Errorf("with nothing else released the answer is %+v", a)
	}
	tables := protect(t, p, r)
	later, err := Protect(Count(p), r, Options{Questions: []Question{q}, QuestionsOnly: true, Earlier: []Earlier{asSeen(tables, true)}})
	if err != nil {
		t.Fatal(err)
	}
	shown := func(rel *Release, f func(Row) bool) bool {
		for _, row := range rel.Rows() {
			if f(row) && !row.Figure.Hidden() {
				return true
			}
		}
		return false
	}
	people := shown(tables, func(r Row) bool { return r.Table == "people" })
	if all := later.Answers()[0].All; people && !all.Hidden() {
		t.Errorf("1,203 persons were shown, and then %s without the 3 that are frail", all)
	}
}

// A party that was given its members knows their number.
func TestGivenMembersAreKnown(t *testing.T) {
	p := newPersons(t, borough[:2], boroughNeeds[:1])
	fill(t, p, 300, 1)
	fill(t, p, 400, 2)
	fill(t, p, 500, 3)
	fill(t, p, 4, 3, Carry{0, 0, 0})
	c := Count(p)
	hes := preset(t, "hes")
	tables, err := Protect(c, hes, Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{QuestionsOnly: true, Questions: []Question{{Where: "not frailty"}}, Earlier: []Earlier{asSeen(tables, true)}}
	if _, err := Protect(c, hes, o); err != nil {
		t.Fatalf("the question alone: %v", err)
	}
	// The council knows its own 804 and now that 800 of them are not frail.
	o.Given = []Given{{Party: "council", Where: "not frailty", Count: 800}}
	_, err = Protect(c, hes, o)
	var differs *DifferenceError
	if !errors.As(err, &differs) || len(differs.Figures) == 0 {
		t.Errorf("members that give away the 4 others were given: %v", err)
	}
}

// A later linkage has more parties, or has lost one.
func TestEarlierOfOtherParties(t *testing.T) {
	two, three := newPersons(t, borough[:2], nil), newPersons(t, borough[:3], nil)
	fill(t, two, 300, 1)
	fill(t, two, 400, 2)
	fill(t, two, 203, 3)
	fill(t, three, 300, 1)
	fill(t, three, 400, 2)
	fill(t, three, 200, 3)
	fill(t, three, 3, 0b111)
	fill(t, three, 90, 0b100)
	r := custom(t, 8, 1)
	before := protect(t, two, r)
	o := Options{Earlier: []Earlier{asSeen(before, false)}}
	alone, err := Protect(Count(three), r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rel, err := Protect(Count(three), r, o)
	if err != nil {
		t.Fatal(err)
	}
	// "In exactly the first two" was 203, and would now be 200: 3 are in the third too.
	for _, row := range rel.Rows() {
		if row.Table == "combination" && slices.Equal(row.Parties, borough[:2]) && !row.Figure.Hidden() {
			t.Errorf("a combination is shown as %s after it was shown as 203 without the third party", row.Figure)
		}
	}
	if rel.Hidden() < alone.Hidden() {
		t.Error("less is hidden in knowledge of an earlier release")
	}
	_, err = Protect(Count(two), r, Options{Earlier: []Earlier{asSeen(rel, false)}})
	if !errors.Is(err, ErrParted) {
		t.Errorf("a party has left, and the release says %v", err)
	}
	if _, err := Protect(Count(two), r, Options{Earlier: []Earlier{asSeen(rel, false)}, Forget: true}); err != nil {
		t.Errorf("accepted all the same: %v", err)
	}
}

func TestQuestionMistakes(t *testing.T) {
	p := newPersons(t, borough, nil)
	fill(t, p, 100, 1)
	for _, q := range []Question{{Where: "nobody"}, {By: "needs"}, {By: "frailty"}, {Where: "council", By: "council"}} {
		if _, err := Protect(Count(p), presets[0], Options{Questions: []Question{q}}); err == nil {
			t.Errorf("%+v was answered", q)
		}
	}
	if _, err := Protect(Count(p), presets[0], Options{Questions: make([]Question, MaxQuestions+1)}); err == nil {
		t.Error("too many questions were answered")
	}
	if _, err := Protect(Count(p), presets[0], Options{Earlier: []Earlier{{Figures: []Seen{{Table: "weights"}}}}}); err == nil {
		t.Error("a table that is not known was passed over")
	}
}

// What is hidden in a release is hidden at another threshold too, where it is neither
// small nor needed to protect what is.
func TestBesideKeepsHidden(t *testing.T) {
	first := newPersons(t, borough[:3], nil)
	for in, n := range map[uint64]int{1: 300, 2: 200, 3: 4, 4: 500, 5: 60, 6: 70, 7: 90} {
		fill(t, first, n, in)
	}
	base := protect(t, first, preset(t, "hes"))
	second := newPersons(t, borough[:3], nil)
	for in, n := range map[uint64]int{1: 310, 2: 210, 3: 20, 4: 510, 5: 50, 6: 60, 7: 80} {
		fill(t, second, n, in)
	}
	free, err := Protect(Count(second), preset(t, "hes"), Options{})
	if err != nil || base.Hidden() == 0 || free.Hidden() > 0 {
		t.Fatalf("%d and %d figures are hidden: the test shows nothing (%v)", base.Hidden(), free.Hidden(), err)
	}
	seen := asSeen(base, false)
	seen.Beside = true
	beside, err := Protect(Count(second), preset(t, "hes"), Options{Coarse: true, Earlier: []Earlier{seen}, Questions: []Question{{Where: "council and ccg and not gp-a"}}})
	if err != nil {
		t.Fatal(err)
	}
	hidden := map[string]bool{}
	for _, row := range base.Rows() {
		hidden[row.Table+" "+fmt.Sprint(row.Parties, row.AtLeast)] = row.Figure.Hidden()
	}
	for _, row := range beside.Rows() {
		if hidden[row.Table+" "+fmt.Sprint(row.Parties, row.AtLeast)] && !row.Figure.Hidden() {
			t.Errorf("%s %v is shown", row.Table, row.Parties)
		}
		if row.Table == "combination" || row.Table == "need" {
			t.Errorf("a coarse release has the table %s", row.Table)
		}
	}
	if !beside.Coarse() || len(beside.Combinations()) > 0 {
		t.Error("the release is not coarse")
	}
}
