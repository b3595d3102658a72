package clkhash

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"strconv"
)

// Options change how rows are taken.
type Options struct {
	// SkipValidation leaves out what the schema demands of values (case, length, pattern,
	// bounds, enum), as clkhash's --validate False does. Values that cannot be read at all,
	// such as a date that is none, are refused all the same.
	SkipValidation bool
}

// An Encoder turns rows into CLKs under one schema and one secret. It is immutable, safe
// for concurrent use, and shows its keys to no verb of fmt, to JSON or to a log.
type Encoder struct {
	bits    int
	columns int
	// Behind a function, because fmt prints bytes in unexported fields whatever methods
	// their types have.
	keyed func() *core
}

// core is what workers share.
type core struct {
	schema  *Schema
	options Options
	keys    [][2][]byte // per feature
}

// New derives the keys from the secret, which is not kept and may be empty (clkhash
// allows it; a caller should not). It refuses the schemas that load in clkhash and then
// fail on every row; the error is a *SchemaError.
func New(s *Schema, secret []byte, o Options) (*Encoder, error) {
	if s.refusal != nil {
		return nil, s.refusal
	}
	keys, err := deriveKeys(s.kdf, secret, len(s.features))
	if err != nil {
		return nil, err
	}
	c := &core{schema: s, options: o, keys: keys}
	return &Encoder{bits: s.bits, columns: len(s.features), keyed: func() *core { return c }}, nil
}

// deriveKeys gives each feature, ignored ones included, two keys (clkhash
// key_derivation.py generate_key_lists; RFC 5869).
func deriveKeys(k kdf, secret []byte, features int) ([][2][]byte, error) {
	newHash := sha256.New
	if k.hash == "SHA512" {
		newHash = sha512.New
	}
	material, err := hkdf.Key(newHash, secret, k.salt, string(k.info), 2*k.keySize*features)
	if err != nil {
		return nil, fmt.Errorf("deriving keys from the secret: %w", err)
	}
	keys := make([][2][]byte, features)
	for i := range keys {
		for j := range keys[i] {
			keys[i][j], material = material[:k.keySize], material[k.keySize:]
		}
	}
	return keys, nil
}

// Size is the length of a CLK in bytes: bits, rounded up to whole bytes.
func (e *Encoder) Size() int { return (e.bits + 7) / 8 }

// A RowError says which row cannot be encoded and why, without the value.
type RowError struct {
	Row    int    // as given to Encode
	Column int    // from 1; 0 where it is the row as a whole
	Name   string // the column's identifier in the schema
	Reason string
}

func (e *RowError) Error() string {
	if e.Column == 0 {
		return fmt.Sprintf("row %d: %s", e.Row, e.Reason)
	}
	return fmt.Sprintf("row %d, column %d (%q): %s", e.Row, e.Column, e.Name, e.Reason)
}

// A Worker encodes rows one after the other. It remembers tokens between rows, so a
// goroutine keeps its worker; a worker is not safe for concurrent use. The bits of a row
// depend on that row alone.
type Worker struct {
	encode func(dst []byte, row int, cells []string) ([]byte, error)
	close  func()
}

// Worker makes a worker. Close it when its rows are done.
func (e *Encoder) Worker() *Worker {
	w := newWorkshop(e.keyed())
	return &Worker{encode: w.encode, close: w.close}
}

// Encode appends the CLK of a row to dst: Size bytes, bit 0 the most significant of the
// first. CLKs back to back are clkhash's binary form. The row number is for errors only,
// which are *RowError; dst then comes back unchanged and the worker goes on with the next
// row. Cells are not kept.
func (w *Worker) Encode(dst []byte, row int, cells []string) ([]byte, error) {
	return w.encode(dst, row, cells)
}

// Close overwrites the tokens and keys the worker holds, as far as Go lets it. A closed
// worker must not be used.
func (w *Worker) Close() { w.close() }

// A workshop is the inside of a worker.
type workshop struct {
	*core
	hashers []*hasher // per feature; nil where ignored
	filter  []uint64  // before folding; bit 0 is the most significant of word 0
	part    []uint64  // the same, of one cell
	known   [][]uint32
	scratch scratch
}

// scratch is memory that rows use one after the other.
type scratch struct {
	text  []byte
	wide  []byte
	runes []rune
	spans []tokenSpan
}

