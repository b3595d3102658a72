package formats

// The release ledger: every count of persons that has left the unit, so that the next release can be held against all of them.
//
// Two releases can tell together what neither tells alone, and nobody remembers what was in a table that was sent last spring. So each
// release is written down before it appears, figure by figure as its readers have it, and so is who was given the members of which cohort.
//
// The file is lines of JSON, a head and then one line for each release. Each line holds the SHA-256 of the line before it, so that one that
// was changed, taken out or put in is noticed; that the last lines were cut off is noticed by the linked folder, which remembers the line of
// its own last release (LedgerMark). Nobody can notice that the ledger and every linked folder were removed together: keep copies.
//
// What it holds are released figures, but also how many members a party was given, and what was held back from lists. It stays at the unit.

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cohortlink/linkage/cohort"
)

const (
	ledgerFormat   = "cohortlink ledger 1"
	maxLedger      = 256 << 20 // bytes: some thousands of releases of fifteen parties
	LedgerMarkFile = "release.mark"
)

// Kinds of a ledger entry.
const (
	LedgerRelease = "release" // counts
	LedgerCohort  = "cohort"  // members of a cohort
)

// Ledger is the content of a ledger.
type Ledger struct {
	Project string
	Entries []LedgerEntry
	name    string
	head    []byte   // the line
	lines   [][]byte // of Entries, without line feeds
}

type ledgerHead struct {
	Format  string `json:"format"`
	Project string `json:"project"`
}

// LedgerEntry is a release.
type LedgerEntry struct {
	Number   int    `json:"number"`   // from 1
	Previous string `json:"previous"` // SHA-256 of the line before, in hexadecimal
	Kind     string `json:"kind"`
	Made     string `json:"made"`     // the day
	Tool     string `json:"tool"`     // program and version
	Linkage  string `json:"linkage"`  // LinkedManifest.Linkage of what was counted
	Manifest string `json:"manifest"` // LinkedManifest.Digest of the folder that was counted

	Rule          LedgerRule       `json:"rule"`
	Parties       []string         `json:"parties"`
	MarkMayBeZero bool             `json:"mark_may_be_zero"`
	Told          bool             `json:"told"` // cohort.Audit.Told
	Questions     []LedgerQuestion `json:"questions"`
	Figures       []LedgerFigure   `json:"figures"`
	Given         []LedgerGiven    `json:"given"`
	Threshold     string           `json:"threshold,omitempty"` // the stricter score at which persons were formed anew; "" for those of the folder
	Hurried       []string         `json:"hurried,omitempty"`   // tables hidden altogether: cohort.Audit.Hurried
	// Noise is what the release spent of the project's privacy budget; nil for one without noise.
	Noise *LedgerNoise `json:"noise,omitempty"`
	// Accepted is the reason for which something weaker than the defaults was accepted; "" for nothing.
	Accepted string `json:"accepted"`
}

// LedgerRule is the rule that a release followed, as far as its readers need it to tell what a figure means.
type LedgerRule struct {
	Name     string `json:"name"`
	Least    int    `json:"smallest_count_shown"`
	Base     int    `json:"rounded_to"`
	HideZero bool   `json:"hides_zero"`
}

// LedgerQuestion is a question that a release answered.
type LedgerQuestion struct {
	Name  string `json:"name"`
	Where string `json:"where"`
	By    string `json:"by"`
}

// LedgerFigure is a figure as released.
type LedgerFigure struct {
	Table    string     `json:"table"`
	Where    string     `json:"where,omitempty"`
	Parties  []string   `json:"parties,omitempty"`
	AtLeast  int        `json:"at_least,omitempty"`
	Needs    []needJSON `json:"needs,omitempty"`
	Count    *int       `json:"count"`               // null when hidden
	Why      string     `json:"why,omitempty"`       // it was hidden: cohort.Primary or cohort.Secondary
	HeldBack bool       `json:"held_back,omitempty"` // from a list of the largest combinations: readers do not have it
}

// LedgerGiven is that a party was given its own members of a cohort.
type LedgerGiven struct {
	Party string `json:"party"`
	Where string `json:"where"`
	Count int    `json:"count"`
}

// NewLedger begins the ledger of a project.
func NewLedger(project string) (*Ledger, error) {
	if err := CheckName("project", project); err != nil {
		return nil, err
	}
	head, err := json.Marshal(ledgerHead{ledgerFormat, project})
	return &Ledger{Project: project, name: "the ledger", head: head}, err
}

// ReadLedger reads a ledger and follows its chain. It returns an error that is os.ErrNotExist where there is none.
func ReadLedger(path string) (*Ledger, error) {
	data, err := readSmall(path, maxLedger)
	if err != nil {
		return nil, err
	}
	return ParseLedger(path, data)
}

