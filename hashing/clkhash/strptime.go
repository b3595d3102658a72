package clkhash

// Dates, read as Python's datetime.strptime reads them.
//
// Python turns the format into a regular expression, matches it at the start of the text
// (not to its end), and only then looks whether anything is left over and whether the
// day exists. So "%d%m%Y" on "112020" is 1 January 2020: the first way in which the
// expression matches counts, and no other is tried because the date is odd. The same is
// done here: a list of pieces, each with its alternatives in Python's order, matched with
// backtracking. Source: CPython 3.11 Lib/_strptime.py, in the C locale, which is the one
// clkhash runs in.

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A dateLayout is a compiled strptime format. It is immutable.
type dateLayout struct {
	source string
	pieces []piece
	order  []byte // directives by slot
}

type piece struct {
	directive byte   // 0: literal or space
	slot      int    // of the directive in found
	literal   rune   // folded, where directive is 0 and not space
	space     bool   // one or more white-space characters
	branches  []form // alternatives of the directive, in order
}

// A form is one alternative of a directive: per character a set, written as in a regular
// expression, 'd' standing for \d of any script.
type form [][]rune

var errDate = errors.New("not a date in the schema's format")

// Alternatives of TimeRE, longest first as there. A class is written [..], \d is any
// decimal digit of Unicode, ASCII ranges are ASCII.
var directives = map[byte]string{
	'd': `3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9]`,
	'H': `2[0-3]|[0-1]\d|\d`,
	'I': `1[0-2]|0[1-9]|[1-9]`,
	'G': `\d\d\d\d`,
	'j': `36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9]`,
	'm': `1[0-2]|0[1-9]|[1-9]`,
	'M': `[0-5]\d|\d`,
	'S': `6[0-1]|[0-5]\d|\d`,
	'U': `5[0-3]|[0-4]\d|\d`,
	'W': `5[0-3]|[0-4]\d|\d`,
	'w': `[0-6]`,
	'u': `[1-7]`,
	'V': `5[0-3]|0[1-9]|[1-4]\d|\d`,
	'y': `\d\d`,
	'Y': `\d\d\d\d`,
	'f': `[0-9][0-9][0-9][0-9][0-9][0-9]|[0-9][0-9][0-9][0-9][0-9]|[0-9][0-9][0-9][0-9]|[0-9][0-9][0-9]|[0-9][0-9]|[0-9]`,
	'A': `wednesday|thursday|saturday|tuesday|monday|friday|sunday`,
	'a': `mon|tue|wed|thu|fri|sat|sun`,
	'B': `september|february|november|december|january|october|august|march|april|june|july|may`,
	'b': `jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec`,
	'p': `am|pm`,
}

// What the C locale writes for a whole date and time.
var composites = map[byte]string{
	'c': "%a %b %d %H:%M:%S %Y",
	'x': "%m/%d/%y",
	'X': "%H:%M:%S",
}

var (
	monthNames = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"}
	dayNames   = []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
)

// compileLayout refuses formats with which clkhash fails on every row, or which read
// differently from machine to machine.
func compileLayout(source string) (*dateLayout, error) {
	l := &dateLayout{source: source}
	seen := map[byte]bool{}
	if err := l.add(source, seen); err != nil {
		return nil, err
	}
	if seen['G'] && !seen['Y'] && !seen['y'] {
		if !seen['V'] || !(seen['A'] || seen['a'] || seen['w'] || seen['u']) {
			return nil, errors.New("%G needs %V and a day of the week (%A, %a, %w or %u)")
		}
		if seen['j'] {
			return nil, errors.New("%G does not go with %j; use %Y")
		}
	} else if seen['V'] && !seen['U'] && !seen['W'] {
		return nil, errors.New("%V goes with %G and a day of the week only")
	}
	return l, nil
}

func (l *dateLayout) add(source string, seen map[byte]bool) error {
	runes := []rune(source)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case isSpace(r):
			for i+1 < len(runes) && isSpace(runes[i+1]) {
				i++
			}
			l.pieces = append(l.pieces, piece{space: true})
			continue
		case r != '%':
			l.pieces = append(l.pieces, piece{literal: fold(r)})
			continue
		}
		if i++; i == len(runes) {
			return errors.New("ends in a stray %; write %% for a percent sign")
		}
		if runes[i] == '%' {
			l.pieces = append(l.pieces, piece{literal: '%'})
			continue
		}
		if runes[i] == 'Z' {
			return errors.New("%Z reads differently from machine to machine, as it depends on the local time zone")
		}
		d := byte(0)
		if runes[i] < utf8.RuneSelf {
			d = byte(runes[i])
		}
		if composite, ok := composites[d]; ok {
			if err := l.add(composite, seen); err != nil {
				return err
			}
			continue
		}
		if _, ok := directives[d]; !ok && d != 'z' {
			return fmt.Errorf("%%%c is not a directive of Python's strptime", runes[i])
		}
		if seen[d] {
			return fmt.Errorf("names %%%c twice (%%c, %%x and %%X stand for several directives), on which Python fails", d)
		}
		seen[d] = true
		l.pieces = append(l.pieces, piece{directive: d, slot: len(l.order), branches: compileForms(directives[d])})
		l.order = append(l.order, d)
	}
	return nil
}

