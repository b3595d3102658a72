package profile

import (
	"fmt"
	"strconv"
)

// How small counts are protected. The partner may see its own figures, but a
// page gets forwarded, to a supplier for one, and "1 record has no postcode"
// points at somebody. Hiding the small figure alone is not enough where the
// figures beside it add up to a known total, so the others are rounded, and what
// lacks only a few to the total is hidden too.
const (
	// Few is the least number of records that is shown; the HES rule for counts
	// of people (NHS Digital, HES analysis guide) hides 1 to 7 and rounds to 5.
	Few     = 8
	rounded = 5
)

// A Count is a protected number of records. It holds nothing but what may be
// seen: the exact number is gone when it is made.
type Count struct {
	// Text is "none", "all", "fewer than 8", "all but fewer than 8" or a number
	// rounded to 5.
	Text string `json:"text"`
	// About is the rounded number, nil where it is hidden.
	About *int `json:"about"`
	// Share is the part of all records in per cent, from the rounded number: ""
	// where it is hidden.
	Share string `json:"share"`
}

// Protect makes the count of n records out of all, for what a caller counts beside
// a Report.
func Protect(n, all int) Count { return protect(n, all) }

// protect makes the count of n records out of all.
func protect(n, all int) Count {
	switch {
	case n <= 0:
		return Count{Text: "none", About: new(int), Share: "0 %"}
	case n < Few:
		return Count{Text: few}
	case n == all:
		return Count{Text: "all", About: &n, Share: "100 %"}
	case all-n > 0 && all-n < Few:
		return Count{Text: "all but " + few}
	}
	about := (n + rounded/2) / rounded * rounded
	return Count{Text: thousands(about), About: &about, Share: share(about, all)}
}

var few = "fewer than " + strconv.Itoa(Few)

func share(n, all int) string {
	switch percent := 100 * float64(n) / float64(all); {
	case percent < 1:
		return "under 1 %"
	case percent > 99:
		return "over 99 %"
	default:
		return fmt.Sprintf("%.0f %%", percent)
	}
}

// Of puts the count before what is counted: "about 1,205 records".
func (c Count) Of(thing string) string {
	switch {
	case c.Text == "none":
		return "no " + thing
	case c.Text == "all":
		return "all " + thing
	case c.About == nil:
		return c.Text + " " + thing
	}
	return "about " + c.Text + " " + thing
}

// rowsText is the number of rows of a whole extract, exact unless it is small:
// people compare it with what the export said.
func rowsText(n int) string {
	if n > 0 && n < Few {
		return few
	}
	return thousands(n)
}

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
