package formats

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"cohortlink/linkage/quality"
)

// The page of an evaluation says for whom linkage works less well, and why. It
// is drawn in the manner of the report, one file that needs nothing else, but
// for other readers: those who answer for the linkage and hold the truth. So it
// shows exact counts, and says so on top unless the people are invented.
//
// A group of three with recall 0 looks like a scandal in a table and is none.
// Every rate therefore stands beside its interval, and what is too small to be
// judged is marked as that in words, in the picture and in the matrix.

// WhyAbout is what the page says besides figures: plain text, given by the caller.
type WhyAbout struct {
	Title    string    // may be empty
	Project  string    // the project's name; may be empty
	Made     time.Time // only the day is shown. The zero time shows none
	Program  string    // program and version
	Contact  string    // who to ask; may be empty
	Invented bool      // the people are invented: says so on top
	Within   bool      // pairs of one party count too, as in quality.Records
	Truth    string    // where the truth comes from, one sentence; may be empty
	Linkage  []ReportFact
}

// WhyScores are scores under a label. Several let figures be held side by side:
// all pairs, and those whose records hold enough to be found.
type WhyScores struct {
	Label  string
	Scores quality.Scores
}

// WhyFigures are the figures of the page.
type WhyFigures struct {
	Scores    []WhyScores // at least one; the first are those of the breakdown's pairs
	Breakdown *quality.Breakdown
	Sweep     []quality.Point // none leaves the section out
	Threshold float64         // the one that was used, to be marked in the sweep; 0 marks none
}

//go:embed whypage.html
var whyHTML string

//go:embed whypage.css
var whyCSS string

var whyTemplate = template.Must(template.New("why").Parse(pageHead + whyHTML))

// WriteWhyPage writes the page of an evaluation. It needs nothing else to be read.
func WriteWhyPage(w io.Writer, f WhyFigures, about WhyAbout) error {
	if f.Breakdown == nil || len(f.Scores) == 0 {
		return errors.New("evaluation page: there are no scores to show")
	}
	return writePage(w, "evaluation page", whyTemplate, newWhyPage(f, about))
}

// whyPage is what the template is filled with.
type whyPage struct {
	pageFrame
	About   WhyAbout
	Made    string
	Summary []string
	Scores  []whyScoreLine
	Groups  []whyTable
	Causes  *whyTable // nil when no causes are known
	Pairs   *whyPairs // nil with fewer than two parties
	Wrong   []whyWrongLine
	Sweep   *whySweep // nil without points
	TooFew  int
}

type whyScoreLine struct {
	Label, Recall, Precision, F1, Right, Missed, Wrong, Exact string
}

// whyTable is a picture and the rows behind it.
type whyTable struct {
	Plot whyPlot
	Says string
	Rows []whyRow
}

type whyRow struct {
	Label                string
	True, Missed         int
	TrueText, MissedText string
	Recall, Precision    whyRate
	Alone                *whyRate // of causes only
	Few                  bool
	Note                 string
}

type whyRate struct {
	Rate, Range string
	Sort        float64 // -1 of nothing
}

type whyPairs struct {
	Names  []string
	Matrix []matrixLine
	Rows   []whyRow
}

type whyWrongLine struct {
	Kind, Wrong, Share, Possible, Rate, Note string
	Few                                      bool
}

