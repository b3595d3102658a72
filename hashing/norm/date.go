package norm

import (
	"strings"
)

// Dates: eight characters, each of them evidence.
//
// The obvious way is to parse a date or give up. But a third of the wrong dates in real extracts are wrong in one part
// only (CRATE: of 624 disagreeing dates of birth 93 % in the day, the month or the year alone), and the other parts still
// tell people apart. So the parts are read one by one, and one that cannot be right is written as "-" characters. What is
// never done is to guess: not which of two numbers is the month, not the century where four digits were declared, not
// that 22374 is a day number.

// status of one part of a date.
type status uint8

const (
	absent status = iota
	good
	garbled    // not a number, or of a wrong length
	impossible // a number no date has there
	twoDigits  // a year of two digits where four were declared
)

// ymd is a date under construction: values by part, and whether each can be used.
type ymd struct {
	value [3]int
	state [3]status
	pivot bool // the century came from the pivot
}

func dateValue(cell string, form *dateForm) (string, Problem) {
	// The fast path: a clean cell of the declared width.
	if form.fixed > 0 && len(cell) == form.fixed && form.fixedSeparators(cell) {
		y, okY := smallNumber(cell[form.y:form.y+4], 4)
		m, okM := smallNumber(cell[form.m:form.m+2], 2)
		d, okD := smallNumber(cell[form.d:form.d+2], 2)
		if okY && okM && okD && y >= FirstYear && y <= LastYear && m-1 < 12 && m > 0 && d > 0 && d <= daysIn(y, m) && !isDefaultDate(y, m, d) {
			if form.compact > 0 && form.y == 0 && form.m == 4 {
				return cell, None
			}
			var b [8]byte
			copy(b[:4], cell[form.y:])
			copy(b[4:6], cell[form.m:])
			copy(b[6:], cell[form.d:])
			return string(b[:]), None
		}
	}
	return readDate(cell, form)
}

func (f *dateForm) fixedSeparators(cell string) bool {
	return f.sepA < 0 || isDateSeparator(cell[f.sepA]) && isDateSeparator(cell[f.sepB])
}

func isDateSeparator(c byte) bool { return c == '/' || c == '-' || c == '.' || c == ' ' }

// readDate is dateValue for any cell.
func readDate(raw string, form *dateForm) (string, Problem) {
	cell := raw
	if !isASCII(cell) {
		cell = plain(cell)
	}
	joined := 0
	if form.spaced && strings.Count(cell, " ") == form.n-1 {
		joined = form.n
	}
	trimmed := strings.TrimSpace(cell)
	if trimmed == "" {
		return "", Empty
	}
	if joined == 0 {
		text, p, done := readUndivided(trimmed, form)
		if done {
			if p == Invalid {
				return missing(raw)
			}
			return text, p
		}
		cell = trimmed
	}
	c, ok := scanDate(cell, joined)
	if !ok {
		return missing(raw)
	}
	if c.n == 1 && allDigits(c.parts[0]) { // "19610403T00:00"
		text, p := readSolid(c.parts[0], form)
		return withClock(text, p, c.clock)
	}
	if form.compact > 0 && c.n == 1 && len(c.parts[0]) == form.compact { // 1961p403
		c = form.cut(c.parts[0])
	}
	var text string
	var p Problem
	if form.n > 0 && form.fits(&c) {
		text, p = form.read(&c).finish(form.n)
	} else {
		text, p = readUndeclared(&c)
		if p == None && form.n > 0 {
			p = OtherForm
		}
	}
	if text == "" && (p == Invalid || p == Garbled) {
		return missing(raw)
	}
	return withClock(text, p, c.clock)
}

