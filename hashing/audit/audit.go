// Package audit attacks filters as somebody would who holds them, knows some of the
// people in them, and does not hold the key, and says what was recovered. It runs where
// the plain values are: at the partner, before its filters leave. It does not know files,
// columns, pages or what is thought of a result; it never returns a person's value.
//
// # What the attacker has
//
// A [Target] holds one partner's records, their filters under the project's key, and the
// same records encoded under keys that the attacker drew. The schema is no secret, so an
// attacker who has people's values can encode them as often as it likes, under as many
// keys as it likes, and what all those keys agree on is what the encoding shows of two
// people whatever the key: the expected similarity, without the accident of one key. An
// attack sees the filters of some records and the values of some, and an [Attack] says
// how many records are in both and of how many of those it is told so beforehand (its
// anchors).
//
// # What a result means
//
// An [Outcome] is a lower bound on the risk: somebody has done this much, with this code,
// in minutes. Nothing recovered means that these attacks failed. Every attack has a
// version; one that recovers less than the version before it is not an improvement.
//
// Where an attack has variants (which similarity, which distance) and rounds, the outcome
// is that of the variant and the round that recovered most, although an attacker could not
// tell which that is. On a hundred records or so that alone is worth one or two of them:
// look at how many were tried.
package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"cohortlink/hashing"
	"cohortlink/hashing/norm"
)

// Filters are the encodings of records: Bits/64 words for each, one after the other.
type Filters struct {
	Bits int // a multiple of 64
	Rows []uint64
	// Similarity is how the linkage unit compares them, as their manifest says it: "dice",
	// "noise:0.05", "xor:4:0.5", "sketch:3".
	Similarity string
}

// Len is the number of filters.
func (f *Filters) Len() int {
	if f.Bits == 0 {
		return 0
	}
	return len(f.Rows) / (f.Bits / 64)
}

func (f *Filters) row(i int) []uint64 { return f.Rows[i*f.Bits/64:][:f.Bits/64] }

// some are the filters of the given records, in their order.
func (f *Filters) some(records []int) []uint64 {
	out := make([]uint64, 0, len(records)*f.Bits/64)
	for _, r := range records {
		out = append(out, f.row(r)...)
	}
	return out
}

// Encode encodes records under a key, as `cohortlink hash` would: one filter for each
// record, with a value for each field.
type Encode func(key *hashing.Key, records [][]string) (Filters, error)

// A Target is what is attacked: the filters of one partner, for one of the filters that
// a project's schema asks for. Where there are several, each is a target; so are all of
// one similarity together, their words one after the other.
type Target struct {
	Fields []hashing.Field // that this filter is made of
	Values [][]string      // canonical text of each record, by field; "" where it has none
	// Filters has record i as row i, under the project's key.
	Filters Filters
	// Again is the same, encoded once more: what somebody who has the key would make
	// of the values. It differs from Filters where the encoding draws noise.
	Again Filters
	// Own is the same records under keys of the attacker's, a set of filters for each.
	Own []Filters
}

// ownBits is about how many bits of its own an attacker compares two people by. The noise
// that the key adds to a similarity falls with its root; from here on it is well below the
// noise of the filters that are attacked.
const ownBits = 16384

// NewTarget encodes an extract's records for attack. Those that hashing sets aside must
// have been left out: they have no filter. normalise has the party's options for each
// field. The attacker's keys are drawn from seed; they protect nobody.
func NewTarget(fields []hashing.Field, normalise []norm.Options, records [][]string, key *hashing.Key, encode Encode, seed uint64) (*Target, error) {
	t := &Target{Fields: fields}
	if len(normalise) != len(fields) {
		return nil, errors.New("audit: normaliser options do not match the fields")
	}
	normalisers := make([]*norm.Normaliser, len(fields))
	for i, f := range fields {
		var err error
		if normalisers[i], err = norm.New(f.Kind, normalise[i]); err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	for _, record := range records {
		if len(record) != len(fields) {
			return nil, errors.New("audit: a record does not have a value for each field")
		}
		values := make([]string, len(fields))
		for i, n := range normalisers {
			values[i], _ = n.Value(record[i])
		}
		t.Values = append(t.Values, values)
	}
	var err error
	if t.Filters, err = encode(key, records); err != nil {
		return nil, err
	}
	if t.Again, err = encode(key, records); err != nil {
		return nil, err
	}
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), byte(seed >> 32), byte(seed >> 40), byte(seed >> 48), byte(seed >> 56)})
	for range max(1, ownBits/max(64, t.Filters.Bits)) {
		own, err := hashing.NewKey(key.Project(), random)
		if err != nil {
			return nil, err
		}
		filters, err := encode(own, records)
		if err != nil {
			return nil, err
		}
		t.Own = append(t.Own, filters)
	}
	return t, t.check()
}

func (t *Target) check() error {
	n := len(t.Values)
	sets := append([]Filters{t.Filters, t.Again}, t.Own...)
	for i := range sets {
		if f := &sets[i]; f.Bits <= 0 || f.Bits%64 != 0 || f.Bits != t.Filters.Bits || len(f.Rows) != n*f.Bits/64 {
			return errors.New("audit: the filters are not one for each record, all of one length")
		}
	}
	if len(t.Own) == 0 {
		return errors.New("audit: the attacker has encoded nothing")
	}
	return nil
}

