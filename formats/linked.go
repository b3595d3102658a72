package formats

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The linked folder is what link leaves at the unit (SPEC.md, "The linked folder"):
// links for each party, three tables, a secret, and a manifest that says what all of
// them came from and holds their digests, so that a folder that was edited is noticed.

// Names inside the linked folder.
const (
	LinkedManifestFile         = "manifest.json"
	LinkedPeopleFile           = "people.parquet"
	LinkedNeedsFile            = "needs.parquet"
	LinkedPairsFile            = "pairs.parquet"
	LinkedEvidenceFile         = "evidence.parquet"
	LinkedHouseholdsFile       = "households.parquet"
	LinkedSecretFile           = "person.secret"
	LinkedChangesFile          = "changes.csv"
	LinkedHouseholdChangesFile = "household-changes.csv"
	LinkedLinksFolder          = "links"
	LinkedRowsSuffix           = ".rows.csv" // in the folder of links, after the name of a party that sent CLKs
)

// The tables of the linked folder.
var (
	PeopleColumns     = []Column{{"person_id", TableString}, {"party", TableString}, {"record_id", TableString}}
	NeedsColumns      = []Column{{"record_id", TableString}, {"need", TableString}, {"value", TableString}}
	HouseholdsColumns = []Column{{"household_id", TableString}, {"person_id", TableString}}
	PairsColumns      = []Column{{"record_a", TableString}, {"record_b", TableString}, {"score", TableFloat64}, {"accepted", TableBool}, {"stage", TableString}}
)

// EvidenceColumns are the columns of evidence.parquet, which has a row for each row of
// pairs.parquet where records have several filters or exact keys: what all of it weighs, in
// log₂ of the odds, and what each filter (a score) and exact key (agree, disagree, absent)
// said.
func EvidenceColumns(filters, exact []string) []Column {
	columns := []Column{{"record_a", TableString}, {"record_b", TableString}, {"weight", TableFloat64}, {"probability", TableFloat64}}
	for _, f := range filters {
		columns = append(columns, Column{"filter_" + f, TableFloat64})
	}
	for _, e := range exact {
		columns = append(columns, Column{"exact_" + e, TableString})
	}
	return columns
}

// LinkedManifest says what a linked folder came from, how it was made, and how good
// it is thought to be. It stays at the unit: its counts are exact.
type LinkedManifest struct {
	Version int    `json:"version"` // of the format: 1
	Tool    string `json:"tool"`
	Project string `json:"project"`
	Schema  string `json:"schema"`
	Key     string `json:"key"`
	Created string `json:"created,omitempty"`

	Parties  []LinkedParty  `json:"parties"` // by name
	Needs    []NeedLayout   `json:"needs"`
	Settings LinkedSettings `json:"settings"`

	Threshold LinkedThreshold `json:"threshold"`
	Estimate  LinkedEstimate  `json:"estimate"`

	Compared   uint64            `json:"pairs_compared"`
	Floor      float64           `json:"pairs_floor"` // pairs that score less were not kept
	Kept       int               `json:"pairs_kept"`
	Persons    int               `json:"persons"`
	Records    int               `json:"records"`
	Rules      LinkedRules       `json:"rules"`
	Blocking   *LinkedBlocking   `json:"blocking,omitempty"`   // where not every pair was compared, or there are more than a borough has
	Evidence   *LinkedEvidence   `json:"evidence,omitempty"`   // where records have several filters or exact keys
	Previous   *LinkedPrevious   `json:"previous,omitempty"`   // where it was added to an earlier linkage
	Households *LinkedHouseholds `json:"households,omitempty"` // where the project asks for them
	Files      []LinkedFile      `json:"files"`                // the tables, with their digests
	Seal       string            `json:"seal"`                 // over all of the above: see linked_seal.go
	digest     string
}

