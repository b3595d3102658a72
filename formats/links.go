package formats

// What goes back to a partner: linked/links/PARTY.csv, one line for each of its records, linked or not, in the order of record IDs.
// And the text forms of the IDs, which every CSV of ours shares.
//
// An ID begins with a letter: a spreadsheet takes 32 hexadecimal digits such as 1234e5… for a number and rewrites it. The letter also says
// which of them an ID is.

import (
	"bufio"
	"bytes"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// RecordID is the random stand-in for a record.
type RecordID [16]byte

// String is "r" and 32 lower-case hexadecimal digits.
func (id RecordID) String() string { return string(id.append(nil)) }

func (id RecordID) append(b []byte) []byte { return hex.AppendEncode(append(b, 'r'), id[:]) }

// ParseRecordID reads what String writes, and nothing else. The error does not repeat s.
func ParseRecordID(s string) (id RecordID, err error) {
	if len(s) != 33 || s[0] != 'r' || strings.ContainsAny(s, "ABCDEF") {
		return id, errNoRecordID
	}
	if _, err := hex.Decode(id[:], []byte(s[1:])); err != nil {
		return id, errNoRecordID
	}
	return id, nil
}

// PersonID is the random name of a person.
type PersonID [16]byte

// RFC 4648, section 6, in lower case and without padding: 26 characters, the last of which carries three bits and two zeros.
var personBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// String is "p" and 26 characters of a–z and 2–7.
func (id PersonID) String() string { return string(id.append(nil)) }

func (id PersonID) append(b []byte) []byte { return personBase32.AppendEncode(append(b, 'p'), id[:]) }

// ParsePersonID reads what String writes, and nothing else. The error does not repeat s.
func ParsePersonID(s string) (id PersonID, err error) {
	if len(s) != 27 || s[0] != 'p' || strings.ContainsAny(s, "\r\n") { // the decoder skips line breaks
		return id, errNoPersonID
	}
	if _, err := personBase32.Decode(id[:], []byte(s[1:])); err != nil || id.String() != s { // the last two bits may not be set
		return id, errNoPersonID
	}
	return id, nil
}

// HouseholdID is the random name of a household. The zero ID stands for a household that is not known.
type HouseholdID [16]byte

// String is "h" and 26 characters of a–z and 2–7; "" for the zero ID.
func (id HouseholdID) String() string { return string(id.append(nil)) }

func (id HouseholdID) append(b []byte) []byte {
	if id == (HouseholdID{}) {
		return b
	}
	return personBase32.AppendEncode(append(b, 'h'), id[:])
}

// ParseHouseholdID reads what String writes, and nothing else. The error does not repeat s.
func ParseHouseholdID(s string) (id HouseholdID, err error) {
	if s == "" {
		return id, nil
	}
	if len(s) != 27 || s[0] != 'h' || strings.ContainsAny(s, "\r\n") {
		return id, errNoHouseholdID
	}
	if _, err := personBase32.Decode(id[:], []byte(s[1:])); err != nil || id.String() != s {
		return id, errNoHouseholdID
	}
	return id, nil
}

var (
	errNoRecordID    = errors.New("not a record ID (r and 32 hexadecimal digits)")
	errNoPersonID    = errors.New("not a person ID (p and 26 letters and digits)")
	errNoHouseholdID = errors.New("not a household ID (h and 26 letters and digits)")
)

// Links says which person each record of one party belongs to. Records rise, and Persons[i] is the person of Records[i].
type Links struct {
	Records    []RecordID
	Persons    []PersonID
	Households []HouseholdID // of each record, that of its person; nil where none were formed
}

const (
	linksHeader          = "record_id,person_id"
	linksHeaderHousehold = linksHeader + ",household_id"
)

// Person returns the person a record belongs to.
func (l *Links) Person(id RecordID) (PersonID, bool) {
	if i, ok := l.place(id); ok {
		return l.Persons[i], true
	}
	return PersonID{}, false
}

// Household returns the household that the person of a record belongs to, zero where it is not known.
func (l *Links) Household(id RecordID) HouseholdID {
	if i, ok := l.place(id); ok && l.Households != nil {
		return l.Households[i]
	}
	return HouseholdID{}
}

func (l *Links) place(id RecordID) (int, bool) {
	i := sort.Search(len(l.Records), func(i int) bool { return bytes.Compare(l.Records[i][:], id[:]) >= 0 })
	return i, i < len(l.Records) && l.Records[i] == id
}

// WriteLinks writes a links file. The records must rise.
func WriteLinks(w io.Writer, l *Links) error {
	if len(l.Records) != len(l.Persons) {
		return fmt.Errorf("%d records with %d persons: a links file has one person for each record", len(l.Records), len(l.Persons))
	}
	if l.Households != nil && len(l.Households) != len(l.Records) {
		return fmt.Errorf("%d records with %d households: a links file has one for each record, or none", len(l.Records), len(l.Households))
	}
	b := bufio.NewWriterSize(w, 1<<16)
	if l.Households == nil {
		b.WriteString(linksHeader + "\n")
	} else {
		b.WriteString(linksHeaderHousehold + "\n")
	}
	var line []byte
	for i, id := range l.Records {
		if i > 0 && bytes.Compare(l.Records[i-1][:], id[:]) >= 0 {
			return errors.New("a links file holds each record once, in the order of record IDs")
		}
		line = l.Persons[i].append(append(id.append(line[:0]), ','))
		if l.Households != nil {
			line = l.Households[i].append(append(line, ','))
		}
		b.Write(append(line, '\n'))
	}
	return b.Flush()
}

// ReadLinks reads a links file, exactly as WriteLinks writes it: one that was sorted or saved again by a spreadsheet is refused.
func ReadLinks(path string) (*Links, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	defer f.Close()
	return ParseLinks(path, f)
}

// ParseLinks is ReadLinks for bytes from anywhere; name stands in errors.
func ParseLinks(name string, r io.Reader) (*Links, error) {
	l := &Links{}
	lines := newLineReader(name, "links", r)
	which, err := lines.header(linksHeader, linksHeaderHousehold)
	if err != nil {
		return nil, err
	}
	if which == 1 {
		l.Households = []HouseholdID{}
	}
	for lines.next() {
		record, person, _ := strings.Cut(lines.text, ",")
		if l.Households != nil {
			var household string
			var there bool
			if person, household, there = strings.Cut(person, ","); !there {
				return nil, lines.errorf("there is no column household_id")
			}
			h, err := ParseHouseholdID(household)
			if err != nil {
				return nil, lines.errorf("column household_id is %w", err)
			}
			l.Households = append(l.Households, h)
		}
		id, err := ParseRecordID(record)
		if err != nil {
			return nil, lines.errorf("column record_id is %w", err)
		}
		p, err := ParsePersonID(person)
		if err != nil {
			return nil, lines.errorf("column person_id is %w", err)
		}
		if n := len(l.Records); n > 0 && bytes.Compare(l.Records[n-1][:], id[:]) >= 0 {
			return nil, lines.errorf("the record IDs are not in order, or one is there twice")
		}
		l.Records, l.Persons = append(l.Records, id), append(l.Persons, p)
	}
	return l, lines.err
}

// lineReader reads the CSV files that only we write (maps, links): lines that end with one line feed, the last one too, so that a file
// that was cut short or passed through a spreadsheet is noticed. Their fields hold no line breaks.
type lineReader struct {
	name, kind string
	r          *bufio.Reader
	number     int    // of the line in text, from 1
	text       string // without its line feed
	err        error
	broken     bool // err is the disk's, not the file's
}

// maxLine holds a row number, a record ID and a local ID with every byte doubled, with room to spare.
const maxLine = 4096

func newLineReader(name, kind string, r io.Reader) *lineReader {
	return &lineReader{name: shownPath(name), kind: kind, r: bufio.NewReaderSize(r, maxLine)}
}

// header reads the first line, which must be one of known, and returns which.
func (l *lineReader) header(known ...string) (int, error) {
	if l.next() {
		for i, k := range known {
			if l.text == k {
				return i, nil
			}
		}
	}
	if l.broken {
		return 0, l.err
	}
	return 0, fmt.Errorf("%s is not a %s file: its first line should be %s", l.name, l.kind, strings.Join(known, " or "))
}

func (l *lineReader) next() bool {
	if l.err != nil {
		return false
	}
	line, err := l.r.ReadSlice('\n')
	if err == io.EOF && len(line) == 0 {
		return false
	}
	l.number++
	switch {
	case err == io.EOF:
		l.err = fmt.Errorf("%s line %d: the file ends in the middle of a line; it was cut short: get it again", l.name, l.number)
	case err == bufio.ErrBufferFull:
		l.err = l.errorf("the line is longer than %d bytes", maxLine)
	case err != nil:
		l.err, l.broken = fmt.Errorf("%s line %d cannot be read: %w", l.name, l.number, bare(err)), true
	default:
		l.text = string(line[:len(line)-1])
	}
	return l.err == nil
}

// errorf says what is wrong with the present line, and the likely cause: nobody but cohortlink writes these files.
func (l *lineReader) errorf(format string, a ...any) error {
	return fmt.Errorf("%s line %d: %w; the file was changed after it was written: use the one that cohortlink wrote", l.name, l.number, fmt.Errorf(format, a...))
}

// openError says why a file cannot be read, with its name once.
func openError(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return wordedError{"there is no file " + shownPath(path), os.ErrNotExist}
	}
	return fmt.Errorf("%s cannot be read: %w", shownPath(path), bare(err))
}
