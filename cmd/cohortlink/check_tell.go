package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"cohortlink/formats"
	"cohortlink/hashing/profile"
)

// How a check is told: on the terminal, and on the page.

// The order and the headings of findings.
var checkLists = []struct{ kind, title string }{
	{profile.Fix, "To put right before hashing"},
	{profile.Ask, "To ask the supplier"},
	{profile.Know, "Good to know"},
}

var foundWords = map[string]string{
	profile.FoundGiven:   "as named",
	profile.FoundHeader:  "proposed by its header",
	profile.FoundContent: "proposed by its content",
	profile.NotFound:     "not found",
}

func (a *app) printCheck(c checked) {
	var b strings.Builder
	r := c.Report
	fmt.Fprintf(&b, "Check of %q: %s, %s, %s rows (numbered without the header)\n%s\n", c.File, c.Format, plural(c.Columns, "column"), r.Rows, c.Verdict)
	for _, list := range checkLists {
		title := "\n" + list.title + "\n"
		for _, f := range r.Findings {
			if f.Kind != list.kind {
				continue
			}
			text := f.Text
			if f.Field != "" {
				text = f.Field + ": " + text
			}
			b.WriteString(title)
			title = ""
			b.WriteString(wrap("  - ", "    ", text) + wrap("    > ", "      ", f.Do))
		}
	}
	b.WriteString("\nFields\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range r.Fields {
		if len(f.Columns) == 0 {
			fmt.Fprintf(w, "  %s\tno column found\n", f.Name)
			continue
		}
		fmt.Fprintf(w, "  %s\t%s\tusable: %s\n", f.Name, columnWords(f), withShare(f.Usable))
	}
	w.Flush()
	for _, f := range r.Fields {
		for _, p := range f.Problems {
			fmt.Fprintf(&b, "    %s: %s: %s%s\n", f.Name, p.Problem, p.Cells.Of("cells"), keptWords(p))
		}
	}
	if len(r.Unread) > 0 {
		b.WriteString(wrap("  not read: ", "    ", quoted(r.Unread)))
	}
	printNeeds(&b, c.Needs)
	b.WriteString("\nRecords by what they hold, and how they can be expected to link\n")
	for _, g := range r.Linking {
		b.WriteString(wrap("  - ", "    ", withShare(g.Records)+": "+g.Name+"; "+g.Expect))
	}
	b.WriteString("\nMore than once\n")
	for _, f := range repeatFacts(r) {
		fmt.Fprintf(&b, "  %s: %s\n", f.Name, f.Text)
	}
	if len(r.Reasons) > 0 {
		b.WriteString("\nRows that could not be read\n")
		for _, s := range r.Reasons {
			b.WriteString(wrap("  - ", "    ", fmt.Sprintf("%s: %s (first: %s)", s.Rows.Text, s.Reason, rowNumbers(s.First))))
		}
	}
	if c.Mapping != "" {
		b.WriteString("\nSettings that fit this extract: compare them with the fields above, then save them as a\nfile for --columns, or put them under the party's name in project.yaml\n\n" + c.Mapping)
	}
	a.ui.resultf("%s", b.String())
}

// wrap breaks a text into lines of at most 88 characters where it can.
func wrap(first, rest, text string) string {
	const width = 88
	var b strings.Builder
	line := first
	empty := true
	for _, w := range strings.Split(text, " ") {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > width {
			b.WriteString(line + "\n")
			line, empty = rest, true
		}
		if !empty {
			line += " "
		}
		line += w
		empty = false
	}
	return b.String() + line + "\n"
}

func columnWords(f profile.FieldReport) string {
	if f.Found == profile.FoundGiven {
		return quoted(f.Columns)
	}
	return quoted(f.Columns) + " (" + foundWords[f.Found] + ")"
}

func withShare(c profile.Count) string {
	if c.About == nil || c.Text == "all" || c.Text == "none" {
		return c.Text
	}
	return c.Text + ", " + c.Share
}

func keptWords(p profile.ProblemReport) string {
	if p.Kept {
		return ", used all the same"
	}
	return ""
}

