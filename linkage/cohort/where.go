package cohort

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Conditions: which persons a question is about.
//
//	parties>=3                        in three parties or more; also =, !=, <, <=, >
//	council and not frailty           in the council, and nobody says frailty
//	age_band=65+ or age_band=85+      carrying one of two values of a category
//	"age_band"="65 to 84"             names and values with spaces, or and, or, not, parties
//	housing_need>=2                   two parties or more say so, of a yes-no need
//	party:housing and need:housing    where a party and a need have one name
//
// "not" binds tighter than "and", and "and" tighter than "or"; parentheses as
// usual. A condition is kept in one spelling, so that the same condition asked
// twice is known for the same.

// Condition is a condition on persons, for the parties and needs it was parsed
// for. Safe for concurrent use.
type Condition struct {
	text    string
	words   string // the same for readers, after "people"
	records int    // as of whereNode
	holds   func(a atom) bool
	parties uint64 // that it names
	needs   uint64 // bits of atom.needs that it names
	said    []int  // needs that it names
	sizes   bool   // it looks at the number of parties
	undo    whereUndo
	bitsOf  func([]Carry) uint64 // as in atom.needs
}

const (
	maxWhere = 1000 // bytes
	maxDepth = 20   // parentheses and nots within each other
)

// errWhere is wrapped by every error about a condition.
var errWhere = errors.New("the condition cannot be understood")

// ErrGone is wrapped by errors about a party, need or value that the linkage does not have.
var ErrGone = errors.New("not in this linkage")

// ParseWhere reads a condition for persons of these parties and needs; "" holds
// for everybody.
func ParseWhere(text string, parties []string, needs []Need) (*Condition, error) {
	p, err := NewPersons(parties, needs)
	if err != nil {
		return nil, err
	}
	f := p.see()
	return parseWhere(text, whereNames{f.parties, f.needs, f.slots, f.twice}, f.bitsOf)
}

// String returns the condition in its one spelling; "" holds for everybody.
func (c *Condition) String() string { return c.text }

// Words says for readers who the persons are, as what follows "people": "known to 3 or
// more parties and with housing need". It is "" for everybody.
func (c *Condition) Words() string { return c.words }

// Parties returns the positions of the parties that the condition names, and
// whether it looks at the number of parties.
func (c *Condition) Parties() (named []int, number bool) {
	for p := c.parties; p != 0; p &= p - 1 {
		named = append(named, bits.TrailingZeros64(p))
	}
	return named, c.sizes
}

// Needs returns the positions of the needs that the condition names.
func (c *Condition) Needs() []int { return slices.Clone(c.said) }

// whereNames is what a condition can name, and the bits of it.
type whereNames struct {
	parties []string
	needs   []Need
	slots   [][]int
	twice   []int
}

func parseWhere(text string, names whereNames, bitsOf func([]Carry) uint64) (*Condition, error) {
	if len(text) > maxWhere {
		return nil, fmt.Errorf("%w: it is longer than %d bytes", errWhere, maxWhere)
	}
	words, err := cutWhere(text)
	if err != nil {
		return nil, err
	}
	c := &Condition{holds: func(atom) bool { return true }, bitsOf: bitsOf}
	if len(words) == 0 {
		return c, nil
	}
	r := &whereReader{words: words, whereNames: names, c: c}
	n, err := r.or(0)
	if err == nil && r.at < len(words) {
		err = r.expected("and, or, or the end")
	}
	if err != nil {
		return nil, err
	}
	c.text, c.words, c.holds, c.records = n.text, n.words, n.holds, n.records
	return c, nil
}

// whereWord is a word, a quoted text or a sign of a condition.
type whereWord struct {
	text   string
	quoted bool
	place  int // characters before it, plus 1
}

// plainWord reports whether r can stand in a name or value without quotation marks.
func plainWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-+.:/&", r)
}

