package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// clkhashSets are sets of invented people with linkage schemas for them.
var clkhashSets = []struct {
	name   string
	f1     float64 // at least, at threshold 0.8; 0: not linked
	schema string
}{
	{"febrl4", 0.98, schemaOfColumns("rid -,given_name 2 200,surname 2 200,street_number 1 100,address_1 2 100,address_2 2 100,suburb 2 100,postcode 1 100,state 2 100,date_of_birth 1 200,soc_sec_id -")},
	{"anonlink-5party", 0, schemaOfColumns("rid -,givenname 2 200,surname 2 200,dob 1 200,gender 2 60,city 2 100,income -,phone number 1 200")},
}

// schemaOfColumns writes a linkage schema of columns of text: a name, the length of n-grams
// (of single characters with their place), and bits for a feature; or - for a column to ignore.
func schemaOfColumns(columns string) string {
	var features []string
	for column := range strings.SplitSeq(columns, ",") {
		if name, ok := strings.CutSuffix(column, " -"); ok {
			features = append(features, `{"identifier": `+strconv.Quote(name)+`, "ignored": true}`)
			continue
		}
		words := strings.Fields(column)
		n, bits := words[len(words)-2], words[len(words)-1]
		features = append(features, `{"identifier": `+strconv.Quote(strings.Join(words[:len(words)-2], " "))+`, "format": {"type": "string"}, "hashing": {"comparison": {"type": "ngram", "n": `+n+
			`, "positional": `+strconv.FormatBool(n == "1")+`}, "strategy": {"bitsPerFeature": `+bits+`}}}`)
	}
	return `{"version": 3, "clkConfig": {"l": 1024, "kdf": {"type": "HKDF"}}, "features": [` + strings.Join(features, ",\n") + `]}`
}

// pythonWithClkhash returns an interpreter that has clkhash, or skips.
func pythonWithClkhash(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("COHORTLINK_PYTHON"), "python3"} {
		if name != "" && exec.Command(name, "-c", "import clkhash.clk").Run() == nil {
			return name
		}
	}
	t.Skip("no Python with clkhash: set COHORTLINK_PYTHON to one to compare with it")
	return ""
}

func mustWrite(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every party's file is made by clkhash in Python and by ours, and both are the same bytes.
func TestClkhashHashIsClkhashs(t *testing.T) {
	if testing.Short() {
		t.Skip("encodes 26,000 rows in Python")
	}
	python := pythonWithClkhash(t)
	for _, set := range clkhashSets {
		extracts := extractsOf(t, set.name)
		dir := t.TempDir()
		at := func(name string) string { return filepath.Join(dir, name) }
		mustWrite(t, at("schema.json"), []byte(set.schema))
		mustWrite(t, at("secret.txt"), []byte("correct horse battery staple\n"))
		for _, extract := range extracts {
			theirs, ours := at("theirs.json"), at(filepath.Base(extract)+".json")
			out, err := exec.Command(python, "testdata/clkhash.py", at("schema.json"), at("secret.txt"), extract, theirs).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			hashCLKs(t, extract, at("schema.json"), at("secret.txt"), ours, false)
			a, err := os.ReadFile(theirs)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(ours)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a, b) {
				t.Errorf("%s: clkhash's file and ours differ", extract)
			}
			t.Logf("%s: %d bytes, the same; clkhash: %s", filepath.Base(extract), len(b), strings.TrimSpace(string(out)))
		}
	}
}

func hashCLKs(t *testing.T, data, schema, secret, out string, binary bool) {
	t.Helper()
	var errs bytes.Buffer
	c := clkhashRun{app: quietApp(&errs), data: data, schema: schema, secret: secret, out: out, binary: binary, checkHeader: true, validate: true}
	if err := c.run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
}

func extractsOf(t *testing.T, set string) []string {
	t.Helper()
	folder := filepath.Join(sharedFolder(t), "data", "people", set)
	extracts, err := filepath.Glob(filepath.Join(folder, "party_*.csv"))
	if err != nil || len(extracts) == 0 {
		t.Fatalf("no extracts in %s (%v)", folder, err)
	}
	return extracts
}

// Files of CLKs are linked, of one party in JSON and of the next in binary, and each party finds its persons by row. (That
// Python's files are these very bytes, TestClkhashHashIsClkhashs sees to.)
func TestQualityOnCLKs(t *testing.T) {
	if testing.Short() {
		t.Skip("links 10,000 records")
	}
	for _, set := range clkhashSets {
		if set.f1 == 0 {
			continue
		}
		t.Run(set.name, func(t *testing.T) {
			extracts := extractsOf(t, set.name)
			dir := t.TempDir()
			at := func(name string) string { return filepath.Join(dir, name) }
			mustWrite(t, at("schema.json"), []byte(set.schema))
			mustWrite(t, at("secret.txt"), []byte("correct horse battery staple\n"))
			var errs bytes.Buffer
			l := linkRun{app: quietApp(&errs), threshold: "auto", out: at("linked"), random: seeded(40)}
			var names []string
			for i, extract := range extracts {
				// Names of parties begin with a letter and are in lower case: party_A.csv is party-a.
				p := "party-" + strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(extract), "party_"), ".csv"))
				out := at(p + ".json")
				if i%2 == 1 {
					out = at(p + ".bin")
				}
				hashCLKs(t, extract, at("schema.json"), at("secret.txt"), out, i%2 == 1)
				names, l.files, l.clean = append(names, p), append(l.files, out), append(l.clean, p)
			}
			m, err := l.run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e := evaluateRun{app: l.app, truth: at("truth.csv")}
			for i, p := range names {
				e.files = append(e.files, at(p+".linked.csv"))
				mustWrite(t, e.files[i], withPersons(t, extracts[i], at("linked/links/"+p+".rows.csv")))
			}
			writeTruth(t, filepath.Join(filepath.Dir(extracts[0]), "truth.csv"), e.truth)
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

// withPersons puts persons beside the rows of an extract, as a user of clkhash has to: the n-th row has the n-th person.
func withPersons(t *testing.T, extract, rowLinks string) []byte {
	t.Helper()
	read := func(path string) [][]string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	rows, persons := read(extract), read(rowLinks)
	if len(rows) != len(persons) {
		t.Fatalf("%s has %d rows, and its links %d", extract, len(rows)-1, len(persons)-1)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for i, row := range rows {
		if i > 0 && persons[i][0] != strconv.Itoa(i) {
			t.Fatalf("line %d of %s is of row %s", i+1, rowLinks, persons[i][0])
		}
		w.Write(append(row, persons[i][1]))
	}
	if w.Flush(); w.Error() != nil {
		t.Fatal(w.Error())
	}
	return b.Bytes()
}
