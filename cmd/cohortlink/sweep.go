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
	weighed   bool  // scores are match weights
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
	s := &sweep{first: []int{0}, threshold: m.Threshold.Score, floor: m.Floor, weighed: m.Evidence != nil}
	offsets, err := m.Offsets()
	if err != nil {
		return nil, errorf("%s holds what link does not write: %w\nlink again", linked, err)
	}
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
			s.pairs = append(s.pairs, linkage.Pair{A: x, B: y, Score: offsets.Add(score[i], s.party[x], s.party[y])})
		}
		return err
	})
	return s, err
}

// sweepStep is how far apart the thresholds of a sweep are.
const sweepStep = 0.01

// points scores the linkage at each whole hundredth from the first above the floor
// to the last at which there are links.
func (s *sweep) points(within bool) ([]quality.Point, error) {
	var top float64
	for _, p := range s.pairs {
		top = max(top, p.Score)
	}
	var thresholds []float64
	for k := int(s.floor/sweepStep) + 1; float64(k)*sweepStep <= top; k++ {
		thresholds = append(thresholds, float64(k)*sweepStep)
	}
	persons := make([]int, len(s.entity))
	return quality.Sweep(quality.Records{Entity: s.entity, Party: s.party, Within: within}, thresholds, func(t float64) ([]int, error) {
		person, n, _ := linkage.Persons(s.first, s.clean, s.pairs, t, linkage.Least(t, s.floor, s.weighed))
		for i := range persons {
			// A row that was set aside is a person of its own.
			if persons[i] = n + i; i < len(person) {
				persons[i] = int(person[i])
			}
		}
		return persons, nil
	})
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
