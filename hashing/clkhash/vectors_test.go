package clkhash

// Vectors made by another hand: clkhash 0.18.3 itself. A share lies in testdata/vectors;
// all of them lie in ../shared, beside the checkout, where these tests read them too.

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sharedVectors is the folder of all vectors, or skips the test.
func sharedVectors(t testing.TB) string {
	shared := os.Getenv("COHORTLINK_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "vectors", "clkhash")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no clkhash vectors at %s; set COHORTLINK_SHARED to the shared folder", dir)
	}
	return dir
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// A vectorFile is a schema, a secret and rows with the CLKs that clkhash made of them.
type vectorFile struct {
	Schema    json.RawMessage `json:"schema"`
	Secret    string          `json:"secret"`
	Header    []string        `json:"header"`
	Rows      [][]string      `json:"rows"`
	Validate  bool            `json:"validate"`
	Bits      int             `json:"clk_bits"`
	CLKs      []string        `json:"clks"`
	Popcounts []int           `json:"popcounts"`
	Keys      [][]string      `json:"derived_keys_hex"`
	Trace     [][]struct {
		Formatted string   `json:"formatted"`
		Tokens    []string `json:"tokens"`
	} `json:"trace_first_rows"`
}

func mustSchema(t testing.TB, source []byte) *Schema {
	t.Helper()
	s, err := ParseSchema(source)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustEncoder(t testing.TB, s *Schema, secret string, o Options) *Encoder {
	t.Helper()
	e, err := New(s, []byte(secret), o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// checkVectors encodes every row and returns how many it compared.
func checkVectors(t *testing.T, v *vectorFile) int {
	t.Helper()
	s := mustSchema(t, v.Schema)
	if v.Bits != 0 && s.Bits() != v.Bits {
		t.Errorf("%d bits, want %d", s.Bits(), v.Bits)
	}
	e := mustEncoder(t, s, v.Secret, Options{SkipValidation: !v.Validate})
	for i, want := range v.Keys {
		for j := range want {
			if got := hex.EncodeToString(e.keyed().keys[i][j]); got != want[j] {
				t.Errorf("feature %d, key %d differs", i, j)
			}
		}
	}
	w := e.Worker()
	defer w.Close()
	if len(v.Rows) != len(v.CLKs) || len(v.Rows) == 0 {
		t.Fatalf("%d rows, %d CLKs: nothing to compare", len(v.Rows), len(v.CLKs))
	}
	for i, row := range v.Rows {
		got, err := w.Encode(nil, i+1, row)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if base64.StdEncoding.EncodeToString(got) != v.CLKs[i] {
			t.Errorf("row %d differs", i+1)
		}
	}
	checkTrace(t, s, v)
	return len(v.Rows)
}

// checkTrace compares the tokens of the first rows, so that a difference in bits can be
// told from one in tokens.
func checkTrace(t *testing.T, s *Schema, v *vectorFile) {
	t.Helper()
	var scratch scratch
	for r, row := range v.Trace {
		at := 0
		for i := range s.features {
			f := &s.features[i]
			if at == len(row) {
				break
			}
			want := row[at]
			at++
			if f.ignored || f.format.encoding == "utf-16" || f.format.encoding == "utf-32" {
				continue
			}
			if err := f.tokens(v.Rows[r][i], &scratch); err != nil {
				t.Errorf("row %d, column %d: %v", r+1, i+1, err)
				continue
			}
			var got []string
			for _, span := range scratch.spans {
				got = append(got, string(scratch.text[span.start:span.end]))
			}
			if len(got) != len(want.Tokens) || len(got) > 0 && !slices.Equal(got, want.Tokens) {
				t.Errorf("row %d, column %d: tokens differ (%d, want %d)", r+1, i+1, len(got), len(want.Tokens))
			}
		}
	}
}

// TestVectors reads our share of the vectors, and all of them where they are at hand.
func TestVectors(t *testing.T) {
	for _, place := range []struct {
		name string
		dir  func(testing.TB) string
		min  int
	}{
		{"testdata", func(testing.TB) string { return filepath.Join("testdata", "vectors") }, 20},
		{"shared", func(t testing.TB) string { return filepath.Join(sharedVectors(t), "generated") }, 133},
	} {
		t.Run(place.name, func(t *testing.T) {
			paths, _ := filepath.Glob(filepath.Join(place.dir(t), "v[123]_*.json"))
			files, rows := 0, 0
			for _, path := range paths {
				name := filepath.Base(path)
				// glibc leaves years below 1000 unpadded, and so do we, but it is no law.
				if strings.Contains(name, "platform_dependent") {
					continue
				}
				t.Run(strings.TrimSuffix(name, ".json"), func(t *testing.T) {
					var v vectorFile
					readJSON(t, path, &v)
					rows += checkVectors(t, &v)
					files++
				})
			}
			t.Logf("%d files, %d rows", files, rows)
			if files < place.min {
				t.Errorf("only %d vector files in %s, want at least %d", files, place.dir(t), place.min)
			}
		})
	}
}

// TestPlatformDependentYears holds on the platform that made the vectors, glibc's, whose
// rule we follow everywhere.
func TestPlatformDependentYears(t *testing.T) {
	var v vectorFile
	readJSON(t, filepath.Join(sharedVectors(t), "generated", "v3_dates_year_below_1000_platform_dependent.json"), &v)
	checkVectors(t, &v)
}

// TestUpstreamGolden compares the CLKs that clkhash and anonlink publish themselves.
func TestUpstreamGolden(t *testing.T) {
	dir := sharedVectors(t)
	var golden struct {
		Cases []struct {
			vectorFile
			Name       string `json:"name"`
			SchemaFile string `json:"schema_file"`
			CSVFile    string `json:"csv_file"`
			CLKsFile   string `json:"clks_file"`
		}
	}
	readJSON(t, filepath.Join(dir, "upstream-golden.json"), &golden)
	total := 0
	for _, c := range golden.Cases {
		c.Validate = true
		if c.SchemaFile == "" {
			total += checkVectors(t, &c.vectorFile)
			continue
		}
		schema, err := os.ReadFile(filepath.Join(dir, c.SchemaFile))
		if err != nil {
			t.Fatal(err)
		}
		csv, err := os.ReadFile(filepath.Join(dir, c.CSVFile))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, c.CLKsFile))
		if err != nil {
			t.Fatal(err)
		}
		got, n, err := encodeCSV(mustEncoder(t, mustSchema(t, schema), c.Secret, Options{}), csv, HeaderCheck)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s: the clks JSON differs", c.Name)
		}
		total += n
	}
	t.Logf("%d CLKs", total)
	if total != 10003 {
		t.Errorf("compared %d CLKs, want 10003", total)
	}
}

