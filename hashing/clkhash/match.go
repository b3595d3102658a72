package clkhash

import (
	"errors"
	"unicode"
)

var (
	errPattern = errors.New("does not fit the schema's pattern")
	errSteps   = errors.New("takes too many steps to match against the schema's pattern; simplify nested repetitions in it")
)

// A matcher tries one value against a pattern. It backtracks through continuations: each
// node is given what must match after it.
type matcher struct {
	text     []rune
	captured []int // start and end of group g at 2g-2 and 2g-1; -1 where it took no part
	steps    int
}

// match reports whether the whole of text fits, as re.fullmatch does.
func (p *pattern) match(text []rune) error {
	m := matcher{text: text, captured: make([]int, 2*p.groups)}
	for i := range m.captured {
		m.captured[i] = -1
	}
	if m.node(p.root, 0, func(at int) bool { return at == len(text) }) {
		return nil
	}
	if m.steps > maxSteps {
		return errSteps
	}
	return errPattern
}

// node matches n at a position and then whatever follows it.
func (m *matcher) node(n *node, at int, then func(int) bool) bool {
	if m.steps++; m.steps > maxSteps {
		return false
	}
	switch n.kind {
	case nodeSet:
		return at < len(m.text) && n.set.holds(m.text[at]) && then(at+1)
	case nodeSequence:
		return m.sequence(n.subs, at, then)
	case nodeChoice:
		for _, sub := range n.subs {
			if m.node(sub, at, then) {
				return true
			}
		}
		return false
	case nodeRepeat:
		if n.subs[0].kind == nodeSet {
			return m.run(n, at, then)
		}
		return m.repeat(n, 0, at, -1, then)
	case nodeGroup:
		return m.group(n, at, then)
	case nodeBackref:
		start, end := m.captured[2*n.group-2], m.captured[2*n.group-1]
		if start < 0 || end < 0 || at+end-start > len(m.text) {
			return false
		}
		for i := start; i < end; i++ {
			if !same(m.text[i], m.text[at+i-start], n.flags) {
				return false
			}
		}
		return then(at + end - start)
	case nodeLook:
		return m.look(n, at) && then(at)
	case nodeStart:
		return (at == 0 || n.line && m.text[at-1] == '\n') && then(at)
	case nodeEnd:
		left := len(m.text) - at
		ends := left == 0 || !n.final && (left == 1 || n.line) && m.text[at] == '\n'
		return ends && then(at)
	case nodeBoundary:
		before := at > 0 && class{letter: 'w'}.holds(m.text[at-1], n.flags.ascii)
		after := at < len(m.text) && class{letter: 'w'}.holds(m.text[at], n.flags.ascii)
		// Python before 3.14 finds neither \b nor \B in an empty text.
		return len(m.text) > 0 && (before != after) != n.negated && then(at)
	}
	panic("clkhash: pattern node of no kind")
}

func (m *matcher) sequence(subs []*node, at int, then func(int) bool) bool {
	switch len(subs) {
	case 0:
		return then(at)
	case 1:
		return m.node(subs[0], at, then)
	}
	return m.node(subs[0], at, func(end int) bool { return m.sequence(subs[1:], end, then) })
}

// run repeats a set, which needs no recursion: most repetitions in practice.
func (m *matcher) run(n *node, at int, then func(int) bool) bool {
	most := len(m.text) - at
	if n.most >= 0 {
		most = min(most, n.most)
	}
	s := n.subs[0].set
	count := 0
	for count < most && (!n.lazy || count < n.least) && s.holds(m.text[at+count]) {
		count++
	}
	if m.steps += count; count < n.least {
		return false
	}
	if n.lazy {
		for {
			if then(at + count) {
				return true
			}
			if m.steps++; m.steps > maxSteps || count == most || !s.holds(m.text[at+count]) {
				return false
			}
			count++
		}
	}
	for ; count >= n.least; count-- {
		if m.steps++; m.steps > maxSteps {
			return false
		}
		if then(at + count) {
			return true
		}
	}
	return false
}

// repeat has matched n.subs[0] done times, the last time from last on.
func (m *matcher) repeat(n *node, done, at, last int, then func(int) bool) bool {
	again := func() bool {
		return m.node(n.subs[0], at, func(end int) bool { return m.repeat(n, done+1, end, at, then) })
	}
	switch {
	case done < n.least:
		return again()
	// An empty repetition would go on for ever; sre stops at the same place.
	case n.most >= 0 && done >= n.most || at == last:
		return then(at)
	case n.lazy:
		return then(at) || again()
	}
	return again() || then(at)
}

func (m *matcher) group(n *node, at int, then func(int) bool) bool {
	g := 2*n.group - 2
	start, end := m.captured[g], m.captured[g+1]
	if m.node(n.subs[0], at, func(stop int) bool {
		innerStart, innerEnd := m.captured[g], m.captured[g+1]
		m.captured[g], m.captured[g+1] = at, stop
		if then(stop) {
			return true
		}
		m.captured[g], m.captured[g+1] = innerStart, innerEnd
		return false
	}) {
		return true
	}
	m.captured[g], m.captured[g+1] = start, end
	return false
}

// look looks ahead or behind without moving. Groups captured within a positive one stay.
func (m *matcher) look(n *node, at int) bool {
	if n.back {
		if at -= n.behind; at < 0 {
			return n.negated
		}
	}
	if !n.negated {
		return m.node(n.subs[0], at, func(int) bool { return true })
	}
	before := append([]int(nil), m.captured...)
	found := m.node(n.subs[0], at, func(int) bool { return true })
	copy(m.captured, before)
	return !found && m.steps <= maxSteps
}

// same compares a character with one of a captured group; here sre folds by lower case
// alone.
func same(a, b rune, f flags) bool {
	switch {
	case a == b:
		return true
	case !f.ignoreCase:
		return false
	case f.ascii:
		return a < 0x80 && b < 0x80 && unicode.ToLower(a) == unicode.ToLower(b)
	}
	return unicode.ToLower(a) == unicode.ToLower(b)
}
