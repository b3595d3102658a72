package formats

// Arrow extracts: the IPC stream format, and the IPC file format, which puts an index behind much the same bytes. A
// stream is read from front to back, a file by its index: not every writer (Polars) leaves a readable stream in it.
//
// Metadata is checked by arrow_guard.go before the library believes it. A stream's messages are cut out by a reader
// of ours, which makes room only for bytes that are in the file, and everything else is made room for by an
// allocator that refuses to go far beyond the file's own size. What the library makes of a damaged message may panic,
// in our own goroutine, where it is recovered from. The format has no checksum.
//
// The format: https://arrow.apache.org/docs/format/Columnar.html, "Serialization and Interprocess Communication".

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

const (
	maxArrowHead  = 64 << 20 // bytes of a message's metadata
	maxArrowBatch = 1 << 30  // bytes of a record batch, as stored and as decompressed
	maxArrowRows  = 1 << 28  // rows in a batch
)

// arrowRows reads the rows of an Arrow file or stream.
type arrowRows struct {
	src    *inputFile
	stream *arrowMessages  // of a stream,
	reader *ipc.Reader     // which this decodes
	bytes  *digested       // of a file,
	file   *ipc.FileReader // which this decodes,
	budget *arrowBudget
	group  int          // up to this batch
	part   atomic.Int64 // and this many bytes, in proportion

	schema  *arrow.Schema
	head    []string
	columns []arrowColumn
	at, n   int // next row of the batch, rows in it
	text    rowText
}

// arrowColumn writes the cell in row i of a batch to dst: nothing for a null.
type arrowColumn func(dst []byte, i int) ([]byte, error)

func openArrowRows(src *inputFile) (a *arrowRows, err error) {
	defer recoverDamage(&err)
	a = &arrowRows{src: src, budget: &arrowBudget{limit: min(maxArrowBatch, max(64<<20, 100*src.size))}}
	head := make([]byte, 6)
	if _, err := src.file.ReadAt(head, 0); err != nil && err != io.EOF {
		return nil, readError(err)
	}
	if string(head) == "ARROW1" {
		err = a.openFile()
	} else {
		err = a.openStream()
	}
	if err != nil {
		return nil, err
	}
	for _, field := range a.schema.Fields() {
		if err := checkArrowType(field); err != nil {
			return nil, err
		}
		a.head = append(a.head, field.Name)
	}
	return a, nil
}

func (a *arrowRows) openStream() (err error) {
	a.stream = &arrowMessages{r: bufio.NewReaderSize(a.src, 1<<18), left: a.src.size, budget: a.budget}
	a.reader, err = ipc.NewReaderFromMessageReader(a.stream, ipc.WithAllocator(a.budget))
	if err != nil {
		return a.stream.why("its schema cannot be read")
	}
	a.schema = a.reader.Schema()
	return nil
}

func (a *arrowRows) openFile() (err error) {
	if a.bytes, err = digestAll(a.src); err != nil {
		return err
	}
	if err := checkArrowFooter(a.bytes); err != nil {
		return err
	}
	a.file, err = ipc.NewFileReader(a.bytes, ipc.WithAllocator(a.budget))
	if err != nil {
		return damagedBy(err, "its schema or its dictionaries cannot be read")
	}
	a.schema = a.file.Schema()
	return nil
}

func (a *arrowRows) header() []string { return a.head }

func (a *arrowRows) progress() int64 {
	if a.file != nil {
		return a.part.Load()
	}
	return a.src.done.Load()
}

func (a *arrowRows) digest() ([32]byte, error) {
	if a.file != nil {
		return a.bytes.sum, nil
	}
	return a.src.digest()
}

func (a *arrowRows) close() (err error) {
	defer recoverDamage(&err)
	if a.file != nil {
		return a.file.Close()
	}
	a.reader.Release()
	return nil
}

