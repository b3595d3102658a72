package formats

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// writeFile puts data into a file of that name in a folder of its own.
func writeFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// extractRows is all of an extract: its usable rows, and "N: reason" for the others.
type extractRows struct {
	header []string
	rows   [][]string
	bad    []string
	format string
	digest [32]byte
}

func readExtract(path string, o ExtractOptions) (got extractRows, err error) {
	x, err := OpenExtract(path, o)
	if err != nil {
		return got, err
	}
	defer func() {
		if e := x.Close(); err == nil {
			err = e
		}
	}()
	got.header, got.format = x.Header(), x.Format()
	for n := 1; ; n++ {
		row, err := x.Next()
		var bad *RowError
		switch {
		case err == io.EOF:
			if x.BytesRead() != x.TotalBytes() {
				return got, fmt.Errorf("at the end %d of %d bytes are read", x.BytesRead(), x.TotalBytes())
			}
			got.digest = x.Digest()
			return got, nil
		case errors.As(err, &bad):
			if bad.Row != n || x.Row() != n {
				return got, fmt.Errorf("row %d is numbered %d and %d", n, bad.Row, x.Row())
			}
			got.bad = append(got.bad, fmt.Sprintf("%d: %s", bad.Row, bad.Reason))
		case err != nil:
			if _, again := x.Next(); again != err {
				return got, fmt.Errorf("after %v comes %v", err, again)
			}
			return got, err
		case x.Row() != n || len(row) != len(got.header):
			return got, fmt.Errorf("row %d is numbered %d and has %d cells", n, x.Row(), len(row))
		default:
			got.rows = append(got.rows, slices.Clone(row))
		}
	}
}

