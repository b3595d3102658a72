package linkage

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Households are persons who live together. A record may say where its person lives: by a
// filter of surname and address, by an exact key of the property, or both.
//
// The obvious way, to join persons who share an address, glues the borough together. Records
// are years old, so that three in ten have an address that its person has left, and others
// live there now: of invented people, four in ten pairs joined so were wrong. Hence:
//
//   - Each person gets one home first, of those that the person's records name: that which
//     most others of the surname have too (homes.go). Families move together, and so
//     choose alike.
//   - Persons whose homes' filters are alike, surname and address both, are a family: the
//     two groups most alike on average are joined first, while that reaches a threshold
//     (homeScore, Persons). Homes whose keys differ are never alike.
//   - Families of one key, whatever their surnames, are one household if both are sure:
//     all records of a family that say where its persons live say the same, and for at
//     least half of its persons two records do. Else one of them may have left, and they
//     stay apart.
//   - A family of more than mostInHousehold persons is none: a hostel, or a block whose
//     flats were left out. Only persons with equal filters stay together in it. A household
//     that one key vouches for may be of any size.
//
// It does not find who left home alone and kept the surname, nor members of other surnames
// without a key; and who has one record, of a former home, is with those of the surname
// there.

// Homes is what the records of a Result say of where their persons live, in the order of
// their numbers.
type Homes struct {
	Length     int        // bits of a filter; 0: there are none
	Similarity string     // what filters are scored by
	Bits       []uint64   // Length/64 words for each record; all zero where it says nothing
	Exact      []ExactKey // of each record, zero where it has none; nil: there are none
	// Blocking is which pairs of filters are compared. Keys bring none together, as they need
	// not: BlockExact is as if nothing was asked for, and BlockBoth is BlockLSH. Where LSH does
	// not pay, every pair is compared.
	Blocking Blocking
	Workers  int // 0: one for each core
	MaxPairs int // pairs of homes held at most; 0: DefaultMaxPairs
	// Progress is as in Options.
	Progress func(stage string, done, total uint64)
}

// Households is who lives with whom.
type Households struct {
	Of        []int32 // of each person: the household; -1: no record says where the person lives
	N         int     // households; they are numbered by their first persons
	Threshold float64 // score of filters of one home
	Compared  uint64  // pairs of filters
	// Precision is the share of pairs of persons of alike filters whose homes have the same
	// key, of the Judged pairs whose homes both have one; NaN where there are none.
	Precision float64
	Judged    int
	ByKey     int // households of several families that share a key
	Disputed  int // keys of which several families are left apart
	Moved     int // persons whose records disagree about where they live
	TooLarge  int // families taken apart
	// Agrees is, for each party, how often its records have a person's home where those of
	// other parties have it; NaN where none can be compared.
	Agrees []float64
	Plan   Plan    // which pairs of filters were compared
	namers []int32 // of each household: the record that its ID is made of, where FollowHouseholds chose it
}

// mostInHousehold is the most persons in a household that no exact key vouches for. In
// England and Wales one household in a thousand has eight or more (Census 2021, TS017);
// twelve leave room for it to be counted with members who have moved on.
const mostInHousehold = 12

// homeLikeness is the share of tokens that filters of one home have in common at least, by
// the weights of hashing's household filter: .85 where one lacks the number of the flat, .91
// where the surname has a slip, but .7 for two surnames at one address and .73 for neighbours
// of one surname. That is known beforehand, so that neither truth nor luck is needed.
const homeLikeness = 0.80

// homeScore is the score of two filters whose records share homeLikeness; fill is the share
// of bits that are set. In a Bloom filter it is more than the likeness, since some bits of
// the tokens that differ are set by others already: two filters of fill p that share l
// of their insertions differ in 2(u-u^(2-l)) of the bits, u = 1-p, and score 1 less that
// over 2p, whether by Dice or by an estimate of it (similarity.go).
func homeScore(similarity string, fill float64) float64 {
	name, rest, _ := strings.Cut(similarity, ":")
	args := strings.Split(rest, ":")
	switch name {
	case "sketch": // the cosine is the share itself
		return homeLikeness
	case "xor":
		if p, err := strconv.ParseFloat(args[min(1, len(args)-1)], 64); err == nil {
			fill = p
		}
	case "noise":
		if f, err := strconv.ParseFloat(args[0], 64); err == nil {
			fill = (fill - f/2) / (1 - f)
		}
	}
	fill = min(0.99, max(0.01, fill))
	unset := 1 - fill
	score := 1 - (unset-math.Pow(unset, 2-homeLikeness))/fill
	return math.Round(score*grid) / grid
}

