package hashing

import (
	"encoding/hex"
	"slices"
	"testing"

	"cohortlink/hashing/norm"
)

// Vectors of everything beyond one plain Bloom filter; made, like the others, by
// testdata/vectors.py.

type vectorFilter struct {
	Name    string   `json:"name"`
	Length  int      `json:"length"`
	Fill    float64  `json:"fill"` // thousandths
	Fold    int      `json:"fold"`
	Rule90  bool     `json:"rule90"`
	Balance bool     `json:"balance"`
	Noise   float64  `json:"noise"` // thousandths
	Hashes  int      `json:"hashes"`
	Fields  []string `json:"fields"`

	Household bool `json:"household"`
}

func (v vectorFilter) filter() Filter {
	return Filter{Name: v.Name, Fields: v.Fields, Length: v.Length, Fill: v.Fill / 1000, Fold: v.Fold, Rule90: v.Rule90, Balance: v.Balance, Noise: v.Noise / 1000, Hashes: v.Hashes, Household: v.Household}
}

type hardenedSchema struct {
	Schema vectorSchema `json:"schema"`
	Digest string       `json:"digest"`
	Layout []struct {
		Bits       int    `json:"bits"`
		Encoding   string `json:"encoding"`
		Similarity string `json:"similarity"`
	} `json:"layout"`
	K           [][]int `json:"k"`
	Canonical   string  `json:"canonical"`
	Fingerprint string  `json:"fingerprint"`
}

type hardenedRecord struct {
	Secret string   `json:"secret"`
	Schema int      `json:"schema"`
	Texts  []string `json:"texts"`
	Made   *struct {
		Filters []string `json:"filters"`
		Exact   []string `json:"exact"`
	} `json:"made"` // null: set aside
}

func TestVectorsHardenedSchemas(t *testing.T) {
	v := readVectors(t)
	fingerprints := map[string]bool{}
	for i, c := range v.HardenedSchemas {
		s := c.Schema.schema()
		if err := s.Check(); err != nil {
			t.Errorf("schema %d: %v", i, err)
			continue
		}
		for j := range s.Filters {
			f := &s.Filters[j]
			got := s.bitsPerToken(f)
			if f.Hashes > 0 {
				got = s.votes(f)
			}
			if !slices.Equal(got, c.K[j]) {
				t.Errorf("schema %d, filter %d: k or votes %v, want %v", i, j, got, c.K[j])
			}
			if want := c.Layout[j]; f.Bits() != want.Bits || f.Encoding() != want.Encoding || f.Similarity() != want.Similarity {
				t.Errorf("schema %d, filter %d: %d bits, %s, %s, want %v", i, j, f.Bits(), f.Encoding(), f.Similarity(), want)
			}
		}
		digest := [32]byte(unhex(t, c.Digest))
		if got := string(s.canonical(digest)); got != c.Canonical {
			t.Errorf("schema %d: canonical JSON\n%s, want\n%s", i, got, c.Canonical)
		}
		if got := fingerprint(s.canonical(digest)); got != c.Fingerprint {
			t.Errorf("schema %d: fingerprint %s, want %s", i, got, c.Fingerprint)
		}
		fingerprints[c.Fingerprint] = true
	}
	found(t, len(v.HardenedSchemas), 20)
}

