package hashing

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cohortlink/hashing/norm"
)

// The vectors were made by testdata/vectors.py, a second implementation of
// SPEC.md. They are not made by this package, and must not be.

type vectorSchema struct {
	Project string `json:"project"`
	Length  int    `json:"length"`
	Fields  []struct {
		Name   string  `json:"name"`
		Kind   string  `json:"kind"`
		Weight float64 `json:"weight"` // thousandths
	} `json:"fields"`
	Filters []vectorFilter `json:"filters"` // in place of a length
	Exact   []string       `json:"exact"`

	HouseholdExact []string `json:"household_exact"`
}

func (v vectorSchema) schema() Schema {
	s := Schema{Project: v.Project, Exact: v.Exact, HouseholdExact: v.HouseholdExact}
	if v.Filters == nil {
		s.Filters = Plain(v.Length)
	}
	for _, f := range v.Filters {
		s.Filters = append(s.Filters, f.filter())
	}
	for _, f := range v.Fields {
		s.Fields = append(s.Fields, Field{Name: f.Name, Kind: norm.Kind(f.Kind), Weight: f.Weight / 1000})
	}
	return s
}

type vectorFile struct {
	About string `json:"about"`
	Keys  []struct {
		Secret      string `json:"secret"`
		Project     string `json:"project"`
		Fingerprint string `json:"fingerprint"`
		Spoken      string `json:"spoken"`
		File        string `json:"file"`
	} `json:"keys"`
	Schemas []struct {
		Schema      vectorSchema `json:"schema"`
		Digest      string       `json:"digest"`
		K           []int        `json:"k"`
		Canonical   string       `json:"canonical"`
		Fingerprint string       `json:"fingerprint"`
	} `json:"schemas"`
	Tokens []struct {
		Kind   norm.Kind `json:"kind"`
		Text   string    `json:"text"`
		Tokens []string  `json:"tokens"`
	} `json:"tokens"`
	Records []struct {
		Secret string   `json:"secret"`
		Schema int      `json:"schema"`
		Texts  []string `json:"texts"`
		Filter *string  `json:"filter"` // null: set aside
	} `json:"records"`
	HardenedSchemas []hardenedSchema `json:"hardened_schemas"`
	HardenedRecords []hardenedRecord `json:"hardened_records"`
	NoisyRecords    []noisyRecord    `json:"noisy_records"`
}

