package main

import (
	"slices"

	"cohortlink/formats"
	"cohortlink/linkage/cohort"
)

// linkedPersons are the persons of a linked folder: for counting, and one by one with
// their records.
type linkedPersons struct {
	all     *cohort.Persons
	needs   []cohort.Need
	ids     []string         // person IDs
	parties []uint64         // of each person, bit i for party i of the order
	carries [][]cohort.Carry // what is said of each person
	records []linkedRecord
	homes   []int32 // household of each person, -1 for none; nil where the folder has no households
}

type linkedRecord struct {
	id            string
	person, party int32
	carries       []cohort.Carry // what its party says
}

// declarers are the parties that declare a need, bit i for party i of the order.
func declarers(m *formats.LinkedManifest, order []string, need string) uint64 {
	var by uint64
	for _, p := range m.Parties {
		if i := slices.Index(order, p.Name); i >= 0 && i < cohort.MaxParties && slices.Contains(p.Needs, need) {
			by |= 1 << i
		}
	}
	return by
}

// readPersons gathers from the tables of a linked folder which parties each person
// is in and which needs they carry.
func readPersons(dir string, m *formats.LinkedManifest, order []string) (*linkedPersons, error) {
	p := &linkedPersons{}
	values := map[string]map[string]int{}
	at := map[string]int{}
	for i, n := range m.Needs {
		need := cohort.Need{Name: n.Name, Kind: n.Kind, By: declarers(m, order, n.Name)}
		values[n.Name] = map[string]int{}
		if n.Kind == formats.NeedYesNo {
			values[n.Name]["yes"] = 0 // only a yes is carried
		} else {
			need.Values = n.Values
			for k, v := range n.Values {
				values[n.Name][v] = k
			}
		}
		p.needs = append(p.needs, need)
		at[n.Name] = i
	}
	var err error
	if p.all, err = cohort.NewPersons(order, p.needs); err != nil {
		return nil, err
	}
	partyAt := map[string]int{}
	for i, name := range order {
		partyAt[name] = i
	}

	records := map[string]int{}
	index := map[string]int32{}
	var a, b, c []string
	damaged := errorf("%s holds what link does not write: link again", dir)
	err = m.ReadLinkedTable(dir, formats.LinkedPeopleFile, formats.PeopleColumns, func(t *formats.TableReader) error {
		n, err := t.Next(&a, &b, &c)
		for i := range n {
			party, ok := partyAt[b[i]]
			if !ok {
				return damaged
			}
			k, ok := index[a[i]]
			if !ok {
				k = int32(len(p.ids))
				index[a[i]] = k
				p.ids, p.parties = append(p.ids, a[i]), append(p.parties, 0)
			}
			p.parties[k] |= 1 << party
			records[c[i]] = len(p.records)
			p.records = append(p.records, linkedRecord{id: c[i], person: k, party: int32(party)})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	p.carries = make([][]cohort.Carry, len(p.ids))
	err = m.ReadLinkedTable(dir, formats.LinkedNeedsFile, formats.NeedsColumns, func(t *formats.TableReader) error {
		n, err := t.Next(&a, &b, &c)
		for i := range n {
			k, ok := records[a[i]]
			need, known := at[b[i]]
			if !ok || !known {
				return damaged
			}
			if v, carried := values[b[i]][c[i]]; carried {
				w := &p.records[k]
				carry := cohort.Carry{Party: int(w.party), Need: need, Value: v}
				w.carries = append(w.carries, carry)
				p.carries[w.person] = append(p.carries[w.person], carry)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := p.readHouseholds(dir, m); err != nil {
		return nil, err
	}
	return p, countPersons(p.all, p.parties, p.carries, p.homes)
}
