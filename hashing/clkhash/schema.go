package clkhash

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// What clkhash would still accept and no machine could carry out: a schema comes from
// somebody else, and must not be able to ask for a terabyte.
const (
	maxBits       = 1 << 24 // of a filter before folding: 2 MiB
	maxInsertions = 1 << 20 // bitsPerToken, bitsPerFeature
	maxNgram      = 1000
	maxResolution = 1 << 16
	maxSchemaSize = 16 << 20 // bytes
)

// A Schema is a linkage schema that clkhash accepts, of version 1, 2 or 3, held as
// version 3. It is immutable and may be shared.
type Schema struct {
	version  int
	bits     int // l: length of the finished filter
	folds    int
	kdf      kdf
	features []feature
	warnings []Warning
	refusal  *SchemaError // why New cannot honour it, although clkhash loads it
}

type kdf struct {
	hash       string // SHA256 or SHA512
	salt, info []byte
	keySize    int // bytes
}

// A feature is one column. Its exported twin is Feature.
type feature struct {
	identifier string
	ignored    bool
	format     format
	compare    comparison
	insert     strategy
	hash       hashing
	missing    *missing
}

type format struct {
	kind     string // string, integer, date, enum
	encoding string // of tokens: ascii, utf-8, utf-16, utf-32
	letters  string // case: upper, lower, mixed
	pattern  *pattern
	min, max *big.Float // integers: of the value; strings: of the length in code points
	layout   *dateLayout
	values   map[string]bool
}

type comparison struct {
	kind       string // ngram, exact, numeric
	n          int
	positional bool
	numeric    *numeric
}

type strategy struct {
	perFeature bool // count is divided among the tokens of the cell
	count      int
}

type hashing struct {
	double             bool // doubleHash, otherwise blakeHash
	preventSingularity bool
}

type missing struct {
	sentinel string
	replace  string // what is hashed instead: the sentinel itself where the schema names nothing
}

// A Feature is what a caller needs to know of a column to fill it.
type Feature struct {
	Identifier string // the column's name; need not be unique
	Ignored    bool   // the cell is not looked at, but the row must have it
	Type       string // string, integer, date, enum; "" where ignored
}

// A Warning tells of a place in a schema that works otherwise than it reads. None stops
// an encoding; a caller shows them and keeps them with the result.
type Warning struct {
	Code  string   // stable, such as xor-folds-misspelt
	Paths []string // where in the file
	Text  string   // what happens, and what to do about it
}

func (w Warning) String() string {
	where := w.Paths[0]
	if more := len(w.Paths) - 1; more > 0 {
		where += fmt.Sprintf(" and %d more", more)
	}
	return where + ": " + w.Text
}

// Version is the version the file was written in: 1, 2 or 3.
func (s *Schema) Version() int { return s.version }

// Bits is the length of a finished filter, after folding. It need not be a multiple of 8.
func (s *Schema) Bits() int { return s.bits }

// Features lists the columns in order, ignored ones included.
func (s *Schema) Features() []Feature {
	list := make([]Feature, len(s.features))
	for i, f := range s.features {
		list[i] = Feature{Identifier: f.identifier, Ignored: f.ignored, Type: f.format.kind}
	}
	return list
}

// Warnings lists what the schema's writer may not have meant, each once with every place
// it is found at.
func (s *Schema) Warnings() []Warning { return append([]Warning(nil), s.warnings...) }

func (s *Schema) warn(code, path, text string) {
	for i := range s.warnings {
		if w := &s.warnings[i]; w.Code == code && w.Text == text {
			w.Paths = append(w.Paths, path)
			return
		}
	}
	s.warnings = append(s.warnings, Warning{Code: code, Paths: []string{path}, Text: text})
}

// refuse keeps the first reason why the schema loads but cannot be used.
func (s *Schema) refuse(path, format string, args ...any) {
	if s.refusal == nil {
		s.refusal = schemaErrorf(path, format, args...)
	}
}

// ParseSchema reads a linkage schema. It accepts what clkhash 0.18.3 accepts and refuses
// what it refuses, but for patterns that differ between versions of Python. Some schemas
// load and cannot encode a single row, in clkhash too: New says so. Errors are
// *SchemaError.
func ParseSchema(data []byte) (*Schema, error) {
	doc, err := decode(data)
	if err != nil {
		return nil, err
	}
	top, ok := doc.(map[string]any)
	if !ok {
		return nil, schemaErrorf("", "the top level is not an object")
	}
	v, ok := top["version"]
	if !ok {
		return nil, schemaErrorf("", "has no %q", "version")
	}
	n, ok := numberOf(v)
	if !ok {
		return nil, schemaErrorf("version", "is not a number; 1, 2 and 3 are known")
	}
	version, _ := n.real.Int64()
	check, ok := shapes[int(version)]
	if !ok || n.real.Cmp(new(big.Float).SetInt64(version)) != 0 {
		return nil, schemaErrorf("version", "is not known; 1, 2 and 3 are")
	}

	unread, complaint := check(doc, "")
	if complaint != nil {
		return nil, complaint
	}
	s := &Schema{version: int(version)}
	for _, path := range unread {
		s.warnUnread(path)
	}
	if version == 1 {
		if top, complaint = s.liftV1(top); complaint != nil {
			return nil, complaint
		}
	}
	if version <= 2 {
		top = liftV2(top)
		// What version 3 forbids is forbidden in the older ones as well.
		if _, complaint = shapes[3](top, ""); complaint != nil {
			complaint.Reason += fmt.Sprintf(" (after conversion of version %d to 3)", version)
			return nil, complaint
		}
	}
	if complaint = s.build(top); complaint != nil {
		return nil, complaint
	}
	return s, nil
}

