package hashing

import "encoding/binary"

// The majority-XOR sketch, "SAUL" (Armknecht & Schäfer, PoPETs 2026(2)), written from its
// definition: for each of H hashes every token of a record votes yes or no on each bit, by a
// pseudo-random function of token, hash and bit; the majority makes a bit, and the XOR of
// the H majorities is the sketch's.
//
// With one hash that is SimHash (Charikar 2002): bits of two records agree with probability
// 1-θ/π, θ the angle between the vectors of their tokens. With H hashes it is
// (1+(1-2θ/π)^H)/2: near duplicates stay alike, and everything else, on which the attacks
// feed, comes to look like coin tosses.
//
// Ours differs in three things. Votes are drawn by HMAC under a key for each field (the
// published code seeds a generator with 32 bits). A tie, where a number of votes is even, is
// broken by the keyed votes of a token that no record has: "ties are ones" would make one
// bit in many likelier than the other. And the tokens of a field may have several votes
// each, so that fields count by weight and not by how many tokens they are cut into.

// A sketchFilter is what the workers of one hasher share of a sketch.
type sketchFilter struct {
	words  int // of the sketch
	hashes int
	banks  []*bank
	votes  []int    // of a token of each field
	ties   []uint64 // a pattern
}

func newSketchFilter(s *Schema, f *Filter, key *Key, banks int) *sketchFilter {
	k := &sketchFilter{words: f.Length / 64, hashes: f.Hashes, votes: s.votes(f)}
	for _, field := range s.fieldsOf(f) {
		k.banks = append(k.banks, newBank(key.derive(f.fieldUse(s.Fields[field].Name), 32), k.hashes*k.words, banks, drawVotes))
	}
	ties := newStream(key.derive("sketch/"+f.Name+"/ties", 32))
	ties.start(nil)
	k.ties = make([]uint64, k.hashes*k.words)
	drawVotes(&ties, k.ties)
	return k
}

// drawVotes fills a pattern: bit L·h + p says how the token votes on bit p by hash h.
func drawVotes(s *stream, pattern []uint64) {
	for i := 0; i < len(pattern); {
		for sum := s.next(); len(sum) > 0 && i < len(pattern); sum = sum[8:] {
			pattern[i] = binary.LittleEndian.Uint64(sum)
			i++
		}
	}
}

// mostVotes is how many votes a token of the field that has most of them has. With eight the
// usual fields' shares come within an eighth of their weights'; more would cost time.
const mostVotes = 8

func (k *sketchFilter) encoder(*NoiseSecret) encoder {
	e := &sketchEncoder{of: k, tellers: tellers(k.banks)}
	e.block = min(k.words, blockWords)
	return e
}

// blockWords is how many words of all tokens' votes are counted at a time: 64 words of 40
// tokens are 20 KiB, which a core's first cache holds.
const blockWords = 64

type sketchEncoder struct {
	of      *sketchFilter
	tellers []*teller
	tokens  [mostVotes + 1][][]uint64 // patterns of the record's tokens, by their number of votes
	total   int                       // of votes
	block   int                       // in words
	count   counter
	yes     [blockWords]uint64
}

func (e *sketchEncoder) begin(*RecordID) {
	for v := range e.tokens {
		e.tokens[v] = e.tokens[v][:0]
	}
	e.total = 0
}

func (e *sketchEncoder) add(field int, t *tokenList, _ []uint64) {
	votes, from := e.of.votes[field], 0
	for i, to := range t.ends {
		if !t.again(i) {
			e.tokens[votes] = append(e.tokens[votes], e.tellers[field].pattern(t.text[from:to]))
			e.total += votes
		}
		from = to
	}
}

func (e *sketchEncoder) end(dst []uint64) {
	clear(dst)
	for from := 0; from < e.of.hashes*e.of.words; from += e.block {
		e.majority(from, dst[from%e.of.words:][:e.block])
	}
}

// majority XORs into dst the majorities of a block of votes.
func (e *sketchEncoder) majority(from int, dst []uint64) {
	c := &e.count
	c.begin(e.block)
	for votes := range e.tokens {
		if len(e.tokens[votes]) == 0 {
			continue
		}
		// Tokens of as many votes are counted first, and their number then added as often as
		// they vote: the binary digits of the votes, each one addition.
		for _, pattern := range e.tokens[votes] {
			c.class[0] = append(c.class[0], pattern[from:from+e.block])
		}
		c.reduce(&c.class)
		for level, sum := range c.class {
			for digit := 0; votes>>digit > 0 && len(sum) > 0; digit++ {
				if votes>>digit&1 == 1 {
					c.total[level+digit] = append(c.total[level+digit], sum...)
				}
			}
			c.class[level] = c.class[level][:0]
		}
	}
	c.reduce(&c.total)
	// Now total[l] has the binary digit of worth 2^l of each count, at most one slice a
	// level. A count is the majority if it is over half of all votes; exactly half is a tie.
	// Digit by digit from the lowest, a digit of the half that is 1 keeps a yes only where
	// the count has it too, and one that is 0 makes a yes where the count has it.
	half, yes := e.total/2, e.yes[:len(dst)]
	clear(yes)
	if e.total%2 == 0 {
		copy(yes, e.of.ties[from:])
	}
	for level, digits := range c.total {
		over := half>>level&1 == 1
		switch {
		case len(digits) == 0 && over: // no count has it
			clear(yes)
		case len(digits) == 0:
		case over:
			for i, d := range digits[0][:len(yes)] {
				yes[i] &= d
			}
		default:
			for i, d := range digits[0][:len(yes)] {
				yes[i] |= d
			}
		}
	}
	for i, y := range yes {
		dst[i] ^= y
	}
}

// again reports whether a token of a list is there before too: "ANNANN" has AN twice, and
// votes with it once.
func (t *tokenList) again(i int) bool {
	start := func(i int) int {
		if i == 0 {
			return 0
		}
		return t.ends[i-1]
	}
	token := t.text[start(i):t.ends[i]]
	for j := range i {
		if t.ends[j]-start(j) == len(token) && string(t.text[start(j):t.ends[j]]) == string(token) {
			return true
		}
	}
	return false
}
