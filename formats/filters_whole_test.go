package formats

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// Files of filters that are whole in memory, which only tests write.

// writeFilters writes a file whose records may be in any order: they are written in the order of record IDs, and as many as there are
// IDs, whatever f.Manifest.Records says. It returns the digest of the file.
func writeFilters(w io.Writer, f *FiltersFile) ([32]byte, error) {
	m := f.Manifest
	m.Records = len(f.IDs)
	fw, err := NewFiltersWriter(w, f.Header, m)
	return f.write(fw, err)
}

// sealFilters is writeFilters for a file that is sealed for to and signed by.
func sealFilters(w io.Writer, f *FiltersFile, to *Recipient, by *Identity) ([32]byte, error) {
	m := f.Manifest
	m.Records = len(f.IDs)
	fw, err := NewSealedFiltersWriter(w, f.Header, m, to, by)
	return f.write(fw, err)
}

func (f *FiltersFile) write(fw *FiltersWriter, err error) ([32]byte, error) {
	if err != nil {
		return [32]byte{}, err
	}
	if err := f.checkLengths(&fw.layout); err != nil {
		return [32]byte{}, err
	}
	order := make([]int32, len(f.IDs))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return bytes.Compare(f.IDs[a][:], f.IDs[b][:]) })
	row := FiltersRow{Bits: make([][]uint64, len(f.Bits)), Exact: make([]ExactKey, len(f.Exact)), Needs: make([]uint16, len(f.Needs))}
	for _, i := range order {
		row.ID = f.IDs[i]
		for k, words := range fw.layout.words {
			row.Bits[k] = f.Bits[k][int(i)*words : (int(i)+1)*words]
		}
		for k := range f.Exact {
			row.Exact[k] = f.Exact[k][i]
		}
		for k := range f.Needs {
			row.Needs[k] = f.Needs[k][i]
		}
		if err := fw.Write(row); err != nil {
			return [32]byte{}, err
		}
	}
	return fw.Close()
}

func (f *FiltersFile) checkLengths(l *rowLayout) error {
	ok := len(f.Bits) == len(l.filters) && len(f.Exact) == len(l.exact) && len(f.Needs) == len(l.needs)
	for i := 0; ok && i < len(f.Bits); i++ {
		ok = len(f.Bits[i]) == len(f.IDs)*l.words[i]
	}
	for i := 0; ok && i < len(f.Exact); i++ {
		ok = len(f.Exact[i]) == len(f.IDs)
	}
	for i := 0; ok && i < len(f.Needs); i++ {
		ok = len(f.Needs[i]) == len(f.IDs)
	}
	if !ok {
		return errors.New("writing a filters file: the filters, exact keys or needs are not as many as the record IDs")
	}
	return nil
}
