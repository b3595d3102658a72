package formats

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// sampleExplanation is a linkage with all that the page can show. names are of parties,
// filters and the project.
func sampleExplanation(weighed bool, name func(string) string) ExplainPage {
	x := Explanation{Project: name("borough"), Parties: 2, Records: 40_000, Persons: 18_000, Threshold: 0.82, Chosen: "given by the analyst", Floor: 0.69, ExplainedReview: &ExplainedReview{BrokenAll: 25},
		Stages: []ExplainedStage{{"threshold", "linked: the score reaches the threshold", 31_948}, {"score", "refused: the score does not", 366_840}}}
	for k := range 31 {
		from := 0.69 + 0.01*float64(k)
		s := ExplainedScores{From: from, To: from + 0.01}
		if k >= 13 {
			s.Linked = 30 * k
		} else {
			s.Refused = 200_000 >> k
		}
		if k == 30 {
			s.Linked = 16_692
		}
		x.Scores = append(x.Scores, s)
	}
	number := func(f float64) *float64 { return &f }
	end := func(i int, party string) ExplainedEnd {
		return ExplainedEnd{Record: RecordID{15: byte(i)}.String(), Party: name(party), Person: PersonID{15: byte(i)}.String()}
	}
	for i := range 4 {
		p := ExplainedPair{A: end(i, "council"), B: end(i+100, "gp-k81001"), Linked: true, Ground: "threshold", Why: "They score 0.830, and the threshold is 0.820.", Score: number(0.83), Room: number(0.01),
			RunnersUp: []ExplainedRival{{Of: end(i, "council").Record, Party: name("gp-k81001"), Record: end(i+200, "").Record, Score: 0.75, Margin: 0.08}, {Of: end(i+100, "").Record, Party: name("council"), Score: 0.69, Margin: 0.14}}}
		if weighed {
			p.Weight, p.Probability = number(3.5), number(0.92)
			p.Filters = []ExplainedFilter{{name("all"), number(0.83)}, {name("names"), nil}}
			p.Exact = []ExplainedExactKey{{name("nhs_number"), "agree"}}
		}
		x.LeastCertain = append(x.LeastCertain, p)
		p.Linked, p.Room, p.RunnersUp = false, number(-0.02), nil
		x.Closest = append(x.Closest, p)
	}
	if weighed {
		x.Evidence = &ExplainedEvidence{Weight: 2, Probability: 0.8}
	}
	x.Broken = []ExplainedRule{
		{Rule: "same party", Says: "Alike enough to be one person, but " + name("council") + " would have two records in it.", Party: name("council"), Count: 2, Average: number(0.9), A: end(7, "").Record, B: end(8, "").Record, Score: 0.9},
		{Rule: "too large", Says: "Records so alike.", Count: 300, A: end(9, "").Record, B: end(10, "").Record, Score: 0.85},
	}
	return ExplainPage{Explanation: x, Program: "cohortlink 0.1"}
}