func newWhyPage(f WhyFigures, about WhyAbout) *whyPage {
	b := f.Breakdown
	p := &whyPage{
		pageFrame: newFrame(about.Title, reportCSS+whyCSS, reportJS), About: about,
		TooFew: quality.TooFew,
	}
	if p.Title == "" {
		p.Title = "How well records were linked, and whose were missed"
	}
	if !about.Made.IsZero() {
		p.Made = about.Made.Format("2 January 2006")
	}
	for _, s := range f.Scores {
		p.Scores = append(p.Scores, whyScoreLine{
			Label: s.Label, Recall: whyPercent(s.Scores.Recall), Precision: whyPercent(s.Scores.Precision), F1: whyPercent(s.Scores.F1),
			Right: whyCount(s.Scores.TruePositives), Missed: whyCount(s.Scores.FalseNegatives), Wrong: whyCount(s.Scores.FalsePositives),
			Exact: whyPercent(s.Scores.Exact.Recall),
		})
	}
	var rows []quality.Row
	for _, g := range b.Groups {
		rows = append(rows, g.Rows...)
	}
	scale := newWhyScale(b.All, rows)
	for i, g := range b.Groups {
		t := whyTable{Plot: newWhyPlot(fmt.Sprintf("bias-%d", i), readable(g.Name), scale, b.All, g.Rows), Says: whyGaps(g)}
		for _, row := range g.Rows {
			t.Rows = append(t.Rows, newWhyRow(row.Label, row.Recall, row.Precision))
		}
		p.Groups = append(p.Groups, t)
	}
	if len(b.Causes) > 0 {
		t := &whyTable{}
		rows = nil
		for _, c := range b.Causes {
			row := newWhyRow(c.Label, c.Recall, c.Precision)
			alone := newWhyRate(c.Alone)
			row.Alone = &alone
			t.Rows = append(t.Rows, row)
			rows = append(rows, c.Row)
		}
		t.Plot = newWhyPlot("causes-t", "cause", newWhyScale(b.All, rows), b.All, rows)
		p.Causes = t
	}
	p.Pairs = newWhyPairs(b)
	for _, k := range b.Wrong {
		line := whyWrongLine{Kind: k.Kind, Wrong: whyCount(k.Wrong), Share: whyPercent(k.Share), Possible: whyCount(k.Possible), Rate: whyOneIn(k.Wrong, k.Possible), Few: k.TooFew}
		if k.TooFew {
			line.Note = whyTooSmall
		}
		p.Wrong = append(p.Wrong, line)
	}
	if len(f.Sweep) > 1 {
		p.Sweep = newWhySweep(f.Sweep, f.Threshold)
	}
	p.Summary = whySummary(f)
	return p
}

const whyTooSmall = "too small to judge"

func newWhyRow(label string, recall, precision quality.Share) whyRow {
	row := whyRow{
		Label: label, True: recall.Whole, Missed: recall.Whole - recall.Part, Recall: newWhyRate(recall), Precision: newWhyRate(precision),
		Few: recall.TooFew,
	}
	row.TrueText, row.MissedText = whyCount(row.True), whyCount(row.Missed)
	switch {
	case row.Few:
		row.Note = whyTooSmall
	case precision.TooFew:
		row.Note = "precision " + whyTooSmall
	}
	return row
}

func newWhyRate(s quality.Share) whyRate {
	if s.Whole == 0 {
		return whyRate{"–", "–", -1}
	}
	return whyRate{whyPercent(s.Rate), fmt.Sprintf("%.1f to %.1f", 100*s.Low, 100*s.High), s.Rate}
}

// whyPercent shows a rate with one decimal, and never says 100 or 0 of what is
// not quite so.
func whyPercent(rate float64) string {
	text := fmt.Sprintf("%.1f", 100*rate)
	switch {
	case text == "100.0" && rate < 1:
		return "over 99.9 %"
	case text == "0.0" && rate > 0:
		return "under 0.1 %"
	}
	return text + " %"
}

// whyOneIn shows rates that are too small for per cents.
func whyOneIn(part, whole int) string {
	switch {
	case whole == 0:
		return "–"
	case part == 0:
		return "none"
	case part == whole:
		return "all"
	case part*10 > whole:
		return whyPercent(float64(part) / float64(whole))
	}
	return "1 in " + whyCount((whole+part/2)/part)
}

