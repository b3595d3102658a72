package formats

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"cohortlink/linkage/quality"
)

// Two pictures, as plain geometry that the template turns into SVG: rates as
// dots on their intervals, and rates over thresholds.
//
// Dots and not bars: recall lies between 90 and 100 per cent, where bars that
// begin at 0 all look alike and bars that do not begin at 0 lie. What is too
// small to be judged is drawn hollow and dotted, so that it differs in print and
// for those who see no colours.

// Pixels of the pictures. Fonts are set in the style sheet to fit.
const (
	whyLeft  = 190 // room for labels
	whyLong  = 230 // of a scale
	whyText  = 100 // room for the rates on the right of a scale
	whyStep  = 24  // between rows
	whyTop   = 40  // room for the heads and the numbers of the scale
	whyFirst = whyLeft
	whyThen  = whyLeft + whyLong + whyText
)

// whyScale is the least rate that is drawn, of recall and of precision.
type whyScale struct{ recall, precision float64 }

// newWhyScale begins at the lowest interval that can be judged, on a multiple of
// ten points. Groups that are too small would stretch it to 0 for nothing; they
// are cut off at its foot.
func newWhyScale(whole quality.Row, rows []quality.Row) whyScale {
	lower := func(from *float64, s quality.Share) {
		if !s.TooFew {
			*from = min(*from, math.Floor(10*s.Low)/10)
		}
	}
	scale := whyScale{0.9, 0.9}
	for _, row := range append(rows[:len(rows):len(rows)], whole) {
		lower(&scale.recall, row.Recall)
		lower(&scale.precision, row.Precision)
	}
	return scale
}

// whyPlot shows recall and precision of each row as dots on their intervals.
type whyPlot struct {
	ID, Name      string
	Width, Height int
	Foot          int
	Panels        []whyPanel
	Labels        []whyLabel
}

type whyPanel struct {
	Head   string
	Left   int
	WholeX int
	Ticks  []whyTick
	Marks  []whyMark
}

type whyTick struct {
	At   int // pixels along the axis
	Text string
}

type whyLabel struct {
	Text, Title string
	Y           int
}

type whyMark struct {
	Title, Text      string
	Y, TextY         int
	X, X1, X2, TextX int
	Few, Drawn       bool
}

func newWhyPlot(id, name string, scale whyScale, whole quality.Row, rows []quality.Row) whyPlot {
	p := whyPlot{ID: id, Name: name, Width: whyThen + whyLong + whyText, Foot: whyTop + whyStep*len(rows)}
	p.Height = p.Foot + 6
	for i, row := range rows {
		p.Labels = append(p.Labels, whyLabel{shortened(row.Label), row.Label, whyTop + whyStep*i + whyStep/2 + 4})
	}
	p.panel("Recall", whyFirst, scale.recall, whole, rows, func(r quality.Row) quality.Share { return r.Recall })
	p.panel("Precision", whyThen, scale.precision, whole, rows, func(r quality.Row) quality.Share { return r.Precision })
	return p
}

func (p *whyPlot) panel(head string, left int, from float64, whole quality.Row, rows []quality.Row, of func(quality.Row) quality.Share) {
	x := func(rate float64) int {
		return left + int(math.Round(whyLong*(max(rate, from)-from)/(1-from)))
	}
	panel := whyPanel{Head: head, Left: left, WholeX: x(of(whole).Rate), Ticks: whyTicks(from, x)}
	for i, row := range rows {
		s := of(row)
		m := whyMark{Y: whyTop + whyStep*i + whyStep/2, TextX: left + whyLong + 12, Few: s.TooFew, Drawn: s.Whole > 0}
		m.TextY = m.Y + 4
		switch {
		case s.Whole == 0:
			m.Text = "no pair"
		case s.TooFew:
			m.Text = "too small"
		default:
			m.Text = whyPercent(s.Rate)
		}
		m.Title = fmt.Sprintf("%s of “%s”: %s", strings.ToLower(head), row.Label, m.Text)
		if m.Drawn {
			m.X, m.X1, m.X2 = x(s.Rate), x(s.Low), x(s.High)
			m.Title = fmt.Sprintf("%s of “%s”: %s of %s, 95 %% interval %.1f to %.1f", strings.ToLower(head), row.Label, whyCount(s.Part), whyCount(s.Whole), 100*s.Low, 100*s.High)
		}
		panel.Marks = append(panel.Marks, m)
	}
	p.Panels = append(p.Panels, panel)
}

