package formats

// A strict reader of the small YAML files that people write for us.
//
// The decoders of YAML libraries report what they find in the words of Go types and quote the lines around it. Ours are the words of the
// file's reader, and the lines stay unquoted: the file may be a key. So the library (goccy/go-yaml) parses, and its tree is read here, node by
// node, with the line of each. The first error stays; reading goes on with empty values, so that the callers need no ifs.
//
// Anchors and aliases are allowed, because fifteen practices on the same system have the same columns. A bomb made of them comes to nothing:
// no part of a file of ours is nested in itself, so what is read is bounded, and maxNodes bounds it again.

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	// Measured on v1.19.2: lexing is linear (0.6 s for the worst MiB found), parsing is quadratic in the depth of brackets (5 s and 850 MB for
	// 20,000 of them) and in the number of equal keys (0.4 s for 10,000). A project of 64 parties with all of their columns has 6,000 tokens.
	maxTokens = 1 << 15
	maxDepth  = 16
	maxNodes  = 1 << 16
)

type yamlReader struct {
	name    string // as shown
	err     error  // the first
	anchors map[string]ast.Node
	nodes   int // read so far
}

type yamlPair struct {
	key   string
	line  int
	value ast.Node
}

// parseYAML returns the one document of a file, which must be of the given kind ("project").
func parseYAML(name, kind string, data []byte) (*yamlReader, ast.Node, error) {
	y := &yamlReader{name: shownPath(name), anchors: map[string]ast.Node{}}
	whole := func(format string, a ...any) (*yamlReader, ast.Node, error) {
		return nil, nil, fmt.Errorf("%s is not a %s file: %s", y.name, kind, fmt.Sprintf(format, a...))
	}
	if len(data) > maxProject {
		return whole("it is larger than %d KiB", maxProject>>10)
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return whole("it is in UTF-16; save it again as UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) // the library counts some of these lines twice
	if !utf8.Valid(data) || bytes.ContainsFunc(data, func(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\n' }) {
		return whole("it is not UTF-8 text; if it is the right file, save it again as UTF-8")
	}
	file, err := parseTokens(lexer.Tokenize(string(data)))
	if err != nil {
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil && at.GetToken().Position != nil {
			line := at.GetToken().Position.Line
			if lines := bytes.Split(data, []byte("\n")); line >= 1 && line <= len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[line-1], " "), []byte("\t")) {
				return nil, nil, fmt.Errorf("%s line %d: the line begins with a tab; indent it with spaces", y.name, line)
			}
			return nil, nil, fmt.Errorf("%s line %d: not YAML, here or just before; look for a missing colon, quotation mark or bracket", y.name, line)
		}
		return whole("%v", err)
	}
	if len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return whole("it is empty, or holds several documents")
	}
	root := file.Docs[0].Body
	ast.Walk(y, root)
	if y.err == nil && !y.isMapping(root) {
		return whole("it should hold settings, one to a line, such as version: 1")
	}
	return y, root, y.err
}

// parseTokens parses what is small enough for the parser. It recovers: the parser is the library's, the file may be anybody's.
func parseTokens(tokens token.Tokens) (file *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("it is not YAML")
		}
	}()
	if len(tokens) > maxTokens {
		return nil, fmt.Errorf("it has more than %d parts", maxTokens)
	}
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			if depth++; depth > maxDepth {
				return nil, fmt.Errorf("its brackets are nested more than %d deep", maxDepth)
			}
		case token.MappingEndType, token.SequenceEndType:
			depth--
		}
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // repeated keys are found by pairs, in our words
}

// Visit collects the anchors; it makes a yamlReader an ast.Visitor.
func (y *yamlReader) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok && a.Name != nil {
		name := a.Name.GetToken().Value
		if y.anchors[name] != nil {
			y.fail(y.line(n), "an anchor (&) of this name is there twice")
		}
		y.anchors[name] = a.Value
	}
	return y
}

func (y *yamlReader) fail(line int, format string, a ...any) {
	if y.err == nil {
		y.err = fmt.Errorf("%s line %d: %w", y.name, line, fmt.Errorf(format, a...))
	}
}

func (y *yamlReader) check(line int, err error) {
	if err != nil {
		y.fail(line, "%w", err)
	}
}

func (y *yamlReader) line(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1
	}
	return n.GetToken().Position.Line
}

