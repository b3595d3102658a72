package main

import (
	"fmt"
	"strings"

	"cohortlink/formats"
	"cohortlink/linkage"
)

// The words of an explanation. They name records by record ID and parties by name, and say
// what the scores say; what lies behind a score nobody at the unit can know.

// why tells what decided about a pair, in a sentence, or two where an offset is in its score.
func (e *explainRun) why(w linkage.Why, p formats.ExplainedPair) string {
	says := e.decided(w, p)
	if p.Offset == 0 {
		return says
	}
	between := fmt.Sprintf("between %s and %s", p.A.Party, p.B.Party)
	if p.A.Party == p.B.Party {
		between = "within " + p.A.Party
	}
	return fmt.Sprintf("%s Their filters score %.3f; %+.3f is added to all scores %s, where strangers score otherwise than elsewhere.", says, *p.Score-p.Offset, p.Offset, between)
}

func (e *explainRun) decided(w linkage.Why, p formats.ExplainedPair) string {
	r := e.l.Result
	switch w.Ground {
	case linkage.ByThreshold:
		return fmt.Sprintf("They score %.3f, and the threshold is %.3f.", *p.Score, r.Score())
	case linkage.ByPerson:
		own := fmt.Sprintf("under %.3f", r.Floor)
		if p.Score != nil {
			own = fmt.Sprintf("%.3f", *p.Score)
		}
		return fmt.Sprintf("By themselves they score %s, but a chain of %s brings them into one person.", own, plural(len(p.Chain), "link"))
	case linkage.ByScore:
		switch {
		case p.A.Party == p.B.Party && r.Clean[r.Party(w.A)]:
			return fmt.Sprintf("Both are of %s, which has each person once, and they were not compared.", p.A.Party)
		case p.Score == nil:
			return fmt.Sprintf("They score under %.3f, below which no pair was kept.", r.Floor)
		case w.Present[0] >= 0 || w.Present[1] >= 0:
			return fmt.Sprintf("They score %.3f, under the threshold of %.3f, and %s", *p.Score, r.Score(), e.taken(w))
		}
		return fmt.Sprintf("They score %.3f, under the threshold of %.3f.", *p.Score, r.Score())
	case linkage.ByParty:
		if w.Present[0] < 0 && w.Present[1] < 0 {
			return "Their persons both have a record of a party that has each person once."
		}
		t := e.taken(w)
		return strings.ToUpper(t[:1]) + t[1:]
	case linkage.ByAverage:
		return fmt.Sprintf("They reach the threshold, but their persons score %.3f on average, under it.", w.Average)
	default:
		return "They reach the threshold together with so many others that the whole cannot be one person, and was left apart."
	}
}

// taken says which place is taken.
func (e *explainRun) taken(w linkage.Why) string {
	r := e.l.Result
	side := 0
	if w.Present[0] < 0 {
		side = 1
	}
	party := r.Parties[r.Party([2]int32{w.B, w.A}[side])]
	record := [2]int32{w.A, w.B}[side]
	return fmt.Sprintf("the person of %s has a record of %s already, which has each person once.", short8(formats.RecordID(r.IDs[record]).String()), party)
}

// short8 is enough of a record ID to find it in a table beside it.
func short8(id string) string { return id[:9] + "…" }

func (e *explainRun) breach(b linkage.Breach) formats.ExplainedRule {
	r := e.l.Result
	p := r.Pairs[b.Pair]
	out := formats.ExplainedRule{Rule: string(b.Ground), Count: len(b.Persons), Average: finite(b.Average), Score: p.Score,
		A: formats.RecordID(r.IDs[p.A]).String(), B: formats.RecordID(r.IDs[p.B]).String(), Persons: []string{}}
	for _, person := range b.Persons[:min(len(b.Persons), brokenShown)] {
		out.Persons = append(out.Persons, e.l.PersonIDs[person].String())
	}
	if b.Ground == linkage.ByParty {
		out.Party = r.Parties[b.Party]
		out.Says = fmt.Sprintf("Alike enough to be one person, but %s has each person once and would have two records in it.", out.Party)
	} else {
		out.Says = fmt.Sprintf("%s so alike that they would have been one person, which is more than one can have: a shared name or address, or records that hold next to nothing.", plural(len(b.Persons), "record"))
	}
	return out
}

func (e *explainRun) tell(x *formats.Explanation) {
	ui := e.app.ui
	switch {
	case x.Pair != nil:
		e.tellPair(*x.Pair)
		return
	case x.Record != nil:
		e.tellRecord(x.Record)
		return
	case e.broken:
		e.tellBroken(x)
		return
	}
	ui.resultf("%s of %s, %s; threshold %.3f, floor %.3f\n\n", plural(x.Records, "record"), parties(x.Parties), plural(x.Persons, "person"), x.Threshold, x.Floor)
	for _, s := range x.Stages {
		ui.resultf("%-12s%12s  %s\n", s.Stage, thousands(s.Pairs), s.Says)
	}
	e.tellScores(x)
	if len(x.LeastCertain) > 0 {
		ui.resultf("\nthe least certain links (room: how far the score stands above what would have undone it)\n\n")
		e.tellPairs(x.LeastCertain)
	}
	if len(x.Closest) > 0 {
		ui.resultf("\nthe closest refusals (room: by how much they fell short)\n\n")
		e.tellPairs(x.Closest)
	}
	ui.resultf("\n")
	e.tellBroken(x)
}

