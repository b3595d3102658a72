package formats

// Parquet extracts, through the low-level reader parquet/file and the guard in parquet_guard.go. A few thousand rows
// of every column are decoded at a time, side by side, and handed on as rows. The library's higher level, pqarrow,
// reads whole columns and does so in goroutines of its own, where a panic over a damaged page ends the process.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow/float16"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// parquetBatch is how many rows are decoded at a time: few enough that a batch of wide rows stays small.
const parquetBatch = 1024

// parquetRows reads the rows of a Parquet file.
type parquetRows struct {
	bytes   *digested
	file    *file.Reader
	head    []string
	columns []parquetColumn

	group   int   // index of the next row group
	left    int64 // rows of the current row group not decoded yet
	at, n   int   // next row of the batch, rows in it
	text    rowText
	given   int64        // rows given out
	percent atomic.Int64 // share of rows given out, in 1/1000
}

// parquetColumn is one column across all row groups.
type parquetColumn interface {
	// open begins the column's chunk of a row group.
	open(file.ColumnChunkReader) error
	// fill decodes the next n rows.
	fill(n int) error
	// append writes the cell of the next row to dst: nothing for a null.
	append(dst []byte) ([]byte, error)
	// copy writes the n rows just filled to a column of the same type.
	copy(w file.ColumnChunkWriter, n int) error
}

func openParquetRows(src *inputFile) (p *parquetRows, err error) {
	defer recoverDamage(&err)
	bytes, err := digestAll(src)
	if err != nil {
		return nil, err
	}
	f, err := openParquet(bytes, bytes.size)
	if err != nil {
		return nil, err
	}
	p = &parquetRows{bytes: bytes, file: f}
	root := f.MetaData().Schema.Root()
	for i := range root.NumFields() {
		name := root.Field(i).Name()
		if _, flat := root.Field(i).(*schema.PrimitiveNode); !flat || root.Field(i).RepetitionType() == parquet.Repetitions.Repeated {
			return nil, fmt.Errorf("column %q is nested (a list, map or struct); leave it out or flatten it", name)
		}
		column, err := newParquetColumn(f.MetaData().Schema.Column(i))
		if err != nil {
			return nil, fmt.Errorf("column %q %w; leave it out or export it as text", name, err)
		}
		p.head, p.columns = append(p.head, name), append(p.columns, column)
	}
	return p, nil
}

// recoverDamage turns a panic, as the Arrow libraries answer much damaged data, into an error. What it says is not
// passed on: it may hold bytes of the data.
func recoverDamage(err *error) {
	if e := recover(); e != nil {
		*err = damaged("it cannot be decoded")
	}
}

func (p *parquetRows) header() []string          { return p.head }
func (p *parquetRows) digest() ([32]byte, error) { return p.bytes.sum, nil }
func (p *parquetRows) close() error              { return nil }

func (p *parquetRows) progress() int64 {
	return int64(float64(p.bytes.size) * float64(p.percent.Load()) / 1000)
}

func (p *parquetRows) next() (row []string, err error) {
	defer recoverDamage(&err)
	if p.at == p.n {
		if err := p.fill(); err != nil {
			return nil, err
		}
	}
	p.at++
	p.given++
	p.text.reset()
	for _, c := range p.columns {
		var fault error
		if p.text.buf, fault = c.append(p.text.buf); fault != nil {
			p.text.bad = fault.Error()
		}
		p.text.end()
	}
	return p.text.cells()
}

// fill decodes the next batch, of the next row group where one is used up, or gives io.EOF.
func (p *parquetRows) fill() error {
	for p.left == 0 {
		if p.group == p.file.NumRowGroups() {
			p.percent.Store(1000)
			return io.EOF
		}
		p.left = p.file.MetaData().RowGroup(p.group).NumRows()
		for i, c := range p.columns {
			chunk, err := openChunk(p.file, p.bytes, p.group, i)
			if err != nil {
				return err
			}
			if err := c.open(chunk); err != nil {
				return err
			}
		}
		p.group++
	}
	if rows := p.file.NumRows(); rows > 0 {
		p.percent.Store(p.given * 1000 / rows)
	}
	p.at, p.n = 0, int(min(p.left, parquetBatch))
	for i, c := range p.columns {
		if err := c.fill(p.n); err != nil {
			return fmt.Errorf("column %q: %w", p.head[i], err)
		}
	}
	p.left -= int64(p.n)
	return nil
}

