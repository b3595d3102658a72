package formats

// CSV: RFC 4180, and what programs really write under that name.
//
// The obvious reader is encoding/csv, and on sound files a test here wants its rows from this one too. Four things
// speak against it for a file that a stranger made:
//
//   - it keeps a quoted cell in memory until the quote closes: one stray quote, and that is the rest of the file;
//   - having found that quote to be stray, it goes on after everything it swallowed, so that sound rows are lost;
//   - it does not see rows that end in a carriage return alone (Excel for Mac);
//   - it gives cells only, while attaching a column needs the bytes of each row, quoted the way they were.
//
// So csvScanner cuts the bytes of the file into records, and csvRows makes cells of them. Where a record does not
// parse, the blame goes to its first line alone and reading resumes at the next line: a stray quote costs the row it
// stands in. The price is that a sound cell of more than 1 MiB with line ends in it costs a row for each of its
// lines, nearly all for having the wrong number of cells.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// delimiters that are looked for, the first winning a tie.
const delimiters = ",;\t|"

// csvRecord is the bytes of one record in a scanner's buffer: good until the next one is asked for.
type csvRecord struct {
	raw    []byte // without the line end
	end    []byte // the line end: "\n", "\r\n", "\r", or nothing at the end of the file
	line   int    // 1-based line on which the record begins
	quoted bool   // raw contains a quotation mark
	fault  string // why it cannot be used, or ""
}

// csvScanner cuts a stream of bytes, in which the characters below 128 are ASCII, into records.
type csvScanner struct {
	r         io.Reader
	buf       []byte
	from, to  int // what of buf is not used yet
	eof       bool
	eol       byte // what ends a line: '\n' (with or without '\r' before it), or '\r' where the header ends in that
	delimiter byte
	line      int // lines given out so far

	// pass, if not nil, is handed every byte that is part of no record: blank lines, and the beginning of a line
	// too long to be held, the end of which is then the record's raw.
	pass func([]byte) error
}

// fill reads more behind what is there. It is called with less than 2 × maxRow unused.
func (s *csvScanner) fill() error {
	if s.to == len(s.buf) {
		if s.from > 0 {
			s.to = copy(s.buf, s.buf[s.from:s.to])
			s.from = 0
		} else {
			s.buf = append(s.buf, make([]byte, max(1<<16, len(s.buf)))...)
		}
	}
	// A reader may give nothing without an error, but not for ever.
	for range 100 {
		n, err := s.r.Read(s.buf[s.to:])
		s.to += n
		if err == io.EOF {
			s.eof = true
			return nil
		}
		if err != nil || n > 0 {
			return err
		}
	}
	return io.ErrNoProgress
}

// next is the next record that is not a blank line, or io.EOF.
func (s *csvScanner) next() (csvRecord, error) {
	for {
		length, long, err := s.firstLine()
		if err != nil {
			return csvRecord{}, err
		}
		if length == 0 && s.from == s.to && !long {
			return csvRecord{}, io.EOF
		}
		rec := csvRecord{line: s.line + 1}
		data := s.buf[s.from:s.to]
		switch {
		case long:
			rec.fault = "is longer than 1 MiB"
		case bytes.IndexByte(data[:length], '"') >= 0:
			rec.quoted = true
			if length, rec.fault, err = s.quotedRecord(length); err != nil {
				return csvRecord{}, err
			}
			data = s.buf[s.from:s.to]
		}
		s.cut(&rec, data, length)
		if len(rec.raw) > 0 || long {
			return rec, nil
		}
		if s.pass != nil {
			if err := s.pass(rec.end); err != nil {
				return csvRecord{}, err
			}
		}
	}
}

// cut takes length bytes and the line end behind them out of data, the unused part of the buffer.
func (s *csvScanner) cut(rec *csvRecord, data []byte, length int) {
	next := min(length+1, len(data))
	rec.raw = data[:length]
	for s.eol == '\n' && len(rec.raw) > 0 && rec.raw[len(rec.raw)-1] == '\r' {
		rec.raw = rec.raw[:len(rec.raw)-1]
	}
	rec.end = data[len(rec.raw):next]
	s.line += bytes.Count(data[:next], []byte{s.eol})
	s.from += next
}

// firstLine finds the length of the unused part's first line, without its line end. A line longer than maxRow is
// passed on up to a last short piece, and long is true.
func (s *csvScanner) firstLine() (length int, long bool, err error) {
	for seen := 0; ; {
		data := s.buf[s.from:s.to]
		if i := bytes.IndexByte(data[seen:], s.eol); i >= 0 {
			return seen + i, long || seen+i > maxRow, nil
		}
		seen = len(data)
		if s.eof {
			return seen, long || seen > maxRow, nil
		}
		if seen > maxRow {
			// A '\r' at the end may belong to the line end.
			long, seen = true, 1
			if s.pass != nil {
				if err := s.pass(data[:len(data)-1]); err != nil {
					return 0, false, err
				}
			}
			s.from = s.to - 1
		}
		if err := s.fill(); err != nil {
			return 0, false, err
		}
	}
}

