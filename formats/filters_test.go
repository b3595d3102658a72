package formats

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// someFilters is a small file with everything in it: two filters, one of an odd length, an exact key, two needs, in no order.
func someFilters() *FiltersFile {
	f := &FiltersFile{
		Header: FiltersHeader{Project: "p-1", Party: "gp-03", Schema: strings.Repeat("5c", 32), Key: strings.Repeat("4e", 16), Run: strings.Repeat("0f", 16), Seal: "none"},
		Manifest: FiltersManifest{
			SetAside: 2, Deduplicated: true,
			Filters: []FilterLayout{{Name: "person", Bits: 128, Encoding: "bloom/1", Similarity: "dice"}, {Name: "place", Bits: 70, Encoding: "bloom/1", Similarity: "dice"}},
			Exact:   []string{"nhs_number"},
			Needs:   []NeedLayout{{"frailty", NeedYesNo, []string{"no", "yes"}}, {"age_band", NeedCategory, []string{"0–17", `65 "&" over`}}},
			Weak:    []string{"pilot with invented people"}, Created: "2026-11-22", Tool: "cohortlink 0.1",
		},
		Bits:  [][]uint64{nil, nil},
		Exact: [][]ExactKey{nil},
		Needs: [][]uint16{nil, nil},
	}
	for i := range 5 {
		f.IDs = append(f.IDs, RecordID{byte(i * 7 % 5), 1})
		f.Bits[0] = append(f.Bits[0], uint64(i)<<60|1, 1<<63)
		f.Bits[1] = append(f.Bits[1], ^uint64(0), 63>>i)
		f.Exact[0] = append(f.Exact[0], ExactKey{byte(i)})
		f.Needs[0] = append(f.Needs[0], uint16(i%3))
		f.Needs[1] = append(f.Needs[1], uint16(i%2))
	}
	return f
}

// failer is what testing.T, testing.B, testing.F and rapid.T have in common.
type failer interface {
	Helper()
	Fatal(...any)
}

func filtersBytes(t failer, f *FiltersFile) []byte {
	t.Helper()
	var b bytes.Buffer
	digest, err := writeFilters(&b, f)
	if err != nil {
		t.Fatal(err)
	}
	if end := b.Bytes()[b.Len()-36:]; !bytes.Equal(end[:32], digest[:]) {
		t.Fatal("the digest returned is not the digest written")
	}
	return b.Bytes()
}

func parseFilters(b []byte) (*FiltersFile, error) {
	return ParseFilters("gp-03.filters", bytes.NewReader(b), int64(len(b)))
}