func compileForms(expr string) (list []form) {
	if expr == "" {
		return nil
	}
	for _, branch := range strings.Split(expr, "|") {
		var f form
		for i := 0; i < len(branch); i++ {
			switch branch[i] {
			case '\\':
				i++
				f = append(f, []rune{'\\'})
			case '[':
				f = append(f, []rune{rune(branch[i+1]), rune(branch[i+3])})
				i += 4
			default:
				c := fold(rune(branch[i]))
				f = append(f, []rune{c, c})
			}
		}
		list = append(list, f)
	}
	return list
}

// match returns where the form ends in s.
func (f form) match(s []rune) (int, bool) {
	if len(s) < len(f) {
		return 0, false
	}
	for i, class := range f {
		if class[0] == '\\' {
			if _, ok := decimalValue(s[i]); !ok {
				return 0, false
			}
		} else if c := fold(s[i]); c < class[0] || c > class[1] {
			return 0, false
		}
	}
	return len(f), true
}

// found holds where each directive matched, by slot. No directive appears twice.
type found struct {
	at   [24]struct{ start, end int }
	text []rune
}

// match reports where the first match ends.
func (l *dateLayout) match(f *found, piece, at int) (int, bool) {
	if piece == len(l.pieces) {
		return at, true
	}
	p, s := &l.pieces[piece], f.text
	switch {
	case p.space:
		most := at
		for most < len(s) && isSpace(s[most]) {
			most++
		}
		for ; most > at; most-- {
			if end, ok := l.match(f, piece+1, most); ok {
				return end, true
			}
		}
		return 0, false
	case p.directive == 0:
		if at == len(s) || fold(s[at]) != p.literal {
			return 0, false
		}
		return l.match(f, piece+1, at+1)
	}
	try := func(n int) (int, bool) {
		f.at[p.slot] = struct{ start, end int }{at, at + n}
		return l.match(f, piece+1, at+n)
	}
	if p.directive == 'z' {
		for _, n := range zoneLengths(s[at:]) {
			if end, ok := try(n); ok {
				return end, true
			}
		}
		return 0, false
	}
	for _, branch := range p.branches {
		if n, ok := branch.match(s[at:]); ok {
			if end, ok := try(n); ok {
				return end, true
			}
		}
	}
	return 0, false
}

// zoneLengths lists how many characters %z can take, in the order of its expression:
// [+-]\d\d:?[0-5]\d(:?[0-5]\d(\.\d{1,6})?)?|(?-i:Z)
func zoneLengths(s []rune) (list []int) {
	if len(s) > 0 && s[0] == 'Z' {
		return []int{1}
	}
	digit := func(i int, most rune) bool {
		if i >= len(s) {
			return false
		}
		if most < '9' {
			return s[i] >= '0' && s[i] <= most
		}
		_, ok := decimalValue(s[i])
		return ok
	}
	if len(s) == 0 || s[0] != '+' && s[0] != '-' || !digit(1, '9') || !digit(2, '9') {
		return nil
	}
	pair := func(i int) int {
		if i < len(s) && s[i] == ':' {
			i++
		}
		if !digit(i, '5') || !digit(i+1, '9') {
			return 0
		}
		return i + 2
	}
	minutes := pair(3)
	if minutes == 0 {
		return nil
	}
	if seconds := pair(minutes); seconds != 0 {
		if seconds < len(s) && s[seconds] == '.' {
			end := seconds + 1
			for end < len(s) && end < seconds+7 && digit(end, '9') {
				end++
			}
			for ; end > seconds+1; end-- {
				list = append(list, end)
			}
		}
		list = append(list, seconds)
	}
	return append(list, minutes)
}

// appendDate appends the date that s holds as clkhash hashes it: year, month, day. The
// year is not padded: glibc writes the year 123 as "123", and clkhash with it (on other
// systems it may differ).
func (l *dateLayout) appendDate(dst []byte, s []rune) ([]byte, error) {
	f := found{text: s}
	end, ok := l.match(&f, 0, 0)
	if !ok || end != len(f.text) {
		return dst, errDate
	}
	year, month, day, ok := l.resolve(&f)
	if !ok {
		return dst, errDate
	}
	dst = strconv.AppendInt(dst, int64(year), 10)
	return append(dst, byte('0'+month/10), byte('0'+month%10), byte('0'+day/10), byte('0'+day%10)), nil
}

func appendRunes(dst []rune, s string) []rune {
	for _, r := range s {
		dst = append(dst, r)
	}
	return dst
}

