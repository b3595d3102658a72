package clkhash

import "hash/maphash"

// A tokenCache remembers what the hash functions gave for the tokens of one feature.
// People share names, years and street numbers, so that almost every token of a real
// extract was seen before, and looking it up is some twenty times cheaper than hashing it.
//
// It is not a map[string][]uint32: its keys are pieces of people's names, and a Go string
// can be neither overwritten nor bounded in bytes. Here keys and numbers lie in two slabs
// of fixed largest size; when one is full everything is overwritten and begins anew.
type tokenCache struct {
	seed  maphash.Seed
	slots []slot // open addressing; length is a power of two
	used  int
	keys  []byte
	words []uint32
}

// A slot holds positions within the slabs. An unused one has no words: length is not
// enough to tell, as a token can be as long as a cell.
type slot struct {
	hash             uint32
	keyLen           uint32
	keyAt            uint32
	wordsAt, wordLen uint32
}

const (
	leastSlots = 1 << 8
	mostSlots  = 1 << 15
	mostKeys   = 1 << 19 // bytes
	mostWords  = 1 << 19 // of 4 bytes
)

func newTokenCache() *tokenCache {
	return &tokenCache{seed: maphash.MakeSeed(), slots: make([]slot, leastSlots)}
}

// find returns the words kept for a token, at least n of them, or where to put them. The
// words are the cache's own and hold until the next put.
func (c *tokenCache) find(token []byte, n int) (words []uint32, at int, hash uint32) {
	hash = uint32(maphash.Bytes(c.seed, token))
	mask := len(c.slots) - 1
	for at = int(hash) & mask; ; at = (at + 1) & mask {
		s := &c.slots[at]
		if s.wordLen == 0 {
			return nil, at, hash
		}
		if s.hash == hash && string(c.keys[s.keyAt:s.keyAt+s.keyLen]) == string(token) {
			if int(s.wordLen) < n {
				return nil, at, hash
			}
			return c.words[s.wordsAt : s.wordsAt+s.wordLen], at, hash
		}
	}
}

// put keeps words for a token that find has not found; what is too large is not kept.
func (c *tokenCache) put(token []byte, words []uint32, at int, hash uint32) {
	if len(token) > mostKeys/64 || len(words) > mostWords/64 || len(words) == 0 {
		return
	}
	if len(c.keys)+len(token) > mostKeys || len(c.words)+len(words) > mostWords || c.used*4 >= 3*mostSlots {
		c.clear()
		_, at, hash = c.find(token, 0)
	} else if c.used*4 >= 3*len(c.slots) {
		c.grow()
		_, at, hash = c.find(token, 0)
	}
	s := &c.slots[at]
	if s.wordLen == 0 {
		c.used++
		s.hash, s.keyAt, s.keyLen = hash, uint32(len(c.keys)), uint32(len(token))
		c.keys = extend(c.keys, token)
	}
	s.wordsAt, s.wordLen = uint32(len(c.words)), uint32(len(words))
	c.words = extend(c.words, words)
}

// extend is append that leaves no copy behind when it moves to a larger slab.
func extend[T any](slab, more []T) []T {
	if len(slab)+len(more) > cap(slab) {
		larger := make([]T, len(slab), 2*(len(slab)+len(more)))
		copy(larger, slab)
		clear(slab)
		slab = larger
	}
	return append(slab, more...)
}

func (c *tokenCache) grow() {
	old := c.slots
	c.slots = make([]slot, 2*len(old))
	mask := len(c.slots) - 1
	for _, s := range old {
		if s.wordLen == 0 {
			continue
		}
		at := int(s.hash) & mask
		for c.slots[at].wordLen != 0 {
			at = (at + 1) & mask
		}
		c.slots[at] = s
	}
}

// clear overwrites everything that was kept.
func (c *tokenCache) clear() {
	clear(c.slots)
	clear(c.keys)
	clear(c.words)
	c.keys, c.words, c.used = c.keys[:0], c.words[:0], 0
}
