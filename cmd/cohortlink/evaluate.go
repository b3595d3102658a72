package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/linkage/quality"
)

func newEvaluate(a *app) *cobra.Command {
	var e evaluateRun
	cmd := &cobra.Command{
		Use:   "evaluate --truth TRUTH EXTRACT_WITH_PERSON_ID...",
		Short: "Precision and recall, where the truth is known",
		Long: `Compares person IDs with the truth: pairs of records (precision, recall, F1),
persons that are exactly right, and B-cubed. Each extract is one that "attach"
wrote; its party is the part of its name before the first dot, or is given as
PARTY=FILE. The truth is a table with the columns entity, party and rid, where rid
is the extract's own record number; which column holds that is found out.

With --linked and --maps also what other thresholds would have given.
` + exitHelp,
		Example: `  cohortlink evaluate --truth truth.csv council.linked.csv ccg.linked.csv
  cohortlink evaluate --truth truth.csv --linked linked --maps maps *.linked.csv`,
		Args: args(1, -1, "at least one extract with person IDs"),
		RunE: func(_ *cobra.Command, args []string) error {
			e.app, e.files = a, args
			got, err := e.run()
			if err != nil {
				return err
			}
			if e.json {
				return a.ui.resultJSON(got)
			}
			a.tellEvaluation(got)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&e.truth, "truth", "", "a table with the columns entity, party, rid")
	f.StringVar(&e.linked, "linked", "", "the linked folder, for the sweep over thresholds")
	f.StringVar(&e.maps, "maps", "", "the folder with the maps PARTY.map.csv (or PARTY/PARTY.map.csv), for the sweep")
	f.StringVar(&e.ridColumn, "record-key", "", "the column that holds rid (default: found out)")
	f.StringVar(&e.project, "project", "", "the project file, where it says how the extracts are to be read")
	f.BoolVar(&e.within, "within", false, "count pairs of one party too (always so for a single extract)")
	f.BoolVar(&e.json, "json", false, "print as JSON")
	return cmd
}

type evaluateRun struct {
	app                          *app
	files                        []string
	truth, linked, maps, project string
	ridColumn                    string
	within, json                 bool
	unread                       int // rows so far that could not be read
}

type evaluation struct {
	Records int            `json:"records"`
	Parties []string       `json:"parties"`
	Within  bool           `json:"pairs_within_parties"`
	Scores  quality.Scores `json:"scores"`
	Sweep   []sweepRow     `json:"sweep,omitempty"`
	Chosen  *float64       `json:"threshold,omitempty"`
}

type sweepRow struct {
	Threshold float64 `json:"threshold"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// truthTable holds the entity of each record, by party and rid.
type truthTable struct {
	entity  map[string]map[string]int
	records int
}

func (e *evaluateRun) run() (*evaluation, error) {
	if e.truth == "" {
		return nil, usagef("name the truth with --truth")
	}
	truth, err := readTruth(e.truth)
	if err != nil {
		return nil, err
	}
	var project *formats.Project
	if e.project != "" {
		if project, err = formats.ReadProject(e.project); err != nil {
			return nil, err
		}
	}
	out := &evaluation{Within: e.within || len(e.files) == 1}
	q := quality.Records{Within: out.Within}
	persons := map[string]int{}
	rowEntity := map[string][]int{} // by party: entity of each row, for the sweep
	for _, arg := range e.files {
		party, file := partyOfFile(arg)
		if slices.Contains(out.Parties, party) {
			return nil, usagef("party %q is there twice", party)
		}
		options := formats.ExtractOptions{}
		if project != nil {
			p, err := project.Party(party)
			if err != nil {
				return nil, err
			}
			options = extractOptions(p)
		}
		rows, err := e.readLinkedExtract(file, options, truth, party)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			rowEntity[party] = append(rowEntity[party], r.entity)
			// A row that was set aside is in no person: it is a person of its own.
			person := -1 - len(q.Person)
			if r.person != "" {
				p, ok := persons[r.person]
				if !ok {
					p = len(persons)
					persons[r.person] = p
				}
				person = p
			}
			q.Person = append(q.Person, person)
			q.Entity = append(q.Entity, r.entity)
			q.Party = append(q.Party, len(out.Parties))
		}
		out.Parties = append(out.Parties, party)
	}
	out.Records = len(q.Person)
	out.Scores = quality.Score(q)
	if e.linked != "" || e.maps != "" {
		if e.linked == "" || e.maps == "" {
			return nil, usagef("the sweep needs both --linked and --maps")
		}
		s, err := readSweep(e.linked, e.maps, rowEntity)
		if err != nil {
			return nil, err
		}
		out.Chosen, out.Sweep = &s.threshold, s.rows(out.Within)
	}
	return out, nil
}

func partyOfFile(arg string) (party, file string) {
	if p, f, ok := strings.Cut(arg, "="); ok && formats.CheckName("party", p) == nil {
		return p, f
	}
	party, _, _ = strings.Cut(filepath.Base(arg), ".")
	return party, arg
}

func readTruth(path string) (*truthTable, error) {
	t := &truthTable{entity: map[string]map[string]int{}}
	x, err := formats.OpenExtract(path, formats.ExtractOptions{})
	if err != nil {
		return nil, err
	}
	defer x.Close()
	var at [3]int
	for i, name := range []string{"entity", "party", "rid"} {
		if at[i] = slices.Index(x.Header(), name); at[i] < 0 {
			return nil, errorf("%s: the truth needs the columns entity, party and rid: there is no column %q", path, name)
		}
	}
	entities := map[string]int{}
	for {
		row, err := x.Next()
		if err == io.EOF {
			return t, nil
		} else if bad := (*formats.RowError)(nil); errors.As(err, &bad) {
			return nil, errorf("%s: %w", path, err)
		} else if err != nil {
			return nil, err
		}
		id, ok := entities[row[at[0]]]
		if !ok {
			id = len(entities)
			entities[row[at[0]]] = id
		}
		party := t.entity[row[at[1]]]
		if party == nil {
			party = map[string]int{}
			t.entity[row[at[1]]] = party
		}
		if _, again := party[row[at[2]]]; again {
			return nil, errorf("%s: row %d: this party has the same rid twice", path, x.Row())
		}
		party[row[at[2]]] = id
		t.records++
	}
}

type linkedRow struct {
	entity int
	person string
}

// readLinkedExtract reads the rows of an extract with person IDs. The column of
// record numbers is the one whose cells the truth knows.
func (e *evaluateRun) readLinkedExtract(file string, options formats.ExtractOptions, truth *truthTable, party string) ([]linkedRow, error) {
	known := truth.entity[party]
	if known == nil {
		return nil, errorf("%s: the truth has no party %q\nname the party as PARTY=%s", file, party, file)
	}
	x, err := formats.OpenExtract(file, options)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	person := slices.Index(x.Header(), "person_id")
	if person < 0 {
		return nil, errorf("%s: there is no column \"person_id\"\nadd it with \"cohortlink attach\"", file)
	}
	rid := -1
	if e.ridColumn != "" {
		if rid = slices.Index(x.Header(), e.ridColumn); rid < 0 {
			return nil, errorf("%s: there is no column %q%s", file, e.ridColumn, nearest(e.ridColumn, x.Header()))
		}
	}
	var rows []linkedRow
	before := e.unread
	for {
		row, err := x.Next()
		var bad *formats.RowError
		if err == io.EOF {
			break
		} else if errors.As(err, &bad) {
			// Attach keeps a row that hash set aside. Whose it is cannot be read: it is an entity of its own.
			e.unread++
			rows = append(rows, linkedRow{entity: -e.unread})
			continue
		} else if err != nil {
			return nil, err
		}
		if rid < 0 {
			rid = slices.IndexFunc(row, func(cell string) bool { _, ok := known[cell]; return ok })
			if rid < 0 {
				return nil, errorf("%s: row 1: no column holds a record number that the truth knows for party %q", file, party)
			}
		}
		entity, ok := known[row[rid]]
		if !ok {
			return nil, errorf("%s: row %d: the truth does not know this record of party %q", file, x.Row(), party)
		}
		rows = append(rows, linkedRow{entity, row[person]})
	}
	if n := e.unread - before; n > 0 {
		e.app.ui.warnf("%s: %s cannot be read, and count as people whom nobody else knows", file, plural(n, "row"))
	}
	return rows, nil
}

func (a *app) tellEvaluation(e *evaluation) {
	s := e.Scores
	what := "pairs of records of different parties"
	if e.Within {
		what = "pairs of records, those of one party too"
	}
	ui := a.ui
	ui.resultf("%s of %s; %s\n\n", plural(e.Records, "record"), parties(len(e.Parties)), what)
	ui.resultf("                  precision   recall       F1\n")
	row := func(name string, p, r, f float64) { ui.resultf("%-18s%9.4f%9.4f%9.4f\n", name, p, r, f) }
	row("pairs", s.Precision, s.Recall, s.F1)
	row("persons, exact", s.Exact.Precision, s.Exact.Recall, s.Exact.F1)
	row("B-cubed", s.BCubed.Precision, s.BCubed.Recall, s.BCubed.F1)
	ui.resultf("\n%s right, %s wrong, %s missed\n", plural(s.TruePositives, "pair"), thousands(s.FalsePositives), thousands(s.FalseNegatives))
	if len(e.Sweep) > 0 {
		ui.resultf("\nat other thresholds (%.3f was used)\n\n                  precision   recall       F1\n", *e.Chosen)
		for _, r := range e.Sweep {
			row(fmt.Sprintf("%.3f", r.Threshold), r.Precision, r.Recall, r.F1)
		}
	}
}
