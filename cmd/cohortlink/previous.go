package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"cohortlink/formats"
	"cohortlink/linkage"
)

// link --previous: parties, or batches of new records of a party, are added to a linkage that
// there is. The files that it was made from are given again, since new records have to be
// compared with the old ones, and their digests say that they are the same; what is between
// them is taken from the folder, and so is what weights are made of, where pairs are weighed.

// previousRun is an earlier linkage that is added to. A nil one is none.
type previousRun struct {
	folder  string
	linked  *formats.Linked
	secret  []byte
	inputs  map[string][]*formats.FiltersFile // of each party, its files: the earlier ones first
	changes *linkage.Changes
	homes   *linkage.Changes // of households; nil where there are none
}

func (l *linkRun) readPrevious() (*previousRun, error) {
	if l.previous == "" {
		return nil, nil
	}
	linked, err := formats.ReadLinked(l.previous)
	if err != nil {
		return nil, err
	}
	p := &previousRun{folder: l.previous, linked: linked, inputs: map[string][]*formats.FiltersFile{}}
	p.secret, err = formats.ReadPersonSecret(l.previous)
	return p, err
}

// place is where a file stands among those of its party in the earlier linkage; -1: it is new.
func (p *previousRun) place(f *formats.FiltersFile) int {
	for _, was := range p.linked.Manifest.Parties {
		if was.Name == f.Header.Party {
			return slices.Index(was.Digests(), hex.EncodeToString(f.Digest[:]))
		}
	}
	return -1
}

// join makes one file of those of a party that the earlier linkage has, and refuses files
// that cannot be added to it.
func (p *previousRun) join(files []*formats.FiltersFile) ([]*formats.FiltersFile, error) {
	if p == nil {
		return files, nil
	}
	m := p.linked.Manifest
	fresh := 0
	for _, f := range files {
		p.inputs[f.Header.Party] = append(p.inputs[f.Header.Party], f)
		if p.place(f) < 0 {
			fresh++
		}
		switch {
		case m.Project != f.Header.Project:
			return nil, errorf("%s is of project %q, and %s of project %q", p.folder, m.Project, f.Name, f.Header.Project)
		case m.Schema != f.Header.Schema || m.Key != f.Header.Key:
			return nil, errorf("%s was linked from filters of another schema or key than %s: link all files without --previous", p.folder, f.Name)
		}
	}
	for _, was := range m.Parties {
		of := p.inputs[was.Name]
		if len(of) == 0 {
			return nil, errorf("%s has party %q, whose filters are not among the files\ngive the files that it was linked from again, and the new ones beside them", p.folder, was.Name)
		}
		for i, digest := range was.Digests() {
			if !slices.ContainsFunc(of, func(f *formats.FiltersFile) bool { return p.place(f) == i }) {
				return nil, errorf("%s is not the file of party %q that %s was linked from, whose digest begins with %.12s\ngive that file again, and new records in a file beside it; to replace it by a newer one, link all files without --previous", of[0].Name, was.Name, p.folder, digest)
			}
		}
		// The earlier files in their order, then new ones by day, and by digest so that the order in which they were named shows nowhere.
		slices.SortFunc(of, func(f, g *formats.FiltersFile) int {
			x, y := p.place(f), p.place(g)
			if x >= 0 && y >= 0 {
				return cmp.Compare(x, y)
			}
			return cmp.Or(cmp.Compare(y, x), strings.Compare(f.Manifest.Created, g.Manifest.Created), bytes.Compare(f.Digest[:], g.Digest[:]))
		})
		if len(of) == 1 {
			continue
		}
		joined, err := formats.JoinBatches(of)
		if err != nil {
			return nil, err
		}
		files = slices.DeleteFunc(files, func(f *formats.FiltersFile) bool { return f.Header.Party == was.Name })
		files = append(files, joined)
	}
	if fresh == 0 {
		return nil, errorf("every file was linked in %s already: name a new one beside them", p.folder)
	}
	return files, nil
}

// sent are the files as parties sent them, those alone that are new if fresh is true.
func (p *previousRun) sent(files []*formats.FiltersFile, fresh bool) []*formats.FiltersFile {
	if p == nil {
		return files
	}
	var out []*formats.FiltersFile
	for _, f := range files {
		for _, part := range p.inputs[f.Header.Party] {
			if !fresh || p.place(part) < 0 {
				out = append(out, part)
			}
		}
	}
	return out
}

// batches are the files of a party that sent several; nil of any other.
func (p *previousRun) batches(party string) []*formats.FiltersFile {
	if p == nil || len(p.inputs[party]) < 2 {
		return nil
	}
	return p.inputs[party]
}

// sendBatches sends a party links for each of its files apart: an extract is attached to by the
// map that was made with it. The second file has links/PARTY.2, and so on.
func (w *linkedWriter) sendBatches(party string, batches []*formats.FiltersFile, l *formats.Links) error {
	for i, f := range batches {
		ids := slices.SortedFunc(slices.Values(f.IDs), func(x, y formats.RecordID) int { return bytes.Compare(x[:], y[:]) })
		of := &formats.Links{Records: ids}
		for _, id := range ids {
			person, _ := l.Person(id)
			of.Persons = append(of.Persons, person)
			if l.Households != nil {
				of.Households = append(of.Households, l.Household(id))
			}
		}
		name := party
		if i > 0 {
			name = fmt.Sprintf("%s.%d", party, i+1)
		}
		if err := w.sendAs(name, f.Header, of); err != nil {
			return err
		}
	}
	return nil
}

