package overlap

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
)

// MaxBits is the longest filter that can be prepared. Kernels add up the ones of two
// filters in sixteen bits.
const MaxBits = 16384

// A Layout is the order in which the bits of filters are stored. Counts do not depend
// on it, only the time to get them: a kernel leaves a block as soon as its first words
// differ too much, and two strangers differ in a bit that half of all filters have set
// more often than in one that few have, or nearly all. Sets that are to be compared with
// each other must be prepared with one Layout.
//
// A Layout is immutable and safe for concurrent use.
type Layout struct {
	bits  int
	order []int // order[i] is the filters' own bit that is stored at place i
}

// sampleRows is how many rows of each set a Layout is learned from. The share of a bit
// is then known to within 0.016, far closer than the order needs.
const sampleRows = 4096

// NewLayout learns a layout for filters of the given number of bits, a multiple of 64
// up to MaxBits, from the sets that are to be compared: rows one after the other, as for
// Prepare. It reads a few thousand rows of each, evenly spread, and keeps none. With no
// set the bits keep their order.
func NewLayout(bits int, sets ...[]uint64) (*Layout, error) {
	if bits <= 0 || bits > MaxBits || bits%64 != 0 {
		return nil, fmt.Errorf("filters of %d bits: the length must be a multiple of 64 from 64 to %d", bits, MaxBits)
	}
	words := bits / 64
	l := &Layout{bits: bits, order: make([]int, bits)}
	for i := range l.order {
		l.order[i] = i
	}

	total, set := 0, make([]int, bits)
	for _, rows := range sets {
		if len(rows)%words != 0 {
			return nil, fmt.Errorf("%d words are no whole number of filters of %d bits", len(rows), bits)
		}
		n := len(rows) / words
		k := min(n, sampleRows)
		for s := range k {
			countBits(rows[s*n/k*words:][:words], set)
		}
		total += k
	}
	distance := func(bit int) int { return max(2*set[bit]-total, total-2*set[bit]) }
	slices.SortStableFunc(l.order, func(x, y int) int { return cmp.Compare(distance(x), distance(y)) })
	return l, nil
}

func (l *Layout) same(m *Layout) bool { return l == m || slices.Equal(l.order, m.order) }

// countBits adds one to set[b] for every bit b of row.
func countBits(row []uint64, set []int) {
	for w, word := range row {
		for ; word != 0; word &= word - 1 {
			set[w*64+bits.TrailingZeros64(word)]++
		}
	}
}

// A permuter moves the bits of 64 rows at once into the order of a layout: transposed,
// a bit of all 64 rows is one word, so that moving it is one copy.
type permuter struct {
	layout  *Layout
	columns []uint64
}

func (l *Layout) permuter() *permuter { return &permuter{l, make([]uint64, l.bits)} }

// permute works in place on rows, exactly 64 of them one after the other.
func (p *permuter) permute(rows []uint64) {
	words := p.layout.bits / 64
	var square [64]uint64
	for w := range words {
		for r := range square {
			square[r] = rows[r*words+w]
		}
		transpose(&square)
		copy(p.columns[w*64:], square[:])
	}
	for w := range words {
		for i := range square {
			square[i] = p.columns[p.layout.order[w*64+i]]
		}
		transpose(&square)
		for r := range square {
			rows[r*words+w] = square[r]
		}
	}
}

// transpose turns bit c of word r into bit r of word c, by swapping ever smaller
// off-diagonal squares: Warren, Hacker's Delight, 2nd edition, section 7-3.
func transpose(a *[64]uint64) {
	mask := uint64(0x00000000ffffffff)
	for j := 32; j != 0; j >>= 1 {
		for k := 0; k < 64; k = (k + j + 1) &^ j {
			t := (a[k]>>j ^ a[k+j]) & mask
			a[k] ^= t << j
			a[k+j] ^= t
		}
		mask ^= mask << (j >> 1)
	}
}
