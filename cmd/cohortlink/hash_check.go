package main

import (
	"fmt"
	"slices"
	"strings"

	"cohortlink/formats"
	"cohortlink/hashing/norm"
	"cohortlink/hashing/profile"
)

// misread reports problems that a whole column has when it is not what the project
// says: another date form, a column that slipped, a spreadsheet's damage.
func misread(p norm.Problem, as norm.Options) bool {
	switch p {
	case norm.TwoDigitYear:
		return strings.Contains(as.Dates, "YYYY") || !strings.Contains(as.Dates, "YY") // else two digits are as declared
	case norm.Invalid, norm.ImpossibleDate, norm.PartialDate, norm.OtherForm, norm.AmbiguousDate,
		norm.SerialDate, norm.Scientific, norm.LostZero, norm.PartialPostcode, norm.CheckDigit:
		return true
	}
	return false
}

// Of a column's values, the share that cannot be read as declared at which hash
// warns, and at which it refuses: no real column is as bad as that by errors alone
// (in scanned forms 15 % of days and 13 % of months are wrong, most of them dates all
// the same).
const (
	warnUnread   = 0.05
	refuseUnread = 0.5
	fewestUnread = 20 // values; of fewer nothing is concluded
)

// refused reports whether hash refuses a field of which so many of the values that are given cannot be read.
func refused(kind norm.Kind, unread, given int) bool {
	return kind != norm.Phone && given >= fewestUnread && float64(unread) >= refuseUnread*float64(given)
}

// refusedFields are the fields at which hash would stop, for check to say so. One of which it is said already that it has
// to be put right is left out.
func refusedFields(project *formats.Project, declared []norm.Options, p *profile.Profiler, r *profile.Report) []profile.Finding {
	var out []profile.Finding
	for i, f := range project.Fields {
		unread, given := p.Misread(i, func(q norm.Problem) bool { return misread(q, declared[i]) })
		told := func(g profile.Finding) bool { return g.Field == f.Name && g.Kind == profile.Fix }
		if !refused(norm.Kind(f.Kind), unread, given) || slices.ContainsFunc(r.Findings, told) {
			continue
		}
		out = append(out, profile.Finding{
			Kind: profile.Fix, Code: "refused", Field: f.Name,
			Text: "half of its cells or more are not what the project says they are, so hashing would refuse the extract",
			Do:   "see below what was noticed in its cells; correct the column or the date form, or ask for the extract again",
		})
	}
	return out
}

// checkRead looks whether each column is what the project says it is.
func (h *hashRun) checkRead(p *formats.Project, batches []*batch) error {
	for i, f := range p.Fields {
		if norm.Kind(f.Kind) == norm.Phone {
			continue // numbers of other countries and lost zeros are kept as they are written
		}
		var unread, given int
		for _, b := range batches {
			if b.unread != nil {
				unread, given = unread+b.unread[i], given+b.given[i]
			}
		}
		if given < fewestUnread || float64(unread) < warnUnread*float64(given) {
			continue
		}
		hint := fmt.Sprintf("cohortlink check %s --project %s --party %s", h.extract, h.project, h.party)
		if refused(norm.Kind(f.Kind), unread, given) {
			return errorf("%s: field %q: %d %% of its values are not what the project says they are: nothing was written\nsee what they are, and mend the column or the date form: %s", h.extract, f.Name, 100*unread/given, hint)
		}
		h.app.ui.warnf("%s: field %q: %d %% of its values are not quite what the project says they are; see \"%s\"", h.extract, f.Name, 100*unread/given, hint)
	}
	return nil
}
