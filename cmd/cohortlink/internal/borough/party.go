package borough

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/encoding/charmap"
)

// Every party writes its extract its own way: other headers, another order, its own form of dates, sex and postcode. Here is each way, and
// how a record becomes a row in it.

// What the columns of an extract can hold. Names are the project's field and need names.
const (
	colForename   = "forename"
	colSurname    = "surname"
	colBirth      = "birth_date"
	colBirthDay   = "birth_date day" // the three make one field
	colBirthMonth = "birth_date month"
	colBirthYear  = "birth_date year"
	colSex        = "sex"
	colPostcode   = "postcode"
	colNHS        = "nhs_number"
	colAddress    = "address"
	colUPRN       = "uprn"
	colFrailty    = "frailty"
	colDiabetes   = "diabetes"
	colHousing    = "housing_need"
	colSocialCare = "social_care"
	colAgeBand    = "age_band"
	colDepriv     = "deprivation"
)

// fields are the project's fields, in the order a project file would name them.
var fields = []string{colForename, colSurname, colBirth, colSex, colPostcode, colNHS}

// fieldsOf are the project's fields of a borough with the settings.
func fieldsOf(s *Settings) []string {
	if s.Addresses == nil {
		return fields
	}
	return append(fields[:len(fields):len(fields)], colAddress, colUPRN)
}

// Need is a fact that some parties declare about their records.
type Need struct {
	Name   string
	Kind   string   // "yes-no" or "category"
	Values []string // of a category, in order
}

var needKinds = []Need{
	{Name: colFrailty, Kind: "yes-no"},
	{Name: colDiabetes, Kind: "yes-no"},
	{Name: colHousing, Kind: "yes-no"},
	{Name: colSocialCare, Kind: "yes-no"},
	{Name: colAgeBand, Kind: "category", Values: ageBands[:]},
	{Name: colDepriv, Kind: "category", Values: []string{"1", "2", "3", "4", "5"}},
}

var ageBands = [...]string{"under 18", "18 to 39", "40 to 64", "65 to 79", "80 and over"}

func ageBand(age int) string {
	switch {
	case age < 18:
		return ageBands[0]
	case age < 40:
		return ageBands[1]
	case age < 65:
		return ageBands[2]
	case age < 80:
		return ageBands[3]
	}
	return ageBands[4]
}

type column struct {
	header string
	what   string // one of the names above
}

type sexCodes struct{ male, female, blank string }

type postcodeForm uint8

const (
	spaced postcodeForm = iota // OB1 2AB
	joined                     // OB12AB
	fixed8                     // OB1  2AB: the inward part starts at position 6, as in HES
)

// style is how one kind of system writes its extract.
type style struct {
	rid       string // header of the record number
	columns   []column
	dates     string // as a project file declares it
	sex       sexCodes
	postcode  postcodeForm
	upper     bool // names in upper case
	plain     bool // no accents
	yes, no   string
	delimiter byte
	crlf, bom bool
	legacy    bool // Windows-1252
}

// Four kinds of practice system, invented, with the variety of the real ones.
var practiceStyles = []style{
	{
		rid: "PatientID", dates: "DD/MM/YYYY", sex: sexCodes{"M", "F", ""}, postcode: spaced, yes: "Y", no: "N", delimiter: ',', crlf: true,
		columns: []column{{"NHS Number", colNHS}, {"Surname", colSurname}, {"Forename", colForename}, {"Date of Birth", colBirth}, {"Sex", colSex},
			{"Postcode", colPostcode}, {"Frailty Register", colFrailty}, {"Diabetes Register", colDiabetes}},
	},
	{
		rid: "patient_ref", dates: "YYYY-MM-DD", sex: sexCodes{"1", "2", "0"}, postcode: joined, upper: true, yes: "Y", no: "N", delimiter: ',',
		columns: []column{{"first_name", colForename}, {"family_name", colSurname}, {"gender_code", colSex}, {"dob", colBirth},
			{"post_code", colPostcode}, {"nhs_no", colNHS}, {"efi_frail", colFrailty}, {"diabetes_qof", colDiabetes}},
	},
	{
		rid: "RECNO", dates: "D MMM YYYY", sex: sexCodes{"Male", "Female", "Unknown"}, postcode: spaced, yes: "Yes", no: "No", delimiter: ';', crlf: true, bom: true,
		columns: []column{{"Given Name", colForename}, {"Family Name", colSurname}, {"Born", colBirth}, {"Gender", colSex}, {"NHS No.", colNHS},
			{"Home Postcode", colPostcode}, {"Diabetic", colDiabetes}, {"Frail", colFrailty}},
	},
	{
		rid: "ID", dates: "DD MM YYYY", sex: sexCodes{"M", "F", "U"}, postcode: spaced, upper: true, plain: true, yes: "Y", no: "N", delimiter: '\t',
		columns: []column{{"FORENAME1", colForename}, {"SURNAME", colSurname}, {"BIRTH_DAY", colBirthDay}, {"BIRTH_MONTH", colBirthMonth},
			{"BIRTH_YEAR", colBirthYear}, {"SEX", colSex}, {"NHSNO", colNHS}, {"PCODE", colPostcode}, {"FRAILTY", colFrailty}, {"DIABETES", colDiabetes}},
	},
}

