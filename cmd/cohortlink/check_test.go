package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/text/encoding/charmap"

	"cohortlink/cmd/cohortlink/internal/borough"
)

// runCheck runs the command as the terminal would.
func runCheck(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := &app{ui: newUI(strings.NewReader(""), &o, &e)}
	c := newCheck(a)
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetArgs(args)
	c.SetOut(&o)
	c.SetErr(&e)
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usagef("%s", err) })
	code = a.ui.finish(c.ExecuteContext(t.Context()))
	return code, o.String(), e.String()
}

// practice is an extract of an invented practice: comma, DD/MM/YYYY, spaced
// postcodes. Rows and cells are plain, so that tests can damage them.
type practice struct {
	header []string
	rows   [][]string
}

// practiceFile is the bytes of one, made once.
var practiceFile = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "check")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	s := borough.Clean()
	s.People, s.Practices = 4000, 2
	sum, err := borough.Generate(filepath.Join(dir, "b"), s, nil)
	if err != nil {
		return nil, err
	}
	for _, p := range sum.Parties {
		if p.Dates == "DD/MM/YYYY" && p.Kind == "gp" {
			return os.ReadFile(filepath.Join(dir, "b", filepath.FromSlash(p.File)))
		}
	}
	return nil, errors.New("no practice writes DD/MM/YYYY")
})

func newPractice(t *testing.T) practice {
	t.Helper()
	data, err := practiceFile()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsRune(data, '"') {
		t.Fatal("the extract has quoted cells: choose another")
	}
	var out practice
	for i, line := range strings.Split(strings.TrimSpace(strings.ReplaceAll(string(data), "\r", "")), "\n") {
		cells := strings.Split(line, ",")
		if i == 0 {
			out.header = cells
		} else {
			out.rows = append(out.rows, cells)
		}
	}
	if len(out.rows) < 500 {
		t.Fatalf("only %d rows", len(out.rows))
	}
	return out
}

func (p practice) column(t *testing.T, name string) int {
	t.Helper()
	i := slices.Index(p.header, name)
	if i < 0 {
		t.Fatalf("no column %q in %q", name, p.header)
	}
	return i
}

func (p practice) text() string {
	var b strings.Builder
	b.WriteString(strings.Join(p.header, ",") + "\n")
	for _, r := range p.rows {
		b.WriteString(strings.Join(r, ",") + "\n")
	}
	return b.String()
}