func repeatFacts(r *profile.Report) []formats.ReportFact {
	facts := []formats.ReportFact{
		{Name: "rows that repeat an earlier row, cell for cell", Text: r.Repeats.Rows.Text},
		{Name: "records that are the same as an earlier one in every field", Text: r.Repeats.Records.Text},
		{Name: "records with the NHS number of an earlier one", Text: r.Repeats.NHSNumbers.Text},
		{Name: "the same, with another date of birth", Text: r.Repeats.NHSOtherDates.Text},
	}
	if r.Repeats.OnlyFirstParts {
		facts = append(facts, formats.ReportFact{Name: "note", Text: "the extract is so long that later records were compared with the first two million only"})
	}
	return facts
}

func rowNumbers(rows []int) string {
	var out []string
	for _, n := range rows {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ", ")
}

func (a *app) writeCheckPage(place, extract string, c checked) error {
	r := c.Report
	page := formats.CheckPage{
		File: c.File, Made: time.Now(), Program: c.Program, Verdict: c.Verdict, Ready: true,
		Facts:   []formats.ReportFact{{Name: "format", Text: c.Format}, {Name: "columns", Text: strconv.Itoa(c.Columns)}, {Name: "rows", Text: r.Rows}},
		Repeats: repeatFacts(r), Unread: r.Unread, Mapping: c.Mapping,
	}
	if c.Project != "" {
		page.Facts = append(page.Facts, formats.ReportFact{Name: "project", Text: c.Project}, formats.ReportFact{Name: "party", Text: c.Party})
	}
	for _, list := range checkLists {
		l := formats.CheckList{Title: list.title, Bad: list.kind == profile.Fix}
		for _, f := range r.Findings {
			if f.Kind == list.kind {
				l.Items = append(l.Items, formats.CheckItem{Field: f.Field, Text: f.Text, Do: f.Do})
			}
		}
		if l.Items != nil {
			page.Lists = append(page.Lists, l)
			page.Ready = page.Ready && !l.Bad
		}
	}
	for _, f := range r.Fields {
		line := formats.CheckField{Name: f.Name, Kind: f.Kind, Columns: strings.Join(f.Columns, ", "), Found: foundWords[f.Found], Bar: -1}
		if len(f.Columns) > 0 {
			line.Usable, line.Share, line.Bar = f.Usable.Text, shareBeside(f.Usable), barLength(f.Usable)
		}
		for _, p := range f.Problems {
			line.Problems = append(line.Problems, formats.ReportFact{Name: p.Problem, Text: p.Cells.Of("cells") + keptWords(p)})
		}
		page.Fields = append(page.Fields, line)
	}
	for _, n := range c.Needs {
		page.Needs = append(page.Needs, formats.CheckNeed{
			Name: n.Name, Kind: n.Kind, Columns: strings.Join(n.Columns, ", "), Known: n.Known.Text, Share: shareBeside(n.Known), Bar: barLength(n.Known), Values: n.facts(),
		})
	}
	for _, g := range r.Linking {
		page.Groups = append(page.Groups, formats.CheckGroup{Name: g.Name, Expect: g.Expect, Records: g.Records.Text, Share: shareBeside(g.Records), Bar: barLength(g.Records)})
	}
	for _, s := range r.Reasons {
		page.Aside = append(page.Aside, formats.CheckAside{Reason: s.Reason, Rows: s.Rows.Text, First: rowNumbers(s.First)})
	}
	out, err := formats.Create(place, formats.CreateOptions{Inputs: []string{extract}})
	if err != nil {
		return err
	}
	defer out.Abort()
	if err := formats.WriteCheckPage(out, page); err != nil {
		return err
	}
	return out.Commit()
}

func shareBeside(c profile.Count) string {
	if c.About == nil || c.Text == "all" || c.Text == "none" {
		return ""
	}
	return c.Share
}

// barLength is a share in whole per cent, -1 where it is hidden.
func barLength(c profile.Count) int {
	if c.About == nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(c.Share, "under "), "over "), " %"))
	if err != nil {
		return -1
	}
	return n
}
