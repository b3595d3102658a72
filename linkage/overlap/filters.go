package overlap

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// Filters is a set of filters of one length, stored for scanning. A filter is known by
// its row number, its place in the rows that were prepared, and by its position, its
// place in the order in which they are stored: by number of ones.
//
// Filters are immutable and safe for concurrent use. They take the size of the rows
// plus eight bytes a filter.
type Filters struct {
	layout *Layout
	kernel *kernel
	n      int
	words  int

	blocks []uint64 // as the kernel wants them; the last block is filled up with empty filters
	row    []int32  // by position: the row number
	ones   []uint16 // by position, to a whole number of blocks
	byRow  []uint16 // ones by row number
	tiles  []tile
}

// A tile is a run of blocks that stays in the second-level cache while many rows meet it,
// with the range of its filters' ones.
type tile struct {
	from, to           int // positions; to is at most n
	leastOnes, topOnes int
}

// tileBytes was chosen by timing 16 to 128 KiB at 1,024 bits: smaller tiles lose 5 % to
// calls, larger ones gain nothing more and have looser limits.
const tileBytes = 64 << 10

// Prepare stores filters of the given number of bits under a layout that has learned
// nothing: see [Layout.Prepare].
func Prepare(bits int, rows []uint64) (*Filters, error) {
	l, err := NewLayout(bits)
	if err != nil {
		return nil, err
	}
	return l.Prepare(rows)
}

// Prepare stores filters for scanning: rows holds l's bits/64 words for each, one after
// the other. The words are copied, so the caller may reuse rows.
func (l *Layout) Prepare(rows []uint64) (*Filters, error) {
	words := l.bits / 64
	if len(rows)%words != 0 {
		return nil, fmt.Errorf("%d words are no whole number of filters of %d bits", len(rows), l.bits)
	}
	n := len(rows) / words
	if n > math.MaxInt32 {
		return nil, fmt.Errorf("%d filters: at most %d fit in one set, so split them", n, math.MaxInt32)
	}

	padded := (n + lanes - 1) / lanes * lanes
	f := &Filters{
		layout: l, kernel: active, n: n, words: words,
		blocks: make([]uint64, padded*words),
		row:    make([]int32, n),
		ones:   make([]uint16, padded),
		byRow:  make([]uint16, n),
	}

	// By ones, then by row number, which makes the order one of a kind.
	keys := make([]uint64, n)
	for i := range keys {
		ones := onesIn(rows[i*words:][:words])
		f.byRow[i] = uint16(ones)
		keys[i] = uint64(ones)<<32 | uint64(i)
	}
	slices.Sort(keys)
	for p, key := range keys {
		f.ones[p], f.row[p] = uint16(key>>32), int32(key)
	}

	p := l.permuter()
	batch := make([]uint64, 64*words)
	for from := 0; from < n; from += 64 {
		clear(batch)
		to := min(from+64, n)
		for i, row := range f.row[from:to] {
			copy(batch[i*words:], rows[int(row)*words:][:words])
		}
		p.permute(batch)
		for i := range to - from {
			f.store(from+i, batch[i*words:][:words])
		}
	}
	f.cutTiles()
	return f, nil
}

// store writes a filter, its bits in the order of the layout, to a position.
func (f *Filters) store(position int, row []uint64) {
	at := f.blocks[f.place(position):]
	chain := uint64(0)
	for w, word := range row {
		if f.kernel.chained {
			chain ^= word
			word = chain
		}
		at[w*lanes] = word
	}
}

// place is where word 0 of the filter at a position is stored; its word w is w*lanes on.
func (f *Filters) place(position int) int {
	return position/lanes*lanes*f.words + position%lanes
}

func (f *Filters) cutTiles() {
	size := max(1, tileBytes/(f.words*8*lanes)) * lanes
	for from := 0; from < f.n; from += size {
		to := min(from+size, f.n)
		f.tiles = append(f.tiles, tile{from, to, int(f.ones[from]), int(f.ones[to-1])})
	}
}

// within are the tiles that hold filters of least to most ones, and maybe others.
func (f *Filters) within(least, most int) []tile {
	from := sort.Search(len(f.tiles), func(i int) bool { return f.tiles[i].topOnes >= least })
	to := sort.Search(len(f.tiles), func(i int) bool { return f.tiles[i].leastOnes > most })
	return f.tiles[from:max(from, to)]
}

// Len is the number of filters.
func (f *Filters) Len() int { return f.n }

// Bits is the length of each filter.
func (f *Filters) Bits() int { return f.layout.bits }

// Ones is the number of ones of the filter with row number i.
func (f *Filters) Ones(i int) int { return int(f.byRow[i]) }

// Row is the row number of the filter at a position.
func (f *Filters) Row(position int) int { return int(f.row[position]) }

// gather writes the filters at positions from … from+3, in the kernel's form, to rows,
// word by word. Places past the end repeat the last filter.
func (f *Filters) gather(from int, rows []uint64) {
	for r := range group {
		at := f.blocks[f.place(min(from+r, f.n-1)):]
		for w := range f.words {
			rows[w*group+r] = at[w*lanes]
		}
	}
}
