package formats

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// clksText writes clks JSON as Python's json module does.
func clksText(clks [][]byte) string {
	var texts []string
	for _, c := range clks {
		texts = append(texts, `"`+base64.StdEncoding.EncodeToString(c)+`"`)
	}
	return `{"clks": [` + strings.Join(texts, ", ") + `]}`
}

// clkBit is bit i of a CLK as clkhash's documents have it: the most significant bit of the first byte is bit 0.
func clkBit(clk []byte, i int) uint64 { return uint64(clk[i/8]) >> (7 - i%8) & 1 }

func sameBits(row []uint64, clk []byte) bool {
	for i := range 64 * len(row) {
		want := uint64(0)
		if i < 8*len(clk) {
			want = clkBit(clk, i)
		}
		if row[i/64]>>(i%64)&1 != want {
			return false
		}
	}
	return true
}

// Both forms of the same CLKs give the same bits, each at its row, and as filters each under the record ID of its row.
func TestCLKs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.SampledFrom([]int{1, 7, 8, 9, 125, 128, 200}).Draw(rt, "size")
		clks := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), size, size), 1, 30).Draw(rt, "clks")
		fromJSON, err := ParseCLKs("j.json", strings.NewReader(clksText(clks)))
		if err != nil {
			rt.Fatal(err)
		}
		raw := bytes.Join(clks, nil)
		fromBinary, err := ParseBinaryCLKs("b.bin", bytes.NewReader(raw), int64(len(raw)), size)
		if err != nil {
			rt.Fatal(err)
		}
		for _, c := range []*CLKs{fromJSON, fromBinary} {
			if c.Rows != len(clks) || c.Size != size {
				rt.Fatalf("%s: %d rows of %d bytes", c.Form, c.Rows, c.Size)
			}
			for i, clk := range clks {
				if !sameBits(c.Row(i), clk) {
					rt.Fatalf("%s: row %d has other bits", c.Form, i)
				}
			}
			f, rows := c.Filters("gp-03")
			words := (size + 7) / 8
			for i, row := range rows {
				if !sameBits(f.Bits[0][i*words:(i+1)*words], clks[row-1]) {
					rt.Fatalf("%s: the filter of row %d has other bits", c.Form, row)
				}
			}
			if err := f.checkRows(); err != nil {
				rt.Fatal(err)
			}
			slices.Sort(rows)
			for i, row := range rows {
				if row != i+1 {
					rt.Fatalf("%s: row %d is missing, or there twice", c.Form, i+1)
				}
			}
		}
	})
}

// Many rows take more than one chunk, and none at its end is lost.
func TestCLKsOfManyChunks(t *testing.T) {
	const size, rows = 16, 3*chunkWords/2 + 1
	raw := make([]byte, size*rows)
	for i := range rows {
		raw[i*size], raw[i*size+1], raw[i*size+2] = byte(i), byte(i>>8), byte(i>>16)
	}
	c, err := ParseBinaryCLKs("b.bin", bytes.NewReader(raw), int64(len(raw)), size)
	if err != nil {
		t.Fatal(err)
	}
	if c.Rows != rows || len(c.chunks) != 4 {
		t.Fatalf("%d rows in %d chunks", c.Rows, len(c.chunks))
	}
	for i := range rows {
		if !sameBits(c.Row(i), raw[i*size:(i+1)*size]) {
			t.Fatalf("row %d has other bits", i)
		}
	}
}

