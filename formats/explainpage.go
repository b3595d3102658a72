package formats

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"time"
)

// The explanation of a linkage is for a reviewer at the unit who has to defend it: how
// scores lie about the threshold, which links stand least firmly, which pairs were nearly
// linked, and where a rule overruled the scores. It has no more of a person than record IDs,
// which are random, but it says which records belong together and its counts are exact: it
// stays at the unit, and the page says so.

// Explanation is what explain prints, as JSON, text or page.
type Explanation struct {
	Project   string            `json:"project"`
	Parties   int               `json:"parties"`
	Records   int               `json:"records"`
	Persons   int               `json:"persons"`
	Threshold float64           `json:"threshold"`
	Chosen    string            `json:"threshold_chosen"`
	Floor     float64           `json:"pairs_floor"` // pairs under it were not kept: nothing is known of them but that
	Stages    []ExplainedStage  `json:"pairs"`
	Scores    []ExplainedScores `json:"scores"`

	Evidence *ExplainedEvidence `json:"evidence,omitempty"`

	// One of these.
	*ExplainedReview
	Record *ExplainedRecord `json:"record,omitempty"`
	Pair   *ExplainedPair   `json:"pair,omitempty"`
}

// ExplainedReview is what to look at in a linkage as a whole.
type ExplainedReview struct {
	LeastCertain []ExplainedPair `json:"least_certain"`
	Closest      []ExplainedPair `json:"closest_refused"`
	Broken       []ExplainedRule `json:"broken_rules"`
	BrokenAll    int             `json:"broken_rules_in_all"` // of which the first are in Broken
}

// ExplainedStage counts pairs by what decided about them.
type ExplainedStage struct {
	Stage string `json:"stage"`
	Says  string `json:"says"`
	Pairs int    `json:"pairs"`
}

// ExplainedScores counts pairs whose score is at least From and less than To.
type ExplainedScores struct {
	From    float64 `json:"from"`
	To      float64 `json:"to"`
	Linked  int     `json:"linked"`
	Refused int     `json:"refused"`
}

// ExplainedEnd is a record.
type ExplainedEnd struct {
	Record string `json:"record_id"`
	Party  string `json:"party"`
	Person string `json:"person_id"`
}

// ExplainedPair is why two records were linked or not.
type ExplainedPair struct {
	A      ExplainedEnd `json:"a"`
	B      ExplainedEnd `json:"b"`
	Linked bool         `json:"linked"`
	Ground string       `json:"ground"`
	Why    string       `json:"why"`   // in words
	Score  *float64     `json:"score"` // with the offset; nil: under the floor
	// Offset was added to the score, as to those of all pairs of their parties.
	Offset float64 `json:"offset,omitempty"`
	// Room is how far the score stands above what would have undone the link, or, under 0, by
	// how much two were refused; nil for those that are linked through others.
	Room        *float64            `json:"room"`
	Weight      *float64            `json:"weight,omitempty"` // of all evidence, in log₂ of the odds
	Probability *float64            `json:"probability,omitempty"`
	Filters     []ExplainedFilter   `json:"filters,omitempty"`
	Exact       []ExplainedExactKey `json:"exact,omitempty"`

	RunnersUp []ExplainedRival `json:"runners_up"`
	Chain     []ExplainedStep  `json:"chain,omitempty"`   // the pairs that lead from one to the other
	Average   *float64         `json:"average,omitempty"` // of the two persons, for two that were refused
}

// ExplainedFilter is what one filter says of a pair: nil where one of the two has nothing in it.
type ExplainedFilter struct {
	Name  string   `json:"name"`
	Score *float64 `json:"score"`
}

// ExplainedExactKey is what an exact key says of a pair: agree, disagree or absent.
type ExplainedExactKey struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
}

// ExplainedRival is the best record for Of in a party, outside its person.
type ExplainedRival struct {
	Of     string  `json:"of"`
	Party  string  `json:"party"`
	Record string  `json:"record_id,omitempty"` // "": none scores above the floor
	Score  float64 `json:"score"`               // or the floor
	Margin float64 `json:"margin"`              // by how much the pair scores more: at least, where there is none
}

// ExplainedStep is one pair of a chain.
type ExplainedStep struct {
	A     ExplainedEnd `json:"a"`
	B     ExplainedEnd `json:"b"`
	Score float64      `json:"score"`
}

// ExplainedRule is where a rule overruled the scores.
type ExplainedRule struct {
	Rule    string   `json:"rule"`
	Says    string   `json:"says"`
	Party   string   `json:"party,omitempty"`
	Persons []string `json:"person_ids"` // the first of them
	Count   int      `json:"persons"`
	Average *float64 `json:"average,omitempty"`
	A       string   `json:"record_a"` // the best pair between them
	B       string   `json:"record_b"`
	Score   float64  `json:"score"`
}

// ExplainedRecord is why a record is where it is.
type ExplainedRecord struct {
	ExplainedEnd
	Links   []ExplainedPair `json:"links"`   // with every other record of its person
	Refused []ExplainedPair `json:"refused"` // in each party the best record that is not of its person
}

// ExplainedEvidence names the threshold in the terms of weighed pairs.
type ExplainedEvidence struct {
	Weight      float64 `json:"threshold_weight"`
	Probability float64 `json:"threshold_probability"`
}

// ExplainPage is what the page says besides the explanation, which must have a review.
type ExplainPage struct {
	Explanation
	Made    time.Time // only the day is shown. The zero time shows none
	Program string
}

//go:embed explainpage.html
var explainHTML string

//go:embed explainpage.css
var explainCSS string

var explainTemplate = template.Must(template.New("explain").Funcs(template.FuncMap{
	"count": whyCount, "score": explainScore, "signed": explainSigned, "weight": func(x *float64) string { return fmt.Sprintf("%.1f", *x) }, "known": explainKnown,
}).Parse(pageHead + explainHTML))

// explainPairs is a table of pairs; Weighed ones have weights.
type explainPairs struct {
	Pairs   []ExplainedPair
	Weighed bool
}

func explainScore(x float64) string { return strconv.FormatFloat(x, 'f', 3, 64) }

// explainKnown is a score, or a dash where there is none.
func explainKnown(x *float64) string {
	if x == nil {
		return "–"
	}
	return explainScore(*x)
}

func explainSigned(x *float64) string {
	if x == nil {
		return "–"
	}
	return fmt.Sprintf("%+.4f", *x)
}

// WriteExplainPage writes the page: whole, or nothing at all.
func WriteExplainPage(w io.Writer, p ExplainPage) error {
	if p.ExplainedReview == nil {
		return errors.New("page of a linkage: there is no review to draw")
	}
	filled := struct {
		ExplainPage
		pageFrame
		Day     string
		Picture *explainPicture
		Least   explainPairs
		Near    explainPairs
	}{ExplainPage: p, pageFrame: newFrame("Why records were linked", reportCSS+explainCSS, ""), Picture: newExplainPicture(p.Scores, p.Threshold),
		Least: explainPairs{p.LeastCertain, p.Evidence != nil}, Near: explainPairs{p.Closest, p.Evidence != nil}}
	if !p.Made.IsZero() {
		filled.Day = p.Made.Format("2 January 2006")
	}
	return writePage(w, "page of a linkage", explainTemplate, filled)
}