// LinkedParty is one input.
type LinkedParty struct {
	Name         string   `json:"name"`
	Filters      string   `json:"filters_sha256"`
	Run          string   `json:"run"`
	Records      int      `json:"records"`
	SetAside     int      `json:"set_aside"`
	LeftOut      string   `json:"left_out,omitempty"` // by opt-out; protected already
	Deduplicated bool     `json:"deduplicated"`
	Created      string   `json:"created,omitempty"`
	Weak         []string `json:"weak,omitempty"`
	Needs        []string `json:"needs,omitempty"` // that it declares
	CLKs         string   `json:"clks,omitempty"`  // the party sent a file of CLKs, of this form: by which schema and with which key it was made, nobody could check
	// Batches are further files of the party, whose records are counted in above.
	Batches []LinkedBatch `json:"batches,omitempty"`
}

// LinkedBatch is a file of records that a party sent after its first.
type LinkedBatch struct {
	Filters string `json:"filters_sha256"`
	Run     string `json:"run"`
	Records int    `json:"records"`
	Created string `json:"created,omitempty"`
}

// Digests are those of all files of the party.
func (p *LinkedParty) Digests() []string {
	out := []string{p.Filters}
	for _, b := range p.Batches {
		out = append(out, b.Filters)
	}
	return out
}

// LinkedSettings are what the analyst chose.
type LinkedSettings struct {
	Threshold  string `json:"threshold"`
	PersonIDs  string `json:"person_ids"`
	Bits       int    `json:"filter_bits"`
	Encoding   string `json:"encoding"`
	Similarity string `json:"similarity"`
	Kernel     string `json:"kernel"`
}

// LinkedThreshold is the score that links need.
type LinkedThreshold struct {
	Value  string  `json:"value"` // a fraction in lowest terms, exact
	Score  float64 `json:"score"`
	Chosen string  `json:"chosen"` // how, in words
	// Offsets are added to the scores of pairs of two parties before they are held against the
	// threshold, or kept: pairs.parquet has them without. Absent where nothing is added.
	Offsets []LinkedOffset `json:"offsets,omitempty"`
}

// LinkedEstimate is made without truth. Nil where there is nothing to say.
type LinkedEstimate struct {
	Precision *float64 `json:"precision"`
	Recall    *float64 `json:"recall"`
	// The ends of the 95 % intervals, low and high.
	PrecisionInterval *[2]float64 `json:"precision_interval,omitempty"`
	RecallInterval    *[2]float64 `json:"recall_interval,omitempty"`
	TruePairs         float64     `json:"true_pairs"`
	Basis             string      `json:"basis"`
}

// LinkedRules counts how often a rule kept records apart.
type LinkedRules struct {
	SameParty int `json:"same_party"`
	TooLarge  int `json:"too_large"`
}

// LinkedBlocking says which pairs were compared.
type LinkedBlocking struct {
	Method string      `json:"method"`
	Asked  bool        `json:"asked_for"`
	Pairs  uint64      `json:"pairs"` // all that there are; pairs_compared counts a pair as often as it met
	LSH    []LinkedLSH `json:"lsh,omitempty"`
	// Loss is the expected share of links that were lost by it, at the threshold, as seen on
	// Links pairs of a sample that was held against everybody. Not of the method none, but
	// where an earlier linkage that this one was added to has lost Earlier of its own links,
	// which is counted in.
	Loss    *float64 `json:"expected_loss,omitempty"`
	Links   int      `json:"expected_from_links,omitempty"`
	Earlier *float64 `json:"earlier_loss,omitempty"`
	Basis   string   `json:"basis"`
}

// LinkedLSH is how a filter brought pairs together: records that agree in Places bits of it,
// in any of Tables draws of places.
type LinkedLSH struct {
	Filter string `json:"filter"`
	Places int    `json:"places"`
	Tables int    `json:"tables"`
}

// LinkedEvidence says how several filters and exact keys were weighed against each other.
type LinkedEvidence struct {
	Filters []LinkedFilter   `json:"filters"`
	Exact   []LinkedExactKey `json:"exact"`
	// Weight and Probability are those of a pair at the threshold.
	Weight      float64 `json:"threshold_weight"`
	Probability float64 `json:"threshold_probability"`
	// Contradicted counts pairs that agree on an exact key and that no filter bears out.
	Contradicted int `json:"contradicted"`
	Shared       int `json:"shared_values"` // values of exact keys that too many records share to bring pairs together
	// What the weights alone make of the links, beside the estimate. Nil where there is nothing to say.
	Precision *float64 `json:"precision_by_weight"`
	Recall    *float64 `json:"recall_by_weight"`
	// Weighing is what weights were made of, so that pairs of records that are added later
	// are weighed alike.
	Weighing *LinkedWeighing `json:"weighing,omitempty"`
}

