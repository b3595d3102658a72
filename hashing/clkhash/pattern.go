package clkhash

// Patterns of a string column, in the language of Python's re.
//
// Go's regexp would be the obvious choice. It has neither look-around nor
// back-references, its \d, \w and \s are ASCII, its case folding differs, and a pattern
// that it takes for something else would pass rows that clkhash refuses. So the pattern
// is parsed by Python's rules and matched by backtracking, as Python does. What differs
// between versions of Python (possessive quantifiers, atomic groups, flags in the middle)
// is refused with its reason. A pattern can make backtracking take forever, and the
// pattern is somebody else's: a match may take maxSteps steps.
//
// Source of the rules: CPython 3.11 Lib/re/_parser.py and Modules/_sre/sre_lib.h.

import "unicode"

// maxSteps bounds a match, in time and in depth of recursion; an ordinary one takes a few
// for each character.
const maxSteps = 250_000

// maxRepeat is sre's own bound for the numbers in {m,n}.
const maxRepeat = 1<<32 - 2

type pattern struct {
	source string
	root   *node
	groups int
}

type nodeKind uint8

const (
	nodeSet      nodeKind = iota // one character of a set
	nodeSequence                 // all of subs
	nodeChoice                   // one of subs
	nodeRepeat                   // subs[0], least to most times
	nodeGroup                    // subs[0], captured as group
	nodeBackref                  // what group captured
	nodeLook                     // subs[0] matches ahead, or behind
	nodeStart                    // ^ or \A
	nodeEnd                      // $ or \Z
	nodeBoundary                 // \b or \B
)

type node struct {
	kind        nodeKind
	subs        []*node
	set         *set
	least, most int // of nodeRepeat; most < 0 is no bound
	lazy        bool
	group       int // from 1
	negated     bool
	behind      int  // of nodeLook: width to step back, where back is set
	back        bool // nodeLook: behind, not ahead
	line        bool // nodeStart: MULTILINE; nodeEnd: MULTILINE
	final       bool // nodeEnd: \Z, the very end only
	flags       flags
}

type flags struct{ ignoreCase, multiline, dotAll, ascii bool }

// A set is a set of characters.
type set struct {
	negated bool
	ranges  []span
	classes []class
	flags   flags
}

type span struct{ lo, hi rune }

// A class is \d, \w or \s, or what it leaves out.
type class struct {
	letter  byte // d, w, s
	negated bool
}

func (c class) holds(r rune, ascii bool) bool {
	var in bool
	switch {
	case ascii && r >= 0x80:
	case c.letter == 'd':
		_, in = decimalValue(r)
	case c.letter == 's':
		// Under re.ASCII Python leaves U+001C to U+001F out.
		in = isSpace(r) && !(ascii && r >= 0x1C && r <= 0x1F)
	default:
		in = isWord(r)
	}
	return in != c.negated
}

// isWord is Python's \w: str.isalnum() or the underscore. Marks are not in it.
func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }

func (s *set) holds(r rune) bool {
	return s.has(r) != s.negated
}

func (s *set) has(r rune) bool {
	for _, c := range s.classes {
		if c.holds(r, s.flags.ascii) {
			return true
		}
	}
	if s.inRanges(r) {
		return true
	}
	if !s.flags.ignoreCase {
		return false
	}
	if s.flags.ascii {
		return r < 0x80 && unicode.IsLetter(r) && s.inRanges(r^0x20)
	}
	for _, twin := range twins(r) {
		if s.inRanges(twin) {
			return true
		}
	}
	return false
}

func (s *set) inRanges(r rune) bool {
	for _, x := range s.ranges {
		if r >= x.lo && r <= x.hi {
			return true
		}
	}
	return false
}

// twins lists the characters that IGNORECASE takes for equal to r, r included.
func twins(r rune) []rune {
	key := fold(r)
	list := []rune{key}
	for f := unicode.SimpleFold(key); f != key; f = unicode.SimpleFold(f) {
		list = append(list, f)
	}
	for extra, into := range foldExtra {
		if into == key {
			list = append(list, extra)
		}
	}
	return list
}
