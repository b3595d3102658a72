package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/norm"
	"cohortlink/linkage"
)

// Households: a filter and an exact key of where each record says that its person lives
// travel beside those of the person, and are taken off again before anything is linked.

// addHouseholds gives a schema what the project asks for of households.
func addHouseholds(s *hashing.Schema, p *formats.Project) error {
	if p.Households == nil {
		return nil
	}
	var persons []string // fields that filters of persons may have
	for _, f := range p.Fields {
		if f.For != formats.FieldForHouseholds {
			persons = append(persons, f.Name)
		}
	}
	if len(persons) == 0 {
		return fmt.Errorf("line %d: every field is for households: leave some for persons", p.Households.Line)
	}
	for i := range s.Filters {
		if f := &s.Filters[i]; f.Fields == nil && len(persons) < len(p.Fields) {
			f.Fields = persons
		}
	}
	var inFilter []string
	for _, name := range p.Households.Fields {
		at := slices.IndexFunc(p.Fields, func(f formats.ProjectField) bool { return f.Name == name })
		switch known, exact := hashing.HouseholdKind(norm.Kind(p.Fields[at].Kind)); {
		case exact:
			s.HouseholdExact = append(s.HouseholdExact, name)
		case known:
			inFilter = append(inFilter, name)
		default:
			return fmt.Errorf("line %d: households: field %q is of kind %s, which does not say where somebody lives: use fields of kind name, postcode, text or uprn", p.Households.Line, name, p.Fields[at].Kind)
		}
	}
	if len(inFilter) > 0 {
		s.Filters = append(s.Filters, hashing.OfHousehold(inFilter))
	}
	return nil
}

// householdKeyNames are the names by which a schema's exact keys of households travel.
func householdKeyNames(s *hashing.Schema) []string {
	var out []string
	for _, name := range s.HouseholdExact {
		out = append(out, "household_"+name)
	}
	return out
}

// exactKeysInWords names the exact keys of a file, and says which are of the household.
func exactKeysInWords(m *formats.FiltersManifest) []string {
	names := slices.Clone(m.Exact)
	for i, name := range names {
		if slices.Contains(m.HouseholdExact, name) {
			names[i] = name + " (of the household)"
		}
	}
	return names
}

// takeHouseholds takes off what files say of households, and keeps it for later. It returns
// the files with the rest.
func (l *linkRun) takeHouseholds(files []*formats.FiltersFile) []*formats.FiltersFile {
	out := make([]*formats.FiltersFile, len(files))
	for i, f := range files {
		persons, homes := f.SplitHouseholds()
		out[i] = persons
		if homes != nil {
			l.homes = append(l.homes, homes)
		}
	}
	return out
}

// households groups the persons of a linkage; nil where the files say nothing of homes. Pairs
// of homes are blocked as those of persons are.
func (l *linkRun) households(ctx context.Context, res *linkage.Result, m *formats.LinkedManifest, blocking linkage.Blocking) (*linkage.Households, error) {
	if len(l.homes) == 0 {
		return nil, nil
	}
	h, err := l.homesOf(res)
	if err != nil {
		return nil, err
	}
	h.Blocking = blocking
	h.Blocking.Planned = func(p *linkage.Plan) { l.tellPlanOf("homes: ", p) }
	meter := l.app.ui.meter("compare homes", "pairs")
	h.Progress = func(_ string, done, total uint64) { meter.set(done, total) }
	out, err := res.Households(ctx, *h)
	meter.done()
	if err != nil {
		return nil, errorf("households: %w", err)
	}
	m.Households = householdsOf(&l.homes[0].Manifest, res, out)
	return out, nil
}

// homesOf gathers, in the order of the records of a result, what their files say of homes.
func (l *linkRun) homesOf(res *linkage.Result) (*linkage.Homes, error) {
	first := &l.homes[0].Manifest
	h := &linkage.Homes{Workers: l.workers, MaxPairs: l.maxPairs}
	if len(first.Filters) > 0 {
		h.Length, h.Similarity = wholeWords(first.Filters[0].Bits), first.Filters[0].Similarity
		if err := linkage.CheckSimilarity(h.Similarity, h.Length); err != nil {
			return nil, errorf("%s: filter %q: %w", l.homes[0].Name, first.Filters[0].Name, err)
		}
		h.Bits = make([]uint64, len(res.IDs)*h.Length/64)
	}
	if len(first.Exact) > 0 {
		h.Exact = make([]linkage.ExactKey, len(res.IDs))
	}
	for _, f := range l.homes {
		if !slices.Equal(f.Manifest.Filters, first.Filters) || !slices.Equal(f.Manifest.Exact, first.Exact) {
			return nil, errorf("%s and %s say otherwise how households are found: both parties must hash again with the same version of cohortlink", l.homes[0].Name, f.Name)
		}
		p := slices.Index(res.Parties, f.Header.Party)
		own := res.IDs[res.First[p]:res.First[p+1]] // rise, as those of the file do
		at := 0
		for i, id := range f.IDs {
			for at < len(own) && bytes.Compare(own[at][:], id[:]) < 0 {
				at++
			}
			if at == len(own) || own[at] != linkage.RecordID(id) {
				return nil, errorf("%s has a record that was not linked", f.Name)
			}
			record := res.First[p] + at
			if words := h.Length / 64; words > 0 {
				copy(h.Bits[record*words:][:words], f.Bits[0][i*words:])
			}
			if h.Exact != nil {
				h.Exact[record] = linkage.ExactKey(f.Exact[0][i])
			}
		}
	}
	return h, nil
}

