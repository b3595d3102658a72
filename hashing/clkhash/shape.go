package clkhash

// What a schema file may look like: the three JSON Schemas that clkhash ships
// (clkhash/schemas/v1.json, v2.json, v3.json), written as Go values.
//
// A general JSON Schema validator would have to be trusted to treat 4.0, true and a
// duplicate branch as Python's does; these few rules can be read against the three
// files line by line. Each rule either accepts a value, or says where and why not;
// an accepted value may come with the keys that clkhash reads past, because most of
// them are somebody's misspelling.

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"sort"
	"strconv"
	"strings"
)

// A SchemaError says which part of a linkage schema cannot be used.
type SchemaError struct {
	Path   string // such as features[2].hashing.strategy; "" is the whole file
	Reason string // what is wrong there, and what is expected
}

func (e *SchemaError) Error() string {
	if e.Path == "" {
		return "linkage schema: " + e.Reason
	}
	return "linkage schema: " + e.Path + ": " + e.Reason
}

func schemaErrorf(path, format string, args ...any) *SchemaError {
	return &SchemaError{Path: path, Reason: fmt.Sprintf(format, args...)}
}

// A shape checks a decoded JSON value. It returns the paths of keys that are allowed
// but read by nobody.
type shape func(v any, path string) (unread []string, err *SchemaError)

// object is a JSON Schema object. A closed one has additionalProperties: false.
type object struct {
	required []string
	keys     map[string]shape
	closed   bool
}

func (o object) shape() shape {
	return func(v any, path string) (unread []string, err *SchemaError) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, schemaErrorf(path, "is not an object")
		}
		for _, key := range o.required {
			if _, ok := m[key]; !ok {
				return nil, schemaErrorf(path, "has no %q", key)
			}
		}
		for _, key := range sortedKeys(m) {
			check, known := o.keys[key]
			if !known {
				if o.closed {
					return nil, schemaErrorf(path, "%q is not allowed here; %s", key, oneOfWords(sortedKeys(o.keys)))
				}
				unread = append(unread, join(path, key))
				continue
			}
			below, err := check(m[key], join(path, key))
			if err != nil {
				return nil, err
			}
			unread = append(unread, below...)
		}
		return unread, nil
	}
}

// exactlyOne is JSON Schema's oneOf. Where no branch accepts, the complaint is of the
// branch that got furthest, since that is the one the writer meant.
func exactlyOne(branches ...shape) shape {
	return func(v any, path string) (unread []string, err *SchemaError) {
		accepted := 0
		for _, branch := range branches {
			below, complaint := branch(v, path)
			switch {
			case complaint == nil:
				accepted++
				unread = below
			case err == nil || depth(complaint.Path) > depth(err.Path):
				err = complaint
			}
		}
		switch accepted {
		case 1:
			return unread, nil
		case 0:
			return nil, err
		default:
			return nil, schemaErrorf(path, "fits two forms at once; keep one of them")
		}
	}
}

// tagged chooses the branch by the value of the key "type". It accepts what exactlyOne
// over the same branches accepts (each branch demands its own type), and complains of
// the right one.
func tagged(branches map[string]shape) shape {
	return func(v any, path string) ([]string, *SchemaError) {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, schemaErrorf(path, "is not an object")
		}
		if _, ok := m["type"]; !ok {
			return nil, schemaErrorf(path, "has no %q; %s", "type", oneOfWords(sortedKeys(branches)))
		}
		name, _ := m["type"].(string)
		branch, ok := branches[name]
		if !ok {
			return nil, schemaErrorf(join(path, "type"), "%s", oneOfWords(sortedKeys(branches)))
		}
		return branch(v, path)
	}
}

func list(each shape) shape {
	return func(v any, path string) (unread []string, err *SchemaError) {
		items, ok := v.([]any)
		if !ok {
			return nil, schemaErrorf(path, "is not a list")
		}
		for i, item := range items {
			below, err := each(item, path+"["+strconv.Itoa(i)+"]")
			if err != nil {
				return nil, err
			}
			unread = append(unread, below...)
		}
		return unread, nil
	}
}

