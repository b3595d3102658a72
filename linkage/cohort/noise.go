package cohort

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// Noise: another way to protect counts.
//
// Hiding and rounding are safe from readers who reckon from what was released. They
// promise nothing against one who knows other things: another table, or everybody but
// one. Noise promises something against every reader. It makes each count wrong by a
// random amount, so that the released counts are almost as likely with a person as
// without: at most e^epsilon times as likely, whatever else is known (Dwork, McSherry,
// Nissim and Smith 2006, "Calibrating Noise to Sensitivity", definition 1). What it costs
// is exactness, which is told: every figure has a range.
//
// The neighbour relation: two sets of persons that differ by one person, there or not
// there, with all its parties and needs. It is of persons as they were linked: a record
// more or fewer can move a person to another cell (2 changes) or join two (3), so that
// for a record the promise is that of three times epsilon.
//
// Where noise goes:
//
//   - On the cells, where there are at most maxCells: a cell is an exact set of parties
//     with an exact set of needs, a person is in one cell, and each cell gets one draw of
//     the discrete Laplace distribution with scale 1/epsilon. Every figure is the sum of
//     its noisy cells, so that all of them agree: what parts have is what their whole has.
//     Cells in which nobody is get their draw too, or who is nowhere would be told.
//   - On the figures, where there are more cells than that: a sum of half a billion draws
//     is no count any more. Each table, and each question, then gets a share of epsilon,
//     and every figure a draw with scale (figures of the table)/(its share), as one person
//     can be in every figure of a table. Shares are as the square roots of the numbers of
//     figures. Tables do not agree to the last person then. Tables of so many figures that
//     little would be left of them are not made (Release.Noise says which): ask a question.
//
// Which figures there are, and how much noise they get, follows from the names of the
// parties, the needs, their values and the questions, and from no person. So values of a
// category that were merely met in the data must not be given to NewPersons for this: the
// caller sees that the project lists them.
//
// Noise comes first, the rule after it: a figure that is below the rule's threshold with
// its noise is hidden, and so is one that cannot be told from 0, that is, at most as large
// as its noise may be; the others are rounded. All that is made of noisy figures and of
// nothing else, so that it tells no more than they do (post-processing; Dwork and Roth
// 2014, proposition 2.1). Subtracting one figure from another gives a noisy count that was
// hidden: nothing is hidden to prevent that, as what comes out is protected by the noise.
// So there is no attacker to play and Audit is empty, and counts are not cut off at 0,
// which would make all that are summed of them too large: what would be cut is hidden.
// Still, of small counts those that the noise made larger are shown rather than others.

// Epsilon is the privacy loss of a release, in thousandths: 500 for 0.5.
type Epsilon int

// MaxEpsilon is the largest privacy loss that is taken for one release or all: ten. With
// more, hardly any count is changed.
const MaxEpsilon Epsilon = 10_000

// ParseEpsilon reads a decimal number of at most three decimals, above 0 and at most MaxEpsilon.
func ParseEpsilon(s string) (Epsilon, error) {
	whole, part, point := strings.Cut(s, ".")
	digits := whole + part + "000"[min(len(part), 3):]
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || whole == "" || len(part) > 3 || point && part == "" || n == 0 || Epsilon(n) > MaxEpsilon {
		return 0, fmt.Errorf("%q is not a number above 0 and at most %s with at most three decimals, such as 0.5", s, MaxEpsilon)
	}
	return Epsilon(n), nil
}

// String returns the number in its one spelling, such as "0.5".
func (e Epsilon) String() string {
	return strconv.FormatFloat(float64(e)/1000, 'f', -1, 64)
}

// Noise has Protect put noise on counts, in place of hiding more than the rule does.
type Noise struct {
	Epsilon Epsilon
	// Random is where noise is drawn from; nil for crypto/rand.
	Random io.Reader
	// Drawn are the figures of the very same release, where it was made before: then
	// nothing is drawn, and they come out again. To draw twice for one release would
	// let a reader take the mean.
	Drawn []Seen
}

// NoiseFacts say how noise was put on the figures of a release.
type NoiseFacts struct {
	Epsilon Epsilon
	// Cells is how many cells got a draw each; 0 where the figures did.
	Cells int
	// LeftOut names the tables (see Row) that were not made, as too little of them would be left.
	LeftOut []string
}

