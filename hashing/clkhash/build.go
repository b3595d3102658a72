package clkhash

// From a checked document of version 3 to a Schema. Two kinds of "no" meet here: what
// clkhash refuses while it loads a schema is an error at once; what it loads and then
// fails on, or computes with a number of the wrong kind, is kept as the refusal that New
// returns, so that ParseSchema agrees with clkhash on every schema.

import (
	"fmt"
	"math/big"
)

func (s *Schema) build(top map[string]any) *SchemaError {
	config := top["clkConfig"].(map[string]any)
	s.bits = s.count(config["l"], "clkConfig.l", maxBits)
	s.buildFolds(config)
	if err := s.buildKDF(config["kdf"].(map[string]any)); err != nil {
		return err
	}
	items := top["features"].([]any)
	if len(items) == 0 {
		s.refuse("features", "is empty, so there is nothing to hash")
	}
	for i, item := range items {
		path := fmt.Sprintf("features[%d]", i)
		f, err := s.buildFeature(item.(map[string]any), path)
		if err != nil {
			return err
		}
		s.features = append(s.features, f)
	}
	// RFC 5869 section 2.3: no more than 255 blocks of the hash.
	block := map[string]int{"SHA256": 32, "SHA512": 64}[s.kdf.hash]
	if 2*s.kdf.keySize*len(s.features) > 255*block {
		s.refuse("clkConfig.kdf", "cannot derive two keys of %d bytes for each of %d features: HKDF with %s ends at %d bytes; use SHA512, a smaller keySize or fewer features",
			s.kdf.keySize, len(s.features), s.kdf.hash, 255*block)
	}
	return nil
}

// count is a number that must be a Python int where it is used, from 1 up to most; 0 is
// fine where the master schema lets it pass. On refusal it returns 1.
func (s *Schema) count(v any, path string, most int64) int {
	n, _ := numberOf(v)
	if !n.literal {
		s.refuse(path, "is written with a point or an exponent, on which clkhash fails or computes something else; write it as a plain whole number")
		return 1
	}
	if n.whole.Cmp(big.NewInt(most)) > 0 {
		s.refuse(path, "is above %d, the most that can be honoured here", most)
		return 1
	}
	return int(n.whole.Int64())
}

// buildFolds reads the key that clkhash's code reads. Its documentation and its master
// schemas name another one, which does nothing.
func (s *Schema) buildFolds(config map[string]any) {
	const path = "clkConfig.xor_folds"
	used, given := config["xor_folds"]
	if documented, ok := numberOf(config["xorFolds"]); ok && (documented.real.Sign() > 0 || !given) {
		s.warn("xor-folds-misspelt", "clkConfig.xorFolds",
			"has no effect: clkhash documents xorFolds and reads xor_folds, so filters are not folded unless that is given; write xor_folds if they are to be folded, or take xorFolds out")
	}
	if !given {
		return
	}
	switch v := used.(type) {
	case bool: // Python counts True as 1
		s.folds = btoi(v)
	default:
		n, ok := numberOf(used)
		if !ok || !n.literal || n.whole.Sign() < 0 || n.whole.Cmp(big.NewInt(24)) > 0 {
			s.refuse(path, "must be a whole number from 0 to 24")
			return
		}
		s.folds = int(n.whole.Int64())
	}
	if s.folds > 0 {
		s.warn("xor-folds-undocumented", path,
			"is honoured as clkhash honours it, but appears in none of its documents; another program may read xorFolds instead and set other bits")
	}
	if s.bits > maxBits>>s.folds {
		s.refuse(path, "makes filters of more than %d bits before folding", maxBits)
		s.folds = 0
	}
}

func (s *Schema) buildKDF(config map[string]any) *SchemaError {
	s.kdf = kdf{hash: "SHA256", keySize: 64}
	if h, ok := config["hash"].(string); ok {
		s.kdf.hash = h
	}
	if size, ok := config["keySize"]; ok {
		// More is refused for every schema by HKDF's limit, whatever the features.
		s.kdf.keySize = s.count(size, "clkConfig.kdf.keySize", 255*64)
	}
	for _, part := range []struct {
		key  string
		into *[]byte
	}{{"salt", &s.kdf.salt}, {"info", &s.kdf.info}} {
		encoded, ok := config[part.key].(string)
		if !ok {
			continue
		}
		path := "clkConfig.kdf." + part.key
		raw, skipped, err := decodeBase64(encoded)
		if err != nil {
			return schemaErrorf(path, "%v", err)
		}
		if skipped {
			s.warn("base64-skipped", path,
				"holds characters outside the standard base64 alphabet, which clkhash drops without a word (the - and _ of the URL alphabet among them); the bytes are not those that were meant")
		}
		*part.into = raw
	}
	return nil
}