// apply sets what link takes over: the pairs, and the threshold unless another was given, so
// that persons change for what is new and for nothing else.
func (p *previousRun) apply(o *linkage.Options, given bool) {
	if p == nil {
		return
	}
	o.Previous = p.linked.Result
	if !given {
		o.Threshold = &p.linked.Result.Threshold.Ratio
	}
}

// follow keeps the person IDs, and puts into the manifest what changed.
func (p *previousRun) follow(res *linkage.Result, m *formats.LinkedManifest, given bool) (err error) {
	if p == nil {
		return nil
	}
	ids := make([]linkage.PersonID, len(p.linked.PersonIDs))
	for i, id := range p.linked.PersonIDs {
		ids[i] = linkage.PersonID(id)
	}
	if p.changes, err = res.Follow(p.linked.Result, ids, p.secret); err != nil {
		return errorf("%s: %w", p.folder, err)
	}
	if !given {
		m.Settings.Threshold = "kept"
		m.Threshold.Chosen = "kept from the earlier linkage, so that persons change for new records alone; there it was " + p.linked.Manifest.Threshold.Chosen
	}
	for i := range m.Parties {
		to := &m.Parties[i]
		for _, f := range p.batches(to.Name)[min(1, len(p.batches(to.Name))):] {
			to.Batches = append(to.Batches, formats.LinkedBatch{Filters: hex.EncodeToString(f.Digest[:]), Run: f.Header.Run, Records: f.Manifest.Records, Created: f.Manifest.Created})
		}
	}
	old := p.linked.Manifest
	m.Previous = &formats.LinkedPrevious{Records: old.Records, Persons: old.Persons, Merged: p.changes.Merged, Split: p.changes.Split, Renamed: p.changes.Renamed}
	for _, f := range old.Files {
		if f.Name == formats.LinkedPeopleFile {
			m.Previous.People = f.SHA256
		}
	}
	return nil
}

// followHouseholds keeps the household IDs, and puts into the manifest what changed.
func (p *previousRun) followHouseholds(res *linkage.Result, h *linkage.Households, m *formats.LinkedManifest) error {
	if p == nil || h == nil || p.linked.Manifest.Households == nil {
		return nil
	}
	of, named, err := p.linked.ReadHouseholds(p.folder)
	if err != nil {
		return err
	}
	ids := make([][16]byte, len(named))
	for i, id := range named {
		ids[i] = id
	}
	if p.homes, err = res.FollowHouseholds(h, p.linked.Result, of, ids, p.secret); err != nil {
		return errorf("%s: %w", p.folder, err)
	}
	m.Households.Previous = &formats.LinkedHouseholdsBefore{Households: len(ids), Merged: p.homes.Merged, Split: p.homes.Split, Renamed: p.homes.Renamed}
	return nil
}

// write writes the records whose persons were merged or split, and those whose households were.
func (p *previousRun) write(w *linkedWriter) error {
	if p == nil {
		return nil
	}
	person := func(id [16]byte) string { return formats.PersonID(id).String() }
	if err := w.changes(formats.LinkedChangesFile, "person", p.changes, person); err != nil || p.homes == nil {
		return err
	}
	household := func(id [16]byte) string { return formats.HouseholdID(id).String() }
	return w.changes(formats.LinkedHouseholdChangesFile, "household", p.homes, household)
}

// changes writes what became of persons, or of households, record by record.
func (w *linkedWriter) changes(name, of string, changes *linkage.Changes, text func([16]byte) string) error {
	return w.file(name, 0o600, func(f io.Writer) error {
		b := bufio.NewWriter(f)
		fmt.Fprintf(b, "record_id,%s_before,%[1]s_after,change\n", of)
		for _, c := range changes.Records {
			change := "merge"
			switch {
			case c.Merge && c.Split:
				change = "merge and split"
			case c.Split:
				change = "split"
			}
			fmt.Fprintf(b, "%s,%s,%s,%s\n", formats.RecordID(w.res.IDs[c.Record]), text(c.Before), text(c.After), change)
		}
		return b.Flush()
	})
}

func (l *linkRun) tellPrevious(m *formats.LinkedManifest) {
	p := m.Previous
	if p == nil {
		return
	}
	ui := l.app.ui
	ui.resultf("earlier    %s of %s keep their person ID; only new records were compared\n", allBut(p.Renamed), plural(p.Records, "record"))
	if p.Merged+p.Split > 0 {
		ui.resultf("changes    %s of several earlier ones, %s split: %s\n", plural(p.Merged, "person"), plural(p.Split, "earlier person"), filepath.Join(l.out, formats.LinkedChangesFile))
	}
	if m.Households == nil || m.Households.Previous == nil {
		return
	}
	h := m.Households.Previous
	ui.resultf("           %s of them keep their household ID\n", allBut(h.Renamed))
	if h.Merged+h.Split > 0 {
		ui.resultf("changes    %s of several earlier ones, %s split: %s\n", plural(h.Merged, "household"), plural(h.Split, "earlier household"), filepath.Join(l.out, formats.LinkedHouseholdChangesFile))
	}
}

func allBut(n int) string {
	if n == 0 {
		return "all"
	}
	return "all but " + thousands(n)
}
