package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cohortlink/formats"
	"cohortlink/hashing"
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
// extract to evaluate, as plain Bloom filters of 1,024 bits, which the floors are of, and whether the intervals of the
// estimates made without truth hold it. With -v it prints a table; COHORTLINK_KEYS says at how many keys (1). testdata/people/run.sh SET does the same by hand.
func TestQualityOnPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("links 43,000 records")
	}
	keys := 1
	if n := os.Getenv("COHORTLINK_KEYS"); n != "" {
		var err error
		if keys, err = strconv.Atoi(n); err != nil || keys < 1 || keys > 100 {
			t.Fatalf("COHORTLINK_KEYS is %q: a number from 1 to 100", n)
		}
	}
	var held, intervals int
	t.Log("| set, key | threshold | precision | its 95 % interval | recall | its 95 % interval | F1 |")
	for _, set := range []struct {
		name string
		f1   float64 // at least; issue 2
	}{
		{"febrl4", 0.99},
		{"anonlink-5party", 0.798}, // from here the floors of a threshold chosen with the truth; issue 5
		{"anonlink-3party", 0.821},
		{"ons-mock-census-pes", 0.90},
		{"febrl3-dedup", 0.966},
		{"splink-fake1000-dedup", 0.86},
	} {
		for key := range keys {
			f, e := linkPeople(t, set.name, byte(1+key))
			s := f.Scores
			if !(s.F1 >= set.f1) {
				t.Errorf("%s, key %d: F1 %.4f, want %.3f or more", set.name, key+1, s.F1, set.f1)
			}
			in := func(x float64, i *[2]float64) string {
				intervals++
				if i == nil {
					return "none"
				}
				if x >= i[0] && x <= i[1] {
					held++
				}
				return fmt.Sprintf("%.3f to %.3f", i[0], i[1])
			}
			t.Logf("| %s, %d | %.3f | %.4f | %s | %.4f | %s | %.4f |", set.name, key+1, *f.Threshold, s.Precision, in(s.Precision, e.PrecisionInterval), s.Recall, in(s.Recall, e.RecallInterval), s.F1)
		}
	}
	t.Logf("%d of %d intervals hold the truth", held, intervals)
	if 10*held < 9*intervals {
		t.Errorf("%d of %d intervals hold the truth, want nine in ten", held, intervals)
	}
}

// What the profiles cost beside that: their F1 by threshold auto, under one key, is not far under what was measured. The
// threshold moves from key to key, on fake1000 most of all.
func TestProfilesOnPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("links 43,000 records twice")
	}
	const below = 0.02
	measured := map[string]struct{ standard, high float64 }{
		"anonlink-3party":       {0.848, 0.825},
		"anonlink-5party":       {0.879, 0.887},
		"febrl3-dedup":          {0.937, 0.922},
		"febrl4":                {0.973, 0.961},
		"ons-mock-census-pes":   {0.969, 0.968},
		"splink-fake1000-dedup": {0.770, 0.737},
	}
	for _, s := range linkSets(t, 0, 0, 1, 1, "^(anonlink|febrl|ons|splink)") {
		f1 := measured[s.name]
		for profile, want := range map[string]float64{"standard": f1.standard, "high": f1.high} {
			auto, best := s.hash(t, profileSchema(s.fields, hashing.Profile(profile)[0]), nil).link(t)
			t.Logf("%s, %s: F1 %.4f by the chosen threshold, %.4f by the best", s.name, profile, auto.Scores.F1, best.Scores.F1)
			if !(auto.Scores.F1 >= want-below) {
				t.Errorf("%s, %s: F1 %.4f, was %.4f", s.name, profile, auto.Scores.F1, want)
			}
		}
	}
}

// linkPeople takes a set through hash, link, attach and evaluate, at one of 255 keys.
func linkPeople(t *testing.T, set string, seed byte) (*evaluation, formats.LinkedEstimate) {
	t.Helper()
	people := filepath.Join(sharedFolder(t), "data", "people", set)
	project, err := filepath.Abs(filepath.Join("..", "..", "testdata", "people", set+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	extracts, err := filepath.Glob(filepath.Join(people, "party_*.csv"))
	if err != nil || len(extracts) == 0 {
		t.Fatalf("no extracts in %s (%v)", people, err)
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	key, err := hashing.NewKey(set, seeded(seed))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("project.key"), key.Text(), 0o600); err != nil {
		t.Fatal(err)
	}

	var errs bytes.Buffer
	l := linkRun{app: quietApp(&errs), project: project, out: at("linked"), random: seeded(40)}
	var parties []string
	for i, extract := range extracts {
		// Names of parties begin with a letter and are in lower case: party_A.csv is party-a.
		p := "party-" + strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(extract), "party_"), ".csv"))
		mustHash(t, hashRun{extract: extract, project: project, party: p, key: at("project.key"), out: dir, acceptWeak: "these people are invented", random: seeded(100 + 10*seed + byte(i))})
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
	got.Threshold = &m.Threshold.Score
	return got, m.Estimate
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
