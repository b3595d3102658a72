package formats

import (
	"bytes"
	"errors"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
)

func samplePage() CheckPage {
	return CheckPage{
		File: "gp.csv", Facts: []ReportFact{{"rows", "1,204"}}, Made: time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC), Program: "cohortlink test",
		Verdict: "Put 1 thing right before hashing.",
		Lists:   []CheckList{{Title: "To put right before hashing", Bad: true, Items: []CheckItem{{"birth_date", "two forms of date", "ask for one"}}}},
		Fields: []CheckField{
			{Name: "surname", Kind: "name", Columns: "Last Name", Usable: "1,200", Share: "99 %", Bar: 99, Problems: []ReportFact{{"empty", "fewer than 8"}}},
			{Name: "sex", Kind: "sex", Usable: "fewer than 8", Bar: -1},
		},
		Groups:  []CheckGroup{{"a number", "found", "all", "", 100}, {"little", "lost", "fewer than 8", "", -1}},
		Repeats: []ReportFact{{"identical rows", "none"}}, Unread: []string{"Notes"}, Aside: []CheckAside{{"is cut off", "fewer than 8", "17"}},
		Mapping: "columns: {surname: \"Last Name\"}\n",
	}
}

// TestCheckPageIsAlone: the page loads nothing, runs nothing, and its policy
// names the style that is in it.
func TestCheckPageIsAlone(t *testing.T) {
	var b bytes.Buffer
	if err := WriteCheckPage(&b, samplePage()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, bad := range []string{"<script", "http:", "https:", "src=", "@import", "url(", " style=", "onclick", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page contains %q", bad)
		}
	}
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	if style == nil || !strings.Contains(html.UnescapeString(page), policyHash(style[1])) {
		t.Error("the policy does not name the style of the page")
	}
	for _, want := range []string{"Check of gp.csv", "9 March 2026", "two forms of date", "ask for one", "fewer than 8", "Last Name", "is cut off", "Notes", `width="99"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	// A hidden count has no bar, as a length would tell it.
	if n := strings.Count(page, `class="bar"`); n != 2 {
		t.Errorf("%d bars, want those of the two counts that are shown", n)
	}
}

// TestCheckPageEscapes: a header of an extract is text, whatever is in it.
func TestCheckPageEscapes(t *testing.T) {
	const evil = `</pre></style><script>alert(1)</script>"'<img src=x onerror=y>`
	p := samplePage()
	p.File, p.Verdict, p.Mapping, p.Unread = evil, evil, evil, []string{evil}
	p.Fields[0].Columns, p.Lists[0].Items[0].Text, p.Aside[0].Reason = evil, evil, evil
	var b bytes.Buffer
	if err := WriteCheckPage(&b, p); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "<script") || strings.Contains(b.String(), "<img") || strings.Count(b.String(), "</pre>") != 1 {
		t.Error("a text of the extract became part of the page")
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestCheckPageWriteError(t *testing.T) {
	if err := WriteCheckPage(fullDisk{}, samplePage()); err == nil {
		t.Error("a failed write went unnoticed")
	}
}

// TestFormatColumns: what it writes reads back as the party's own settings.
func TestFormatColumns(t *testing.T) {
	p, err := ParseProject("p.yaml", []byte(`{version: 1, project: p, parties: {gp: {deduplicated: true}}, fields: [{name: surname, kind: name}, {name: born, kind: date}, {name: seen, kind: date}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		party ProjectParty
		want  string
	}{
		{ProjectParty{Name: "gp", Deduplicated: true}, ""},
		{ProjectParty{Name: "gp", Columns: map[string][]string{"surname": {`Last: "Name"`}, "born": {"D", "M", "Y"}}, Dates: map[string]string{"": "DD MM YYYY"}, TextEncoding: "windows-1252", Delimiter: '\t'},
			"columns: {surname: \"Last: \\\"Name\\\"\", born: [\"D\", \"M\", \"Y\"]}\ndates: \"DD MM YYYY\"\ntext: windows-1252\ndelimiter: tab\n"},
		{ProjectParty{Name: "gp", Dates: map[string]string{"born": "YYYYMMDD", "seen": "DD/MM/YYYY"}}, "dates: {born: \"YYYYMMDD\", seen: \"DD/MM/YYYY\"}\n"},
	} {
		got := FormatColumns(p, c.party)
		if got != c.want {
			t.Errorf("got %q\nwant %q", got, c.want)
		}
		if got == "" {
			continue
		}
		back, err := p.ParseColumns("own.yaml", []byte(got), "gp")
		if err != nil {
			t.Fatal(err)
		}
		c.party.Deduplicated, back.Line = true, 0
		if again := FormatColumns(p, back); again != got {
			t.Errorf("read back it is %q", again)
		}
	}
}
