package cohort

import (
	"math"
	"math/bits"
	"slices"
)

// Which figures a release with noise has, in which parts, and how much noise each gets:
// all of it from names, and none from persons.

// noisePart is figures that are made with one share of epsilon.
type noisePart struct {
	figures []int
	cells   bool   // they are sums of cells; otherwise each has a draw of its own
	apart   int    // then: how many of them a person can be in
	capped  bool   // persons are counted in mostParties of their parties
	sizes   bool   // cells tell apart numbers of parties, and not which
	needs   uint64 // bits of atom.needs that cells tell apart
	without bool   // persons without any of these needs are in cells too
	rate    [2]uint64
}

// plan settles which figures there are and how much noise each gets.
func (s *noisy) plan(o Options) error {
	all := uint64(1)<<s.width - 1
	whole := s.cellsOf(all) <= maxCells
	if whole {
		p := noisePart{cells: true, needs: all, without: true}
		for _, f := range s.inclusive() {
			s.addTo(&p, f)
		}
		s.addCombinations(&p)
		s.parts = []noisePart{p}
	} else {
		s.planParties()
		for n := range s.needs {
			s.planNeed(n)
		}
		left := s.inclusive()
		if s.cellsOf(0) > maxCells {
			left = append([]figure{{table: combinations}}, left...)
		}
		for _, f := range left {
			if _, planned := s.index[f]; !planned && !slices.Contains(s.facts.LeftOut, tableNames[f.table]) {
				s.facts.LeftOut = append(s.facts.LeftOut, tableNames[f.table])
			}
		}
	}
	planned := len(s.list)
	o.QuestionsOnly = true // the tables are there already
	if err := s.ask(o); err != nil {
		return err
	}
	for _, is := range s.byQuestion {
		if !whole {
			s.parts = append(s.parts, noisePart{})
		}
		p := &s.parts[len(s.parts)-1]
		for _, i := range is {
			if i >= planned { // or it is of an earlier question too
				p.figures = append(p.figures, i)
				planned++
			}
		}
	}
	s.parts = slices.DeleteFunc(s.parts, func(p noisePart) bool { return len(p.figures) == 0 })
	s.share()
	return nil
}

// cellsOf returns how many cells there are that tell all parties and some needs apart, or
// more than maxCells.
func (s *noisy) cellsOf(needs uint64) int {
	if len(s.parties)+bits.OnesCount64(needs) > bits.Len(maxCells) {
		return maxCells + 1
	}
	return (1<<len(s.parties) - 1) << bits.OnesCount64(needs)
}

func (s *noisy) addTo(p *noisePart, f figure) { p.figures = append(p.figures, s.add(f, open)) }

func (s *noisy) addCombinations(p *noisePart) {
	for in := uint64(1); in < 1<<len(s.parties); in++ {
		s.addTo(p, figure{table: combinations, parties: in})
	}
}

// planParties makes the part, or for many parties the parts, of what is counted by parties
// alone.
func (s *noisy) planParties() {
	if s.cellsOf(0) <= maxCells {
		p := noisePart{cells: true, without: true}
		for _, f := range s.inclusive() {
			if slices.Contains([]table{people, parties, pairs, atLeast}, f.table) {
				s.addTo(&p, f)
			}
		}
		s.addCombinations(&p)
		s.parts = append(s.parts, p)
		return
	}
	sizes := noisePart{cells: true, sizes: true, without: true}
	single := noisePart{capped: true, apart: mostParties}
	both := noisePart{capped: true, apart: mostParties * (mostParties - 1) / 2}
	for _, f := range s.inclusive() {
		switch f.table {
		case people, atLeast:
			s.addTo(&sizes, f)
		case parties:
			s.addTo(&single, f)
		case pairs:
			s.addTo(&both, f)
		}
	}
	s.parts = append(s.parts, sizes, single, both)
	s.facts.MostParties = mostParties
}

// planNeed makes the part of one need.
func (s *noisy) planNeed(n int) {
	var p noisePart
	for _, b := range s.slots[n] {
		p.needs |= 1 << b
	}
	p.cells = s.cellsOf(p.needs) <= maxCells
	for _, f := range s.inclusive() {
		if f.needs&p.needs != 0 && (f.table == needs || f.table == needParties && p.cells) {
			s.addTo(&p, f)
		}
	}
	s.parts = append(s.parts, p)
}

// share shares epsilon among the parts.
func (s *noisy) share() {
	s.facts.Parts = len(s.parts)
	s.doses, s.capped = make([]dose, len(s.list)), make([]bool, len(s.list))
	cells := make([]int, len(s.parts))
	weights, all := make([]uint64, len(s.parts)), uint64(0)
	for k := range s.parts {
		p := &s.parts[k]
		for a := range s.cells(p) {
			cells[k]++
			for _, i := range p.figures {
				if s.list[i].covers(a) {
					s.doses[i].draws++
				}
			}
		}
		noise := math.Sqrt(float64(cells[k]))
		if !p.cells {
			if p.apart == 0 {
				p.apart = len(p.figures)
			}
			noise = float64(p.apart)
		}
		s.facts.Cells += cells[k]
		weights[k] = uint64(math.Ceil(math.Sqrt(noise)))
		all += weights[k]
	}
	for k := range s.parts {
		p := &s.parts[k]
		p.rate[0], p.rate[1] = reduced(uint64(s.facts.Epsilon)*weights[k], 1000*all*uint64(max(1, p.apart)))
		for _, i := range p.figures {
			s.doses[i].num, s.doses[i].den, s.capped[i] = p.rate[0], p.rate[1], p.capped
			if !p.cells {
				s.doses[i].draws = 1
			}
		}
	}
}

func reduced(num, den uint64) (uint64, uint64) {
	a, b := num, den
	for b != 0 {
		a, b = b, a%b
	}
	return num / a, den / a
}

// cells goes through the cells of a part in a fixed order; there are none where each
// figure has a draw of its own. A cell that nobody can be in, as none of its parties
// declares the need (sayRule), is 0 whoever there is, and needs no noise.
func (s *noisy) cells(p *noisePart) func(yield func(atom) bool) {
	rules := slices.DeleteFunc(s.sayRules(), func(r sayRule) bool { return r.bit&p.needs == 0 })
	possible := func(x atom) bool {
		return !slices.ContainsFunc(rules, func(r sayRule) bool { return !r.allows(x) })
	}
	return func(yield func(atom) bool) {
		if !p.cells {
			return
		}
		if p.sizes {
			for k := 1; k <= min(len(s.parties), maxAtLeast); k++ {
				if !yield(atom{parties: 1<<k - 1}) { // those of more parties than are told are with k
					return
				}
			}
			return
		}
		for in := uint64(1); in < 1<<len(s.parties); in++ {
			// Every subset of the needs, by counting in their bits alone.
			for carried := uint64(0); ; {
				if x := (atom{in, carried}); (carried != 0 || p.without) && possible(x) && !yield(x) {
					return
				}
				if carried = (carried - p.needs) & p.needs; carried == 0 {
					break
				}
			}
		}
	}
}
