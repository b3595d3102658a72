package linkage

import (
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
// earlier linkage: what lies under it is not known any more. Nor is what its blocking lost,
// if it had any; that is counted into what is lost of all (blocked). The sample for the
// estimate is read off the earlier pairs in the same way (takeLook), and says as little
// under the floor. Where records have several filters or exact keys, new pairs are weighed
// as the old ones were (weighing.go). What becomes of person IDs is told in follow.go.

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