// Households groups the persons of a result.
func (r *Result) Households(ctx context.Context, h Homes) (*Households, error) {
	n := len(r.IDs)
	if len(h.Bits) != n*h.Length/64 || h.Exact != nil && len(h.Exact) != n {
		return nil, fmt.Errorf("%d records, with %d words of filters and %d exact keys of their households: there should be one of each for every record", n, len(h.Bits), len(h.Exact))
	}
	f, err := r.readHomes(&h)
	if err != nil {
		return nil, err
	}
	out := &Households{Threshold: f.score, Precision: math.NaN()}
	floor := f.score
	if len(f.ids) > 1 {
		if floor, err = f.compare(ctx, &h, out); err != nil {
			return nil, err
		}
	}
	f.choose(r, out.Threshold)
	out.Moved, out.Agrees = f.moved, f.agrees
	pairs := f.pairs()
	out.judge(f, pairs)
	out.join(f, out.families(ctx, f, pairs, floor))
	return out, ctx.Err()
}

// compare finds which filters are alike, and how much. The floor that it returns is the
// least score that was looked for. Where so many filters score what those of one home do
// that it tells nothing, being short, the threshold is where they are few enough.
func (f *homes) compare(ctx context.Context, h *Homes, out *Households) (floor float64, err error) {
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
		return 0, err
	}
	s, err := run.sample(ctx)
	if err != nil {
		return 0, err
	}
	out.Threshold = value(ratio(max(step(f.score), s.least())))
	least := s.floor(out.Threshold)
	all := layer{run, s, out.Threshold, true}
	blocking := h.Blocking
	blocking.orNone = true
	switch blocking.Method {
	case BlockExact:
		blocking.Method = ""
	case BlockBoth:
		blocking.Method = BlockLSH
	}
	blocks, err := plan([]layer{all}, nil, blocking)
	if err != nil {
		return 0, err
	}
	near, compared, err := all.compareAll(ctx, 0, blocks, least)
	if err != nil {
		return 0, err
	}
	out.Compared, out.Plan = compared, blocks.Plan
	row := run.parties[0].row
	f.near = make([][]nearHome, len(f.ids))
	for _, p := range near {
		a, b := row[p.A], row[p.B]
		f.near[a] = append(f.near[a], nearHome{b, p.Score})
		f.near[b] = append(f.near[b], nearHome{a, p.Score})
	}
	return value(least), nil
}

// pairs are the pairs of persons whose homes have filters that are near, each once with its
// best score, in the order of persons.
func (f *homes) pairs() []Pair {
	var pairs []Pair
	in := make([][]int32, len(f.ids)) // who has chosen a home with the filter
	for p, filters := range f.chosen {
		for _, n := range filters {
			if f.persons[n] != nil {
				in[n] = append(in[n], int32(p))
			}
		}
	}
	for n, here := range in {
		for i, a := range here {
			for _, b := range here[i+1:] {
				pairs = append(pairs, Pair{a, b, 1})
			}
		}
		for _, to := range f.near[n] {
			if to.filter < int32(n) {
				continue
			}
			for _, a := range here {
				for _, b := range in[to.filter] {
					if a != b {
						pairs = append(pairs, Pair{min(a, b), max(a, b), to.score})
					}
				}
			}
		}
	}
	slices.SortFunc(pairs, func(x, y Pair) int {
		return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B), cmp.Compare(y.Score, x.Score))
	})
	return slices.CompactFunc(pairs, func(x, y Pair) bool { return x.A == y.A && x.B == y.B })
}

// judge holds alike filters against keys, where both homes have one.
func (o *Households) judge(f *homes, pairs []Pair) {
	var right int
	for _, p := range pairs {
		a, b := f.key[p.A], f.key[p.B]
		if p.Score < o.Threshold || a == (ExactKey{}) || b == (ExactKey{}) {
			continue
		}
		o.Judged++
		if a == b {
			right++
		}
	}
	if o.Judged > 0 {
		o.Precision = float64(right) / float64(o.Judged)
	}
}

