package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cohortlink/hashing/norm"
)

// What is worth telling, and what to do about it. Whoever reads this is alone in
// a practice and afraid of a mistake: each finding says what is there, why it
// matters, and whom to ask for what. Damage that must not pass unseen is told
// from the first cell on; what every extract has a little of, from a share on.

const (
	notable = 0.01 // share of records from which an ordinary fault is told
	lacking = 0.10 // share of empty cells from which a field is called incomplete
	// 1 January is the birthday of 0.27 % of people; where it is that of several
	// times as many, it stands for a day that nobody knew.
	manyNewYear = 0.02
)

const spreadsheetAdvice = "ask for the extract straight from the system that holds it, and do not open and save it in a spreadsheet before hashing"

func (p *Profiler) find(r *Report) {
	add := func(kind, code, field, text, do string) {
		r.Findings = append(r.Findings, Finding{kind, code, field, text, do})
	}
	p.findRows(add)
	for _, f := range p.fields {
		if len(f.columns) == 0 {
			p.findMissing(f, add)
			continue
		}
		p.findMapping(f, add)
		p.findDamage(f, add)
		if f.Kind == norm.Date {
			p.findDates(f, add)
		}
		p.findGaps(f, add)
	}
	p.findRepeats(add)
	if n := p.groups[groupLittle]; n > 0 {
		kind := Know
		if float64(n) >= lacking*float64(p.rows) {
			kind = Ask
		}
		add(kind, "too-little", "", protect(n, p.rows).Of("records")+" hold too little to be linked; hashing will set them aside",
			"ask whether the fields that are empty there are kept somewhere else")
	}
}

type adder func(kind, code, field, text, do string)

// many reports whether n cells are a notable share of the rows.
func (p *Profiler) many(n int, share float64) bool {
	return n > 0 && float64(n) >= share*float64(p.rows)
}

func (p *Profiler) findRows(add adder) {
	for _, why := range p.order {
		s := p.reasons[why]
		last := s.last == p.lastRow
		switch {
		case last && s.rows == 1:
			add(Fix, "last-row", "", fmt.Sprintf("the last row, %d, %s: it looks like a total or a note, or like the end of a file that was cut off", s.first, why),
				"compare the number of rows with the supplier's; if it is a total or a note, delete it")
		case last && s.rows >= shiftRun && s.rows >= (s.last-s.first+1)*9/10:
			add(Fix, "rows-broken-from", "", fmt.Sprintf("from row %d to the end nearly every row %s", s.first, why),
				fmt.Sprintf("look at row %d and the one before it: something was lost or put in there; ask for the extract again", s.first))
		default:
			add(Fix, "rows-unreadable", "", fmt.Sprintf("%s %s; the first is row %d", protect(s.rows, p.rows+p.aside).Of("rows"), plural(why), s.first),
				"look at these rows; hashing will leave them out")
		}
	}
	if s, ok := p.shift.report(); ok {
		side := "left"
		if s.right {
			side = "right"
		}
		switch {
		case s.first == 0:
			add(Fix, "shifted-rows", "", fmt.Sprintf("%s have cells that stand one column too far to the %s; the first is row %d", protect(s.rows, p.rows).Of("records"), side, s.firstEver),
				"look at that row: a delimiter inside a cell may not be in quotation marks; ask for the extract again")
		case s.toEnd:
			add(Fix, "shifted-from", "", fmt.Sprintf("from row %d to the end cells stand one column too far to the %s", s.first, side),
				fmt.Sprintf("look at row %d and the one before it: a cell was put in or lost there; ask for the extract again", s.first))
		default:
			add(Fix, "shifted-from", "", fmt.Sprintf("from row %d to row %d cells stand one column too far to the %s", s.first, s.last, side),
				fmt.Sprintf("look at row %d and the one before it: a cell was put in or lost there; ask for the extract again", s.first))
		}
	}
	p.findTail(add)
}

// plural turns the reason for one row into one for several.
func plural(why string) string {
	for _, w := range [][2]string{{"has ", "have "}, {"is ", "are "}, {"contains ", "contain "}} {
		if rest, ok := strings.CutPrefix(why, w[0]); ok {
			return w[1] + rest
		}
	}
	return why
}

// Words with which a row of totals begins.
var totalWords = []string{"total", "totals", "grand total", "sub total", "subtotal", "count", "sum", "number of", "no of", "records", "rows", "end of", "row count", "record count"}

