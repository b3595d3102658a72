package clkhash

import (
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	errASCII     = errors.New("holds a character that ASCII cannot express, as the schema demands")
	errUpper     = errors.New("is not in upper case, as the schema demands")
	errLower     = errors.New("is not in lower case, as the schema demands")
	errShort     = errors.New("is shorter than the schema allows")
	errLong      = errors.New("is longer than the schema allows")
	errBelow     = errors.New("is below the schema's minimum")
	errAbove     = errors.New("is above the schema's maximum")
	errNotListed = errors.New("is not among the values that the schema lists")
)

// validate applies what the schema demands of a cell, in clkhash's order. A sentinel is
// exempt.
func (f *feature) validate(cell string, s *scratch) error {
	if f.ignored || f.missing != nil && cell == f.missing.sentinel {
		return nil
	}
	if !utf8.ValidString(cell) {
		return errUTF8
	}
	if f.format.encoding == "ascii" && !isASCII(cell) {
		return errASCII
	}
	switch f.format.kind {
	case "string":
		return f.format.validateText(cell, s)
	case "integer":
		return f.format.validateInteger(cell, s)
	case "date":
		var err error
		s.runes = appendRunes(s.runes[:0], cell)
		s.text, err = f.format.layout.appendDate(s.text[:0], s.runes)
		return err
	case "enum":
		if !f.format.values[cell] {
			return errNotListed
		}
	}
	return nil
}

func (f *format) validateText(cell string, s *scratch) error {
	if f.pattern != nil {
		s.runes = appendRunes(s.runes[:0], cell)
		return f.pattern.match(s.runes)
	}
	if f.min != nil || f.max != nil {
		length := new(big.Float).SetInt64(int64(utf8.RuneCountInString(cell)))
		if f.min != nil && length.Cmp(f.min) < 0 {
			return errShort
		}
		if f.max != nil && length.Cmp(f.max) > 0 {
			return errLong
		}
	}
	switch {
	case f.letters == "upper" && !isUpper(cell):
		return errUpper
	case f.letters == "lower" && !isLower(cell):
		return errLower
	}
	return nil
}

