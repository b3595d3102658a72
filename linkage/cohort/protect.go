package cohort

import (
	"cmp"
	"errors"
	"math"
	"math/bits"
	"slices"
)

// latticeParties is up to how many parties every combination of them is
// released: 127 for seven. Beyond it most combinations hold nobody or a few
// persons, and the largest ones, with the overlaps of each two parties, tell
// what there is to tell.
const (
	latticeParties  = 7
	maxCombinations = 40
)

// Options are what a caller can change about Protect. The zero Options are fine.
type Options struct {
	// Progress, if not nil, is called now and then with how many of the hidden
	// figures have been shown to be safe. It may start again from a low number.
	Progress func(safe, hidden int)
	// Questions are answered beside the tables that every release has, and
	// protected with them.
	Questions []Question
	// QuestionsOnly leaves those tables out.
	QuestionsOnly bool
	// Households has households counted too, by party and by the questions as a whole.
	Households bool
	// Coarse leaves out of them all but the persons in all, by party, by two parties,
	// and by how many parties.
	Coarse bool
	// Precision and Recall are what the links are thought to be good for, at the least,
	// as shares of pairs. Ranges are made of them (Release.Likely), no figure is.
	Precision, Recall float64
	// Earlier are the releases that readers have seen already.
	Earlier []Earlier
	// Given are the members of cohorts that parties are given with this release.
	Given []Given
	// Forget leaves out of Earlier what counts by parties or needs that the
	// linkage no longer has. Without it such a release is refused: by comparing
	// the two, readers may learn of those who left.
	Forget bool

	// Noise puts noise on the figures (see noise.go), and then nothing is hidden to
	// protect another figure and Earlier does not matter; nil for none.
	Noise *Noise

	patience int // see usualPatience, which 0 stands for
}

// ErrUnsafe is returned when no way of hiding figures made a release safe.
var ErrUnsafe = errors.New("whatever is hidden, a small figure could be worked out from what is left, so that nothing can be released\nlink more persons, count fewer needs, or ask fewer questions")