func readVectors(t *testing.T) *vectorFile {
	t.Helper()
	f, err := os.Open("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	var v vectorFile
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return &v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// found fails a test that had too little to test.
func found(t *testing.T, n, least int) {
	t.Helper()
	if n < least {
		t.Fatalf("found %d vectors, want at least %d", n, least)
	}
	t.Logf("%d vectors", n)
}

// dateOptions declares YYYYMMDD, under which a canonical date is its own canonical text.
func dateOptions(fields int) []norm.Options {
	return slices.Repeat([]norm.Options{{Dates: "YYYYMMDD"}}, fields)
}

func TestVectorsKeys(t *testing.T) {
	v := readVectors(t)
	for i, c := range v.Keys {
		k := newKey(c.Project, unhex(t, c.Secret))
		f := k.Fingerprint()
		if got := hex.EncodeToString(f[:]); got != c.Fingerprint {
			t.Errorf("key %d: fingerprint %s, want %s", i, got, c.Fingerprint)
		}
		if got := SpokenFingerprint(f); got != c.Spoken {
			t.Errorf("key %d: spoken fingerprint %s, want %s", i, got, c.Spoken)
		}
		if string(k.Text()) != c.File {
			t.Errorf("key %d: the key file differs", i)
		}
		if back, err := ParseKey([]byte(c.File)); err != nil || back.Project() != c.Project || back.Fingerprint() != f {
			t.Errorf("key %d: its file reads as another key, or %v", i, err)
		}
	}
	found(t, len(v.Keys), 20)
}

func TestVectorsSchemas(t *testing.T) {
	v := readVectors(t)
	lengths := map[int]bool{}
	for i, c := range v.Schemas {
		s := c.Schema.schema()
		if err := s.Check(); err != nil {
			t.Errorf("schema %d: %v", i, err)
			continue
		}
		if got := s.bitsPerToken(&s.Filters[0]); !slices.Equal(got, c.K) {
			t.Errorf("schema %d: k %v, want %v", i, got, c.K)
		}
		digest := [32]byte(unhex(t, c.Digest))
		if got := string(s.canonical(digest)); got != c.Canonical {
			t.Errorf("schema %d: canonical JSON\n%s, want\n%s", i, got, c.Canonical)
		}
		if got := fingerprint(s.canonical(digest)); got != c.Fingerprint {
			t.Errorf("schema %d: fingerprint %s, want %s", i, got, c.Fingerprint)
		}
		lengths[s.Filters[0].Length] = true
	}
	found(t, len(v.Schemas), 20)
	found(t, len(lengths), 11) // 64 to 65,536
}

// cutSet is the tokens of a text, sorted, each once.
func cutSet(kind norm.Kind, text string) []string {
	var l tokenList
	kinds[kind].cut(&l, text)
	var all []string
	from := 0
	for _, to := range l.ends {
		all = append(all, string(l.text[from:to]))
		from = to
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestVectorsTokens(t *testing.T) {
	v := readVectors(t)
	seen := map[norm.Kind]bool{}
	for i, c := range v.Tokens {
		seen[c.Kind] = true
		n, err := norm.New(c.Kind, norm.Options{Dates: "YYYYMMDD"})
		if err != nil {
			t.Fatal(err)
		}
		if text, p := n.Value(c.Text); text != c.Text {
			t.Errorf("token vector %d (%s): its text is not canonical (%v)", i, c.Kind, p)
		}
		want := []string{}
		for _, x := range c.Tokens {
			want = append(want, string(unhex(t, x)))
		}
		slices.Sort(want)
		if len(c.Text) > maxText {
			if len(want) != 0 {
				t.Errorf("token vector %d (%s): a text of %d bytes has tokens", i, c.Kind, len(c.Text))
			}
			continue
		}
		if got := cutSet(c.Kind, c.Text); !slices.Equal(got, want) {
			t.Errorf("token vector %d (%s): tokens %q, want %q", i, c.Kind, got, want)
		}
	}
	found(t, len(v.Tokens), 50)
	for _, kind := range norm.Kinds() {
		if !seen[kind] {
			t.Errorf("no vector for kind %s", kind)
		}
	}
}

func TestVectorsRecords(t *testing.T) {
	v := readVectors(t)
	aside := 0
	for i, c := range v.Records {
		s := v.Schemas[c.Schema].Schema.schema()
		h, err := NewHasher(s, newKey(s.Project, unhex(t, c.Secret)), dateOptions(len(s.Fields)))
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		dst := make([]uint64, h.Words())
		o := h.Worker().Hash(c.Texts, dst)
		if o.Unusable != (c.Filter == nil) {
			t.Errorf("record %d: unusable is %v", i, o.Unusable)
			continue
		}
		if c.Filter == nil {
			aside++
			if slices.Max(dst) != 0 {
				t.Errorf("record %d: set aside, yet it has bits", i)
			}
		} else if got := hexFilter(dst); got != *c.Filter {
			t.Errorf("record %d (schema %d, %d bits): the filter differs", i, c.Schema, s.Filters[0].Length)
		}
	}
	found(t, len(v.Records), 150)
	found(t, aside, 20)
}

func hexFilter(words []uint64) string {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return hex.EncodeToString(b)
}

// TestVectorsAreTheScripts: nobody has mended the vectors, or the example, by hand.
func TestVectorsAreTheScripts(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not on this machine, so vectors.py is not run")
	}
	run := func(args ...string) []byte {
		out, err := exec.Command(python, append([]string{"testdata/vectors.py"}, args...)...).Output()
		if err != nil {
			t.Fatalf("vectors.py: %v", err)
		}
		return out
	}
	want, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(run(), want) {
		t.Error("testdata/vectors.json is not what vectors.py makes: run it again")
	}
	page, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```example\n"+string(run("example"))+"```\n") {
		t.Error("SPEC.md's example is not what vectors.py makes")
	}
}

// TestSpecExample computes each line of the example in SPEC.md.
func TestSpecExample(t *testing.T) {
	page, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(page), "```example\n")
	text, _, closed := strings.Cut(rest, "\n```")
	if !ok || !closed {
		t.Fatal("SPEC.md has no example")
	}
	var (
		s                    = Schema{Fields: []Field{{Name: "surname", Kind: norm.Name}, {Name: "birth_date", Kind: norm.Date}, {Name: "sex", Kind: norm.Sex}}}
		secret, digest       []byte
		key                  *Key
		values               = make([]string, len(s.Fields))
		got                  string
		tokens, lines, at, k int
	)
	field := func(name string) int {
		return slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
	}
	for _, line := range strings.Split(text, "\n") {
		what, want, _ := strings.Cut(line, " = ")
		lines++
		switch {
		case what == "secret":
			secret, got = unhex(t, want), want
		case what == "project":
			s.Project, key, got = want, newKey(want, secret), want
		case what == "fingerprint":
			f := key.Fingerprint()
			got = hex.EncodeToString(f[:])
		case what == "spoken fingerprint":
			got = SpokenFingerprint(key.Fingerprint())
		case what == "K_surname":
			got = hex.EncodeToString(key.derive("field/surname", 32))
		case what == "length":
			length, _ := strconv.Atoi(want)
			s.Filters, got = Plain(length), want
		case strings.HasPrefix(what, "k of "):
			got = strconv.Itoa(s.bitsPerToken(&s.Filters[0])[field(what[5:])])
			k++
		case what == "digest":
			digest, got = unhex(t, want), want
		case what == "canonical JSON":
			got = string(s.canonical([32]byte(digest)))
		case what == "schema fingerprint":
			got = fingerprint(s.canonical([32]byte(digest)))
		case field(what) >= 0:
			at, got = field(what), want
			values[at] = want
			tokens += len(cutSet(s.Fields[at].Kind, want))
		case strings.HasSuffix(what, " token"):
			shown, _, _ := strings.Cut(want, " at ")
			token := strings.ReplaceAll(shown, "␠", " ")
			if !slices.Contains(cutSet(s.Fields[at].Kind, values[at]), token) {
				t.Errorf("%q is no token of the value above it", shown)
			}
			drawn, _ := positionsOf(newBloomFilter(&s, &s.Filters[0], key, 1), at, []byte(token))
			got = shown + " at " + strings.Trim(fmt.Sprint(drawn), "[]")
			tokens--
		case what == "filter":
			h, err := NewHasher(s, key, dateOptions(len(s.Fields)))
			if err != nil {
				t.Fatal(err)
			}
			dst := make([]uint64, h.Words())
			h.Worker().Hash(values, dst)
			got = hexFilter(dst)
		default:
			t.Fatalf("SPEC.md's example has a line that is not understood: %s", what)
		}
		if got != want {
			t.Errorf("%s: got %s, SPEC.md says %s", what, got, want)
		}
	}
	if tokens != 0 || k != len(s.Fields) || lines < 20 {
		t.Errorf("SPEC.md's example: %d lines, %d tokens missing, %d values of k", lines, tokens, k)
	}
}
