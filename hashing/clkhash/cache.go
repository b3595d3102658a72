package clkhash

import "hash/maphash"

// A cache remembers words by key: what the hash functions gave for a token, or the bits
// of a whole cell. Looking up is some twenty times cheaper than hashing.
//
// It is not a map[string][]uint32: its keys are people's names and pieces of them, and a
// Go string can be neither overwritten nor bounded in bytes. Here keys and words lie in
// two slabs of fixed largest size; when one is full, everything is overwritten and begins
// anew. A full cache takes about 1.6 MiB.
type cache struct {
	seed  maphash.Seed
	slots []slot // open addressing; length is a power of two
	used  int
	keys  []byte
	words []uint32
}

// A slot holds positions within the slabs. An unused one has no words.
type slot struct {
	hash             uint32
	keyAt, keyLen    uint32
	wordsAt, wordLen uint32
}

// A place is where a key belongs, until the next put.
type place struct {
	slot int
	hash uint32
}

const (
	leastSlots = 1 << 8
	mostSlots  = 1 << 14
	mostKeys   = 1 << 18 // bytes
	mostWords  = 1 << 18 // of 4 bytes
)

func newCache() *cache {
	return &cache{seed: maphash.MakeSeed(), slots: make([]slot, leastSlots)}
}

// find returns the words kept for a key if they are at least n, and where the key
// belongs. The words are the cache's own and hold until the next put.
func (c *cache) find(key []byte, n int) (words []uint32, at place) {
	at.hash = uint32(maphash.Bytes(c.seed, key))
	mask := len(c.slots) - 1
	for at.slot = int(at.hash) & mask; ; at.slot = (at.slot + 1) & mask {
		s := &c.slots[at.slot]
		if s.wordLen == 0 {
			return nil, at
		}
		if s.hash == at.hash && string(c.keys[s.keyAt:s.keyAt+s.keyLen]) == string(key) {
			if int(s.wordLen) < n {
				return nil, at
			}
			return c.words[s.wordsAt : s.wordsAt+s.wordLen], at
		}
	}
}

// put keeps words for a key at the place that find gave for it; what would fill the cache
// by itself is not kept.
func (c *cache) put(key []byte, words []uint32, at place) {
	if len(key) > mostKeys/64 || len(words) > mostWords/64 || len(words) == 0 {
		return
	}
	switch {
	case len(c.keys)+len(key) > mostKeys, len(c.words)+len(words) > mostWords, 4*c.used >= 3*mostSlots:
		c.clear()
		_, at = c.find(key, 0)
	case 4*c.used >= 3*len(c.slots):
		c.grow()
		_, at = c.find(key, 0)
	}
	s := &c.slots[at.slot]
	if s.wordLen == 0 {
		c.used++
		s.hash, s.keyAt, s.keyLen = at.hash, uint32(len(c.keys)), uint32(len(key))
		c.keys = extend(c.keys, key)
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

func (c *cache) grow() {
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
func (c *cache) clear() {
	clear(c.slots)
	clear(c.keys)
	clear(c.words)
	c.keys, c.words, c.used = c.keys[:0], c.words[:0], 0
}
