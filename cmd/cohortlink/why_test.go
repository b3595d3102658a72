package main

import (
	"testing"

	"cohortlink/formats"
	"cohortlink/linkage"
	"cohortlink/linkage/quality"
)

func TestPartyPairsAddUpByKind(t *testing.T) {
	share := func(part, whole int) quality.Share { return quality.Share{Part: part, Whole: whole} }
	pairs := []quality.PartyPair{
		{Parties: [2]string{"ccg", "council"}, Recall: share(8, 10), Precision: share(8, 8)},
		{Parties: [2]string{"council", "gp-1"}, Recall: share(10, 20), Precision: share(10, 40)},
		{Parties: [2]string{"gp-2", "council"}, Recall: share(10, 20), Precision: share(10, 10)},
		{Parties: [2]string{"gp-1", "gp-2"}, Recall: share(0, 0), Precision: share(0, 1)},
	}
	want := []quality.Row{
		{Label: "council and gp", Recall: quality.Share{Part: 20, Whole: 40, Rate: 0.5}, Precision: quality.Share{Part: 20, Whole: 50, Rate: 0.4}},
		{Label: "ccg and council", Recall: quality.Share{Part: 8, Whole: 10, Rate: 0.8, TooFew: true}, Precision: quality.Share{Part: 8, Whole: 8, Rate: 1, TooFew: true}},
		{Label: "gp and gp", Recall: quality.Share{TooFew: true}, Precision: quality.Share{Whole: 1, TooFew: true}},
	}
	got := byPartyKind(pairs)
	if len(got) != len(want) {
		t.Fatalf("%d kinds, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

// A record is complete by what would be hashed of it, not by which cells are filled.
func TestComplete(t *testing.T) {
	p := &formats.Project{Name: "p", Fields: []formats.ProjectField{
		{Name: "forename", Kind: "name"}, {Name: "surname", Kind: "name"}, {Name: "birth_date", Kind: "date"},
		{Name: "sex", Kind: "sex"}, {Name: "postcode", Kind: "postcode"}, {Name: "nhs_number", Kind: "nhs-number"},
	}}
	party := &formats.ProjectParty{Name: "gp", Dates: map[string]string{"": "DD/MM/YYYY"}, Columns: map[string][]string{"birth_date": {"day", "month", "year"}}}
	h, err := newHoldings("x.csv", []string{"forename", "surname", "day", "month", "year", "postcode", "nhs_number"}, p, party)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why      string
		row      []string
		complete bool
		number   string
	}{
		{"everything", []string{"Ada", "Quimby", "04", "07", "1951", "OB1 1AA", "999 000 0018"}, true, "9990000018"},
		{"no number", []string{"Ada", "Quimby", "04", "07", "1951", "OB1 1AA", ""}, true, ""},
		{"no postcode", []string{"Ada", "Quimby", "04", "07", "1951", "", "9990000018"}, true, "9990000018"},
		{"neither", []string{"Ada", "Quimby", "04", "07", "1951", "", ""}, false, ""},
		{"pseudo-postcode and a wrong check digit", []string{"Ada", "Quimby", "04", "07", "1951", "ZZ99 3VZ", "9990000019"}, false, ""},
		{"no forename", []string{"", "Quimby", "04", "07", "1951", "OB1 1AA", "9990000018"}, false, "9990000018"},
		{"placeholder for a forename", []string{"BABY", "Quimby", "04", "07", "1951", "OB1 1AA", "9990000018"}, false, "9990000018"},
		{"a date without its day", []string{"Ada", "Quimby", "", "07", "1951", "OB1 1AA", ""}, true, ""},
		{"no date", []string{"Ada", "Quimby", "", "", "", "OB1 1AA", ""}, false, ""},
		{"a default date", []string{"Ada", "Quimby", "01", "01", "1900", "OB1 1AA", ""}, false, ""},
	} {
		if complete, number := h.of(c.row); complete != c.complete || number != c.number {
			t.Errorf("%s: complete is %v, and the number is one: %v", c.why, complete, number != "")
		}
	}
}

// A sweep goes from the first hundredth above the floor to the last one at which a
// pair is left, and a row that was set aside is nobody's.
func TestSweepPoints(t *testing.T) {
	s := &sweep{
		first: []int{0, 2, 4}, clean: []bool{true, true}, floor: 0.955,
		pairs:  []linkage.Pair{{A: 0, B: 2, Score: 0.983}, {A: 1, B: 3, Score: 0.971}},
		entity: []int{1, 2, 1, 3, 2}, party: []int{0, 0, 1, 1, 1},
	}
	points, err := s.points(false)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		threshold          float64
		right, wrong, miss int
	}{{0.96, 1, 1, 1}, {0.97, 1, 1, 1}, {0.98, 1, 0, 1}}
	if len(points) != len(want) {
		t.Fatalf("%d points, want %d: %+v", len(points), len(want), points)
	}
	for i, w := range want {
		p := points[i]
		if p.Threshold != w.threshold || p.TruePositives != w.right || p.FalsePositives != w.wrong || p.FalseNegatives != w.miss {
			t.Errorf("point %d is %+v, want %+v", i, p, w)
		}
	}
}
