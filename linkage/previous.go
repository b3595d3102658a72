package linkage

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"

	"cohortlink/linkage/overlap"
)

// When a party joins a project, or sends a batch of new records, all that two old records
// have to say to each other is known: the earlier linkage kept its pairs above its floor.
// So only new records are compared, with each other and with the old ones, and persons are
// formed of old and new pairs together, just as if everything had been compared again. For
// a linkage of n records and m new ones that is m(n+m/2) comparisons in place of (n+m)²/2.
//
// It is the same result to the last pair as long as the floor is not under that of the
// earlier linkage: what lies under it is not known any more. The sample for the estimate is
// read off the earlier pairs in the same way (takeLook), and says as little under the floor.
// Where records have several filters or exact keys, new pairs are weighed as the old ones
// were (weighing.go).
//
// New records can show that two old persons are one, or that one was two. Person IDs are
// then kept by this rule: an ID is made of one record of its person (personid.go), and goes
// where that record goes.

// adopt takes over what an earlier linkage knows; nil takes over nothing.
func (r *run) adopt(previous *Result) error {
	if previous == nil {
		return nil
	}
	number := make(map[RecordID]int32, len(r.ones))
	for i := range r.parties {
		for k, id := range r.parties[i].ids {
			number[id] = int32(r.first[i] + k)
		}
	}
	r.old = make([]bool, len(r.ones))
	to := make([]int32, len(previous.IDs))
	for i, id := range previous.IDs {
		n, ok := number[id]
		name := previous.Parties[previous.Party(int32(i))]
		if !ok || r.parties[partyOf(r.first, n)].name != name {
			return fmt.Errorf("party %q lacks a record that the earlier linkage has: give the filters that it was linked from", name)
		}
		r.old[n], to[i] = true, n
	}
	for i, p := range r.parties {
		at := slices.Index(previous.Parties, p.name)
		if at >= 0 && previous.Clean[at] != p.clean {
			return fmt.Errorf("party %q says otherwise than in the earlier linkage whether it has each person once: link all files without it", r.parties[i].name)
		}
	}
	if previous.Offsets != nil {
		// A party that is new has none: what its strangers score like is not held against then.
		r.offsets = make(Offsets, len(r.parties))
		for i := range r.parties {
			r.offsets[i] = make([]int, len(r.parties))
			for j := range r.parties {
				if a, b := slices.Index(previous.Parties, r.parties[i].name), slices.Index(previous.Parties, r.parties[j].name); a >= 0 && b >= 0 {
					r.offsets[i][j] = previous.Offsets.Of(a, b)
				}
			}
		}
	}
	for _, p := range previous.Pairs {
		a, b := to[p.A], to[p.B]
		r.known = append(r.known, Pair{min(a, b), max(a, b), p.Score})
	}
	return nil
}

// isOld reports whether the earlier linkage had a record.
func (r *run) isOld(record int32) bool { return r.old != nil && r.old[record] }

// knownFrom are the pairs of old records at or above a floor.
func (r *run) knownFrom(floor overlap.Ratio) []Pair {
	n := 0
	for n < len(r.known) && r.known[n].Score >= value(floor) {
		n++
	}
	return r.known[:n]
}

// notUnder raises a floor to that of the earlier linkage, which a threshold may not be under.
func (r *run) notUnder(floor overlap.Ratio, chosen Threshold) (overlap.Ratio, error) {
	if r.Previous == nil || value(floor) >= r.Previous.Floor {
		return floor, nil
	}
	least := ratio(step(r.Previous.Floor))
	if chosen.Score() < value(least) {
		return floor, fmt.Errorf("the threshold %.3f lies under %.3f, below which the earlier linkage kept no pairs: give a higher threshold, or link all files without it", chosen.Score(), value(least))
	}
	return least, nil
}

// Changes says what became of the persons of an earlier linkage.
type Changes struct {
	Merged  int // persons that hold records of two or more earlier persons
	Split   int // earlier persons whose records are in two or more persons
	Renamed int // earlier records whose person ID is another now
	// Records are all earlier records of persons that were merged or split, by the new
	// person's first record and then in the order of records.
	Records []Change
}

// A Change is what became of one record. A record can be in a person that was both.
type Change struct {
	Record        int32
	Before, After PersonID
	Merge, Split  bool
}

// Follow keeps the person IDs of an earlier linkage, which must have been made with the
// same secret: PersonIDs then gives a person the ID whose record it holds. Of several it is
// that of the earlier person most of whose records it holds, and of those with as many
// the one whose naming record has the smallest ID. Every earlier record must be in r.
func (r *Result) Follow(previous *Result, ids []PersonID, secret []byte) (*Changes, error) {
	number := make(map[RecordID]int32, len(r.IDs))
	for i, id := range r.IDs {
		number[id] = int32(i)
	}
	before := make([]int32, len(r.IDs)) // of each record: its earlier person
	for i := range before {
		before[i] = -1
	}
	type overlapping struct{ now, before int32 }
	held := map[overlapping]int{} // records of both
	naming := make([]int32, previous.Persons)
	for i := range naming {
		naming[i] = -1
	}
	name := newNamer(secret, "")
	for i, id := range previous.IDs {
		n, ok := number[id]
		if !ok {
			return nil, errors.New("a record of the earlier linkage is gone: give the filters that it was linked from")
		}
		p := previous.Person[i]
		before[n] = p
		held[overlapping{r.Person[n], p}]++
		if name.of(id) == ids[p] {
			naming[p] = n
		}
	}
	if slices.Contains(naming, -1) {
		return nil, errors.New("the person IDs of the earlier linkage were made with another secret than the one beside them: link all files without it")
	}

	namers := r.smallest()
	taken := make([]int32, r.Persons) // the earlier person whose ID it has
	for i := range taken {
		taken[i] = -1
	}
	for p, record := range naming {
		now := r.Person[record]
		if t := taken[now]; t < 0 || cmp.Or(
			cmp.Compare(held[overlapping{now, int32(p)}], held[overlapping{now, t}]),
			bytes.Compare(r.IDs[naming[t]][:], r.IDs[record][:]),
		) > 0 {
			taken[now], namers[now] = int32(p), record
		}
	}
	r.namers = namers

	c := &Changes{}
	sources, targets := make([]int, r.Persons), make([]int, previous.Persons)
	for o := range held {
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
	now := r.PersonIDs(secret, "")
	for i, p := range before {
		if p < 0 {
			continue
		}
		x := Change{Record: int32(i), Before: ids[p], After: now[r.Person[i]], Merge: sources[r.Person[i]] > 1, Split: targets[p] > 1}
		if x.Before != x.After {
			c.Renamed++
		}
		if x.Merge || x.Split {
			c.Records = append(c.Records, x)
		}
	}
	slices.SortStableFunc(c.Records, func(x, y Change) int { return cmp.Compare(r.Person[x.Record], r.Person[y.Record]) })
	return c, nil
}
