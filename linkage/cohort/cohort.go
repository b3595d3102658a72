// Package cohort counts the persons of a linkage by the parties they are in
// and the needs they carry, and turns those counts into a release that is safe
// to forward. It does not know records, their identifiers, filters or scores,
// and it reads and writes no file.
//
// The way through it has one direction:
//
//	Persons --Count--> Counts --Protect--> Release
//
// Persons and Counts hold exact numbers and have no way out: nothing exported
// returns one, and printing them shows none. Only Protect can put figures into
// a Release, and a Release holds released figures only, so that a report, a
// table or a log line that is made from one cannot say more than was released.
//
// # What is counted
//
// Persons in all; in each party; in each two parties; in each exact
// combination of parties; in at least so many parties; carrying each need; each
// need by party; two needs together; a need that two parties say. A person carries a
// need when any party says so, and is counted once. And households, where it is known who
// lives together (household.go).
//
// # Why hiding small counts is not enough
//
// The tables overlap: a party's total is a sum of combinations, and a reader
// can subtract. Protect therefore plays that reader before it returns, with
// linear programs over everything the release would say, once as a stranger and
// once as each party, which knows its own total exactly (see audit.go). What was
// released before, and which members of cohorts parties were given, counts as known
// to them (see earlier.go). Or noise is put on every count, which needs no such
// reader (see noise.go).
package cohort

import (
	"errors"
	"fmt"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// Limits of one linkage. They are the widths of the two words in which a
// person's parties and needs are kept.
const (
	MaxParties    = 64 // parties in a project
	MaxNeedValues = 64 // yes-no needs, plus the values of all categories
	maxNameRunes  = 80
)

// Kinds of need, as the project file writes them.
const (
	YesNo    = "yes-no"
	Category = "category"
)

// Need is something that parties declare about their records.
type Need struct {
	Name   string
	Kind   string   // YesNo or Category
	Values []string // of a Category, in the order in which they are shown; empty for YesNo
	// By are the parties that declare it, bit i for party i; 0 where that is not known.
	By uint64
}

// values returns how many values the need is counted by: a yes-no need is
// counted by its yes alone.
func (n Need) values() int {
	if n.Kind == YesNo {
		return 1
	}
	return len(n.Values)
}

// Carry is one statement about a person: that Party says the person carries
// value Value of need Need. All three are positions: in the parties and needs
// given to NewPersons, and in the need's Values (0 for a yes-no need, and only
// a yes is carried).
type Carry struct {
	Party, Need, Value int
}

// atom is what the release can tell about one person: the parties it is in and
// the need values it carries, as bits. Persons of one atom are interchangeable.
type atom struct {
	parties, needs uint64
}

// Persons gathers one entry per person. What it holds cannot be printed.
// It is not safe for concurrent use.
type Persons struct {
	// Behind a function, because fmt and slog print unexported fields of any
	// other type without asking.
	see func() *facts
}

type facts struct {
	parties []string
	needs   []Need
	slots   [][]int // need, value -> bit in atom.needs
	width   int     // bits of atom.needs in use
	atoms   map[atom]int

	declared int               // bits of atom.needs that stand for needs; the others are those of twice
	by       []uint64          // bit -> parties that declare it, or 0
	twice    []int             // bit -> bit that says that two parties or more say so, or -1
	said     []map[int]int     // party -> need bit -> persons of whom this party itself says it
	own      []map[ownKind]int // party -> its own persons, by what it says of them itself

	homes     map[kind]int  // households; nil where it is not known who lives together
	homesSaid []map[int]int // party -> need bit -> households in which this party says it
}

// NewPersons returns an empty set of persons in the named parties, who may
// carry the given needs. It refuses names that are empty, doubled, too long, or
// that hold control or text-direction characters, since they go into pages and
// tables that people trust.
func NewPersons(parties []string, needs []Need) (*Persons, error) {
	if len(parties) == 0 {
		return nil, errors.New("a cohort needs at least one party")
	}
	if len(parties) > MaxParties {
		return nil, fmt.Errorf("%d parties are more than the %d that can be counted; leave some out", len(parties), MaxParties)
	}
	if err := checkNames("party", parties); err != nil {
		return nil, err
	}
	f := &facts{atoms: make(map[atom]int)}
	f.parties = append(f.parties, parties...)
	names := make([]string, len(needs))
	for i, n := range needs {
		names[i] = n.Name
	}
	if err := checkNames("need", names); err != nil {
		return nil, err
	}
	width := 0
	for _, n := range needs {
		switch {
		case n.Kind == YesNo && len(n.Values) > 0:
			return nil, fmt.Errorf("need %q is yes-no and cannot list values", n.Name)
		case n.Kind == Category && len(n.Values) == 0:
			return nil, fmt.Errorf("need %q is a category without values", n.Name)
		case n.Kind != YesNo && n.Kind != Category:
			return nil, fmt.Errorf("need %q has the unknown kind %q; use %q or %q", n.Name, n.Kind, YesNo, Category)
		}
		if err := checkNames("value of need "+fmt.Sprintf("%q", n.Name), n.Values); err != nil {
			return nil, err
		}
		if bits.Len64(n.By) > len(parties) {
			return nil, fmt.Errorf("need %q is declared by party %d, but there are only %d", n.Name, bits.Len64(n.By), len(parties))
		}
		width += n.values()
	}
	if width > MaxNeedValues {
		return nil, fmt.Errorf("the needs have %d values in all, more than the %d that can be counted; group some categories", width, MaxNeedValues)
	}
	f.layNeeds(needs)
	f.said = make([]map[int]int, len(parties))
	f.own = make([]map[ownKind]int, len(parties))
	for i := range f.said {
		f.said[i] = make(map[int]int)
		f.own[i] = make(map[ownKind]int)
	}
	return &Persons{see: func() *facts { return f }}, nil
}

func checkNames(what string, names []string) error {
	seen := make(map[string]bool, len(names))
	for i, name := range names {
		switch {
		case name == "":
			return fmt.Errorf("%s %d has no name", what, i+1)
		case !utf8.ValidString(name):
			return fmt.Errorf("%s %d has a name that is not valid UTF-8", what, i+1)
		case utf8.RuneCountInString(name) > maxNameRunes:
			return fmt.Errorf("%s %d has a name longer than %d characters", what, i+1, maxNameRunes)
		case seen[name]:
			return fmt.Errorf("%s %q is named twice", what, name)
		}
		for _, r := range name {
			// Cf holds the characters that turn text around or hide in it.
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				return fmt.Errorf("%s %q holds a control or invisible character; rename it", what, name)
			}
		}
		seen[name] = true
	}
	return nil
}