func mustRead(t *testing.T, path string, o ExtractOptions) extractRows {
	t.Helper()
	got, err := readExtract(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func sameRows(t *testing.T, got, want extractRows) {
	t.Helper()
	if !slices.Equal(got.header, want.header) {
		t.Errorf("header %q, want %q", got.header, want.header)
	}
	if len(got.rows) != len(want.rows) {
		t.Errorf("%d rows, want %d", len(got.rows), len(want.rows))
	}
	for i := range min(len(got.rows), len(want.rows)) {
		if !slices.Equal(got.rows[i], want.rows[i]) {
			t.Errorf("row %d:\n got %q\nwant %q", i+1, got.rows[i], want.rows[i])
		}
	}
	if !slices.Equal(got.bad, want.bad) {
		t.Errorf("rows set aside: %q, want %q", got.bad, want.bad)
	}
}

// otherPrograms are the files that testdata/extract/make.py wrote of one table.
func otherPrograms(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.parquet", "*.arrow", "*.arrows", "*.feather"} {
		found, err := filepath.Glob(filepath.Join("testdata", "extract", pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) < 15 {
		t.Fatalf("only %d files in testdata/extract", len(files))
	}
	return files
}

func TestExtractOfOtherPrograms(t *testing.T) {
	want := mustRead(t, filepath.Join("testdata", "extract", "rows.csv"), ExtractOptions{})
	if len(want.rows) != 4 {
		t.Fatalf("%d rows in rows.csv", len(want.rows))
	}
	refused := map[string]string{
		"pyarrow-lz4.parquet": "zstd, snappy or gzip",
		"nested.parquet":      `column "notes" is nested`,
		"nested.feather":      `column "notes" is nested`,
	}
	for _, path := range otherPrograms(t) {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			if why := refused[name]; why != "" {
				if _, err := readExtract(path, ExtractOptions{}); err == nil || !strings.Contains(err.Error(), why) {
					t.Fatalf("got %v, want a refusal that says %q", err, why)
				}
				return
			}
			got := mustRead(t, path, ExtractOptions{})
			if name == "pyarrow-replaced.arrows" {
				sameRows(t, got, extractRows{header: []string{"ward"}, rows: [][]string{{"East"}, {"West"}, {"North"}, {"South"}}})
				return
			}
			sameRows(t, got, want)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got.digest != sha256.Sum256(data) {
				t.Error("the digest is not that of the file")
			}
		})
	}
}

func TestExtractRefusals(t *testing.T) {
	parquet, err := os.ReadFile(filepath.Join("testdata", "extract", "pyarrow-snappy.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	feather, err := os.ReadFile(filepath.Join("testdata", "extract", "pyarrow-zstd.feather"))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := os.ReadFile(filepath.Join("testdata", "extract", "pyarrow.arrows"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		data []byte
		o    ExtractOptions
		is   error
		says string
	}{
		{"empty.csv", nil, ExtractOptions{}, ErrEmptyExtract, "empty"},
		{"blank.csv", []byte("\n\r\n\n"), ExtractOptions{}, ErrEmptyExtract, "empty"},
		{"mark.csv", []byte("\xef\xbb\xbf"), ExtractOptions{}, ErrEmptyExtract, "empty"},
		{"header.csv", []byte("a,b\n"), ExtractOptions{}, ErrNoRows, "no rows"},
		{"header-open.csv", []byte("a,b"), ExtractOptions{}, ErrNoRows, "no rows"},
		{"header-blank.csv", []byte("a,b\r\n\r\n\r\n"), ExtractOptions{}, ErrNoRows, "no rows"},
		{"twice.csv", []byte("a,b,a\n1,2,3\n"), ExtractOptions{}, nil, `columns 1 and 3 of the header are both named "a"`},
		{"nameless.csv", []byte(",b,c\n1,2,3\n"), ExtractOptions{}, nil, "column 1 of the header has no name"},
		{"nameless2.csv", []byte("a,, ,,e\n1,2,3,4,5\n"), ExtractOptions{}, nil, "columns 2, 3, 4 of the header have no name"},
		{"odd.csv", []byte("a^b^c\n1^2^3\n"), ExtractOptions{}, nil, "declare the delimiter"},
		{"wrong.csv", []byte("a;b;c\n1;2;3\n"), ExtractOptions{Delimiter: ','}, nil, "contains ';'"},
		{"wide.csv", []byte("a,b\n1,2\n"), ExtractOptions{Delimiter: '¦'}, nil, "one ASCII character"},
		{"header-quote.csv", []byte("a,b\"c\n1,2\n"), ExtractOptions{}, nil, "header line has a quotation mark"},
		{"latin.csv", []byte("a,n\xe9\n1,2\n"), ExtractOptions{}, nil, "windows-1252"},
		{"nul.csv", []byte("a\x00,b\n1,2\n"), ExtractOptions{}, nil, "NUL"},
		{"encoding.csv", []byte("a,b\n1,2\n"), ExtractOptions{Encoding: "ebcdic"}, nil, `"ebcdic" is not known`},
		{"mark2.csv", []byte("\xef\xbb\xbfa,b\n1,2\n"), ExtractOptions{Encoding: "windows-1252"}, nil, "byte order mark"},
		{"half.csv", []byte("\xff\xfea\x00,\x00b\x00\n\x001\x00,\x002"), ExtractOptions{}, nil, "middle of a UTF-16 character"},
		{"long.csv", append(bytes.Repeat([]byte("x"), 3<<20), "\n1\n"...), ExtractOptions{}, nil, "header line is longer than 1 MiB"},
		{"mislabelled.csv", parquet, ExtractOptions{}, nil, "content looks like Parquet"},
		{"mislabelled.parquet", []byte("a,b\n1,2\n"), ExtractOptions{}, nil, "content looks like CSV"},
		{"mislabelled.arrow", parquet, ExtractOptions{}, nil, "content looks like Parquet"},
		{"book.csv", []byte("PK\x03\x04rest"), ExtractOptions{}, nil, "Excel"},
		{"packed.csv", []byte("\x1f\x8b\x08rest"), ExtractOptions{}, nil, "gzip"},
		{"gp.csv", []byte("cohortlink filters 1\n"), ExtractOptions{}, nil, "not an extract"},
		{"cut.parquet", parquet[:len(parquet)-100], ExtractOptions{}, nil, "cut off"},
		{"cut4.parquet", parquet[:4], ExtractOptions{}, nil, "cut off"},
		{"cut.feather", feather[:len(feather)-20], ExtractOptions{}, nil, "cut off"},
		{"cut.arrows", stream[:len(stream)-400], ExtractOptions{}, nil, "cut off"},
		{"cut6.arrows", stream[:6], ExtractOptions{}, nil, "cut off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := writeFile(t, c.name, c.data)
			got, err := readExtract(path, c.o)
			if err == nil {
				t.Fatalf("read as %d rows", len(got.rows))
			}
			if !strings.HasPrefix(err.Error(), path+": ") || strings.Count(err.Error(), path) > 1 {
				t.Errorf("does not begin with the file's name, once: %v", err)
			}
			if !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("got %v, want one that says %q", err, c.says)
			}
			if strings.Contains(err.Error(), "\n") || len(err.Error()) > 400 {
				t.Errorf("is not one clear line: %v", err)
			}
		})
	}
	if _, err := OpenExtract(filepath.Join(t.TempDir(), "absent.csv"), ExtractOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file gives %v", err)
	}
	if _, err := OpenExtract(t.TempDir(), ExtractOptions{}); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a folder gives %v", err)
	}
}