func writeExtract(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkFindings are those of a check, by code.
func checkFindings(t *testing.T, args ...string) (byCode map[string]string, code int, c checked) {
	t.Helper()
	code, out, errs := runCheck(t, append(args, "--json")...)
	if code != exitDone && code != exitSetAside {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if err := json.Unmarshal([]byte(out), &c); err != nil {
		t.Fatal(err)
	}
	byCode = map[string]string{}
	for _, f := range c.Report.Findings {
		byCode[f.Code] += f.Field + ": " + f.Text + " / " + f.Do + "\n"
	}
	return byCode, code, c
}

// Codes that say that something must be put right.
func faults(c checked) []string {
	var out []string
	for _, f := range c.Report.Findings {
		if f.Kind == "put right" {
			out = append(out, f.Code)
		}
	}
	return out
}

// TestBadFiles builds each kind of damaged file from the same sound extract, and
// wants it noticed, by the right name and no other.
func TestBadFiles(t *testing.T) {
	number := func(p practice, t *testing.T) int { return p.column(t, "NHS Number") }
	cases := []struct {
		name   string
		damage func(t *testing.T, p *practice)
		want   []string // codes that must be put right, in any order
		says   string   // in the text of the first
	}{
		{"sound", func(*testing.T, *practice) {}, nil, ""},
		{"spreadsheet day numbers", func(t *testing.T, p *practice) {
			c := p.column(t, "Date of Birth")
			for i := range p.rows {
				p.rows[i][c] = fmt.Sprint(20000 + i*7%20000)
			}
		}, []string{"spreadsheet-serial"}, "all cells are day numbers"},
		{"scientific notation", func(t *testing.T, p *practice) {
			c := number(*p, t)
			for i := range p.rows {
				p.rows[i][c] = "9.99E+09"
			}
		}, []string{"spreadsheet-scientific"}, "all cells"},
		{"leading zeros lost", func(t *testing.T, p *practice) {
			// Scottish CHI numbers begin with the day of birth.
			c := number(*p, t)
			for i := range p.rows {
				if i%3 == 0 {
					p.rows[i][c] = strings.TrimLeft(nhsNumber(fmt.Sprintf("0%08d", 10100000+i*37)), "0")
				}
			}
		}, []string{"spreadsheet-zero"}, "leading zero"},
		{"two date forms", func(t *testing.T, p *practice) {
			c := p.column(t, "Date of Birth")
			for i := range p.rows {
				if d := p.rows[i][c]; i%4 == 0 && len(d) == 10 {
					p.rows[i][c] = d[6:] + "-" + d[3:5] + "-" + d[:2]
				}
			}
		}, []string{"dates-mixed"}, "YYYY-MM-DD"},
		{"day and month the other way round in some", func(t *testing.T, p *practice) {
			c := p.column(t, "Date of Birth")
			for i := range p.rows {
				if d := p.rows[i][c]; i%4 == 0 && len(d) == 10 {
					p.rows[i][c] = d[3:6] + d[:3] + d[6:]
				}
			}
		}, []string{"day-month-contradicted"}, "month first"},
		{"shifted right from row 301", func(t *testing.T, p *practice) {
			p.header = append(p.header, "Spare")
			for i := range p.rows {
				p.rows[i] = append(p.rows[i], "")
				if i >= 300 {
					p.rows[i] = append([]string{p.rows[i][0], ""}, p.rows[i][1:len(p.rows[i])-1]...)
				}
			}
		}, []string{"shifted-from"}, "from row 301 to the end cells stand one column too far to the right"},
		{"shifted left from row 301", func(t *testing.T, p *practice) {
			for i := range p.rows {
				if i >= 300 {
					p.rows[i] = append(slices.Clone(p.rows[i][1:]), "")
				}
			}
		}, []string{"shifted-from"}, "from row 301 to the end cells stand one column too far to the left"},
		{"shifted in the middle of the row", func(t *testing.T, p *practice) {
			c := p.column(t, "Postcode")
			p.header = append(p.header, "Spare")
			for i := range p.rows {
				p.rows[i] = append(p.rows[i], "")
				if i >= 300 {
					p.rows[i] = slices.Insert(p.rows[i], c, "x")[:len(p.header)]
				}
			}
		}, []string{"shifted-from"}, "from row 301 to the end"},
		{"one cell too many from row 301", func(t *testing.T, p *practice) {
			for i := range p.rows {
				if i >= 300 {
					p.rows[i] = slices.Insert(p.rows[i], 1, "x")
				}
			}
		}, []string{"rows-broken-from"}, "from row 301 to the end"},
		{"total row", func(t *testing.T, p *practice) {
			total := make([]string, len(p.header))
			total[0], total[1] = "Total", fmt.Sprint(len(p.rows))
			p.rows = append(p.rows, total)
		}, []string{"last-row"}, "total"},
		{"total row of one cell", func(t *testing.T, p *practice) {
			p.rows = append(p.rows, []string{fmt.Sprintf("(%d rows affected)", len(p.rows))})
		}, []string{"last-row"}, "total"},
		{"total row of a number alone", func(t *testing.T, p *practice) {
			total := make([]string, len(p.header))
			total[0] = fmt.Sprint(len(p.rows))
			p.rows = append(p.rows, total)
		}, []string{"last-row"}, "total"},
		{"a column slipped down by one", func(t *testing.T, p *practice) {
			c := p.column(t, "Date of Birth")
			carry := ""
			for i := 300; i < len(p.rows); i++ {
				carry, p.rows[i][c] = p.rows[i][c], carry
			}
			last := make([]string, len(p.header))
			last[c] = carry
			p.rows = append(p.rows, last)
		}, []string{"column-slipped"}, "slipped down"},
		{"spoilt accents", func(t *testing.T, p *practice) {
			c := p.column(t, "Surname")
			for i := range p.rows {
				if i%50 == 0 {
					p.rows[i][c] = "NuÃ±ez"
				}
			}
		}, []string{"encoding-damage"}, "wrong text encoding"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPractice(t)
			c.damage(t, &p)
			path := writeExtract(t, "extract.csv", p.text())
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found, _, checked := checkFindings(t, path)
			got := faults(checked)
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, c.want) {
				t.Fatalf("must be put right: %q, want %q\n%v", got, c.want, found)
			}
			if len(c.want) > 0 && !strings.Contains(found[c.want[0]], c.says) {
				t.Errorf("%q does not say %q", found[c.want[0]], c.says)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
				t.Error("the extract was changed")
			}
		})
	}
}

