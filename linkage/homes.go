package linkage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"cohortlink/linkage/overlap"
)

// Where does a person live whose records disagree? No record says how old it is. But people
// move together, so that the answer must be the same for all of a family, or it is torn
// apart; and one party's addresses are fresher than another's, which shows in how often they
// are where others have the same person. So each record votes for its home with the share
// of cases in which its party's records agree with those of others, and the home with most
// votes has it; of equal ones that of the smallest record ID.

// homes are the homes of persons.
type homes struct {
	measure *measure // nil: there are no filters
	words   int

	// By person.
	key   []ExactKey // zero: not known
	told  []bool     // a filter says where the person lives
	first []int32    // the first of its filters, -1 without one

	// By distinct filter of a home.
	ids     []RecordID // of a record that has it
	bits    []uint64
	persons [][]int32 // who lives there; empty where they are too many to be told apart by it

	moved  int
	agrees []float64 // by party
}

// mostOfOneFilter is the most persons whose homes may have equal filters. More of them have
// no address of their own, but "no fixed abode" or a service's.
const mostOfOneFilter = 100

func (r *Result) findHomes(h *Homes) (*homes, error) {
	f := &homes{words: h.Length / 64, key: make([]ExactKey, r.Persons), told: make([]bool, r.Persons), first: slices.Repeat([]int32{-1}, r.Persons)}
	if h.Length > 0 {
		var err error
		if f.measure, err = newMeasure(h.Similarity, h.Length); err != nil {
			return nil, err
		}
	}
	v := &voters{homes: f, h: h, party: make([]int, len(r.IDs)), ones: make([]int, len(r.IDs))}
	records := make([][]int32, r.Persons)
	for i := range r.IDs {
		v.party[i] = r.Party(int32(i))
		for _, w := range f.filter(h, int32(i)) {
			v.ones[i] += bits.OnesCount64(w)
		}
		if v.ones[i] > 0 || v.keyOf(int32(i)) != (ExactKey{}) {
			records[r.Person[i]] = append(records[r.Person[i]], int32(i))
		}
	}
	f.agrees = v.agreement(records, len(r.Parties))

	number := map[[sha256.Size]byte]int32{} // of distinct filters
	buffer := make([]byte, 8*f.words)
	for p, of := range records {
		var filters []int32
		for _, i := range v.home(r, of, &f.key[p], &f.moved) {
			if v.ones[i] == 0 {
				continue
			}
			filter := f.filter(h, i)
			for k, w := range filter {
				binary.LittleEndian.PutUint64(buffer[8*k:], w)
			}
			sum := sha256.Sum256(buffer)
			n, ok := number[sum]
			if !ok {
				n = int32(len(f.ids))
				number[sum] = n
				f.ids, f.bits, f.persons = append(f.ids, r.IDs[i]), append(f.bits, filter...), append(f.persons, nil)
			}
			if !slices.Contains(filters, n) {
				filters = append(filters, n)
				f.persons[n] = append(f.persons[n], int32(p))
			}
		}
		if len(filters) > 0 {
			f.told[p], f.first[p] = true, filters[0]
		}
	}
	for n, in := range f.persons {
		if len(in) > mostOfOneFilter {
			f.persons[n] = nil
		}
	}
	return f, nil
}

func (f *homes) filter(h *Homes, record int32) []uint64 {
	return h.Bits[int(record)*f.words:][:f.words]
}

// voters are the records.
type voters struct {
	*homes
	h     *Homes
	party []int
	ones  []int
}

func (v *voters) keyOf(i int32) ExactKey {
	if v.h.Exact == nil {
		return ExactKey{}
	}
	return v.h.Exact[i]
}

// same reports whether two records have one home; known is false where they cannot be
// compared.
func (v *voters) same(a, b int32) (same, known bool) {
	x, y := v.keyOf(a), v.keyOf(b)
	switch {
	case x != (ExactKey{}) && y != (ExactKey{}):
		return x == y, true
	case v.ones[a] == 0 || v.ones[b] == 0:
		return false, false
	}
	common := overlap.CommonBits(v.filter(v.h, a), v.filter(v.h, b))
	return v.measure.score(common, v.ones[a], v.ones[b]) >= homeScore, true
}

// agreement is how often the records of each party have a home where records of the same
// persons in other parties have it.
func (v *voters) agreement(records [][]int32, parties int) []float64 {
	agree, all := make([]float64, parties), make([]float64, parties)
	for _, of := range records {
		for i, a := range of {
			for _, b := range of[i+1:] {
				if v.party[a] == v.party[b] {
					continue
				}
				same, known := v.same(a, b)
				if !known {
					continue
				}
				for _, p := range [...]int{v.party[a], v.party[b]} {
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

// home returns the records that have a person's home, of those that have any; and its key, the
// one with most votes.
func (v *voters) home(r *Result, of []int32, key *ExactKey, moved *int) []int32 {
	if len(of) == 0 {
		return nil
	}
	sets := newForest(len(of))
	for i, a := range of {
		for j, b := range of[i+1:] {
			if same, _ := v.same(a, b); same {
				sets.join(int32(i), int32(i+1+j))
			}
		}
	}
	votes := func(i int32) float64 {
		if a := v.agrees[v.party[i]]; !math.IsNaN(a) {
			return a
		}
		return 0
	}
	total := make([]float64, len(of))
	smallest := make([]int32, len(of))
	several := false
	for i, a := range of {
		s := sets.root(int32(i))
		several = several || s != 0
		if total[s] += votes(a); s == int32(i) || bytes.Compare(r.IDs[a][:], r.IDs[smallest[s]][:]) < 0 {
			smallest[s] = a
		}
	}
	if several {
		*moved++
	}
	best := sets.root(0)
	for i := range of {
		if s := sets.root(int32(i)); s != best {
			if d := total[s] - total[best]; d > 1e-9 || d > -1e-9 && bytes.Compare(r.IDs[smallest[s]][:], r.IDs[smallest[best]][:]) < 0 {
				best = s
			}
		}
	}
	var in []int32
	byKey := map[ExactKey]float64{}
	for i, a := range of {
		if sets.root(int32(i)) != best {
			continue
		}
		in = append(in, a)
		if k := v.keyOf(a); k != (ExactKey{}) {
			byKey[k] += votes(a)
		}
	}
	most := math.Inf(-1)
	for k, n := range byKey {
		if n > most+1e-9 || n > most-1e-9 && bytes.Compare(k[:], key[:]) < 0 {
			*key, most = k, n
		}
	}
	return in
}
