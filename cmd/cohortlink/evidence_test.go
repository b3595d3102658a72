package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"cohortlink/formats"
	"cohortlink/linkage/quality"
)

// rewrite changes a filters file that is not sealed.
func rewrite(t *testing.T, path string, change func(*formats.FiltersFile)) {
	t.Helper()
	f, err := formats.ReadFilters(path)
	if err != nil {
		t.Fatal(err)
	}
	change(f)
	writeWhole(t, path, f)
}

// writeWhole writes a file of filters whose records are in the order of their IDs.
func writeWhole(t *testing.T, path string, f *formats.FiltersFile) {
	t.Helper()
	f.Manifest.Records = len(f.IDs)
	var out bytes.Buffer
	w, err := formats.NewFiltersWriter(&out, f.Header, f.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range f.IDs {
		row := formats.FiltersRow{ID: id}
		for _, of := range f.Bits {
			words := len(of) / len(f.IDs)
			row.Bits = append(row.Bits, of[i*words:][:words])
		}
		for _, of := range f.Exact {
			row.Exact = append(row.Exact, of[i])
		}
		for _, of := range f.Needs {
			row.Needs = append(row.Needs, of[i])
		}
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, path, out.Bytes())
}

// hashAll hashes every extract of a borough and returns the files of filters.
func hashAll(t *testing.T, dir string, parties []string) (files []string) {
	t.Helper()
	for i, p := range parties {
		extract, err := filepath.Glob(filepath.Join(dir, p, "extract.*"))
		if err != nil || len(extract) != 1 {
			t.Fatalf("the extracts of %s are %v (%v)", p, extract, err)
		}
		mustHash(t, hashRun{extract: extract[0], project: filepath.Join(dir, "project.yaml"), party: p, key: filepath.Join(dir, "project.key"), out: dir, acceptWeak: "tested", random: seeded(byte(50 + i))})
		files = append(files, filepath.Join(dir, p+".filters"))
	}
	return files
}

// What the filters file says of how filters are compared is what link does, and what the manifest tells.
func TestLinkBySimilarity(t *testing.T) {
	dir, parties := synthesise(t, 400, 2)
	project := filepath.Join(dir, "project.yaml")
	text, err := os.ReadFile(project)
	if err != nil {
		t.Fatal(err)
	}
	plainText := bytes.Replace(text, []byte("profile: standard"), []byte("filters: [{name: record, length: 1024, fill: 0.5}]"), 1)
	if err := os.WriteFile(project, plainText, 0o600); err != nil || bytes.Equal(text, plainText) {
		t.Fatal("the project has no profile to replace", err)
	}
	files := hashAll(t, dir, parties)
	link := func(out string) (*formats.LinkedManifest, error) {
		var errs bytes.Buffer
		l := linkRun{app: quietApp(&errs), files: files, project: filepath.Join(dir, "project.yaml"), out: filepath.Join(dir, out), random: seeded(40)}
		return l.run(t.Context())
	}
	plain, err := link("plain")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range files { // fold once
		rewrite(t, p, func(f *formats.FiltersFile) {
			layout := &f.Manifest.Filters[0]
			words := layout.Bits / 64
			var bits []uint64
			for i := range f.IDs {
				row := f.Bits[0][i*words:][:words]
				for w := range words / 2 {
					bits = append(bits, row[w]^row[words/2+w])
				}
			}
			f.Bits[0], layout.Bits, layout.Similarity = bits, layout.Bits/2, "xor:2:0.5"
		})
	}
	folded, err := link("folded")
	if err != nil {
		t.Fatal(err)
	}
	if s := folded.Settings; s.Similarity != "xor:2:0.5" || s.Bits != plain.Settings.Bits/2 {
		t.Errorf("the manifest tells of %d bits compared by %q", s.Bits, s.Similarity)
	}
	if p, q := plain.Persons, folded.Persons; q < p*95/100 || q > p*105/100 {
		t.Errorf("%d persons, and %d once the filters are folded", p, q)
	}

	for _, p := range files {
		rewrite(t, p, func(f *formats.FiltersFile) { f.Manifest.Filters[0].Similarity = "wave:9" })
	}
	if _, err := link("unknown"); err == nil || !strings.Contains(err.Error(), `"wave:9"`) || !strings.Contains(err.Error(), "newer cohortlink") {
		t.Errorf("filters of an unknown similarity: %v", err)
	}
}

// fieldLine is a field in a project file, one to a line.
var fieldLine = regexp.MustCompile(`(?m)^  - \{name: (\w+), kind: [\w-]+.*\}\n`)

// evidenceCase is a project whose fields go into several filters, and exact keys.
type evidenceCase struct {
	filters [][]string
	exact   []string
}

// A workbench hashes extracts by ever other fields, and puts what comes out together as a project with several filters
// and exact keys would have it.
type workbench struct {
	t        *testing.T
	dir      string
	project  string            // text
	name     string            // of the project
	extracts map[string]string // by party
	parties  []string
	truth    string
	variants int
	linked   string            // the folder of the last case
	hashed   map[string]string // folder by fields
}

func (b *workbench) hash(fields []string) string {
	b.t.Helper()
	id := strings.Join(fields, " ")
	if dir := b.hashed[id]; dir != "" {
		return dir
	}
	b.variants++
	dir := filepath.Join(b.dir, fmt.Sprint("variant-", b.variants))
	text := fieldLine.ReplaceAllStringFunc(b.project, func(line string) string {
		if f := fieldLine.FindStringSubmatch(line)[1]; len(fields) > 0 && !slices.Contains(fields, f) {
			return ""
		}
		return line
	})
	for _, f := range fieldLine.FindAllStringSubmatch(b.project, -1) {
		if len(fields) > 0 && !slices.Contains(fields, f[1]) {
			column := regexp.MustCompile(`([{ ])` + f[1] + `: ("[^"]*"|\[[^\]]*\]|[^,}\n]+)(, )?`)
			text = column.ReplaceAllString(text, "$1")
		}
	}
	text = strings.ReplaceAll(text, ", }", "}")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	project := filepath.Join(dir, "project.yaml")
	if err := os.WriteFile(project, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	writeKey(b.t, filepath.Join(dir, "project.key"), b.name)
	for i, p := range b.parties {
		mustHash(b.t, hashRun{extract: b.extracts[p], project: project, party: p, key: filepath.Join(dir, "project.key"), out: dir, acceptWeak: "these people are invented", random: seeded(byte(50 + i))})
	}
	b.hashed[id] = dir
	return dir
}

// column is a variant's filter of each row of an extract; rows that were set aside have none.
func (b *workbench) column(fields []string, party string) map[int][]uint64 {
	b.t.Helper()
	dir := b.hash(fields)
	f, err := formats.ReadFilters(filepath.Join(dir, party+".filters"))
	if err != nil {
		b.t.Fatal(err)
	}
	m, err := formats.ReadMap(filepath.Join(dir, party+".map.csv"))
	if err != nil {
		b.t.Fatal(err)
	}
	at := map[formats.RecordID]int{}
	for i, id := range f.IDs {
		at[id] = i
	}
	words := f.Manifest.Filters[0].Bits / 64
	out := map[int][]uint64{}
	for i, row := range m.Rows {
		out[row] = f.Bits[0][at[m.IDs[i]]*words:][:words]
	}
	return out
}

// link makes the files of a case, links them, and scores the persons.
func (b *workbench) link(c evidenceCase) (*formats.LinkedManifest, quality.Scores) {
	b.t.Helper()
	base := b.hash(nil)
	b.variants++
	dir := filepath.Join(b.dir, fmt.Sprint("case-", b.variants))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	l := linkRun{app: quietApp(new(bytes.Buffer)), project: filepath.Join(base, "project.yaml"), out: filepath.Join(dir, "linked"), random: seeded(40)}
	e := evaluateRun{app: l.app, truth: b.truth}
	for _, p := range b.parties {
		f, err := formats.ReadFilters(filepath.Join(base, p+".filters"))
		if err != nil {
			b.t.Fatal(err)
		}
		m, err := formats.ReadMap(filepath.Join(base, p+".map.csv"))
		if err != nil {
			b.t.Fatal(err)
		}
		row := map[formats.RecordID]int{}
		for i, r := range m.Rows {
			row[m.IDs[i]] = r
		}
		layout := f.Manifest.Filters[0]
		f.Manifest.Filters, f.Bits = nil, nil
		for i, fields := range c.filters {
			layout.Name = fmt.Sprint("part_", i)
			of := b.column(fields, p)
			var all []uint64
			for _, id := range f.IDs {
				if r := of[row[id]]; r != nil {
					all = append(all, r...)
				} else {
					all = append(all, make([]uint64, layout.Bits/64)...)
				}
			}
			f.Manifest.Filters, f.Bits = append(f.Manifest.Filters, layout), append(f.Bits, all)
		}
		for _, field := range c.exact {
			of := b.column([]string{field}, p)
			keys := make([]formats.ExactKey, len(f.IDs))
			for i, id := range f.IDs {
				if r := of[row[id]]; slices.ContainsFunc(r, func(w uint64) bool { return bits.OnesCount64(w) > 0 }) {
					sum := sha256.Sum256(fmt.Append(nil, r))
					copy(keys[i][:], sum[:])
				}
			}
			f.Manifest.Exact, f.Exact = append(f.Manifest.Exact, field), append(f.Exact, keys)
		}
		path := filepath.Join(dir, p+".filters")
		writeWhole(b.t, path, f)
		l.files = append(l.files, path)
	}
	b.linked = l.out
	manifest, err := l.run(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, p := range b.parties {
		r := attachRun{app: l.app, extract: b.extracts[p], links: filepath.Join(l.out, "links", p+".csv"), rowMap: filepath.Join(base, p+".map.csv"), project: l.project, out: filepath.Join(dir, p+".linked.csv")}
		if err := r.run(); err != nil {
			b.t.Fatal(err)
		}
		e.files = append(e.files, r.out)
	}
	got, err := e.run()
	if err != nil {
		b.t.Fatal(err)
	}
	return manifest, got.Scores
}

// How much several filters and exact keys add to one filter, on an invented borough with wrong and shared NHS numbers,
// and on sets of people with known truth. COHORTLINK_EVIDENCE=clean or dirty tries all cases, on a larger borough:
//
//	COHORTLINK_EVIDENCE=dirty go test -run EvidenceOnPeople -v ./cmd/cohortlink
func TestEvidenceOnPeople(t *testing.T) {
	all := os.Getenv("COHORTLINK_EVIDENCE") != ""
	if testing.Short() {
		t.Skip("links thousands of records several times over")
	}
	names, born, where := []string{"forename", "surname"}, []string{"birth_date", "sex"}, []string{"postcode"}
	person := slices.Concat(names, born, where)
	run := func(b *workbench, cases []evidenceCase) (f1 []float64) {
		for _, c := range cases {
			m, s := b.link(c)
			f1 = append(f1, s.F1)
			estimate := func(x *float64) string {
				if x == nil {
					return "-"
				}
				return fmt.Sprintf("%.3f", *x)
			}
			b.t.Logf("%v exact %v: precision %.4f recall %.4f F1 %.4f at %.3f, estimated %s %s", c.filters, c.exact, s.Precision, s.Recall, s.F1, m.Threshold.Score, estimate(m.Estimate.Precision), estimate(m.Estimate.Recall))
			e := m.Evidence
			if (e != nil) != (len(c.filters)+len(c.exact) > 1) {
				b.t.Errorf("evidence is %+v", e)
			}
			if e != nil {
				b.t.Logf("    weight %.1f, by weights %s %s, %d contradicted, %d shared, %+v", e.Weight, estimate(e.Precision), estimate(e.Recall), e.Contradicted, e.Shared, e.Exact)
				b.checkEvidence(m)
			}
		}
		return f1
	}
	t.Run("borough", func(t *testing.T) {
		people := 1000
		cases := []evidenceCase{
			{filters: [][]string{person}},
			{filters: [][]string{person}, exact: []string{"nhs_number"}},
			{filters: [][]string{names, born, where}, exact: []string{"nhs_number"}},
		}
		if all {
			people = 5000
			cases = append(cases,
				evidenceCase{filters: [][]string{nil}},
				evidenceCase{filters: [][]string{nil}, exact: []string{"nhs_number"}},
				evidenceCase{filters: [][]string{names, born, where}},
				evidenceCase{filters: [][]string{person, names, born, where}, exact: []string{"nhs_number"}},
			)
		}
		dir, parties := synthesise(t, people, 3)
		if setting := os.Getenv("COHORTLINK_EVIDENCE"); setting == "dirty" {
			dir = filepath.Join(t.TempDir(), "dirty")
			invent := synthRun{app: quietApp(new(bytes.Buffer)), people: people, practices: 3, seed: 11, setting: setting, council: "index"}
			if _, err := invent.run(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
		}
		f1 := run(openWorkbench(t, dir, filepath.Join(dir, "project.yaml"), parties, filepath.Join(dir, "truth.csv")), cases)
		if f1[1] < f1[0] || f1[2] < f1[0] || f1[2] < 0.99 {
			t.Errorf("F1 is %.4f by one filter, %.4f with exact keys and %.4f with three filters and exact keys", f1[0], f1[1], f1[2])
		}
	})
	for _, set := range []struct {
		name  string
		cases []evidenceCase
	}{
		{"febrl4", []evidenceCase{
			{filters: [][]string{nil}},
			{filters: [][]string{{"given_name", "surname"}, {"date_of_birth"}, {"street_number", "address_1", "suburb", "postcode", "state"}}},
		}},
		{"anonlink-5party", []evidenceCase{
			{filters: [][]string{nil}},
			{filters: [][]string{nil}, exact: []string{"phone_number"}},
			{filters: [][]string{{"givenname", "surname", "gender"}, {"dob"}, {"city"}, {"phone_number"}}},
			{filters: [][]string{{"givenname", "surname", "gender"}, {"dob"}, {"city"}}, exact: []string{"phone_number"}},
		}},
	} {
		t.Run(set.name, func(t *testing.T) {
			if !all {
				t.Skip("COHORTLINK_EVIDENCE is not set")
			}
			from := filepath.Join(sharedFolder(t), "data", "people", set.name)
			dir := t.TempDir()
			extracts, _ := filepath.Glob(filepath.Join(from, "party_*.csv"))
			var parties []string
			for _, x := range extracts {
				p := "party-" + strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(x), "party_"), ".csv"))
				parties = append(parties, p)
				if err := os.CopyFS(filepath.Join(dir, p), only(x)); err != nil {
					t.Fatal(err)
				}
			}
			writeTruth(t, filepath.Join(from, "truth.csv"), filepath.Join(dir, "truth.csv"))
			run(openWorkbench(t, dir, filepath.Join("..", "..", "testdata", "people", set.name+".yaml"), parties, filepath.Join(dir, "truth.csv")), set.cases)
		})
	}
}

// checkEvidence wants the table of evidence to have the rows of the table of pairs, in their order, and to say what they say.
func (b *workbench) checkEvidence(m *formats.LinkedManifest) {
	b.t.Helper()
	var pairs [][2]string
	var accepted []bool
	read := func(name string, columns []formats.Column, each func(*formats.TableReader) error) {
		if err := m.ReadLinkedTable(b.linked, name, columns, each); err != nil {
			b.t.Fatal(err)
		}
	}
	var x, y, stage []string
	var score, weight, probability []float64
	var ok []bool
	read(formats.LinkedPairsFile, formats.PairsColumns, func(t *formats.TableReader) error {
		n, err := t.Next(&x, &y, &score, &ok, &stage)
		for i := range n {
			pairs, accepted = append(pairs, [2]string{x[i], y[i]}), append(accepted, ok[i])
		}
		return err
	})
	var filters, exact []string
	for _, f := range m.Evidence.Filters {
		filters = append(filters, f.Name)
	}
	for _, k := range m.Evidence.Exact {
		exact = append(exact, k.Name)
	}
	columns := formats.EvidenceColumns(filters, exact)
	to := []any{&x, &y, &weight, &probability}
	scores, outcomes := make([][]float64, len(filters)), make([][]string, len(exact))
	for i := range scores {
		to = append(to, &scores[i])
	}
	for i := range outcomes {
		to = append(to, &outcomes[i])
	}
	at, agreed, linked := 0, 0, 0
	read(formats.LinkedEvidenceFile, columns, func(t *formats.TableReader) error {
		n, err := t.Next(to...)
		for i := range n {
			if [2]string{x[i], y[i]} != pairs[at] {
				b.t.Fatalf("row %d of the evidence is of another pair than that of the pairs", at+1)
			}
			if accepted[at] {
				linked++
				if len(exact) > 0 && outcomes[0][i] == "agree" {
					agreed++
				}
			}
			at++
		}
		return err
	})
	if at != len(pairs) || linked == 0 || len(exact) > 0 && agreed < linked/4 {
		b.t.Errorf("%d rows of evidence for %d pairs, of which %d are linked and %d of them agree on the exact key", at, len(pairs), linked, agreed)
	}
}

// openWorkbench begins a workbench on extracts that lie each in the folder of its party.
func openWorkbench(t *testing.T, dir, project string, parties []string, truth string) *workbench {
	t.Helper()
	text, err := os.ReadFile(project)
	if err != nil {
		t.Fatal(err)
	}
	b := &workbench{t: t, dir: t.TempDir(), project: string(text), parties: parties, truth: truth, extracts: map[string]string{}, hashed: map[string]string{}}
	b.name = regexp.MustCompile(`(?m)^project: (\S+)`).FindStringSubmatch(b.project)[1]
	for _, p := range parties {
		extract, err := filepath.Glob(filepath.Join(dir, p, "extract.*"))
		if err != nil || len(extract) != 1 {
			t.Fatalf("the extracts of %s are %v (%v)", p, extract, err)
		}
		b.extracts[p] = extract[0]
	}
	return b
}

// only is a folder that holds a file as extract.csv.
func only(path string) fstest.MapFS {
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return fstest.MapFS{"extract.csv": &fstest.MapFile{Data: text}}
}
