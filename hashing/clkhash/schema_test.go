package clkhash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// one is a schema of one feature, with parts put in.
func one(config, format, hashing string) string {
	return fmt.Sprintf(`{"version": 3, "clkConfig": {"l": 1024, "kdf": {"type": "HKDF"}%s},
		"features": [{"identifier": "v", "format": {%s}, "hashing": {"strategy": {"bitsPerToken": 4}, %s}}]}`, config, format, hashing)
}

const (
	plain  = `"type": "string"`
	bigram = `"comparison": {"type": "ngram", "n": 2}`
)

func codes(s *Schema) (list []string) {
	for _, w := range s.Warnings() {
		list = append(list, w.Code)
	}
	return list
}

func TestWarnings(t *testing.T) {
	v1 := `{"version": 1, "clkConfig": {"l": 1024, "k": 5%s, "kdf": {"type": "HKDF"}, "hash": {"type": "blakeHash"}},
		"features": [{"identifier": "v", "format": {"type": "string"}, "hashing": {"ngram": 2%s}}]}`
	for _, c := range []struct {
		name, schema string
		want         []string
	}{
		{"nothing to say", one("", plain, bigram), nil},
		{"description", one("", plain+`, "description": "x"`, bigram), nil},
		{"xorFolds", one(`, "xorFolds": 1`, plain, bigram), []string{"xor-folds-misspelt"}},
		{"xorFolds 0", one(`, "xorFolds": 0`, plain, bigram), []string{"xor-folds-misspelt"}},
		{"xor_folds", one(`, "xor_folds": 1`, plain, bigram), []string{"xor-folds-undocumented"}},
		{"both", one(`, "xor_folds": 1, "xorFolds": 1`, plain, bigram), []string{"xor-folds-misspelt", "xor-folds-undocumented"}},
		{"v1 xorFolds", fmt.Sprintf(v1, `, "xorFolds": 2`, ""), []string{"xor-folds-misspelt"}},
		{"v1 weight", fmt.Sprintf(v1, "", `, "weight": 0.5`), []string{"weight-rounded"}},
		{"v1 whole weight", fmt.Sprintf(v1, "", `, "weight": 2.0`), nil},
		{"fractionalPrecision", one("", plain, `"comparison": {"type": "numeric", "thresholdDistance": 2, "resolution": 1, "fractionalPrecision": 2}`),
			[]string{"fractional-precision-misspelt", "decimals-cut"}},
		{"fractional_precision", one("", plain, `"comparison": {"type": "numeric", "thresholdDistance": 2, "resolution": 1, "fractional_precision": 2}`), nil},
		{"leftover k", one(`, "k": 20`, plain, bigram), []string{"key-unread"}},
		{"URL-safe salt", strings.Replace(one("", plain, bigram), `"HKDF"`, `"HKDF", "salt": "AA_-AA=="`, 1), []string{"base64-skipped"}},
		{"utf-16", one("", plain+`, "encoding": "utf-16"`, bigram), []string{"byte-order-mark"}},
		{"doubleHash", one("", plain, bigram+`, "hash": {"type": "doubleHash"}`), []string{"double-hash"}},
		{"sentinel", one("", plain, bigram+`, "missingValue": {"sentinel": "NULL"}`), []string{"sentinel-hashed"}},
		{"empty sentinel", one("", plain, bigram+`, "missingValue": {"sentinel": ""}`), nil},
		{"replaced sentinel", one("", plain, bigram+`, "missingValue": {"sentinel": "NULL", "replaceWith": ""}`), nil},
		{"long filter", strings.Replace(one("", plain, bigram), "1024", "131072", 1), []string{"positions-16-bit"}},
	} {
		s, err := ParseSchema([]byte(c.schema))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := codes(s); !slices.Equal(got, c.want) {
			t.Errorf("%s: warnings %q, want %q", c.name, got, c.want)
		}
		for _, w := range s.Warnings() {
			if len(w.Paths) == 0 || w.Text == "" {
				t.Errorf("%s: a warning without place or words: %+v", c.name, w)
			}
		}
	}
}

