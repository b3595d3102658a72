package formats

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
)

func sampleAudit() AuditPage {
	counts, chance := make([]int, 40), make([]float64, 40)
	for i := range counts {
		counts[i], chance[i] = 40-2*awayFrom(i-20), float64(60-3*awayFrom(i-20))
	}
	return AuditPage{
		File: "gp.csv", Facts: []ReportFact{{"party", "gp-03"}, {"records", "2,000"}}, Made: time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC), Program: "cohortlink test",
		Grade: "warn", Verdict: "These filters withstood most of what was tried.", Means: "A pass means that these attacks failed.",
		Todo: []string{"choose a harder profile"}, Weak: []string{"a pilot"}, AtPartner: true, PassTo: 0.01, FailFrom: 0.05,
		Attacks: []AuditFilter{{"record", "bloom/1 fold:2", []AuditAttack{
			{Grade: "pass", GradeWord: "pass", Title: "Known people", Given: "details of half of the people", Known: "10", Overlap: "50 %", Share: "0.1 %", Range: "0.0 to 0.4", Plain: "98.7 %", Text: "recovered 0.1 %", Version: 3, Value: 0.001, High: 0.004, PlainValue: 0.987},
			{Grade: "warn", GradeWord: "warning", Title: "Likeness alone", Given: "details of all", Known: "-", Overlap: "100 %", Share: "2.5 %", Range: "1.0 to 4.0", Plain: "-", Text: "recovered 2.5 %", Version: 1, Value: 0.025, Low: 0.01, High: 0.04, PlainValue: -1},
			{Grade: "warn", GradeWord: "warning", Title: "Pieces of values", Given: "details", Known: "200", Overlap: "50 %", Share: "AUC 0.71", Range: "0.70 to 0.72", Plain: "AUC 0.99", Text: "tells", Value: 0.71, PlainValue: 0.99, Pieces: true},
			{Grade: "unknown", GradeWord: "unknown", Title: "Frequency", Given: "details", Known: "-", Overlap: "100 %", Share: "-", Range: "-", Plain: "-", Text: "too few", PlainValue: -1},
		}}},
		Alone:  []AuditFinding{{"pass", "pass", "skew of record", "about equally often"}},
		Places: []AuditPlaces{{Name: "record", Bits: 2048, Looked: "2,000", Counts: counts, ByChance: chance}},
		Unique: []AuditUnique{{"all fields together", "99.0 %", "99.9 %", "-"}, {"surname", "20.0 %", "40.0 %", "98.0 %"}}, Suspicion: "A filter fits one person alone in 2.0 % of cases.",
		Settings: []string{"well kept", "scanned"}, CostsMean: "To compare encodings by.",
		Costs: []AuditCost{{"plain", "bloom/1", "1,024", false, []float64{0.98, 0.95}}, {"standard (yours)", "bloom/1 fold:2", "2,048", true, []float64{0.9791, 0.9412}}},
	}
}

func awayFrom(x int) int { return max(x, -x) }

func writeAudit(t *testing.T, p AuditPage) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteAuditPage(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestAuditPageIsAlone: the page loads nothing, runs nothing, and its policy names the
// style that is in it.
func TestAuditPageIsAlone(t *testing.T) {
	page := writeAudit(t, sampleAudit())
	for _, bad := range []string{"<script", "http:", "https:", "src=", "@import", "url(", " style=", "onclick", "ZgotmplZ", "NaN"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	if style == nil || !strings.Contains(html.UnescapeString(page), policyHash(style[1])) {
		t.Error("the policy does not name the style of the page")
	}
	for _, want := range []string{
		"Audit of gp.csv", "9 March 2026", "These filters withstood most", "A pass means that these attacks failed", "choose a harder profile", "“a pilot”",
		"98.7 %", "0.0 to 0.4", "AUC 0.71", "version 3", "skew of record", "0.9791", "standard (yours)", "well kept", "gates are ours", "98.0 %", "fits one person alone",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if n := strings.Count(page, "<table>"); n != strings.Count(page, "<caption>") || n != 4 {
		t.Errorf("%d tables, and %d captions", n, strings.Count(page, "<caption>"))
	}
	if strings.Count(page, `role="img"`) != strings.Count(page, "<title id=") {
		t.Error("a picture has no title")
	}
}

// TestAuditPicture: what is recovered lies inside its interval, in the picture too, and
// what is no share of people is not in it.
func TestAuditPicture(t *testing.T) {
	p := newAuditPicture(0, sampleAudit().Attacks[0], 0.01, 0.05)
	if len(p.Rows) != 2 {
		t.Fatalf("%d rows, want the two with a share of people", len(p.Rows))
	}
	for _, r := range p.Rows {
		if !(r.X1 <= r.X && r.X <= r.X2) || r.X1 < auditLeft || r.X2 > auditLeft+auditLong {
			t.Errorf("%s: %d is not within %d to %d", r.Label, r.X, r.X1, r.X2)
		}
	}
	if !p.Rows[0].Plain || p.Rows[1].Plain {
		t.Error("plain filters are shown where they were not attacked, or not where they were")
	}
	if !(p.Rows[0].X < p.PassX && p.PassX < p.Rows[1].X && p.Rows[1].X < p.FailX && p.FailX < p.Rows[0].PlainX) {
		t.Errorf("gates at %d and %d do not part %d, %d and %d", p.PassX, p.FailX, p.Rows[0].X, p.Rows[1].X, p.Rows[0].PlainX)
	}
}

// TestAuditPageOfFiltersAlone: the unit's page speaks of no attacks, as there were none.
func TestAuditPageOfFiltersAlone(t *testing.T) {
	p := sampleAudit()
	p.AtPartner, p.Attacks, p.Unique, p.Costs, p.Settings = false, nil, nil, nil, nil
	page := writeAudit(t, p)
	if strings.Contains(page, "What attacks recovered") || !strings.Contains(page, "can be tried only where the extract is") || strings.Contains(page, "worth in links") {
		t.Error("the page speaks of what was not done")
	}
}

// TestAuditPageEscapes: names and reasons are text, whatever is in them.
func TestAuditPageEscapes(t *testing.T) {
	const evil = `</style></title><script>alert(1)</script>"'<img src=x onerror=y>`
	p := sampleAudit()
	p.File, p.Verdict, p.Todo, p.Weak = evil, evil, []string{evil}, []string{evil}
	p.Attacks[0].Name, p.Attacks[0].Encoding, p.Attacks[0].Attacks[0].Text, p.Places[0].Name, p.Costs[0].Name = evil, evil, evil, evil, evil
	p.Unique[0].Field, p.Suspicion = evil, evil
	page := writeAudit(t, p)
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") {
		t.Error("a text became part of the page")
	}
}

func TestAuditPageErrors(t *testing.T) {
	if err := WriteAuditPage(fullDisk{}, sampleAudit()); err == nil {
		t.Error("a failed write went unnoticed")
	}
	p := sampleAudit()
	p.Costs[0].F1 = nil
	if err := WriteAuditPage(new(bytes.Buffer), p); err == nil {
		t.Error("an encoding without figures was drawn")
	}
}
