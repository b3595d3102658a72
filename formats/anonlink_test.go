package formats

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Groups are laid out as Python's json.dump(groups, f, indent=4) does, which is what
// json.MarshalIndent makes of lists that are not empty.
func TestAnonlinkGroups(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		record := rapid.Custom(func(t *rapid.T) AnonlinkRecord {
			return AnonlinkRecord{rapid.Uint32Max(9).Draw(t, "dataset"), rapid.Uint32().Draw(t, "row")}
		})
		groups := rapid.SliceOfN(rapid.SliceOfN(record, 2, 5), 1, 5).Draw(t, "groups")
		plain := [][][2]uint32{}
		for _, g := range groups {
			var list [][2]uint32
			for _, r := range g {
				list = append(list, [2]uint32{r.Dataset, r.Row})
			}
			plain = append(plain, list)
		}
		want, err := json.MarshalIndent(plain, "", "    ")
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := WriteAnonlinkGroups(&b, groups); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Fatalf("wrote %s, want %s", &b, want)
		}
	})
	var b bytes.Buffer
	if err := WriteAnonlinkGroups(&b, nil); err != nil || b.String() != "[]" {
		t.Errorf("no groups are %q (%v)", &b, err)
	}
}

// The bytes of a pair, worked out by hand from the format.
func TestAnonlinkPairs(t *testing.T) {
	pairs := []AnonlinkPair{{0.75, AnonlinkRecord{0, 2}, AnonlinkRecord{1, 258}}, {0.5, AnonlinkRecord{0, 1}, AnonlinkRecord{1, 0}}}
	want := []byte{1, 8, 4, 4,
		0, 0, 0, 0, 0, 0, 0xe8, 0x3f, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 0, 0,
		0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}
	var b bytes.Buffer
	if err := WriteAnonlinkPairs(&b, pairs); err != nil || !bytes.Equal(b.Bytes(), want) {
		t.Errorf("wrote % x (%v), want % x", b.Bytes(), err, want)
	}
	slices.Reverse(pairs)
	if err := WriteAnonlinkPairs(&b, pairs); err == nil {
		t.Error("pairs in another order were written")
	}
	if err := WriteAnonlinkPairs(&b, []AnonlinkPair{pairs[0], pairs[0]}); err == nil {
		t.Error("a pair was written twice")
	}
	if err := WriteAnonlinkPairs(&b, []AnonlinkPair{{1, AnonlinkRecord{1, 0}, AnonlinkRecord{1, 1}}}); err == nil {
		t.Error("a pair of one dataset was written")
	}
}
