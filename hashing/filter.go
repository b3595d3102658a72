package hashing

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"cohortlink/hashing/norm"
)

// A Filter is one way of turning a record, or some of its fields, into bits: a Bloom filter
// and what hardens it, or a majority-XOR sketch where Hashes is above 0.
type Filter struct {
	Name   string   // names the filter's own keys
	Fields []string // nil for all fields of the schema
	Length int      // in bits, before folding: a power of two from 64 to 65,536

	// Of a Bloom filter. The steps are taken in this order; harden.go says what each does.
	Fill    float64 // share of bits that an average record sets, before hardening: 0.05 to 0.5, in whole thousandths; 0 for 0.5
	Fold    int     // times, 0 to 3, each of which halves the length
	Rule90  bool
	Balance bool    // doubles the length
	Noise   float64 // probability with which a bit is replaced by a fair coin: 0 to 0.9, in whole thousandths

	Hashes int // of a sketch: 1 to 8; 0 for a Bloom filter

	Household bool // says where a person lives, and is cut and weighed for that (household.go)

	measured bool // comes from a profile: what it withstands was measured as a whole
}

// RecordFilter is the name of the one filter of a record where a project spells out none.
const RecordFilter = "record"

// Plain returns one Bloom filter over all fields that nothing hardens. Published attacks
// find most people in such filters without the key (SPEC.md): it is for tests, and for those
// who know why they want it.
func Plain(length int) []Filter { return []Filter{{Name: RecordFilter, Length: length}} }

// profiles has the filters of each profile by its name; a project that chooses one needs no
// course in cryptanalysis. What they withstand, and what they cost, is measured: see
// testdata/profiles/README.md. In standard, folded twice at half fill, two strangers' filters
// differ in half of their bits as far as can be seen. In high every bit is the XOR of eight in
// place of four: less is left of a likeness that is not near, for twice the bits.
var profiles = map[string][]Filter{
	"standard": {{Name: RecordFilter, Length: 8192, Fill: 0.5, Fold: 2}},
	"high":     {{Name: RecordFilter, Length: 32768, Fill: 0.27, Fold: 3}},
}

// Profile returns the filters of a profile, nil for an unknown one.
func Profile(name string) []Filter {
	filters := slices.Clone(profiles[name])
	for i := range filters {
		filters[i].measured = true
	}
	return filters
}

// The defaults of filters spelled out, in bits.
const (
	DefaultLength       = 1024
	DefaultSketchLength = 4096
)

// halfFull is the fill, in thousandths, at which a filter of a given length tells most
// (Bloom 1970).
const halfFull = 500

func (s *Schema) checkFilter(f *Filter) error {
	if err := checkName("filter", f.Name); err != nil {
		return err
	}
	thousandths := func(x float64) bool { return math.Abs(1000*x-math.Round(1000*x)) < 1e-6 }
	name := ""
	if len(s.Filters) > 1 {
		name = fmt.Sprintf("filter %q: ", f.Name)
	}
	switch {
	case f.Length < 64 || f.Length > 1<<16 || bits.OnesCount(uint(f.Length)) != 1:
		return fmt.Errorf("%sfilter length %d: use a power of two from 64 to 65536", name, f.Length)
	case f.Hashes < 0 || f.Hashes > 8:
		return fmt.Errorf("%sa sketch of %d hashes: use 1 to 8", name, f.Hashes)
	case f.Hashes > 0 && (f.Fill != 0 || f.Fold != 0 || f.Rule90 || f.Balance || f.Noise != 0):
		return fmt.Errorf("%sa sketch has no fill, fold, rule90, balance or noise: leave them out", name)
	case !(f.Fill == 0 || f.Fill >= 0.05 && f.Fill <= 0.5) || !thousandths(f.Fill):
		return fmt.Errorf("%sfill must be from 0.05 to 0.5, with at most three decimals", name)
	case f.Fold < 0 || f.Fold > 3 || f.Length>>f.Fold < 64:
		return fmt.Errorf("%sa filter of %d bits cannot be folded %d times: use 0 to 3, and leave 64 bits", name, f.Length, f.Fold)
	case !(f.Noise >= 0 && f.Noise <= 0.9) || !thousandths(f.Noise):
		return fmt.Errorf("%snoise must be from 0 to 0.9, with at most three decimals", name)
	case f.Fields != nil && len(f.Fields) == 0:
		return fmt.Errorf("%sit is made of no field: name at least one", name)
	}
	for i, field := range f.Fields {
		if !slices.ContainsFunc(s.Fields, func(g Field) bool { return g.Name == field }) {
			return fmt.Errorf("filter %q: %q is not a field of the project", f.Name, field)
		}
		if slices.Contains(f.Fields[:i], field) {
			return fmt.Errorf("filter %q: field %q is named twice", f.Name, field)
		}
	}
	places := s.fieldsOf(f)
	if f.Hashes > 0 {
		for i, v := range s.votes(f) {
			if v == 0 {
				return fmt.Errorf("%sfield %q would have no vote in a sketch beside the others: give it more weight", name, s.Fields[places[i]].Name)
			}
		}
		return nil
	}
	for i, k := range s.bitsPerToken(f) {
		if k == 0 {
			return fmt.Errorf("%sfield %q would set less than one bit per token in a filter of %d bits: use a longer filter, fewer fields, or more weight for it", name, s.Fields[places[i]].Name, f.Length)
		}
	}
	return nil
}

