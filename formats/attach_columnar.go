package formats

// Attaching to Parquet and Arrow. A file of typed columns also carries descriptions of itself in its metadata, which
// programs believe over the columns: those that name the columns one by one are brought up to date or left out.

import (
	"bytes"
	"encoding/base64"
	"io"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/metadata"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

const (
	// arrowSchemaKey holds the Arrow schema of the columns, base64 of an IPC message: pyarrow restores types by it.
	arrowSchemaKey = "ARROW:schema"
	// sparkSchemaKey holds Spark's schema as JSON. Spark shows the columns named in it and no others; without it,
	// it goes by the Parquet schema.
	sparkSchemaKey = "org.apache.spark.sql.parquet.row.metadata"
)

func attachParquet(in *inputFile, out *firstError, columns []Attached) (digest [32]byte, err error) {
	p, err := openParquetRows(in)
	if err != nil {
		return digest, err
	}
	if err := checkAttach(p.head, columns); err != nil {
		return digest, err
	}
	meta := p.file.MetaData()
	root := meta.Schema.Root()
	var fields schema.FieldList
	options := []parquet.WriterProperty{parquet.WithCreatedBy("cohortlink")}
	for i := range root.NumFields() {
		fields = append(fields, root.Field(i))
		if p.file.NumRowGroups() > 0 {
			chunk, err := meta.RowGroup(0).ColumnChunk(i)
			if err != nil {
				return digest, err
			}
			options = append(options, parquet.WithCompressionFor(p.head[i], chunk.Compression()))
			for _, add := range columns {
				if i == 0 {
					options = append(options, parquet.WithCompressionFor(add.Column, chunk.Compression()))
				}
			}
		}
	}
	for _, add := range columns {
		node, err := schema.NewPrimitiveNodeLogical(add.Column, parquet.Repetitions.Optional, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)
		if err != nil {
			return digest, err
		}
		fields = append(fields, node)
	}
	group, err := schema.NewGroupNode(root.Name(), parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return digest, err
	}
	keys, err := attachedMetadata(meta.KeyValueMetadata(), columns)
	if err != nil {
		return digest, err
	}

	defer out.settle(&err)
	w := file.NewParquetWriter(out, group, file.WithWriterProps(parquet.NewWriterProperties(options...)), file.WithWriteMetadata(keys))
	row := 0
	for g := range p.file.NumRowGroups() {
		rows := int(meta.RowGroup(g).NumRows())
		if rows == 0 {
			continue
		}
		to := w.AppendRowGroup()
		for i, c := range p.columns {
			if err := copyChunk(p, g, i, c, to, rows); err != nil {
				return digest, err
			}
		}
		for _, add := range columns {
			if err := addChunk(to, row, rows, add.Value); err != nil {
				return digest, err
			}
		}
		if err := to.Close(); err != nil {
			return digest, err
		}
		row += rows
	}
	return p.bytes.sum, w.Close()
}

// copyChunk copies a column's values in one row group.
func copyChunk(p *parquetRows, group, i int, c parquetColumn, to file.SerialRowGroupWriter, rows int) error {
	chunk, err := openChunk(p.file, p.bytes, group, i)
	if err != nil {
		return err
	}
	if err := c.open(chunk); err != nil {
		return err
	}
	w, err := to.NextColumn()
	if err != nil {
		return err
	}
	for left := rows; left > 0; {
		n := min(left, parquetBatch)
		if err := c.fill(n); err != nil {
			return err
		}
		if err := c.copy(w, n); err != nil {
			return err
		}
		left -= n
	}
	return w.Close()
}

// addChunk writes an added column for the rows after the given number of rows.
func addChunk(to file.SerialRowGroupWriter, before, rows int, value func(int) string) error {
	next, err := to.NextColumn()
	if err != nil {
		return err
	}
	w := next.(*file.ByteArrayColumnChunkWriter)
	cells, levels := make([]parquet.ByteArray, 0, parquetBatch), make([]int16, 0, parquetBatch)
	for i := range rows {
		if cell := value(before + i + 1); cell != "" {
			cells, levels = append(cells, []byte(cell)), append(levels, 1)
		} else {
			levels = append(levels, 0)
		}
		if len(levels) == parquetBatch || i == rows-1 {
			if _, err := w.WriteBatch(cells, levels, nil); err != nil {
				return err
			}
			cells, levels = cells[:0], levels[:0]
		}
	}
	return w.Close()
}

// attachedMetadata is a Parquet file's key-value metadata with the columns added to what names the columns.
func attachedMetadata(old metadata.KeyValueMetadata, columns []Attached) (metadata.KeyValueMetadata, error) {
	keys, values := metadata.NewKeyValueMetadata(), old.Values()
	for i, k := range old.Keys() {
		v := values[i]
		switch k {
		case sparkSchemaKey:
			continue
		case arrowSchemaKey:
			var ok bool
			if v, ok = attachedArrowSchema(v, columns); !ok {
				continue
			}
		}
		if err := keys.Append(k, v); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// attachedArrowSchema adds text columns to an Arrow schema in the form that arrowSchemaKey has.
func attachedArrowSchema(encoded string, columns []Attached) (_ string, ok bool) {
	var damage error
	defer recoverDamage(&damage) // ok stays false
	message, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return "", false
	}
	stream := &arrowMessages{r: bytes.NewReader(message), left: int64(len(message)), budget: &arrowBudget{limit: maxArrowHead}}
	r, err := ipc.NewReaderFromMessageReader(stream, ipc.WithEnsureNativeEndian(false))
	if err != nil {
		return "", false
	}
	defer r.Release()
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(attachedSchema(r.Schema(), columns)))
	if err := w.Close(); err != nil {
		return "", false
	}
	// The schema's message alone, without the end-of-stream marker of 8 bytes that Close wrote.
	return base64.StdEncoding.EncodeToString(out.Bytes()[:out.Len()-8]), true
}

func attachedSchema(s *arrow.Schema, columns []Attached) *arrow.Schema {
	fields := slices.Clone(s.Fields())
	for i := range fields {
		if d := viewDictionary(fields[i].Type); d != nil {
			fields[i].Type = &arrow.DictionaryType{IndexType: d.IndexType, ValueType: arrow.BinaryTypes.String, Ordered: d.Ordered}
		}
	}
	for _, add := range columns {
		fields = append(fields, arrow.Field{Name: add.Column, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	meta := s.Metadata()
	return arrow.NewSchemaWithEndian(fields, &meta, s.Endianness())
}

// viewDictionary is t if it is a dictionary of string views, as Polars writes, else nil. The library writes such a
// dictionary in a way that spoils the columns behind it (recordEncoder.reset keeps the dictionary's buffer count),
// so its values are written as plain strings: the one type that attaching changes.
func viewDictionary(t arrow.DataType) *arrow.DictionaryType {
	if d, ok := t.(*arrow.DictionaryType); ok && d.ValueType.ID() == arrow.STRING_VIEW {
		return d
	}
	return nil
}

// plainDictionary is col, of type viewDictionary, with values of type to.
func plainDictionary(col *array.Dictionary, to arrow.DataType) arrow.Array {
	views := col.Dictionary().(*array.StringView)
	values := array.NewStringBuilder(memory.NewGoAllocator())
	for i := range views.Len() {
		if views.IsNull(i) {
			values.AppendNull()
		} else {
			values.Append(views.Value(i))
		}
	}
	return array.NewDictionaryArray(to, col.Indices(), values.NewArray())
}

func attachArrow(in *inputFile, out *firstError, columns []Attached) (digest [32]byte, err error) {
	a, err := openArrowRows(in)
	if err != nil {
		return digest, err
	}
	defer a.close()
	if err := checkAttach(a.head, columns); err != nil {
		return digest, err
	}
	defer out.settle(&err)
	to := attachedSchema(a.schema, columns)
	var w interface {
		Write(arrow.Record) error
		Close() error
	}
	if a.file != nil {
		w, err = ipc.NewFileWriter(&tellWriter{w: out}, ipc.WithSchema(to))
		if err != nil {
			return digest, err
		}
	} else {
		w = ipc.NewWriter(out, ipc.WithSchema(to))
	}
	for row := 0; ; {
		batch, err := a.batch()
		if err == io.EOF {
			break
		}
		if err != nil {
			return digest, err
		}
		cells := make([]*array.StringBuilder, len(columns))
		for i := range cells {
			cells[i] = array.NewStringBuilder(memory.NewGoAllocator())
		}
		for range batch.NumRows() {
			row++
			for i, add := range columns {
				if cell := add.Value(row); cell != "" {
					cells[i].Append(cell)
				} else {
					cells[i].AppendNull()
				}
			}
		}
		all := slices.Clone(batch.Columns())
		for _, c := range cells {
			all = append(all, c.NewArray())
		}
		for i, col := range batch.Columns() {
			if viewDictionary(col.DataType()) != nil {
				all[i] = plainDictionary(col.(*array.Dictionary), to.Field(i).Type)
			}
		}
		if err := w.Write(array.NewRecord(to, all, batch.NumRows())); err != nil {
			return digest, err
		}
	}
	if err := w.Close(); err != nil {
		return digest, err
	}
	return in.digest()
}

// tellWriter counts what is written. The Arrow file writer wants to seek, but only ever to ask where it is.
type tellWriter struct {
	w  io.Writer
	at int64
}

func (t *tellWriter) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	t.at += int64(n)
	return n, err
}

func (t *tellWriter) Seek(int64, int) (int64, error) { return t.at, nil }
