package main

import (
	"errors"
	"io"
	"slices"
	"strings"

	"cohortlink/formats"
	"cohortlink/hashing/norm"
	"cohortlink/linkage/quality"
)

// What an evaluation knows beside person IDs comes from three places: the truth
// (who is who, and what kind of person), the events (what a record has wrong) and
// the records themselves (whether they hold enough to be found, and under which
// NHS number). This file turns them into the plain facts that quality.Why reads.

// truthTable is the truth, column by column. Columns that it does not have are nil.
type truthTable struct {
	row       map[string]map[string]int // by party and rid
	names     map[string]int            // entity of each name
	entity    []int
	household []int // -1 where not known
	twin      []bool
	groups    []quality.Dimension

	// From the events.
	causes [][]string
	junior []bool
}

// groupColumns are the columns of the truth by which recall is broken down, in the
// order they are shown, with words for the codes that not everyone knows.
var groupColumns = []struct {
	name   string
	labels map[string]string
}{
	{"sex", map[string]string{"M": "male", "F": "female"}},
	{"age_band", nil},
	// NHS Data Dictionary, ETHNIC CATEGORY (the 2001 census categories, 16+1).
	{"ethnic_group", map[string]string{
		"A": "White: British", "B": "White: Irish", "C": "White: any other",
		"D": "Mixed: White and Black Caribbean", "E": "Mixed: White and Black African", "F": "Mixed: White and Asian", "G": "Mixed: any other",
		"H": "Asian: Indian", "J": "Asian: Pakistani", "K": "Asian: Bangladeshi", "L": "Asian: any other",
		"M": "Black: Caribbean", "N": "Black: African", "P": "Black: any other",
		"R": "Chinese", "S": "any other", "Z": "not stated",
	}},
	// Fifths of the Index of Multiple Deprivation.
	{"deprivation", map[string]string{"1": "1, most deprived", "5": "5, least deprived"}},
}

// juniorCause is the cause of the records of a father and a son of one name.
const juniorCause = "junior"

func readTruth(path string) (*truthTable, error) {
	t := &truthTable{row: map[string]map[string]int{}}
	x, err := formats.OpenExtract(path, formats.ExtractOptions{})
	if err != nil {
		return nil, err
	}
	defer x.Close()
	at, err := columnsOf(path, "truth", x.Header(), "entity", "party", "rid")
	if err != nil {
		return nil, err
	}
	household, twin := slices.Index(x.Header(), "household"), slices.Index(x.Header(), "twin")
	var groupAt []int
	var labels []map[string]string
	for _, g := range groupColumns {
		if i := slices.Index(x.Header(), g.name); i >= 0 {
			t.groups = append(t.groups, quality.Dimension{Name: g.name})
			groupAt, labels = append(groupAt, i), append(labels, g.labels)
		}
	}
	entities, households, words := map[string]int{}, map[string]int{}, map[string]string{}
	t.names = entities
	for {
		row, err := x.Next()
		if err == io.EOF {
			return t, nil
		} else if err != nil {
			return nil, inFile(path, err)
		}
		party := t.row[row[at[1]]]
		if party == nil {
			party = map[string]int{}
			t.row[strings.Clone(row[at[1]])] = party
		}
		if _, again := party[row[at[2]]]; again {
			return nil, errorf("%s: row %d: this party has the same rid twice", path, x.Row())
		}
		party[strings.Clone(row[at[2]])] = len(t.entity)
		t.entity = append(t.entity, intern(entities, row[at[0]]))
		if household >= 0 {
			h := -1
			if cell := row[household]; cell != "" {
				h = intern(households, cell)
			}
			t.household = append(t.household, h)
		}
		if twin >= 0 {
			switch row[twin] {
			case "yes", "no", "":
			default:
				return nil, errorf("%s: row %d: the column \"twin\" holds yes or no, or nothing where it is not known", path, x.Row())
			}
			t.twin = append(t.twin, row[twin] == "yes")
		}
		for d, i := range groupAt {
			label := labels[d][row[i]]
			if label == "" {
				label = once(words, row[i])
			}
			t.groups[d].Of = append(t.groups[d].Of, label)
		}
	}
}

// readEvents adds the causes. A record without a line in the events has none.
func (t *truthTable) readEvents(path string) error {
	x, err := formats.OpenExtract(path, formats.ExtractOptions{})
	if err != nil {
		return err
	}
	defer x.Close()
	at, err := columnsOf(path, "table of events", x.Header(), "party", "rid", "causes")
	if err != nil {
		return err
	}
	t.causes, t.junior = make([][]string, len(t.entity)), make([]bool, len(t.entity))
	words := map[string]string{}
	for {
		row, err := x.Next()
		if err == io.EOF {
			return nil
		} else if err != nil {
			return inFile(path, err)
		}
		i, ok := t.row[row[at[0]]][row[at[1]]]
		if !ok {
			return errorf("%s: row %d: the truth does not know this record", path, x.Row())
		}
		for _, word := range strings.Fields(row[at[2]]) {
			if word == quality.None {
				return errorf("%s: row %d: the cause %q stands for records without one\nleave the row out", path, x.Row(), word)
			}
			if !slices.Contains(t.causes[i], word) {
				t.causes[i] = append(t.causes[i], once(words, word))
			}
			t.junior[i] = t.junior[i] || word == juniorCause
		}
	}
}

