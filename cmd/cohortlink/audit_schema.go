package main

import (
	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/audit"
	"cohortlink/hashing/norm"
)

// What the audit knows of schemas: which filters one asks for, each as a schema of its
// own, and which others it is compared with.

// encoding is one filter of a record, as a schema that asks for it alone. A filter's bits
// depend on its own name and fields, not on what stands beside it.
type encoding struct {
	name   string
	layout formats.FilterLayout
	fields []int // places of its fields among those of the project
	schema hashing.Schema
}

// encodingsOf takes a schema apart.
func encodingsOf(s hashing.Schema) []encoding {
	e := encoding{name: "record", schema: s, layout: formats.FilterLayout{Name: "record", Bits: s.Length, Encoding: "bloom/1", Similarity: "dice"}}
	for i := range s.Fields {
		e.fields = append(e.fields, i)
	}
	return []encoding{e}
}

// comparisons are the encodings that one is held against, the plain Bloom filter first:
// what an attack recovers from that says how strong the attack is on these people.
func comparisons(s hashing.Schema) []encoding {
	s.Length = hashing.DefaultLength
	e := encodingsOf(s)[0]
	e.name = "plain"
	return []encoding{e}
}

func (e *encoding) fieldsOf() []hashing.Field { return e.schema.Fields }

// encode makes the filters of records, which have a value for each of the encoding's own
// fields, on all cores.
func (e *encoding) encode(normalise []norm.Options) audit.Encode {
	return func(key *hashing.Key, records [][]string) (audit.Filters, error) {
		h, err := hashing.NewHasher(e.schema, key, normalise)
		if err != nil {
			return audit.Filters{}, err
		}
		f := audit.Filters{Bits: e.layout.Bits, Similarity: e.layout.Similarity, Rows: make([]uint64, len(records)*h.Words())}
		eachRun(len(records), func(from, to int) {
			w := h.Worker()
			for i := from; i < to; i++ {
				w.Hash(records[i], f.Rows[i*h.Words():][:h.Words()])
			}
		})
		return f, nil
	}
}

// own is the part of whole that an encoding is made of.
func own[T any](whole []T, fields []int) []T {
	out := make([]T, len(fields))
	for i, f := range fields {
		out[i] = whole[f]
	}
	return out
}

// ownOf is own for each record.
func ownOf(records [][]string, fields []int) [][]string {
	out := make([][]string, len(records))
	for i, r := range records {
		out[i] = own(r, fields)
	}
	return out
}
