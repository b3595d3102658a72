package formats

// PARTY.map.csv: which row of the extract became which record. It stays with the partner: with it and the links file the partner finds
// the person of each of its rows, and with its own numbers in it (local_id) a later extract keeps its record IDs.
//
// A local ID is the partner's own text, kept as it is and quoted; it is not guarded against spreadsheets that take =… for a formula,
// because a guard would change it, and because the file is not for reading. One with a line break in it is refused.

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Map says which row of an extract became which record.
type Map struct {
	Rows     []int      // data rows of the extract, from 1, rising; rows that were set aside are missing
	IDs      []RecordID // of the row at the same place; each once
	LocalIDs []string   // the partner's own number of the row, "" where it has none; each once; nil when no column holds one
	Digest   [32]byte   // SHA-256 of the file, as in the receipt; set by reading
}

const (
	mapHeader      = "row,record_id"
	mapHeaderLocal = "row,record_id,local_id"
	maxLocalID     = 1024 // bytes
)

// Record returns the record a data row became; false for a row that was set aside.
func (m *Map) Record(row int) (RecordID, bool) {
	i := sort.SearchInts(m.Rows, row)
	if i == len(m.Rows) || m.Rows[i] != row {
		return RecordID{}, false
	}
	return m.IDs[i], true
}

// ByLocalID returns the record IDs under the partner's own numbers, for a later extract; nil when the map has none.
func (m *Map) ByLocalID() map[string]RecordID {
	if m.LocalIDs == nil {
		return nil
	}
	ids := make(map[string]RecordID, len(m.IDs))
	for i, local := range m.LocalIDs {
		if local != "" {
			ids[local] = m.IDs[i]
		}
	}
	return ids
}

// Persons joins a map with the links that came back for it, and returns the text of the person ID of a data row, "" for one that was set
// aside. It fails unless both hold the same records: links of another run would leave rows without a person, or worse.
func (m *Map) Persons(l *Links) (func(row int) string, error) {
	if len(m.IDs) != len(l.Records) {
		return nil, fmt.Errorf("the map has %d records and the links have %d: they are not of the same run", len(m.IDs), len(l.Records))
	}
	for i, id := range m.IDs {
		if _, ok := l.Person(id); !ok {
			return nil, fmt.Errorf("the links have no person for the record of row %d: they are not of the same run as the map", m.Rows[i])
		}
	}
	return m.personOf(l), nil
}

// Members is Persons for the members of a cohort: some of the map's records, and none that is not the map's. Other rows have "".
func (m *Map) Members(l *Links) (func(row int) string, error) {
	own := make(map[RecordID]bool, len(m.IDs))
	for _, id := range m.IDs {
		own[id] = true
	}
	for _, id := range l.Records {
		if !own[id] {
			return nil, errors.New("the cohort has records that the map does not have: they are not of the same run")
		}
	}
	return m.personOf(l), nil
}

// Households returns the text of the household ID of a data row, "" where it is not known. The links are those of the map.
func (m *Map) Households(l *Links) func(row int) string {
	return func(row int) string {
		id, ok := m.Record(row)
		if !ok {
			return ""
		}
		return l.Household(id).String()
	}
}

func (m *Map) personOf(l *Links) func(row int) string {
	return func(row int) string {
		id, ok := m.Record(row)
		if !ok {
			return ""
		}
		p, ok := l.Person(id)
		if !ok {
			return ""
		}
		return p.String()
	}
}

