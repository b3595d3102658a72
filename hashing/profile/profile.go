// Package profile looks at an extract before anything is hashed: which column
// holds which field, how much of it can be used, what is damaged, and how well
// it can be expected to link. It does not know files, terminals, or keys of any
// project, and its Report holds no value of a person, nor a count of a few.
//
// It judges by the same code that hashes: cells go through hashing/norm, and a
// record holds too little when hashing itself would set it aside.
//
// One pass, bounded memory: the first rows are held back until the columns are
// found in them, then every row is counted as it goes by. Repeated records are
// found by salted 64-bit hashes, of at most maxSeen records.
package profile

import (
	"crypto/rand"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"cohortlink/hashing"
	"cohortlink/hashing/norm"
)

// A Field is what the caller looks for, and what it knows of where it is.
type Field struct {
	hashing.Field
	Columns []int    // places in the header; nil: to be found
	Absent  []string // columns that were given for it and are not in the header
	Dates   string   // declared form of dates, "" for none
}

// Options are what else the caller knows.
type Options struct {
	// Agreed: the fields are a project's, so a field without a column is a fault and
	// a column found for it has still to be declared. Else they are only looked for.
	Agreed bool
	// Deduplicated: the party promises that no two of its records are the same person.
	Deduplicated bool
	// Used are columns that the caller reads for something else.
	Used []int
}

// Limits on what is held in memory.
const (
	sampleRows  = 2000     // rows in which the columns are found
	sampleBytes = 16 << 20 // of their cells
	maxSeen     = 2 << 20  // records among which repeated ones are found: about 100 MB
	maxReasons  = 20       // different reasons for rows set aside
	firstRows   = 5        // rows named for each reason
	tail        = 2        // last rows held back, to see whether they are records
)

// A Profiler takes an extract's rows, in order. Calls may not overlap.
type Profiler struct {
	header  []string
	options Options
	given   []Field

	held      [][]string // the first rows, until the columns are found
	heldRows  []int
	heldBytes int
	ready     bool

	samples []*sample
	fields  []*fieldState
	shift   *shift
	worker  *hashing.Worker
	filter  []uint64
	values  []string
	little  map[uint64]bool // by which fields a record holds: whether that is too little

	rows     int
	lastRow  int
	aside    int
	reasons  map[string]*reason
	order    []string
	groups   [groupCount]int
	tail     []tailRow
	seed     maphash.Seed
	seenRows map[uint64]struct{}
	seenSame map[uint64]struct{}
	seenNHS  map[uint64]uint64 // NHS number to date of birth
	repeats  struct{ rows, same, nhs, nhsOtherDate int }
	partial  bool
}

type fieldState struct {
	Field
	columns  []int
	how      string
	form     string // dates are read by it
	norm     *norm.Normaliser
	usable   int
	problems map[norm.Problem]*problemState
	dates    norm.DateColumn
}

type problemState struct {
	cells int
	kept  int // with a usable value all the same
}

type reason struct {
	rows, first, last int
	named             []int
}

type tailRow struct {
	row    int
	cells  []string
	little bool
}

// The groups of records by what they hold, best first.
const (
	groupNumber = iota
	groupWhole
	groupNamed
	groupOther
	groupLittle
	groupCount
)

// New returns a profiler for an extract with this header. Columns of fields must
// be places in it. It fails on fields that could not be hashed.
func New(header []string, fields []Field, o Options) (*Profiler, error) {
	p := &Profiler{
		header: header, options: o, given: fields, reasons: make(map[string]*reason), little: make(map[uint64]bool),
		seed: maphash.MakeSeed(), seenRows: make(map[uint64]struct{}), seenSame: make(map[uint64]struct{}), seenNHS: make(map[uint64]uint64),
	}
	for _, f := range fields {
		for _, c := range f.Columns {
			if c < 0 || c >= len(header) {
				return nil, fmt.Errorf("field %q: there is no column %d", f.Name, c+1)
			}
		}
	}
	_, err := p.hasher(make([]norm.Options, len(fields)))
	return p, err
}