// TestCheckKnowsEveryStyle: in each kind of extract of a borough, clean and dirty,
// all columns and the form of the dates are found without a project, and nothing
// sound is called damaged.
func TestCheckKnowsEveryStyle(t *testing.T) {
	looked := 0
	for _, s := range []borough.Settings{borough.Clean(), borough.Dirty()} {
		s.People, s.Practices, s.Seed = 4000, 4, 11
		dir := filepath.Join(t.TempDir(), "b")
		sum, err := borough.Generate(dir, s, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range sum.Parties {
			_, code, c := checkFindings(t, filepath.Join(dir, filepath.FromSlash(p.File)))
			if code != exitDone || len(faults(c)) > 0 {
				t.Errorf("%s %s: exit %d, %q", s.Name, p.Name, code, faults(c))
			}
			for _, f := range c.Report.Fields {
				looked++
				if !slices.Equal(f.Columns, p.Columns[f.Name]) {
					t.Errorf("%s %s: %s was found in %q and is in %q", s.Name, p.Name, f.Name, f.Columns, p.Columns[f.Name])
				}
				if f.Kind == "date" && f.Dates != p.Dates {
					t.Errorf("%s %s: dates are said to be %s and are %s", s.Name, p.Name, f.Dates, p.Dates)
				}
			}
		}
	}
	if looked < 60 {
		t.Errorf("only %d fields were looked at", looked)
	}
}

// nhsNumber adds the tenth digit to nine.
func nhsNumber(nine string) string {
	for {
		sum := 0
		for i := range 9 {
			sum += int(nine[i]-'0') * (10 - i)
		}
		if d := 11 - sum%11; d != 10 {
			return nine + fmt.Sprint(d%11)
		}
		nine = nine[:8] + string('0'+(nine[8]-'0'+1)%10)
	}
}

func TestWindows1252(t *testing.T) {
	p := newPractice(t)
	c := p.column(t, "Surname")
	for i := range p.rows {
		if i%40 == 0 {
			p.rows[i][c] = "Nuñez-O’Dell"
		}
	}
	text, err := charmap.Windows1252.NewEncoder().String(strings.Map(func(r rune) rune {
		if _, ok := charmap.Windows1252.EncodeRune(r); !ok {
			return 'e' // a letter that this code page lacks
		}
		return r
	}, p.text()))
	if err != nil {
		t.Fatal(err)
	}
	path := writeExtract(t, "extract.csv", text)
	found, code, got := checkFindings(t, path)
	if code != exitSetAside || !strings.Contains(found["text-encoding"], "declare text: windows-1252") {
		t.Fatalf("exit %d, findings %v", code, found)
	}
	// The settings it proposes are the cure.
	columns := writeExtract(t, "party.yaml", got.Mapping)
	found, code, got = checkFindings(t, path, "--columns", columns)
	if code != exitDone || len(faults(got)) != 0 {
		t.Fatalf("with the proposed settings: exit %d, %v", code, found)
	}

	// The other way round: UTF-8 declared as Windows-1252 must not pass as names.
	utf8 := writeExtract(t, "utf8.csv", p.text())
	found, _, _ = checkFindings(t, utf8, "--columns", columns)
	if !strings.Contains(found["text-encoding"], "declare text: utf-8") {
		t.Fatalf("UTF-8 read as Windows-1252: %v", found)
	}
}

// TestCheckShowsNobody looks for every cell of a person in everything that check
// writes, and for every small count.
func TestCheckShowsNobody(t *testing.T) {
	p := newPractice(t)
	name, post := p.column(t, "Surname"), p.column(t, "Postcode")
	p.rows[7][name] = "Zzyzxqvist"
	for i := range 3 { // a count of three that must not be shown
		p.rows[100+i][post] = ""
	}
	path := writeExtract(t, "extract.csv", p.text())
	page := filepath.Join(t.TempDir(), "check.html")
	_, plain, errs := runCheck(t, path, "--html", page)
	_, asJSON, _ := runCheck(t, path, "--json")
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err, errs)
	}
	words := map[string]bool{}
	word := regexp.MustCompile(`[\pL\pN]+`)
	all := []string{plain, asJSON, string(html), errs}
	for _, text := range all {
		for _, w := range word.FindAllString(text, -1) {
			words[w] = true
		}
	}
	looked := 0
	allowed := map[string]bool{} // words of ours that happen to be somebody's
	for _, w := range strings.Fields("Day Field Fields Page Good Check Rows Date Sex Usable More Most An") {
		allowed[w] = true
	}
	for _, r := range p.rows {
		for c, cell := range r {
			if len(cell) < 2 || c == p.column(t, "Sex") {
				continue
			}
			looked++
			for _, text := range all {
				if len(cell) >= 8 && strings.Contains(text, cell) {
					t.Fatalf("a cell of column %q is shown", p.header[c])
				}
			}
			if c == name && words[cell] && !allowed[cell] {
				t.Fatal("a surname is shown")
			}
		}
	}
	if looked < 1000 {
		t.Fatalf("only %d cells were looked for", looked)
	}
	if strings.Contains(asJSON, `"about": 3`) || regexp.MustCompile(`"about": [1-7]\b`).MatchString(asJSON) {
		t.Error("a small count is in the JSON")
	}
	if n := len(p.rows); strings.Contains(plain, fmt.Sprint(n-3)) {
		t.Error("the small count can be worked out")
	}
}

