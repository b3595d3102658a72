package linkage

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
)

// New records can show that two persons of an earlier linkage are one, or that one was two.
// Person IDs are then kept by this rule: an ID is made of one record of its person
// (personid.go), and goes where that record goes. Of several IDs that come together in a
// person it keeps that of the earlier person most of whose records it holds. Household IDs
// are kept by the same rule: a household is all the records of its persons, and those of a
// person of whom no record says where the person lives are in none.

// Changes says what became of the persons, or the households, of an earlier linkage.
type Changes struct {
	Merged  int // those that hold records of two or more earlier ones
	Split   int // earlier ones whose records are in two or more
	Renamed int // earlier records with an ID that have another now, or none
	// Records are all earlier records of those that were merged or split, by the first
	// record of what they are in now and then in the order of records.
	Records []Change
}

// A Change is what became of one record. It can be in a person that was both.
type Change struct {
	Record        int32
	Before, After [16]byte // PersonID, or the ID of a household; zero: none
	Merge, Split  bool
}

// Follow keeps the person IDs of an earlier linkage, which must have been made with the
// same secret: PersonIDs then gives a person the ID whose record it holds. Of several it is
// that of the earlier person most of whose records it holds, and of those with as many
// the one whose naming record has the smallest ID. Every earlier record must be in r.
func (r *Result) Follow(previous *Result, ids []PersonID, secret []byte) (*Changes, error) {
	f, err := r.following(previous, previous.Person, r.Person, previous.Persons, r.Persons)
	if err != nil {
		return nil, err
	}
	if r.namers, err = f.namers(ids, newNamer(secret, "")); err != nil {
		return nil, err
	}
	return f.changes(ids, r.PersonIDs(secret, "")), nil
}

// FollowHouseholds is Follow for households: of has the earlier one of each person of
// previous, -1 where there was none, and ids their names. HouseholdIDs of r and h then
// gives households the IDs of those.
func (r *Result) FollowHouseholds(h *Households, previous *Result, of []int32, ids [][16]byte, secret []byte) (*Changes, error) {
	before := make([]int32, len(previous.IDs))
	for i, person := range previous.Person {
		before[i] = of[person]
	}
	f, err := r.following(previous, before, h.ofRecords(r), len(ids), h.N)
	if err != nil {
		return nil, err
	}
	if h.namers, err = f.namers(ids, newHouseholdNamer(secret, "")); err != nil {
		return nil, err
	}
	return f.changes(ids, r.HouseholdIDs(h, secret, "")), nil
}

// following holds the groups of records that an earlier linkage made against those of now.
type following struct {
	records     []RecordID
	before, now []int32 // of each record: its group, -1 without one
	groups      int     // now
	held        map[overlapping]int
	earlier     int // groups then
}

// overlapping is a group of now and one of before, with records in common.
type overlapping struct{ now, before int32 }

// following makes it of the groups of the earlier records, in their order, and of r's.
func (r *Result) following(previous *Result, before, now []int32, earlier, groups int) (*following, error) {
	number := make(map[RecordID]int32, len(r.IDs))
	for i, id := range r.IDs {
		number[id] = int32(i)
	}
	f := &following{r.IDs, slices.Repeat([]int32{-1}, len(r.IDs)), now, groups, map[overlapping]int{}, earlier}
	for i, id := range previous.IDs {
		n, ok := number[id]
		if !ok {
			return nil, errors.New("a record of the earlier linkage is gone: give the filters that it was linked from")
		}
		if f.before[n] = before[i]; before[i] >= 0 && now[n] >= 0 {
			f.held[overlapping{now[n], before[i]}]++
		}
	}
	return f, nil
}

// namers is the record that each group is to be named by; ids are the names of those before.
func (f *following) namers(ids [][16]byte, name *namer) ([]int32, error) {
	naming := slices.Repeat([]int32{-1}, f.earlier) // the record that each earlier group was named by
	for i, of := range f.before {
		if of >= 0 && name.of(f.records[i]) == ids[of] {
			naming[of] = int32(i)
		}
	}
	if slices.Contains(naming, -1) {
		return nil, errors.New("the IDs of the earlier linkage were made with another secret than the one beside them: link all files without it")
	}
	out := smallest(f.records, f.now, f.groups)
	taken := slices.Repeat([]int32{-1}, f.groups) // the earlier group whose ID it has
	for of, record := range naming {
		now := f.now[record]
		if now < 0 {
			continue // the name goes with its record
		}
		if t := taken[now]; t < 0 || cmp.Or(
			cmp.Compare(f.held[overlapping{now, int32(of)}], f.held[overlapping{now, t}]),
			bytes.Compare(f.records[naming[t]][:], f.records[record][:]),
		) > 0 {
			taken[now], out[now] = int32(of), record
		}
	}
	return out, nil
}

// changes says what became of the earlier groups, by their names of then and now.
func (f *following) changes(before, after [][16]byte) *Changes {
	c := &Changes{}
	sources, targets := make([]int, f.groups), make([]int, f.earlier)
	for o := range f.held {
		sources[o.now]++
		targets[o.before]++
	}
	for _, n := range sources {
		if n > 1 {
			c.Merged++
		}
	}
	for _, n := range targets {
		if n > 1 {
			c.Split++
		}
	}
	for i, of := range f.before {
		if of < 0 {
			continue
		}
		x := Change{Record: int32(i), Before: before[of], Split: targets[of] > 1}
		if now := f.now[i]; now >= 0 {
			x.After, x.Merge = after[now], sources[now] > 1
		}
		if x.Before != x.After {
			c.Renamed++
		}
		if x.Merge || x.Split {
			c.Records = append(c.Records, x)
		}
	}
	slices.SortStableFunc(c.Records, func(x, y Change) int { return cmp.Compare(f.now[x.Record], f.now[y.Record]) })
	return c
}