// hasher is one with a key that is thrown away: it is asked only whether a
// record holds enough.
func (p *Profiler) hasher(o []norm.Options) (*hashing.Hasher, error) {
	s := hashing.Schema{Project: "check", Filters: hashing.Plain(hashing.DefaultLength)}
	for i, f := range p.given {
		s.Fields = append(s.Fields, f.Field)
		o[i].Dates = f.Dates
	}
	key, err := passingKey(s.Project)
	if err != nil {
		return nil, err
	}
	return hashing.NewHasher(s, key, o)
}

// passingKey is a key that nothing leaves under.
func passingKey(project string) (*hashing.Key, error) { return hashing.NewKey(project, rand.Reader) }

// Add counts a row, numbered as the caller numbers it, with as many cells as the
// header has. The cells may be kept; the slice is the caller's.
func (p *Profiler) Add(row int, cells []string) {
	p.lastRow = row
	if p.ready {
		p.count(row, cells)
		return
	}
	p.held = append(p.held, slices.Clone(cells))
	p.heldRows = append(p.heldRows, row)
	for _, c := range cells {
		p.heldBytes += len(c)
	}
	if len(p.held) >= sampleRows || p.heldBytes >= sampleBytes {
		p.begin()
	}
}

// SetAside counts a row that could not be read, and why, in words without
// anything that stood in it.
func (p *Profiler) SetAside(row int, why string) {
	p.lastRow = row
	p.aside++
	r := p.reasons[why]
	if r == nil {
		if len(p.reasons) >= maxReasons {
			why = "cannot be read for another reason"
			r = p.reasons[why]
		}
		if r == nil {
			r = &reason{first: row}
			p.reasons[why] = r
			p.order = append(p.order, why)
		}
	}
	r.rows++
	r.last = row
	if len(r.named) < firstRows {
		r.named = append(r.named, row)
	}
}

// begin finds the columns in the rows held back, and counts those.
func (p *Profiler) begin() {
	p.ready = true
	for i, h := range p.header {
		p.samples = append(p.samples, newSample(h, i, p.held))
	}
	options := make([]norm.Options, len(p.given))
	for i, found := range propose(p.samples, p.given) {
		f := &fieldState{Field: p.given[i], columns: found.columns, how: found.how, problems: make(map[norm.Problem]*problemState)}
		f.form = f.Dates
		if f.form == "" && found.how != FoundGiven && f.Kind == norm.Date {
			f.form = formOf(f.columns, p.held)
		}
		var err error
		if f.norm, err = norm.New(f.Kind, norm.Options{Dates: f.form}); err != nil {
			panic("profile: " + err.Error()) // New made the same one
		}
		p.fields = append(p.fields, f)
	}
	p.shift = newShift(p.fields, p.samples, p.held)
	h, err := p.hasher(options)
	if err != nil {
		panic("profile: " + err.Error()) // as above
	}
	p.worker = h.Worker()
	p.filter = make([]uint64, h.Words())
	p.values = make([]string, len(p.fields))
	for i, row := range p.held {
		p.count(p.heldRows[i], row)
	}
	p.held, p.heldRows = nil, nil
}

// formOf is the form of a column of dates, "" where it is not certain.
func formOf(columns []int, rows [][]string) string {
	var col norm.DateColumn
	for _, row := range rows {
		col.Add(join(row, columns))
	}
	return certainForm(col.Report(), len(columns))
}

func certainForm(r norm.DateReport, columns int) string {
	switch {
	case r.DayMonth == norm.Ambiguous || r.DayMonth == norm.Contradicted || r.Best == "":
		return ""
	case columns == 3:
		return "DD MM YYYY"
	case r.DayMonth == norm.MonthFirst && r.Best == "DD/MM/YYYY":
		return "MM/DD/YYYY"
	}
	return r.Best
}

// join puts the cells of a field's columns together as hashing's caller does:
// single spaces, also around an empty one.
func join(row []string, columns []int) string {
	switch len(columns) {
	case 0:
		return ""
	case 1:
		return row[columns[0]]
	}
	parts := make([]string, len(columns))
	empty := true
	for i, c := range columns {
		parts[i] = row[c]
		empty = empty && strings.TrimSpace(row[c]) == ""
	}
	if empty {
		return ""
	}
	return strings.Join(parts, " ")
}

