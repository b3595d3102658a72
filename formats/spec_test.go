package formats

import (
	"bytes"
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"
)

// specExamples returns the fenced blocks of SPEC.md of one kind.
func specExamples(t *testing.T, kind string) []string {
	t.Helper()
	text, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples []string
	for _, m := range regexp.MustCompile("(?ms)^```([a-z-]+)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if m[1] == kind {
			examples = append(examples, m[2])
		}
	}
	if len(examples) == 0 {
		t.Fatalf("SPEC.md has no example of kind %q", kind)
	}
	return examples
}

func TestSpecFilters(t *testing.T) {
	file := []byte(specExamples(t, "filters-head")[0])
	for line := range strings.Lines(specExamples(t, "filters-body")[0]) {
		digits, _, _ := strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.TrimSpace(digits))
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, b...)
	}
	f, err := parseFilters(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(filtersBytes(t, f), file) {
		t.Error("writing what was read gives other bytes")
	}
	text, err := os.ReadFile("testdata/example.filters.hex")
	if err != nil {
		t.Fatal(err)
	}
	if hex.EncodeToString(file) != strings.Join(strings.Fields(string(text)), "") {
		t.Error("the example is not the one that testdata/filters.py writes")
	}
	r, err := ParseReceipt("r", []byte(specExamples(t, "receipt")[0]))
	if err != nil {
		t.Fatal(err)
	}
	if r.Filters != hex.EncodeToString(f.Digest[:]) || r.Run != f.Header.Run || r.Records != len(f.IDs) {
		t.Error("the receipt is not of the filters file")
	}
}

func TestSpecMapAndLinks(t *testing.T) {
	links := specExamples(t, "links")[0]
	l, err := ParseLinks("l", strings.NewReader(links))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(linksBytes(t, l)); got != links {
		t.Errorf("writing what was read gives\n%s", got)
	}
	for _, text := range specExamples(t, "map") {
		m, err := ParseMap("m", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(mapBytes(t, m)); got != text {
			t.Errorf("writing what was read gives\n%s", got)
		}
		if _, err := m.Persons(l); err != nil {
			t.Error(err)
		}
	}
}

func TestSpecProject(t *testing.T) {
	p, err := ParseProject("project.yaml", []byte(specExamples(t, "project")[0]))
	if err != nil {
		t.Fatal(err)
	}
	own, err := p.ParseColumns("council.yaml", []byte(specExamples(t, "columns")[0]), "council")
	if err != nil {
		t.Fatal(err)
	}
	if len(own.Columns) != 2 || own.Dates["birth_date"] != "YYYYMMDD" {
		t.Errorf("got %+v", own)
	}
	text, _ := os.ReadFile("SPEC.md")
	for _, known := range [][]string{fieldKinds, profiles, releasePresets} {
		for _, word := range known {
			if !bytes.Contains(text, []byte("`"+word+"`")) {
				t.Errorf("SPEC.md does not name %q", word)
			}
		}
	}
}
