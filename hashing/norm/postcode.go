package norm

import "strings"

// Postcodes by the rules of BS 7666 and the Royal Mail's Postcode Address File: an outward code of two to four characters
// (A9, A99, AA9, AA99, A9A, AA9A) and an inward code 9AA.
//
// Only whole postcodes are kept. An outward code alone is shared by some ten thousand addresses; beside whole postcodes it
// would count as agreement on all of it. A project whose parties only hold outward codes declares a field of kind code.

// Letters that can stand at a place of the outward code, and in the inward code.
const (
	postcodeFirst  = "ABCDEFGHIJKLMNOPRSTUWYZ"     // not Q V X
	postcodeSecond = "ABCDEFGHKLMNOPQRSTUVWXY"     // not I J Z
	postcodeThird  = "ABCDEFGHJKPSTUW"             // A9A
	postcodeFourth = "ABEHMNPRVWXY"                // AA9A
	postcodeInward = "ABDEFGHJLNPQRSTUWXYZ"        // not C I K M O V
	postcodeDummy  = "AA11AA A11AA AA11AB AA999AA" // typed where a form insists
)

var postcodeDummies = set(strings.Fields(postcodeDummy)...)

func postcodeValue(cell string) (string, Problem) {
	if without(PostcodeSpaces) {
		return strings.ToUpper(plain(cell)), None
	}
	var room [8]byte
	code, fits := compact(room[:0], plain(cell))
	if len(code) >= 2 && code[0] == 'Z' && code[1] == 'Z' {
		if without(PseudoPostcodes) {
			return string(code), None
		}
		// ZZ99 3VZ no fixed abode, ZZ99 3WZ not known, ZZ99 and a country code overseas (NHS Data Dictionary, POSTCODE).
		// No real area begins with ZZ.
		return "", PseudoPostcode
	}
	if !fits {
		return missing(cell)
	}
	if isPostcode(code) {
		if _, dummy := postcodeDummies[string(code)]; dummy {
			return "", Placeholder
		}
		return asString(code, cell), None
	}
	if repaired, ok := repairPostcode(code); ok && !without(PostcodeRepair) {
		return repaired, Repaired
	}
	if without(WholePostcodes) {
		return string(code), None
	}
	if isOutward(code) || len(code) > 2 && isDigit(code[len(code)-1]) && isOutward(code[:len(code)-1]) {
		return "", PartialPostcode
	}
	return missing(cell)
}

// compact appends the letters, in upper case, and digits of s to dst. It reports false when something else than
// punctuation was among them, or when there are more than a postcode has.
func compact(dst []byte, s string) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isDigit(c) || c-'A' < 26:
		case c-'a' < 26:
			c -= 'a' - 'A'
		case strings.IndexByte(" -.,\t", c) >= 0:
			continue
		default:
			return dst, false
		}
		if len(dst) == 7 {
			return dst, false
		}
		dst = append(dst, c)
	}
	return dst, true
}

func isPostcode(code []byte) bool {
	n := len(code)
	if n < 5 || n > 7 {
		return false
	}
	in := code[n-3:]
	return isDigit(in[0]) && in1(postcodeInward, in[1]) && in1(postcodeInward, in[2]) &&
		(isOutward(code[:n-3]) || string(code) == "GIR0AA") // Girobank, the one exception
}

func in1(letters string, c byte) bool { return strings.IndexByte(letters, c) >= 0 }

// isOutward accepts an outward code. A district of two digits does not begin with 0 (S01 is SO1 mistyped), and only an
// area of two letters has a district 0 (CR0, SL0).
func isOutward(o []byte) bool {
	if len(o) < 2 || len(o) > 4 || !in1(postcodeFirst, o[0]) {
		return false
	}
	if isDigit(o[1]) {
		switch {
		case o[1] == '0':
			return false
		case len(o) == 2:
			return true
		case len(o) == 3:
			return isDigit(o[2]) || in1(postcodeThird, o[2])
		}
		return false
	}
	if !in1(postcodeSecond, o[1]) || len(o) < 3 || !isDigit(o[2]) {
		return false
	}
	if len(o) == 3 {
		return true
	}
	return isDigit(o[3]) && o[2] != '0' || in1(postcodeFourth, o[3])
}

// postcodeRepairDigits is how many digits a code must hold, as it is written, to be repaired: BOOROWA is a town, and no
// misspelt BO0R 0WA.
const postcodeRepairDigits = 1

// repairPostcode reads O as 0, I as 1 and the other way round, at any place, when exactly one such reading is a postcode.
func repairPostcode(code []byte) (string, bool) {
	if len(code) < 5 {
		return "", false
	}
	digits := 0
	var unsure []int
	for i, c := range code {
		if isDigit(c) {
			digits++
		}
		if in1("O0I1", c) {
			unsure = append(unsure, i)
		}
	}
	if digits < postcodeRepairDigits {
		return "", false
	}
	var found string
	try := append([]byte(nil), code...)
	for choice := 1; choice < 1<<len(unsure); choice++ {
		copy(try, code)
		for bit, i := range unsure {
			if choice>>bit&1 == 1 {
				try[i] = "0O1I"[strings.IndexByte("O0I1", code[i])]
			}
		}
		if !isPostcode(try) {
			continue
		}
		if found != "" {
			return "", false
		}
		found = string(try)
	}
	return found, found != ""
}
