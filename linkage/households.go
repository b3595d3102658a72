package linkage

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// Households are persons who live together. A record may say where its person lives: by a
// filter of surname and address, by an exact key of the property, or both.
//
// The obvious way, to join persons who share any of their records' addresses, glues the
// borough together: records are years old, so that a family's former home is another's
// present one, and so on down the street. So each person is given one home first
// (homes.go), by the records that agree about it. Then:
//
//   - Persons whose homes have the same key live together.
//   - Where a home has no key, its filters speak: the more alike two homes are on average,
//     the earlier they are joined, while that reaches the threshold (Persons). A
//     household has one key at most, so that neighbours with a key each stay apart however
//     alike their addresses are.
//   - A group of more than mostInHousehold persons is no household unless one key says so: a
//     hostel, a block whose flats were left out, an office's address in place of those who
//     are cared for. Of these, only persons with equal filters stay together, and those of
//     one key.
//
// The threshold needs no truth where enough homes have keys: among these the keys tell which
// filters are of one home, and the score is chosen that tells it best (judge).

// Homes is what the records of a Result say of where their persons live, in the order of
// their numbers.
type Homes struct {
	Length     int        // bits of a filter; 0: there are none
	Similarity string     // what filters are scored by
	Bits       []uint64   // Length/64 words for each record; all zero where it says nothing
	Exact      []ExactKey // of each record, zero where it has none; nil: there are none
	Workers    int        // 0: one for each core
	MaxPairs   int        // pairs of homes held at most; 0: DefaultMaxPairs
	// Progress is as in Options.
	Progress func(stage string, done, total uint64)
}

// Households is who lives with whom.
type Households struct {
	Of        []int32 // of each person: the household; -1: no record says where the person lives
	N         int     // households; they are numbered by their first persons
	Threshold float64 // score of filters of one home
	// Judged says that the threshold was chosen by homes that have keys: by so many pairs of
	// persons with one key. 0: there were too few, and it is homeScore.
	Judged            int
	Precision, Recall float64 // of the filters alone, among those pairs; NaN where they were too few
	Compared          uint64  // pairs of filters
	ByKey             int     // persons who share the key of their home with another
	Moved             int     // persons whose records disagree about where they live
	TooLarge          int     // groups taken apart
	// Agrees is, for each party, how often its records have a person's home where those of
	// other parties have it; NaN where none can be compared.
	Agrees []float64
}

// mostInHousehold is the most persons in a household that no exact key vouches for. In
// England and Wales one household in a thousand has eight or more (Census 2021, TS017);
// twelve leave room for it to be counted with members who have moved on.
const mostInHousehold = 12

// homeScore is the threshold where too few homes have keys. By the weights of
// hashing's household filter (7/8 for members of different surnames, 16/19 for an address
// with and without its flat, about 5/8 for neighbours of one surname) it lies between what
// is one home and what is not; and it is above what chance makes of strangers' hardened
// filters of 1,024 bits or more.
const homeScore = 0.82

// fewestJudged is how many pairs of persons with one key are needed to choose a threshold by:
// with fewer, one in seven more or less would be chance.
const fewestJudged = 200

// Households groups the persons of a result.
func (r *Result) Households(ctx context.Context, h Homes) (*Households, error) {
	n := len(r.IDs)
	if len(h.Bits) != n*h.Length/64 || h.Exact != nil && len(h.Exact) != n {
		return nil, fmt.Errorf("%d records, with %d words of filters and %d exact keys of their households: there should be one of each for every record", n, len(h.Bits), len(h.Exact))
	}
	f, err := r.findHomes(&h)
	if err != nil {
		return nil, err
	}
	out := &Households{Threshold: homeScore, Precision: math.NaN(), Recall: math.NaN(), Moved: f.moved, Agrees: f.agrees}
	var pairs []Pair
	floor := homeScore
	if len(f.ids) > 1 {
		if pairs, floor, out.Compared, err = f.compare(ctx, &h); err != nil {
			return nil, err
		}
	}
	out.judge(f, pairs, max(floor, homeScore), floor)
	f.group(out, pairs, floor)
	return out, ctx.Err()
}

