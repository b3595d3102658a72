package clkhash

// Comparison with clkhash on schemas, rows and values that testdata/fresh.py has just
// drawn. Vectors in the tree can be tuned to; these cannot.

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"slices"
	"testing"
	"unicode"
)

type freshFile struct {
	Seed      int64
	Unicode   string
	Encodings []struct {
		Schema   string
		Secret   string
		Validate bool
		Rows     [][]string
		CLKs     []*string
	}
	Schemas []struct {
		Schema   string
		Accepted bool
	}
	Patterns []struct {
		Pattern string
		OK      bool
		Values  [][2]any
	}
	Dates   [][3]*string
	Numbers []struct {
		Value                 string
		Threshold             json.Number
		Resolution, Precision int
		Tokens                []string
		Integer               *string
	}
	CSV []struct {
		CSV  []byte
		Rows [][]string
	}
	Base64     [][2]*string
	Characters struct {
		Upper, Lower, Space, Word, Unassigned [][2]rune
		Digits                                [][2]rune
		Folds                                 [][]rune
	}
}

func readFresh(t *testing.T) *freshFile {
	path := os.Getenv("CLKHASH_FRESH")
	if path == "" {
		t.Skip("CLKHASH_FRESH is not set; testdata/fresh.py writes such a file with pip's clkhash")
	}
	var f freshFile
	readJSON(t, path, &f)
	t.Logf("seed %d", f.Seed)
	return &f
}

func TestFreshEncodings(t *testing.T) {
	f := readFresh(t)
	rows, encoded, refused := 0, 0, 0
	for i, c := range f.Encodings {
		s := mustSchema(t, []byte(c.Schema))
		e, err := New(s, []byte(c.Secret), Options{SkipValidation: !c.Validate})
		if err != nil {
			// Then clkhash must have failed on every row, or hashed no token of any.
			refused++
			for _, want := range c.CLKs {
				if want != nil && !allZero(t, *want) {
					t.Errorf("schema %d: refused (%v), but clkhash encodes rows under it\n%s", i, err, c.Schema)
					break
				}
			}
			continue
		}
		w := e.Worker()
		for j, row := range c.Rows {
			got, err := w.Encode(nil, j+1, row)
			rows++
			switch want := c.CLKs[j]; {
			case (err == nil) != (want != nil):
				t.Errorf("schema %d, row %d: clkhash encodes it: %v; here: %v\n%s\n%q", i, j+1, want != nil, err, c.Schema, row)
			case err == nil && base64.StdEncoding.EncodeToString(got) != *want:
				t.Errorf("schema %d, row %d: differs\n%s\n%q", i, j+1, c.Schema, row)
			case err == nil:
				encoded++
			}
		}
		w.Close()
	}
	t.Logf("%d schemas (%d refused), %d rows, %d of them encoded", len(f.Encodings), refused, rows, encoded)
	if encoded == 0 {
		t.Error("no row was compared")
	}
}

func allZero(t *testing.T, encoded string) bool {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	return len(bytes.Trim(raw, "\x00")) == 0
}

func TestFreshSchemas(t *testing.T) {
	f := readFresh(t)
	accepted := 0
	for _, c := range f.Schemas {
		_, err := ParseSchema([]byte(c.Schema))
		if (err == nil) != c.Accepted {
			t.Errorf("accepted by clkhash: %v; here: %v\n%s", c.Accepted, err, c.Schema)
		}
		if c.Accepted {
			accepted++
		}
	}
	t.Logf("%d schemas, %d accepted", len(f.Schemas), accepted)
	if accepted == 0 || accepted == len(f.Schemas) {
		t.Error("the schemas do not tell accepting from refusing")
	}
}

func TestFreshPatterns(t *testing.T) {
	f := readFresh(t)
	values, matched := 0, 0
	for _, c := range f.Patterns {
		p, err := compilePattern(c.Pattern)
		if (err == nil) != c.OK {
			t.Errorf("pattern %q: Python compiles it: %v; here: %v", c.Pattern, c.OK, err)
			continue
		}
		for _, v := range c.Values {
			text, want := v[0].(string), v[1].(bool)
			got := p.match([]rune(text)) == nil
			if got != want {
				t.Errorf("pattern %q on %q: %v, want %v", c.Pattern, text, got, want)
			}
			values++
			if want {
				matched++
			}
		}
	}
	t.Logf("%d patterns, %d values, %d of them fit", len(f.Patterns), values, matched)
	if matched == 0 {
		t.Error("no value fits a pattern")
	}
}

func TestFreshDates(t *testing.T) {
	f := readFresh(t)
	good := 0
	for _, c := range f.Dates {
		l, err := compileLayout(*c[0])
		var got []byte
		if err == nil {
			got, err = l.appendDate(nil, []rune(*c[1]))
		}
		switch want := c[2]; {
		case (err == nil) != (want != nil):
			t.Errorf("format %q, date %q: Python reads it: %v; here: %v", *c[0], *c[1], want != nil, err)
		case err == nil && string(got) != *want:
			t.Errorf("format %q, date %q: %s, want %s", *c[0], *c[1], got, *want)
		case err == nil:
			good++
		}
	}
	t.Logf("%d dates, %d of them read", len(f.Dates), good)
	if good == 0 {
		t.Error("no date was read")
	}
}

