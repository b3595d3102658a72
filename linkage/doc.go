// Package linkage finds which records of several parties belong to one person,
// from their filters alone: it scores pairs, chooses a threshold without truth,
// and forms persons.
//
// It does not know names, the project key or what a bit stands for, and cannot be compiled
// against the packages that do; nor does it know files, or what is counted
// afterwards.
//
// The order of things (Link):
//
//  1. A sample of records is held against every record of every other party.
//     Its best and second-best scores tell how high strangers score (null.go),
//     hence a first threshold. Where strangers of two parties score otherwise than those
//     of others, the difference is added to the scores of their pairs (offsets.go).
//  2. Every pair is compared, in tiles on all cores, and those above a floor a
//     little under the threshold are kept (scan.go). Beyond a borough, or where it is
//     asked for, those alone that filters or exact keys bring together (block.go, lsh.go).
//  3. Pairs that reach a threshold are joined to persons, at most one record of each
//     deduplicated party to a person (persons.go). This is done at a row of thresholds,
//     and what the persons of each accept says which is best, and gives an estimate of
//     precision and recall (judge.go).
//
// How alike two filters are is scored by what their file says of them (similarity.go).
// Where records have several filters, or exact keys, each filter is sampled and compared
// as above, the pairs that any of them or an equal key brings together are weighed by
// all (candidates.go, fs.go, evidence.go), and 1 and 3 are done with the weights in place
// of scores.
//
// Where records say where their persons live, persons are grouped into households after
// that (households.go).
//
// Records are numbered across parties in a canonical order, parties by name and
// records by record ID, and every step depends on nothing else: neither the order
// in which files are named nor the number of workers changes a single person.
package linkage