func writeExplain(t *testing.T, p ExplainPage) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteExplainPage(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// COHORTLINK_REPORT_OUT=DIR keeps the pages of this test, to be looked at.
func TestExplainPage(t *testing.T) {
	hostile := func(s string) string { return s + `"><script>x</script>&` }
	empty := ExplainPage{Explanation: Explanation{Project: "p", Parties: 1, ExplainedReview: &ExplainedReview{}}}
	for name, page := range map[string]ExplainPage{"one": sampleExplanation(false, asIs), "weighed": sampleExplanation(true, asIs), "hostile": sampleExplanation(true, hostile), "empty": empty} {
		text := writeExplain(t, page)
		if dir := os.Getenv("COHORTLINK_REPORT_OUT"); dir != "" {
			if err := os.WriteFile(fmt.Sprintf("%s/explain-%s.html", dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if m := regexp.MustCompile(`(?i)(src|href|action|data|poster|srcset)\s*=\s*"[^#"][^"]*"|@import|url\(|<(link|img|iframe|object|embed|base|form|script)\b|https?:`).FindString(text); m != "" {
			t.Errorf("%s: the page refers to something else: %q", name, m)
		}
		if m := regexp.MustCompile(`(?i)<[^>]*\s(style|on[a-z]+)\s*=`).FindString(text); m != "" {
			t.Errorf("%s: an inline attribute that the policy refuses: %q", name, m)
		}
		for _, m := range regexp.MustCompile(`(?:href="#|aria-labelledby=")([a-z0-9 -]+)"`).FindAllStringSubmatch(text, -1) {
			if strings.Count(text, `id="`+m[1]+`"`) != 1 {
				t.Errorf("%s: id %q is not there once", name, m[1])
			}
		}
		_, rest, _ := strings.Cut(text, "<style>")
		css, _, ok := strings.Cut(rest, "</style>")
		if !ok || !strings.Contains(html.UnescapeString(text), "style-src "+policyHash(css)) {
			t.Errorf("%s: the policy does not name the style of the page", name)
		}
		if strings.Contains(text, "NaN") || strings.Contains(text, "ZgotmplZ") {
			t.Errorf("%s: something could not be shown", name)
		}
		if !strings.Contains(text, "This page stays at the linkage unit.") {
			t.Errorf("%s: the page does not say where it stays", name)
		}
		if name == "empty" != !strings.Contains(text, "<svg") {
			t.Errorf("%s: a picture is there without scores, or is not with them", name)
		}
		for _, picture := range regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(text, -1) {
			for d := xml.NewDecoder(strings.NewReader(picture)); ; {
				if _, err := d.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Errorf("%s: a picture is not well formed: %v", name, err)
					break
				}
			}
		}
	}
	for _, want := range []string{"31,948", "match weight of 2.0", "nhs_number agree", "names –", `<td class="n">3.5</td>`, "The first 2 of 25."} {
		if text := html.UnescapeString(writeExplain(t, sampleExplanation(true, asIs))); !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if err := WriteExplainPage(io.Discard, ExplainPage{}); err == nil {
		t.Error("a page was written of nothing")
	}
}

// Bars stand on the foot, linked below and refused above, as long as what they count; only
// those that are cut off are not, and the threshold lies between two bars.
func TestExplainPicture(t *testing.T) {
	x := sampleExplanation(false, asIs)
	p := newExplainPicture(x.Scores, x.Threshold)
	top := 0
	for _, tick := range p.YTicks {
		n := 0
		fmt.Sscanf(strings.ReplaceAll(tick.Text, ",", ""), "%d", &n)
		top = max(top, n)
	}
	cut := 0
	for i, b := range p.Bars {
		s := x.Scores[i]
		if b.Y+b.High != p.Foot || b.OverY+b.OverHigh != b.Y {
			t.Errorf("bar %d does not stand on what is below it: %+v", i, b)
		}
		if b.Cut != (s.Linked+s.Refused > top) {
			t.Errorf("bar %d of %d is cut: %v, the scale ends at %d", i, s.Linked+s.Refused, b.Cut, top)
		}
		if b.Cut {
			cut++
			continue
		}
		if want := explainHigh * (s.Linked + s.Refused) / top; b.High+b.OverHigh < want-2 || b.High+b.OverHigh > want+2 {
			t.Errorf("bar %d is %d long, want %d", i, b.High+b.OverHigh, want)
		}
	}
	if cut == 0 || !p.Cut {
		t.Error("none of the long bars is cut off")
	}
	if p.ThresholdX != p.Bars[13].X {
		t.Errorf("the threshold stands at %d, where bar 13 begins at %d", p.ThresholdX, p.Bars[13].X)
	}
}

func TestNiceScale(t *testing.T) {
	for n := 1; n < 20_000; n = n*21/20 + 1 {
		top, step := niceScale(n)
		if top < n || top-n >= step || top%step != 0 || top/step > 5 {
			t.Errorf("for %d the scale is %d by %d", n, top, step)
		}
	}
}