// decode reads JSON as Python's json module does, with numbers kept as written.
func decode(data []byte) (any, error) {
	if len(data) > maxSchemaSize {
		return nil, schemaErrorf("", "is larger than 16 MiB")
	}
	if bytes.HasPrefix(data, []byte("\xEF\xBB\xBF")) {
		return nil, schemaErrorf("", "begins with a byte-order mark; save the file as UTF-8 without one")
	}
	if !utf8.Valid(data) {
		return nil, schemaErrorf("", "is not UTF-8 text")
	}
	if loneSurrogate(data) {
		return nil, schemaErrorf("", `has an escape \ud800 to \udfff that is half of a pair; no extract can hold that character`)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		return nil, schemaErrorf("", "is not JSON: %v", jsonComplaint(data, err))
	}
	if rest := bytes.TrimLeft(data[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, schemaErrorf("", "has more text after the JSON value")
	}
	return doc, nil
}

// jsonComplaint puts the line number to the decoder's complaint.
func jsonComplaint(data []byte, err error) string {
	if syntax, ok := err.(*json.SyntaxError); ok {
		at := min(int(syntax.Offset), len(data))
		return fmt.Sprintf("line %d: %v", 1+bytes.Count(data[:at], []byte("\n")), err)
	}
	return err.Error()
}

// loneSurrogate reports an escape that Go would silently turn into U+FFFD, so that a
// sentinel or an enum value would match cells that clkhash's does not.
func loneSurrogate(data []byte) bool {
	escape := func(i int) (rune, bool) {
		if i+6 > len(data) || data[i] != '\\' || data[i+1] != 'u' {
			return 0, false
		}
		v, err := strconv.ParseUint(string(data[i+2:i+6]), 16, 16)
		return rune(v), err == nil
	}
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		high, ok := escape(i)
		if !ok {
			i++ // whatever is escaped, a backslash above all
			continue
		}
		i += 5
		if !utf16.IsSurrogate(high) {
			continue
		}
		low, ok := escape(i + 1)
		if !ok || utf16.DecodeRune(high, low) == utf8.RuneError {
			return true
		}
		i += 6
	}
	return false
}

// warnUnread tells of a key that clkhash allows and never reads.
func (s *Schema) warnUnread(path string) {
	key := path[strings.LastIndexByte(path, '.')+1:]
	switch key {
	case "description", "$schema", "$id", "title":
		return
	case "fractionalPrecision":
		s.warn("fractional-precision-misspelt", path,
			"has no effect: clkhash reads fractional_precision, so the precision is 0 unless that is given; write fractional_precision if decimals count")
	default:
		s.warn("key-unread", path, "is not a key that clkhash reads, so it has no effect; correct it or take it out")
	}
}

// liftV1 is clkhash's conversion from version 1 to 2. It leaves the document alone.
func (s *Schema) liftV1(top map[string]any) (map[string]any, *SchemaError) {
	config := top["clkConfig"].(map[string]any)
	k, _ := numberOf(config["k"])

	lifted := map[string]any{"l": config["l"], "kdf": config["kdf"]}
	for _, key := range []string{"xorFolds", "xor_folds"} { // xorFolds only for its warning
		if v, ok := config[key]; ok {
			lifted[key] = v
		}
	}
	var features []any
	for i, item := range top["features"].([]any) {
		f := item.(map[string]any)
		if truthy(f["ignored"]) {
			features = append(features, f)
			continue
		}
		path := fmt.Sprintf("features[%d].hashing.weight", i)
		hashing := clone(f["hashing"].(map[string]any))
		insertions, exact, ok := weighted(hashing["weight"], k)
		if !ok {
			return nil, schemaErrorf(path, "times clkConfig.k is too large to round")
		}
		if w, given := numberOf(hashing["weight"]); given && w.real.Sign() == 0 {
			features = append(features, map[string]any{"identifier": f["identifier"], "ignored": true})
			continue
		}
		if !exact {
			s.warn("weight-rounded", path, fmt.Sprintf(
				"times clkConfig.k is not whole; clkhash rounds it half to even, to %v insertions per token", insertions))
		}
		delete(hashing, "weight")
		hashing["strategy"] = map[string]any{"k": json.Number(insertions.String())}
		hashing["hash"] = config["hash"]
		g := clone(f)
		g["hashing"] = hashing
		features = append(features, g)
	}
	if features == nil {
		features = []any{}
	}
	return map[string]any{"version": json.Number("2"), "clkConfig": lifted, "features": features}, nil
}

