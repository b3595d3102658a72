package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cohortlink/formats"
	"cohortlink/linkage"
)

// What is said of which pairs are compared, before and after.

// checkFlags refuses settings that are no use.
func (l *linkRun) checkFlags() error {
	switch {
	case l.blocking != "" && !slices.Contains(linkage.BlockMethods, l.blocking):
		return usagef("--blocking %q is not known: it is one of %s", l.blocking, strings.Join(linkage.BlockMethods, ", "))
	case l.blockingLoss < 0 || l.blockingLoss >= 1:
		return usagef("--blocking-loss is a share of links between 0 and 1, such as 0.005, not %g", l.blockingLoss)
	case l.workers < 0:
		return usagef("--workers is a number of cores from 1")
	case l.memory < 0:
		return usagef("--memory is a number of MiB from 1")
	case l.maxPairs < 0:
		return usagef("--max-pairs is a number of pairs from 1")
	}
	return nil
}

// tellPlan says before hours of work what they will be.
func (l *linkRun) tellPlan(p *linkage.Plan) { l.tellPlanOf("", p) }

func (l *linkRun) tellPlanOf(what string, p *linkage.Plan) {
	large := p.Pairs > linkage.BoroughPairs
	all := what + fmt.Sprintf("%s pairs, which take up to %s to compare at the rate of the sample", short(float64(p.Pairs)), roughly(float64(p.Pairs)/p.Rate))
	switch {
	case p.Method != linkage.BlockNone:
		l.app.ui.sayf("%s: comparing those that %s brings together instead, which is expected to lose %s of the links; --blocking none compares all", all, methodInWords(p.Method), ofHundred(p.Loss))
	case p.Unblocked != "":
		l.app.ui.sayf("%s: comparing them all, since %s", all, p.Unblocked)
	case large:
		l.app.ui.sayf("%s; --blocking lsh or lsh+exact compares fewer, and loses some links", all)
	}
}

func methodInWords(method string) string {
	switch method {
	case linkage.BlockLSH:
		return "LSH on the filters"
	case linkage.BlockExact:
		return "an equal exact key"
	default:
		return "LSH on the filters or an equal exact key"
	}
}

// roughly is a time in one or two figures.
func roughly(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 3*time.Second/2:
		return "a second"
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f seconds", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	case d < 72*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	default:
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	}
}

func ofHundred(share float64) string { return fmt.Sprintf("%.2g %%", 100*share) }

// hinted adds to an error what can be typed against it.
func (l *linkRun) hinted(err error) error {
	var many *linkage.TooManyPairsError
	var blocking *linkage.BlockingError
	var memory *linkage.MemoryError
	switch {
	case errors.As(err, &memory):
		return errorf("%w\ngive --memory %d, or more", err, (memory.Needed+1<<20-1)>>20)
	case errors.As(err, &many):
		bound := "--max-pairs, which take"
		if l.memory > 0 {
			bound = "--memory or --max-pairs: pairs take"
		}
		return errorf("%w\ngive a higher --threshold, or a larger %s up to %d bytes each", err, bound, linkage.BytesPerPair)
	case errors.As(err, &blocking):
		hint := ""
		if blocking.Loss {
			hint = "; a larger --blocking-loss makes LSH cheaper"
		}
		return errorf("%w\nleave out --blocking, or use --blocking none, to compare every pair%s", err, hint)
	}
	return err
}

// blockingOf is what the manifest says of the pairs that were compared; nil where it is every one, as usual.
func blockingOf(m *formats.FiltersManifest, p *linkage.Plan) *formats.LinkedBlocking {
	none := p.Method == linkage.BlockNone
	if none && p.Unblocked == "" && p.Pairs <= linkage.BoroughPairs && p.Earlier == 0 {
		return nil
	}
	b := &formats.LinkedBlocking{Method: p.Method, Asked: p.Asked, Pairs: p.Pairs, Basis: blockingBasis}
	if none {
		if b.Basis = "every pair was compared"; p.Unblocked != "" {
			b.Basis += ": " + p.Unblocked
		}
	}
	if p.Earlier > 0 {
		b.Basis += earlierBasis
		b.Earlier = &p.Earlier
	}
	if none && p.Earlier == 0 {
		return b
	}
	b.Loss, b.Links = &p.Loss, p.Links
	for i, f := range p.LSH {
		if f.Tables > 0 {
			b.LSH = append(b.LSH, formats.LinkedLSH{Filter: m.Filters[i].Name, Places: f.Places, Tables: f.Tables})
		}
	}
	return b
}

const (
	blockingBasis = `of the pairs of the sample that reach the threshold, the share that nothing brings together, by the bits in which each differs; wrong links, which differ in more, are among them, so that of true pairs it is rather less; where recall is estimated it is taken off`
	earlierBasis  = `; links between records of the earlier linkage were lost by the blocking of then, and are counted in by how many links each of the two found`
)

// blockingInWords says which pairs were compared, and what was lost by it; compared counts a
// pair as often as it met.
func blockingInWords(b *formats.LinkedBlocking, compared uint64) string {
	s := b.Method
	for _, f := range b.LSH {
		s += fmt.Sprintf("; filter %s: %s, %s", f.Filter, plural(f.Places, "place"), plural(f.Tables, "table"))
	}
	if b.Method != linkage.BlockNone {
		s += fmt.Sprintf(": %s of all pairs compared", ofHundred(float64(compared)/float64(max(b.Pairs, 1))))
	}
	if b.Loss == nil {
		return s + ", " + b.Basis
	}
	s += fmt.Sprintf(", %s of the links expected lost", ofHundred(*b.Loss))
	if b.Earlier != nil {
		s += fmt.Sprintf(", counting those of the earlier linkage, which lost %s of its own", ofHundred(*b.Earlier))
	}
	return s
}

func (l *linkRun) tellBlocking(m *formats.LinkedManifest) {
	if b := m.Blocking; b != nil && b.Loss != nil {
		l.app.ui.resultf("blocking   %s\n", blockingInWords(b, m.Compared))
	}
}
