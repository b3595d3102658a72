package linkage

import "testing"

// The bound on pairs follows from the memory, and never exceeds what was asked for.
func TestMostPairs(t *testing.T) {
	parties := []Party{{Name: "a", IDs: make([]RecordID, 500_000)}, {Name: "b", IDs: make([]RecordID, 50_000)}}
	o := Options{Length: 1024, MaxPairs: 1 << 30, Workers: 2}
	last := 0
	for _, mib := range []int64{600, 1024, 2048, 4096} {
		most, enough, err := MostPairs(parties, o, mib<<20, 0)
		if err != nil {
			t.Fatal(err)
		}
		if most <= last || int64(most)*BytesPerPair >= mib<<20 {
			t.Errorf("%d MiB are room for %d pairs, after %d", mib, most, last)
		}
		if (enough <= mib<<20) != (most >= 11_000_000) { // ten a record, twice
			t.Errorf("%d MiB are room for %d pairs, and enough are %d MiB", mib, most, enough>>20)
		}
		last = most
	}
	alone, _, _ := MostPairs(parties, o, 4<<30, 0)
	if beside, _, err := MostPairs(parties, o, 4<<30, 1<<30); err != nil || beside > alone-1<<30/BytesPerPair/2 {
		t.Errorf("%d pairs (%v) with a GiB taken for other things, and %d without", beside, err, alone)
	}
	o.MaxPairs = 1000
	if most, _, err := MostPairs(parties, o, 4<<30, 0); most != 1000 || err != nil {
		t.Errorf("%d pairs (%v), want the thousand asked for", most, err)
	}
	if _, _, err := MostPairs(parties, o, 200<<20, 0); err == nil {
		t.Error("half a million records fit into 200 MiB")
	}
}
