package norm

import "strings"

// A column of dates, seen whole. One cell 03/04/1961 does not say which of its numbers is the month; ten thousand cells
// do, or they show that two systems wrote the column. The accumulator keeps counts only, no cell, so that a column of any
// length can be looked at while it streams by.

// DateColumn counts which forms the dates of a column are in. The zero value is ready; calls may not overlap.
type DateColumn struct {
	cells, empty                 int
	byForms                      map[uint16]int // cells by the set of forms they fit, a bit for each of columnForms
	day, month, either           int
	serial, scientific, defaults int
	janFirst, epoch              int
}

// DateReport is what a column of dates looks like. All figures are cells.
type DateReport struct {
	Cells int // all that were added
	Empty int // white space or a placeholder

	// Forms counts, for each known form in the order of DateForms, the cells that are a whole date in that form. A cell
	// can count for several.
	Forms []FormCount
	// Best is the form that reads the most cells, "" when none reads any; BestCells is how many it reads. Of two that
	// read the same cells, it is the more usual in the United Kingdom, so see DayMonth before trusting it.
	Best      string
	BestCells int
	// Second is the form that reads the most of the cells that Best does not read, and SecondCells how many of them.
	Second      string
	SecondCells int
	// Mixed: the column holds a second form, and not by a slip of the hand.
	Mixed bool

	// Of the cells with two numbers that could be day and month: those that can only be day first, only month first, and
	// both. 05/05/1961 is the same either way and counts nowhere.
	DayFirst, MonthFirst, Either int
	DayMonth                     DayMonth

	Serial     int // spreadsheet day numbers
	Scientific int // scientific notation
	Default    int // default dates such as 1 January 1900
	NewYear    int // 1 January of any other year: the day that is written when only the year is known
	Epoch      int // 1 January 1970, Unix's zero, which some systems write for no date; also among NewYear
	Unreadable int // neither empty nor one of the above nor a whole date in any known form
}

// FormCount is how many cells are a whole date in one form.
type FormCount struct {
	Form  string
	Cells int
}

// DayMonth says what a column tells about the order of day and month.
type DayMonth uint8

// What a column can tell about day and month.
const (
	NoQuestion   DayMonth = iota // no cell in which they could be confused
	DayFirst                     // some cells can only be day first, and none speaks against it beyond a slip
	MonthFirst                   // some cells can only be month first, and none speaks against it beyond a slip
	Ambiguous                    // every cell can be read either way: ask who made the extract
	Contradicted                 // some cells can only be day first, others only month first: two systems wrote it
)

// String is the finding in plain words.
func (d DayMonth) String() string {
	return [...]string{"no question of day and month", "day first", "month first", "day and month could be either way round", "some day first, some month first"}[d]
}

// slips is how many in a thousand cells may read the other way round before a column counts as contradicted: a digit
// mistyped in the month makes 3/4 into 3/14 about that often. Where 1 in 60 cells was written the other way round, as a
// spreadsheet of another country does, three fifths of them cannot be read as the rest, which is above it.
const slips = 10

var columnForms = func() []*dateForm {
	var forms []*dateForm
	for _, text := range DateForms() {
		forms = append(forms, mustForm(text))
	}
	return forms
}()

