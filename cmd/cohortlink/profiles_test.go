package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"cohortlink/cmd/cohortlink/internal/borough"
	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/audit"
	"cohortlink/hashing/norm"
	"cohortlink/linkage/quality"
)

// What each encoding costs in links, and what attacks recover from it: the measurements that the profiles come from.
// Each is a line of JSON in a file, is not taken again when it is there already, and needs nothing but the file to be
// shown (profilestable_test.go). testdata/profiles/run.sh says which are taken, and testdata/profiles/README.md has the
// tables. They take hours, fail on nothing, and are left out unless COHORTLINK_PROFILES names the file.
//
//	COHORTLINK_PROFILES       file of measurements; those missing are added
//	COHORTLINK_ENCODINGS      names of encodings, with semicolons; all
//	COHORTLINK_ATTACKS_ON     PEOPLE:FIRST-LAST, records that are attacked and seeds, such as 2000:1-3; none
//	COHORTLINK_ATTACKS        a part of "NAME ANCHORS OVERLAP", such as "anchor 200"; all attacks
//	COHORTLINK_QUALITY        FIRST-LAST, seeds of the boroughs and keys of the other sets that are linked; none
//	COHORTLINK_SETS           a regular expression of the sets that are linked; all

// profileEncodings are those that are measured, by the names in the table.
var profileEncodings = []struct {
	name   string
	filter hashing.Filter
}{
	{"plain", hashing.Filter{Length: 1024}},
	{"balance", hashing.Filter{Length: 1024, Balance: true}},
	{"noise .05", hashing.Filter{Length: 1024, Noise: 0.05}},
	{"rule 90", hashing.Filter{Length: 2048, Rule90: true}},
	{"fold once, 4096", hashing.Filter{Length: 4096, Fold: 1}},
	{"fold twice, 8192", hashing.Filter{Length: 8192, Fold: 2}},
	{"fold twice, 8192 at .4", hashing.Filter{Length: 8192, Fill: 0.4, Fold: 2}},
	{"fold twice, 16384", hashing.Filter{Length: 16384, Fold: 2}},
	{"fold twice, 16384 at .45", hashing.Filter{Length: 16384, Fill: 0.45, Fold: 2}},
	{"fold three times, 32768 at .3", hashing.Filter{Length: 32768, Fill: 0.3, Fold: 3}},
	{"sketch 2048/3", hashing.Filter{Length: 2048, Hashes: 3}},
	{"sketch 4096/3", hashing.Filter{Length: 4096, Hashes: 3}},
	{"sketch 8192/3", hashing.Filter{Length: 8192, Hashes: 3}},
	{"sketch 4096/4", hashing.Filter{Length: 4096, Hashes: 4}},
	{"sketch 8192/4", hashing.Filter{Length: 8192, Hashes: 4}},
	{"sketch 16384/4", hashing.Filter{Length: 16384, Hashes: 4}},
	{"fold three times, 65536 at .3", hashing.Filter{Length: 65536, Fill: 0.3, Fold: 3}},
	{"fold three times, 32768 at .27", hashing.Filter{Length: 32768, Fill: 0.27, Fold: 3}},
	{"fold three times, 32768 at .25", hashing.Filter{Length: 32768, Fill: 0.25, Fold: 3}},
	{"fold three times, 65536 at .27", hashing.Filter{Length: 65536, Fill: 0.27, Fold: 3}},
	{"surname alone", hashing.Filter{Length: 1024, Fields: []string{"surname"}}},
	{"household, plain", ofHousehold(hashing.Filter{Length: 1024})},
	{"household, fold twice, 8192", ofHousehold(hashing.Filter{Length: 8192, Fold: 2})},
	{"household, fold three times, 32768 at .27", ofHousehold(hashing.Filter{Length: 32768, Fill: 0.27, Fold: 3})},
	{"household, fold three times, 32768", ofHousehold(hashing.Filter{Length: 32768, Fold: 3})},
}

// ofHousehold makes a filter that of a household, over the fields that an invented borough has for it.
func ofHousehold(f hashing.Filter) hashing.Filter {
	f.Household, f.Fields = true, []string{"surname", "postcode", "address"}
	return f
}

