package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// A record that keeps its ID keeps its noise, whatever became of the others and in whatever
// order they come; a new record, and one whose party keeps nothing, has noise of its own.
func TestNoiseKeptWithTheMap(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("project.yaml", "version: 1\nproject: noisy\nparties: {a: {}, b: {}}\nfields: [{name: surname, kind: name}, {name: postcode, kind: postcode}]\n"+
		"encoding: {filters: [{name: even, length: 2048, fold: 1, noise: 0.5}, {name: odd, length: 1024, fold: 1}]}\n")
	writeKey(t, path("project.key"), "noisy")
	row := func(ref int, surname string) string { return fmt.Sprintf("%d,%s,RG40 1XS\n", ref, surname) }
	const header = "ref,surname,postcode\n"
	hash := func(extract, rows, oldMap, recordKey string) map[string][][]uint64 {
		t.Helper()
		write(extract+".csv", header+rows)
		run := hashRun{app: quietApp(new(bytes.Buffer)), extract: path(extract + ".csv"), project: path("project.yaml"), party: "a", key: path("project.key"),
			out: path(extract), recordKey: recordKey, acceptWeak: "a test", random: rand.Reader}
		if oldMap != "" {
			run.oldMap = filepath.Join(path(oldMap), "a.map.csv")
		}
		if _, err := run.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		f, err := formats.ReadFilters(filepath.Join(path(extract), "a.filters"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := formats.ReadMap(filepath.Join(path(extract), "a.map.csv"))
		if err != nil {
			t.Fatal(err)
		}
		made := map[string][][]uint64{}
		for i, id := range m.IDs {
			at := slices.Index(f.IDs, id)
			var filters [][]uint64
			for j, bits := range f.Bits {
				words := (f.Manifest.Filters[j].Bits + 63) / 64
				filters = append(filters, bits[at*words:][:words])
			}
			made[strings.Split(rows, "\n")[m.Rows[i]-1]] = filters
		}
		return made
	}
	ashby, birch, cedar := row(1, "Ashby"), row(2, "Birchwood"), row(3, "Cedarhurst")
	first := hash("first", ashby+birch, "", "ref")
	second := hash("second", cedar+birch+ashby, "first", "ref")
	third := hash("third", ashby+cedar+row(4, "Ashby"), "second", "ref")
	anew := hash("anew", ashby, "", "ref")
	loose := hash("loose", ashby, "", "")
	of := func(made map[string][][]uint64, row string) [][]uint64 { return made[strings.TrimSuffix(row, "\n")] }
	equal := func(a, b [][]uint64) bool { return slices.EqualFunc(a, b, slices.Equal) }
	for _, c := range []struct {
		what string
		a, b [][]uint64
		kept bool
	}{
		{"a record again", of(first, ashby), of(second, ashby), true},
		{"another again", of(first, birch), of(second, birch), true},
		{"a record for the third time", of(first, ashby), of(third, ashby), true},
		{"one that came later", of(second, cedar), of(third, cedar), true},
		{"another record with the same values", of(third, ashby), of(third, row(4, "Ashby")), false},
		{"a run without the map", of(first, ashby), of(anew, ashby), false},
		{"a run without record numbers", of(first, ashby), of(loose, ashby), false},
	} {
		if len(c.a) != 2 || len(c.b) != 2 {
			t.Fatalf("%s: not there", c.what)
		}
		if !slices.Equal(c.a[1], c.b[1]) {
			t.Errorf("%s: the bits without noise differ", c.what)
		}
		if equal(c.a, c.b) != c.kept {
			t.Errorf("%s: the same noise is %v, want %v", c.what, !c.kept, c.kept)
		}
	}
}
