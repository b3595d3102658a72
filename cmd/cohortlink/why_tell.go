package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cohortlink/formats"
	"cohortlink/linkage/quality"
)

// An evaluation is told three times: short enough to read on a terminal, whole as
// JSON, and whole as a page. The terminal has the causes that were missed most and
// kinds of parties; each of a hundred party pairs is in the other two.

const (
	causesTold  = 12
	partiesTold = 10
)

func (a *app) tellEvaluation(e *evaluation) {
	s := e.Scores
	what := "pairs of records of different parties"
	if e.Within {
		what = "pairs of records, those of one party too"
	}
	ui := a.ui
	ui.resultf("%s of %s; %s\n\n", plural(e.Records, "record"), parties(len(e.Parties)), what)
	ui.resultf("%-18s%9s%9s%9s\n", "", "precision", "recall", "F1")
	row := func(name string, p, r, f float64) { ui.resultf("%-18s%9.4f%9.4f%9.4f\n", name, p, r, f) }
	row("pairs", s.Precision, s.Recall, s.F1)
	if c := e.Complete; c != nil {
		row("complete pairs", c.Scores.Precision, c.Scores.Recall, c.Scores.F1)
	}
	row("persons, exact", s.Exact.Precision, s.Exact.Recall, s.Exact.F1)
	row("B-cubed", s.BCubed.Precision, s.BCubed.Recall, s.BCubed.F1)
	ui.resultf("\n%s right, %s wrong, %s missed\n", plural(s.TruePositives, "pair"), thousands(s.FalsePositives), thousands(s.FalseNegatives))
	if c := e.Complete; c != nil {
		ui.resultf("a pair is complete when both records hold names, a date of birth, and a postcode or an NHS number:\n%s of %s do\n", thousands(c.Records), plural(e.Records, "record"))
	}
	a.tellHouseholdScores(e.Households)
	a.tellWhy(e.Why)
	if len(e.Sweep) > 0 {
		ui.resultf("\nat other thresholds (%.3f was used)\n\n%-18s%9s%9s%9s\n", *e.Threshold, "", "precision", "recall", "F1")
		for _, p := range e.Sweep {
			row(fmt.Sprintf("%.3f", p.Threshold), p.Precision, p.Recall, p.F1)
		}
	}
}

// tellWhy shows what there is to show: a truth without causes and groups leaves
// party pairs and wrong pairs.
func (a *app) tellWhy(b *quality.Breakdown) {
	ui := a.ui
	more := func(n int) {
		if n > 0 {
			ui.resultf("%-32s\n", fmt.Sprintf("and %d more, with --json or --html", n))
		}
	}
	if len(b.Causes) > 0 {
		ui.resultf("\n%-32s%10s%10s%9s%16s%9s%11s\n", "what missed pairs have", "missed", "of true", "recall", "95 % interval", "alone", "precision")
		for _, c := range b.Causes[:min(len(b.Causes), causesTold)] {
			ui.resultf("%-32s%10s%10s%9s%16s%9s%11s%s\n", c.Label, thousands(c.Recall.Whole-c.Recall.Part), thousands(c.Recall.Whole),
				percent(c.Recall), interval(c.Recall), percent(c.Alone), percent(c.Precision), few(c.Row))
		}
		more(len(b.Causes) - causesTold)
		ui.resultf("(a pair has what either of its records has; alone: recall of pairs that have nothing else)\n")
	}
	for _, g := range b.Groups {
		ui.resultf("\n%-32s%10s%10s%9s%16s%20s\n", "by "+strings.ReplaceAll(g.Name, "_", " "), "missed", "of true", "recall", "95 % interval", "precision")
		for _, r := range g.Rows {
			a.tellRow(r)
		}
	}
	if kinds := byPartyKind(b.PartyPairs); len(kinds) > 0 {
		ui.resultf("\n%-32s%10s%10s%9s%16s%20s\n", "between", "missed", "of true", "recall", "", "precision")
		for _, r := range kinds[:min(len(kinds), partiesTold)] {
			a.tellRow(r)
		}
		more(len(kinds) - partiesTold)
	}
	if b.All.Precision.Part < b.All.Precision.Whole {
		ui.resultf("\n%-32s%10s%10s%20s\n", "who was wrongly joined", "wrong", "share", "of pairs that exist")
		for _, k := range b.Wrong {
			note := ""
			if k.TooFew {
				note = tooFewNote
			}
			ui.resultf("%-32s%10s%10s%20s%s\n", k.Kind, thousands(k.Wrong), fmt.Sprintf("%.1f %%", 100*k.Share), short(float64(k.Possible)), note)
		}
	}
}