// sortedFilters gives the records of f in the order of record IDs, as a reader returns them.
func sortedFilters(t failer, f *FiltersFile) *FiltersFile {
	t.Helper()
	g, err := parseFilters(filtersBytes(t, f))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestFiltersRoundTrip(t *testing.T) {
	f := someFilters()
	b := filtersBytes(t, f)
	g := sortedFilters(t, f)
	if g.Header != f.Header {
		t.Errorf("header %+v", g.Header)
	}
	m := f.Manifest
	m.Records = len(f.IDs)
	if !reflect.DeepEqual(g.Manifest, m) {
		t.Errorf("manifest\n%+v\nwant\n%+v", g.Manifest, m)
	}
	for i, id := range f.IDs { // each record, wherever it went, has what it had
		j := int(id[0])
		if g.IDs[j] != id || !reflect.DeepEqual(g.Bits[0][2*j:2*j+2], f.Bits[0][2*i:2*i+2]) || !reflect.DeepEqual(g.Bits[1][2*j:2*j+2], f.Bits[1][2*i:2*i+2]) ||
			g.Exact[0][j] != f.Exact[0][i] || g.Needs[0][j] != f.Needs[0][i] || g.Needs[1][j] != f.Needs[1][i] {
			t.Errorf("record %d differs", i)
		}
	}
	if again := filtersBytes(t, g); !bytes.Equal(again, b) {
		t.Error("writing what was read gives other bytes")
	}

	path := filepath.Join(t.TempDir(), "gp-03.filters")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := ReadFiltersHeader(path)
	if err != nil || h != f.Header {
		t.Errorf("header alone: %+v, %v", h, err)
	}
	if g, err := ReadFilters(path); err != nil || g.Name != path || !bytes.Equal(filtersBytes(t, g), b) {
		t.Errorf("from a file: %v", err)
	}
}

func TestFiltersOnes(t *testing.T) {
	f := someFilters()
	f.IDs, f.Bits[1] = f.IDs[:4], []uint64{0, 0, 1 << 63, 0, ^uint64(0), 63, 0, 1} // 0, 1, 70 and 1 bits
	if got, want := f.Ones(1), (Ones{Min: 0, Max: 70, Mean: 18, Empty: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := (&FiltersFile{Manifest: f.Manifest}).Ones(0); got != (Ones{}) {
		t.Errorf("of no records: %+v", got)
	}
}

// A party with no usable row still has a file, and says so.
func TestFiltersEmpty(t *testing.T) {
	f := someFilters()
	f.IDs, f.Bits, f.Exact, f.Needs = nil, [][]uint64{nil, nil}, [][]ExactKey{nil}, [][]uint16{nil, nil}
	if g := sortedFilters(t, f); len(g.IDs) != 0 || g.Manifest.Records != 0 {
		t.Errorf("got %d records", len(g.IDs))
	}
}

// What a program cannot write: each is refused before a wrong file exists.
func TestFiltersRefusesToWrite(t *testing.T) {
	for want, change := range map[string]func(*FiltersFile){
		"record IDs must rise":                   func(f *FiltersFile) { f.IDs[1] = f.IDs[0] },
		"as many as the record IDs":              func(f *FiltersFile) { f.Bits[0] = f.Bits[0][:3] },
		"are not as many":                        func(f *FiltersFile) { f.Needs = f.Needs[:1] },
		"beyond the length of 70":                func(f *FiltersFile) { f.Bits[1][1] = 64 },
		"there is no such value":                 func(f *FiltersFile) { f.Needs[0][2] = 3 },
		"name of the party has capitals":         func(f *FiltersFile) { f.Header.Party = "GP" },
		"the schema fingerprint is not 64 to 64": func(f *FiltersFile) { f.Header.Schema = "5c" },
		"the key fingerprint is not 32 to 64":    func(f *FiltersFile) { f.Header.Key = strings.Repeat("4E", 16) },
		"the run id is not":                      func(f *FiltersFile) { f.Header.Run = "" },
		"is sealed in a way":                     func(f *FiltersFile) { f.Header.Seal = "pgp" },
		"says that the file is sealed":           func(f *FiltersFile) { f.Header.Seal = "age" },
		"has a recipient or a signer":            func(f *FiltersFile) { f.Header.Signer = f.Header.Schema },
		"there are 0 filters to a record":        func(f *FiltersFile) { f.Manifest.Filters = nil },
		"filter 1 has 0 bits":                    func(f *FiltersFile) { f.Manifest.Filters[0].Bits = 0 },
		"filter 2 does not say how":              func(f *FiltersFile) { f.Manifest.Filters[1].Similarity = "Dice" },
		`two filters have the name "person"`:     func(f *FiltersFile) { f.Manifest.Filters[1].Name = "person" },
		"name of the exact key":                  func(f *FiltersFile) { f.Manifest.Exact[0] = "NHS number" },
		"the name of the need is not":            func(f *FiltersFile) { f.Manifest.Needs[0].Name = "" },
		"need 1 is neither":                      func(f *FiltersFile) { f.Manifest.Needs[0].Values = []string{"yes", "no"} },
		"need 2: value 1 is empty":               func(f *FiltersFile) { f.Manifest.Needs[1].Values[0] = "a\nb" },
		"reason for a weak choice":               func(f *FiltersFile) { f.Manifest.Weak[0] = " " },
		"date of creation":                       func(f *FiltersFile) { f.Manifest.Created = "2026-02-30" },
		"name of the program":                    func(f *FiltersFile) { f.Manifest.Tool = "" },
		"set aside is below 0":                   func(f *FiltersFile) { f.Manifest.SetAside = -1 },
	} {
		f := someFilters()
		change(f)
		if _, err := writeFilters(&bytes.Buffer{}, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	w, err := NewFiltersWriter(&bytes.Buffer{}, someFilters().Header, FiltersManifest{Records: 1, Filters: []FilterLayout{{Name: "a", Bits: 64, Encoding: "bloom/1", Similarity: "dice"}}, Tool: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err == nil {
		t.Error("a file with fewer records than announced was closed")
	}
	if err := w.Write(FiltersRow{Bits: [][]uint64{{1}}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(FiltersRow{ID: RecordID{1}, Bits: [][]uint64{{1}}}); err == nil {
		t.Error("more records than announced were written")
	}
}

// reseal gives changed bytes a right digest again, as a wrong program would.
func reseal(b []byte) []byte {
	digest := sha256.Sum256(b[:len(b)-36])
	copy(b[len(b)-36:], digest[:])
	return b
}

// What may arrive. Each change is made to a good file; the message is the whole message.
func TestFiltersRefusesToRead(t *testing.T) {
	good := filtersBytes(t, someFilters())
	body := bytes.Index(good, []byte(`"cohortlink 0.1"}`)) + len(`"cohortlink 0.1"}`) + 1
	const row = 16 + 16 + 16 + 16 + 4
	if body+5*row+36 != len(good) {
		t.Fatal("the test has the rows in the wrong place")
	}
	replace := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("%q is not in the file", old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		}
	}
	const ask = "; whoever wrote it did not follow the format: ask gp-03 to hash again with the present cohortlink"
	for _, c := range []struct {
		name   string
		change func([]byte) []byte
		want   string
	}{
		{"empty", func(b []byte) []byte { return nil }, `gp-03.filters is not a filters file: it does not begin with "cohortlink filters"`},
		{"other", func(b []byte) []byte { return []byte("row,record_id\n1,r00\n") }, `gp-03.filters is not a filters file: it does not begin with "cohortlink filters"`},
		{"binary", func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, 1<<20) }, `gp-03.filters is not a filters file: it does not begin with "cohortlink filters"`},
		{"version 2", replace("filters 1", "filters 2"), `gp-03.filters: it is of version 2 of the filters format, and this cohortlink reads version 1; update cohortlink`},
		{"version x", replace("filters 1", "filters \x1b"), `gp-03.filters: the head of the file is damaged or cut short; ask for the file again`},
		{"version 01", replace("filters 1", "filters 01"), `gp-03.filters: the head of the file is damaged or cut short; ask for the file again`},
		{"text mode", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")) }, `gp-03.filters: its line ends were changed on the way, as a transfer in text mode does; send it again in binary mode`},
		{"cut in head", func(b []byte) []byte { return b[:40] }, `gp-03.filters: the head of the file is damaged or cut short; ask for the file again`},
		{"endless header", func(b []byte) []byte { return append(b[:21], bytes.Repeat([]byte{'x'}, 1<<20)...) }, `gp-03.filters: the head of the file is damaged or cut short; ask for the file again`},
		{"unknown key in header", replace(`"seal":"none"`, `"seal":"none","x":1`), `gp-03.filters: its header is not as the format has it: the file is damaged, or written by a newer cohortlink`},
		{"white space in header", replace(`"seal":"none"`, `"seal": "none"`), `gp-03.filters: its header is not as the format has it: the file is damaged, or written by a newer cohortlink`},
		{"key twice in header", replace(`"seal":"none"`, `"seal":"none","seal":"none"`), `gp-03.filters: its header is not as the format has it: the file is damaged, or written by a newer cohortlink`},
		{"sealed", replace(`"seal":"none"`, `"seal":"pgp"`), `gp-03.filters: the file is sealed in a way that this version of cohortlink does not know; update cohortlink`},
		{"party", replace(`"party":"gp-03"`, `"party":"../gp"`), `gp-03.filters: the name of the party must be 1 to 63 lower-case letters, digits and hyphens, and begin with a letter`},
		{"null in manifest", replace(`"exact":["nhs_number"]`, `"exact":null`), `gp-03.filters: its manifest is not as the format has it: the file is damaged, or written by a newer cohortlink`},
		{"other case in manifest", replace(`"exact":[`, `"Exact":[`), `gp-03.filters: its manifest is not as the format has it: the file is damaged, or written by a newer cohortlink`},
		{"number form in manifest", replace(`"records":5`, `"records":5.0`), `gp-03.filters: its manifest is not as the format has it: the file is damaged, or written by a newer cohortlink`},
		{"more records", replace(`"records":5`, `"records":6`), fmt.Sprintf(`gp-03.filters: it announces 6 records, %d bytes, and only %d bytes are there: it was cut short; ask gp-03 for it again`, 6*row+36, 5*row+36)},
		{"very many records", replace(`"records":5`, `"records":2147483647`), fmt.Sprintf(`gp-03.filters: it announces 2147483647 records, %d bytes, and only %d bytes are there: it was cut short; ask gp-03 for it again`, int64(2147483647)*row+36, 5*row+36)},
		{"too many records", replace(`"records":5`, `"records":2147483648`), `gp-03.filters: the number of records is not between 0 and 2147483647`},
		{"fewer records", replace(`"records":5`, `"records":4`), `gp-03.filters: its digest does not fit: it was changed or damaged after it was written; ask gp-03 for it again`},
		{"cut by a byte", func(b []byte) []byte { return b[:len(b)-1] }, fmt.Sprintf(`gp-03.filters: it announces 5 records, %d bytes, and only %d bytes are there: it was cut short; ask gp-03 for it again`, 5*row+36, 5*row+35)},
		{"a byte more", func(b []byte) []byte { return append(b, 0) }, `gp-03.filters: something follows after its end; ask gp-03 for it again`},
		{"bit in a row", func(b []byte) []byte { b[body+row+20] ^= 4; return b }, `gp-03.filters: its digest does not fit: it was changed or damaged after it was written; ask gp-03 for it again`},
		{"bit in a record ID", func(b []byte) []byte { b[body] ^= 0x80; return b }, `gp-03.filters: its digest does not fit: it was changed or damaged after it was written; ask gp-03 for it again`},
		{"other party", replace(`"party":"gp-03"`, `"party":"gp-04"`), `gp-03.filters: its digest does not fit: it was changed or damaged after it was written; ask gp-04 for it again`},
		{"fewer set aside", replace(`"set_aside":2`, `"set_aside":0`), `gp-03.filters: its digest does not fit: it was changed or damaged after it was written; ask gp-03 for it again`},
		{"signed", func(b []byte) []byte { b[len(b)-4] = 64; return append(b, make([]byte, 64)...) }, `gp-03.filters: it is not sealed and yet signed, which the format does not have; ask gp-03 for it again`},
		{"same record ID", func(b []byte) []byte { copy(b[body+row:], b[body:body+16]); return reseal(b) }, `gp-03.filters: records 1 and 2 have the same record ID` + ask},
		{"order", func(b []byte) []byte { b[body+row] = 9; return reseal(b) }, `gp-03.filters: record 3 is not in the order of record IDs` + ask},
		{"beyond", func(b []byte) []byte { b[body+32+8] |= 64; return reseal(b) }, `gp-03.filters: record 1, filter 2: a bit beyond the length of 70 is set` + ask},
		{"need", func(b []byte) []byte { b[body+row-1] = 1; return reseal(b) }, `gp-03.filters: record 1, need 2: there is no such value` + ask},
	} {
		_, err := parseFilters(c.change(bytes.Clone(good)))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
	if _, err := parseFilters([]byte("x")); !errors.Is(err, ErrNotFilters) {
		t.Error("no ErrNotFilters")
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := ReadFilters(path); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

// Every single bit of a file matters, and no part of it is enough.
func TestFiltersEveryBit(t *testing.T) {
	good := filtersBytes(t, someFilters())
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			if _, err := parseFilters(b); err == nil {
				t.Fatalf("bit %d of byte %d changed, and nobody noticed", bit, i)
			}
		}
		if _, err := parseFilters(good[:i]); err == nil {
			t.Fatalf("%d of %d bytes were enough", i, len(good))
		}
	}
}

// When the file is sealed, its own size is not known, only that of the seal around it.
func TestFiltersUnknownSize(t *testing.T) {
	good := filtersBytes(t, someFilters())
	if _, err := ParseFilters("a", bytes.NewReader(good), int64(len(good))+1000); err != nil {
		t.Error(err)
	}
	want := "a: it was cut short; ask gp-03 for it again"
	for _, cut := range []int{1, 37, 100} {
		if _, err := ParseFilters("a", bytes.NewReader(good[:len(good)-cut]), int64(len(good))+1000); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestFiltersProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := someFilters()
		n := rapid.IntRange(0, 20).Draw(t, "records")
		f.IDs = nil
		for _, id := range rapid.SliceOfNDistinct(rapid.Uint64(), n, n, rapid.ID).Draw(t, "ids") {
			f.IDs = append(f.IDs, RecordID(append(binary.BigEndian.AppendUint64(nil, id), make([]byte, 8)...)))
		}
		layouts := rapid.SliceOfN(rapid.IntRange(1, 200), 1, 3).Draw(t, "lengths")
		f.Manifest.Filters, f.Bits = nil, nil
		for i, bits := range layouts {
			l := FilterLayout{Name: fmt.Sprintf("f%d", i), Bits: bits, Encoding: "bloom/1", Similarity: "dice"}
			f.Manifest.Filters = append(f.Manifest.Filters, l)
			words := make([]uint64, n*l.words())
			for j := range words {
				words[j] = rapid.Uint64().Draw(t, "word")
				if rest := bits % 64; rest != 0 && j%l.words() == l.words()-1 {
					words[j] &= 1<<rest - 1
				}
			}
			f.Bits = append(f.Bits, words)
		}
		f.Manifest.Exact, f.Exact = nil, nil
		f.Needs = [][]uint16{make([]uint16, n), make([]uint16, n)}
		for i := range n {
			f.Needs[0][i] = uint16(rapid.IntRange(0, 2).Draw(t, "need"))
		}
		b := filtersBytes(t, f)
		g, err := parseFilters(b)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(filtersBytes(t, g), b) {
			t.Fatal("writing what was read gives other bytes")
		}
		// The order in which records are given changes nothing.
		for i := range f.IDs {
			j := rapid.IntRange(0, i).Draw(t, "swap")
			f.IDs[i], f.IDs[j] = f.IDs[j], f.IDs[i]
			f.Needs[0][i], f.Needs[0][j] = f.Needs[0][j], f.Needs[0][i]
			for k, l := range f.Manifest.Filters {
				w := l.words()
				for x := range w {
					f.Bits[k][i*w+x], f.Bits[k][j*w+x] = f.Bits[k][j*w+x], f.Bits[k][i*w+x]
				}
			}
		}
		if !bytes.Equal(filtersBytes(t, f), b) {
			t.Fatal("another order of the records gives another file")
		}
	})
}

// testdata/example.filters.hex was written by testdata/filters.py, which follows SPEC.md and shares nothing with this package.
func TestFiltersSecondImplementation(t *testing.T) {
	text, err := os.ReadFile("testdata/example.filters.hex")
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	f, err := parseFilters(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(filtersBytes(t, f), b) {
		t.Error("writing what was read gives other bytes")
	}
	if len(f.IDs) != 3 || f.Header.Party != "gp-03" || !reflect.DeepEqual(f.Bits[0], []uint64{1, 1 << 35, 1 << 63, 1, 0, 0}) ||
		f.Exact[0][1] != (ExactKey{}) || f.Exact[0][2] == (ExactKey{}) || !reflect.DeepEqual(f.Needs[0], []uint16{2, 0, 1}) {
		t.Errorf("got %+v", f)
	}
}

func TestCheckTogether(t *testing.T) {
	file := func(name, party string, change func(*FiltersFile)) *FiltersFile {
		f := someFilters()
		f.Name, f.Header.Party, f.Header.Run = name, party, hex.EncodeToString([]byte((name + strings.Repeat("-", 16))[:16]))
		if change != nil {
			change(f)
		}
		return f
	}
	a := file("a.filters", "a", nil)
	if err := CheckTogether([]*FiltersFile{a, file("b.filters", "b", func(f *FiltersFile) { f.Manifest.Needs = nil; f.Manifest.Deduplicated = false })}); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		b    *FiltersFile
		want string
	}{
		{a, `a.filters and a.filters are the same file of party "a"; give it once`},
		{file("b.filters", "a", nil), `a.filters and b.filters are both of party "a"; give its newest file only`},
		{file("b.filters", "b", func(f *FiltersFile) { f.Header.Project = "q" }), `a.filters and b.filters have different projects; files of one project only can be linked`},
		{file("b.filters", "b", func(f *FiltersFile) { f.Header.Schema = strings.Repeat("0", 64) }), `a.filters and b.filters have different schema fingerprints; both parties must hash again with the same project file`},
		{file("b.filters", "b", func(f *FiltersFile) { f.Header.Key = strings.Repeat("0", 32) }), `a.filters and b.filters have different key fingerprints; both parties must hash again with the same key`},
		{file("b.filters", "b", func(f *FiltersFile) { f.Manifest.Filters[0].Bits = 256 }), `a.filters and b.filters have different filters or exact keys under the same fingerprints; both parties must hash again with the same version of cohortlink`},
	} {
		if err := CheckTogether([]*FiltersFile{a, c.b}); err == nil || err.Error() != c.want {
			t.Errorf("\n got %v\nwant %s", err, c.want)
		}
	}
}

func FuzzFilters(f *testing.F) {
	f.Add(filtersBytes(f, someFilters()))
	small := someFilters()
	small.Manifest = FiltersManifest{Filters: []FilterLayout{{Name: "a", Bits: 1, Encoding: "bloom/1", Similarity: "dice"}}, Tool: "x"}
	small.IDs, small.Bits, small.Exact, small.Needs = []RecordID{{1}}, [][]uint64{{1}}, nil, nil
	f.Add(filtersBytes(f, small))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, try := range [][]byte{b, reseal(append(bytes.Clone(b), make([]byte, 36)...))} { // as it is, and with the end that a fuzzer cannot guess
			g, err := parseFilters(try)
			if err != nil {
				continue
			}
			if !bytes.Equal(filtersBytes(t, g), try) {
				t.Fatal("writing what was read gives other bytes")
			}
		}
	})
}

// manyFilters makes n records of one filter of 2,048 bits, in order.
func manyFilters(n int) *FiltersFile {
	f := someFilters()
	f.Manifest.Filters = []FilterLayout{{Name: "person", Bits: 2048, Encoding: "bloom/1", Similarity: "dice"}}
	f.Manifest.Exact, f.Manifest.Needs = nil, nil
	f.IDs, f.Bits, f.Exact, f.Needs = make([]RecordID, n), [][]uint64{make([]uint64, n*32)}, nil, nil
	r := rand.New(rand.NewPCG(1, 2))
	for i := range f.IDs {
		binary.LittleEndian.PutUint64(f.IDs[i][:], r.Uint64())
		binary.LittleEndian.PutUint64(f.IDs[i][8:], uint64(i))
	}
	for i := range f.Bits[0] {
		f.Bits[0][i] = r.Uint64()
	}
	return f
}

// Reading takes the memory of the content and little more, in a number of allocations that does not grow with the records.
func TestFiltersMemory(t *testing.T) {
	const n = 20_000
	b := filtersBytes(t, manyFilters(n))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	g, err := parseFilters(b)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(len(b)+2<<20); got > most {
		t.Errorf("%d bytes allocated for a file of %d", got, len(b))
	}
	if got := after.Mallocs - before.Mallocs; got > 1000 {
		t.Errorf("%d allocations for %d records", got, n)
	}
	runtime.KeepAlive(g)
}

func BenchmarkReadFilters(b *testing.B) {
	data := filtersBytes(b, manyFilters(100_000))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := parseFilters(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteFilters(b *testing.B) {
	f := manyFilters(100_000)
	b.SetBytes(int64(len(filtersBytes(b, f))))
	for b.Loop() {
		if _, err := writeFilters(io.Discard, f); err != nil {
			b.Fatal(err)
		}
	}
}
