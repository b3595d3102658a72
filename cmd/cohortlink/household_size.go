package main

import (
	"fmt"

	"cohortlink/formats"
	"cohortlink/linkage/cohort"
)

// Households in counts: which of the linked persons live together, for size to count them
// and for every release to be held against those that did.

// readHouseholds gives each person the household of the linked folder, where it has any.
func (p *linkedPersons) readHouseholds(dir string, m *formats.LinkedManifest) error {
	if m.Households == nil {
		return nil
	}
	index := make(map[string]int, len(p.ids))
	p.homes = make([]int32, len(p.ids))
	for k, id := range p.ids {
		index[id], p.homes[k] = k, -1
	}
	households := map[string]int32{}
	var household, person []string
	return m.ReadLinkedTable(dir, formats.LinkedHouseholdsFile, formats.HouseholdsColumns, func(t *formats.TableReader) error {
		n, err := t.Next(&household, &person)
		for i := range n {
			k, ok := index[person[i]]
			if !ok || p.homes[k] >= 0 {
				return errorf("%s holds what link does not write: link again", dir)
			}
			at, ok := households[household[i]]
			if !ok {
				at = int32(len(households))
				households[household[i]] = at
			}
			p.homes[k] = at
		}
		return err
	})
}

// countPersons adds persons to be counted, household by household where these are known: homes
// has that of each person, -1 for none, and is nil where the folder has no households.
func countPersons(to *cohort.Persons, parties []uint64, carries [][]cohort.Carry, homes []int32) error {
	if homes == nil {
		for k := range parties {
			if err := to.Add(parties[k], carries[k]); err != nil {
				return err
			}
		}
		return nil
	}
	to.KnowHouseholds()
	var households [][]cohort.Member
	for k, home := range homes {
		if home < 0 {
			if err := to.Add(parties[k], carries[k]); err != nil {
				return err
			}
			continue
		}
		for int(home) >= len(households) {
			households = append(households, nil)
		}
		households[home] = append(households[home], cohort.Member{Parties: parties[k], Carries: carries[k]})
	}
	for _, members := range households {
		if len(members) == 0 {
			continue // none of its records is left
		}
		if err := to.AddHousehold(members); err != nil {
			return err
		}
	}
	return nil
}

// homesAs are the households of persons who were formed anew from the same records: they
// live where the first of their records had its person.
func (p *linkedPersons) homesAs(person []int32, n int) []int32 {
	if p.homes == nil {
		return nil
	}
	homes, settled := make([]int32, n), make([]bool, n)
	for i, r := range p.records {
		if k := person[i]; !settled[k] {
			homes[k], settled[k] = p.homes[r.person], true
		}
	}
	return homes
}

// countsHouseholds reports whether size counts households, and refuses where they were asked
// for and cannot be.
func (r *sizeRun) countsHouseholds(persons *linkedPersons) (bool, error) {
	switch noisy := r.noise.epsilon > 0; {
	case persons.homes == nil && r.householdsAsked && r.households:
		return false, usagef("%s has no households: the project file asks for them with \"households:\", before records are hashed", r.linked)
	case persons.homes == nil || !r.households:
		return false, nil
	case noisy && r.householdsAsked:
		return false, usagef("households cannot be counted with noise: one person more or fewer can change several of their counts, so that noise for persons does not hide it\nleave out --households, or the noise")
	case noisy:
		r.app.ui.warnf("households are left out: one person more or fewer can change several of their counts, so that noise for persons does not hide it")
		return false, nil
	}
	return true, nil
}

// leastJudged is how many pairs of persons it takes to tell how many of them are right.
const leastJudged = 1000

// householdFacts say how well households were found, where that is known of enough of them.
func householdFacts(h *formats.LinkedHouseholds) []formats.ReportFact {
	if h == nil || h.Precision == nil || h.Judged < leastJudged {
		return nil
	}
	return []formats.ReportFact{{Name: "Households", Text: fmt.Sprintf("About %s in 100 pairs of people who were placed in one home by surname and address have the same key of the property, where records of both have one.", perHundred(*h.Precision))}}
}