const checkProject = `version: 1
project: borough
parties:
  gp:
    columns: {forename: "Forename", surname: "Surname", birth_date: "Date of Birth", sex: "Sex", postcode: "Postcode", nhs_number: "NHS Number"}
    dates: "DD/MM/YYYY"
  other: {}
fields:
  - {name: forename, kind: name}
  - {name: surname, kind: name}
  - {name: birth_date, kind: date}
  - {name: sex, kind: sex}
  - {name: postcode, kind: postcode}
  - {name: nhs_number, kind: nhs-number}
`

func TestCheckAgainstProject(t *testing.T) {
	p := newPractice(t)
	path := writeExtract(t, "extract.csv", p.text())
	project := writeExtract(t, "project.yaml", checkProject)

	found, code, got := checkFindings(t, path, "--project", project, "--party", "gp")
	if code != exitDone || len(faults(got)) > 0 || got.Mapping != "" {
		t.Errorf("a project that fits: exit %d, %v, mapping %q", code, found, got.Mapping)
	}
	// A party without a map: every field is found under another name, and the settings
	// that check prints make the project fit.
	found, _, got = checkFindings(t, path, "--project", project, "--party", "other")
	if n := strings.Count(found["not-mapped"], "\n"); n != 6 {
		t.Errorf("%d of 6 fields are said to be not mapped: %v", n, found)
	}
	columns := writeExtract(t, "party.yaml", got.Mapping)
	found, _, got = checkFindings(t, path, "--project", project, "--party", "other", "--columns", columns)
	if len(faults(got)) > 0 || got.Mapping != "" {
		t.Errorf("with the proposed settings: %v", found)
	}
	// A need whose column is not there, and one whose column is.
	needs := strings.Replace(checkProject, `nhs_number: "NHS Number"}`, `nhs_number: "NHS Number", frailty: "Frailty Register", housing: "Housing"}`, 1) +
		"needs:\n  - {name: frailty, kind: yes-no}\n  - {name: housing, kind: yes-no}\n"
	found, _, got = checkFindings(t, path, "--project", writeExtract(t, "needs.yaml", needs), "--party", "gp")
	if !strings.Contains(found["need-absent"], `"Housing"`) || slices.Contains(got.Report.Unread, "Frailty Register") {
		t.Errorf("needs: %v, not read %q", found, got.Report.Unread)
	}
	// A column that is not there, a wrong date form, a column for the wrong field.
	wrong := strings.NewReplacer(`"Surname"`, `"Name2"`, "DD/MM/YYYY", "MM/DD/YYYY", `"Postcode"`, `"PatientID"`).Replace(checkProject)
	found, _, got = checkFindings(t, path, "--project", writeExtract(t, "wrong.yaml", wrong), "--party", "gp")
	for code, says := range map[string]string{"not-mapped": `"Surname"`, "dates-other-form": "day first", "wrong-column": `column "Postcode" looks like it`} {
		if !strings.Contains(found[code], says) {
			t.Errorf("%s: %q does not say %q", code, found[code], says)
		}
	}
	if !strings.Contains(got.Mapping, `surname: "Surname"`) || !strings.Contains(got.Mapping, `dates: "DD/MM/YYYY"`) {
		t.Errorf("the proposed settings do not mend it: %s", got.Mapping)
	}
}

