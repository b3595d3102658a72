//go:build normeffect

package hashing

import (
	"slices"
	"strings"

	"cohortlink/hashing/norm"
)

// Other ways to cut names, for measuring what each is worth beside the bigrams (testdata/norm-effect). They are here
// under the tag normeffect only, and no schema can ask for one.

// A Cut is a token added to the bigrams of a name.
type Cut string

// The cuts that were tried, with how many tokens they add to an average name.
const (
	Variants  Cut = "nicknames and name variants" // the formal names that a word can stand for (norm.Variants); most stand for themselves, as in Words
	Words     Cut = "whole words"                 // each word as it is
	Phonetic  Cut = "phonetic code"               // Soundex of each word
	Initials  Cut = "initials"                    // the first letter of each word
	Trigrams  Cut = "trigrams"                    // three neighbouring letters
	Skips     Cut = "pairs over one letter"       // s-grams of class {1}: Keskustalo et al., SPIRE 2003
	Vowelless Cut = "words without vowels"        // what is left of a word but for its first letter
)

// Cuts returns every cut that can be added, in declaration order.
func Cuts() []Cut {
	return []Cut{Variants, Words, Phonetic, Initials, Trigrams, Skips, Vowelless}
}

// plainName is how names are cut in the program that people use.
var plainName = kinds[norm.Name]

// WithCut adds a cut to the tokens of every name until it is called again; "" adds none. The bits of a name stay as many
// as they were: its tokens share them. It must not be called while anything is hashed.
func WithCut(c Cut) {
	k := plainName
	add, tokens := cutOf(c)
	if add != nil {
		k.tokens += tokens
		k.cut = func(t *tokenList, text string) {
			plainName.cut(t, text)
			for word := range strings.SplitSeq(text, " ") {
				add(t, word)
			}
		}
	}
	kinds[norm.Name] = k
}

// cutOf returns what adds a cut's tokens of one word, and how many an average name gets.
func cutOf(c Cut) (func(t *tokenList, word string), int) {
	switch c {
	case Variants:
		return func(t *tokenList, word string) {
			for _, formal := range norm.Variants(word) {
				t.tagged('=', formal)
			}
		}, 1
	case Words:
		return func(t *tokenList, word string) { t.tagged('=', word) }, 1
	case Phonetic:
		return func(t *tokenList, word string) { t.tagged('#', soundex(word)) }, 1
	case Initials:
		return func(t *tokenList, word string) { t.tagged('^', string([]rune(word)[:1])) }, 1
	case Trigrams:
		return func(t *tokenList, word string) {
			for r := []rune(" " + word + " "); len(r) >= 3; r = r[1:] {
				t.tagged('3', string(r[:3]))
			}
		}, 6
	case Skips:
		return func(t *tokenList, word string) {
			for r := []rune(" " + word + " "); len(r) >= 3; r = r[1:] {
				t.tagged('_', string([]rune{r[0], r[2]}))
			}
		}, 6
	case Vowelless:
		return func(t *tokenList, word string) { t.tagged('~', vowelless(word)) }, 1
	}
	return nil, 0
}

func (t *tokenList) tagged(tag byte, s string) {
	t.text = append(append(t.text, tag), s...)
	t.end()
}

// soundex is the American Soundex of the US National Archives (H and W do not part two letters of one code); a word that
// begins with no letter A to Z is its own code.
func soundex(word string) string {
	const codes = "01230120022455012623010202" // of A to Z; 0 for vowels, H and W
	if word == "" || word[0] < 'A' || word[0] > 'Z' {
		return word
	}
	out := []byte{word[0]}
	last := codes[word[0]-'A']
	for i := 1; i < len(word) && len(out) < 4; i++ {
		c := word[i]
		if c < 'A' || c > 'Z' || c == 'H' || c == 'W' {
			continue
		}
		code := codes[c-'A']
		if code != '0' && code != last {
			out = append(out, code)
		}
		last = code
	}
	for len(out) < 4 {
		out = append(out, '0')
	}
	return string(out)
}

// vowelless leaves the first letter and the consonants, a doubled one once.
func vowelless(word string) string {
	r := []rune(word)
	out := r[:1:1]
	for _, c := range r[1:] {
		if !slices.Contains([]rune("AEIOUY"), c) && out[len(out)-1] != c {
			out = append(out, c)
		}
	}
	return string(out)
}
