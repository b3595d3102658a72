package cohort

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// declaredBy are boroughNeeds of which frailty is declared by council and ccg, age
// band by all, and housing by the council alone.
func declaredBy() []Need {
	needs := slices.Clone(boroughNeeds)
	needs[0].By, needs[1].By, needs[2].By = 0b0011, 0b1111, 0b0001
	return needs
}

func TestNeedTwice(t *testing.T) {
	p := newPersons(t, borough, declaredBy())
	fill(t, p, 300, 0b0011, Carry{0, 0, 0}, Carry{1, 0, 0}, Carry{1, 0, 0})
	fill(t, p, 200, 0b0011, Carry{1, 0, 0}, Carry{0, 2, 0})
	fill(t, p, 100, 0b0111, Carry{0, 0, 0}, Carry{0, 0, 0})
	for _, c := range []struct {
		in    uint64
		carry Carry
	}{{0b0100, Carry{2, 0, 0}}, {0b0011, Carry{1, 2, 0}}} {
		if err := p.Add(c.in, []Carry{c.carry}); err == nil || !strings.Contains(err.Error(), "does not declare it") {
			t.Errorf("%v: %v", c.carry, err)
		}
	}
	rel, err := Protect(Count(p), preset(t, "hes"), Options{Questions: []Question{
		{Where: "frailty>=2"}, {Where: "frailty and not frailty >= 2", By: "parties"}, {Where: "frailty and not housing"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := rel.NeedTwice(0).Text(); got != "300" {
		t.Errorf("two parties say frailty of %s, want 300", got)
	}
	for n := 1; n < 3; n++ {
		if rel.NeedTwice(n).Released() {
			t.Errorf("need %d is counted by pairs of parties", n)
		}
	}
	for i, want := range []string{"300", "300", "400"} {
		if got := rel.Answers()[i].All.Text(); got != want {
			t.Errorf("%s: %s, want %s", rel.Answers()[i].Question.Where, got, want)
		}
	}
	var rows []string
	for _, row := range rel.Rows() {
		if row.Table == "need-twice" {
			rows = append(rows, row.Needs[0].Need+" "+row.Figure.Text())
		}
	}
	if !slices.Equal(rows, []string{"frailty 300"}) {
		t.Errorf("rows of need-twice: %q", rows)
	}
	again, err := Protect(Count(p), preset(t, "ten"), Options{Earlier: []Earlier{asSeen(rel, true)}})
	if err != nil || again.NeedTwice(0).Text() != "300" {
		t.Errorf("after an earlier release: %v, %v", again, err)
	}
}

func TestSaidTwiceRefused(t *testing.T) {
	for where, want := range map[string]string{
		"housing>=2": "not declared by two parties", "frailty>=3": "there should be 2", "frailty>2": "and, or, or the end", "frailty>=": "there should be 2",
	} {
		_, err := ParseWhere(where, borough, declaredBy())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", where, err)
		}
	}
	if _, err := ParseWhere("frailty>=2", borough, boroughNeeds); !errors.Is(err, ErrGone) {
		t.Errorf("where nobody knows who declares it: %v", err)
	}
	if _, err := NewPersons(borough, []Need{{Name: "a", Kind: YesNo, By: 1 << 4}}); err == nil {
		t.Error("a need of a fifth of four parties was taken")
	}
}

func TestConditionWords(t *testing.T) {
	for where, want := range map[string]string{
		"":                                "",
		"parties>=3":                      "known to 3 or more parties",
		"parties=2 or parties!=1":         "known to exactly 2 parties or known to any number of parties but 1",
		"council and not frailty":         "known to council and without frailty",
		"not council":                     "not known to council",
		"not not frailty":                 "with frailty",
		"not (council or age_band=65+)":   "not (known to council or with age band 65+)",
		"age_band!=65+":                   "without age band 65+",
		"not age_band!=65+":               "with age band 65+",
		"frailty>=2 and (ccg or council)": "with frailty as two parties or more say and (known to ccg or known to council)",
	} {
		c, err := ParseWhere(where, borough, declaredBy())
		if err != nil || c.Words() != want {
			t.Errorf("%q: %q, want %q (%v)", where, c.Words(), want, err)
		}
	}
}

// What persons can be is kept: whoever there is, is possible, and settling an atom
// makes it so and leaves what was possible as it is.
func TestSettledIsPossible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, err := NewPersons(borough, declaredBy())
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 8).Draw(t, "persons") {
			in := rapid.Uint64Range(1, 15).Draw(t, "in")
			var carries []Carry
			for _, c := range []Carry{{0, 0, 0}, {1, 0, 0}, {0, 2, 0}} {
				if in>>c.Party&1 == 1 && rapid.Bool().Draw(t, "says") {
					carries = append(carries, c)
				}
			}
			if err := p.Add(in, carries); err != nil {
				t.Fatal(err)
			}
		}
		s := newSheet(Count(p).see(), Rule{Name: "any", Least: 8, Base: 5})
		a := newAuditor(s, true)
		for _, w := range s.atoms {
			if !a.possible(w.atom) || a.settled(w.atom) != w.atom {
				t.Fatalf("%b %b is there, and held to be impossible", w.parties, w.needs)
			}
		}
		x := atom{rapid.Uint64Range(1, 15).Draw(t, "parties"), rapid.Uint64Range(0, 1<<s.width-1).Draw(t, "needs")}
		for _, r := range a.sayers {
			if y := a.settled(x); !r.allows(y) {
				t.Fatalf("%b %b settles to %b %b", x.parties, x.needs, y.parties, y.needs)
			}
		}
	})
}

// One who knows which parties declare a need goes through every world: no small
// figure is bounded more tightly than its mark tells.
func TestEveryWorldKnowsWhoSays(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 11))
	small, tight := 0, 0
	for n := range 12 {
		by := uint64(1 + 2*(n%2)) // the council, or both
		p := newPersons(t, borough[:2], []Need{{Name: "frailty", Kind: YesNo, By: by}})
		w := &everyWorld{most: 6}
		for in := uint64(1); in < 4; in++ {
			fill(t, p, rnd.IntN(5), in)
			w.kinds = append(w.kinds, atom{in, 0})
			var carries []Carry
			for party := range 2 {
				if in&by>>party&1 == 1 {
					carries = append(carries, Carry{party, 0, 0})
					fill(t, p, rnd.IntN(3), in, carries...)
				}
			}
			if len(carries) > 0 {
				w.kinds = append(w.kinds, atom{in, 1})
			}
			if len(carries) == 2 {
				w.kinds = append(w.kinds, atom{in, 3})
			}
		}
		c := Count(p)
		rel, err := Protect(c, custom(t, 3, 1), Options{Questions: []Question{{Where: "not frailty", By: "parties"}}})
		if err != nil || rel.Audit().InParts > 0 {
			continue
		}
		for attacker := stranger; attacker < 2; attacker++ {
			known := &everyWorld{kinds: w.kinds, most: w.most}
			read := &everyWorld{kinds: w.kinds, most: w.most}
			if attacker != stranger {
				known.own(attacker, c)
				read.own(attacker, c)
			}
			read.read(t, rel)
			small += rel.Audit().Primary
			tight += read.tooTight(t, known, rel)
		}
	}
	if small == 0 || tight > 0 {
		t.Errorf("%d of %d small figures are bounded too tightly", tight, small)
	}
}