// ParseLedger is ReadLedger for bytes from anywhere; name stands in errors.
func ParseLedger(name string, data []byte) (*Ledger, error) {
	l := &Ledger{name: shownPath(name)}
	if len(data) == 0 || data[len(data)-1] != '\n' {
		return nil, fmt.Errorf("%s is no ledger, or was cut short: get a copy of it", l.name)
	}
	for i, line := range bytes.Split(data[:len(data)-1], []byte("\n")) {
		if i == 0 {
			var head ledgerHead
			if err := exactJSON(line, &head); err != nil || head.Format != ledgerFormat || CheckName("project", head.Project) != nil {
				return nil, fmt.Errorf("%s is not a ledger of releases of a kind that this cohortlink knows (%s)", l.name, ledgerFormat)
			}
			l.Project, l.head = head.Project, line
			continue
		}
		var e LedgerEntry
		if err := exactJSON(line, &e); err != nil || l.check(&e) != nil {
			return nil, fmt.Errorf("%s line %d: the ledger was changed after it was written: use a copy of it as cohortlink wrote it", l.name, i+1)
		}
		l.Entries, l.lines = append(l.Entries, e), append(l.lines, line)
	}
	return l, nil
}

// exactJSON reads what json.Marshal writes for the value, and nothing else: one value has one spelling, or the chain would not hold it.
func exactJSON(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	again, err := json.Marshal(v)
	if err == nil && !bytes.Equal(again, line) {
		err = errors.New("it is spelled in another way")
	}
	return err
}

var errLedger = errors.New("no entry of a ledger")

// check refuses an entry that cannot come next.
func (l *Ledger) check(e *LedgerEntry) error {
	ok := e.Number == len(l.Entries)+1 && e.Previous == l.last() && (e.Kind == LedgerRelease || e.Kind == LedgerCohort) &&
		e.Rule.Least >= 1 && e.Rule.Base >= 1 && e.Rule.Least <= 1_000_000 && e.Rule.Base <= 1_000_000
	for _, f := range e.Figures {
		ok = ok && (f.Count == nil || *f.Count >= 0)
	}
	for _, g := range e.Given {
		ok = ok && g.Count >= 0
	}
	if !ok || e.Noise != nil && !e.Noise.valid() {
		return errLedger
	}
	return nil
}

