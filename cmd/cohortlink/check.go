package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/norm"
	"cohortlink/hashing/profile"
)

type checkFlags struct {
	project, party, columns, html string
	json                          bool
}

func newCheck(a *app) *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check EXTRACT",
		Short: "Look at an extract before hashing it",
		Long: `Says, before anything is hashed and in plain words, which column of your extract
holds which field, how much of it can be used, what is damaged, how well it can
be expected to link, and what to ask your supplier for. It changes nothing and
needs no key. It shows counts only, small ones protected, and never a value of a
person; the page that --html writes can be sent to the supplier.

Without a project it looks for the usual fields, and prints settings that can be
put into project.yaml or saved as a file for --columns.

It ends with 0 whatever it finds: what there is to put right is in the report, and in
"findings" of --json. It ends with 3 where rows cannot be read at all.
` + exitHelp,
		Example: `  cohortlink check extract.csv
  cohortlink check extract.csv --project project.yaml --party gp-k81001 --html check.html`,
		Args: args(1, 1, "one extract"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.check(cmd.Context(), args[0], f) },
	}
	flags := c.Flags()
	flags.StringVar(&f.project, "project", "", "the project file")
	flags.StringVar(&f.party, "party", "", "which party you are")
	flags.StringVar(&f.columns, "columns", "", "a file with your own column names, in place of those in the project file")
	flags.StringVar(&f.html, "html", "", "also write the result as a page to this file")
	flags.BoolVar(&f.json, "json", false, "print the result as JSON")
	return c
}

// checked is everything a check found, as --json prints it.
type checked struct {
	File    string          `json:"file"`
	Format  string          `json:"format"`
	Columns int             `json:"columns"`
	Project string          `json:"project,omitempty"`
	Party   string          `json:"party,omitempty"`
	Verdict string          `json:"verdict"`
	Report  *profile.Report `json:"report"`
	Needs   []needReport    `json:"needs"`
	// Mapping is settings to take over, "" where the project's fit as they are.
	Mapping string `json:"mapping"`
	Program string `json:"program"`
}

func (a *app) check(ctx context.Context, path string, f checkFlags) error {
	project, party, err := f.read()
	if err != nil {
		return err
	}
	x, err := formats.OpenExtract(path, extractOptions(party))
	if err != nil {
		return err
	}
	defer x.Close()
	header, hidden := shownHeader(x, project, party)
	needs, lost := newNeedCheck(project, party, x.Header())
	p, err := profile.New(header, checkFields(project, party, x.Header()), profile.Options{Agreed: f.project != "", Deduplicated: party.Deduplicated, Used: needs.used()})
	if err != nil {
		return err
	}
	broken, err := a.profileRows(ctx, x, p, needs)
	if err != nil {
		return err
	}
	c := checked{
		File: filepath.Base(path), Format: x.Format(), Columns: len(header), Report: p.Report(), Needs: needs.report(), Program: tool(),
	}
	if f.project != "" {
		c.Project, c.Party = project.Name, party.Name
	}
	text := party.TextEncoding
	if better := betterEncoding(path, party, broken, c.Report); better != "" {
		text = better
		c.Report.Findings = slices.Insert(c.Report.Findings, 0, profile.Finding{
			Kind: profile.Fix, Code: "text-encoding",
			Text: fmt.Sprintf("the file is not in %s as it was read, but in %s", orUTF8(party.TextEncoding), better),
			Do:   fmt.Sprintf("declare text: %s, as in the settings below, and check again", better),
		})
	}
	c.Report.Findings = slices.Insert(c.Report.Findings, 0, lost...)
	c.Report.Findings = append(c.Report.Findings, needs.findings()...)
	if f.project != "" {
		c.Report.Findings = append(c.Report.Findings, refusedFields(project, normaliseOptions(project, party), p, c.Report)...)
	}
	c.Mapping = proposedColumns(project, party, x.Header(), c.Report, text, f.project != "")
	others := otherParties(project, party, x.Header())
	switch {
	case hidden:
		c.replaceFindings(hiddenHeader, "not-mapped")
	case len(others) > 0 && f.columns == "":
		c.replaceFindings(otherParty(party.Name, others), "not-mapped", "column-absent", "need-absent", "dates-other-form")
	}
	c.Verdict = c.Report.Verdict()

	if f.html != "" {
		if err := a.writeCheckPage(f.html, path, c); err != nil {
			return err
		}
	}
	if f.json {
		if err := a.ui.resultJSON(c); err != nil {
			return err
		}
	} else {
		a.printCheck(c)
	}
	if f.html != "" {
		a.ui.sayf("page written to %q", f.html)
	}
	if c.Report.Aside.Text != "none" {
		return setAsideError{fmt.Sprintf("%s could not be read", c.Report.Aside.Of("rows"))}
	}
	return nil
}