// whyCount shows a count with commas between thousands.
func whyCount(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// whyGaps says in words how the groups of a dimension differ.
func whyGaps(g quality.Group) string {
	if g.RecallGap.Lowest == "" && g.PrecisionGap.Lowest == "" {
		return "Too few groups are large enough to be compared."
	}
	var says []string
	for _, of := range []struct {
		name string
		gap  quality.Gap
	}{{"Recall", g.RecallGap}, {"Precision", g.PrecisionGap}} {
		switch {
		case of.gap.Lowest == "":
			continue
		case of.gap.Gap == 0:
			says = append(says, of.name+" is the same for all.")
			continue
		}
		luck := "may be"
		if of.gap.Apart {
			luck = "is more than"
		}
		says = append(says, fmt.Sprintf("%s is lowest for “%s” and highest for “%s”, %.1f points apart, which %s the luck of the draw.",
			of.name, of.gap.Lowest, of.gap.Highest, 100*of.gap.Gap, luck))
	}
	return strings.Join(says, " ")
}

// whySummary says the most asked for in plain words.
func whySummary(f WhyFigures) []string {
	b, s := f.Breakdown, f.Scores[0].Scores
	out := []string{
		fmt.Sprintf("Of %s pairs that are one person, %s were found: recall %s.", whyCount(s.TruePositives+s.FalseNegatives), whyCount(s.TruePositives), whyPercent(s.Recall)),
		fmt.Sprintf("Of %s pairs that were joined, %s are one person: precision %s.", whyCount(s.TruePositives+s.FalsePositives), whyCount(s.TruePositives), whyPercent(s.Precision)),
	}
	missed := b.All.Recall.Whole - b.All.Recall.Part
	var causes []string
	for _, c := range b.Causes {
		n := c.Recall.Whole - c.Recall.Part
		if c.Label == quality.None || n == 0 || c.Recall.TooFew || len(causes) == 3 {
			continue
		}
		causes = append(causes, fmt.Sprintf("%s (%s)", c.Label, whyPercent(float64(n)/float64(missed))))
	}
	if len(causes) > 0 {
		out = append(out, "What missed pairs hold most often: "+strings.Join(causes, ", ")+". A pair can hold several.")
	}
	judged := false
	apart := func(of func(quality.Group) quality.Gap) string {
		var list []string
		for _, g := range b.Groups {
			gap := of(g)
			judged = judged || gap.Lowest != ""
			if gap.Apart {
				list = append(list, fmt.Sprintf("%s (“%s” %.1f points below “%s”)", readable(g.Name), gap.Lowest, 100*gap.Gap, gap.Highest))
			}
		}
		return strings.Join(list, ", ")
	}
	recall := apart(func(g quality.Group) quality.Gap { return g.RecallGap })
	precision := apart(func(g quality.Group) quality.Gap { return g.PrecisionGap })
	if recall != "" {
		out = append(out, "Some are missed more than others, by more than luck. Recall differs by "+recall+".")
	}
	if precision != "" {
		out = append(out, "Some are wrongly joined more than others, by more than luck. Precision differs by "+precision+".")
	}
	if judged && recall+precision == "" {
		out = append(out, "No group is missed or wrongly joined more than another by more than luck, as far as these figures can tell.")
	}
	if len(b.Wrong) > 1 {
		most := slices.MaxFunc(b.Wrong, func(x, y quality.WrongKind) int { return cmp.Compare(x.Wrong, y.Wrong) })
		if most.Wrong > 0 {
			out = append(out, fmt.Sprintf("Most wrong pairs are of the kind “%s”: %s of %s.", most.Kind, whyCount(most.Wrong), whyCount(s.FalsePositives)))
		}
	}
	return out
}

// newWhyPairs lays out recall of each two parties, nil with fewer than two.
func newWhyPairs(b *quality.Breakdown) *whyPairs {
	t := &whyPairs{}
	number := make(map[string]int)
	worst := 0.0
	for _, p := range b.PartyPairs {
		for _, name := range p.Parties {
			if _, ok := number[name]; !ok {
				number[name] = len(t.Names)
				t.Names = append(t.Names, name)
			}
		}
		t.Rows = append(t.Rows, newWhyRow(p.Parties[0]+" + "+p.Parties[1], p.Recall, p.Precision))
		if !p.Recall.TooFew {
			worst = max(worst, 1-p.Recall.Rate)
		}
	}
	if len(t.Names) < 2 {
		return nil
	}
	cells := make([][]cell, len(t.Names))
	for i := range cells {
		cells[i] = make([]cell, len(t.Names))
		for j := range cells[i] {
			cells[i][j].Blank = true
		}
	}
	for _, p := range b.PartyPairs {
		if p.Recall.Whole == 0 {
			continue
		}
		c := cell{Text: fmt.Sprintf("%.1f", 100*p.Recall.Rate), Class: "hid"}
		if !p.Recall.TooFew {
			c.Class = shade(int(1e4*(1-p.Recall.Rate)), int(1e4*worst))
		}
		i, j := number[p.Parties[0]], number[p.Parties[1]]
		cells[i][j], cells[j][i] = c, c
	}
	for i, name := range t.Names {
		t.Matrix = append(t.Matrix, matrixLine{name, cells[i]})
	}
	return t
}
