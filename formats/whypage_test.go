package formats

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"cohortlink/linkage/quality"
)

// sampleWhy is an evaluation of n parties. Records of group B are missed three
// times as often, and group C has four people. names are of parties, causes and groups.
func sampleWhy(t testing.TB, n int, name func(string) string) WhyFigures {
	t.Helper()
	rnd := rand.New(rand.NewPCG(3, uint64(n)))
	var r quality.Records
	f := quality.Facts{Causes: [][]string{}}
	for i := range n {
		f.Parties = append(f.Parties, name(plainNames(i)))
	}
	group := quality.Dimension{Name: name("ethnic_group")}
	var household []int
	var twin []bool
	for e := range 4000 {
		g, miss := "A", 0.04
		switch {
		case e < 4:
			g = "C"
		case e%8 == 0:
			g, miss = "B", 0.12
		}
		for range 2 {
			r.Entity, r.Party = append(r.Entity, e), append(r.Party, min(rnd.IntN(n), rnd.IntN(n)))
			group.Of = append(group.Of, name(g))
			household, twin = append(household, e/4), append(twin, e%80 < 2)
			person := e
			var causes []string
			switch {
			case rnd.Float64() < miss:
				person, causes = 10_000+len(r.Person), []string{name("moved")}
			case rnd.IntN(200) == 0:
				person = e ^ 1
			}
			r.Person, f.Causes = append(r.Person, person), append(f.Causes, causes)
		}
	}
	f.Groups = []quality.Dimension{group}
	f.Relations = quality.Kin(household, twin, nil, nil)
	b, err := quality.Why(r, f)
	if err != nil {
		t.Fatal(err)
	}
	points, err := quality.Sweep(r, []float64{0.9, 0.7, 0.8}, func(threshold float64) ([]int, error) {
		persons := make([]int, len(r.Person))
		for i := range persons {
			persons[i] = r.Person[i]
			if rnd.Float64() < 4*(threshold-0.7) {
				persons[i] = 50_000 + i
			}
		}
		return persons, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s := quality.Score(r)
	return WhyFigures{Scores: []WhyScores{{"all pairs", s}, {name("pairs that hold enough"), s}}, Breakdown: b, Sweep: points, Threshold: 0.78}
}

func asIs(s string) string { return s }

func sampleWhyAbout() WhyAbout {
	return WhyAbout{Project: "invented-frailty", Program: "cohortlink 0.1", Contact: "linkage.unit@example.org", Invented: true,
		Made: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Truth: "The truth is that of an invented borough.",
		Linkage: []ReportFact{{"Threshold", "0.78, chosen from the scores alone"}}}
}

func writeWhy(t testing.TB, f WhyFigures, about WhyAbout) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteWhyPage(&b, f, about); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// COHORTLINK_REPORT_OUT=DIR keeps the pages of this test, to be looked at.
func TestWhyPage(t *testing.T) {
	for _, n := range []int{1, 2, 15} {
		f := sampleWhy(t, n, asIs)
		page := writeWhy(t, f, sampleWhyAbout())
		if dir := os.Getenv("COHORTLINK_REPORT_OUT"); dir != "" {
			if err := os.WriteFile(fmt.Sprintf("%s/why-%d.html", dir, n), []byte(page), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if len(page) >= 300_000 {
			t.Errorf("%d parties: the page has %d bytes, want under 300,000", n, len(page))
		}
		if m := regexp.MustCompile(`(?i)(src|href|action|data|poster|srcset)\s*=\s*"[^#"][^"]*"|@import|url\(|<(link|img|iframe|object|embed|base|form)\b|https?:`).FindString(page); m != "" {
			t.Errorf("%d parties: the page refers to something else: %q", n, m)
		}
		if m := regexp.MustCompile(`(?i)<[^>]*\s(style|on[a-z]+)\s*=`).FindString(page); m != "" {
			t.Errorf("%d parties: an inline attribute that the policy refuses: %q", n, m)
		}
		if again := writeWhy(t, f, sampleWhyAbout()); again != page {
			t.Errorf("%d parties: two pages of one evaluation differ", n)
		}
		refs := regexp.MustCompile(`(?:href="#|aria-labelledby=")([a-z0-9 -]+)"`).FindAllStringSubmatch(page, -1)
		if len(refs) < 8 && n > 1 {
			t.Fatalf("%d parties: found %d references to check", n, len(refs))
		}
		for _, m := range refs {
			if strings.Count(page, `id="`+m[1]+`"`) != 1 {
				t.Errorf("%d parties: id %q is not there once", n, m[1])
			}
		}
		for _, tag := range []string{"style", "script"} {
			_, rest, ok := strings.Cut(page, "<"+tag+">")
			text, _, ok2 := strings.Cut(rest, "</"+tag+">")
			if !ok || !ok2 || !strings.Contains(html.UnescapeString(page), tag+"-src "+policyHash(text)) {
				t.Errorf("%d parties: the policy does not name the %s of the page", n, tag)
			}
		}
		if strings.Contains(page, "NaN") || strings.Contains(page, "ZgotmplZ") {
			t.Errorf("%d parties: something could not be shown", n)
		}
	}
}

// The page says in words what stands out, and what cannot be judged.
func TestWhyPageSays(t *testing.T) {
	f := sampleWhy(t, 15, asIs)
	page := html.UnescapeString(writeWhy(t, f, sampleWhyAbout()))
	g := f.Breakdown.Groups[0].RecallGap
	if g.Lowest != "B" || !g.Apart {
		t.Fatalf("nothing to say: %+v", g)
	}
	for _, want := range []string{
		fmt.Sprintf("Recall is lowest for “B” and highest for “A”, %.1f points apart, which is more than the luck of the draw.", 100*g.Gap),
		"Recall differs by ethnic group (“B”",
		"What missed pairs hold most often: moved (",
		"Of " + whyCount(f.Breakdown.All.Recall.Whole) + " pairs that are one person",
		`<tr class="few"><th scope="row">C</th>`,
		"too small to judge",
		"The people in these figures are invented.",
		"the best threshold would have been 0.7,",
		"The one that was used is 0.78.",
		"<th scope=\"row\">twins</th>",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say: %s", want)
		}
	}
	if strings.Contains(page, "Do not forward it") {
		t.Error("invented people are kept from readers")
	}
	about := sampleWhyAbout()
	about.Invented = false
	if page := writeWhy(t, f, about); !strings.Contains(page, "Do not forward it") {
		t.Error("exact counts of real people carry no warning")
	}
}

// Each rate of the breakdown is on the page beside its label.
func TestWhyPageAgrees(t *testing.T) {
	f := sampleWhy(t, 5, asIs)
	page := html.UnescapeString(writeWhy(t, f, sampleWhyAbout()))
	rows := 0
	check := func(label string, recall, precision quality.Share) {
		rows++
		at := regexp.MustCompile(`<th scope="row">` + regexp.QuoteMeta(label) + `</th><td class="n" data-n="(\d+)">([0-9,]+)</td><td class="n" data-n="(\d+)">([0-9,]+)</td>(.*)`).FindStringSubmatch(page)
		if at == nil {
			t.Errorf("%q has no row", label)
			return
		}
		if at[1] != fmt.Sprint(recall.Whole) || at[3] != fmt.Sprint(recall.Whole-recall.Part) || at[2] != whyCount(recall.Whole) {
			t.Errorf("%q: true and missed %v", label, at[1:5])
		}
		for _, s := range []quality.Share{recall, precision} {
			if s.Whole == 0 {
				continue
			}
			if want := fmt.Sprintf(">%s</td><td class=\"n\">%.1f to %.1f</td>", whyPercent(s.Rate), 100*s.Low, 100*s.High); !strings.Contains(at[5], want) {
				t.Errorf("%q: %s is not in its row", label, want)
			}
		}
	}
	for _, g := range f.Breakdown.Groups {
		for _, row := range g.Rows {
			check(row.Label, row.Recall, row.Precision)
		}
	}
	for _, c := range f.Breakdown.Causes {
		check(c.Label, c.Recall, c.Precision)
	}
	for _, p := range f.Breakdown.PartyPairs {
		check(p.Parties[0]+" + "+p.Parties[1], p.Recall, p.Precision)
	}
	if rows < 10 {
		t.Fatalf("%d rows: nothing to test", rows)
	}
}

// Marks lie on their scales, in order, and small groups cannot stretch those.
func TestWhyPictures(t *testing.T) {
	rows := []quality.Row{}
	for i, rate := range []float64{0.97, 0.5, 1, 0} {
		s := quality.Share{Part: int(1000 * rate), Whole: 1000, Rate: rate, Low: max(0, rate-0.02), High: min(1, rate+0.02), TooFew: i > 2}
		rows = append(rows, quality.Row{Label: fmt.Sprint(i), Recall: s, Precision: quality.Share{TooFew: true}})
	}
	scale := newWhyScale(rows[0], rows)
	if scale.recall != 0.4 || scale.precision != 0.9 {
		t.Errorf("scale %+v, want from 0.4 and 0.9", scale)
	}
	p := newWhyPlot("x", "x", scale, rows[0], rows)
	for _, panel := range p.Panels {
		if first := panel.Ticks[0]; first.At != panel.Left+whyLong || first.Text != "100 %" {
			t.Errorf("%s: first tick %+v", panel.Head, first)
		}
		for i, m := range panel.Marks {
			if !m.Drawn {
				continue
			}
			if m.X1 < panel.Left || m.X1 > m.X || m.X > m.X2 || m.X2 > panel.Left+whyLong {
				t.Errorf("%s: mark %d lies at %d, from %d to %d", panel.Head, i, m.X, m.X1, m.X2)
			}
		}
	}
	if m := p.Panels[0].Marks[3]; m.X != whyFirst || m.Text != "too small" {
		t.Errorf("a small group at 0: %+v", m)
	}
	if m := p.Panels[1].Marks[0]; m.Drawn || m.Text != "no pair" {
		t.Errorf("a rate of nothing: %+v", m)
	}
}

func TestWhyPageHarmlessNames(t *testing.T) {
	evil := func(s string) string { return s + `"><img src=x onerror=alert(1)></td></svg><script>alert(1)</script>` }
	about := sampleWhyAbout()
	about.Title, about.Truth, about.Contact = evil("</title>"), evil(""), evil("")
	page := writeWhy(t, sampleWhy(t, 3, evil), about)
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts in the page, want 1", n)
	}
	if strings.Contains(page, "<img") {
		t.Error("a name got into the page as markup")
	}
	// Pictures are well formed, whatever names hold.
	svgs := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1)
	if len(svgs) < 3 {
		t.Fatalf("%d pictures: nothing to test", len(svgs))
	}
	for _, svg := range svgs {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("a picture is not well formed: %v", err)
			}
		}
	}
}

