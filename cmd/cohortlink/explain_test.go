package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cohortlink/formats"
)

// explainJSON runs explain and reads what it prints.
func explainJSON(t *testing.T, e explainRun) *formats.Explanation {
	t.Helper()
	var out, errs bytes.Buffer
	e.app, e.json = &app{ui: newUI(strings.NewReader(""), &out, &errs)}, true
	if err := e.run(); err != nil {
		t.Fatal(err)
	}
	x := &formats.Explanation{}
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(x); err != nil {
		t.Fatal(err)
	}
	return x
}

// Each record of a linkage is explained, and each explanation agrees with the folder and with that of the pair.
func TestExplainRecords(t *testing.T) {
	dir, parties := synthesise(t, 300, 2)
	l := linkRun{app: quietApp(new(bytes.Buffer)), threshold: "auto", out: filepath.Join(dir, "linked"), random: seeded(40)}
	for i, p := range parties {
		from := filepath.Join(dir, p)
		mustHash(t, hashRun{extract: filepath.Join(from, "extract.csv"), project: filepath.Join(dir, "project.yaml"), party: p, key: filepath.Join(dir, "project.key"), out: from, random: seeded(byte(50 + i))})
		l.files = append(l.files, filepath.Join(from, p+".filters"))
	}
	m, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	linked, err := formats.ReadLinked(l.out)
	if err != nil {
		t.Fatal(err)
	}
	whole := explainJSON(t, explainRun{linked: l.out, least: 20})
	pairs := 0
	for _, s := range whole.Stages {
		pairs += s.Pairs
	}
	if pairs != m.Kept || whole.Persons != m.Persons || whole.Records != m.Records || len(whole.LeastCertain) != 20 || whole.Threshold != m.Threshold.Score {
		t.Errorf("%d pairs, %d persons, %d records and %d links are explained; the manifest has %+v", pairs, whole.Persons, whole.Records, len(whole.LeastCertain), m)
	}
	chains, refused := 0, 0
	for record := int32(0); int(record) < len(linked.Result.IDs); record += 17 {
		id := formats.RecordID(linked.Result.IDs[record]).String()
		x := explainJSON(t, explainRun{linked: l.out, record: id}).Record
		if x.Record != id || x.Person != linked.PersonIDs[linked.Result.Person[record]].String() {
			t.Fatalf("record %s is explained as %+v", id, x.ExplainedEnd)
		}
		members := 0
		for _, p := range linked.Result.Person {
			if p == linked.Result.Person[record] {
				members++
			}
		}
		if len(x.Links) != members-1 {
			t.Errorf("%s has %d links, where its person has %d records", id, len(x.Links), members)
		}
		for _, p := range x.Links {
			if !p.Linked || p.A.Person != p.B.Person || len(p.Chain) == 0 || p.Chain[0].A != p.A || p.Chain[len(p.Chain)-1].B != p.B {
				t.Errorf("a link of %s is explained by %+v", id, p)
			}
			if len(p.Chain) > 1 {
				chains++
			}
		}
		for _, p := range x.Refused {
			refused++
			if p.Linked || p.Why == "" || *p.Room > 0 {
				t.Errorf("a refusal of %s is explained by %+v", id, p)
			}
			pair := explainJSON(t, explainRun{linked: l.out, pair: p.A.Record, other: p.B.Record}).Pair
			if pair.Why != p.Why || *pair.Score != *p.Score {
				t.Errorf("asked for the pair: %+v, asked for the record: %+v", pair, p)
			}
			break // of those of one record, one is enough
		}
	}
	if chains == 0 || refused == 0 {
		t.Errorf("%d chains and %d refusals were seen", chains, refused)
	}
}

// A folder whose manifest or tables were changed is not explained.
func TestExplainRefusesChangedFolders(t *testing.T) {
	dir, files := hashBorough(t, 100, 1)
	mustLink(t, linkRun{files: slices.Collect(maps.Values(files)), threshold: "0.8", out: filepath.Join(dir, "linked")})
	manifest := filepath.Join(dir, "linked", formats.LinkedManifestFile)
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{`"value": "4/5"`, `"value": "5/4"`, "holds what link does not write"},
		{`"value": "4/5"`, `"value": ""`, "holds what link does not write"},
		{`"name": "council"`, `"name": "nobody"`, "holds what link does not write"},
		{`"name": "pairs.parquet",
      "sha256": "`, `"name": "pairs.parquet",
      "sha256": "0`, "was changed since"},
	} {
		changed := strings.Replace(string(text), c.from, c.to, 1)
		if changed == string(text) {
			t.Fatalf("the manifest has no %q", c.from)
		}
		if err := os.WriteFile(manifest, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := formats.ReadLinked(filepath.Dir(manifest)); err == nil || !strings.Contains(err.Error(), "was changed since link wrote it") {
			t.Errorf("with %s: error %v", c.to, err)
		}
		// Who has the folder has its secret, and can seal what they changed.
		reseal(t, manifest, changed)
		if _, err := formats.ReadLinked(filepath.Dir(manifest)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %s: error %v, want %q", c.to, err, c.want)
		}
	}
}

// reseal writes a manifest as link would have.
func reseal(t *testing.T, path, text string) {
	t.Helper()
	secret, err := formats.ReadPersonSecret(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var m formats.LinkedManifest
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := formats.WriteLinkedManifest(&b, &m, secret); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// With several filters and exact keys, an explanation has what each of them said.
func TestExplainEvidence(t *testing.T) {
	if testing.Short() {
		t.Skip("links a borough of 300 people by three filters")
	}
	dir, parties := synthesise(t, 300, 2)
	b := openWorkbench(t, dir, filepath.Join(dir, "project.yaml"), parties, filepath.Join(dir, "truth.csv"))
	m, _ := b.link(evidenceCase{filters: [][]string{{"forename", "surname"}, {"birth_date", "sex"}}, exact: []string{"nhs_number"}})
	folders, err := filepath.Glob(filepath.Join(b.dir, "case-*", "linked"))
	if err != nil || len(folders) != 1 {
		t.Fatal(folders, err)
	}
	page := filepath.Join(t.TempDir(), "page.html")
	x := explainJSON(t, explainRun{linked: folders[0], least: 10, html: page})
	if x.Evidence == nil || x.Evidence.Weight != m.Evidence.Weight || len(x.LeastCertain) != 10 {
		t.Fatalf("the threshold is explained by %+v", x.Evidence)
	}
	for _, p := range append(x.LeastCertain, x.Closest...) {
		if p.Weight == nil || p.Probability == nil || len(p.Filters) != 2 || p.Filters[0].Name != "part_0" || len(p.Exact) != 1 || p.Exact[0].Name != "nhs_number" {
			t.Errorf("a pair is explained by %+v", p)
		}
		if p.Linked != (p.Ground == "threshold") || p.Linked && *p.Weight < x.Evidence.Weight {
			t.Errorf("linked by %s at weight %.2f, threshold %.2f", p.Ground, *p.Weight, x.Evidence.Weight)
		}
	}
}
