package main

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cohortlink/formats"
	"cohortlink/linkage"
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

// editManifest changes the manifest of a linked folder, as whoever holds its secret can.
func editManifest(t *testing.T, dir string, edit func(*formats.LinkedManifest)) {
	t.Helper()
	m, err := formats.ReadLinkedManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := formats.ReadPersonSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	edit(m)
	var b bytes.Buffer
	if err := formats.WriteLinkedManifest(&b, m, secret); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(dir, formats.LinkedManifestFile), b.Bytes())
}

// A party that is added to a linkage comes out as if all had been linked at once, the IDs of persons that nothing new
// was found of stay, and what was merged or split is listed.
func TestPreviousThroughFiles(t *testing.T) {
	dir, files := hashBorough(t, 800, 3)
	all := slices.Sorted(maps.Values(files))
	old := slices.DeleteFunc(slices.Clone(all), func(f string) bool { return f == files["ccg"] })
	at := func(name string) string { return filepath.Join(dir, name) }

	whole, wholeLinked := mustLink(t, linkRun{files: all, threshold: "0.88", out: at("whole")})
	first, firstLinked := mustLink(t, linkRun{files: old, threshold: "0.88", out: at("first")})
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
	mustLink(t, linkRun{files: one, threshold: "0.88", out: at("step-1")})
	var last *formats.Linked
	for i, f := range slices.DeleteFunc(slices.Clone(all), func(f string) bool { return f == one[0] }) {
		one = append(one, f)
		_, last = mustLink(t, linkRun{files: one, previous: at("step-" + string(rune('1'+i))), out: at("step-" + string(rune('2'+i)))})
	}
	if !maps.Equal(personsOf(wholeLinked), personsOf(last)) {
		t.Error("one party after another, the persons are others")
	}
}

