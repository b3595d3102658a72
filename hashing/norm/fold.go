package norm

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	unorm "golang.org/x/text/unicode/norm"
)

// Folding: from what was typed to words that compare.
//
// The obvious way, upper case and strip what is not A to Z, loses every name in another script and splits
// O'BRIEN in two as soon as its apostrophe was typed on another keyboard. Unicode's own decomposition folds É to E but
// leaves Ø, Ł and ß, which no decomposition reaches, as they are. So: compatibility forms first (NFKC, UAX #15), Latin
// letters to A to Z by decomposition and a small table, letters of other scripts kept in upper case with their marks,
// apostrophes removed, what separates words to one space, and the rest counted as stray.
//
// Nearly every cell is ASCII, so that case is one pass over a table.

// foldMode says what becomes of digits.
type foldMode bool

const (
	dropDigits foldMode = false // a name: digits are stray
	keepDigits foldMode = true  // free text: digits are part of words, and all else separates
)

// foldFacts are counted on the way.
type foldFacts struct {
	letters, digits, stray int
	bad                    bool // damage by a wrong encoding was seen
	at                     bool // an @: an e-mail address
	odd                    bool // a character of rawPlaceholders was seen
}

const (
	charStray = iota
	charUpper
	charLower
	charSpace // separates words
	charDrop  // vanishes: O'BRIEN is OBRIEN
	charDigit
)

// separators part words; apostrophes vanish. A colon, a less-than sign or a bar inside a name is a slip of the finger
// beside L, comma or backslash, so it is stray and leaves the word whole. The apostrophes are every sign that is typed or
// converted to one; the acute accent, the tonos and the Greek breathings among them NFKC would turn into a space and a mark.
const (
	separators  = " \t\r\n\v\f-_./\\,&+()[]{}\";"
	apostrophes = "'`\u00b4\u2018\u2019\u201a\u201b\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb\u2032\u2035\u055a\u05f3\ua78c\uff07\uff40\u0384\u1fbd\u1fbf\u1ffe\u1ffd\u1fef"
)

var charClass = func() (t [utf8.RuneSelf]uint8) {
	for c := 'A'; c <= 'Z'; c++ {
		t[c], t[c+'a'-'A'] = charUpper, charLower
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = charDigit
	}
	for _, c := range separators {
		t[c] = charSpace
	}
	for _, c := range apostropheSet {
		if c < utf8.RuneSelf {
			t[c] = charDrop
		}
	}
	return t
}()

// latinLetters are those that no decomposition takes apart, as English-language systems spell them.
var latinLetters = map[rune]string{
	'ß': "SS", 'ẞ': "SS", 'Æ': "AE", 'Œ': "OE", 'Ø': "O", 'Ł': "L", 'Đ': "D", 'Ð': "D", 'Þ': "TH", 'Ħ': "H", 'ı': "I",
	'Ŧ': "T", 'Ŋ': "N", 'Ə': "A", 'Ɓ': "B", 'Ɗ': "D", 'Ɖ': "D", 'Ƙ': "K", 'Ƴ': "Y", 'Ƒ': "F", 'Ɛ': "E", 'Ɔ': "O",
	'Ɠ': "G", 'Ɨ': "I", 'Ʉ': "U", 'Ƶ': "Z", 'Ǥ': "G", 'Ɲ': "N", 'Ƀ': "B", 'Ⱥ': "A", 'Ȼ': "C", 'Ɍ': "R", 'Ɏ': "Y", 'Ƚ': "L",
}

// fold appends the words of a cell to dst, in upper case with one space between. What it returns folds to itself.
func fold(dst []byte, cell string, mode foldMode) ([]byte, foldFacts) {
	var f foldFacts
	start, space := len(dst), false
	for i := 0; i < len(cell); i++ {
		c := cell[i]
		if c >= utf8.RuneSelf {
			return foldUnicode(dst[:start], cell, mode)
		}
		class := charClass[c]
		switch class {
		case charLower:
			if !without(LetterCase) {
				c -= 'a' - 'A'
			}
		case charUpper:
		case charDigit:
			f.digits++
			if mode == dropDigits {
				continue
			}
		case charDrop:
			space = space || without(Apostrophes)
			continue
		case charSpace:
			if c == '-' && without(Hyphens) {
				continue
			}
			f.odd = f.odd || c == '/' || c == '.'
			space = true
			continue
		default:
			f.stray++
			f.at = f.at || c == '@'
			f.odd = f.odd || c == '#' || c == '<'
			space = space || mode == keepDigits
			continue
		}
		if space && len(dst) > start {
			dst = append(dst, ' ')
		}
		space = false
		dst = append(dst, c)
	}
	f.letters = len(dst) - start
	if mode == keepDigits {
		f.letters -= f.digits
	}
	return dst, f
}