// unknown adds a record of which nothing is known, a person of its own, and returns
// its row.
func (t *truthTable) unknown() int {
	at := len(t.entity)
	t.entity = append(t.entity, -1-at)
	if t.household != nil {
		t.household = append(t.household, -1)
	}
	if t.twin != nil {
		t.twin = append(t.twin, false)
	}
	for d := range t.groups {
		t.groups[d].Of = append(t.groups[d].Of, "")
	}
	if t.causes != nil {
		t.causes, t.junior = append(t.causes, nil), append(t.junior, false)
	}
	return at
}

// inFile names the file of a row that cannot be read. Other errors of an extract
// name it themselves.
func inFile(path string, err error) error {
	if bad := (*formats.RowError)(nil); errors.As(err, &bad) {
		return errorf("%s: %w", path, err)
	}
	return err
}

// columnsOf finds columns that a table must have.
func columnsOf(path, what string, header []string, names ...string) ([]int, error) {
	at := make([]int, len(names))
	for i, name := range names {
		if at[i] = slices.Index(header, name); at[i] < 0 {
			return nil, errorf("%s: the %s needs the columns %s: there is no column %q", path, what, listed(names), name)
		}
	}
	return at, nil
}

// listed is a, b and c.
func listed(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// once is a word without the row that it came in, the same for the same word.
func once(words map[string]string, word string) string {
	w, ok := words[word]
	if !ok {
		w = strings.Clone(word)
		words[w] = w
	}
	return w
}

// pick is what a column of the truth says of each record; nil if there is none.
func pick[T any](column []T, rows []int) []T {
	if column == nil {
		return nil
	}
	out := make([]T, len(rows))
	for i, at := range rows {
		out[i] = column[at]
	}
	return out
}

func (t *truthTable) facts(parties []string, l *linkedRecords) quality.Facts {
	var number []int
	if len(l.numbers) > 0 {
		number = l.number
	}
	f := quality.Facts{
		Parties:   parties,
		Causes:    pick(t.causes, l.truthRow),
		Relations: quality.Kin(pick(t.household, l.truthRow), pick(t.twin, l.truthRow), pick(t.junior, l.truthRow), number),
	}
	for _, g := range t.groups {
		f.Groups = append(f.Groups, quality.Dimension{Name: g.Name, Of: pick(g.Of, l.truthRow)})
	}
	return f
}

// holdings reads from the rows of one extract what hashing would: whether a record
// is complete, that is, holds every name, a date of birth, and a postcode or an NHS
// number, and what that number is. A value that normalisation takes for missing
// (BABY, ZZ99, a wrong check digit) is not held; one of which a part is unknown is.
type holdings struct {
	fields []holding
}

type holding struct {
	kind norm.Kind
	cols []int
	norm *norm.Normaliser
}

func newHoldings(file string, header []string, p *formats.Project, party *formats.ProjectParty) (*holdings, error) {
	cols, err := mapColumns(file, header, p, party)
	if err != nil {
		return nil, err
	}
	h := &holdings{}
	options := normaliseOptions(p, party)
	for i, f := range p.Fields {
		switch kind := norm.Kind(f.Kind); kind {
		case norm.Name, norm.Date, norm.Postcode, norm.NHSNumber:
			n, err := norm.New(kind, options[i])
			if err != nil {
				return nil, errorf("field %q of party %q: %w", f.Name, party.Name, err)
			}
			h.fields = append(h.fields, holding{kind, cols.fields[i], n})
		}
	}
	return h, nil
}

// of returns whether a row is complete, and its NHS number or "". A nil h knows of
// nothing.
func (h *holdings) of(row []string) (complete bool, number string) {
	if h == nil {
		return false, ""
	}
	names, date, place := true, false, false
	for _, f := range h.fields {
		text, _ := f.norm.Value(join(row, f.cols))
		switch f.kind {
		case norm.Name:
			names = names && text != ""
		case norm.Date:
			date = date || text != ""
		case norm.Postcode:
			place = place || text != ""
		case norm.NHSNumber:
			if number == "" {
				number = text
			}
		}
	}
	return names && date && (place || number != ""), number
}

// canBeComplete refuses a project by which no record could be complete.
func canBeComplete(p *formats.Project) error {
	has := map[norm.Kind]bool{}
	for _, f := range p.Fields {
		has[norm.Kind(f.Kind)] = true
	}
	if !has[norm.Name] || !has[norm.Date] || !has[norm.Postcode] && !has[norm.NHSNumber] {
		return usagef("--complete needs a project with fields of the kinds name, date, and postcode or nhs-number: %q has not", p.Name)
	}
	return nil
}
