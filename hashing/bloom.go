package hashing

import "encoding/binary"

// A bloomFilter is what the workers of one hasher share of a Bloom filter.
type bloomFilter struct {
	words  int // before folding
	banks  []*bank
	harden *hardening // nil where the bits stay as they were set
}

func newBloomFilter(s *Schema, f *Filter, key *Key, banks int) *bloomFilter {
	b := &bloomFilter{words: f.Length / 64, harden: newHardening(f, key)}
	ks := s.bitsPerToken(f)
	for i, field := range s.fieldsOf(f) {
		k, mask := ks[i], uint32(f.Length-1)
		b.banks = append(b.banks, newBank(key.derive(f.fieldUse(s.Fields[field].Name), 32), b.words, banks, func(s *stream, pattern []uint64) {
			drawPositions(s, k, mask, pattern, nil)
		}))
	}
	return b
}

// drawPositions sets k distinct bits of a pattern, and calls told with each in the order of
// drawing unless it is nil. The stream is taken as 32-bit big-endian words, masked to the
// length (a power of two, so no position is likelier than another), a word that repeats a
// position passed over. Distinct positions within a token keep the fill steady; random
// positions in place of double hashing's two-parameter ones leave no recognisable patterns
// (Niedermeyer et al. 2014; Schnell & Borgs 2016).
func drawPositions(s *stream, k int, mask uint32, pattern []uint64, told func(position int)) {
	for {
		sum := s.next()
		for i := 0; i < len(sum); i += 4 {
			p := binary.BigEndian.Uint32(sum[i:]) & mask
			if pattern[p>>6]>>(p&63)&1 == 1 {
				continue
			}
			pattern[p>>6] |= 1 << (p & 63)
			if told != nil {
				told(int(p))
			}
			if k--; k == 0 {
				return
			}
		}
	}
}

func (b *bloomFilter) encoder(kept *NoiseSecret) encoder {
	e := &bloomEncoder{tellers: tellers(b.banks)}
	if b.harden != nil {
		e.harden, e.bits = b.harden.worker(kept), make([]uint64, b.words)
	}
	return e
}

type bloomEncoder struct {
	tellers []*teller
	bits    []uint64 // of the record, before hardening; nil where there is none
	harden  *hardener
	wait    [][]uint64 // patterns of the record that are not in yet: fewer than atOnce
}

// atOnce is how many patterns are joined to a record in one pass over its bits, which are
// then loaded and stored once for all of them.
const atOnce = 4

func (e *bloomEncoder) begin(id *RecordID) {
	clear(e.bits)
	e.wait = e.wait[:0]
	if e.harden != nil {
		e.harden.begin(id)
	}
}

func (e *bloomEncoder) add(field int, t *tokenList, dst []uint64) {
	if e.bits != nil {
		dst = e.bits
	}
	teller, from := e.tellers[field], 0
	for _, to := range t.ends {
		if e.wait = append(e.wait, teller.pattern(t.text[from:to])); len(e.wait) == atOnce {
			joinFour(dst, e.wait[0], e.wait[1], e.wait[2], e.wait[3])
			e.wait = e.wait[:0]
		}
		from = to
	}
}

func (e *bloomEncoder) end(dst []uint64) {
	bits := dst
	if e.bits != nil {
		bits = e.bits
	}
	for _, pattern := range e.wait {
		for i, w := range pattern {
			bits[i] |= w
		}
	}
	if e.harden != nil {
		e.harden.apply(e.bits, dst)
	}
}

// joinFour sets in bits those of four patterns of one length. It takes four words of each at a
// time, in arrays, so that no index is checked but at the beginning.
func joinFour(bits, a, b, c, d []uint64) {
	for len(a) >= 4 && len(b) >= 4 && len(c) >= 4 && len(d) >= 4 && len(bits) >= 4 {
		x, p, q, r, s := (*[4]uint64)(bits), (*[4]uint64)(a), (*[4]uint64)(b), (*[4]uint64)(c), (*[4]uint64)(d)
		x[0] |= p[0] | q[0] | r[0] | s[0]
		x[1] |= p[1] | q[1] | r[1] | s[1]
		x[2] |= p[2] | q[2] | r[2] | s[2]
		x[3] |= p[3] | q[3] | r[3] | s[3]
		bits, a, b, c, d = bits[4:], a[4:], b[4:], c[4:], d[4:]
	}
	for i := range a {
		bits[i] |= a[i] | b[i] | c[i] | d[i]
	}
}
