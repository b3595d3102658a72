package formats

import (
	"bytes"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// textArrow is an Arrow file or stream of text columns, whatever bytes they hold.
func textArrow(t testing.TB, header []string, rows [][]string, isFile bool) []byte {
	t.Helper()
	var fields []arrow.Field
	for _, name := range header {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	s := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	for _, row := range rows {
		for i, cell := range row {
			b.Field(i).(*array.StringBuilder).Append(cell)
		}
	}
	var out bytes.Buffer
	var w interface {
		Write(arrow.Record) error
		Close() error
	} = ipc.NewWriter(&out, ipc.WithSchema(s))
	if isFile {
		var err error
		if w, err = ipc.NewFileWriter(&tellWriter{w: &out}, ipc.WithSchema(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write(b.NewRecord()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
