package formats

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// attached is what Attach makes of data under the given name, with the value "P1" for row 1 and so on.
func attached(t testing.TB, name string, data []byte, o ExtractOptions) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	digest, err := Attach(writeFile(t, name, data), o, &out, Attached{"person_id", personID})
	if err == nil && digest != sha256.Sum256(data) {
		t.Error("the digest is not that of the extract")
	}
	return out.Bytes(), err
}

func personID(row int) string { return fmt.Sprintf("P%d", row) }

func TestAttachCSV(t *testing.T) {
	long := strings.Repeat("x", maxRow+100)
	for _, c := range []struct {
		name, data, want string
		o                ExtractOptions
	}{
		{"plain", "a,b\n1,2\n", "a,b,person_id\n1,2,P1\n", ExtractOptions{}},
		{"no line end", "a,b\n1,2", "a,b,person_id\n1,2,P1", ExtractOptions{}},
		{"columns without a name behind", "a,b, ,\n1,2,,\n\"3,\",\"4\"\"\",\"\",\n5,6,7,\n8,9\n10,x\"y,,\n", "a,b,person_id, ,\n1,2,P1,,\n\"3,\",\"4\"\"\",\"P2\",\"\",\n5,6,P3,7,\n8,9,P4\n10,x\"y,,,P5\n", ExtractOptions{}},
		{"crlf, blank lines", "\r\na;b\r\n\r\n1;2\r\n\r\n", "\r\na;b;person_id\r\n\r\n1;2;P1\r\n\r\n", ExtractOptions{}},
		{"converted twice", "a,b\r\r\n1,\"2\"\r\r\n", "a,b,person_id\r\r\n1,\"2\",\"P1\"\r\r\n", ExtractOptions{}},
		{"columns once in use", "a,b,,\n1,2,,\n", "a,b,person_id,,\n1,2,P1,,\n", ExtractOptions{}},
		{"cr", "a\tb\r1\t2\r", "a\tb\tperson_id\r1\t2\tP1\r", ExtractOptions{}},
		{"quoted as before", "\"a\",\"b\"\n1,\"2\"\n\"1\",2\n", "\"a\",\"b\",\"person_id\"\n1,\"2\",\"P1\"\n\"1\",2,P2\n", ExtractOptions{}},
		{"lines in cells", "a,b\n\"1\n\",\"x\r\ny\"\n", "a,b,person_id\n\"1\n\",\"x\r\ny\",\"P1\"\n", ExtractOptions{}},
		{"mark", "\xef\xbb\xbfa,b\n1,2\n", "\xef\xbb\xbfa,b,person_id\n1,2,P1\n", ExtractOptions{}},
		{"code page", "a,b\n\xe9,2\n", "a,b,person_id\n\xe9,2,P1\n", ExtractOptions{Encoding: "windows-1252"}},
		{"utf-16", "\xff\xfe" + wide("a\tb\r\n😀\t", false) + "\x3d\xd8" + wide("\r\n", false),
			"\xff\xfe" + wide("a\tb\tperson_id\r\n😀\t", false) + "\x3d\xd8" + wide("\tP1\r\n", false), ExtractOptions{}},
		{"utf-16 big", wide("a,b\n1,2\n", true), wide("a,b,person_id\n1,2,P1\n", true), ExtractOptions{Encoding: "utf-16be"}},
		{"broken rows", "a,b\n1\n\"x\"y,2\n\xff,\x00\n\"z,1\n3,4\n", "a,b,person_id\n1,P1\n\"x\"y,2,P2\n\xff,\x00,P3\n\"z,1,P4\n3,4,P5\n", ExtractOptions{}},
		{"long row", "a,b\n" + long + ",2\r\n3,4\r\n", "a,b,person_id\n" + long + ",2,P1\r\n3,4,P2\r\n", ExtractOptions{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := attached(t, "x.csv", []byte(c.data), c.o)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %.200q\nwant %.200q", got, c.want)
			}
		})
	}
}