// TestRefusals: what loads in clkhash and cannot be carried out loads here, and New says
// what is wrong.
func TestRefusals(t *testing.T) {
	numeric := `"comparison": {"type": "numeric", "thresholdDistance": %s, "resolution": %s, "fractional_precision": %s}`
	for _, c := range []struct{ name, schema, path string }{
		{"float length", strings.Replace(one("", plain, bigram), "1024", "1024.0", 1), "clkConfig.l"},
		{"huge length", strings.Replace(one("", plain, bigram), "1024", "1e30", 1), "clkConfig.l"},
		{"a terabyte", strings.Replace(one("", plain, bigram), "1024", "8796093022208", 1), "clkConfig.l"},
		{"blake over 1000 bits", strings.Replace(one("", plain, bigram), "1024", "1000", 1), "clkConfig.l"},
		{"negative folds", one(`, "xor_folds": -1`, plain, bigram), "clkConfig.xor_folds"},
		{"folds in words", one(`, "xor_folds": "1"`, plain, bigram), "clkConfig.xor_folds"},
		{"too many folds", one(`, "xor_folds": 20`, plain, bigram), "clkConfig.xor_folds"},
		{"no features", `{"version": 3, "clkConfig": {"l": 8, "kdf": {"type": "HKDF"}}, "features": []}`, "features"},
		{"blake key of 65 bytes", strings.Replace(one("", plain, bigram), `"HKDF"`, `"HKDF", "keySize": 65`, 1), "clkConfig.kdf.keySize"},
		{"too many keys", strings.Replace(one("", plain, bigram+`, "hash": {"type": "doubleHash"}`), `"HKDF"`, `"HKDF", "keySize": 4081`, 1), "clkConfig.kdf"},
		{"unknown directive", one("", `"type": "date", "format": "%Q"`, bigram), "features[0].format.format"},
		{"directive twice", one("", `"type": "date", "format": "%d %x"`, bigram), "features[0].format.format"},
		{"stray percent", one("", `"type": "date", "format": "%Y%"`, bigram), "features[0].format.format"},
		{"time zone name", one("", `"type": "date", "format": "%Y %Z"`, bigram), "features[0].format.format"},
		{"ISO week without year", one("", `"type": "date", "format": "%Y %V"`, bigram), "features[0].format.format"},
		{"float n", one("", plain, `"comparison": {"type": "ngram", "n": 2.0}`), "features[0].hashing.comparison.n"},
		{"float resolution", one("", plain, fmt.Sprintf(numeric, "1", "2.0", "0")), "features[0].hashing.comparison.resolution"},
		{"float precision", one("", plain, fmt.Sprintf(numeric, "1", "2", "2.0")), "features[0].hashing.comparison.fractional_precision"},
		{"vast precision", one("", plain, fmt.Sprintf(numeric, "1", "2", "1000000000")), "features[0].hashing.comparison.fractional_precision"},
		{"a million insertions", strings.Replace(one("", plain, bigram), `"bitsPerToken": 4`, `"bitsPerToken": 4000000`, 1), "features[0].hashing.strategy"},
		{"no way out", strings.Replace(one("", plain, bigram+`, "hash": {"type": "doubleHash", "prevent_singularity": true}`), "1024", "1", 1), "features[0].hashing.hash"},
	} {
		s, err := ParseSchema([]byte(c.schema))
		if err != nil {
			t.Errorf("%s: does not load: %v", c.name, err)
			continue
		}
		_, err = New(s, []byte("secret"), Options{})
		var refusal *SchemaError
		if !errors.As(err, &refusal) {
			t.Errorf("%s: %v, want a *SchemaError", c.name, err)
		} else if refusal.Path != c.path || refusal.Reason == "" {
			t.Errorf("%s: at %s (%s), want at %s", c.name, refusal.Path, refusal.Reason, c.path)
		}
	}
}

// TestComplaints: a schema error names the place, and what would be right there.
func TestComplaints(t *testing.T) {
	for _, c := range []struct{ schema, want string }{
		{"{\n\"version\": 3,\n}", "line 3"},
		{`{"version": 3} x`, "more text"},
		{"\xEF\xBB\xBF{}", "byte-order mark"},
		{"{\"version\": \"\xff\"}", "not UTF-8"},
		{`{"version": "\ud800"}`, "half of a pair"},
		{`{"version": 4}`, "1, 2 and 3"},
		{one("", `"type": "string", "case": "Upper"`, bigram), `features[0].format.case: must be one of "upper", "lower", "mixed"`},
		{one("", `"type": "text"`, bigram), `features[0].format.type: must be one of "date", "enum", "integer", "string"`},
		{one("", plain, bigram+`, "strategy": {"bitsPerToken": 1, "bitsPerFeature": 2}`), `features[0].hashing.strategy: "bits`},
		{one("", plain, bigram+`, "sentinel": ""`), `features[0].hashing: "sentinel" is not allowed here`},
		{one("", plain, `"comparison": {"type": "ngram", "n": 0}`), "features[0].hashing.comparison.n: is below 1"},
		{one("", `"type": "string", "pattern": "("`, bigram), "features[0].format.pattern: pattern has a parenthesis that is never closed"},
		{one("", `"type": "string", "pattern": "a++"`, bigram), "possessive"},
		{one("", `"type": "string", "pattern": "(?x) a"`, bigram), "verbose"},
	} {
		_, err := ParseSchema([]byte(c.schema))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, want %q in it", c.schema, err, c.want)
		}
	}
	// A pair of escapes, and a backslash before a u, are no lone surrogates.
	for _, fine := range []string{`"\ud83d\ude00"`, `"\\ud800"`, `"\u00e9"`} {
		if loneSurrogate([]byte(fine)) {
			t.Errorf("%s is taken for a lone surrogate", fine)
		}
	}
}

