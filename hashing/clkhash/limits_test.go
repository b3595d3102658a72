package clkhash

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestPatternSteps: a pattern that backtracks without end is stopped, and says so.
func TestPatternSteps(t *testing.T) {
	for _, source := range []string{`(a*)*b`, `(a|aa)+$b`, `(?:a?){40}a{40}b`, `(\w+\s?)+!`, `((?=a*)a)*?\d`} {
		p, err := compilePattern(source)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.match([]rune(strings.Repeat("a", 60))); err != errSteps && err != errPattern {
			t.Errorf("%s: %v", source, err)
		}
	}
	p, err := compilePattern(`(a*)*b`)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.match([]rune(strings.Repeat("a", 60))); err != errSteps {
		t.Errorf("%v, want that it takes too long", err)
	}
	// A long value against an ordinary pattern is no such case.
	p, err = compilePattern(`[A-Z' -]+`)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.match([]rune(strings.Repeat("A", 100_000))); err != nil {
		t.Error(err)
	}
}

func TestPatternRefusals(t *testing.T) {
	for _, source := range []string{
		"(", ")", "[", "[]", "a**", "a{2}{3}", "*a", "a{3,2}", `\q`, `\1`, `(a\1)`, "(?<=a+)b", "(?P<a>b)(?P<a>c)", "(?P=x)", "(?P<1>a)", "[z-a]", `[\d-z]`, `\x4`, `\777`, `\`,
		"a(?i)", "(?z)", "(?-i)", "(?i-i:a)", "(?au:a)", "(?#", "^*", `\b+`, "a++", "(?>a)", "(?(1)a)", `\N{DIGIT ONE}`, "(?x)a", strings.Repeat("(", 300) + strings.Repeat(")", 300),
	} {
		if _, err := compilePattern(source); err == nil {
			t.Errorf("%.40q compiles", source)
		} else if !strings.HasPrefix(err.Error(), "pattern ") {
			t.Errorf("%.40q: %v", source, err)
		}
	}
}

// TestDigitLimit is CPython's: 4300 digits are read, 4301 are not.
func TestDigitLimit(t *testing.T) {
	if text, err := appendInteger(nil, strings.Repeat("9", maxDigits)); err != nil || len(text) != maxDigits {
		t.Errorf("4300 digits: %v", err)
	}
	for _, s := range []string{strings.Repeat("9", maxDigits+1), strings.Repeat("0", maxDigits+1)} {
		if _, err := appendInteger(nil, s); err != errTooLong {
			t.Errorf("4301 digits: %v", err)
		}
	}
	threshold, _ := numberOf(json.Number("1"))
	n, err := newNumeric(threshold, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.appendTokens(nil, strings.Repeat("9", maxDigits), func([]byte) {}); err != errTooLong {
		t.Errorf("tokens of 4301 digits: %v", err)
	}
}

func TestRowLimits(t *testing.T) {
	read := func(r io.Reader) error {
		rows, err := NewRows(r, nil, HeaderNone)
		for err == nil {
			_, err = rows.Next()
		}
		return err
	}
	cell := strings.Repeat("é", maxField)
	if err := read(strings.NewReader(cell + "," + cell + "\n")); err != io.EOF {
		t.Errorf("cells of 131072 characters: %v", err)
	}
	if err := read(strings.NewReader("x,y\nz," + cell + "é\n")); err == nil || !strings.Contains(err.Error(), "row 2: has a cell of more than 131072") {
		t.Errorf("a longer one: %v", err)
	}
	if err := read(strings.NewReader(`"` + strings.Repeat("a\n", maxRecord))); err == nil || !strings.Contains(err.Error(), "quote that is never closed") {
		t.Errorf("an open quote: %v", err)
	}
	broken := errors.New("the disk is gone")
	if err := read(io.MultiReader(strings.NewReader("a,b\nc"), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("a broken file: %v", err)
	}
	for _, one := range []string{"a\r", "a\r\n", "\"a\r\n\"\r", "a\rb"} { // line ends across buffer bounds
		rows, _ := NewRows(iotest.OneByteReader(strings.NewReader(one)), nil, HeaderNone)
		row, err := rows.Next()
		if err != nil || strings.Contains(row[0], "\r") {
			t.Errorf("%q: %q %v", one, row, err)
		}
	}
}

func TestHeaderErrors(t *testing.T) {
	s := mustSchema(t, []byte(people))
	for csv, want := range map[string]string{
		"":                            "the file is empty",
		"id,name,code,born,age\n":     "5 columns where the schema has 6",
		"id,Name,code,born,age,sex\n": `column 2 is "Name" where the schema has "name"`,
		"\xEF\xBB\xBFid,name,code,born,age,sex\n": "byte-order mark",
		"id,name,code,born,age,\xff\n":            "UTF-8",
	} {
		if _, err := NewRows(strings.NewReader(csv), s, HeaderCheck); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", csv, err, want)
		}
	}
}

// TestJSONWriter: one form, also of nothing, and an error of the disk is reported.
func TestJSONWriter(t *testing.T) {
	for n, want := range []string{`{"clks": []}`, `{"clks": ["AAE="]}`, `{"clks": ["AAE=", "AAE="]}`} {
		var buf bytes.Buffer
		j := NewJSONWriter(&buf)
		for range n {
			if err := j.Write([]byte{0, 1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Close(); err != nil || buf.String() != want {
			t.Errorf("%s (%v), want %s", buf.String(), err, want)
		}
	}
	j := NewJSONWriter(brokenWriter{})
	var err error
	for range 100 {
		err = j.Write(make([]byte, 1000))
	}
	if err == nil || j.Close() == nil {
		t.Error("a full disk goes unreported")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

// TestBase64Text compares the writer's base64 with the plain way, at every length.
func TestBase64Text(t *testing.T) {
	for n := range 20 {
		var buf bytes.Buffer
		j := NewJSONWriter(&buf)
		clk := bytes.Repeat([]byte{0xA5}, n)
		j.Write(clk)
		j.Close()
		if want := `{"clks": ["` + base64.StdEncoding.EncodeToString(clk) + `"]}`; buf.String() != want {
			t.Errorf("%d bytes: %s", n, buf.String())
		}
	}
}
