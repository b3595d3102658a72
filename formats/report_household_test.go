package formats

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"cohortlink/linkage/cohort"
)

// householdRelease counts persons and households of two parties whose names are meant to
// do harm.
func householdRelease(t *testing.T) *cohort.Release {
	t.Helper()
	p, err := cohort.NewPersons([]string{"=cmd()", "<b>ccg</b>"}, []cohort.Need{{Name: "<i>frail", Kind: cohort.YesNo}})
	if err != nil {
		t.Fatal(err)
	}
	carry := []cohort.Carry{{Party: 1}}
	for _, h := range []struct {
		n       int
		members []cohort.Member
	}{
		{100, []cohort.Member{{Parties: 1}, {Parties: 2, Carries: carry}}},
		{200, []cohort.Member{{Parties: 1}}},
		{300, []cohort.Member{{Parties: 2}}},
		{4, []cohort.Member{{Parties: 3, Carries: carry}, {Parties: 3}}},
	} {
		for range h.n {
			if err := p.AddHousehold(h.members); err != nil {
				t.Fatal(err)
			}
		}
	}
	rule, err := cohort.Preset("hes")
	if err != nil {
		t.Fatal(err)
	}
	rel, err := cohort.Protect(cohort.Count(p), rule, cohort.Options{Households: true, Questions: []cohort.Question{{Name: "<u>frail", Where: `"<i>frail" and "=cmd()"`}}})
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

// The page, the table and the JSON carry the same figures of households, and names as text.
func TestReportHouseholds(t *testing.T) {
	rel := householdRelease(t)
	page := writeReport(t, rel, ReportAbout{Project: "p"})
	for _, want := range []string{`<h2 id="homes-h">Households</h2>`, `<th scope="row">known to 2 parties or more</th>`, "&lt;u&gt;frail", "were held against each other", "About 605 households are known"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	for _, harm := range []string{"<b>ccg", "<i>frail", "<u>frail"} {
		if strings.Contains(page, harm) {
			t.Errorf("the page has %q as markup", harm)
		}
	}
	var table, doc bytes.Buffer
	if err := WriteCounts(&table, rel); err != nil {
		t.Fatal(err)
	}
	if err := WriteCountsJSON(&doc, rel); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&table).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		if strings.HasPrefix(l[0], "household") {
			got = append(got, strings.Join([]string{l[0], l[1], l[2], l[7], l[9]}, "|"))
		}
	}
	want := []string{"household|||605|", "household-party|'=cmd()||305|", "household-party|<b>ccg</b>||405|", "household-pair|'=cmd() + <b>ccg</b>||105|",
		"household-at-least||2|105|", "household-question|||105|" + `"<i>frail" and "=cmd()"`}
	if !slices.Equal(got, want) {
		t.Errorf("counts.csv has %q, want %q", got, want)
	}
	var counts struct {
		Figures []struct{ Table string }
	}
	if err := json.Unmarshal(doc.Bytes(), &counts); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range counts.Figures {
		if strings.HasPrefix(f.Table, "household") {
			n++
		}
	}
	if n != len(want) {
		t.Errorf("counts.json has %d figures of households, want %d", n, len(want))
	}
	if plain := writeReport(t, sampleRelease(t, 3, plainNames), sampleAbout(3)); strings.Contains(plain, "homes-h") {
		t.Error("a release without households has a section for them")
	}
}
