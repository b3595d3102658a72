package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cohortlink/formats"
)

// rewrite changes a filters file that is not sealed.
func rewrite(t *testing.T, path string, change func(*formats.FiltersFile)) {
	t.Helper()
	f, err := formats.ReadFilters(path)
	if err != nil {
		t.Fatal(err)
	}
	change(f)
	var out bytes.Buffer
	if _, err := formats.WriteFilters(&out, f); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hashAll hashes every extract of a borough and returns the files of filters.
func hashAll(t *testing.T, dir string, parties []string) (files []string) {
	t.Helper()
	for i, p := range parties {
		extract, err := filepath.Glob(filepath.Join(dir, p, "extract.*"))
		if err != nil || len(extract) != 1 {
			t.Fatalf("the extracts of %s are %v (%v)", p, extract, err)
		}
		mustHash(t, hashRun{extract: extract[0], project: filepath.Join(dir, "project.yaml"), party: p, key: filepath.Join(dir, "project.key"), out: dir, random: seeded(byte(50 + i))})
		files = append(files, filepath.Join(dir, p+".filters"))
	}
	return files
}

// What the filters file says of how filters are compared is what link does, and what the manifest tells.
func TestLinkBySimilarity(t *testing.T) {
	dir, parties := synthesise(t, 400, 2)
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
