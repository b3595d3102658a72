package clkhash

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// parser reads a pattern by recursive descent. Its errors quote the pattern's own words,
// which come from the schema, not from a person's data.
type parser struct {
	source []rune
	at     int
	names  map[string]int
	open   map[int]bool // groups not closed yet
	widths map[int]int  // width of closed groups; -1 where it varies
	groups int
	behind int // depth of look-behinds around
	before int // groups there were when the outermost of them began
	depth  int
}

func compilePattern(source string) (*pattern, error) {
	p := &parser{source: []rune(source), names: map[string]int{}, open: map[int]bool{}, widths: map[int]int{}}
	root, err := p.choice(flags{}, true)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.source) {
		return nil, errors.New("pattern has a closing parenthesis too many")
	}
	return &pattern{source: source, root: root, groups: p.groups}, nil
}

func (p *parser) more() bool { return p.at < len(p.source) }

func (p *parser) peek() rune {
	if p.more() {
		return p.source[p.at]
	}
	return -1
}

func (p *parser) accept(text string) bool {
	t := []rune(text)
	if len(p.source)-p.at < len(t) || string(p.source[p.at:p.at+len(t)]) != text {
		return false
	}
	p.at += len(t)
	return true
}

func (p *parser) choice(f flags, top bool) (*node, error) {
	if p.depth++; p.depth > 200 {
		return nil, errors.New("pattern is nested more than 200 deep")
	}
	defer func() { p.depth-- }()
	if top {
		var err error
		if f, err = p.leadingFlags(f); err != nil {
			return nil, err
		}
	}
	c := &node{kind: nodeChoice}
	for {
		s, err := p.sequence(f)
		if err != nil {
			return nil, err
		}
		c.subs = append(c.subs, s)
		if !p.accept("|") {
			break
		}
	}
	if len(c.subs) == 1 {
		return c.subs[0], nil
	}
	return c, nil
}

// leadingFlags reads (?i) and its like, which Python 3.11 allows at the very start only.
func (p *parser) leadingFlags(f flags) (flags, error) {
	for {
		start := p.at
		if !p.accept("(?") {
			return f, nil
		}
		var letters []rune
		for unicode.IsLetter(p.peek()) {
			letters = append(letters, p.peek())
			p.at++
		}
		if len(letters) == 0 || !p.accept(")") {
			p.at = start
			return f, nil
		}
		if err := groupFlags(&f, letters, nil); err != nil {
			return f, err
		}
	}
}

func (f *flags) set(letters []rune, on bool) error {
	for _, c := range letters {
		switch c {
		case 'i':
			f.ignoreCase = on
		case 'm':
			f.multiline = on
		case 's':
			f.dotAll = on
		case 'a':
			f.ascii = true
		case 'u':
			f.ascii = false
		case 'x':
			return errors.New("pattern uses the flag x (verbose), which is not supported here; write the pattern without spaces and comments")
		default:
			return fmt.Errorf("pattern has an unknown flag %q", c)
		}
	}
	return nil
}

func (p *parser) sequence(f flags) (*node, error) {
	s := &node{kind: nodeSequence}
	repeatable := false // the last item
	for p.more() && p.peek() != '|' && p.peek() != ')' {
		least, most, ok, err := p.quantifier()
		if err != nil {
			return nil, err
		}
		if ok {
			last := len(s.subs) - 1
			switch {
			case last < 0 || !repeatable && s.subs[last].kind != nodeRepeat:
				return nil, errors.New("pattern has nothing to repeat before a quantifier")
			case s.subs[last].kind == nodeRepeat:
				return nil, errors.New("pattern repeats a repetition; put it in a group")
			}
			r := &node{kind: nodeRepeat, subs: []*node{s.subs[last]}, least: least, most: most, lazy: p.accept("?")}
			if !r.lazy && p.peek() == '+' {
				return nil, errors.New("pattern has a possessive quantifier, which Python before 3.11 refuses; write it another way")
			}
			s.subs[last], repeatable = r, false
			continue
		}
		item, quantifiable, err := p.atom(f)
		if err != nil {
			return nil, err
		}
		if item != nil { // a comment is nothing, and what follows it repeats what precedes it
			s.subs, repeatable = append(s.subs, item), quantifiable
		}
	}
	return s, nil
}