// fill is in thousandths.
func (f *Filter) fill() int {
	if f.Fill == 0 {
		return halfFull
	}
	return int(math.Round(1000 * f.Fill))
}

// Bits returns the length of the filter as it is stored, a multiple of 64.
func (f *Filter) Bits() int {
	n := f.Length >> f.Fold
	if f.Balance {
		n *= 2
	}
	return n
}

// Encoding names how the bits are made, with every step: "bloom/1 fold:2".
func (f *Filter) Encoding() string {
	if f.Hashes > 0 {
		return fmt.Sprintf("sketch/1 hashes:%d", f.Hashes)
	}
	steps := []string{"bloom/1"}
	if f.Fold > 0 {
		steps = append(steps, fmt.Sprintf("fold:%d", f.Fold))
	}
	if f.Rule90 {
		steps = append(steps, "rule90")
	}
	if f.Balance {
		steps = append(steps, "balance")
	}
	if f.Noise > 0 {
		steps = append(steps, "noise:"+decimal(f.Noise))
	}
	return strings.Join(steps, " ")
}

// Similarity names how two filters are compared, which is all that the linkage unit is told of
// their making (SPEC.md, "Similarities").
func (f *Filter) Similarity() string {
	noise := ""
	if f.Noise > 0 {
		noise = ":" + decimal(f.Noise)
	}
	switch {
	case f.Hashes > 0:
		return fmt.Sprintf("sketch:%d", f.Hashes)
	case f.xored() > 1 || f.Balance:
		return fmt.Sprintf("xor:%d:%s%s", f.xored(), decimal(float64(f.fill())/1000), noise)
	case noise != "":
		return "noise" + noise
	}
	return "dice"
}

