package formats

// An extract is a partner's own table: a header and rows of cells. It comes as CSV, Parquet or Arrow, from whatever
// program the partner happens to have, and the same table must give the same rows of text whichever of the three it
// came in, because what follows (normalising, cutting into tokens, keyed hashing) must not depend on the wrapping.
//
// The obvious way is one library call for each format. It is not enough: a partner's file is the least trustworthy
// thing in the whole chain. It may be truncated, mislabelled, in an old code page, ten gigabytes long, or have one
// quotation mark too many in row 40,000. So every reader here
//
//   - is chosen by what the file holds, and refuses when the name claims something else;
//   - streams: memory is bounded by the longest row (CSV), the widest page (Parquet) or batch (Arrow), not the file;
//   - sets aside a row it cannot use, by number and reason, and goes on with the next;
//   - turns every damage into an error, never into a panic, an endless loop or an allocation the file only claims;
//   - digests exactly the bytes that it read, so that a receipt can name them.
//
// No error made here contains a cell. Column names are quoted, since they too come from outside.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Limits on what one extract may ask of memory. They are far above any honest extract.
const (
	maxRow     = 1 << 20 // bytes of text in one row, in every format
	maxColumns = 10_000  // columns in one extract
)

var (
	// ErrEmptyExtract is what OpenExtract's error wraps for a file without a byte, or with nothing but blank lines.
	ErrEmptyExtract = errors.New("is empty: there is not even a header")
	// ErrNoRows is what the first Next's error wraps, in place of io.EOF, when there is a header and no row below it.
	ErrNoRows = errors.New("has a header and no rows below it")
)

// ExtractOptions is what a partner has to say about a CSV file that the file does not say itself. Parquet and Arrow
// files describe themselves, and ignore it.
type ExtractOptions struct {
	// Delimiter is the character between cells, one ASCII character. 0 finds it in the header line among comma,
	// semicolon, tab and bar.
	Delimiter rune
	// Encoding is the text encoding: "utf-8", "utf-16", "utf-16le", "utf-16be", "windows-1252", "iso-8859-1" or
	// another of TextEncodings. "" is UTF-8, or UTF-16 where the file begins with its byte order mark.
	Encoding string
}

// RowError is a row that cannot be used. Reading goes on after it.
type RowError struct {
	Row    int    // 1-based data row, as Extract counts them
	Line   int    // 1-based line of a CSV file on which the row begins; 0 in other formats
	Reason string // in plain words, without anything that stood in the row
}

func (e *RowError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("row %d (line %d): %s", e.Row, e.Line, e.Reason)
	}
	return fmt.Sprintf("row %d: %s", e.Row, e.Reason)
}

// Extract reads one extract, row by row. One goroutine may use it, except for BytesRead, which any may call.
type Extract struct {
	format string
	src    *inputFile
	rows   rowReader
	header []string
	row    int
	digest [32]byte
	err    error
}

// rowReader is what each format supplies. next fills in the Line and Reason of a *RowError; Extract numbers it.
// Every other error but io.EOF is about the whole file and ends the reading.
type rowReader interface {
	header() []string
	next() ([]string, error)
	// progress is the share of the file read so far, in bytes.
	progress() int64
	// digest is the SHA-256 of the whole file, called once, after next returned io.EOF.
	digest() ([32]byte, error)
	close() error
}

// OpenExtract opens the extract at path and reads its header. The format is found from the content: Parquet, Arrow
// (file or stream) or else CSV. A file whose name claims another of these is refused, so that a mistake in an export
// is seen here and not as a strange count later. A header with an empty or repeated name is refused.
func OpenExtract(path string, o ExtractOptions) (*Extract, error) {
	src, err := openSource(path)
	if err != nil {
		return nil, err
	}
	x := &Extract{src: src}
	if err := x.open(o); err != nil {
		src.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return x, nil
}

func (x *Extract) open(o ExtractOptions) (err error) {
	if x.format, err = x.src.sniff(); err != nil {
		return err
	}
	switch x.format {
	case "Parquet":
		x.rows, err = openParquetRows(x.src)
	case "Arrow":
		x.rows, err = openArrowRows(x.src)
	default:
		x.rows, err = openCSVRows(x.src, o)
	}
	if err != nil {
		return err
	}
	x.header = x.rows.header()
	return checkHeader(x.header)
}

// checkHeader refuses a header in which a column could not be named without doubt.
func checkHeader(header []string) error {
	if len(header) > maxColumns {
		return fmt.Errorf("has %d columns, more than the %d that cohortlink reads; leave out what is not needed", len(header), maxColumns)
	}
	for i, name := range header {
		if kind := recordLike(name); kind != "" {
			return fmt.Errorf("the first line looks like a record, not a header (column %d is %s); put a line with the column names above it", i+1, kind)
		}
	}
	var nameless []string
	seen := make(map[string]int, len(header))
	for i, name := range header {
		if strings.TrimSpace(name) == "" {
			nameless = append(nameless, strconv.Itoa(i+1))
			continue
		}
		if first, twice := seen[name]; twice {
			return fmt.Errorf("columns %d and %d of the header are both named %q; rename or remove one", first, i+1, name)
		}
		seen[name] = i + 1
	}
	switch len(nameless) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("column %s of the header has no name; name or remove it (from pandas: to_csv(..., index=False))", nameless[0])
	default:
		return fmt.Errorf("columns %s of the header have no name; name or remove them", strings.Join(nameless[:min(len(nameless), 10)], ", "))
	}
}

// recordCells are cells that people have and columns are not named by.
var recordCells = []struct {
	kind string
	form *regexp.Regexp
}{
	{"a date", regexp.MustCompile(`^\d{1,4}[-/. ]\d{1,2}[-/. ]\d{2,4}$`)},
	{"a number of ten digits", regexp.MustCompile(`^\d{3}[- ]?\d{3}[- ]?\d{4}$`)},
	{"a postcode", regexp.MustCompile(`(?i)^[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}$`)},
}

