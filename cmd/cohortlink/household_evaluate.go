package main

import (
	"io"
	"slices"
	"strings"

	"cohortlink/formats"
	"cohortlink/linkage/quality"
)

// Households held against the truth. What is scored are persons as they were linked, each
// once: two of them are a right pair when they were put into one household and the people
// they are, or for the most part are, live in one. So a person who was torn in two makes a
// pair that is right if both halves are in the household; and a wrong link costs what it
// costs the households.

// householdScores are of the persons whom the truth gives a household.
type householdScores struct {
	Persons int            `json:"persons"`
	Unknown int            `json:"persons_unknown"` // without a household ID; each counts as living alone
	Scores  quality.Scores `json:"scores"`
}

// householdIDs are the household IDs of records in linked extracts, by number.
type householdIDs struct {
	of    []int // of each record; -1 without one
	names map[string]int
}

func (h *householdIDs) add(id string) {
	if h == nil {
		return
	}
	n := -1
	if id != "" {
		n = intern(h.names, id)
	}
	h.of = append(h.of, n)
}

// scoreHouseholds holds linked households against a table of entity and household.
func scoreHouseholds(path string, truth *truthTable, l *linkedRecords) (*householdScores, error) {
	lives, err := readHouseholds(path, truth)
	if err != nil {
		return nil, err
	}
	type linked struct {
		household int
		entities  map[int]int // records of each
	}
	persons := map[int]*linked{}
	var order []*linked
	for i, p := range l.person {
		of := persons[p]
		if of == nil {
			of = &linked{household: l.households.of[i], entities: map[int]int{}}
			persons[p], order = of, append(order, of)
		}
		of.entities[truth.entity[l.truthRow[i]]]++
	}
	out := &householdScores{}
	var r quality.Records
	for i, p := range order {
		entity, most := -1, 0
		for e, n := range p.entities {
			if n > most || n == most && e < entity {
				entity, most = e, n
			}
		}
		home, ok := lives[entity]
		if !ok {
			continue
		}
		household := p.household
		if household < 0 {
			out.Unknown++
			household = -1 - i
		}
		r.Person, r.Entity, r.Party = append(r.Person, household), append(r.Entity, home), append(r.Party, 0)
	}
	if len(r.Person) == 0 {
		return nil, errorf("%s: it has none of the people in the truth", path)
	}
	r.Within = true
	out.Persons, out.Scores = len(r.Person), quality.Score(r)
	return out, nil
}

// readHouseholds reads the household of each entity.
func readHouseholds(path string, truth *truthTable) (map[int]int, error) {
	x, err := formats.OpenExtract(path, formats.ExtractOptions{})
	if err != nil {
		return nil, err
	}
	defer x.Close()
	at, err := columnsOf(path, "table of households", x.Header(), "entity", "household")
	if err != nil {
		return nil, err
	}
	lives, names := map[int]int{}, map[string]int{}
	for {
		row, err := x.Next()
		if err == io.EOF {
			return lives, nil
		} else if err != nil {
			return nil, inFile(path, err)
		}
		entity, ok := truth.names[row[at[0]]]
		if !ok || strings.TrimSpace(row[at[1]]) == "" {
			continue // in no extract, or not known
		}
		if _, again := lives[entity]; again {
			return nil, errorf("%s: row %d: this entity is there twice", path, x.Row())
		}
		lives[entity] = intern(names, row[at[1]])
	}
}

// householdColumn finds the column of household IDs in a linked extract.
func householdColumn(file string, header []string) (int, error) {
	i := slices.Index(header, "household_id")
	if i < 0 {
		return 0, errorf("%s: there is no column \"household_id\"\n\"cohortlink attach\" adds it where the project asks for households", file)
	}
	return i, nil
}

func (a *app) tellHouseholdScores(h *householdScores) {
	if h == nil {
		return
	}
	a.ui.resultf("\n%s, %s of them in no household that is known\n\n%-18s%9s%9s%9s\n", plural(h.Persons, "person"), thousands(h.Unknown), "households", "precision", "recall", "F1")
	for _, row := range []struct {
		name string
		quality.Rates
	}{
		{"pairs", quality.Rates{Precision: h.Scores.Precision, Recall: h.Scores.Recall, F1: h.Scores.F1}},
		{"households, exact", h.Scores.Exact},
		{"B-cubed", h.Scores.BCubed},
	} {
		a.ui.resultf("%-18s%9.4f%9.4f%9.4f\n", row.name, row.Precision, row.Recall, row.F1)
	}
}
