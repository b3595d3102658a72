package formats

import (
	"strconv"
	"unicode/utf8"

	"cohortlink/linkage/cohort"
)

// Two pictures, as plain geometry that the template turns into SVG: an UpSet
// plot of the combinations of parties (Lex et al. 2014, "UpSet: Visualization
// of Intersecting Sets"), and bars of how many parties know a person.
//
// A bar is as long as its released figure. A hidden figure gets a stub of one
// fixed size with the mark on it, since any length would say something, and
// hidden ones stand after all others, since so would a place among them.

// Pixels. Fonts are set in the style sheet to fit, and the template has the
// heights of bars and bands.
const (
	upsetStep    = 20  // between combinations, and between parties
	upsetBar     = 14  // width of a bar
	upsetHeight  = 170 // of the longest bar
	upsetTop     = 44  // room for a number over the longest bar
	upsetLeft    = 250 // room for the parties' names, numbers and bars
	upsetSetBar  = 60  // longest bar of a party's own number
	upsetDraw    = 40  // combinations drawn; the table has them all
	upsetStubs   = 10  // hidden combinations drawn
	upsetStub    = 14  // height of a stub
	pictureRunes = 19  // of a name; the table has it whole
)

type upset struct {
	Width, Height int
	BaseY         int // foot of the bars
	GridLeft      int
	GridWidth     int
	Sets          []upsetSet
	Columns       []upsetColumn
	Stubs         bool // some figure is hidden
	Undrawn       int  // combinations with a figure or a mark that are not drawn
}

type upsetSet struct {
	Name, Title string
	Text        string
	NameX       int
	TextX       int
	Y, BarY     int
	BandY       int
	Band        bool // every second one, to lead the eye
	BarX, BarW  int
	Hidden      bool
}

type upsetColumn struct {
	X, CX        int
	BarY, BarH   int
	TextX, TextY int
	Text, Title  string
	Hidden       bool
	RangeY       int // with noise, the upper end of the figure's range, and its length
	RangeH       int
	LineY1, Line int // the line runs from LineY1 to Line; none when equal
	Dots         []upsetDot
}

type upsetDot struct {
	CY int
	On bool
}

// drawUpSet lays out the picture of a release's combinations. Combinations with
// nobody are left out.
func drawUpSet(rel *cohort.Release, labels []string) upset {
	u := upset{BaseY: upsetTop + upsetHeight, GridLeft: upsetLeft}
	top := 0
	for i := range labels {
		n, _ := rel.Party(i).Value()
		top = max(top, n)
	}
	for i, label := range labels {
		f := rel.Party(i)
		s := upsetSet{
			Name: shortened(label), Title: label, Text: f.Text(), Hidden: f.Hidden(), Band: i%2 == 0,
			NameX: upsetLeft - upsetSetBar - 58, TextX: upsetLeft - upsetSetBar - 12,
			BandY: u.BaseY + 12 + upsetStep*i,
		}
		s.Y, s.BarY = s.BandY+upsetStep/2, s.BandY+upsetStep/2-5
		if n, ok := f.Value(); ok && top > 0 {
			s.BarW = n * upsetSetBar / top
		}
		s.BarX = upsetLeft - 8 - s.BarW
		u.Sets = append(u.Sets, s)
	}
	top = 0
	for _, c := range rel.Combinations() {
		n, ok := c.Figure.Value()
		if _, high, noisy := c.Figure.Range(); noisy && ok {
			n = high
		}
		top = max(top, n)
	}
	stubs := 0
	for _, c := range rel.Combinations() {
		n, ok := c.Figure.Value()
		if ok && n == 0 {
			continue
		}
		if !ok {
			stubs++
		}
		if ok && len(u.Columns) >= upsetDraw || stubs > upsetStubs {
			u.Undrawn++
			continue
		}
		col := upsetColumn{X: upsetLeft + 4 + upsetStep*len(u.Columns), Text: c.Figure.Text(), Hidden: !ok, BarH: upsetStub}
		col.CX = col.X + upsetBar/2
		if ok {
			col.BarH = max(1, n*upsetHeight/top)
		} else {
			u.Stubs = true
		}
		col.BarY = u.BaseY - col.BarH
		col.TextX, col.TextY = col.CX+3, col.BarY-4
		if low, high, noisy := c.Figure.Range(); noisy && ok {
			col.RangeY = u.BaseY - high*upsetHeight/top
			col.RangeH = max(1, (high-low)*upsetHeight/top)
			col.TextY = col.RangeY - 4
		}
		in := make(map[int]bool)
		for _, i := range c.Parties {
			in[i] = true
			if col.Title != "" {
				col.Title += " + "
			}
			col.Title += labels[i]
		}
		col.Title += ": " + withRange(c.Figure)
		for i, s := range u.Sets {
			col.Dots = append(col.Dots, upsetDot{s.Y, in[i]})
			if in[i] {
				if col.LineY1 == 0 {
					col.LineY1 = s.Y
				}
				col.Line = s.Y
			}
		}
		u.Columns = append(u.Columns, col)
	}
	u.GridWidth = upsetStep*len(u.Columns) + 8
	u.Width = upsetLeft + max(u.GridWidth, upsetStep) + 24
	u.Height = u.BaseY + 12 + upsetStep*len(labels) + 8
	return u
}

func shortened(name string) string {
	if utf8.RuneCountInString(name) <= pictureRunes {
		return name
	}
	return string([]rune(name)[:pictureRunes-1]) + "…"
}

type bars struct {
	Width, Height int
	Rows          []barRow
}

type barRow struct {
	Label  string
	Y      int
	TextY  int
	W      int
	TextX  int
	Text   string
	RangeX int // with noise, the lower end of the figure's range, and its length
	RangeW int
	Figure cell
}

const (
	barsLeft = 120
	barsLong = 420
	barsStep = 28
)

// drawSizes lays out how many persons are in at least so many parties, as far
// as that is released.
func drawSizes(rel *cohort.Release) bars {
	b := bars{Width: barsLeft + barsLong + 80}
	if _, noisy := rel.Noise(); noisy {
		b.Width += 120 // for the ranges
	}
	top, _ := rel.Total().Value()
	if _, high, noisy := rel.Total().Range(); noisy {
		top = high
	}
	for k := 1; k <= len(rel.Parties()); k++ {
		f := rel.AtLeast(k)
		if !f.Released() {
			break
		}
		n, ok := f.Value()
		row := barRow{Label: atLeastWords(k), Y: barsStep * (k - 1), Text: withRange(f), Figure: newCell(f)}
		row.TextY = row.Y + 18
		if ok && top > 0 {
			row.W = min(barsLong, n*barsLong/top)
		} else if !ok {
			row.W = upsetStub
		}
		row.TextX = barsLeft + row.W + 6
		if low, high, noisy := f.Range(); noisy && ok && top > 0 {
			row.RangeX = barsLeft + low*barsLong/top
			row.RangeW = max(1, min(barsLong, high*barsLong/top)-low*barsLong/top)
			row.TextX = row.RangeX + row.RangeW + 6
		}
		b.Rows = append(b.Rows, row)
		if ok && n == 0 {
			break // nor is anybody in more
		}
	}
	b.Height = barsStep * len(b.Rows)
	return b
}

func atLeastWords(k int) string {
	words := []string{"one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
	if k <= len(words) {
		return words[k-1] + " or more"
	}
	return strconv.Itoa(k) + " or more"
}
