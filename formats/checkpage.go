package formats

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// The check page is for a partner to read, print, and send to whoever supplies
// the extract. Like the report (report.go) it is one file that loads nothing;
// it needs no script at all. It is drawn from texts: whoever fills them has
// protected the counts in them, and no cell of an extract comes near.

// CheckPage is what the page says. Texts are plain; the page escapes them.
type CheckPage struct {
	File    string // name of the extract, without its folder
	Facts   []ReportFact
	Made    time.Time // only the day is shown; the zero time shows none
	Program string

	Verdict string
	Ready   bool // nothing has to be put right
	Lists   []CheckList

	Fields  []CheckField
	Needs   []CheckNeed
	Groups  []CheckGroup
	Repeats []ReportFact
	Unread  []string // names of columns that nobody looks at
	Aside   []CheckAside
	Mapping string // settings to paste into the project file; "" for none
}

// CheckList is findings of one kind, the worst kind first.
type CheckList struct {
	Title string
	Bad   bool
	Items []CheckItem
}

// CheckItem is a finding: what is there, and what to do.
type CheckItem struct{ Field, Text, Do string }

// CheckField is a line of the table of fields.
type CheckField struct {
	Name, Kind, Columns, Found string
	Usable                     string
	Share                      string // of usable cells; "" where it is hidden
	Bar                        int    // the same, 0 to 100; -1 where it is hidden
	Problems                   []ReportFact
}

// CheckNeed is a line of the table of needs.
type CheckNeed struct {
	Name, Kind, Columns, Known string
	Share                      string // of rows that say something; "" where it is hidden
	Bar                        int    // the same, 0 to 100; -1 where it is hidden
	Values                     []ReportFact
}

// CheckGroup is records that hold the same evidence.
type CheckGroup struct {
	Name, Expect, Records, Share string
	Bar                          int // 0 to 100; -1 where it is hidden
}

// CheckAside is rows that could not be read.
type CheckAside struct{ Reason, Rows, First string }

//go:embed checkpage.html
var checkPageHTML string

//go:embed checkpage.css
var checkPageCSS string

var checkPageTemplate = template.Must(template.New("check").Parse(pageHead + checkPageHTML))

// WriteCheckPage writes the page: whole, or nothing at all.
func WriteCheckPage(w io.Writer, c CheckPage) error {
	filled := struct {
		CheckPage
		pageFrame
		Day string
	}{CheckPage: c, pageFrame: newFrame("Check of "+c.File, reportCSS+checkPageCSS, "")}
	if !c.Made.IsZero() {
		filled.Day = c.Made.Format("2 January 2006")
	}
	return writePage(w, "check page", checkPageTemplate, filled)
}

// FormatColumns writes how a party's extract is to be read, as it stands in a
// file given with --columns, and, indented, under the party's name in the
// project file. Fields that the party does not name are left out; a party with
// nothing to say gives "".
func FormatColumns(p *Project, party ProjectParty) string {
	party.Deduplicated, party.Share = false, nil
	var b strings.Builder
	p.formatParty(func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }, &party)
	_, settings, _ := strings.Cut(b.String(), ":\n")
	var out strings.Builder
	for line := range strings.Lines(settings) {
		out.WriteString(strings.TrimPrefix(line, "    "))
	}
	return out.String()
}
