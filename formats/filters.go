package formats

// The filters file: what a party's records have become, and all that leaves the party.
//
// It must be checked before it is believed, by a unit that got it by mail, and it must hold a million records of 256 bytes in about the
// memory of their bytes. So it is a short head of text and a body of rows of one fixed width:
//
//	cohortlink filters 1                        the version line
//	{"project":…,"party":…,"schema":…,…}        the header: one line of JSON, clear for ever
//	{"records":…,"filters":[…],…}               the manifest: one line of JSON; with what follows, what a seal encrypts (seal.go)
//	row, row, row …                             record ID, filters, exact keys, needs; in the order of record IDs
//	SHA-256 of all of the above                 32 bytes: binds the header to the body, and is what the signature signs
//	length of the signature, signature          4 bytes, and 64 when the file is sealed
//
// Rows rather than columns, because a party that hashes more than fits into memory writes them one by one into the seal. Record IDs are
// random, so that their order tells nothing about the order of the extract. Nothing is stored that follows from the rows (how many bits are
// set, say): it could disagree with them. SPEC.md has the widths.

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"
)

const (
	filtersVersion = "1"

	maxFiltersHeader   = 4 << 10 // bytes of the header line
	maxFiltersManifest = 4 << 20 // bytes of the manifest line
	maxFiltersRecords  = 1<<31 - 1
	maxFilters         = 64
	maxFilterBits      = 1 << 17 // clkhash's longest
	maxExactKeys       = 64
	maxNeeds           = 256
	maxNeedValues      = 1<<16 - 1 // a value is two bytes, and 0 is "not known"
	maxNeedValueText   = 64        // bytes
	maxSealed          = 1 << 52   // bytes in a seal: more than 2³¹ rows of 2²⁰ bytes, and far from where sums overflow
)

// ExactKey is a keyed hash of a whole value. The zero key stands for a missing value.
type ExactKey [16]byte

// FiltersHeader is what anyone may read of a filters file, with or without the unit's identity. Fingerprints are lower-case hexadecimal.
type FiltersHeader struct {
	Project string `json:"project"`
	Party   string `json:"party"`
	Schema  string `json:"schema"` // fingerprint of the schema, 32 bytes
	Key     string `json:"key"`    // fingerprint of the project key, 16 to 32 bytes
	Run     string `json:"run"`    // of this one run of hash: 16 random bytes
	Seal    string `json:"seal"`   // "none": manifest and body are clear, and nobody signed them; "age": see seal.go

	// Of a sealed file; the writer sets them.
	Bytes     int64  `json:"bytes,omitempty"`     // inside the seal
	Recipient string `json:"recipient,omitempty"` // SHA-256 of the age recipient's text
	Signer    string `json:"signer,omitempty"`    // Ed25519 public key
}

// FiltersManifest says what the rows hold. The unit needs no more than this and the rows to link.
type FiltersManifest struct {
	Records      int            `json:"records"`            // rows in the body
	SetAside     int            `json:"set_aside"`          // rows of the extract that could not be used
	LeftOut      string         `json:"left_out,omitempty"` // rows left out by opt-out, as it may be told; "" when no list was applied
	Deduplicated bool           `json:"deduplicated"`       // the party declares that no two of its records are the same person
	Filters      []FilterLayout `json:"filters"`            // at least one
	Exact        []string       `json:"exact"`              // names of exact keys
	// HouseholdExact are those of Exact that are of the household and say nothing of who
	// somebody is. They come last.
	HouseholdExact []string     `json:"household_exact,omitempty"`
	Needs          []NeedLayout `json:"needs"`
	Weak           []string     `json:"weak"`              // why weak choices were accepted, in the party's words
	Created        string       `json:"created,omitempty"` // date, YYYY-MM-DD
	Tool           string       `json:"tool"`              // name and version of the program that wrote the file
}

// FilterLayout describes one of the filters of a record.
type FilterLayout struct {
	Name       string `json:"name"`
	Bits       int    `json:"bits"`           // 1 to 131,072
	Encoding   string `json:"encoding"`       // how the bits were made, such as "bloom/1 fold:2"; not understood here
	Similarity string `json:"similarity"`     // how two of them are compared, such as "dice"; not understood here
	Role       string `json:"role,omitempty"` // RoleHousehold; "" for a filter of the person
}

func (l FilterLayout) words() int { return (l.Bits + 63) / 64 }