// Add adds one person: the parties it is in, bit i for party i, and what they
// say it carries. A party that does not have the person cannot say anything
// about it. The same statement twice counts once.
func (p *Persons) Add(parties uint64, carries []Carry) error {
	if p == nil || p.see == nil {
		return errors.New("these persons were not made by NewPersons")
	}
	f := p.see()
	if parties == 0 {
		return errors.New("a person must be in at least one party")
	}
	if bits.Len64(parties) > len(f.parties) {
		return fmt.Errorf("a person is in party %d, but there are only %d", bits.Len64(parties), len(f.parties))
	}
	a := atom{parties: parties}
	said := make([]uint64, len(f.parties))
	for i, c := range carries {
		if c.Party < 0 || c.Party >= len(f.parties) || c.Need < 0 || c.Need >= len(f.needs) ||
			c.Value < 0 || c.Value >= len(f.slots[c.Need]) {
			return errors.New("a person carries a need that the project does not have; were these files made for another project?")
		}
		if parties>>c.Party&1 == 0 {
			return fmt.Errorf("party %q says something about a person that it does not have", f.parties[c.Party])
		}
		bit := f.slots[c.Need][c.Value]
		if by := f.by[bit]; by != 0 && by>>c.Party&1 == 0 {
			return fmt.Errorf("party %q says need %q of a person, but does not declare it", f.parties[c.Party], f.needs[c.Need].Name)
		}
		again := false
		for _, b := range carries[:i] {
			again = again || b == c
		}
		if !again {
			f.said[c.Party][bit]++
			said[c.Party] |= 1 << bit
		}
	}
	a.needs = f.bitsOf(carries)
	f.atoms[a]++
	for p := parties; p != 0; p &= p - 1 {
		party := bits.TrailingZeros64(p)
		f.own[party][ownKind{a, said[party]}]++
	}
	return nil
}