// quantifier reads *, +, ?, {m}, {m,}, {,n} or {m,n}. Anything else in braces stands for
// itself.
func (p *parser) quantifier() (least, most int, ok bool, err error) {
	switch {
	case p.accept("*"):
		return 0, -1, true, nil
	case p.accept("+"):
		return 1, -1, true, nil
	case p.accept("?"):
		return 0, 1, true, nil
	}
	start := p.at
	if !p.accept("{") {
		return 0, 0, false, nil
	}
	if p.peek() == '}' {
		p.at = start
		return 0, 0, false, nil
	}
	low := p.digits()
	high, comma := low, p.accept(",")
	if comma {
		high = p.digits()
	}
	if !p.accept("}") {
		p.at = start
		return 0, 0, false, nil
	}
	most = -1
	if low != "" {
		if least, err = repeatCount(low); err != nil {
			return 0, 0, false, err
		}
	}
	if high != "" {
		if most, err = repeatCount(high); err != nil {
			return 0, 0, false, err
		}
		if most < least {
			return 0, 0, false, errors.New("pattern repeats at least more than at most")
		}
	}
	return least, most, true, nil
}

func repeatCount(s string) (int, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxRepeat {
		return 0, errors.New("pattern has a repetition count that is too large")
	}
	return int(n), nil
}

func (p *parser) digits() string {
	start := p.at
	for p.peek() >= '0' && p.peek() <= '9' {
		p.at++
	}
	return string(p.source[start:p.at])
}

// atom reads one item. A nil node is a comment; positions cannot be repeated.
func (p *parser) atom(f flags) (item *node, quantifiable bool, err error) {
	switch c := p.peek(); c {
	case '(':
		return p.group(f)
	case '[':
		s, err := p.class(f)
		return &node{kind: nodeSet, set: s}, true, err
	case '\\':
		return p.escape(f)
	case '.':
		p.at++
		s := &set{negated: true, flags: f}
		if !f.dotAll {
			s.ranges = []span{{'\n', '\n'}}
		}
		return &node{kind: nodeSet, set: s}, true, nil
	case '^':
		p.at++
		return &node{kind: nodeStart, line: f.multiline}, false, nil
	case '$':
		p.at++
		return &node{kind: nodeEnd, line: f.multiline}, false, nil
	default:
		p.at++
		return literal(c, f), true, nil
	}
}

func literal(r rune, f flags) *node {
	return &node{kind: nodeSet, set: &set{ranges: []span{{r, r}}, flags: f}}
}

func (p *parser) group(f flags) (*node, bool, error) {
	p.at++ // the parenthesis
	n := &node{kind: nodeSequence}
	name, capture := "", true
	switch {
	case !p.accept("?"):
	case p.accept("P<"):
		var err error
		if name, err = p.groupName('>'); err != nil {
			return nil, false, err
		}
		if _, taken := p.names[name]; taken {
			return nil, false, fmt.Errorf("pattern names two groups %q", name)
		}
	case p.accept("P="):
		name, err := p.groupName(')')
		if err != nil {
			return nil, false, err
		}
		g, ok := p.names[name]
		if !ok {
			return nil, false, fmt.Errorf("pattern refers to an unknown group %q", name)
		}
		b, err := p.backref(g, f)
		return b, true, err
	case p.accept("#"):
		for p.more() {
			p.at++
			if p.source[p.at-1] == ')' {
				return nil, false, nil
			}
		}
		return nil, false, errors.New("pattern has a comment without an end")
	case p.accept("="), p.accept("!"), p.accept("<="), p.accept("<!"):
		n = &node{kind: nodeLook, negated: p.source[p.at-1] == '!', back: p.source[p.at-2] == '<'}
		capture = false
	case p.accept("("):
		return nil, false, errors.New("pattern has a conditional group, which is not supported here; write it another way")
	case p.accept(">"):
		return nil, false, errors.New("pattern has an atomic group, which Python before 3.11 refuses; write it another way")
	default:
		capture = false
		var on, off []rune
		into := &on
		for p.more() && (unicode.IsLetter(p.peek()) || p.peek() == '-' && into == &on) {
			if p.peek() == '-' {
				into = &off
			} else {
				*into = append(*into, p.peek())
			}
			p.at++
		}
		switch {
		case p.peek() == ')':
			return nil, false, errors.New("pattern has flags that are not at its start")
		case !p.accept(":"), into == &off && len(off) == 0:
			return nil, false, errors.New("pattern has an unknown extension after (?")
		}
		if err := groupFlags(&f, on, off); err != nil {
			return nil, false, err
		}
	}
	if capture {
		p.groups++
		if p.groups > 1000 {
			return nil, false, errors.New("pattern has more than 1000 groups")
		}
		n = &node{kind: nodeGroup, group: p.groups}
		p.open[n.group] = true
		if name != "" {
			p.names[name] = n.group
		}
	}
	if n.back {
		if p.behind == 0 {
			p.before = p.groups
		}
		p.behind++
	}
	body, err := p.choice(f, false)
	if err != nil {
		return nil, false, err
	}
	if n.back {
		p.behind--
	}
	if !p.accept(")") {
		return nil, false, errors.New("pattern has a parenthesis that is never closed")
	}
	n.subs = []*node{body}
	if capture {
		delete(p.open, n.group)
		p.widths[n.group] = p.width(body)
	}
	if n.back {
		if n.behind = p.width(body); n.behind < 0 {
			return nil, false, errors.New("pattern looks behind over a part whose length varies")
		}
	}
	return n, true, nil
}

