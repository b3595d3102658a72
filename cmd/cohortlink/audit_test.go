package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/audit"
	"cohortlink/hashing/norm"
)

// sampleOf reads the records of an extract as audit does.
func sampleOf(t *testing.T, dir, name string) (*recordSample, *formats.Project, *formats.ProjectParty) {
	t.Helper()
	p, err := formats.ReadProject(filepath.Join(dir, "project.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	party, err := p.Party(name)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, name, "extract.csv")
	x, err := formats.OpenExtract(file, extractOptions(party))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	cols, err := mapColumns(file, x.Header(), p, party)
	if err != nil {
		t.Fatal(err)
	}
	s, err := readRecords(context.Background(), quietApp(new(bytes.Buffer)), x, cols, p, party)
	if err != nil {
		t.Fatal(err)
	}
	return s, p, party
}

// TestSampleKeepsHouseholds: the sample is of the size asked for, of records of the
// extract, no row twice, and whole postcodes but for the last.
func TestSampleKeepsHouseholds(t *testing.T) {
	dir, _ := synthesise(t, 1500, 1)
	s, p, _ := sampleOf(t, dir, "council")
	postcode := -1
	for i, f := range p.Fields {
		if f.Kind == "postcode" {
			postcode = i
		}
	}
	home, err := norm.New(norm.Postcode, norm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	whole := map[string]int{}
	for _, r := range s.records {
		if h, _ := home.Value(r.values[postcode]); h != "" {
			whole[h]++
		}
	}
	for seed := range uint64(3) {
		for _, n := range []int{1, 100, 1 << 20} {
			got := s.people(n, seed)
			if len(got) != min(n, len(s.records)) {
				t.Fatalf("asked for %d of %d, got %d", n, len(s.records), len(got))
			}
			drawn := map[string]int{}
			for _, r := range got {
				if h, _ := home.Value(r[postcode]); h != "" {
					drawn[h]++
				}
			}
			torn := 0
			for h, k := range drawn {
				if k > whole[h] {
					t.Fatalf("a postcode has %d records in the sample, and %d in the extract", k, whole[h])
				} else if k < whole[h] {
					torn++
				}
			}
			if torn > 1 {
				t.Errorf("a sample of %d tears %d postcodes apart", n, torn)
			}
		}
	}
	if a, b := fmt.Sprint(s.people(50, 1)), fmt.Sprint(s.people(50, 1)); a != b {
		t.Error("one seed draws two samples")
	}
	if a, b := fmt.Sprint(s.people(50, 1)), fmt.Sprint(s.people(50, 2)); a == b {
		t.Error("two seeds draw one sample")
	}
}

// TestGroupHash: as many postcodes are kept at each level as there should be.
func TestGroupHash(t *testing.T) {
	const n = 1 << 16
	for _, home := range []bool{true, false} {
		kept := 0
		for i := range n {
			place := ""
			if home {
				place = fmt.Sprintf("RG%dXY", i)
			}
			if groupHash(place, uint64(i))&7 == 0 {
				kept++
			}
		}
		if kept < n/8-600 || kept > n/8+600 {
			t.Errorf("with a postcode %v: %d of %d kept, want about %d", home, kept, n, n/8)
		}
	}
}

// TestSpoil: an error is made as often as it should be, in the kind of field where it
// should be, and what comes out can be read again.
func TestSpoil(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	fields := []hashing.Field{{Name: "surname", Kind: norm.Name}, {Name: "birth_date", Kind: norm.Date}, {Name: "sex", Kind: norm.Sex}, {Name: "postcode", Kind: norm.Postcode}, {Name: "number", Kind: norm.NHSNumber}}
	var records [][]string
	for i := range 500 {
		records = append(records, []string{
			strings.Repeat(string(rune('A'+i%26)), 3+i%6) + string(rune('A'+i/26)), fmt.Sprintf("%d%02d%02d", 1930+i%90, 1+i%12, 1+i%28), []string{"M", "F"}[i%2],
			fmt.Sprintf("RG%d%d%c%c", 1+i%9, i/9%10, "ABDEFGHJLN"[i%10], "PQRSTUWXYZ"[i/10%10]), "9990000018",
		})
	}
	for s := range errorSettings {
		set := &errorSettings[s]
		changed := make([]int, len(fields))
		const rounds = 40
		for range rounds {
			for _, rec := range records {
				for i, v := range set.spoil(r, fields, rec, records) {
					if v != rec[i] {
						changed[i]++
					}
					if fields[i].Kind == norm.Date && len(v) != 8 || fields[i].Kind == norm.Sex && v != "M" && v != "F" {
						t.Fatalf("%s: a value of kind %s became something else", set.Name, fields[i].Kind)
					}
				}
			}
		}
		for i, f := range fields {
			got, most := float64(changed[i])/float64(rounds*len(records)), set.rates[f.Kind]
			// Another's value may be the same by chance; never more than the rate.
			if got > most*1.1+0.002 || got < most*0.4-0.002 {
				t.Errorf("%s: %s differs in %.4f, the rate is %.4f", set.Name, f.Kind, got, most)
			}
		}
		for _, k := range norm.Kinds() {
			if set.rates[k] <= 0 || set.rates[k] >= 1 {
				t.Errorf("%s: kind %s has rate %g", set.Name, k, set.rates[k])
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) { // whatever is in a record, nothing breaks
		s := rapid.SliceOfN(rapid.String(), 5, 5).Draw(t, "record")
		for i := range errorSettings {
			if got := errorSettings[i].spoil(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)), fields, s, [][]string{s}); len(got) != 5 {
				t.Fatal("a field was lost")
			}
		}
	})
}

// TestCosts: with no more errors than two well-kept systems have, records find their
// copies; with more errors fewer do.
func TestCosts(t *testing.T) {
	dir, _ := synthesise(t, 1500, 1)
	s, p, party := sampleOf(t, dir, "council")
	text, err := os.ReadFile(filepath.Join(dir, "project.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hashing.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := schemaOf(p)
	if err != nil {
		t.Fatal(err)
	}
	a := &auditAttack{app: quietApp(new(bytes.Buffer)), key: key, normalise: normaliseOptions(p, party), sample: s, people: 500, seeds: 1}
	c, err := a.costs(context.Background(), filtersApart(schema), comparisons(schema))
	if err != nil {
		t.Fatal(err)
	}
	if c == nil || len(c.Lines) == 0 || len(c.Settings) != len(errorSettings) {
		t.Fatalf("costs are %+v", c)
	}
	mine := 0
	for _, l := range c.Lines {
		if l.This {
			mine++
		}
		kept, scanned := l.Costs[0], l.Costs[1]
		t.Logf("%s %d bits: %.4f %.4f", l.Name, l.Bits, kept.F1, scanned.F1)
		if kept.F1 < 0.9 || scanned.F1 < 0.7 || scanned.F1 > kept.F1 {
			t.Errorf("%s: F1 %.4f with few errors, %.4f with many", l.Name, kept.F1, scanned.F1)
		}
	}
	if mine != 1 {
		t.Errorf("%d lines are the project's own, want 1", mine)
	}
}

// TestCheckFilters: plain filters of people are refused by their bits alone, unless a
// reason is given, which comes back; random ones are not.
func TestCheckFilters(t *testing.T) {
	dir, _ := synthesise(t, 1500, 1)
	s, p, party := sampleOf(t, dir, "council")
	text, err := os.ReadFile(filepath.Join(dir, "project.key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hashing.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := schemaOf(p)
	if err != nil {
		t.Fatal(err)
	}
	plain := comparisons(schema)[0]
	f, err := plain.encode(normaliseOptions(p, party))(key, s.values())
	if err != nil {
		t.Fatal(err)
	}
	m := formats.FiltersManifest{Filters: []formats.FilterLayout{plain.layout}}
	var errs bytes.Buffer
	a := quietApp(&errs)
	if _, err := a.checkFilters(sentOf(m, [][]uint64{f.Rows}), ""); err == nil || !strings.Contains(err.Error(), "--accept-weak") || !strings.Contains(err.Error(), "set together") {
		t.Errorf("plain filters: %v", err)
	}
	weak, err := a.checkFilters(sentOf(m, [][]uint64{f.Rows}), "a pilot")
	if err != nil || len(weak) == 0 || !strings.HasSuffix(weak[0], "accepted because: a pilot") {
		t.Errorf("accepted plain filters: %q, %v", weak, err)
	}
	if !strings.Contains(errs.String(), "warning: filter record: ") {
		t.Errorf("what was accepted is not said: %s", &errs)
	}
	r := rand.New(rand.NewPCG(1, 1))
	for i := range f.Rows {
		f.Rows[i] = r.Uint64()
	}
	if weak, err := a.checkFilters(sentOf(m, [][]uint64{f.Rows}), ""); err != nil || weak != nil {
		t.Errorf("random filters: %q, %v", weak, err)
	}
	// A small file is not refused, and not passed over in silence.
	errs.Reset()
	if _, err := a.checkFilters(sentOf(m, [][]uint64{f.Rows[:10*plain.layout.Bits/64]}), ""); err != nil || !strings.Contains(errs.String(), "too few") {
		t.Errorf("ten records: %v, %s", err, &errs)
	}
}

// TestVerdictLine: what nobody could have recovered is a dash, not a success.
func TestVerdictLine(t *testing.T) {
	for _, a := range audit.Attacks() {
		line := verdictLine(audit.Judge(a, []audit.Outcome{{Attack: a}}, nil))
		if line.Share != "-" || line.Range != "-" || line.GradeWord == gradeWords[audit.Pass] {
			t.Errorf("%s, nobody tried: %+v", a.Name, line)
		}
	}
}

// TestSentOfBatches: each filter of each usable record, once, and nothing else.
func TestSentOfBatches(t *testing.T) {
	layouts := []formats.FilterLayout{{Name: "a", Bits: 128}, {Name: "b", Bits: 64}}
	batches := []*batch{
		{bits: []uint64{1, 2, 3, 4, 5, 6, 7, 8, 0}, ok: []bool{true, false, true}},
		{bits: []uint64{9, 10, 11}, ok: []bool{true}},
		{},
	}
	row := func(b *batch, i int, dst []uint64) ([]uint64, error) {
		if b.bits[0] == 0xbad {
			return nil, fmt.Errorf("the disk is damaged")
		}
		return b.bits[i*len(dst):][:len(dst)], nil
	}
	got, err := sentOfBatches(batches, layouts, 3, row)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got[0].Rows, got[1].Rows) != "[1 2 7 8 9 10] [3 11]" {
		t.Errorf("%v and %v", got[0].Rows, got[1].Rows)
	}
	if got[0].Name != "a" || got[1].Bits != 64 || len(got) != 2 {
		t.Errorf("%+v", got)
	}
	// Of more records than are looked at, evenly spread ones.
	many := &batch{}
	for i := range mostLooked*2 + 5 {
		many.bits, many.ok = append(many.bits, uint64(i+1)), append(many.ok, true)
	}
	if got, err = sentOfBatches([]*batch{many}, layouts[1:], 1, row); err != nil {
		t.Fatal(err)
	}
	rows := got[0].Rows
	if len(rows) > mostLooked || len(rows) < mostLooked/2 || rows[len(rows)-1] < mostLooked*2-5 {
		t.Errorf("%d rows, the last is that of record %d", len(rows), rows[len(rows)-1])
	}
	many.bits[0] = 0xbad
	if _, err := sentOfBatches([]*batch{many}, layouts[1:], 1, row); err == nil {
		t.Error("a row that could not be read went unnoticed")
	}
}