var ccgStyle = style{
	rid: "SUS_RECORD_ID", dates: "YYYYMMDD", sex: sexCodes{"1", "2", "9"}, postcode: fixed8, upper: true, plain: true, yes: "Y", no: "N", delimiter: ',',
	columns: []column{{"NHS_NUMBER", colNHS}, {"PERSON_FAMILY_NAME", colSurname}, {"PERSON_GIVEN_NAME", colForename}, {"PERSON_BIRTH_DATE", colBirth},
		{"PERSON_GENDER_CODE", colSex}, {"POSTCODE_OF_USUAL_ADDRESS", colPostcode}, {"AGE_BAND", colAgeBand}, {"IMD_QUINTILE", colDepriv}, {"DIABETES_CODED", colDiabetes}},
}

var councilStyle = style{
	rid: "Customer Ref", dates: "DD/MM/YYYY", sex: sexCodes{"Male", "Female", ""}, postcode: spaced, yes: "Yes", no: "No", delimiter: ',', crlf: true, bom: true,
	columns: []column{{"First Name", colForename}, {"Last Name", colSurname}, {"DOB", colBirth}, {"Gender", colSex}, {"Post Code", colPostcode},
		{"NHS No", colNHS}, {"Age Band", colAgeBand}, {"Known to Social Care", colSocialCare}, {"Housing Need", colHousing}},
}

type partyKind uint8

const (
	kindCouncil partyKind = iota
	kindCCG
	kindPractice
)

// party is one partner and how its extract comes about.
type party struct {
	name     string
	kind     partyKind
	index    int // place among the parties
	practice int // which practice, for kindPractice
	taken    day // date of the snapshot
	rates    *Rates
	style    style
	ridKey   uint64
}

// parties makes the council, the CCG and the practices.
func parties(s *Settings) []party {
	r := stream(s.Seed, streamStreets, 2)
	taken := func() day {
		return dayOf(s.AsOf.AddDate(0, -r.IntN(s.SnapshotMonths+1), 0))
	}
	council, rates := councilStyle, s.CouncilRates
	if s.Council == CouncilTax {
		// No NHS number; date of birth missing on 40 % (A); nothing known of care.
		rates.NHSBlank, rates.DateBlank = 1, 0.4
		council.columns = without(council.columns, colNHS, colSocialCare)
	}
	out := []party{
		{name: "council", kind: kindCouncil, rates: &rates, style: council},
		{name: "ccg", kind: kindCCG, rates: &s.CCG, style: ccgStyle},
	}
	for i := range s.Practices {
		p := party{
			// X and five digits has the form of a practice code; no English practice's begins with X.
			name: fmt.Sprintf("gp-x81%03d", 3+i*17), kind: kindPractice, practice: i, rates: &s.GP, style: practiceStyles[i%len(practiceStyles)],
		}
		p.style.legacy = s.LegacyEncoding && i == 0
		out = append(out, p)
	}
	for i := range out {
		if s.Addresses != nil {
			out[i].style = out[i].style.withAddress()
		}
		out[i].index, out[i].taken, out[i].ridKey = i, taken(), r.Uint64()
	}
	return out
}

func without(cols []column, what ...string) []column {
	var out []column
next:
	for _, c := range cols {
		for _, w := range what {
			if c.what == w {
				continue next
			}
		}
		out = append(out, c)
	}
	return out
}

func (pt *party) header() []byte {
	var b []byte
	if pt.style.bom {
		b = append(b, "\ufeff"...)
	}
	b = append(b, pt.style.rid...)
	for _, c := range pt.style.columns {
		b = append(b, pt.style.delimiter)
		b = pt.cell(b, c.header)
	}
	return pt.endLine(b)
}

func (pt *party) endLine(b []byte) []byte {
	if pt.style.crlf {
		b = append(b, '\r')
	}
	return append(b, '\n')
}

// row appends a record's cells but the first, the record number: each after a delimiter, up to the end of the line.
func (pt *party) row(b []byte, rec *record) []byte {
	for _, c := range pt.style.columns {
		b = append(b, pt.style.delimiter)
		b = pt.cell(b, pt.text(c.what, rec))
	}
	return pt.endLine(b)
}