// groupFlags applies (?on-off:...) and (?on). Python lets a and u stand alone only, and off is for
// i, m and s.
func groupFlags(f *flags, on, off []rune) error {
	if strings.ContainsRune(string(on), 'a') && strings.ContainsRune(string(on), 'u') {
		return errors.New("pattern sets the flags a and u at once")
	}
	if err := f.set(on, true); err != nil {
		return err
	}
	for _, c := range off {
		if c == 'a' || c == 'u' {
			return errors.New("pattern turns off a flag that cannot be turned off")
		}
		if strings.ContainsRune(string(on), c) {
			return errors.New("pattern turns a flag on and off at once")
		}
	}
	return f.set(off, false)
}

func (p *parser) groupName(end rune) (string, error) {
	start := p.at
	for p.more() && p.peek() != end {
		p.at++
	}
	name := string(p.source[start:p.at])
	if !p.accept(string(end)) || name == "" {
		return "", errors.New("pattern has a group name that is missing or without an end")
	}
	for i, r := range name {
		if r != '_' && (r >= 0x80 || !unicode.IsLetter(r)) && (i == 0 || r < '0' || r > '9') {
			return "", fmt.Errorf("pattern has a group name, %q, that is not made of ASCII letters, digits and _", name)
		}
	}
	return name, nil
}

func (p *parser) backref(group int, f flags) (*node, error) {
	if group > p.groups {
		return nil, fmt.Errorf("pattern refers to group %d, which it does not have", group)
	}
	if p.open[group] {
		return nil, fmt.Errorf("pattern refers to group %d inside it", group)
	}
	if p.behind > 0 && group > p.before {
		return nil, fmt.Errorf("pattern refers to group %d within the look-behind that holds it", group)
	}
	return &node{kind: nodeBackref, group: group, flags: f}, nil
}

// width is how many characters a node takes, or -1 where that varies.
func (p *parser) width(n *node) int {
	switch n.kind {
	case nodeSet:
		return 1
	case nodeGroup:
		return p.width(n.subs[0])
	case nodeBackref:
		return p.widths[n.group]
	case nodeRepeat:
		w := p.width(n.subs[0])
		switch {
		case w == 0, n.most == 0:
			return 0
		case w > 0 && n.least == n.most && n.most < 1<<20:
			return w * n.least
		}
		return -1
	case nodeSequence:
		total := 0
		for _, sub := range n.subs {
			w := p.width(sub)
			if w < 0 || total > 1<<30 {
				return -1
			}
			total += w
		}
		return total
	case nodeChoice:
		first := p.width(n.subs[0])
		for _, sub := range n.subs[1:] {
			if p.width(sub) != first {
				return -1
			}
		}
		return first
	}
	return 0 // positions and look-around
}