func (p *Profiler) findTail(add adder) {
	if p.rows <= tail {
		return
	}
	for _, t := range p.tail {
		// A record that says enough is one, whatever stands in it.
		if !t.little || t.row < p.lastRow-1 {
			continue
		}
		filled, at, total := 0, 0, false
		for i, c := range t.cells {
			c = strings.ToLower(strings.TrimSpace(c))
			if c == "" {
				continue
			}
			filled++
			at = i
			words := strings.Trim(c, " .:()*-=#")
			total = total || slices.ContainsFunc(totalWords, func(w string) bool {
				return words == w || strings.HasPrefix(words, w+" ") || strings.HasPrefix(words, w+":")
			}) ||
				strings.Contains(words, "rows affected") || strings.HasSuffix(words, " records")
			if n, err := strconv.Atoi(strings.ReplaceAll(words, ",", "")); err == nil && n >= Few && n <= p.rows && n >= p.rows-tail {
				total = true // the number of rows
			}
		}
		slipped := -1
		for _, f := range p.fields {
			if filled == 1 && slices.Contains(f.columns, at) && f.norm != nil && len(f.columns) == 1 && shaped(f.Kind, f.norm, t.cells[at]) {
				slipped = at
			}
		}
		switch {
		case filled == 0:
			add(Know, "last-row", "", fmt.Sprintf("row %d, at the end, is empty but for its delimiters", t.row), "nothing: hashing sets it aside")
		case slipped >= 0 && !total && t.row == p.lastRow:
			add(Fix, "column-slipped", "", fmt.Sprintf("the last row, %d, holds a cell in column %q and nowhere else: that column may have slipped down by one row somewhere above", t.row, p.header[slipped]),
				"every record below that place would carry another person's value; ask for the extract again")
		case total, filled == 1 && len(t.cells) >= 4:
			add(Fix, "last-row", "", fmt.Sprintf("row %d, at the end, looks like a total or a note, not a record", t.row), "delete it, or ask for the extract without totals")
		}
	}
}

func (p *Profiler) findMissing(f *fieldState, add adder) {
	if len(f.Absent) > 0 {
		add(Fix, "column-absent", f.Name, fmt.Sprintf("the project names column %s for it, and there is no such column", quoted(f.Absent)), "correct the name under columns, or ask for the column")
		return
	}
	text, do := "no column was found for it", "if the extract has it under an unusual name, write that name under columns; if not, ask whether it can be added"
	if f.Kind == norm.Name {
		var like []string
		for i, s := range p.samples {
			if s.names && !p.reads(i) && !somebodyElses(s.header) {
				like = append(like, s.header)
			}
		}
		if len(like) > 0 {
			text += fmt.Sprintf("; %s could hold names", quoted(like[:min(len(like), 3)]))
		}
	}
	add(Ask, "field-missing", f.Name, text, do)
}

func (p *Profiler) reads(column int) bool {
	return slices.ContainsFunc(p.fields, func(f *fieldState) bool { return slices.Contains(f.columns, column) })
}

func (p *Profiler) names(columns []int) string {
	var names []string
	for _, c := range columns {
		names = append(names, p.header[c])
	}
	return quoted(names)
}

func quoted(names []string) string {
	var q []string
	for _, n := range names {
		q = append(q, strconv.Quote(n))
	}
	return strings.Join(q, ", ")
}

func (p *Profiler) findMapping(f *fieldState, add adder) {
	if p.options.Agreed && f.how != FoundGiven {
		why := "has a usual name for it"
		if f.how == FoundContent {
			why = "holds what looks like it"
		}
		text := fmt.Sprintf("column %s %s, but the project does not name it, so hashing would leave the field empty", p.names(f.columns), why)
		if len(f.Absent) > 0 {
			text = fmt.Sprintf("the project names column %s for it, and there is none; column %s %s", quoted(f.Absent), p.names(f.columns), why)
		}
		add(Fix, "not-mapped", f.Name, text, "if that is right, take over the columns block below")
	}
	if f.how == FoundContent && !p.options.Agreed {
		add(Know, "found-by-content", f.Name, fmt.Sprintf("column %s was taken for it by what stands in it, not by its name", p.names(f.columns)), "check that it is the right one")
	}
	bad := f.cells(norm.Invalid)
	filled := p.rows - f.cells(norm.Empty)
	if filled < enough || bad*2 < filled || p.shifted(bad) {
		return
	}
	text := fmt.Sprintf("most cells of column %s are no value of kind %s", p.names(f.columns), f.Kind)
	for i, s := range p.samples {
		if !slices.Contains(f.columns, i) && s.alone(f.Kind) {
			text += fmt.Sprintf("; column %q looks like it", s.header)
			break
		}
	}
	add(Fix, "wrong-column", f.Name, text, "check that the column is the right one, and that the header stands over the right columns")
}

