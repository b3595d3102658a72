package main

import (
	"slices"
	"strings"

	"cohortlink/formats"
	"cohortlink/hashing/audit"
)

// sentOf is a filters file as the checks on filters alone want it. fields are those that
// each filter is made of, nil where that is not known, as at the unit.
func sentOf(m formats.FiltersManifest, rows [][]uint64, fields [][]string) []audit.Sent {
	var out []audit.Sent
	for i, l := range m.Filters {
		s := audit.Sent{Name: l.Name, Encoding: l.Encoding, Filters: audit.Filters{Bits: l.Bits, Similarity: l.Similarity, Rows: rows[i]}}
		if i < len(fields) {
			s.Fields = fields[i]
		}
		out = append(out, s)
	}
	return out
}

// checkFilters is the cheap part of the audit, for hash to run on what it is about to
// write: an error says what fails, and that --accept-weak takes it all the same. Nothing
// is refused for being small: what cannot be told is said as a warning.
func (a *app) checkFilters(sent []audit.Sent, exact []string, accepted bool) error {
	found := audit.Quick(sent, exact).Findings
	var failed []string
	for _, f := range found {
		switch {
		case f.Grade == audit.Fail && !accepted:
			failed = append(failed, "filter "+f.Filter+": "+f.Text)
			if f.Do != "" && !slices.Contains(failed, f.Do) {
				failed = append(failed, f.Do)
			}
		case f.Grade == audit.Fail, f.Check == audit.CheckRecords && f.Grade == audit.Unknown:
			a.ui.warnf("filter %s: %s", f.Filter, f.Text)
		}
	}
	if failed != nil {
		return errorf("these filters show too much, and were not written\n%s\nto write them all the same, say why: --accept-weak \"reason\"", strings.Join(failed, "\n"))
	}
	return nil
}