// readUndivided reads the cells that are not parts with something between them. done is false for the others.
func readUndivided(cell string, form *dateForm) (text string, p Problem, done bool) {
	if isPartialDate(cell) {
		c := dateCell{n: 3, parts: [3]string{cell[:4], cell[4:6], cell[6:]}}
		text, p = yearFirst.read(&c).finish(3)
		return text, p, true
	}
	if strings.Trim(cell, "0/-. :T") == "" && strings.Contains(cell, "0") {
		return "", DefaultDate, true // MySQL's zero date, and a blank that was formatted as a date
	}
	if scientific(cell) {
		return "", Scientific, true
	}
	whole, fraction, found := strings.Cut(cell, ".")
	switch {
	case !allDigits(whole) || found && !allDigits(fraction):
		return "", None, false
	case !found:
		text, p = readSolid(cell, form)
	case strings.Trim(fraction, "0") == "" && len(whole) > serialDigits:
		if text, p = readSolid(whole, form); p == None {
			p = Repaired
		}
	case len(whole) == serialDigits || len(fraction) > len("1961"): // a day number with a time of day
		p = SerialDate
	default: // 04.1961
		return "", None, false
	}
	return text, p, true
}

func withClock(text string, p Problem, c clock) (string, Problem) {
	switch {
	case text == "" || c <= midnight:
		return text, p
	case c == movedClock:
		return "", TimeOfDay
	case p == None || p == OtherForm:
		return text, TimeOfDay
	}
	return text, p
}

// serialDigits is the length of a spreadsheet's day number: 22374 is 3 April 1961 in Excel's 1900 system.
const serialDigits = 5

// readSolid reads a cell of digits only.
func readSolid(s string, form *dateForm) (string, Problem) {
	switch {
	case form.compact > 0 && len(s) == form.compact:
		c := form.cut(s)
		text, p := form.read(&c).finish(form.n)
		if p == ImpossibleDate && len(s) == 8 { // YYYYMMDD among DDMMYYYY, or the other way round
			if other, q := readEightDigits(s, form); q == None {
				return other, OtherForm
			}
		}
		return text, p
	case form.compact > 0 && len(s) == form.compact-1 && form.order[0] != partYear:
		return "", LostZero
	case form.n == 1 && form.twoDigit && len(s) == 2, len(s) == 4:
		c := dateCell{n: 1, parts: [3]string{s}}
		year := dateForm{n: 1, twoDigit: len(s) == 2}
		if form.n == 1 {
			return year.read(&c).finish(1)
		}
		return year.read(&c).finish(3)
	case len(s) == 8:
		text, p := readEightDigits(s, form)
		if p == None && form.n > 0 {
			p = OtherForm
		}
		return text, p
	case len(s) <= serialDigits:
		return "", SerialDate
	}
	return "", Invalid
}

// readEightDigits reads YYYYMMDD, and else DDMMYYYY, where neither was declared. No date is both: the month of the first
// would be the century of the second. A declared form still tells whether days or months come first.
func readEightDigits(s string, form *dateForm) (string, Problem) {
	c := dateCell{n: 3, parts: [3]string{s[:4], s[4:6], s[6:]}}
	text, p := yearFirst.read(&c).finish(3)
	if p == None || p == DefaultDate {
		return text, p
	}
	c.parts = [3]string{s[:2], s[2:4], s[4:]}
	var other string
	var q Problem
	if form.n == 3 && form.order[2] == partYear {
		other, q = form.read(&c).finish(3)
	} else {
		other, q = readUndeclared(&c)
	}
	if q == None || q == DefaultDate || q == AmbiguousDate {
		return other, q
	}
	return text, p
}

var (
	yearFirst  = mustForm("YYYY-MM-DD")
	dayFirst   = mustForm("DD/MM/YYYY")
	monthFirst = mustForm("MM/DD/YYYY")
)

func mustForm(s string) *dateForm {
	f, err := parseDateForm(s)
	if err != nil {
		panic(err) // a constant of this package
	}
	return &f
}

// cut parts a cell of digits by the widths of a compact form.
func (f *dateForm) cut(s string) (c dateCell) {
	for i := 0; i < f.n; i++ {
		c.parts[i], s = s[:f.widths[i]], s[f.widths[i]:]
	}
	c.n = f.n
	return c
}

// fits reports whether the parts of a cell can be those of the form. They cannot when a year of four digits stands where
// the form has something else, or a month's name where it has no month.
func (f *dateForm) fits(c *dateCell) bool {
	if c.n != f.n {
		return false
	}
	year := f.yearAt()
	for i := 0; i < c.n; i++ {
		if i != year && len(c.parts[i]) == 4 && allDigits(c.parts[i]) && len(c.parts[year]) != 4 {
			return false
		}
		if f.order[i] != partMonth && monthOf(c.parts[i]) > 0 {
			return false
		}
	}
	return true
}