// replaceFindings puts one finding in the place of those that follow from it, and
// of the settings, which would follow from them.
func (c *checked) replaceFindings(by profile.Finding, codes ...string) {
	rest := slices.DeleteFunc(c.Report.Findings, func(f profile.Finding) bool { return slices.Contains(codes, f.Code) })
	c.Report.Findings = slices.Insert(rest, 0, by)
	c.Mapping = ""
}

// read gives the project and party to check for; without a project, one that has
// the usual fields and no columns.
func (f *checkFlags) read() (*formats.Project, *formats.ProjectParty, error) {
	if f.project == "" {
		if f.party != "" {
			return nil, nil, usagef("--party names a party of a project: give --project too")
		}
		project := &formats.Project{Name: "check", Parties: []formats.ProjectParty{{Name: "extract"}}}
		for _, s := range profile.StandardFields() {
			project.Fields = append(project.Fields, formats.ProjectField{Name: s.Name, Kind: string(s.Kind)})
		}
		return f.readColumns(project, "extract")
	}
	project, err := formats.ReadProject(f.project)
	if err != nil {
		return nil, nil, err
	}
	name := f.party
	if name == "" {
		if len(project.Parties) != 1 {
			var names []string
			for _, p := range project.Parties {
				names = append(names, p.Name)
			}
			return nil, nil, usagef("whose extract is it? name the party with --party\nthe parties of %q are %s", project.Name, quoted(names))
		}
		name = project.Parties[0].Name
	}
	return f.readColumns(project, name)
}

func (f *checkFlags) readColumns(project *formats.Project, name string) (*formats.Project, *formats.ProjectParty, error) {
	if f.columns != "" {
		party, err := project.ReadColumns(f.columns, name)
		return project, &party, err
	}
	party, err := project.Party(name)
	if err != nil {
		return nil, nil, usageError{err}
	}
	return project, party, nil
}

// checkFields says of each field what the project knows. Unlike mapColumns it
// goes on where a column is not there: to say so is what check is for.
func checkFields(project *formats.Project, party *formats.ProjectParty, header []string) []profile.Field {
	var out []profile.Field
	dates := normaliseOptions(project, party)
	for i, f := range project.Fields {
		field := profile.Field{Field: hashing.Field{Name: f.Name, Kind: norm.Kind(f.Kind), Weight: f.Weight}, Dates: dates[i].Dates}
		own, mapped := party.Columns[f.Name]
		if !mapped {
			if at := slices.Index(header, f.Name); at >= 0 {
				field.Columns = []int{at}
			}
		}
		for _, c := range own {
			if at := slices.Index(header, c); at >= 0 {
				field.Columns = append(field.Columns, at)
			} else {
				field.Absent = append(field.Absent, c)
			}
		}
		if field.Absent != nil { // a part of a date is worse than none
			field.Columns = nil
		}
		out = append(out, field)
	}
	return out
}

// maxBroken is how many rows of unreadable text are looked at again.
const maxBroken = 1000

// profileRows gives every row to the profiler and the look at needs, and returns
// the numbers of the first rows whose text could not be decoded.
func (a *app) profileRows(ctx context.Context, x *formats.Extract, p *profile.Profiler, needs *needCheck) (broken []int, err error) {
	m := a.ui.meter("checking", "bytes")
	defer m.done()
	for {
		cells, err := x.Next()
		var bad *formats.RowError
		switch {
		case err == nil:
			p.Add(x.Row(), cells)
			needs.add(cells)
		case errors.As(err, &bad):
			p.SetAside(bad.Row, bad.Reason)
			if strings.Contains(bad.Reason, notUTF8) && len(broken) < maxBroken {
				broken = append(broken, bad.Row)
			}
		case err == io.EOF:
			return broken, nil
		default:
			return nil, err
		}
		if x.Row()%4096 == 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			m.set(uint64(x.BytesRead()), uint64(x.TotalBytes()))
		}
	}
}

