package hashing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"

	"cohortlink/hashing/norm"
)

// MinEvidence is the least share of the schema's weight that a record's usable
// values must carry. Below it a record (a sex and a postcode, say) would be alike
// to many strangers, so it is set aside, not hashed.
const MinEvidence = 0.4

// A Hasher makes filters for one schema and key. It is safe for concurrent use:
// each call to Worker gives a hasher of its own for one goroutine.
type Hasher struct {
	schema Schema
	ks     []int
	keys   [][]byte
	norms  []*norm.Normaliser
	total  float64
	shared []*positionCache
}

// NewHasher checks the schema and binds it to the key. normalise holds the options of
// each field's normaliser, in the order of the schema's fields: a party's date
// form belongs there.
func NewHasher(s Schema, key *Key, normalise []norm.Options) (*Hasher, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if key.Project() != s.Project {
		return nil, fmt.Errorf("the key was made for project %q, not for %q: ask for the key of this project", key.Project(), s.Project)
	}
	if len(normalise) != len(s.Fields) {
		return nil, errors.New("hashing: normaliser options do not match the fields")
	}
	h := &Hasher{schema: s, ks: s.bitsPerToken()}
	for i, f := range s.Fields {
		n, err := norm.New(f.Kind, normalise[i])
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
		h.norms = append(h.norms, n)
		h.keys = append(h.keys, key.derive("field/"+f.Name, 32))
		h.total += f.weight()
		h.shared = append(h.shared, &positionCache{m: make(map[string][]uint16)})
	}
	return h, nil
}

// Words returns the length of a filter in 64-bit words.
func (h *Hasher) Words() int { return h.schema.Length / 64 }

// An Outcome says what became of one record.
type Outcome struct {
	// Problems has, for each field, why its value was not used or was changed
	// (norm.None where it was used as it stood). Valid until the worker's next call.
	Problems []norm.Problem
	// Unusable: the record's values carry less than MinEvidence, and no filter
	// was made.
	Unusable bool
}

// A Worker hashes records for one goroutine.
type Worker struct {
	h        *Hasher
	macs     []hash.Hash
	problems []norm.Problem
	sum      []byte
	seen     []uint64
	local    []map[string][]uint16
}

// Worker returns a new worker. Workers of one hasher share what they learn about
// tokens, and may run at the same time.
func (h *Hasher) Worker() *Worker {
	w := &Worker{h: h, problems: make([]norm.Problem, len(h.ks)), seen: make([]uint64, h.Words())}
	for _, k := range h.keys {
		w.macs = append(w.macs, hmac.New(sha256.New, k))
		w.local = append(w.local, make(map[string][]uint16))
	}
	return w
}

// Hash sets in dst, which has Words() words and is cleared first, the bits of a
// record with one value for each field of the schema, "" where it has none.
func (w *Worker) Hash(values []string, dst []uint64) Outcome {
	clear(dst)
	var evidence float64
	for i, n := range w.h.norms {
		text, problem := n.Value(values[i])
		w.problems[i] = problem
		if text == "" {
			continue
		}
		evidence += w.h.schema.Fields[i].weight()
		kinds[w.h.schema.Fields[i].Kind].cut(text, func(token []byte) {
			for _, p := range w.positions(i, token) {
				dst[p>>6] |= 1 << (p & 63)
			}
		})
	}
	if evidence < MinEvidence*w.h.total {
		clear(dst)
		return Outcome{w.problems, true}
	}
	return Outcome{w.problems, false}
}

// maxCached bounds each field's cache of positions. Bigrams and digits number a
// few thousand; whole words and codes may be many, and then the cache is started
// afresh. It holds key-derived data: it is never written anywhere.
const maxCached = 1 << 16

type positionCache struct {
	sync.RWMutex
	m map[string][]uint16
}

func (w *Worker) positions(field int, token []byte) []uint16 {
	if p, ok := w.local[field][string(token)]; ok {
		return p
	}
	c := w.h.shared[field]
	c.RLock()
	p, ok := c.m[string(token)]
	c.RUnlock()
	if !ok {
		p = w.draw(field, token)
		c.Lock()
		if len(c.m) >= maxCached {
			clear(c.m)
		}
		c.m[string(token)] = p
		c.Unlock()
	}
	if len(w.local[field]) >= maxCached {
		clear(w.local[field])
	}
	w.local[field][string(token)] = p
	return p
}

// draw takes k distinct positions from HMAC-SHA256(K_field, counter ‖ token):
// eight 32-bit big-endian words a call, masked to the length (a power of two, so
// no position is likelier than another), a word that repeats a position passed
// over. Distinct positions within a token keep the fill steady; random positions
// in place of double hashing's two-parameter ones leave no recognisable patterns
// (Niedermeyer et al. 2014; Schnell & Borgs 2016).
func (w *Worker) draw(field int, token []byte) []uint16 {
	k := w.h.ks[field]
	mask := uint32(w.h.schema.Length - 1)
	out := make([]uint16, 0, k)
	mac := w.macs[field]
	clear(w.seen)
	var counter [4]byte
	for c := uint32(0); ; c++ {
		binary.BigEndian.PutUint32(counter[:], c)
		mac.Reset()
		mac.Write(counter[:])
		mac.Write(token)
		w.sum = mac.Sum(w.sum[:0])
		for i := 0; i < len(w.sum); i += 4 {
			p := binary.BigEndian.Uint32(w.sum[i:]) & mask
			if w.seen[p>>6]>>(p&63)&1 == 1 {
				continue
			}
			w.seen[p>>6] |= 1 << (p & 63)
			if out = append(out, uint16(p)); len(out) == k {
				return out
			}
		}
	}
}