func text(v any, path string) ([]string, *SchemaError) {
	if _, ok := v.(string); !ok {
		return nil, schemaErrorf(path, "is not a string")
	}
	return nil, nil
}

func truth(v any, path string) ([]string, *SchemaError) {
	if _, ok := v.(bool); !ok {
		return nil, schemaErrorf(path, "is not true or false")
	}
	return nil, nil
}

func onlyTrue(v any, path string) ([]string, *SchemaError) {
	if v != true {
		return nil, schemaErrorf(path, "must be true where there is no hashing")
	}
	return nil, nil
}

func word(words ...string) shape {
	return func(v any, path string) ([]string, *SchemaError) {
		s, ok := v.(string)
		for _, w := range words {
			if ok && s == w {
				return nil, nil
			}
		}
		return nil, schemaErrorf(path, "%s", oneOfWords(words))
	}
}

// number accepts what is at least min, or more than min where min is exclusive.
func number(min float64, exclusive bool) shape {
	return func(v any, path string) ([]string, *SchemaError) {
		n, ok := numberOf(v)
		if !ok {
			return nil, schemaErrorf(path, "is not a number")
		}
		switch below := n.real.Cmp(big.NewFloat(min)); {
		case below < 0, exclusive && below == 0:
			return nil, schemaErrorf(path, "is below what is allowed (%v)", min)
		}
		return nil, nil
	}
}

// integer accepts whole numbers of at least min; math.MinInt is no bound. Since draft 6
// of JSON Schema 4.0 is an integer too; in draft 4 (schema version 1) it is not.
func integer(min int64, draft4 bool) shape {
	return func(v any, path string) ([]string, *SchemaError) {
		n, ok := numberOf(v)
		if !ok || !n.real.IsInt() || draft4 && !n.literal {
			return nil, schemaErrorf(path, "is not a whole number")
		}
		if min != math.MinInt64 && n.real.Cmp(new(big.Float).SetInt64(min)) < 0 {
			return nil, schemaErrorf(path, "is below %d, the least allowed", min)
		}
		return nil, nil
	}
}

// shapes are the master schemas by version.
var shapes = map[int]shape{1: masterShape(1), 2: masterShape(2), 3: masterShape(3)}

