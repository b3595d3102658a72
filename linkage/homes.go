package linkage

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"cohortlink/linkage/overlap"
)

// Where does a person live whose records disagree? No record says how old it is. But people
// move together, so that the answer must be the same for all of a family, or it is torn
// apart. So a person has the home, of those that the own records name, that most other
// persons of the surname have in their records too. Where that does not decide, each record
// votes, with the share of cases in which its party's records agree with those of others,
// since one party's addresses are fresher than another's. Of equal ones it is the home with
// the smallest record ID.

// homes are the homes that records name, and which of them each person has.
type homes struct {
	h       *Homes
	measure *measure // nil: there are no filters
	words   int
	score   float64 // of filters of one home

	// By record.
	party  []int
	ones   []int   // of the filter
	number []int32 // of the filter; -1 without one

	// By distinct filter.
	ids     []RecordID // of a record that has it
	bits    []uint64
	persons [][]named // whose records have it; nil where they are too many to be told apart by it
	near    [][]nearHome

	// By person.
	of      [][]int32  // records that say where the person lives
	records []int      // how many these are
	here    []int      // how many of them have the chosen home
	chosen  [][]int32  // filters of the chosen home
	key     []ExactKey // of the chosen home; zero: not known

	moved  int
	agrees []float64 // by party
}

// named is a person whose record has a filter, and the record's key.
type named struct {
	person int32
	key    ExactKey
}

type nearHome struct {
	filter int32
	score  float64
}

// mostOfOneFilter is the most persons whose records may have equal filters. More of them
// have no address of their own, but "no fixed abode" or a service's.
const mostOfOneFilter = 100

// readHomes gathers what records say.
func (r *Result) readHomes(h *Homes) (*homes, error) {
	n := len(r.IDs)
	f := &homes{
		h: h, words: h.Length / 64, party: make([]int, n), ones: make([]int, n), number: slices.Repeat([]int32{-1}, n),
		of: make([][]int32, r.Persons), records: make([]int, r.Persons), here: make([]int, r.Persons),
		chosen: make([][]int32, r.Persons), key: make([]ExactKey, r.Persons),
	}
	if h.Length > 0 {
		var err error
		if f.measure, err = newMeasure(h.Similarity, h.Length); err != nil {
			return nil, err
		}
	}
	number, filled := map[[sha256.Size]byte]int32{}, 0
	buffer := make([]byte, 8*f.words)
	for i := range n {
		record, person := int32(i), r.Person[i]
		f.party[i] = r.Party(record)
		filter := f.filter(record)
		for k, w := range filter {
			f.ones[i] += bits.OnesCount64(w)
			binary.LittleEndian.PutUint64(buffer[8*k:], w)
		}
		if f.ones[i] == 0 && f.keyOf(record) == (ExactKey{}) {
			continue
		}
		f.of[person] = append(f.of[person], record)
		f.records[person]++
		if f.ones[i] == 0 {
			continue
		}
		filled++
		sum := sha256.Sum256(buffer)
		at, ok := number[sum]
		if !ok {
			at = int32(len(f.ids))
			number[sum] = at
			f.ids, f.bits, f.persons = append(f.ids, r.IDs[i]), append(f.bits, filter...), append(f.persons, nil)
		}
		f.number[i] = at
		f.persons[at] = append(f.persons[at], named{person, f.keyOf(record)})
	}
	if total := 0.0; f.measure != nil {
		for _, n := range f.ones {
			total += float64(n)
		}
		f.score = homeScore(h.Similarity, total/float64(max(1, filled)*h.Length))
	}
	f.near = make([][]nearHome, len(f.ids))
	for at, in := range f.persons {
		if len(in) > mostOfOneFilter {
			f.persons[at] = nil
		}
	}
	f.agrees = f.agreement(len(r.Parties))
	return f, nil
}

func (f *homes) filter(record int32) []uint64 { return f.h.Bits[int(record)*f.words:][:f.words] }

func (f *homes) keyOf(record int32) ExactKey {
	if f.h.Exact == nil {
		return ExactKey{}
	}
	return f.h.Exact[record]
}

