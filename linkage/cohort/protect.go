package cohort

import (
	"cmp"
	"errors"
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
	// figures have been checked in this round. A round that hides more figures
	// is followed by another.
	Progress func(checked, hidden int)
}

// Protect applies the rule to every figure and returns what may be released.
// It is deterministic: the same counts and rule give the same release.
func Protect(c *Counts, r Rule, o Options) (*Release, error) {
	if c == nil || c.see == nil {
		return nil, errors.New("there are no counts to protect")
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	s := newSheet(c.see(), r)
	s.primary()
	return s.release(), nil
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
}

type why uint8

const (
	open why = iota
	primary
	secondary
)

func newSheet(t *tally, r Rule) *sheet {
	s := &sheet{tally: t, rule: r, list: t.inclusive(), most: -1, zeroes: r.HideZero}
	byParties := t.combinationCounts()
	for _, f := range s.list {
		s.exact = append(s.exact, t.count(f))
	}
	for _, p := range s.listed(byParties) {
		s.list = append(s.list, figure{table: combinations, parties: p})
		s.exact = append(s.exact, byParties[p])
	}
	s.why = make([]why, len(s.list))
	s.ruled = make([]bool, len(s.list))
	s.index = make(map[figure]int, len(s.list))
	for i, f := range s.list {
		s.index[f] = i
	}
	return s
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
				_, s.most = s.rule.meaning(last - s.rule.Base)
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
		if s.rule.hides(n) {
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
		switch f.table {
		case parties, combinations:
			g := figure{table: f.table}
			groups[g] = append(groups[g], i)
		case pairs:
			for p := f.parties; p != 0; p &= p - 1 {
				g := figure{table: pairs, parties: p & -p}
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

// needOf returns the need that a bit of atom.needs belongs to.
func (s *sheet) needOf(bit uint64) int {
	return slices.IndexFunc(s.slots, func(slots []int) bool {
		return slices.Contains(slots, bits.TrailingZeros64(bit))
	})
}

// release writes down the figures as they may be read.
func (s *sheet) release() *Release {
	r := &Release{
		rule: s.rule, parties: s.parties, needs: s.needs, slots: s.slots,
		order: s.list, figures: make(map[figure]Figure, len(s.list)),
		everyone: len(s.parties) <= latticeParties, zeroMarked: s.zeroes,
	}
	var held []Held
	for i, f := range s.list {
		if s.why[i] == open {
			r.figures[f] = Figure{value: s.rule.round(s.exact[i]), state: shown}
		} else {
			r.figures[f] = Figure{state: hidden}
			reason := Primary
			if s.why[i] == secondary {
				reason = Secondary
			}
			row := r.describe(f)
			row.Figure = r.figures[f]
			held = append(held, Held{row, reason})
		}
		if f.table == combinations {
			c := Combination{Figure: r.figures[f]}
			for p := f.parties; p != 0; p &= p - 1 {
				c.Parties = append(c.Parties, bits.TrailingZeros64(p))
			}
			r.inTable = append(r.inTable, c)
		}
	}
	// A stable sort by released value alone: figures of one value, and the
	// hidden ones, keep the order of listed, which knows no counts.
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
	r.account = func() []Held { return held }
	return r
}
