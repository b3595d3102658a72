// Command _asm writes the amd64 kernels of package overlap. It knows their contract
// (kernel.go there) and the instructions; it does not know what the counts are for.
//
//	go run . -kernel avx512 > ../kernel_avx512_amd64.s
//	go run . -kernel avx2 > ../kernel_avx2_amd64.s
//
// Registers are virtual and avo allocates them, which fails if a kernel needs more than
// there are: nothing is ever spilled.
package main

import (
	"flag"
	"fmt"
	"log"

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
	kernel := flag.String("kernel", "", "avx512 or avx2")
	flag.Parse()
	ConstraintExpr("!purego")
	switch *kernel {
	case "avx512":
		for check := 2; check <= unrolled; check++ {
			scanAVX512(check)
		}
		scanAVX512(0)
		countAVX512()
	case "avx2":
		for check := 2; check <= unrolled; check++ {
			scanAVX2(check)
		}
		scanAVX2(0)
		countAVX2(0)
		countAVX2(unrolled)
	default:
		log.Fatal("say which kernel: -kernel avx512 or -kernel avx2")
	}
	Generate()
}

const scanSignature = "func(rows []uint64, blocks []uint64, words int, check int, lim *[4]uint64, out []uint64) int"

const countSignature = "func(rows []uint64, blocks []uint64, words int, ones *[4]uint64, laneOnes []uint16, dst []uint16, stride int)"

// numbered is the name of a function for n unrolled words, or of the one that loops.
func numbered(name string, n int) string {
	if n == 0 {
		return name
	}
	return fmt.Sprintf("%s_%d", name, n)
}

// frame is what every scan keeps in general registers.
type frame struct {
	rows, blocks reg.GPVirtual
	end          Mem           // the end of the blocks
	runEnd       reg.GPVirtual // and of the run that is being scanned
	size         reg.GPVirtual // bytes of a block
	out          reg.GPVirtual
	block        reg.GPVirtual // the number of the block, times 2^32
	list         reg.GPVirtual // where the next block that comes near is noted
}

// run is how many blocks are scanned before those that came near are looked at again.
const run = 64

// scan writes what all scans have in common. prefix counts the words up to the checkpoint
// of the block at f.blocks for all rows, and returns, in 32 bits, bit 8·r+l for each lane l
// that comes near row r. all counts all words of a block for a row; it returns a mask of
// the lanes that are still under the limit, and what writes their counts.
//
// Whether a block comes near is as good as random, so that a branch on it would be guessed
// wrong each time. Instead every block and its lanes are written to a list, and the list
// moves on by one or not at all.
func (f *frame) scan(prefix func() reg.GPVirtual, all func(block, row reg.GPVirtual) (mask reg.GPVirtual, store func(Mem))) {
	list := AllocLocal(run * 8)
	f.list = GP64()
	JMP(LabelRef("scanned"))

	Label("run")
	LEAQ(list, f.list)
	MOVQ(f.size, f.runEnd)
	SHLQ(U8(6), f.runEnd) // times run
	ADDQ(f.blocks, f.runEnd)
	CMPQ(f.runEnd, f.end)
	CMOVQHI(f.end, f.runEnd)
	Label("block")
	near, step := prefix(), GP64()
	XORQ(step, step)
	TESTL(near.As32(), near.As32())
	SETNE(step.As8())
	ORQ(f.block, near)
	MOVQ(near, Mem{Base: f.list})
	LEAQ(Mem{Base: f.list, Index: step, Scale: 8}, f.list)
	one := GP64()
	MOVQ(U64(1<<32), one)
	ADDQ(one, f.block)
	ADDQ(f.size, f.blocks)
	CMPQ(f.blocks, f.runEnd)
	JNE(LabelRef("block"))

	Comment("look again at each row of each block that came near")
	entry := GP64()
	LEAQ(list, entry)
	JMP(LabelRef("nextnear"))
	Label("near")
	block, left := GP64(), GP64()
	MOVL(Mem{Base: entry}, left.As32())
	Label("row")
	row := GP64()
	BSFL(left.As32(), reg.ECX)
	MOVL(reg.ECX, row.As32())
	SHRL(U8(3), row.As32())
	ANDL(I8(-8), reg.ECX)
	lane := GP32()
	MOVL(U32(0xff), lane)
	SHLL(reg.CL, lane)
	NOTL(lane)
	ANDL(lane, left.As32())
	MOVL(Mem{Base: entry, Disp: 4}, block.As32())
	IMULQ(f.size, block)
	ADDQ(param("blocks", true), block)
	mask, store := all(block, row)
	TESTL(mask.As32(), mask.As32())
	JZ(LabelRef("nextrow"))
	store(Mem{Base: f.out, Disp: survivorCounts})
	Comment("where: block<<16 | row<<8 | mask")
	SHLL(U8(8), row.As32())
	ORL(row.As32(), mask.As32())
	MOVL(Mem{Base: entry, Disp: 4}, block.As32())
	SHLQ(U8(16), block)
	ORQ(block, mask)
	MOVQ(mask, Mem{Base: f.out})
	ADDQ(U8(survivorSize), f.out)
	Label("nextrow")
	TESTL(left.As32(), left.As32())
	JNZ(LabelRef("row"))
	ADDQ(U8(8), entry)
	Label("nextnear")
	CMPQ(entry, f.list)
	JNE(LabelRef("near"))

	Label("scanned")
	CMPQ(f.blocks, f.end)
	JNE(LabelRef("run"))

	n, third := GP64(), GP64()
	MOVQ(f.out, n)
	SUBQ(param("out", true), n)
	Comment("divide by the size of a survivor, 24: by 8, and by 3 with its inverse in 64 bits")
	SHRQ(U8(3), n)
	MOVQ(U64(0xaaaaaaaaaaaaaaab), third)
	IMULQ(third, n)
	Store(n, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

func loadFrame() *frame {
	f := &frame{
		rows:   param("rows", true),
		blocks: param("blocks", true),
		end:    AllocLocal(8),
		runEnd: GP64(),
		size:   param("words", false),
		out:    param("out", true),
		block:  GP64(),
	}
	end := GP64()
	Load(Param("blocks").Len(), end)
	SHLQ(U8(3), end)
	ADDQ(f.blocks, end)
	MOVQ(end, f.end)
	SHLQ(U8(6), f.size)
	XORQ(f.block, f.block)
	return f
}

// param loads a parameter, or the base of one that is a slice.
func param(name string, slice bool) reg.GPVirtual {
	to := GP64()
	if slice {
		Load(Param(name).Base(), to)
	} else {
		Load(Param(name), to)
	}
	return to
}

// word is word w of the block at base.
func word(base reg.Register, w int) Mem { return Mem{Base: base, Disp: w * lanes * 8} }

// rowWord is word w of row r of the group at base.
func rowWord(base reg.Register, w, r int) Mem { return Mem{Base: base, Disp: w*group*8 + r*8} }