func (f *format) validateInteger(cell string, s *scratch) error {
	text, err := appendInteger(s.text[:0], cell)
	if err != nil {
		return err
	}
	s.text = text
	if f.min == nil && f.max == nil {
		return nil
	}
	// Exact at any size: 4300 digits are fewer than 14300 bits.
	v, _ := new(big.Int).SetString(string(text), 10)
	value := new(big.Float).SetInt(v)
	if f.min != nil && value.Cmp(f.min) < 0 {
		return errBelow
	}
	if f.max != nil && value.Cmp(f.max) > 0 {
		return errAbove
	}
	return nil
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// tokens leaves the tokens of a cell in scratch: text, in the feature's encoding, and
// spans of it in order. An empty value has none, whatever the comparison.
func (f *feature) tokens(cell string, s *scratch) error {
	s.spans = s.spans[:0]
	value, err := f.value(cell, s)
	if err != nil || len(value) == 0 {
		return err
	}
	switch f.compare.kind {
	case "exact":
		s.text = append(s.text[:0], value...)
		s.spans = append(s.spans, tokenSpan{0, len(s.text)})
	case "ngram":
		s.ngrams(value, f.compare.n, f.compare.positional)
	case "numeric":
		start := 0
		s.text, err = f.compare.numeric.appendTokens(s.text[:0], value, func(text []byte) {
			s.spans = append(s.spans, tokenSpan{start, len(text)})
			start = len(text)
		})
		if err != nil {
			return err
		}
	}
	return s.transcode(f.format.encoding)
}

// value is what of a cell is cut into tokens: numbers and dates in one spelling, text as
// it is. A sentinel's replacement is taken verbatim, even in a date column (T7).
func (f *feature) value(cell string, s *scratch) (string, error) {
	if f.missing != nil && cell == f.missing.sentinel {
		return f.missing.replace, nil
	}
	if !utf8.ValidString(cell) {
		return "", errUTF8
	}
	var err error
	switch f.format.kind {
	case "integer":
		s.text, err = appendInteger(s.text[:0], cell)
		return string(s.text), err
	case "date":
		s.runes = appendRunes(s.runes[:0], cell)
		s.text, err = f.format.layout.appendDate(s.text[:0], s.runes)
		return string(s.text), err
	}
	return cell, nil
}

// ngrams cuts a value into overlapping windows of n code points, after padding it with
// n-1 spaces on both sides. A positional token begins with its number, from 1, and a
// space. Repeated tokens stay: they use up insertions (T12).
func (s *scratch) ngrams(value string, n int, positional bool) {
	s.text = s.text[:0]
	if !positional {
		// The tokens overlap in the padded text itself.
		for range n - 1 {
			s.text = append(s.text, ' ')
		}
		s.text = append(s.text, value...)
		for range n - 1 {
			s.text = append(s.text, ' ')
		}
		start, end := 0, 0
		for range n - 1 {
			end += runeLen(s.text[end:])
		}
		for end < len(s.text) {
			end += runeLen(s.text[end:])
			s.spans = append(s.spans, tokenSpan{start, end})
			start += runeLen(s.text[start:])
		}
		return
	}
	padded := s.runes[:0]
	for range n - 1 {
		padded = append(padded, ' ')
	}
	padded = appendRunes(padded, value)
	for range n - 1 {
		padded = append(padded, ' ')
	}
	s.runes = padded
	for i := 0; i+n <= len(padded); i++ {
		start := len(s.text)
		s.text = strconv.AppendInt(s.text, int64(i+1), 10)
		s.text = append(s.text, ' ')
		for _, r := range padded[i : i+n] {
			s.text = utf8.AppendRune(s.text, r)
		}
		s.spans = append(s.spans, tokenSpan{start, len(s.text)})
	}
}

func runeLen(text []byte) int {
	if text[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRune(text)
	return n
}

// transcode turns the tokens from UTF-8 into the feature's encoding. Python writes a
// byte-order mark before every text it encodes as utf-16 or utf-32, so each token has one
// (T3), then units in the order of the machine, little-endian.
func (s *scratch) transcode(encoding string) error {
	switch encoding {
	case "utf-8":
		return nil
	case "ascii":
		for _, at := range s.spans {
			for _, c := range s.text[at.start:at.end] {
				if c >= utf8.RuneSelf {
					return errASCII
				}
			}
		}
		return nil
	}
	s.wide = s.wide[:0]
	for i, at := range s.spans {
		start := len(s.wide)
		token := s.text[at.start:at.end]
		if encoding == "utf-16" {
			s.wide = append(s.wide, 0xFF, 0xFE)
		} else {
			s.wide = append(s.wide, 0xFF, 0xFE, 0, 0)
		}
		for len(token) > 0 {
			r, n := utf8.DecodeRune(token)
			token = token[n:]
			if encoding == "utf-16" {
				s.wide = appendUTF16(s.wide, r)
			} else {
				s.wide = binary.LittleEndian.AppendUint32(s.wide, uint32(r))
			}
		}
		s.spans[i] = tokenSpan{start, len(s.wide)}
	}
	s.text, s.wide = s.wide, s.text
	return nil
}

func appendUTF16(dst []byte, r rune) []byte {
	var units [2]uint16
	for _, u := range utf16.AppendRune(units[:0], r) {
		dst = binary.LittleEndian.AppendUint16(dst, u)
	}
	return dst
}

// CheckHeader compares a file's header with the schema: the same names in the same
// order, as clkhash demands.
func (s *Schema) CheckHeader(names []string) error {
	if len(names) > 0 && strings.HasPrefix(names[0], "\uFEFF") {
		return errors.New("the file begins with a byte-order mark, which clkhash takes for part of the first column's name; save it as UTF-8 without one")
	}
	if len(names) != len(s.features) {
		return errors.New("the header has " + strconv.Itoa(len(names)) + " columns where the schema has " + strconv.Itoa(len(s.features)))
	}
	for i, f := range s.features {
		if names[i] != f.identifier {
			// A first row without any name of the schema may be a person.
			if !slices.ContainsFunc(s.features, func(f feature) bool { return slices.Contains(names, f.identifier) }) {
				return errors.New("the first row has none of the schema's column names; if it is data already, say that there is no header")
			}
			return errors.New("column " + strconv.Itoa(i+1) + " is " + strconv.Quote(names[i]) + " where the schema has " + strconv.Quote(f.identifier) +
				"; put the columns in the schema's order under its names")
		}
	}
	return nil
}