// check refuses a map that does not do what a map is for. line gives the place of entry i in a message.
func (m *Map) check(line func(i int) string) error {
	if len(m.Rows) != len(m.IDs) || m.LocalIDs != nil && len(m.LocalIDs) != len(m.IDs) {
		return errors.New("a map has a row, a record ID and, if any, a local ID for each record")
	}
	ids := make(map[RecordID]int, len(m.IDs))
	locals := make(map[string]int, len(m.LocalIDs))
	for i, row := range m.Rows {
		if row < 1 || i > 0 && row <= m.Rows[i-1] {
			return fmt.Errorf("%s: the rows do not rise", line(i))
		}
		if j, twice := ids[m.IDs[i]]; twice {
			return fmt.Errorf("%s: the same record ID as on %s", line(i), line(j))
		}
		ids[m.IDs[i]] = i
		if m.LocalIDs == nil || m.LocalIDs[i] == "" {
			continue
		}
		local := m.LocalIDs[i]
		if j, twice := locals[local]; twice {
			return fmt.Errorf("%s: the same local ID as on %s; a column that is to keep record IDs must differ in every row", line(i), line(j))
		}
		locals[local] = i
		if len(local) > maxLocalID || !utf8.ValidString(local) || strings.ContainsFunc(local, unicode.IsControl) {
			return fmt.Errorf("%s: the local ID has a line break or another control character, or more than %d bytes; choose another column for it",
				line(i), maxLocalID)
		}
	}
	return nil
}

// WriteMap writes a map file and returns its SHA-256, for the receipt. Errors about an entry name the row of the extract.
func WriteMap(w io.Writer, m *Map) (digest [32]byte, err error) {
	if err := m.check(func(i int) string { return "row " + strconv.Itoa(m.Rows[i]) }); err != nil {
		return digest, err
	}
	sum := sha256.New()
	b := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	if m.LocalIDs == nil {
		b.WriteString(mapHeader + "\n")
	} else {
		b.WriteString(mapHeaderLocal + "\n")
	}
	var line []byte
	for i, row := range m.Rows {
		line = m.IDs[i].append(append(strconv.AppendInt(line[:0], int64(row), 10), ','))
		if m.LocalIDs != nil {
			line = append(append(line, `,"`...), strings.ReplaceAll(m.LocalIDs[i], `"`, `""`)...)
			line = append(line, '"')
		}
		b.Write(append(line, '\n'))
	}
	err = b.Flush()
	sum.Sum(digest[:0])
	return digest, err
}

// ReadMap reads a map file, exactly as WriteMap writes it: one that a spreadsheet saved again is refused, because it may have lost the
// leading zeros of local IDs.
func ReadMap(path string) (*Map, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	defer f.Close()
	return ParseMap(path, f)
}

// ParseMap is ReadMap for bytes from anywhere; name stands in errors.
func ParseMap(name string, r io.Reader) (*Map, error) {
	m := &Map{}
	sum := sha256.New()
	lines := newLineReader(name, "map", io.TeeReader(r, sum))
	which, err := lines.header(mapHeader, mapHeaderLocal)
	if err != nil {
		return nil, err
	}
	if which == 1 {
		m.LocalIDs = []string{}
	}
	for lines.next() {
		first, rest, _ := strings.Cut(lines.text, ",")
		row, err := strconv.Atoi(first)
		if err != nil || strconv.Itoa(row) != first {
			return nil, lines.errorf("column row is not a row number")
		}
		record, local, hasLocal := strings.Cut(rest, ",")
		id, err := ParseRecordID(record)
		if err != nil {
			return nil, lines.errorf("column record_id is %w", err)
		}
		if hasLocal != (m.LocalIDs != nil) {
			return nil, lines.errorf("the number of columns differs from the first line's")
		}
		if hasLocal {
			text, ok := unquoteLocalID(local)
			if !ok {
				return nil, lines.errorf("column local_id is not in quotation marks")
			}
			m.LocalIDs = append(m.LocalIDs, text)
		}
		m.Rows, m.IDs = append(m.Rows, row), append(m.IDs, id)
	}
	if lines.err != nil {
		return nil, lines.err
	}
	if err := m.check(func(i int) string { return "line " + strconv.Itoa(i+2) }); err != nil {
		return nil, fmt.Errorf("%s %w; the file was changed after it was written: use the one that cohortlink wrote", shownPath(name), err)
	}
	sum.Sum(m.Digest[:0])
	return m, nil
}

func unquoteLocalID(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return "", false
	}
	s = s[1 : len(s)-1]
	text := strings.ReplaceAll(s, `""`, `"`)
	return text, strings.ReplaceAll(text, `"`, `""`) == s // a lone mark does not come back
}
