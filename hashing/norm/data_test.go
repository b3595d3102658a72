package norm

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sharedFile opens a reference file that lies beside the checkout, or skips the test.
func sharedFile(t *testing.T, path ...string) [][]string {
	t.Helper()
	root := os.Getenv("COHORTLINK_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	name := filepath.Join(append([]string{root, "data"}, path...)...)
	f, err := os.Open(name)
	if err != nil {
		t.Skipf("reference data is not here (%s): set COHORTLINK_SHARED to where it is", filepath.Join(path...))
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: no rows (%v)", name, err)
	}
	return rows[1:]
}

// The word lists must not eat names. Every surname and forename of the UK reference lists comes out as itself, alone and
// as the second of two words, but for the few named here, each with its reason.
func TestReferenceNamesSurvive(t *testing.T) {
	lost := map[string]bool{
		"BABY": true, // a placeholder in registrations, which is how it came to be in the list
		"NAN":  true, // what pandas writes for no value
	}
	lostAfterAnother := map[string]bool{
		"BABY": true, "JUNIOR": true, // JACK JUNIOR is JACK
	}
	n := must(t, Name, Options{})
	names := 0
	for _, file := range []string{"lastname_uk.csv", "firstname_uk.csv"} {
		for _, row := range sharedFile(t, "reference", file) {
			want := strings.ToUpper(strings.ReplaceAll(strings.ReplaceAll(row[0], "'", ""), "-", " "))
			if len(want) < 2 || strings.ContainsAny(want, " .") || !isASCII(want) {
				continue
			}
			names++
			if text, p := n.Value(row[0]); text != want && !lost[want] {
				t.Errorf("%s became %q (%s)", want, text, p)
			}
			if text, p := n.Value("ANN " + row[0]); text != "ANN "+want && !lostAfterAnother[want] {
				t.Errorf("ANN %s became %q (%s)", want, text, p)
			}
		}
	}
	if names < 20000 {
		t.Fatalf("only %d names were tried", names)
	}
}

// Every postcode of the Trafford list and of the Wokingham practices is one here, with and without its space.
func TestReferencePostcodes(t *testing.T) {
	n := must(t, Postcode, Options{})
	tried := 0
	try := func(cell string) {
		tried++
		want := strings.ReplaceAll(cell, " ", "")
		for _, form := range []string{cell, want, strings.ToLower(cell)} {
			if text, p := n.Value(form); text != want || p != None {
				t.Errorf("%q: got %q, %s", form, text, p)
			}
		}
	}
	for _, row := range sharedFile(t, "reference", "wokingham_ccg_11D_13_practices.csv") {
		try(row[2])
	}
	for _, row := range sharedFile(t, "reference", "trafford", "trafford_postcodes.csv") {
		try(row[0])
	}
	if tried < 10000 {
		t.Fatalf("only %d postcodes were tried", tried)
	}
}

// The linkage sets: nearly every date that is there must give something, and one that time.Parse would refuse must still
// give the parts that can be used.
func TestDatesOfTheLinkageSets(t *testing.T) {
	for _, set := range []struct {
		path   []string
		column int
		dates  string
	}{
		{[]string{"people", "anonlink-5party", "party_1.csv"}, 3, "DD-MM-YYYY"},
		{[]string{"people", "anonlink-3party", "party_bob.csv"}, 3, "DD-MM-YYYY"},
		{[]string{"people", "febrl4", "party_B.csv"}, 9, "YYYYMMDD"},
		{[]string{"people", "splink-fake1000-dedup", "party_A.csv"}, 3, "YYYY-MM-DD"},
	} {
		n := must(t, Date, Options{Dates: set.dates})
		var column DateColumn
		count := make(map[Problem]int)
		held, usable := 0, 0
		for _, row := range sharedFile(t, set.path...) {
			cell := row[set.column]
			column.Add(cell)
			text, p := n.Value(cell)
			count[p]++
			if p != Empty {
				held++
			}
			if text != "" {
				usable++
			}
		}
		r := column.Report()
		name := strings.Join(set.path[1:], "/")
		if usable*1000 < held*995 {
			t.Errorf("%s: only %d of %d dates gave anything", name, usable, held)
		}
		if strings.NewReplacer("-", "", "/", "").Replace(r.Best) != strings.ReplaceAll(set.dates, "-", "") || r.Mixed {
			t.Errorf("%s: best form %s, mixed %v (%s: %s cells)", name, r.Best, r.Mixed, r.Second, strconv.Itoa(r.SecondCells))
		}
		t.Logf("%s: %d held, %d usable; %s", name, held, usable, describe(count))
	}
}

func describe(count map[Problem]int) string {
	var b strings.Builder
	for _, p := range append([]Problem{None}, Problems()...) {
		if count[p] > 0 {
			b.WriteString(p.String() + " " + strconv.Itoa(count[p]) + "; ")
		}
	}
	return b.String()
}
