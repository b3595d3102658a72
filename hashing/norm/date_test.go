package norm

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDate(t *testing.T) {
	check(t, Date, Options{Dates: "DD/MM/YYYY"}, []want{
		{"03/04/1961", "19610403", None}, {"3/4/1961", "19610403", None}, {"03-04-1961", "19610403", None}, {"03.04.1961", "19610403", None},
		{" 03/04/1961 ", "19610403", None}, {"03/04/1961 00:00:00", "19610403", None}, {"03/04/1961 00:00", "19610403", None}, {"3rd April 1961", "19610403", None},
		{"03/Apr/1961", "19610403", None}, {"3 - 4 - 1961", "19610403", None}, {"０３/０４/１９６１", "19610403", None}, {"29/02/2000", "20000229", None},
		{"03/04/1961 14:35", "19610403", TimeOfDay},
		// Other forms, which can be read in one way only.
		{"1961-04-03", "19610403", OtherForm}, {"19610403", "19610403", OtherForm}, {"Apr 3 1961", "19610403", OtherForm}, {"03041961", "19610403", OtherForm},
		// One part wrong: the others stay.
		{"31-p4-1994", "1994--31", Garbled}, {"27-09-a999", "----0927", Garbled}, {"3/4/961", "----0403", Garbled}, {"04/25/1961", "1961--04", ImpossibleDate},
		{"31/04/1961", "196104--", ImpossibleDate}, {"29/02/1961", "196102--", ImpossibleDate}, {"29/02/1900", "190002--", ImpossibleDate},
		{"28/09/2994", "----0928", ImpossibleDate}, {"45/04/1961", "196104--", ImpossibleDate}, {"03/04/61", "----0403", TwoDigitYear},
		{"XX/04/1961", "196104--", PartialDate}, {"00/00/1961", "1961----", PartialDate}, {"//1961", "1961----", PartialDate}, {"04/1961", "196104--", PartialDate},
		{"1961", "1961----", PartialDate}, {"1961-04", "196104--", PartialDate}, {"29/02/", "----0229", PartialDate},
		// No evidence at all.
		{"01/01/1900", "", DefaultDate}, {"1/1/1901", "", DefaultDate}, {"1900-01-01", "", DefaultDate}, {"31/12/9999", "", DefaultDate}, {"01/01/0001", "", DefaultDate},
		{"31/12/2099", "", DefaultDate}, {"00/00/0000", "", DefaultDate}, {"0000-00-00 00:00:00", "", DefaultDate}, {"00/01/1900", "", DefaultDate}, {"30/12/1899", "", DefaultDate},
		{"01/01/1970", "19700101", None}, {"01/01/1902", "19020101", None},
		{"22374", "", SerialDate}, {"22374.0", "", SerialDate}, {"22374.5", "", SerialDate}, {"1.9610403E7", "", Scientific}, {"1.96E+07", "", Scientific},
		{"1961-04-02T23:00:00Z", "", TimeOfDay}, {"unknown", "", Placeholder}, {"N/A", "", Placeholder}, {"-", "", Placeholder}, {"#####", "", Placeholder},
		{"Smith", "", Invalid}, {"9434765919", "", Invalid}, {"1/2/3/4", "", Invalid}, {"03/04/1961 25:61", "", Invalid}, {"", "", Empty}, {"  ", "", Empty},
	})
	check(t, Date, Options{Dates: "YYYY-MM-DD"}, []want{
		{"1961-04-03", "19610403", None}, {"1961-4-3", "19610403", None}, {"1961-04-03T00:00:00", "19610403", None}, {"1961-04-03 00:00:00.000", "19610403", None},
		{"1961-04-03T00:00:00Z", "19610403", None}, {"1961-04-03T00:00:00+01:00", "19610403", None}, {"19610403", "19610403", OtherForm},
		{"25/04/1961", "19610425", OtherForm}, {"04/25/1961", "19610425", OtherForm}, {"03/04/1961", "1961----", AmbiguousDate}, {"05/05/1961", "19610505", OtherForm},
	})
	check(t, Date, Options{Dates: "YYYYMMDD"}, []want{
		{"19610403", "19610403", None}, {"19610403.0", "19610403", Repaired}, {"1961p403", "1961--03", Garbled}, {"19611301", "1961--01", ImpossibleDate},
		{"1961--03", "1961--03", PartialDate}, {"----0403", "----0403", PartialDate}, {"19610000", "1961----", PartialDate}, {"25041961", "19610425", OtherForm},
		{"00000000", "", DefaultDate}, {"19000101", "", DefaultDate}, {"--------", "", Placeholder}, {"1961403", "", Invalid},
	})
	check(t, Date, Options{Dates: "DDMMYYYY"}, []want{
		{"03041961", "19610403", None}, {"3041961", "", LostZero}, {"03/04/1961", "19610403", None}, {"19610403", "19610403", OtherForm},
	})
	check(t, Date, Options{Dates: "DD/MM/YY"}, []want{
		{"03/04/61", "19610403", TwoDigitYear}, {"03/04/29", "20290403", TwoDigitYear}, {"03/04/30", "19300403", TwoDigitYear}, {"03/04/00", "20000403", TwoDigitYear},
		{"03/04/1961", "19610403", None}, {"1961-04-03", "19610403", OtherForm},
	})
	check(t, Date, Options{Dates: "D MMM YYYY"}, []want{
		{"3 Apr 1961", "19610403", None}, {"03-APR-1961", "19610403", None}, {"3 September 1961", "19610903", None}, {"3 Sept. 1961", "19610903", None}, {"03APR1961", "19610403", None},
	})
	check(t, Date, Options{Dates: "MM/DD/YYYY"}, []want{{"04/03/1961", "19610403", None}, {"25/04/1961", "1961--04", ImpossibleDate}})
	// Several columns, joined with one space; an empty one keeps its place.
	check(t, Date, Options{Dates: "DD MM YYYY"}, []want{
		{"3 4 1961", "19610403", None}, {" 4 1961", "196104--", PartialDate}, {"3  1961", "1961--03", PartialDate}, {"3 4 ", "----0403", PartialDate},
		{"  1961", "1961----", PartialDate}, {"  ", "", Empty}, {"03/04/1961", "19610403", None},
	})
	check(t, Date, Options{Dates: "MM YYYY"}, []want{{"4 1961", "196104--", None}, {" 1929", "1929----", PartialDate}, {"9 ", "----09--", PartialDate}, {" ", "", Empty}})
	check(t, Date, Options{}, []want{
		{"1961-04-03", "19610403", None}, {"19610403", "19610403", None}, {"25/04/1961", "19610425", None}, {"03/04/1961", "1961----", AmbiguousDate},
		{"3-Apr-1961", "19610403", None}, {"Apr  3 1961 12:00AM", "19610403", None}, {"April 3, 1961", "19610403", None}, {"03/04/61", "", TwoDigitYear}, {"45/44/1961", "1961----", ImpossibleDate},
	})
}