// last returns the digest of the last line, in hexadecimal.
func (l *Ledger) last() string {
	line := l.head
	if n := len(l.lines); n > 0 {
		line = l.lines[n-1]
	}
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// Append adds an entry, whose number and previous digest it fills in.
func (l *Ledger) Append(e LedgerEntry) error {
	e.Number, e.Previous = len(l.Entries)+1, l.last()
	if err := l.check(&e); err != nil {
		return err
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	l.Entries, l.lines = append(l.Entries, e), append(l.lines, line)
	return nil
}

// Text is the file.
func (l *Ledger) Text() []byte {
	var b bytes.Buffer
	for _, line := range append([][]byte{l.head}, l.lines...) {
		b.Write(append(line[:len(line):len(line)], '\n'))
	}
	return b.Bytes()
}

// Same returns the number of an earlier release that tells the same as e, which a new line would only repeat; 0 for none.
func (l *Ledger) Same(e LedgerEntry) int {
	for i, old := range l.Entries {
		old.Number, old.Previous, old.Made, old.Tool = 0, "", e.Made, e.Tool
		a, errA := json.Marshal(old)
		b, errB := json.Marshal(e)
		if errA == nil && errB == nil && bytes.Equal(a, b) {
			return i + 1
		}
	}
	return 0
}

// Earlier returns what readers know for certain from the ledger's releases. A figure with noise rules nothing out, so releases with noise are
// not among them. linkage is LinkedManifest.Linkage of what is counted now.
func (l *Ledger) Earlier(linkage string) []cohort.Earlier {
	var out []cohort.Earlier
	for _, e := range l.Entries {
		if e.Noise == nil {
			out = append(out, e.Earlier(linkage))
		}
	}
	return out
}

// Earlier returns what readers know from a release.
func (e *LedgerEntry) Earlier(linkage string) cohort.Earlier {
	x := cohort.Earlier{
		Number: e.Number, Parties: e.Parties, MarkMayBeZero: e.MarkMayBeZero, Told: e.Told, Same: e.Linkage == linkage, Figures: e.seen(),
		Rule: cohort.Rule{Name: e.Rule.Name, Least: e.Rule.Least, Base: e.Rule.Base, HideZero: e.Rule.HideZero},
	}
	for _, g := range e.Given {
		x.Given = append(x.Given, cohort.Given(g))
	}
	return x
}

// seen returns the figures as readers have them.
func (e *LedgerEntry) seen() []cohort.Seen {
	var out []cohort.Seen
	for _, f := range e.Figures {
		s := cohort.Seen{Table: f.Table, Where: f.Where, Parties: f.Parties, AtLeast: f.AtLeast, Hidden: f.Count == nil, HeldBack: f.HeldBack}
		for _, n := range f.Needs {
			s.Needs = append(s.Needs, cohort.NeedValue(n))
		}
		if f.Count != nil {
			s.Count = *f.Count
		}
		out = append(out, s)
	}
	return out
}

// HasHouseholds reports whether the release counted households.
func (e *LedgerEntry) HasHouseholds() bool {
	return slices.ContainsFunc(e.Figures, func(f LedgerFigure) bool { return f.Table == "household" })
}

// EntryOf returns the entry for a release, to be appended. Its Kind, Made, Tool, Linkage, Manifest, Threshold, Given and Accepted are for the caller to
// fill in, and the budget of its Noise.
func EntryOf(rel *cohort.Release) LedgerEntry {
	r := rel.Rule()
	e := LedgerEntry{
		Kind: LedgerRelease, Rule: LedgerRule{r.Name, r.Least, r.Base, r.HideZero}, Parties: rel.Parties(), MarkMayBeZero: rel.MarkMayBeZero(), Told: rel.Audit().Told,
		Questions: []LedgerQuestion{}, Figures: []LedgerFigure{}, Given: []LedgerGiven{}, Hurried: rel.Audit().Hurried,
	}
	for _, a := range rel.Answers() {
		e.Questions = append(e.Questions, LedgerQuestion(a.Question))
	}
	if facts, ok := rel.Noise(); ok {
		e.Noise = &LedgerNoise{Epsilon: facts.Epsilon.String(), Cells: facts.Cells}
	}
	why := map[string]string{}
	key := func(row cohort.Row) string {
		return fmt.Sprintf("%q", []any{row.Table, row.Where, row.Parties, row.AtLeast, row.Needs})
	}
	for _, h := range rel.Account() {
		why[key(h.Row)] = h.Why
	}
	add := func(row cohort.Row, heldBack bool) {
		f := LedgerFigure{Why: why[key(row)], Table: row.Table, Where: row.Where, Parties: row.Parties, AtLeast: row.AtLeast, HeldBack: heldBack}
		for _, n := range row.Needs {
			f.Needs = append(f.Needs, needJSON(n))
		}
		if n, ok := row.Figure.Value(); ok {
			f.Count = &n
		}
		e.Figures = append(e.Figures, f)
	}
	for _, row := range rel.Rows() {
		add(row, false)
	}
	for _, h := range rel.Account() {
		if !h.Row.Figure.Released() {
			add(h.Row, true)
		}
	}
	return e
}

// Linkage names what the folder's counts follow from: the runs of hash, the threshold, and what came of them. Folders with the same persons
// under other person IDs have the same.
func (m *LinkedManifest) Linkage() string {
	h := sha256.New()
	fmt.Fprintf(h, "cohortlink linkage 1\n%s\n%s\n%d %d\n", m.Project, m.Threshold.Value, m.Persons, m.Records)
	for _, o := range m.Threshold.Offsets {
		fmt.Fprintf(h, "offset %s %s %.3f\n", o.Parties[0], o.Parties[1], o.Added)
	}
	for _, p := range m.Parties {
		fmt.Fprintf(h, "%s %s\n", p.Name, p.Run)
		for _, b := range p.Batches {
			fmt.Fprintf(h, "%s %s\n", p.Name, b.Run)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// LedgerMark is what a linked folder remembers of its last release.
type LedgerMark struct {
	Number int    // of the release; 0 when the folder has released nothing
	Digest string // of its line
}

// Mark returns the mark of the ledger's last entry.
func (l *Ledger) Mark() LedgerMark { return LedgerMark{len(l.Entries), l.last()} }

// Has reports whether the ledger holds the release of a mark.
func (l *Ledger) Has(m LedgerMark) bool {
	if m.Number < 1 || m.Number > len(l.lines) {
		return m.Number == 0
	}
	sum := sha256.Sum256(l.lines[m.Number-1])
	return hex.EncodeToString(sum[:]) == m.Digest
}

// HasFolder reports whether the ledger holds a release that was made from a linked folder with this manifest.
func (l *Ledger) HasFolder(m *LinkedManifest) bool {
	return slices.ContainsFunc(l.Entries, func(e LedgerEntry) bool { return e.Manifest == m.Digest() })
}

const ledgerMarkHead = "cohortlink release mark 1"

// Text is the file, in the linked folder.
func (m LedgerMark) Text() []byte {
	return fmt.Appendf(nil, "%s\n%d %s\n", ledgerMarkHead, m.Number, m.Digest)
}

// ReadLedgerMark reads the mark of a linked folder; the zero mark when there is none.
func ReadLedgerMark(linked string) (m LedgerMark, err error) {
	path := filepath.Join(linked, LedgerMarkFile)
	data, err := readSmall(path, 1000)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	} else if err != nil {
		return m, err
	}
	r := strings.NewReader(string(data))
	if _, err := fmt.Fscanf(r, ledgerMarkHead+"\n%d %s\n", &m.Number, &m.Digest); err != nil || r.Len() > 0 || m.Number < 1 || !isHex(m.Digest, 64) || !bytes.Equal(m.Text(), data) {
		return LedgerMark{}, fmt.Errorf("%s was changed after it was written: link again, and keep the ledger", shownPath(path))
	}
	return m, nil
}
