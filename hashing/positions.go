package hashing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

// Positions: which bits a token sets.
//
// The obvious way is one HMAC a token and row. But people share their tokens: the
// rows of a borough hold a few thousand different bigrams and digits, met millions
// of times. So what was drawn for a token is remembered, by each worker without a
// lock and by all of them together, so that no worker draws what another has.
// Whole words and codes may be many; then a memory that is full is started afresh.
// It holds people's tokens and key-derived data, and is never written anywhere.

// cacheBytes bounds, roughly, what the fields of one hasher remember together. A
// worker's own memory refers to the same positions and may keep as much again.
const cacheBytes = 32 << 20

// cached returns how many tokens of a field may be remembered, k positions each.
func cached(k, fields int) int {
	const entry = 96 // a map's slot, the token, a slice header
	return min(max(256, cacheBytes/fields/(2*k+entry)), 1<<16)
}

// drawing is what the workers of one hasher share.
type drawing struct {
	length int
	fields []fieldDrawing
}

type fieldDrawing struct {
	key    []byte
	k      int
	cached int // the most tokens remembered

	mu    sync.RWMutex
	drawn map[string][]uint16
}

func newDrawing(s *Schema, key *Key) *drawing {
	d := &drawing{length: s.Length, fields: make([]fieldDrawing, len(s.Fields))}
	for i, k := range s.bitsPerToken() {
		f := &d.fields[i]
		f.key, f.k, f.cached = key.derive("field/"+s.Fields[i].Name, 32), k, cached(k, len(s.Fields))
		f.drawn = make(map[string][]uint16)
	}
	return d
}

// A drawer draws positions for one goroutine.
type drawer struct {
	of    *drawing
	macs  []hash.Hash
	drawn []map[string][]uint16
	seen  []uint64 // as many words as a filter has
	sum   []byte
}

func (d *drawing) drawer() *drawer {
	w := &drawer{of: d, seen: make([]uint64, d.length/64)}
	for i := range d.fields {
		w.macs = append(w.macs, hmac.New(sha256.New, d.fields[i].key))
		w.drawn = append(w.drawn, make(map[string][]uint16))
	}
	return w
}

// positions returns the bits that a token of a field sets, which the caller must
// not change.
func (d *drawer) positions(field int, token []byte) []uint16 {
	if p, ok := d.drawn[field][string(token)]; ok {
		return p
	}
	f := &d.of.fields[field]
	f.mu.RLock()
	p, ok := f.drawn[string(token)]
	f.mu.RUnlock()
	text := string(token)
	if !ok {
		p = d.draw(field, token)
		f.mu.Lock()
		if len(f.drawn) >= f.cached {
			clear(f.drawn)
		}
		f.drawn[text] = p
		f.mu.Unlock()
	}
	if len(d.drawn[field]) >= f.cached {
		clear(d.drawn[field])
	}
	d.drawn[field][text] = p
	return p
}

// draw takes k distinct positions from HMAC-SHA256(K_field, counter ‖ token):
// eight 32-bit big-endian words a call, masked to the length (a power of two, so
// no position is likelier than another), a word that repeats a position passed
// over. Distinct positions within a token keep the fill steady; random positions
// in place of double hashing's two-parameter ones leave no recognisable patterns
// (Niedermeyer et al. 2014; Schnell & Borgs 2016).
func (d *drawer) draw(field int, token []byte) []uint16 {
	k := d.of.fields[field].k
	mask := uint32(d.of.length - 1)
	out := make([]uint16, 0, k)
	mac := d.macs[field]
	clear(d.seen)
	var counter [4]byte
	for c := uint32(0); ; c++ {
		binary.BigEndian.PutUint32(counter[:], c)
		mac.Reset()
		mac.Write(counter[:])
		mac.Write(token)
		d.sum = mac.Sum(d.sum[:0])
		for i := 0; i < len(d.sum); i += 4 {
			p := binary.BigEndian.Uint32(d.sum[i:]) & mask
			if d.seen[p>>6]>>(p&63)&1 == 1 {
				continue
			}
			d.seen[p>>6] |= 1 << (p & 63)
			if out = append(out, uint16(p)); len(out) == k {
				return out
			}
		}
	}
}