// quotedRecord finds the length of a record that has a quotation mark in its first line, which is firstLine long.
// Where the quoting is wrong it is the first line alone, with the fault.
func (s *csvScanner) quotedRecord(firstLine int) (length int, fault string, err error) {
	for {
		data := s.buf[s.from:s.to]
		length, state := scanQuoted(data, s.delimiter, s.eol, s.eof)
		if state == quotesUnfinished && len(data) > maxRow {
			state = "opens a quote that is not closed within 1 MiB"
		}
		switch state {
		case quotesSound:
			if length > maxRow {
				return firstLine, "is longer than 1 MiB", nil
			}
			return length, "", nil
		case quotesUnfinished:
			if err := s.fill(); err != nil {
				return 0, "", err
			}
		default:
			return firstLine, state, nil
		}
	}
}

// What scanQuoted can say besides naming a fault.
const (
	quotesSound      = ""
	quotesUnfinished = "unfinished"
)

// scanQuoted finds the length of the record that data begins with, by the rules of RFC 4180, section 2. The state is
// quotesSound, quotesUnfinished if more data has to be seen, or the fault in plain words.
func scanQuoted(data []byte, delimiter, eol byte, eof bool) (length int, state string) {
	short := func(fault string) (int, string) {
		if eof {
			return len(data), fault
		}
		return 0, quotesUnfinished
	}
	for i := 0; ; {
		if i < len(data) && data[i] == '"' {
			i++
			for {
				closing := bytes.IndexByte(data[i:], '"')
				if closing < 0 {
					return short("opens a quote that is never closed")
				}
				i += closing + 1
				if i == len(data) {
					return short(quotesSound)
				}
				if data[i] != '"' {
					break
				}
				i++
			}
		} else {
			for i < len(data) && data[i] != delimiter && data[i] != eol && data[i] != '"' {
				i++
			}
			if i < len(data) && data[i] == '"' {
				return 0, "has a quotation mark inside a cell that is not quoted"
			}
		}
		if end := i; eol == '\n' {
			for i < len(data) && data[i] == '\r' {
				i++
			}
			if i > end && i < len(data) && data[i] != '\n' {
				return 0, "has text behind the closing quote of a cell"
			}
		}
		switch {
		case i == len(data):
			return short(quotesSound)
		case data[i] == eol:
			return i, quotesSound
		case data[i] != delimiter:
			return 0, "has text behind the closing quote of a cell"
		}
		i++
	}
}

// csvRows reads the rows of a CSV file.
type csvRows struct {
	src     *inputFile
	scan    *csvScanner
	text    textEncoding
	head    []string
	blank   int    // columns behind those of head that have no name, and in which there may be nothing
	decoded []byte // one record in UTF-8, where the file is in another encoding
	cells   []string
	quoted  rowText
}

func openCSVRows(src *inputFile, o ExtractOptions) (*csvRows, error) {
	c, _, err := newCSVRows(src, o)
	if err != nil {
		return nil, err
	}
	_, err = c.readHeader(o.Delimiter)
	return c, err
}

// newCSVRows settles encoding, line end and delimiter. It also gives the byte order mark that the file begins with.
func newCSVRows(src *inputFile, o ExtractOptions) (*csvRows, []byte, error) {
	if d := o.Delimiter; d != 0 && (d > unicode.MaxASCII || d == '"' || unicode.IsControl(d) && d != '\t') {
		return nil, nil, fmt.Errorf("%q cannot be a delimiter; it must be one ASCII character and not a quotation mark", d)
	}
	r, text, mark, err := decodeText(src, o.Encoding)
	if err != nil {
		return nil, nil, err
	}
	c := &csvRows{src: src, text: text, scan: &csvScanner{r: r, eol: '\n', delimiter: byte(o.Delimiter)}}
	return c, mark, c.scan.settle()
}

// readHeader reads the header, and gives its record, good until the next one is read.
func (c *csvRows) readHeader(declared rune) (csvRecord, error) {
	header, err := c.scan.next()
	if err == io.EOF {
		return header, ErrEmptyExtract
	}
	if err != nil {
		return header, err
	}
	fault := header.fault
	if fault == "" {
		c.head, fault = c.split(header)
	}
	if fault != "" {
		return header, fmt.Errorf("the header line %s%s", fault, c.text.advice(header))
	}
	// A spreadsheet writes columns that were once in use, though nothing is in them.
	named := len(c.head)
	for named > 1 && strings.TrimSpace(c.head[named-1]) == "" {
		named--
	}
	c.blank = len(c.head) - named
	c.head = slices.Clone(c.head[:named]) // split uses its slice again
	return header, checkDelimiter(c.head, declared)
}

