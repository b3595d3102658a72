package cohort

import (
	"errors"
	"math/bits"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var whereParties = []string{"council", "ccg", "gp-a", "Age UK", "housing"}

var whereNeeds = []Need{
	{Name: "frailty", Kind: YesNo},
	{Name: "age_band", Kind: Category, Values: []string{"0-17", "18 to 64", "65+"}},
	{Name: "housing", Kind: YesNo},
}

func where(t testing.TB, text string) *Condition {
	t.Helper()
	c, err := ParseWhere(text, whereParties, whereNeeds)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

func TestWhere(t *testing.T) {
	frail, old, housed := Carry{0, 0, 0}, Carry{0, 1, 2}, Carry{0, 2, 0}
	for _, c := range []struct {
		text, spelling string
		in             uint64
		carries        []Carry
		want           bool
	}{
		{"", "", 1, nil, true},
		{"council", "council", 1, nil, true},
		{"council", "council", 2, nil, false},
		{"parties>=2", "parties>=2", 3, nil, true},
		{"parties  >=  2", "parties>=2", 1, nil, false},
		{"parties=1", "parties=1", 1, nil, true},
		{"parties != 1", "parties!=1", 1, nil, false},
		{"frailty and not ccg", "frailty and not ccg", 1, []Carry{frail}, true},
		{"frailty and not ccg", "frailty and not ccg", 3, []Carry{frail}, false},
		{"age_band=65+", "age_band=65+", 1, []Carry{old}, true},
		{"age_band != 65+", "age_band!=65+", 1, []Carry{old}, false},
		{`"age_band" = "18 to 64"`, `age_band="18 to 64"`, 1, []Carry{old}, false},
		{`"Age UK"`, `"Age UK"`, 8, nil, true},
		{"need:housing", "need:housing", 16, nil, false},
		{"need:housing", "need:housing", 1, []Carry{housed}, true},
		{`party:housing or "gp-a"`, "party:housing or gp-a", 16, nil, true},
		{"council or ccg and frailty", "council or ccg and frailty", 1, nil, true},
		{"(council or ccg) and frailty", "(council or ccg) and frailty", 1, nil, false},
		{"not (council or ccg)", "not (council or ccg)", 4, nil, true},
		{"not not council", "not not council", 1, nil, true},
		{"((council))", "council", 1, nil, true},
	} {
		got := where(t, c.text)
		if got.String() != c.spelling || got.Holds(c.in, c.carries) != c.want {
			t.Errorf("%s: spelt %s, holds %v; want %s, %v", c.text, got, got.Holds(c.in, c.carries), c.spelling, c.want)
		}
		if again := where(t, got.String()); again.String() != got.String() {
			t.Errorf("%s: %s is spelt %s the next time", c.text, got, again)
		}
	}
	named, number := where(t, "parties>=3 and not ccg or frailty").Parties()
	if len(named) != 1 || named[0] != 1 || !number || len(where(t, "frailty or age_band=65+").Needs()) != 2 {
		t.Error("a condition does not tell what it names")
	}
}

func TestWhereMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"counsil":                       `"counsil" is no party and no need`,
		"council>=2":                    `a person is in party "council" or not; write council, or not council, or parties>=2`,
		`"Age UK" = 1`:                  `a person is in party "Age UK" or not; write "Age UK", or not "Age UK", or`,
		"housing":                       "write party:housing or need:housing",
		"frailty=yes":                   "write frailty, or not frailty",
		"age_band":                      "such as age_band=0-17",
		"age_band=66":                   `no value "66"`,
		"age_band=":                     "ends where there should be a value",
		"council and":                   "ends where there should be the name",
		"council ccg":                   "at character 9 there should be and, or",
		"(council":                      "a closing parenthesis",
		"council)":                      "at character 8",
		"parties>2 3":                   "at character 11",
		"parties>x":                     "a number of parties",
		"parties><3":                    "at character 9",
		"parties>=-1":                   "a number of parties",
		`"council`:                      "never closed",
		"council;ccg":                   "character 8",
		"and":                           "the name of a party",
		strings.Repeat("(", 30) + "ccg": "within each other",
		strings.Repeat("x", maxWhere+1): "longer than",
		"\x1b[2J":                       "character 1",
		"council and 'x' or '1'='1'":    "character 13",
	} {
		_, err := ParseWhere(text, whereParties, whereNeeds)
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, errWhere) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if _, err := ParseWhere("gone", whereParties, whereNeeds); !errors.Is(err, ErrGone) {
		t.Error("a party that is not there is not told from a mistake")
	}
}

// A condition means what its parts mean, whatever its spelling.
func TestWhereMeaning(t *testing.T) {
	type node struct {
		text  string
		holds func(a atom) bool
	}
	var draw func(t *rapid.T, depth int) node
	draw = func(t *rapid.T, depth int) node {
		switch k := rapid.IntRange(0, 5).Draw(t, "kind"); {
		case k == 0 || depth == 0:
			i := rapid.IntRange(0, 2).Draw(t, "party")
			return node{whereParties[i], func(a atom) bool { return a.parties>>i&1 == 1 }}
		case k == 1:
			return node{"frailty", func(a atom) bool { return a.needs&1 == 1 }}
		case k == 2:
			n := rapid.IntRange(0, 5).Draw(t, "number")
			return node{"parties<" + string(rune('0'+n)), func(a atom) bool { return bits.OnesCount64(a.parties) < n }}
		case k == 3:
			x := draw(t, depth-1)
			return node{"not (" + x.text + ")", func(a atom) bool { return !x.holds(a) }}
		case k == 4:
			x, y := draw(t, depth-1), draw(t, depth-1)
			return node{"(" + x.text + ") and (" + y.text + ")", func(a atom) bool { return x.holds(a) && y.holds(a) }}
		}
		x, y := draw(t, depth-1), draw(t, depth-1)
		return node{"(" + x.text + ") or (" + y.text + ")", func(a atom) bool { return x.holds(a) || y.holds(a) }}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := draw(t, 4)
		if len(n.text) > maxWhere {
			t.Skip()
		}
		c, err := ParseWhere(n.text, whereParties, whereNeeds)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseWhere(c.String(), whereParties, whereNeeds)
		if err != nil || again.String() != c.String() {
			t.Fatalf("%s is spelt %s and then %v, %v", n.text, c, again, err)
		}
		for in := uint64(1); in < 1<<len(whereParties); in++ {
			for needs := range uint64(2) {
				if a := (atom{in, needs}); c.holds(a) != n.holds(a) || again.holds(a) != n.holds(a) {
					t.Fatalf("%s, spelt %s: wrong for parties %b, needs %b", n.text, c, in, needs)
				}
			}
		}
	})
}

func FuzzWhere(f *testing.F) {
	for _, s := range []string{"parties>=3 and (frailty or not \"Age UK\")", "age_band!=65+", "party:housing", "((", "not"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseWhere(text, whereParties, whereNeeds)
		if err != nil {
			return
		}
		again, err := ParseWhere(c.String(), whereParties, whereNeeds)
		if err != nil || again.String() != c.String() {
			t.Errorf("%q is spelt %q, which is read as %v, %v", text, c, again, err)
		}
	})
}