// whyTicks are round per cents from 100 down to a rate, at the places that at gives.
func whyTicks(from float64, at func(rate float64) int) []whyTick {
	step := 10 // per cent
	switch {
	case from >= 0.9:
		step = 2
	case from < 0.5:
		step = 20
	}
	var ticks []whyTick
	for t := 100; t >= int(math.Round(100*from)); t -= step {
		ticks = append(ticks, whyTick{at(float64(t) / 100), strconv.Itoa(t) + " %"})
	}
	return ticks
}

// whySweep shows precision, recall and F1 over thresholds.
type whySweep struct {
	Says                  string
	Width, Height         int
	Left, Right           int
	Foot, TickY           int
	XTicks, YTicks        []whyTick
	Precision, Recall, F1 string // points of lines
	Chosen                bool
	ChosenX               int
	Rows                  []whySweepRow
}

type whySweepRow struct{ Threshold, Precision, Recall, F1 string }

const (
	sweepLeft = 52
	sweepLong = 600
	sweepHigh = 260
	sweepTop  = 10
)

func newWhySweep(points []quality.Point, chosen float64) *whySweep {
	points = slices.Clone(points)
	slices.SortStableFunc(points, func(x, y quality.Point) int { return cmp.Compare(x.Threshold, y.Threshold) })
	s := &whySweep{Left: sweepLeft, Right: sweepLeft + sweepLong, Width: sweepLeft + sweepLong + 30,
		Foot: sweepTop + sweepHigh, TickY: sweepTop + sweepHigh + 18, Height: sweepTop + sweepHigh + 26}
	first, last := points[0].Threshold, points[len(points)-1].Threshold
	from := 0.9
	for _, p := range points {
		from = min(from, math.Floor(10*min(p.Precision, p.Recall))/10)
	}
	x := func(t float64) int {
		if first == last {
			return sweepLeft
		}
		return sweepLeft + int(math.Round(sweepLong*(t-first)/(last-first)))
	}
	y := func(rate float64) int { return sweepTop + int(math.Round(sweepHigh*(1-rate)/(1-from))) }
	line := func(of func(quality.Point) float64) string {
		var b strings.Builder
		for _, p := range points {
			fmt.Fprintf(&b, "%d,%d ", x(p.Threshold), y(max(from, of(p))))
		}
		return strings.TrimSpace(b.String())
	}
	s.Precision = line(func(p quality.Point) float64 { return p.Precision })
	s.Recall = line(func(p quality.Point) float64 { return p.Recall })
	s.F1 = line(func(p quality.Point) float64 { return p.F1 })
	s.YTicks = whyTicks(from, y)
	for i := range 6 {
		t := first + float64(i)/5*(last-first)
		s.XTicks = append(s.XTicks, whyTick{x(t), fmt.Sprintf("%.3f", t)})
	}
	for _, p := range points {
		s.Rows = append(s.Rows, whySweepRow{fmt.Sprintf("%.4g", p.Threshold), whyPercent(p.Precision), whyPercent(p.Recall), whyPercent(p.F1)})
	}
	best, _ := quality.Best(points)
	s.Says = fmt.Sprintf("With the truth at hand, the best threshold would have been %.4g, with F1 %s.", best.Threshold, whyPercent(best.F1))
	if chosen > 0 {
		s.Says += fmt.Sprintf(" The one that was used is %.4g.", chosen)
		s.Chosen, s.ChosenX = chosen >= first && chosen <= last, x(chosen)
	}
	return s
}
