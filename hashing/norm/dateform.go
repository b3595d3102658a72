package norm

import (
	"fmt"
	"strings"
)

// The form a party declares for its dates, and the parts a cell falls into. Reading the parts is in date.go.

// Bounds and pivot. They are fixed, not taken from a clock, so that an extract hashed next year gives the same filters.
const (
	// FirstYear and LastYear bound a year of birth. Before 1850 nobody in an electronic record was born; up to 2049 a
	// year may be a slip of one digit, beyond it is what systems write for "never".
	FirstYear = 1850
	LastYear  = 2049
	// LastTwoDigitYear is the pivot: 00 to 29 are 2000 to 2029, 30 to 99 are 1930 to 1999.
	LastTwoDigitYear = 2029
)

const (
	partYear = iota
	partMonth
	partDay
)

// dateForm is the order of the parts. The zero dateForm is "none declared".
type dateForm struct {
	order    [3]uint8
	n        int
	twoDigit bool // the year has two digits
	named    bool // the month is a name
	spaced   bool // the parts are separated by spaces: several columns, joined
	widths   [3]int
	compact  int // total digits of a form without separators, else 0
	// Where the parts of a cell of fixed width begin, for the fast path: "03/04/1961", "1961-04-03", "19610403".
	fixed      int // length of such a cell, or 0
	y, m, d    int
	sepA, sepB int // where its separators stand, or -1
}

// DateForms returns the forms that DateColumn tries, the more usual in the United Kingdom first. New reads any order of
// D, DD, M, MM, MMM, YY and YYYY, with or without separators, and forms without a day, or with a year only.
func DateForms() []string {
	return []string{"DD/MM/YYYY", "YYYY-MM-DD", "YYYYMMDD", "D MMM YYYY", "DD/MM/YY", "MM/DD/YYYY", "DDMMYYYY", "D MMM YY", "MMM D YYYY", "MM/DD/YY", "DDMMYY", "YYMMDD"}
}

func parseDateForm(form string) (dateForm, error) {
	var f dateForm
	fail := func(why string) (dateForm, error) {
		return dateForm{}, fmt.Errorf("date form %q %s; write it like DD/MM/YYYY, YYYY-MM-DD, YYYYMMDD or D MMM YYYY", form, why)
	}
	s := strings.ToUpper(strings.TrimSpace(form))
	// A time of day may be part of the declaration; it is read in every form anyway.
	for _, clock := range []string{" HH", "THH", " H:"} {
		if before, _, found := strings.Cut(s, clock); found {
			s = before
		}
	}
	s = strings.Replace(s, "MON", "MMM", 1) // as Oracle has it
	if len(s) > 40 {
		return fail("is too long")
	}
	var seen [3]bool
	separated := false
	f.sepA, f.sepB = -1, -1
	for i := 0; i < len(s); {
		run := i
		for run < len(s) && s[run] == s[i] {
			run++
		}
		part, width := 0, run-i
		switch c := s[i]; {
		case c == 'Y' && (width == 2 || width == 4):
			part = partYear
			f.twoDigit = width == 2
		case c == 'M' && width <= 4:
			part = partMonth
			f.named = width > 2
		case c == 'D' && width <= 2:
			part = partDay
		case c == ' ' || strings.IndexByte("/-.,", c) >= 0:
			if f.n == 0 || f.n > 2 || run == len(s) {
				return fail("begins or ends with a separator")
			}
			f.spaced = f.spaced || c == ' '
			separated = true
			i = run
			continue
		default:
			return fail("has a part that is none of D, DD, M, MM, MMM, YY and YYYY")
		}
		if seen[part] {
			return fail("names a part twice")
		}
		seen[part] = true
		f.order[f.n], f.widths[f.n] = uint8(part), width
		f.n++
		i = run
	}
	switch {
	case !seen[partYear]:
		return fail("has no year")
	case seen[partDay] && !seen[partMonth]:
		return fail("has a day but no month")
	}
	f.spaced = f.spaced && strings.Count(s, " ") == f.n-1
	if !separated && !f.named && f.n > 1 {
		for i := 0; i < f.n; i++ {
			if f.widths[i] == 1 {
				return fail("needs two digits for the day and the month when nothing separates them")
			}
			f.compact += f.widths[i]
		}
	}
	f.fix()
	return f, nil
}

// fix lays out cells of fixed width. Forms with a month's name, two digits for the year, or less than a day have none.
func (f *dateForm) fix() {
	if f.named || f.twoDigit || f.n < 3 {
		return
	}
	at := 0
	for i := 0; i < 3; i++ {
		width := 2
		switch f.order[i] {
		case partYear:
			f.y, width = at, 4
		case partMonth:
			f.m = at
		case partDay:
			f.d = at
		}
		at += width
		if f.compact == 0 && i < 2 {
			if i == 0 {
				f.sepA = at
			} else {
				f.sepB = at
			}
			at++
		}
	}
	f.fixed = at
}

// yearAt is the place of the year among the parts.
func (f *dateForm) yearAt() int {
	for i := 0; i < f.n; i++ {
		if f.order[i] == partYear {
			return i
		}
	}
	return -1
}