// TestDigest: what does not decide the bits does not change the digest, all else does.
func TestDigest(t *testing.T) {
	base := mustSchema(t, []byte(one("", plain, bigram))).Digest()
	same := []string{
		one(`, "comment": "x"`, plain, bigram),
		one("", plain+`, "description": "x", "encoding": "utf-8"`, bigram),
		one(`, "xor_folds": 0`, plain, bigram+`, "hash": {"type": "blakeHash"}`),
		`{"version": 2, "clkConfig": {"l": 1024, "kdf": {"type": "HKDF", "keySize": 64}}, "features": [{"identifier": "v", "format": {"type": "string"}, "hashing": {"ngram": 2, "strategy": {"k": 4}}}]}`,
	}
	for _, source := range same {
		if mustSchema(t, []byte(source)).Digest() != base {
			t.Errorf("another digest, the same bits: %s", source)
		}
	}
	seen := map[[32]byte]string{base: "base"}
	for _, source := range []string{
		one(`, "xor_folds": 1`, plain, bigram),
		strings.Replace(one("", plain, bigram), "1024", "2048", 1),
		strings.Replace(one("", plain, bigram), `"v"`, `"w"`, 1),
		strings.Replace(one("", plain, bigram), `"HKDF"`, `"HKDF", "salt": "AAAA"`, 1),
		strings.Replace(one("", plain, bigram), `"HKDF"`, `"HKDF", "info": "AAAA"`, 1),
		strings.Replace(one("", plain, bigram), `"HKDF"`, `"HKDF", "hash": "SHA512"`, 1),
		strings.Replace(one("", plain, bigram), `"bitsPerToken": 4`, `"bitsPerToken": 5`, 1),
		strings.Replace(one("", plain, bigram), `"bitsPerToken": 4`, `"bitsPerFeature": 4`, 1),
		one("", plain+`, "encoding": "ascii"`, bigram),
		one("", plain+`, "case": "upper"`, bigram),
		one("", plain+`, "minLength": 2`, bigram),
		one("", plain+`, "maxLength": 2`, bigram),
		one("", plain+`, "pattern": "a"`, bigram),
		one("", `"type": "date", "format": "%Y"`, bigram),
		one("", `"type": "date", "format": "%y"`, bigram),
		one("", `"type": "enum", "values": ["a"]`, bigram),
		one("", `"type": "enum", "values": ["a", "b"]`, bigram),
		one("", plain, `"comparison": {"type": "ngram", "n": 2, "positional": true}`),
		one("", plain, `"comparison": {"type": "exact"}`),
		one("", plain, bigram+`, "missingValue": {"sentinel": "x"}`),
		one("", plain, bigram+`, "missingValue": {"sentinel": "x", "replaceWith": "y"}`),
		one("", plain, bigram+`, "hash": {"type": "doubleHash"}`),
		one("", plain, bigram+`, "hash": {"type": "doubleHash", "prevent_singularity": true}`),
	} {
		d := mustSchema(t, []byte(source)).Digest()
		if other, taken := seen[d]; taken {
			t.Errorf("the same digest:\n%s\n%s", source, other)
		}
		seen[d] = source
	}
}

// TestUpstreamSchemas: clkhash's own schemas load or not, as their names say, and none of
// the good ones warns of a key that is fine.
func TestUpstreamSchemas(t *testing.T) {
	dir := sharedVectors(t)
	n := 0
	for _, folder := range []string{"upstream/clkhash/tests/testdata", "upstream/clkhash/docs", "upstream/clkhash/data"} {
		paths, _ := filepath.Glob(filepath.Join(dir, folder, "*schema*.json"))
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			n++
			s, err := ParseSchema(data)
			bad := strings.Contains(path, "bad-schema") || strings.Contains(path, "unsupported")
			if (err != nil) != bad {
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
			if err == nil {
				t.Logf("%s: %q", filepath.Base(path), s.Warnings())
			}
		}
	}
	if n < 15 {
		t.Errorf("only %d schemas", n)
	}
}

// TestWarningsAreDocumented: the table in the package's documentation and the code agree.
func TestWarningsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	find := func(expr string, text []byte) (list []string) {
		for _, m := range regexp.MustCompile(expr).FindAllSubmatch(text, -1) {
			list = append(list, string(m[1]))
		}
		slices.Sort(list)
		return slices.Compact(list)
	}
	var source []byte
	for _, name := range []string{"schema.go", "build.go"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, data...)
	}
	used := find(`\.warn\("([a-z0-9-]+)"`, source)
	told := find(`(?m)^//\t([a-z0-9]+(?:-[a-z0-9]+)+)  `, doc)
	if len(used) == 0 || !slices.Equal(used, told) {
		t.Errorf("documented: %q\nused:       %q", told, used)
	}
}
