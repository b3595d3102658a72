package cohort

import (
	"math"
	"testing"
)

// How far linkage errors reach is reckoned from figures that are shown, and is not
// there for one that is not.
func TestLikely(t *testing.T) {
	needs := declaredBy()
	p := newPersons(t, borough, needs)
	fill(t, p, 1000, 0b0001)
	fill(t, p, 400, 0b0011, Carry{0, 0, 0}, Carry{1, 0, 0})
	fill(t, p, 200, 0b0111, Carry{0, 2, 0})
	fill(t, p, 3, 0b1111)
	release := func(precision, recall float64) *Release {
		rel, err := Protect(Count(p), preset(t, "hes"), Options{Precision: precision, Recall: recall, Questions: []Question{
			{Where: "parties>=2 and council"}, {Where: "council and not ccg"}, {Where: "frailty>=2"}}})
		if err != nil {
			t.Fatal(err)
		}
		return rel
	}
	good, fair, poor := release(0.99, 0.95), release(0.9, 0.8), release(0.5, 0.1)
	for _, c := range []struct {
		what      string
		f         Figure
		low, high int // 0, 0 for none
	}{
		{"at least 2", good.AtLeast(2), 595, 640},                  // 605 x 0.99 = 598.95, 605 / 0.95 = 636.8
		{"at least 3", fair.AtLeast(3), 165, 325},                  // 205 x 0.81 = 166.05, 205 / 0.64 = 320.3
		{"no more than there are", poor.AtLeast(2), 300, 1605},     // 302.5
		{"hidden", good.AtLeast(4), 0, 0},                          //
		{"everybody", good.Total(), 1560, 1615},                    // 817 links: 43 missed, 8.2 wrong
		{"a party's own", good.Party(0), 0, 0},                     //
		{"two parties", good.Overlap(0, 1), 595, 640},              // 605 as above
		{"a need of two", fair.Need(0, 0), 320, 445},               // 400 x 0.8, 400 / 0.9 = 444.4
		{"a need of one", fair.Need(2, 0), 0, 0},                   //
		{"its own people's", fair.NeedByParty(2, 0, 0), 0, 0},      //
		{"a need in a party", fair.NeedByParty(0, 0, 0), 360, 500}, // 400 x 0.9, 400 / 0.8
		{"a need said twice", good.NeedTwice(0), 395, 425},         // 400 x 0.99, 400 / 0.95 = 421.1
		{"a question of three records", fair.Answers()[0].All, 490, 950},
		{"a question that a link undoes", good.Answers()[1].All, 955, 1010}, // 1000 - 43, 1000 + 8.2
		{"a question of two records", good.Answers()[2].All, 395, 425},
		{"nothing known", release(0, 0.95).AtLeast(2), 0, 0},
		{"no number", release(0.99, math.NaN()).AtLeast(2), 0, 0},
	} {
		low, high, ok := c.f.Likely()
		if low != c.low || high != c.high || ok != (c.high > 0) {
			t.Errorf("%s: %s is from %d to %d, %v; want %d to %d", c.what, c.f, low, high, ok, c.low, c.high)
		}
	}
	for _, row := range fair.Rows() {
		n, shown := row.Figure.Value()
		if low, high, ok := row.Figure.Likely(); ok && (!shown || low > n || high < n) {
			t.Errorf("%v: %d is not from %d to %d", row, n, low, high)
		}
	}
}
