package cohort

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// live adds n households of these persons.
func live(t testing.TB, p *Persons, n int, members ...Member) {
	t.Helper()
	for range n {
		if err := p.AddHousehold(members); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHouseholdFigures(t *testing.T) {
	p := newPersons(t, borough, boroughNeeds)
	frail := []Carry{{1, 0, 0}}
	live(t, p, 100, Member{1, nil}, Member{2, frail}) // of the two parties, no person in both
	live(t, p, 60, Member{3, nil}, Member{3, nil}, Member{0b0101, []Carry{{2, 2, 0}}})
	live(t, p, 40, Member{0b1000, nil})
	fill(t, p, 500, 3) // of whom nothing is known
	rel, err := Protect(Count(p), preset(t, "hes"), Options{Households: true, Questions: []Question{
		{Where: "council and frailty"}, {Where: "parties>=3", By: "parties"}, {Where: "not ccg"}, {}}})
	if err != nil {
		t.Fatal(err)
	}
	answers := rel.Answers()
	for what, c := range map[string]struct {
		got  Figure
		want string
	}{
		"persons":           {rel.Total(), "920"},
		"all":               {rel.Households(), "200"},
		"council":           {rel.HouseholdsOf(0), "160"},
		"ccg":               {rel.HouseholdsOf(1), "160"},
		"gp-b":              {rel.HouseholdsOf(3), "40"},
		"council and ccg":   {rel.HouseholdsShared(0, 1), "160"},
		"council itself":    {rel.HouseholdsShared(0, 0), "160"},
		"ccg and gp-a":      {rel.HouseholdsShared(2, 1), "60"},
		"gp-a and gp-b":     {rel.HouseholdsShared(2, 3), "0"},
		"two":               {rel.HouseholdsAtLeast(2), "160"},
		"three":             {rel.HouseholdsAtLeast(3), "60"},
		"one":               {rel.HouseholdsAtLeast(1), "200"},
		"four":              {rel.HouseholdsAtLeast(4), "–"},
		"council and frail": {answers[0].Households, "100"}, // and no such person
		"such persons":      {answers[0].All, "0"},
		"in three":          {answers[1].Households, "60"},
		"without the ccg":   {answers[2].Households, "40"},
		"everybody":         {answers[3].Households, "–"}, // stands in the tables
	} {
		if c.got.Text() != c.want {
			t.Errorf("%s: %s, want %s", what, c.got, c.want)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", p, Count(p), Count(p)); strings.Contains(text, "160") || strings.Contains(text, "100") {
		t.Errorf("printing persons or counts shows households: %s", text)
	}
	plain, err := Protect(Count(p), preset(t, "hes"), Options{})
	if err != nil || plain.Households().Released() {
		t.Errorf("households are released without being asked for (%v)", err)
	}
}

func TestHouseholdMistakes(t *testing.T) {
	p := newPersons(t, borough, nil)
	if p.AddHousehold(nil) == nil || p.AddHousehold([]Member{{1, nil}, {0, nil}}) == nil {
		t.Error("a household of nobody, or with a person of no party, was taken")
	}
	fill(t, p, 100, 1)
	bare := newPersons(t, borough, nil)
	fill(t, bare, 100, 1)
	if _, err := Protect(Count(bare), presets[0], Options{Households: true}); err == nil {
		t.Error("households were counted where it is not known who lives together")
	}
	if _, err := Protect(Count(p), presets[0], Options{Households: true, Noise: &Noise{Epsilon: 1000}}); err == nil {
		t.Error("households were counted with noise")
	}
	bare.KnowHouseholds()
	rel, err := Protect(Count(bare), presets[0], Options{Households: true})
	if err != nil || rel.Households().Text() != "0" {
		t.Errorf("of people without households %s are counted (%v)", rel.Households(), err)
	}
	// A later linkage that does not know them cannot be held against one that did.
	earlier := []Earlier{asSeen(rel, false)}
	lost := newPersons(t, borough, nil)
	fill(t, lost, 100, 1)
	if _, err := Protect(Count(lost), presets[0], Options{Earlier: earlier}); !errors.Is(err, ErrParted) {
		t.Errorf("households were released before and are not known now: %v", err)
	}
	if _, err := Protect(Count(lost), presets[0], Options{Earlier: earlier, Forget: true}); err != nil {
		t.Errorf("accepted all the same: %v", err)
	}
}

// What households tell of persons and persons of households is hidden, in each of the ways
// that can be told at a glance.
func TestHouseholdsAndPersonsTogether(t *testing.T) {
	exact := custom(t, 8, 1)
	t.Run("one-person households", func(t *testing.T) {
		// 3 persons are in both parties. With the households of both shown, of whom all are
		// of one person, they are counted by them.
		p := newPersons(t, borough[:2], nil)
		live(t, p, 300, Member{1, nil})
		live(t, p, 400, Member{2, nil})
		live(t, p, 3, Member{3, nil})
		rel, err := Protect(Count(p), exact, Options{Households: true})
		if err != nil {
			t.Fatal(err)
		}
		if !rel.Overlap(0, 1).Hidden() || !rel.HouseholdsShared(0, 1).Hidden() || !rel.HouseholdsAtLeast(2).Hidden() {
			t.Error("3 persons, or their households, are shown")
		}
		shown := 0
		for _, f := range []Figure{rel.Households(), rel.HouseholdsOf(0), rel.HouseholdsOf(1)} {
			if !f.Hidden() {
				shown++
			}
		}
		if shown == 3 {
			t.Error("the households of both are the sum less all of them")
		}
	})
	t.Run("no more households than persons", func(t *testing.T) {
		// The council has 500 persons in 497 households, one of four. Who knows 500 and
		// sees 497 learns that few share one: but that is no figure. Those with the CCG
		// are.
		p := newPersons(t, borough[:2], nil)
		live(t, p, 490, Member{1, nil})
		live(t, p, 5, Member{1, nil}, Member{2, nil})
		live(t, p, 95, Member{2, nil})
		rel, err := Protect(Count(p), exact, Options{Households: true})
		if err != nil {
			t.Fatal(err)
		}
		if !rel.HouseholdsShared(0, 1).Hidden() {
			t.Error("5 households are shown")
		}
		a, okA := rel.HouseholdsOf(0).Value()
		b, okB := rel.HouseholdsOf(1).Value()
		if n, ok := rel.Households().Value(); ok && okA && okB {
			t.Errorf("%d and %d less %d are the 5 that are hidden", a, b, n)
		}
	})
}

// A party that is given its members of a cohort sees in how many of its households they are.
func TestGivenMembersTellHouseholds(t *testing.T) {
	p := newPersons(t, borough[:2], nil)
	live(t, p, 300, Member{1, nil})
	live(t, p, 400, Member{2, nil})
	live(t, p, 4, Member{3, nil}, Member{3, nil}, Member{3, nil}, Member{3, nil}, Member{3, nil})
	c, hes := Count(p), preset(t, "hes")
	both := Question{Where: "council and ccg"}
	o := Options{QuestionsOnly: true, Questions: []Question{both}, Given: []Given{{Party: "council", Where: both.Where, Count: 20}}}
	for _, households := range []bool{false, true} {
		tables, err := Protect(c, hes, Options{Households: households})
		if err != nil {
			t.Fatal(err)
		}
		o.Earlier = []Earlier{asSeen(tables, true)}
		_, err = Protect(c, hes, o)
		// Where the 4 households that both know were hidden, the council now has them.
		var differs *DifferenceError
		if households != errors.As(err, &differs) {
			t.Errorf("households released before: %v; its members are given: %v", households, err)
		}
	}
}

// Where households take too much work, persons are released without them.
func TestHouseholdsLeftOut(t *testing.T) {
	c := Count(families(t, rand.New(rand.NewPCG(4, 4)), 5, 80, boroughNeeds))
	rel, err := Protect(c, preset(t, "hes"), Options{Households: true, patience: 1_000_000})
	if err != nil {
		t.Fatal(err)
	}
	if !rel.HouseholdsLeftOut() || rel.Households().Released() || !rel.Total().Released() {
		t.Error("households are there, or persons are not, though there was no time")
	}
	for _, row := range rel.Rows() {
		if strings.HasPrefix(row.Table, "household") {
			t.Errorf("a figure of table %s is released", row.Table)
		}
	}
	calm, err := Protect(c, preset(t, "hes"), Options{Households: true})
	if err != nil || calm.HouseholdsLeftOut() || !calm.Households().Released() {
		t.Errorf("households are left out where there was time (%v)", err)
	}
}

// families is an invented borough of households.
func families(t testing.TB, rnd *rand.Rand, parties, households int, needs []Need) *Persons {
	names := []string{"council", "ccg"}
	for i := 2; i < parties; i++ {
		names = append(names, fmt.Sprintf("gp-%02d", i))
	}
	p := newPersons(t, names[:parties], needs)
	for range households {
		size := 1 + min(rnd.IntN(3), rnd.IntN(4))
		gp := uint64(0)
		if parties > 2 {
			gp = 1 << (2 + min(rnd.IntN(parties-2), rnd.IntN(parties-2)))
		}
		var members []Member
		for range size {
			var in uint64
			if rnd.IntN(100) < 40 {
				in |= 1
			}
			if rnd.IntN(100) < 90 {
				in |= 2
			}
			if rnd.IntN(100) < 95 {
				in |= gp
			}
			if in == 0 {
				in = 2
			}
			var c []Carry
			by := bits.Len64(in) - 1
			for i, need := range needs {
				if need.Kind == Category {
					c = append(c, Carry{by, i, rnd.IntN(len(need.Values))})
				} else if rnd.IntN(12) == 0 {
					c = append(c, Carry{by, i, 0})
				}
			}
			if rnd.IntN(10) == 0 {
				if err := p.Add(in, c); err != nil {
					t.Fatal(err)
				}
				continue
			}
			members = append(members, Member{in, c})
		}
		if len(members) > 0 {
			live(t, p, 1, members...)
		}
	}
	return p
}

// The same release comes out again.
func TestHouseholdReleaseAgain(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 8))
	for l := range 4 {
		c := Count(families(t, rnd, 2+l, 60, boroughNeeds[:l%2]))
		for _, r := range Presets()[:2] {
			o := Options{Households: true, Questions: []Question{{Where: "parties>=2", By: "parties"}, {Where: "not council and parties<3"}}}
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

// go test -bench Households ./linkage/cohort
func BenchmarkHouseholds(b *testing.B) {
	run := func(parties, households int, needs []Need, with bool) {
		b.Run(fmt.Sprintf("parties=%d/households=%d/needs=%d/with=%v", parties, households, len(needs), with), func(b *testing.B) {
			c := Count(families(b, rand.New(rand.NewPCG(1, 1)), parties, households, needs))
			for b.Loop() {
				o := Options{Households: with, Questions: []Question{{Where: "parties>=3"}}}
				if len(needs) > 0 {
					o.Questions = append(o.Questions, Question{Where: "frailty and housing_need"})
				}
				rel, err := Protect(c, presets[0], o)
				if err != nil {
					b.Fatal(err)
				}
				a := rel.Audit()
				b.ReportMetric(float64(a.Figures), "figures")
				b.ReportMetric(float64(a.Primary), "small")
				b.ReportMetric(float64(a.Secondary), "more")
				b.ReportMetric(float64(a.InParts), "inparts")
				b.ReportMetric(float64(len(a.Hurried)), "hurried")
			}
		})
	}
	for _, with := range []bool{false, true} {
		run(4, 2000, nil, with)
		run(6, 2000, demoNeeds[:2], with)
		run(7, 2000, nil, with)
		run(15, 9000, nil, with)
		run(15, 9000, demoNeeds, with)
		run(15, 900, demoNeeds, with)
	}
}
