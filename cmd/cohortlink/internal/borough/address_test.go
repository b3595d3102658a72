package borough

import (
	"encoding/csv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// withAddresses is small with addresses.
func withAddresses(people int) Settings {
	s := small(people)
	s.Addresses = CleanAddresses()
	return s
}

// cells reads a table of the folder without its header.
func cells(t *testing.T, path string) [][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil || len(all) < 2 {
		t.Fatalf("%s has %d lines: %v", path, len(all), err)
	}
	return all[1:]
}

// With addresses there are the same people in the same records, and their households are those of the truth.
func TestAddressesAreOfTheSamePeople(t *testing.T) {
	with, without := withAddresses(1500), small(1500)
	if !slices.Equal(facts(t, with), facts(t, without)) {
		t.Error("the people are others")
	}
	dir, sum := generate(t, with)
	if !slices.Equal(sum.Fields, append(slices.Clone(fields), "address", "uprn")) || sum.HouseholdsFile != "households.csv" {
		t.Errorf("the summary has the fields %v and %q", sum.Fields, sum.HouseholdsFile)
	}
	lives := map[string]string{}
	for _, row := range cells(t, filepath.Join(dir, sum.HouseholdsFile)) {
		lives[row[0]] = row[1]
	}
	if len(lives) != sum.People {
		t.Errorf("%d of %d people live somewhere", len(lives), sum.People)
	}
	for _, row := range cells(t, filepath.Join(dir, sum.TruthFile)) {
		if lives[row[0]] != row[3] {
			t.Fatalf("%s lives in %s and in %s", row[0], lives[row[0]], row[3])
		}
	}
}

// Those who live together have one address and UPRN; a former home is somebody else's now.
func TestAddressesTellHouseholds(t *testing.T) {
	s := withAddresses(3000)
	*s.Addresses = AddressRates{}
	dir, sum := generate(t, s)
	truth := map[[2]string][]string{}
	for _, row := range cells(t, filepath.Join(dir, sum.TruthFile)) {
		truth[[2]string{row[1], row[2]}] = row
	}
	moved := map[[2]string]bool{}
	for _, row := range cells(t, filepath.Join(dir, sum.EventsFile)) {
		moved[[2]string{row[0], row[1]}] = slices.ContainsFunc(strings.Fields(row[2]), func(cause string) bool { return cause == "moved" || cause == "postcode-pseudo" })
	}
	present, former := map[string]string{}, map[string]map[string]bool{}
	lines := map[string]string{}
	lacking := 0
	for _, p := range sum.Parties {
		rids, rows := table(t, dir, p)
		for i, row := range rows {
			at := [2]string{p.Name, rids[i]}
			household, uprn, address := truth[at][3], row["uprn"], strings.ToUpper(row["address"])
			if uprn == "" {
				lacking++
				continue
			}
			if line, ok := lines[uprn]; ok && line != address {
				t.Fatalf("UPRN %s is %q and %q", uprn, line, address)
			}
			lines[uprn] = address
			switch other, ok := present[uprn]; {
			case moved[at]:
				if former[uprn] == nil {
					former[uprn] = map[string]bool{}
				}
				former[uprn][household] = true
			case ok && other != household:
				t.Fatalf("households %s and %s live at one UPRN", other, household)
			default:
				present[uprn] = household
			}
		}
	}
	again := 0
	for uprn := range former {
		if _, ok := present[uprn]; ok {
			again++
		}
	}
	if len(former) < 100 || again*4 < len(former) { // the others are outside the borough, mostly
		t.Errorf("%d of %d former homes are lived in", again, len(former))
	}
	// One kind of practice system has no UPRN.
	if lacking == 0 || len(present) < 500 {
		t.Errorf("%d records lack a UPRN, %d homes are lived in", lacking, len(present))
	}
	shared := map[string]int{}
	for _, line := range lines {
		shared[line]++
	}
	if most := slices.Max(slices.Collect(maps.Values(shared))); most > 20 {
		t.Errorf("%d homes have one address line", most)
	}
}

func TestAddressRatesAreChecked(t *testing.T) {
	s := withAddresses(10)
	s.Addresses.Blank = 2
	if err := s.check(); err == nil {
		t.Error("a share of 2 was taken")
	}
}
