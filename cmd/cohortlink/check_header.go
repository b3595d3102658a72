package main

import (
	"fmt"
	"slices"

	"cohortlink/formats"
	"cohortlink/hashing/profile"
)

// Whose header is this? The first line of a CSV may be nobody's: in a file without
// a header it is a person, and a line of a title above the header is no header
// either. Nothing tells a surname from an odd column name, so a first line is
// shown only where at least one cell of it is a name that the project knows or
// that columns usually have. And where it is known, it may be known as another
// party's.

// shownHeader is the header as it may be shown: with the columns' numbers in place
// of what a first line says that may be a person.
func shownHeader(x *formats.Extract, project *formats.Project, party *formats.ProjectParty) (header []string, hidden bool) {
	header = x.Header()
	if x.Format() != "CSV" { // the others hold their columns' names apart from the rows
		return header, false
	}
	at := map[string]int{}
	for i, h := range header {
		at[h] = i
	}
	known := anyKnown(project, party, at) || profile.KnownHeader(header) ||
		slices.ContainsFunc(project.Needs, func(n formats.ProjectNeed) bool { _, ok := at[n.Name]; return ok })
	for i := 0; i < len(project.Parties) && !known; i++ {
		known = anyKnown(project, &project.Parties[i], at)
	}
	if known {
		return header, false
	}
	header = slices.Clone(header)
	for i := range header {
		header[i] = fmt.Sprintf("column %d", i+1)
	}
	return header, true
}

// hiddenHeader is the finding that goes with a header that is not shown.
var hiddenHeader = profile.Finding{
	Kind: profile.Fix, Code: "header-unknown",
	Text: "no cell of the first line is a column name that is known: it may be a title, or a person in a file without a header, so nothing of it is shown, and columns are numbered",
	Do:   "put one line with the names of the columns at the top, and nothing above it; if that is what it is, name the columns under columns, and check again with --project or --columns",
}

// fewestNamed is how many columns a party must name before a header is taken for its.
const fewestNamed = 3

// otherParties are the parties whose columns are all in a header, where some of
// those of the party that was named are not.
func otherParties(project *formats.Project, party *formats.ProjectParty, header []string) []string {
	if named, there := columnsThere(party, header); named == there {
		return nil
	}
	var out []string
	for i := range project.Parties {
		p := &project.Parties[i]
		if named, there := columnsThere(p, header); p.Name != party.Name && named >= fewestNamed && named == there {
			out = append(out, p.Name)
		}
	}
	return out
}

// columnsThere counts the columns that a party names, and those that a header has.
func columnsThere(party *formats.ProjectParty, header []string) (named, there int) {
	for _, columns := range party.Columns {
		for _, c := range columns {
			named++
			if slices.Contains(header, c) {
				there++
			}
		}
	}
	return named, there
}

func otherParty(name string, others []string) profile.Finding {
	whose := "party " + quoted(others)
	if len(others) > 1 {
		whose = "parties " + quoted(others)
	}
	return profile.Finding{
		Kind: profile.Fix, Code: "other-party",
		Text: fmt.Sprintf("its columns are not those of party %q, but all that the project names for %s are there", name, whose),
		Do:   "if the extract is theirs, name them with --party; settings are proposed only for the party that it belongs to",
	}
}