// cell appends one cell, quoted where CSV wants it (RFC 4180 section 2).
func (pt *party) cell(b []byte, text string) []byte {
	if strings.IndexByte(text, pt.style.delimiter) < 0 && !strings.ContainsAny(text, "\"\r\n") {
		return append(b, text...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(text, `"`, `""`)...)
	return append(b, '"')
}

// text is what one cell of a record says in this party's form.
func (pt *party) text(what string, rec *record) string {
	st := &pt.style
	yesNo := func(b bool) string {
		if b {
			return st.yes
		}
		return st.no
	}
	switch what {
	case colForename:
		return pt.nameText(rec.forename)
	case colSurname:
		return pt.nameText(rec.surname)
	case colBirth, colBirthDay, colBirthMonth, colBirthYear:
		return dateText(what, st.dates, rec.birth)
	case colSex:
		switch rec.sex {
		case 'M':
			return st.sex.male
		case 'F':
			return st.sex.female
		}
		return st.sex.blank
	case colPostcode:
		return postcodeText(st.postcode, rec.postcode)
	case colNHS:
		if st.postcode == spaced && len(rec.nhs) == 10 && st.crlf { // systems that show numbers to people write them 3-3-4
			return rec.nhs[:3] + " " + rec.nhs[3:6] + " " + rec.nhs[6:]
		}
		return rec.nhs
	case colAddress:
		return pt.addressText(rec.address)
	case colUPRN:
		return rec.uprn
	case colFrailty:
		return yesNo(rec.needs.frailty)
	case colDiabetes:
		return yesNo(rec.needs.diabetes)
	case colHousing:
		return yesNo(rec.needs.housing)
	case colSocialCare:
		return yesNo(rec.needs.socialCare)
	case colAgeBand:
		return ageBand(rec.age)
	case colDepriv:
		return string(byte('0' + rec.quintile))
	}
	panic("no such column: " + what)
}

// addressText writes an address in capitals, or in capitals and small letters.
func (pt *party) addressText(line string) string {
	if pt.style.upper {
		return line
	}
	b := []byte(line)
	for i := 1; i < len(b); i++ {
		if b[i] >= 'A' && b[i] <= 'Z' && b[i-1] != ' ' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

func (pt *party) nameText(name string) string {
	if pt.style.plain {
		name = plainLetters(name)
	}
	if pt.style.upper {
		name = strings.ToUpper(name)
	}
	if pt.style.legacy {
		var b []byte
		for _, c := range name {
			if x, ok := charmap.Windows1252.EncodeRune(c); ok {
				b = append(b, x)
			} else { // what the code page lacks, such systems hold without its accent
				b = append(b, plainLetters(string(c))...)
			}
		}
		name = string(b)
	}
	return name
}

func postcodeText(form postcodeForm, pc string) string {
	out, in, ok := strings.Cut(pc, " ")
	switch {
	case !ok:
		return pc
	case form == joined:
		return out + in
	case form == fixed8:
		return out + strings.Repeat(" ", 5-len(out)) + in
	}
	return pc
}

// dateText writes a date, or one part of it, in a declared form; a blank date is an empty cell.
func dateText(what, form string, d date) string {
	if d == (date{}) {
		return ""
	}
	two := func(n int8) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }
	y := string(appendInt(nil, int(d.y)))
	switch {
	case what == colBirthDay:
		return two(d.d)
	case what == colBirthMonth:
		return two(d.m)
	case what == colBirthYear:
		return y
	case form == "DD/MM/YYYY":
		return two(d.d) + "/" + two(d.m) + "/" + y
	case form == "YYYY-MM-DD":
		return y + "-" + two(d.m) + "-" + two(d.d)
	case form == "YYYYMMDD":
		return y + two(d.m) + two(d.d)
	case form == "D MMM YYYY":
		return string(appendInt(nil, int(d.d))) + " " + time.Month(d.m).String()[:3] + " " + y
	}
	panic("no such form of date: " + form)
}

// columnMap is which headers hold each field or need.
func (st *style) columnMap(names []string) map[string][]string {
	m := map[string][]string{}
	for _, n := range names {
		for _, c := range st.columns {
			if c.what == n || strings.HasPrefix(c.what, n+" ") {
				m[n] = append(m[n], c.header)
			}
		}
	}
	return m
}

// ridText is the record number of a party's n-th record in order of making: eight digits that tell neither the order nor the person, since the
// steps below shuffle all numbers of 24 bits among themselves.
func (pt *party) ridText(n uint32) string {
	const bits = 24
	x := n
	for i := range 3 {
		k := uint32(mix(pt.ridKey + uint64(i)))
		x ^= x >> 11 // each step can be undone, so that no two numbers meet
		x = x*(k|1) + k>>7
		x &= 1<<bits - 1
	}
	x ^= x >> 13
	return string(appendInt(nil, int(x)+10_000_000))
}

// order is where a party's n-th record stands in its file: files are sorted by it.
func (pt *party) order(n uint32) uint64 { return mix(pt.ridKey ^ mix(uint64(n))) }
