package formats

// Tables that cohortlink writes itself, and reads back: linked/people.parquet, needs.parquet, pairs.parquet. They
// are plain Parquet so that an analyst opens them in whatever is at hand. Columns are required (no nulls), flat, and
// compressed with zstd, whose frames carry a checksum: pages of the other codecs do not, and damage would pass.

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/metadata"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// ColumnType is the type of a table's column, and so of the slices that carry its values.
type ColumnType int

const (
	TableString  ColumnType = iota // []string, UTF-8
	TableInt64                     // []int64
	TableFloat64                   // []float64
	TableBool                      // []bool
)

func (t ColumnType) String() string {
	if t < 0 || int(t) >= len(tableTypes) {
		return fmt.Sprintf("ColumnType(%d)", int(t))
	}
	return tableTypes[t].name
}

// tableTypes is each ColumnType as Parquet has it.
var tableTypes = [...]struct {
	name     string
	physical parquet.Type
	logical  schema.LogicalType
}{
	TableString:  {"text", parquet.Types.ByteArray, schema.StringLogicalType{}},
	TableInt64:   {"whole numbers", parquet.Types.Int64, schema.NewIntLogicalType(64, true)},
	TableFloat64: {"numbers", parquet.Types.Double, schema.NoLogicalType{}},
	TableBool:    {"true or false", parquet.Types.Boolean, schema.NoLogicalType{}},
}

// Column is one column of a table.
type Column struct {
	Name string
	Type ColumnType
}

const (
	tableGroup = 65_536 // rows in a row group, and so in memory while writing
	tableBatch = 4_096  // rows that TableReader.Next gives at most
)

// TableWriter writes a table. The same rows and metadata give the same bytes, however they were cut into batches.
// One goroutine may use it.
type TableWriter struct {
	out     *firstError
	file    *file.Writer
	columns []Column
	held    []any // []string, []int64, …: rows for the next row group
	rows    int   // in held
}

// NewTableWriter begins a table on w, which it does not close. meta is kept in the file as key-value metadata.
func NewTableWriter(w io.Writer, columns []Column, meta map[string]string) (t *TableWriter, err error) {
	t = &TableWriter{out: &firstError{w: w}, columns: slices.Clone(columns)}
	defer t.out.settle(&err)
	var fields schema.FieldList
	for _, c := range columns {
		kind := tableTypes[c.Type]
		node, err := schema.NewPrimitiveNodeLogical(c.Name, parquet.Repetitions.Required, kind.logical, kind.physical, -1, -1)
		if err != nil {
			return nil, err
		}
		fields = append(fields, node)
		switch c.Type {
		case TableString:
			t.held = append(t.held, []string(nil))
		case TableInt64:
			t.held = append(t.held, []int64(nil))
		case TableFloat64:
			t.held = append(t.held, []float64(nil))
		case TableBool:
			t.held = append(t.held, []bool(nil))
		}
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return nil, err
	}
	keys := metadata.NewKeyValueMetadata()
	for _, k := range slices.Sorted(maps.Keys(meta)) {
		if err := keys.Append(k, meta[k]); err != nil {
			return nil, err
		}
	}
	// A column chunk in two encodings, which is what a dictionary grown too long leaves behind, lists them in the
	// footer in the order of a Go map, and the same table would have different bytes from run to run. So text has a
	// dictionary without a limit (a row group has 65,536 rows) and everything else none.
	options := []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCreatedBy("cohortlink"),
		parquet.WithDictionaryPageSizeLimit(math.MaxInt64)}
	for _, c := range columns {
		options = append(options, parquet.WithDictionaryFor(c.Name, c.Type == TableString))
	}
	props := parquet.NewWriterProperties(options...)
	t.file = file.NewParquetWriter(t.out, root, file.WithWriterProps(props), file.WithWriteMetadata(keys))
	return t, nil
}

