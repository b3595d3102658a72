package main

import (
	"slices"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/audit"
	"cohortlink/hashing/norm"
)

// What the audit knows of schemas: which filters one asks for, each as a schema of its
// own, and which others it is compared with.

// oneFilter is one filter of a record, as a schema that asks for it alone. A filter's bits
// depend on its own name and fields, not on what stands beside it.
type oneFilter struct {
	name   string
	layout formats.FilterLayout
	fields []int // places of its fields among those of the project
	schema hashing.Schema
}

// filtersApart takes a schema apart.
func filtersApart(s hashing.Schema) []oneFilter {
	var out []oneFilter
	for i, layout := range layoutsOf(&s) {
		f := s.Filters[i]
		e := oneFilter{name: f.Name, layout: layout, schema: hashing.Schema{Project: s.Project, Filters: []hashing.Filter{f}}}
		for k, field := range s.Fields {
			if f.Fields == nil || slices.Contains(f.Fields, field.Name) {
				e.fields = append(e.fields, k)
				e.schema.Fields = append(e.schema.Fields, field)
			}
		}
		out = append(out, e)
	}
	return out
}

// comparisons are the encodings that one is held against, the plain Bloom filter first:
// what an attack recovers from that says how strong the attack is on these people.
func comparisons(s hashing.Schema) []oneFilter {
	var out []oneFilter
	for _, c := range []struct {
		name    string
		filters []hashing.Filter
	}{{"plain", hashing.Plain(hashing.DefaultLength)}, {"standard", hashing.Profile("standard")}, {"high", hashing.Profile("high")}} {
		s.Filters, s.Exact = c.filters, nil
		e := filtersApart(s)[0]
		e.name = c.name
		out = append(out, e)
	}
	return out
}

func (e *oneFilter) fieldsOf() []hashing.Field { return e.schema.Fields }

// encode makes the filters of records, which have a value for each of the encoding's own
// fields, on all cores.
func (e *oneFilter) encode(normalise []norm.Options) audit.Encode {
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
