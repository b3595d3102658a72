package hashing

import (
	"errors"
	"fmt"
	"slices"

	"cohortlink/hashing/norm"
)

// MinEvidence is the least share of a filter's weight that a record's usable
// values must carry. Below it a record (a sex and a postcode, say) would be alike
// to many strangers, so it has no such filter, and is set aside where it has none at all. It is
// part of what the encoding's name in the fingerprint stands for.
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
	worker func(*NoiseSecret) *worker
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
	for i, f := range s.Fields {
		n, err := norm.New(f.Kind, normalise[i])
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
		fields[i] = boundField{norm: n}
	}
	filters := bindFilters(&s, key, fields)
	words := 0
	for _, f := range filters {
		words += f.words
	}
	exact := newExactKeys(&s, key)
	return &Hasher{words, func(kept *NoiseSecret) *worker {
		w := &worker{fields: fields, words: words, problems: make([]norm.Problem, len(fields)), exact: exact.worker(len(fields))}
		for _, f := range filters {
			w.filters = append(w.filters, workerFilter{boundFilter: f, encode: f.encoder(kept)})
		}
		return w
	}}, nil
}

// Words returns the length, in 64-bit words, of all of a record's filters together.
func (h *Hasher) Words() int { return h.words }

// A RecordID is the random stand-in under which a record leaves its party.
type RecordID = [16]byte

// An ExactKey is a keyed hash of a whole value. The zero key stands for a missing value.
type ExactKey = [16]byte

// An Outcome says what became of one record.
type Outcome struct {
	// Problems has, for each field, why its value was not used or was changed
	// (norm.None where it was used as it stood). Valid until the worker's next call.
	Problems []norm.Problem
	// Exact has an exact key for each name in the schema's Exact, and then in its
	// HouseholdExact. Valid until the worker's next call.
	Exact []ExactKey
	// Unusable: the record's values carry less than MinEvidence in every filter, that of its
	// household aside, and nothing was made of it.
	Unusable bool
}

// A Worker hashes records for one goroutine.
type Worker struct {
	hash func(id *RecordID, values []string, dst []uint64) Outcome
}

// Worker returns a new worker. Workers of one hasher share what they learn about
// tokens, and may run at the same time.
func (h *Hasher) Worker() *Worker { return &Worker{h.worker(nil).hash} }

// WorkerKeepingNoise is Worker for a party that keeps its record IDs: what HashRecord puts
// on a record as noise, where a filter has any, is the same whenever the record is hashed
// with the same secret, key and schema. Without a secret, nil, all noise is fresh.
func (h *Hasher) WorkerKeepingNoise(secret *NoiseSecret) *Worker {
	return &Worker{h.worker(secret).hash}
}

// Hash sets in dst, which has Words() words and is cleared first, the filters, one after the
// other, of a record with one value for each field of the schema, "" where it has none. Bit
// p of a filter is bit p%64, counted from the least significant, of its word p/64. A filter
// is all zeros where the record carries less than MinEvidence in it. Hash panics where
// values or dst have another length: no row of an extract does that. Noise is fresh.
func (w *Worker) Hash(values []string, dst []uint64) Outcome { return w.hash(nil, values, dst) }

// HashRecord is Hash for the record of an ID, of which each record has its own; with a
// worker that keeps noise, the noise is the record's.
func (w *Worker) HashRecord(id RecordID, values []string, dst []uint64) Outcome {
	return w.hash(&id, values, dst)
}

// boundField is a field of the schema, ready for use.
type boundField struct {
	norm *norm.Normaliser
	in   []place // in the filters
}

// place is where a field is in a filter: the how manyth of its fields it is, and how it is
// cut and weighed there.
type place struct {
	filter, field int
	household     bool
	cut           func(t *tokenList, text string)
	weight        int
}

// boundFilter is a filter of the schema, ready for use, and shared by all workers.
type boundFilter struct {
	words   int  // as stored
	aside   bool // says nothing of who somebody is
	least   int  // tenths of total that a record must carry
	total   int  // of its fields' weights
	encoder func(*NoiseSecret) encoder
}

// An encoder makes one filter of one record after another: begin, add for each field that
// has a value, end. dst is the same cleared words in each call of a record. A record without
// an ID has fresh noise, if any.
type encoder interface {
	begin(id *RecordID)
	add(field int, t *tokenList, dst []uint64)
	end(dst []uint64)
}

// bindFilters also tells the fields their places in the filters.
func bindFilters(s *Schema, key *Key, fields []boundField) []boundFilter {
	banks := 0
	for i := range s.Filters {
		f := &s.Filters[i]
		for j, field := range s.fieldsOf(f) {
			part := s.part(f, field)
			fields[field].in = append(fields[field].in, place{i, j, f.Household, part.cut, part.weight})
			banks++
		}
	}
	persons := slices.ContainsFunc(s.Filters, func(f Filter) bool { return !f.Household })
	out := make([]boundFilter, len(s.Filters))
	for i := range s.Filters {
		f := &s.Filters[i]
		out[i] = boundFilter{words: f.Bits() / 64, aside: f.Household && persons, least: 10 * MinEvidence, total: s.weightOf(f)}
		if f.Household {
			out[i].least = 10 * householdEvidence
		}
		if f.Hashes > 0 {
			out[i].encoder = newSketchFilter(s, f, key, banks).encoder
		} else {
			out[i].encoder = newBloomFilter(s, f, key, banks).encoder
		}
	}
	return out
}

type workerFilter struct {
	boundFilter
	encode   encoder
	bits     []uint64 // of the record at hand
	evidence int
}

type worker struct {
	fields   []boundField
	filters  []workerFilter
	exact    exactWorker
	words    int
	problems []norm.Problem
	tokens   tokenList
}

func (w *worker) hash(id *RecordID, values []string, dst []uint64) Outcome {
	if len(values) != len(w.fields) || len(dst) != w.words {
		panic(fmt.Sprintf("hashing: %d values and %d words, want %d and %d", len(values), len(dst), len(w.fields), w.words))
	}
	clear(dst)
	at := 0
	for i := range w.filters {
		f := &w.filters[i]
		f.bits, at = dst[at:at+f.words], at+f.words
		f.evidence = 0
		f.encode.begin(id)
	}
	for i := range w.fields {
		f := &w.fields[i]
		text, problem := f.norm.Value(values[i])
		if len(text) > maxText {
			text, problem = "", norm.Invalid
		}
		w.problems[i] = problem
		w.exact.set(i, text)
		if text == "" {
			continue
		}
		for k := range f.in {
			p := &f.in[k]
			if k == 0 || p.household != f.in[k-1].household {
				w.tokens.reset()
				p.cut(&w.tokens, text)
			}
			filter := &w.filters[p.filter]
			filter.evidence += p.weight
			filter.encode.add(p.field, &w.tokens, filter.bits)
		}
	}
	o := Outcome{w.problems, w.exact.keys, true}
	for i := range w.filters {
		// In whole numbers, so that a record that carries exactly MinEvidence is hashed
		// whatever the order of the fields.
		f := &w.filters[i]
		if 10*f.evidence < f.least*f.total {
			clear(f.bits)
			continue
		}
		f.encode.end(f.bits)
		o.Unusable = o.Unusable && f.aside
	}
	if o.Unusable {
		clear(dst)
		clear(w.exact.keys)
	}
	return o
}

func tellers(banks []*bank) []*teller {
	out := make([]*teller, len(banks))
	for i, b := range banks {
		out[i] = b.teller()
	}
	return out
}
