package cohort

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Mark is what stands in place of a hidden figure. There is one mark only: a
// reader is not told whether a figure was small itself or was hidden to protect
// another.
const Mark = "*"

// Figure is one figure of a release. The zero Figure was not released at all.
type Figure struct {
	value                 int
	state                 state
	likelyLow, likelyHigh int // see Likely; 0 without a range
	// Of a figure with noise, between what the count is in 95 of 100 draws.
	noisy     bool
	low, high int
}

type state uint8

const (
	absent state = iota
	shown
	hidden
)

// Released reports whether the release has this figure, shown or hidden.
func (f Figure) Released() bool { return f.state != absent }

// Hidden reports whether the figure was hidden.
func (f Figure) Hidden() bool { return f.state == hidden }

// Value returns the figure as released, that is rounded, and whether it is shown.
func (f Figure) Value() (n int, ok bool) { return f.value, f.state == shown }

// Text returns the figure as it is read: "1,235", "0", or Mark. A figure that
// was not released is "–".
func (f Figure) Text() string {
	switch f.state {
	case absent:
		return "–"
	case hidden:
		return Mark
	}
	return thousands(f.value)
}

// thousands writes a number with commas between thousands.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Range returns between which numbers, both included, the count is that a figure with
// noise was made from: in 95 of 100 draws it is there, for each figure by itself. It
// follows from the figure and the size of the noise alone. ok is false without noise.
func (f Figure) Range() (low, high int, ok bool) {
	return f.low, f.high, f.noisy && f.Released()
}

// RangeText returns the range as it is read: "1,190 to 1,280"; "" without noise.
func (f Figure) RangeText() string {
	low, high, ok := f.Range()
	if !ok {
		return ""
	}
	return thousands(low) + " to " + thousands(high)
}

// String returns the same as Text.
func (f Figure) String() string { return f.Text() }

// Release holds figures after disclosure control. Only Protect makes one with
// anything in it. It holds no exact count. Safe for concurrent use.
type Release struct {
	rule       Rule
	parties    []string
	needs      []Need
	slots      [][]int
	order      []figure // every released figure, in an order that tells nothing
	figures    map[figure]Figure
	inTable    []Combination
	everyone   bool // every combination is listed
	zeroMarked bool // a mark may stand for 0 too
	questions  []Question
	answers    [][]figure    // question -> its figures, that of all first
	account    func() []Held // not for readers, so out of the way of fmt
	audit      Audit

	homesLeftOut bool // they were to be counted

	coarse            bool
	precision, recall float64 // see Options
	noise             *NoiseFacts
}

// Combination is how many persons are in exactly these parties and in no other.
type Combination struct {
	Parties []int // positions in Release.Parties, ascending
	Figure  Figure
}

// NeedValue is a need, and for a category one of its values.
type NeedValue struct {
	Need  string
	Value string // "" for a yes-no need
}

// Row is one figure with what it counts, for tables that hold every figure.
type Row struct {
	// Table is one of "people", "party", "pair", "combination", "at-least",
	// "need", "need-party", "need-pair", "need-twice" (two parties or more say so) and
	// "question"; and of households "household", "household-party", "household-pair",
	// "household-at-least" and "household-question".
	Table   string
	Where   string      // the condition that the persons meet, in its one spelling; "" for everybody
	Parties []string    // the persons are in all of these (for a combination: and in no other)
	AtLeast int         // the persons are in at least this many parties; 0 elsewhere
	Needs   []NeedValue // the persons carry all of these
	Figure  Figure
}

var tableNames = [...]string{
	people: "people", parties: "party", pairs: "pair", combinations: "combination",
	atLeast: "at-least", needs: "need", needParties: "need-party", needPairs: "need-pair", needTwice: "need-twice",
	asked: "question",
	homes: "household", homeParties: "household-party", homePairs: "household-pair", homeAtLeast: "household-at-least",
	homeAsked: "household-question",
}

// Rule returns the rule that was applied.
func (r *Release) Rule() Rule { return r.rule }

// Parties returns the parties' names, in the project's order.
func (r *Release) Parties() []string { return slices.Clone(r.parties) }

// Needs returns the needs, in the project's order.
func (r *Release) Needs() []Need { return slices.Clone(r.needs) }

// Total is how many persons there are.
func (r *Release) Total() Figure { return r.figures[figure{table: people}] }

// Party is how many persons are in party i.
func (r *Release) Party(i int) Figure {
	return r.figures[figure{table: parties, parties: 1 << i}]
}

// Overlap is how many persons are in both party i and party j, whatever other
// parties they are in. Overlap(i, i) is Party(i).
func (r *Release) Overlap(i, j int) Figure {
	if i == j {
		return r.Party(i)
	}
	return r.figures[figure{table: pairs, parties: 1<<i | 1<<j}]
}

