package formats

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"pgregory.net/rapid"
)

// people of the tests: the unit, two parties and somebody else.
var (
	testUnit  = sync.OnceValue(mustIdentity)
	testParty = sync.OnceValue(mustIdentity)
	testOther = sync.OnceValue(mustIdentity)
)

func mustIdentity() *Identity {
	i, err := NewIdentity("")
	if err != nil {
		panic(err)
	}
	return i
}

// testPartners pins gp-03 and gp-04.
func testPartners(t failer) *Partners {
	t.Helper()
	p, err := ParsePartners("unit.partners", fmt.Appendf(nil, "# ours\ngp-03 %s\n\ngp-04 %s\n", testParty().Public(), testOther().Public()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func sealedBytes(t failer, f *FiltersFile) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := sealFilters(&b, f, testUnit().Public().Recipient, testParty()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func openSealed(t failer, b []byte) (*FiltersFile, error) {
	return ParseSealedFilters("gp-03.filters", bytes.NewReader(b), int64(len(b)), &Opening{testUnit(), testPartners(t).Trust})
}

// taken apart: the clear head, the age file, and what is in it.
func apart(t failer, b []byte, i *Identity) (head, seal, inside []byte) {
	t.Helper()
	lines := bytes.SplitAfterN(b, []byte("\n"), 3)
	head = append(bytes.Clone(lines[0]), lines[1]...)
	_, identity := i.secret()
	r, err := age.Decrypt(bytes.NewReader(lines[2]), identity)
	if err != nil {
		t.Fatal(err)
	}
	if inside, err = io.ReadAll(r); err != nil {
		t.Fatal(err)
	}
	return head, lines[2], inside
}

// together seals inside for a recipient, behind a head.
func together(t failer, head, inside []byte, to *Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	b.Write(head)
	w, err := age.Encrypt(&b, to.age)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(inside)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// resigned gives head and content a right digest, and a signature by i.
func resigned(head, inside []byte, i *Identity) []byte {
	content := inside[:len(inside)-sealedEnd]
	digest := sha256.Sum256(append(bytes.Clone(head), content...))
	out := append(bytes.Clone(content), digest[:]...)
	return append(append(out, 64, 0, 0, 0), i.sign(kindFilters, digest[:])...)
}

func TestSealRoundTrip(t *testing.T) {
	f := someFilters()
	b := sealedBytes(t, f)
	g, err := openSealed(t, b)
	if err != nil {
		t.Fatal(err)
	}
	clear, err := parseFilters(filtersBytes(t, f))
	if err != nil {
		t.Fatal(err)
	}
	if h := g.Header; h.Seal != "age" || h.Signer != strings.TrimPrefix(testParty().Public().Signs.String(), "ed25519:") || h.Recipient != testUnit().Public().Recipient.fingerprint() {
		t.Errorf("header %+v", h)
	}
	g.Header, g.Digest = clear.Header, clear.Digest
	if !bytes.Equal(filtersBytes(t, g), filtersBytes(t, clear)) {
		t.Error("what was sealed is not what comes out")
	}
	// Nothing of the content shows: neither a record ID nor a word of the manifest.
	for _, s := range []string{"records", "frailty", "nhs_number", "pilot", string(f.IDs[1][:4])} {
		if bytes.Contains(b, []byte(s)) {
			t.Errorf("%q can be read in the sealed file", s)
		}
	}
	if again := sealedBytes(t, f); len(again) != len(b) || bytes.Equal(again, b) {
		t.Error("sealing twice gives the same bytes, or a file of another length")
	}

	path := filepath.Join(t.TempDir(), "gp-03.filters")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if h, err := ReadFiltersHeader(path); err != nil || h.Party != "gp-03" || h.Seal != "age" {
		t.Errorf("header alone: %+v, %v", h, err)
	}
	if _, err := OpenFilters(path, &Opening{Identity: testUnit()}); err != nil {
		t.Error(err)
	}
	if _, err := ReadFilters(path); !errors.Is(err, ErrSealed) {
		t.Errorf("without an identity: %v", err)
	}
	// Written again as it was read it would be on the disk unsealed.
	if g, err = openSealed(t, b); err != nil {
		t.Fatal(err)
	}
	if _, err := writeFilters(io.Discard, g); err == nil {
		t.Error("a file whose header says that it is sealed was written clear")
	}
}

// What may arrive. Each is refused by a message of its own, before a record is handed out.
func TestSealRefuses(t *testing.T) {
	unit, party, other := testUnit(), testParty(), testOther()
	good := sealedBytes(t, someFilters())
	head, seal, inside := apart(t, good, unit)
	swap := func(head []byte, old, new string) []byte {
		if !bytes.Contains(head, []byte(old)) {
			t.Fatalf("%q is not in the head", old)
		}
		return bytes.Replace(head, []byte(old), []byte(new), 1)
	}
	digits := func(k *Identity) string { return strings.TrimPrefix(k.Public().Signs.String(), "ed25519:") }
	otherRun := someFilters()
	otherRun.Header.Run = strings.Repeat("1f", 16)
	otherHead, _, _ := apart(t, sealedBytes(t, otherRun), unit)
	unsigned := bytes.Clone(inside)
	unsigned = append(unsigned[:len(unsigned)-68], 0, 0, 0, 0)
	more := resigned(head, bytes.Replace(inside, []byte(`"records":5`), []byte(`"records":9`), 1), party)
	many := swap(head, fmt.Sprintf(`"bytes":%d`, len(inside)), fmt.Sprintf(`"bytes":%d`, len(inside)+9))
	manyInside := resigned(many, bytes.Replace(inside, []byte(`"records":5`), []byte(`"records":2147483647`), 1), party)
	elsewhere := swap(head, unit.Public().Recipient.fingerprint(), other.Public().Recipient.fingerprint())
	cut := func(n int) string {
		return fmt.Sprintf("gp-03.filters: it was cut short: %d of its %d bytes are there; ask gp-03 for it again", n, len(good))
	}
	const ask = "; ask gp-03 for it again"
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"tampered at the end", flip(good, len(good)-1), "gp-03.filters: its seal does not hold: it was changed after it was sealed" + ask},
		{"tampered in the seal's head", otherLetter(good, len(head)+200), "gp-03.filters: its header says that it is sealed for this identity, and its seal is for somebody else: it was sealed again, put together from two files, or damaged" + ask},
		{"tampered in the seal's digest", flip(good, len(head)+1690), "gp-03.filters: its seal does not hold: it was changed after it was sealed" + ask},
		{"cut by a byte", good[:len(good)-1], cut(len(good) - 1)},
		{"cut in the middle", good[:len(good)-300], cut(len(good) - 300)},
		{"cut in the seal's head", good[:len(head)+50], "gp-03.filters: the beginning of its seal is damaged or cut short" + ask},
		{"cut before the seal", head, "gp-03.filters: the beginning of its seal is damaged or cut short" + ask},
		{"trailing byte", append(bytes.Clone(good), 0), fmt.Sprintf("gp-03.filters: something follows after its end: it has %d bytes and should have %d"+ask, len(good)+1, len(good))},
		{"two files", append(bytes.Clone(good), good...), fmt.Sprintf("gp-03.filters: something follows after its end: it has %d bytes and should have %d"+ask, 2*len(good), len(good))},
		{"not sealed", filtersBytes(t, someFilters()), "gp-03.filters: it is not sealed, so that nobody knows who sent it; ask gp-03 to hash again with the project file that names the unit"},
		{"other recipient", together(t, elsewhere, inside, other.Public().Recipient), "gp-03.filters: it is not sealed for this identity but for another one; open it with the identity it was made for, or ask gp-03 to seal it for you"},
		{"sealed again for another", together(t, head, inside, other.Public().Recipient), "gp-03.filters: its header says that it is sealed for this identity, and its seal is for somebody else: it was sealed again, put together from two files, or damaged" + ask},
		{"passed on by a recipient", together(t, head, resigned(elsewhere, inside, party), unit.Public().Recipient), "gp-03.filters: its header is not the one that its content was sealed with: it was changed, or put on the content of another file" + ask},
		{"header of another run", append(bytes.Clone(otherHead), seal...), "gp-03.filters: its header is not the one that its content was sealed with: it was changed, or put on the content of another file" + ask},
		{"other project", append(swap(head, `"project":"p-1"`, `"project":"p-2"`), seal...), "gp-03.filters: its header is not the one that its content was sealed with: it was changed, or put on the content of another file" + ask},
		{"party without a pin", append(swap(head, `"gp-03"`, `"gp-05"`), seal...), `gp-03.filters: nobody has pinned a key for party "gp-05": unit.partners has no line for it; ask the party for its line, and compare fingerprints by telephone`},
		{"signer of another party", append(swap(head, digits(party), digits(other)), seal...), `gp-03.filters: it says that it is of party "gp-03" and names the signing key of party "gp-04": the files or the lines of unit.partners are mixed up`},
		{"signer that nobody knows", append(swap(head, digits(party), strings.Repeat("ab", 32)), seal...), `gp-03.filters: it names a signing key that is not the one pinned for party "gp-03" in unit.partners; if the party has a new one, compare fingerprints by telephone and change its line`},
		{"signed by another", together(t, head, resigned(head, inside, other), unit.Public().Recipient), "gp-03.filters: its signature is not by the key it names: it does not come from gp-03"},
		{"signature of a file of links", together(t, head, signedAs(head, inside, party, kindLinks), unit.Public().Recipient), "gp-03.filters: its signature is not by the key it names: it does not come from gp-03"},
		{"not signed", together(t, shorter(t, head, 64), resealed(shorter(t, head, 64), unsigned), unit.Public().Recipient), "gp-03.filters: it announces 5 records, 440 bytes, and 376 bytes are in its seal" + ask},
		{"more records than there are", together(t, head, more, unit.Public().Recipient), "gp-03.filters: it announces 9 records, 712 bytes, and 440 bytes are in its seal" + ask},
		{"very many records", together(t, many, manyInside, unit.Public().Recipient), "gp-03.filters: it announces 2147483647 records, 146028888096 bytes, and 440 bytes are in its seal" + ask},
		{"digest that does not fit", together(t, head, flip(inside, len(inside)-80), unit.Public().Recipient), "gp-03.filters: its header is not the one that its content was sealed with: it was changed, or put on the content of another file" + ask},
		{"from the future", append(swap(head, "filters 1", "filters 2"), seal...), "gp-03.filters: it is of version 2 of the filters format, and this cohortlink reads version 1; update cohortlink"},
		{"another seal", append(swap(head, `"seal":"age"`, `"seal":"pgp"`), seal...), "gp-03.filters: the file is sealed in a way that this version of cohortlink does not know; update cohortlink"},
		{"no bytes", append(swap(head, fmt.Sprintf(`"bytes":%d`, len(inside)), `"bytes":5`), seal...), "gp-03.filters: the header says that 5 bytes are in the seal, which cannot be"},
		{"endless bytes", append(swap(head, fmt.Sprintf(`"bytes":%d`, len(inside)), `"bytes":9223372036854775807`), seal...), "gp-03.filters: the header says that 9223372036854775807 bytes are in the seal, which cannot be"},
		{"links for filters", linksFile(t), `gp-03.filters is not a filters file: it does not begin with "cohortlink filters"`},
		{"compressed", append([]byte("\x1f\x8b\x08\x00"), good...), "gp-03.filters is not a filters file but packed or compressed: unpack it first"},
	} {
		f, err := openSealed(t, c.file)
		if err == nil || err.Error() != c.want || f != nil {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
	if _, err := ParseSealedFilters("a", bytes.NewReader(good), int64(len(good)), &Opening{testOther(), nil}); err == nil || !strings.Contains(err.Error(), "not sealed for this identity") {
		t.Errorf("a wrong identity: %v", err)
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// otherLetter puts another letter where base64 has one.
func otherLetter(b []byte, at int) []byte {
	b = bytes.Clone(b)
	if b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return b
}

func signedAs(head, inside []byte, i *Identity, kind string) []byte {
	out := resigned(head, inside, i)
	digest := out[len(out)-sealedEnd:][:32]
	return append(out[:len(out)-64], i.sign(kind, digest)...)
}

// shorter is a head that announces n bytes less.
func shorter(t failer, head []byte, n int) []byte {
	t.Helper()
	var h FiltersHeader
	line := bytes.SplitN(head, []byte("\n"), 3)
	if !decodeCanonical(line[1], &h, func() any { return h }) {
		t.Fatal("the head cannot be read")
	}
	h.Bytes -= int64(n)
	return append(append(append(bytes.Clone(line[0]), '\n'), canonicalJSON(h)...), '\n')
}

// resealed gives content that is not signed its digest.
func resealed(head, inside []byte) []byte {
	content := inside[:len(inside)-clearEnd]
	digest := sha256.Sum256(append(bytes.Clone(head), content...))
	return append(append(bytes.Clone(content), digest[:]...), 0, 0, 0, 0)
}

// No bit of a sealed file can change, and no beginning of it is enough.
func TestSealEveryByte(t *testing.T) {
	good := sealedBytes(t, someFilters())
	for i := range good {
		if _, err := openSealed(t, flip(good, i)); err == nil {
			t.Fatalf("byte %d changed, and nobody noticed", i)
		}
		if i%7 == 0 {
			if _, err := openSealed(t, good[:i]); err == nil {
				t.Fatalf("%d of %d bytes were enough", i, len(good))
			}
		}
	}
}

// Content of every length around the ends of age's chunks comes out as it went in, and the length of the file is foreseen.
func TestSealLengths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 1, 238, 239, 240, 241, 477, 478, 479, 480}).Draw(t, "records") // 64 KiB is 240.9 rows
		f := manyFilters(n)
		f.Manifest.Weak = []string{strings.Repeat("w", rapid.IntRange(1, 500).Draw(t, "pad"))}
		g, err := openSealed(t, sealedBytes(t, f))
		if err != nil {
			t.Fatal(err)
		}
		if len(g.IDs) != n {
			t.Fatalf("%d records, not %d", len(g.IDs), n)
		}
	})
}

func linksFile(t failer) []byte {
	t.Helper()
	var b bytes.Buffer
	l := &Links{Records: []RecordID{{1}, {2}}, Persons: []PersonID{{7}, {7}}}
	answers := someFilters().Header
	answers.Seal, answers.Signer = sealAge, strings.Repeat("77", 32) // as it came: sealing again must not care
	if err := SealLinks(&b, answers, l, testParty().Public().Recipient, testUnit()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func openLinks(b []byte) (FiltersHeader, *Links, error) {
	return ParseSealedLinks("gp-03.links", bytes.NewReader(b), int64(len(b)), &Opening{testParty(), TrustUnit(testUnit().Public().Signs)})
}

func TestSealLinks(t *testing.T) {
	good := linksFile(t)
	h, l, err := openLinks(good)
	if err != nil {
		t.Fatal(err)
	}
	if h.Party != "gp-03" || h.Run != someFilters().Header.Run || len(l.Records) != 2 || l.Persons[1] != (PersonID{7}) {
		t.Errorf("got %+v, %+v", h, l)
	}
	head, _, inside := apart(t, good, testParty())
	content := bytes.Replace(bytes.Clone(inside), []byte("record_id,"), []byte("Record_id,"), 1)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"cut", good[:len(good)-5], fmt.Sprintf("gp-03.links: it was cut short: %d of its %d bytes are there; ask the unit for it again", len(good)-5, len(good))},
		{"changed", flip(good, len(good)-5), "gp-03.links: its seal does not hold: it was changed after it was sealed; ask the unit for it again"},
		{"by another", together(t, head, signedAs(head, inside, testOther(), kindLinks), testParty().Public().Recipient), "gp-03.links: its signature is not by the key it names: it does not come from the unit"},
		{"not links inside", together(t, head, signedAs(head, content, testUnit(), kindLinks), testParty().Public().Recipient), "gp-03.links is not a links file: its first line should be record_id,person_id or record_id,person_id,household_id"},
		{"filters", sealedBytes(t, someFilters()), `gp-03.links is not a file of sealed links: it does not begin with "cohortlink links"`},
		{"not sealed", []byte("record_id,person_id\n"), `gp-03.links is not a file of sealed links: it does not begin with "cohortlink links"`},
	} {
		if _, l, err := openLinks(c.file); err == nil || err.Error() != c.want || l != nil {
			t.Errorf("%s:\n got %v\nwant %s", c.name, err, c.want)
		}
	}
	_, _, err = ParseSealedLinks("a", bytes.NewReader(good), int64(len(good)), &Opening{testParty(), TrustUnit(testOther().Public().Signs)})
	if want := "a: it names a signing key that is not the unit's in the project file; ask the unit whether it sent this"; err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
	for i := 0; i < len(good); i += 11 {
		if _, _, err := openLinks(flip(good, i)); err == nil {
			t.Fatalf("byte %d changed, and nobody noticed", i)
		}
	}
}

func TestSeen(t *testing.T) {
	file := func(party, run, created string, digest byte) *FiltersFile {
		f := someFilters()
		f.Name, f.Header.Party, f.Header.Run, f.Manifest.Created, f.Digest[0] = party+".filters", party, strings.Repeat(run, 16), created, digest
		return f
	}
	s, err := ReadSeen(filepath.Join(t.TempDir(), "unit.seen"))
	if err != nil {
		t.Fatal(err)
	}
	first, second := file("gp-03", "01", "2026-11-01", 1), file("gp-03", "02", "2026-11-08", 2)
	for _, f := range []*FiltersFile{first, first, second, second, file("gp-04", "01", "2025-01-01", 3)} {
		if err := s.Check(f); err != nil {
			t.Fatal(err)
		}
		s.Add(f)
	}
	if s, err = ParseSeen("unit.seen", s.Text()); err != nil || len(s.runs) != 3 {
		t.Fatalf("%d runs, %v", len(s.runs), err)
	}
	for _, c := range []struct {
		f        *FiltersFile
		replayed bool
		want     string
	}{
		{first, true, `gp-03.filters was replaced by a newer file: party "gp-03" hashed it on 2026-11-01, and a file that it hashed on 2026-11-08 is in unit.seen`},
		{file("gp-03", "03", "2026-11-07", 4), true, `gp-03.filters was replaced by a newer file: party "gp-03" hashed it on 2026-11-07, and a file that it hashed on 2026-11-08 is in unit.seen`},
		{file("gp-03", "02", "2026-11-08", 9), false, `gp-03.filters has the run id of another file of party "gp-03" that was linked before, and other content: ask the party which is right, and to hash again`},
	} {
		if err := s.Check(c.f); err == nil || err.Error() != c.want || errors.Is(err, ErrReplayed) != c.replayed {
			t.Errorf("\n got %v\nwant %s", err, c.want)
		}
	}
	third := file("gp-03", "03", "2026-11-08", 4)
	s.Add(third)
	if err := s.Check(second); err == nil || !strings.Contains(err.Error(), `party "gp-03" hashed both on 2026-11-08, and unit.seen has the other as the later one (run `+third.Header.Run+")") {
		t.Errorf("two of one day: %v", err)
	}
	otherProject := file("gp-03", "01", "2026-11-01", 1)
	otherProject.Header.Project = "p-2"
	for _, f := range []*FiltersFile{third, file("gp-03", "04", "2026-11-08", 5), file("gp-03", "04", "", 5), otherProject} {
		if err := s.Check(f); err != nil {
			t.Error(err)
		}
	}
}

func TestWrappedKey(t *testing.T) {
	const fingerprint = "ABCD-2345-WXYZ-7777"
	key := []byte("the bytes of a key file\n")
	file, passphrase, err := WrapKey("p-1", fingerprint, key)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(file, []byte(passphrase)) || bytes.Contains(file, key) {
		t.Fatal("the file shows what it is to hide")
	}
	for _, typed := range []string{passphrase, strings.ToUpper(passphrase), strings.ReplaceAll(passphrase, "-", " ") + "\r\n"} {
		h, body, err := ParseWrappedKey("k", bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := h.Unwrap(body, typed); err != nil || !bytes.Equal(got, key) {
			t.Fatalf("unwrapped with %d characters: %v", len(typed), err)
		}
	}
	h, body, _ := ParseWrappedKey("k", file)
	if !h.NeedsPassphrase() {
		t.Error("no passphrase is asked for")
	}
	slip := "a" + passphrase[1:]
	if slip == passphrase {
		slip = "b" + passphrase[1:]
	}
	_, another, _ := WrapKey("p-1", fingerprint, key)
	lie := *h
	lie.Project = "p-2"
	for want, try := range map[string]func() ([]byte, error){
		"the passphrase has a slip in it":     func() ([]byte, error) { return h.Unwrap(body, slip) },
		"has a slip in it: it is 6 groups":    func() ([]byte, error) { return h.Unwrap(body, "") },
		"the passphrase is that of another":   func() ([]byte, error) { return h.Unwrap(body, another) },
		"or the file was changed":             func() ([]byte, error) { return h.Unwrap(flip(body, 3), passphrase) },
		"of another file, or the file was ch": func() ([]byte, error) { return lie.Unwrap(body, passphrase) },
	} {
		if _, err := try(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), passphrase[:9]) {
			t.Errorf("want %q, got %v", want, err)
		}
	}

	sealed, err := SealKey("p-1", fingerprint, key, testParty().Public().Recipient)
	if err != nil {
		t.Fatal(err)
	}
	if h, body, err = ParseWrappedKey("k", sealed); err != nil || h.NeedsPassphrase() {
		t.Fatal(err)
	}
	if got, err := h.OpenKey(body, testParty()); err != nil || !bytes.Equal(got, key) {
		t.Error(err)
	}
	if _, err := h.OpenKey(body, testOther()); err == nil || !strings.Contains(err.Error(), "not sealed for this identity") {
		t.Error(err)
	}
	if _, err := h.OpenKey(flip(body, len(body)-1), testParty()); err == nil || !strings.Contains(err.Error(), "its seal does not hold") {
		t.Error(err)
	}
	for want, change := range map[string][2]string{
		"not a wrapped key":         {"cohortlink wrapped", "Cohortlink wrapped"},
		"another version":           {"version 1", "version 2"},
		"not as the format has it":  {`"wrap":`, `"Wrap":`},
		"in a way that":             {"t=3", "t=9"},
		"name of the project":       {`"p-1"`, `"../p"`},
		"its fingerprint is not":    {"ABCD-", "abcd-"},
		"damaged or cut short; ask": {"}\n", "}\n="},
	} {
		if _, _, err := ParseWrappedKey("k", bytes.Replace(file, []byte(change[0]), []byte(change[1]), 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func FuzzSealedFilters(f *testing.F) {
	good := sealedBytes(f, someFilters())
	head, _, inside := apart(f, good, testUnit())
	f.Add(good, false)
	f.Add(append(bytes.Clone(head), inside...), true)
	f.Fuzz(func(t *testing.T, b []byte, inner bool) {
		if inner { // head and content, with the seal, digest and signature that a fuzzer cannot guess
			lines := bytes.SplitAfterN(b, []byte("\n"), 3)
			if len(lines) < 3 || len(lines[2]) < sealedEnd {
				return
			}
			head := append(bytes.Clone(lines[0]), lines[1]...)
			b = together(t, head, resigned(head, lines[2], testParty()), testUnit().Public().Recipient)
		}
		g, err := openSealed(t, b)
		if err != nil {
			return
		}
		head, _, inside := apart(t, b, testUnit())
		again := sealedBytes(t, g)
		if head2, _, inside2 := apart(t, again, testUnit()); !bytes.Equal(head, head2) || !bytes.Equal(inside, inside2) {
			t.Fatal("sealing what was read gives other bytes inside, or another head")
		}
	})
}

func FuzzSealedLinks(f *testing.F) {
	f.Add(linksFile(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, l, err := openLinks(b); err == nil {
			if _, err := hex.DecodeString(h.Signer); err != nil || len(l.Records) != len(l.Persons) {
				t.Fatal("links that are not as they should be")
			}
		}
	})
}

func FuzzWrappedKey(f *testing.F) {
	file, _, err := WrapKey("p-1", "ABCD-2345-WXYZ-7777", []byte("key"))
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := SealKey("p-1", "ABCD-2345-WXYZ-7777", []byte("key"), testParty().Public().Recipient)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, err := ParseWrappedKey("k", b)
		if err != nil {
			return
		}
		if !bytes.Equal(h.file(body), bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))) {
			t.Fatal("writing what was read gives other bytes")
		}
		if !h.NeedsPassphrase() {
			h.OpenKey(body, testParty())
		}
	})
}

func FuzzSeen(f *testing.F) {
	s := &Seen{}
	s.Add(someFilters())
	f.Add(s.Text())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSeen("unit.seen", b)
		if err == nil && !bytes.Equal(s.Text(), b) {
			t.Fatal("writing what was read gives other bytes")
		}
	})
}

// The seal costs little beside hashing: what it takes for 100,000 records of 2,048 bits.
func BenchmarkSealFilters(b *testing.B) {
	f := manyFilters(100_000)
	b.SetBytes(int64(len(filtersBytes(b, f))))
	for b.Loop() {
		if _, err := sealFilters(io.Discard, f, testUnit().Public().Recipient, testParty()); err != nil {
			b.Fatal(err)
		}
	}
}
