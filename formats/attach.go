package formats

// Attaching adds a column or more to a partner's own extract, in the format it came in, and changes nothing else. For CSV
// that is meant to the byte: quoting, line ends, byte order mark, encoding and even broken rows stay as they are,
// so that a comparison of the two files shows the added cells and nothing more. Parquet and Arrow files are written
// anew, with the same columns, types, row groups or batches, and metadata.

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// An Attached is a column to attach. Value gives its cell for a row, numbered as Extract numbers them, and is called for
// every row once and in order, also for rows that Extract sets aside; "" leaves the cell empty (null in Parquet and
// Arrow).
type Attached struct {
	Column string
	Value  func(row int) string
}

// Attach copies the extract at src to dst with one more column, or several, behind the others. An extract that already has
// a column of such a name is refused.
//
// The digest is the SHA-256 of the bytes of src that were copied. A caller who knows which extract the values belong
// to holds it against the known one before letting what was written count.
func Attach(src string, o ExtractOptions, dst io.Writer, columns ...Attached) (digest [32]byte, err error) {
	for _, c := range columns {
		if c.Column == "" || !utf8.ValidString(c.Column) || strings.ContainsFunc(c.Column, unicode.IsControl) {
			return digest, fmt.Errorf("%q cannot be a column name", c.Column)
		}
	}
	in, err := openSource(src)
	if err != nil {
		return digest, err
	}
	defer in.close()
	out := &firstError{w: dst}
	digest, err = attach(in, o, out, columns)
	switch {
	case out.err != nil:
		return digest, out.err // it names the output
	case err != nil:
		return digest, fmt.Errorf("%s: %w", src, err)
	}
	return digest, nil
}

func attach(in *inputFile, o ExtractOptions, out *firstError, columns []Attached) (digest [32]byte, err error) {
	defer recoverDamage(&err)
	format, err := in.sniff()
	if err != nil {
		return digest, err
	}
	switch format {
	case "Parquet":
		return attachParquet(in, out, columns)
	case "Arrow":
		return attachArrow(in, out, columns)
	}
	return attachCSV(in, o, out, columns)
}

// checkAttach refuses a header that has one of the columns, or that could not be read as an extract.
func checkAttach(header []string, columns []Attached) error {
	if err := checkHeader(header); err != nil {
		return err
	}
	for _, c := range columns {
		if slices.Contains(header, c.Column) {
			return fmt.Errorf("already has a column %q; remove or rename it, or attach to the extract as it was before", c.Column)
		}
	}
	return nil
}

func attachCSV(in *inputFile, o ExtractOptions, out *firstError, columns []Attached) (digest [32]byte, err error) {
	c, mark, err := newCSVRows(in, o)
	if err != nil {
		return digest, err
	}
	buffered := bufio.NewWriterSize(out, 1<<16)
	buffered.Write(mark)
	w := &csvAttacher{w: buffered, text: c.text, delimiter: c.scan.delimiter}
	if c.text.wide != nil {
		w.w = &utf16Writer{w: buffered, order: c.text.wide.(binary.AppendByteOrder)}
	}
	c.scan.pass = w.bytes

	header, err := c.readHeader(o.Delimiter)
	if err != nil {
		return digest, err
	}
	if err := checkAttach(c.head, columns); err != nil {
		return digest, err
	}
	if c.blank > 0 {
		w.named = len(c.head)
	}
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.Column
	}
	if err := w.record(header, cells); err != nil {
		return digest, err
	}
	for row := 1; ; row++ {
		rec, err := c.scan.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return digest, err
		}
		for i, c := range columns {
			cells[i] = c.Value(row)
		}
		if err := w.record(rec, cells); err != nil {
			return digest, err
		}
	}
	if err := buffered.Flush(); err != nil {
		return digest, err
	}
	return in.digest()
}

// csvAttacher writes records with cells more.
type csvAttacher struct {
	w         io.Writer
	text      textEncoding
	delimiter byte
	// named is how many columns have a name, where columns without one stand behind them: the new cells go between, so that
	// the file still reads as an extract. 0 is a file in which every column has a name.
	named int
	added []byte
}

func (a *csvAttacher) bytes(p []byte) error {
	_, err := a.w.Write(p)
	return err
}

// record writes a record and the cells more, quoted if the cell before them is, or if they have to be.
func (a *csvAttacher) record(rec csvRecord, cells []string) error {
	cut := a.behindNamed(rec)
	last := rec.quoted && rec.fault == "" && bytes.HasSuffix(rec.raw[:cut], []byte{'"'})
	a.added = a.added[:0]
	for _, cell := range cells {
		if !utf8.ValidString(cell) || strings.IndexByte(cell, 0) >= 0 {
			return errors.New("a value to attach is not text")
		}
		if a.text.table != nil && strings.ContainsFunc(cell, func(r rune) bool { return r > unicode.MaxASCII }) {
			return fmt.Errorf("a value to attach is not ASCII, and the file is in %s; save the extract as UTF-8", a.text.name)
		}
		a.added = append(a.added, a.delimiter)
		if last || strings.ContainsAny(cell, "\"\r\n") || strings.IndexByte(cell, a.delimiter) >= 0 {
			a.added = append(append(append(a.added, '"'), strings.ReplaceAll(cell, `"`, `""`)...), '"')
		} else {
			a.added = append(a.added, cell...)
		}
	}
	for _, part := range [][]byte{rec.raw[:cut], a.added, rec.raw[cut:], rec.end} {
		if err := a.bytes(part); err != nil {
			return err
		}
	}
	return nil
}

// behindNamed is where in a record the new cells go: behind the last column with a name. In a record whose quoting is
// wrong, or that has fewer cells, it is the end.
func (a *csvAttacher) behindNamed(rec csvRecord) int {
	if a.named == 0 || rec.fault != "" {
		return len(rec.raw)
	}
	quoted, ends := false, 0
	for i, b := range rec.raw {
		switch {
		case b == '"': // where the quoting is sound, one inside a cell is doubled
			quoted = !quoted
		case b == a.delimiter && !quoted:
			if ends++; ends == a.named {
				return i
			}
		}
	}
	return len(rec.raw)
}