// xored returns of how many bits of the filter each bit is the XOR.
func (f *Filter) xored() int {
	n := 1 << f.Fold
	if f.Rule90 {
		n *= 2
	}
	return n
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// fieldUse names the use of the key that draws the tokens of a field. The filter "record" is
// where bloom/1 began, with nothing but the field's name.
func (f *Filter) fieldUse(field string) string {
	switch {
	case f.Hashes > 0:
		return "sketch/" + f.Name + "/field/" + field
	case f.Name == RecordFilter:
		return "field/" + field
	}
	return "filter/" + f.Name + "/field/" + field
}

// bitsPerToken returns k for each field of a Bloom filter: how many distinct bits each of its
// tokens sets. An average record then fills the filter as far as its fill says, each field
// taking its weight's share of the bits set. k depends on the schema alone; a k
// taken from a partner's own data would differ between partners and leak.
func (s *Schema) bitsPerToken(f *Filter) []int {
	fields, total := s.fieldsOf(f), s.weightOf(f)
	// n insertions leave a bit clear with probability (1-1/L)^n, about exp(-n/L), so that -L
	// ln(1-p) insertions fill a share p (Bloom 1970; Broder & Mitzenmacher 2004, section 2).
	insertions := float64(f.Length) * -math.Log(1-float64(f.fill())/1000)
	ks := make([]int, len(fields))
	for i, place := range fields {
		part := s.part(f, place)
		k := math.Round(insertions * float64(part.weight) / float64(total*part.tokens))
		ks[i] = min(int(k), f.Length/2)
	}
	return ks
}

// votes returns for each field of a sketch how many votes each of its tokens has, 1 to
// mostVotes, or 0 where it would be nearer to none. Two records' likeness in a sketch is
// that of vectors with a place for each token, so a field counts by its number of tokens
// times the square of their votes: votes go with the square root of weight over tokens. That
// way a field has its weight's share, as in a Bloom filter, and a date of few tokens does
// not drown among the bigrams. In whole numbers, so that every language rounds alike.
func (s *Schema) votes(f *Filter) []int {
	places := s.fieldsOf(f)
	weight := func(i int) int { return s.part(f, places[i]).weight }
	tokens := func(i int) int { return s.part(f, places[i]).tokens }
	top := 0
	for i := range places {
		if weight(i)*tokens(top) > weight(top)*tokens(i) {
			top = i
		}
	}
	out := make([]int, len(places))
	for i := range places {
		// The greatest v with v - 1/2 <= 8·sqrt((W/t) ÷ (W/t of the top)), squared.
		for v := 1; v <= mostVotes && (2*v-1)*(2*v-1)*weight(top)*tokens(i) <= 4*mostVotes*mostVotes*weight(i)*tokens(top); v++ {
			out[i] = v
		}
	}
	return out
}

// weightOf returns the weights of a filter's fields together.
func (s *Schema) weightOf(f *Filter) (total int) {
	for _, place := range s.fieldsOf(f) {
		total += s.part(f, place).weight
	}
	return total
}

// wholeKinds are those whose values are many enough, and each of few enough people, for an
// exact key: of the others a linkage unit could tell values apart by how often each comes.
var wholeKinds = []norm.Kind{norm.NHSNumber, norm.UPRN, norm.Phone, norm.Code}

// mostShown is how much of a likeness of 0.3 a filter may show without being weak. What was
// attacked with 200 known pairs and showed more gave away more than 2 % of the people: 5 % at
// 0.011, 94 % at 0.04 (testdata/profiles/README.md).
const mostShown = 0.01

// shown returns what is left of a likeness of 0.3, which strangers have who share a few
// tokens, in a filter that is hardened or a sketch: 1 less twice the share of bits that
// differ. It is what attacks go by that compare people by their likeness to known ones.
func (f *Filter) shown() float64 {
	const likeness = 0.3
	if f.Hashes > 0 {
		return math.Pow(2/math.Pi*math.Asin(likeness), float64(f.Hashes)) // Charikar 2002
	}
	// Of two filters of fill p that share likeness of their insertions, a bit is clear in
	// both with probability (1-p)^(2-likeness), and so differs with 2(1-p) less twice that.
	unset := 1 - float64(f.fill())/1000
	differ := 2 * (unset - math.Pow(unset, 2-likeness))
	return math.Pow(1-2*differ, float64(f.xored()))
}

// Weak says, a sentence each, which choices of a usable schema make it easier for the
// linkage unit to find out who people are, and what to choose instead; none for a schema
// without such. It is about the design only: what a file gives away is for the audit to
// find.
func (s *Schema) Weak() []string {
	var out []string
	for i := range s.Filters {
		f := &s.Filters[i]
		if fields := s.fieldsOf(f); len(fields) == 1 {
			out = append(out, fmt.Sprintf("filter %q is made of the field %q alone, so that equal values have equal filters, and the frequent ones can be told: put several fields into it", f.Name, s.Fields[fields[0]].Name))
		}
		switch {
		case f.measured && !f.Household:
		case f.Hashes > 0 && f.shown() > mostShown:
			out = append(out, fmt.Sprintf("filter %q is a sketch of too few hashes, from which a few known records lead to most others: use 3", f.Name))
		case f.Hashes == 0 && f.xored() == 1:
			out = append(out, fmt.Sprintf("filter %q is a Bloom filter that is not folded: published attacks find most people in such filters without the key: use profile: standard, or length: 8192 and fold: 2", f.Name))
		case f.Hashes == 0 && f.shown() > mostShown:
			out = append(out, fmt.Sprintf("filter %q is a Bloom filter that is folded too few times for its fill, so that a few known records lead to most others: fold it twice, at a fill of 0.5", f.Name))
		}
	}
	for _, name := range s.Exact {
		i := slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
		if kind := s.Fields[i].Kind; !slices.Contains(wholeKinds, kind) {
			out = append(out, fmt.Sprintf("field %q is of kind %s, whose values are few or shared by many, and travels as an exact key: whoever knows how frequent each value is can read it: use it in a filter only", name, kind))
		}
	}
	return out
}
