package hashing

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"cohortlink/hashing/norm"

	"pgregory.net/rapid"
)

// homeSchema is a project that asks for households.
func homeSchema() Schema {
	s := Schema{Project: "borough", Fields: append(fiveFields(), Field{Name: "address", Kind: norm.Text}, Field{Name: "uprn", Kind: norm.UPRN})}
	persons := Plain(4096)[0]
	persons.Fields = []string{"forename", "surname", "birth_date", "sex", "postcode"}
	household := Plain(4096)[0]
	household.Name, household.Household, household.Fields = HouseholdFilter, true, []string{"surname", "postcode", "address"}
	s.Filters, s.HouseholdExact = []Filter{persons, household}, []string{"uprn"}
	return s
}

func homeHasher(t testing.TB, s Schema) *Worker {
	t.Helper()
	key, err := NewKey(s.Project, bytes.NewReader(bytes.Repeat([]byte{7}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHasher(s, key, make([]norm.Options, len(s.Fields)))
	if err != nil {
		t.Fatal(err)
	}
	return h.Worker()
}

// homeOf is the household's filter and key of a record.
func homeOf(t testing.TB, w *Worker, surname, postcode, address, uprn string) ([]uint64, ExactKey, Outcome) {
	t.Helper()
	dst := make([]uint64, 2*4096/64)
	o := w.Hash([]string{"Ann", surname, "01/02/1980", "F", postcode, address, uprn}, dst)
	return slices.Clone(dst[4096/64:]), o.Exact[0], o
}

func diceOf(a, b []uint64) float64 {
	var common, ones int
	for i := range a {
		common += bits.OnesCount64(a[i] & b[i])
		ones += bits.OnesCount64(a[i]) + bits.OnesCount64(b[i])
	}
	return 2 * float64(common) / float64(ones)
}

// The filter tells one home from next door by what the table of kinds says: less by a slip than by
// another surname or number. In a filter that is half full, two that share l of
// their tokens have a Dice coefficient of 2·0.5^(2-l) (linkage, homeScore): .871 for l = .8.
func TestHouseholdFilterTellsHomes(t *testing.T) {
	w := homeHasher(t, homeSchema())
	home, key, _ := homeOf(t, w, "Sturgess", "OB4 1AE", "Flat 5, 149 West Court", "990000000017")
	const between = 0.871
	for name, c := range map[string]struct {
		surname, postcode, address string
		same                       bool
	}{
		"the same":            {"STURGESS", "ob41ae", "FLAT 5 149 WEST COURT", true},
		"a slip in the name":  {"Sturgeas", "OB4 1AE", "Flat 5, 149 West Court", true},
		"COURT as CT":         {"Sturgess", "OB4 1AE", "Flat 5, 149 West Ct", true},
		"flat left out":       {"Sturgess", "OB4 1AE", "149 West Court", true},
		"a slip in the code":  {"Sturgess", "OB4 1AF", "Flat 5, 149 West Court", true},
		"another surname":     {"Okonkwo", "OB4 1AE", "Flat 5, 149 West Court", false},
		"next flat":           {"Okonkwo", "OB4 1AE", "Flat 6, 149 West Court", false},
		"next door":           {"Okonkwo", "OB4 1AE", "151 West Court", false},
		"next door, a cousin": {"Sturgess", "OB4 1AE", "153 West Court", false},
	} {
		other, _, _ := homeOf(t, w, c.surname, c.postcode, c.address, "")
		if dice := diceOf(home, other); (dice > between) != c.same {
			t.Errorf("%s: the filters score %.3f, and %.3f lies between one home and two", name, dice, between)
		}
	}
	if _, other, _ := homeOf(t, w, "Okonkwo", "OB4 1AE", "", "990 000 000 017"); other != key || key == (ExactKey{}) {
		t.Error("one property has two keys")
	}
	if _, other, _ := homeOf(t, w, "Sturgess", "OB4 1AE", "", ""); other != (ExactKey{}) {
		t.Error("a record without a property has a key")
	}
}

// What is asked of households changes nothing of persons, and is in the fingerprint.
func TestHouseholdsLeavePersonsAsTheyAre(t *testing.T) {
	with, without := homeSchema(), homeSchema()
	without.Fields, without.Filters, without.HouseholdExact = without.Fields[:5], without.Filters[:1], nil
	a, b := homeHasher(t, with), homeHasher(t, without)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[A-Za-z0-9 ]{0,20}`)
		values := []string{text.Draw(t, "forename"), text.Draw(t, "surname"), "1980-02-01", "F", "OB4 1AE", text.Draw(t, "address"), "990000000017"}
		x, y := make([]uint64, 2*4096/64), make([]uint64, 4096/64)
		o, p := a.Hash(values, x), b.Hash(values[:5], y)
		if !slices.Equal(x[:4096/64], y) || o.Unusable != p.Unusable {
			t.Fatal("the filter of the person is another one with households")
		}
	})
	prints := map[string]string{without.Fingerprint(): "no households"}
	for name, change := range map[string]func(*Schema){
		"all":           func(*Schema) {},
		"no key":        func(s *Schema) { s.HouseholdExact, s.Fields = nil, s.Fields[:6] },
		"no surname":    func(s *Schema) { s.Filters[1].Fields = s.Filters[1].Fields[1:] },
		"as of persons": func(s *Schema) { s.Filters[1].Household, s.Filters[1].Name = false, "place" },
	} {
		s := homeSchema()
		change(&s)
		if err := s.Check(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if other, ok := prints[s.Fingerprint()]; ok {
			t.Errorf("%s and %s have one fingerprint", name, other)
		}
		prints[s.Fingerprint()] = name
	}
}

// A record that tells where somebody lives and not who it is, is of no use.
func TestHomeAloneIsUnusable(t *testing.T) {
	w := homeHasher(t, homeSchema())
	dst := make([]uint64, 2*4096/64)
	o := w.Hash([]string{"", "Sturgess", "", "", "", "149 West Court", "990000000017"}, dst)
	if !o.Unusable || o.Exact[0] != (ExactKey{}) || slices.ContainsFunc(dst, func(x uint64) bool { return x != 0 }) {
		t.Error("something was made of a record without a name, a date and a postcode")
	}
	if filter, _, o := homeOf(t, w, "Sturgess", "OB4 1AE", "", ""); o.Unusable || slices.ContainsFunc(filter, func(x uint64) bool { return x != 0 }) {
		t.Error("a surname and a postcode alone have a household's filter")
	}
}

func TestAddressTokens(t *testing.T) {
	cut := func(address string) []string {
		var list tokenList
		addressTokens(&list, address)
		var out []string
		from := 0
		for _, to := range list.ends {
			out = append(out, string(list.text[from:to]))
			from = to
		}
		return out
	}
	got := cut("14B MILL LN")
	want := []string{}
	for i := range numberTokens {
		want = append(want, "#"+string(rune('a'+i))+"14B")
	}
	want = append(want, " M", "MI", "IL", "LL", "L ", " L", "LN", "N ")
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if cut("") != nil {
		t.Error("an empty address has tokens")
	}
}

func TestHouseholdCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Schema)
		want   string
	}{
		"good":            {func(*Schema) {}, ""},
		"keys alone":      {func(s *Schema) { s.Filters, s.Fields = s.Filters[:1], slices.Delete(s.Fields, 5, 6) }, ""},
		"name taken":      {func(s *Schema) { s.Filters[1].Household = false }, "the name is kept"},
		"other name":      {func(s *Schema) { s.Filters[1].Name = "home" }, `its name is "household"`},
		"two":             {func(s *Schema) { s.Filters = append(s.Filters, s.Filters[1]) }, "one filter of its household"},
		"a date":          {func(s *Schema) { s.Filters[1].Fields = append(s.Filters[1].Fields, "birth_date") }, `"birth_date" is of kind date`},
		"a key of a name": {func(s *Schema) { s.HouseholdExact = []string{"surname"} }, "only a uprn"},
		"no such field":   {func(s *Schema) { s.HouseholdExact = []string{"house"} }, `"house" is not a field`},
		"two keys": {func(s *Schema) {
			s.Fields = append(s.Fields, Field{Name: "parent", Kind: norm.UPRN})
			s.HouseholdExact = append(s.HouseholdExact, "parent")
		}, "both of kind uprn"},
	} {
		s := homeSchema()
		c.change(&s)
		switch err := s.Check(); {
		case err == nil && c.want != "", err != nil && (c.want == "" || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
