package hashing

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"slices"
)

// Exact keys: the first 16 bytes of HMAC-SHA256 of a whole canonical text, under a key that
// is derived for this use and field alone, so that they have nothing in common with the bits
// of any filter.
//
// Equal values have equal keys: that is their use, and what they give away. A field of few
// values could be read from how often each key comes, so Weak names those whose kind has
// few.

// exactKeys are the fields that travel as exact keys, in the schema's order.
type exactKeys []exactField

type exactField struct {
	field int // its place in the schema
	key   []byte
}

func newExactKeys(s *Schema, key *Key) exactKeys {
	var out exactKeys
	add := func(names []string, use string) {
		for _, name := range names {
			i := slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
			out = append(out, exactField{i, key.derive(use+name, 32)})
		}
	}
	add(s.Exact, "exact/")
	add(s.HouseholdExact, "household/exact/")
	return out
}

// exactWorker makes the exact keys of one record after another.
type exactWorker struct {
	keys []ExactKey
	at   [][]int     // for each field of the schema: its places in keys
	macs []hash.Hash // for each of keys
	sum  []byte
	text []byte
}

func (e exactKeys) worker(fields int) exactWorker {
	w := exactWorker{keys: make([]ExactKey, len(e)), at: make([][]int, fields)}
	for i, x := range e {
		w.at[x.field] = append(w.at[x.field], i)
		w.macs = append(w.macs, hmac.New(sha256.New, x.key))
	}
	return w
}

// set makes the exact keys of a field, if it has any, for its canonical text: zero keys
// for an empty one.
func (w *exactWorker) set(field int, text string) {
	for _, i := range w.at[field] {
		if text == "" {
			w.keys[i] = ExactKey{}
			continue
		}
		w.text = append(w.text[:0], text...)
		w.macs[i].Reset()
		w.macs[i].Write(w.text)
		w.sum = w.macs[i].Sum(w.sum[:0])
		w.keys[i] = ExactKey(w.sum[:16])
	}
}
