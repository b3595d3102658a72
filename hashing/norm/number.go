package norm

import (
	"strings"
)

// Numbers that name a person, an address or a telephone, and the code for sex.
//
// A spreadsheet damages numbers in three ways, each its own problem here, and none is undone: scientific notation has
// lost digits for good; a lost leading zero could be put back, but a number of nine digits is as often one with a digit
// missing in the middle; and a ".0" from a floating-point column is harmless, so it is taken off and noted.

// ParseNHSNumber returns the ten digits of an NHS number, a CHI number (Scotland) or a Health and Care number (Northern
// Ireland): they share length and check digit. The result is "" with any problem but None, Repaired and TestNumber.
func ParseNHSNumber(s string) (string, Problem) {
	cell := s
	if len(s) != 10 || !allDigits(s) {
		var repaired bool
		s, repaired = digitsOf(plain(s), " -.\u2010")
		switch {
		case scientific(plain(cell)):
			return "", Scientific
		case len(s) == 9 && nhsCheckDigit("0"+s):
			return "", LostZero
		case len(s) != 10:
			return missing(cell)
		}
		if repaired {
			if text, p := ParseNHSNumber(s); p != None {
				return text, p
			}
			return s, Repaired
		}
	}
	switch {
	case (oneByte(s) || in(s, nhsDummies)) && !without(Placeholders):
		return "", Placeholder
	case !nhsCheckDigit(s) && !without(CheckDigits):
		return "", CheckDigit
	case strings.HasPrefix(s, nhsTestRange):
		return s, TestNumber
	}
	return s, None
}

const (
	// Numbers that people type to get past a form. The second and third have a correct check digit.
	nhsDummies = "1234567890 0123456789 9876543210"
	// 999 000 0000 to 999 999 9999 are never given to a person (NHS Digital, test data).
	nhsTestRange = "999"
)

// nhsCheckDigit is Modulus 11 (NHS Data Dictionary, NHS NUMBER): weights 10 down to 2, the check digit is 11 less the
// remainder, 11 counts as 0, and 10 is never given out.
func nhsCheckDigit(s string) bool {
	sum := 0
	for i := 0; i < 9; i++ {
		sum += int(s[i]-'0') * (10 - i)
	}
	check := 11 - sum%11
	if check == 11 {
		check = 0
	}
	return check == int(s[9]-'0')
}

// uprnDigits is the longest Unique Property Reference Number (BS 7666; OS AddressBase).
const uprnDigits = 12

func uprnValue(cell string) (string, Problem) {
	s := plain(cell)
	if scientific(s) {
		return "", Scientific
	}
	digits, repaired := digitsOf(s, " ")
	if digits == "" || len(digits) > uprnDigits {
		return missing(cell)
	}
	// Padding with zeros to twelve digits is how some systems print it.
	digits = strings.TrimLeft(digits, "0")
	switch {
	case digits == "", len(digits) > 2 && oneByte(digits):
		return "", Placeholder
	case repaired:
		return digits, Repaired
	}
	return digits, None
}

// digitsOf returns the digits of s when there is nothing else than the separators named, and "" otherwise. repaired: the
// ".0" of a floating-point column was taken off.
func digitsOf(s, separators string) (digits string, repaired bool) {
	if allDigits(s) {
		return s, false
	}
	if whole, ok := wholeNumber(s); ok {
		return whole, true
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteByte(byte(r))
		case !strings.ContainsRune(separators, r):
			return "", false
		}
	}
	return b.String(), false
}

func in(s, list string) bool {
	for list != "" {
		var word string
		word, list, _ = strings.Cut(list, " ")
		if word == s {
			return true
		}
	}
	return false
}

// Telephone numbers as E.164 and Ofcom's numbering plan have them.
const (
	phoneMin, phoneMax           = 9, 15                                            // digits of a number as typed or after 00
	phoneNationalMin, phoneUKMax = 10, 11                                           // digits of a UK number with its 0
	phoneDummies                 = "01234567890 0123456789 07123456789 01234567891" // typed where a form insists
	phonePunctuation             = " ()-./\u2010\u2011\u2012\u2013\t"               // inside one number
	phoneExtensions              = "EXTENSION EXTN EXT X #"                         // what follows is dropped
)

