// Command _asm writes the amd64 kernels of package overlap. It knows their contract
// (kernel.go there) and the instructions; it does not know what the counts are for.
//
//	go run . -out ../kernel_amd64.s
//
// Registers are virtual and avo allocates them, which fails if a kernel needs more than
// there are: nothing is ever spilled.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	lanes = 8 // filters to a block
	group = 4 // rows that meet a block at once

	// unrolled is the last checkpoint that has a scan of its own, with the words up to it
	// unrolled and held in registers. Later ones share a scan that loops.
	unrolled = 16

	survivorSize   = 24 // where, then eight uint16
	survivorCounts = 8

	lessThan = 1    // VPCMPUQ predicate
	carry    = 0x74 // VPTERNLOGQ: (a|b) &^ (b&c), the carry of the chained words a, b, c
)

func main() {
	ConstraintExpr("!purego")
	for check := 2; check <= unrolled; check++ {
		scanAVX512(check)
	}
	scanAVX512(0)
	countAVX512()
	Generate()
}

const scanSignature = "func(rows []uint64, blocks []uint64, words int, check int, lim *[8]uint64, out []uint64) int"

const countSignature = "func(rows []uint64, blocks []uint64, words int, ones *[4]uint64, laneOnes []uint16, dst []uint16, stride int)"

// name is that of the scan whose checkpoint is unrolled, or of the one that loops.
func name(kind string, check int) string {
	if check == 0 {
		return "scan" + kind
	}
	return fmt.Sprintf("scan%s_%d", kind, check)
}

// frame is what every scan keeps in general registers.
type frame struct {
	rows, blocks, end reg.GPVirtual // end is that of the blocks
	words, size       reg.GPVirtual // words of a filter, bytes of a block
	lim, out          reg.GPVirtual
	block             reg.GPVirtual // counts blocks
	check             Op            // a register, or a constant where it is unrolled
}

func loadFrame(check int) *frame {
	f := &frame{
		rows:   Load(Param("rows").Base(), GP64()).(reg.GPVirtual),
		blocks: Load(Param("blocks").Base(), GP64()).(reg.GPVirtual),
		end:    Load(Param("blocks").Len(), GP64()).(reg.GPVirtual),
		words:  Load(Param("words"), GP64()).(reg.GPVirtual),
		lim:    Load(Param("lim"), GP64()).(reg.GPVirtual),
		out:    Load(Param("out").Base(), GP64()).(reg.GPVirtual),
		size:   GP64(), block: GP64(),
	}
	if check == 0 {
		f.check = Load(Param("check"), GP64())
	} else {
		f.check = U32(check)
	}
	SHLQ(U8(3), f.end)
	ADDQ(f.blocks, f.end)
	MOVQ(f.words, f.size)
	SHLQ(U8(6), f.size)
	XORQ(f.block, f.block)
	return f
}

// finish returns the number of survivors.
func (f *frame) finish() {
	start := Load(Param("out").Base(), GP64())
	n := GP64()
	MOVQ(f.out, n)
	SUBQ(start, n)
	// Divide by the size of a survivor, 24 = 3·8: multiply by the inverse of 3 in 64 bits.
	third := GP64()
	SHRQ(U8(3), n)
	MOVQ(U64(0xaaaaaaaaaaaaaaab), third)
	IMULQ(third, n)
	Store(n, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// rest points at the words after the checkpoint, and at those of a row, and counts them.
// row is eight times the number of the row.
func (f *frame) rest(row reg.GPVirtual) (words, rows, n reg.GPVirtual) {
	words, rows, n = GP64(), GP64(), GP64()
	MOVQ(f.check, n)
	MOVQ(n, words)
	SHLQ(U8(6), words)
	ADDQ(f.blocks, words)
	MOVQ(n, rows)
	SHLQ(U8(5), rows)
	ADDQ(f.rows, rows)
	ADDQ(row, rows)
	NEGQ(n)
	ADDQ(f.words, n)
	return words, rows, n
}

// survive writes where a survivor is, and makes room for it: its counts have been written.
// mask is destroyed.
func (f *frame) survive(mask, row reg.GPVirtual) {
	at := GP64()
	MOVQ(f.block, at)
	SHLQ(U8(16), at)
	ORQ(at, mask)
	MOVQ(row, at)
	SHLQ(U8(8-3), at) // row is eight times the row's number
	ORQ(at, mask)
	MOVQ(mask, Mem{Base: f.out})
	ADDQ(U8(survivorSize), f.out)
}

// word is word w of the block at base.
func word(base reg.Register, w int) Mem { return Mem{Base: base, Disp: w * lanes * 8} }

// rowWord is word w of row r of the group at base.
func rowWord(base reg.Register, w, r int) Mem { return Mem{Base: base, Disp: w*group*8 + r*8} }