// typedColumn is a parquetColumn of one physical type.
type typedColumn[T any] struct {
	text     func(dst []byte, v T) ([]byte, error)
	optional bool

	reader  chunkReader[T]
	values  []T     // of the batch, without nulls
	defined []int16 // 1 for a value, 0 for a null; unused in a column that has no nulls
	row     int     // next row of the batch
	value   int     // next of values
}

// chunkReader is the part that parquet/file's column chunk readers of all types have in common.
type chunkReader[T any] interface {
	ReadBatch(n int64, values []T, defLevels, repLevels []int16) (rows int64, read int, err error)
	Err() error
}

func (c *typedColumn[T]) open(r file.ColumnChunkReader) error {
	reader, ok := r.(chunkReader[T])
	if !ok {
		return damaged("a column changes its type")
	}
	c.reader = reader
	return nil
}

func (c *typedColumn[T]) fill(n int) error {
	c.row, c.value = 0, 0
	if cap(c.values) < n {
		c.values, c.defined = make([]T, n), make([]int16, n)
	}
	c.values, c.defined = c.values[:n], c.defined[:n]
	rows, values := 0, 0
	for rows < n {
		var levels []int16
		if c.optional {
			levels = c.defined[rows:]
		}
		r, v, err := c.reader.ReadBatch(int64(n-rows), c.values[values:], levels, nil)
		if err == nil {
			err = c.reader.Err() // a page that cannot be had is not an error of ReadBatch
		}
		switch {
		case err != nil:
			return err
		case r <= 0:
			return damaged("a column has fewer values than rows")
		}
		rows, values = rows+int(r), values+v
	}
	want := n
	if c.optional {
		want = 0
		for _, d := range c.defined {
			want += int(d)
		}
	}
	if rows != n || values != want {
		return damaged("a column has other values than its levels say")
	}
	c.values = c.values[:values]
	return nil
}

func (c *typedColumn[T]) append(dst []byte) ([]byte, error) {
	c.row++
	if c.optional && c.defined[c.row-1] == 0 {
		return dst, nil
	}
	c.value++
	return c.text(dst, c.values[c.value-1])
}

func (c *typedColumn[T]) copy(w file.ColumnChunkWriter, n int) error {
	writer, ok := w.(interface {
		WriteBatch(values []T, defLevels, repLevels []int16) (int64, error)
	})
	if !ok {
		return errors.New("a column cannot be written in its own type")
	}
	var levels []int16
	if c.optional {
		levels = c.defined[:n]
	}
	_, err := writer.WriteBatch(c.values, levels, nil)
	return err
}

