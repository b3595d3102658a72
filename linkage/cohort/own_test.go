package cohort

import (
	"errors"
	"math/bits"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var ownParties = []string{"council", "ccg"}

// shows reports whether all of these figures are shown.
func shows(t *testing.T, rel *Release, rows ...func(Row) bool) bool {
	t.Helper()
	for _, is := range rows {
		i := slices.IndexFunc(rel.Rows(), is)
		if i < 0 {
			t.Fatal("the release has no such figure")
		}
		if rel.Rows()[i].Figure.Hidden() {
			return false
		}
	}
	return true
}

// The council said the need of 12. Shown that 10 who carry it are not in the CCG, it
// knows that of those in both it said it of 2: the 2 of whom both say it are no more.
func TestOwnStatementsBoundTwice(t *testing.T) {
	p := newPersons(t, ownParties, []Need{{Name: "frailty", Kind: YesNo, By: 0b11}})
	council, ccg := Carry{0, 0, 0}, Carry{1, 0, 0}
	fill(t, p, 300, 0b01)
	fill(t, p, 10, 0b01, council)
	fill(t, p, 400, 0b10)
	fill(t, p, 90, 0b10, ccg)
	fill(t, p, 500, 0b11)
	fill(t, p, 20, 0b11, ccg)
	fill(t, p, 2, 0b11, council, ccg)
	rel, err := Protect(Count(p), custom(t, 8, 1), Options{Questions: []Question{{Where: "frailty and not ccg"}}})
	if err != nil {
		t.Fatal(err)
	}
	if rel.NeedTwice(0).Text() != Mark {
		t.Fatal("a figure of 2 is shown")
	}
	if shows(t, rel, func(r Row) bool { return r.Table == "question" }) {
		t.Error("the council is told how many of those it said frailty of are its own only")
	}
	if shows(t, rel, func(r Row) bool { return r.Table == "need" }, func(r Row) bool { return r.Table == "need-party" && r.Parties[0] == "ccg" }) {
		t.Error("the council can work out how many of those it said frailty of are its own only")
	}
}

// The council alone says frailty, and falls of 30, of whom 1 is frail. Shown that 30 of
// its persons have falls, it knows that nobody else said it of them, and so the 1.
func TestOwnStatementsTogether(t *testing.T) {
	p := newPersons(t, ownParties, []Need{{Name: "frailty", Kind: YesNo, By: 0b01}, {Name: "falls", Kind: YesNo, By: 0b11}})
	frail, falls, told := Carry{0, 0, 0}, Carry{0, 1, 0}, Carry{1, 1, 0}
	fill(t, p, 200, 0b01)
	fill(t, p, 60, 0b01, frail)
	fill(t, p, 29, 0b11, falls)
	fill(t, p, 1, 0b11, falls, frail)
	fill(t, p, 80, 0b10, told)
	fill(t, p, 300, 0b11)
	fill(t, p, 40, 0b11, frail)
	fill(t, p, 400, 0b10)
	rel, err := Protect(Count(p), custom(t, 8, 1), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rel.NeedPair(1, 0, 0, 0).Text() != Mark {
		t.Fatal("a figure of 1 is shown")
	}
	if f := rel.NeedByParty(1, 0, 0); !f.Hidden() {
		t.Errorf("that %s in the council have falls is shown to the council, which said so of 30", f)
	}
}

// Given who of its persons are known to the CCG too, the council knows how many of them
// it said frailty of: 3, a figure that was hidden.
func TestOwnMembersOfACohort(t *testing.T) {
	p := newPersons(t, ownParties, []Need{{Name: "frailty", Kind: YesNo, By: 0b01}})
	fill(t, p, 300, 0b01)
	fill(t, p, 50, 0b01, Carry{0, 0, 0})
	fill(t, p, 400, 0b10)
	fill(t, p, 500, 0b11)
	fill(t, p, 3, 0b11, Carry{0, 0, 0})
	c := Count(p)
	tables, err := Protect(c, preset(t, "hes"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{QuestionsOnly: true, Questions: []Question{{Where: "parties>=2"}}, Earlier: []Earlier{asSeen(tables, true)}}
	o.Given = []Given{{Party: "ccg", Where: "parties>=2", Count: 503}}
	if _, err := Protect(c, preset(t, "hes"), o); err != nil {
		t.Errorf("the CCG, which says nothing, cannot be given its members: %v", err)
	}
	o.Given[0].Party = "council"
	_, err = Protect(c, preset(t, "hes"), o)
	var differs *DifferenceError
	if !errors.As(err, &differs) {
		t.Errorf("members that give away how many of them are frail were given: %v", err)
	}
}

// What is left over has too few places to go to, and nothing is left over where no set
// has (Hall): against going through every set.
func TestFlowCut(t *testing.T) {
	full, short := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		from := make([]float64, rapid.IntRange(1, 5).Draw(t, "from"))
		to := make([]float64, rapid.IntRange(1, 5).Draw(t, "to"))
		may := make([][]int, len(from))
		sets := make([]uint, len(from))
		for j := range to {
			to[j] = float64(rapid.IntRange(0, 9).Draw(t, "room"))
		}
		for i := range from {
			from[i] = float64(rapid.IntRange(0, 6).Draw(t, "there"))
			for j := range to {
				if rapid.Bool().Draw(t, "may") {
					may[i] = append(may[i], j)
					sets[i] |= 1 << j
				}
			}
		}
		over := func(set uint) float64 {
			n, where := 0.0, uint(0)
			for i := range from {
				if set>>i&1 == 1 {
					n += from[i]
					where |= sets[i]
				}
			}
			for ; where != 0; where &= where - 1 {
				n -= to[bits.TrailingZeros(where)]
			}
			return n
		}
		f := newFlow(slices.Clone(from), slices.Clone(to), may)
		if len(may[0]) > 0 { // as a first guess
			f.send(0, rapid.IntRange(0, len(may[0])-1).Draw(t, "place"), float64(rapid.IntRange(0, 6).Draw(t, "sent")))
		}
		cut := f.cut()
		if cut == nil {
			full++
			for set := range uint(1) << len(from) {
				if over(set) > 0 {
					t.Fatalf("%g too many for %b, and no cut", over(set), set)
				}
			}
			return
		}
		short++
		set := uint(0)
		for _, i := range cut {
			set |= 1 << i
		}
		if over(set) <= 0 {
			t.Fatalf("the cut %b has room for all", set)
		}
	})
	if full == 0 || short == 0 {
		t.Errorf("%d had room and %d had not: one kind was not tested", full, short)
	}
}
