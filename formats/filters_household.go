package formats

import (
	"errors"
	"fmt"
	"slices"
)

// RoleHousehold is the role of a filter that says where a person lives, and nothing of who
// they are: it is not weighed for persons.
const RoleHousehold = "household"

// checkRoles wants a filter of the person first, one of a household at most and last, and
// household's exact keys at the end of the exact keys.
func (m *FiltersManifest) checkRoles() error {
	for i, f := range m.Filters {
		switch {
		case f.Role == "":
		case f.Role != RoleHousehold:
			return fmt.Errorf("filter %d is for something that this version of cohortlink does not know; update cohortlink", i+1)
		case i == 0 || i < len(m.Filters)-1:
			return errors.New("the filter of a household is not the last of several")
		}
	}
	if n := len(m.Exact) - len(m.HouseholdExact); n < 0 || !slices.Equal(m.Exact[n:], m.HouseholdExact) {
		return errors.New("the exact keys of a household are not the last of the exact keys")
	}
	return nil
}

// SplitHouseholds parts what a file says of persons from what it says of where they live.
// persons is the file without the latter; homes has the same records with nothing else, and is nil where
// the file says nothing of it. Both share memory with f, which is not changed.
func (f *FiltersFile) SplitHouseholds() (persons, homes *FiltersFile) {
	filters, exact := len(f.Manifest.Filters), len(f.Manifest.Exact)-len(f.Manifest.HouseholdExact)
	if filters > 1 && f.Manifest.Filters[filters-1].Role == RoleHousehold {
		filters--
	}
	if filters == len(f.Manifest.Filters) && exact == len(f.Manifest.Exact) {
		return f, nil
	}
	p, h := *f, *f
	p.Manifest.Filters, h.Manifest.Filters = f.Manifest.Filters[:filters], f.Manifest.Filters[filters:]
	p.Manifest.Exact, h.Manifest.Exact = f.Manifest.Exact[:exact], f.Manifest.Exact[exact:]
	p.Bits, h.Bits = f.Bits[:filters:filters], slices.Clone(f.Bits[filters:]) // so that either can be let go of alone
	p.Exact, h.Exact = f.Exact[:exact], f.Exact[exact:]
	p.Manifest.HouseholdExact = nil
	h.Manifest.Needs, h.Needs = nil, nil
	return &p, &h
}
