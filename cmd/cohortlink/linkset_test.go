package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/norm"
	"cohortlink/linkage"
	"cohortlink/linkage/quality"
)

// linkSet is one linkage with known truth, read once, so that it can be hashed and linked in many ways without a file:
// by the same schema, the same threshold and the same persons as hash and link make.
type linkSet struct {
	name    string
	seed    byte // of the key and the record IDs
	fields  []hashing.Field
	parties []linkSetParty
	within  bool
}

type linkSetParty struct {
	name      string
	clean     bool
	normalise []norm.Options
	values    [][]string // of each row, for each field
	entity    []int      // of each row
}

// linkSets reads or invents what is linked: boroughs, one of each setting for each seed, and the sets of people with known
// truth, under one key for each seed. only is a regular expression of names.
func linkSets(t *testing.T, people, practices, firstSeed, lastSeed int, only string) []*linkSet {
	t.Helper()
	var sets []*linkSet
	match, err := regexp.Compile(only)
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range []string{"clean", "dirty"} {
		for seed := firstSeed; seed <= lastSeed && match.MatchString(setting); seed++ {
			dir := filepath.Join(t.TempDir(), "borough")
			// NHS numbers are known for 60 %, so that the other fields count too.
			b := synthRun{app: quietApp(new(bytes.Buffer)), people: people, practices: practices, seed: uint64(seed), setting: setting, council: "index", withheld: 0.4}
			sum, err := b.run(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for _, p := range sum.Parties {
				found, err := filepath.Glob(filepath.Join(dir, p.Name, "extract.*"))
				if err != nil || len(found) != 1 {
					t.Fatalf("%d extracts of party %q (%v)", len(found), p.Name, err)
				}
				files[p.Name] = found[0]
			}
			sets = append(sets, readLinkSet(t, setting, byte(seed), filepath.Join(dir, "project.yaml"), filepath.Join(dir, "truth.csv"), files))
		}
	}
	projects, err := filepath.Glob(filepath.Join("..", "..", "testdata", "people", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, project := range projects {
		name := strings.TrimSuffix(filepath.Base(project), ".yaml")
		if !match.MatchString(name) {
			continue
		}
		folder := filepath.Join(sharedFolder(t), "data", "people", name)
		extracts, err := filepath.Glob(filepath.Join(folder, "party_*.csv"))
		if err != nil || len(extracts) == 0 {
			t.Fatalf("no extracts in %s (%v)", folder, err)
		}
		files := map[string]string{}
		for _, x := range extracts {
			files["party-"+strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(x), "party_"), ".csv"))] = x
		}
		truth := filepath.Join(t.TempDir(), "truth.csv")
		writeTruth(t, filepath.Join(folder, "truth.csv"), truth)
		s := readLinkSet(t, name, 1, project, truth, files)
		for seed := firstSeed; seed <= lastSeed; seed++ {
			again := *s
			again.seed = byte(seed)
			sets = append(sets, &again)
		}
	}
	return sets
}

func readLinkSet(t *testing.T, name string, seed byte, project, truthFile string, files map[string]string) *linkSet {
	t.Helper()
	p, err := formats.ReadProject(project)
	if err != nil {
		t.Fatal(err)
	}
	truth, err := readTruth(truthFile)
	if err != nil {
		t.Fatal(err)
	}
	s := &linkSet{name: name, seed: seed, within: len(files) == 1}
	for _, f := range p.Fields {
		s.fields = append(s.fields, hashing.Field{Name: f.Name, Kind: norm.Kind(f.Kind), Weight: f.Weight})
	}
	for i := range p.Parties {
		party := &p.Parties[i]
		q := linkSetParty{name: party.Name, clean: party.Deduplicated, normalise: normaliseOptions(p, party)}
		x, err := formats.OpenExtract(files[party.Name], extractOptions(party))
		if err != nil {
			t.Fatal(err)
		}
		cols, err := mapColumns(files[party.Name], x.Header(), p, party)
		if err != nil {
			t.Fatal(err)
		}
		known, rid := truth.row[party.Name], -1
		for {
			row, err := x.Next()
			var bad *formats.RowError
			if err == io.EOF {
				break
			} else if errors.As(err, &bad) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			if rid < 0 {
				rid = slices.IndexFunc(row, func(cell string) bool { _, ok := known[cell]; return ok })
			}
			if rid < 0 {
				t.Fatalf("%s: no column holds a record number of the truth", files[party.Name])
			}
			at, ok := known[row[rid]]
			if !ok {
				t.Fatalf("%s: row %d is not in the truth", files[party.Name], x.Row())
			}
			values := make([]string, len(cols.fields))
			for i, c := range cols.fields {
				values[i] = join(row, c)
			}
			q.values, q.entity = append(q.values, values), append(q.entity, truth.entity[at])
		}
		x.Close()
		s.parties = append(s.parties, q)
	}
	return s
}

