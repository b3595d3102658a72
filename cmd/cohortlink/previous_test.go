package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cohortlink/formats"
)

// hashBorough invents a borough and hashes it, and returns the folder and the filters files by party.
func hashBorough(t *testing.T, people, practices int) (dir string, files map[string]string) {
	t.Helper()
	dir, parties := synthesise(t, people, practices)
	files = map[string]string{}
	for i, p := range parties {
		from := filepath.Join(dir, p)
		mustHash(t, hashRun{extract: filepath.Join(from, "extract.csv"), project: filepath.Join(dir, "project.yaml"), party: p, key: filepath.Join(dir, "project.key"), out: from, random: seeded(byte(50 + i))})
		files[p] = filepath.Join(from, p+".filters")
	}
	return dir, files
}

func mustLink(t *testing.T, l linkRun) (*formats.LinkedManifest, *formats.Linked) {
	t.Helper()
	l.app, l.random = quietApp(new(bytes.Buffer)), seeded(40)
	m, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	linked, err := formats.ReadLinked(l.out)
	if err != nil {
		t.Fatal(err)
	}
	return m, linked
}

// personsOf are the records of each person of a linkage, as one string for each record.
func personsOf(l *formats.Linked) map[string]string {
	members := make([][]string, l.Result.Persons)
	for i, p := range l.Result.Person {
		members[p] = append(members[p], formats.RecordID(l.Result.IDs[i]).String())
	}
	out := map[string]string{}
	for _, list := range members {
		slices.Sort(list)
		for _, record := range list {
			out[record] = strings.Join(list, " ")
		}
	}
	return out
}

// A party that is added to a linkage comes out as if all had been linked at once, the IDs of persons that nothing new
// was found of stay, and what was merged or split is listed.
func TestPreviousThroughFiles(t *testing.T) {
	dir, files := hashBorough(t, 800, 3)
	all := slices.Sorted(maps.Values(files))
	old := slices.DeleteFunc(slices.Clone(all), func(f string) bool { return f == files["ccg"] })
	at := func(name string) string { return filepath.Join(dir, name) }

	whole, wholeLinked := mustLink(t, linkRun{files: all, threshold: "0.8", out: at("whole")})
	first, firstLinked := mustLink(t, linkRun{files: old, threshold: "0.8", out: at("first")})
	slices.Reverse(all)
	added, addedLinked := mustLink(t, linkRun{files: all, previous: at("first"), out: at("added")})

	if !maps.Equal(personsOf(wholeLinked), personsOf(addedLinked)) || added.Persons != whole.Persons || added.Kept != whole.Kept || added.Threshold.Value != whole.Threshold.Value {
		t.Errorf("%d persons of %d pairs at %s; linked at once %d of %d at %s", added.Persons, added.Kept, added.Threshold.Value, whole.Persons, whole.Kept, whole.Threshold.Value)
	}
	if added.Compared != whole.Compared-first.Compared || !strings.HasPrefix(added.Threshold.Chosen, "kept from the earlier linkage") || added.Settings.Threshold != "kept" {
		t.Errorf("%d pairs were compared at a threshold %s", added.Compared, added.Threshold.Chosen)
	}

	// Of every earlier person whose records were neither merged nor split the ID is as it was.
	before, after := map[string]formats.PersonID{}, map[string]formats.PersonID{}
	for i, id := range firstLinked.Result.IDs {
		before[formats.RecordID(id).String()] = firstLinked.PersonIDs[firstLinked.Result.Person[i]]
	}
	for i, id := range addedLinked.Result.IDs {
		after[formats.RecordID(id).String()] = addedLinked.PersonIDs[addedLinked.Result.Person[i]]
	}
	text, err := os.ReadFile(at("added/changes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if lines[0] != "record_id,person_before,person_after,change" {
		t.Errorf("the list of changes begins with %q", lines[0])
	}
	changed := map[string]bool{}
	for _, line := range lines[1:] {
		cells := strings.Split(line, ",")
		changed[cells[0]] = true
		if cells[1] != before[cells[0]].String() || cells[2] != after[cells[0]].String() {
			t.Errorf("%s was %s and is %s", line, before[cells[0]], after[cells[0]])
		}
	}
	renamed := 0
	for record, id := range before {
		if after[record] != id {
			renamed++
			if !changed[record] {
				t.Errorf("%s has another ID, and is not listed", record)
			}
		}
	}
	if p := added.Previous; p == nil || p.Renamed != renamed || p.Merged == 0 || len(changed) == 0 || p.Persons != first.Persons || p.Records != first.Records || len(p.People) != 64 {
		t.Errorf("%d records are renamed and %d listed; the manifest has %+v", renamed, len(changed), p)
	}

	// One party after another, from a linkage of one: the same persons in the end, and each party's own IDs.
	one := []string{files["council"]}
	mustLink(t, linkRun{files: one, threshold: "0.8", out: at("step-1")})
	var last *formats.Linked
	for i, f := range slices.DeleteFunc(slices.Clone(all), func(f string) bool { return f == one[0] }) {
		one = append(one, f)
		_, last = mustLink(t, linkRun{files: one, previous: at("step-" + string(rune('1'+i))), out: at("step-" + string(rune('2'+i)))})
	}
	if !maps.Equal(personsOf(wholeLinked), personsOf(last)) {
		t.Error("one party after another, the persons are others")
	}
}