func TestCheckUsage(t *testing.T) {
	p := newPractice(t)
	path := writeExtract(t, "extract.csv", p.text())
	project := writeExtract(t, "project.yaml", checkProject)
	for _, args := range [][]string{{}, {path, "--project", project}, {path, "--party", "gp"}, {path, path}} {
		if code, _, errs := runCheck(t, args...); code != exitUsage {
			t.Errorf("%d arguments: exit %d: %s", len(args), code, errs)
		}
	}
	for _, text := range []string{"", "a,b\n"} {
		if code, _, errs := runCheck(t, writeExtract(t, "x.csv", text)); code != exitFailed || errs == "" {
			t.Errorf("extract of %d bytes: exit %d: %s", len(text), code, errs)
		}
	}
}

// What hash would refuse, check does not call fit to be hashed.
func TestCheckForeseesRefusal(t *testing.T) {
	d := desk{t, t.TempDir()}
	d.write("project.yaml", "version: 1\nproject: frail\nparties: {council: {dates: \"DD/MM/YYYY\"}}\nfields:\n  - {name: forename, kind: name}\n  - {name: surname, kind: name}\n  - {name: birth_date, kind: date}\n")
	for form, refused := range map[string]bool{"%02d/%02d/%02d": true, "%02d/%02d/19%02d": false} {
		text := "forename,surname,birth_date\n"
		for i := range 40 {
			text += fmt.Sprintf("F%cx%cname,S%cquill,"+form+"\n", 'a'+i%26, 'a'+i/26, 'a'+i*7%26, 13+i%15, 1+i%12, 10+i)
		}
		d.write("extract.csv", text)
		code, out, errs := d.run("", "check", "@extract.csv", "--project", "@project.yaml", "--party", "council")
		if code != 0 || strings.Contains(out, "hashing would refuse the extract") != refused || strings.Contains(out, "It can be hashed") == refused {
			t.Errorf("dates as %q: exit %d\n%s%s", form, code, out, errs)
		}
		if _, err := os.Stat(d.path("project.key")); err != nil {
			d.must("key", "new", "--project", "@project.yaml", "-o", "@project.key")
		}
		if code, _, errs := d.run("", "hash", "@extract.csv", "--project", "@project.yaml", "--party", "council", "--key", "@project.key", "-o", "@out"); (code != 0) != refused {
			t.Errorf("dates as %q: hash exits %d\n%s", form, code, errs)
		}
	}
}