// weighted is int(round(weight * k)) of Python: an exact product of two ints, otherwise a
// double rounded half to even. exact tells whether rounding changed anything.
func weighted(weight any, k numeral) (insertions *big.Int, exact, ok bool) {
	w, given := numberOf(weight)
	if !given {
		w = numeral{double: 1}
	}
	if w.literal {
		return new(big.Int).Mul(w.whole, k.whole), true, true
	}
	kf, _ := new(big.Float).SetInt(k.whole).Float64()
	product := w.double * kf
	insertions, ok = roundHalfEven(product)
	return insertions, ok && product == math.Trunc(product), ok
}

// liftV2 is clkhash's conversion from version 2 to 3. It leaves the document alone.
func liftV2(top map[string]any) map[string]any {
	top = clone(top)
	top["version"] = json.Number("3")
	features := append([]any{}, top["features"].([]any)...)
	for i, item := range features {
		f := clone(item.(map[string]any))
		if truthy(f["ignored"]) {
			continue
		}
		hashing := clone(f["hashing"].(map[string]any))
		strategy := clone(hashing["strategy"].(map[string]any))
		if k, ok := strategy["k"]; ok {
			delete(strategy, "k")
			strategy["bitsPerToken"] = k
		} else {
			strategy["bitsPerFeature"] = strategy["numBits"]
			delete(strategy, "numBits")
		}
		positional, ok := hashing["positional"]
		if !ok {
			positional = false
		}
		hashing["strategy"] = strategy
		hashing["comparison"] = map[string]any{"type": "ngram", "n": hashing["ngram"], "positional": positional}
		delete(hashing, "ngram")
		delete(hashing, "positional")
		f["hashing"] = hashing
		features[i] = f
	}
	top["features"] = features
	return top
}

func clone(m map[string]any) map[string]any {
	c := make(map[string]any, len(m)+1)
	for k, v := range m {
		c[k] = v
	}
	return c
}

// truthy is Python's bool() of a decoded JSON value.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	n, ok := numberOf(v)
	return ok && n.real.Sign() != 0
}

// Digest is SHA-256 over everything that decides which rows are accepted and which bits
// they set. Descriptions, unread keys, spelling and the version the schema is written in
// do not change it; the secret is no part of it.
func (s *Schema) Digest() [32]byte {
	type entry struct {
		Identifier string
		Rules      []string
	}
	var list []entry
	for _, f := range s.features {
		e := entry{Identifier: f.identifier, Rules: []string{"ignored"}}
		if !f.ignored {
			e.Rules = f.rules()
		}
		list = append(list, e)
	}
	canonical, err := json.Marshal(struct {
		Form        string
		Bits, Folds int
		KDF         string
		Salt, Info  []byte
		KeySize     int
		Features    []entry
	}{"clkhash schema digest 1", s.bits, s.folds, s.kdf.hash, s.kdf.salt, s.kdf.info, s.kdf.keySize, list})
	if err != nil {
		panic(err) // only strings and numbers are marshalled
	}
	return sha256.Sum256(canonical)
}

// rules puts what a feature does into words that differ when it does.
func (f *feature) rules() []string {
	bound := func(b *big.Float) string {
		if b == nil {
			return ""
		}
		return b.Text('f', -1)
	}
	list := []string{
		"format", f.format.kind, f.format.encoding, f.format.letters, bound(f.format.min), bound(f.format.max),
		"compare", f.compare.kind, strconv.Itoa(f.compare.n), strconv.FormatBool(f.compare.positional),
		"insert", strconv.Itoa(f.insert.count), strconv.FormatBool(f.insert.perFeature),
		"hash", strconv.FormatBool(f.hash.double), strconv.FormatBool(f.hash.preventSingularity),
	}
	if f.format.pattern != nil {
		list = append(list, "pattern", f.format.pattern.source)
	}
	if f.format.layout != nil {
		list = append(list, "date", f.format.layout.source)
	}
	if f.format.kind == "enum" {
		list = append(list, "enum")
		list = append(list, sortedKeys(f.format.values)...)
	}
	if n := f.compare.numeric; n != nil {
		list = append(list, "numeric", n.step.String(), strconv.Itoa(n.resolution), strconv.Itoa(n.precision))
	}
	if f.missing != nil {
		list = append(list, "missing", f.missing.sentinel, f.missing.replace)
	}
	return list
}
