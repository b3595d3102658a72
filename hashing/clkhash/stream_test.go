package clkhash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const streamSchema = `{"version": 3, "clkConfig": {"l": 256, "kdf": {"type": "HKDF"}}, "features": [
	{"identifier": "name", "format": {"type": "string", "maxLength": 12}, "hashing": {"comparison": {"type": "ngram", "n": 2}, "strategy": {"bitsPerToken": 4}}},
	{"identifier": "year", "format": {"type": "integer"}, "hashing": {"comparison": {"type": "exact"}, "strategy": {"bitsPerToken": 9}}}]}`

// streamRows is a file of n rows, those in bad with a year that is none.
func streamRows(n int, bad ...int) string {
	var b strings.Builder
	b.WriteString("name,year\n")
	for i := 1; i <= n; i++ {
		year := strconv.Itoa(1900 + i%100)
		if slices.Contains(bad, i) {
			year = "unknown"
		}
		fmt.Fprintf(&b, "person%d,%s\n", i%700, year)
	}
	return b.String()
}

func encodeStream(t *testing.T, text string, workers int) ([]byte, Tally, error) {
	t.Helper()
	s := mustSchema(t, []byte(streamSchema))
	rows, err := NewRows(strings.NewReader(text), s, HeaderCheck)
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	tally, err := mustEncoder(t, s, "secret", Options{}).EncodeAll(context.Background(), rows, workers, func(clks []byte) error {
		out = append(out, clks...)
		return nil
	})
	return out, tally, err
}

// Any number of workers gives the CLKs that one row at a time gives, in the order of the rows.
func TestEncodeAll(t *testing.T) {
	for _, n := range []int{0, 1, batchRows - 1, batchRows, batchRows + 1, 5*batchRows + 3} {
		text := streamRows(n)
		s := mustSchema(t, []byte(streamSchema))
		want := encodeByRow(t, s, text)
		for _, workers := range []int{0, 1, 3, 16} {
			got, tally, err := encodeStream(t, text, workers)
			if err != nil || tally.Rows != n || tally.Refused != 0 || !bytes.Equal(got, want) {
				t.Errorf("%d rows, %d workers: %d rows, %d refused, %d bytes where %d are right (%v)", n, workers, tally.Rows, tally.Refused, len(got), len(want), err)
			}
		}
	}
}

func encodeByRow(t *testing.T, s *Schema, text string) (clks []byte) {
	t.Helper()
	rows, err := NewRows(strings.NewReader(text), s, HeaderCheck)
	if err != nil {
		t.Fatal(err)
	}
	w := mustEncoder(t, s, "secret", Options{}).Worker()
	defer w.Close()
	for {
		cells, err := rows.Next()
		if err != nil {
			return clks
		}
		if clks, err = w.Encode(clks, rows.Number(), cells); err != nil {
			t.Fatal(err)
		}
	}
}

// Every row that cannot be encoded is named by its number, and nothing from it on is written.
func TestEncodeAllNamesRefusedRows(t *testing.T) {
	bad := []int{3, batchRows, batchRows + 1, 2*batchRows + 100}
	got, tally, err := encodeStream(t, streamRows(3*batchRows, bad...), 4)
	if err != nil || tally.Rows != 3*batchRows || tally.Refused != len(bad) || len(tally.First) != len(bad) {
		t.Fatalf("%d rows, %d refused, %d named (%v)", tally.Rows, tally.Refused, len(tally.First), err)
	}
	for i, r := range tally.First {
		if r.Row != bad[i] || r.Name != "year" || strings.Contains(r.Error(), "unknown") {
			t.Errorf("refused: %v, want row %d", r, bad[i])
		}
	}
	if len(got) != 0 {
		t.Errorf("%d bytes were written of a file whose first batch has a row that was refused", len(got))
	}
}

func TestEncodeAllKeepsFirstRefusalsOnly(t *testing.T) {
	text := "name,year\n" + strings.Repeat("a name that is too long,1\n", maxRefusals+batchRows)
	_, tally, err := encodeStream(t, text, 2)
	if err != nil || tally.Refused != maxRefusals+batchRows || len(tally.First) != maxRefusals {
		t.Errorf("%d refused, %d kept (%v)", tally.Refused, len(tally.First), err)
	}
}

// An error of the file, of the writer or from outside ends it, and nothing waits for ever.
func TestEncodeAllEnds(t *testing.T) {
	_, tally, err := encodeStream(t, streamRows(batchRows+5)+"\xff,1\n"+streamRows(9*batchRows), 2)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("row %d", batchRows+6)) || tally.Rows != batchRows+5 {
		t.Errorf("bytes that are no text: %d rows, %v", tally.Rows, err)
	}
	s := mustSchema(t, []byte(streamSchema))
	full := errors.New("full")
	run := func(ctx context.Context, write func([]byte) error) error {
		rows, err := NewRows(strings.NewReader(streamRows(40*batchRows)), s, HeaderCheck)
		if err != nil {
			t.Fatal(err)
		}
		_, err = mustEncoder(t, s, "secret", Options{}).EncodeAll(ctx, rows, 2, write)
		return err
	}
	if err := run(context.Background(), func([]byte) error { return full }); err != full {
		t.Errorf("a full disk: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := run(ctx, func([]byte) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupt: %v", err)
	}
}

// A first row without any of the schema's names may be a person.
func TestHeaderOfAPersonIsNotShown(t *testing.T) {
	s := mustSchema(t, []byte(streamSchema))
	err := s.CheckHeader([]string{"Quillfeather", "1951"})
	if err == nil || strings.Contains(err.Error(), "Quillfeather") || strings.Contains(err.Error(), "1951") {
		t.Error(err)
	}
	if err := s.CheckHeader([]string{"year", "name"}); err == nil || !strings.Contains(err.Error(), `column 1 is "year"`) {
		t.Error(err)
	}
}
