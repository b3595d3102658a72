package formats

import (
	"fmt"

	"cohortlink/linkage/cohort"
)

// homeTables are what the page shows of households.
type homeTables struct {
	Rows  []homeLine
	Pairs []matrixLine
}

type homeLine struct {
	What   string
	Figure cell
}

// newHomeTables returns nil for a release that does not count households.
func newHomeTables(rel *cohort.Release, labels []string) *homeTables {
	if !rel.Households().Released() {
		return nil
	}
	t := &homeTables{Rows: []homeLine{{"known to any party", newCell(rel.Households())}}}
	for k := 2; rel.HouseholdsAtLeast(k).Released(); k++ {
		t.Rows = append(t.Rows, homeLine{fmt.Sprintf("known to %d parties or more", k), newCell(rel.HouseholdsAtLeast(k))})
	}
	for _, a := range rel.Answers() {
		if a.Households.Released() {
			t.Rows = append(t.Rows, homeLine{householdTitle(a), newCell(a.Households)})
		}
	}
	t.Pairs = matrixOf(labels, rel.HouseholdsShared)
	return t
}

// householdTitle is the name of a question, or which households it is about, in words.
func householdTitle(a cohort.Answer) string {
	if a.Question.Name != "" {
		return a.Question.Name
	}
	return a.Words
}

// householdSummary is a sentence on how many households there are, and are known to many.
func householdSummary(rel *cohort.Release) string {
	all := rel.Households()
	for k := 3; k > 1; k-- {
		if n, ok := rel.HouseholdsAtLeast(k).Value(); ok && n > 0 {
			return fmt.Sprintf("About %s households are known to at least one of the parties, and about %s%s to %d or more.", all, rel.HouseholdsAtLeast(k), share(rel.HouseholdsAtLeast(k), all), k)
		}
	}
	return fmt.Sprintf("About %s households are known to at least one of the parties.", all)
}
