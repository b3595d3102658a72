package formats

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"time"
)

// The page of an audit is for whoever decides whether filters may leave. Like the check
// page it is one file that loads nothing and runs nothing, drawn from plain values: no
// cell of an extract and no filter comes near it.

// AuditPage is what the page says. Texts are plain; the page escapes them. Grades are
// "fail", "unknown", "warn", "pass" and "info".
type AuditPage struct {
	File    string // without its folder
	Facts   []ReportFact
	Made    time.Time // only the day is shown; the zero time shows none
	Program string

	Grade, Verdict string
	Means          string // what a pass means
	Todo           []string
	Weak           []string // reasons for weak choices

	AtPartner        bool // attacks were run, not only looks at filters alone
	PassTo, FailFrom float64
	Attacks          []AuditFilter
	Alone            []AuditFinding
	Places           []AuditPlaces

	Unique    []AuditUnique // how unique the values are, all fields together first
	Suspicion string        // how few people fit a filter; may be empty

	Settings  []string // of errors, for which Costs have an F1 each
	Costs     []AuditCost
	CostsMean string
}

// AuditFilter is what attacks did to one filter.
type AuditFilter struct {
	Name, Encoding string
	Attacks        []AuditAttack
}

// AuditAttack is one attack at one setting: figures as texts, and as shares for the picture.
type AuditAttack struct {
	Grade, GradeWord, Title, Given string
	Known, Overlap                 string
	Share, Range, Plain            string
	Text, Do                       string
	Version                        int
	Value, Low, High               float64 // from 0 to 1
	PlainValue                     float64 // the same attack on plain filters; below 0 where it was not run
	Pieces                         bool    // the value is no share of people
}

// AuditFinding is one thing seen of filters alone.
type AuditFinding struct{ Grade, GradeWord, Name, Text string }

// AuditPlaces says how many places of a filter are set in which share of records, in equal
// parts from 0 to 1, and how many would be by chance.
type AuditPlaces struct {
	Name     string
	Bits     int
	Looked   string
	Counts   []int
	ByChance []float64
}

// AuditUnique says, as texts, which share of records a field tells apart.
type AuditUnique struct{ Field, Alone, Few, Without string }

// AuditCost is what an encoding is worth in links.
type AuditCost struct {
	Name, Encoding, Bits string
	This                 bool // the one in use
	F1                   []float64
}

//go:embed auditpage.html
var auditPageHTML string

//go:embed auditpage.css
var auditPageCSS string

var auditPageTemplate = template.Must(template.New("audit").Funcs(template.FuncMap{
	"percent": func(x float64) string { return fmt.Sprintf("%.0f", 100*x) },
	"four":    func(x float64) string { return fmt.Sprintf("%.4f", x) },
}).Parse(pageHead + auditPageHTML))

// WriteAuditPage writes the page: whole, or nothing at all.
func WriteAuditPage(w io.Writer, p AuditPage) error {
	for _, c := range p.Costs {
		if len(c.F1) != len(p.Settings) {
			return errors.New("audit page: an encoding has not one F1 for each setting")
		}
	}
	filled := struct {
		AuditPage
		pageFrame
		Day       string
		Pictures  []auditPicture
		Histogram []auditHistogram
	}{AuditPage: p, pageFrame: newFrame("Audit of "+p.File, reportCSS+auditPageCSS, "")}
	if !p.Made.IsZero() {
		filled.Day = p.Made.Format("2 January 2006")
	}
	for i, f := range p.Attacks {
		filled.Pictures = append(filled.Pictures, newAuditPicture(i, f, p.PassTo, p.FailFrom))
	}
	for i, h := range p.Places {
		filled.Histogram = append(filled.Histogram, newAuditHistogram(i, h))
	}
	return writePage(w, "audit page", auditPageTemplate, filled)
}

// auditPicture shows what each attack recovered: a dot on its interval for these filters,
// a hollow one for plain filters of the same people.
//
// The scale is that of the square root, so that the gates at 1 and 5 per cent and a plain
// filter's 99 are all to be seen. A logarithm would have no place for the 0 that every
// good row has.
type auditPicture struct {
	ID, Name            string
	Width, Height, Foot int
	PassX, FailX        int
	Ticks               []auditTick
	Rows                []auditRow
}