// Append adds rows. It takes one slice for each column, in order, all of one length: []string for TableString,
// []int64, []float64 or []bool. The slices may be used again; the strings are kept until they are written.
func (t *TableWriter) Append(columns ...any) error {
	if len(columns) != len(t.columns) {
		return fmt.Errorf("a table of %d columns is given %d", len(t.columns), len(columns))
	}
	rows := -1
	for i, c := range columns {
		n := lengthOf(c, t.columns[i].Type)
		if n < 0 {
			return fmt.Errorf("column %q holds %s, not %T", t.columns[i].Name, t.columns[i].Type, c)
		}
		if rows >= 0 && n != rows {
			return fmt.Errorf("column %q has %d rows, the columns before it %d", t.columns[i].Name, n, rows)
		}
		rows = n
	}
	for from := 0; from < rows; {
		to := min(rows, from+tableGroup-t.rows)
		for i, c := range columns {
			switch c := c.(type) {
			case []string:
				t.held[i] = append(t.held[i].([]string), c[from:to]...)
			case []int64:
				t.held[i] = append(t.held[i].([]int64), c[from:to]...)
			case []float64:
				t.held[i] = append(t.held[i].([]float64), c[from:to]...)
			case []bool:
				t.held[i] = append(t.held[i].([]bool), c[from:to]...)
			}
		}
		t.rows += to - from
		from = to
		if t.rows == tableGroup {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// lengthOf is the number of values in a slice of the given type, or -1 for any other value.
func lengthOf(slice any, t ColumnType) int {
	switch s := slice.(type) {
	case []string:
		if t == TableString {
			return len(s)
		}
	case []int64:
		if t == TableInt64 {
			return len(s)
		}
	case []float64:
		if t == TableFloat64 {
			return len(s)
		}
	case []bool:
		if t == TableBool {
			return len(s)
		}
	}
	return -1
}

// flush writes the rows that are held as a row group.
func (t *TableWriter) flush() (err error) {
	defer t.out.settle(&err)
	if t.rows == 0 {
		return nil
	}
	group := t.file.AppendRowGroup()
	for i := range t.held {
		w, err := group.NextColumn()
		if err != nil {
			return err
		}
		switch held := t.held[i].(type) {
		case []string:
			_, err = w.(*file.ByteArrayColumnChunkWriter).WriteBatch(byteArrays(held), nil, nil)
			clear(held)
			t.held[i] = held[:0]
		case []int64:
			_, err = w.(*file.Int64ColumnChunkWriter).WriteBatch(held, nil, nil)
			t.held[i] = held[:0]
		case []float64:
			_, err = w.(*file.Float64ColumnChunkWriter).WriteBatch(held, nil, nil)
			t.held[i] = held[:0]
		case []bool:
			_, err = w.(*file.BooleanColumnChunkWriter).WriteBatch(held, nil, nil)
			t.held[i] = held[:0]
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return err
		}
	}
	t.rows = 0
	return group.Close()
}

// byteArrays is the strings as parquet/file takes them, in one piece of memory.
func byteArrays(s []string) []parquet.ByteArray {
	size := 0
	for _, v := range s {
		size += len(v)
	}
	buf, out := make([]byte, 0, size), make([]parquet.ByteArray, len(s))
	for i, v := range s {
		from := len(buf)
		buf = append(buf, v...)
		out[i] = buf[from:len(buf):len(buf)]
	}
	return out
}

// Close writes what is left and the footer. The table is complete only if it returns nil.
func (t *TableWriter) Close() (err error) {
	if err := t.flush(); err != nil {
		return err
	}
	defer t.out.settle(&err)
	return t.file.Close()
}

// firstError is a writer that remembers the first error of the one below it. The Arrow libraries drop some errors
// of a writer and panic over others.
type firstError struct {
	w   io.Writer
	err error
}

func (f *firstError) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.w.Write(p)
	f.err = err
	return n, err
}

// settle, deferred by what calls the library, makes the error the one that it was about.
func (f *firstError) settle(err *error) {
	if e := recover(); e != nil {
		*err = errors.New("the rows cannot be written in this format")
	}
	if f.err != nil {
		*err = f.err
	}
}

// TableReader reads a table that a TableWriter wrote. One goroutine may use it.
type TableReader struct {
	path    string
	src     *inputFile
	bytes   *digested
	file    *file.Reader
	columns []Column
	readers []parquetColumn
	group   int
	left    int64 // rows of the row group begun last
	text    []byte
	err     error
}

// OpenTable opens the table at path, which must have exactly these columns. The file is held to be as little to be
// trusted as an extract. Close it when done.
func OpenTable(path string, columns []Column) (*TableReader, error) {
	src, err := openSource(path)
	if err != nil {
		return nil, err
	}
	t := &TableReader{path: path, src: src, columns: slices.Clone(columns)}
	if err := t.open(); err != nil {
		src.close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

func (t *TableReader) open() (err error) {
	defer recoverDamage(&err)
	if t.bytes, err = digestAll(t.src); err != nil {
		return err
	}
	if t.file, err = openParquet(t.bytes, t.bytes.size); err != nil {
		return err
	}
	got := t.file.MetaData().Schema
	if got.NumColumns() != len(t.columns) {
		return fmt.Errorf("has %s where this table has %d; it is not a file that cohortlink wrote here", countOf(got.NumColumns(), "column"), len(t.columns))
	}
	for i, want := range t.columns {
		col, kind := got.Column(i), tableTypes[want.Type]
		if col.Path() != want.Name || col.PhysicalType() != kind.physical || col.MaxDefinitionLevel() > 0 || col.MaxRepetitionLevel() > 0 {
			return fmt.Errorf("column %d is %q, not %q of %s; it is not a file that cohortlink wrote here", i+1, col.Path(), want.Name, want.Type)
		}
		reader, err := newParquetColumn(col)
		if err != nil {
			return err
		}
		t.readers = append(t.readers, reader)
	}
	return nil
}

// Rows is the number of rows in the table.
func (t *TableReader) Rows() int64 { return t.file.NumRows() }

// Meta is the key-value metadata that the table was written with.
func (t *TableReader) Meta() map[string]string {
	meta, keys := make(map[string]string), t.file.MetaData().KeyValueMetadata()
	values := keys.Values()
	for i, k := range keys.Keys() {
		meta[k] = values[i]
	}
	return meta
}

// Digest is the SHA-256 of the file.
func (t *TableReader) Digest() [32]byte { return t.bytes.sum }

// Next reads the next rows, at most a few thousand, and gives their number, or io.EOF. It takes a pointer to a slice
// for each column, in order: *[]string for TableString, *[]int64, *[]float64 or *[]bool. The slices are made as long
// as the number of rows, in the memory they have where that suffices.
func (t *TableReader) Next(columns ...any) (n int, err error) {
	if t.err != nil {
		return 0, t.err
	}
	if len(columns) != len(t.columns) {
		return 0, fmt.Errorf("a table of %d columns is asked for %d", len(t.columns), len(columns))
	}
	n, err = t.next(columns)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%s: %w", t.path, err)
	}
	t.err = err
	return n, err
}

func (t *TableReader) next(columns []any) (n int, err error) {
	defer recoverDamage(&err)
	for t.left == 0 {
		if t.group == t.file.NumRowGroups() {
			return 0, io.EOF
		}
		for i, c := range t.readers {
			chunk, err := openChunk(t.file, t.bytes, t.group, i)
			if err != nil {
				return 0, err
			}
			if err := c.open(chunk); err != nil {
				return 0, err
			}
		}
		t.left = t.file.MetaData().RowGroup(t.group).NumRows()
		t.group++
	}
	n = int(min(t.left, tableBatch))
	t.left -= int64(n)
	for i, c := range t.readers {
		if err := c.fill(n); err != nil {
			return 0, err
		}
		ok := false
		switch c := c.(type) {
		case *typedColumn[parquet.ByteArray]:
			ok = t.strings(columns[i], c.values)
		case *typedColumn[int64]:
			ok = give(columns[i], c.values)
		case *typedColumn[float64]:
			ok = give(columns[i], c.values)
		case *typedColumn[bool]:
			ok = give(columns[i], c.values)
		}
		if !ok {
			return 0, fmt.Errorf("column %q holds %s, which %T does not take", t.columns[i].Name, t.columns[i].Type, columns[i])
		}
	}
	return n, nil
}

func give[T any](to any, values []T) bool {
	p, ok := to.(*[]T)
	if ok {
		*p = append((*p)[:0], values...)
	}
	return ok
}

// strings gives the values as strings that share one piece of memory.
func (t *TableReader) strings(to any, values []parquet.ByteArray) bool {
	p, ok := to.(*[]string)
	if !ok {
		return false
	}
	t.text = t.text[:0]
	for _, v := range values {
		t.text = append(t.text, v...)
	}
	text := string(t.text)
	*p = (*p)[:0]
	for _, v := range values {
		*p = append(*p, text[:len(v)])
		text = text[len(v):]
	}
	return true
}

// Close closes the file.
func (t *TableReader) Close() error { return t.src.close() }
