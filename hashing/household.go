package hashing

import (
	"fmt"
	"slices"
	"strings"

	"cohortlink/hashing/norm"
)

// A household is made of evidence of its own. The filters of persons will not do: they
// hold what tells one member from another, and hold little of the address. So a record
// can have one filter more, of where it says that its person lives, and exact keys of
// property numbers (UPRN), both marked as a household's so that nobody weighs them for
// persons.
//
// What tells households apart is not what tells people apart. Next door has the same
// postcode, the same street and nearly the same UPRN, and in a village the same surname; what
// differs is one number. And an address is that of its former people too, since many records
// are years old, so that a surname at an address says much more than an address. Hence
// the kinds below: a surname weighs nearly a third, a number in an address as much as its
// street, and a UPRN, one of twelve digits that neighbours share but for the last, is
// compared as a whole or not at all.
//
// What these filters withstand is not what those of persons do: an address has fewer values
// than a person, and families repeat it. The audit attacks them as it does any filter, but does
// not judge that families repeat.

// HouseholdFilter is the name of the filter of where a person lives.
const HouseholdFilter = "household"

// OfHousehold returns the filter of where a person lives, over some fields. However persons'
// filters are hardened, this one is in its own way: every bit is the XOR of eight at half fill,
// the steepest that there is. Neighbours share street and postcode, so that far more pairs
// are half alike than of persons' filters, and attacks live on those; while one home is
// told by .8 and more, of which enough is left. Hardened as in the profiles, 200 known people
// of 2,000 led to 10 % of the others (standard) and 8 % (high), at half overlap; so to 6 %, of which 4 % share
// the filter of a known person's home: who they are, it is there to say (testdata/profiles/README.md).
func OfHousehold(fields []string) Filter {
	return Filter{Name: HouseholdFilter, Fields: fields, Length: 32768, Fill: 0.5, Fold: 3, Household: true}
}

// householdVersion stands in the fingerprint for the table below and for how addresses
// are cut.
const householdVersion = "household/1"

// householdKinds says how fields are cut and weighed in a household's filter. The weights
// that a project gives its fields are for persons.
//
// Where all fields are there, records of one home share .85 of their tokens where one
// lacks the number of the flat and .91 where the surname has a slip; those of two surnames at
// one address .7, and neighbours of one surname about .73. The unit goes by that
// (linkage, homeLikeness).
var householdKinds = map[norm.Kind]kind{
	norm.Name:     {bigrams, 7, 3000},
	norm.Postcode: {positioned, 6, 2000},
	norm.Text:     {addressTokens, 20, 5000},
}

// householdEvidence is what MinEvidence is for a household's filter. A surname and a postcode
// would be alike to all of the surname in the street, and an address alone, without the
// postcode, to one elsewhere.
const householdEvidence = 0.6

// numberTokens is how many tokens the numbers of an address give together: as many as a
// short street's bigrams, so that they weigh a little more than half.
const numberTokens = 12

// addressTokens cuts an address: words with a digit in them whole, the numbers of houses
// and flats, and all others into bigrams, so that LANE and LN still have something in
// common.
func addressTokens(t *tokenList, text string) {
	numbers := 0
	for word := range strings.FieldsSeq(text) {
		if isNumber(word) {
			numbers++
		}
	}
	for word := range strings.FieldsSeq(text) {
		if !isNumber(word) {
			bigrams(t, word)
			continue
		}
		for i := range max(1, numberTokens/numbers) {
			t.text = append(append(t.text, '#', byte('a'+i)), word...)
			t.end()
		}
	}
}

func isNumber(word string) bool { return strings.ContainsAny(word, "0123456789") }

// part says how a field is cut and weighed in a filter, and how many tokens it gives.
func (s *Schema) part(f *Filter, field int) kind {
	of := &s.Fields[field]
	if f.Household {
		return householdKinds[of.Kind]
	}
	k := kinds[of.Kind]
	k.weight = of.weight()
	return k
}

// checkHousehold reports what makes a household's filter or keys unusable.
func (s *Schema) checkHousehold() error {
	households := 0
	for i := range s.Filters {
		f := &s.Filters[i]
		if !f.Household {
			if f.Name == HouseholdFilter {
				return fmt.Errorf("filter %q: the name is kept for the filter that households make: choose another", f.Name)
			}
			continue
		}
		if households++; households > 1 || f.Name != HouseholdFilter {
			return fmt.Errorf("filter %q: a record has one filter of its household, and its name is %q", f.Name, HouseholdFilter)
		}
		for _, place := range s.fieldsOf(f) {
			if of := s.Fields[place]; householdKinds[of.Kind].cut == nil {
				return fmt.Errorf("field %q is of kind %s, which does not say where somebody lives: households are made of name, postcode, text and uprn", of.Name, of.Kind)
			}
		}
	}
	for i, name := range s.HouseholdExact {
		at := slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
		switch {
		case at < 0:
			return fmt.Errorf("households: %q is not a field of the project", name)
		case s.Fields[at].Kind != norm.UPRN:
			return fmt.Errorf("households: field %q is of kind %s: only a uprn travels as an exact key of a household", name, s.Fields[at].Kind)
		case i > 0:
			return fmt.Errorf("households: fields %q and %q are both of kind uprn: name the one that more parties have", s.HouseholdExact[0], name)
		}
	}
	return nil
}

// HouseholdKind reports whether a field of a kind can be among those of a household, and
// whether it travels as an exact key rather than in the filter.
func HouseholdKind(k norm.Kind) (known, exact bool) {
	return k == norm.UPRN || householdKinds[k].cut != nil, k == norm.UPRN
}
