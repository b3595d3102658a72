package cohort

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// What readers know from before.
//
// Two releases, each safe by itself, can tell together what neither tells: the
// same persons under two rules, a question that is one narrower than another, a
// party more. So every earlier release of a project counts as known to whoever
// reads this one, and what an earlier release hid is kept hidden and is attacked
// again.
//
// The persons of today may not be those of then: parties send new extracts, and
// thresholds change. An attacker who takes earlier figures to be about the
// persons of today is the one who learns most, so that one is played; where an
// earlier figure can no longer be true, it is widened just so far that it is. (Of the
// same records at another threshold, it is known to have changed, and set aside.)
// Not played: what a list of the largest combinations told by what was not in
// it, and, for needs, that a party that came later may say more of a person.

// Earlier is an earlier release, as its readers have it.
type Earlier struct {
	Number        int // as the ledger counts
	Rule          Rule
	Parties       []string
	Figures       []Seen
	MarkMayBeZero bool
	Told          bool // as in Audit
	// Same says that it was made from the very linkage of today. What it hid
	// stays hidden, so that the same release comes out again.
	Same bool
	// Beside says that it is of the same records, told into persons at another threshold:
	// what was hidden there is hidden here too, since few persons are others.
	Beside bool
	Given  []Given
}

// Seen is a figure of an earlier release. See Row for what it counts.
type Seen struct {
	Table   string
	Where   string
	Parties []string
	AtLeast int
	Needs   []NeedValue
	Count   int // as shown, if it was not hidden
	Hidden  bool
	// HeldBack says that it was left out of a list of the largest combinations:
	// no reader has it, and a release of the same linkage leaves it out again.
	HeldBack bool
}

// Given is that a party was given the list of its own persons who meet a
// condition, so that it knows their number exactly.
type Given struct {
	Party string
	Where string
	Count int
}

// DifferenceError is returned when no release of these counts is safe beside the
// earlier ones. It names figures, not counts.
type DifferenceError struct {
	Figures []string // that could be worked out, in words
}

func (e *DifferenceError) Error() string {
	return fmt.Sprintf("held against what was released before, a small figure could be worked out whatever is hidden now: %s", strings.Join(e.Figures, "; "))
}

// ErrParted is wrapped by the error for an earlier release that counted by
// parties or needs which the linkage no longer has.
var ErrParted = errors.New("what was released then could be subtracted from what would be released now")

// memory is what earlier releases told of a figure.
type memory struct {
	// What the figures were, for one who is not and who is told which marks stand
	// for small ones.
	low, high [2]float64
	small     bool       // it was hidden for being small, and is small
	mark      [2]float64 // then: what the mark stands for
	hidden    bool       // it was hidden in a release of this very linkage, or beside one
	shown     bool
	then      [][2]int           // what it was in releases of other linkages
	own       map[int][2]float64 // party -> what it was given before, or said
	fresh     bool               // own follows from what is given now
	given     map[int]float64    // party -> what it is given now
}

// bounds returns what an attacker knows of the figure, with blind without what it
// is given now.
func (m *memory) bounds(told, blind bool, attacker int) (low, high float64) {
	k := 0
	if told {
		k = 1
	}
	low, high = m.low[k], m.high[k]
	for party, own := range m.own {
		if blind && m.fresh {
			continue
		}
		if attacker == party || attacker == everyone {
			low, high = max(low, own[0]), min(high, own[1])
		}
	}
	for party, n := range m.given {
		if !blind && (attacker == party || attacker == everyone) {
			low, high = n, n
		}
	}
	return low, high
}

// learn narrows what is known down to an interval, widened to hold the truth.
func (m *memory) learn(told int, low, high, truth float64) {
	m.low[told] = max(m.low[told], min(low, truth))
	m.high[told] = min(m.high[told], max(high, truth))
}

func (s *sheet) memory(f figure) (*memory, int) {
	i := s.add(f, past)
	m := s.earlier[i]
	if m == nil {
		m = &memory{high: [2]float64{math.Inf(1), math.Inf(1)}, own: make(map[int][2]float64), given: make(map[int]float64)}
		s.earlier[i] = m
	}
	return m, i
}

