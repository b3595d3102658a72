package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cohortlink/formats"
	"cohortlink/linkage"
)

func TestOffsetsText(t *testing.T) {
	between := formats.LinkedOffset{Parties: [2]string{"ccg", "council"}, Added: 0.065}
	within := formats.LinkedOffset{Parties: [2]string{"council", "council"}, Added: -0.03}
	for _, c := range []struct {
		offsets []formats.LinkedOffset
		want    string
	}{
		{[]formats.LinkedOffset{between}, "links between ccg and council need 0.065 less, because strangers score that much lower there"},
		{[]formats.LinkedOffset{within}, "links within council need 0.030 more, because strangers score that much higher there"},
		{[]formats.LinkedOffset{between, within}, "links between ccg and council need 0.065 less, links within council need 0.030 more, because strangers score that much lower or higher there"},
		{[]formats.LinkedOffset{between, within, between, between}, "links of 4 pairs of parties need another score, from 0.065 less to 0.030 more, because strangers score that much lower or higher there (listed in the manifest)"},
	} {
		if got := offsetsText(c.offsets); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// A council without dates of birth and NHS numbers gets offsets, which all that forms persons again reads back, and which
// stay when records are added. Pairs are written with the scores of their filters.
func TestOffsetsThroughFiles(t *testing.T) {
	if testing.Short() {
		t.Skip("links a borough")
	}
	dir, parties := synthesise(t, 1500, 3)
	at := func(name string) string { return filepath.Join(dir, name) }
	blank(t, at("project.yaml"), at("council/extract.csv"), "council", "birth_date", "nhs_number")
	var files, old []string
	for i, p := range parties {
		mustHash(t, hashRun{extract: at(p + "/extract.csv"), project: at("project.yaml"), party: p, key: at("project.key"), out: at(p), random: seeded(byte(50 + i))})
		files = append(files, filepath.Join(at(p), p+".filters"))
		if i < len(parties)-1 {
			old = append(old, files[i])
		}
	}
	m, l := mustLink(t, linkRun{files: files, threshold: "auto", out: at("linked")})
	r := l.Result
	if len(m.Threshold.Offsets) == 0 || !slices.ContainsFunc(m.Threshold.Offsets, func(o formats.LinkedOffset) bool { return slices.Contains(o.Parties[:], "council") }) {
		t.Fatalf("offsets %v", m.Threshold.Offsets)
	}

	person, n, _ := linkage.Persons(r.First, r.Clean, r.Pairs, r.Score(), linkage.Least(r.Score(), r.Floor, false))
	same := func(person []int32, n int) bool {
		other := map[int32]int32{}
		for i, p := range person {
			if was, ok := other[p]; ok && was != r.Person[i] {
				return false
			}
			other[p] = r.Person[i]
		}
		return n == r.Persons
	}
	if !same(person, n) {
		t.Error("persons formed again from the folder are others")
	}
	entities := map[string][]int{}
	for i, p := range m.Parties {
		entities[p.Name] = make([]int, m.Parties[i].Records+m.Parties[i].SetAside)
	}
	s, err := readSweep(at("linked"), dir, entities)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.pairs, r.Pairs) {
		t.Error("the sweep of evaluate has other scores")
	}
	// On disk scores are what the filters say.
	var scores []float64
	var a, b, stage []string
	var accepted []bool
	var score []float64
	err = m.ReadLinkedTable(at("linked"), formats.LinkedPairsFile, formats.PairsColumns, func(t *formats.TableReader) error {
		n, err := t.Next(&a, &b, &score, &accepted, &stage)
		scores = append(scores, score[:n]...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	moved := -1
	for i, p := range r.Pairs {
		if r.Raw(p) != scores[i] {
			t.Fatalf("a pair is written with score %v, and its filters score %v", scores[i], r.Raw(p))
		}
		if p.Score != scores[i] && r.Accepted(p) && moved < 0 {
			moved = i
		}
	}
	if moved < 0 {
		t.Fatal("no link has an offset in its score")
	}
	e := &explainRun{app: quietApp(new(bytes.Buffer)), linked: at("linked"), l: l, x: linkage.NewExplainer(r)}
	if p := e.explained(e.x.Why(r.Pairs[moved].A, r.Pairs[moved].B)); !strings.Contains(p.Why, "is added to all scores") || p.Offset == 0 {
		t.Errorf("a link with an offset is explained by %q", p.Why)
	}

	first, _ := mustLink(t, linkRun{files: old, threshold: "auto", out: at("first")})
	if len(first.Threshold.Offsets) == 0 {
		t.Fatal("the linkage that is added to has no offsets")
	}
	added, _ := mustLink(t, linkRun{files: files, previous: at("first"), out: at("added")})
	if !slices.Equal(added.Threshold.Offsets, first.Threshold.Offsets) {
		t.Errorf("offsets were %v, and are %v", first.Threshold.Offsets, added.Threshold.Offsets)
	}
}

// blank empties the columns of fields in a party's extract.
func blank(t *testing.T, project, extract, party string, fields ...string) {
	t.Helper()
	p, err := formats.ReadProject(project)
	if err != nil {
		t.Fatal(err)
	}
	own, err := p.Party(party)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(extract)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(f).ReadAll()
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	columns, err := mapColumns(extract, rows[0], p, own)
	if err != nil {
		t.Fatal(err)
	}
	blanked := 0
	for i, field := range p.Fields {
		if slices.Contains(fields, field.Name) {
			for _, row := range rows[1:] {
				for _, c := range columns.fields[i] {
					row[c] = ""
					blanked++
				}
			}
		}
	}
	if blanked == 0 {
		t.Fatalf("%s has no columns of %v", extract, fields)
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(extract, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
