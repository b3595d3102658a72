package formats

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"cohortlink/linkage/cohort"
)

// counts.csv and counts.json carry every figure of a release, one line or one
// object each, with the same marks as the page.
//
// The columns of counts.csv:
//
//	table     people, party, pair, combination, at-least, need, need-party, need-pair,
//	          need-twice (two parties or more say so), question; and of households
//	          household, household-party, household-pair, household-at-least, household-question
//	parties   the persons are in all of these parties, joined by " + ", or somebody of
//	          the household in each of them;
//	          for a combination: in these and in no other
//	at_least  for at-least: in this many parties or more
//	need      the persons carry this need
//	value     ... with this value; empty for a yes-no need
//	need_2, value_2   for need-pair: and this need too
//	count     the figure as released: a rounded number, 0, or *
//	mark      rounded, zero, exact (under a rule that does not round), hidden, or
//	          noisy (changed by a random amount, and then rounded)
//	where     for a question: the condition that the persons meet, or those of a household
//	          taken together
//	likely_low, likely_high   between which numbers the truth probably is, since linkage
//	          makes mistakes (cohort.Figure.Likely); empty where there is no range
//	low, high only in a release with noise: between what the count is in 95 of 100
//	          draws of the noise, for a hidden one too
//
// Cells never begin like a formula: a name that begins with =, +, -, @ or an
// apostrophe is preceded by an apostrophe, which spreadsheets do not show.

// countsColumns is the header of counts.csv.
var countsColumns = []string{"table", "parties", "at_least", "need", "value", "need_2", "value_2", "count", "mark", "where", "likely_low", "likely_high"}

// noisyColumns follow them in a release with noise.
var noisyColumns = []string{"low", "high"}

const partySeparator = " + "

// Marks of a figure, for programs.
const (
	markHidden  = "hidden"
	markZero    = "zero"
	markRounded = "rounded"
	markExact   = "exact"
	markNoisy   = "noisy"
)

func markOf(rel *cohort.Release, f cohort.Figure) string {
	n, ok := f.Value()
	_, _, noisy := f.Range()
	switch {
	case !ok:
		return markHidden
	case noisy:
		return markNoisy
	case n == 0:
		return markZero
	case rel.Rule().Base == 1:
		return markExact
	}
	return markRounded
}

// WriteCounts writes every figure of the release as CSV: UTF-8, comma,
// line feed, a header, in a fixed order. It refuses party names that hold the
// separator, since they could not be told apart.
func WriteCounts(w io.Writer, rel *cohort.Release) error {
	for _, p := range rel.Parties() {
		if strings.Contains(p, partySeparator) {
			return fmt.Errorf("counts: party %q holds %q, which separates parties; rename it", p, partySeparator)
		}
	}
	out := csv.NewWriter(w)
	columns := countsColumns
	_, noisy := rel.Noise()
	if noisy {
		columns = slices.Concat(countsColumns, noisyColumns)
	}
	if err := out.Write(columns); err != nil {
		return fmt.Errorf("counts: %w", err)
	}
	for _, row := range rel.Rows() {
		count := cohort.Mark
		if n, ok := row.Figure.Value(); ok {
			count = strconv.Itoa(n)
		}
		atLeast := ""
		if row.AtLeast > 0 {
			atLeast = strconv.Itoa(row.AtLeast)
		}
		var needs [2]cohort.NeedValue
		copy(needs[:], row.Needs)
		line := []string{row.Table, strings.Join(row.Parties, partySeparator), atLeast,
			needs[0].Need, needs[0].Value, needs[1].Need, needs[1].Value,
			count, markOf(rel, row.Figure), row.Where, "", ""}
		if low, high, ok := row.Figure.Likely(); ok {
			line[len(line)-2], line[len(line)-1] = strconv.Itoa(low), strconv.Itoa(high)
		}
		if low, high, ok := row.Figure.Range(); ok {
			line = append(line, strconv.Itoa(low), strconv.Itoa(high))
		}
		for i := range line {
			line[i] = plainCell(line[i])
		}
		if err := out.Write(line); err != nil {
			return fmt.Errorf("counts: %w", err)
		}
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("counts: %w", err)
	}
	return nil
}

// plainCell keeps a spreadsheet from reading a name as a formula (OWASP, "CSV
// Injection"). A lone mark is not one. The apostrophe is doubled so that the
// name can be had back by dropping one.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@'", rune(s[0])) {
		return "'" + s
	}
	return s
}