func (a *arrowRows) next() (row []string, err error) {
	defer recoverDamage(&err)
	for a.at == a.n {
		batch, err := a.batch()
		if err != nil {
			return nil, err
		}
		a.at, a.n, a.columns = 0, int(batch.NumRows()), a.columns[:0]
		for i, col := range batch.Columns() {
			text, err := arrowText(col, a.schema.Field(i))
			if err != nil {
				return nil, err
			}
			a.columns = append(a.columns, text)
		}
	}
	a.at++
	a.text.reset()
	for _, column := range a.columns {
		var fault error
		if a.text.buf, fault = column(a.text.buf, a.at-1); fault != nil {
			a.text.bad = fault.Error()
		}
		a.text.end()
	}
	return a.text.cells()
}

// batch is the next record batch, good until the next call, or io.EOF.
func (a *arrowRows) batch() (arrow.Record, error) {
	var batch arrow.Record
	switch {
	case a.file == nil:
		if !a.reader.Next() {
			if a.reader.Err() != nil || a.stream.err != nil {
				return nil, a.stream.why("a record batch cannot be decoded")
			}
			return nil, io.EOF
		}
		batch = a.reader.Record()
	case a.group == a.file.NumRecords():
		a.part.Store(a.src.size)
		return nil, io.EOF
	default:
		a.part.Store(a.src.size / int64(a.file.NumRecords()) * int64(a.group))
		a.budget.used = 0
		var err error
		if batch, err = a.file.Record(a.group); err != nil {
			return nil, damagedBy(err, "a record batch cannot be decoded")
		}
		a.group++
	}
	if batch.NumRows() < 0 || batch.NumRows() > maxArrowRows {
		return nil, damaged("a record batch is given as %d rows", batch.NumRows())
	}
	for i, col := range batch.Columns() {
		if int64(col.Len()) != batch.NumRows() {
			return nil, damaged("column %q has %d rows in a batch of %d", a.head[i], col.Len(), batch.NumRows())
		}
	}
	return batch, nil
}

// arrowMessages cuts the stream into messages, in place of the library's own reader.
type arrowMessages struct {
	r      io.Reader
	left   int64 // bytes of the stream not read yet
	budget *arrowBudget
	err    error // what ended the stream, if not its proper end

	shape   *arrowShape // of the schema, which comes first
	missing int         // dictionaries that have to come before the first batch
}

func (m *arrowMessages) Retain()  {}
func (m *arrowMessages) Release() {}

// why is the reason for which reading stopped, or else the given one.
func (m *arrowMessages) why(otherwise string) error {
	if m.err != nil {
		return m.err
	}
	return damaged("%s", otherwise)
}

// Message is the next message, good until the next call, or io.EOF.
func (m *arrowMessages) Message() (*ipc.Message, error) {
	msg, err := m.read()
	if err != nil && err != io.EOF && m.err == nil {
		m.err = err
	}
	return msg, err
}

func (m *arrowMessages) read() (*ipc.Message, error) {
	m.budget.used = 0
	if m.left == 0 {
		return nil, io.EOF // the marker for it is optional
	}
	length, err := m.number()
	if err == nil && length == 0xFFFFFFFF {
		length, err = m.number()
	}
	if err != nil {
		return nil, err
	}
	if length == 0 {
		return nil, io.EOF
	}
	if int64(length) > min(m.left, maxArrowHead) {
		return nil, damaged("a message has a head of %d bytes, with %d left; it may be cut off", length, m.left)
	}
	head := make([]byte, length)
	if err := m.full(head); err != nil {
		return nil, err
	}
	if err := m.check(head); err != nil {
		return nil, err
	}
	meta := memory.NewBufferBytes(head)
	size := ipc.NewMessage(meta, memory.NewBufferBytes(nil)).BodyLen()
	if size < 0 || size > m.left {
		return nil, damaged("a message of %d bytes, with %d left; it may be cut off", size, m.left)
	}
	if size > maxArrowBatch {
		return nil, fmt.Errorf("has a record batch of %d MiB; write it in batches of at most %d MiB", size>>20, maxArrowBatch>>20)
	}
	body := make([]byte, size)
	if err := m.full(body); err != nil {
		return nil, err
	}
	return ipc.NewMessage(meta, memory.NewBufferBytes(body)), nil
}