// The same file of the same party has the same record IDs again; of another party, or with a byte changed, none of them.
func TestCLKsRecordIDs(t *testing.T) {
	text := clksText([][]byte{{1}, {1}, {2}})
	ids := func(text, party string) []RecordID {
		c, err := ParseCLKs("c.json", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		f, _ := c.Filters(party)
		return f.IDs
	}
	first := ids(text, "a")
	if !slices.Equal(first, ids(text, "a")) {
		t.Error("reading again gives other record IDs")
	}
	for _, other := range [][]RecordID{ids(text, "b"), ids(text+"\n", "a")} {
		for _, id := range other {
			if slices.Contains(first, id) {
				t.Error("another party or another file has a record ID of this one")
			}
		}
	}
}

func TestCLKsRefused(t *testing.T) {
	long := base64.StdEncoding.EncodeToString(make([]byte, maxCLK+1))
	for _, c := range []struct{ name, text, want string }{
		{"nothing", ``, "not a file of CLKs"},
		{"a list", `["AA=="]`, "not a file of CLKs"},
		{"a receipt", `{"version":1}`, "not a file of CLKs"},
		{"blocks", `{"clknblocks": [["AA==", "1"]]}`, "it holds blocks"},
		{"no list", `{"clks": "AA=="}`, "there is no list"},
		{"no CLK", `{"clks": []}`, "holds no CLK"},
		{"cut in a CLK", `{"clks": ["AA`, "cut short"},
		{"cut after a CLK", `{"clks": ["AA=="`, "cut short"},
		{"cut at the end", `{"clks": ["AA=="]`, "cut short"},
		{"more at the end", `{"clks": ["AA=="]} x`, "after its end"},
		{"another key", `{"clks": ["AA=="], "n": 1}`, "something other than clks"},
		{"no comma", `{"clks": ["AA==" "AA=="]}`, "after CLK 1 there is neither"},
		{"two commas", `{"clks": ["AA==",, "AA=="]}`, "CLK 2 is not text"},
		{"a last comma", `{"clks": ["AA==",]}`, "CLK 2 is not text"},
		{"a number", `{"clks": [12]}`, "CLK 1 is not text"},
		{"no base64", `{"clks": ["AA==", "?A=="]}`, "CLK 2: it is not base64"},
		{"base64 of URLs", `{"clks": ["-_8="]}`, "CLK 1: it is not base64"},
		{"base64 with bits left over", `{"clks": ["AB=="]}`, "CLK 1: it is not base64"},
		{"a line end in base64", "{\"clks\": [\"AA\n==\"]}", "CLK 1: it is not base64"},
		{"an empty CLK", `{"clks": ["AA==", ""]}`, "CLK 2: it has 0 bytes"},
		{"another length", `{"clks": ["AA==", "AAA="]}`, "CLK 2: it has 2 bytes, where those before it have 1"},
		{"too long", `{"clks": ["` + long + `"]}`, "CLK 1: "},
		{"endless", `{"clks": ["` + strings.Repeat("A", 1<<20) + `"]}`, "longer than"},
		{"blanks without end", `{"clks": ` + strings.Repeat(" ", 1<<20), "cut short"},
	} {
		_, err := ParseCLKs("c.json", strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "c.json") {
			t.Errorf("%s: %v", c.name, err)
		}
		if isNot := strings.Contains(c.want, "not a file of CLKs"); err != nil && isNot && !errors.Is(err, ErrNotCLKs) {
			t.Errorf("%s: the error does not say ErrNotCLKs", c.name)
		}
	}
	for _, c := range []struct {
		total int64
		size  int
		want  string
	}{
		{0, 8, "holds no CLK"}, {9, 8, "no whole number"}, {16, 0, "cannot be read"}, {16, maxCLK + 1, "cannot be read"},
		{16, 8, "became shorter"}, {1 << 40, 1, "more than"},
	} {
		_, err := ParseBinaryCLKs("b.bin", bytes.NewReader(make([]byte, min(c.total, 15))), c.total, c.size)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("binary, %d bytes in CLKs of %d: %v", c.total, c.size, err)
		}
	}
}