// tellScores draws the scores from a little under the threshold on; the page has all of them.
func (e *explainRun) tellScores(x *formats.Explanation) {
	const (
		under = 10 // bins
		wide  = 40 // characters
	)
	first, most := 0, 1
	for i, s := range x.Scores {
		if s.To <= x.Threshold+1e-9 {
			first = max(0, i+1-under)
		}
	}
	for _, s := range x.Scores[first:] {
		most = max(most, s.Linked+s.Refused)
	}
	if len(x.Scores) == 0 {
		return
	}
	ui := e.app.ui
	ui.resultf("\n%-8s%10s%10s  (# linked, . refused)\n", "score", "linked", "refused")
	for _, s := range x.Scores[first:] {
		mark := " "
		if s.From > x.Threshold-1e-9 && s.From < x.Threshold+1e-9 {
			mark = ">" // the threshold
		}
		// At least one character for what is there.
		of := func(n int) int { return (n*wide + most - 1) / most }
		ui.resultf("%s%-7.3f%10s%10s  %s%s\n", mark, s.From, thousands(s.Linked), thousands(s.Refused), strings.Repeat("#", of(s.Linked)), strings.Repeat(".", of(s.Refused)))
	}
}

func (e *explainRun) tellPairs(pairs []formats.ExplainedPair) {
	ui := e.app.ui
	ui.resultf("%-7s%8s  %-34s%-34s%s\n", "score", "room", "record", "record", "parties")
	for _, p := range pairs {
		ui.resultf("%-7s%8s  %-34s%-34s%s, %s\n", scoreText(p.Score), roomText(p.Room), p.A.Record, p.B.Record, p.A.Party, p.B.Party)
	}
}

func scoreText(x *float64) string {
	if x == nil {
		return "–"
	}
	return fmt.Sprintf("%.3f", *x)
}

func roomText(x *float64) string {
	if x == nil {
		return "–"
	}
	return fmt.Sprintf("%+.4f", *x)
}

func (e *explainRun) tellPair(p formats.ExplainedPair) {
	ui := e.app.ui
	verdict := "linked"
	if !p.Linked {
		verdict = "not linked"
	}
	ui.resultf("%s of %s and %s of %s: %s\n%s\n", p.A.Record, p.A.Party, p.B.Record, p.B.Party, verdict, p.Why)
	if p.Score != nil {
		ui.resultf("%-12s%.3f, threshold %.3f\n", "score", *p.Score, e.l.Result.Score())
	}
	if p.Weight != nil {
		ui.resultf("%-12s%.1f in powers of two; probability %s\n", "weight", *p.Weight, scoreText(p.Probability))
	}
	for _, f := range p.Filters {
		ui.resultf("%-12s%s scores %s\n", "filter", f.Name, scoreText(f.Score))
	}
	for _, k := range p.Exact {
		ui.resultf("%-12s%s: %s\n", "exact key", k.Name, k.Outcome)
	}
	for _, v := range p.RunnersUp {
		if v.Record == "" {
			ui.resultf("%-12snone for %s in %s scores %.3f or more\n", "runner-up", v.Of, v.Party, v.Score)
		} else {
			ui.resultf("%-12s%s for %s in %s scores %.3f, margin %+.3f\n", "runner-up", v.Record, v.Of, v.Party, v.Score, v.Margin)
		}
	}
	if p.Average != nil {
		ui.resultf("%-12s%.3f between the two persons\n", "average", *p.Average)
	}
	if p.Room != nil {
		ui.resultf("%-12s%+.4f\n", "room", *p.Room)
	}
	if !p.Linked || len(p.Chain) < 2 {
		return
	}
	for _, s := range p.Chain {
		ui.resultf("%-12s%s of %s and %s of %s score %.3f\n", "chain", s.A.Record, s.A.Party, s.B.Record, s.B.Party, s.Score)
	}
}

func (e *explainRun) tellRecord(r *formats.ExplainedRecord) {
	ui := e.app.ui
	ui.resultf("%s of %s is of person %s, with %s\n", r.Record, r.Party, r.Person, plural(len(r.Links), "other record"))
	for _, p := range r.Links {
		ui.resultf("\n")
		e.tellPair(p)
	}
	if len(r.Refused) > 0 {
		ui.resultf("\nin each party, the best record that is not of this person\n\n")
		e.tellPairs(r.Refused)
	}
}

func (e *explainRun) tellBroken(x *formats.Explanation) {
	ui := e.app.ui
	if x.BrokenAll == 0 {
		ui.resultf("no rule had to keep persons apart that their scores would have joined\n")
		return
	}
	ui.resultf("a rule kept persons apart in %s\n\n", plural(x.BrokenAll, "case"))
	ui.resultf("%-12s%8s%9s%7s  %-34s%s\n", "rule", "persons", "average", "score", "best pair between them", "")
	for _, b := range x.Broken {
		ui.resultf("%-12s%8s%9s%7.3f  %-34s%s\n", b.Rule, thousands(b.Count), scoreText(b.Average), b.Score, b.A, b.B)
	}
	if len(x.Broken) < x.BrokenAll {
		ui.resultf("and %d more, with --broken\n", x.BrokenAll-len(x.Broken))
	}
}