// AtLeast is how many persons are in k parties or more. AtLeast(1) is Total.
// It is released for k up to 7.
func (r *Release) AtLeast(k int) Figure {
	if k == 1 {
		return r.Total()
	}
	return r.figures[figure{table: atLeast, k: k}]
}

// Combinations returns the exact combinations of parties, the largest first as
// released and the hidden ones after them in an order that does not depend on
// their counts.
func (r *Release) Combinations() []Combination { return slices.Clone(r.inTable) }

// AllCombinations reports whether Combinations lists every combination there
// can be. Otherwise it lists the largest ones, and some of those may be held back.
func (r *Release) AllCombinations() bool { return r.everyone }

// Need is how many persons carry value v of need n, whichever party says so.
func (r *Release) Need(n, v int) Figure {
	return r.figures[figure{table: needs, needs: 1 << r.slots[n][v]}]
}

// NeedByParty is how many persons of party i carry value v of need n, whichever
// party says so.
func (r *Release) NeedByParty(n, v, i int) Figure {
	return r.figures[figure{table: needParties, parties: 1 << i, needs: 1 << r.slots[n][v]}]
}

// NeedPair is how many persons carry both value v of need n and value w of need
// m. It is not released for two values of one need, nor for two categories.
func (r *Release) NeedPair(n, v, m, w int) Figure {
	return r.figures[figure{table: needPairs, needs: 1<<r.slots[n][v] | 1<<r.slots[m][w]}]
}

// NeedTwice is of how many persons two parties or more say need n. It is released for
// yes-no needs that two parties declare.
func (r *Release) NeedTwice(n int) Figure {
	for f, figure := range r.figures {
		if f.table == needTwice && f.needs>>r.slots[n][0]&1 == 1 {
			return figure
		}
	}
	return Figure{}
}

// Coarse reports whether the release was made without its finer tables.
func (r *Release) Coarse() bool { return r.coarse }

// MarkMayBeZero reports whether Mark may stand for 0 in this release.
func (r *Release) MarkMayBeZero() bool { return r.zeroMarked }

// Says tells in plain words and one sentence what the rule does with the figures of
// this release.
func (r *Release) Says() string {
	if r.noise == nil {
		return r.rule.Says()
	}
	var b strings.Builder
	if r.rule.Least > 1 {
		fmt.Fprintf(&b, "counts that are below %d with their noise are hidden, and those that cannot be told from 0", r.rule.Least)
	} else {
		b.WriteString("counts that cannot be told from 0 for their noise are hidden")
	}
	if r.rule.Base > 1 {
		fmt.Fprintf(&b, "; all others are rounded to the nearest %d", r.rule.Base)
	}
	return b.String() + "."
}

// Rows returns every figure of the release, table by table.
func (r *Release) Rows() []Row {
	rows := make([]Row, 0, len(r.order))
	for _, f := range r.order {
		row := r.describe(f)
		row.Figure = r.figures[f]
		rows = append(rows, row)
	}
	return rows
}

func (r *Release) describe(f figure) Row {
	row := Row{Table: tableNames[f.table], AtLeast: f.k}
	if f.where != nil {
		row.Where = f.where.text
	}
	for p := f.parties; p != 0; p &= p - 1 {
		row.Parties = append(row.Parties, r.parties[bits.TrailingZeros64(p)])
	}
	for n, slots := range r.slots {
		for v, b := range slots {
			if f.needs>>b&1 == 0 {
				continue
			}
			nv := NeedValue{Need: r.needs[n].Name}
			if r.needs[n].Kind == Category {
				nv.Value = r.needs[n].Values[v]
			}
			row.Needs = append(row.Needs, nv)
		}
	}
	return row
}

// Hidden returns how many figures of the release are shown as Mark.
func (r *Release) Hidden() int {
	n := 0
	for _, f := range r.figures {
		if f.Hidden() {
			n++
		}
	}
	return n
}

// Why a figure was hidden.
const (
	Primary   = "primary"   // small itself, by the rule
	Secondary = "secondary" // hidden so that a primary one cannot be worked out
)

// Held is one hidden figure and why it was hidden. A combination that was held
// back from a list of the largest has a figure that is not released.
type Held struct {
	Row Row
	Why string // Primary or Secondary
}

// Account returns why each hidden figure was hidden. It is for the linkage
// unit's own manifest and tells more than the release does: a figure hidden as
// Secondary is not small. It must not be handed on with the release.
func (r *Release) Account() []Held { return r.account() }

// Noise returns how noise was put on the figures; ok is false where none was.
func (r *Release) Noise() (facts NoiseFacts, ok bool) {
	if r.noise == nil {
		return NoiseFacts{}, false
	}
	facts = *r.noise
	facts.LeftOut = slices.Clone(facts.LeftOut)
	return facts, true
}

// Audit returns what the attacker that was played could and could not do; nothing
// where noise protects the figures.
func (r *Release) Audit() Audit { return r.audit }