// resolve follows anchors and aliases to the node that is meant; nil for nothing or null.
func (y *yamlReader) resolve(n ast.Node) ast.Node {
	for y.err == nil && n != nil {
		if y.nodes++; y.nodes > maxNodes {
			y.fail(y.line(n), "the file is too large once its aliases (*) are followed")
			return nil
		}
		switch t := n.(type) {
		case *ast.AnchorNode:
			n = t.Value
		case *ast.AliasNode:
			target, ok := y.anchors[t.Value.GetToken().Value]
			if !ok {
				y.fail(y.line(n), "there is no anchor (&) for this alias (*)")
			}
			n = target
		case *ast.TagNode, *ast.DirectiveNode:
			y.fail(y.line(n), "tags (!) and directives (%%) are not used in this file")
			return nil
		case *ast.NullNode:
			return nil
		default:
			return n
		}
	}
	return nil
}

func (y *yamlReader) isMapping(n ast.Node) bool {
	_, ok := y.resolve(n).(*ast.MappingNode)
	return ok
}

// pairs returns the keys and values of a mapping in the order of the file, none for nothing or null. what names it in errors.
func (y *yamlReader) pairs(n ast.Node, what string) []yamlPair {
	v := y.resolve(n)
	if v == nil {
		return nil
	}
	m, ok := v.(*ast.MappingNode)
	if !ok {
		y.fail(y.line(n), "%s must hold settings, each with a name and a colon", what)
		return nil
	}
	first := map[string]int{}
	var pairs []yamlPair
	for _, value := range m.Values {
		p := yamlPair{line: y.line(value.Key), value: value.Value}
		switch k := value.Key.(type) {
		case *ast.StringNode:
			p.key = k.Value
		case *ast.MergeKeyNode:
			y.fail(p.line, "merge keys (<<) are not used in this file; repeat a whole value with an anchor (&) and an alias (*)")
		default:
			y.fail(p.line, "the name of a setting in %s must be plain text", what)
		}
		if line, twice := first[p.key]; twice {
			y.fail(p.line, "the same name as in line %d; each may be there once", line)
		}
		if y.err != nil {
			return nil
		}
		first[p.key] = p.line
		pairs = append(pairs, p)
	}
	return pairs
}

// section returns the settings of a mapping that may have only the known ones. A setting without a value, or null, is as if it were absent.
func (y *yamlReader) section(n ast.Node, what string, known ...string) map[string]yamlPair {
	s := map[string]yamlPair{"": {line: y.line(n)}} // where the section is, for need
	for _, p := range y.pairs(n, what) {
		if !slices.Contains(known, p.key) {
			y.fail(p.line, "unknown setting in %s%s (known there: %s)", what, didYouMean(p.key, known), strings.Join(known, ", "))
			break
		}
		if y.resolve(p.value) != nil {
			s[p.key] = p
		}
	}
	return s
}

// need returns the value of a setting that may not be absent.
func (y *yamlReader) need(s map[string]yamlPair, key string) ast.Node {
	p, ok := s[key]
	if !ok {
		y.fail(s[""].line, "the setting %s is missing, or has no value", key)
	}
	return p.value
}

// version checks the setting of that name before anything else: a file without it was never ours.
func (y *yamlReader) version(root ast.Node) error {
	for _, p := range y.pairs(root, "the file") {
		if p.key != "version" {
			continue
		}
		switch text := y.text(p.value, "version"); {
		case y.err != nil || text == "1":
			return y.err
		case decimal.MatchString(text):
			return fmt.Errorf("%s is a project file of version %s, and this cohortlink reads version 1; update cohortlink", y.name, text)
		}
		return fmt.Errorf("%s line %d: version must be 1", y.name, p.line)
	}
	if y.err != nil {
		return y.err
	}
	return fmt.Errorf("%s is not a project file: it has no setting version (a project file begins with version: 1)", y.name)
}

// list returns the items of a list; none for nothing or null.
func (y *yamlReader) list(n ast.Node, what string) []ast.Node {
	v := y.resolve(n)
	if v == nil {
		return nil
	}
	l, ok := v.(*ast.SequenceNode)
	if !ok {
		y.fail(y.line(n), "%s must be a list: [one, two], or a line with a hyphen for each", what)
		return nil
	}
	return l.Values
}

// text returns a value of one word or line, as it was written: 1.0 is "1.0", and Yes is "Yes".
func (y *yamlReader) text(n ast.Node, what string) string {
	switch t := y.resolve(n).(type) {
	case *ast.StringNode:
		return t.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return t.GetToken().Value
	}
	y.fail(y.line(n), "%s must be a word, a number or a text on one line", what)
	return ""
}

