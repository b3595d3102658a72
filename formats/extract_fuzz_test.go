package formats

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// fuzzExtract reads data as an extract: whatever it is, the answer is rows or an error, never a panic, an endless
// loop or memory out of proportion. An extract that reads then has to read the same with a column attached.
func fuzzExtract(t *testing.T, name string, data []byte, o ExtractOptions) {
	path := writeFile(t, name, data)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	x, err := OpenExtract(path, o)
	if err != nil {
		return
	}
	defer x.Close()
	var rows [][]string // nil where a row is set aside
	for len(rows) < 1_000_000 {
		row, err := x.Next()
		if err == io.EOF {
			break
		}
		if bad := (*RowError)(nil); errors.As(err, &bad) {
			rows = append(rows, nil)
			continue
		}
		if err != nil {
			return
		}
		if len(row) != len(x.Header()) {
			t.Fatalf("%d cells, %d columns", len(row), len(x.Header()))
		}
		rows = append(rows, slices.Clone(row))
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<30 {
		t.Fatalf("%d bytes of file take %d MiB", len(data), grown>>20)
	}

	var out bytes.Buffer
	if _, err := Attach(path, o, &out, Attached{"person_id", personID}); err != nil {
		if slices.Contains(x.Header(), "person_id") || !strings.HasSuffix(name, ".csv") {
			return // a damaged file may read by luck; the writers of the Arrow libraries notice
		}
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".csv") {
		return
	}
	got, err := readExtract(writeFile(t, "attached.csv", out.Bytes()), ExtractOptions{Delimiter: o.Delimiter, Encoding: o.Encoding})
	if err != nil {
		if len(x.Header()) == 1 && o.Delimiter == 0 {
			return // with a second column there may be another delimiter to find
		}
		t.Fatal(err)
	}
	if len(got.header) != len(x.Header())+1 {
		return // as above
	}
	sound := 0
	for i, row := range rows {
		if row == nil {
			continue
		}
		if sound >= len(got.rows) || !slices.Equal(got.rows[sound], append(row, personID(i+1))) {
			t.Fatalf("row %d is lost by attaching: %q", i+1, row)
		}
		sound++
	}
	if sound != len(got.rows) {
		t.Fatalf("%d sound rows became %d", sound, len(got.rows))
	}
}

func FuzzExtractCSV(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a;b\r\n\"1\";\"2\"\r\n\r\n", "a\tb\r1\t2\r", "\xef\xbb\xbfa|b\n1|2", "a,b\n\"x,2\n3,4\n", "a,b\n\"x\"y,2\n3,4\n5\n",
		"a,b\n1,\xe9\n3,\x00\n", "\"a,b\",\"c\n\"\"\"\n1,2\n", "\xff\xfea\x00,\x00b\x00\n\x001\x00,\x00\x3d\xd8\n\x00", "\n\n\na,b\n\n1,2\n\"\r\n\"\r,3\n",
	} {
		f.Add([]byte(seed), uint8(0), uint8(0))
		f.Add([]byte(seed), uint8(2), uint8(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, delimiter, encoding uint8) {
		o := ExtractOptions{
			Delimiter: []rune{0, ',', ';', '\t', '^'}[delimiter%5],
			Encoding:  []string{"", "windows-1252", "utf-16le", "utf-16be"}[encoding%4],
		}
		fuzzExtract(t, "x.csv", data, o)
	})
}

// addFiles seeds a fuzz test with the files of other programs that have one of the endings.
func addFiles(f *testing.F, endings ...string) {
	for _, path := range otherPrograms(f) {
		if slices.Contains(endings, filepath.Ext(path)) {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
}

func FuzzExtractParquet(f *testing.F) {
	addFiles(f, ".parquet")
	f.Add(textParquet(f, []string{"a", "b"}, [][]string{{"1", "2"}, {"3", "4"}}))
	f.Add(testTable(f, 10, 10))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzExtract(t, "x.parquet", data, ExtractOptions{}) })
}

func FuzzExtractArrow(f *testing.F) {
	addFiles(f, ".arrow", ".arrows", ".feather")
	f.Add(textArrow(f, []string{"a", "b"}, [][]string{{"1", "2"}, {"3", "4"}}, true))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzExtract(t, "x.arrow", data, ExtractOptions{}) })
}

// FuzzThriftWalk holds the walker against what it is for: it must end, and within the bytes it is given.
func FuzzThriftWalk(f *testing.F) {
	f.Add([]byte{0x15, 0x00, 0x15, 0x02, 0x2c, 0x15, 0x06, 0x00, 0x00})
	f.Add([]byte{0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := walkThrift(data, func(path []int16, v int64) {
			if len(path) == 0 || len(path) > maxThriftDepth+2 {
				t.Fatalf("path of %d", len(path))
			}
		})
		if n < 0 || n > len(data) || err == nil && n == 0 {
			t.Fatal(n, err)
		}
	})
}