// LinkedWeighing has what linkage.Weighing has: of each filter, and of each exact key.
type LinkedWeighing struct {
	Prior     float64     `json:"prior"`
	Floors    []int       `json:"filter_floors"`
	Strange   []int       `json:"filter_strange"`
	Levels    [][]int     `json:"filter_levels"`
	Weights   [][]float64 `json:"filter_weights"`
	Agreement []float64   `json:"exact_agreement"`
	Values    []float64   `json:"exact_values"`
}

// LinkedFilter is one of several filters.
type LinkedFilter struct {
	Name       string `json:"name"`
	Bits       int    `json:"bits"`
	Encoding   string `json:"encoding"`
	Similarity string `json:"similarity"`
}

// LinkedExactKey is an exact key.
type LinkedExactKey struct {
	Name      string  `json:"name"`
	Agreement float64 `json:"agreement"` // of records of one person that both have it, estimated
}

// LinkedPrevious says which linkage this one was added to, and what that changed. The pairs
// compared are then those with a new record in them.
type LinkedPrevious struct {
	People  string `json:"people_sha256"` // of its people.parquet
	Records int    `json:"records"`
	Persons int    `json:"persons"`
	Merged  int    `json:"merged"`          // persons that hold records of two or more earlier persons
	Split   int    `json:"split"`           // earlier persons whose records are in two or more persons
	Renamed int    `json:"renamed_records"` // earlier records whose person ID is another now
}

// LinkedFile is a file of the folder.
type LinkedFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

const maxLinkedManifest = 8 << 20

// WriteLinkedManifest seals a manifest with the secret of its folder, and writes it.
func WriteLinkedManifest(w io.Writer, m *LinkedManifest, secret []byte) (err error) {
	if m.Seal, err = sealOf(*m, secret); err != nil {
		return err
	}
	text, err := manifestText(m)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// ReadLinkedManifest reads the manifest of a linked folder, and refuses one that was
// changed since link wrote it.
func ReadLinkedManifest(dir string) (*LinkedManifest, error) {
	path := filepath.Join(dir, LinkedManifestFile)
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("%s is a file, not a linked folder\nname the folder that \"cohortlink link\" wrote", shownPath(dir))
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a linked folder: it has no %s\nname the folder that \"cohortlink link\" wrote", dir, LinkedManifestFile)
	} else if err != nil {
		return nil, openError(path, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxLinkedManifest+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	var m LinkedManifest
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if len(text) > maxLinkedManifest || d.Decode(&m) != nil {
		return nil, fmt.Errorf("%s is damaged, or of a newer cohortlink\ntake a copy of the folder as link wrote it, use the cohortlink that wrote it, or link again", path)
	}
	if m.Version != 1 {
		return nil, fmt.Errorf("%s is of version %d; this cohortlink reads version 1", path, m.Version)
	}
	return &m, m.checkSeal(dir, text)
}

// ReadLinkedTable reads a table of the folder to its end, handing out its rows in
// runs, and then holds its digest against the manifest's. What each was given must
// not be relied on before ReadLinkedTable returns nil.
func (m *LinkedManifest) ReadLinkedTable(dir, name string, columns []Column, each func(t *TableReader) error) error {
	path := filepath.Join(dir, name)
	t, err := OpenTable(path, columns)
	if err != nil {
		return err
	}
	defer t.Close()
	for {
		if err := each(t); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	digest := t.Digest()
	for _, f := range m.Files {
		if f.Name == name && f.SHA256 == hex.EncodeToString(digest[:]) {
			return nil
		}
	}
	return fmt.Errorf("%s is not the file that link wrote: it was changed since\nlink again", path)
}
