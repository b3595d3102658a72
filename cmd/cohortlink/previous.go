package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"cohortlink/formats"
	"cohortlink/linkage"
)

// link --previous: parties are added to a linkage that there is. The files that it was made
// from are given again, since new records have to be compared with the old ones, and their
// digests say that they are the same; what is between them is taken from the folder.

// previousRun is an earlier linkage that is added to. A nil one is none.
type previousRun struct {
	folder  string
	linked  *formats.Linked
	secret  []byte
	changes *linkage.Changes
}

// readPrevious reads the earlier linkage, and refuses files that it cannot be added to with.
func (l *linkRun) readPrevious(files []*formats.FiltersFile) (*previousRun, error) {
	if l.previous == "" {
		return nil, nil
	}
	linked, err := formats.ReadLinked(l.previous)
	if err != nil {
		return nil, err
	}
	p := &previousRun{folder: l.previous, linked: linked}
	if p.secret, err = formats.ReadPersonSecret(l.previous); err != nil {
		return nil, err
	}
	m, first := linked.Manifest, files[0]
	switch {
	case m.Evidence != nil || len(first.Manifest.Filters) > 1 || len(first.Manifest.Exact) > 0:
		return nil, errorf("%s has several filters or exact keys for each record, which are weighed anew whenever records are added: link all files without --previous", l.previous)
	case m.Project != first.Header.Project:
		return nil, errorf("%s is of project %q, and the files are of project %q", l.previous, m.Project, first.Header.Project)
	case m.Schema != first.Header.Schema || m.Key != first.Header.Key:
		return nil, errorf("%s was linked from filters of another schema or key than %s: link all files without --previous", l.previous, first.Name)
	}
	for _, was := range m.Parties {
		i := slices.IndexFunc(files, func(f *formats.FiltersFile) bool { return f.Header.Party == was.Name })
		switch {
		case i < 0:
			return nil, errorf("%s has party %q, whose filters are not among the files\ngive the files that it was linked from again, and the new ones beside them", l.previous, was.Name)
		case hex.EncodeToString(files[i].Digest[:]) != was.Filters:
			return nil, errorf("%s is not the file of party %q that %s was linked from\ngive that file again; to replace it by a newer one, link all files without --previous", files[i].Name, was.Name, l.previous)
		}
	}
	if len(files) == len(m.Parties) {
		return nil, errorf("every file was linked in %s already: name a new one beside them", l.previous)
	}
	return p, nil
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
	old := p.linked.Manifest
	m.Previous = &formats.LinkedPrevious{Records: old.Records, Persons: old.Persons, Merged: p.changes.Merged, Split: p.changes.Split, Renamed: p.changes.Renamed}
	for _, f := range old.Files {
		if f.Name == formats.LinkedPeopleFile {
			m.Previous.People = f.SHA256
		}
	}
	return nil
}

// write writes the records whose persons were merged or split.
func (p *previousRun) write(w *linkedWriter) error {
	if p == nil {
		return nil
	}
	return w.file(formats.LinkedChangesFile, 0o600, func(f io.Writer) error {
		b := bufio.NewWriter(f)
		b.WriteString("record_id,person_before,person_after,change\n")
		for _, c := range p.changes.Records {
			change := "merge"
			switch {
			case c.Merge && c.Split:
				change = "merge and split"
			case c.Split:
				change = "split"
			}
			fmt.Fprintf(b, "%s,%s,%s,%s\n", formats.RecordID(w.res.IDs[c.Record]), formats.PersonID(c.Before), formats.PersonID(c.After), change)
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
	ui.resultf("earlier    %s of %s kept their IDs but %s; comparing new records only\n", plural(p.Persons, "person"), plural(p.Records, "record"), plural(p.Renamed, "record"))
	if p.Merged+p.Split > 0 {
		ui.resultf("changes    %s of several earlier ones, %s split: %s\n", plural(p.Merged, "person"), plural(p.Split, "earlier person"), filepath.Join(l.out, formats.LinkedChangesFile))
	}
}
