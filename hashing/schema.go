package hashing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"cohortlink/hashing/norm"
)

// A Schema is everything that decides the bits of a record, the key aside. Two
// partners whose schemas have the same Fingerprint, and who hold the same key,
// give the same person with the same values the same filters, noise aside.
type Schema struct {
	Project string   // the project's name; keys are bound to it
	Fields  []Field  // in any order: it changes neither the bits nor the fingerprint
	Filters []Filter // of a record, in the order in which they are written
	Exact   []string // names of fields that also travel as exact keys, in the order in which they are written

	// HouseholdExact names fields, of kind uprn, that travel as exact keys of the household;
	// they are written after the others.
	HouseholdExact []string
}

// A Field is one thing known about a person.
type Field struct {
	Name string    // names the field's own key: renaming a field changes its bits
	Kind norm.Kind // how it is normalised and cut into tokens
	// Weight is the field's share in a filter's likeness, beside the other fields' weights:
	// from 0.001 to 100, in whole thousandths. 0 stands for the kind's own weight
	// (SPEC.md, "Kinds").
	Weight float64
}

// maxFields lets each field set at least one bit per token at the default length
// and weights.
const maxFields = 32

// maxFilters is more than anybody has a use for: each filter more is one more view of the
// same people for an attack.
const maxFilters = 16

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
	if len(s.Fields) == 0 {
		return errors.New("the project has no fields: name at least one under fields")
	}
	if len(s.Fields) > maxFields {
		return fmt.Errorf("the project has %d fields; at most %d fit one filter", len(s.Fields), maxFields)
	}
	used := map[string]bool{} // by a filter or as an exact key
	for _, f := range s.Fields {
		if err := checkName("field", f.Name); err != nil {
			return err
		}
		if _, again := used[f.Name]; again {
			return fmt.Errorf("field %q is named twice", f.Name)
		}
		used[f.Name] = false
		if _, ok := kinds[f.Kind]; !ok {
			return fmt.Errorf("field %q: there is no kind %q", f.Name, f.Kind)
		}
		units := f.Weight * weightUnits
		if !(f.Weight == 0 || f.Weight >= 0.001 && f.Weight <= 100) || math.Abs(units-math.Round(units)) > 1e-6 {
			return fmt.Errorf("field %q: weight must be from 0.001 to 100, with at most three decimals", f.Name)
		}
	}
	if len(s.Filters) == 0 || len(s.Filters) > maxFilters {
		return fmt.Errorf("a record has %d filters: use 1 to %d", len(s.Filters), maxFilters)
	}
	if err := s.checkHousehold(); err != nil {
		return err
	}
	names := map[string]bool{}
	for i := range s.Filters {
		f := &s.Filters[i]
		if err := s.checkFilter(f); err != nil {
			return err
		}
		if names[f.Name] {
			return fmt.Errorf("filter %q is named twice", f.Name)
		}
		names[f.Name] = true
		for _, field := range s.fieldsOf(f) {
			used[s.Fields[field].Name] = true
		}
	}
	for i, name := range s.Exact {
		if _, ok := used[name]; !ok {
			return fmt.Errorf("exact key %q is not a field of the project", name)
		}
		if slices.Contains(s.Exact[:i], name) {
			return fmt.Errorf("exact key %q is named twice", name)
		}
		used[name] = true
	}
	for _, name := range s.HouseholdExact {
		used[name] = true
	}
	for _, f := range s.Fields {
		if !used[f.Name] {
			return fmt.Errorf("field %q is in no filter and is no exact key: leave it out, or put it into one", f.Name)
		}
	}
	return nil
}

// fieldsOf returns the places in s.Fields of a filter's fields.
func (s *Schema) fieldsOf(f *Filter) []int {
	var places []int
	for i := range s.Fields {
		if f.Fields == nil || slices.Contains(f.Fields, s.Fields[i].Name) {
			places = append(places, i)
		}
	}
	return places
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
		Kind   string `json:"kind,omitempty"`
		Weight int    `json:"weight,omitempty"`
		K      int    `json:"k,omitempty"`
		Votes  int    `json:"votes,omitempty"`
	}
	type filter struct {
		Name     string  `json:"name"`
		Role     string  `json:"role,omitempty"`
		Encoding string  `json:"encoding"`
		Length   int     `json:"length"`
		Fill     int     `json:"fill,omitempty"` // thousandths
		Fields   []field `json:"fields"`
	}
	doc := struct {
		Project       string   `json:"project"`
		Encoding      string   `json:"encoding,omitempty"` // these two of a single plain filter, which needs no filters
		Length        int      `json:"length,omitempty"`
		Fields        []field  `json:"fields"`
		Filters       []filter `json:"filters,omitempty"`
		Exact         []string `json:"exact,omitempty"`
		Household     []string `json:"household_exact,omitempty"`
		Normalisation string   `json:"normalisation"`
		Tokens        string   `json:"tokens"`
	}{Project: s.Project, Exact: s.Exact, Household: s.HouseholdExact, Normalisation: hex.EncodeToString(normalisation[:]), Tokens: tokensVersion}
	for _, f := range s.Fields {
		doc.Fields = append(doc.Fields, field{Name: f.Name, Kind: string(f.Kind), Weight: f.weight()})
	}
	byName := func(a, b field) int { return strings.Compare(a.Name, b.Name) }
	if s.isPlain() {
		f := &s.Filters[0]
		doc.Encoding, doc.Length = f.Encoding(), f.Length
		for i, k := range s.bitsPerToken(f) {
			doc.Fields[i].K = k
		}
	} else {
		for i := range s.Filters {
			f := &s.Filters[i]
			out := filter{Name: f.Name, Encoding: f.Encoding(), Length: f.Length}
			if f.Household {
				out.Role = householdVersion
			}
			if f.Hashes == 0 {
				out.Fill = f.fill()
			}
			for j, place := range s.fieldsOf(f) {
				field := field{Name: s.Fields[place].Name}
				if f.Hashes > 0 {
					field.Votes = s.votes(f)[j]
				} else {
					field.K = s.bitsPerToken(f)[j]
				}
				out.Fields = append(out.Fields, field)
			}
			slices.SortFunc(out.Fields, byName)
			doc.Filters = append(doc.Filters, out)
		}
	}
	slices.SortFunc(doc.Fields, byName)
	text, err := json.Marshal(doc)
	if err != nil {
		panic("hashing: a schema did not marshal: " + err.Error()) // plain strings and numbers
	}
	return text
}

// isPlain reports a schema of one filter made as the first cohortlink made them. Its
// canonical JSON, and so its fingerprint, is as it was then.
func (s *Schema) isPlain() bool {
	if len(s.Filters) != 1 || len(s.Exact)+len(s.HouseholdExact) > 0 {
		return false
	}
	f := &s.Filters[0]
	return f.Name == RecordFilter && !f.Household && f.Encoding() == "bloom/1" && f.fill() == halfFull && len(s.fieldsOf(f)) == len(s.Fields)
}

// weight is in thousandths.
func (f Field) weight() int {
	if f.Weight > 0 {
		return int(math.Round(f.Weight * weightUnits))
	}
	return kinds[f.Kind].weight
}
