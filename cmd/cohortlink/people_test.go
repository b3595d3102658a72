package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedFolder is the folder of reference material beside the checkout, or skips the test where there is none.
func sharedFolder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("COHORTLINK_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "people")); err != nil {
		t.Skipf("the sets of invented people are not in %s: set COHORTLINK_SHARED to where they are", dir)
	}
	return dir
}

// How well the sets of people with known truth are linked by threshold auto, through the commands' own code, from
// extract to evaluate. testdata/people/run.sh SET does the same by hand.
func TestQualityOnPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("links 27,000 records")
	}
	for _, set := range []struct {
		name string
		f1   float64 // at least; issue 2
	}{
		{"febrl4", 0.99},
		{"anonlink-5party", 0.72},
		{"ons-mock-census-pes", 0.90},
	} {
		t.Run(set.name, func(t *testing.T) {
			people := filepath.Join(sharedFolder(t), "data", "people", set.name)
			project, err := filepath.Abs(filepath.Join("..", "..", "testdata", "people", set.name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			extracts, err := filepath.Glob(filepath.Join(people, "party_*.csv"))
			if err != nil || len(extracts) == 0 {
				t.Fatalf("no extracts in %s (%v)", people, err)
			}
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			writeKey(t, at("project.key"), set.name)

			var errs bytes.Buffer
			l := linkRun{app: quietApp(&errs), project: project, out: at("linked"), random: seeded(40)}
			var parties []string
			for i, extract := range extracts {
				// Names of parties begin with a letter and are in lower case: party_A.csv is party-a.
				p := "party-" + strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(extract), "party_"), ".csv"))
				mustHash(t, hashRun{extract: extract, project: project, party: p, key: at("project.key"), out: dir, random: seeded(byte(50 + i))})
				parties = append(parties, p)
				l.files = append(l.files, at(p+".filters"))
			}
			m, err := l.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e := evaluateRun{app: l.app, truth: at("truth.csv")}
			for i, p := range parties {
				r := attachRun{app: l.app, extract: extracts[i], links: at("linked/links/" + p + ".csv"), rowMap: at(p + ".map.csv"), project: project, out: at(p + ".linked.csv")}
				if err := r.run(); err != nil {
					t.Fatal(err)
				}
				e.files = append(e.files, r.out)
			}
			writeTruth(t, filepath.Join(people, "truth.csv"), e.truth)
			got, err := e.run()
			if err != nil {
				t.Fatal(err)
			}
			s := got.Scores
			t.Logf("%d records: precision %.4f, recall %.4f, F1 %.4f at threshold %.3f", got.Records, s.Precision, s.Recall, s.F1, m.Threshold.Score)
			if !(s.F1 >= set.f1) {
				t.Errorf("F1 %.4f, want %.2f or more", s.F1, set.f1)
			}
		})
	}
}

// writeTruth copies a truth with its parties named as in the projects of testdata/people.
func writeTruth(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if cells := strings.Split(line, ","); i > 0 && len(cells) == 3 {
			cells[1] = "party-" + strings.ToLower(cells[1])
			line = strings.Join(cells, ",")
		}
		b.WriteString(line + "\n")
	}
	if err := os.WriteFile(to, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