// encodeCSV is the whole way from CSV bytes to clks JSON.
func encodeCSV(e *Encoder, csv []byte, h Header) (out []byte, n int, err error) {
	rows, err := NewRows(bytes.NewReader(csv), e.keyed().schema, h)
	if err != nil {
		return nil, 0, err
	}
	var buf bytes.Buffer
	j := NewJSONWriter(&buf)
	w := e.Worker()
	defer w.Close()
	for {
		cells, err := rows.Next()
		if err == io.EOF {
			err := j.Close()
			return buf.Bytes(), rows.Number(), err
		}
		if err != nil {
			return nil, 0, err
		}
		clk, err := w.Encode(nil, rows.Number(), cells)
		if err != nil {
			return nil, 0, err
		}
		if err := j.Write(clk); err != nil {
			return nil, 0, err
		}
	}
}

// casesIn finds a file of cases in testdata, which holds all three.
func casesIn(t *testing.T, name string, into any) {
	t.Helper()
	readJSON(t, filepath.Join("testdata", "vectors", name), into)
}

func TestSchemaCases(t *testing.T) {
	var file struct {
		Cases []struct {
			Name     string          `json:"name"`
			Schema   json.RawMessage `json:"schema"`
			Accepted bool            `json:"accepted"`
			Fields   int             `json:"fields"`
			Ignored  []int           `json:"ignored_fields"`
		}
	}
	casesIn(t, "schema_cases.json", &file)
	if len(file.Cases) != 75 {
		t.Fatalf("%d cases, want 75", len(file.Cases))
	}
	for _, c := range file.Cases {
		s, err := ParseSchema(c.Schema)
		if (err == nil) != c.Accepted {
			t.Errorf("%s: accepted %v, want %v (%v)", c.Name, err == nil, c.Accepted, err)
			continue
		}
		if err != nil {
			if _, ok := err.(*SchemaError); !ok {
				t.Errorf("%s: a %T, want a *SchemaError", c.Name, err)
			}
			continue
		}
		var ignored []int
		for i, f := range s.Features() {
			if f.Ignored {
				ignored = append(ignored, i)
			}
		}
		if len(s.Features()) != c.Fields || !slices.Equal(ignored, c.Ignored) && len(ignored)+len(c.Ignored) > 0 {
			t.Errorf("%s: %d features, ignored %v; want %d, %v", c.Name, len(s.Features()), ignored, c.Fields, c.Ignored)
		}
	}
}

