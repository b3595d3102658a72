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

// testdata/example.inside.hex was written by testdata/sealed.py, which follows SPEC.md and RFC 8032 and shares nothing with this package.
func TestSpecSealed(t *testing.T) {
	read := func(name string) []byte {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	unhex := func(text []byte) []byte {
		b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	unit, err := ParseIdentity("unit", read("example.unit.identity"))
	if err != nil {
		t.Fatal(err)
	}
	partner, err := ParseIdentity("partner", read("example.partner.identity"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := parseFilters(unhex(read("example.filters.hex")))
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	if _, err := sealFilters(&sealed, f, unit.Public().Recipient, partner); err != nil {
		t.Fatal(err)
	}
	wantHead, wantInside, ok := bytes.Cut(read("example.inside.hex"), []byte("--"))
	if !ok {
		t.Fatal("the example has not two parts")
	}
	stored := unhex(read("example.sealed.hex"))
	for name, b := range map[string][]byte{"sealed now": sealed.Bytes(), "sealed once": stored} {
		head, _, inside := apart(t, b, unit)
		if !bytes.Equal(head, unhex(wantHead)) || !bytes.Equal(inside, unhex(wantInside)) {
			t.Errorf("%s: not what the second implementation writes", name)
		}
		if got := specExamples(t, "sealed-header")[0]; !strings.HasSuffix(string(head), "\n"+got) {
			t.Errorf("%s: SPEC.md has another header", name)
		}
		pins, err := ParsePartners("pins", []byte("gp-03 "+partner.Public().String()))
		if err != nil {
			t.Fatal(err)
		}
		g, err := ParseSealedFilters("f", bytes.NewReader(b), int64(len(b)), &Opening{unit, pins.Trust})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(g.IDs) != 3 || g.Header.Run != f.Header.Run {
			t.Errorf("%s: another file came out", name)
		}
	}

	seen := specExamples(t, "seen")[0]
	s, err := ParseSeen("unit.seen", []byte(seen))
	if err != nil {
		t.Fatal(err)
	}
	if string(s.Text()) != seen || s.Check(f) != nil {
		t.Error("the list of runs is not of the example")
	}
}