// dateCell is a cell taken apart.
type dateCell struct {
	parts [3]string
	n     int // how many parts, one to three
	clock clock
}

// clock is the time of day beside a date.
type clock uint8

const (
	noClock    clock = iota
	midnight         // with or without a time zone
	someTime         // a time of day where the event happened
	movedClock       // a time of day in a stated zone: the date there need not be the date here
)

// scanDate takes a cell apart. Where joined columns made it, it has joined parts with one space between: empty columns
// leave the other parts in their places.
func scanDate(cell string, joined int) (c dateCell, ok bool) {
	if joined > 1 && !strings.ContainsAny(cell, "/-.,:") {
		c.n = joined
		for i := 0; i < joined; i++ {
			c.parts[i], cell, _ = strings.Cut(cell, " ")
		}
		return c, true
	}
	cell = strings.TrimSpace(cell)
	if colon := strings.IndexByte(cell, ':'); colon >= 0 {
		at := colon
		for at > 0 && isDigit(cell[at-1]) {
			at--
		}
		if at == 0 || at == colon || cell[at-1] != ' ' && cell[at-1]|0x20 != 't' {
			return c, false
		}
		if c.clock, ok = readClock(cell[at:]); !ok {
			return c, false
		}
		cell = strings.TrimRight(cell[:at-1], " ,")
	}
	if !strings.ContainsAny(cell, " /-.,") {
		c.parts, c.n = splitNamedMonth(cell)
		return c, true
	}
	for cell != "" || c.n > 0 {
		if c.n == 3 {
			return c, false
		}
		end := strings.IndexAny(cell, " /-.,")
		if end < 0 {
			c.parts[c.n] = cell
			c.n++
			break
		}
		c.parts[c.n] = cell[:end]
		c.n++
		// Spaces belong to the separator they stand beside.
		rest := strings.TrimLeft(cell[end:], " ")
		if rest != "" && strings.IndexByte("/-.,", rest[0]) >= 0 {
			rest = strings.TrimLeft(rest[1:], " ")
		}
		cell = rest
	}
	return c, true
}

// splitNamedMonth splits 03APR1961, as SAS writes dates; anything else is one part.
func splitNamedMonth(s string) (parts [3]string, n int) {
	from := strings.IndexFunc(s, isLetterRune)
	to := strings.LastIndexFunc(s, isLetterRune) + 1
	if from > 0 && to < len(s) && monthOf(s[from:to]) > 0 && allDigits(s[:from]) && allDigits(s[to:]) {
		return [3]string{s[:from], s[from:to], s[to:]}, 3
	}
	return [3]string{s}, 1
}

func isLetterRune(r rune) bool { return r|0x20 >= 'a' && r|0x20 <= 'z' }

// readClock reads hh:mm, hh:mm:ss and fractions, AM and PM, and a time zone.
func readClock(s string) (clock, bool) {
	s = strings.ToUpper(s)
	zone := false
	if z, found := strings.CutSuffix(s, "Z"); found {
		s, zone = z, true
	} else if at := strings.LastIndexAny(s, "+-"); at > 0 {
		if !allDigits(strings.Replace(s[at+1:], ":", "", 1)) {
			return noClock, false
		}
		s, zone = strings.TrimSpace(s[:at]), true
	}
	half := ""
	for _, h := range []string{"AM", "PM"} {
		if before, found := strings.CutSuffix(s, h); found {
			s, half = strings.TrimSpace(before), h
		}
	}
	s, fraction, dotted := strings.Cut(s, ".")
	if dotted && !allDigits(fraction) {
		return noClock, false
	}
	fields := strings.Split(s, ":")
	if len(fields) < 2 || len(fields) > 3 {
		return noClock, false
	}
	nothing := strings.Trim(fraction, "0") == ""
	for i, field := range fields {
		v, ok := smallNumber(field, 2)
		if !ok || v > 59 || i == 0 && v > 24 {
			return noClock, false
		}
		if i == 0 && v == 12 && half == "AM" {
			v = 0
		}
		nothing = nothing && v == 0
	}
	switch {
	case nothing && half != "PM":
		return midnight, true
	case zone:
		return movedClock, true
	}
	return someTime, true
}

// smallNumber reads one to longest digits.
func smallNumber(s string, longest int) (int, bool) {
	if s == "" || len(s) > longest {
		return 0, false
	}
	v := 0
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) {
			return 0, false
		}
		v = v*10 + int(s[i]-'0')
	}
	return v, true
}

var monthNames = [12]string{"JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"}

// monthOf reads an English month: its name, its first three letters, or SEPT. It returns 0 for anything else.
func monthOf(s string) int {
	if len(s) < 3 || len(s) > len("SEPTEMBER") {
		return 0
	}
	for i, name := range monthNames {
		if strings.EqualFold(s, name) || strings.EqualFold(s, name[:3]) || i == 8 && strings.EqualFold(s, "SEPT") {
			return i + 1
		}
	}
	return 0
}