type tokenSpan struct{ start, end int }

func newWorkshop(c *core) *workshop {
	before := c.schema.bits << c.schema.folds
	words := (before + 63) / 64
	w := &workshop{core: c, filter: make([]uint64, words), part: make([]uint64, words), known: make([][]uint32, len(c.schema.features))}
	for i := range c.schema.features {
		f := &c.schema.features[i]
		if f.ignored {
			w.hashers = append(w.hashers, nil)
			continue
		}
		w.hashers = append(w.hashers, newHasher(f, c.keys[i], before))
	}
	return w
}

func (w *workshop) close() {
	for _, h := range w.hashers {
		if h != nil {
			h.tokens.clear()
			h.cells.clear()
			clear(h.cell[:cap(h.cell)])
			*h = hasher{tokens: h.tokens, cells: h.cells}
		}
	}
	clear(w.filter)
	clear(w.part)
	clear(w.scratch.text[:cap(w.scratch.text)])
	clear(w.scratch.wide[:cap(w.scratch.wide)])
	clear(w.scratch.runes[:cap(w.scratch.runes)])
}

func (w *workshop) encode(dst []byte, row int, cells []string) ([]byte, error) {
	features := w.schema.features
	if len(cells) != len(features) {
		return dst, &RowError{Row: row, Reason: fmt.Sprintf("has %d cells where the schema has %d columns", len(cells), len(features))}
	}
	fail := func(i int, err error) ([]byte, error) {
		return dst, &RowError{Row: row, Column: i + 1, Name: features[i].identifier, Reason: err.Error()}
	}
	// clkhash validates a row before it hashes any of it, so an invalid second cell is
	// reported before an unreadable first one. A cell that was encoded before is valid.
	for i, cell := range cells {
		w.known[i] = nil
		if h := w.hashers[i]; h != nil {
			w.known[i] = h.recall(cell, 2*len(w.filter))
		}
		if w.known[i] == nil && !w.options.SkipValidation {
			if err := features[i].validate(cell, &w.scratch); err != nil {
				return fail(i, err)
			}
		}
	}
	clear(w.filter)
	for i, cell := range cells {
		if features[i].ignored {
			continue
		}
		if known := w.known[i]; known != nil {
			for j := range w.filter {
				w.filter[j] |= uint64(known[2*j])<<32 | uint64(known[2*j+1])
			}
			continue
		}
		if err := features[i].tokens(cell, &w.scratch); err != nil {
			return fail(i, err)
		}
		clear(w.part)
		w.insert(&features[i], w.hashers[i])
		for j, bits := range w.part {
			w.filter[j] |= bits
		}
		w.hashers[i].remember(w.part)
	}
	return w.finish(dst), nil
}

// insert sets the bits of the tokens in scratch.
func (w *workshop) insert(f *feature, h *hasher) {
	spans := w.scratch.spans
	if len(spans) == 0 {
		return
	}
	// bitsPerFeature is shared out evenly, the first tokens taking what is left over.
	each, extra := f.insert.count, 0
	if f.insert.perFeature {
		each, extra = f.insert.count/len(spans), f.insert.count%len(spans)
	}
	for i, at := range spans {
		k := each
		if i < extra {
			k++
		}
		if k > 0 {
			h.insert(w.part, w.scratch.text[at.start:at.end], k)
		}
	}
}

// finish folds the filter and appends it.
func (w *workshop) finish(dst []byte) []byte {
	length := w.schema.bits << w.schema.folds
	for range w.schema.folds {
		length /= 2
		foldHalves(w.filter, length)
	}
	start := len(dst)
	for i := 0; i < length; i += 64 {
		dst = binary.BigEndian.AppendUint64(dst, w.filter[i/64])
	}
	return dst[:start+(length+7)/8]
}

// foldHalves leaves in the first half bits of a filter their XOR with the next half bits, and
// zeros up to the end of the last word that they touch.
func foldHalves(filter []uint64, half int) {
	if half%64 == 0 {
		for i := range half / 64 {
			filter[i] ^= filter[i+half/64]
		}
		return
	}
	for i := range half {
		j := i + half
		bit := filter[j/64] >> (63 - j%64) & 1
		filter[i/64] ^= bit << (63 - i%64)
	}
	filter[half/64] &^= 1<<(64-half%64) - 1
}

