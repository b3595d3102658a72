package hashing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// Patterns: the bits that stand for a token in one filter. For a Bloom filter these
// are the bits that it sets (bloom.go); for a sketch, how it votes on each bit (sketch.go).
//
// The obvious way is one HMAC or more a token and row. But people share their tokens:
// the rows of a borough hold a few thousand different bigrams and digits, met millions
// of times. So what was drawn for a token is remembered, by each worker without a
// lock and by all of them together, so that no worker draws what another has.
// Whole words and codes may be many; then a memory that is full is started afresh.
// It holds people's tokens and key-derived data, and is never written anywhere.
//
// A Bloom filter's pattern is kept as a bit map, not as k positions: at the fills in
// use a token of an average record sets about as many bits as a filter has words, and
// 64 bits at a time are joined faster than one.

// cacheBytes bounds, roughly, what the fields of one hasher remember together. A
// worker's own memory refers to the same patterns and adds only their places.
const cacheBytes = 32 << 20

// cached returns how many tokens may be remembered in each of so many banks, of
// patterns of so many words.
func cached(words, banks int) int {
	const entry = 96 // a map's slot, the token, a slice header
	return min(max(256, cacheBytes/banks/(8*words+entry)), 1<<16)
}

// A bank is the memory of one field of one filter, shared by all workers.
type bank struct {
	key   []byte
	words int // of a pattern
	draw  func(s *stream, pattern []uint64)
	most  int // tokens remembered

	mu    sync.RWMutex
	drawn map[string][]uint64
}

func newBank(key []byte, words, banks int, draw func(*stream, []uint64)) *bank {
	return &bank{key: key, words: words, draw: draw, most: cached(words, banks), drawn: make(map[string][]uint64)}
}

// A teller is one worker's way into a bank.
type teller struct {
	of     *bank
	stream stream
	drawn  map[string][]uint64
}

func (b *bank) teller() *teller {
	return &teller{of: b, stream: newStream(b.key), drawn: make(map[string][]uint64)}
}

// pattern returns that of a token, which the caller must not change.
func (t *teller) pattern(token []byte) []uint64 {
	if p, ok := t.drawn[string(token)]; ok {
		return p
	}
	b := t.of
	b.mu.RLock()
	p, ok := b.drawn[string(token)]
	b.mu.RUnlock()
	text := string(token)
	if !ok {
		p = make([]uint64, b.words)
		t.stream.start(token)
		b.draw(&t.stream, p)
		b.mu.Lock()
		if len(b.drawn) >= b.most {
			clear(b.drawn)
		}
		b.drawn[text] = p
		b.mu.Unlock()
	}
	if len(t.drawn) >= b.most {
		clear(t.drawn)
	}
	t.drawn[text] = p
	return p
}

// A stream is the pseudo-random bytes that a key draws for a token:
// HMAC-SHA256(key, counter ‖ token) for counter 0, 1, 2, …, the counter four bytes,
// the most significant first.
type stream struct {
	mac     hash.Hash
	token   []byte
	counter uint32
	sum     []byte
}

func newStream(key []byte) stream { return stream{mac: hmac.New(sha256.New, key)} }

func (s *stream) start(token []byte) { s.token, s.counter = append(s.token[:0], token...), 0 }

// next returns the next 32 bytes, valid until it is called again.
func (s *stream) next() []byte {
	var counter [4]byte
	binary.BigEndian.PutUint32(counter[:], s.counter)
	s.counter++
	s.mac.Reset()
	s.mac.Write(counter[:])
	s.mac.Write(s.token)
	s.sum = s.mac.Sum(s.sum[:0])
	return s.sum
}
