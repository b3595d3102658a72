package formats

import (
	"bytes"
	"testing"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// textParquet is a Parquet file of text columns, whatever bytes they hold.
func textParquet(t testing.TB, header []string, rows [][]string) []byte {
	t.Helper()
	var fields schema.FieldList
	for _, name := range header {
		node, err := schema.NewPrimitiveNodeLogical(name, parquet.Repetitions.Optional, schema.StringLogicalType{}, parquet.Types.ByteArray, -1, -1)
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, node)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithDataPageSize(1<<16))
	w := file.NewParquetWriter(&out, root, file.WithWriterProps(props))
	group := w.AppendRowGroup()
	for i := range header {
		column, err := group.NextColumn()
		if err != nil {
			t.Fatal(err)
		}
		cells, levels := make([]parquet.ByteArray, len(rows)), make([]int16, len(rows))
		for k, row := range rows {
			cells[k], levels[k] = []byte(row[i]), 1
		}
		if _, err := column.(*file.ByteArrayColumnChunkWriter).WriteBatch(cells, levels, nil); err != nil {
			t.Fatal(err)
		}
		if err := column.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
