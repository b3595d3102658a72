package formats

import (
	"fmt"
	"math"
)

// The picture of scores is a histogram, linked pairs below and refused pairs on top of
// them, with the threshold as a line. Among the pairs that were kept there may be twenty
// strangers for each link, nearly all of them close to the floor, and among links thousands
// that score 1: drawn to scale they would leave nothing to be seen where it matters. So the
// scale fits what lies about the threshold, and bars that are too long are cut off, with
// their number on them where there is room.

// Pixels of the picture.
const (
	explainLeft = 60
	explainLong = 660
	explainHigh = 240
	explainTop  = 24 // room for the numbers of bars that are cut off
)

type explainPicture struct {
	Width, Height, Left, Right, Foot, TickY int
	Bars                                    []explainBar
	Cut                                     bool // some bar is
	XTicks, YTicks                          []whyTick
	ThresholdX                              int
	Rows                                    []ExplainedScores
}

type explainBar struct {
	X, Wide         int
	Y, High         int // of linked pairs
	OverY, OverHigh int // of refused pairs
	Cut             bool
	CutX, CutY      int
	CutText, Says   string
}

// newExplainPicture draws scores; nil where there are none.
func newExplainPicture(scores []ExplainedScores, threshold float64) *explainPicture {
	if len(scores) == 0 {
		return nil
	}
	const pad = 34
	p := &explainPicture{Width: explainLeft + explainLong + pad, Height: explainTop + explainHigh + 28, Left: explainLeft, Right: explainLeft + explainLong,
		Foot: explainTop + explainHigh, TickY: explainTop + explainHigh + 18, Rows: scores}
	from, to := scores[0].From, scores[len(scores)-1].To
	x := func(score float64) int { return explainLeft + int(math.Round(explainLong*(score-from)/(to-from))) }
	longest, second := 0, 0
	for _, s := range scores {
		n := s.Linked
		if s.To > threshold-5*(s.To-s.From) {
			n += s.Refused // what was nearly linked is to be seen whole
		}
		longest, second = max(longest, n), max(second, min(longest, n))
	}
	if second > 0 && longest > 3*second {
		longest = second // equal records, most likely: thousands that score 1
	}
	top, step := niceScale(max(longest, 1))
	y := func(n int) int { return explainTop + int(math.Round(explainHigh*(1-min(1, float64(n)/float64(top))))) }
	for n := 0; n <= top; n += step {
		p.YTicks = append(p.YTicks, whyTick{y(n), whyCount(n)})
	}
	for k := int(math.Ceil(from*20 - 1e-9)); float64(k)/20 <= to; k++ {
		p.XTicks = append(p.XTicks, whyTick{x(float64(k) / 20), fmt.Sprintf("%.2f", float64(k)/20)})
	}
	numbered := 0 // where the last number stands
	for _, s := range scores {
		b := explainBar{X: x(s.From), Y: y(s.Linked), OverY: y(s.Linked + s.Refused), Cut: s.Linked+s.Refused > top,
			Says: fmt.Sprintf("scores from %.3f to %.3f: %s linked, %s refused", s.From, s.To, whyCount(s.Linked), whyCount(s.Refused))}
		b.Wide = max(1, x(s.To)-b.X-1)
		b.High, b.OverHigh = p.Foot-b.Y, b.Y-b.OverY
		if b.Cut {
			p.Cut = true
			if b.CutX, b.CutY = b.X+b.Wide/2, explainTop-6; b.CutX >= numbered+30 {
				b.CutText, numbered = shortCount(s.Linked+s.Refused), b.CutX
			}
		}
		p.Bars = append(p.Bars, b)
	}
	p.ThresholdX = x(threshold)
	return p
}

// niceScale is a round number from n up, and how far apart the four or five ticks to it are.
func niceScale(n int) (top, step int) {
	for size := 1; ; size *= 10 {
		for _, k := range []int{1, 2, 5} {
			if step = k * size; 5*step >= n {
				return (n + step - 1) / step * step, step
			}
		}
	}
}

// shortCount fits on a bar: 950, 12k, 3.4m.
func shortCount(n int) string {
	switch {
	case n >= 1_000_000:
		return fmt.Sprintf("%.1fm", float64(n)/1e6)
	case n >= 1000:
		return fmt.Sprintf("%dk", (n+500)/1000)
	}
	return fmt.Sprint(n)
}