// A table of any bytes and typed cells is the subject of the interop test; this is the other half of the promise:
// the same rows are set aside, for the same reason, in every format.
func TestExtractSetsAsideTheSameRows(t *testing.T) {
	header := []string{"id", "name"}
	rows := [][]string{{"1", "sound"}, {"2", "nul\x00"}, {"3", "latin\xe9"}, {"4", strings.Repeat("x", maxRow+1)}, {"5", "sound"}}
	var text bytes.Buffer
	text.WriteString("id,name\n")
	for _, r := range rows {
		text.WriteString(r[0] + "," + r[1] + "\n")
	}
	want := extractRows{header: header, rows: [][]string{rows[0], rows[4]}, bad: []string{
		"2: contains a NUL byte", "3: contains bytes that are not UTF-8 text", "4: is longer than 1 MiB"}}
	for _, path := range []string{
		writeFile(t, "x.csv", text.Bytes()),
		writeFile(t, "x.parquet", textParquet(t, header, rows)),
		writeFile(t, "x.arrows", textArrow(t, header, rows, false)),
		writeFile(t, "x.arrow", textArrow(t, header, rows, true)),
	} {
		t.Run(filepath.Ext(path), func(t *testing.T) { sameRows(t, mustRead(t, path, ExtractOptions{}), want) })
	}
}

// Two halves of one character, in cells side by side, are no text, though the bytes in a row would be.
func TestExtractSplitCharacter(t *testing.T) {
	for _, path := range []string{
		writeFile(t, "x.parquet", textParquet(t, []string{"a", "b"}, [][]string{{"\xc3", "\xa9"}, {"c", "d"}})),
		writeFile(t, "x.arrows", textArrow(t, []string{"a", "b"}, [][]string{{"\xc3", "\xa9"}, {"c", "d"}}, false)),
	} {
		got := mustRead(t, path, ExtractOptions{})
		if len(got.bad) != 1 || len(got.rows) != 1 {
			t.Errorf("%s: %q, %q", filepath.Ext(path), got.rows, got.bad)
		}
	}
}

// A file that is written to while it is read is noticed, also where its pages are fetched long after the digest.
func TestExtractChangedWhileReading(t *testing.T) {
	rows := make([][]string, 200_000)
	for i := range rows {
		rows[i] = []string{fmt.Sprint(i), fmt.Sprint(i * 7919 % 1_000_003)}
	}
	path := writeFile(t, "x.parquet", textParquet(t, []string{"a", "b"}, rows))
	x, err := OpenExtract(path, ExtractOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, err := x.Next(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0x55}, 1<<12), x.TotalBytes()*9/10); err != nil {
		t.Fatal(err)
	}
	f.Close()
	for err == nil {
		_, err = x.Next()
	}
	if !errors.Is(err, errChanged) {
		t.Errorf("got %v", err)
	}
}

