package main

import (
	"math"
	"time"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/linkage"
)

func newExplain(a *app) *cobra.Command {
	var e explainRun
	cmd := &cobra.Command{
		Use:   "explain LINKED",
		Short: "Why records were linked or not, for whoever has to defend it",
		Long: `Reads a linked folder and says why it came out as it did, without a name or number
of anybody: records go by their random record IDs. With nothing else named it shows
how scores lie about the threshold, the least certain links, the pairs that were
nearly linked, and the persons that a rule kept apart.

  --record R        why a record is in its person, and the next best in each party
  --pair R R        why two records were linked or not: score, runner-up and margin,
                    and the chain of pairs by which they came together
  --least-certain N how many links and how many refused pairs to list
  --broken          only the persons that broke a rule: records of one party that has
                    each person once, and groups too large to be one person
  --html FILE       draws it as a page, with a picture of the scores

A link has room: how far its score stands above what would have undone it, which is
the threshold, or the next best record in a party that has each person once.

What this command prints says which records belong together. It stays at the unit.
` + exitHelp,
		Example: `  cohortlink explain linked
  cohortlink explain linked --least-certain 50 --html explain.html
  cohortlink explain linked --record r00000000000000000000000000000000
  cohortlink explain linked --pair r00000000000000000000000000000000 r11111111111111111111111111111111
  cohortlink explain linked --broken`,
		Args: args(1, 2, "one linked folder (and with --pair a second record ID)"),
		RunE: func(_ *cobra.Command, args []string) error {
			e.app = a
			for _, arg := range args {
				if _, err := formats.ParseRecordID(arg); err == nil && e.pair != "" && len(args) == 2 && e.other == "" {
					e.other = arg
				} else if e.linked != "" {
					return usagef("explain needs one linked folder; a second record ID goes with --pair")
				} else {
					e.linked = arg
				}
			}
			return e.run()
		},
	}
	f := cmd.Flags()
	f.StringVar(&e.record, "record", "", "a record ID: why this record is where it is")
	f.StringVar(&e.pair, "pair", "", "two record IDs, one after the other: why these were linked or not")
	f.IntVar(&e.least, "least-certain", 10, "how many of the least certain links, and of the closest refusals, to list")
	f.BoolVar(&e.broken, "broken", false, "list every person that broke a rule, and nothing else")
	f.StringVar(&e.html, "html", "", "also draw the linkage as a page in this file")
	f.BoolVar(&e.json, "json", false, "print as JSON")
	return cmd
}

type explainRun struct {
	app          *app
	linked       string
	record, pair string
	other        string // the second record of pair
	least        int
	broken, json bool
	html         string
	l            *formats.Linked
	x            *linkage.Explainer
}

// Bounds of what is listed: a page with more is read by nobody, and --json is for programs.
const (
	mostCertain = 10_000
	brokenShown = 20
	scoreBin    = 0.01
)

func (e *explainRun) run() error {
	switch {
	case e.linked == "":
		return usagef("name the linked folder")
	case e.record != "" && e.pair != "":
		return usagef("--record and --pair ask for different things: give one of them")
	case e.html != "" && (e.record != "" || e.pair != ""):
		return usagef("--html draws the whole linkage: leave out --record and --pair")
	case e.least < 0 || e.least > mostCertain:
		return usagef("--least-certain must be from 0 to %d", mostCertain)
	case e.pair != "" && e.other == "":
		return usagef("--pair needs two record IDs, one after the other: --pair RECORD RECORD")
	}
	var err error
	if e.l, err = formats.ReadLinked(e.linked); err != nil {
		return err
	}
	e.x = linkage.NewExplainer(e.l.Result)
	got, err := e.explain()
	if err != nil {
		return err
	}
	if e.html != "" {
		if err := e.writePage(got); err != nil {
			return err
		}
	}
	if e.json {
		return e.app.ui.resultJSON(got)
	}
	e.tell(got)
	return nil
}

func (e *explainRun) explain() (*formats.Explanation, error) {
	m, r := e.l.Manifest, e.l.Result
	out := &formats.Explanation{
		Project: m.Project, Parties: len(m.Parties), Records: len(r.IDs), Persons: r.Persons, Threshold: r.Score(), Chosen: m.Threshold.Chosen, Floor: r.Floor,
		Scores: []formats.ExplainedScores{},
	}
	if v := m.Evidence; v != nil {
		out.Evidence = &formats.ExplainedEvidence{Weight: v.Weight, Probability: v.Probability}
	}
	e.stages(out)
	for _, b := range e.x.Histogram(scoreBin) {
		out.Scores = append(out.Scores, formats.ExplainedScores(b))
	}
	if e.record != "" || e.pair != "" {
		return out, e.asked(out)
	}
	out.ExplainedReview = &formats.ExplainedReview{LeastCertain: []formats.ExplainedPair{}, Closest: []formats.ExplainedPair{}, Broken: []formats.ExplainedRule{}}
	for _, w := range e.x.LeastCertain(e.least) {
		out.LeastCertain = append(out.LeastCertain, e.explained(w))
	}
	for _, w := range e.x.Closest(e.least) {
		out.Closest = append(out.Closest, e.explained(w))
	}
	breaches := e.x.Breaches()
	out.BrokenAll = len(breaches)
	if !e.broken {
		breaches = breaches[:min(len(breaches), brokenShown)]
	}
	for _, b := range breaches {
		out.Broken = append(out.Broken, e.breach(b))
	}
	return out, nil
}

