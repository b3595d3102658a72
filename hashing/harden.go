package hashing

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"math/bits"
)

// Hardening: what is done to the bits of a Bloom filter before anybody gets them. Each step
// costs some likeness between records of one person and more between records that are only
// alike, which is what attacks feed on. The steps, in their order:
//
//   - fold: c_i = b_i XOR b_(i+L/2), which halves the length (Schnell & Borgs 2016,
//     "XOR-folding");
//   - rule 90: c_i = b_(i-1) XOR b_(i+1), the ends joined (Schnell & Borgs 2018);
//   - balance: the bits and their negations, permuted under the key, so that every filter
//     has the same number of ones (Schnell & Borgs 2016);
//   - noise: permanent randomised response, each bit replaced by a fair coin with
//     probability F (Schnell & Borgs 2016; Erlingsson, Pihur & Korolova 2014).
//
// Fold and rule 90 are linear over XOR, and balancing by itself hides only how many bits are
// set: SPEC.md, "Hardening", says what is known against each.

// hardening is what the workers of one hasher share.
type hardening struct {
	fold   int
	rule90 bool
	place  []uint32                  // balance: where each bit goes, then where its negation does; nil without
	noise  []bool                    // the binary digits of F after the point, without trailing zeros; nil without
	keep   func(*NoiseSecret) []byte // the key of noise that persists
}

// newHardening returns nil for a filter without any.
func newHardening(f *Filter, key *Key) *hardening {
	h := &hardening{fold: f.Fold, rule90: f.Rule90}
	if f.Balance {
		h.place = permutation(key.derive("balance/"+f.Name, 32), f.Bits())
	}
	if f.Noise > 0 {
		h.noise = binaryDigits(f.Noise)
		h.keep = func(n *NoiseSecret) []byte { return n.key(key, f) }
	}
	if h.fold == 0 && !h.rule90 && h.place == nil && h.noise == nil {
		return nil
	}
	return h
}

// permutation is that of Fisher and Yates (Knuth, TAOCP 2, algorithm 3.4.2P) of 0 to n-1,
// drawn from the stream of an empty token; a number beyond the last multiple of its range is
// passed over, so that all permutations are equally likely.
func permutation(key []byte, n int) []uint32 {
	p := make([]uint32, n)
	for i := range p {
		p[i] = uint32(i)
	}
	s := newStream(key)
	s.start(nil)
	var sum []byte
	for i := n - 1; i > 0; {
		if len(sum) == 0 {
			sum = s.next()
		}
		x, r := uint64(binary.BigEndian.Uint32(sum)), uint64(i+1)
		sum = sum[4:]
		if x >= 1<<32/r*r {
			continue
		}
		j := x % r
		p[i], p[j] = p[j], p[i]
		i--
	}
	return p
}

// noiseDigits is to how many binary digits the probability F is kept: to 6·10⁻⁸.
const noiseDigits = 24

func binaryDigits(f float64) []bool {
	x := uint32(math.Round(f * (1 << noiseDigits)))
	zeros := bits.TrailingZeros32(x)
	var digits []bool
	for i := noiseDigits - 1; i >= zeros; i-- {
		digits = append(digits, x>>i&1 == 1)
	}
	return digits
}

// hardener hardens for one goroutine.
type hardener struct {
	of      *hardening
	scratch []uint64
	pool    []byte  // of randomness for noise that is fresh
	unused  []byte  // what is left of it, or of the record's stream
	record  *stream // of noise that persists; nil where there is no secret for it
	fresh   bool    // is the noise of the record at hand
}

// worker returns a hardener. With a secret, the noise of a record that has an ID persists.
func (h *hardening) worker(kept *NoiseSecret) *hardener {
	w := &hardener{of: h, fresh: true}
	if h.noise != nil {
		w.pool = make([]byte, 8<<10)
		if kept != nil {
			s := newStream(h.keep(kept))
			w.record = &s
		}
	}
	return w
}

// begin begins a record; id is nil where its noise is to be fresh.
func (h *hardener) begin(id *RecordID) {
	kept := h.record != nil && id != nil
	if kept || !h.fresh {
		h.unused = nil // nothing of one record's stream may reach another
	}
	if h.fresh = !kept; kept {
		h.record.start(id[:])
	}
}

// apply hardens bits, which it changes, into dst.
func (h *hardener) apply(b, dst []uint64) {
	for range h.of.fold {
		half := len(b) / 2
		low, high := b[:half], b[half:]
		for i, w := range high {
			low[i] ^= w
		}
		b = low
	}
	if h.of.rule90 {
		if len(h.scratch) < len(b) {
			h.scratch = make([]uint64, len(b))
		}
		n := len(b)
		for i, w := range b {
			before, after := b[(i+n-1)%n], b[(i+1)%n]
			h.scratch[i] = (w<<1 | before>>63) ^ (w>>1 | after<<63)
		}
		b = h.scratch[:n]
	}
	if h.of.place == nil {
		copy(dst, b)
	} else {
		h.balance(b, dst)
	}
	if h.of.noise != nil {
		h.noise(dst)
	}
}

func (h *hardener) balance(b, dst []uint64) {
	clear(dst)
	ones, negations := h.of.place[:64*len(b)], h.of.place[64*len(b):]
	for i, w := range b {
		for j := range 64 {
			p := negations[64*i+j]
			if w>>j&1 == 1 {
				p = ones[64*i+j]
			}
			dst[p>>6] |= 1 << (p & 63)
		}
	}
}

// noise replaces each bit by a fair coin with probability F. Of 64 bits at a time, those
// where a random binary fraction is below F: compared from its last digit to its first, a
// digit of F that is 1 says yes where the random digit is 0, and one that is 0 says no where
// it is 1.
func (h *hardener) noise(dst []uint64) {
	for i := range dst {
		replace := uint64(0)
		for d := len(h.of.noise) - 1; d >= 0; d-- {
			if r := h.word(); h.of.noise[d] {
				replace |= ^r
			} else {
				replace &= ^r
			}
		}
		dst[i] ^= (dst[i] ^ h.word()) & replace
	}
}

// word returns 64 random bits: the next of the record's stream where its noise persists, and
// otherwise such as were never given before, from the system itself: never from a seed,
// which would put the same noise on each record, and never from the values, which would put
// it on each copy of a value.
func (h *hardener) word() uint64 {
	switch {
	case len(h.unused) > 0:
	case h.fresh:
		rand.Read(h.pool) // does not fail
		h.unused = h.pool
	default:
		h.unused = h.record.next()
	}
	x := binary.LittleEndian.Uint64(h.unused)
	h.unused = h.unused[8:]
	return x
}
