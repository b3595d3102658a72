package cohort

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var borough = []string{"council", "ccg", "gp-a", "gp-b"}

var boroughNeeds = []Need{
	{Name: "frailty", Kind: YesNo},
	{Name: "age_band", Kind: Category, Values: []string{"0-17", "18-64", "65+"}},
	{Name: "housing", Kind: YesNo},
}

// fill adds n persons of the same kind.
func fill(t testing.TB, p *Persons, n int, in uint64, carries ...Carry) {
	t.Helper()
	for range n {
		if err := p.Add(in, carries); err != nil {
			t.Fatal(err)
		}
	}
}

func newPersons(t testing.TB, parties []string, needs []Need) *Persons {
	t.Helper()
	p, err := NewPersons(parties, needs)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func protect(t testing.TB, p *Persons, r Rule) *Release {
	t.Helper()
	rel, err := Protect(Count(p), r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

func preset(t testing.TB, name string) Rule {
	t.Helper()
	r, err := Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRelease(t *testing.T) {
	p := newPersons(t, borough, boroughNeeds)
	fill(t, p, 412, 0b0001)
	fill(t, p, 1233, 0b0111, Carry{0, 0, 0}, Carry{1, 1, 2}, Carry{2, 0, 0})
	fill(t, p, 801, 0b0011, Carry{0, 2, 0}, Carry{1, 0, 0})
	fill(t, p, 566, 0b1010, Carry{1, 1, 1})
	rel := protect(t, p, preset(t, "hes"))
	for what, c := range map[string]struct {
		got  Figure
		want string
	}{
		"total":              {rel.Total(), "3,010"},  // 3012
		"council":            {rel.Party(0), "2,445"}, // 2446
		"gp-b":               {rel.Party(3), "565"},
		"council and ccg":    {rel.Overlap(0, 1), "2,035"}, // 2034
		"ccg and council":    {rel.Overlap(1, 0), "2,035"},
		"council itself":     {rel.Overlap(0, 0), "2,445"},
		"gps":                {rel.Overlap(2, 3), "0"},
		"two":                {rel.AtLeast(2), "2,600"},
		"three":              {rel.AtLeast(3), "1,235"},
		"four":               {rel.AtLeast(4), "0"},
		"one":                {rel.AtLeast(1), "3,010"},
		"five of four":       {rel.AtLeast(5), "–"},
		"frail":              {rel.Need(0, 0), "2,035"},
		"65+":                {rel.Need(1, 2), "1,235"},
		"0-17":               {rel.Need(1, 0), "0"},
		"frail in gp-a":      {rel.NeedByParty(0, 0, 2), "1,235"},
		"frail and 65+":      {rel.NeedPair(0, 0, 1, 2), "1,235"},
		"65+ and frail":      {rel.NeedPair(1, 2, 0, 0), "1,235"},
		"frail and housing":  {rel.NeedPair(2, 0, 0, 0), "800"},
		"two ages of one":    {rel.NeedPair(1, 0, 1, 1), "–"},
		"housing in council": {rel.NeedByParty(2, 0, 0), "800"},
	} {
		if c.got.Text() != c.want {
			t.Errorf("%s: %s, want %s", what, c.got, c.want)
		}
	}
	cs := rel.Combinations()
	if len(cs) != 15 || !rel.AllCombinations() {
		t.Fatalf("%d combinations, want 15", len(cs))
	}
	if got := fmt.Sprint(cs[:4]); got != "[{[0 1 2] 1,235} {[0 1] 800} {[1 3] 565} {[0] 410}]" {
		t.Errorf("combinations begin %s", got)
	}
	if rel.Hidden() != 0 {
		t.Errorf("%d hidden, want none", rel.Hidden())
	}
}

func TestPresets(t *testing.T) {
	want := map[string]map[int]string{
		"hes":        {0: "0", 1: "*", 7: "*", 8: "10", 12: "10", 13: "15", 1_000_002: "1,000,000"},
		"opensafely": {0: "*", 1: "*", 7: "*", 8: "10"},
		"ten":        {0: "*", 1: "*", 9: "*", 10: "10", 13: "15"},
		"gpps":       {0: "0", 1: "*", 4: "*", 5: "5", 7: "5", 8: "10"},
		"ons":        {0: "0", 1: "*", 9: "*", 10: "10"},
	}
	if len(Presets()) != len(want) || Presets()[0].Name != "hes" {
		t.Fatalf("presets are not the five published ones with hes first")
	}
	for _, r := range Presets() {
		if r.Source == "" || r.Says() == "" || r.check() != nil {
			t.Errorf("%s: no source, no words or not valid: %v", r.Name, r.check())
		}
		for n, text := range want[r.Name] {
			if got := r.Figure(n).Text(); got != text {
				t.Errorf("%s: %d is shown as %s, want %s", r.Name, n, got, text)
			}
		}
	}
	if _, err := Preset("hse"); err == nil || !strings.Contains(err.Error(), "opensafely") {
		t.Errorf("an unknown preset does not name the known ones: %v", err)
	}
}

// What a shown figure may stand for is just the counts that are shown as it.
func TestMeaning(t *testing.T) {
	rules := Presets()
	for _, c := range [][2]int{{5, 5}, {6, 10}, {12, 7}, {50, 100}} {
		r, err := Custom(c[0], c[1], "")
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	for _, r := range rules {
		for n := range 400 {
			if r.hides(n) {
				if low, high := r.mark(); n < low || n > high {
					t.Errorf("%s: %d is hidden, but the mark stands for %d to %d", r.Name, n, low, high)
				}
				continue
			}
			shown := r.round(n)
			low, high := r.meaning(shown)
			if n < low || n > high {
				t.Errorf("%s: %d is shown as %d, which stands for %d to %d", r.Name, n, shown, low, high)
			}
			for _, end := range []int{low, high} {
				if r.hides(end) || r.round(end) != shown {
					t.Errorf("%s: %d cannot stand for %d", r.Name, shown, end)
				}
			}
		}
	}
}

func TestWeakRules(t *testing.T) {
	for _, c := range []struct {
		least, base int
		reason      string
		weak, ok    bool
	}{
		{5, 5, "", false, true}, {20, 10, "", false, true},
		{4, 5, "", true, false}, {10, 1, "", true, false}, {10, 1, "  ", true, false},
		{1, 1, "agreed by the board", false, true},
		{0, 5, "x", false, false}, {5, 11, "", false, false}, {5, 5_000_000, "", false, false},
	} {
		r, err := Custom(c.least, c.base, c.reason)
		if (err == nil) != c.ok || errors.Is(err, ErrWeakRule) != c.weak {
			t.Errorf("least %d, base %d, reason %q: %v", c.least, c.base, c.reason, err)
		}
		p := newPersons(t, borough, nil)
		fill(t, p, 9, 1)
		if _, err := Protect(Count(p), r, Options{}); (err == nil) != c.ok {
			t.Errorf("Protect with least %d, base %d: %v", c.least, c.base, err)
		}
	}
}

// A number in Persons or Counts must not come out of any way of printing.
func TestExactCountsDoNotPrint(t *testing.T) {
	p := newPersons(t, borough, boroughNeeds)
	fill(t, p, 98763, 0b11, Carry{0, 0, 0})
	c := Count(p)
	rel := protect(t, p, preset(t, "hes"))
	type holder struct {
		p Persons
		c Counts
		r *Release
	}
	var printed []string
	for _, v := range []any{p, *p, c, *c, holder{*p, *c, rel}, &holder{*p, *c, rel}, rel, *rel} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			printed = append(printed, fmt.Sprintf(verb, v))
		}
		j, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		printed = append(printed, string(j))
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "v", v)
		printed = append(printed, b.String())
	}
	for _, s := range printed {
		// 181cb is 98763 in the base that %x writes.
		if strings.Contains(s, "98763") || strings.Contains(s, "181cb") {
			t.Errorf("an exact count was printed: %.200s", s)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[*Counts](), reflect.TypeFor[Counts]()} {
		if typ.NumMethod() != 0 {
			t.Errorf("%s has %d exported methods; it must have none", typ, typ.NumMethod())
		}
	}
}

func TestNamesRefused(t *testing.T) {
	long := strings.Repeat("x", maxNameRunes+1)
	for _, parties := range [][]string{nil, {""}, {"a", "a"}, {"a\x00"}, {"a\nb"}, {"a\u202eb"}, {"\xff"}, {long}, make([]string, 65)} {
		if _, err := NewPersons(parties, nil); err == nil {
			t.Errorf("parties %q were taken", parties)
		}
	}
	for _, needs := range [][]Need{
		{{Name: "", Kind: YesNo}}, {{Name: "a", Kind: "number"}}, {{Name: "a", Kind: Category}},
		{{Name: "a", Kind: YesNo, Values: []string{"x"}}}, {{Name: "a", Kind: YesNo}, {Name: "a", Kind: YesNo}},
		{{Name: "a", Kind: Category, Values: []string{"x", "x"}}}, {{Name: "a", Kind: Category, Values: []string{"\x1b[31m"}}},
		{{Name: "a", Kind: Category, Values: strings.Fields(strings.Repeat("v ", 65))}},
	} {
		if _, err := NewPersons(borough, needs); err == nil {
			t.Errorf("needs %+v were taken", needs)
		}
	}
	// Markup and formulas are names like any other here; the page and the
	// tables make them harmless.
	if _, err := NewPersons([]string{"<b>&", "=cmd|' /C calc'!A0"}, nil); err != nil {
		t.Error(err)
	}
}

func TestPersonsRefused(t *testing.T) {
	p := newPersons(t, borough, boroughNeeds)
	for _, c := range []struct {
		in      uint64
		carries []Carry
	}{
		{0, nil}, {1 << 4, nil}, {1, []Carry{{1, 0, 0}}}, {1, []Carry{{0, 3, 0}}}, {1, []Carry{{0, 0, 1}}},
		{1, []Carry{{0, 1, 3}}}, {1, []Carry{{-1, 0, 0}}}, {1, []Carry{{0, -1, 0}}}, {1, []Carry{{4, 0, 0}}},
	} {
		if err := p.Add(c.in, c.carries); err == nil {
			t.Errorf("a person in %b carrying %v was taken", c.in, c.carries)
		}
	}
	if err := new(Persons).Add(1, nil); err == nil {
		t.Error("persons not made by NewPersons were filled")
	}
	if _, err := Protect(nil, preset(t, "hes"), Options{}); err == nil {
		t.Error("no counts were protected")
	}
}

// Whatever the persons, a shown figure is the rounded count, a figure that the
// rule hides is hidden, and the order of combinations follows released values.
func TestProtectProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "parties")
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprint("p", i)
		}
		p, err := NewPersons(names, boroughNeeds)
		if err != nil {
			t.Fatal(err)
		}
		want := make(map[uint64]int)
		for range rapid.IntRange(0, 12).Draw(t, "kinds") {
			in := rapid.Uint64Range(1, 1<<n-1).Draw(t, "in")
			many := rapid.IntRange(1, 30).Draw(t, "many")
			var c []Carry
			if rapid.Bool().Draw(t, "frail") {
				c = append(c, Carry{bits.TrailingZeros64(in), 0, 0})
			}
			for range many {
				if err := p.Add(in, c); err != nil {
					t.Fatal(err)
				}
			}
			want[in] += many
		}
		rule := rapid.SampledFrom(Presets()).Draw(t, "rule")
		rel, err := Protect(Count(p), rule, Options{})
		if err != nil {
			t.Fatal(err)
		}
		check := func(what string, f Figure, exact int) {
			v, ok := f.Value()
			if rule.hides(exact) && ok {
				t.Fatalf("%s: %d is shown", what, exact)
			}
			if ok && v != rule.round(exact) {
				t.Fatalf("%s: %d is shown as %d", what, exact, v)
			}
		}
		last, lastIn := 1<<30, uint64(0)
		before := func(a, b uint64) bool {
			n, m := bits.OnesCount64(a), bits.OnesCount64(b)
			return n < m || n == m && a < b
		}
		for _, c := range rel.Combinations() {
			var in uint64
			for _, i := range c.Parties {
				in |= 1 << i
			}
			check("combination", c.Figure, want[in])
			v, ok := c.Figure.Value()
			if !ok {
				v = -1
			}
			// Equal ones, and hidden ones, stand in an order that has nothing to
			// do with counts.
			if v > last || v == last && !before(lastIn, in) {
				t.Fatal("combinations are out of order")
			}
			last, lastIn = v, in
		}
		if n <= latticeParties && len(rel.Combinations()) != 1<<n-1 {
			t.Fatalf("%d combinations of %d parties", len(rel.Combinations()), n)
		}
		for i := range n {
			exact := 0
			for in, many := range want {
				if in>>i&1 == 1 {
					exact += many
				}
			}
			check("party", rel.Party(i), exact)
		}
		again, err := Protect(Count(p), rule, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(rel.Rows(), again.Rows()) {
			t.Fatal("the same counts gave two releases")
		}
	})
}