// householdsOf is what the manifest says of households.
func householdsOf(of *formats.FiltersManifest, res *linkage.Result, h *linkage.Households) *formats.LinkedHouseholds {
	out := &formats.LinkedHouseholds{
		Households: h.N, Moved: h.Moved, Threshold: h.Threshold, Compared: h.Compared, ByKey: h.ByKey, Disputed: h.Disputed, TooLarge: h.TooLarge,
		Precision: finite(h.Precision), Judged: h.Judged, Exact: append([]string{}, of.Exact...),
	}
	size := make([]int, h.N)
	for _, of := range h.Of {
		if of < 0 {
			out.Unknown++
			continue
		}
		out.Persons++
		size[of]++
	}
	for _, s := range householdSizes {
		n := 0
		for _, k := range size {
			if s.from <= k && (k <= s.to || s.to == 0) {
				n++
			}
		}
		out.Sizes = append(out.Sizes, formats.LinkedSizes{Persons: s.name, Households: n})
	}
	for p, agrees := range h.Agrees {
		if a := finite(agrees); a != nil {
			out.Parties = append(out.Parties, formats.LinkedAddress{Party: res.Parties[p], Agrees: *a})
		}
	}
	out.Basis = householdBasis
	out.Blocking = blockingOf(of, &h.Plan)
	if len(of.Filters) > 0 {
		out.Encoding = of.Filters[0].Encoding
	}
	return out
}

const householdBasis = `each person has the home, of those that the person's records name, that most others of the surname have too; persons of alike surname and address are a family; families with the exact key of one property are a household where no record of theirs says otherwise; the threshold follows from how surname, postcode and address are weighed`

// householdSizes are the ranges that sizes are told in; to 0 has no end.
var householdSizes = []struct {
	name     string
	from, to int
}{{"1", 1, 1}, {"2", 2, 2}, {"3 to 5", 3, 5}, {"6 to 12", 6, 12}, {"over 12", 13, 0}}

// householdIDs are the names of households: a party's own or, for "", those that all share.
func (w *linkedWriter) householdIDs(party string) [][16]byte {
	if w.households == nil {
		return nil
	}
	return w.res.HouseholdIDs(w.households, w.secret, party)
}

// setHouseholds gives links, of records from the first on, the households of their persons.
func (w *linkedWriter) setHouseholds(l *formats.Links, first int, ids [][16]byte) {
	if w.households == nil {
		return
	}
	l.Households = make([]formats.HouseholdID, len(l.Records))
	for i := range l.Records {
		if of := w.households.Of[w.res.Person[first+i]]; of >= 0 {
			l.Households[i] = formats.HouseholdID(ids[of])
		}
	}
}

// writeHouseholds writes who lives with whom.
func (w *linkedWriter) writeHouseholds() error {
	if w.households == nil {
		return nil
	}
	persons, ids := w.res.PersonIDs(w.secret, ""), w.householdIDs("")
	return w.table(formats.LinkedHouseholdsFile, formats.HouseholdsColumns, func(t *formats.TableWriter) error {
		var household, person []string
		for p, of := range w.households.Of {
			if of < 0 {
				continue
			}
			household = append(household, formats.HouseholdID(ids[of]).String())
			person = append(person, formats.PersonID(persons[p]).String())
			if len(person) == tableRows {
				if err := t.Append(household, person); err != nil {
					return err
				}
				household, person = household[:0], person[:0]
			}
		}
		return t.Append(household, person)
	})
}

func (l *linkRun) tellHouseholds(m *formats.LinkedManifest) {
	h := m.Households
	if h == nil {
		return
	}
	ui := l.app.ui
	ui.resultf("households %s of %s; of %s no record says where they live\n", plural(h.Households, "household"), plural(h.Persons, "person"), plural(h.Unknown, "person"))
	if h.Precision != nil {
		ui.resultf("           %.3f of the pairs of persons joined by surname and address have the same exact key, where both have one\n", *h.Precision)
	}
	if h.Blocking != nil && h.Blocking.Loss != nil {
		ui.resultf("           blocking of homes %s\n", blockingInWords(h.Blocking, h.Compared))
	}
	if h.Disputed > 0 {
		ui.resultf("           %s named by several families, of which some may have left: these were left apart\n", plural(h.Disputed, "home"))
	}
	if h.TooLarge > 0 {
		ui.warnf("%s of one surname at one address were too many for a household, and only those exactly alike were left together", plural(h.TooLarge, "group"))
	}
}
