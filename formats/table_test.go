package formats

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var testColumns = []Column{{"record_id", TableString}, {"score", TableFloat64}, {"row", TableInt64}, {"accepted", TableBool}}

// testTable is n rows of made-up pairs, written in batches of the given size.
func testTable(t testing.TB, n, batch int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewTableWriter(&out, testColumns, map[string]string{"run": "7", "engine": "exact"})
	if err != nil {
		t.Fatal(err)
	}
	for from := 0; from < n; from += batch {
		m := min(batch, n-from)
		id, score, row, accepted := make([]string, m), make([]float64, m), make([]int64, m), make([]bool, m)
		for i := range m {
			k := from + i
			id[i], score[i], row[i], accepted[i] = fmt.Sprintf("r%032x", k*k), 1/float64(k+1), int64(-k), k%3 == 0
		}
		if err := w.Append(id, score, row, accepted); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// tableLines reads a table of testColumns, a line for each row.
func tableLines(path string) (lines []string, meta map[string]string, err error) {
	r, err := OpenTable(path, testColumns)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	var (
		id       []string
		score    []float64
		row      []int64
		accepted []bool
	)
	for {
		n, err := r.Next(&id, &score, &row, &accepted)
		if err == io.EOF {
			if int64(len(lines)) != r.Rows() {
				return nil, nil, fmt.Errorf("%d rows of %d", len(lines), r.Rows())
			}
			return lines, r.Meta(), nil
		}
		if err != nil {
			return nil, nil, err
		}
		for i := range n {
			lines = append(lines, fmt.Sprint(id[i], score[i], row[i], accepted[i]))
		}
	}
}

func TestTableRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, tableBatch, tableGroup, tableGroup + 1, 150_000} {
		path := writeFile(t, "x.parquet", testTable(t, n, 10_000))
		lines, meta, err := tableLines(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) != n || !maps.Equal(meta, map[string]string{"run": "7", "engine": "exact"}) {
			t.Fatalf("%d rows of %d, %v", len(lines), n, meta)
		}
		for k, line := range lines {
			if want := fmt.Sprint(fmt.Sprintf("r%032x", k*k), 1/float64(k+1), int64(-k), k%3 == 0); line != want {
				t.Fatalf("row %d: got %s, want %s", k, line, want)
			}
		}
	}
}

func TestTableBytesDoNotDependOnBatches(t *testing.T) {
	want := testTable(t, 70_000, 70_000)
	for _, batch := range []int{1_000, 65_536, 69_999, 70_000, 70_000, 70_000} {
		if !bytes.Equal(testTable(t, 70_000, batch), want) {
			t.Errorf("batches of %d give other bytes", batch)
		}
	}
}

func TestTableOfAnyValues(t *testing.T) {
	path := writeFile(t, "x.parquet", nil)
	columns := []Column{{"s", TableString}, {"f", TableFloat64}, {"i", TableInt64}}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(rt, "n")
		s := rapid.SliceOfN(rapid.String(), n, n).Draw(rt, "s")
		f := rapid.SliceOfN(rapid.Float64(), n, n).Draw(rt, "f")
		i := rapid.SliceOfN(rapid.Int64(), n, n).Draw(rt, "i")
		var out bytes.Buffer
		w, err := NewTableWriter(&out, columns, nil)
		if err != nil {
			rt.Fatal(err)
		}
		if err := w.Append(s, f, i); err != nil {
			rt.Fatal(err)
		}
		if err := w.Close(); err != nil {
			rt.Fatal(err)
		}
		overwrite(rt, path, out.Bytes())
		r, err := OpenTable(path, columns)
		if err != nil {
			rt.Fatal(err)
		}
		defer r.Close()
		var s2 []string
		var f2 []float64
		var i2 []int64
		if got, err := r.Next(&s2, &f2, &i2); n > 0 && (err != nil || got != n) || n == 0 && err != io.EOF {
			rt.Fatal(got, err)
		}
		sameFloat := func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }
		if !slices.Equal(s, s2) || !slices.EqualFunc(f, f2, sameFloat) || !slices.Equal(i, i2) {
			rt.Fatalf("%q %q, %v %v, %v %v", s, s2, f, f2, i, i2)
		}
	})
}

// One damaged byte anywhere is an error, or changes no row.
func TestTableDamageIsSeen(t *testing.T) {
	data := testTable(t, 40, 40)
	path := writeFile(t, "x.parquet", data)
	want, _, err := tableLines(path)
	if err != nil || len(want) != 40 {
		t.Fatal(len(want), err)
	}
	for at := range data {
		bad := slices.Clone(data)
		bad[at] ^= 1 << (at * 5 % 8)
		overwrite(t, path, bad)
		if got, _, err := tableLines(path); err == nil && !slices.Equal(got, want) {
			t.Errorf("with a bit of byte %d turned over it is read as other rows", at)
		}
	}
}

func TestTableMistakes(t *testing.T) {
	path := writeFile(t, "x.parquet", testTable(t, 10, 10))
	for _, c := range []struct {
		columns []Column
		says    string
	}{
		{testColumns[:3], "4 columns where this table has 3"},
		{[]Column{testColumns[0], testColumns[2], testColumns[1], testColumns[3]}, `column 2 is "score", not "row"`},
		{[]Column{testColumns[0], {"score", TableString}, testColumns[2], testColumns[3]}, `not "score" of text`},
	} {
		if _, err := OpenTable(path, c.columns); err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("got %v, want one that says %q", err, c.says)
		}
	}
	if _, err := OpenTable(writeFile(t, "x.csv", []byte("a,b\n1,2\n")), testColumns); err == nil {
		t.Error("CSV is opened as a table")
	}
	w, err := NewTableWriter(io.Discard, testColumns[:2], nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]any{{[]string{"a"}}, {[]string{"a"}, []int64{1}}, {[]string{"a"}, []float64{1, 2}}, {"a", 1.0}} {
		if err := w.Append(c...); err == nil {
			t.Errorf("%T is appended", c)
		}
	}
	r, err := OpenTable(path, testColumns)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(new([]string), new([]string), new([]int64), new([]bool)); err == nil || !strings.Contains(err.Error(), `"score"`) {
		t.Errorf("numbers are read as text: %v", err)
	}
}

func TestTableOutputFails(t *testing.T) {
	whole := len(testTable(t, 10, 10))
	for n := 0; n < whole; n += 13 {
		w, err := NewTableWriter(&limited{n}, testColumns, map[string]string{"run": "7", "engine": "exact"})
		if err == nil {
			err = w.Append([]string{"a"}, []float64{1}, []int64{1}, []bool{true})
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil && err != errFull {
			t.Fatalf("with room for %d bytes: %v", n, err)
		}
		if err == nil && n < whole/2 {
			t.Fatalf("with room for %d bytes there is no error", n)
		}
	}
}