func cutWhere(text string) ([]whereWord, error) {
	var words []whereWord
	rs := []rune(text)
	for i := 0; i < len(rs); {
		start := i
		switch r := rs[i]; {
		case r == ' ' || r == '\t':
			i++
			continue
		case r == '"':
			end := slices.Index(rs[i+1:], '"')
			if end < 0 {
				return nil, fmt.Errorf("%w: the quotation mark at character %d is never closed", errWhere, i+1)
			}
			words = append(words, whereWord{string(rs[i+1 : i+1+end]), true, start + 1})
			i += end + 2
			continue
		case r == '(' || r == ')' || r == '=':
			i++
		case strings.ContainsRune("<>!", r):
			i++
			if i < len(rs) && rs[i] == '=' {
				i++
			}
		case plainWord(r):
			for i < len(rs) && plainWord(rs[i]) {
				i++
			}
		default:
			return nil, fmt.Errorf("%w: character %d is none that stands in a condition; put names with such characters in quotation marks", errWhere, i+1)
		}
		words = append(words, whereWord{string(rs[start:i]), false, start + 1})
	}
	return words, nil
}

type whereNode struct {
	text  string
	words string // as Condition.Words
	not   string // what words are when it does not hold; "" where that takes a "not"
	holds func(a atom) bool
	level int // 0 or, 1 and, 2 anything tighter
	// records is how many records of a person it takes at most to see that it holds, but
	// for what one record more can undo (whereUndo).
	records int
}

// whereUndo is what a condition names so that one record more of a person can make it fail.
type whereUndo struct {
	parties, needs uint64
	sizes          bool
}

// within puts parentheses around a looser part.
func (n whereNode) within(level int) (text, words string) {
	if n.level < level {
		return "(" + n.text + ")", "(" + n.words + ")"
	}
	return n.text, n.words
}

type whereReader struct {
	words []whereWord
	at    int
	whereNames
	c *Condition
}

func (r *whereReader) is(word string) bool {
	return r.at < len(r.words) && !r.words[r.at].quoted && r.words[r.at].text == word
}

func (r *whereReader) take(word string) bool {
	if r.is(word) {
		r.at++
		return true
	}
	return false
}

func (r *whereReader) expected(what string) error {
	if r.at >= len(r.words) {
		return fmt.Errorf("%w: it ends where there should be %s", errWhere, what)
	}
	return fmt.Errorf("%w: at character %d there should be %s", errWhere, r.words[r.at].place, what)
}

func (r *whereReader) or(depth int) (whereNode, error) {
	return r.join("or", 0, depth, func(a, b bool) bool { return a || b }, r.and)
}

func (r *whereReader) and(depth int) (whereNode, error) {
	return r.join("and", 1, depth, func(a, b bool) bool { return a && b }, r.one)
}

func (r *whereReader) join(word string, level, depth int, both func(a, b bool) bool, part func(int) (whereNode, error)) (whereNode, error) {
	left, err := part(depth)
	for err == nil && r.take(word) {
		var right whereNode
		if right, err = part(depth); err != nil {
			break
		}
		one, other := left.holds, right.holds
		text, words := left.within(level)
		text2, words2 := right.within(level)
		sum := left.records + right.records
		left = whereNode{text: text + " " + word + " " + text2, words: words + " " + word + " " + words2, holds: func(a atom) bool { return both(one(a), other(a)) }, level: level,
			records: max(left.records, right.records)}
		if word == "and" {
			left.records = sum
		}
	}
	return left, err
}

func (r *whereReader) one(depth int) (whereNode, error) {
	if depth > maxDepth {
		return whereNode{}, fmt.Errorf("%w: more than %d parentheses within each other", errWhere, maxDepth)
	}
	switch {
	case r.take("not"):
		named := whereUndo{r.c.parties, r.c.needs, r.c.sizes}
		r.c.parties, r.c.needs, r.c.sizes = 0, 0, false
		n, err := r.one(depth + 1)
		if err != nil {
			return n, err
		}
		r.c.undo = whereUndo{r.c.undo.parties | r.c.parties, r.c.undo.needs | r.c.needs, r.c.undo.sizes || r.c.sizes}
		r.c.parties, r.c.needs, r.c.sizes = r.c.parties|named.parties, r.c.needs|named.needs, r.c.sizes || named.sizes
		text, words := n.within(2)
		back := words
		if words = "not " + words; n.not != "" {
			words = n.not
		}
		return whereNode{text: "not " + text, words: words, not: back, holds: func(a atom) bool { return !n.holds(a) }, level: 2}, nil
	case r.take("("):
		n, err := r.or(depth + 1)
		if err == nil && !r.take(")") {
			err = r.expected("a closing parenthesis")
		}
		return n, err
	case r.is("parties") && r.at+1 < len(r.words) && strings.ContainsAny(r.words[r.at+1].text, "<>=!"):
		r.at++
		return r.number()
	case r.is(")") || r.is("and") || r.is("or") || r.at >= len(r.words):
		return whereNode{}, r.expected("the name of a party or need, or parties>=2")
	}
	return r.name()
}

