package formats

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cohortlink/linkage/cohort"
)

// noisySample is a release with noise of a made-up borough of n parties.
func noisySample(t testing.TB, n int, e cohort.Epsilon) *cohort.Release {
	t.Helper()
	var names []string
	for i := range n {
		names = append(names, plainNames(i))
	}
	p, err := cohort.NewPersons(names, []cohort.Need{{Name: "frailty", Kind: cohort.YesNo}, {Name: "age_band", Kind: cohort.Category, Values: []string{"0-64", "65+"}}})
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(3, uint64(n)))
	for range 20000 {
		in := 1 + rnd.Uint64N(1<<n-1)&(rnd.Uint64N(1<<n-1)|3)
		by := 0
		for in>>by&1 == 0 {
			by++
		}
		carries := []cohort.Carry{{Party: by, Need: 1, Value: rnd.IntN(2)}}
		if rnd.IntN(9) == 0 {
			carries = append(carries, cohort.Carry{Party: by, Need: 0})
		}
		if err := p.Add(in, carries); err != nil {
			t.Fatal(err)
		}
	}
	rule, err := cohort.Preset("hes")
	if err != nil {
		t.Fatal(err)
	}
	rel, err := cohort.Protect(cohort.Count(p), rule, cohort.Options{
		Noise:     &cohort.Noise{Epsilon: e, Random: rand.NewChaCha8([32]byte{byte(n)})},
		Questions: []cohort.Question{{Name: "Frail", Where: "frailty", By: "parties"}, {Where: "frailty and parties>=12"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

// With noise too, the CSV, the JSON and the page carry the same figures, marks and ranges.
// COHORTLINK_REPORT_OUT=DIR keeps the pages of this test, to be looked at.
func TestNoisyCountsAgree(t *testing.T) {
	for _, n := range []int{2, 6, 9, 15} {
		rel := noisySample(t, n, 2000)
		rows := rel.Rows()
		var b, j bytes.Buffer
		if err := WriteCounts(&b, rel); err != nil {
			t.Fatal(err)
		}
		if err := WriteCountsJSON(&j, rel); err != nil {
			t.Fatal(err)
		}
		page := writeReport(t, rel, sampleAbout(n))
		if dir := os.Getenv("COHORTLINK_REPORT_OUT"); dir != "" {
			if err := os.WriteFile(fmt.Sprintf("%s/noise-%d.html", dir, n), []byte(page), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		lines, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var doc countsJSON
		if err := json.Unmarshal(j.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		if len(lines) != len(rows)+1 || len(doc.Figures) != len(rows) || len(rows) < 10 || !slices.Equal(lines[0], slices.Concat(countsColumns, noisyColumns)) {
			t.Fatalf("%d parties: %d figures, %d lines, %d objects, header %q", n, len(rows), len(lines), len(doc.Figures), lines[0])
		}
		if doc.Noise == nil || doc.Noise.Epsilon != "2" || doc.Noise.Cells+doc.Noise.Parts < 2 || !doc.MarkMayBeZero {
			t.Errorf("%d parties: noise is told as %+v", n, doc.Noise)
		}
		noisy := 0
		for i, row := range rows {
			line, obj := lines[i+1], doc.Figures[i]
			low, high, _ := row.Figure.Range()
			count, mark, value := cohort.Mark, markHidden, -1
			if v, ok := row.Figure.Value(); ok {
				count, mark, value = fmt.Sprint(v), markNoisy, v
				noisy++
			}
			if got, want := strings.Join(line[7:], "|"), fmt.Sprintf("%s|%s|%s|||%d|%d", count, mark, row.Where, low, high); got != want {
				t.Errorf("line %d ends %s, want %s", i+2, got, want)
			}
			if obj.Mark != mark || obj.Low == nil || *obj.Low != low || obj.High == nil || *obj.High != high || (obj.Count == nil) != (value < 0) || obj.Count != nil && *obj.Count != value {
				t.Errorf("object %d differs from the release: %+v", i, obj)
			}
			cell := fmt.Sprintf(`>%s<span class="r">%s</span></td>`, row.Figure.Text(), row.Figure.RangeText())
			if value < 0 {
				cell = fmt.Sprintf(`>*<span class="vh"> hidden</span><span class="r">%s</span></td>`, row.Figure.RangeText())
			}
			told := row.Figure.Text() + "</strong> people (range: " + row.Figure.RangeText()
			if value < 0 {
				told = "The number of people is hidden (*) (range: " + row.Figure.RangeText()
			}
			if !strings.Contains(page, cell) && !strings.Contains(page, told) && row.Table != "people" {
				t.Errorf("%d parties: the page does not have %v with %s", n, row, row.Figure.RangeText())
			}
		}
		if noisy < 5 {
			t.Fatalf("%d parties: %d figures with noise: nothing to test", n, noisy)
		}
	}
}

// What the page says of an attacker, of marks and of sums is true of noise, and what it
// says without noise is not said.
func TestNoisyReport(t *testing.T) {
	for _, n := range []int{2, 15} {
		page := writeReport(t, noisySample(t, n, 500), sampleAbout(n))
		for _, want := range []string{
			"Every count on this page was changed by a random amount", "epsilon is 0.5 for the release", "by a factor of 1.65 at most",
			"It is not claimed of this page as a whole", "It may stand for 0 too.",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%d parties: the page does not say %q", n, want)
			}
		}
		for _, not := range []string{"an attacker was played", "a small one could be worked out", "0 stays 0", "may be held back", "> not released<"} {
			if strings.Contains(page, not) {
				t.Errorf("%d parties: the page says %q", n, not)
			}
		}
		if n == 15 != strings.Contains(page, "These tables were not made") || n == 15 == strings.Contains(page, "parts add up to their whole") {
			t.Errorf("%d parties: the page says otherwise how noise was drawn", n)
		}
		if n == 15 != strings.Contains(page, "a person known to more than 4 counts in 4 of them") {
			t.Errorf("%d parties: the page says otherwise in how many parties a person is counted", n)
		}
		if n == 15 == strings.Contains(page, `id="combos-h"`) {
			t.Errorf("%d parties: a section of combinations, or none", n)
		}
		if strings.Contains(page, "differential") && !strings.Contains(page, "For the counts by themselves that is differential privacy") {
			t.Errorf("%d parties: more is claimed than holds", n)
		}
		if !regexp.MustCompile(`<path class="range" d="M\d+ \d+m0 11h\d+"/>`).MatchString(page) {
			t.Errorf("%d parties: bars do not show ranges", n)
		}
	}
	// Nothing of it is said, or drawn, without noise.
	page := writeReport(t, sampleRelease(t, 5, plainNames), sampleAbout(5))
	for _, not := range []string{"noise", `class="r"`, `class="range"`, "range:", "epsilon"} {
		if strings.Contains(page, not) {
			t.Errorf("a page without noise says %q", not)
		}
	}
	var b bytes.Buffer
	if err := WriteCountsJSON(&b, sampleRelease(t, 5, plainNames)); err != nil || strings.Contains(b.String(), "noise") || strings.Contains(b.String(), "low") {
		t.Errorf("counts without noise speak of it, %v", err)
	}
}

// A range lies within the picture and around the end of its bar.
func TestPicturesOfRanges(t *testing.T) {
	rel := noisySample(t, 6, 1000)
	u, s := drawUpSet(rel, rel.Parties()), drawSizes(rel)
	drawn := 0
	for _, c := range u.Columns {
		if c.Hidden != (c.RangeH == 0) {
			t.Errorf("hidden %t, and a range of %d", c.Hidden, c.RangeH)
		}
		if c.RangeH > 0 {
			drawn++
			if c.RangeY < upsetTop-1 || c.RangeY > c.BarY || c.RangeY+c.RangeH < c.BarY || c.RangeY+c.RangeH > u.BaseY+1 {
				t.Errorf("a bar from %d to %d with a range from %d of length %d", c.BarY, u.BaseY, c.RangeY, c.RangeH)
			}
		}
	}
	for _, r := range s.Rows {
		if r.RangeW > 0 {
			drawn++
			if end := barsLeft + r.W; r.RangeX > end || r.RangeX+r.RangeW < end || r.RangeX+r.RangeW > barsLeft+barsLong || r.RangeX < barsLeft {
				t.Errorf("a bar to %d with a range from %d of length %d", end, r.RangeX, r.RangeW)
			}
		}
	}
	if drawn < 10 {
		t.Fatalf("%d ranges: nothing to test", drawn)
	}
}
