package clkhash

// The corners of Python that decide what clkhash hashes: what int() and float() read,
// what upper() and lower() leave alone, what counts as a space, how base64 forgives,
// how round() rounds.
//
// The obvious way is to use Go's own (strconv, strings, unicode, base64). Each differs
// somewhere a real extract reaches: strconv takes hexadecimal and no Unicode digits,
// strings.ToUpper leaves "ß" alone, StdEncoding refuses what clkhash accepts. All of it
// was compared with CPython 3.11 over every code point (testdata/fresh.py).

import (
	"errors"
	"math"
	"math/big"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// maxDigits is how many digits CPython converts between text and int before it raises
// (sys.int_info.default_max_str_digits, since 3.11 and the security releases before).
const maxDigits = 4300

var (
	errNotInteger = errors.New("not a whole number")
	errNotNumber  = errors.New("not a number")
	errTooLong    = errors.New("a number of more than 4300 digits, which Python refuses to convert")
)

// asciiDigits rewrites a number as CPython does before it looks at it
// (_PyUnicode_TransformDecimalAndSpaceToASCII): Unicode digits and, beyond ASCII,
// Unicode spaces. It then trims what C calls space, so that U+001C to U+001F, which
// Python elsewhere counts as spaces, stay and make the number unreadable.
func asciiDigits(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r < 0x80:
			dst = append(dst, byte(r))
		case isSpace(r):
			dst = append(dst, ' ')
		default:
			d, ok := decimalValue(r)
			if !ok {
				return append(dst[:0], '?')
			}
			dst = append(dst, '0'+d)
		}
	}
	for len(dst) > 0 && isCSpace(dst[0]) {
		dst = dst[1:]
	}
	for len(dst) > 0 && isCSpace(dst[len(dst)-1]) {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func isCSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// appendInteger appends str(int(s, base=10)), the canonical decimal text, or says why
// Python's int() raises.
func appendInteger(dst []byte, s string) ([]byte, error) {
	var buf [32]byte
	t := asciiDigits(buf[:0], s)
	negative := false
	if len(t) > 0 && (t[0] == '-' || t[0] == '+') {
		negative = t[0] == '-'
		t = t[1:]
	}
	start, digits := len(dst), 0
	if negative {
		dst = append(dst, '-')
	}
	for i, c := range t {
		switch {
		case c >= '0' && c <= '9':
			digits++
			// Leading zeros go, but the last digit of zero itself stays.
			if c == '0' && len(dst) == start+btoi(negative) {
				continue
			}
			dst = append(dst, c)
		case c == '_' && i > 0 && t[i-1] != '_' && i+1 < len(t):
		default:
			return dst[:start], errNotInteger
		}
	}
	switch {
	case digits == 0:
		return dst[:start], errNotInteger
	case digits > maxDigits:
		return dst[:start], errTooLong
	case len(dst) == start+btoi(negative):
		return append(dst[:start], '0'), nil
	}
	return dst, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// parseFloat is Python's float() without its words: infinities and NaN are no use to
// any comparison, and clkhash fails on them one step later.
func parseFloat(s string) (float64, error) {
	var buf [32]byte
	t := asciiDigits(buf[:0], s)
	clean := make([]byte, 0, len(t))
	i := 0
	if i < len(t) && (t[i] == '+' || t[i] == '-') {
		clean = append(clean, t[i])
		i++
	}
	// A run of digits, with single underscores between two of them.
	run := func() int {
		n := 0
		for ; i < len(t); i++ {
			switch c := t[i]; {
			case c >= '0' && c <= '9':
				clean = append(clean, c)
				n++
			case c == '_' && n > 0 && t[i-1] != '_' && i+1 < len(t) && t[i+1] >= '0' && t[i+1] <= '9':
			default:
				return n
			}
		}
		return n
	}
	digits := run()
	if i < len(t) && t[i] == '.' {
		clean = append(clean, '.')
		i++
		digits += run()
	}
	if digits == 0 {
		return 0, errNotNumber
	}
	if i < len(t) && (t[i] == 'e' || t[i] == 'E') {
		clean = append(clean, 'e')
		i++
		if i < len(t) && (t[i] == '+' || t[i] == '-') {
			clean = append(clean, t[i])
			i++
		}
		if run() == 0 {
			return 0, errNotNumber
		}
	}
	if i != len(t) {
		return 0, errNotNumber
	}
	f, err := strconv.ParseFloat(string(clean), 64)
	if err != nil || math.IsInf(f, 0) {
		return 0, errNotNumber
	}
	return f, nil
}

// roundHalfEven is Python's int(round(f)), exact; ok is false for what has no integer.
func roundHalfEven(f float64) (*big.Int, bool) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, false
	}
	i, _ := big.NewFloat(math.RoundToEven(f)).Int(nil)
	return i, true
}

// isSpace is str.isspace for one character: bidirectional class WS, B or S, or category Zs.
func isSpace(r rune) bool {
	switch {
	case r <= 0x20:
		return r == 0x20 || r >= 0x09 && r <= 0x0D || r >= 0x1C && r <= 0x1F
	case r < 0x1680:
		return r == 0x85 || r == 0xA0
	}
	return r == 0x2028 || r == 0x2029 || unicode.Is(unicode.Zs, r)
}

