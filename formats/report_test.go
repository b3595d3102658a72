package formats

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cohortlink/linkage/cohort"
)

// sampleRelease is a made-up borough of n parties: a council, a CCG and
// practices, with needs. The same n gives the same release.
func sampleRelease(t testing.TB, n int, names func(i int) string) *cohort.Release {
	t.Helper()
	parties := make([]string, n)
	for i := range parties {
		parties[i] = names(i)
	}
	// The audit of fifteen parties takes seconds: once is enough.
	key := strings.Join(parties, "\x00")
	if rel := sampleReleases[key]; rel != nil {
		return rel
	}
	p, err := cohort.NewPersons(parties, []cohort.Need{
		{Name: "frailty", Kind: cohort.YesNo, By: 1<<n - 1},
		{Name: "housing_need", Kind: cohort.YesNo, By: 1},
		{Name: "age_band", Kind: cohort.Category, Values: []string{"0-17", "18-64", "65+"}, By: 1<<n - 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(7, uint64(n)))
	for range 20000 {
		var in uint64
		if rnd.IntN(100) < 78 {
			in |= 1
		}
		if n > 1 && rnd.IntN(100) < 92 {
			in |= 2
		}
		if n > 2 && rnd.IntN(100) < 97 {
			in |= 1 << (2 + min(rnd.IntN(n-2), rnd.IntN(n-2)))
		}
		if n > 3 && rnd.IntN(900) == 0 {
			in |= 1 << (2 + rnd.IntN(n-2))
		}
		if in == 0 {
			in = 1
		}
		by := bits.TrailingZeros64(in)
		age := rnd.IntN(3)
		carries := []cohort.Carry{{Party: by, Need: 2, Value: age}}
		if rnd.IntN(100) < 4+10*age {
			carries = append(carries, cohort.Carry{Party: by, Need: 0})
		}
		if rnd.IntN(100) < 6 && in&1 == 1 {
			carries = append(carries, cohort.Carry{Party: 0, Need: 1})
		}
		if err := p.Add(in, carries); err != nil {
			t.Fatal(err)
		}
	}
	rule, err := cohort.Preset("hes")
	if err != nil {
		t.Fatal(err)
	}
	rel, err := cohort.Protect(cohort.Count(p), rule, cohort.Options{Precision: 0.99, Recall: 0.95, Questions: []cohort.Question{
		{Name: "Frail & known to <two> or more", Where: "parties>=2 and frailty", By: "parties"},
		{Where: "parties=1", By: "age_band"}, {Where: "not frailty", By: "needs"}, {Name: "Nobody", Where: "parties>9"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	sampleReleases[key] = rel
	return rel
}

var sampleReleases = make(map[string]*cohort.Release)

func plainNames(i int) string {
	switch i {
	case 0:
		return "council"
	case 1:
		return "ccg"
	}
	return fmt.Sprintf("gp-z%05d", 81000+i)
}

func sampleAbout(n int) ReportAbout {
	a := ReportAbout{
		Title: "Who shares whom: frailty and housing", Project: "invented-frailty", Program: "cohortlink 0.1",
		Made: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Contact: "linkage.unit@example.org", Invented: true,
		Purpose:  "For planning joint visits of social care and general practice.",
		Linkage:  []ReportFact{{"Threshold", "0.81, chosen from the scores alone"}, {"Comparison", "every record with every other, exactly"}},
		Quality:  []ReportFact{{"Precision", "0.997 (estimated from the scores)"}, {"Recall", "0.981 (estimated from the scores)"}},
		Missing:  []string{"People who opted out of sharing.", "Rows without a usable name and date of birth."},
		Cautions: []string{"Practices differ in how they record frailty."},
	}
	for i := range n {
		a.Parties = append(a.Parties, ReportParty{AsOf: fmt.Sprintf("%d October 2026", i+1)})
	}
	a.Parties[0].Label = "Borough council, adult social care"
	return a
}

func writeReport(t testing.TB, rel *cohort.Release, about ReportAbout) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteReport(&b, rel, about); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// COHORTLINK_REPORT_OUT=DIR keeps the pages of this test, to be looked at.
func TestReport(t *testing.T) {
	for _, n := range []int{1, 2, 5, 7, 15} {
		rel := sampleRelease(t, n, plainNames)
		page := writeReport(t, rel, sampleAbout(n))
		if dir := os.Getenv("COHORTLINK_REPORT_OUT"); dir != "" {
			if err := os.WriteFile(fmt.Sprintf("%s/report-%d.html", dir, n), []byte(page), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if len(page) >= 500_000 {
			t.Errorf("%d parties: the page has %d bytes, want under 500,000", n, len(page))
		}
		// Nothing from the network, and nothing that a script would have to fetch.
		if m := regexp.MustCompile(`(?i)(src|href|action|data|poster|srcset)\s*=\s*"[^#"][^"]*"|@import|url\(|<(link|img|iframe|object|embed|base|form)\b|https?:`).FindString(page); m != "" {
			t.Errorf("%d parties: the page refers to something else: %q", n, m)
		}
		// Under the policy neither style attributes nor event attributes work.
		if m := regexp.MustCompile(`(?i)<[^>]*\s(style|on[a-z]+)\s*=`).FindString(page); m != "" {
			t.Errorf("%d parties: an inline attribute that the policy refuses: %q", n, m)
		}
		if again := writeReport(t, rel, sampleAbout(n)); again != page {
			t.Errorf("%d parties: two pages of one release differ", n)
		}
		// Every id that is pointed at is there, once.
		refs := regexp.MustCompile(`(?:href="#|aria-labelledby=")([a-z -]+)"`).FindAllStringSubmatch(page, -1)
		if len(refs) < 8 {
			t.Fatalf("%d parties: found %d references to check", n, len(refs))
		}
		for _, m := range refs {
			for _, id := range strings.Fields(m[1]) {
				if strings.Count(page, `id="`+id+`"`) != 1 {
					t.Errorf("%d parties: id %q is not there once", n, id)
				}
			}
		}
	}
}

// Every answer is on the page, with its rows, as it was released.
func TestReportAnswers(t *testing.T) {
	rel := sampleRelease(t, 5, plainNames)
	about := sampleAbout(5)
	about.Release = "This is release 7."
	page := writeReport(t, rel, about)
	for _, want := range []string{
		`<h3>Frail &amp; known to &lt;two&gt; or more</h3>`, `<q>parties&gt;=2 and frailty</q>`, `<h3>People known to exactly 1 party</h3>`, `<q>parties=1</q>`,
		`<caption>The same people by age band</caption>`, `<th scope="row">Borough council, adult social care</th>`,
		`<th scope="row">age band: 65&#43;</th>`, `<th scope="row">65&#43;</th>`, `<li>This is release 7.</li>`, `<strong>0</strong> people`,
		"Frail &amp; known to &lt;two&gt; or more: about " + rel.Answers()[0].All.Text() + " people",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	likely := rel.Answers()[0].All.LikelyText()
	if likely == "" || !strings.Contains(page, "people (probably "+likely+")") {
		t.Errorf("the page does not say that the answer is probably %q", likely)
	}
	if n := len(rel.Answers()[0].By); n != 5 {
		t.Fatalf("%d rows by party", n)
	}
}

// What would change at a stricter threshold stands beside what was linked, under the same marks.
func TestReportStricter(t *testing.T) {
	rel, about := sampleRelease(t, 4, plainNames), sampleAbout(4)
	if strings.Contains(writeReport(t, rel, about), "stricter") {
		t.Error("a page without such figures speaks of a stricter threshold")
	}
	p, err := cohort.NewPersons(rel.Parties(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for in := uint64(1); in < 16; in++ {
		for range 3 + 40*in {
			if err := p.Add(in, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	strict, err := cohort.Protect(cohort.Count(p), rel.Rule(), cohort.Options{Coarse: true, Questions: []cohort.Question{{Where: "parties=1"}}})
	if err != nil {
		t.Fatal(err)
	}
	about.Stricter = &ReportStricter{Says: "Links need a score of 0.9.", Release: strict}
	page := writeReport(t, rel, about)
	for _, want := range []string{"Links need a score of 0.9.", `data-n="` + strings.ReplaceAll(strict.Total().Text(), ",", "") + `">` + strict.Total().Text()} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	about.Stricter.Release = sampleRelease(t, 3, plainNames)
	var b bytes.Buffer
	if err := WriteReport(&b, rel, about); err == nil {
		t.Error("a release of other parties was set beside")
	}
}

// The policy must name the very bytes between the tags, or a browser drops them.
func TestReportPolicy(t *testing.T) {
	page := writeReport(t, sampleRelease(t, 3, plainNames), sampleAbout(3))
	for _, tag := range []string{"style", "script"} {
		_, rest, ok := strings.Cut(page, "<"+tag+">")
		text, _, ok2 := strings.Cut(rest, "</"+tag+">")
		if !ok || !ok2 {
			t.Fatalf("no %s in the page", tag)
		}
		hash := strings.ReplaceAll(policyHash(text), "'", "&#39;")
		hash = strings.ReplaceAll(hash, "+", "&#43;")
		if !strings.Contains(page, tag+"-src "+hash) {
			t.Errorf("the policy does not name the %s of the page by %s", tag, hash)
		}
	}
}

// Names are shown as text, whatever they hold.
func TestReportHarmlessNames(t *testing.T) {
	evil := []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `=cmd|' /C calc'!A0`, `+1+1`, `@SUM(A1)`, `-2`, `'quoted`, "a,b;c|d"}
	rel := sampleRelease(t, len(evil), func(i int) string { return evil[i] })
	about := sampleAbout(len(evil))
	about.Title = `</title><script>alert(2)</script>`
	about.Contact = `<a href="javascript:alert(3)">x</a>`
	page := writeReport(t, rel, about)
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts in the page, want 1", n)
	}
	for _, bad := range []string{"<img", `href="javascript`, "</title><script"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q got into the page as markup", bad)
		}
	}
	var b bytes.Buffer
	if err := WriteCounts(&b, rel); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range lines {
		for _, cell := range line {
			if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
				t.Errorf("line %d of the counts has a cell like a formula: %q", i+1, cell)
			}
		}
	}
	if !slices.ContainsFunc(lines, func(l []string) bool { return l[1] == "'"+evil[2] }) {
		t.Error("the party with a formula for a name is not in the counts")
	}
}

// counts.csv and counts.json say what the release says, figure by figure, and
// the page has each of them.
func TestCountsAgree(t *testing.T) {
	for _, n := range []int{1, 4, 15} {
		rel := sampleRelease(t, n, plainNames)
		rows := rel.Rows()
		var b, j bytes.Buffer
		if err := WriteCounts(&b, rel); err != nil {
			t.Fatal(err)
		}
		if err := WriteCountsJSON(&j, rel); err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var doc countsJSON
		if err := json.Unmarshal(j.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if len(lines) != len(rows)+1 || len(doc.Figures) != len(rows) || len(rows) < 5 {
			t.Fatalf("%d figures, %d lines, %d objects", len(rows), len(lines), len(doc.Figures))
		}
		if !slices.Equal(lines[0], countsColumns) {
			t.Errorf("header %q", lines[0])
		}
		seen := make(map[string]bool)
		for i, row := range rows {
			line, obj := lines[i+1], doc.Figures[i]
			key := strings.Join(line[:7], "\x00") + line[9]
			if seen[key] {
				t.Errorf("line %d is there twice", i+2)
			}
			seen[key] = true
			if line[0] != row.Table || obj.Table != row.Table || line[8] != obj.Mark || line[9] != row.Where || obj.Where != row.Where {
				t.Errorf("line %d: csv, json and release differ", i+2)
			}
			v, ok := row.Figure.Value()
			want := cohort.Mark
			if ok {
				want = fmt.Sprint(v)
			}
			if line[7] != want || (obj.Count != nil) != ok || ok && *obj.Count != v {
				t.Errorf("line %d: the count differs", i+2)
			}
			low, high, ok := row.Figure.Likely()
			if (line[10] != "") != ok || ok && (line[10] != fmt.Sprint(low) || line[11] != fmt.Sprint(high) || !slices.Equal(obj.Likely, []int{low, high})) {
				t.Errorf("line %d: the range differs", i+2)
			}
			if (line[8] == markHidden) != row.Figure.Hidden() {
				t.Errorf("line %d: the mark differs", i+2)
			}
		}
	}
}

// A hidden figure has one size in the pictures, whatever it was.
func TestPicturesHideSizes(t *testing.T) {
	rel := sampleRelease(t, 7, plainNames)
	labels := rel.Parties()
	u := drawUpSet(rel, labels)
	stubs := 0
	for _, c := range u.Columns {
		if c.Hidden {
			stubs++
			if c.BarH != upsetStub {
				t.Errorf("a hidden combination is %d high", c.BarH)
			}
		} else if stubs > 0 {
			t.Error("a shown combination stands after a hidden one")
		}
	}
	if stubs == 0 || len(u.Columns) == stubs {
		t.Fatalf("%d stubs in %d columns: nothing to test", stubs, len(u.Columns))
	}
}

func TestReportRefuses(t *testing.T) {
	var b bytes.Buffer
	if err := WriteReport(&b, nil, ReportAbout{}); err == nil {
		t.Error("no release was reported on")
	}
	if err := WriteReport(&b, new(cohort.Release), ReportAbout{}); err == nil {
		t.Error("an empty release was reported on")
	}
	about := sampleAbout(3)
	if err := WriteReport(&b, sampleRelease(t, 4, plainNames), about); err == nil {
		t.Error("a description of other parties was taken")
	}
	if b.Len() != 0 {
		t.Error("something was written")
	}
	if err := WriteCounts(&b, sampleRelease(t, 2, func(i int) string { return strings.Repeat("a + ", i+1) })); err == nil {
		t.Error("a party named like two was taken")
	}
}
