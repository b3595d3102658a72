package norm

import (
	"bytes"
	"unicode/utf8"
)

// Names: after folding, what is not part of the name is taken off, word by word.
//
// A name field holds more than the name: MRS, (DECEASED), OBE, TWIN 2, née, a middle initial. One party has them and the
// next does not, so each costs the pair of records part of its likeness. Each is removed only where the lists in words.go
// make it safe and only while a name is left. Removing one word can uncover another (SMITH OBE PHD, or an initial behind
// which a title stood), so the rules run until nothing changes; that also makes a canonical name its own canonical name.

// longestName is in bytes, after folding. Longer cells are sentences, or a quote that was never closed.
const longestName = 200

type span struct{ from, to int }

func nameValue(cell string) (string, Problem) {
	var room [longestName + 56]byte
	buf, f := fold(room[:0], cell, dropDigits)
	switch {
	case len(buf) == 0 && f.digits > 0, f.at, len(buf) > longestName:
		return "", Invalid
	case len(buf) == 0:
		return missing(cell)
	case f.odd && isRawPlaceholder(cell) && !without(Placeholders):
		return "", Placeholder
	case f.stray+f.digits > 0 && without(Strays):
		return "", Invalid
	}
	var spans [16]span
	words := split(spans[:0], buf)

	words, trimmed, void := trimName(buf, words)
	if void || len(words) == 0 {
		return "", Placeholder
	}
	if f.digits*2 > f.letters { // a postcode, a date or a number that slipped into the column, not a name with a typo
		return "", Invalid
	}
	text := buf
	if trimmed {
		text = join(words, buf)
	}
	if len(words) > 1 && !without(Placeholders) {
		if _, ok := namePhraseSet[string(text)]; ok {
			return "", Placeholder
		}
	}
	p := None
	switch {
	case f.bad:
		p = BadEncoding
	case f.stray > 0 || f.digits > 0:
		p = Garbled
	case trimmed:
		p = Trimmed
	case initialsOnly(words):
		p = Initial
	}
	return asString(text, cell), p
}

// trimName takes off what is not part of the name. It moves bytes inside buf where it joins words. void: the cell says
// itself that it is no name.
func trimName(buf []byte, words []span) (left []span, trimmed, void bool) {
	var room [16]uint16
	class := room[:0]
	for _, w := range words {
		class = append(class, classify(buf[w.from:w.to])&^classesWithout())
	}
	drop := func(i, n int) {
		words = append(words[:i], words[i+n:]...)
		class = append(class[:i], class[i+n:]...)
		trimmed = true
	}
	is := func(i int, word string) bool { return i < len(words) && string(buf[words[i].from:words[i].to]) == word }

	for changed := true; changed; {
		before := len(words)
		for i := 0; i < len(words); i++ {
			if class[i]&asVoid != 0 || is(i, "NOT") && is(i+1, "USE") && !without(Placeholders) { // DO NOT USE
				return nil, true, true
			}
			if class[i]&asBaby != 0 {
				n := 1
				for i+n < len(words) && class[i+n]&asBabyMore != 0 {
					n++
				}
				if is(i+n, "OF") { // BABY OF ANN: the mother's name
					return nil, true, true
				}
				drop(i, n)
				i--
				continue
			}
			if class[i]&asNote != 0 {
				drop(i, 1)
				i--
			}
		}
		for len(words) > 1 && class[0]&asTitle != 0 {
			drop(0, 1)
		}
		for len(words) > 1 && class[len(words)-1]&asSuffix != 0 {
			drop(len(words)-1, 1)
		}
		for i := 1; i+1 < len(words); i++ {
			if class[i]&asLink != 0 {
				drop(i, 1)
			}
		}
		for i := 0; i+1 < len(words) && !without(JoinedNames); i++ {
			if is(i, "MC") || is(i, "O") && class[i+1]&asOStem != 0 { // MC DONALD, O BRIEN
				words[i+1] = joinSpans(buf, words[i], words[i+1])
				class[i+1] = classify(buf[words[i+1].from:words[i+1].to])
				drop(i, 1)
			}
		}
		// A middle initial is in one system and not in the next. The first is kept: it may be all there is of the forename.
		if !initialsOnly(words) && !without(MiddleInitials) {
			for i := 1; i < len(words); i++ {
				if words[i].to-words[i].from == 1 {
					drop(i, 1)
					i--
				}
			}
		}
		changed = len(words) != before
	}
	if len(words) == 1 && class[0]&asAlone != 0 {
		return nil, true, true
	}
	return words, trimmed, false
}

// classify looks a word up, and sees the words that no list can hold: XXX, ZZZTEST, XXTESTPATIENTABCD (the NHS's own
// test patients are named so).
func classify(word []byte) uint16 {
	class := nameWords[string(word)]
	if len(word) < 2 {
		return class
	}
	if word[0] == 'X' || word[0] == 'Z' {
		if bytes.HasPrefix(word, []byte("XXTEST")) || bytes.HasPrefix(word, []byte("ZZTEST")) || bytes.HasPrefix(word, []byte("ZZZ")) || bytes.HasPrefix(word, []byte("XXX")) {
			return class | asVoid
		}
		if len(word) == 2 && word[1] == word[0] {
			return class | asNote
		}
	}
	if len(word) > 2 && word[0] < utf8.RuneSelf && bytes.Count(word, word[:1]) == len(word) {
		return class | asNote // AAA
	}
	return class
}

// initialsOnly reports whether every word is one letter A to Z. (One letter of another script may be a whole name.)
func initialsOnly(words []span) bool {
	for _, w := range words {
		if w.to-w.from != 1 {
			return false
		}
	}
	return true
}

func split(words []span, buf []byte) []span {
	from := 0
	for i := 0; i <= len(buf); i++ {
		if i == len(buf) || buf[i] == ' ' {
			words = append(words, span{from, i})
			from = i + 1
		}
	}
	return words
}

// joinSpans moves the word a up against the word b, over whatever was between them.
func joinSpans(buf []byte, a, b span) span {
	from := b.from - (a.to - a.from)
	copy(buf[from:b.from], buf[a.from:a.to])
	return span{from, b.to}
}

func join(words []span, buf []byte) []byte {
	out := buf[:0]
	for i, w := range words {
		if i > 0 {
			out = append(out, ' ')
		}
		out = append(out, buf[w.from:w.to]...)
	}
	return out
}
