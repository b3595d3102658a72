package cohort

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Noise: another way to protect counts.
//
// Hiding and rounding are safe from readers who reckon from what was released. They
// promise nothing against one who knows other things: another table, or everybody but
// one. Noise promises something against every reader. It changes each count by a
// random amount, so that the released counts are almost as likely with a person as
// without: at most e^epsilon times as likely, whatever else is known (Dwork, McSherry,
// Nissim and Smith 2006, "Calibrating Noise to Sensitivity", definition 1). What it costs
// is exactness, which is told: every figure has a range.
//
// The neighbour relation: two sets of persons that differ by one person, there or not
// there, with all its parties and needs. It is of persons as they were linked: a record
// more or fewer can move a person to another cell (2 changes) or join two (3), so that
// for a record the promise is that of three times epsilon at best, and none where it
// changes how others are linked.
//
// Where noise goes: on cells. A cell is an exact set of parties with an exact set of
// needs, a person is in one cell, and each cell gets one draw of the discrete Laplace
// distribution with scale 1/epsilon. Every figure is the sum of its noisy cells, so that
// all of them agree: what parts have is what their whole has. Cells in which nobody is get
// their draw too, or who is nowhere would be told.
//
// Where there are more than maxCells of these, a sum of so many draws is no count any
// more. The figures are then made in parts, which share epsilon (sequential composition;
// Dwork and Roth 2014, theorem 3.16) and agree within but not with each other:
//
//   - all that is counted by parties alone, from cells of exact sets of parties;
//   - each need, by party and in all, from cells of the sets of parties with the sets of
//     values of the need;
//   - where there are too many of these too: the numbers of parties from cells of these
//     numbers, and parties, and two of them, figure by figure: with scale (figures that one
//     person is in)/(its share). As hardly anybody is in many parties, a person is counted
//     in mostParties of its own only, drawn for it, and the range allows for that (bounded
//     contributions; Wilson et al. 2020, "Differentially Private SQL with Bounded User
//     Contribution", section 3);
//   - the values of a need with too many cells, and each question: figure by figure, as if
//     a person were in all.
//
// A part's share is as the square root of the noise that it would have with all of
// epsilon: with equal shares the widest would be lost, and so would the total if the
// noise were made equal. Tables of which little would be left are not made (NoiseFacts
// says which): ask a question.
//
// Which figures there are, and how much noise they get, follows from the names of the
// parties, the needs, their values and the questions, and from no person. So values of a
// category that were merely met in the data must not be given to NewPersons for this: the
// caller sees that the project lists them.
//
// Noise comes first, the rule after it: a figure that is below the rule's threshold with
// its noise is hidden, and so is one that cannot be told from 0, that is, at most as large
// as its noise may be; the others are rounded. (A rule's next lowest is not hidden.) All
// that is made of noisy figures and of nothing else, so that it tells no more than they do
// (post-processing; Dwork and Roth 2014, proposition 2.1). Subtracting one figure from
// another gives a noisy count that was hidden: nothing is hidden to prevent that, as what
// comes out is protected by the noise.
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
	// let a reader take the mean. Cells is how many had a draw then.
	Drawn []Seen
	Cells int
}

// NoiseFacts say how noise was put on the figures of a release.
type NoiseFacts struct {
	Epsilon Epsilon
	Cells   int // that got a draw each
	Parts   int // in which the figures were made, each with a share of epsilon; within one they agree
	// MostParties is of how many of its parties, drawn at random, a person is counted in a
	// party or in two; 0 for all. Ranges allow for it.
	MostParties int
	// LeftOut names the tables (see Row) that were not made, as too little of them would be left.
	LeftOut []string
}

// Confidence is the share of draws in which a figure's range holds the count.
const Confidence = 0.95

const (
	// maxCells is how many cells a part can have: of one part alone the noise of the
	// total, the sum of all of them, then has the standard deviation 91/epsilon.
	maxCells = 1 << 12
	// mostParties is in how many parties a person is counted, where there are too many
	// parties for cells: council, CCG, practice, and one more.
	mostParties = 4
	// cappedConfidence is Confidence for figures of persons counted so: half of what is
	// left to chance is for the number of those who are in more.
	cappedConfidence = (1 + Confidence) / 2
	// listedByChance bounds the chance that a list of the largest combinations has one
	// in which nobody is.
	listedByChance = 0.05
)

// dose is how much noise a figure has: the sum of so many draws that are k with a
// probability proportional to exp(-|k| num/den).
type dose struct {
	num, den uint64
	draws    int
}

// confident is a dose, and with which probability it is to be within reach.
type confident struct {
	dose
	probability float64
}

