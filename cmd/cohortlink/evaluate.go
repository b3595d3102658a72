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
		Short: "Precision and recall, where the truth is known, and why links were missed",
		Long: `Compares person IDs with the truth: pairs of records (precision, recall, F1),
persons that are exactly right, and B-cubed. Each extract is one that "attach"
wrote; its party is the part of its name before the first dot, or is given as
PARTY=FILE. The truth is a table with the columns entity, party and rid, where rid
is the extract's own record number; which column holds that is found out.

The truth may say more of a record's person: sex, age_band, ethnic_group and
deprivation show whom linking misses; household and twin (yes or no) show who is
wrongly joined. --events names a table with the columns party, rid and causes (words
with spaces between), and shows what missed pairs have wrong. A rate that is too
small to judge is marked. "synth" writes both tables. With --project, wrong pairs
that share an NHS number are told apart, and --complete adds the scores of pairs
whose two records both hold names, a date of birth, and a postcode or an NHS number.
With --households, a table with the columns entity and household, who was put into one
household is scored too.

With --linked and --maps also what other thresholds would have given. --html draws
all of it as one page, for those who answer for the linkage.
` + exitHelp,
		Example: `  cohortlink evaluate --truth truth.csv council.linked.csv ccg.linked.csv
  cohortlink evaluate --truth truth.csv --events events.csv --html why.html *.linked.csv
  cohortlink evaluate --truth truth.csv --project project.yaml --complete *.linked.csv
  cohortlink evaluate --truth truth.csv --linked linked --maps maps *.linked.csv`,
		Args: args(1, -1, "at least one extract with person IDs"),
		RunE: func(_ *cobra.Command, args []string) error {
			var err error
			if e.files, err = expand(args); err != nil {
				return err
			}
			e.app = a
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
	f.StringVar(&e.truth, "truth", "", "a table with the columns entity, party, rid, and more about people if known")
	f.StringVar(&e.events, "events", "", "a table with the columns party, rid, causes: what records have wrong")
	f.StringVar(&e.households, "households", "", "a table with the columns entity, household: also score who was put into one household")
	f.StringVar(&e.linked, "linked", "", "the linked folder, for the sweep over thresholds")
	f.StringVar(&e.maps, "maps", "", "the folder with the maps PARTY.map.csv (or PARTY/PARTY.map.csv), for the sweep")
	f.StringVar(&e.ridColumn, "record-key", "", "the column that holds rid (default: found out)")
	f.StringVar(&e.project, "project", "", "the project file: how the extracts are to be read, and which columns hold what")
	f.BoolVar(&e.within, "within", false, "count pairs of one party too (always so for a single extract)")
	f.BoolVar(&e.complete, "complete", false, "also score the pairs whose records hold enough to be found; needs --project")
	f.StringVar(&e.html, "html", "", "also write the result as a page to this file")
	f.BoolVar(&e.json, "json", false, "print as JSON")
	return cmd
}

type evaluateRun struct {
	app                    *app
	files                  []string
	truth, events, project string
	households             string
	linked, maps           string
	ridColumn, html        string
	within, complete, json bool
	invented               bool // the people are: the page says so
}

type evaluation struct {
	Records    int                `json:"records"`
	Parties    []string           `json:"parties"`
	Within     bool               `json:"pairs_within_parties"`
	Scores     quality.Scores     `json:"scores"`
	Complete   *completeScores    `json:"complete,omitempty"`
	Households *householdScores   `json:"households,omitempty"`
	Why        *quality.Breakdown `json:"why"` // of all pairs, complete or not
	Sweep      []quality.Point    `json:"sweep,omitempty"`
	Threshold  *float64           `json:"threshold,omitempty"` // the one that was used
}

// completeScores are of the pairs whose two records are complete (holdings).
type completeScores struct {
	Records int            `json:"records"`
	Scores  quality.Scores `json:"scores"`
}