// CLKs are linked with filters of the same encoding and length, and with no others.
func TestJoinCLKs(t *testing.T) {
	party := func(name string, clk ...byte) *FiltersFile {
		c, err := ParseCLKs(name+".json", strings.NewReader(clksText([][]byte{clk})))
		if err != nil {
			t.Fatal(err)
		}
		f, _ := c.Filters(name)
		return f
	}
	own := func(bits int, encoding string, exact ...string) []*FiltersFile {
		return []*FiltersFile{{Name: "own.filters", Header: FiltersHeader{Project: "p", Party: "own", Schema: "5c", Key: "4e"}, Manifest: FiltersManifest{
			Filters: []FilterLayout{{Name: "record", Bits: bits, Encoding: encoding, Similarity: "dice"}}, Exact: exact}.normal()}}
	}
	for _, c := range []struct {
		name    string
		filters []*FiltersFile
		clks    []*FiltersFile
		want    string
	}{
		{"alone", nil, []*FiltersFile{party("a", 1, 2), party("b", 3, 4)}, ""},
		{"the same twice", nil, []*FiltersFile{party("a", 1, 2), party("b", 1, 2)}, "a.json and b.json hold the same CLKs"},
		{"another length", nil, []*FiltersFile{party("a", 1, 2), party("b", 3)}, "b.json has CLKs of 1 bytes, where the others have 2"},
		{"with filters", own(16, CLKsEncoding), []*FiltersFile{party("a", 1, 2)}, ""},
		{"with filters of an odd length", own(13, CLKsEncoding), []*FiltersFile{party("a", 1, 8)}, ""},
		{"with a bit beyond the length", own(13, CLKsEncoding), []*FiltersFile{party("a", 1, 4)}, "a bit beyond the length of 13"},
		{"with filters of another length", own(24, CLKsEncoding), []*FiltersFile{party("a", 1, 2)}, "where the others have 3"},
		{"with filters of our own", own(16, "bloom/1"), []*FiltersFile{party("a", 1, 2)}, "nothing in common"},
		{"with exact keys", own(16, CLKsEncoding, "nhs_number"), []*FiltersFile{party("a", 1, 2)}, "nothing in common"},
	} {
		err := JoinCLKs(c.filters, c.clks, "named")
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		// What is open was filled in, so that the files pass as belonging together.
		if err := CheckTogether(append(c.filters, c.clks...)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if want := map[bool]string{true: "named", false: "p"}[c.filters == nil]; c.clks[0].Header.Project != want {
			t.Errorf("%s: the project is %q", c.name, c.clks[0].Header.Project)
		}
	}
}

func TestRowLinks(t *testing.T) {
	var b bytes.Buffer
	if err := WriteRowLinks(&b, []PersonID{{1}, {2}}); err != nil {
		t.Fatal(err)
	}
	want := "row,person_id\n1," + PersonID{1}.String() + "\n2," + PersonID{2}.String() + "\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}

// The examples of SPEC.md, whose record IDs a second implementation computed.
func TestSpecCLKs(t *testing.T) {
	c, err := ParseCLKs("c.json", strings.NewReader(specExamples(t, "clks")[0]))
	if err != nil {
		t.Fatal(err)
	}
	if c.Rows != 2 || c.Row(0)[0] != 1|1<<15 || c.Row(1)[0] != 0xFF {
		t.Errorf("%d rows, the first two %x and %x", c.Rows, c.Row(0), c.Row(1))
	}
	text, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	for row, words := range map[int]string{1: "row 1 is `%s`", 2: "row 2 is `%s`"} {
		if want := fmt.Sprintf(words, c.recordID("gp-03", row)); !bytes.Contains(text, []byte(want)) {
			t.Errorf("SPEC.md does not say that %s", want)
		}
	}
	var b bytes.Buffer
	var persons []PersonID
	for line := range strings.Lines(strings.TrimPrefix(specExamples(t, "rows")[0], rowLinksHeader+"\n")) {
		_, person, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ",")
		p, err := ParsePersonID(person)
		if err != nil {
			t.Fatal(err)
		}
		persons = append(persons, p)
	}
	if err := WriteRowLinks(&b, persons); err != nil || b.String() != specExamples(t, "rows")[0] {
		t.Errorf("writing what was read gives other bytes (%v)", err)
	}
}

// The CLKs that clkhash's own project publishes, in both forms.
func TestCLKsOfUpstream(t *testing.T) {
	dir := os.Getenv("COHORTLINK_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	dir = filepath.Join(dir, "vectors", "clkhash", "upstream")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the shared material is not beside this checkout; COHORTLINK_SHARED says where it is")
	}
	path := filepath.Join(dir, "anonlink-client", "testdata", "clks_a.json")
	c, err := ReadCLKs(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want struct{ CLKs [][]byte }
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if c.Rows != 5000 || c.Size != 128 || len(want.CLKs) != c.Rows {
		t.Fatalf("%d CLKs of %d bytes, where %d were published", c.Rows, c.Size, len(want.CLKs))
	}
	for i, clk := range want.CLKs {
		if !sameBits(c.Row(i), clk) {
			t.Fatalf("row %d has other bits", i)
		}
	}
	b, err := ReadBinaryCLKs(filepath.Join(dir, "anonlink-entity-service", "clks_128B_1k.bin"), 128)
	if err != nil || b.Rows != 1000 {
		t.Errorf("the binary file: %v", err)
	}
}

func FuzzCLKs(f *testing.F) {
	f.Add([]byte(clksText([][]byte{{1, 2, 3}, {4, 5, 6}})))
	f.Add([]byte(" {\r\n\t\"clks\" :\n[ \"AA==\" ,\"/w==\" ] } \n"))
	f.Add([]byte(`{"clks": []}`))
	f.Add([]byte(`{"clknblocks": [["AA==", "1"]]}`))
	f.Add([]byte(`{"clks": ["\u0041A=="]}`))
	f.Add([]byte(`{"clks": ["` + strings.Repeat("/", 5464) + `"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCLKs("c.json", bytes.NewReader(data))
		if err != nil {
			return
		}
		// What is accepted is JSON, and means what any other reader of JSON takes it to mean.
		var want map[string][]string
		if err := json.Unmarshal(data, &want); err != nil || len(want) != 1 || len(want["clks"]) != c.Rows {
			t.Fatalf("accepted with %d rows, and encoding/json finds %d (%v)", c.Rows, len(want["clks"]), err)
		}
		for i, text := range want["clks"] {
			clk, err := base64.StdEncoding.Strict().DecodeString(text)
			if err != nil || len(clk) != c.Size || !sameBits(c.Row(i), clk) {
				t.Fatalf("row %d differs from what encoding/json finds (%v)", i, err)
			}
		}
	})
}
