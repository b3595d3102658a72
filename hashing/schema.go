package hashing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"regexp"
	"slices"
	"strings"

	"cohortlink/hashing/norm"
)

// A Schema is everything that decides the bits of a filter, the key aside. Two
// partners whose schemas have the same Fingerprint, and who hold the same key,
// give the same person with the same values the same filter.
type Schema struct {
	Project string  // the project's name; keys are bound to it
	Fields  []Field // in any order: it changes neither the bits nor the fingerprint
	Length  int     // bits of a filter: a power of two from 64 to 65,536
}

// A Field is one thing known about a person.
type Field struct {
	Name string    // names the field's own key: renaming a field changes its bits
	Kind norm.Kind // how it is normalised and cut into tokens
	// Weight is the field's share of the set bits, beside the other fields' weights:
	// from 0.001 to 100, in whole thousandths. 0 stands for the kind's own weight
	// (SPEC.md, "Kinds").
	Weight float64
}

// DefaultLength is the filter length of the standard profile, in bits.
const DefaultLength = 1024

// maxFields lets each field set at least one bit per token at the default length
// and weights.
const maxFields = 32

// Weights are counted in thousandths, since sums of whole numbers do not depend on
// the order of the fields, nor on the language that adds them.
const weightUnits = 1000

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

func checkName(what, name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("%s name %q: use a lower-case letter, then letters, digits, hyphens or underscores (63 at most)", what, name)
	}
	return nil
}

// Check reports the first thing that makes a schema unusable.
func (s *Schema) Check() error {
	if err := checkName("project", s.Project); err != nil {
		return err
	}
	if s.Length < 64 || s.Length > 1<<16 || bits.OnesCount(uint(s.Length)) != 1 {
		return fmt.Errorf("filter length %d: use a power of two from 64 to 65536", s.Length)
	}
	if len(s.Fields) == 0 {
		return errors.New("the project has no fields: name at least one under fields")
	}
	if len(s.Fields) > maxFields {
		return fmt.Errorf("the project has %d fields; at most %d fit one filter", len(s.Fields), maxFields)
	}
	seen := map[string]bool{}
	for _, f := range s.Fields {
		if err := checkName("field", f.Name); err != nil {
			return err
		}
		if seen[f.Name] {
			return fmt.Errorf("field %q is named twice", f.Name)
		}
		seen[f.Name] = true
		if _, ok := kinds[f.Kind]; !ok {
			return fmt.Errorf("field %q: there is no kind %q", f.Name, f.Kind)
		}
		units := f.Weight * weightUnits
		if !(f.Weight == 0 || f.Weight >= 0.001 && f.Weight <= 100) || math.Abs(units-math.Round(units)) > 1e-6 {
			return fmt.Errorf("field %q: weight must be from 0.001 to 100, with at most three decimals", f.Name)
		}
	}
	for i, k := range s.bitsPerToken() {
		if k == 0 {
			return fmt.Errorf("field %q would set less than one bit per token in a filter of %d bits: use a longer filter, fewer fields, or more weight for it", s.Fields[i].Name, s.Length)
		}
	}
	return nil
}

// Fingerprint returns the SHA-256, in hex, of the canonical JSON (SPEC.md, "Schema
// fingerprint") of a schema that passes Check. It covers the digest of the
// normalisation, so that two partners can never normalise differently without
// knowing.
func (s *Schema) Fingerprint() string {
	return fingerprint(s.canonical(norm.Digest()))
}

func fingerprint(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// canonical takes the digest as an argument so that the vectors, which were made
// beside other rules, can be checked.
func (s *Schema) canonical(normalisation [32]byte) []byte {
	type field struct {
		Name   string `json:"name"`
		Kind   string `json:"kind"`
		Weight int    `json:"weight"`
		K      int    `json:"k"`
	}
	doc := struct {
		Project       string  `json:"project"`
		Encoding      string  `json:"encoding"`
		Length        int     `json:"length"`
		Fields        []field `json:"fields"`
		Normalisation string  `json:"normalisation"`
		Tokens        string  `json:"tokens"`
	}{s.Project, "bloom/1", s.Length, nil, hex.EncodeToString(normalisation[:]), tokensVersion}
	for i, k := range s.bitsPerToken() {
		f := s.Fields[i]
		doc.Fields = append(doc.Fields, field{f.Name, string(f.Kind), f.weight(), k})
	}
	slices.SortFunc(doc.Fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
	text, err := json.Marshal(doc)
	if err != nil {
		panic("hashing: a schema did not marshal: " + err.Error()) // plain strings and numbers
	}
	return text
}

// bitsPerToken returns k for each field: how many distinct bits each of its
// tokens sets. An average record then fills half of the filter, each field
// taking its weight's share of the bits set. k depends on the schema alone; a k
// taken from a partner's own data would differ between partners and leak.
func (s *Schema) bitsPerToken() []int {
	total := 0
	for _, f := range s.Fields {
		total += f.weight()
	}
	// n insertions leave a bit clear with probability (1-1/L)^n, about exp(-n/L),
	// so that L ln 2 insertions fill one half (Bloom 1970; Broder & Mitzenmacher 2004, section 2).
	insertions := float64(s.Length) * math.Ln2
	ks := make([]int, len(s.Fields))
	for i, f := range s.Fields {
		k := math.Round(insertions * float64(f.weight()) / float64(total*kinds[f.Kind].tokens))
		ks[i] = min(int(k), s.Length/2)
	}
	return ks
}

// weight is in thousandths.
func (f Field) weight() int {
	if f.Weight > 0 {
		return int(math.Round(f.Weight * weightUnits))
	}
	return kinds[f.Kind].weight
}