func (e *evaluateRun) run() (*evaluation, error) {
	if e.truth == "" {
		return nil, usagef("name the truth with --truth")
	}
	if e.complete && e.project == "" {
		return nil, usagef("--complete needs --project, which says which columns hold names, dates, postcodes and NHS numbers")
	}
	if (e.linked == "") != (e.maps == "") {
		return nil, usagef("the sweep needs both --linked and --maps")
	}
	truth, err := readTruth(e.truth)
	if err != nil {
		return nil, err
	}
	if e.events != "" {
		if err := truth.readEvents(e.events); err != nil {
			return nil, err
		}
	}
	var project *formats.Project
	if e.project != "" {
		if project, err = formats.ReadProject(e.project); err != nil {
			return nil, err
		}
	}
	if e.complete {
		if err := canBeComplete(project); err != nil {
			return nil, err
		}
	}
	out := &evaluation{Within: e.within || len(e.files) == 1}
	l := linkedRecords{persons: map[string]int{}, numbers: map[string]int{}}
	if e.households != "" {
		l.households = &householdIDs{names: map[string]int{}}
	}
	rowEntity := map[string][]int{} // by party: entity of each row, for the sweep
	inputs := []string{e.truth, e.events, e.project, e.households}
	for _, arg := range e.files {
		party, file := partyOfFile(arg)
		if slices.Contains(out.Parties, party) {
			return nil, usagef("party %q is there twice", party)
		}
		first := len(l.person)
		if err := e.readLinkedExtract(&l, file, project, truth, party); err != nil {
			return nil, err
		}
		for _, at := range l.truthRow[first:] {
			l.party = append(l.party, len(out.Parties))
			rowEntity[party] = append(rowEntity[party], truth.entity[at])
		}
		out.Parties = append(out.Parties, party)
		inputs = append(inputs, file)
	}
	r := quality.Records{Person: l.person, Entity: pick(truth.entity, l.truthRow), Party: l.party, Within: out.Within}
	out.Records = len(r.Person)
	out.Scores = quality.Score(r)
	if out.Why, err = quality.Why(r, truth.facts(out.Parties, &l)); err != nil {
		return nil, errorf("%s: %w", e.truth, err)
	}
	if e.complete {
		r.Only = l.complete
		out.Complete = &completeScores{Scores: quality.Score(r)}
		for _, is := range l.complete {
			if is {
				out.Complete.Records++
			}
		}
	}
	if e.households != "" {
		if out.Households, err = scoreHouseholds(e.households, truth, &l); err != nil {
			return nil, err
		}
	}
	if e.linked != "" {
		s, err := readSweep(e.linked, e.maps, rowEntity)
		if err != nil {
			return nil, err
		}
		out.Threshold = &s.threshold
		if out.Sweep, err = s.points(out.Within); err != nil {
			return nil, err
		}
	}
	if e.html != "" {
		if err := e.writePage(out, project, inputs); err != nil {
			return nil, err
		}
		e.app.ui.sayf("page written to %q", e.html)
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

// linkedRecords are the rows of all extracts, in the order they were read.
type linkedRecords struct {
	person   []int
	party    []int
	truthRow []int  // where the truth has the record
	complete []bool // see holdings
	number   []int  // equal for equal NHS numbers; -1 without one

	households *householdIDs // nil: not asked for

	persons, numbers map[string]int // person IDs and NHS numbers as the numbers above
}

// intern is the number of a word: that of the first time, or the next.
func intern(words map[string]int, word string) int {
	n, ok := words[word]
	if !ok {
		n = len(words)
		words[strings.Clone(word)] = n
	}
	return n
}

// readLinkedExtract reads the rows of an extract with person IDs. The column of
// record numbers is the one whose cells the truth knows.
func (e *evaluateRun) readLinkedExtract(l *linkedRecords, file string, project *formats.Project, truth *truthTable, party string) error {
	known := truth.row[party]
	if known == nil {
		return errorf("%s: the truth has no party %q\nname the party as PARTY=%s", file, party, file)
	}
	var options formats.ExtractOptions
	var own *formats.ProjectParty
	if project != nil {
		var err error
		if own, err = project.Party(party); err != nil {
			return err
		}
		options = extractOptions(own)
	}
	x, err := formats.OpenExtract(file, options)
	if err != nil {
		return err
	}
	defer x.Close()
	person := slices.Index(x.Header(), "person_id")
	if person < 0 {
		return errorf("%s: there is no column \"person_id\"\nadd it with \"cohortlink attach\"", file)
	}
	household := -1
	if l.households != nil {
		if household, err = householdColumn(file, x.Header()); err != nil {
			return err
		}
	}
	rid := -1
	if e.ridColumn != "" {
		if rid = slices.Index(x.Header(), e.ridColumn); rid < 0 {
			return errorf("%s: there is no column %q%s", file, e.ridColumn, nearest(e.ridColumn, x.Header()))
		}
	}
	var h *holdings
	if own != nil {
		if h, err = newHoldings(file, x.Header(), project, own); err != nil {
			return err
		}
	}
	for unread := 0; ; {
		row, err := x.Next()
		var bad *formats.RowError
		switch {
		case err == io.EOF:
			if unread > 0 {
				e.app.ui.warnf("%s: %s cannot be read, and count as people whom nobody else knows", file, plural(unread, "row"))
			}
			return nil
		case errors.As(err, &bad):
			unread++
			l.add(truth.unknown(), "", false, "")
			l.households.add("")
			continue
		case err != nil:
			return err
		}
		if rid < 0 {
			rid = slices.IndexFunc(row, func(cell string) bool { _, ok := known[cell]; return ok })
			if rid < 0 {
				return errorf("%s: row %d: no column holds a record number that the truth knows for party %q", file, x.Row(), party)
			}
		}
		at, ok := known[row[rid]]
		if !ok {
			hint := ""
			if e.ridColumn == "" {
				hint = fmt.Sprintf("\nthe record number was looked for in column %q: name another with --record-key", x.Header()[rid])
			}
			return errorf("%s: row %d: the truth does not know this record of party %q%s", file, x.Row(), party, hint)
		}
		complete, number := h.of(row)
		l.add(at, row[person], complete, number)
		if household >= 0 {
			l.households.add(row[household])
		}
	}
}

// add adds a record. A row that was set aside has no person ID, is in no person,
// and so is a person of its own.
func (l *linkedRecords) add(truthRow int, personID string, complete bool, number string) {
	p, n := -1-len(l.person), -1
	if personID != "" {
		p = intern(l.persons, personID)
	}
	if number != "" {
		n = intern(l.numbers, number)
	}
	l.person = append(l.person, p)
	l.truthRow = append(l.truthRow, truthRow)
	l.complete = append(l.complete, complete)
	l.number = append(l.number, n)
}
