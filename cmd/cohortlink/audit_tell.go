package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"cohortlink/formats"
	"cohortlink/hashing/audit"
)

// An audit is told three times: to be read on a terminal, whole as JSON, and as a page.

var gradeWords = map[audit.Grade]string{audit.Fail: "FAIL", audit.Unknown: "unknown", audit.Warn: "warning", audit.Pass: "pass", audit.Info: "-"}

func (a *app) tellAudit(found *audited) {
	var b strings.Builder
	fmt.Fprintf(&b, "Audit of %q: party %q of project %q, %s\n", found.File, found.Party, found.Project, auditedRecords(found))
	b.WriteString(wrap("", "", found.Verdict))
	b.WriteString(wrap("", "", found.Means))
	for _, w := range found.Weak {
		b.WriteString(wrap("  - ", "    ", fmt.Sprintf("a weak choice was accepted when it was hashed, because: %q", w)))
	}
	for _, f := range found.Attacks {
		fmt.Fprintf(&b, "\nAttacks on filter %q (%s)\n", f.Filter, f.Encoding)
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprint(w, "  grade\tattack\tknown people\toverlap\trecovered\t95 %\tfrom plain\n")
		for _, v := range f.Verdicts {
			line := verdictLine(v)
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n", gradeWords[v.Grade], v.Title, line.Known, line.Overlap, line.Share, line.Range, line.Plain)
		}
		w.Flush()
	}
	b.WriteString("\nThe filters alone\n")
	for _, f := range found.Alone.Findings {
		b.WriteString(wrap(fmt.Sprintf("  %-8s ", gradeWords[f.Grade]), "           ", findingName(f)+": "+f.Text))
	}
	if len(found.Unique) > 0 {
		b.WriteString("\nHow unique the people are, before any hashing\n")
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprint(w, "  values of\tno other record has\tfewer than five have\tunique without it\n")
		for _, u := range uniqueLines(found.Unique) {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", u.Field, u.Alone, u.Few, u.Without)
		}
		w.Flush()
		if text := suspicionText(found.Suspicion); text != "" {
			b.WriteString(wrap("  ", "  ", text))
		}
	}
	if todo := todoOf(found); len(todo) > 0 {
		b.WriteString("\nWhat to do\n")
		for _, d := range todo {
			b.WriteString(wrap("  - ", "    ", d))
		}
	}
	if c := found.Costs; c != nil {
		fmt.Fprintf(&b, "\nWhat encodings are worth in links on this extract: %s against as many, %s in both, with errors put in\n", plural(c.People, "record"), thousands(c.Both))
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "  encoding\tbits\tF1 %s\n", strings.Join(c.Settings, "\tF1 "))
		for _, l := range c.Lines {
			fmt.Fprintf(w, "  %s\t%s", costName(l), thousands(l.Bits))
			for _, cost := range l.Costs {
				fmt.Fprintf(w, "\t%.4f", cost.F1)
			}
			fmt.Fprintln(w)
		}
		w.Flush()
		b.WriteString(wrap("  ", "  ", costsMean))
	} else if found.Attacks != nil {
		b.WriteString(wrap("\n", "", costsTooFew))
	}
	a.ui.resultf("%s", b.String())
}

const (
	costsMean   = "Each encoding at its best threshold, each record's best match only: to compare encodings by, and no promise of how well two parties will link."
	costsTooFew = "What encodings are worth in links was not measured: there are too few records."
)

func auditedRecords(found *audited) string {
	if found.Attacks == nil {
		return plural(found.Records, "record") + ", filters alone"
	}
	return fmt.Sprintf("%s of %s attacked, %s", thousands(found.Attacked), plural(found.Records, "record"), timesWord(found.Seeds))
}

func timesWord(n int) string {
	if n == 1 {
		return "once"
	}
	return thousands(n) + " times"
}

// verdictLine is a verdict as texts for a table.
func verdictLine(v audit.Verdict) formats.AuditAttack {
	line := formats.AuditAttack{
		Grade: string(v.Grade), GradeWord: gradeWords[v.Grade], Title: v.Title, Given: v.Given, Text: v.Text, Do: v.Do,
		Version: v.Version, Known: "-", Overlap: fmt.Sprintf("%.0f %%", 100*v.Overlap), Share: "-", Range: "-", Plain: "-", Value: v.Share, Low: v.Low, High: v.High, PlainValue: v.Plain,
	}
	if v.Anchors > 0 {
		line.Known = thousands(v.Anchors)
	}
	if v.Tried == 0 && v.Name != audit.Tokens || v.Share == 0 && v.Name == audit.Tokens {
		return line // nobody could have been recovered, or nothing learned
	}
	show := func(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }
	if v.Name == audit.Tokens {
		line.Pieces = true
		show = func(x float64) string { return fmt.Sprintf("AUC %.2f", x) }
	}
	line.Share = show(v.Share)
	line.Range = fmt.Sprintf("%.1f to %.1f", 100*v.Low, 100*v.High)
	if line.Pieces {
		line.Range = fmt.Sprintf("%.2f to %.2f", v.Low, v.High)
	}
	if v.Plain >= 0 {
		line.Plain = show(v.Plain)
	}
	return line
}