// Add counts one cell.
func (c *DateColumn) Add(cell string) {
	c.cells++
	cell = plain(cell)
	if cell == "" || isPlaceholder(cell) {
		c.empty++
		return
	}
	text, p := readDate(cell, &dateForm{})
	switch p {
	case SerialDate:
		c.serial++
		return
	case Scientific:
		c.scientific++
		return
	case DefaultDate:
		c.defaults++
	}
	if p != DefaultDate && strings.HasSuffix(text, "0101") {
		c.janFirst++
		if text == "19700101" {
			c.epoch++
		}
	}
	parts, ok := scanDate(cell, 0)
	var fits uint16
	var day, month [3]string
	if ok {
		for i, form := range columnForms {
			found, reads := form.exactly(&parts)
			if !reads {
				continue
			}
			fits |= 1 << i
			if form.order[0] == partDay && !form.named {
				day = found
			} else if form.order[0] == partMonth && !form.named {
				month = found
			}
		}
	}
	switch {
	case day[0] != "" && month[0] != "":
		if strings.TrimLeft(day[0], "0") != strings.TrimLeft(day[1], "0") {
			c.either++
		}
	case day[0] != "" && parts.n == 3: // six or eight digits are no evidence: no form with the month first was tried on them
		c.day++
	case month[0] != "":
		c.month++
	}
	if fits == 0 && p == DefaultDate {
		return
	}
	if c.byForms == nil {
		c.byForms = make(map[uint16]int)
	}
	c.byForms[fits]++
}

// exactly reports whether a cell is a whole date in the form and in its own manner: digits only for a compact form, a
// month's name where the form has one, as many digits in the year. It returns the parts in the form's order.
func (f *dateForm) exactly(c *dateCell) ([3]string, bool) {
	cell := *c
	if f.compact > 0 {
		if c.n != 1 || len(c.parts[0]) != f.compact || !allDigits(c.parts[0]) {
			return cell.parts, false
		}
		cell = f.cut(c.parts[0])
	}
	if cell.n != f.n || !f.fits(&cell) {
		return cell.parts, false
	}
	for i, part := range cell.parts {
		switch f.order[i] {
		case partYear:
			if len(part) == 4 == f.twoDigit {
				return cell.parts, false
			}
		case partMonth:
			if monthOf(part) > 0 != f.named {
				return cell.parts, false
			}
		}
	}
	_, p := f.read(&cell).finish(3)
	return cell.parts, p == None || p == TwoDigitYear || p == DefaultDate
}

// Report says what was counted so far.
func (c *DateColumn) Report() DateReport {
	names := DateForms()
	r := DateReport{
		Cells: c.cells, Empty: c.empty, DayFirst: c.day, MonthFirst: c.month, Either: c.either,
		Serial: c.serial, Scientific: c.scientific, Default: c.defaults, NewYear: c.janFirst, Epoch: c.epoch,
		Unreadable: c.byForms[0],
	}
	best, second := -1, -1
	for i, name := range names {
		n := c.count(1<<i, 0)
		r.Forms = append(r.Forms, FormCount{name, n})
		if n > r.BestCells {
			best, r.Best, r.BestCells = i, name, n
		}
	}
	if best >= 0 {
		for i, name := range names {
			if n := c.count(1<<i, 1<<best); n > r.SecondCells {
				second, r.Second, r.SecondCells = i, name, n
			}
		}
	}
	few, many := min(c.day, c.month), max(c.day, c.month)
	switch {
	case many == 0 && c.either == 0:
		r.DayMonth = NoQuestion
	case many == 0:
		r.DayMonth = Ambiguous
	case few > 1 && few*1000 > (few+many)*slips:
		r.DayMonth = Contradicted
	case c.day > c.month:
		r.DayMonth = DayFirst
	default:
		r.DayMonth = MonthFirst
	}
	// A cell in another shape is no slip of the hand; a cell in the same shape with the month above 12 can be.
	if second >= 0 {
		sameShape := columnForms[best].twoDigit == columnForms[second].twoDigit && columnForms[best].named == columnForms[second].named &&
			columnForms[best].compact == columnForms[second].compact && columnForms[best].order[2] == columnForms[second].order[2]
		r.Mixed = r.SecondCells > 1 && (!sameShape || r.DayMonth == Contradicted)
	}
	return r
}

// count adds up the cells that fit all forms of with and none of without.
func (c *DateColumn) count(with, without uint16) int {
	n := 0
	for fits, cells := range c.byForms {
		if fits&with == with && fits&without == 0 {
			n += cells
		}
	}
	return n
}