func TestWhyPageRefuses(t *testing.T) {
	var b bytes.Buffer
	if err := WriteWhyPage(&b, WhyFigures{}, WhyAbout{}); err == nil || b.Len() > 0 {
		t.Error("a page of nothing was written")
	}
	// Nothing linked, nothing known: a page all the same.
	why, err := quality.Why(quality.Records{}, quality.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	f := WhyFigures{Scores: []WhyScores{{"all", quality.Scores{}}}, Breakdown: why, Sweep: make([]quality.Point, 2)}
	if page := writeWhy(t, f, WhyAbout{}); strings.Contains(page, "NaN") || !strings.Contains(page, "recall 0.0 %") {
		t.Error("a page of nothing linked")
	}
}

func TestWhyNumbers(t *testing.T) {
	for rate, want := range map[float64]string{0: "0.0 %", 1: "100.0 %", 0.99996: "over 99.9 %", 0.0001: "under 0.1 %", 0.9523: "95.2 %"} {
		if got := whyPercent(rate); got != want {
			t.Errorf("%v: %q, want %q", rate, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 123456: "123,456"} {
		if got := whyCount(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for _, c := range []struct {
		part, whole int
		want        string
	}{{0, 0, "–"}, {0, 9, "none"}, {9, 9, "all"}, {2, 10, "20.0 %"}, {1, 10, "1 in 10"}, {2, 4999, "1 in 2,500"}} {
		if got := whyOneIn(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}
