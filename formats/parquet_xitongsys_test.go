package formats

// The second opinion on our Parquet: a library that shares no code with the one we use. It is not fit for files of
// strangers (its pages are decoded in goroutines that panic), so it is used in tests alone.

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/xitongsys/parquet-go/parquet"
	"github.com/xitongsys/parquet-go/reader"
	"github.com/xitongsys/parquet-go/source"
	"github.com/xitongsys/parquet-go/writer"
)

// memoryFile is a file in memory as xitongsys wants one.
type memoryFile struct {
	*bytes.Reader
	data []byte
}

func (m memoryFile) Open(string) (source.ParquetFile, error) {
	return memoryFile{bytes.NewReader(m.data), m.data}, nil
}
func (m memoryFile) Create(string) (source.ParquetFile, error) { return nil, fmt.Errorf("read only") }
func (m memoryFile) Write([]byte) (int, error)                 { return 0, fmt.Errorf("read only") }
func (m memoryFile) Close() error                              { return nil }

func TestTableIsReadByXitongsys(t *testing.T) {
	type row struct {
		RecordID string  `parquet:"name=record_id, type=BYTE_ARRAY, convertedtype=UTF8"`
		Score    float64 `parquet:"name=score, type=DOUBLE"`
		Row      int64   `parquet:"name=row, type=INT64, convertedtype=INT_64"`
		Accepted bool    `parquet:"name=accepted, type=BOOLEAN"`
	}
	const n = 70_000 // two row groups
	data := testTable(t, n, 7_000)
	r, err := reader.NewParquetReader(memoryFile{bytes.NewReader(data), data}, new(row), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.ReadStop()
	if r.GetNumRows() != n {
		t.Fatalf("%d rows of %d", r.GetNumRows(), n)
	}
	rows := make([]row, n)
	if err := r.Read(&rows); err != nil {
		t.Fatal(err)
	}
	for k, got := range rows {
		if want := (row{fmt.Sprintf("r%032x", k*k), 1 / float64(k+1), int64(-k), k%3 == 0}); got != want {
			t.Fatalf("row %d: got %v, want %v", k, got, want)
		}
	}
}

func TestAttachedParquetIsReadByXitongsys(t *testing.T) {
	type row struct {
		A        *string `parquet:"name=a, type=BYTE_ARRAY, convertedtype=UTF8"`
		PersonID *string `parquet:"name=person_id, type=BYTE_ARRAY, convertedtype=UTF8"`
	}
	data := textParquet(t, []string{"a"}, [][]string{{"x"}, {"y"}, {"z"}})
	var out bytes.Buffer
	_, err := Attach(writeFile(t, "x.parquet", data), ExtractOptions{}, &out, Attached{"person_id", func(row int) string {
		return map[int]string{1: "P1", 3: "P3"}[row]
	}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := reader.NewParquetReader(memoryFile{bytes.NewReader(out.Bytes()), out.Bytes()}, new(row), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.ReadStop()
	rows := make([]row, r.GetNumRows())
	if err := r.Read(&rows); err != nil {
		t.Fatal(err)
	}
	text := func(s *string) string {
		if s == nil {
			return "null"
		}
		return *s
	}
	got := ""
	for _, r := range rows {
		got += text(r.A) + text(r.PersonID) + " "
	}
	if got != "xP1 ynull zP3 " {
		t.Errorf("got %q", got)
	}
}

func TestExtractWrittenByXitongsys(t *testing.T) {
	type row struct {
		ID   int64   `parquet:"name=id, type=INT64"`
		Name string  `parquet:"name=name, type=BYTE_ARRAY, convertedtype=UTF8, encoding=PLAIN_DICTIONARY"`
		Born int32   `parquet:"name=born, type=INT32, convertedtype=DATE"`
		Seen *int64  `parquet:"name=seen, type=INT64, convertedtype=TIMESTAMP_MILLIS"`
		NHS  float64 `parquet:"name=nhs, type=DOUBLE"`
	}
	for _, codec := range []parquet.CompressionCodec{parquet.CompressionCodec_SNAPPY, parquet.CompressionCodec_GZIP, parquet.CompressionCodec_ZSTD, parquet.CompressionCodec_UNCOMPRESSED} {
		var out bytes.Buffer
		w, err := writer.NewParquetWriterFromWriter(&out, new(row), 1)
		if err != nil {
			t.Fatal(err)
		}
		w.CompressionType = codec
		w.RowGroupSize, w.PageSize = 64<<10, 1<<10 // many of both
		const n = 20_000
		for i := range int64(n) {
			r := row{ID: i, Name: fmt.Sprint("name ", i%50), Born: int32(i - 10_000), NHS: float64(9_990_000_000 + i)}
			if i%3 == 0 {
				seen := i * 86_400_000
				r.Seen = &seen
			}
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.WriteStop(); err != nil {
			t.Fatal(err)
		}
		x, err := OpenExtract(writeFile(t, "x.parquet", out.Bytes()), ExtractOptions{})
		if err != nil {
			t.Fatal(codec, err)
		}
		defer x.Close()
		if got := fmt.Sprint(x.Header()); got != "[id name born seen nhs]" {
			t.Errorf("%s: header %s", codec, got)
		}
		i := int64(0)
		for ; ; i++ {
			got, err := x.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(codec, i, err)
			}
			born, _ := appendDate(nil, i-10_000)
			seen := ""
			if i%3 == 0 {
				b, _ := appendDate(nil, i)
				seen = string(b)
			}
			want := fmt.Sprintf("[%d name %d %s %s %d]", i, i%50, born, seen, 9_990_000_000+i)
			if fmt.Sprint(got) != want {
				t.Fatalf("%s: row %d: got %s, want %s", codec, i+1, got, want)
			}
		}
		if i != n {
			t.Errorf("%s: %d rows of %d", codec, i, n)
		}
	}
}