// decimalValue is the digit that a character of category Nd stands for.
func decimalValue(r rune) (byte, bool) {
	if r < 0x80 {
		return byte(r - '0'), r >= '0' && r <= '9'
	}
	if !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	// Unicode assigns decimal digits in runs of ten, zero first (Unicode 15 section 4.6),
	// and no two runs touch except where the first begins at a multiple of ten from it.
	zero := r
	for n := 0; n < 9 && unicode.Is(unicode.Nd, zero-1); n++ {
		zero--
	}
	if r >= 0x1D7CE && r <= 0x1D7FF { // mathematical digits: five runs with no gap
		return byte((r - 0x1D7CE) % 10), true
	}
	return byte(r - zero), true
}

// specialUpper holds the characters whose upper case is more than one character
// (SpecialCasing.txt, the unconditional mappings): Go's unicode.ToUpper leaves some of
// them unchanged, Python's upper() none.
var specialUpper = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00DF, Hi: 0x00DF, Stride: 1}, {Lo: 0x0149, Hi: 0x0149, Stride: 1}, {Lo: 0x01F0, Hi: 0x01F0, Stride: 1},
		{Lo: 0x0390, Hi: 0x0390, Stride: 1}, {Lo: 0x03B0, Hi: 0x03B0, Stride: 1}, {Lo: 0x0587, Hi: 0x0587, Stride: 1},
		{Lo: 0x1E96, Hi: 0x1E9A, Stride: 1}, {Lo: 0x1F50, Hi: 0x1F56, Stride: 2}, {Lo: 0x1F80, Hi: 0x1FAF, Stride: 1},
		{Lo: 0x1FB2, Hi: 0x1FB4, Stride: 1}, {Lo: 0x1FB6, Hi: 0x1FB7, Stride: 1}, {Lo: 0x1FBC, Hi: 0x1FBC, Stride: 1},
		{Lo: 0x1FC2, Hi: 0x1FC4, Stride: 1}, {Lo: 0x1FC6, Hi: 0x1FC7, Stride: 1}, {Lo: 0x1FCC, Hi: 0x1FCC, Stride: 1},
		{Lo: 0x1FD2, Hi: 0x1FD3, Stride: 1}, {Lo: 0x1FD6, Hi: 0x1FD7, Stride: 1}, {Lo: 0x1FE2, Hi: 0x1FE4, Stride: 1},
		{Lo: 0x1FE6, Hi: 0x1FE7, Stride: 1}, {Lo: 0x1FF2, Hi: 0x1FF4, Stride: 1}, {Lo: 0x1FF6, Hi: 0x1FF7, Stride: 1},
		{Lo: 0x1FFC, Hi: 0x1FFC, Stride: 1}, {Lo: 0xFB00, Hi: 0xFB06, Stride: 1}, {Lo: 0xFB13, Hi: 0xFB17, Stride: 1},
	},
	LatinOffset: 1,
}

// isUpper reports whether s.upper() == s.
func isUpper(s string) bool {
	for _, r := range s {
		if r < 0x80 {
			if r >= 'a' && r <= 'z' {
				return false
			}
		} else if unicode.ToUpper(r) != r || unicode.Is(specialUpper, r) {
			return false
		}
	}
	return true
}

// isLower reports whether s.lower() == s. The one context rule of lower(), the final
// sigma, only concerns a capital, which is not lower case either way.
func isLower(s string) bool {
	for _, r := range s {
		if r < 0x80 {
			if r >= 'A' && r <= 'Z' {
				return false
			}
		} else if unicode.ToLower(r) != r {
			return false
		}
	}
	return true
}

// foldExtra joins characters that Python's re takes for equal under IGNORECASE and
// Unicode's simple folding does not (CPython Lib/re/_casefix.py; U+0130 through its
// simple lower case).
var foldExtra = map[rune]rune{
	'I': 'i', 0x130: 'i', 0x131: 'i', 0x1FD3: 0x390, 0x1FE3: 0x3B0, 0xFB06: 0xFB05,
}

// fold maps characters that Python's re takes for equal under IGNORECASE to one of them.
func fold(r rune) rune {
	if f, ok := foldExtra[r]; ok {
		return f
	}
	if r < 0x80 && (r < 'A' || r > 'Z' && r < 'a' || r > 'z') {
		return r
	}
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	if f, ok := foldExtra[least]; ok {
		return f
	}
	return least
}

// decodeBase64 is Python's base64.b64decode, which skips what is not in the standard
// alphabet (so that the - and _ of the URL alphabet vanish) and stops at a complete
// padding. skipped reports that it did either. Source: binascii_a2b_base64 in CPython
// Modules/binascii.c, without strict_mode.
func decodeBase64(s string) (out []byte, skipped bool, err error) {
	var held byte
	quad, pads := 0, 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x80 {
			return nil, false, errors.New("base64 text holds characters beyond ASCII")
		}
		if c == '=' {
			if quad >= 2 {
				if pads++; quad+pads >= 4 {
					return out, skipped || i+1 < len(s), nil
				}
			} else {
				skipped = true
			}
			continue
		}
		var v byte
		switch {
		case c >= 'A' && c <= 'Z':
			v = c - 'A'
		case c >= 'a' && c <= 'z':
			v = c - 'a' + 26
		case c >= '0' && c <= '9':
			v = c - '0' + 52
		case c == '+':
			v = 62
		case c == '/':
			v = 63
		default:
			skipped = true
			continue
		}
		pads = 0
		switch quad {
		case 1:
			out = append(out, held<<2|v>>4)
		case 2:
			out = append(out, held<<4|v>>2)
		case 3:
			out = append(out, held<<6|v)
		}
		held = v
		quad = (quad + 1) % 4
	}
	if quad != 0 {
		return nil, false, errors.New("base64 text is cut short; it must be padded with = to a multiple of four characters")
	}
	return out, skipped, nil
}
