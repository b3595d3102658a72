package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"

	"cohortlink/formats"
	"cohortlink/linkage"
)

// linkedWriter writes the linked folder.
type linkedWriter struct {
	dir        *formats.OutputDir
	res        *linkage.Result
	files      []*formats.FiltersFile
	clks       map[string]*clksParty
	secret     []byte
	perParty   bool
	m          *formats.LinkedManifest
	unit       *unit
	previous   *previousRun
	households *linkage.Households // nil: none were asked for
}

func (w *linkedWriter) write() error {
	for _, step := range []func() error{w.links, w.people, w.needs, w.pairs, w.evidence, w.writeHouseholds, w.rest} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// file writes one file of the folder.
func (w *linkedWriter) file(name string, mode uint32, write func(io.Writer) error) error {
	f, err := w.dir.Create(name, fsMode(mode))
	if err != nil {
		return err
	}
	defer f.Abort()
	if err := write(f); err != nil {
		return err
	}
	return f.Commit()
}

// table writes a table and notes its digest in the manifest.
func (w *linkedWriter) table(name string, columns []formats.Column, write func(*formats.TableWriter) error) error {
	sum := sha256.New()
	err := w.file(name, 0o600, func(f io.Writer) error {
		t, err := formats.NewTableWriter(io.MultiWriter(f, hashWriter{sum}), columns, map[string]string{"project": w.m.Project, "tool": w.m.Tool})
		if err != nil {
			return err
		}
		if err := write(t); err != nil {
			return err
		}
		return t.Close()
	})
	w.m.Files = append(w.m.Files, formats.LinkedFile{Name: name, SHA256: hex.EncodeToString(sum.Sum(nil))})
	return err
}

type hashWriter struct{ hash.Hash }

// tableRows is how many rows are handed to a table at a time.
const tableRows = 1 << 14

func (w *linkedWriter) links() error {
	res := w.res
	shared, sharedHomes := res.PersonIDs(w.secret, ""), w.householdIDs("")
	for p, name := range res.Parties {
		ids := shared
		homes := sharedHomes
		if w.perParty {
			ids, homes = res.PersonIDs(w.secret, name), w.householdIDs(name)
		}
		l := &formats.Links{}
		for i := res.First[p]; i < res.First[p+1]; i++ {
			l.Records = append(l.Records, formats.RecordID(res.IDs[i]))
			l.Persons = append(l.Persons, formats.PersonID(ids[res.Person[i]]))
		}
		w.setHouseholds(l, res.First[p], homes)
		send := w.send
		if c := w.clks[name]; c != nil {
			send = func(party string, l *formats.Links) error { return w.rowLinks(party, c, l) }
		} else if batches := w.previous.batches(name); batches != nil {
			send = func(party string, l *formats.Links) error { return w.sendBatches(party, batches, l) }
		}
		if err := send(name, l); err != nil {
			return err
		}
	}
	return nil
}

// send writes what goes back to a party, sealed for it when its key is known.
func (w *linkedWriter) send(party string, l *formats.Links) error {
	i := slices.IndexFunc(w.files, func(f *formats.FiltersFile) bool { return f.Header.Party == party })
	return w.sendAs(party, w.files[i].Header, l)
}

// sendAs writes what answers a file with a header, under a name.
func (w *linkedWriter) sendAs(name string, h formats.FiltersHeader, l *formats.Links) error {
	at := path.Join(formats.LinkedLinksFolder, name)
	to := w.unit.recipient(h.Party)
	if to == nil {
		return w.file(at+".csv", 0o644, func(f io.Writer) error { return formats.WriteLinks(f, l) })
	}
	return w.file(at+".links", 0o644, func(f io.Writer) error {
		return formats.SealLinks(f, h, l, to, w.unit.key)
	})
}

func (w *linkedWriter) people() error {
	res := w.res
	ids := res.PersonIDs(w.secret, "")
	return w.table(formats.LinkedPeopleFile, formats.PeopleColumns, func(t *formats.TableWriter) error {
		person, party, record := columns3()
		for p, name := range res.Parties {
			for i := res.First[p]; i < res.First[p+1]; i++ {
				person = append(person, formats.PersonID(ids[res.Person[i]]).String())
				party = append(party, name)
				record = append(record, formats.RecordID(res.IDs[i]).String())
				if len(person) == tableRows {
					if err := t.Append(person, party, record); err != nil {
						return err
					}
					person, party, record = person[:0], party[:0], record[:0]
				}
			}
		}
		return t.Append(person, party, record)
	})
}

func columns3() (a, b, c []string) {
	return make([]string, 0, tableRows), make([]string, 0, tableRows), make([]string, 0, tableRows)
}

func (w *linkedWriter) needs() error {
	return w.table(formats.LinkedNeedsFile, formats.NeedsColumns, func(t *formats.TableWriter) error {
		record, need, value := columns3()
		for _, name := range w.res.Parties {
			for _, f := range w.files {
				if f.Header.Party != name {
					continue
				}
				for n, layout := range f.Manifest.Needs {
					for i, code := range f.Needs[n] {
						if code == 0 {
							continue
						}
						record = append(record, f.IDs[i].String())
						need = append(need, layout.Name)
						value = append(value, layout.Values[code-1])
						if len(record) == tableRows {
							if err := t.Append(record, need, value); err != nil {
								return err
							}
							record, need, value = record[:0], need[:0], value[:0]
						}
					}
				}
			}
		}
		return t.Append(record, need, value)
	})
}

func (w *linkedWriter) pairs() error {
	res := w.res
	return w.table(formats.LinkedPairsFile, formats.PairsColumns, func(t *formats.TableWriter) error {
		a, b, stage := columns3()
		score := make([]float64, 0, tableRows)
		accepted := make([]bool, 0, tableRows)
		for _, p := range res.Pairs {
			a = append(a, formats.RecordID(res.IDs[p.A]).String())
			b = append(b, formats.RecordID(res.IDs[p.B]).String())
			score = append(score, res.Raw(p))
			ok := res.Accepted(p)
			accepted = append(accepted, ok)
			stage = append(stage, stageOf(p, ok, res.Score()))
			if len(a) == tableRows {
				if err := t.Append(a, b, score, accepted, stage); err != nil {
					return err
				}
				a, b, score, accepted, stage = a[:0], b[:0], score[:0], accepted[:0], stage[:0]
			}
		}
		return t.Append(a, b, score, accepted, stage)
	})
}

// stageOf names what decided about a pair.
func stageOf(p linkage.Pair, accepted bool, threshold float64) string {
	switch {
	case accepted && p.Score >= threshold:
		return "threshold"
	case accepted:
		return "person" // under the threshold, but both belong with others
	case p.Score >= threshold:
		return "rules" // at the threshold, but kept apart by the rules for persons
	default:
		return "score"
	}
}

func (w *linkedWriter) rest() error {
	if err := w.previous.write(w); err != nil {
		return err
	}
	err := w.file(formats.LinkedSecretFile, 0o600, func(f io.Writer) error {
		_, err := fmt.Fprintf(f, "cohortlink person secret, version 1\n%s\n", hex.EncodeToString(w.secret))
		return err
	})
	if err != nil {
		return err
	}
	return w.file(formats.LinkedManifestFile, 0o600, func(f io.Writer) error { return formats.WriteLinkedManifest(f, w.m, w.secret) })
}