func TestYear(t *testing.T) {
	check(t, Year, Options{}, []want{
		{"1961", "1961", None}, {" 1961 ", "1961", None}, {"1961.0", "1961", Repaired}, {"61", "", TwoDigitYear}, {"1961-04-03", "1961", None},
		{"03/04/1961", "1961", None}, {"0", "", DefaultDate}, {"0000", "", DefaultDate}, {"9999", "", DefaultDate}, {"2094", "", ImpossibleDate}, {"1066", "", ImpossibleDate},
		{"22374", "", SerialDate}, {"19p1", "", Invalid}, {"n/a", "", Placeholder}, {"", "", Empty},
	})
	check(t, Year, Options{Dates: "YY"}, []want{{"61", "1961", TwoDigitYear}})
	check(t, Year, Options{Dates: "DD/MM/YYYY"}, []want{{"03/04/1961", "1961", None}, {"31/02/1961", "1961", None}, {"01/01/1900", "", DefaultDate}})
}

// Every day of two centuries, written in every form by the standard library, reads as itself in that form.
func TestDateAgainstTimePackage(t *testing.T) {
	layouts := map[string]string{
		"DD/MM/YYYY": "02/01/2006", "YYYY-MM-DD": "2006-01-02", "YYYYMMDD": "20060102", "D MMM YYYY": "2 Jan 2006", "MM/DD/YYYY": "01/02/2006",
		"DDMMYYYY": "02012006", "MMM D YYYY": "Jan 2 2006", "YYYY-MM-DD HH:MM:SS": "2006-01-02 15:04:05", "DD-MMMM-YYYY": "02-January-2006",
	}
	for form, layout := range layouts {
		n := must(t, Date, Options{Dates: form})
		days, defaults := 0, 0
		for d := time.Date(FirstYear, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() <= LastYear; d = d.AddDate(0, 0, 1) {
			text, p := n.Value(d.Format(layout))
			if p == DefaultDate {
				defaults++
				continue
			}
			if want := d.Format("20060102"); text != want || p != None {
				t.Fatalf("%s: day %s read as %q (%s)", form, want, text, p)
			}
			days++
		}
		if days < 73000 || defaults > 10 {
			t.Errorf("%s: %d days read, %d taken as defaults", form, days, defaults)
		}
	}
}

// The two-digit forms and a wrong day: what the standard library refuses is never a whole date here.
func TestImpossibleDays(t *testing.T) {
	n := must(t, Date, Options{Dates: "YYYY-MM-DD"})
	refused := 0
	for year := 1890; year < 2030; year++ {
		for month := 1; month <= 13; month++ {
			for day := 29; day <= 33; day++ {
				cell := fmt.Sprintf("%d-%02d-%02d", year, month, day)
				_, err := time.Parse("2006-01-02", cell)
				text, p := n.Value(cell)
				if (err == nil) != (p == None) && p != DefaultDate {
					t.Fatalf("%s: time.Parse says %v, here %s", cell, err, p)
				}
				if err != nil {
					refused++
					if p != ImpossibleDate || text[:4] != cell[:4] {
						t.Fatalf("%s: %q, %s", cell, text, p)
					}
				}
			}
		}
	}
	if refused == 0 {
		t.Fatal("no impossible day was tried")
	}
}

func column(cells ...string) DateReport {
	var c DateColumn
	for _, cell := range cells {
		c.Add(cell)
	}
	return c.Report()
}

func TestDateColumn(t *testing.T) {
	r := column("03/04/1961", "25/04/1961", "", "unknown", "05/05/1961", "01/01/1900", "22374", "Smith", "1/1/1970")
	if r.Cells != 9 || r.Empty != 2 || r.Best != "DD/MM/YYYY" || r.BestCells != 5 || r.Default != 1 || r.Serial != 1 || r.Unreadable != 1 || r.Mixed ||
		r.DayMonth != DayFirst || r.DayFirst != 1 || r.Either != 1 || r.NewYear != 1 || r.Epoch != 1 {
		t.Errorf("a day-first column: %+v", r)
	}
	if r := column("03/04/1961", "11/12/1980"); r.DayMonth != Ambiguous || r.Best != "DD/MM/YYYY" || r.Mixed {
		t.Errorf("an ambiguous column: %+v", r)
	}
	if r := column("04/25/1961", "04/03/1961"); r.DayMonth != MonthFirst || r.Best != "MM/DD/YYYY" || r.Mixed {
		t.Errorf("a month-first column: %+v", r)
	}
	if r := column("04/25/61", "04/03/61"); r.DayMonth != MonthFirst || r.Best != "MM/DD/YY" {
		t.Errorf("a month-first column of two-digit years: %+v", r)
	}
	if r := column("1961-04-03", "1961-04-04 00:00:00", "25/04/1961", "26/04/1961"); r.Best != "DD/MM/YYYY" || r.Second != "YYYY-MM-DD" || r.SecondCells != 2 || !r.Mixed {
		t.Errorf("two shapes in a column: %+v", r)
	}
	for form, cell := range map[string]string{"YYYYMMDD": "19610403", "DDMMYYYY": "25041961", "D MMM YYYY": "3-Apr-1961", "MMM D YYYY": "Apr 3 1961", "D MMM YY": "3-Apr-61", "DDMMYY": "250461", "YYMMDD": "610425"} {
		if r := column(cell); r.Best != form || r.DayMonth != NoQuestion {
			t.Errorf("%s: %+v", form, r)
		}
	}
	if r := column(); r.Best != "" || r.Mixed || len(r.Forms) != len(DateForms()) {
		t.Errorf("no cells: %+v", r)
	}
}

// A mixture of day-first and month-first dates is seen, and a column with a slip now and then is not called one.
func TestDateColumnTellsMixturesFromSlips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		other := rapid.SampledFrom([]int{0, 3, 50, 200, 500}).Draw(t, "per thousand the other way round")
		start := time.Date(1930, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 9999).Draw(t, "start"))
		var c DateColumn
		for i := range 3000 {
			layout := "02/01/2006"
			if i%1000 < other {
				layout = "01/02/2006"
			}
			c.Add(start.AddDate(0, 0, i*7919%20000).Format(layout))
		}
		r := c.Report()
		if contradicted := other >= 50; r.Mixed != contradicted || (r.DayMonth == Contradicted) != contradicted {
			t.Fatalf("%d in a thousand the other way round: %s, mixed %v, %d day first and %d month first", other, r.DayMonth, r.Mixed, r.DayFirst, r.MonthFirst)
		}
		if other <= 50 && r.Best != "DD/MM/YYYY" {
			t.Fatalf("best form %s", r.Best)
		}
	})
}