// compare scores the filters of all homes, and returns the pairs of persons at or above a
// floor, each once with its best score, in the order of persons.
func (f *homes) compare(ctx context.Context, h *Homes) (pairs []Pair, floor float64, compared uint64, err error) {
	o := Options{Length: h.Length, Similarity: h.Similarity, Workers: h.Workers, MaxPairs: h.MaxPairs}
	if h.Progress != nil {
		o.Progress = func(stage string, done, total uint64) {
			if stage == "compare" {
				h.Progress("homes", done, total)
			}
		}
	}
	run, err := newRun([]Party{{Name: "homes", IDs: f.ids, Bits: f.bits}}, o)
	if err != nil {
		return nil, 0, 0, err
	}
	s, err := run.sample(ctx)
	if err != nil {
		return nil, 0, 0, err
	}
	least := s.floor(homeScore)
	near, compared, err := run.scan(ctx, least)
	if err != nil {
		return nil, 0, 0, err
	}
	add := func(a, b int32, score float64) {
		if a != b {
			pairs = append(pairs, Pair{min(a, b), max(a, b), score})
		}
	}
	for _, in := range f.persons {
		for i, a := range in {
			for _, b := range in[i+1:] {
				add(a, b, 1)
			}
		}
	}
	row := run.parties[0].row
	for _, p := range near {
		for _, a := range f.persons[row[p.A]] {
			for _, b := range f.persons[row[p.B]] {
				add(a, b, p.Score)
			}
		}
		if len(pairs) > 2*run.MaxPairs {
			return nil, 0, 0, fmt.Errorf("more than %d pairs of persons have homes that score %.4g or more: allow more candidate pairs", 2*run.MaxPairs, value(least))
		}
	}
	slices.SortFunc(pairs, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B), cmp.Compare(y.Score, x.Score))
	})
	pairs = slices.CompactFunc(pairs, func(x, y Pair) bool { return x.A == y.A && x.B == y.B })
	return pairs, value(least), compared, nil
}

// judge chooses the threshold with the best F1 among pairs of persons who both have a key
// and a filter, one key being one home. Large homes are left out: their pairs would outnumber
// all others.
func (o *Households) judge(f *homes, pairs []Pair, otherwise, floor float64) {
	o.Threshold = otherwise
	size := make(map[ExactKey]int) // persons with a filter, by key
	for p, key := range f.key {
		if key != (ExactKey{}) && f.told[p] {
			size[key]++
		}
	}
	var all int
	for _, n := range size {
		if n <= mostInHousehold {
			all += n * (n - 1) / 2
		}
	}
	if all < fewestJudged {
		return
	}
	var right, wrong [grid + 1]int
	for _, p := range pairs {
		a, b := f.key[p.A], f.key[p.B]
		switch {
		case a == ExactKey{} || b == ExactKey{} || size[a] > mostInHousehold || size[b] > mostInHousehold:
		case a == b:
			right[step(p.Score)]++
		default:
			wrong[step(p.Score)]++
		}
	}
	best, at := -1.0, grid
	var tp, fp, tpBest, fpBest int
	for k := grid; k >= step(floor); k-- {
		tp, fp = tp+right[k], fp+wrong[k]
		if f1 := 2 * float64(tp) / float64(tp+fp+all); f1 > best+indifferent {
			best, at, tpBest, fpBest = f1, k, tp, fp
		}
	}
	o.Threshold, o.Judged = value(ratio(at)), all
	if tpBest+fpBest > 0 {
		o.Precision = float64(tpBest) / float64(tpBest+fpBest)
	}
	o.Recall = float64(tpBest) / float64(all)
}