// The attacks.
const (
	Anchor     = "anchor"     // known pairs, and similarities to them (anchor.go)
	Graph      = "graph"      // no known pair: the pattern of similarities alone (graph.go)
	Dictionary = "dictionary" // values encoded under a wrong key, or the right one (dictionary.go)
	Frequency  = "frequency"  // how often a filter occurs, and a value (frequency.go)
	Pattern    = "pattern"    // bits that are set together, and tokens that occur together (pattern.go)
	Tokens     = "tokens"     // known pairs, and what each bit says about a token (tokens.go)
)

// versions of the attacks: raised by every change that changes what is recovered.
var versions = map[string]int{Anchor: 1, Graph: 1, Dictionary: 1, Frequency: 1, Pattern: 1, Tokens: 1}

// An Attack is an attack and what it is given.
type Attack struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	// Anchors is how many pairs of a filter and a value the attacker knows beforehand: at
	// most half of those who are on both sides.
	Anchors int `json:"anchors"`
	// Overlap is the share of the encoded records whose values the attacker has. It has
	// the values of as many others, who are not encoded.
	Overlap float64 `json:"overlap"`
	// RightKey: the attacker holds the project's key (Dictionary only).
	RightKey bool `json:"right_key,omitempty"`
}

// Attacks are all attacks at all settings, the right key last.
func Attacks() []Attack {
	var all []Attack
	add := func(a Attack) {
		a.Version = versions[a.Name]
		all = append(all, a)
	}
	for _, overlap := range []float64{1, 0.5, 0.2} {
		add(Attack{Name: Graph, Overlap: overlap})
		for _, anchors := range []int{10, 50, 200} {
			add(Attack{Name: Anchor, Anchors: anchors, Overlap: overlap})
		}
	}
	add(Attack{Name: Frequency, Overlap: 1})
	add(Attack{Name: Pattern, Overlap: 1})
	add(Attack{Name: Tokens, Anchors: 200, Overlap: 1})
	add(Attack{Name: Tokens, Anchors: 1000, Overlap: 1})
	add(Attack{Name: Dictionary, Overlap: 1})
	add(Attack{Name: Dictionary, Overlap: 1, RightKey: true})
	return all
}

// An Outcome is what an attack recovered.
type Outcome struct {
	Attack
	Variant string `json:"variant,omitempty"` // the variant of the attack that recovered most
	// Tried is how many encoded records the attacker could have recovered: it had their
	// values, and was not told which they are. Right is how many it gave the right values.
	Tried int `json:"tried"`
	Right int `json:"right"`
	// Claimed is how many records, of all that are encoded, it gave a value that it had
	// reason to believe; RightClaims is how many of those were right.
	Claimed     int `json:"claimed"`
	RightClaims int `json:"right_claims"`
	// AUC of Tokens: how well it tells whether an unseen filter's record has a token, mean
	// over tokens; 0.5 is guessing, 1 is certainty.
	AUC float64 `json:"auc,omitempty"`
	// Chance is how many of those tried the same attack gets right on average where everybody
	// is taken for somebody else: the variant and the round that do best are told from the
	// truth, false ones too. 0 for attacks that choose nothing.
	Chance float64 `json:"chance,omitempty"`
	// Detail says more in plain words, and no value of a person.
	Detail string `json:"detail,omitempty"`

	byChance []int // right by each shuffled truth
}

// take replaces an outcome by that of another try, if more was recovered by it. Under
// each shuffled truth the better of the two is kept as well, as an attacker would who
// believed it.
func (o *Outcome) take(other Outcome) {
	chance := slices.Clone(other.byChance)
	for i, right := range o.byChance {
		chance[i] = max(chance[i], right)
	}
	if other.Right > o.Right || o.Variant == "" {
		*o = other
	}
	o.byChance = chance
}

// Share is the share of the records tried that were recovered, 0 where none was tried.
func (o *Outcome) Share() float64 {
	if o.Tried == 0 {
		return 0
	}
	return float64(o.Right) / float64(o.Tried)
}

// leastRecords is the fewest records on which an attack means anything: below it nothing
// recovered says more about the number of records than about the encoding.
const leastRecords = 100

// ErrTooFew is returned for a target that is too small to say anything about.
var ErrTooFew = fmt.Errorf("too few records to attack: nothing recovered from fewer than %d says nothing about the encoding", leastRecords)

// Run runs one attack. What is drawn (who is known, who overlaps) comes from seed, and
// the outcome depends on nothing else: the number of workers included.
func Run(ctx context.Context, t *Target, a Attack, seed uint64) (Outcome, error) {
	if err := t.check(); err != nil {
		return Outcome{}, err
	}
	if len(t.Values) < leastRecords {
		return Outcome{}, ErrTooFew
	}
	if !(a.Overlap > 0 && a.Overlap <= 1) || a.Anchors < 0 {
		return Outcome{}, fmt.Errorf("attack %s: anchors from 0, overlap above 0 and at most 1", a.Name)
	}
	run, ok := map[string]func(context.Context, *Target, Attack, *rand.Rand) (Outcome, error){
		Anchor: anchorAttack, Graph: graphAttack, Dictionary: dictionaryAttack,
		Frequency: frequencyAttack, Pattern: patternAttack, Tokens: tokenAttack,
	}[a.Name]
	if !ok {
		return Outcome{}, fmt.Errorf("there is no attack %q", a.Name)
	}
	a.Version = versions[a.Name]
	o, err := run(ctx, t, a, rand.New(rand.NewPCG(seed, 0xa77ac)))
	o.Attack = a
	for _, right := range o.byChance {
		o.Chance += float64(right) / float64(len(o.byChance))
	}
	return o, err
}