// A batch of new records of a party, in a file of its own, comes out as if the party had sent all its records in one,
// and each of its files is answered by links of its own, by which an extract is attached to.
func TestPreviousBatch(t *testing.T) {
	dir, files := hashBorough(t, 600, 2)
	at := func(name string) string { return filepath.Join(dir, name) }
	whole, wholeLinked := mustLink(t, linkRun{files: slices.Collect(maps.Values(files)), threshold: "0.8", out: at("whole")})

	// The council's extract in two parts, each hashed by itself.
	text, err := os.ReadFile(at("council/extract.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	cut := len(lines) * 2 / 3
	parts := [][]string{lines[:cut], append([]string{lines[0]}, lines[cut:]...)}
	for i, part := range parts {
		folder := at("part-" + string(rune('1'+i)))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "extract.csv"), []byte(strings.Join(part, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		mustHash(t, hashRun{extract: filepath.Join(folder, "extract.csv"), project: at("project.yaml"), party: "council", key: at("project.key"), out: folder, random: seeded(byte(90 + i))})
	}
	first := at("part-1/council.filters")
	rest := slices.DeleteFunc(slices.Collect(maps.Values(files)), func(f string) bool { return f == files["council"] })
	mustLink(t, linkRun{files: append(slices.Clone(rest), first), threshold: "0.8", out: at("first")})
	both := append(slices.Clone(rest), at("part-2/council.filters"), first)
	added, addedLinked := mustLink(t, linkRun{files: both, previous: at("first"), out: at("added")})
	if added.Persons != whole.Persons || added.Kept != whole.Kept || added.Records != whole.Records {
		t.Errorf("%d persons of %d pairs of %d records with a batch, %d of %d of %d without", added.Persons, added.Kept, added.Records, whole.Persons, whole.Kept, whole.Records)
	}

	// By rows of the whole extract the persons are the same.
	row := map[string]string{}
	for p := range files {
		name := func(folder string, add int) {
			m, err := formats.ReadMap(filepath.Join(folder, p+".map.csv"))
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range m.IDs {
				row[id.String()] = fmt.Sprint(p, " ", m.Rows[i]+add)
			}
		}
		name(at(p), 0)
		if p == "council" {
			name(at("part-1"), 0)
			name(at("part-2"), cut-1)
		}
	}
	byRow := func(l *formats.Linked) map[string]string {
		out := map[string]string{}
		for record, members := range personsOf(l) {
			list := strings.Fields(members)
			for i := range list {
				list[i] = row[list[i]]
			}
			slices.Sort(list)
			out[row[record]] = strings.Join(list, ", ")
		}
		return out
	}
	if !maps.Equal(byRow(wholeLinked), byRow(addedLinked)) {
		t.Error("the persons are others than those of one file")
	}

	// Needs of both files are there, each by its own list of values.
	needs := func(folder string, m *formats.LinkedManifest) map[string]int {
		count := map[string]int{}
		var record, need, value []string
		if err := m.ReadLinkedTable(folder, formats.LinkedNeedsFile, formats.NeedsColumns, func(t *formats.TableReader) error {
			n, err := t.Next(&record, &need, &value)
			for i := range n {
				count[row[record[i]]+" "+need[i]+" "+value[i]]++
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return count
	}
	if got, want := needs(at("added"), added), needs(at("whole"), whole); !maps.Equal(got, want) || len(want) < 100 {
		t.Errorf("%d needs of rows with a batch, %d without", len(got), len(want))
	}

	for i, links := range []string{"added/links/council.csv", "added/links/council.2.csv"} {
		folder := at("part-" + string(rune('1'+i)))
		r := attachRun{app: quietApp(new(bytes.Buffer)), extract: filepath.Join(folder, "extract.csv"), links: at(links), rowMap: filepath.Join(folder, "council.map.csv"), project: at("project.yaml"), out: filepath.Join(folder, "linked.csv")}
		if err := r.run(); err != nil {
			t.Errorf("attach by %s: %v", links, err)
		}
	}
	council := added.Parties[slices.IndexFunc(added.Parties, func(p formats.LinkedParty) bool { return p.Name == "council" })]
	if len(council.Batches) != 1 || council.Batches[0].Records+council.Batches[0].Records >= council.Records || len(council.Digests()) != 2 {
		t.Errorf("the council sent %+v", council)
	}

	// Added to again, all of its files are asked for.
	l := linkRun{app: quietApp(new(bytes.Buffer)), files: append(slices.Clone(rest), first), previous: at("added"), out: at("no"), random: seeded(40)}
	if _, err := l.run(t.Context()); err == nil || !strings.Contains(err.Error(), `of party "council"`) {
		t.Errorf("a batch was left out with error %v", err)
	}
}

// Sealed files: a batch does not make the file before it a replay, and each file's links are sealed for its own run.
func TestPreviousSealed(t *testing.T) {
	d := newSealedDesk(t)
	add := func(out, previous string, files ...string) []string {
		return append(d.link(out, files...), "--previous", "@"+previous)
	}
	d.hash("council", "a")
	d.hash("gp-1", "a")
	d.must(d.link("linked", "a/council.filters", "a/gp-1.filters")...)
	d.write("council.csv", inventedExtract(40, 50))
	d.hash("council", "b")
	d.must(add("more", "linked", "b/council.filters", "a/council.filters", "a/gp-1.filters")...)
	d.write("council.csv", inventedExtract(50, 70))
	d.hash("council", "c")
	d.must(add("most", "more", "c/council.filters", "a/gp-1.filters", "b/council.filters", "a/council.filters")...)
	attach := func(links, folder, out string) []string {
		return []string{"attach", "@council.csv", "--links", "@" + links, "--map", "@" + folder + "/council.map.csv", "--project", "@unit/project.yaml", "--identity", "@council.identity", "-o", "@" + out}
	}
	d.must(attach("most/links/council.3.links", "c", "c.csv")...)
	d.refuses(1, "is of another run of hash", "no.csv", attach("most/links/council.2.links", "c", "no.csv")...)
	d.write("council.csv", inventedExtract(0, 40))
	d.must(attach("most/links/council.links", "a", "a.csv")...)
	if first, again := d.read("linked/person.secret"), d.read("most/person.secret"); first != again {
		t.Error("the secret of the person IDs has changed")
	}

	// A batch in place of what it was added to, and the same file twice.
	d.refuses(1, `is not the file of party "council"`, "no", add("no", "more", "c/council.filters", "a/gp-1.filters", "a/council.filters")...)
	d.refuses(1, "are the same file of party", "no", add("no", "linked", "a/council.filters", "a/gp-1.filters", "a/council.filters", "b/council.filters")...)
	d.refuses(1, "a record that another file of party", "no", add("no", "linked", "a/council.filters", "a/gp-1.filters", "b/council.filters", "b/council.filters")...)
}

// Records with several filters and an exact key: new pairs are weighed as the earlier linkage weighed its own, which its
// manifest has, and two parties come out the same whether they are added at once or one after the other.
func TestPreviousEvidence(t *testing.T) {
	dir, parties := synthesise(t, 400, 2)
	at := func(name string) string { return filepath.Join(dir, name) }
	text, err := os.ReadFile(at("project.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	spelled := strings.Replace(string(text), "profile: standard", "filters: [{name: names, length: 16384, fold: 2, fields: [forename, surname, birth_date]}, {name: rest, length: 16384, fold: 2}]\n  exact: [nhs_number]", 1)
	if spelled == string(text) {
		t.Fatal("the project has no profile to replace")
	}
	mustWrite(t, at("project.yaml"), []byte(spelled))
	files := hashAll(t, dir, parties)
	first, firstLinked := mustLink(t, linkRun{files: files[:2], out: at("first")})
	once, onceLinked := mustLink(t, linkRun{files: files, previous: at("first"), out: at("once")})
	if len(files) != 4 || once.Previous == nil || once.Settings.Threshold != "kept" || once.Threshold.Value != first.Threshold.Value || first.Persons == once.Persons {
		t.Fatalf("%d files were linked into %d persons at a threshold %s", len(files), once.Persons, once.Threshold.Chosen)
	}
	if !reflect.DeepEqual(once.Evidence.Weighing, first.Evidence.Weighing) || len(first.Evidence.Weighing.Weights) != 2 {
		t.Errorf("pairs are weighed by %+v, and were by %+v", once.Evidence.Weighing, first.Evidence.Weighing)
	}
	mustLink(t, linkRun{files: []string{files[3], files[1], files[0]}, previous: at("first"), out: at("half")})
	twice, twiceLinked := mustLink(t, linkRun{files: files, previous: at("half"), out: at("twice")})
	if twice.Kept != once.Kept || !maps.Equal(personsOf(twiceLinked), personsOf(onceLinked)) || !slices.Equal(twiceLinked.Result.Evidence.Weight, onceLinked.Result.Evidence.Weight) {
		t.Errorf("one after the other, there are %d persons of %d pairs; at once %d of %d", twice.Persons, twice.Kept, once.Persons, once.Kept)
	}
	// What was kept of old pairs is kept, but where a number is more widely shared now.
	weight := func(l *formats.Linked) map[[2]linkage.RecordID]float64 {
		out := map[[2]linkage.RecordID]float64{}
		for i, p := range l.Result.Pairs {
			out[[2]linkage.RecordID{l.Result.IDs[p.A], l.Result.IDs[p.B]}] = l.Result.Evidence.Weight[i]
		}
		return out
	}
	before, now := weight(firstLinked), weight(onceLinked)
	same := 0
	for pair, w := range before {
		if now[pair] == w {
			same++
		}
	}
	if same < len(before)*9/10 || same == 0 {
		t.Errorf("%d of %d old pairs weigh what they did", same, len(before))
	}

	// A folder that does not say how it weighed is refused.
	editManifest(t, at("first"), func(m *formats.LinkedManifest) { m.Evidence.Weighing = nil })
	l := linkRun{app: quietApp(new(bytes.Buffer)), files: files, previous: at("first"), out: at("no"), random: seeded(40)}
	if _, err := l.run(t.Context()); err == nil || !strings.Contains(err.Error(), "does not say how its pairs were weighed") {
		t.Errorf("linked with error %v", err)
	}
}

// What blocking lost in a linkage stays lost in what is added to it, and is told wherever it is told how links were found.
func TestPreviousAfterBlocking(t *testing.T) {
	dir, files := hashBorough(t, 300, 2)
	all := slices.Sorted(maps.Values(files))
	at := func(name string) string { return filepath.Join(dir, name) }
	mustLink(t, linkRun{files: all[:3], threshold: "0.88", out: at("first")})
	plain, _ := mustLink(t, linkRun{files: all, previous: at("first"), out: at("plain")})
	loss := 0.25
	editManifest(t, at("first"), func(m *formats.LinkedManifest) {
		m.Blocking = &formats.LinkedBlocking{Method: linkage.BlockLSH, Pairs: 1, Loss: &loss, Links: 300, LSH: []formats.LinkedLSH{{Filter: "record", Places: 9, Tables: 14}}}
	})
	var out bytes.Buffer
	l := linkRun{app: &app{ui: newUI(strings.NewReader(""), &out, new(bytes.Buffer))}, files: all, previous: at("first"), out: at("more"), random: seeded(40)}
	m, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := m.Blocking
	if b == nil || b.Method != linkage.BlockNone || b.Earlier == nil || *b.Earlier != loss || *b.Loss <= 0.05 || *b.Loss >= loss || plain.Blocking != nil {
		t.Fatalf("the manifest says %+v of how pairs were chosen, and %+v where nothing was lost", b, plain.Blocking)
	}
	if got, want := *m.Estimate.Recall, *plain.Estimate.Recall*(1-*b.Loss); math.Abs(got-want) > 1e-9 {
		t.Errorf("recall is estimated as %v, want %v", got, want)
	}
	want := fmt.Sprintf("none, %s of the links expected lost, counting those of the earlier linkage, which lost 25 %% of its own\n", ofHundred(*b.Loss))
	if !strings.Contains(out.String(), "\nblocking   "+want) {
		t.Errorf("link says\n%s\nwant %s", &out, want)
	}
	found, err := l.app.inspect(at("more"), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if lines := fmt.Sprintln(found.lines()); !strings.Contains(lines, "[blocking "+strings.TrimSuffix(want, "\n")+"]") {
		t.Errorf("inspect says %s", lines)
	}
	loss = 1.5
	editManifest(t, at("first"), func(m *formats.LinkedManifest) { m.Blocking.Loss = &loss })
	l = linkRun{app: quietApp(&out), files: all, previous: at("first"), out: at("no"), random: seeded(40)}
	if _, err := l.run(t.Context()); err == nil || !strings.Contains(err.Error(), "holds what link does not write") {
		t.Errorf("a linkage that lost more than everything: %v", err)
	}
}
