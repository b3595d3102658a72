package clkhash

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzSchema: any bytes either load or are refused by a *SchemaError, and what loads can
// be keyed and used in bounded memory, or New refuses it.
func FuzzSchema(f *testing.F) {
	paths, _ := filepath.Glob(filepath.Join("testdata", "vectors", "v*.json"))
	for _, path := range paths {
		var v vectorFile
		readJSON(f, path, &v)
		f.Add([]byte(v.Schema))
	}
	f.Add([]byte(people))
	if len(paths) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSchema(data)
		if err != nil {
			if _, ok := err.(*SchemaError); !ok {
				t.Fatalf("a %T: %v", err, err)
			}
			return
		}
		again, err := ParseSchema(data)
		if err != nil || again.Digest() != s.Digest() {
			t.Fatal("the same bytes are another schema")
		}
		e, err := New(s, []byte("secret"), Options{SkipValidation: true})
		if err != nil {
			if _, ok := err.(*SchemaError); !ok {
				t.Fatalf("a %T: %v", err, err)
			}
			return
		}
		cells := make([]string, len(s.Features()))
		for i := range cells {
			cells[i] = "7"
		}
		out, err := e.Worker().Encode(nil, 1, cells)
		if err == nil && len(out) != e.Size() {
			t.Fatalf("%d bytes, want %d", len(out), e.Size())
		}
	})
}

// FuzzCell: any cell is encoded, or refused by a *RowError that does not show it; numbers
// and dates come out in one spelling.
func FuzzCell(f *testing.F) {
	var file struct{ Cases []struct{ Value string } }
	data, err := os.ReadFile(filepath.Join("testdata", "vectors", "value_cases.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data[:100]))
	readJSON(f, filepath.Join("testdata", "vectors", "value_cases.json"), &file)
	for _, c := range file.Cases {
		f.Add(c.Value)
	}
	number := `"comparison": {"type": "numeric", "thresholdDistance": 1.5, "resolution": 2, "fractional_precision": 2}`
	var encoders []*Encoder
	for _, source := range []string{
		one("", plain, bigram), one("", plain+`, "encoding": "utf-16", "case": "lower"`, bigram), one("", plain+`, "encoding": "ascii"`, bigram),
		one("", plain, number), one("", `"type": "integer", "minimum": -5`, number), one("", plain+`, "pattern": "(?i)((a|b)+\\w*)*\\1?"`, bigram),
		one("", `"type": "date", "format": "%d %b %Y %H:%M%z"`, bigram), one("", `"type": "date", "format": "%G%V%u"`, bigram),
	} {
		e, err := New(mustSchema(f, []byte(source)), nil, Options{})
		if err != nil {
			f.Fatal(err)
		}
		encoders = append(encoders, e)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		if len(cell) > 10_000 {
			return
		}
		for _, e := range encoders {
			w := e.Worker()
			out, err := w.Encode(nil, 1, []string{cell})
			var bad *RowError
			if err != nil && (!errors.As(err, &bad) || len(out) != 0) || err == nil && len(out) != e.Size() {
				t.Fatalf("%v, %d bytes", err, len(out))
			}
			if err != nil && len(cell) > 3 && strings.Contains(strings.ReplaceAll(bad.Reason, " ", ""), cell) && strings.ContainsAny(cell, "0123456789") && cell != "4300" {
				t.Fatal("the message shows the cell")
			}
			w.Close()
		}
		if text, err := appendInteger(nil, cell); err == nil {
			v, ok := new(big.Int).SetString(string(text), 10)
			if !ok || v.String() != string(text) {
				t.Fatalf("%q is no canonical number", text)
			}
		}
	})
}

// FuzzRows: any bytes are read to their end, and a file written in the plainest way comes
// back as it was.
func FuzzRows(f *testing.F) {
	var file struct {
		Cases []struct {
			CSV []byte `json:"csv_base64"`
		}
	}
	readJSON(f, filepath.Join("testdata", "vectors", "csv_cases.json"), &file)
	for _, c := range file.Cases {
		f.Add(c.CSV)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := NewRows(bytes.NewReader(data), nil, HeaderNone)
		if err != nil {
			t.Fatal(err)
		}
		var all [][]string
		var plain strings.Builder
		for {
			row, err := rows.Next()
			if err != nil {
				if err != io.EOF {
					if _, again := rows.Next(); again != err {
						t.Fatal("goes on after an error")
					}
					return
				}
				break
			}
			all = append(all, slices.Clone(row))
			for i, cell := range row {
				if !utf8.ValidString(cell) || strings.Contains(cell, "\r") {
					t.Fatal("a cell that clkhash could not have read")
				}
				if i > 0 {
					plain.WriteByte(',')
				}
				plain.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
			}
			plain.WriteByte('\n')
		}
		rows, _ = NewRows(strings.NewReader(plain.String()), nil, HeaderNone)
		for i := range all {
			row, err := rows.Next()
			if err != nil || !slices.Equal(row, all[i]) {
				t.Fatalf("row %d: %q, want %q (%v)", i, row, all[i], err)
			}
		}
		if _, err := rows.Next(); err != io.EOF {
			t.Fatalf("%v, want the end", err)
		}
	})
}

// FuzzPattern: any pattern compiles or is refused, and any match ends.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{`[A-Z]+$`, "AB\n"}, {`(?P<q>.)(?P=q)`, "aa"}, {`(?<!a)b`, "b"}, {`(?i)\bs\w*?`, "ſet"}, {`((a*)*)*b`, "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{`(?=(.))(?!\1a)[^\d\]-]{2,3}?|`, "abc"}, {`\x41\u00e9\101[\b]`, "Aé"}, {`(?s-i:.)*`, "\n"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, source, text string) {
		if len(source) > 1000 || len(text) > 1000 || !utf8.ValidString(source) || !utf8.ValidString(text) {
			return
		}
		p, err := compilePattern(source)
		if err != nil {
			return
		}
		first := p.match([]rune(text))
		if again := p.match([]rune(text)); again != first {
			t.Fatalf("%v, then %v", first, again)
		}
	})
}

// FuzzLayout: any format compiles or is refused, and reads any text without a panic to
// eight digits, or fewer before the year 1000.
func FuzzLayout(f *testing.F) {
	for format := range map[string]bool{"%Y-%m-%d": true, "%c": true, "%G %V %a": true, "%d%m%y%j": true, "%U%w %Y": true, "%H%I%M%S%f%p%z": true} {
		f.Add(format, "2020-01-02")
		f.Add(format, "Thu Jan  2 03:04:05 2020")
	}
	f.Fuzz(func(t *testing.T, format, text string) {
		if len(format) > 60 || len(text) > 200 {
			return
		}
		l, err := compileLayout(format)
		if err != nil {
			return
		}
		out, err := l.appendDate(nil, []rune(text))
		if err == nil && (len(out) < 5 || len(out) > 8) {
			t.Fatalf("%q", out)
		}
	})
}