// escape reads a backslash outside a class.
func (p *parser) escape(f flags) (*node, bool, error) {
	p.at++
	c := p.peek()
	switch c {
	case 'A':
		p.at++
		return &node{kind: nodeStart}, false, nil
	case 'Z':
		p.at++
		return &node{kind: nodeEnd, final: true}, false, nil
	case 'b', 'B':
		p.at++
		return &node{kind: nodeBoundary, negated: c == 'B', flags: f}, false, nil
	}
	if k, ok := classEscape(c); ok {
		p.at++
		return &node{kind: nodeSet, set: &set{classes: []class{k}, flags: f}}, true, nil
	}
	if c >= '1' && c <= '9' {
		// \1 to \99, unless three octal digits make a character of it.
		digits := string(c)
		p.at++
		if d := p.peek(); d >= '0' && d <= '9' {
			digits += string(d)
			p.at++
			if e := p.peek(); isOctal(c) && isOctal(d) && isOctal(e) {
				p.at++
				v, _ := strconv.ParseInt(digits+string(e), 8, 32)
				if v > 0o377 {
					return nil, false, errors.New("pattern has an octal escape above \\377")
				}
				return literal(rune(v), f), true, nil
			}
		}
		g, _ := strconv.Atoi(digits)
		b, err := p.backref(g, f)
		return b, true, err
	}
	r, err := p.character()
	if err != nil {
		return nil, false, err
	}
	return literal(r, f), true, nil
}

func isOctal(r rune) bool { return r >= '0' && r <= '7' }

func classEscape(c rune) (class, bool) {
	switch c {
	case 'd', 'w', 's':
		return class{letter: byte(c)}, true
	case 'D', 'W', 'S':
		return class{letter: byte(c) | 0x20, negated: true}, true
	}
	return class{}, false
}

// character reads what stands for one character after a backslash, in a class and outside.
func (p *parser) character() (rune, error) {
	if !p.more() {
		return 0, errors.New("pattern ends in a backslash")
	}
	c := p.peek()
	p.at++
	if r, ok := map[rune]rune{'a': 7, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}[c]; ok {
		return r, nil
	}
	switch {
	case c == 'x' || c == 'u' || c == 'U':
		width := map[rune]int{'x': 2, 'u': 4, 'U': 8}[c]
		if len(p.source)-p.at < width {
			return 0, fmt.Errorf("pattern has an incomplete escape \\%c", c)
		}
		v, err := strconv.ParseUint(string(p.source[p.at:p.at+width]), 16, 32)
		if err != nil || v > unicode.MaxRune {
			return 0, fmt.Errorf("pattern has a bad escape \\%c", c)
		}
		p.at += width
		return rune(v), nil
	case c == '0':
		v := rune(0)
		for n := 0; n < 2 && isOctal(p.peek()); n++ {
			v = v*8 + p.peek() - '0'
			p.at++
		}
		return v, nil
	case c == 'N':
		return 0, errors.New("pattern names a character with \\N, which is not supported here; write the character")
	case c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c)):
		return 0, fmt.Errorf("pattern has an escape \\%c that Python does not know", c)
	}
	return c, nil
}

// class reads [...].
func (p *parser) class(f flags) (*set, error) {
	p.at++
	s := &set{flags: f, negated: p.accept("^")}
	first := p.at
	for {
		if !p.more() {
			return nil, errors.New("pattern has a [ that is never closed")
		}
		if p.peek() == ']' && p.at > first {
			p.at++
			return s, nil
		}
		lo, k, isClass, err := p.classItem()
		if err != nil {
			return nil, err
		}
		if p.peek() == '-' && p.at+1 < len(p.source) && p.source[p.at+1] != ']' {
			p.at++
			hi, _, hiClass, err := p.classItem()
			if err != nil {
				return nil, err
			}
			if isClass || hiClass || hi < lo {
				return nil, errors.New("pattern has a bad range in [ ]")
			}
			s.ranges = append(s.ranges, span{lo, hi})
			continue
		}
		if isClass {
			s.classes = append(s.classes, k)
		} else {
			s.ranges = append(s.ranges, span{lo, lo})
		}
	}
}

func (p *parser) classItem() (r rune, k class, isClass bool, err error) {
	c := p.peek()
	p.at++
	if c != '\\' {
		return c, class{}, false, nil
	}
	c = p.peek()
	if k, ok := classEscape(c); ok {
		p.at++
		return 0, k, true, nil
	}
	if c == 'b' {
		p.at++
		return '\b', class{}, false, nil
	}
	if isOctal(c) {
		v := rune(0)
		for n := 0; n < 3 && isOctal(p.peek()); n++ {
			v = v*8 + p.peek() - '0'
			p.at++
		}
		if v > 0o377 {
			return 0, class{}, false, errors.New("pattern has an octal escape above \\377")
		}
		return v, class{}, false, nil
	}
	r, err = p.character()
	return r, class{}, false, err
}