func TestValueCases(t *testing.T) {
	type valueCase struct {
		Format      json.RawMessage `json:"format"`
		Comparison  json.RawMessage `json:"comparison"`
		Missing     json.RawMessage `json:"missingValue"`
		Value       string          `json:"value"`
		Valid       bool            `json:"valid"`
		Formatted   *string         `json:"formatted"`
		Tokens      []string        `json:"tokens"`
		FormatError string          `json:"format_error"`
	}
	var file struct{ Cases []valueCase }
	casesIn(t, "value_cases.json", &file)
	if len(file.Cases) != 229 {
		t.Fatalf("%d cases, want 229", len(file.Cases))
	}
	for i, c := range file.Cases {
		hashing := fmt.Sprintf(`{"comparison": %s, "strategy": {"bitsPerToken": 1}`, c.Comparison)
		if len(c.Missing) > 0 && string(c.Missing) != "null" {
			hashing += fmt.Sprintf(`, "missingValue": %s`, c.Missing)
		}
		s, err := ParseSchema(fmt.Appendf(nil,
			`{"version": 3, "clkConfig": {"l": 64, "kdf": {"type": "HKDF"}}, "features": [{"identifier": "v", "format": %s, "hashing": %s}}]}`,
			c.Format, hashing))
		if err != nil {
			t.Errorf("case %d: %v", i, err)
			continue
		}
		if s.refusal != nil { // a date format that no value can have
			if c.Valid || c.FormatError == "" {
				t.Errorf("case %d: refused: %v", i, s.refusal)
			}
			continue
		}
		var x scratch
		f := &s.features[0]
		if err := f.validate(c.Value, &x); (err == nil) != c.Valid {
			t.Errorf("case %d: valid %v, want %v (%v)", i, err == nil, c.Valid, err)
		}
		err = f.tokens(c.Value, &x)
		if err == errASCII { // the peer meets this one step later, when it hashes
			continue
		}
		if (err != nil) != (c.FormatError != "") {
			t.Errorf("case %d: %v, want an error: %v", i, err, c.FormatError != "")
			continue
		}
		if err != nil {
			continue
		}
		if value, _ := f.value(c.Value, &scratch{}); c.Formatted != nil && value != *c.Formatted {
			t.Errorf("case %d: the formatted value differs", i)
		}
		if f.format.encoding != "utf-8" {
			continue
		}
		var got []string
		for _, span := range x.spans {
			got = append(got, string(x.text[span.start:span.end]))
		}
		if !slices.Equal(got, c.Tokens) {
			t.Errorf("case %d: tokens %q, want %q", i, got, c.Tokens)
		}
	}
}

func TestCSVCases(t *testing.T) {
	var file struct {
		Secret string          `json:"secret"`
		Schema json.RawMessage `json:"schema"`
		Cases  []struct {
			Name     string   `json:"name"`
			CSV      []byte   `json:"csv_base64"`
			Header   string   `json:"header"`
			Validate bool     `json:"validate"`
			CLKs     []string `json:"clks"`
			Error    string   `json:"error"`
		}
	}
	casesIn(t, "csv_cases.json", &file)
	if len(file.Cases) != 30 {
		t.Fatalf("%d cases, want 30", len(file.Cases))
	}
	headers := map[string]Header{"check": HeaderCheck, "ignore": HeaderIgnore, "none": HeaderNone}
	for _, c := range file.Cases {
		e := mustEncoder(t, mustSchema(t, file.Schema), file.Secret, Options{SkipValidation: !c.Validate})
		got, n, err := encodeCSV(e, c.CSV, headers[c.Header])
		if (err != nil) != (c.Error != "") {
			t.Errorf("%s: %v, want an error: %v", c.Name, err, c.Error != "")
			continue
		}
		if err != nil {
			continue
		}
		var clks struct{ CLKs []string }
		if err := json.Unmarshal(got, &clks); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		if n != len(c.CLKs) || !slices.Equal(clks.CLKs, c.CLKs) {
			t.Errorf("%s: %d CLKs, want %d; or they differ", c.Name, n, len(c.CLKs))
		}
	}
}
