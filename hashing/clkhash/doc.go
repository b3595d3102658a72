// Package clkhash encodes rows of people into cryptographic linkage keys (CLKs) under a
// linkage schema of clkhash, version 1, 2 or 3, bit for bit as clkhash 0.18.3 does. It
// does not know files, projects, parties or how CLKs are compared.
//
//	schema, err := clkhash.ParseSchema(source)          // schema.Warnings(): show them
//	encoder, err := clkhash.New(schema, secret, clkhash.Options{})
//	rows, err := clkhash.NewRows(csv, schema, clkhash.HeaderCheck)
//	worker := encoder.Worker()                           // one for each goroutine
//	clk, err := worker.Encode(nil, rows.Number(), cells) // one row, encoder.Size() bytes
//
// EncodeAll takes a whole file through all cores, in its order.
//
// A CLK's bit 0 is the most significant bit of its first byte. CLKs back to back are
// clkhash's binary form; JSONWriter writes its JSON form.
//
// # What does not work as it reads
//
// clkhash has corners that silently change bits. They are followed exactly, because the
// other partner's Python does; where a schema steps into one, Schema.Warnings tells.
//
//	code                            what happens
//	xor-folds-misspelt              xorFolds, the documented key, does nothing
//	xor-folds-undocumented          xor_folds, which no document names, folds
//	fractional-precision-misspelt   fractionalPrecision does nothing; fractional_precision works
//	decimals-cut                    at precision 0 a numeric comparison cuts decimals off
//	weight-rounded                  weight times k (version 1) is rounded half to even
//	byte-order-mark                 utf-16 and utf-32 put a byte-order mark before every token
//	positions-16-bit                blakeHash sets no bit beyond the first 65,536 before folding
//	base64-skipped                  salt and info lose characters of another base64 alphabet
//	sentinel-hashed                 a missing value without replaceWith is hashed as its sentinel
//	double-hash                     doubleHash is open to a published attack
//	key-unread                      a key that clkhash allows and never reads
//
// No schema warns of these: an ignored feature still takes its two keys, so the order and
// number of features matters; text is neither trimmed nor normalised, so that é in one
// code point and in two are different; a year below 1000 is hashed without leading zeros,
// as on Linux (elsewhere Python may pad it); one n-gram twice in a value counts twice.
//
// # What is refused although clkhash loads it
//
// New refuses schemas under which clkhash fails on every row (a blakeHash length that is
// no power of two, an unknown date directive, more keys than HKDF gives), numbers written
// 2.0 where clkhash computes with an int, %Z in a date, which differs from machine to
// machine, and sizes beyond all use (16,777,216 bits before folding). ParseSchema refuses
// patterns that one Python takes and another does not (possessive quantifiers, atomic
// groups), and the few forms that are not supported here: verbose patterns, conditional
// groups, \N escapes, group names beyond ASCII. A value that takes more than 250,000 steps
// to match is refused; Python would go on.
//
// # How it is known to be the same
//
// Every vector in ../shared/vectors/clkhash passes, a share of them lies in
// testdata/vectors (made by running clkhash; see testdata/pick.py), and testdata/fresh.py
// draws new schemas, rows, patterns, dates and numbers with pip's clkhash, which the Fresh
// tests compare. testdata/speed.py measures both programs side by side.
//
// A CLK is not hardened against the published attacks on Bloom filters. It is here for those
// who must link with partners that use clkhash.
package clkhash
