package formats

import (
	"fmt"
	"slices"

	"cohortlink/linkage/cohort"
)

// summary says the most asked for in plain words. Shares are of released
// figures, so they tell no more than those do.
func summary(rel *cohort.Release, labels []string) []string {
	var out []string
	total := rel.Total()
	if _, ok := total.Value(); !ok {
		return []string{"Too few people are in this linkage for any number about all of them to be shown."}
	}
	if len(labels) == 1 {
		out = append(out, fmt.Sprintf("%s knows about %s people.", labels[0], withRange(total)))
	} else {
		out = append(out, fmt.Sprintf("About %s people are known to at least one of the %d parties.", withRange(total), len(labels)))
	}
	for k := 2; k <= min(3, len(labels)); k++ {
		if n, ok := rel.AtLeast(k).Value(); ok {
			if n == 0 {
				out = append(out, fmt.Sprintf("Nobody is known to %d or more.", k))
				break
			}
			out = append(out, fmt.Sprintf("About %s%s are known to %d or more.", rel.AtLeast(k), share(rel.AtLeast(k), total), k))
		}
	}
	if i, j, ok := largestOverlap(rel, len(labels)); ok {
		out = append(out, fmt.Sprintf("The two that share the most people are %s and %s: about %s.", labels[i], labels[j], withRange(rel.Overlap(i, j))))
	}
	if n, ok := rel.Households().Value(); ok && n > 0 {
		out = append(out, householdSummary(rel))
	}
	for _, a := range rel.Answers() {
		if _, ok := a.All.Value(); ok {
			out = append(out, fmt.Sprintf("%s: about %s people%s.", questionTitle(a), a.All, share(a.All, total)))
		}
	}
	needs := rel.Needs()
	yes := func(n int) bool { return needs[n].Kind == cohort.YesNo }
	for n := range needs {
		if v, ok := rel.Need(n, 0).Value(); yes(n) && ok && v > 0 {
			out = append(out, fmt.Sprintf("About %s%s carry the need “%s”.", rel.Need(n, 0), share(rel.Need(n, 0), total), readable(needs[n].Name)))
		}
	}
	for n := range needs {
		for m := range n {
			if v, ok := rel.NeedPair(m, 0, n, 0).Value(); yes(n) && yes(m) && ok && v > 0 {
				out = append(out, fmt.Sprintf("About %s carry both “%s” and “%s”.", withRange(rel.NeedPair(m, 0, n, 0)), readable(needs[m].Name), readable(needs[n].Name)))
			}
		}
	}
	return out
}

// share is, to stand behind a figure, which share of a whole it is, and its range.
func share(part, whole cohort.Figure) string {
	a, ok := part.Value()
	b, ok2 := whole.Value()
	if !ok || !ok2 || b == 0 {
		return ""
	}
	of := fmt.Sprintf(" (%d %%", min(100, (200*a+b)/(2*b)))
	if text := part.RangeText(); text != "" {
		of += "; " + text
	}
	return of + ")"
}

func largestOverlap(rel *cohort.Release, n int) (a, b int, ok bool) {
	type overlap struct{ i, j, n int }
	var all []overlap
	for i := range n {
		for j := range i {
			if v, ok := rel.Overlap(i, j).Value(); ok && v > 0 {
				all = append(all, overlap{j, i, v})
			}
		}
	}
	if len(all) == 0 {
		return 0, 0, false
	}
	best := slices.MaxFunc(all, func(x, y overlap) int { return x.n - y.n })
	return best.i, best.j, true
}
