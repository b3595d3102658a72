package formats

import (
	"cmp"
	"fmt"
	"slices"
)

// JoinBatches makes one file of several of a party: the records that it sent first, and
// batches that it sent since, which have records of their own. Name, header and digest are
// those of the first. The files are not changed.
func JoinBatches(files []*FiltersFile) (*FiltersFile, error) {
	first := files[0]
	out := *first
	m := &out.Manifest
	m.Weak, m.Needs = slices.Clone(m.Weak), cloneNeeds(m.Needs)
	out.IDs, out.Bits, out.Exact, out.Needs = slices.Clone(first.IDs), cloneEach(first.Bits), cloneEach(first.Exact), cloneEach(first.Needs)
	known := map[RecordID]bool{}
	for _, id := range first.IDs {
		known[id] = true
	}
	for _, f := range files[1:] {
		if f.Header.Run == first.Header.Run {
			return nil, fmt.Errorf("%s and %s are the same file of party %q; give it once", shownPath(first.Name), shownPath(f.Name), f.Header.Party)
		}
		if err := checkAlike(first, f); err != nil {
			return nil, err
		}
		if f.Manifest.Deduplicated != m.Deduplicated {
			return nil, fmt.Errorf("%s and %s of party %q say otherwise whether it has each person once", shownPath(first.Name), shownPath(f.Name), f.Header.Party)
		}
		for _, id := range f.IDs {
			if known[id] {
				return nil, fmt.Errorf("%s has a record that another file of party %q has too: a batch holds new records only", shownPath(f.Name), f.Header.Party)
			}
			known[id] = true
		}
		for i := range f.Bits {
			out.Bits[i] = append(out.Bits[i], f.Bits[i]...)
		}
		for i := range f.Exact {
			out.Exact[i] = append(out.Exact[i], f.Exact[i]...)
		}
		out.joinNeeds(f)
		out.IDs = append(out.IDs, f.IDs...)
		m.Records += f.Manifest.Records
		m.SetAside += f.Manifest.SetAside
		m.Weak = append(m.Weak, f.Manifest.Weak...)
		m.LeftOut = cmp.Or(m.LeftOut, f.Manifest.LeftOut)
		m.Created = max(m.Created, f.Manifest.Created)
	}
	slices.Sort(m.Weak)
	m.Weak = slices.Compact(m.Weak)
	return &out, nil
}

// joinNeeds adds the needs of a batch, before its records are counted in.
func (f *FiltersFile) joinNeeds(batch *FiltersFile) {
	m := &f.Manifest
	for i := range m.Needs {
		if j := slices.IndexFunc(batch.Manifest.Needs, func(n NeedLayout) bool { return n.Name == m.Needs[i].Name }); j < 0 {
			f.Needs[i] = append(f.Needs[i], make([]uint16, len(batch.IDs))...) // not known
		}
	}
	for j, n := range batch.Manifest.Needs {
		i := slices.IndexFunc(m.Needs, func(have NeedLayout) bool { return have.Name == n.Name })
		if i < 0 {
			i = len(m.Needs)
			m.Needs = append(m.Needs, NeedLayout{Name: n.Name, Kind: n.Kind})
			f.Needs = append(f.Needs, make([]uint16, len(f.IDs)))
		}
		code := make([]uint16, len(n.Values)+1)
		for k, v := range n.Values {
			at := slices.Index(m.Needs[i].Values, v)
			if at < 0 {
				at = len(m.Needs[i].Values)
				m.Needs[i].Values = append(m.Needs[i].Values, v)
			}
			code[k+1] = uint16(at + 1)
		}
		for _, c := range batch.Needs[j] {
			f.Needs[i] = append(f.Needs[i], code[c])
		}
	}
}

func cloneEach[T any](lists [][]T) [][]T {
	out := make([][]T, len(lists))
	for i, l := range lists {
		out[i] = slices.Clone(l)
	}
	return out
}

func cloneNeeds(needs []NeedLayout) []NeedLayout {
	out := slices.Clone(needs)
	for i := range out {
		out[i].Values = slices.Clone(out[i].Values)
	}
	return out
}