func TestVectorsHardenedRecords(t *testing.T) {
	v := readVectors(t)
	aside, zeros, sketches, homes := 0, 0, 0, 0
	for i, c := range v.HardenedRecords {
		s := v.HardenedSchemas[c.Schema].Schema.schema()
		h, err := NewHasher(s, newKey(s.Project, unhex(t, c.Secret)), dateOptions(len(s.Fields)))
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		dst := make([]uint64, h.Words())
		w := h.Worker()
		w.Hash(slices.Repeat([]string{"19870314"}, len(c.Texts)), dst) // somebody else before
		o := w.Hash(c.Texts, dst)
		if o.Unusable != (c.Made == nil) {
			t.Errorf("record %d: unusable is %v", i, o.Unusable)
			continue
		}
		if c.Made == nil {
			aside++
			if slices.Max(dst) != 0 || slices.ContainsFunc(o.Exact, func(k ExactKey) bool { return k != ExactKey{} }) {
				t.Errorf("record %d: set aside, yet it has bits or exact keys", i)
			}
			continue
		}
		for j := range s.Filters {
			f := &s.Filters[j]
			words := f.Bits() / 64
			got := hexFilter(dst[:words])
			if dst = dst[words:]; got != c.Made.Filters[j] {
				t.Errorf("record %d (schema %d), filter %q, %s: the bits differ", i, c.Schema, f.Name, f.Encoding())
			}
			if f.Hashes > 0 {
				sketches++
			}
			if weightOf(unwords(t, c.Made.Filters[j])) == 0 {
				zeros++
			}
		}
		for j, name := range slices.Concat(s.Exact, s.HouseholdExact) {
			if s.HouseholdExact != nil && c.Made.Exact[j] != "00000000000000000000000000000000" {
				homes++
			}
			if got := hex.EncodeToString(o.Exact[j][:]); got != c.Made.Exact[j] {
				t.Errorf("record %d: exact key %s is %s, want %s", i, name, got, c.Made.Exact[j])
			}
		}
	}
	found(t, len(v.HardenedRecords), 130)
	found(t, aside, 15)
	found(t, zeros, 1)
	found(t, sketches, 30)
	found(t, homes, 10)
}

// noisyRecord is a record whose noise persists.
type noisyRecord struct {
	hardenedRecord
	NoiseSecret string `json:"noise_secret"`
	NoiseFile   string `json:"noise_file"`
	Record      string `json:"record"` // ID
}

func TestVectorsNoisyRecords(t *testing.T) {
	v := readVectors(t)
	for i, c := range v.NoisyRecords {
		s := v.HardenedSchemas[c.Schema].Schema.schema()
		h, err := NewHasher(s, newKey(s.Project, unhex(t, c.Secret)), dateOptions(len(s.Fields)))
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		noise, err := ParseNoiseSecret([]byte(c.NoiseFile))
		if err != nil || hex.EncodeToString(noise.secret()) != c.NoiseSecret {
			t.Fatalf("record %d: the secret of its noise is read as another: %v", i, err)
		}
		dst := make([]uint64, h.Words())
		w := h.WorkerKeepingNoise(noise)
		w.HashRecord(RecordID{9}, c.Texts, dst) // another record before
		w.HashRecord(RecordID(unhex(t, c.Record)), c.Texts, dst)
		for j := range s.Filters {
			words := s.Filters[j].Bits() / 64
			if hexFilter(dst[:words]) != c.Made.Filters[j] {
				t.Errorf("record %d (schema %d), filter %q, %s: the bits differ", i, c.Schema, s.Filters[j].Name, s.Filters[j].Encoding())
			}
			dst = dst[words:]
		}
	}
	found(t, len(v.NoisyRecords), 28)
}

func unwords(t *testing.T, s string) []uint64 {
	b := unhex(t, s)
	out := make([]uint64, len(b)/8)
	for i := range b {
		out[i/8] |= uint64(b[i]) << (i % 8 * 8)
	}
	return out
}

// TestProfilesFit: each profile makes a usable schema of the fields that nearly every
// project has, and of each kind alone.
func TestProfilesFit(t *testing.T) {
	for name := range profiles {
		fields := [][]Field{fiveFields(), fieldsOf(norm.Kinds()...)}
		for _, kind := range norm.Kinds() {
			fields = append(fields, fieldsOf(kind))
		}
		for _, f := range fields {
			s := Schema{Project: "p", Fields: f, Filters: Profile(name)}
			if err := s.Check(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	found(t, len(profiles), 2)
	if Profile("none") != nil {
		t.Error("an unknown profile has filters")
	}
}