func (p *Profiler) count(row int, cells []string) {
	p.rows++
	var holds uint64
	number, named, dated, placed, anyName := false, true, false, false, false
	var date, nhs string
	for i, f := range p.fields {
		cell := join(cells, f.columns)
		p.values[i] = cell
		if len(f.columns) == 0 {
			if f.Kind == norm.Name {
				named = false
			}
			continue
		}
		if f.Kind == norm.Date {
			f.dates.Add(cell)
		}
		text, problem := f.norm.Value(cell)
		if problem != norm.None {
			s := f.problems[problem]
			if s == nil {
				s = &problemState{}
				f.problems[problem] = s
			}
			s.cells++
			if text != "" {
				s.kept++
			}
		}
		if text != "" {
			f.usable++
			holds |= 1 << i
		}
		switch f.Kind {
		case norm.Name:
			anyName = anyName || text != ""
			named = named && text != ""
		case norm.Date:
			date = text
			dated = dated || len(text) == 8 && !strings.Contains(text, "-")
		case norm.Postcode:
			placed = placed || text != ""
		case norm.NHSNumber:
			if text != "" {
				number, nhs = true, text
			}
		}
	}
	little, known := p.little[holds]
	if !known {
		// Whether a record holds enough depends on which fields it holds, so each
		// combination is hashed once.
		little = p.worker.Hash(p.values, p.filter).Unusable
		p.little[holds] = little
	}
	switch {
	case little:
		p.groups[groupLittle]++
	case number && (anyName || date != ""):
		p.groups[groupNumber]++
	case named && dated && placed:
		p.groups[groupWhole]++
	case named && dated:
		p.groups[groupNamed]++
	default:
		p.groups[groupOther]++
	}
	p.repeated(cells, little, nhs, date)
	p.shift.add(row, cells)
	if len(p.tail) == tail {
		p.tail = append(p.tail[:0], p.tail[1:]...)
	}
	p.tail = append(p.tail, tailRow{row, slices.Clone(cells), little})
}

// repeated looks for the same row, the same values in all fields, and the same
// NHS number. Once maxSeen records are held, later ones are still held against
// them, but no longer against each other.
func (p *Profiler) repeated(cells []string, little bool, nhs, date string) {
	var h maphash.Hash
	h.SetSeed(p.seed)
	for _, c := range cells {
		h.WriteString(c)
		h.WriteByte(0)
	}
	if p.seen(p.seenRows, h.Sum64()) {
		p.repeats.rows++
	}
	if little {
		return
	}
	h.Reset()
	for i, f := range p.fields {
		text, _ := f.norm.Value(p.values[i])
		h.WriteString(text)
		h.WriteByte(0)
	}
	if p.seen(p.seenSame, h.Sum64()) {
		p.repeats.same++
	}
	if nhs == "" {
		return
	}
	key, other := maphash.String(p.seed, nhs), maphash.String(p.seed, date)
	first, again := p.seenNHS[key]
	switch {
	case !again && len(p.seenNHS) < maxSeen:
		p.seenNHS[key] = other
	case again:
		p.repeats.nhs++
		if first != other {
			p.repeats.nhsOtherDate++
		}
	}
}

func (p *Profiler) seen(set map[uint64]struct{}, h uint64) bool {
	if _, ok := set[h]; ok {
		return true
	}
	if len(set) < maxSeen {
		set[h] = struct{}{}
	} else {
		p.partial = true
	}
	return false
}

// Misread returns how many cells of field i hold something that is not known to stand for nothing, and in how many of
// those a problem was found that is one of these. The counts are exact: they are to decide by, not to show.
func (p *Profiler) Misread(i int, these func(norm.Problem) bool) (misread, given int) {
	f := p.fields[i]
	if len(f.columns) == 0 {
		return 0, 0
	}
	for problem, s := range f.problems {
		if these(problem) {
			misread += s.cells
		}
	}
	return misread, p.rows - f.cells(norm.Empty) - f.cells(norm.Placeholder)
}
