package overlap

import (
	"fmt"
	"math/bits"
)

// countTile is how many filters meet a group of rows before Common moves on: their blocks
// stay in the first-level cache at 1,024 bits, and a call of a kernel stays well under
// 100 µs (the runtime cannot interrupt assembly).
const countTile = 256

// Common counts the bits in common of each row with every filter, with no threshold. rows
// holds Bits()/64 words for each, one after the other, in their own bit order. dst must
// have room for Len() counts a row: that of row i and the filter at position p is
// dst[i*Len()+p], and f.Row(p) is that filter's row number. Rows are cheapest by fours.
//
// Calls may overlap.
func (f *Filters) Common(rows []uint64, dst []uint16) error {
	if len(rows)%f.words != 0 {
		return fmt.Errorf("%d words are no whole number of filters of %d bits", len(rows), f.Bits())
	}
	n := len(rows) / f.words
	if len(dst) != n*f.n {
		return fmt.Errorf("room for %d counts, where %d rows against %d filters need %d", len(dst), n, f.n, n*f.n)
	}
	if n == 0 || f.n == 0 {
		return nil
	}

	p := f.layout.permuter()
	batch := make([]uint64, 64*f.words)
	groups := make([]uint64, group*f.words)
	var spare []uint16
	for from := 0; from < n; from += 64 {
		to := min(from+64, n)
		clear(batch)
		copy(batch, rows[from*f.words:to*f.words])
		var ones [64]uint64
		for i := range to - from {
			ones[i] = uint64(onesIn(batch[i*f.words:][:f.words]))
		}
		p.permute(batch)
		for g := from; g < to; g += group {
			f.interleave(batch[(g-from)*f.words:][:group*f.words], groups)
			four := (*[group]uint64)(ones[g-from:])
			for q := 0; q < f.n; q += countTile {
				end := min(q+countTile, f.n)
				blocks := f.blocks[q*f.words : (end+lanes-1)/lanes*lanes*f.words]
				if g+group <= n && end%lanes == 0 {
					f.kernel.count(groups, blocks, f.words, four, f.ones[q:], dst[g*f.n+q:], f.n)
					continue
				}
				// A group or a block that is not full: count into room that is, and keep part.
				if spare == nil {
					spare = make([]uint16, group*countTile)
				}
				f.kernel.count(groups, blocks, f.words, four, f.ones[q:], spare, countTile)
				for r := range min(group, n-g) {
					copy(dst[(g+r)*f.n+q:(g+r)*f.n+end], spare[r*countTile:])
				}
			}
		}
	}
	return nil
}

// interleave writes four rows, their bits in the order of the layout, word by word in
// the kernel's form.
func (f *Filters) interleave(rows, out []uint64) {
	for r := range group {
		chain := uint64(0)
		for w, word := range rows[r*f.words:][:f.words] {
			if f.kernel.chained {
				chain ^= word
				word = chain
			}
			out[w*group+r] = word
		}
	}
}

// CommonBits counts the bits in common of two filters given as words of equal number.
func CommonBits(x, y []uint64) int {
	n := 0
	for i, w := range x {
		n += bits.OnesCount64(w & y[i])
	}
	return n
}

func onesIn(row []uint64) int {
	n := 0
	for _, w := range row {
		n += bits.OnesCount64(w)
	}
	return n
}