// notUTF8 is in the reason for which a row is set aside that is no UTF-8.
const notUTF8 = "not UTF-8"

// betterEncoding finds out by trying whether the extract is in another encoding
// than it was read in: rows that are no UTF-8 and are plain letters in
// Windows-1252; or names spoilt the way UTF-8 is when it is read in a code page.
// It returns "" when neither is certain.
func betterEncoding(path string, party *formats.ProjectParty, broken []int, r *profile.Report) string {
	o := extractOptions(party)
	if len(broken) > 0 {
		const other = "windows-1252" // what a spreadsheet on Windows saves here
		o.Encoding = other
		letters, strange := 0, 0
		ok := eachRow(path, o, broken[len(broken)-1], func(row int, cells []string, err error) bool {
			if _, found := slices.BinarySearch(broken, row); !found {
				return true
			}
			for _, c := range cells {
				l, s := foreign(c)
				letters, strange = letters+l, strange+s
			}
			return err == nil
		})
		if ok && letters > 0 && strange*20 <= letters {
			return other
		}
		return ""
	}
	spoilt := slices.ContainsFunc(r.Fields, func(f profile.FieldReport) bool {
		return slices.ContainsFunc(f.Problems, func(p profile.ProblemReport) bool { return p.Problem == norm.BadEncoding.String() })
	})
	if !spoilt || party.TextEncoding == "" {
		return ""
	}
	const other = "utf-8"
	o.Encoding = other
	if eachRow(path, o, 0, func(_ int, _ []string, err error) bool { return err == nil }) {
		return other
	}
	return ""
}

func orUTF8(encoding string) string {
	if encoding == "" {
		return "utf-8"
	}
	return encoding
}

// foreign counts the letters, and the other characters, of a text beyond ASCII.
// Typographic quotation marks and dashes count as letters: they stand in names.
func foreign(s string) (letters, strange int) {
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf:
		case unicode.IsLetter(r), strings.ContainsRune("\u2018\u2019\u2013\u2014\u00b4", r):
			letters++
		default:
			strange++
		}
	}
	return letters, strange
}

// eachRow calls see for the rows up to last, or all where last is 0, until it
// returns false. It reports whether it came to the end.
func eachRow(path string, o formats.ExtractOptions, last int, see func(row int, cells []string, err error) bool) bool {
	x, err := formats.OpenExtract(path, o)
	if err != nil {
		return false
	}
	defer x.Close()
	for last == 0 || x.Row() < last {
		cells, err := x.Next()
		if err == io.EOF {
			return true
		}
		if !see(x.Row(), cells, err) {
			return false
		}
	}
	return true
}

// proposedColumns is how the extract should be read, as far as that is known,
// where it differs from how the party says it is read. A need whose columns the
// extract lacks is left out: it is not this party's to declare.
func proposedColumns(project *formats.Project, party *formats.ProjectParty, header []string, r *profile.Report, text string, agreed bool) string {
	own := *party
	own.TextEncoding, own.Columns, own.Dates = text, map[string][]string{}, map[string]string{}
	for _, n := range project.Needs {
		if c, ok := party.Columns[n.Name]; ok && !slices.ContainsFunc(c, func(name string) bool { return !slices.Contains(header, name) }) {
			own.Columns[n.Name] = c
		}
	}
	dated := 0
	var last string
	declared := normaliseOptions(project, party)
	wrong := func(field string) bool {
		return slices.ContainsFunc(r.Findings, func(f profile.Finding) bool { return f.Code == "dates-other-form" && f.Field == field })
	}
	for i, f := range r.Fields {
		if _, mapped := party.Columns[f.Name]; len(f.Columns) > 0 && (mapped || f.Found != profile.FoundGiven) {
			own.Columns[f.Name] = f.Columns
		}
		form := declared[i].Dates
		if f.Dates != "" && (form == "" || wrong(f.Name)) {
			form = f.Dates
		}
		if form != "" {
			own.Dates[f.Name] = form
			dated, last = dated+1, form
		}
	}
	if dated == 1 {
		own.Dates = map[string]string{"": last}
	} else if dated == 0 {
		own.Dates = nil
	}
	if len(own.Columns) == 0 {
		own.Columns = nil
	}
	out := formats.FormatColumns(project, own)
	if agreed && out == formats.FormatColumns(project, *party) {
		return ""
	}
	return out
}
