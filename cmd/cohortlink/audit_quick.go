package main

import (
	"fmt"
	"slices"
	"strings"

	"cohortlink/formats"
	"cohortlink/hashing/audit"
)

// sentOf is a filters file as the checks on filters alone want it. It does not say which
// fields a filter is made of.
func sentOf(m formats.FiltersManifest, rows [][]uint64) []audit.Sent {
	var out []audit.Sent
	for i, l := range m.Filters {
		out = append(out, audit.Sent{Name: l.Name, Encoding: l.Encoding, Household: l.Role == formats.RoleHousehold, Filters: audit.Filters{Bits: l.Bits, Similarity: l.Similarity, Rows: rows[i]}})
	}
	return out
}

// checkFilters is the cheap part of the audit, for hash to run on what it is about to
// write. What the project chose (encoding, fields, exact keys) was judged before a row
// was read; this is what came of it. Where that fails, reason, if there is one, accepts it,
// and what was accepted comes back for the manifest. Nothing is refused for being small:
// what cannot be told is said.
func (a *app) checkFilters(sent []audit.Sent, reason string) (weak []string, err error) {
	failed := ""
	for _, f := range audit.Quick(sent, nil).Findings {
		switch {
		case f.Check == audit.CheckEncoding || f.Check == audit.CheckFields:
		case f.Check == audit.CheckRecords:
			a.ui.sayf("filter %s: %s", f.Filter, f.Text)
		case f.Grade == audit.Fail && reason == "":
			failed += fmt.Sprintf("\nfilter %s: %s", f.Filter, f.Text)
			if f.Do != "" && !strings.Contains(failed, f.Do) {
				failed += "\n" + f.Do
			}
		case f.Grade == audit.Fail:
			a.ui.warnf("filter %s: %s", f.Filter, f.Text)
			weak = append(weak, fmt.Sprintf("filter %s fails the check of %s; accepted because: %s", f.Filter, f.Check, reason))
		}
	}
	if failed != "" {
		return nil, errorf("the filters show too much, and were not written%s\nif it must be so: --accept-weak \"the reason\"", failed)
	}
	return weak, nil
}

// mostLooked is how many records hash looks at, evenly spread: a tenth of what audit does, so
// that a partner's laptop need not hold them beside all else.
const mostLooked = mostRecords / 10

// sentOfBatches gathers what hash has made of the records that can be used, evenly spread
// ones where there are more than are looked at. row returns all filters of a row of a batch,
// so many words together, in dst where it has to. A record without values for one of several filters
// has none of it.
func sentOfBatches(batches []*batch, layouts []formats.FilterLayout, words int, row func(b *batch, i int, dst []uint64) ([]uint64, error)) ([]audit.Sent, error) {
	usable := 0
	for _, b := range batches {
		for _, ok := range b.ok {
			if ok {
				usable++
			}
		}
	}
	step := max(1, (usable+mostLooked-1)/mostLooked)
	rows, dst := make([][]uint64, len(layouts)), make([]uint64, words)
	seen := 0
	for _, b := range batches {
		for i, ok := range b.ok {
			if !ok {
				continue
			}
			if seen++; seen%step != 0 {
				continue
			}
			bits, err := row(b, i, dst)
			if err != nil {
				return nil, err
			}
			for f, l := range layouts {
				filter := bits[:(l.Bits+63)/64]
				bits = bits[len(filter):]
				if slices.ContainsFunc(filter, func(w uint64) bool { return w != 0 }) {
					rows[f] = append(rows[f], filter...)
				}
			}
		}
	}
	return sentOf(formats.FiltersManifest{Filters: layouts}, rows), nil
}