const (
	// maxCells is how many cells there can be: the noise of the total, the sum of all of
	// them, then has the standard deviation 91/epsilon.
	maxCells = 1 << 12
	// confidence is the share of times that a figure's range holds the count.
	confidence = 0.95
	// listedByChance bounds the chance that a list of the largest combinations has one
	// in which nobody is.
	listedByChance = 0.05
)

// dose is how much noise a figure has: the sum of so many draws that are k with a
// probability proportional to exp(-|k| num/den). It is comparable.
type dose struct {
	num, den uint64
	draws    int
}

// noisy is a sheet with noise.
type noisy struct {
	*sheet
	facts  NoiseFacts
	doses  []dose
	ranges map[dose]int
}

// protectNoisy is Protect for Options with Noise.
func protectNoisy(c *Counts, r Rule, o Options) (*Release, error) {
	if e := o.Noise.Epsilon; e < 1 || e > MaxEpsilon {
		return nil, fmt.Errorf("epsilon must be above 0 and at most %s", MaxEpsilon)
	}
	if o.QuestionsOnly || len(o.Given) > 0 {
		return nil, errors.New("members of a cohort are known exactly to who is given them: no noise can be put on their number")
	}
	s := &noisy{sheet: newSheet(c.see(), r), facts: NoiseFacts{Epsilon: o.Noise.Epsilon}, ranges: make(map[dose]int)}
	s.zeroes = true
	if err := s.plan(o); err != nil {
		return nil, err
	}
	if o.Noise.Drawn != nil {
		return s.again(o.Noise.Drawn)
	}
	values, err := s.draw(o.Noise.Random)
	if err != nil {
		return nil, err
	}
	return s.finish(values), nil
}

// plan settles which figures there are and how much noise each gets.
func (s *noisy) plan(o Options) error {
	few := len(s.parties)+s.width <= bits.Len(maxCells)
	cells := 0
	if few {
		cells = (1<<len(s.parties) - 1) << s.width
		few = cells <= maxCells
	}
	for _, f := range s.inclusive() {
		if few || f.table != needParties && f.table != needPairs {
			s.add(f, open)
		}
	}
	if few {
		for p := uint64(1); p < 1<<len(s.parties); p++ {
			s.add(figure{table: combinations, parties: p}, open)
		}
	}
	o.QuestionsOnly = true // the tables are there already
	if err := s.ask(o); err != nil {
		return err
	}
	s.doses = make([]dose, len(s.list))
	if few {
		s.facts.Cells = cells
		for i, f := range s.list {
			for a := range s.cells() {
				if f.covers(a) {
					s.doses[i].draws++
				}
			}
			s.doses[i].num, s.doses[i].den = reduced(uint64(s.facts.Epsilon), 1000)
		}
		return nil
	}
	s.facts.LeftOut = []string{tableNames[combinations]}
	if s.width > 0 {
		s.facts.LeftOut = append(s.facts.LeftOut, tableNames[needParties])
	}
	if s.width > 1 {
		s.facts.LeftOut = append(s.facts.LeftOut, tableNames[needPairs])
	}
	type group struct {
		table table
		where *Condition
	}
	members := make(map[group]int)
	for _, f := range s.list {
		members[group{f.table, f.where}]++
	}
	all := uint64(0)
	for _, n := range members {
		all += weight(n)
	}
	for i, f := range s.list {
		n := members[group{f.table, f.where}]
		num, den := reduced(uint64(s.facts.Epsilon)*weight(n), 1000*all*uint64(n))
		s.doses[i] = dose{num, den, 1}
	}
	return nil
}

// weight is the share of epsilon, by the square root, of a table of n figures: with equal
// shares the largest tables would be lost, with shares as large as the tables the total.
func weight(n int) uint64 {
	w := uint64(1)
	for w*w < uint64(n) {
		w++
	}
	return w
}

func reduced(num, den uint64) (uint64, uint64) {
	a, b := num, den
	for b != 0 {
		a, b = b, a%b
	}
	return num / a, den / a
}

// cells goes through the cells in a fixed order.
func (s *noisy) cells() func(yield func(atom) bool) {
	return func(yield func(atom) bool) {
		for p := uint64(1); p < 1<<len(s.parties); p++ {
			for n := uint64(0); n < 1<<s.width; n++ {
				if !yield(atom{p, n}) {
					return
				}
			}
		}
	}
}

