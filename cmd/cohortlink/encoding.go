package main

import (
	"cohortlink/formats"
	"cohortlink/hashing"
)

// encoding is what hash has to know of how a project's records become filters.
type encoding struct {
	schema  string // fingerprint
	filters []formats.FilterLayout
	words   int      // of all filters of a record
	weak    []string // weak choices, for the manifest
	columns func(header []string) (*columnMap, error)
	worker  func() (hash func(*batch), done func()) // what hashes batches, one for each goroutine
}

// encodingOf is the encoding of a project for one party.
func (h *hashRun) encodingOf(p *formats.Project, party *formats.ProjectParty, key *hashing.Key) (*encoding, error) {
	if p.Encoding.Profile == clkhashProfile {
		return h.clkhashEncoding(p, party, key)
	}
	schema, err := schemaOf(p)
	if err != nil {
		return nil, errorf("%s: %w", h.project, err)
	}
	hasher, err := hashing.NewHasher(schema, key, normaliseOptions(p, party))
	if err != nil {
		return nil, errorf("%s: %w", h.key, err)
	}
	return &encoding{
		schema:  schema.Fingerprint(),
		filters: []formats.FilterLayout{{Name: "record", Bits: schema.Length, Encoding: "bloom/1", Similarity: "dice"}},
		words:   hasher.Words(),
		weak:    []string{},
		columns: func(header []string) (*columnMap, error) { return mapColumns(h.extract, header, p, party) },
		worker: func() (func(*batch), func()) {
			w := hasher.Worker()
			return func(b *batch) { b.hash(w, hasher.Words()) }, func() {}
		},
	}, nil
}
