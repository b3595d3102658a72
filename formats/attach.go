package formats

// Attaching adds one column to a partner's own extract, in the format it came in, and changes nothing else. For CSV
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

// Attach copies the extract at src to dst with one more column behind the others. value gives its cell for a row,
// numbered as Extract numbers them, and is called for every row once and in order, also for rows that Extract sets
// aside; "" leaves the cell empty (null in Parquet and Arrow). An extract that already has a column of that name is
// refused.
//
// The digest is the SHA-256 of the bytes of src that were copied. A caller who knows which extract the values belong
// to holds it against the known one before letting what was written count.
func Attach(src string, o ExtractOptions, dst io.Writer, column string, value func(row int) string) (digest [32]byte, err error) {
	if column == "" || !utf8.ValidString(column) || strings.ContainsFunc(column, unicode.IsControl) {
		return digest, fmt.Errorf("%q cannot be a column name", column)
	}
	in, err := openSource(src)
	if err != nil {
		return digest, err
	}
	defer in.close()
	out := &firstError{w: dst}
	digest, err = attach(in, o, out, column, value)
	switch {
	case out.err != nil:
		return digest, out.err // it names the output
	case err != nil:
		return digest, fmt.Errorf("%s: %w", src, err)
	}
	return digest, nil
}

func attach(in *inputFile, o ExtractOptions, out *firstError, column string, value func(int) string) (digest [32]byte, err error) {
	defer recoverDamage(&err)
	format, err := in.sniff()
	if err != nil {
		return digest, err
	}
	switch format {
	case "Parquet":
		return attachParquet(in, out, column, value)
	case "Arrow":
		return attachArrow(in, out, column, value)
	}
	return attachCSV(in, o, out, column, value)
}

// checkAttach refuses a header that has the column, or that could not be read as an extract.
func checkAttach(header []string, column string) error {
	if err := checkHeader(header); err != nil {
		return err
	}
	if slices.Contains(header, column) {
		return fmt.Errorf("already has a column %q; remove or rename it, or attach to the extract as it was before", column)
	}
	return nil
}

func attachCSV(in *inputFile, o ExtractOptions, out *firstError, column string, value func(int) string) (digest [32]byte, err error) {
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
	if err := checkAttach(c.head, column); err != nil {
		return digest, err
	}
	if err := w.record(header, column); err != nil {
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
		if err := w.record(rec, value(row)); err != nil {
			return digest, err
		}
	}
	if err := buffered.Flush(); err != nil {
		return digest, err
	}
	return in.digest()
}

// csvAttacher writes records with a cell more.
type csvAttacher struct {
	w         io.Writer
	text      textEncoding
	delimiter byte
	cell      []byte
}

func (a *csvAttacher) bytes(p []byte) error {
	_, err := a.w.Write(p)
	return err
}

// record writes a record and the cell behind it, quoted if the cell before it is, or if it has to be.
func (a *csvAttacher) record(rec csvRecord, cell string) error {
	if !utf8.ValidString(cell) || strings.IndexByte(cell, 0) >= 0 {
		return errors.New("a value to attach is not text")
	}
	if a.text.table != nil && strings.ContainsFunc(cell, func(r rune) bool { return r > unicode.MaxASCII }) {
		return fmt.Errorf("a value to attach is not ASCII, and the file is in %s; save the extract as UTF-8", a.text.name)
	}
	quote := rec.quoted && rec.fault == "" && bytes.HasSuffix(rec.raw, []byte{'"'}) ||
		strings.ContainsAny(cell, "\"\r\n") || strings.IndexByte(cell, a.delimiter) >= 0
	a.cell = append(a.cell[:0], a.delimiter)
	if quote {
		a.cell = append(append(append(a.cell, '"'), strings.ReplaceAll(cell, `"`, `""`)...), '"')
	} else {
		a.cell = append(a.cell, cell...)
	}
	for _, part := range [][]byte{rec.raw, a.cell, rec.end} {
		if err := a.bytes(part); err != nil {
			return err
		}
	}
	return nil
}
