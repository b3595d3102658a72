package linkage

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawPersons gives records any persons, numbered by their first records.
func drawPersons(t *rapid.T, records int) (person []int32, n int) {
	number := map[int]int32{}
	for range records {
		p := rapid.IntRange(0, records).Draw(t, "person")
		if _, ok := number[p]; !ok {
			number[p] = int32(len(number))
		}
		person = append(person, number[p])
	}
	return person, len(number)
}

// Whatever is merged, split or added, and however often: no two persons have one ID, a person whose records are those
// of before keeps its ID, an ID is found only where a record of it is, and the changes are those that can be seen.
func TestFollow(t *testing.T) {
	secret := []byte("secret")
	rapid.Check(t, func(t *rapid.T) {
		var previous *Result
		var ids []PersonID
		n := 0
		for range rapid.IntRange(2, 4).Draw(t, "generations") {
			n += rapid.IntRange(1, 6).Draw(t, "new records")
			r := &Result{Parties: []string{"a"}, Clean: []bool{false}, First: []int{0, n}}
			for i := range n {
				r.IDs = append(r.IDs, RecordID{byte(37 * i)}) // an order of their own
			}
			// Records are numbered by ID, whenever they came.
			slices.SortFunc(r.IDs, func(x, y RecordID) int { return bytes.Compare(x[:], y[:]) })
			r.Person, r.Persons = drawPersons(t, n)
			if previous == nil {
				previous, ids = r, r.PersonIDs(secret, "")
				continue
			}
			c, err := r.Follow(previous, ids, secret)
			if err != nil {
				t.Fatal(err)
			}
			now, own := r.PersonIDs(secret, ""), r.PersonIDs(secret, "a")
			for _, list := range [][]PersonID{now, own} {
				if sorted := slices.Clone(list); len(slices.Compact(sortedIDs(sorted))) != r.Persons {
					t.Fatalf("two persons have one ID: %x", list)
				}
			}
			checkChanges(t, previous, r, ids, now, c)
			previous, ids = r, now
		}
	})
}

func sortedIDs(ids []PersonID) []PersonID {
	slices.SortFunc(ids, func(x, y PersonID) int { return bytes.Compare(x[:], y[:]) })
	return ids
}

func checkChanges(t *rapid.T, previous, r *Result, ids, now []PersonID, c *Changes) {
	before, after := map[PersonID]map[RecordID]bool{}, map[PersonID]map[RecordID]bool{}
	put := func(to map[PersonID]map[RecordID]bool, id PersonID, record RecordID) {
		if to[id] == nil {
			to[id] = map[RecordID]bool{}
		}
		to[id][record] = true
	}
	was := map[RecordID]PersonID{}
	for i, id := range previous.IDs {
		put(before, ids[previous.Person[i]], id)
		was[id] = ids[previous.Person[i]]
	}
	merged, split := map[PersonID]map[PersonID]bool{}, map[PersonID]map[PersonID]bool{}
	renamed := 0
	for i, id := range r.IDs {
		person := now[r.Person[i]]
		if old, ok := was[id]; ok {
			put(after, person, id)
			for _, x := range []struct {
				to       map[PersonID]map[PersonID]bool
				id, with PersonID
			}{{merged, person, old}, {split, old, person}} {
				if x.to[x.id] == nil {
					x.to[x.id] = map[PersonID]bool{}
				}
				x.to[x.id][x.with] = true
			}
			if old != person {
				renamed++
			}
		} else if after[person] == nil {
			after[person] = map[RecordID]bool{}
		}
	}
	count := func(of map[PersonID]map[PersonID]bool) (n int) {
		for _, x := range of {
			if len(x) > 1 {
				n++
			}
		}
		return n
	}
	if c.Merged != count(merged) || c.Split != count(split) || c.Renamed != renamed {
		t.Fatalf("%d merged, %d split and %d renamed; want %d, %d and %d", c.Merged, c.Split, c.Renamed, count(merged), count(split), renamed)
	}
	for id, records := range before {
		if len(split[id]) == 1 && len(merged[slices.Collect(maps.Keys(split[id]))[0]]) == 1 && !maps.Equal(after[id], records) {
			t.Fatalf("person %x is as before, and has another ID", id)
		}
		if now := after[id]; now != nil {
			shared := false
			for record := range now {
				shared = shared || records[record]
			}
			if !shared {
				t.Fatalf("ID %x went to a person without a record of it", id)
			}
		}
	}
	listed := map[RecordID]bool{}
	for _, x := range c.Records {
		id := r.IDs[x.Record]
		listed[id] = true
		if x.Before != was[id] || x.After != now[r.Person[x.Record]] || x.Split != (len(split[x.Before]) > 1) || x.Merge != (len(merged[x.After]) > 1) {
			t.Fatalf("record %x is listed as %+v", id, x)
		}
	}
	for id, old := range was {
		to := slices.Collect(maps.Keys(split[old]))
		if changed := len(to) > 1 || len(merged[to[0]]) > 1; changed != listed[id] {
			t.Fatalf("record %x is listed: %v, its person changed: %v", id, listed[id], changed)
		}
	}
}

