package formats

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"cohortlink/linkage/cohort"
)

// The report is one HTML file for a commissioner to read, print and forward.
//
// The obvious way is a charting library, but those load scripts from elsewhere,
// so that opening the page tells somebody, and the figures sit in a script where
// no printer and no screen reader finds them. Here the page is drawn from a
// cohort.Release alone: tables and SVG in the file itself, a table behind each
// picture, and a content policy under which a browser refuses everything else.
// A short script sorts and filters those same tables where scripts run; nothing
// is missing where they do not. The page holds released figures only, as text
// and as lengths of bars: a hidden figure has no length anywhere.

// ReportAbout is what the page says besides figures: plain text, given by the
// caller. It goes out with the page, so it must hold no count that has not been
// protected.
type ReportAbout struct {
	Title    string    // "" takes the project's name
	Project  string    // the project's name
	Purpose  string    // what the figures are for; may be empty
	Made     time.Time // when the release was made; only the day is shown. The zero time shows none
	Program  string    // program and version
	Contact  string    // who to ask
	Invented bool      // the people are invented: says so on top
	Release  string    // which release of the project this is, and what it was held against; may be empty

	Parties []ReportParty // in the order of the release's parties; nil takes their names

	Stricter *ReportStricter // what would change at a stricter threshold; may be nil

	Linkage  []ReportFact // how records were linked: threshold, engine, and how it was chosen
	Quality  []ReportFact // how good it is: precision, recall, and how they were estimated
	Missing  []string     // who is not in the figures, one sentence each
	Cautions []string     // what may not be concluded, beside what the page says of itself
}

// ReportStricter is a release of the same parties for persons formed at a stricter
// threshold.
type ReportStricter struct {
	Says    string // which threshold, in words
	Release *cohort.Release
}

// ReportParty is what the page says about a party.
type ReportParty struct {
	Label string // a readable name; "" takes the party's name
	AsOf  string // the date that its extract stands for, as text; may be empty
	Note  string // may be empty
}

// ReportFact is a line of a list of facts.
type ReportFact struct{ Name, Text string }

//go:embed report.html
var reportHTML string

//go:embed report.css
var reportCSS string

//go:embed report.js
var reportJS string

var reportTemplate = template.Must(template.New("report").Parse(pageHead + reportHTML))

// WriteReport writes the page for a release. It needs nothing else to be read.
func WriteReport(w io.Writer, rel *cohort.Release, about ReportAbout) error {
	p, err := newPage(rel, about)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return writePage(w, "report", reportTemplate, p)
}

// page is what the template is filled with.
type page struct {
	pageFrame
	About    ReportAbout
	Made     string
	Summary  []string
	Parties  []partyLine
	UpSet    upset
	Combos   []comboLine
	All      bool // every combination is listed
	Pairs    []matrixLine
	Shared   []pairLine // the same as a list
	Sizes    bars
	Ranged   bool // some figures have a range
	Strict   []strictLine
	Needs    *needTables // nil without needs
	Homes    *homeTables // nil without households
	Asked    []askedLine
	Told     bool   // the figures are safe even from one who is told which are small
	Parts    bool   // some are safe by sums with parts of people only
	Hurried  string // the tables that were hidden altogether
	Rule     cohort.Rule
	Says     string
	Mark     string
	MayBe0   bool
	Figures  int
	Hidden   string
	NoCombos bool       // no table of combinations was made
	Noise    *pageNoise // nil for a release without noise
}

type partyLine struct {
	Name, Label, AsOf, Note string
	Figure                  cell
}

// cell is a figure in a table.
type cell struct {
	Text   string
	Range  string // with noise: between what the count is thought to be
	Hidden bool
	Sort   int    // for sorting by figure: the released value, -1 when hidden
	Likely string // between which numbers the truth probably is; "" without a range
	Low    int    // for sorting by range: its low end, -1 without one
	Class  string // shade of a matrix
	Blank  bool   // not released
}

func newCell(f cohort.Figure) cell {
	c := cell{Text: f.Text(), Range: f.RangeText(), Hidden: f.Hidden(), Sort: -1, Low: -1, Likely: f.LikelyText(), Blank: !f.Released()}
	if n, ok := f.Value(); ok {
		c.Sort = n
	}
	if low, _, ok := f.Likely(); ok {
		c.Low = low
	}
	return c
}

type comboLine struct {
	Names  string
	Count  int
	Figure cell
}

type matrixLine struct {
	Label string
	Cells []cell
}

type needTables struct {
	Heads   []needHead
	Columns []string
	Whole   []cell
	Rows    []matrixLine
	Pairs   []pairLine
	List    []pairLine // the matrix as a list: who, what
	Twice   []pairLine // needs that two parties say; Other is empty
}

type needHead struct {
	Name string
	Span int
}

type askedLine struct {
	Title, Where  string // Where is the condition as it was asked
	Caption, Head string // of the table
	All           cell
	Rows          []askedRow
}

type askedRow struct {
	Label  string
	Figure cell
}

