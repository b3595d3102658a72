// Package hashing turns people into filters: normalised values are cut into tokens, and each
// token sets bits of a keyed Bloom filter, which may be hardened, or votes on the bits of a
// keyed sketch. Fields that many people do not share may also become exact keys: keyed
// hashes of whole values.
//
// It does not know files, columns, parties' record IDs, or what is done with a filter
// afterwards; nothing that links may import it. SPEC.md beside this file defines every step
// exactly enough for a second implementation, and testdata/vectors.json was made by one. How
// much a filter gives away is measured by hashing/audit and not known here.
package hashing