// foldUnicode is fold for cells that hold anything but ASCII.
func foldUnicode(dst []byte, cell string, mode foldMode) ([]byte, foldFacts) {
	var f foldFacts
	f.bad = wrongEncoding(cell)
	cell = strings.Map(apostropheOrInvisible, cell)
	cell = unorm.NFKC.String(cell)

	var room [128]byte
	out := room[:0]
	space, other := false, false // other: the last rune kept is of another script, so that a mark belongs to it
	word := func(s string) {
		if space && len(out) > 0 {
			out = append(out, ' ')
		}
		space = false
		out = append(out, s...)
	}
	for _, r := range cell {
		switch {
		case (r == '\'' || r >= utf8.RuneSelf) && slices.Contains(apostropheSet, r): // NFKC lets more of them appear
			space = space || without(Apostrophes)
		case r < utf8.RuneSelf && charClass[r] == charDigit || unicode.Is(unicode.Nd, r):
			f.digits++
			other = false
			if mode == keepDigits {
				word(string(r))
			}
		case unicode.IsLetter(r):
			f.letters++
			s := latin(r)
			if r >= utf8.RuneSelf && without(Accents) {
				s = ""
			}
			other = s == ""
			if other {
				s = string(unicode.ToUpper(r)) // a final sigma is a sigma
			}
			word(s)
		case unicode.IsMark(r):
			if other && !space {
				word(string(r))
			}
		case isSeparator(r):
			space, other = true, false
			f.odd = f.odd || r == '/' || r == '.'
		default:
			f.stray++
			f.at = f.at || r == '@'
			f.bad = f.bad || r == utf8.RuneError
			other = false
			space = space || mode == keepDigits
		}
	}
	// What was removed between two runes may let them compose.
	if !isASCII(string(out)) {
		out = unorm.NFKC.Bytes(out)
	}
	return append(dst, out...), f
}

// latinFolded holds latin for the blocks that nearly all accented names are written in, up to Latin Extended-B.
var latinFolded = func() (t [0x250]string) {
	for r := range t {
		t[r] = foldLatin(rune(r))
	}
	return t
}()

// latin returns A to Z for a Latin letter, or "" for a letter of another script, and for the phonetic letters.
func latin(r rune) string {
	if int(r) < len(latinFolded) {
		return latinFolded[r]
	}
	return foldLatin(r)
}

func foldLatin(r rune) string {
	up := unicode.ToUpper(r)
	if up >= 'A' && up <= 'Z' {
		return string(up)
	}
	if s, ok := latinLetters[r]; ok {
		return s
	}
	if s, ok := latinLetters[up]; ok {
		return s
	}
	if !unicode.Is(unicode.Latin, r) {
		return ""
	}
	base, _ := utf8.DecodeRuneInString(unorm.NFKD.String(string(up)))
	if base >= 'A' && base <= 'Z' {
		return string(base)
	}
	return latinLetters[base] // Ǿ is Ø and an accent
}

func isSeparator(r rune) bool {
	if r < utf8.RuneSelf {
		return charClass[r] == charSpace
	}
	// Every dash there is: hyphens, en and em dashes, minus, and the soft ones that were not dropped before.
	return unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Ps, unicode.Pe, unicode.Pi, unicode.Pf) || r == '−' || r == '·' || r == '•'
}

var apostropheSet = []rune(apostrophes)

func apostropheOrInvisible(r rune) rune {
	switch {
	case r < utf8.RuneSelf && charClass[r] != charDrop:
		return r
	case slices.Contains(apostropheSet, r):
		return '\''
	}
	return dropInvisible(r)
}

// dropInvisible removes what cannot be seen: byte order marks, soft hyphens, joiners, direction marks, variation selectors.
func dropInvisible(r rune) rune {
	if r >= 0xA0 && unicode.In(r, unicode.Cf, unicode.Variation_Selector) {
		return -1
	}
	return r
}

// wrongEncoding sees the traces of bytes read in another encoding than they were written in: bytes that are no UTF-8,
// the replacement character, C1 controls (Windows-1252 read as ISO 8859-1), and "Ã©" (UTF-8 read as Windows-1252).
func wrongEncoding(s string) bool {
	if !utf8.ValidString(s) {
		return true
	}
	var last rune
	for _, r := range s {
		if r == utf8.RuneError || r >= 0x80 && r < 0xA0 || (last == 'Ã' || last == 'Â') && r >= 0xA0 && r <= 0xBF {
			return true
		}
		last = r
	}
	return false
}

// textValue folds free words: letters and digits, single spaces.
func textValue(cell string) (string, Problem) {
	var room [128]byte
	words, f := fold(room[:0], cell, keepDigits)
	if len(words) == 0 || len(words) <= longestPlaceholder && isPlaceholder(cell) && !without(Placeholders) {
		return missing(cell)
	}
	p := None
	if f.bad {
		p = BadEncoding
	}
	return asString(words, cell), p
}

// codeValue keeps a code as it is written, but for case, compatibility forms and white space.
func codeValue(cell string) (string, Problem) {
	code := plain(cell)
	if !isASCII(code) {
		code = unorm.NFKC.String(strings.Map(unicode.ToUpper, code))
	} else {
		code = strings.ToUpper(code)
	}
	code = strings.Join(strings.Fields(code), " ")
	switch {
	case code == "" || isPlaceholder(code):
		return missing(cell)
	case wrongEncoding(cell):
		return "", BadEncoding // part of a code is no code
	case scientific(code):
		return "", Scientific
	}
	return code, None
}

// asString returns the bytes as a string, without a copy where the cell already is that string.
func asString(b []byte, cell string) string {
	if string(b) == cell {
		return cell
	}
	return string(b)
}
