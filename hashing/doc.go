// Package hashing turns people into filters: normalised values are cut into
// tokens, and each token sets bits of a keyed Bloom filter.
//
// It does not know files, columns, parties' record IDs, or what is done with
// a filter afterwards; nothing that links may import it. SPEC.md beside this
// file defines every step exactly enough for a second implementation, and
// testdata/vectors.json was made by one.
package hashing