// countsJSON is the form of counts.json.
type countsJSON struct {
	Format        string        `json:"format"`
	Rule          string        `json:"rule"`
	RuleSays      string        `json:"rule_says"`
	RuleSource    string        `json:"rule_source"`
	RuleReason    string        `json:"rule_reason,omitempty"`
	Least         int           `json:"smallest_count_shown"`
	Base          int           `json:"rounded_to"`
	MarkMayBeZero bool          `json:"mark_may_be_zero"`
	Combinations  string        `json:"combinations"`
	Parties       []string      `json:"parties"`
	Figures       []figureJSON  `json:"figures"`
	Needs         []needDefJSON `json:"needs"`
	Questions     []askedJSON   `json:"questions"`
	Noise         *noiseJSON    `json:"noise,omitempty"`
}

// noiseJSON says how noise was put on the figures.
type noiseJSON struct {
	Epsilon   string `json:"epsilon"`
	Mechanism string `json:"mechanism"`
	Neighbour string `json:"neighbour"`
	Cells     int    `json:"cells"` // exclusive ones, with a draw each
	Parts     int    `json:"parts"` // in which figures were made, and within which they agree
	// MostParties is of how many of its parties a person is counted in a party or in two; absent for all.
	MostParties int      `json:"most_parties,omitempty"`
	Confident   float64  `json:"range_confidence"`
	LeftOut     []string `json:"tables_left_out"`
}

func newNoiseJSON(rel *cohort.Release) *noiseJSON {
	facts, ok := rel.Noise()
	if !ok {
		return nil
	}
	n := &noiseJSON{
		Epsilon: facts.Epsilon.String(), Mechanism: "discrete Laplace (Canonne, Kamath and Steinke 2020, algorithm 2)",
		Neighbour: "one linked person more or fewer", Cells: facts.Cells, Parts: facts.Parts, MostParties: facts.MostParties, Confident: cohort.Confidence, LeftOut: []string{},
	}
	n.LeftOut = append(n.LeftOut, facts.LeftOut...)
	return n
}

// askedJSON is a question; its figures are those of table "question" with its condition.
type askedJSON struct {
	Name  string `json:"name"`
	Where string `json:"where"`
	By    string `json:"by,omitempty"`
}

type needDefJSON struct {
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`
	Values []string `json:"values,omitempty"`
}

type figureJSON struct {
	Table   string     `json:"table"`
	Where   string     `json:"where,omitempty"`
	Parties []string   `json:"parties,omitempty"`
	AtLeast int        `json:"at_least,omitempty"`
	Needs   []needJSON `json:"needs,omitempty"`
	Count   *int       `json:"count"` // null when hidden
	Mark    string     `json:"mark"`
	Likely  []int      `json:"likely,omitempty"` // low and high
	Low     *int       `json:"low,omitempty"`    // only in a release with noise
	High    *int       `json:"high,omitempty"`
}

type needJSON struct {
	Need  string `json:"need"`
	Value string `json:"value,omitempty"`
}

// WriteCountsJSON writes the same figures and marks as WriteCounts, with the
// rule that was applied, as one JSON object. A hidden figure has the count null.
func WriteCountsJSON(w io.Writer, rel *cohort.Release) error {
	rule := rel.Rule()
	doc := countsJSON{
		Format: "cohortlink counts 1",
		Rule:   rule.Name, RuleSays: rel.Says(), RuleSource: rule.Source, RuleReason: rule.Reason,
		Least: rule.Least, Base: rule.Base, MarkMayBeZero: rel.MarkMayBeZero(),
		Combinations: "all", Parties: rel.Parties(),
		Figures: []figureJSON{}, Needs: []needDefJSON{}, Questions: []askedJSON{}, Noise: newNoiseJSON(rel),
	}
	switch {
	case rel.Coarse():
		doc.Combinations = "none"
	case !rel.AllCombinations():
		doc.Combinations = "largest"
	}
	for _, n := range rel.Needs() {
		doc.Needs = append(doc.Needs, needDefJSON{n.Name, n.Kind, n.Values})
	}
	for _, a := range rel.Answers() {
		doc.Questions = append(doc.Questions, askedJSON{questionTitle(a), a.Question.Where, a.Question.By})
	}
	for _, row := range rel.Rows() {
		f := figureJSON{Table: row.Table, Where: row.Where, Parties: row.Parties, AtLeast: row.AtLeast, Mark: markOf(rel, row.Figure)}
		for _, n := range row.Needs {
			f.Needs = append(f.Needs, needJSON(n))
		}
		if n, ok := row.Figure.Value(); ok {
			f.Count = &n
		}
		if low, high, ok := row.Figure.Likely(); ok {
			f.Likely = []int{low, high}
		}
		if low, high, ok := row.Figure.Range(); ok {
			f.Low, f.High = &low, &high
		}
		doc.Figures = append(doc.Figures, f)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false) // conditions hold < and >, and nobody puts this file into a page
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("counts: %w", err)
	}
	return nil
}