func TestFollowRefusesAnotherSecret(t *testing.T) {
	r := &Result{Parties: []string{"a"}, Clean: []bool{true}, First: []int{0, 2}, IDs: []RecordID{{1}, {2}}, Person: []int32{0, 1}, Persons: 2}
	ids := r.PersonIDs([]byte("one"), "")
	if _, err := r.Follow(r, ids, []byte("two")); err == nil || !strings.Contains(err.Error(), "another secret") {
		t.Errorf("followed with error %v", err)
	}
	shorter := &Result{Parties: []string{"a"}, Clean: []bool{true}, First: []int{0, 1}, IDs: r.IDs[:1], Person: []int32{0}, Persons: 1}
	if _, err := shorter.Follow(r, ids, []byte("one")); err == nil {
		t.Error("a record is gone, and nobody minds")
	}
}

// Households keep their IDs as persons do: whatever becomes of persons and homes, no two have one ID, a household that
// holds what one of before held, and nothing of another, keeps its ID, and an ID goes nowhere without a record of it.
func TestFollowHouseholds(t *testing.T) {
	secret := []byte("secret")
	rapid.Check(t, func(t *rapid.T) {
		var previous *Result
		var of []int32
		var ids [][16]byte
		n := 0
		for range rapid.IntRange(2, 4).Draw(t, "generations") {
			n += rapid.IntRange(1, 6).Draw(t, "new records")
			r := &Result{Parties: []string{"a"}, Clean: []bool{false}, First: []int{0, n}}
			for i := range n {
				r.IDs = append(r.IDs, RecordID{byte(37 * i)})
			}
			slices.SortFunc(r.IDs, func(x, y RecordID) int { return bytes.Compare(x[:], y[:]) })
			r.Person, r.Persons = drawPersons(t, n)
			h := &Households{}
			h.Of, h.N = drawPersons(t, r.Persons)
			for p := range h.Of {
				// Nobody knows where some live; a household stays with one of its persons at least.
				if rapid.IntRange(0, 3).Draw(t, "unknown") == 0 && slices.Contains(h.Of[p+1:], h.Of[p]) {
					h.Of[p] = -1
				}
			}
			if previous != nil {
				c, err := r.FollowHouseholds(h, previous, of, ids, secret)
				if err != nil {
					t.Fatal(err)
				}
				checkHouseholds(t, previous, of, ids, r, h, r.HouseholdIDs(h, secret, ""), c)
			}
			previous, of, ids = r, h.Of, r.HouseholdIDs(h, secret, "")
			if all := slices.Clone(ids); len(slices.Compact(sortedIDs(all))) != h.N {
				t.Fatalf("two households have one ID: %x", ids)
			}
		}
	})
}

func checkHouseholds(t *rapid.T, previous *Result, of []int32, ids [][16]byte, r *Result, h *Households, now [][16]byte, c *Changes) {
	type known struct {
		id   [16]byte
		some bool
	}
	before, after := map[RecordID]known{}, map[RecordID]known{}
	for i, id := range previous.IDs {
		if household := of[previous.Person[i]]; household >= 0 {
			before[id] = known{ids[household], true}
		}
	}
	for i, id := range r.IDs {
		if household := h.Of[r.Person[i]]; household >= 0 {
			after[id] = known{now[household], true}
		}
	}
	sources, targets := map[[16]byte]map[[16]byte]bool{}, map[[16]byte]map[[16]byte]bool{}
	renamed := 0
	for id, was := range before {
		is := after[id]
		if is.id != was.id {
			renamed++
		}
		if !is.some {
			continue
		}
		if sources[is.id] == nil {
			sources[is.id] = map[[16]byte]bool{}
		}
		if targets[was.id] == nil {
			targets[was.id] = map[[16]byte]bool{}
		}
		sources[is.id][was.id], targets[was.id][is.id] = true, true
	}
	merged, split := 0, 0
	for _, from := range sources {
		if len(from) > 1 {
			merged++
		}
	}
	for _, to := range targets {
		if len(to) > 1 {
			split++
		}
	}
	if c.Merged != merged || c.Split != split || c.Renamed != renamed {
		t.Fatalf("%d merged, %d split and %d renamed; want %d, %d and %d", c.Merged, c.Split, c.Renamed, merged, split, renamed)
	}
	for id, was := range before {
		is := after[id]
		same := is.some && len(sources[is.id]) == 1 && len(targets[was.id]) == 1
		for other, old := range before {
			same = same && (old != was || after[other].some)
		}
		if same && is.id != was.id {
			t.Fatalf("household %x is as before, and has another ID", was.id)
		}
		changed := slices.ContainsFunc(c.Records, func(x Change) bool { return r.IDs[x.Record] == id && x.Before == was.id && x.After == is.id })
		if changed != (len(sources[is.id]) > 1 || len(targets[was.id]) > 1) {
			t.Fatalf("record %x is listed: %v", id, changed)
		}
	}
	for _, id := range now {
		if slices.Contains(ids, id) && len(sources[id]) > 0 && !sources[id][id] {
			t.Fatalf("ID %x went to a household without a record of it", id)
		}
	}
}

func TestFollowHouseholdsRefusesAnotherSecret(t *testing.T) {
	r, h := live(1, resident{at{"a", "x", false}}, resident{at{"b", "y", false}})
	lives := households(t, r, h)
	if _, err := r.FollowHouseholds(lives, r, lives.Of, r.HouseholdIDs(lives, []byte("one"), ""), []byte("two")); err == nil || !strings.Contains(err.Error(), "another secret") {
		t.Errorf("followed with error %v", err)
	}
}