// newParquetColumn chooses how a column's values become text, by its logical type and else by its physical type.
// The error completes a sentence that begins with the column's name.
func newParquetColumn(col *schema.Column) (parquetColumn, error) {
	if col.MaxRepetitionLevel() > 0 || col.MaxDefinitionLevel() > 1 {
		return nil, errors.New("is nested")
	}
	optional := col.MaxDefinitionLevel() == 1
	logical := col.LogicalType()
	decimal, isDecimal := logical.(*schema.DecimalLogicalType)
	var scale int
	if isDecimal {
		scale = int(decimal.Scale())
	}
	unsigned := false
	if t, ok := logical.(*schema.IntLogicalType); ok {
		unsigned = !t.IsSigned()
	}

	switch col.PhysicalType() {
	case parquet.Types.Boolean:
		return &typedColumn[bool]{optional: optional, text: appendBool}, nil
	case parquet.Types.Int32:
		text, err := integerText(logical, isDecimal, scale, unsigned, 32)
		return &typedColumn[int32]{optional: optional, text: func(dst []byte, v int32) ([]byte, error) { return text(dst, int64(v)) }}, err
	case parquet.Types.Int64:
		text, err := integerText(logical, isDecimal, scale, unsigned, 64)
		return &typedColumn[int64]{optional: optional, text: text}, err
	case parquet.Types.Int96:
		return &typedColumn[parquet.Int96]{optional: optional, text: appendInt96}, nil
	case parquet.Types.Float:
		return &typedColumn[float32]{optional: optional, text: func(dst []byte, v float32) ([]byte, error) {
			return appendFloat(dst, float64(v), 32), nil
		}}, nil
	case parquet.Types.Double:
		return &typedColumn[float64]{optional: optional, text: func(dst []byte, v float64) ([]byte, error) {
			return appendFloat(dst, v, 64), nil
		}}, nil
	case parquet.Types.ByteArray:
		text := func(dst []byte, v parquet.ByteArray) ([]byte, error) { return append(dst, v...), nil }
		switch logical.(type) {
		case schema.BSONLogicalType:
			return nil, errors.New("is BSON")
		case *schema.DecimalLogicalType:
			text = func(dst []byte, v parquet.ByteArray) ([]byte, error) {
				return appendDecimal(dst, bigEndian(v), scale)
			}
		}
		return &typedColumn[parquet.ByteArray]{optional: optional, text: text}, nil
	case parquet.Types.FixedLenByteArray:
		var text func(dst []byte, v parquet.FixedLenByteArray) ([]byte, error)
		switch logical.(type) {
		case *schema.DecimalLogicalType:
			text = func(dst []byte, v parquet.FixedLenByteArray) ([]byte, error) {
				return appendDecimal(dst, bigEndian(v), scale)
			}
		case schema.UUIDLogicalType:
			text = func(dst []byte, v parquet.FixedLenByteArray) ([]byte, error) { return appendUUID(dst, v) }
		case schema.Float16LogicalType:
			text = func(dst []byte, v parquet.FixedLenByteArray) ([]byte, error) {
				return appendFloat(dst, float64(float16.FromLEBytes(v).Float32()), 32), nil
			}
		default:
			return nil, errors.New("holds bytes of a fixed length, which have no form as text")
		}
		return &typedColumn[parquet.FixedLenByteArray]{optional: optional, text: text}, nil
	}
	return nil, fmt.Errorf("has the type %s, which cohortlink does not read", col.PhysicalType())
}

// integerText is how whole numbers of the given width in bits become text under a logical type.
func integerText(logical schema.LogicalType, decimal bool, scale int, unsigned bool, width int) (func([]byte, int64) ([]byte, error), error) {
	switch t := logical.(type) {
	case schema.DateLogicalType:
		return appendDate, nil
	case *schema.TimestampLogicalType:
		unit := unitsPerSecond(t.TimeUnit())
		return func(dst []byte, v int64) ([]byte, error) { return appendTimestamp(dst, v, unit) }, nil
	case *schema.TimeLogicalType:
		unit := unitsPerSecond(t.TimeUnit())
		return func(dst []byte, v int64) ([]byte, error) { return appendTimeOfDay(dst, v, unit) }, nil
	case schema.IntervalLogicalType:
		return nil, errors.New("is an interval of time")
	}
	switch {
	case decimal:
		return func(dst []byte, v int64) ([]byte, error) { return appendDecimal(dst, big.NewInt(v), scale) }, nil
	case unsigned && width == 32:
		return func(dst []byte, v int64) ([]byte, error) { return appendUint(dst, uint64(uint32(v))) }, nil
	case unsigned:
		return func(dst []byte, v int64) ([]byte, error) { return appendUint(dst, uint64(v)) }, nil
	}
	return appendInt, nil
}

func unitsPerSecond(u schema.TimeUnitType) int64 {
	switch u {
	case schema.TimeUnitMillis:
		return 1e3
	case schema.TimeUnitMicros:
		return 1e6
	}
	return 1e9
}

// appendInt96 writes the timestamp that Impala and old Spark versions keep in 96 bits: nanoseconds of the day, then
// the Julian day, both little-endian. 1970-01-01 is Julian day 2,440,588.
func appendInt96(dst []byte, v parquet.Int96) ([]byte, error) {
	nanos, day := binary.LittleEndian.Uint64(v[:8]), int64(binary.LittleEndian.Uint32(v[8:]))-2_440_588
	if nanos >= 24*60*60*1e9 {
		return dst, errDateRange
	}
	return appendInstant(dst, day*24*60*60+int64(nanos/1e9), int64(nanos%1e9))
}

// bigEndian is the number that b holds in two's complement.
func bigEndian(b []byte) *big.Int {
	v := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(len(b))*8))
	}
	return v
}
