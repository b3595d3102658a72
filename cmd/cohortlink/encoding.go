package main

import (
	"slices"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/clkhash"
	"cohortlink/linkage"
)

// encoding is what a project's records become. One of native and clkhash is there.
type encoding struct {
	native  *hashing.Schema
	clkhash *clkhash.Schema

	schema  string   // fingerprint
	fields  []string // in words
	filters []formats.FilterLayout
	exact   []string // names of exact keys
	homes   []string // those of them that are of households
	weak    []string // weak choices, each with what to choose instead
	noisy   bool     // the same record hashed twice gives different bits
}

// encodingOf is the encoding of the project that was read from a path. Filters that no unit
// could link are refused here, before anybody hashes.
func encodingOf(p *formats.Project, path string) (*encoding, error) {
	read := nativeEncodingOf
	if p.Encoding.Profile == clkhashProfile {
		read = clkhashEncodingOf
	}
	e, err := read(p, path)
	if err != nil {
		return nil, err
	}
	for _, f := range e.filters {
		// A CLK may be of any length, and is linked with zeros up to the next whole word.
		if err := linkage.CheckSimilarity(f.Similarity, (f.Bits+63)/64*64); err != nil {
			return nil, errorf("%s: filter %s: %w", path, f.Name, err)
		}
	}
	return e, nil
}

func nativeEncodingOf(p *formats.Project, path string) (*encoding, error) {
	s, err := schemaOf(p)
	if err != nil {
		return nil, errorf("%s: %w", path, err)
	}
	e := &encoding{native: &s, schema: s.Fingerprint(), filters: layoutsOf(&s), homes: householdKeyNames(&s), weak: s.Weak()}
	e.exact = append(slices.Clone(s.Exact), e.homes...)
	for _, f := range p.Fields {
		e.fields = append(e.fields, f.Name+" ("+f.Kind+")")
	}
	e.noisy = slices.ContainsFunc(s.Filters, func(f hashing.Filter) bool { return f.Noise > 0 })
	return e, nil
}

// encoder is an encoding with a key, ready for one party's extract.
type encoder struct {
	words   int // of all filters of a record
	columns func(header []string) (*columnMap, error)
	worker  func() (hash func(*batch), done func()) // what hashes batches, one for each goroutine
}

// encoder binds an encoding to the key of the run; noise is nil where it is to be fresh.
func (h *hashRun) encoder(e *encoding, p *formats.Project, party *formats.ProjectParty, key *hashing.Key, noise *hashing.NoiseSecret) (*encoder, error) {
	if e.clkhash != nil {
		return h.clkhashEncoder(e.clkhash, p, party, key)
	}
	declared := normaliseOptions(p, party)
	hasher, err := hashing.NewHasher(*e.native, key, declared)
	if err != nil {
		return nil, errorf("%s: %w", h.key, err)
	}
	return &encoder{
		words:   hasher.Words(),
		columns: func(header []string) (*columnMap, error) { return mapColumns(h.extract, header, p, party) },
		worker: func() (func(*batch), func()) {
			w := hasher.WorkerKeepingNoise(noise)
			return func(b *batch) { b.hash(w, hasher.Words(), declared) }, func() {}
		},
	}, nil
}