func TestExtractDigestBeforeTheEnd(t *testing.T) {
	x, err := OpenExtract(writeFile(t, "x.csv", []byte("a,b\n1,2\n3,4\n")), ExtractOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if _, err := x.Next(); err != nil || x.Digest() != [32]byte{} {
		t.Errorf("%v, digest %x before the end", err, x.Digest())
	}
}

func TestCellText(t *testing.T) {
	text := func(b []byte, err error) string {
		if err != nil {
			return "error"
		}
		return string(b)
	}
	float := func(v float64, bits int) string { return string(appendFloat(nil, v, bits)) }
	for _, c := range []struct{ got, want string }{
		{text(appendDate(nil, 0)), "1970-01-01"},
		{text(appendDate(nil, -719528)), "0000-01-01"},
		{text(appendDate(nil, -719529)), "error"},
		{text(appendDate(nil, 2932896)), "9999-12-31"},
		{text(appendDate(nil, 2932897)), "error"},
		{text(appendDate(nil, 1<<62)), "error"},
		{text(appendTimestamp(nil, -1, 1)), "1969-12-31 23:59:59"},
		{text(appendTimestamp(nil, -1, 1e9)), "1969-12-31 23:59:59.999999999"},
		{text(appendTimestamp(nil, -86400_000, 1e3)), "1969-12-31"},
		{text(appendTimestamp(nil, 1<<63-1, 1)), "error"},
		{text(appendTimestamp(nil, -1<<63, 1e9)), "1677-09-21 00:12:43.145224192"},
		{text(appendTimeOfDay(nil, 45_296_500, 1e3)), "12:34:56.5"},
		{text(appendTimeOfDay(nil, 86_400, 1)), "error"},
		{text(appendTimeOfDay(nil, -1, 1)), "error"},
		{float(9434765919, 64), "9434765919"},
		{float(1e20, 64), "100000000000000000000"},
		{float(-0.0000005, 64), "-5e-07"},
		{float(float64(float32(0.1)), 32), "0.1"},
		{float(1e300, 64), "1e+300"},
		{text(appendDecimal(nil, bigEndian([]byte{0xff}), 2)), "-0.01"},
		{text(appendDecimal(nil, bigEndian([]byte{0x27, 0x10}), 4)), "1"},
		{text(appendDecimal(nil, bigEndian([]byte{0x27, 0x10}), 3)), "10"},
		{text(appendDecimal(nil, bigEndian([]byte{0x27, 0x10}), -2)), "1000000"},
		{text(appendDecimal(nil, bigEndian(nil), 5)), "0"},
		{text(appendDecimal(nil, bigEndian([]byte{1}), 1000)), "error"},
		{text(appendUUID(nil, []byte("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00"))), "123e4567-e89b-12d3-a456-426614174000"},
		{text(appendUUID(nil, []byte("short"))), "error"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestTextEncodingsAreKnown(t *testing.T) {
	names := TextEncodings()
	if len(names) < 8 || !slices.IsSorted(names) {
		t.Fatalf("%q", names)
	}
	for _, full := range textAliases {
		if !slices.Contains(names, full) {
			t.Errorf("an alias stands for %q, which is not known", full)
		}
	}
	for _, name := range names {
		if _, e, _, err := decodeText(strings.NewReader("a"), name); err != nil || reflect.ValueOf(e).IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// overwrite replaces the content of a file that a property test uses again and again.
func overwrite(t interface{ Fatal(...any) }, path string, data []byte) {
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// A first line that is a record is refused, and nothing of it is said. Names that look a little like cells are names.
func TestHeaderThatIsARecord(t *testing.T) {
	for _, c := range []struct{ line, says string }{
		{"Zebedee,Quillfeather,04/07/1951", "column 3 is a date"},
		{"Zebedee,1951-07-04,Quillfeather", "column 2 is a date"},
		{"Zebedee,Zebedee,OB1 1AA", "column 3 is a postcode"},
		{"Zebedee,999 398 2598", "column 2 is a number of ten digits"},
	} {
		_, err := OpenExtract(writeFile(t, "x.csv", []byte(c.line+"\nb,c,d\n")), ExtractOptions{})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("got %v, want one that says %q", err, c.says)
			continue
		}
		for cell := range strings.SplitSeq(c.line, ",") {
			if strings.Contains(err.Error(), cell) {
				t.Errorf("%q is in the error", cell)
			}
		}
	}
	for _, line := range []string{"id,2019,2019-20,q1 2", "NHS No,A1,E11,ICD 10", "1,2,3"} {
		if _, err := OpenExtract(writeFile(t, "x.csv", []byte(line+"\n1,2,3,4\n")), ExtractOptions{}); err != nil {
			t.Errorf("the header %q: %v", line, err)
		}
	}
}

// What stands in a row never reaches a message about it.
func TestErrorsHideCells(t *testing.T) {
	const secret = "Canary"
	damaged := []string{
		"a,b\n" + secret + "\n", "a,b\n\"" + secret + ",2\n3,4\n", "a,b\n" + secret + "\"x,2\n", "a,b\n\"" + secret + "\"x,2\n",
		"a,b\n" + secret + "\x00,2\n", "a,b\n" + secret + "\xe9,2\n", "a,b\n" + strings.Repeat(secret, maxRow/5) + ",2\n",
	}
	for _, data := range damaged {
		got, err := readExtract(writeFile(t, "x.csv", []byte(data)), ExtractOptions{})
		if err != nil || len(got.bad) != 1 {
			t.Fatalf("%v, %d rows set aside", err, len(got.bad))
		}
		if strings.Contains(got.bad[0], secret) {
			t.Errorf("%s", got.bad[0])
		}
	}
	rows := [][]string{{secret + "\xff"}, {secret + "\x00"}}
	whole := textParquet(t, []string{"a"}, rows)
	for cut := 1; cut < len(whole); cut += 7 {
		bad := slices.Clone(whole)
		bad[cut] ^= 0xff
		if _, err := readExtract(writeFile(t, "x.parquet", bad), ExtractOptions{}); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%v", err)
		}
	}
}