// A hasher finds the positions of the tokens of one feature. It remembers them, and the
// bits of whole cells: people share names, towns and birthdays, so that in a real extract
// most cells and almost all tokens were seen before.
type hasher struct {
	tokens *cache // words by token
	cells  *cache // bits before folding by cell
	cell   []byte // the one looked up last, and where it belongs
	cellAt place

	length uint64 // of the filter before folding
	words  []uint32

	// blakeHash
	key    []byte
	states []blakeState // after the key's block, by salt

	// doubleHash
	double      bool
	nonSingular bool
	sha1, md5   hash.Hash
	sum         []byte
}

func newHasher(f *feature, keys [2][]byte, length int) *hasher {
	h := &hasher{tokens: newCache(), cells: newCache(), length: uint64(length)}
	if f.hash.double {
		h.double, h.nonSingular = true, f.hash.preventSingularity
		h.sha1, h.md5 = hmac.New(sha1.New, keys[0]), hmac.New(md5.New, keys[1])
		return h
	}
	h.key = keys[0] // blakeHash does not use the second
	return h
}

// recall returns the bits of a cell that remember was given, as n words, or nil.
func (h *hasher) recall(cell string, n int) (bits []uint32) {
	h.cell = append(h.cell[:0], cell...)
	bits, h.cellAt = h.cells.find(h.cell, n)
	return bits
}

// remember keeps the bits of the cell that recall was last asked for.
func (h *hasher) remember(part []uint64) {
	h.words = h.words[:0]
	for _, bits := range part {
		h.words = append(h.words, uint32(bits>>32), uint32(bits))
	}
	h.cells.put(h.cell, h.words, h.cellAt)
}

// insert sets the bits of k insertions of a token.
func (h *hasher) insert(filter []uint64, token []byte, k int) {
	words, at := h.tokens.find(token, k)
	if words == nil {
		if h.double {
			words = h.doubleWords(token, k)
		} else {
			words = h.blakeWords(token, k)
		}
		h.tokens.put(token, words, at)
	}
	for _, p := range words[:k] {
		filter[p>>6] |= 1 << (63 - p&63)
	}
}

// blakeWords are the positions of at least k insertions: 16-bit words, little-endian (T5),
// modulo a power of two. The digest that holds them is keyed by the feature's first key
// and salted with its own number in decimal.
func (h *hasher) blakeWords(token []byte, k int) []uint32 {
	h.words = h.words[:0]
	mask := uint32(h.length - 1)
	for j := 0; 32*j < k; j++ {
		if j == len(h.states) {
			var salt [16]byte
			copy(salt[:], strconv.Itoa(j))
			h.states = append(h.states, newBlake(h.key, salt))
		}
		for _, v := range h.states[j].sum(token) {
			h.words = append(h.words, uint32(v)&0xFFFF&mask, uint32(v>>16)&0xFFFF&mask, uint32(v>>32)&0xFFFF&mask, uint32(v>>48)&mask)
		}
	}
	return h.words
}

// doubleWords are the positions of k insertions: (a + i*b) mod L (Schnell, Bachteler and
// Reiher 2011).
func (h *hasher) doubleWords(token []byte, k int) []uint32 {
	a := h.mac(h.sha1, token, "")
	b := h.mac(h.md5, token, "")
	if h.nonSingular {
		// clkhash appends the characters U+0000, U+0001, ... until b is not 0. New has
		// refused the one length at which it never is.
		for j := rune(0); b == 0; j++ {
			b = h.mac(h.md5, token, string(j))
		}
	}
	h.words = h.words[:0]
	for p := a; len(h.words) < k; p = (p + b) % h.length {
		h.words = append(h.words, uint32(p))
	}
	return h.words
}

// mac is an HMAC taken as a big-endian number modulo the filter's length.
func (h *hasher) mac(m hash.Hash, token []byte, suffix string) (r uint64) {
	m.Reset()
	m.Write(token)
	m.Write([]byte(suffix))
	h.sum = m.Sum(h.sum[:0])
	for _, c := range h.sum {
		r = (r<<8 | uint64(c)) % h.length
	}
	return r
}

var errUTF8 = errors.New("is not valid UTF-8")