// group forms the households. Persons of one key are a unit, any other with a home is one of
// its own; units with a key are to Persons what the records of a deduplicated party are, of
// which a person has one at most.
func (f *homes) group(o *Households, pairs []Pair, floor float64) {
	unit := make([]int32, len(f.key)) // of each person
	byKey := map[ExactKey]int32{}
	var members [][]int32 // of each unit
	for p, key := range f.key {
		unit[p] = -1
		if key == (ExactKey{}) {
			continue
		}
		u, ok := byKey[key]
		if !ok {
			u = int32(len(members))
			byKey[key] = u
			members = append(members, nil)
		}
		unit[p] = u
		members[u] = append(members[u], int32(p))
	}
	keyed := len(members)
	for _, m := range members {
		if len(m) > 1 {
			o.ByKey += len(m)
		}
	}
	for p, told := range f.told {
		if unit[p] < 0 && told {
			unit[p] = int32(len(members))
			members = append(members, []int32{int32(p)})
		}
	}

	var between []Pair
	for _, p := range pairs {
		a, b := unit[p.A], unit[p.B]
		if a != b && (a >= int32(keyed) || b >= int32(keyed)) {
			between = append(between, Pair{min(a, b), max(a, b), p.Score})
		}
	}
	slices.SortFunc(between, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B), cmp.Compare(y.Score, x.Score))
	})
	between = slices.CompactFunc(between, func(x, y Pair) bool { return x.A == y.A && x.B == y.B })
	slices.SortStableFunc(between, func(x, y Pair) int { return cmp.Compare(y.Score, x.Score) })
	home, n, rules := Persons([]int{0, keyed, len(members)}, []bool{true, false}, between, o.Threshold, floor)
	o.TooLarge = rules.TooLarge

	groups := make([][]int32, n) // of units
	for u, g := range home {
		groups[g] = append(groups[g], int32(u))
	}
	o.Of = slices.Repeat([]int32{-1}, len(f.key))
	for _, units := range groups {
		var persons int
		for _, u := range units {
			persons += len(members[u])
		}
		parts := [][]int32{units}
		if len(units) > 1 && persons > mostInHousehold {
			o.TooLarge++
			parts = f.takeApart(units, members, keyed)
		}
		for _, part := range parts {
			for _, u := range part {
				for _, p := range members[u] {
					o.Of[p] = int32(o.N)
				}
			}
			o.N++
		}
	}
	o.renumber()
}

// takeApart leaves together what is exactly alike: the persons of a unit, and units without
// a key whose first filters are equal, unless those are too many too.
func (f *homes) takeApart(units []int32, members [][]int32, keyed int) (parts [][]int32) {
	alike := map[int32][]int32{}
	for _, u := range units {
		if u < int32(keyed) {
			parts = append(parts, []int32{u})
			continue
		}
		first := f.first[members[u][0]]
		alike[first] = append(alike[first], u)
	}
	for _, same := range alike {
		if len(same) <= mostInHousehold {
			parts = append(parts, same)
			continue
		}
		for _, u := range same {
			parts = append(parts, []int32{u})
		}
	}
	return parts
}

// renumber numbers households by their first persons.
func (o *Households) renumber() {
	number := slices.Repeat([]int32{-1}, o.N)
	var next int32
	for p, of := range o.Of {
		if of < 0 {
			continue
		}
		if number[of] < 0 {
			number[of] = next
			next++
		}
		o.Of[p] = number[of]
	}
}

// HouseholdIDs names each household as PersonIDs does persons, by the smallest record ID of
// any of its persons. The two kinds of name have nothing in common.
func (r *Result) HouseholdIDs(h *Households, secret []byte, party string) [][16]byte {
	smallest := slices.Repeat([]int32{-1}, h.N)
	for i := range r.IDs {
		of := h.Of[r.Person[i]]
		if of < 0 {
			continue
		}
		if s := &smallest[of]; *s < 0 || bytes.Compare(r.IDs[i][:], r.IDs[*s][:]) < 0 {
			*s = int32(i)
		}
	}
	ids := make([][16]byte, h.N)
	name := newHouseholdNamer(secret, party)
	for i, record := range smallest {
		ids[i] = name.of(r.IDs[record])
	}
	return ids
}