// settle finds what ends a line and, unless it was declared, what separates cells, from the first line that is not
// blank. Both are looked for outside quotes.
func (s *csvScanner) settle() error {
	for {
		data := s.buf[s.from:s.to]
		var counts [len(delimiters)]int
		quoted, blank := false, true
		for i, b := range data {
			switch {
			case b == '"':
				quoted, blank = !quoted, false
			case quoted:
			case b == '\n' || b == '\r':
				// Line ends that were converted twice are \r\r\n.
				next := i
				for next < len(data) && data[next] == '\r' {
					next++
				}
				if next == len(data) && !s.eof {
					break // it takes one more byte to tell
				}
				s.eol = '\n'
				if next == len(data) || data[next] != '\n' {
					s.eol = '\r'
				}
				if !blank {
					s.choose(counts)
					return nil
				}
			default:
				blank = false
				if k := strings.IndexByte(delimiters, b); k >= 0 {
					counts[k]++
				}
			}
		}
		if s.eof || len(data) > maxRow {
			s.choose(counts)
			return nil
		}
		if err := s.fill(); err != nil {
			return err
		}
	}
}

func (s *csvScanner) choose(counts [len(delimiters)]int) {
	if s.delimiter != 0 {
		return
	}
	best := 0
	for k, n := range counts {
		if n > counts[best] {
			best = k
		}
	}
	s.delimiter = delimiters[best]
}

// checkDelimiter explains a header of one column, which nearly always is a header of several that was not cut.
func checkDelimiter(head []string, declared rune) error {
	if len(head) != 1 {
		return nil
	}
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" _-.()", r)
	}
	if declared != 0 {
		if i := strings.IndexAny(head[0], delimiters); i >= 0 {
			return fmt.Errorf("the header has one column when it is cut at %q, but contains %q; declare that as the delimiter, or none to have it found", declared, head[0][i])
		}
		return nil
	}
	if strings.IndexFunc(head[0], odd) >= 0 {
		return errors.New("the header has no comma, semicolon, tab or bar to cut it at; declare the delimiter, or check that the file is an extract")
	}
	return nil
}

func (c *csvRows) header() []string          { return c.head }
func (c *csvRows) progress() int64           { return c.src.done.Load() }
func (c *csvRows) digest() ([32]byte, error) { return c.src.digest() }
func (c *csvRows) close() error              { return nil }

func (c *csvRows) next() ([]string, error) {
	rec, err := c.scan.next()
	if err != nil {
		return nil, err
	}
	row, fault := c.row(rec)
	if fault != "" {
		return nil, &RowError{Line: rec.line, Reason: fault}
	}
	return row, nil
}

// row is a record's cells, or why it cannot be used.
func (c *csvRows) row(rec csvRecord) ([]string, string) {
	if rec.fault != "" {
		return nil, rec.fault
	}
	row, fault := c.split(rec)
	if fault != "" {
		return nil, fault
	}
	named := len(c.head)
	if len(row) != named+c.blank {
		return nil, fmt.Sprintf("has %s where the header has %d", countOf(len(row), "cell"), named+c.blank)
	}
	for i, cell := range row[named:] {
		if strings.TrimSpace(cell) != "" {
			return nil, fmt.Sprintf("has something in column %d, which has no name in the header", named+i+1)
		}
	}
	return row[:named], ""
}

// split cuts a record whose quoting is sound into cells. They share one string, made here.
func (c *csvRows) split(rec csvRecord) ([]string, string) {
	raw := rec.raw
	if c.text.table != nil {
		var fault string
		if c.decoded, fault = c.text.decode(c.decoded[:0], raw); fault != "" {
			return nil, fault
		}
		raw = c.decoded
	}
	if fault := textFault(raw); fault != "" {
		return nil, fault
	}
	delimiter := c.scan.delimiter
	if rec.quoted {
		return c.splitQuoted(raw, delimiter)
	}
	rest := string(raw)
	c.cells = c.cells[:0]
	for {
		i := strings.IndexByte(rest, delimiter)
		if i < 0 {
			c.cells = append(c.cells, rest)
			return c.cells, ""
		}
		c.cells = append(c.cells, rest[:i])
		rest = rest[i+1:]
	}
}

func (c *csvRows) splitQuoted(raw []byte, delimiter byte) ([]string, string) {
	t := &c.quoted
	t.reset()
	for i := 0; ; i++ {
		if i < len(raw) && raw[i] == '"' {
			for i++; ; i++ {
				n := bytes.IndexByte(raw[i:], '"') // there is one: the quoting is sound
				t.buf = append(t.buf, raw[i:i+n]...)
				if i += n + 1; i == len(raw) || raw[i] != '"' {
					break
				}
				t.buf = append(t.buf, '"')
			}
		} else {
			n := bytes.IndexByte(raw[i:], delimiter)
			if n < 0 {
				n = len(raw) - i
			}
			t.buf = append(t.buf, raw[i:i+n]...)
			i += n
		}
		t.end()
		if i >= len(raw) {
			break
		}
	}
	cells, err := t.cells()
	if err != nil {
		return nil, t.bad
	}
	return cells, ""
}

func countOf(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