// asked explains the record or the pair that was asked for.
func (e *explainRun) asked(out *formats.Explanation) error {
	if e.pair != "" {
		a, err := e.find(e.pair)
		if err != nil {
			return err
		}
		b, err := e.find(e.other)
		if err != nil {
			return err
		}
		if a == b {
			return usagef("--pair names the same record twice")
		}
		p := e.explained(e.x.Why(a, b))
		out.Pair = &p
		return nil
	}
	record, err := e.find(e.record)
	if err != nil {
		return err
	}
	r := e.l.Result
	of := &formats.ExplainedRecord{ExplainedEnd: e.end(record), Links: []formats.ExplainedPair{}, Refused: []formats.ExplainedPair{}}
	for _, m := range e.x.Members(r.Person[record]) {
		if m != record {
			of.Links = append(of.Links, e.explained(e.x.Why(record, m)))
		}
	}
	for party := range r.Parties {
		if v := e.x.Best(record, party, false); !v.None() {
			of.Refused = append(of.Refused, e.explained(e.x.Why(record, v.Record)))
		}
	}
	out.Record = of
	return nil
}

func (e *explainRun) find(id string) (int32, error) {
	parsed, err := formats.ParseRecordID(id)
	if err != nil {
		return 0, usagef("%.40q is %w", id, err)
	}
	record, ok := e.l.Number(parsed)
	if !ok {
		return 0, errorf("%s has no such record: %s\na record has a new record ID whenever it is hashed, unless its party keeps its map", e.linked, parsed)
	}
	return record, nil
}

// stages counts pairs by what decided about them (stageOf).
func (e *explainRun) stages(out *formats.Explanation) {
	r := e.l.Result
	count := map[string]int{}
	for _, p := range r.Pairs {
		count[stageOf(p, r.Accepted(p), r.Score())]++
	}
	for _, s := range []struct{ stage, says string }{
		{"threshold", "linked: the score reaches the threshold"},
		{"person", "linked: the score does not, but both records belong with others"},
		{"rules", "refused: the score does, but the two could not be one person, or are not on average"},
		{"score", "refused: the score does not"},
	} {
		out.Stages = append(out.Stages, formats.ExplainedStage{Stage: s.stage, Says: s.says, Pairs: count[s.stage]})
	}
}

func (e *explainRun) end(record int32) formats.ExplainedEnd {
	r := e.l.Result
	return formats.ExplainedEnd{Record: formats.RecordID(r.IDs[record]).String(), Party: r.Parties[r.Party(record)], Person: e.l.PersonIDs[r.Person[record]].String()}
}

// explained puts an explanation into words.
func (e *explainRun) explained(w linkage.Why) formats.ExplainedPair {
	r := e.l.Result
	p := formats.ExplainedPair{A: e.end(w.A), B: e.end(w.B), Linked: w.Linked, Ground: string(w.Ground), Room: finite(w.Room), Average: finite(w.Average), RunnersUp: []formats.ExplainedRival{}}
	score := r.Floor
	if w.Pair >= 0 {
		score = r.Pairs[w.Pair].Score
		p.Score = &score
		p.Offset = float64(r.Offsets.Of(r.Party(w.A), r.Party(w.B))) / 1000
		e.weighed(&p, w.Pair)
	}
	ends := [2]int32{w.A, w.B}
	for side, v := range w.RunnerUp {
		rival := formats.ExplainedRival{Of: formats.RecordID(r.IDs[ends[side]]).String(), Party: r.Parties[r.Party(ends[1-side])], Score: r.Floor}
		if !v.None() {
			rival.Record, rival.Score = formats.RecordID(r.IDs[v.Record]).String(), r.Pairs[v.Pair].Score
		}
		rival.Margin = score - rival.Score
		p.RunnersUp = append(p.RunnersUp, rival)
	}
	for i := range max(0, len(w.Chain)-1) {
		step := formats.ExplainedStep{A: e.end(w.Chain[i]), B: e.end(w.Chain[i+1])}
		if at := e.x.Pair(w.Chain[i], w.Chain[i+1]); at >= 0 {
			step.Score = r.Pairs[at].Score
		}
		p.Chain = append(p.Chain, step)
	}
	p.Why = e.why(w, p)
	return p
}

// weighed adds what each filter and exact key said.
func (e *explainRun) weighed(p *formats.ExplainedPair, pair int) {
	v := e.l.Result.Evidence
	if v == nil {
		return
	}
	p.Weight, p.Probability = finite(v.Weight[pair]), finite(v.Probability[pair])
	for f, name := range e.l.Filters {
		// Scores are kept in single precision: shown as the number that was meant.
		p.Filters = append(p.Filters, formats.ExplainedFilter{Name: name, Score: finite(math.Round(float64(v.Scores[f][pair])*1e6) / 1e6)})
	}
	for k, name := range e.l.Exact {
		p.Exact = append(p.Exact, formats.ExplainedExactKey{Name: name, Outcome: v.Outcomes[k][pair].String()})
	}
}

func (e *explainRun) writePage(got *formats.Explanation) error {
	out, err := formats.Create(e.html, formats.CreateOptions{Mode: 0o600})
	if err != nil {
		return err
	}
	defer out.Abort()
	page := formats.ExplainPage{Explanation: *got, Program: tool(), Made: time.Now()}
	if err := formats.WriteExplainPage(out, page); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	e.app.ui.sayf("wrote %s: it stays at the unit", e.html)
	return nil
}
