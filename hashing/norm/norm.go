// Package norm turns one cell of an extract into the one text that everyone's hashing starts from, and says in one word
// what was wrong with it. It does not know keys, tokens, filters, files or columns, and it never looks at a clock or a
// locale: the same cell gives the same text on every machine, in every year.
//
// Two partners who normalise differently do not link, and nobody sees why. So the rules are one numbered set ([Version]),
// shipped whole, and [Digest] of every table in them is part of what a project agrees on.
//
// The rules follow three habits. What is not evidence is missing: a placeholder, a default date or a pseudo-postcode
// that two strangers share must never make them look alike. What can be read in one way only is read; what could be read
// in two ways is not guessed. And nothing is silent: whatever was dropped or mended comes back as a [Problem] that the
// partner can count, beside a text that is "" when nothing usable was left.
//
// README.md in this folder says, kind by kind, what is removed and why.
package norm

import (
	"fmt"
	"strings"
	"unicode/utf8"

	unorm "golang.org/x/text/unicode/norm"
)

// Version names this set of rules. It changes when a rule does.
const Version = "norm/1"

// Kind is what a field holds, as the project file spells it.
type Kind string

// The kinds of field.
const (
	Name      Kind = "name"       // words of a person's name: "ANNE MARIE", "OBRIEN"
	Date      Kind = "date"       // eight characters YYYYMMDD, "-" for each character that is not known: "1994--31"
	Year      Kind = "year"       // four digits
	Sex       Kind = "sex"        // "M" or "F"
	Postcode  Kind = "postcode"   // a full UK postcode without its space: "RG401XS"
	NHSNumber Kind = "nhs-number" // ten digits, the tenth a correct check digit
	UPRN      Kind = "uprn"       // one to twelve digits, no leading zero
	Phone     Kind = "phone"      // digits; a UK number begins with one 0, a foreign one with 00
	Text      Kind = "text"       // words of letters and digits
	Code      Kind = "code"       // the cell itself, in upper case
)

// Kinds returns every kind, in the order of the documentation.
func Kinds() []Kind {
	return []Kind{Name, Date, Year, Sex, Postcode, NHSNumber, UPRN, Phone, Text, Code}
}

// Problem says what was wrong with a cell. A problem with a text beside it was noted or mended; a problem with the text
// "" made the value missing. There is at most one for a cell: the first that applies in the order a person mending the
// extract would want to hear them.
type Problem uint8

// The problems. Those that keep the value say so.
const (
	None            Problem = iota
	Empty                   // nothing but white space
	Placeholder             // UNKNOWN, N/A, BABY, TEST, 0000000000: stands for no value
	Invalid                 // not a value of this kind
	BadEncoding             // characters lost or doubled by a wrong text encoding; a name keeps the rest
	Garbled                 // characters that do not belong; the rest is kept
	Trimmed                 // a title, suffix, note or second value was removed; the rest is kept
	Initial                 // a name of initials only; kept
	Repaired                // mended where only one reading is possible (O for 0 in a postcode, 1961.0); kept
	DefaultDate             // a date that systems write when they have none
	ImpossibleDate          // a part that no date can have, or a year outside 1850 to 2049; the other parts are kept
	PartialDate             // some parts are absent; the others are kept
	OtherForm               // not in the declared form, but in one that can only be read one way; kept
	AmbiguousDate           // day and month could be either way round; only the year is kept
	TwoDigitYear            // the century is a guess: made by the pivot where the declared form has two digits, else the year is not kept
	TimeOfDay               // a time other than midnight beside the date; the date is kept, but not where a time zone could have moved it
	SerialDate              // a spreadsheet's day number
	Scientific              // a spreadsheet's scientific notation, which has lost digits
	LostZero                // a spreadsheet's lost leading zero; a telephone number is kept as written
	PseudoPostcode          // ZZ99 and the like: no fixed abode, not known, overseas
	PartialPostcode         // an outward code or a sector only
	CheckDigit              // an NHS number whose check digit is wrong
	TestNumber              // an NHS number of the 999 range, which no person has; kept unless Options.RejectTestNumbers
	problems                // how many there are
)

var problemWords = [problems]string{
	None:            "no problem",
	Empty:           "empty",
	Placeholder:     "placeholder for no value",
	Invalid:         "not a value of this kind",
	BadEncoding:     "damaged by a wrong text encoding",
	Garbled:         "stray characters",
	Trimmed:         "title, suffix or note removed",
	Initial:         "initials only",
	Repaired:        "mended",
	DefaultDate:     "default date",
	ImpossibleDate:  "impossible date",
	PartialDate:     "incomplete date",
	OtherForm:       "date in another form than declared",
	AmbiguousDate:   "day and month could be either way round",
	TwoDigitYear:    "two-digit year",
	TimeOfDay:       "time of day beside the date",
	SerialDate:      "spreadsheet day number",
	Scientific:      "scientific notation",
	LostZero:        "leading zero lost",
	PseudoPostcode:  "pseudo-postcode",
	PartialPostcode: "incomplete postcode",
	CheckDigit:      "wrong check digit",
	TestNumber:      "test NHS number",
}