// recall adds what earlier releases told.
func (s *sheet) recall(o Options) error {
	all := uint64(1)<<len(s.parties) - 1
	for _, e := range o.Earlier {
		within, gone := s.maskOf(e.Parties)
		for _, seen := range e.Figures {
			f, err := s.recognise(seen, within, all)
			if err == nil && len(gone) > 0 && f.within != 0 {
				err = fmt.Errorf("party %q: %w", gone[0], ErrGone)
			}
			switch {
			case errors.Is(err, ErrGone) && o.Forget:
				continue
			case errors.Is(err, ErrGone):
				return fmt.Errorf("release %d counted by what is not in this linkage (%w): %w", e.Number, err, ErrParted)
			case err != nil:
				return fmt.Errorf("release %d of the ledger: %w", e.Number, err)
			}
			s.remember(e, seen, f)
		}
		for _, g := range e.Given {
			m, i, party, err := s.given(g, within, all)
			switch {
			case errors.Is(err, ErrGone) && o.Forget:
				continue
			case err != nil:
				return fmt.Errorf("release %d of the ledger: %w", e.Number, err)
			}
			own, ok := m.own[party]
			if !ok {
				own[1] = math.Inf(1)
			}
			n, count := float64(s.exact[i]), float64(g.Count)
			m.own[party] = [2]float64{max(own[0], min(count, n)), min(own[1], max(count, n))}
			if e.Same {
				s.cohorts[party].before = append(s.cohorts[party].before, s.list[i].where)
			}
		}
	}
	for _, g := range o.Given {
		m, i, party, err := s.given(g, all, all)
		if err != nil {
			return err
		}
		m.given[party] = float64(s.exact[i])
		s.cohorts[party].now = append(s.cohorts[party].now, s.list[i].where)
	}
	return nil
}

func (s *sheet) remember(e Earlier, seen Seen, f figure) {
	if seen.HeldBack {
		if i, ok := s.index[f]; ok && e.Same && s.why[i] != past {
			s.why[i], s.ruled[i] = secondary, true
		}
		return
	}
	m, i := s.memory(f)
	n := s.exact[i]
	if !seen.Hidden {
		low, high := e.Rule.meaning(seen.Count)
		if !e.Same {
			m.then = append(m.then, [2]int{low, high})
		}
		m.shown = true
		if e.Beside && (n < low || n > high) {
			return // readers see that it is another number here, and can take nothing for granted
		}
		for told := range 2 {
			m.learn(told, float64(low), float64(high), float64(n))
		}
		return
	}
	low, high := e.Rule.mark()
	if e.MarkMayBeZero {
		low = 0
	}
	m.learn(0, float64(low), math.Inf(1), float64(n))
	m.hidden = m.hidden || e.Same || e.Beside
	if !e.Rule.hides(n) {
		m.learn(1, float64(low), math.Inf(1), float64(n))
		return
	}
	m.learn(1, float64(low), float64(high), float64(n))
	if !m.small { // the widest of several marks
		m.mark = [2]float64{float64(low), float64(high)}
	}
	m.small = true
	m.mark = [2]float64{min(m.mark[0], float64(low)), max(m.mark[1], float64(high))}
}

// given returns what is remembered of the members that a party was given.
func (s *sheet) given(g Given, within, all uint64) (m *memory, i, party int, err error) {
	f, err := s.recognise(Seen{Table: tableNames[asked], Where: g.Where, Parties: []string{g.Party}}, within, all)
	if err != nil {
		return nil, 0, 0, err
	}
	m, i = s.memory(f)
	return m, i, slices.Index(s.parties, g.Party), nil
}

// maskOf returns the parties of then that are still there, and the names of the others.
func (s *sheet) maskOf(parties []string) (mask uint64, gone []string) {
	for _, name := range parties {
		if i := slices.Index(s.parties, name); i >= 0 {
			mask |= 1 << i
		} else {
			gone = append(gone, name)
		}
	}
	return mask, gone
}

