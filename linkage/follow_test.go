package linkage

import (
	"bytes"
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
			checkChanges(t, nameOfEach(previous, previous.Person, ids), nameOfEach(r, r.Person, now), r, c)
			previous, ids = r, now
		}
	})
}

func sortedIDs(ids []PersonID) []PersonID {
	slices.SortFunc(ids, func(x, y PersonID) int { return bytes.Compare(x[:], y[:]) })
	return ids
}

// nameOfEach gives the records of a result, each in a group or -1, the names of their groups.
func nameOfEach(r *Result, group []int32, names [][16]byte) map[RecordID][16]byte {
	out := map[RecordID][16]byte{}
	for i, id := range r.IDs {
		if group[i] >= 0 {
			out[id] = names[group[i]]
		}
	}
	return out
}

// checkChanges holds changes against the names that records had before and have in r.
func checkChanges(t *rapid.T, before, after map[RecordID][16]byte, r *Result, c *Changes) {
	type names = map[[16]byte]bool
	sources, targets := map[[16]byte]names{}, map[[16]byte]names{}
	add := func(to map[[16]byte]names, at, name [16]byte) {
		if to[at] == nil {
			to[at] = names{}
		}
		to[at][name] = true
	}
	gone := names{} // those with a record that is in none any more
	renamed := 0
	for id, was := range before {
		is, some := after[id]
		if !some || is != was {
			renamed++
		}
		if !some {
			gone[was] = true
			continue
		}
		add(sources, is, was)
		add(targets, was, is)
	}
	several := func(of map[[16]byte]names) (n int) {
		for _, x := range of {
			if len(x) > 1 {
				n++
			}
		}
		return n
	}
	if c.Merged != several(sources) || c.Split != several(targets) || c.Renamed != renamed {
		t.Fatalf("%d merged, %d split and %d renamed; want %d, %d and %d", c.Merged, c.Split, c.Renamed, several(sources), several(targets), renamed)
	}
	listed := map[RecordID]bool{}
	for _, x := range c.Records {
		id := r.IDs[x.Record]
		listed[id] = true
		if x.Before != before[id] || x.After != after[id] || x.Split != (len(targets[x.Before]) > 1) || x.Merge != (len(sources[x.After]) > 1) {
			t.Fatalf("record %x is listed as %+v", id, x)
		}
	}
	for id, was := range before {
		is, some := after[id]
		split, merged := len(targets[was]) > 1, some && len(sources[is]) > 1
		if listed[id] != (split || merged) {
			t.Fatalf("record %x is listed: %v, split: %v, merged: %v", id, listed[id], split, merged)
		}
		if some && !split && !merged && !gone[was] && is != was {
			t.Fatalf("%x is as before, and has another ID", was)
		}
	}
	for id := range sources {
		if _, old := targets[id]; (old || gone[id]) && !sources[id][id] {
			t.Fatalf("ID %x went where no record of it is", id)
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
				was := &Households{Of: of}
				checkChanges(t, nameOfEach(previous, was.ofRecords(previous), ids), nameOfEach(r, h.ofRecords(r), r.HouseholdIDs(h, secret, "")), r, c)
			}
			previous, of, ids = r, h.Of, r.HouseholdIDs(h, secret, "")
			if all := slices.Clone(ids); len(slices.Compact(sortedIDs(all))) != h.N {
				t.Fatalf("two households have one ID: %x", ids)
			}
		}
	})
}

func TestFollowHouseholdsRefusesAnotherSecret(t *testing.T) {
	r, h := live(1, resident{at{"a", "x", false}}, resident{at{"b", "y", false}})
	lives := households(t, r, h)
	if _, err := r.FollowHouseholds(lives, r, lives.Of, r.HouseholdIDs(lives, []byte("one"), ""), []byte("two")); err == nil || !strings.Contains(err.Error(), "another secret") {
		t.Errorf("followed with error %v", err)
	}
}