type auditTick struct {
	X    int
	Text string
}

type auditRow struct {
	Label, Title, Grade, Text string
	Y, TextY                  int
	X, X1, X2, PlainX         int
	Plain                     bool
}

// Pixels of the pictures.
const (
	auditLeft = 300 // room for labels
	auditLong = 420 // of the scale
	auditText = 90  // room for the figures on the right
	auditStep = 24
	auditTop  = 40

	histLeft = 46
	histBar  = 15
	histHigh = 150
	histTop  = 12
)

func newAuditPicture(i int, f AuditFilter, passTo, failFrom float64) auditPicture {
	x := func(share float64) int {
		return auditLeft + int(math.Round(auditLong*math.Sqrt(min(1, max(0, share)))))
	}
	p := auditPicture{ID: fmt.Sprintf("attacks-%d", i), Name: f.Name, Width: auditLeft + auditLong + auditText, PassX: x(passTo), FailX: x(failFrom)}
	for _, t := range []float64{0, 0.01, 0.05, 0.2, 0.5, 1} {
		p.Ticks = append(p.Ticks, auditTick{x(t), fmt.Sprintf("%.0f %%", 100*t)})
	}
	for _, a := range f.Attacks {
		if a.Pieces || a.Share == "-" {
			continue // no share of people
		}
		y := auditTop + auditStep*len(p.Rows) + auditStep/2
		row := auditRow{Label: a.Title, Grade: a.Grade, Text: a.Share, Y: y, TextY: y + 4, X: x(a.Value), X1: x(a.Low), X2: x(a.High)}
		if a.Known != "-" {
			row.Label += ", " + a.Known + " told"
		}
		if a.Overlap != "" {
			row.Label += ", overlap " + a.Overlap
		}
		row.Title = fmt.Sprintf("%s: recovered %s, 95 %% interval %s", row.Label, a.Share, a.Range)
		if a.PlainValue >= 0 {
			row.Plain, row.PlainX = true, x(a.PlainValue)
			row.Title += ", from plain filters " + a.Plain
		}
		p.Rows = append(p.Rows, row)
	}
	p.Foot = auditTop + auditStep*len(p.Rows)
	p.Height = p.Foot + 6
	return p
}

// auditHistogram shows how often places are set, and a line for what chance gives.
type auditHistogram struct {
	ID, Name, Looked    string
	Bits, Width, Height int
	Foot, TickY, Left   int
	Right               int
	Bars                []auditBar
	Chance              string
	Ticks               []auditTick
}

type auditBar struct {
	X, Y, Width, Height int
	Title               string
}

func newAuditHistogram(i int, p AuditPlaces) auditHistogram {
	h := auditHistogram{ID: fmt.Sprintf("places-%d", i), Name: p.Name, Looked: p.Looked, Bits: p.Bits,
		Left: histLeft, Right: histLeft + histBar*len(p.Counts), Width: histLeft + histBar*len(p.Counts) + 24,
		Foot: histTop + histHigh, TickY: histTop + histHigh + 16, Height: histTop + histHigh + 24}
	most := 1.0
	for b, n := range p.Counts {
		most = max(most, float64(n), p.ByChance[b])
	}
	for b, n := range p.Counts {
		high := int(math.Round(histHigh * float64(n) / most))
		if n > 0 {
			high = max(1, high)
		}
		h.Bars = append(h.Bars, auditBar{histLeft + histBar*b, h.Foot - high, histBar - 1, high,
			fmt.Sprintf("%d places are set in %.1f to %.1f %% of records; by chance %.0f", n, 100*float64(b)/float64(len(p.Counts)), 100*float64(b+1)/float64(len(p.Counts)), p.ByChance[b])})
		h.Chance += fmt.Sprintf("%d,%d ", histLeft+histBar*b+histBar/2, h.Foot-int(math.Round(histHigh*p.ByChance[b]/most)))
	}
	for t := 0; t <= 100; t += 20 {
		h.Ticks = append(h.Ticks, auditTick{histLeft + histBar*len(p.Counts)*t/100, fmt.Sprintf("%d %%", t)})
	}
	return h
}
