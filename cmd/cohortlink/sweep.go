package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"cohortlink/formats"
	"cohortlink/linkage"
	"cohortlink/linkage/quality"
)

// sweep is a linkage read back, so that persons can be formed again at other
// thresholds from the pairs that were kept.
type sweep struct {
	first     []int
	clean     []bool
	pairs     []linkage.Pair
	threshold float64
	floor     float64
	entity    []int // of each record by number, and then of rows that were set aside
	party     []int
}

// readSweep reads a linked folder and the maps that tell which record is which
// row. entities holds the entity of each row, by party.
func readSweep(linked, maps string, entities map[string][]int) (*sweep, error) {
	m, err := formats.ReadLinkedManifest(linked)
	if err != nil {
		return nil, err
	}
	s := &sweep{first: []int{0}, threshold: m.Threshold.Score, floor: m.Floor}
	number := map[string]int32{} // of each record ID
	var asideEntity, asideParty []int
	for i, p := range m.Parties {
		rows, ok := entities[p.Name]
		if !ok {
			return nil, errorf("%s: party %q was linked, but its extract is not among those given", linked, p.Name)
		}
		path, err := findMap(maps, p.Name)
		if err != nil {
			return nil, err
		}
		rowMap, err := formats.ReadMap(path)
		if err != nil {
			return nil, err
		}
		type record struct {
			id  formats.RecordID
			row int
		}
		records := make([]record, len(rowMap.Rows))
		hashed := make([]bool, len(rows))
		for k, row := range rowMap.Rows {
			if row > len(rows) {
				return nil, errorf("%s: row %d is not in the extract of party %q", path, row, p.Name)
			}
			records[k] = record{rowMap.IDs[k], row - 1}
			hashed[row-1] = true
		}
		// A linkage numbers the records of a party in the order of their IDs.
		slices.SortFunc(records, func(a, b record) int { return slices.Compare(a.id[:], b.id[:]) })
		for _, r := range records {
			number[r.id.String()] = int32(len(s.entity))
			s.entity = append(s.entity, rows[r.row])
			s.party = append(s.party, i)
		}
		for row, ok := range hashed {
			if !ok {
				asideEntity = append(asideEntity, rows[row])
				asideParty = append(asideParty, i)
			}
		}
		s.first = append(s.first, len(s.entity))
		s.clean = append(s.clean, p.Deduplicated)
	}
	s.entity = append(s.entity, asideEntity...)
	s.party = append(s.party, asideParty...)

	var a, b, stage []string
	var score []float64
	var accepted []bool
	err = m.ReadLinkedTable(linked, formats.LinkedPairsFile, formats.PairsColumns, func(t *formats.TableReader) error {
		n, err := t.Next(&a, &b, &score, &accepted, &stage)
		for i := range n {
			x, ok1 := number[a[i]]
			y, ok2 := number[b[i]]
			if !ok1 || !ok2 {
				return errorf("%s was not linked from these maps: it has record IDs that they do not", linked)
			}
			s.pairs = append(s.pairs, linkage.Pair{A: x, B: y, Score: score[i]})
		}
		return err
	})
	return s, err
}

// sweepStep is how far apart the thresholds of a sweep are.
const sweepStep = 0.01

func (s *sweep) rows(within bool) []sweepRow {
	var out []sweepRow
	q := quality.Records{Person: make([]int, len(s.entity)), Entity: s.entity, Party: s.party, Within: within}
	for k := 0; ; k++ {
		// From the first whole hundredth above the floor.
		t := (float64(int(s.floor/sweepStep)) + 1 + float64(k)) * sweepStep
		if t > 1 {
			return out
		}
		person, n, _ := linkage.Persons(s.first, s.clean, s.pairs, t, s.floor)
		for i := range q.Person {
			if i < len(person) {
				q.Person[i] = int(person[i])
			} else {
				q.Person[i] = n + i
			}
		}
		got := quality.Score(q)
		out = append(out, sweepRow{t, got.Precision, got.Recall, got.F1})
		if got.TruePositives+got.FalsePositives == 0 {
			return out
		}
	}
}

// findMap finds a party's map in a folder, or in the party's folder inside it.
func findMap(dir, party string) (string, error) {
	for _, p := range []string{filepath.Join(dir, party+".map.csv"), filepath.Join(dir, party, party+".map.csv")} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("there is no %s.map.csv in %s", party, dir)
}