// profileSchema has one filter, as a project would spell it out.
func profileSchema(fields []hashing.Field, f hashing.Filter) hashing.Schema {
	f.Name = hashing.RecordFilter
	if f.Household {
		f.Name = hashing.HouseholdFilter
	}
	return hashing.Schema{Project: "profiles", Fields: fields, Filters: []hashing.Filter{f}}
}

// A measurement is one line of the file. What is empty was not measured by it.
type measurement struct {
	Encoding string `json:"encoding"`
	Set      string `json:"set,omitempty"` // of people that were linked
	Records  int    `json:"records"`
	Seed     uint64 `json:"seed"`
	// Of links: the best scores that a threshold can give, and those of the chosen one.
	Best *linkScore `json:"best,omitempty"`
	Auto *linkScore `json:"auto,omitempty"`
	// Of attacks.
	Attack  *audit.Outcome `json:"attack,omitempty"`
	Seconds float64        `json:"seconds"`
}

type linkScore struct {
	Threshold float64 `json:"threshold"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// key tells measurements apart.
func (m *measurement) key() string {
	attack := ""
	if m.Attack != nil {
		attack = attackName(m.Attack.Attack)
	}
	return fmt.Sprintf("%s|%s|%s|%d|%d", m.Encoding, m.Set, attack, m.Records, m.Seed)
}

func attackName(a audit.Attack) string {
	name := fmt.Sprintf("%s %d %g", a.Name, a.Anchors, a.Overlap)
	if a.RightKey {
		name += " right key"
	}
	return fmt.Sprintf("%s v%d", name, a.Version)
}

// measurements are those of a file, which new ones are added to.
type measurements struct {
	file *os.File
	all  []measurement
	have map[string]bool
}

func openMeasurements(t *testing.T, name string) *measurements {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	m := &measurements{file: f, have: map[string]bool{}}
	for d := json.NewDecoder(f); ; {
		var one measurement
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return m
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m.all = append(m.all, one)
		m.have[one.key()] = true
	}
}

func (m *measurements) add(t *testing.T, one measurement) {
	t.Helper()
	line, err := json.Marshal(one)
	if err == nil {
		_, err = m.file.Write(append(line, '\n'))
	}
	if err != nil {
		t.Fatal(err)
	}
	m.all = append(m.all, one)
	m.have[one.key()] = true
}

func TestProfiles(t *testing.T) {
	file := os.Getenv("COHORTLINK_PROFILES")
	if file == "" {
		t.Skip("takes hours: testdata/profiles/run.sh runs it")
	}
	m := openMeasurements(t, file)
	if on := os.Getenv("COHORTLINK_ATTACKS_ON"); on != "" {
		people, seeds, _ := strings.Cut(on, ":")
		n, err := strconv.Atoi(people)
		if err != nil {
			t.Fatalf("COHORTLINK_ATTACKS_ON is %q: want such as 2000:1-3", on)
		}
		from, to := seedRange(t, seeds)
		for seed := from; seed <= to; seed++ {
			m.attack(t, n, seed)
		}
	}
	if seeds := os.Getenv("COHORTLINK_QUALITY"); seeds != "" {
		from, to := seedRange(t, seeds)
		m.quality(t, int(from), int(to))
	}
}

// seedRange reads FIRST-LAST.
func seedRange(t *testing.T, text string) (from, to uint64) {
	t.Helper()
	if n, err := fmt.Sscanf(text, "%d-%d", &from, &to); n != 2 || err != nil || from < 1 || to > 200 {
		t.Fatalf("seeds %q: want such as 1-3", text)
	}
	return from, to
}

// wantedEncoding tells whether an encoding is among those to be measured.
func wantedEncoding(name string) bool {
	only := os.Getenv("COHORTLINK_ENCODINGS")
	if only == "" {
		return true
	}
	for one := range strings.SplitSeq(only, ";") {
		if strings.TrimSpace(one) == name {
			return true
		}
	}
	return false
}

// The boroughs that are linked are of so many people: half a minute each on two cores.
const (
	profilePeople    = 5000
	profilePractices = 5
)

// quality links every set under each encoding.
func (m *measurements) quality(t *testing.T, from, to int) {
	t.Helper()
	for _, s := range linkSets(t, profilePeople, profilePractices, from, to, os.Getenv("COHORTLINK_SETS")) {
		records := 0
		for _, p := range s.parties {
			records += len(p.values)
		}
		for _, e := range profileEncodings {
			one := measurement{Encoding: e.name, Set: s.name, Records: records, Seed: uint64(s.seed)}
			if e.filter.Fields != nil || !wantedEncoding(e.name) || m.have[one.key()] {
				continue
			}
			started := time.Now()
			auto, best := s.hash(t, profileSchema(s.fields, e.filter), nil).link(t)
			one.Auto, one.Best, one.Seconds = scoreOf(auto), scoreOf(best), time.Since(started).Seconds()
			fmt.Fprintf(os.Stderr, "%s, seed %d, %s: F1 %.4f by the chosen threshold, %.4f by the best (%.1f s)\n", s.name, s.seed, e.name, one.Auto.F1, one.Best.F1, one.Seconds)
			m.add(t, one)
		}
	}
}

func scoreOf(p quality.Point) *linkScore {
	return &linkScore{p.Threshold, p.Scores.Precision, p.Scores.Recall, p.Scores.F1}
}

// attack runs the attacks on n records of the council of an invented borough of its own.
func (m *measurements) attack(t *testing.T, n int, seed uint64) {
	t.Helper()
	for _, e := range profileEncodings {
		if !wantedEncoding(e.name) {
			continue
		}
		var missing []audit.Attack
		for _, a := range audit.Attacks() {
			one := measurement{Encoding: e.name, Records: n, Seed: seed, Attack: &audit.Outcome{Attack: a}}
			if strings.Contains(attackName(a), os.Getenv("COHORTLINK_ATTACKS")) && !m.have[one.key()] {
				missing = append(missing, a)
			}
		}
		if len(missing) == 0 {
			continue
		}
		fields, normalise, records := boroughCouncil(t, n, seed, e.filter.Household)
		key, err := hashing.NewKey("profiles", rand.NewChaCha8([32]byte{byte(seed), 1}))
		if err != nil {
			t.Fatal(err)
		}
		one := filtersApart(profileSchema(fields, e.filter))[0]
		options := own(normalise, one.fields)
		target, err := audit.NewTarget(one.fieldsOf(), options, ownOf(records, one.fields), key, one.encode(options), seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range missing {
			started := time.Now()
			o, err := audit.Run(context.Background(), target, a, seed)
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(started).Seconds()
			fmt.Fprintf(os.Stderr, "%s, seed %d: %s: %d of %d, %.1f %% (%.1f s)\n", e.name, seed, attackName(a), o.Right, o.Tried, 100*o.Share(), took)
			m.add(t, measurement{Encoding: e.name, Records: n, Seed: seed, Attack: &o, Seconds: took})
		}
	}
}

// boroughCouncil is the first n records of the council of an invented borough of 2n people: nearly all that it has, so
// that households stay together.
func boroughCouncil(t *testing.T, n int, seed uint64, addresses bool) (fields []hashing.Field, normalise []norm.Options, records [][]string) {
	t.Helper()
	dir := t.TempDir()
	s := borough.Clean()
	s.People, s.Seed = 2*n, seed
	if addresses {
		s.Addresses = borough.CleanAddresses()
	}
	sum, err := borough.Generate(dir, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := boroughProject("borough", &sum)
	party := &p.Parties[0]
	x, err := formats.OpenExtract(filepath.Join(dir, party.Name, "extract.csv"), extractOptions(party))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	cols, err := mapColumns("extract.csv", x.Header(), p, party)
	if err != nil {
		t.Fatal(err)
	}
	for len(records) < n {
		row, err := x.Next()
		if err != nil {
			t.Fatalf("%d records of the council, want %d: %v", len(records), n, err)
		}
		values := make([]string, len(cols.fields))
		for i, c := range cols.fields {
			values[i] = join(row, c)
		}
		records = append(records, values)
	}
	for _, f := range p.Fields {
		fields = append(fields, hashing.Field{Name: f.Name, Kind: norm.Kind(f.Kind)})
	}
	return fields, normaliseOptions(p, party), records
}