// phoneValue keeps one number of the cell. Where there are several, it is the first that is whole: the order is the
// order in which someone typed them, which is as good as any other and the same for everyone.
func phoneValue(cell string) (string, Problem) {
	s := plain(cell)
	if scientific(s) {
		return "", Scientific
	}
	text, p := phoneNumber(s)
	if text != "" && p != Garbled || p == Placeholder {
		return text, p
	}
	for _, one := range strings.FieldsFunc(s, func(r rune) bool { return r == '/' || r == ',' || r == ';' }) {
		if first, q := phoneNumber(one); q == None || q == Repaired {
			return first, Trimmed
		}
	}
	if text == "" {
		return missing(cell)
	}
	return text, p
}

func phoneNumber(s string) (string, Problem) {
	s = strings.ToUpper(strings.TrimSpace(s))
	p := None
	for _, word := range strings.Fields(phoneExtensions) {
		number, extension, found := strings.Cut(s, word)
		if found && allDigits(strings.Trim(extension, " .:)")) {
			s, p = strings.TrimRight(number, " (.,"), Trimmed
		}
	}
	if whole, ok := wholeNumber(s); ok {
		s, p = whole, Repaired
	}
	var b []byte
	international := false
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b = append(b, byte(r))
		case r == '+' && len(b) == 0 && !international:
			international = true
		case strings.ContainsRune(phonePunctuation, r):
		case p == Garbled: // a second one: not a telephone number
			return "", Invalid
		case i == 0 && r == '\'': // how a spreadsheet is told to leave a number alone
		default:
			p = Garbled
		}
	}
	n := string(b)
	switch {
	case international:
		n = "00" + strings.TrimPrefix(n, "00")
	case len(n) == 12 && strings.HasPrefix(n, "44"):
		n = "00" + n // the + was lost
		if p == None {
			p = Repaired
		}
	}
	if national, uk := strings.CutPrefix(n, "0044"); uk && !without(PhoneForms) {
		n = "0" + strings.TrimLeft(national, "0") // +44 (0)20 …
	}
	switch {
	case len(n) > 2 && oneByte(n[1:]), in(n, phoneDummies):
		return "", Placeholder
	case strings.HasPrefix(n, "00"):
		if len(n)-2 < phoneMin || len(n)-2 > phoneMax {
			return "", Invalid
		}
	case strings.HasPrefix(n, "0"):
		if len(n) < phoneNationalMin || len(n) > phoneUKMax {
			return "", Invalid
		}
	case len(n) < phoneMin || len(n) > phoneMax: // without its area code a number is shared by many towns
		return "", Invalid
	case p == None || p == Repaired:
		p = LostZero
	}
	return n, p
}

// Sex: the codes of PERSON GENDER CODE and PERSON STATED GENDER CODE (NHS Data Dictionary: 0 not known, 1 male, 2
// female, 9 not specified; X and U in older systems) and the words people use. Only M and F are evidence; all else,
// including a stated third gender, says nothing about which two records are one person and is missing.
const (
	sexMale    = "M MALE 1 MAN BOY MASCULINE"
	sexFemale  = "F FEMALE 2 WOMAN GIRL FEMININE"
	sexNeither = "0 9 3 4 U UNKNOWN X Z I O OTHER INDETERMINATE INTERSEX NONBINARY UNSPECIFIED UNDISCLOSED UNK NK"
)

var sexWords = func() map[string]string {
	m := make(map[string]string)
	for text, words := range map[string]string{"M": sexMale, "F": sexFemale, "": sexNeither} {
		for _, w := range strings.Fields(words) {
			m[w] = text
		}
	}
	return m
}()

func sexValue(cell string) (string, Problem) {
	if without(SexCodes) {
		return strings.ToUpper(plain(cell)), None
	}
	if len(cell) == 1 {
		switch cell[0] {
		case 'M', 'm', '1':
			return "M", None
		case 'F', 'f', '2':
			return "F", None
		}
	}
	if len(cell) > longestPlaceholder {
		return missing(cell)
	}
	s, repaired := wholeNumber(plain(cell))
	var room [longestPlaceholder]byte
	words, _ := fold(room[:0], s, keepDigits)
	if len(words) == 0 {
		return missing(cell)
	}
	// Several words, such as "1 MALE" or "F (FEMALE)", count when each says the same.
	said := ""
	for i, w := range strings.Fields(string(words)) {
		text, known := sexWords[w]
		switch {
		case !known:
			return missing(cell)
		case i == 0:
			said = text
		case text != said:
			return "", Invalid
		}
	}
	switch {
	case said == "":
		return "", Placeholder
	case repaired:
		return said, Repaired
	}
	return said, None
}
