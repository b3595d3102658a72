package hashing

import (
	"unicode/utf8"

	"cohortlink/hashing/norm"
)

// tokensVersion is part of the schema fingerprint: it changes when any value is
// cut differently.
const tokensVersion = "tokens/1"

// A kind says how canonical text of that kind (see hashing/norm) is cut into
// tokens, how many tokens an average value gives, and how much of the filter, in
// thousandths, it takes when the project does not say. The counts are constants of
// the kind, never measured on a partner's data.
type kind struct {
	cut    func(t *tokenList, text string)
	tokens int
	weight int
}

// The figures are explained in SPEC.md, "Kinds".
var kinds = map[norm.Kind]kind{
	norm.Name:      {bigrams, 7, 3000},
	norm.Date:      {dateTokens, 6, 4000},
	norm.Year:      {positioned, 4, 1000},
	norm.Sex:       {whole, 1, 500},
	norm.Postcode:  {positioned, 6, 2000},
	norm.NHSNumber: {positioned, 10, 4000},
	norm.UPRN:      {positioned, 11, 2000},
	norm.Phone:     {bigrams, 12, 2000},
	norm.Text:      {bigrams, 12, 2000},
	norm.Code:      {whole, 1, 1000},
}

// A tokenList holds the tokens of one value end to end, so that a worker cuts
// millions of values without allocating. A token may be in it twice.
type tokenList struct {
	text []byte
	ends []int // where each token ends in text; it begins where the one before ends
}

func (t *tokenList) reset() { t.text, t.ends = t.text[:0], t.ends[:0] }

func (t *tokenList) end() { t.ends = append(t.ends, len(t.text)) }

// bigrams cuts text into every pair of neighbouring letters of each word, the word's
// two edges marked by a space. Words are cut one by one, so that one half of a
// double-barrelled name still shares all of its bigrams with the whole.
func bigrams(t *tokenList, text string) {
	prev := ' '
	for _, r := range text {
		if prev == ' ' && r == ' ' {
			continue
		}
		t.pair(prev, r)
		prev = r
	}
	if prev != ' ' {
		t.pair(prev, ' ')
	}
}

func (t *tokenList) pair(a, b rune) {
	t.text = utf8.AppendRune(utf8.AppendRune(t.text, a), b)
	t.end()
}

// whole makes one token of the text.
func whole(t *tokenList, text string) {
	t.text = append(t.text, text...)
	t.end()
}

// positioned makes a token of each character, tagged with its place, so that one
// wrong character costs one token. Its kinds have at most twelve characters, all of
// them ASCII.
func positioned(t *tokenList, text string) {
	for i := range len(text) {
		t.text = append(t.text, byte('a'+i), text[i])
		t.end()
	}
}

// dateTokens cuts YYYYMMDD into overlapping parts: the year, its decade and its last
// digit, the month, the day and its last digit. A slip in one digit costs one or
// two of the six, and the century, which nearly all share, is no token of its
// own: eight digits, each tagged with its place, would leave strangers of one
// generation alike in three or four of the eight, and were measured: F1 .944 in place
// of .986 on febrl4, .663 in place of .790 on anonlink-5party (SPEC.md, "date").
// A part that is not known is '-' and gives no token.
func dateTokens(t *tokenList, text string) {
	part := func(tag byte, from, to int) {
		if text[from] != '-' {
			t.text = append(append(t.text, tag), text[from:to]...)
			t.end()
		}
	}
	part('Y', 0, 4)
	part('D', 2, 3)
	part('y', 3, 4)
	part('M', 4, 6)
	part('d', 6, 8)
	part('e', 7, 8)
}