// noisy is a sheet with noise.
type noisy struct {
	*sheet
	facts  NoiseFacts
	parts  []noisePart
	doses  []dose // of each figure
	capped []bool // of each figure: of persons with mostParties of their parties
	ranges map[confident]int
}

func newNoisy(t *tally, r Rule, e Epsilon) *noisy {
	s := &noisy{sheet: newSheet(t, r), facts: NoiseFacts{Epsilon: e}, ranges: make(map[confident]int)}
	s.zeroes = true
	return s
}

// protectNoisy is Protect for Options with Noise.
func protectNoisy(c *Counts, r Rule, o Options) (*Release, error) {
	if e := o.Noise.Epsilon; e < 1 || e > MaxEpsilon {
		return nil, fmt.Errorf("epsilon must be above 0 and at most %s", MaxEpsilon)
	}
	if o.QuestionsOnly || len(o.Given) > 0 {
		return nil, errors.New("noise is for the tables that every release has, and not for a cohort: its members are known to whom they are given")
	}
	if o.Households {
		return nil, errors.New("households are not counted with noise: one person more or fewer can change several of their counts")
	}
	s := newNoisy(c.see(), r, o.Noise.Epsilon)
	if err := s.plan(o); err != nil {
		return nil, err
	}
	if o.Noise.Drawn != nil {
		return s.again(o.Noise)
	}
	values, err := s.draw(o.Noise.Random)
	if err != nil {
		return nil, err
	}
	return s.finish(values), nil
}

// draw returns the figures with noise, which can be below 0.
func (s *noisy) draw(random io.Reader) ([]int, error) {
	if random == nil {
		random = rand.Reader
	}
	c := newCoins(random)
	values := slices.Clone(s.exact)
	if s.facts.MostParties > 0 {
		capped := *s.tally
		capped.atoms = c.cap(s.atoms, s.facts.MostParties)
		for i, f := range s.list {
			if s.capped[i] {
				values[i] = capped.count(f)
			}
		}
	}
	for k := range s.parts {
		p := &s.parts[k]
		if !p.cells {
			for _, i := range p.figures {
				values[i] += c.laplace(p.rate[0], p.rate[1])
			}
		}
		for a := range s.cells(p) {
			noise := c.laplace(p.rate[0], p.rate[1])
			for _, i := range p.figures {
				if noise != 0 && s.list[i].covers(a) {
					values[i] += noise
				}
			}
		}
	}
	return values, c.err
}

// reach is how far figure i is from its count at most, in 95 of 100 draws.
func (s *noisy) reach(i int) int {
	if s.capped[i] {
		return s.reachOf(s.doses[i], cappedConfidence)
	}
	return s.reachOf(s.doses[i], Confidence)
}

// reachOf is dose.reach, worked out once: many figures have one dose.
func (s *noisy) reachOf(d dose, probability float64) int {
	at := confident{d, probability}
	q, ok := s.ranges[at]
	if !ok {
		q = d.reach(probability)
		s.ranges[at] = q
	}
	return q
}

// least is the smallest noisy value of figure i that is shown.
func (s *noisy) least(i int) int {
	return max(s.rule.Least, s.reach(i)+1)
}

// listedFrom is the smallest noisy value with which a combination is in a list of the largest.
func (s *noisy) listedFrom(i int) int {
	// Of each combination alone the chance is the bound's share, by Boole's inequality;
	// reach is of both sides, and only too large a count is listed.
	alone := listedByChance / float64(uint64(1)<<len(s.parties)-1)
	return max(s.least(i), s.reachOf(s.doses[i], 1-2*alone)+1)
}

// hiddenAs is figure i where it is hidden.
func (s *noisy) hiddenAs(i int) Figure {
	return Figure{state: hidden, noisy: true, high: s.least(i) - 1 + s.reach(i)}
}

// shownAs is figure i where it is shown, with its rounded value.
func (s *noisy) shownAs(i, value int) Figure {
	q := s.reach(i)
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

// again is finish for figures that were drawn before. From other cells they would have
// other ranges.
func (s *noisy) again(o *Noise) (*Release, error) {
	other := errors.New("the figures that were drawn before are not those of this release: make it with the cohortlink that the ledger names")
	if o.Cells != s.facts.Cells {
		return nil, other
	}
	all := uint64(1)<<len(s.parties) - 1
	figures := make([]Figure, len(s.list))
	for _, seen := range o.Drawn {
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
	return len(s.parties) <= latticeParties
}

// write makes the release of its figures; one that was not released is left out.
func (s *noisy) write(figures []Figure) *Release {
	if i, ok := s.index[figure{table: atLeast, k: s.facts.MostParties + 1}]; ok && s.facts.MostParties > 0 {
		beyond := figures[i].high // as many persons are in more parties, at most
		for i := range figures {
			if s.capped[i] {
				figures[i].high += beyond
			}
		}
	}
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