// same reports whether two records of one person have one home; known is false where they
// cannot be compared.
func (f *homes) same(a, b int32) (same, known bool) {
	x, y := f.keyOf(a), f.keyOf(b)
	switch {
	case x != (ExactKey{}) && y != (ExactKey{}):
		return x == y, true
	case f.ones[a] == 0 || f.ones[b] == 0:
		return false, false
	}
	common := overlap.CommonBits(f.filter(a), f.filter(b))
	return f.measure.score(common, f.ones[a], f.ones[b]) >= f.score, true
}

// agreement is how often the records of each party have a home where records of the same
// persons in other parties have it.
func (f *homes) agreement(parties int) []float64 {
	agree, all := make([]float64, parties), make([]float64, parties)
	for _, of := range f.of {
		for i, a := range of {
			for _, b := range of[i+1:] {
				if f.party[a] == f.party[b] {
					continue
				}
				same, known := f.same(a, b)
				if !known {
					continue
				}
				for _, p := range [...]int{f.party[a], f.party[b]} {
					all[p]++
					if same {
						agree[p]++
					}
				}
			}
		}
	}
	for p := range agree {
		agree[p] /= all[p]
	}
	return agree
}

// A home is one that a person's records name.
type home struct {
	records  []int32
	kin      int     // other persons of the surname who have it in their records
	votes    float64 // of the records
	smallest RecordID
}

// choose gives each person a home. Filters that score the threshold are of one.
func (f *homes) choose(r *Result, threshold float64) {
	for p, of := range f.of {
		all := f.homesOf(r, of)
		switch len(all) {
		case 0:
			continue
		case 1:
		default:
			f.moved++
			for i := range all {
				all[i].kin = f.kin(int32(p), all[i].records, threshold)
			}
		}
		best := slices.MaxFunc(all, func(x, y home) int {
			return cmp.Or(cmp.Compare(x.kin, y.kin), cmp.Compare(x.votes, y.votes), bytes.Compare(y.smallest[:], x.smallest[:]))
		})
		f.here[p] = len(best.records)
		votes := map[ExactKey]float64{}
		most := 0.0
		for _, i := range best.records {
			if at := f.number[i]; at >= 0 && !slices.Contains(f.chosen[p], at) {
				f.chosen[p] = append(f.chosen[p], at)
			}
			if k := f.keyOf(i); k != (ExactKey{}) {
				votes[k] += f.vote(i)
				if votes[k] > most {
					f.key[p], most = k, votes[k]
				}
			}
		}
	}
}

// homesOf parts a person's records by home.
func (f *homes) homesOf(r *Result, of []int32) []home {
	sets := newForest(len(of))
	for i, a := range of {
		for j, b := range of[i+1:] {
			if same, _ := f.same(a, b); same {
				sets.join(int32(i), int32(i+1+j))
			}
		}
	}
	at := map[int32]int{}
	var all []home
	for i, record := range of {
		root := sets.root(int32(i))
		n, ok := at[root]
		if !ok {
			n = len(all)
			at[root] = n
			all = append(all, home{smallest: r.IDs[record]})
		}
		h := &all[n]
		h.records = append(h.records, record)
		h.votes += f.vote(record)
		if id := r.IDs[record]; bytes.Compare(id[:], h.smallest[:]) < 0 {
			h.smallest = id
		}
	}
	return all
}

// vote is above 0, and at most 1.
func (f *homes) vote(record int32) float64 {
	const least = 0.01
	if a := f.agrees[f.party[record]]; !math.IsNaN(a) {
		return max(a, least)
	}
	return least
}

// kin counts the other persons who have a home in their records, under a filter alike.
func (f *homes) kin(person int32, records []int32, threshold float64) int {
	seen := map[int32]bool{}
	count := func(filter int32, key ExactKey) {
		for _, q := range f.persons[filter] {
			if q.person != person && !conflict(q.key, key) {
				seen[q.person] = true
			}
		}
	}
	for _, i := range records {
		at := f.number[i]
		if at < 0 {
			continue
		}
		count(at, f.keyOf(i))
		for _, to := range f.near[at] {
			if to.score >= threshold {
				count(to.filter, f.keyOf(i))
			}
		}
	}
	return len(seen)
}