// shifted reports whether a shift that was found explains so many wrong cells of
// a column, so that they are not told again as a fault of their own.
func (p *Profiler) shifted(cells int) bool {
	s, ok := p.shift.report()
	return ok && cells*10 <= s.rows*11
}

func (f *fieldState) cells(p norm.Problem) int {
	if s := f.problems[p]; s != nil {
		return s.cells
	}
	return 0
}

// findDamage tells of what was done to cells on the way.
func (p *Profiler) findDamage(f *fieldState, add adder) {
	count := func(n int) string { return protect(n, p.rows).Of("cells") }
	if n := f.cells(norm.Scientific); n > 0 {
		add(Fix, "spreadsheet-scientific", f.Name, count(n)+" are in scientific notation: a spreadsheet has dropped digits that cannot be put back", spreadsheetAdvice)
	}
	if n := f.cells(norm.LostZero); n > 0 {
		add(Fix, "spreadsheet-zero", f.Name, count(n)+" have lost a leading zero, as a spreadsheet does to numbers; they are not used, because nine digits may also be a number with one missing", spreadsheetAdvice)
	}
	if n := f.cells(norm.SerialDate); n > 0 {
		add(Fix, "spreadsheet-serial", f.Name, count(n)+" are day numbers of a spreadsheet, not dates; they are not turned into dates, because spreadsheets count from different days", spreadsheetAdvice)
	}
	if n := f.cells(norm.BadEncoding); n > 0 {
		add(Fix, "encoding-damage", f.Name, count(n)+" have letters that were spoilt by a wrong text encoding somewhere before",
			"ask for the extract again as CSV in UTF-8; declaring another encoding here does not bring the letters back")
	}
	if n := f.cells(norm.CheckDigit); p.many(n, notable) || n >= Few {
		add(Ask, "check-digit", f.Name, count(n)+" have a wrong check digit and are not used", "ask whether these numbers were typed in or traced")
	}
	if n := f.cells(norm.TestNumber); n > 0 {
		add(Know, "test-numbers", f.Name, count(n)+" are in the range 999, which no person has", "if these are not invented people, ask what the records are")
	}
	if n := f.cells(norm.PartialPostcode); p.many(n, notable) {
		add(Ask, "partial-postcode", f.Name, count(n)+" are the first part of a postcode only and are not used", "ask for whole postcodes")
	}
	if n := f.cells(norm.PseudoPostcode); p.many(n, notable) {
		add(Know, "pseudo-postcode", f.Name, count(n)+" stand for no fixed abode, not known or overseas; they are not used", "nothing, if that is right")
	}
	filled := p.rows - f.cells(norm.Empty)
	if n := f.cells(norm.Invalid); p.many(n, notable) && n*2 < filled && !p.shifted(n) {
		add(Ask, "not-valid", f.Name, count(n)+" are no value of kind "+string(f.Kind)+" and are not used", "ask what stands there when the value is not known, and whether rows have shifted")
	}
	if n := f.cells(norm.Initial); p.many(n, lacking) {
		add(Ask, "initials", f.Name, count(n)+" are initials only", "ask for whole names")
	}
}