type pairLine struct {
	One, Other string
	Figure     cell
}

// tablesInWords names tables of a release (see cohort.Row) as the page does.
func tablesInWords(tables []string) string {
	words := map[string]string{
		"pair": "people in both of two services", "combination": "combinations of services", "at-least": "people known to so many services or more",
		"household": "all households", "household-party": "households by service", "household-pair": "households known to both of two services",
		"household-at-least": "households known to so many services or more", "household-question": "households of which a question was asked",
		"need-party": "needs by service", "need-pair": "two needs together", "need-twice": "needs that two services declare",
	}
	var out []string
	for _, t := range tables {
		if w, ok := words[t]; ok {
			t = w
		}
		out = append(out, t)
	}
	return strings.Join(out, "; ")
}

func newPage(rel *cohort.Release, about ReportAbout) (*page, error) {
	if rel == nil || !rel.Total().Released() {
		return nil, errors.New("there is no release to report on")
	}
	names := rel.Parties()
	if about.Parties != nil && len(about.Parties) != len(names) {
		return nil, fmt.Errorf("%d parties are described, but the release has %d", len(about.Parties), len(names))
	}
	p := &page{
		pageFrame: newFrame(about.Title, reportCSS, reportJS), About: about,
		All: rel.AllCombinations(), Rule: rel.Rule(), Says: rel.Says(), Noise: newPageNoise(rel),
		Mark: cohort.Mark, MayBe0: rel.MarkMayBeZero(), Figures: len(rel.Rows()),
	}
	if p.Title == "" {
		p.Title = "Linked cohort: " + about.Project
	}
	if !about.Made.IsZero() {
		p.Made = about.Made.Format("2 January 2006")
	}
	labels := make([]string, len(names))
	for i, name := range names {
		line := partyLine{Name: name, Label: name, Figure: newCell(rel.Party(i))}
		if about.Parties != nil {
			d := about.Parties[i]
			if d.Label != "" {
				line.Label = d.Label
			}
			line.AsOf, line.Note = d.AsOf, d.Note
		}
		labels[i] = line.Label
		p.Parties = append(p.Parties, line)
	}
	for _, c := range rel.Combinations() {
		var in []string
		for _, i := range c.Parties {
			in = append(in, labels[i])
		}
		p.Combos = append(p.Combos, comboLine{strings.Join(in, " + "), len(in), newCell(c.Figure)})
	}
	if facts, ok := rel.Noise(); ok {
		p.NoCombos = slices.Contains(facts.LeftOut, "combination")
	}
	p.UpSet = drawUpSet(rel, labels)
	p.Sizes = drawSizes(rel)
	p.Pairs = matrixOf(labels, rel.Overlap)
	if len(rel.Needs()) > 0 {
		p.Needs = needMatrix(rel, labels)
	}
	p.Homes = newHomeTables(rel, labels)
	p.Asked = askedLines(rel, labels)
	for _, row := range rel.Rows() {
		_, _, ok := row.Figure.Likely()
		p.Ranged = p.Ranged || ok
	}
	for i, label := range labels {
		for j, other := range labels[:i] {
			p.Shared = append(p.Shared, pairLine{other, label, newCell(rel.Overlap(i, j))})
		}
	}
	if about.Stricter != nil {
		if !slices.Equal(about.Stricter.Release.Parties(), names) {
			return nil, errors.New("the release at the stricter threshold is of other parties")
		}
		p.Strict = strictLines(rel, about.Stricter.Release, labels)
	}
	p.Told, p.Parts = rel.Audit().Told, rel.Audit().InParts > 0
	p.Hurried = tablesInWords(rel.Audit().Hurried)
	p.Summary = summary(rel, labels)
	p.Hidden = hiddenShare(rel.Hidden(), p.Figures)
	return p, nil
}

func hiddenShare(hidden, all int) string {
	switch {
	case hidden == 0:
		return "No figure is hidden."
	case hidden == all:
		return "Every figure is hidden."
	}
	return fmt.Sprintf("%d of %d figures are hidden.", hidden, all)
}

// matrixOf is a figure for each two parties, and on the diagonal for each one.
func matrixOf(labels []string, figure func(i, j int) cohort.Figure) []matrixLine {
	top := 0
	for i := range labels {
		for j := range i {
			n, _ := figure(i, j).Value()
			top = max(top, n)
		}
	}
	var lines []matrixLine
	for i, label := range labels {
		line := matrixLine{Label: label}
		for j := range labels {
			c := newCell(figure(i, j))
			if i == j {
				c.Class = "own"
			} else {
				c.Class = shade(c.Sort, top)
			}
			line.Cells = append(line.Cells, c)
		}
		lines = append(lines, line)
	}
	return lines
}

// shade returns the class of a matrix cell: five steps of the released value,
// and a pattern of its own for hidden ones.
func shade(n, top int) string {
	switch {
	case n < 0:
		return "hid"
	case n == 0 || top == 0:
		return "h0"
	}
	return fmt.Sprintf("h%d", min(5, 1+n*5/(top+1)))
}