// texts returns a list of texts; a single text is a list of one.
func (y *yamlReader) texts(n ast.Node, what string) []string {
	v := y.resolve(n)
	if _, ok := v.(*ast.SequenceNode); !ok {
		if v == nil {
			return nil
		}
		return []string{y.text(n, what)}
	}
	var texts []string
	for _, item := range y.list(n, what) {
		texts = append(texts, y.text(item, what))
	}
	return texts
}

func (y *yamlReader) boolean(n ast.Node, what string) bool {
	b, ok := y.resolve(n).(*ast.BoolNode)
	if !ok {
		y.fail(y.line(n), "%s must be true or false", what)
		return false
	}
	return b.Value
}

// bits returns the length of a filter, 0 when it is absent.
func (y *yamlReader) bits(n ast.Node, what string) int {
	return y.number(n, what, "a number of bits", maxFilterBits)
}

// number returns a whole number from 1 to most, 0 when it is absent; kind says in errors what number it is.
func (y *yamlReader) number(n ast.Node, what, kind string, most int) int {
	if n == nil {
		return 0
	}
	number := 0
	for _, c := range y.text(n, what) {
		if c < '0' || c > '9' || number > most {
			number = -1
			break
		}
		number = 10*number + int(c-'0')
	}
	if number < 1 || number > most {
		y.fail(y.line(n), "%s must be %s from 1 to %d", what, kind, most)
	}
	return number
}

// share returns a number from 0 and below 1, of at most three decimals, 0 when it is absent.
func (y *yamlReader) share(n ast.Node, what string) float64 {
	if n == nil {
		return 0
	}
	text := y.text(n, what)
	if y.err == nil && !shareForm.MatchString(text) {
		y.fail(y.line(n), "%s must be a number from 0 and below 1 with at most three decimals, such as 0.25", what)
	}
	x, _ := strconv.ParseFloat(text, 64)
	return x
}

// digit returns a number from 0 to 9, 0 when it is absent.
func (y *yamlReader) digit(n ast.Node, what string) int {
	if n == nil {
		return 0
	}
	text := y.text(n, what)
	if y.err == nil && (len(text) != 1 || text[0] < '0' || text[0] > '9') {
		y.fail(y.line(n), "%s must be a number from 0 to 9", what)
		return 0
	}
	if y.err != nil {
		return 0
	}
	return int(text[0] - '0')
}

// choice returns one of the known words, or the default when n is absent.
func (y *yamlReader) choice(n ast.Node, what string, known []string, absent string) string {
	if n == nil {
		return absent
	}
	text := y.text(n, what)
	if !slices.Contains(known, text) {
		y.fail(y.line(n), "%s is not known%s (known: %s)", what, didYouMean(text, known), strings.Join(known, ", "))
	}
	return text
}

// ownName refuses the name of a field, need or filter that is malformed or already taken.
func (y *yamlReader) ownName(line int, what, name string, seen map[string]int) {
	if y.err != nil {
		return
	}
	if !fieldName.MatchString(name) {
		y.fail(line, "the name of a %s must be lower-case letters, digits and _, begin with a letter, and have at most 63 of them", what)
	} else if other, twice := seen[name]; twice {
		y.fail(line, "the %s %q is already in line %d", what, name, other)
	}
	seen[name] = line
}

// references refuses names that are not among the known ones, or are there twice.
func (y *yamlReader) references(n ast.Node, names []string, setting, what string, known []string) {
	for i, name := range names {
		if !slices.Contains(known, name) {
			y.fail(y.line(n), "%s names %s, which is not a %s of the project%s", setting, shownName(name), what, didYouMean(name, known))
		} else if slices.Contains(names[:i], name) {
			y.fail(y.line(n), "%s names %q twice", setting, name)
		}
	}
}

// shownName is what a message shows of a name from the file: the name if it looks like one, and nothing of what may be something else.
func shownName(name string) string {
	if fieldName.MatchString(strings.ReplaceAll(strings.ToLower(name), "-", "_")) {
		return fmt.Sprintf("%q", name)
	}
	return "something"
}

// didYouMean returns a guess at what a word was meant to be, as the end of a sentence: `; did you mean "surname"?`; "" when none is near.
func didYouMean(word string, known []string) string {
	if len(word) > 63 {
		return ""
	}
	best, guess := 1+len(word)/3, ""
	for _, k := range known {
		if d := editDistance(plainWord(word), plainWord(k)); d < best {
			best, guess = d, k
		} else if d == best {
			guess = "" // two are as near
		}
	}
	if guess == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", guess)
}

func plainWord(s string) string {
	return strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(s))
}

// editDistance is the optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
func editDistance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			d := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				d++
			}
			d = min(d, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
