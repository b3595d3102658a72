package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cohortlink/formats"
	"cohortlink/hashing/norm"
)

// A column that is not what the project says is refused, or warned about, before
// anything is written; a few bad values are neither.
func TestCheckRead(t *testing.T) {
	p := &formats.Project{Fields: []formats.ProjectField{{Name: "surname", Kind: "name"}, {Name: "birth_date", Kind: "date"}}}
	for _, c := range []struct {
		name          string
		unread, given int
		refused, warn bool
	}{
		{"sound", 0, 1000, false, false},
		{"a few", 40, 1000, false, false},
		{"some", 60, 1000, false, true},
		{"half", 500, 1000, true, false},
		{"all", 1000, 1000, true, false},
		{"all of too few", 19, 19, false, false},
		{"none given", 0, 0, false, false},
	} {
		var errs bytes.Buffer
		h := hashRun{app: &app{ui: newUI(strings.NewReader(""), &errs, &errs)}, extract: "x.csv", project: "p.yaml", party: "council"}
		// In two batches, and one whose rows were all set aside before hashing.
		half := func(n int) []int { return []int{0, n / 2} }
		rest := func(n int) []int { return []int{0, n - n/2} }
		err := h.checkRead(p, []*batch{{unread: half(c.unread), given: half(c.given)}, {}, {unread: rest(c.unread), given: rest(c.given)}})
		if (err != nil) != c.refused || strings.Contains(errs.String(), "warning") != c.warn {
			t.Errorf("%s: error %v, said %q", c.name, err, errs.String())
		}
		if err != nil && !strings.Contains(err.Error(), `field "birth_date"`) {
			t.Errorf("%s: %v does not name the field", c.name, err)
		}
	}
}

// Years of two digits are misread, but not where the party declares a form that has them.
func TestTwoDigitYearsAsDeclared(t *testing.T) {
	for form, want := range map[string]bool{"": true, "DD/MM/YYYY": true, "DD/MM/YY": false, "YYMMDD": false} {
		if got := misread(norm.TwoDigitYear, norm.Options{Dates: form}); got != want {
			t.Errorf("%q: misread is %v, want %v", form, got, want)
		}
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var rows strings.Builder
	rows.WriteString("surname,birth_date\n")
	for i := range 40 {
		fmt.Fprintf(&rows, "Ashby%c%c,%02d/03/%02d\n", 'a'+i%26, 'a'+i/26, 13+i%15, 40+i)
	}
	write("project.yaml", "version: 1\nproject: short\nparties: {a: {dates: DD/MM/YY}, b: {dates: DD/MM/YYYY}}\nfields: [{name: surname, kind: name}, {name: birth_date, kind: date}]\n")
	writeKey(t, filepath.Join(dir, "project.key"), "short")
	run := hashRun{app: quietApp(new(bytes.Buffer)), extract: write("x.csv", rows.String()), project: filepath.Join(dir, "project.yaml"), party: "a", key: filepath.Join(dir, "project.key"), out: dir, random: seeded(1)}
	if s, err := run.run(t.Context()); err != nil || s.Records != 40 {
		t.Errorf("as declared: %v", err)
	}
	run.party = "b"
	if _, err := run.run(t.Context()); err == nil || !strings.Contains(err.Error(), `field "birth_date"`) {
		t.Errorf("declared otherwise: %v", err)
	}
}