// hashedSet is a set under one schema.
type hashedSet struct {
	within  bool
	layout  formats.FilterLayout
	digests []uint64 // of each row's filter, in order
	parties []linkage.Party
	rows    map[linkage.RecordID]linkSetRow
	aside   []linkSetRow // rows without a filter, persons of their own
}

type linkSetRow struct{ entity, party int }

var linkSetHash = maphash.MakeSeed()

// hash makes the set's filters, of which the schema asks for one. values, where not nil, changes a row's values beforehand.
func (s *linkSet) hash(t *testing.T, schema hashing.Schema, values func(row []string) []string) *hashedSet {
	t.Helper()
	key, err := hashing.NewKey(schema.Project, seeded(s.seed))
	if err != nil {
		t.Fatal(err)
	}
	random := seeded(s.seed + 100)
	out := &hashedSet{within: s.within, layout: layoutsOf(&schema)[0], rows: map[linkage.RecordID]linkSetRow{}}
	for pi, p := range s.parties {
		options := p.normalise
		for len(options) < len(schema.Fields) {
			options = append(slices.Clone(options), norm.Options{})
		}
		h, err := hashing.NewHasher(schema, key, options)
		if err != nil {
			t.Fatal(err)
		}
		w, bits := h.Worker(), make([]uint64, h.Words())
		q := linkage.Party{Name: p.name, Deduplicated: p.clean}
		for i, row := range p.values {
			var id linkage.RecordID
			if _, err := io.ReadFull(random, id[:]); err != nil { // also of rows set aside, so that the others keep theirs
				t.Fatal(err)
			}
			if values != nil {
				row = values(row)
			}
			unusable := w.Hash(row, bits).Unusable
			out.digests = append(out.digests, maphash.Comparable(linkSetHash, fmt.Sprint(bits, unusable)))
			r := linkSetRow{entity: p.entity[i], party: pi}
			if unusable {
				out.aside = append(out.aside, r)
				continue
			}
			out.rows[id] = r
			q.IDs = append(q.IDs, id)
			q.Bits = append(q.Bits, bits...)
		}
		out.parties = append(out.parties, q)
	}
	return out
}

// chosen links the set by the threshold chosen from the scores, and has its records and those set aside, for scoring.
func (h *hashedSet) chosen(t *testing.T) (*linkage.Result, quality.Records) {
	t.Helper()
	res, err := linkage.Link(t.Context(), h.parties, linkage.Options{Length: h.layout.Bits, Similarity: h.layout.Similarity})
	if err != nil {
		t.Fatal(err)
	}
	r := quality.Records{Within: h.within}
	add := func(row linkSetRow, person int) {
		r.Entity, r.Party, r.Person = append(r.Entity, row.entity), append(r.Party, row.party), append(r.Person, person)
	}
	for i, id := range res.IDs {
		add(h.rows[id], int(res.Person[i]))
	}
	for i, row := range h.aside {
		add(row, res.Persons+i)
	}
	return res, r
}

// link scores the persons that the threshold chosen from the scores makes, and those of the best threshold, which is looked
// for around it.
func (h *hashedSet) link(t *testing.T) (auto, best quality.Point) {
	t.Helper()
	res, r := h.chosen(t)
	auto = quality.Point{Threshold: res.Score(), Scores: quality.Score(r)}

	const step, steps = 0.015, 6
	var thresholds []float64
	for k := -steps; k <= steps; k++ {
		if at := res.Score() + step*float64(k); at >= res.Floor && at <= 1 {
			thresholds = append(thresholds, at)
		}
	}
	persons := slices.Clone(r.Person)
	points, err := quality.Sweep(r, thresholds, func(threshold float64) ([]int, error) {
		person, n, _ := linkage.Persons(res.First, res.Clean, res.Pairs, threshold, linkage.Least(threshold, res.Floor, res.Evidence != nil))
		for i := range persons {
			if persons[i] = n + i; i < len(person) {
				persons[i] = int(person[i])
			}
		}
		return persons, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	best, _ = quality.Best(points)
	return auto, best
}