func TestAttachQuotesWhatNeedsIt(t *testing.T) {
	var out bytes.Buffer
	_, err := Attach(writeFile(t, "x.csv", []byte("a,b\n1,2\n3,4\n")), ExtractOptions{}, &out, Attached{"x,\"y\"", func(row int) string {
		return map[int]string{1: "p\nq", 2: ""}[row]
	}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "a,b,\"x,\"\"y\"\"\"\n1,2,\"p\nq\"\n3,4,\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestAttachRefusals(t *testing.T) {
	table := [][]string{{"1", "2"}}
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"has.csv", []byte("a,person_id\n1,2\n"), `already has a column "person_id"`},
		{"has.parquet", textParquet(t, []string{"person_id", "b"}, table), `already has a column "person_id"`},
		{"has.arrow", textArrow(t, []string{"person_id", "b"}, table, true), `already has a column "person_id"`},
		{"twice.parquet", textParquet(t, []string{"a", "a"}, table), `both named "a"`},
		{"empty.csv", nil, "empty"},
		{"wrong.parquet", []byte("a,b\n"), "content looks like CSV"},
	} {
		got, err := attached(t, c.name, c.data, ExtractOptions{})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want one that says %q", c.name, err, c.says)
		}
		if len(got) > 0 {
			t.Errorf("%s: %d bytes were written", c.name, len(got))
		}
	}
	for _, name := range []string{"", "a\nb", "\xff"} {
		if _, err := Attach(writeFile(t, "x.csv", []byte("a,b\n1,2\n")), ExtractOptions{}, new(bytes.Buffer), Attached{name, personID}); err == nil {
			t.Errorf("a column is named %q", name)
		}
	}
	_, err := Attach(writeFile(t, "x.csv", []byte("a,b\n1,2\n")), ExtractOptions{Encoding: "latin1"}, new(bytes.Buffer), Attached{"c", func(int) string { return "é" }})
	if err == nil || strings.Contains(err.Error(), "é") {
		t.Errorf("a value that the code page lacks gives %v", err)
	}
}

// Reading what Attach wrote gives the rows of the extract, each with its value, whichever program wrote it, and the
// columns keep their types.
func TestAttachToOtherPrograms(t *testing.T) {
	tried := 0
	for _, path := range otherPrograms(t) {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "nested") || name == "pyarrow-lz4.parquet" {
			continue
		}
		tried++
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out, err := attached(t, name, data, ExtractOptions{})
			if err != nil {
				t.Fatal(err)
			}
			to := writeFile(t, name, out)
			before, after := mustRead(t, path, ExtractOptions{}), mustRead(t, to, ExtractOptions{})
			before.header = append(slices.Clone(before.header), "person_id")
			for i := range before.rows {
				before.rows[i] = append(before.rows[i], personID(i+1))
			}
			sameRows(t, after, before)
			was, is := columnTypes(t, path), columnTypes(t, to)
			for i := range was {
				was[i] = strings.Replace(was[i], "dictionary<values=string_view", "dictionary<values=utf8", 1) // see viewDictionary
			}
			if !slices.Equal(was, is[:len(is)-1]) {
				t.Errorf("types were\n%q\nand are\n%q", was, is)
			}
			if dir := os.Getenv("COHORTLINK_KEEP_ATTACHED"); dir != "" { // for a look with another program
				if err := os.WriteFile(filepath.Join(dir, name), out, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if tried < 12 {
		t.Errorf("only %d files were tried", tried)
	}
}

func columnTypes(t *testing.T, path string) (types []string) {
	t.Helper()
	src, err := openSource(path)
	if err != nil {
		t.Fatal(err)
	}
	defer src.close()
	if strings.HasSuffix(path, ".parquet") {
		p, err := openParquetRows(src)
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.head {
			types = append(types, p.file.MetaData().Schema.Column(i).String())
		}
		return types
	}
	a, err := openArrowRows(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range a.schema.Fields() {
		types = append(types, f.String())
	}
	return types
}

// limited fails after n bytes, as a disk does that is full.
type limited struct{ n int }

var errFull = errors.New("no space left")

func (l *limited) Write(p []byte) (int, error) {
	if l.n -= len(p); l.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// However late the output fails, the error is the output's.
func TestAttachOutputFails(t *testing.T) {
	table := [][]string{{"1", "2"}, {"3", "4"}}
	for name, data := range map[string][]byte{
		"x.csv":     []byte("a,b\n1,2\n3,4\n"),
		"x.parquet": textParquet(t, []string{"a", "b"}, table),
		"x.arrow":   textArrow(t, []string{"a", "b"}, table, true),
		"x.arrows":  textArrow(t, []string{"a", "b"}, table, false),
	} {
		path := writeFile(t, name, data)
		var whole bytes.Buffer
		if _, err := Attach(path, ExtractOptions{}, &whole, Attached{"c", personID}); err != nil {
			t.Fatal(err)
		}
		for n := range whole.Len() {
			if _, err := Attach(path, ExtractOptions{}, &limited{n}, Attached{"c", personID}); err != errFull {
				t.Fatalf("%s: with room for %d of %d bytes: %v", name, n, whole.Len(), err)
			}
		}
	}
}