// String is the problem in plain words, lower case, fit for a table's heading.
func (p Problem) String() string {
	if p >= problems {
		return fmt.Sprintf("problem %d", uint8(p))
	}
	return problemWords[p]
}

// Problems returns every problem except None, in declaration order.
func Problems() []Problem {
	all := make([]Problem, 0, problems-1)
	for p := None + 1; p < problems; p++ {
		all = append(all, p)
	}
	return all
}

// Options are what one party says about its own cells. They describe how the cells are written, never what comes out
// of them, so partners may differ in them and still link.
type Options struct {
	// Dates is the form of dates in this party's extract, such as "DD/MM/YYYY" (see DateForms). Left empty, a date is
	// taken only where it can be read in one way. It serves Date and Year; other kinds ignore it.
	Dates string
	// RejectTestNumbers makes NHS numbers of the 999 test range missing.
	RejectTestNumbers bool
}

// Normaliser normalises the cells of one field. It is immutable: calls may overlap.
type Normaliser struct {
	kind       Kind
	form       dateForm
	rejectTest bool
}

// New returns the normaliser of one kind of field. It fails on an unknown kind and on a date form it cannot read.
func New(kind Kind, o Options) (*Normaliser, error) {
	n := &Normaliser{kind: kind, rejectTest: o.RejectTestNumbers}
	switch kind {
	case Date, Year:
		if o.Dates == "" {
			break
		}
		form, err := parseDateForm(o.Dates)
		if err != nil {
			return nil, err
		}
		n.form = form
	case Name, Sex, Postcode, NHSNumber, UPRN, Phone, Text, Code:
	default:
		return nil, fmt.Errorf("unknown kind of field %q; the kinds are %s", string(kind), kindList())
	}
	return n, nil
}

func kindList() string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// Value returns the canonical text of a cell and what was wrong with it; the text "" means missing. Where a field maps to
// several columns, the caller joins their cells with one space, also where a cell is empty, so that the place of a part
// still tells what it is. A canonical text is its own canonical text, a date under the form "YYYYMMDD".
//
// The text may be the cell itself or a part of it, and so keep the caller's row alive; clone it to hold it longer.
func (n *Normaliser) Value(cell string) (string, Problem) {
	switch n.kind {
	case Name:
		return nameValue(cell)
	case Date:
		text, p := dateValue(cell, &n.form)
		if withoutDate(p) {
			text = ""
		}
		return text, p
	case Year:
		return yearValue(cell, &n.form)
	case Sex:
		return sexValue(cell)
	case Postcode:
		return postcodeValue(cell)
	case NHSNumber:
		text, p := ParseNHSNumber(cell)
		if p == TestNumber && n.rejectTest {
			text = ""
		}
		return text, p
	case UPRN:
		return uprnValue(cell)
	case Phone:
		return phoneValue(cell)
	case Text:
		return textValue(cell)
	default:
		return codeValue(cell)
	}
}

// missing names why a cell that is no value of its kind is missing.
func missing(cell string) (string, Problem) {
	if strings.TrimSpace(cell) == "" {
		return "", Empty
	}
	if isPlaceholder(cell) {
		return "", Placeholder
	}
	if !utf8.ValidString(cell) || strings.ContainsRune(cell, utf8.RuneError) {
		return "", BadEncoding
	}
	return "", Invalid
}

// plain returns the cell trimmed and, where it holds anything but ASCII, in NFKC, so that full-width digits and no-break
// spaces are read as what they look like (UAX #15).
func plain(cell string) string {
	cell = strings.TrimSpace(cell)
	if !isASCII(cell) {
		cell = strings.TrimSpace(unorm.NFKC.String(strings.Map(dropInvisible, cell)))
	}
	return cell
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// oneByte reports whether s is one byte repeated.
func oneByte(s string) bool {
	return s != "" && strings.Count(s, s[:1]) == len(s)
}

// scientific recognises a number as spreadsheets abbreviate long ones: 9.43477E+09.
func scientific(s string) bool {
	mantissa, exponent, found := strings.Cut(strings.ToUpper(s), "E")
	if !found {
		return false
	}
	whole, fraction, dotted := strings.Cut(mantissa, ".")
	sign := strings.HasPrefix(exponent, "+") || strings.HasPrefix(exponent, "-")
	if !dotted && !sign {
		return false // 1E10 is as likely to be a code
	}
	return allDigits(strings.TrimPrefix(whole, "-")) && (!dotted || allDigits(fraction)) && allDigits(strings.TrimLeft(exponent, "+-"))
}

// wholeNumber removes the ".0" that a whole number gets when its column was read as floating point, which happens to
// every column with an empty cell in it.
func wholeNumber(s string) (string, bool) {
	whole, fraction, dotted := strings.Cut(s, ".")
	if !dotted || fraction == "" || strings.Trim(fraction, "0") != "" || !allDigits(whole) {
		return s, false
	}
	return whole, true
}