// families joins persons whose homes are alike, and returns those of each family. Persons
// of whom no record says where they live are in none.
func (o *Households) families(ctx context.Context, f *homes, pairs []Pair, floor float64) [][]int32 {
	pairs = slices.DeleteFunc(pairs, func(p Pair) bool { return conflict(f.key[p.A], f.key[p.B]) })
	slices.SortStableFunc(pairs, func(x, y Pair) int { return cmp.Compare(y.Score, x.Score) })
	of, n, rules := personsOf(ctx, []int{0, len(f.key)}, []bool{false}, pairs, o.Threshold, Least(o.Threshold, floor, false))
	o.TooLarge = rules.TooLarge
	all := make([][]int32, n)
	for p, family := range of {
		if f.records[p] > 0 {
			all[family] = append(all[family], int32(p))
		}
	}
	var out [][]int32
	for _, family := range all {
		switch {
		case len(family) > mostInHousehold:
			o.TooLarge++
			out = append(out, f.takeApart(family)...)
		case len(family) > 0:
			out = append(out, family)
		}
	}
	return out
}

// takeApart leaves together the persons with the same first filter, unless those are too
// many too.
func (f *homes) takeApart(family []int32) (parts [][]int32) {
	first := func(p int32) int32 {
		if len(f.chosen[p]) == 0 {
			return -1 - p
		}
		return f.chosen[p][0]
	}
	family = slices.Clone(family)
	slices.SortStableFunc(family, func(a, b int32) int { return cmp.Compare(first(a), first(b)) })
	for from, to := 0, 0; from < len(family); from = to {
		for to < len(family) && first(family[to]) == first(family[from]) {
			to++
		}
		if to-from <= mostInHousehold {
			parts = append(parts, family[from:to])
			continue
		}
		for i := from; i < to; i++ {
			parts = append(parts, family[i:i+1])
		}
	}
	return parts
}

// join makes households of families: those of one key that are sure together, every other by
// itself.
func (o *Households) join(f *homes, families [][]int32) {
	slices.SortFunc(families, func(a, b []int32) int { return cmp.Compare(a[0], b[0]) })
	o.Of = slices.Repeat([]int32{-1}, len(f.key))
	claims := map[ExactKey]*claim{}
	for _, family := range families {
		of := int32(o.N)
		if key := f.keyOfFamily(family); key != (ExactKey{}) {
			c := claims[key]
			if c == nil {
				c = &claim{household: -1}
				claims[key] = c
			}
			switch sure := f.sure(family); {
			case !sure:
				c.apart++
			case c.household < 0:
				c.household = of
			default:
				of = c.household
				c.joined++
			}
		}
		for _, p := range family {
			o.Of[p] = of
		}
		if of == int32(o.N) {
			o.N++
		}
	}
	for _, c := range claims {
		if c.joined > 0 {
			o.ByKey++
		}
		if c.apart > 1 || c.apart == 1 && c.household >= 0 {
			o.Disputed++
		}
	}
}

// A claim is what families make of one key.
type claim struct {
	household     int32 // of the families that are sure; -1: there is none
	joined, apart int   // families beyond the first that are sure, and those that are not
}

// keyOfFamily is the key that most of its persons have; of equal ones the smallest.
func (f *homes) keyOfFamily(family []int32) (key ExactKey) {
	var most int
	for _, p := range family {
		k := f.key[p]
		if k == (ExactKey{}) {
			continue
		}
		n := 0
		for _, q := range family {
			if f.key[q] == k {
				n++
			}
		}
		if n > most || n == most && bytes.Compare(k[:], key[:]) < 0 {
			key, most = k, n
		}
	}
	return key
}

// sure reports whether all records of a family agree where it lives, two for at least half of
// its persons.
func (f *homes) sure(family []int32) bool {
	twice := 0
	for _, p := range family {
		if f.here[p] < f.records[p] {
			return false
		}
		if f.here[p] >= 2 {
			twice++
		}
	}
	return 2*twice >= len(family)
}

func conflict(a, b ExactKey) bool {
	return a != b && a != (ExactKey{}) && b != (ExactKey{})
}

// HouseholdIDs names each household as PersonIDs does persons: by the smallest record ID of
// any of its persons, unless an earlier linkage had named it by another (FollowHouseholds).
// The two kinds of name have nothing in common.
func (r *Result) HouseholdIDs(h *Households, secret []byte, party string) [][16]byte {
	namers := h.namers
	if namers == nil {
		namers = smallest(r.IDs, h.ofRecords(r), h.N)
	}
	ids := make([][16]byte, h.N)
	name := newHouseholdNamer(secret, party)
	for i, record := range namers {
		ids[i] = name.of(r.IDs[record])
	}
	return ids
}

// ofRecords is the household of each record's person.
func (o *Households) ofRecords(r *Result) []int32 {
	of := make([]int32, len(r.IDs))
	for i, person := range r.Person {
		of[i] = o.Of[person]
	}
	return of
}