func needMatrix(rel *cohort.Release, labels []string) *needTables {
	t := &needTables{}
	type slot struct{ need, value int }
	var slots []slot
	needs := rel.Needs()
	for n, need := range needs {
		values := need.Values
		if need.Kind == cohort.YesNo {
			values = []string{"yes"}
		}
		t.Heads = append(t.Heads, needHead{readable(need.Name), len(values)})
		for v, value := range values {
			t.Columns = append(t.Columns, value)
			t.Whole = append(t.Whole, newCell(rel.Need(n, v)))
			slots = append(slots, slot{n, v})
		}
	}
	for i, label := range labels {
		if !rel.NeedByParty(0, 0, i).Released() {
			break // with noise, they are not for many parties
		}
		line := matrixLine{Label: label}
		top := 0
		for _, s := range slots {
			n, _ := rel.NeedByParty(s.need, s.value, i).Value()
			top = max(top, n)
		}
		for _, s := range slots {
			c := newCell(rel.NeedByParty(s.need, s.value, i))
			c.Class = shade(c.Sort, top)
			line.Cells = append(line.Cells, c)
		}
		t.Rows = append(t.Rows, line)
	}
	for k, s := range slots {
		what := needLabel(needs, s.need, s.value)
		t.List = append(t.List, pairLine{"anyone", what, t.Whole[k]})
		for i := range t.Rows {
			t.List = append(t.List, pairLine{t.Rows[i].Label, what, t.Rows[i].Cells[k]})
		}
		if f := rel.NeedTwice(s.need); f.Released() && needs[s.need].Kind == cohort.YesNo {
			t.Twice = append(t.Twice, pairLine{One: what, Figure: newCell(f)})
		}
	}
	for b, s := range slots {
		for _, o := range slots[:b] {
			f := rel.NeedPair(o.need, o.value, s.need, s.value)
			if f.Released() {
				t.Pairs = append(t.Pairs, pairLine{needLabel(needs, o.need, o.value), needLabel(needs, s.need, s.value), newCell(f)})
			}
		}
	}
	return t
}

// askedLines are the questions that were asked, with their answers.
func askedLines(rel *cohort.Release, labels []string) []askedLine {
	var out []askedLine
	names := rel.Parties()
	for _, a := range rel.Answers() {
		line := askedLine{Title: questionTitle(a), Where: a.Question.Where, All: newCell(a.All), Caption: "The same people by " + readable(a.Question.By), Head: "Need"}
		for _, row := range a.By {
			label := ""
			switch {
			case len(row.Parties) > 0:
				label, line.Head = labels[slices.Index(names, row.Parties[0])], "Party"
			case row.Needs[0].Value == "":
				label = readable(row.Needs[0].Need)
			case row.Needs[0].Need == a.Question.By:
				label, line.Head = row.Needs[0].Value, readable(row.Needs[0].Need)
			default:
				label = readable(row.Needs[0].Need) + ": " + row.Needs[0].Value
			}
			line.Rows = append(line.Rows, askedRow{label, newCell(row.Figure)})
		}
		out = append(out, line)
	}
	return out
}

// questionTitle is the name of a question, or who it is about, in words.
func questionTitle(a cohort.Answer) string {
	switch {
	case a.Question.Name != "":
		return a.Question.Name
	case a.Words == "":
		return "Everybody"
	}
	return "People " + a.Words
}

// strictLine is a figure, and what it would be at a stricter threshold.
type strictLine struct {
	What        string
	Now, Strict cell
	Fine        bool // for the longer list
}

// strictLines sets a release beside that of a stricter threshold: all persons, those in
// many parties and the questions, and then what each two parties share.
func strictLines(rel, strict *cohort.Release, labels []string) []strictLine {
	var out []strictLine
	add := func(what string, now, then cohort.Figure, fine bool) {
		out = append(out, strictLine{what, newCell(now), newCell(then), fine})
	}
	add("known to any party", rel.Total(), strict.Total(), false)
	for k := 2; rel.AtLeast(k).Released(); k++ {
		add(fmt.Sprintf("known to %d or more", k), rel.AtLeast(k), strict.AtLeast(k), false)
	}
	then := strict.Answers()
	for i, a := range rel.Answers() {
		if i < len(then) && then[i].Question.Where == a.Question.Where {
			add(questionTitle(a), a.All, then[i].All, false)
		}
	}
	for i, label := range labels {
		for j, other := range labels[:i] {
			add(other+" and "+label, rel.Overlap(i, j), strict.Overlap(i, j), true)
		}
	}
	return out
}

// readable turns the name of a need in a project file into words.
func readable(name string) string {
	return strings.ReplaceAll(name, "_", " ")
}

func needLabel(needs []cohort.Need, n, v int) string {
	if needs[n].Kind == cohort.YesNo {
		return readable(needs[n].Name)
	}
	return readable(needs[n].Name) + ": " + needs[n].Values[v]
}
