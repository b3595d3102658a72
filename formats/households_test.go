package formats

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestLinksWithHouseholds(t *testing.T) {
	l := someLinks()
	l.Households = []HouseholdID{{7}, {}, {7}}
	b := linksBytes(t, l)
	lines := strings.Split(string(b), "\n")
	if lines[0] != "record_id,person_id,household_id" || !strings.HasSuffix(lines[2], ",") || !strings.Contains(lines[1], ",h") {
		t.Fatalf("got\n%s", b)
	}
	got, err := ParseLinks("l", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Households, l.Households) || got.Household(RecordID{5}) != (HouseholdID{}) || got.Household(RecordID{9}) != (HouseholdID{7}) {
		t.Errorf("got households %v", got.Households)
	}
	head, body := lines[0]+"\n", strings.Join(lines[1:], "\n")
	for text, want := range map[string]string{
		head + strings.Replace(body, ",h", ",p", 1):    "column household_id is not a household ID",
		head + strings.Replace(body, ",\n", "\n", 1):   "there is no column household_id",
		head + strings.Replace(body, ",\n", ",h\n", 1): "column household_id is not a household ID",
	} {
		if _, err := ParseLinks("l", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	l.Households = l.Households[:2]
	if err := WriteLinks(&bytes.Buffer{}, l); err == nil {
		t.Error("links with too few households were written")
	}
}

func TestHouseholdIDText(t *testing.T) {
	id := HouseholdID{0xaa, 0xbb}
	if got, err := ParseHouseholdID(id.String()); err != nil || got != id {
		t.Errorf("%q is read as %v, %v", id, got, err)
	}
	if got, err := ParseHouseholdID(""); err != nil || got != (HouseholdID{}) {
		t.Errorf("no household is read as %v, %v", got, err)
	}
	person := PersonID(id).String()
	for _, bad := range []string{"h", person, "H" + person[1:], "h" + person[1:26] + "b", "h" + person[1:] + "a"} {
		if _, err := ParseHouseholdID(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// homesFile is someFilters with a household's filter and exact key.
func homesFile() *FiltersFile {
	f := someFilters()
	m := &f.Manifest
	m.Filters = append(m.Filters, FilterLayout{Name: "household", Bits: 64, Encoding: "bloom/1", Similarity: "dice", Role: RoleHousehold})
	m.Exact, m.HouseholdExact = append(m.Exact, "household_uprn"), []string{"household_uprn"}
	f.Bits = append(f.Bits, make([]uint64, len(f.IDs)))
	f.Exact = append(f.Exact, make([]ExactKey, len(f.IDs)))
	for i := range f.IDs {
		f.Bits[len(f.Bits)-1][i], f.Exact[len(f.Exact)-1][i] = uint64(f.IDs[i][0]+1), ExactKey{f.IDs[i][0] + 1}
	}
	return f
}

func TestSplitHouseholds(t *testing.T) {
	plain := someFilters()
	if persons, homes := plain.SplitHouseholds(); persons != plain || homes != nil {
		t.Error("a file without households was split")
	}
	f, err := parseFilters(filtersBytes(t, homesFile()))
	if err != nil {
		t.Fatal(err)
	}
	persons, homes := f.SplitHouseholds()
	if !bytes.Equal(filtersBytes(t, persons), filtersBytes(t, plain)) {
		t.Error("what is left for persons is not the file without households")
	}
	if len(homes.Bits) != 1 || homes.Bits[0][1] != uint64(homes.IDs[1][0]+1) || len(homes.Exact) != 1 || homes.Exact[0][1] != (ExactKey{homes.IDs[1][0] + 1}) || !slices.Equal(homes.Manifest.Exact, []string{"household_uprn"}) || len(homes.Needs) != 0 {
		t.Errorf("the homes are %+v", homes.Manifest)
	}
	if len(f.Manifest.Filters) != len(plain.Manifest.Filters)+1 {
		t.Error("splitting changed the file")
	}
}

func TestHouseholdRoles(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*FiltersManifest)
		want   string
	}{
		"unknown":     {func(m *FiltersManifest) { m.Filters[0].Role = "street" }, "update cohortlink"},
		"alone":       {func(m *FiltersManifest) { m.Filters = m.Filters[len(m.Filters)-1:] }, "not the last of several"},
		"first":       {func(m *FiltersManifest) { slices.Reverse(m.Filters) }, "not the last of several"},
		"not a key":   {func(m *FiltersManifest) { m.HouseholdExact = []string{"other"} }, "not the last of the exact keys"},
		"keys before": {func(m *FiltersManifest) { slices.Reverse(m.Exact) }, "not the last of the exact keys"},
	} {
		m := homesFile().Manifest
		m.Filters, m.Exact = slices.Clone(m.Filters), slices.Clone(m.Exact)
		if name == "keys before" {
			m.Exact = append([]string{"another"}, m.Exact...)
		}
		c.change(&m)
		if err := m.check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestProjectHouseholds(t *testing.T) {
	const head = "version: 1\nproject: p\nparties: {a: {}}\n"
	const fields = "fields:\n  - {name: surname, kind: name}\n  - {name: address, kind: text, for: households}\n  - {name: uprn, kind: uprn, for: households}\n"
	p, err := ParseProject("p.yaml", []byte(head+fields+"households: {fields: [surname, address, uprn]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Households == nil || !slices.Equal(p.Households.Fields, []string{"surname", "address", "uprn"}) || p.Fields[1].For != FieldForHouseholds || p.Fields[0].For != "" {
		t.Errorf("got %+v", p.Households)
	}
	text, err := FormatProject(p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseProject("p.yaml", text)
	if err != nil || !slices.Equal(again.Households.Fields, p.Households.Fields) || again.Fields[2].For != FieldForHouseholds {
		t.Errorf("%v: written and read, it is\n%s", err, text)
	}
	for rest, want := range map[string]string{
		fields: `line 6: field "address" is for households, and the project has none`,
		fields + "households: {fields: [surname, address]}\n":                                                         `line 7: field "uprn" is for households, and households: fields: does not name it`,
		fields + "households: {fields: [surname, house]}\n":                                                           `line 8: fields names "house"`,
		fields + "households: {fields: []}\n":                                                                         "line 8: households are made of at least one field",
		fields + "households: {}\n":                                                                                   "fields",
		fields + "encoding: {exact: [uprn]}\nhouseholds: {fields: [surname, address, uprn]}\n":                        `line 8: field "uprn" is for households, and exact`,
		fields + "encoding: {filters: [{fields: [surname, uprn]}]}\nhouseholds: {fields: [surname, address, uprn]}\n": `field "uprn" is for households, and filter "record"`,
		fields + "encoding: {profile: clkhash, schema: s.json}\nhouseholds: {fields: [surname, address, uprn]}\n":     "line 9: a clkhash linkage schema makes one filter of a person",
		strings.Replace(fields, "households}", "house}", 1):                                                           "line 6: what a field is for is not known",
	} {
		if _, err := ParseProject("p.yaml", []byte(head+rest)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