func TestFreshNumbers(t *testing.T) {
	f := readFresh(t)
	good := 0
	for _, c := range f.Numbers {
		threshold, ok := numberOf(c.Threshold)
		if !ok {
			t.Fatalf("threshold %q", c.Threshold)
		}
		n, err := newNumeric(threshold, c.Resolution, c.Precision)
		if err != nil {
			t.Errorf("threshold %s, precision %d: %v", c.Threshold, c.Precision, err)
			continue
		}
		var got []string
		if c.Value != "" {
			start := 0
			_, err = n.appendTokens(nil, c.Value, func(text []byte) {
				got = append(got, string(text[start:]))
				start = len(text)
			})
		}
		if (err == nil) != (c.Tokens != nil) || err == nil && !slices.Equal(got, c.Tokens) && len(got)+len(c.Tokens) > 0 {
			t.Errorf("%q at %s, %d, %d: %v %v, want %v", c.Value, c.Threshold, c.Resolution, c.Precision, got, err, c.Tokens)
		}
		whole, err := appendInteger(nil, c.Value)
		if (err == nil) != (c.Integer != nil) || err == nil && string(whole) != *c.Integer {
			t.Errorf("%q as a whole number: %s %v", c.Value, whole, err)
		}
		if c.Tokens != nil {
			good++
		}
	}
	t.Logf("%d numbers, %d of them read", len(f.Numbers), good)
	if good == 0 {
		t.Error("no number was read")
	}
}

func TestFreshBase64(t *testing.T) {
	f := readFresh(t)
	for _, c := range f.Base64 {
		got, _, err := decodeBase64(*c[0])
		if (err == nil) != (c[1] != nil) || err == nil && hex.EncodeToString(got) != *c[1] {
			t.Errorf("%q: %x %v", *c[0], got, err)
		}
	}
	if len(f.Base64) == 0 {
		t.Error("nothing to compare")
	}
}

func TestFreshCSV(t *testing.T) {
	f := readFresh(t)
	for _, c := range f.CSV {
		rows, err := NewRows(bytes.NewReader(c.CSV), nil, HeaderNone)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		for {
			row, err := rows.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v", c.CSV, err)
			}
			got = append(got, slices.Clone(row))
		}
		if !slices.EqualFunc(got, c.Rows, func(a, b []string) bool { return len(a)+len(b) == 0 || slices.Equal(a, b) }) {
			t.Errorf("%q: %q, want %q", c.CSV, got, c.Rows)
		}
	}
	if len(f.CSV) == 0 {
		t.Error("nothing to compare")
	}
}

// TestFreshCharacters compares every code point that both Unicode versions know.
func TestFreshCharacters(t *testing.T) {
	f := readFresh(t)
	in := func(ranges [][2]rune, r rune) bool {
		_, ok := slices.BinarySearchFunc(ranges, r, func(x [2]rune, r rune) int {
			if r < x[0] {
				return 1
			} else if r > x[1] {
				return -1
			}
			return 0
		})
		return ok
	}
	digits := map[rune]rune{}
	for _, d := range f.Characters.Digits {
		digits[d[0]] = d[1]
	}
	folds := map[rune]rune{}
	for _, class := range f.Characters.Folds {
		for _, r := range class {
			folds[r] = class[0]
		}
	}
	// The least of ours stands for a class there.
	ours := map[rune]rune{}
	checked := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xD800 && r < 0xE000 || in(f.Characters.Unassigned, r) || !assigned(r) {
			continue
		}
		checked++
		s := string(r)
		d, ok := decimalValue(r)
		want, wantOK := digits[r]
		switch {
		case isUpper(s) != in(f.Characters.Upper, r):
			t.Errorf("%U: upper case differs", r)
		case isLower(s) != in(f.Characters.Lower, r):
			t.Errorf("%U: lower case differs", r)
		case isSpace(r) != in(f.Characters.Space, r):
			t.Errorf("%U: space differs", r)
		case isWord(r) != in(f.Characters.Word, r):
			t.Errorf("%U: \\w differs", r)
		case ok != wantOK || ok && rune(d) != want:
			t.Errorf("%U: digit differs", r)
		}
		class, known := folds[r]
		if !known {
			class = r
		}
		if first, seen := ours[fold(r)]; !seen {
			ours[fold(r)] = class
		} else if first != class {
			t.Errorf("%U: folds with another class", r)
		}
		if !slices.Contains(twins(r), r) {
			t.Errorf("%U: is not its own twin", r)
		}
	}
	// No two of our classes may be one of theirs.
	back := map[rune]rune{}
	for mine, theirs := range ours {
		if other, ok := back[theirs]; ok {
			t.Errorf("%U and %U fold together in Python only", mine, other)
		}
		back[theirs] = mine
	}
	t.Logf("%d characters, Unicode %s there and %s here", checked, f.Unicode, unicode.Version)
	if checked < 100_000 {
		t.Error("too few characters")
	}
}

func assigned(r rune) bool {
	for name, table := range unicode.Categories {
		if len(name) == 2 && name != "Cn" && name != "LC" && unicode.Is(table, r) {
			return true
		}
	}
	return false
}