// recordLike says what a column name is when it is no name but somebody's cell: in a file without a header, every message that names a
// column would print one. "" is a name.
func recordLike(name string) string {
	name = strings.TrimSpace(name)
	for _, c := range recordCells {
		if c.form.MatchString(name) {
			return c.kind
		}
	}
	return ""
}

// Format is "CSV", "Parquet" or "Arrow".
func (x *Extract) Format() string { return x.format }

// Header is the column names in the file's order, exactly as they are written there. The caller must not change it.
func (x *Extract) Header() []string { return x.header }

// TotalBytes is the size of the file when it was opened.
func (x *Extract) TotalBytes() int64 { return x.src.size }

// BytesRead is how far the reading has come, from 0 to TotalBytes. Any goroutine may call it at any time.
func (x *Extract) BytesRead() int64 { return min(x.rows.progress(), x.src.size) }

// Next returns the cells of the next row, as many as Header has, in its order. The slice is good until the next
// call; the strings stay good.
//
// Cells are text. A typed cell of a Parquet or Arrow file is written as a CSV export of the same table would write
// it: dates as YYYY-MM-DD; timestamps as YYYY-MM-DD hh:mm:ss, or as the date alone at midnight, in UTC where they are
// instants; whole numbers in decimal digits; fractions in the fewest digits that give the same number back; true and
// false; nothing at all for a null.
//
// A *RowError is a row that cannot be used; call Next again for the row after it. io.EOF is the end. Any other
// error is about the whole file, and every later call repeats it.
func (x *Extract) Next() ([]string, error) {
	if x.err != nil {
		return nil, x.err
	}
	row, err := x.rows.next()
	if err == nil {
		x.row++
		return row, nil
	}
	if bad, ok := err.(*RowError); ok {
		x.row++
		bad.Row = x.row
		return nil, bad
	}
	if err == io.EOF {
		switch {
		case x.row == 0:
			err = fmt.Errorf("%s: %w", x.src.path, ErrNoRows)
		default:
			if x.digest, err = x.rows.digest(); err == nil {
				err = io.EOF
			} else {
				err = fmt.Errorf("%s: %w", x.src.path, err)
			}
		}
	} else {
		err = fmt.Errorf("%s: after row %d: %w", x.src.path, x.row, err)
	}
	x.err = err
	return nil, err
}

// Row is the number of the row that Next returned last, or set aside last: 1 is the first row below the header.
// Blank lines of a CSV file are not rows and are not counted.
func (x *Extract) Row() int { return x.row }

// Digest is the SHA-256 of the file's bytes, of the very bytes that the rows were read from. It is known when Next
// has returned io.EOF; before, it is all zero.
func (x *Extract) Digest() [32]byte { return x.digest }

// Close closes the file.
func (x *Extract) Close() error {
	return errors.Join(x.rows.close(), x.src.close())
}

// contentOf is how a file's first bytes give its content away. The formats that cohortlink reads have a name without
// advice; for the others the advice is the error.
var contentOf = []struct{ magic, format, advice string }{
	{"PAR1", "Parquet", ""},
	{"ARROW1\x00\x00", "Arrow", ""},
	{"\xff\xff\xff\xff", "Arrow", ""}, // continuation marker of the IPC stream format
	{"PARE", "", "is an encrypted Parquet file; export it without encryption"},
	{"FEA1", "", "is a Feather version 1 file; save it as Arrow IPC (Feather version 2), Parquet or CSV"},
	{"PK\x03\x04", "", "is an Excel workbook or another zip archive; save the sheet as CSV (UTF-8)"},
	{"\xd0\xcf\x11\xe0", "", "is an old Excel workbook; save the sheet as CSV (UTF-8)"},
	{"\x1f\x8b", "", "is compressed with gzip; unpack it first"},
	{"\x28\xb5\x2f\xfd", "", "is compressed with zstd; unpack it first"},
	{"%PDF", "", "is a PDF document; an extract is CSV, Parquet or Arrow"},
	{"SQLite format 3\x00", "", "is a SQLite database; export the table as CSV"},
	{"age-encryption.org/", "", "is an encrypted file; an extract is CSV, Parquet or Arrow"},
	{"cohortlink ", "", "is a file that cohortlink made, not an extract"},
}

// formatNamed is what a file name's ending claims.
var formatNamed = map[string]string{
	".csv": "CSV", ".tsv": "CSV", ".tab": "CSV", ".psv": "CSV", ".txt": "CSV",
	".parquet": "Parquet", ".parq": "Parquet", ".pq": "Parquet",
	".arrow": "Arrow", ".arrows": "Arrow", ".ipc": "Arrow", ".feather": "Arrow",
}

// sniff finds the format from the first bytes and holds it against the file's name.
func (s *inputFile) sniff() (string, error) {
	if s.size == 0 {
		return "", ErrEmptyExtract
	}
	head := make([]byte, 64)
	n, err := s.file.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return "", readError(err)
	}
	head = head[:n]
	format := "CSV"
	for _, c := range contentOf {
		if !bytes.HasPrefix(head, []byte(c.magic)) {
			continue
		}
		if c.format == "" {
			return "", errors.New(c.advice)
		}
		format = c.format
		break
	}
	ending := strings.ToLower(filepath.Ext(s.path))
	if claimed := formatNamed[ending]; claimed != "" && claimed != format {
		return "", fmt.Errorf("is named %s but does not hold %s: its content looks like %s; check the export, or rename the file", ending, claimed, format)
	}
	return format, nil
}