func masterShape(version int) shape {
	draft4 := version == 1
	whole := func(min int64) shape { return integer(min, draft4) }

	hash := tagged(map[string]shape{
		"doubleHash": object{keys: map[string]shape{"type": text, "prevent_singularity": truth}}.shape(),
		// The key is left to buildHash: what clkhash refuses there, it refuses later.
		"blakeHash": object{keys: map[string]shape{"type": text, "prevent_singularity": anything}}.shape(),
	})
	missing := object{
		required: []string{"sentinel"},
		keys:     map[string]shape{"sentinel": text, "replaceWith": text},
	}.shape()

	hashing := object{required: []string{"ngram"}, keys: map[string]shape{
		"ngram":        whole(0),
		"positional":   truth,
		"weight":       number(0, false),
		"missingValue": missing,
	}}
	switch version {
	case 2:
		// The master schema means to check k and numBits, but names them outside
		// "properties": what they hold is only checked after conversion.
		hashing = object{closed: true, required: []string{"ngram", "strategy"}, keys: map[string]shape{
			"hash": hash,
			"strategy": exactlyOne(
				object{required: []string{"numBits"}, keys: map[string]shape{"numBits": anything}}.shape(),
				object{required: []string{"k"}, keys: map[string]shape{"k": anything}}.shape(),
			),
			"ngram":        whole(1),
			"positional":   truth,
			"missingValue": missing,
		}}
	case 3:
		hashing = object{closed: true, required: []string{"comparison", "strategy"}, keys: map[string]shape{
			"hash": hash,
			"strategy": exactlyOne(
				object{closed: true, required: []string{"bitsPerToken"}, keys: map[string]shape{"bitsPerToken": whole(1)}}.shape(),
				object{closed: true, required: []string{"bitsPerFeature"}, keys: map[string]shape{"bitsPerFeature": whole(1)}}.shape(),
			),
			"comparison": tagged(map[string]shape{
				"ngram": object{required: []string{"n"}, keys: map[string]shape{
					"type": text, "n": whole(1), "positional": truth,
				}}.shape(),
				"exact": object{keys: map[string]shape{"type": text}}.shape(),
				"numeric": object{required: []string{"thresholdDistance", "resolution"}, keys: map[string]shape{
					"type": text, "thresholdDistance": number(0, true), "resolution": whole(1), "fractional_precision": whole(0),
				}}.shape(),
			}),
			"missingValue": missing,
		}}
	}

	encoding := word("ascii", "utf-8", "utf-16", "utf-32")
	plainText := object{closed: true, keys: map[string]shape{
		"type": text, "encoding": encoding, "case": word("upper", "lower", "mixed"),
		"minLength": whole(0), "maxLength": whole(1), "description": text,
	}}.shape()
	patternText := object{closed: true, keys: map[string]shape{
		"type": text, "encoding": encoding, "pattern": text, "description": text,
	}}.shape()
	format := tagged(map[string]shape{
		"string": func(v any, path string) ([]string, *SchemaError) {
			if _, ok := v.(map[string]any)["pattern"]; ok {
				return patternText(v, path)
			}
			return plainText(v, path)
		},
		"integer": object{closed: true, keys: map[string]shape{
			"type": text, "minimum": whole(math.MinInt64), "maximum": whole(math.MinInt64), "description": text,
		}}.shape(),
		"date": object{closed: true, required: []string{"format"}, keys: map[string]shape{
			"type": text, "format": text, "description": text,
		}}.shape(),
		"enum": object{closed: true, required: []string{"values"}, keys: map[string]shape{
			"type": text, "values": list(text), "description": text,
		}}.shape(),
	})

	full := object{required: []string{"identifier", "format", "hashing"}, keys: map[string]shape{
		"identifier": text, "description": text, "format": format, "hashing": hashing.shape(), "ignored": anything,
	}}
	if version == 3 {
		full.keys["ignored"] = truth
	}
	ignored := object{closed: version != 1, required: []string{"identifier", "ignored"}, keys: map[string]shape{
		"identifier": text, "ignored": onlyTrue, "description": text,
	}}

	clkConfig := object{required: []string{"l", "kdf"}, keys: map[string]shape{
		"l":         whole(1),
		"xorFolds":  whole(0),
		"xor_folds": anything, // not in the master schema, but it is what the code reads
		"kdf": object{required: []string{"type"}, keys: map[string]shape{
			"type": word("HKDF"), "hash": word("SHA256", "SHA512"), "salt": text, "info": text, "keySize": whole(1),
		}}.shape(),
	}}
	if version == 1 {
		clkConfig.required = []string{"l", "k", "kdf", "hash"}
		clkConfig.keys["k"] = whole(1)
		clkConfig.keys["hash"] = hash
	}

	return object{required: []string{"version", "clkConfig", "features"}, keys: map[string]shape{
		"version":   anything, // looked at before a master schema is chosen
		"clkConfig": clkConfig.shape(),
		"features":  list(exactlyOne(full.shape(), ignored.shape())),
	}}.shape()
}

func anything(any, string) ([]string, *SchemaError) { return nil, nil }

// A numeral is a JSON number as Python reads it: an int of any size where the literal
// has neither point nor exponent, otherwise a double.
type numeral struct {
	literal bool // an int in Python
	real    *big.Float
	whole   *big.Int // set where literal
	double  float64  // set where not literal
}

func numberOf(v any) (numeral, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return numeral{}, false
	}
	if !strings.ContainsAny(string(n), ".eE") {
		i, ok := new(big.Int).SetString(string(n), 10)
		if !ok {
			return numeral{}, false
		}
		return numeral{literal: true, whole: i, real: new(big.Float).SetInt(i)}, true
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil && !math.IsInf(f, 0) {
		return numeral{}, false
	}
	return numeral{double: f, real: new(big.Float).SetFloat64(f)}, true
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func depth(path string) int { return strings.Count(path, ".") + strings.Count(path, "[") }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func oneOfWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return "must be one of " + strings.Join(quoted, ", ")
}