// number reads what follows the word parties.
func (r *whereReader) number() (whereNode, error) {
	compare := map[string]func(n, k int) bool{
		"=": func(n, k int) bool { return n == k }, "!=": func(n, k int) bool { return n != k },
		"<": func(n, k int) bool { return n < k }, "<=": func(n, k int) bool { return n <= k },
		">": func(n, k int) bool { return n > k }, ">=": func(n, k int) bool { return n >= k },
	}
	sign := r.words[r.at].text
	by, ok := compare[sign]
	if !ok {
		return whereNode{}, r.expected("one of =, !=, <, <=, > and >=")
	}
	r.at++
	k := -1
	if r.at < len(r.words) && len(r.words[r.at].text) <= 2 {
		if n, err := strconv.ParseUint(r.words[r.at].text, 10, 8); err == nil {
			k = int(n)
		}
	}
	if k < 0 {
		return whereNode{}, r.expected("a number of parties")
	}
	r.at++
	r.c.sizes = true
	say := map[string]string{"=": "exactly %d", "!=": "any number of parties but %d", "<": "fewer than %d", "<=": "%d or fewer", ">": "more than %d", ">=": "%d or more"}
	words := "known to " + fmt.Sprintf(say[sign], k)
	switch {
	case sign == "!=":
	case k == 1 && sign != "<=" && sign != ">=":
		words += " party"
	default:
		words += " parties"
	}
	records := 0
	if sign == ">=" || sign == ">" {
		records = k + len(">=") - len(sign)
	} else {
		r.c.undo.sizes = true
	}
	return whereNode{text: fmt.Sprintf("parties%s%d", sign, k), words: words, holds: func(a atom) bool { return by(bits.OnesCount64(a.parties), k) }, level: 2, records: records}, nil
}

// name reads a party, a yes-no need, or a category with one of its values.
func (r *whereReader) name() (whereNode, error) {
	word := r.words[r.at]
	kind, name := "", word.text
	if !word.quoted {
		for _, k := range []string{"party", "need"} {
			if rest, ok := strings.CutPrefix(name, k+":"); ok {
				kind, name = k, rest
			}
		}
	}
	if name == "" && !word.quoted && r.at+1 < len(r.words) && r.words[r.at+1].quoted { // party:"a name"
		r.at++
		name = r.words[r.at].text
	}
	party := slices.Index(r.parties, name)
	need := slices.IndexFunc(r.needs, func(n Need) bool { return n.Name == name })
	switch {
	case kind == "party":
		need = -1
	case kind == "need":
		party = -1
	case party >= 0 && need >= 0:
		return whereNode{}, fmt.Errorf("%w: %q is a party and a need; write party:%s or need:%s", errWhere, name, name, name)
	}
	r.at++
	switch {
	case party >= 0 && r.at < len(r.words) && !r.words[r.at].quoted && strings.ContainsAny(r.words[r.at].text, "<>=!"):
		text := nameText("party", name, r.parties, r.needs)
		return whereNode{}, fmt.Errorf("%w: a person is in party %q or not; write %s, or not %s, or parties>=2 for how many parties", errWhere, name, text, text)
	case party >= 0:
		r.c.parties |= 1 << party
		return whereNode{text: nameText("party", name, r.parties, r.needs), words: "known to " + name, not: "not known to " + name,
			holds: func(a atom) bool { return a.parties>>party&1 == 1 }, level: 2, records: 1}, nil
	case need < 0:
		return whereNode{}, fmt.Errorf("%w: %q is no party and no need: %w", errWhere, name, ErrGone)
	}
	return r.value(need)
}