// NeedLayout describes one of the needs of a record. In the rows a need is a number: 0 not known, n the nth of Values.
type NeedLayout struct {
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`   // "yes-no" or "category"
	Values []string `json:"values"` // for yes-no: "no", "yes"
}

// FiltersFile is a whole filters file in memory: one run of memory per filter, exact key and need, each in the order of IDs.
type FiltersFile struct {
	Name     string // where it was read from, for messages
	Header   FiltersHeader
	Manifest FiltersManifest
	IDs      []RecordID
	Bits     [][]uint64   // Bits[f]: filter f of every record, (Manifest.Filters[f].Bits+63)/64 words each; bit i of a filter is bit i%64 of word i/64
	Exact    [][]ExactKey // Exact[e]: exact key e of every record
	Needs    [][]uint16   // Needs[n]: need n of every record: 0 not known, else 1 + the index into the values of the need
	Digest   [32]byte     // SHA-256 at the end of the file; set by reading
}

// Ones summarises how many bits of a filter are set over all records.
type Ones struct {
	Min, Max int
	Mean     float64
	Empty    int // records with no bit set
}

// Ones counts the bits set in filter f.
func (f *FiltersFile) Ones(filter int) Ones {
	words := f.Manifest.Filters[filter].words()
	if len(f.IDs) == 0 {
		return Ones{}
	}
	sum, o := 0, Ones{Min: words * 64}
	for i := range f.IDs {
		n := 0
		for _, w := range f.Bits[filter][i*words : (i+1)*words] {
			n += bits.OnesCount64(w)
		}
		sum += n
		o.Min, o.Max = min(o.Min, n), max(o.Max, n)
		if n == 0 {
			o.Empty++
		}
	}
	o.Mean = float64(sum) / float64(len(f.IDs))
	return o
}

// rowLayout gives the place of everything in a row, in bytes.
type rowLayout struct {
	filters, exact, needs []int // offsets
	words                 []int // of each filter
	size                  int
}

func (m *FiltersManifest) layout() rowLayout {
	l := rowLayout{size: len(RecordID{})}
	for _, f := range m.Filters {
		l.filters, l.words = append(l.filters, l.size), append(l.words, f.words())
		l.size += 8 * f.words()
	}
	for range m.Exact {
		l.exact = append(l.exact, l.size)
		l.size += len(ExactKey{})
	}
	for range m.Needs {
		l.needs = append(l.needs, l.size)
		l.size += 2
	}
	return l
}

func (h *FiltersHeader) check() error {
	if err := CheckName("project", h.Project); err != nil {
		return err
	}
	if err := CheckName("party", h.Party); err != nil {
		return err
	}
	for _, c := range []struct {
		name, text string
		min, max   int
	}{{"schema fingerprint", h.Schema, 64, 64}, {"key fingerprint", h.Key, 32, 64}, {"run id", h.Run, 32, 32}} {
		if len(c.text) < c.min || len(c.text) > c.max || len(c.text)%2 != 0 || strings.Trim(c.text, "0123456789abcdef") != "" {
			return fmt.Errorf("the %s is not %d to %d lower-case hexadecimal digits", c.name, c.min, c.max)
		}
	}
	switch {
	case h.Seal == sealNone && h.Bytes == 0 && h.Recipient == "" && h.Signer == "":
	case h.Seal == sealNone:
		return errors.New("the header has a recipient or a signer, and yet says that the file is not sealed")
	case h.Seal != sealAge:
		return errors.New("the file is sealed in a way that this version of cohortlink does not know; update cohortlink")
	case h.Bytes < sealedEnd || h.Bytes > maxSealed:
		return fmt.Errorf("the header says that %d bytes are in the seal, which cannot be", h.Bytes)
	case !isHex(h.Recipient, 64) || !isHex(h.Signer, 64):
		return errors.New("the recipient or the signer is not 64 lower-case hexadecimal digits")
	}
	return nil
}

func (m *FiltersManifest) check() error {
	if m.Records < 0 || m.Records > maxFiltersRecords {
		return fmt.Errorf("the number of records is not between 0 and %d", maxFiltersRecords)
	}
	if m.SetAside < 0 {
		return errors.New("the number of rows set aside is below 0")
	}
	if len(m.Filters) < 1 || len(m.Filters) > maxFilters {
		return fmt.Errorf("there are %d filters to a record, not 1 to %d", len(m.Filters), maxFilters)
	}
	if len(m.Exact) > maxExactKeys || len(m.Needs) > maxNeeds {
		return fmt.Errorf("there are more than %d exact keys or %d needs", maxExactKeys, maxNeeds)
	}
	names := map[string]bool{}
	for i, f := range m.Filters {
		if err := checkOwnName("filter", f.Name, names); err != nil {
			return err
		}
		if f.Bits < 1 || f.Bits > maxFilterBits {
			return fmt.Errorf("filter %d has %d bits, not 1 to %d", i+1, f.Bits, maxFilterBits)
		}
		if !isMethodName(f.Encoding) || !isMethodName(f.Similarity) {
			return fmt.Errorf("filter %d does not say how it is encoded and compared", i+1)
		}
	}
	if err := m.checkRoles(); err != nil {
		return err
	}
	clear(names)
	for _, e := range m.Exact {
		if err := checkOwnName("exact key", e, names); err != nil {
			return err
		}
	}
	clear(names)
	for i, n := range m.Needs {
		if err := checkOwnName("need", n.Name, names); err != nil {
			return err
		}
		switch {
		case n.Kind == NeedYesNo && slices.Equal(n.Values, []string{"no", "yes"}):
		case n.Kind == NeedCategory:
			if err := checkNeedValues(n.Values); err != nil {
				return fmt.Errorf("need %d: %w", i+1, err)
			}
		default:
			return fmt.Errorf("need %d is neither a category nor a yes-no with the values no and yes", i+1)
		}
	}
	for _, w := range m.Weak {
		if !isPlainText(w, 500) {
			return errors.New("the reason for a weak choice is empty, longer than 500 bytes or not plain text")
		}
	}
	if m.Created != "" && !isISODate(m.Created) {
		return errors.New("the date of creation is not of the form YYYY-MM-DD")
	}
	if !isPlainText(m.Tool, 100) {
		return errors.New("the name of the program that wrote the file is missing or not plain text")
	}
	return nil
}

// checkOwnName refuses a name of a filter, exact key or need that is malformed or already taken.
func checkOwnName(what, name string, taken map[string]bool) error {
	if !fieldName.MatchString(name) {
		return fmt.Errorf("the name of the %s is not of lower-case letters, digits and _", what)
	}
	if taken[name] {
		return fmt.Errorf("two %ss have the name %q", what, name)
	}
	taken[name] = true
	return nil
}

func checkNeedValues(values []string) error {
	if len(values) > maxNeedValues {
		return fmt.Errorf("there are %d values, more than %d", len(values), maxNeedValues)
	}
	seen := make(map[string]bool, len(values))
	for i, v := range values {
		if !isPlainText(v, maxNeedValueText) {
			return fmt.Errorf("value %d is empty, longer than %d bytes or not plain text", i+1, maxNeedValueText)
		}
		if seen[v] {
			return fmt.Errorf("value %d is there twice", i+1)
		}
		seen[v] = true
	}
	return nil
}

// isMethodName reports whether s can name an encoding or a similarity, with a version, parameters and further steps one space apart:
// "bloom/1 fold:2", "xor:4:0.5".
func isMethodName(s string) bool {
	for _, step := range strings.Split(s, " ") {
		if step == "" || strings.Trim(step, "abcdefghijklmnopqrstuvwxyz0123456789-./:=,") != "" {
			return false
		}
	}
	return len(s) <= 64
}

// FiltersWriter writes a filters file row by row, so that nothing need hold all of them.
type FiltersWriter struct {
	out     *sealWriter
	m       FiltersManifest
	layout  rowLayout
	row     []byte
	block   []byte // rows on their way out
	last    RecordID
	written int
}

// FiltersRow is one record of a filters file. Its slices are the caller's, and may be used again after Write.
type FiltersRow struct {
	ID    RecordID
	Bits  [][]uint64 // a filter each
	Exact []ExactKey
	Needs []uint16
}

// NewFiltersWriter writes the head of a file that is not sealed. m.Records rows must follow, in rising order of record ID, and Close.
func NewFiltersWriter(w io.Writer, h FiltersHeader, m FiltersManifest) (*FiltersWriter, error) {
	if h.Seal == sealAge { // written clear, what was to be sealed would be on the disk for anybody
		return nil, errors.New("writing a filters file: the header says that the file is sealed, and nothing says for whom")
	} else if err := h.check(); err != nil {
		return nil, fmt.Errorf("writing a filters file: %w", err)
	}
	return newFiltersWriter(w, h, m, nil, nil)
}

// NewSealedFiltersWriter is NewFiltersWriter for a file that is sealed for to and signed by: what it writes to w is sealed already. h.Seal
// and what belongs to it need not be set.
func NewSealedFiltersWriter(w io.Writer, h FiltersHeader, m FiltersManifest, to *Recipient, by *Identity) (*FiltersWriter, error) {
	return newFiltersWriter(w, h, m, to, by)
}

func newFiltersWriter(w io.Writer, h FiltersHeader, m FiltersManifest, to *Recipient, by *Identity) (*FiltersWriter, error) {
	m = m.normal()
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("writing a filters file: %w", err)
	}
	fw := &FiltersWriter{m: m, layout: m.layout()}
	fw.row = make([]byte, fw.layout.size)
	manifest := append(canonicalJSON(m), '\n')
	if len(manifest) > maxFiltersManifest+1 {
		return nil, fmt.Errorf("writing a filters file: the values of the needs take more than %d bytes; use fewer or shorter ones", maxFiltersManifest)
	}
	var err error
	if fw.out, err = newSealWriter(w, kindFilters, h, int64(len(manifest))+int64(m.Records)*int64(fw.layout.size), to, by); err != nil {
		return nil, fmt.Errorf("writing a filters file: %w", err)
	}
	fw.block = manifest
	return fw, fw.flush()
}

// normal has empty lists where m has none, because JSON tells them apart and the format knows only the empty list.
func (m FiltersManifest) normal() FiltersManifest {
	m.Filters, m.Exact, m.Needs, m.Weak = notNil(m.Filters), notNil(m.Exact), notNil(m.Needs), notNil(m.Weak)
	if slices.ContainsFunc(m.Needs, func(n NeedLayout) bool { return n.Values == nil }) {
		m.Needs = slices.Clone(m.Needs)
		for i := range m.Needs {
			m.Needs[i].Values = notNil(m.Needs[i].Values)
		}
	}
	return m
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func (fw *FiltersWriter) flush() error {
	err := fw.out.write(fw.block)
	fw.block = fw.block[:0]
	return err
}

// Write adds a row. It fails when the record ID does not rise, and when the row is not of the manifest's shape.
func (fw *FiltersWriter) Write(r FiltersRow) error {
	if fw.written == fw.m.Records {
		return fmt.Errorf("writing a filters file: more than the %d records announced", fw.m.Records)
	}
	if fw.written > 0 && bytes.Compare(fw.last[:], r.ID[:]) >= 0 {
		return fmt.Errorf("writing a filters file: record %d: record IDs must rise, each there once", fw.written+1)
	}
	l := &fw.layout
	if len(r.Bits) != len(l.filters) || len(r.Exact) != len(l.exact) || len(r.Needs) != len(l.needs) {
		return fmt.Errorf("writing a filters file: record %d has not the filters, exact keys and needs announced", fw.written+1)
	}
	copy(fw.row, r.ID[:])
	for f, words := range r.Bits {
		if err := checkWords(words, l.words[f], fw.m.Filters[f].Bits); err != nil {
			return fmt.Errorf("writing a filters file: record %d, filter %d: %w", fw.written+1, f+1, err)
		}
		for i, w := range words {
			binary.LittleEndian.PutUint64(fw.row[l.filters[f]+8*i:], w)
		}
	}
	for e, k := range r.Exact {
		copy(fw.row[l.exact[e]:], k[:])
	}
	for n, v := range r.Needs {
		if int(v) > len(fw.m.Needs[n].Values) {
			return fmt.Errorf("writing a filters file: record %d, need %d: there is no such value", fw.written+1, n+1)
		}
		binary.LittleEndian.PutUint16(fw.row[l.needs[n]:], v)
	}
	fw.last = r.ID
	fw.written++
	if fw.block = append(fw.block, fw.row...); len(fw.block) >= 1<<16 {
		return fw.flush()
	}
	return nil
}

func checkWords(words []uint64, want, length int) error {
	if len(words) != want {
		return fmt.Errorf("%d words, not %d", len(words), want)
	}
	if rest := length % 64; rest != 0 && words[want-1]>>rest != 0 {
		return fmt.Errorf("a bit beyond the length of %d is set", length)
	}
	return nil
}

// Close ends the file and returns its digest, the SHA-256 in it. It does not close the writer underneath.
func (fw *FiltersWriter) Close() (digest [32]byte, err error) {
	if fw.written != fw.m.Records {
		return digest, fmt.Errorf("writing a filters file: %d of the %d records announced", fw.written, fw.m.Records)
	}
	if err := fw.flush(); err != nil {
		return digest, err
	}
	return fw.out.end()
}

// canonicalJSON is the one encoding of a value that our files know: keys in the order of the struct, no white space, no escapes but those
// that JSON requires.
func canonicalJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("formats: plain values always encode: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