// read reads the parts in the order of the form.
func (f *dateForm) read(c *dateCell) *ymd {
	d := &ymd{}
	for i := 0; i < f.n; i++ {
		part := f.order[i]
		d.value[part], d.state[part] = readPart(part, c.parts[i])
		if part == partYear && d.state[part] == twoDigits && f.twoDigit {
			d.value[part] += LastTwoDigitYear / 100 * 100
			if d.value[part] > LastTwoDigitYear {
				d.value[part] -= 100
			}
			d.state[part], d.pivot = good, true
		}
	}
	return d
}

// partUnknown are what people write for a part they do not know; so are dashes and question marks.
const partUnknown = "XX XXXX UU UUUU NK UNK ?? ????"

func readPart(part uint8, s string) (int, status) {
	if part == partDay && len(s) > 2 { // 3rd
		if end := len(s) - 2; in(strings.ToUpper(s[end:]), "ST ND RD TH") {
			s = s[:end]
		}
	}
	if s == "" || in(strings.ToUpper(s), partUnknown) || strings.Trim(s, "-") == "" {
		return 0, absent
	}
	if part == partMonth {
		if m := monthOf(s); m > 0 {
			return m, good
		}
	}
	longest := 2
	if part == partYear {
		longest = 4
	}
	v, ok := smallNumber(s, longest)
	switch {
	case !ok:
		return 0, garbled
	case part == partYear && len(s) == 2:
		return v, twoDigits
	case part == partYear && len(s) < 4:
		return 0, garbled
	case v == 0:
		return 0, absent
	case part == partYear && (v < FirstYear || v > LastYear), part == partMonth && v > 12, part == partDay && v > 31:
		return v, impossible
	}
	return v, good
}

// finish writes the usable parts and names the worst that was found. A form of n parts lacks the others by itself, which
// is no problem.
func (d *ymd) finish(n int) (string, Problem) {
	y, m, day := d.value[partYear], d.value[partMonth], d.value[partDay]
	if known := d.state[partYear]; (known == good || known == impossible) && isDefaultDate(y, m, day) {
		return "", DefaultDate
	}
	if d.state[partDay] == good && d.state[partMonth] == good {
		year := 2000 // a leap year, where the year is not known
		if d.state[partYear] == good {
			year = y
		}
		if day > daysIn(year, m) {
			d.state[partDay] = impossible
		}
	}
	b := [8]byte{'-', '-', '-', '-', '-', '-', '-', '-'}
	p := None
	if d.state[partYear] == good {
		b[0], b[1], b[2], b[3] = byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10)
	}
	if d.state[partMonth] == good {
		b[4], b[5] = byte('0'+m/10), byte('0'+m%10)
	}
	if d.state[partDay] == good {
		b[6], b[7] = byte('0'+day/10), byte('0'+day%10)
	}
	usable, missing := false, n-3
	for _, s := range d.state {
		switch s {
		case good:
			usable = true
		case absent:
			missing++
		case garbled:
			p = Garbled
		case impossible:
			if p != Garbled {
				p = ImpossibleDate
			}
		case twoDigits:
			if p == None {
				p = TwoDigitYear
			}
		}
	}
	switch {
	case p == None && d.pivot:
		p = TwoDigitYear
	case p == None && missing > 0:
		p = PartialDate
	}
	if !usable {
		if p == None || p == PartialDate {
			p = Invalid
		}
		return "", p
	}
	return string(b[:]), p
}