func (r *whereReader) value(need int) (whereNode, error) {
	n := r.needs[need]
	if !slices.Contains(r.c.said, need) {
		r.c.said = append(r.c.said, need)
	}
	text := nameText("need", n.Name, r.parties, r.needs)
	if n.Kind == YesNo {
		if r.is("=") || r.is("!=") {
			return whereNode{}, fmt.Errorf("%w: need %q is yes or no; write %s, or not %s", errWhere, n.Name, text, text)
		}
		bit, said := uint64(1)<<r.slots[need][0], spaced(n.Name)
		if r.take(">=") {
			return r.saidTwice(need, text)
		}
		r.c.needs |= bit
		return whereNode{text: text, words: "with " + said, not: "without " + said, holds: func(a atom) bool { return a.needs&bit != 0 }, level: 2, records: 1}, nil
	}
	sign := "="
	switch {
	case r.take("="):
	case r.take("!="):
		sign = "!="
	default:
		return whereNode{}, fmt.Errorf("%w: need %q is a category; say which value, such as %s=%s", errWhere, n.Name, text, wordText(n.Values[0]))
	}
	if r.at >= len(r.words) {
		return whereNode{}, r.expected("a value")
	}
	v := slices.Index(n.Values, r.words[r.at].text)
	if v < 0 {
		return whereNode{}, fmt.Errorf("%w: need %q has no value %q: %w", errWhere, n.Name, r.words[r.at].text, ErrGone)
	}
	r.at++
	bit := uint64(1) << r.slots[need][v]
	r.c.needs |= bit
	words, not := "with "+spaced(n.Name)+" "+n.Values[v], "without "+spaced(n.Name)+" "+n.Values[v]
	records := 1
	if sign == "!=" {
		words, not, records = not, words, 0
		r.c.undo.needs |= bit
	}
	return whereNode{text: text + sign + wordText(n.Values[v]), words: words, not: not, holds: func(a atom) bool { return (a.needs&bit != 0) == (sign == "=") }, level: 2, records: records}, nil
}

// saidTwice reads the number after a need and ">=": of two parties or more it is kept
// who says a need, and of more it is not.
func (r *whereReader) saidTwice(need int, text string) (whereNode, error) {
	if !r.take("2") {
		return whereNode{}, r.expected("2: whether two parties or more say a need is all that can be asked of its parties")
	}
	name := r.needs[need].Name
	twice := r.twice[r.slots[need][0]]
	if twice < 0 {
		return whereNode{}, fmt.Errorf("%w: need %q is not declared by two parties: %w", errWhere, name, ErrGone)
	}
	bit := uint64(1) << twice
	r.c.needs |= bit | 1<<r.slots[need][0]
	said := spaced(name) + " as two parties or more say"
	return whereNode{text: text + ">=2", words: "with " + said, not: "without " + said, holds: func(a atom) bool { return a.needs&bit != 0 }, level: 2, records: 2}, nil
}

// spaced turns the name of a need in a project file into words.
func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

// wordText writes a name or value so that it is read as one again.
func wordText(s string) string {
	plain := s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plainWord(r) }) &&
		!slices.Contains([]string{"and", "or", "not", "parties"}, s) && !strings.HasPrefix(s, "party:") && !strings.HasPrefix(s, "need:")
	if plain {
		return s
	}
	return `"` + s + `"`
}

// nameText is wordText for a party or need, told apart where both have the name.
func nameText(kind, name string, parties []string, needs []Need) string {
	if slices.Contains(parties, name) && slices.ContainsFunc(needs, func(n Need) bool { return n.Name == name }) {
		return kind + ":" + wordText(name)
	}
	return wordText(name)
}

// Holds reports whether a person in these parties (bit i for party i), of whom
// these needs are said, meets the condition.
func (c *Condition) Holds(parties uint64, carries []Carry) bool {
	return c.holds(atom{parties, c.bitsOf(carries)})
}
