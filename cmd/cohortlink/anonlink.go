package main

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"cohortlink/formats"
	"cohortlink/linkage"
)

// link --anonlink: the result for those who go on in anonlink, in a folder of its own.
//
// Datasets are the parties in the order of their names, rows those of the files that were
// linked, both from 0. The candidate pairs are what anonlink's find_candidate_pairs gives for
// the same filters and threshold when it compares by the Dice coefficient: every pair of two
// parties that reaches the threshold, and none within one party. The groups are not what its
// solvers make of them but our persons of two records and more.

// anonlinkWriter writes the folder. A nil one, where none was asked for, writes nothing.
type anonlinkWriter struct {
	dir  *formats.OutputDir
	res  *linkage.Result
	clks map[string]*clksParty
}

// beginAnonlink begins the folder, so that one that exists is seen before the work.
func (l *linkRun) beginAnonlink() (*anonlinkWriter, error) {
	if l.anonlink == "" {
		return nil, nil
	}
	if filepath.Clean(l.anonlink) == filepath.Clean(l.out) {
		return nil, usagef("--anonlink and -o name the same folder: name two")
	}
	dir, err := formats.CreateDir(l.anonlink, 0)
	if err != nil {
		return nil, err
	}
	return &anonlinkWriter{dir: dir}, nil
}

func (w *anonlinkWriter) abort() {
	if w != nil {
		w.dir.Abort()
	}
}

// record names a record as anonlink does.
func (w *anonlinkWriter) record(i int32) formats.AnonlinkRecord {
	p := w.res.Party(i)
	return formats.AnonlinkRecord{Dataset: uint32(p), Row: w.row(p, i)}
}

// row is a record's row in the file that its party sent, from 0.
func (w *anonlinkWriter) row(party int, record int32) uint32 {
	if c := w.clks[w.res.Parties[party]]; c != nil {
		return uint32(c.rows[int(record)-w.res.First[party]] - 1)
	}
	return uint32(w.res.Row[record])
}

// pairs are the candidate pairs, in anonlink's order.
func (w *anonlinkWriter) pairs() []formats.AnonlinkPair {
	var out []formats.AnonlinkPair
	for _, p := range w.res.Pairs {
		if p.Score < w.res.Score() {
			break
		}
		// Records are numbered by party, so that A's dataset is the lower one.
		if a, b := w.record(p.A), w.record(p.B); a.Dataset != b.Dataset {
			out = append(out, formats.AnonlinkPair{Score: w.res.Raw(p), A: a, B: b})
		}
	}
	slices.SortFunc(out, formats.AnonlinkPair.Compare)
	return out
}

// groups are the persons of more than one record, by their first.
func (w *anonlinkWriter) groups() [][]formats.AnonlinkRecord {
	of := make([][]formats.AnonlinkRecord, w.res.Persons)
	for i, person := range w.res.Person {
		of[person] = append(of[person], w.record(int32(i)))
	}
	return slices.DeleteFunc(of, func(g []formats.AnonlinkRecord) bool { return len(g) < 2 })
}

func (w *anonlinkWriter) write(res *linkage.Result, clks map[string]*clksParty) error {
	if w == nil {
		return nil
	}
	w.res, w.clks = res, clks
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{formats.AnonlinkPairsFile, func(f io.Writer) error { return formats.WriteAnonlinkPairs(f, w.pairs()) }},
		{formats.AnonlinkGroupsFile, func(f io.Writer) error { return formats.WriteAnonlinkGroups(f, w.groups()) }},
		{formats.AnonlinkRecordsFile, w.records},
	} {
		out, err := w.dir.Create(f.name, 0o600)
		if err != nil {
			return err
		}
		if err := f.write(out); err != nil {
			out.Abort()
			return err
		}
		if err := out.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// commit gives the folder its name, once the linked folder has its own.
func (w *anonlinkWriter) commit() error {
	if w == nil {
		return nil
	}
	return w.dir.Commit()
}

// records says which record a dataset and a row stand for.
func (w *anonlinkWriter) records(f io.Writer) error {
	b := bufio.NewWriter(f)
	b.WriteString("dataset,row,party,record_id\n")
	for p, name := range w.res.Parties {
		rows := make([]int32, w.res.First[p+1]-w.res.First[p])
		for i := w.res.First[p]; i < w.res.First[p+1]; i++ {
			rows[w.row(p, int32(i))] = int32(i)
		}
		for row, i := range rows {
			fmt.Fprintf(b, "%d,%d,%s,%s\n", p, row, name, formats.RecordID(w.res.IDs[i]))
		}
	}
	return b.Flush()
}