// readUndeclared reads a date in a form that nobody declared, if it can only be read in one way.
func readUndeclared(c *dateCell) (string, Problem) {
	p := c.parts
	four := func(s string) bool { return len(s) == 4 && allDigits(s) }
	switch c.n {
	case 3:
		switch {
		case monthOf(p[0]) > 0:
			return monthFirst.read(c).finish(3)
		case four(p[0]):
			return yearFirst.read(c).finish(3)
		case monthOf(p[1]) > 0:
			return dayFirst.read(c).finish(3)
		case !four(p[2]):
			if allDigits(p[0]) && allDigits(p[1]) && allDigits(p[2]) && len(p[2]) == 2 {
				return "", TwoDigitYear
			}
			return "", Invalid
		}
		a, stateA := readPart(partDay, p[0])
		b, stateB := readPart(partDay, p[1])
		switch {
		case stateA != good || stateB != good || a > 12 && b > 12:
			if stateA == good && stateB == good {
				stateA, stateB = impossible, impossible
			}
			d := &ymd{state: [3]status{partMonth: stateA, partDay: stateB}}
			if stateA == good {
				d.state[partMonth] = stateB // a lone number: day or month, nobody knows
			} else if stateB == good {
				d.state[partDay] = stateA
			}
			d.value[partYear], d.state[partYear] = readPart(partYear, p[2])
			return d.finish(3)
		case a > 12 || a == b:
			return dayFirst.read(c).finish(3)
		case b > 12:
			return monthFirst.read(c).finish(3)
		}
		text, q := dayFirst.read(c).finish(3)
		if text != "" && text[:4] != "----" {
			return text[:4] + "----", AmbiguousDate
		}
		return "", q
	case 2:
		form := dateForm{n: 2, order: [3]uint8{partMonth, partYear}}
		if four(p[0]) {
			form.order = [3]uint8{partYear, partMonth}
		} else if !four(p[1]) {
			return "", Invalid
		}
		return form.read(c).finish(3)
	}
	return "", Invalid
}

// isPartialDate recognises the canonical text of a date with unknown parts.
func isPartialDate(s string) bool {
	return len(s) == 8 && strings.IndexByte(s, '-') >= 0 &&
		oneKind(s[:4]) && oneKind(s[4:6]) && oneKind(s[6:])
}

func oneKind(s string) bool { return allDigits(s) || strings.Trim(s, "-") == "" }

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// defaultDates are what systems and people write when they have no date: the zero of the calendars of SQL Server, Excel
// and SPSS, and runs of ones and nines. 1 January 1970, Unix's zero, is not among them: people were born on it. DateColumn
// counts it.
var defaultDates = [...][3]int{
	{1900, 1, 1}, {1900, 1, 0}, {1901, 1, 1}, {1899, 12, 30}, {1899, 12, 31}, {1582, 10, 14}, {1582, 10, 15}, {1111, 11, 11}, {1911, 11, 11}, {9999, 9, 9},
}

// isDefaultDate reports a default date: one of the list, or the first or the last day of a year nobody was born in.
func isDefaultDate(y, m, d int) bool {
	if without(DefaultDates) {
		return false
	}
	if y < FirstYear || y > LastYear {
		if m == 1 && d == 1 || m == 12 && d == 31 {
			return true
		}
	} else if y > 1911 {
		return false
	}
	for _, def := range defaultDates {
		if def == [3]int{y, m, d} {
			return true
		}
	}
	return false
}

// yearValue reads a year, or takes it from a date.
func yearValue(cell string, form *dateForm) (string, Problem) {
	s := strings.TrimSpace(cell)
	if whole, ok := wholeNumber(s); ok && len(whole) == 4 {
		text, p := yearValue(whole, form)
		if p == None {
			p = Repaired
		}
		return text, p
	}
	if y, ok := smallNumber(s, 4); ok {
		switch {
		case len(s) == 4 && y >= FirstYear && y <= LastYear:
			return s, None
		case len(s) == 4 && (y == 0 || y == 1111 || y == 9999):
			return "", DefaultDate
		case len(s) == 4:
			return "", ImpossibleDate
		case len(s) == 2 && !form.twoDigit:
			return "", TwoDigitYear
		}
	}
	text, p := dateValue(cell, form)
	if text == "" {
		return "", p
	}
	if text[:4] == "----" {
		if p == PartialDate {
			p = Invalid
		}
		return "", p
	}
	switch p {
	case Garbled, ImpossibleDate, PartialDate, OtherForm, AmbiguousDate, TimeOfDay:
		p = None // the day's or the month's trouble
	}
	return text[:4], p
}