const tooFewNote = "  too small to judge"

func (a *app) tellRow(r quality.Row) {
	a.ui.resultf("%-32s%10s%10s%9s%16s%20s%s\n", r.Label, thousands(r.Recall.Whole-r.Recall.Part), thousands(r.Recall.Whole),
		percent(r.Recall), interval(r.Recall), percent(r.Precision), few(r))
}

func few(r quality.Row) string {
	switch {
	case r.Recall.TooFew:
		return tooFewNote
	case r.Precision.TooFew:
		return "  precision too small to judge"
	}
	return ""
}

// percent is a rate, or a dash where there is nothing to take it of.
func percent(s quality.Share) string {
	if s.Whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", 100*s.Rate)
}

// interval is empty for sums, which have none.
func interval(s quality.Share) string {
	switch {
	case s.Whole == 0:
		return "–"
	case s.High == 0:
		return ""
	}
	return fmt.Sprintf("%.1f to %.1f", 100*s.Low, 100*s.High)
}

// byPartyKind adds up party pairs by kind of party, which is the part of its name
// before the first hyphen: fifteen parties make 105 pairs, and nobody compares those
// line by line. The kinds with the most missed pairs come first. Counts add up;
// intervals do not, so there are none.
func byPartyKind(pairs []quality.PartyPair) []quality.Row {
	kind := func(party string) string { k, _, _ := strings.Cut(party, "-"); return k }
	var out []quality.Row
	add := func(to *quality.Share, s quality.Share) {
		to.Part += s.Part
		to.Whole += s.Whole
		if to.Whole > 0 {
			to.Rate = float64(to.Part) / float64(to.Whole)
		}
		to.TooFew = to.Whole < quality.TooFew
	}
	for _, p := range pairs {
		x, y := kind(p.Parties[0]), kind(p.Parties[1])
		label := min(x, y) + " and " + max(x, y)
		at := slices.IndexFunc(out, func(r quality.Row) bool { return r.Label == label })
		if at < 0 {
			at = len(out)
			out = append(out, quality.Row{Label: label})
		}
		add(&out[at].Recall, p.Recall)
		add(&out[at].Precision, p.Precision)
	}
	missed := func(r quality.Row) int { return r.Recall.Whole - r.Recall.Part }
	slices.SortStableFunc(out, func(x, y quality.Row) int { return missed(y) - missed(x) })
	return out
}

func (e *evaluateRun) writePage(got *evaluation, project *formats.Project, inputs []string) error {
	about := formats.WhyAbout{
		Made: time.Now(), Program: tool(), Invented: e.invented, Within: got.Within,
		Linkage: []formats.ReportFact{{Name: "records", Text: thousands(got.Records)}, {Name: "parties", Text: strings.Join(got.Parties, ", ")}},
	}
	if project != nil {
		about.Project = project.Name
	}
	f := formats.WhyFigures{Scores: []formats.WhyScores{{Label: "all pairs", Scores: got.Scores}}, Breakdown: got.Why, Sweep: got.Sweep}
	if c := got.Complete; c != nil {
		f.Scores = append(f.Scores, formats.WhyScores{Label: "complete pairs", Scores: c.Scores})
		about.Linkage = append(about.Linkage, formats.ReportFact{Name: "complete records", Text: thousands(c.Records) + ", which hold names, a date of birth, and a postcode or an NHS number; a pair is complete when both its records are"})
	}
	if got.Threshold != nil {
		f.Threshold = *got.Threshold
		about.Linkage = append(about.Linkage, formats.ReportFact{Name: "threshold", Text: fmt.Sprintf("%.3f", f.Threshold)})
	}
	inputs = slices.DeleteFunc(inputs, func(path string) bool { return path == "" })
	out, err := formats.Create(e.html, formats.CreateOptions{Inputs: inputs})
	if err != nil {
		return err
	}
	defer out.Abort()
	if err := formats.WriteWhyPage(out, f, about); err != nil {
		return err
	}
	return out.Commit()
}