func uniqueLines(unique []audit.Uniqueness) []formats.AuditUnique {
	show := func(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) }
	var out []formats.AuditUnique
	for _, u := range unique {
		line := formats.AuditUnique{Field: u.Field, Alone: show(u.Alone), Few: show(u.Few), Without: show(u.Without)}
		if u.Field == "" {
			line.Field, line.Without = "all fields together", "-"
		}
		out = append(out, line)
	}
	return out
}

// suspicionText tells the probability of suspicion, "" where it was not measured.
func suspicionText(r *audit.Risk) string {
	if r == nil || r.Records == 0 {
		return ""
	}
	return fmt.Sprintf("To an attacker who has the details of all and knows %d of them, a filter fits one person alone in %.1f %% of cases, and the right person is one of %.0f that fit at least as well in the median case (probability of suspicion: mean %.4f, at most %.4f).",
		suspicionAnchors, 100*r.Marketer, 1/max(r.Median, 1e-9), r.Mean, r.Max)
}

func findingName(f audit.Finding) string {
	if f.Filter == "" {
		return f.Check
	}
	return f.Check + " of " + f.Filter
}

// todoOf is what to change, each thing once, the worst first.
func todoOf(found *audited) []string {
	var out []string
	add := func(g audit.Grade, want audit.Grade, do string) {
		if g == want && do != "" && !slices.Contains(out, do) {
			out = append(out, do)
		}
	}
	for _, grade := range []audit.Grade{audit.Fail, audit.Unknown, audit.Warn, audit.Info} {
		for _, f := range found.Attacks {
			for _, v := range f.Verdicts {
				add(v.Grade, grade, v.Do)
			}
		}
		for _, f := range found.Alone.Findings {
			add(f.Grade, grade, f.Do)
		}
	}
	return out
}

func costName(l auditCost) string {
	if l.This {
		return l.Name + " (yours)"
	}
	return l.Name
}

func (u *auditRun) writePage(found *audited) error {
	page := formats.AuditPage{
		File: found.File, Made: time.Now(), Program: found.Program, Grade: string(found.Grade), Verdict: found.Verdict, Means: found.Means,
		Facts: []formats.ReportFact{{Name: "project", Text: found.Project}, {Name: "party", Text: found.Party}, {Name: "records", Text: auditedRecords(found)}, {Name: "key", Text: found.Key}},
		Todo:  todoOf(found), AtPartner: found.Attacks != nil, PassTo: audit.AttackPassTo, FailFrom: audit.AttackFailFrom,
	}
	page.Weak = append(page.Weak, found.Weak...)
	for _, f := range found.Attacks {
		table := formats.AuditFilter{Name: f.Filter, Encoding: f.Encoding}
		for _, v := range f.Verdicts {
			table.Attacks = append(table.Attacks, verdictLine(v))
		}
		page.Attacks = append(page.Attacks, table)
	}
	for _, f := range found.Alone.Findings {
		page.Alone = append(page.Alone, formats.AuditFinding{Grade: string(f.Grade), GradeWord: gradeWords[f.Grade], Name: findingName(f), Text: f.Text})
	}
	for _, f := range found.Alone.Filters {
		if f.Stats.Looked > 0 {
			page.Places = append(page.Places, formats.AuditPlaces{Name: f.Name, Bits: f.Stats.Bits, Looked: thousands(f.Stats.Looked), Counts: f.Stats.ColumnHistogram[:], ByChance: f.Stats.ByChance[:]})
		}
	}
	if page.AtPartner {
		page.Unique, page.Suspicion = uniqueLines(found.Unique), suspicionText(found.Suspicion)
	}
	if c := found.Costs; c != nil {
		page.Settings, page.CostsMean = c.Settings, costsMean
		for _, l := range c.Lines {
			line := formats.AuditCost{Name: costName(l), Encoding: l.Encoding, Bits: thousands(l.Bits), This: l.This}
			for _, cost := range l.Costs {
				line.F1 = append(line.F1, cost.F1)
			}
			page.Costs = append(page.Costs, line)
		}
	}
	out, err := formats.Create(u.html, formats.CreateOptions{Inputs: []string{u.file}})
	if err != nil {
		return err
	}
	defer out.Abort()
	if err := formats.WriteAuditPage(out, page); err != nil {
		return err
	}
	return out.Commit()
}
