package hashing

import (
	"unicode/utf8"

	"cohortlink/hashing/norm"
)

// tokensVersion is part of the schema fingerprint: it changes when any value is
// cut differently.
const tokensVersion = "tokens/1"

// A kind says how canonical text of that kind (see hashing/norm) is cut into
// tokens, how many tokens an average value gives, and how much of the filter it
// takes when the project does not say. The counts are constants of the kind,
// never measured on a partner's data.
type kind struct {
	cut    func(text string, emit func(token []byte))
	tokens float64
	weight float64
}

// Weights and token counts are explained, with what was measured, in SPEC.md.
var kinds = map[norm.Kind]kind{
	norm.Name:      {bigrams, 7, 3},
	norm.Date:      {dateTokens, 6, 4},
	norm.Year:      {positioned, 4, 1},
	norm.Sex:       {whole, 1, 0.5},
	norm.Postcode:  {positioned, 6, 2},
	norm.NHSNumber: {positioned, 10, 4},
	norm.UPRN:      {positioned, 11, 2},
	norm.Phone:     {bigrams, 12, 2},
	norm.Text:      {bigrams, 12, 2},
	norm.Code:      {whole, 1, 1},
}

// bigrams emits every pair of neighbouring letters of each word, the word's two
// edges marked by a space. Words are cut one by one, so that one half of a
// double-barrelled name still shares all of its bigrams with the whole.
func bigrams(text string, emit func([]byte)) {
	var token [2 * utf8.UTFMax]byte
	prev := ' '
	for _, r := range text {
		if prev == ' ' && r == ' ' {
			continue
		}
		emit(utf8.AppendRune(utf8.AppendRune(token[:0], prev), r))
		prev = r
	}
	if prev != ' ' {
		emit(utf8.AppendRune(utf8.AppendRune(token[:0], prev), ' '))
	}
}

func whole(text string, emit func([]byte)) {
	if text != "" {
		emit([]byte(text))
	}
}

// positioned emits each character tagged with its place, so that one wrong
// character costs one token.
func positioned(text string, emit func([]byte)) {
	for i := 0; i < len(text); i++ {
		emit([]byte{byte('a' + i), text[i]})
	}
}

// dateTokens cuts YYYYMMDD into overlapping parts: the year, its decade and its last
// digit, the month, the day and its last digit. A slip in one digit costs two or
// three of the six, and the century, which nearly all share, is no token of its
// own. Eight digits, each tagged with its place, were tried first: F1 of febrl4 on
// name, date and postcode .985 instead of .992, of anonlink-5party .816 instead of .882.
// A part that is not known is '-' and gives no token.
func dateTokens(text string, emit func([]byte)) {
	part := func(tag byte, from, to int) {
		if text[from] != '-' {
			emit(append([]byte{tag}, text[from:to]...))
		}
	}
	part('Y', 0, 4)
	part('D', 2, 3)
	part('y', 3, 4)
	part('M', 4, 6)
	part('d', 6, 8)
	part('e', 7, 8)
}