// resolve is the second half of _strptime: from what matched to a day that exists. Where
// two directives say the same thing, the later one in the format counts.
func (l *dateLayout) resolve(f *found) (year, month, day int, ok bool) {
	const unset = -1
	year, month, day = unset, 1, 1
	isoYear, isoWeek, week, weekday, julian := unset, unset, unset, unset, unset
	weekStartsMonday := false
	for slot, d := range l.order {
		text := f.text[f.at[slot].start:f.at[slot].end]
		switch d {
		case 'y':
			if year = decimal(text); year <= 68 {
				year += 2000
			} else {
				year += 1900
			}
		case 'Y':
			year = decimal(text)
		case 'G':
			isoYear = decimal(text)
		case 'm':
			month = decimal(text)
		case 'd':
			day = decimal(text)
		case 'B', 'b':
			if month = nameIndex(text, monthNames, d == 'b') + 1; month == 0 {
				return 0, 0, 0, false
			}
		case 'A', 'a':
			if weekday = nameIndex(text, dayNames, d == 'a'); weekday < 0 {
				return 0, 0, 0, false
			}
		case 'w':
			weekday = (decimal(text) + 6) % 7
		case 'u':
			weekday = decimal(text) - 1
		case 'j':
			julian = decimal(text)
		case 'U', 'W':
			week, weekStartsMonday = decimal(text), d == 'W'
		case 'V':
			isoWeek = decimal(text)
		case 'S':
			if decimal(text) > 59 { // the expression lets leap seconds in, datetime does not
				return 0, 0, 0, false
			}
		case 'z':
			if !zoneExists(text) {
				return 0, 0, 0, false
			}
		}
	}

	leapFix := false
	switch {
	case year != unset:
	case month == 2 && day == 29:
		year, leapFix = 1904, true
	default:
		year = 1900
	}
	haveJulian := julian != unset
	if !haveJulian && weekday != unset {
		switch {
		case week != unset:
			if year < 1 {
				return 0, 0, 0, false
			}
			julian, haveJulian = julianOfWeek(year, week, weekday, weekStartsMonday), true
		case isoYear != unset && isoWeek != unset:
			if isoYear < 1 {
				return 0, 0, 0, false
			}
			// ISO week 1 holds 4 January.
			fourth := dayOf(isoYear, 1, 4)
			year, haveJulian = isoYear, true
			if julian = isoWeek*7 + weekday + 1 - (mondayFirst(fourth) + 1 + 3); julian < 1 {
				year--
				julian += yearDays(year)
			}
		}
		if haveJulian && julian <= 0 {
			year--
			julian += yearDays(year)
		}
	}
	if year < 1 || year > 9999 {
		return 0, 0, 0, false
	}
	var t time.Time
	if haveJulian {
		t = dayOf(year, 1, julian)
		if t.Year() < 1 || t.Year() > 9999 {
			return 0, 0, 0, false
		}
		year, month, day = t.Year(), int(t.Month()), t.Day()
	} else if t = dayOf(year, month, day); t.Day() != day {
		return 0, 0, 0, false
	}
	if leapFix {
		if year = 1900; dayOf(year, month, day).Day() != day {
			return 0, 0, 0, false
		}
	}
	return year, month, day, true
}

func dayOf(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

func mondayFirst(t time.Time) int { return (int(t.Weekday()) + 6) % 7 }

func yearDays(year int) int { return dayOf(year, 12, 31).YearDay() }

// julianOfWeek is _calc_julian_from_U_or_W.
func julianOfWeek(year, week, weekday int, startsMonday bool) int {
	first := mondayFirst(dayOf(year, 1, 1))
	if !startsMonday {
		first, weekday = (first+1)%7, (weekday+1)%7
	}
	if week == 0 {
		return 1 + weekday - first
	}
	return 1 + (7-first)%7 + 7*(week-1) + weekday
}

// decimal is the value of up to six digits of any script; a space counts for nothing
// (" 7" is a day).
func decimal(text []rune) (v int) {
	for _, r := range text {
		if d, ok := decimalValue(r); ok {
			v = v*10 + int(d)
		}
	}
	return v
}

// nameIndex finds a matched name among the full or three-letter names, or returns -1:
// the expression takes ſ for s, the list Python then looks in does not.
func nameIndex(text []rune, names []string, short bool) int {
	s := strings.ToLower(string(text))
	for i, name := range names {
		if short {
			name = name[:3]
		}
		if s == name {
			return i
		}
	}
	return -1
}

// zoneExists applies what _strptime and datetime demand of an offset beyond its
// expression: colons everywhere or nowhere, and less than a day.
func zoneExists(z []rune) bool {
	if z[0] == 'Z' {
		return true
	}
	if z[3] == ':' {
		z = append(append([]rune{}, z[:3]...), z[4:]...)
		if len(z) > 5 {
			if z[5] != ':' {
				return false
			}
			z = append(z[:5], z[6:]...)
		}
	} else if len(z) > 5 && z[5] == ':' {
		return false
	}
	// From 24:00 on, whatever the minutes, a day is reached.
	return decimal(z[1:3]) < 24
}