func (s *Schema) buildFeature(doc map[string]any, path string) (feature, *SchemaError) {
	f := feature{identifier: doc["identifier"].(string)}
	if doc["ignored"] == true {
		f.ignored = true
		return f, nil
	}
	hashingDoc := doc["hashing"].(map[string]any)
	hashingPath := path + ".hashing"
	var err *SchemaError
	if f.format, err = s.buildFormat(doc["format"].(map[string]any), path+".format"); err != nil {
		return f, err
	}
	if f.compare, err = s.buildComparison(hashingDoc["comparison"].(map[string]any), hashingPath+".comparison"); err != nil {
		return f, err
	}
	if f.hash, err = s.buildHash(hashingDoc["hash"], hashingPath+".hash"); err != nil {
		return f, err
	}

	strategyDoc := hashingDoc["strategy"].(map[string]any)
	v, perFeature := strategyDoc["bitsPerFeature"]
	if !perFeature {
		v = strategyDoc["bitsPerToken"]
	}
	f.insert.perFeature = perFeature
	// Here clkhash itself turns 4.0 into 4.
	if n, _ := numberOf(v); n.real.Cmp(big.NewFloat(maxInsertions)) > 0 {
		s.refuse(hashingPath+".strategy", "asks for more than %d insertions", maxInsertions)
	} else {
		count, _ := n.real.Int64()
		f.insert.count = int(count)
	}

	if m, ok := hashingDoc["missingValue"].(map[string]any); ok {
		f.missing = &missing{sentinel: m["sentinel"].(string)}
		f.missing.replace = f.missing.sentinel
		if with, ok := m["replaceWith"].(string); ok {
			f.missing.replace = with
		} else if f.missing.sentinel != "" {
			s.warn("sentinel-hashed", hashingPath+".missingValue",
				"names no replaceWith, so the sentinel's own text is hashed and people whose value is missing look alike; add replaceWith \"\" to hash nothing")
		}
	}
	s.warnFeature(&f, path)
	return f, nil
}

// warnFeature tells of the traps that lie in how a feature's parts go together.
func (s *Schema) warnFeature(f *feature, path string) {
	before := s.bits << s.folds
	if f.hash.double {
		s.warn("double-hash", path+".hashing.hash",
			"doubleHash places a token by two numbers only, which an attack recovers (Kroll and Steinmetzer 2015); blakeHash does not have this weakness")
		if f.hash.preventSingularity && before == 1 {
			s.refuse(path+".hashing.hash", "prevent_singularity can never be satisfied in a filter of one bit")
		}
	} else {
		if before&(before-1) != 0 {
			s.refuse("clkConfig.l", "makes filters of %d bits before folding; blakeHash needs a power of two", before)
		}
		if s.kdf.keySize > 64 {
			s.refuse("clkConfig.kdf.keySize", "is above 64 bytes, the longest key that blakeHash takes")
		}
		if before > 1<<16 {
			s.warn("positions-16-bit", path+".hashing.hash",
				fmt.Sprintf("blakeHash draws 16-bit positions, so that of %d bits before folding only the first 65536 are ever set", before))
		}
	}
	if e := f.format.encoding; e == "utf-16" || e == "utf-32" {
		s.warn("byte-order-mark", path+".format.encoding",
			"clkhash puts a byte-order mark before every token in this encoding, and so does this program; a program that does not sets other bits")
	}
}

func (s *Schema) buildFormat(doc map[string]any, path string) (format, *SchemaError) {
	f := format{kind: doc["type"].(string), encoding: "utf-8"}
	bound := func(key string) *big.Float {
		n, ok := numberOf(doc[key])
		if !ok {
			return nil
		}
		return n.real
	}
	switch f.kind {
	case "string":
		if e, ok := doc["encoding"].(string); ok {
			f.encoding = e
		}
		if source, ok := doc["pattern"].(string); ok {
			p, err := compilePattern(source)
			if err != nil {
				return f, schemaErrorf(path+".pattern", "%v", err)
			}
			f.pattern = p
			break
		}
		f.letters = "mixed"
		if c, ok := doc["case"].(string); ok {
			f.letters = c
		}
		f.min, f.max = bound("minLength"), bound("maxLength")
	case "integer":
		f.min, f.max = bound("minimum"), bound("maximum")
	case "date":
		layout, err := compileLayout(doc["format"].(string))
		if err != nil {
			s.refuse(path+".format", "%v", err)
		}
		f.layout = layout
	case "enum":
		f.values = map[string]bool{}
		for _, v := range doc["values"].([]any) {
			f.values[v.(string)] = true
		}
	}
	return f, nil
}

func (s *Schema) buildComparison(doc map[string]any, path string) (comparison, *SchemaError) {
	c := comparison{kind: doc["type"].(string)}
	switch c.kind {
	case "ngram":
		c.n = s.count(doc["n"], path+".n", maxNgram)
		c.positional = doc["positional"] == true
	case "numeric":
		precision := 0
		if p, ok := doc["fractional_precision"]; ok {
			// 10^4300 is already a number that Python refuses to write out.
			precision = s.count(p, path+".fractional_precision", maxDigits)
		}
		resolution := s.count(doc["resolution"], path+".resolution", maxResolution)
		threshold, _ := numberOf(doc["thresholdDistance"])
		n, err := newNumeric(threshold, resolution, precision)
		if err != nil {
			return c, schemaErrorf(path, "%v", err)
		}
		c.numeric = n
		if precision == 0 {
			s.warn("decimals-cut", path,
				"has precision 0, at which clkhash cuts decimals off (2.9 counts as 2, -0.9 as 0); give fractional_precision if the column holds decimals")
		}
	}
	return c, nil
}

func (s *Schema) buildHash(v any, path string) (hashing, *SchemaError) {
	doc, given := v.(map[string]any)
	if !given || doc["type"] == "blakeHash" {
		if doc["prevent_singularity"] != nil {
			return hashing{}, schemaErrorf(path, "prevent_singularity goes with doubleHash only; take it out")
		}
		return hashing{}, nil
	}
	return hashing{double: true, preventSingularity: doc["prevent_singularity"] == true}, nil
}
