package hashing

import (
	"errors"
	"fmt"

	"cohortlink/hashing/norm"
)

// MinEvidence is the least share of the schema's weight that a record's usable
// values must carry. Below it a record (a sex and a postcode, say) would be alike
// to many strangers, so it is set aside, not hashed. It is part of what the
// encoding's name in the fingerprint stands for.
const MinEvidence = 0.4

// maxText is the longest canonical text, in bytes, that is hashed. A longer one is
// a note, or a quote that was never closed: its tokens would fill the filter, and
// make the record alike to everybody.
const maxText = 256

// A Hasher makes filters for one schema and key. It is safe for concurrent use:
// each call to Worker gives a hasher of its own for one goroutine.
//
// A Hasher and its Workers hold keys, people's values and what was drawn for them
// behind function values, for the reason given at Key.
type Hasher struct {
	words  int
	worker func() *worker
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
	fields := make([]boundField, len(s.Fields))
	total := 0
	for i, f := range s.Fields {
		n, err := norm.New(f.Kind, normalise[i])
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
		fields[i] = boundField{norm: n, cut: kinds[f.Kind].cut, weight: f.weight()}
		total += f.weight()
	}
	d := newDrawing(&s, key)
	return &Hasher{words: s.Length / 64, worker: func() *worker {
		return &worker{fields: fields, total: total, drawer: d.drawer(), problems: make([]norm.Problem, len(fields))}
	}}, nil
}

// Words returns the length of a filter in 64-bit words.
func (h *Hasher) Words() int { return h.words }

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
	hash func(values []string, dst []uint64) Outcome
}

// Worker returns a new worker. Workers of one hasher share what they learn about
// tokens, and may run at the same time.
func (h *Hasher) Worker() *Worker { return &Worker{h.worker().hash} }

// Hash sets in dst, which has Words() words and is cleared first, the bits of a
// record with one value for each field of the schema, "" where it has none. Bit p
// of the filter is bit p%64, counted from the least significant, of word p/64. It
// panics where values or dst have another length: no row of an extract does that.
func (w *Worker) Hash(values []string, dst []uint64) Outcome { return w.hash(values, dst) }

// boundField is a field of the schema, ready for use.
type boundField struct {
	norm   *norm.Normaliser
	cut    func(t *tokenList, text string)
	weight int
}

type worker struct {
	fields   []boundField
	total    int // of the fields' weights
	drawer   *drawer
	problems []norm.Problem
	tokens   tokenList
}

func (w *worker) hash(values []string, dst []uint64) Outcome {
	if len(values) != len(w.fields) || len(dst) != len(w.drawer.seen) {
		panic(fmt.Sprintf("hashing: %d values and %d words, want %d and %d", len(values), len(dst), len(w.fields), len(w.drawer.seen)))
	}
	clear(dst)
	evidence := 0
	for i := range w.fields {
		f := &w.fields[i]
		text, problem := f.norm.Value(values[i])
		if len(text) > maxText {
			text, problem = "", norm.Invalid
		}
		w.problems[i] = problem
		if text == "" {
			continue
		}
		evidence += f.weight
		w.tokens.reset()
		f.cut(&w.tokens, text)
		from := 0
		for _, to := range w.tokens.ends {
			for _, p := range w.drawer.positions(i, w.tokens.text[from:to]) {
				dst[p>>6] |= 1 << (p & 63)
			}
			from = to
		}
	}
	// In whole numbers, so that a record that carries exactly MinEvidence is hashed
	// whatever the order of the fields.
	if 10*evidence < 10*MinEvidence*w.total {
		clear(dst)
		return Outcome{w.problems, true}
	}
	return Outcome{w.problems, false}
}