// Protect applies the rule to every figure, hides more until no attacker can
// work out a hidden one (see audit.go), and returns what may be released. It is
// deterministic: the same counts and rule give the same release, but for noise (see
// Noise), with which nothing of what follows is needed.
//
// It tries three times. First so that the release is safe even from one who is
// told which marks stand for small figures. With few persons that can be out of
// reach: a party of 14 whose only two cells are 7 and 7 can work them out if it
// knows both to be at most 7. Then so that it is safe from one who knows of a
// mark what a reader knows, that it stands for 1 or more. And at last with
// marks that may stand for 0 too, when zeros are hidden like other figures.
//
// With few persons, many parties and many needs, showing each figure to be safe
// could take hours. After some seconds whole tables are hidden instead (see
// Audit.Hurried), and before those of persons households are left out altogether
// (Release.HouseholdsLeftOut), as they are where nothing else is safe.
func Protect(c *Counts, r Rule, o Options) (*Release, error) {
	if c == nil || c.see == nil {
		return nil, errors.New("there are no counts to protect")
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	if o.Noise != nil {
		return protectNoisy(c, r, o)
	}
	return protectOrLeaveOut(c, r, o)
}

// protectHiding is Protect without noise.
func protectHiding(c *Counts, r Rule, o Options) (*Release, error) {
	var leaks []string
	spent := 0
	for _, try := range []struct{ told, zeroes bool }{{true, false}, {false, false}, {false, true}} {
		if !o.follows(try.told, try.zeroes || r.HideZero) {
			continue
		}
		s := newSheet(c.see(), r)
		s.zeroes = s.zeroes || try.zeroes
		if err := s.ask(o); err != nil {
			return nil, err
		}
		if err := s.recall(o); err != nil {
			return nil, err
		}
		for p := range s.parties { // which each knows of itself, whether it is released or not
			s.memory(figure{table: parties, parties: 1 << p})
		}
		s.ownHouseholds()
		s.primary()
		s.keepHidden()
		a := newAuditor(s, try.told)
		if o.patience > 0 {
			a.patience = o.patience
		}
		if o.Households {
			a.spent = spent // they have all tries together until they are left out
		}
		leak := a.protect(o)
		spent = a.spent
		if a.gaveUp {
			return nil, errTooLong
		}
		if leak >= 0 {
			leaks = []string{s.list[leak].String(s)}
			continue
		}
		a.prune()
		return s.release(a), nil
	}
	if len(o.Earlier) > 0 {
		return nil, &DifferenceError{Figures: leaks}
	}
	return nil, ErrUnsafe
}

// follows reports whether a release may be tried so after the earlier ones: where
// one of those was not safe from one who is told, such a one knows all already, and
// being safe from it would say nothing; and a mark that meant 0 too goes on to.
func (o Options) follows(told, zeroes bool) bool {
	for _, e := range o.Earlier {
		if told && !e.Told || !zeroes && e.MarkMayBeZero && !e.Rule.HideZero {
			return false
		}
	}
	return true
}

// targets returns the figures to be kept safe: those hidden for being small, now
// or in an earlier release.
func (a *auditor) targets() []int {
	var out []int
	for i, w := range a.why {
		if w == primary || w == past && a.earlier[i].small {
			out = append(out, i)
		}
	}
	return out
}

// protect hides figures until every target is safe, and returns -1, or a target
// for which there was nothing left to hide.
func (a *auditor) protect(o Options) (leak int) {
	targets := a.targets()
	for n, i := range targets {
		if o.Progress != nil {
			o.Progress(n, len(targets))
		}
		for a.hurried < len(a.hurries) && a.late(a.hurried) {
			if a.gaveUp = a.households && a.hurried == len(homeHurries); a.gaveUp {
				return i
			}
			a.hurry()
		}
		if a.late(a.lateAt()) {
			return i
		}
		for side := range 2 {
			// Hiding more never makes a world impossible, so those that were
			// safe before stay so.
			for f := a.secure(i, side); f != nil; f = a.secure(i, side) {
				next := a.hideNext(f)
				switch {
				case next >= 0:
					a.why[next] = secondary
				case a.zeroes && !a.ofZeros: // of all others there was nothing left
					a.ofZeros = true
				default:
					return i
				}
			}
			a.ofZeros = false
		}
	}
	return -1
}

// usualPatience is half the work after which Protect begins to hide whole tables: in
// all, some six seconds of a laptop. It is counted and not timed, so that the same
// counts give the same release on every machine.
const usualPatience = 300_000_000

// hurries are the tables that are hidden then, and half as much work later, and once
// more. What is left is quickly shown to be safe, as little stands in the way. Half
// as much later worlds are no longer made whole, and at lateAt nothing is released.
var hurries = [][]table{{needPairs, combinations, atLeast}, {needParties, needTwice}, {pairs}}

// homeHurries come before them where households are counted; after them households are
// left out.
var homeHurries = [][]table{{homePairs, homeAtLeast, homeAsked}}

func (a *auditor) lateAt() int { return len(a.hurries) + len(hurries) }

// late reports whether so many halves of patience have gone by since the first two.
func (a *auditor) late(halves int) bool { return a.spent > (halves+2)*a.patience }

// hurry hides every figure of some tables that is above 0, or every one where a mark
// may stand for 0.
func (a *auditor) hurry() {
	for i, f := range a.list {
		if a.why[i] == open && (a.exact[i] > 0 || a.zeroes) && slices.Contains(a.hurries[a.hurried], f.table) {
			a.why[i], a.ruled[i] = secondary, true
		}
	}
	a.hurried++
}

// hideNext chooses the figure to hide for one that is not safe: of those that
// stand in the way of a world for it, the one without which the attacker's
// bounds are widest; of equals the one that is missed least.
func (a *auditor) hideNext(f *failure) int {
	a.rough = true
	defer func() { a.rough = false }()
	best, bestReached := -1, 0.0
	for _, i := range f.stops {
		if a.why[i] != open || a.exact[i] == 0 && !a.zeroes || a.seenBefore(i) {
			continue
		}
		a.why[i] = secondary
		w, reached, _ := a.solve(f.target, f.attacker, f.goal)
		a.why[i] = open
		if w != nil {
			reached = math.Abs(f.goal - float64(a.exact[f.target]))
		}
		reached = math.Round(reached*1e6) / 1e6
		if best < 0 || reached > bestReached || reached == bestReached && a.missedLess(i, best) {
			best, bestReached = i, reached
		}
	}
	return best
}

// missed orders the tables by how much a reader misses a figure of them.
var missed = [...]int{
	combinations: 0, needPairs: 1, homePairs: 2, homeAtLeast: 3, atLeast: 4, needParties: 5, needTwice: 6, homeAsked: 7, pairs: 8, asked: 9,
	homeParties: 10, needs: 11, homes: 12, parties: 13, people: 14,
}

func (a *auditor) missedLess(i, j int) bool {
	x, y := missed[a.list[i].table], missed[a.list[j].table]
	return cmp.Or(cmp.Compare(x, y), cmp.Compare(a.exact[i], a.exact[j])) < 0
}

// prune shows again what turned out not to need hiding, the most missed first.
func (a *auditor) prune() {
	targets := a.targets()
	var hiddenToo []int
	for i, w := range a.why {
		if w == secondary && !a.ruled[i] {
			hiddenToo = append(hiddenToo, i)
		}
	}
	slices.SortStableFunc(hiddenToo, func(i, j int) int {
		if a.missedLess(i, j) {
			return 1
		}
		return -1
	})
	for _, i := range hiddenToo {
		if a.late(0) {
			return
		}
		a.why[i] = open
		for _, t := range targets {
			if a.secure(t, 0) != nil || a.secure(t, 1) != nil {
				a.why[i] = secondary
				break
			}
		}
	}
}

// sheet is a release in the making: every figure with its exact count, and
// whether it is hidden and why.
type sheet struct {
	*tally
	rule   Rule
	list   []figure
	index  map[figure]int
	exact  []int
	why    []why
	ruled  []bool // hidden by the rule's own words, so never shown again
	most   int    // the largest count a combination can have that is not listed; -1: no limit
	zeroes bool   // a mark may stand for 0

	coarse            bool    // as in Options
	households        bool    // they are counted
	precise, complete float64 // precision and recall, as in Options

	conditions map[string]*Condition
	questions  []Question      // as asked, with the condition in its one spelling
	byQuestion [][]int         // question -> its figures, that of all first
	earlier    map[int]*memory // figure -> what earlier releases told of it
	cohorts    []cohortsOf     // party -> of which its members are known to it
}

type why uint8

const (
	open why = iota
	primary
	secondary
	past // of an earlier release only
)

func newSheet(t *tally, r Rule) *sheet {
	return &sheet{tally: t, rule: r, most: -1, zeroes: r.HideZero, index: make(map[figure]int),
		conditions: make(map[string]*Condition), earlier: make(map[int]*memory), cohorts: make([]cohortsOf, len(t.parties))}
}

// tables adds the figures that every release has.
func (s *sheet) tables() {
	for _, f := range s.inclusive() {
		if !s.coarse || slices.Contains([]table{people, parties, pairs, atLeast}, f.table) {
			s.add(f, open)
		}
	}
	if s.coarse {
		return
	}
	for _, p := range s.listed(s.combinationCounts()) {
		s.add(figure{table: combinations, parties: p}, open)
	}
}

// add adds a figure, if it is not there yet, and returns its place.
func (s *sheet) add(f figure, w why) int {
	if i, ok := s.index[f]; ok {
		return i
	}
	i := len(s.list)
	s.index[f] = i
	s.list = append(s.list, f)
	s.exact = append(s.exact, s.count(f))
	s.why = append(s.why, w)
	s.ruled = append(s.ruled, false)
	return i
}

// listed returns the combinations to release, in an order that does not depend
// on their counts: all of them for few parties, else the largest. Which are
// largest is decided by released values, so that a place in the list says no
// more than the values do, and every combination at the cut is in or none is.
func (s *sheet) listed(counts map[uint64]int) []uint64 {
	var out []uint64
	if len(s.parties) <= latticeParties {
		for p := uint64(1); p < 1<<len(s.parties); p++ {
			out = append(out, p)
		}
	} else {
		var values []int
		for _, n := range counts {
			if !s.rule.hides(n) && n > 0 {
				values = append(values, s.rule.round(n))
			}
		}
		slices.Sort(values)
		slices.Reverse(values)
		// A reader of a short list knows that all others are hidden ones.
		least := 1
		s.most = s.rule.Least - 1
		if len(values) > maxCombinations {
			least = values[maxCombinations] + 1
			s.most = -1
			if values[0] >= least {
				last := values[maxCombinations-1]
				for i := maxCombinations - 1; last < least; i-- {
					last = values[i]
				}
				_, below := s.rule.meaning(last - s.rule.Base)
				s.most = max(s.rule.Least-1, below)
			}
		}
		for p, n := range counts {
			if !s.rule.hides(n) && s.rule.round(n) >= least && n > 0 {
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(a, b uint64) int {
		return cmp.Or(cmp.Compare(bits.OnesCount64(a), bits.OnesCount64(b)), cmp.Compare(a, b))
	})
	return out
}

// primary hides what the rule itself hides.
func (s *sheet) primary() {
	for i, n := range s.exact {
		if s.rule.hides(n) && s.why[i] != past {
			s.why[i], s.ruled[i] = primary, true
		}
	}
	if !s.rule.NextLowest {
		return
	}
	// A table here is one row or column that a reader can add up: the parties,
	// the combinations, the overlaps of one party, a need by party.
	groups := make(map[figure][]int)
	for i, f := range s.list {
		if s.why[i] == past {
			continue
		}
		switch f.table {
		case asked:
			g := figure{table: asked, where: f.where, k: s.needOf(f.needs)}
			groups[g] = append(groups[g], i)
		case parties, combinations, homeParties:
			g := figure{table: f.table}
			groups[g] = append(groups[g], i)
		case pairs, homePairs:
			for p := f.parties; p != 0; p &= p - 1 {
				g := figure{table: f.table, parties: p & -p}
				groups[g] = append(groups[g], i)
			}
		case needs:
			g := figure{table: needs, k: s.needOf(f.needs)}
			groups[g] = append(groups[g], i)
		case needParties:
			g := figure{table: needParties, needs: f.needs}
			groups[g] = append(groups[g], i)
		}
	}
	before := slices.Clone(s.why)
	for _, members := range groups {
		lonely, next := 0, -1
		for _, i := range members {
			if before[i] == primary {
				lonely++
			} else if s.exact[i] > 0 && (next < 0 || s.exact[i] < s.exact[next]) {
				next = i
			}
		}
		if lonely == 1 && next >= 0 {
			s.why[next], s.ruled[next] = secondary, true
		}
	}
}

// dropped reports whether figure i is a combination that is held back from a
// list of the largest. A mark there would tell that it is large.
func (s *sheet) dropped(i int) bool {
	w := s.why[i]
	return (w == primary || w == secondary) && s.list[i].table == combinations && len(s.parties) > latticeParties
}

// needOf returns the need that a bit of atom.needs belongs to.
func (s *sheet) needOf(bit uint64) int {
	return slices.IndexFunc(s.slots, func(slots []int) bool {
		return slices.Contains(slots, bits.TrailingZeros64(bit))
	})
}

// blank is a release of the sheet without figures.
func (s *sheet) blank() *Release {
	r := &Release{
		rule: s.rule, parties: s.parties, needs: s.needs, slots: s.slots,
		figures:  make(map[figure]Figure, len(s.list)),
		everyone: len(s.parties) <= latticeParties, zeroMarked: s.zeroes,
		questions: s.questions, coarse: s.coarse, precision: s.precise, recall: s.complete,
	}
	for _, is := range s.byQuestion {
		var fs []figure
		for _, i := range is {
			fs = append(fs, s.list[i])
		}
		r.answers = append(r.answers, fs)
	}
	return r
}

// put adds a figure.
func (r *Release) put(f figure, as Figure) {
	r.order = append(r.order, f)
	r.figures[f] = as
	if f.table == combinations {
		c := Combination{Figure: as}
		for p := f.parties; p != 0; p &= p - 1 {
			c.Parties = append(c.Parties, bits.TrailingZeros64(p))
		}
		r.inTable = append(r.inTable, c)
	}
}

// sortCombinations puts the largest first, by a stable sort by released value alone:
// figures of one value, and the hidden ones, keep the order of listed, which knows no
// counts.
func (r *Release) sortCombinations() {
	slices.SortStableFunc(r.inTable, func(a, b Combination) int {
		x, y := -1, -1
		if v, ok := a.Figure.Value(); ok {
			x = v
		}
		if v, ok := b.Figure.Value(); ok {
			y = v
		}
		return cmp.Compare(y, x)
	})
}

// release writes down the figures as they may be read.
func (s *sheet) release(a *auditor) *Release {
	r := s.blank()
	var held []Held
	for i, f := range s.list {
		if s.why[i] == past {
			continue
		}
		if s.dropped(i) {
			held = append(held, Held{r.describe(f), Secondary})
			continue
		}
		if s.why[i] == open {
			r.put(f, Figure{value: s.rule.round(s.exact[i]), state: shown})
			continue
		}
		r.put(f, Figure{state: hidden})
		reason := Primary
		if s.why[i] == secondary {
			reason = Secondary
		}
		row := r.describe(f)
		row.Figure = r.figures[f]
		held = append(held, Held{row, reason})
	}
	r.ranges()
	r.sortCombinations()
	r.account = func() []Held { return held }
	r.audit = Audit{Figures: len(r.order), Told: a.told, Worlds: len(a.worlds) - 1, InParts: a.inParts()}
	for _, ts := range a.hurries[:a.hurried] {
		for _, t := range ts {
			r.audit.Hurried = append(r.audit.Hurried, tableNames[t])
		}
	}
	for _, h := range held {
		if h.Why == Primary {
			r.audit.Primary++
		} else {
			r.audit.Secondary++
		}
	}
	return r
}