// check checks a message's metadata: first comes the schema, then as many dictionaries as it has, then batches and
// changed dictionaries in any order.
func (m *arrowMessages) check(head []byte) error {
	kind := byte(headerBatch)
	switch {
	case m.shape == nil:
		m.shape = new(arrowShape)
		err := checkArrowHead(head, headerSchema, m.shape)
		m.missing = len(m.shape.dictionaries)
		return err
	case m.missing > 0:
		kind = headerDictionary
		m.missing--
	case arrowKind(head) == headerDictionary:
		kind = headerDictionary
	}
	return checkArrowHead(head, kind, m.shape)
}

func (m *arrowMessages) number() (uint32, error) {
	var b [4]byte
	if m.left < 4 {
		return 0, damaged("it is cut off")
	}
	err := m.full(b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (m *arrowMessages) full(p []byte) error {
	if _, err := io.ReadFull(m.r, p); err == io.EOF || err == io.ErrUnexpectedEOF {
		return errChanged
	} else if err != nil {
		return err
	}
	m.left -= int64(len(p))
	return nil
}

// arrowBudget is an allocator that stops, with a panic, when a message's parts want more memory than is allowed:
// sizes of compressed parts are as stated by the file.
type arrowBudget struct {
	memory.GoAllocator
	used, limit int64 // bytes
}

func (b *arrowBudget) Allocate(size int) []byte {
	if b.used += int64(size); size < 0 || b.used > b.limit {
		panic("too much memory")
	}
	return b.GoAllocator.Allocate(size)
}

func (b *arrowBudget) Reallocate(size int, p []byte) []byte {
	if size <= cap(p) && size >= 0 {
		return p[:size]
	}
	grown := b.Allocate(size)
	copy(grown, p)
	return grown
}

// isUUID tells a column of UUIDs, the only binary one of a fixed length that has a usual form as text.
func isUUID(field arrow.Field) bool {
	name, ok := field.Metadata.GetValue("ARROW:extension:name")
	return ok && name == "arrow.uuid"
}

// checkArrowType refuses a column whose cells have no form as text.
func checkArrowType(field arrow.Field) error {
	kind := field.Type
	if d, ok := kind.(*arrow.DictionaryType); ok {
		kind = d.ValueType
	}
	switch kind.ID() {
	case arrow.NULL, arrow.BOOL, arrow.INT8, arrow.INT16, arrow.INT32, arrow.INT64,
		arrow.UINT8, arrow.UINT16, arrow.UINT32, arrow.UINT64, arrow.FLOAT16, arrow.FLOAT32, arrow.FLOAT64,
		arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW, arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW,
		arrow.DATE32, arrow.DATE64, arrow.TIMESTAMP, arrow.TIME32, arrow.TIME64, arrow.DECIMAL128, arrow.DECIMAL256:
		return nil
	case arrow.FIXED_SIZE_BINARY:
		if isUUID(field) {
			return nil
		}
		return fmt.Errorf("column %q holds bytes of a fixed length, which have no form as text; leave it out or export it as text", field.Name)
	}
	if arrow.IsNested(kind.ID()) {
		return fmt.Errorf("column %q is nested (a list, map or struct); leave it out or flatten it", field.Name)
	}
	return fmt.Errorf("column %q has the type %s, which cohortlink does not read; leave it out or export it as text", field.Name, kind.Name())
}

// arrowText chooses how the cells of one column in one batch become text.
func arrowText(col arrow.Array, field arrow.Field) (arrowColumn, error) {
	var text arrowColumn
	switch c := col.(type) {
	case *array.Null:
		return func(dst []byte, i int) ([]byte, error) { return dst, nil }, nil
	case *array.Boolean:
		text = func(dst []byte, i int) ([]byte, error) { return appendBool(dst, c.Value(i)) }
	case *array.Int8:
		text = func(dst []byte, i int) ([]byte, error) { return appendInt(dst, int64(c.Value(i))) }
	case *array.Int16:
		text = func(dst []byte, i int) ([]byte, error) { return appendInt(dst, int64(c.Value(i))) }
	case *array.Int32:
		text = func(dst []byte, i int) ([]byte, error) { return appendInt(dst, int64(c.Value(i))) }
	case *array.Int64:
		text = func(dst []byte, i int) ([]byte, error) { return appendInt(dst, c.Value(i)) }
	case *array.Uint8:
		text = func(dst []byte, i int) ([]byte, error) { return appendUint(dst, uint64(c.Value(i))) }
	case *array.Uint16:
		text = func(dst []byte, i int) ([]byte, error) { return appendUint(dst, uint64(c.Value(i))) }
	case *array.Uint32:
		text = func(dst []byte, i int) ([]byte, error) { return appendUint(dst, uint64(c.Value(i))) }
	case *array.Uint64:
		text = func(dst []byte, i int) ([]byte, error) { return appendUint(dst, c.Value(i)) }
	case *array.Float16:
		text = func(dst []byte, i int) ([]byte, error) {
			return appendFloat(dst, float64(c.Value(i).Float32()), 32), nil
		}
	case *array.Float32:
		text = func(dst []byte, i int) ([]byte, error) { return appendFloat(dst, float64(c.Value(i)), 32), nil }
	case *array.Float64:
		text = func(dst []byte, i int) ([]byte, error) { return appendFloat(dst, c.Value(i), 64), nil }
	case *array.String:
		text = func(dst []byte, i int) ([]byte, error) { return append(dst, c.Value(i)...), nil }
	case *array.LargeString:
		text = func(dst []byte, i int) ([]byte, error) { return append(dst, c.Value(i)...), nil }
	case *array.StringView:
		text = func(dst []byte, i int) ([]byte, error) { return append(dst, c.Value(i)...), nil }
	case *array.Binary:
		text = func(dst []byte, i int) ([]byte, error) { return append(dst, c.Value(i)...), nil }
	case *array.LargeBinary:
		text = func(dst []byte, i int) ([]byte, error) { return append(dst, c.Value(i)...), nil }
	case *array.BinaryView:
		text = func(dst []byte, i int) ([]byte, error) { return append(dst, c.Value(i)...), nil }
	case *array.FixedSizeBinary:
		text = func(dst []byte, i int) ([]byte, error) { return appendUUID(dst, c.Value(i)) }
	case *array.Date32:
		text = func(dst []byte, i int) ([]byte, error) { return appendDate(dst, int64(c.Value(i))) }
	case *array.Date64:
		text = func(dst []byte, i int) ([]byte, error) { return appendTimestamp(dst, int64(c.Value(i)), 1e3) }
	case *array.Timestamp:
		unit := arrowUnit(c.DataType().(*arrow.TimestampType).Unit)
		text = func(dst []byte, i int) ([]byte, error) { return appendTimestamp(dst, int64(c.Value(i)), unit) }
	case *array.Time32:
		unit := arrowUnit(c.DataType().(*arrow.Time32Type).Unit)
		text = func(dst []byte, i int) ([]byte, error) { return appendTimeOfDay(dst, int64(c.Value(i)), unit) }
	case *array.Time64:
		unit := arrowUnit(c.DataType().(*arrow.Time64Type).Unit)
		text = func(dst []byte, i int) ([]byte, error) { return appendTimeOfDay(dst, int64(c.Value(i)), unit) }
	case *array.Decimal128:
		scale := int(c.DataType().(*arrow.Decimal128Type).Scale)
		text = func(dst []byte, i int) ([]byte, error) { return appendDecimal(dst, c.Value(i).BigInt(), scale) }
	case *array.Decimal256:
		scale := int(c.DataType().(*arrow.Decimal256Type).Scale)
		text = func(dst []byte, i int) ([]byte, error) {
			return appendDecimal(dst, c.Value(i).BigInt(), scale)
		}
	case *array.Dictionary:
		values, err := arrowText(c.Dictionary(), field)
		if err != nil {
			return nil, err
		}
		text = func(dst []byte, i int) ([]byte, error) { return values(dst, c.GetValueIndex(i)) }
	default:
		return nil, errors.New("a column changes its type; export the file again")
	}
	return func(dst []byte, i int) ([]byte, error) {
		if col.IsNull(i) {
			return dst, nil
		}
		return text(dst, i)
	}, nil
}

func arrowUnit(u arrow.TimeUnit) int64 {
	switch u {
	case arrow.Second:
		return 1
	case arrow.Millisecond:
		return 1e3
	case arrow.Microsecond:
		return 1e6
	}
	return 1e9
}