func (p *Profiler) findDates(f *fieldState, add adder) {
	r := f.dates.Report()
	count := func(n int) string { return protect(n, p.rows).Of("cells") }
	filled := r.Cells - r.Empty
	best := certainForm(r, len(f.columns))
	firstDay, numbers := dayFirst(f.Dates)
	misread := false // the declared form is not the column's, so what it makes of the cells says nothing
	switch {
	case r.DayMonth == norm.Contradicted:
		add(Fix, "day-month-contradicted", f.Name, fmt.Sprintf("%s can only be read with the day first and %s only with the month first: two systems wrote this column, and the rest cannot be told apart", count(r.DayFirst), count(r.MonthFirst)),
			"ask for all dates in one form, best as YYYY-MM-DD")
	case r.Mixed:
		add(Fix, "dates-mixed", f.Name, fmt.Sprintf("two forms of date stand in one column: %s in %s, %s in %s", count(r.BestCells), r.Best, count(r.SecondCells), r.Second),
			"ask for all dates in one form, best as YYYY-MM-DD")
	case r.DayMonth == norm.Ambiguous && f.Dates == "":
		add(Ask, "day-month-unknown", f.Name, "in every date day and month could be either way round", "ask who made the extract which comes first, and declare it under dates")
	case numbers && r.DayMonth == norm.MonthFirst && firstDay, numbers && r.DayMonth == norm.DayFirst && !firstDay:
		misread = true
		add(Fix, "dates-other-form", f.Name, fmt.Sprintf("dates are declared as %s, but the column has the %s", f.Dates, r.DayMonth), "correct the form under dates")
	case f.Dates != "" && filled >= enough && f.cells(norm.OtherForm)*2 > filled && best != "":
		misread = true
		add(Fix, "dates-other-form", f.Name, fmt.Sprintf("dates are declared as %s, but most are written as %s", f.Dates, best), "correct the form under dates")
	case p.options.Agreed && f.Dates == "" && best != "":
		add(Fix, "dates-undeclared", f.Name, "the form of the dates is not declared, so those that can be read in two ways lose day and month", fmt.Sprintf("declare dates: %q", best))
	}
	if n := f.cells(norm.DefaultDate); p.many(n, notable) || n >= Few {
		add(Ask, "default-dates", f.Name, count(n)+" are dates that systems write when they have none, such as 1 January 1900; they are not used", "ask whether the real dates are kept somewhere")
	}
	if n := r.NewYear; n >= enough && float64(n) >= manyNewYear*float64(filled) {
		text := count(n) + " are 1 January, many more than are born on it: it seems to stand for a day that nobody knew"
		if r.Epoch*2 > n {
			text = count(n) + " are 1 January, most of them of 1970, which some systems write for no date at all"
		}
		add(Ask, "new-year", f.Name, text, "ask for the dates to be left empty where they are not known")
	}
	if n := f.cells(norm.ImpossibleDate); !misread && p.many(n, notable) {
		add(Ask, "impossible-dates", f.Name, count(n)+" hold a day, month or year that no date can have; the other parts are used", "ask where these dates come from")
	}
	if n := f.cells(norm.TwoDigitYear); p.many(n, notable) {
		add(Ask, "two-digit-years", f.Name, count(n)+" have a year of two digits: the century is a guess", "ask for years of four digits")
	}
	if n := f.cells(norm.TimeOfDay); p.many(n, notable) {
		add(Know, "time-of-day", f.Name, count(n)+" have a time of day beside the date", "ask for the date alone")
	}
}

// dayFirst reports whether a form has the day before the month; false, false
// where day and month cannot be confused in it.
func dayFirst(form string) (day, numbers bool) {
	form = strings.ToUpper(form)
	d, m := strings.IndexByte(form, 'D'), strings.IndexByte(form, 'M')
	if d < 0 || m < 0 || strings.Contains(form, "MMM") || strings.HasPrefix(form, "Y") {
		return false, false
	}
	return d < m, true
}

func (p *Profiler) findGaps(f *fieldState, add adder) {
	empty := f.cells(norm.Empty) + f.cells(norm.Placeholder)
	if p.many(empty, lacking) {
		add(Ask, "incomplete", f.Name, protect(empty, p.rows).Of("cells")+" are empty or say that nothing is known", "ask whether the field can be filled from another table or system")
	}
}

func (p *Profiler) findRepeats(add adder) {
	kind, extra := Know, ""
	if p.options.Deduplicated {
		kind, extra = Fix, "; the project says that no two records of this party are the same person"
	}
	do := "find out whether people are listed twice; linking can bear it, but counts of records are then not counts of people"
	if n := p.repeats.rows; n > 0 {
		ask := kind
		if ask == Know {
			ask = Ask
		}
		add(ask, "identical-rows", "", protect(n, p.rows).Of("rows")+" repeat an earlier row cell for cell"+extra, "ask whether the extract was put together from parts that overlap")
	} else if n := p.repeats.same; n > 0 {
		add(kind, "same-records", "", protect(n, p.rows).Of("records")+" are the same as an earlier one in every field"+extra, do)
	}
	if n := p.repeats.nhs - p.repeats.nhsOtherDate; n > p.repeats.same && kind == Fix {
		add(kind, "same-nhs-numbers", "", protect(n, p.rows).Of("records")+" have the NHS number of an earlier one"+extra, do)
	}
	if n := p.repeats.nhsOtherDate; n > 0 {
		kind := Know // every large extract has a few
		if n >= Few {
			kind = Ask
		}
		add(kind, "shared-nhs-numbers", "", protect(n, p.rows).Of("records")+" have the NHS number of an earlier one and another date of birth: one of each two is wrong", "ask for these records to be traced; the list can be made by sorting on the NHS number")
	}
}
