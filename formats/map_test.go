package formats

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func someMap() *Map {
	return &Map{Rows: []int{1, 2, 5}, IDs: []RecordID{{9}, {1}, {5}}, LocalIDs: []string{"007", "", `=1+"1", ` + "é"}}
}

func mapBytes(t failer, m *Map) []byte {
	t.Helper()
	var b bytes.Buffer
	digest, err := WriteMap(&b, m)
	if err != nil {
		t.Fatal(err)
	}
	if digest != sha256.Sum256(b.Bytes()) {
		t.Fatal("the digest returned is not that of the bytes written")
	}
	return b.Bytes()
}

func TestMapBytes(t *testing.T) {
	m := someMap()
	want := "row,record_id,local_id\n" +
		"1,r09000000000000000000000000000000,\"007\"\n" +
		"2,r01000000000000000000000000000000,\"\"\n" +
		"5,r05000000000000000000000000000000,\"=1+\"\"1\"\", é\"\n"
	if got := string(mapBytes(t, m)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m.LocalIDs = nil
	want = "row,record_id\n1,r09000000000000000000000000000000\n2,r01000000000000000000000000000000\n5,r05000000000000000000000000000000\n"
	if got := string(mapBytes(t, m)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestReadMap(t *testing.T) {
	want := someMap()
	b := mapBytes(t, want)
	path := filepath.Join(t.TempDir(), "gp-03.map.csv")
	os.WriteFile(path, b, 0o600)
	got, err := ReadMap(path)
	if err != nil {
		t.Fatal(err)
	}
	want.Digest = sha256.Sum256(b)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := ReadMap(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestMapProperty(t *testing.T) {
	text := rapid.String().Filter(func(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl) })
	rapid.Check(t, func(t *rapid.T) {
		m := &Map{}
		n := rapid.IntRange(0, 20).Draw(t, "records")
		for i := range n {
			m.Rows = append(m.Rows, 3*i+rapid.IntRange(1, 3).Draw(t, "row"))
			m.IDs = append(m.IDs, RecordID{byte(n - i), rapid.Byte().Draw(t, "id")})
		}
		if rapid.Bool().Draw(t, "local") {
			m.LocalIDs = append([]string{}, rapid.SliceOfNDistinct(text, n, n, rapid.ID).Draw(t, "locals")...)
		}
		b := mapBytes(t, m)
		got, err := ParseMap("m", bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != sha256.Sum256(b) {
			t.Fatal("the digest is not that of the bytes read")
		}
		if !bytes.Equal(mapBytes(t, got), b) {
			t.Fatal("writing what was read gives other bytes")
		}
		for i, row := range m.Rows {
			if id, ok := got.Record(row); !ok || id != m.IDs[i] {
				t.Fatalf("row %d: %v", row, id)
			}
			if m.LocalIDs != nil && m.LocalIDs[i] != "" && got.ByLocalID()[m.LocalIDs[i]] != m.IDs[i] {
				t.Fatalf("row %d is not found by its local ID", row)
			}
		}
		if _, ok := got.Record(3*n + 4); ok {
			t.Fatal("a row that is not there was found")
		}
	})
}

func TestMapMistakes(t *testing.T) {
	const a, b = "r09000000000000000000000000000000", "r01000000000000000000000000000000"
	const changed = "; the file was changed after it was written: use the one that cohortlink wrote"
	for text, want := range map[string]string{
		"":                                                               `m.csv is not a map file: its first line should be row,record_id or row,record_id,local_id`,
		"record_id,person_id\n":                                          `m.csv is not a map file: its first line should be row,record_id or row,record_id,local_id`,
		strings.Repeat("x", 9999):                                        `m.csv is not a map file: its first line should be row,record_id or row,record_id,local_id`,
		"row,record_id\r\n1," + a + "\r\n":                               `m.csv is not a map file: its first line should be row,record_id or row,record_id,local_id`,
		"row,record_id\n1," + a:                                          `m.csv line 2: the file ends in the middle of a line; it was cut short: get it again`,
		"row,record_id\n1," + a + "\n\n":                                 `m.csv line 3: column row is not a row number` + changed,
		"row,record_id\n01," + a + "\n":                                  `m.csv line 2: column row is not a row number` + changed,
		"row,record_id\n0," + a + "\n":                                   `m.csv line 2: the rows do not rise` + changed,
		"row,record_id\n2," + a + "\n2," + b + "\n":                      `m.csv line 3: the rows do not rise` + changed,
		"row,record_id\n1," + a + "\n2," + a + "\n":                      `m.csv line 3: the same record ID as on line 2` + changed,
		"row,record_id\n1," + a[1:] + "\n":                               `m.csv line 2: column record_id is not a record ID (r and 32 hexadecimal digits)` + changed,
		"row,record_id\n1," + a + ",x\n":                                 `m.csv line 2: the number of columns differs from the first line's` + changed,
		"row,record_id,local_id\n1," + a + "\n":                          `m.csv line 2: the number of columns differs from the first line's` + changed,
		"row,record_id,local_id\n1," + a + ",7\n":                        `m.csv line 2: column local_id is not in quotation marks` + changed,
		"row,record_id,local_id\n1," + a + ",\"a\"b\"\n":                 `m.csv line 2: column local_id is not in quotation marks` + changed,
		"row,record_id,local_id\n1," + a + ",\"7\"\n2," + b + ",\"7\"\n": `m.csv line 3: the same local ID as on line 2; a column that is to keep record IDs must differ in every row` + changed,
		"row,record_id,local_id\n1," + a + ",\"" + strings.Repeat("7", 5000) + "\"\n": `m.csv line 2: the line is longer than 4096 bytes` + changed,
	} {
		if _, err := ParseMap("m.csv", strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%.60q:\n got %v\nwant %s", text, err, want)
		}
	}
	if _, err := ParseMap("m.csv", iotest.ErrReader(errors.New("the disk is gone"))); err == nil || err.Error() != "m.csv line 1 cannot be read: the disk is gone" {
		t.Errorf("got %v", err)
	}
	for want, m := range map[string]*Map{
		"row 2: the same record ID as on row 1":                   {Rows: []int{1, 2}, IDs: []RecordID{{1}, {1}}},
		"row 1: the rows do not rise":                             {Rows: []int{2, 1}, IDs: []RecordID{{1}, {2}}},
		"row 7: the local ID has a line break or another control": {Rows: []int{7}, IDs: []RecordID{{1}}, LocalIDs: []string{"secret\nsecret"}},
		"row 9: the same local ID as on row 7":                    {Rows: []int{7, 9}, IDs: []RecordID{{1}, {2}}, LocalIDs: []string{"secret", "secret"}},
		"a map has a row":                                         {Rows: []int{7}},
	} {
		if _, err := WriteMap(&bytes.Buffer{}, m); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes16 := rapid.SliceOfN(rapid.Byte(), 16, 16)
		r, p := RecordID(bytes16.Draw(t, "record")), PersonID(bytes16.Draw(t, "person"))
		if got, err := ParseRecordID(r.String()); err != nil || got != r {
			t.Fatalf("%s: %v, %v", r, got, err)
		}
		if got, err := ParsePersonID(p.String()); err != nil || got != p {
			t.Fatalf("%s: %v, %v", p, got, err)
		}
		// The text order of record IDs is their byte order, on which sorting and merging files rely.
		if q := RecordID(bytes16.Draw(t, "other")); (r.String() < q.String()) != (bytes.Compare(r[:], q[:]) < 0) {
			t.Fatalf("%s and %s are ordered differently as text", r, q)
		}
	})
	if got := (PersonID{0xff, 0, 0x7f}).String(); got != "p74ah6aaaaaaaaaaaaaaaaaaaaa" {
		t.Errorf("got %s", got)
	}
	// Without its letter this one is a number to a spreadsheet.
	const digits = "12345678901234567890123456789e05"
	if id, err := ParseRecordID("r" + digits); err != nil || id.String() != "r"+digits {
		t.Errorf("got %v, %v", id, err)
	}
	if _, err := strconv.ParseFloat(digits, 64); err != nil {
		t.Error("the example is no number:", err)
	}
	for _, s := range []string{"", "r", "r0", (RecordID{}).String() + "0", strings.Repeat("0", 33), "r" + strings.Repeat("A", 32), "r" + strings.Repeat("g", 32), "rr" + strings.Repeat("0", 31)} {
		if _, err := ParseRecordID(s); err == nil {
			t.Errorf("record ID %q was accepted", s)
		}
	}
	good := (PersonID{}).String()
	for _, s := range []string{"", "p", good + "a", good[:26], "r" + good[1:], strings.ToUpper(good), good[:26] + "b", good[:26] + "1", good[:26] + "\n", "p" + strings.Repeat("\n", 26)} {
		if _, err := ParsePersonID(s); err == nil {
			t.Errorf("person ID %q was accepted", s)
		}
	}
}

func someLinks() *Links {
	return &Links{Records: []RecordID{{1}, {5}, {9}}, Persons: []PersonID{{0xaa}, {0xbb}, {0xaa}}}
}

func linksBytes(t failer, l *Links) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteLinks(&b, l); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLinks(t *testing.T) {
	l := someLinks()
	b := linksBytes(t, l)
	want := "record_id,person_id\n" +
		"r01000000000000000000000000000000,pviaaaaaaaaaaaaaaaaaaaaaaaa\n" +
		"r05000000000000000000000000000000,pxmaaaaaaaaaaaaaaaaaaaaaaaa\n" +
		"r09000000000000000000000000000000,pviaaaaaaaaaaaaaaaaaaaaaaaa\n"
	if string(b) != want {
		t.Errorf("got\n%s\nwant\n%s", b, want)
	}
	path := filepath.Join(t.TempDir(), "gp-03.csv")
	os.WriteFile(path, b, 0o600)
	got, err := ReadLinks(path)
	if err != nil || !reflect.DeepEqual(got, l) {
		t.Fatalf("got %+v, %v", got, err)
	}
	if p, ok := got.Person(RecordID{5}); !ok || p != (PersonID{0xbb}) {
		t.Errorf("got %v, %v", p, ok)
	}
	if _, ok := got.Person(RecordID{6}); ok {
		t.Error("a record that is not there has a person")
	}

	const a = "r01000000000000000000000000000000,pviaaaaaaaaaaaaaaaaaaaaaaaa\n"
	const changed = "; the file was changed after it was written: use the one that cohortlink wrote"
	for text, want := range map[string]string{
		"row,record_id\n":                   `l.csv is not a links file: its first line should be record_id,person_id or record_id,person_id,household_id`,
		linksHeader + "\n" + a + a:          `l.csv line 3: the record IDs are not in order, or one is there twice` + changed,
		linksHeader + "\n" + a[:60]:         `l.csv line 2: the file ends in the middle of a line; it was cut short: get it again`,
		linksHeader + "\n" + a[1:]:          `l.csv line 2: column record_id is not a record ID (r and 32 hexadecimal digits)` + changed,
		linksHeader + "\n" + a[:34] + "x\n": `l.csv line 2: column person_id is not a person ID (p and 26 letters and digits)` + changed,
		linksHeader + "\n" + a[:60] + ",\n": `l.csv line 2: column person_id is not a person ID (p and 26 letters and digits)` + changed,
	} {
		if _, err := ParseLinks("l.csv", strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
	l.Records[0] = RecordID{7}
	if err := WriteLinks(&bytes.Buffer{}, l); err == nil {
		t.Error("records out of order were written")
	}
	if err := WriteLinks(&bytes.Buffer{}, &Links{Records: l.Records}); err == nil {
		t.Error("records without persons were written")
	}
	if _, err := ReadLinks(filepath.Join(t.TempDir(), "none.csv")); err == nil || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestMapPersons(t *testing.T) {
	m, l := someMap(), someLinks()
	person, err := m.Persons(l)
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[int]string{0: "", 1: (PersonID{0xaa}).String(), 2: (PersonID{0xaa}).String(), 3: "", 5: (PersonID{0xbb}).String(), 6: ""} {
		if got := person(row); got != want {
			t.Errorf("row %d: %q, want %q", row, got, want)
		}
	}
	l.Records[1] = RecordID{6}
	if _, err := m.Persons(l); err == nil || err.Error() != "the links have no person for the record of row 5: they are not of the same run as the map" {
		t.Errorf("got %v", err)
	}
	l.Records, l.Persons = l.Records[:2], l.Persons[:2]
	if _, err := m.Persons(l); err == nil || err.Error() != "the map has 3 records and the links have 2: they are not of the same run" {
		t.Errorf("got %v", err)
	}
}

func someReceipt() Receipt {
	return Receipt{Version: 1, Project: "p-1", Party: "gp-03", Schema: strings.Repeat("5c", 32), Key: strings.Repeat("4e", 16), Run: strings.Repeat("0f", 16),
		Extract: ReceiptExtract{strings.Repeat("e1", 32), 1000}, Records: 998, SetAside: 2, RecordKey: "Patient <No>", Map: strings.Repeat("a1", 32), Filters: strings.Repeat("f1", 32),
		Created: "2026-11-22", Tool: "cohortlink 0.1"}
}

func TestReceipt(t *testing.T) {
	want := someReceipt()
	var b bytes.Buffer
	unversioned := want
	unversioned.Version = 0
	if err := WriteReceipt(&b, unversioned); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "gp-03.receipt.json")
	os.WriteFile(path, b.Bytes(), 0o600)
	got, err := ReadReceipt(path)
	if err != nil || *got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	text := b.String()
	for _, c := range []struct{ old, new, want string }{
		{`"version": 1`, `"version": 2`, "r.json is a receipt of version 2, and this cohortlink reads version 1; update cohortlink"},
		{`"records": 998`, `"records": 997`, ""},
		{`"records": 998`, `"records": 999`, "r.json: the numbers of rows, records and rows set aside do not fit each other; use the receipt that cohortlink wrote"},
		{`"records": 998`, `"records":998`, "r.json is not a receipt, or was changed after it was written; use the one that cohortlink wrote"},
		{`"party"`, `"Party"`, "r.json is not a receipt, or was changed after it was written; use the one that cohortlink wrote"},
		{`"map": "a1`, `"map": "A1`, "r.json: a digest is not 64 lower-case hexadecimal digits; use the receipt that cohortlink wrote"},
		{`"2026-11-22"`, `"22/11/2026"`, "r.json: the record key, the date or the name of the program is not as it should be; use the receipt that cohortlink wrote"},
		{"}\n", "}\n{}", "r.json is not a receipt, or was changed after it was written; use the one that cohortlink wrote"},
		{text, "a,b", "r.json is not a receipt, or was changed after it was written; use the one that cohortlink wrote"},
	} {
		if !strings.Contains(text, c.old) {
			t.Fatalf("%q is not in the receipt", c.old)
		}
		_, err := ParseReceipt("r.json", []byte(strings.Replace(text, c.old, c.new, 1)))
		if fmt.Sprint(err) != c.want && !(err == nil && c.want == "") {
			t.Errorf("%q for %q:\n got %v\nwant %s", c.new, c.old, err, c.want)
		}
	}
	bad := someReceipt()
	bad.Run = ""
	if err := WriteReceipt(&b, bad); err == nil {
		t.Error("a receipt without a run id was written")
	}
}

func FuzzMap(f *testing.F) {
	m := someMap()
	f.Add(mapBytes(f, m))
	m.LocalIDs = nil
	f.Add(mapBytes(f, m))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := ParseMap("m", bytes.NewReader(b)); err == nil && !bytes.Equal(mapBytes(t, m), b) {
			t.Fatal("writing what was read gives other bytes")
		}
	})
}

func FuzzLinks(f *testing.F) {
	f.Add(linksBytes(f, someLinks()))
	with := someLinks()
	with.Households = []HouseholdID{{7}, {}, {7}}
	f.Add(linksBytes(f, with))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := ParseLinks("l", bytes.NewReader(b)); err == nil && !bytes.Equal(linksBytes(t, l), b) {
			t.Fatal("writing what was read gives other bytes")
		}
	})
}

func FuzzReceipt(f *testing.F) {
	r := someReceipt()
	f.Add(receiptJSON(&r))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReceipt("r", b)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteReceipt(&again, *r); err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("writing what was read gives other bytes, or %v", err)
		}
	})
}