// draw returns the figures with noise, which can be below 0.
func (s *noisy) draw(random io.Reader) ([]int, error) {
	if random == nil {
		random = rand.Reader
	}
	c := newCoins(random)
	values := slices.Clone(s.exact)
	if s.facts.Cells == 0 {
		for i, d := range s.doses {
			values[i] += c.laplace(d.num, d.den)
		}
		return values, c.err
	}
	num, den := reduced(uint64(s.facts.Epsilon), 1000)
	for a := range s.cells() {
		k := c.laplace(num, den)
		if k == 0 {
			continue
		}
		for i, f := range s.list {
			if f.covers(a) {
				values[i] += k
			}
		}
	}
	return values, c.err
}

// reach is how far a figure is from its count at most, in 95 of 100 draws.
func (s *noisy) reach(d dose) int {
	q, ok := s.ranges[d]
	if !ok {
		q = d.reach(confidence)
		s.ranges[d] = q
	}
	return q
}

// least is the smallest noisy value of figure i that is shown.
func (s *noisy) least(i int) int {
	return max(s.rule.Least, s.reach(s.doses[i])+1)
}

// listedFrom is the smallest noisy value with which a combination is in a list of the largest.
func (s *noisy) listedFrom(i int) int {
	// Of each combination alone the chance is the bound's share, by Boole's inequality;
	// reach is of both sides, and only too large a count is listed.
	alone := listedByChance / float64(uint64(1)<<len(s.parties)-1)
	return max(s.least(i), s.doses[i].reach(1-2*alone)+1)
}

// hiddenAs is figure i where it is hidden.
func (s *noisy) hiddenAs(i int) Figure {
	return Figure{state: hidden, noisy: true, high: s.least(i) - 1 + s.reach(s.doses[i])}
}

// shownAs is figure i where it is shown, with its rounded value.
func (s *noisy) shownAs(i, value int) Figure {
	q := s.reach(s.doses[i])
	low, high := s.rule.meaning(value) // of the noisy value
	return Figure{value: value, state: shown, noisy: true, low: max(0, max(low, s.least(i))-q), high: high + q}
}

// finish applies the rule to noisy values.
func (s *noisy) finish(values []int) *Release {
	figures := make([]Figure, len(values))
	var listed []int // of the combinations, where not all are
	for i, f := range s.list {
		if f.table == combinations && !s.everyCombination() {
			if values[i] >= s.listedFrom(i) {
				listed = append(listed, i)
			}
		} else if values[i] < s.least(i) {
			figures[i] = s.hiddenAs(i)
		} else {
			figures[i] = s.shownAs(i, s.rule.round(values[i]))
		}
	}
	slices.SortStableFunc(listed, func(i, j int) int { return cmp.Compare(values[j], values[i]) })
	for _, i := range listed[:min(len(listed), maxCombinations)] {
		figures[i] = s.shownAs(i, s.rule.round(values[i]))
	}
	return s.write(figures)
}

// again is finish for figures that were drawn before.
func (s *noisy) again(drawn []Seen) (*Release, error) {
	other := errors.New("the figures that were drawn before are not those of this release; were they made by another cohortlink?")
	all := uint64(1)<<len(s.parties) - 1
	figures := make([]Figure, len(s.list))
	for _, seen := range drawn {
		f, err := s.recognise(seen, all, all)
		if err != nil {
			return nil, err
		}
		i, ok := s.index[f]
		if !ok || figures[i].Released() {
			return nil, other
		}
		if seen.Hidden {
			figures[i] = s.hiddenAs(i)
		} else {
			figures[i] = s.shownAs(i, seen.Count)
		}
	}
	for i, f := range s.list {
		if !figures[i].Released() && (f.table != combinations || s.everyCombination()) {
			return nil, other
		}
	}
	return s.write(figures), nil
}

// everyCombination reports whether every combination of parties is listed.
func (s *noisy) everyCombination() bool {
	return s.facts.Cells > 0 && len(s.parties) <= latticeParties
}

// write makes the release of its figures; one that was not released is left out.
func (s *noisy) write(figures []Figure) *Release {
	r := s.blank()
	r.everyone = s.everyCombination()
	r.noise = &s.facts
	for i, f := range s.list {
		if figures[i].Released() {
			r.put(f, figures[i])
		}
	}
	r.sortCombinations()
	r.account = func() []Held { return nil }
	return r
}
