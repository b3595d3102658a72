package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cohortlink/formats"
)

// writeFilters writes the records in the order of their random IDs, so that their
// order tells nothing about the extract's.
func writeFilters(fw *formats.FiltersWriter, manifest formats.FiltersManifest, batches []*batch, kept *spill) ([32]byte, error) {
	type place struct{ batch, row int32 }
	order := make([]place, 0, manifest.Records)
	for i, b := range batches {
		for j, ok := range b.ok {
			if ok {
				order = append(order, place{int32(i), int32(j)})
			}
		}
	}
	slices.SortFunc(order, func(a, b place) int {
		return slices.Compare(batches[a.batch].ids[a.row][:], batches[b.batch].ids[b.row][:])
	})
	words := make([]int, len(manifest.Filters))
	all := 0
	for f, l := range manifest.Filters {
		words[f] = (l.Bits + 63) / 64
		all += words[f]
	}
	needs, exact := len(manifest.Needs), len(manifest.Exact)
	row, read := formats.FiltersRow{Bits: make([][]uint64, len(words))}, make([]uint64, all)
	for _, at := range order {
		b, j := batches[at.batch], int(at.row)
		row.ID, row.Needs = b.ids[j], b.codes[j*needs:][:needs]
		bits, err := kept.row(b, j, read)
		if err != nil {
			return [32]byte{}, err
		}
		for f, n := range words {
			row.Bits[f], bits = bits[:n], bits[n:]
		}
		if exact > 0 {
			row.Exact = b.exact[j*exact:][:exact]
		}
		if err := fw.Write(row); err != nil {
			return [32]byte{}, err
		}
	}
	return fw.Close()
}

func mapOf(batches []*batch, local bool) *formats.Map {
	m := &formats.Map{}
	for _, b := range batches {
		for j, ok := range b.ok {
			if !ok {
				continue
			}
			m.Rows = append(m.Rows, b.rows[j])
			m.IDs = append(m.IDs, b.ids[j])
			if local {
				m.LocalIDs = append(m.LocalIDs, b.local[j])
			}
		}
	}
	return m
}

// hashOutputs are the files of one run, which appear together or not at all.
type hashOutputs struct {
	dir, party               string
	filters, rowMap, receipt *formats.Output
	setAside                 *formats.Output // given up where no row is
	noise                    *formats.Output // nil where none persists
	made                     string          // the folder, where this run made it
}

func (h *hashRun) openOutputs(party string, old *earlier) (*hashOutputs, error) {
	o := &hashOutputs{dir: h.out, party: party}
	// Only the last folder of the path is made: more than one that is not there is a slip.
	if err := os.Mkdir(h.out, 0o755); err == nil {
		o.made = h.out
	}
	inputs := []string{h.extract, h.project, h.key, h.oldMap, old.file, h.optOut, h.eligible}
	inputs = slices.DeleteFunc(inputs, func(s string) bool { return s == "" })
	var err error
	open := func(suffix string, mode uint32) *formats.Output {
		if err != nil {
			return nil
		}
		var f *formats.Output
		f, err = formats.Create(filepath.Join(h.out, party+suffix), formats.CreateOptions{Mode: fsMode(mode), Inputs: inputs})
		return f
	}
	o.filters = open(".filters", 0o644)
	o.rowMap = open(".map.csv", 0o600)
	o.receipt = open(".receipt.json", 0o600)
	o.setAside = open(".set-aside.csv", 0o600)
	if old.noise != nil {
		o.noise = open(noiseSuffix, 0o600)
	}
	if err != nil {
		o.abort()
		if errors.Is(err, os.ErrExist) {
			err = errorf("%w\nto hash anew beside the files of an earlier run, name another folder with -o", err)
		}
		return nil, err
	}
	return o, nil
}

func (o *hashOutputs) abort() {
	for _, f := range []*formats.Output{o.filters, o.rowMap, o.receipt, o.setAside, o.noise} {
		if f != nil {
			f.Abort()
		}
	}
	if o.made != "" {
		os.Remove(o.made) // only where nothing is in it
	}
}

// commit puts the files in their places: what stays with the partner first, and
// what may be sent last, so that filters are never there without their map.
func (o *hashOutputs) commit(aside []rowReason, old *earlier) ([]string, error) {
	name := func(suffix string) string { return filepath.Join(o.dir, o.party+suffix) }
	files := []string{name(".filters"), name(".map.csv"), name(".receipt.json")}
	outputs := []*formats.Output{o.rowMap, o.receipt, o.filters}
	if old.noise != nil {
		text := old.noise.Text()
		defer clear(text)
		if _, err := o.noise.Write(text); err != nil {
			return nil, err
		}
		files = append(files, name(noiseSuffix))
		outputs = slices.Insert(outputs, 0, o.noise)
	}
	if len(aside) > 0 {
		if err := writeSetAside(o.setAside, aside); err != nil {
			return nil, err
		}
		files = append(files, name(".set-aside.csv"))
		outputs = slices.Insert(outputs, 0, o.setAside)
	}
	return files, formats.CommitAll(outputs...)
}

func writeSetAside(w io.Writer, aside []rowReason) error {
	if _, err := io.WriteString(w, "row,reason\n"); err != nil {
		return err
	}
	for _, r := range aside {
		if _, err := fmt.Fprintf(w, "%d,\"%s\"\n", r.row, strings.ReplaceAll(r.reason, `"`, `""`)); err != nil {
			return err
		}
	}
	return nil
}
