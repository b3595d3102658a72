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

func (b *bloomFilter) encoder() encoder {
	e := &bloomEncoder{tellers: tellers(b.banks)}
	if b.harden != nil {
		e.harden, e.bits = b.harden.worker(), make([]uint64, b.words)
	}
	return e
}

type bloomEncoder struct {
	tellers []*teller
	bits    []uint64 // of the record, before hardening; nil where there is none
	harden  *hardener
}

func (e *bloomEncoder) begin() { clear(e.bits) }

func (e *bloomEncoder) add(field int, t *tokenList, dst []uint64) {
	if e.bits != nil {
		dst = e.bits
	}
	teller, from := e.tellers[field], 0
	for _, to := range t.ends {
		pattern := teller.pattern(t.text[from:to])
		bits := dst[:len(pattern)]
		for i, w := range pattern {
			bits[i] |= w
		}
		from = to
	}
}

func (e *bloomEncoder) end(dst []uint64) {
	if e.harden != nil {
		e.harden.apply(e.bits, dst)
	}
}