// recognise returns the figure that was seen.
func (s *sheet) recognise(seen Seen, within, all uint64) (figure, error) {
	t := slices.Index(tableNames[:], seen.Table)
	if t < 0 {
		return figure{}, fmt.Errorf("table %q is not known; was it written by a newer cohortlink?", seen.Table)
	}
	f := figure{table: table(t), k: seen.AtLeast}
	mask, gone := s.maskOf(seen.Parties)
	if len(gone) > 0 {
		return figure{}, fmt.Errorf("party %q: %w", gone[0], ErrGone)
	}
	f.parties = mask
	for _, nv := range seen.Needs {
		n := slices.IndexFunc(s.needs, func(n Need) bool { return n.Name == nv.Need })
		v := 0
		if n >= 0 && s.needs[n].Kind == Category {
			v = slices.Index(s.needs[n].Values, nv.Value)
		}
		if n < 0 || v < 0 || (s.needs[n].Kind == YesNo) != (nv.Value == "") {
			return figure{}, fmt.Errorf("need %q: %w", nv.Need, ErrGone)
		}
		bit := s.slots[n][v]
		f.needs |= 1 << bit
		if f.table == needTwice {
			if s.twice[bit] < 0 {
				return figure{}, fmt.Errorf("need %q, said by two parties: %w", nv.Need, ErrGone)
			}
			f.needs |= 1 << s.twice[bit]
		}
	}
	if f.table.ofHomes() && !s.homesKnown {
		return figure{}, fmt.Errorf("households: %w", ErrGone)
	}
	if f.table == asked || f.table == homeAsked {
		c, err := s.condition(seen.Where)
		if err != nil {
			return figure{}, err
		}
		f.where = c
	}
	// Who is in one of the parties of then, or two, is so whoever came since.
	inclusive := slices.Contains([]table{parties, pairs, needParties, homeParties, homePairs}, f.table) || f.table == asked && mask != 0 && !f.where.sizes
	if within != all && !inclusive {
		f.within = within
	}
	return f, nil
}

// keepHidden hides what an earlier release hid: what was small and is small, and
// in a release of the very same linkage all that was hidden, so that it comes out
// the same.
func (s *sheet) keepHidden() {
	for i, m := range s.earlier {
		switch {
		case s.why[i] == past || s.why[i] == primary:
		case m.small && !m.shown:
			s.why[i], s.ruled[i] = primary, true
		case m.hidden && !m.shown, s.tellsChange(i, m):
			s.why[i], s.ruled[i] = secondary, true
		}
	}
}

// tellsChange reports whether a figure, shown, would tell how few persons came or
// left since it was shown before. Two figures rounded to the Floor or coarser
// leave so many possible differences that none stands out; those of a rule below
// the Floor may not.
func (s *sheet) tellsChange(i int, m *memory) bool {
	low, high := s.rule.meaning(s.rule.round(s.exact[i]))
	for _, t := range m.then {
		least, most := low-t[1], high-t[0] // of the difference
		few := least < s.rule.Least && most > -s.rule.Least && (least != 0 || most != 0)
		if few && most-least+1 < min(2*Floor-1, s.rule.Least-1) {
			return true
		}
	}
	return false
}

// marks returns which counts the mark of a figure stands for, now or then.
func (s *sheet) marks(i int) [2]float64 {
	low, high := s.rule.mark()
	mark := [2]float64{float64(low), float64(high)}
	if m := s.earlier[i]; m != nil && m.small && (s.why[i] == past || !s.rule.hides(s.exact[i])) {
		mark = m.mark
	}
	if s.zeroes {
		mark[0] = 0
	}
	return mark
}

// seenBefore reports whether readers know of a figure already what it would tell
// them now, so that hiding it changes nothing.
func (s *sheet) seenBefore(i int) bool {
	m := s.earlier[i]
	if m == nil {
		return false
	}
	low, high := s.rule.meaning(s.rule.round(s.exact[i]))
	return m.low[0] >= float64(low) && m.high[0] <= float64(high)
}

// String says in words what a figure counts, and no number of persons.
func (f figure) String(s *sheet) string {
	var in, carrying []string
	for i, p := range s.parties {
		if f.parties>>i&1 == 1 {
			in = append(in, p)
		}
	}
	for n, slots := range s.slots {
		for v, b := range slots {
			if f.needs>>b&1 == 0 {
				continue
			}
			name := s.needs[n].Name
			if s.needs[n].Kind == Category {
				name += "=" + s.needs[n].Values[v]
			}
			carrying = append(carrying, name)
		}
	}
	parts := []string{}
	if f.table.ofHomes() {
		parts = append(parts, "households")
	}
	if f.table == combinations {
		parts = append(parts, "in exactly "+strings.Join(in, " + "))
	} else if len(in) > 0 {
		parts = append(parts, "in "+strings.Join(in, " + "))
	}
	if f.table == needTwice {
		parts = append(parts, "of whom two parties say so")
	}
	if f.k > 0 {
		parts = append(parts, fmt.Sprintf("in %d parties or more", f.k))
	}
	if len(carrying) > 0 {
		parts = append(parts, "with "+strings.Join(carrying, " and "))
	}
	if f.where != nil && f.where.text != "" {
		parts = append(parts, "where "+f.where.text)
	}
	if len(parts) == 0 {
		return "everybody"
	}
	return strings.Join(parts, ", ")
}
