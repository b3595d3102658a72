// Package overlap counts the bits that two filters have in common, for every pair of two
// sets of filters, as fast as the machine allows, and finds exactly the pairs whose
// similarity is at least a threshold. It does not know what a filter stands for: no
// record, party, person, key or file, only rows of 64-bit words and their row numbers.
//
// # The story
//
// The obvious way, popcount(a AND b) for each pair, costs 16 loads, ANDs, popcounts and
// additions a pair at 1,024 bits: about 0.1 billion pairs a second and core. Five ideas,
// each exact, make that ten to twenty times more.
//
//  1. Filters are stored eight to a block, word by word (word 0 of all eight, then word 1,
//     …), so that one vector instruction works on eight pairs and nothing is ever added
//     across lanes. Four filters of the other set meet each block at once, so that a
//     block is loaded once for four.
//  2. The kernels count the bits that differ, not those in common: with ones(a) and
//     ones(b) known, one follows from the other, and only the first grows as words are
//     read. Dice ≥ t, like every [Rule], is the same as "at most d bits differ" for a d
//     that depends on ones(a)+ones(b) alone (limits.go). So a block is left as soon as its first words
//     differ too much: at the checkpoint, whose place is chosen by timing (tune.go).
//     Those that are not left are put on a list without a branch, and counted later.
//  3. The AVX kernels store running XORs of the words, P[k] = w[0]^…^w[k]. The XOR of two
//     such sequences holds the sum bits of a carry-save adder, and each carry is one
//     three-input operation on three neighbours: about half the popcounts (kernel.go).
//  4. Filters are ordered by their number of ones, so that a tile of b has one limit for
//     each row of a, and tiles that cannot reach the threshold are never read.
//  5. Bits that split the filters most evenly are stored first (layout.go), so that the
//     first words tell strangers apart soonest.
//
// Everything is integer arithmetic, so a pair exactly at the threshold is found, on every
// machine, by every kernel, in the same order.
//
// # Other similarities
//
// A [Rule] is not only Dice: with c bits in common and p, q ones it is any bound on c that
// is straight in p+q, or the larger of several. Dice is 2c/(p+q) and the Hamming distance
// p+q-2c, and Jaccard c/(p+q-c) ≥ j is Dice ≥ 2j/(1+j), exactly, so a Jaccard threshold of
// n/d is the [Ratio] 2n/(n+d). [Hit.Common], [Filters.Common] and [Filters.Ones] are enough
// for the value of any coefficient of two bit sets.
package overlap
