package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The AVX-512 kernels hold one word of a block's eight filters in a register, and XOR a
// row's word into it from memory, broadcast by the load itself. At 1,024 bits a pair of
// row and block takes 16 XORs, 8 carries, 9 popcounts and 9 additions: 42 operations, of
// which the CPUs at hand start two a cycle, so 2.6 cycles a pair.

// chainAVX512 is the state of a row's count: the last chained word, and the popcounts of
// the carries so far, which weigh two.
type chainAVX512 struct {
	last, carries reg.VecVirtual
	any           bool // carries holds something
}

// two counts two more words of a block.
func (c *chainAVX512) two(first, second Op, rowFirst, rowSecond Mem) {
	a, b := ZMM(), ZMM()
	xorAVX512(first, rowFirst, a)
	xorAVX512(second, rowSecond, b)
	VPTERNLOGQ(U8(carry), b, a, c.last)
	c.add(c.last)
	c.last = b
}

// add counts a carry, which it destroys.
func (c *chainAVX512) add(x reg.VecVirtual) {
	VPOPCNTQ(x, x)
	if !c.any {
		c.carries, c.any = x, true
		return
	}
	VPADDQ(x, c.carries, c.carries)
}

// sum is the number of bits that differ so far. It destroys the state.
func (c *chainAVX512) sum() reg.VecVirtual {
	ones := ZMM()
	VPOPCNTQ(c.last, ones)
	if c.any {
		VPADDQ(c.carries, c.carries, c.carries)
		VPADDQ(c.carries, ones, ones)
	}
	return ones
}

// xorAVX512 sets to to the XOR of eight filters' word, in a register or not, and a row's.
func xorAVX512(filters Op, row Mem, to reg.VecVirtual) {
	if m, ok := filters.(Mem); ok {
		VMOVDQU64(m, to)
		filters = to
	}
	VPXORQ_BCST(row, filters, to)
}

// prefixUnrolled counts the first check words of a block for all rows.
func prefixUnrolled(f *frame, check int) (differ [group]reg.VecVirtual) {
	filters := make([]reg.VecVirtual, check)
	for w := range filters {
		filters[w] = ZMM()
		VMOVDQU64(word(f.blocks, w), filters[w])
	}
	for r := range group {
		c := &chainAVX512{last: ZMM()}
		xorAVX512(filters[0], rowWord(f.rows, 0, r), c.last)
		w := 1
		for ; w+1 < check; w += 2 {
			c.two(filters[w], filters[w+1], rowWord(f.rows, w, r), rowWord(f.rows, w+1, r))
		}
		if w < check {
			// One word is left: a half adder's carry, last &^ next.
			next := ZMM()
			xorAVX512(filters[w], rowWord(f.rows, w, r), next)
			VPANDNQ(c.last, next, c.last)
			c.add(c.last)
			c.last = next
		}
		differ[r] = c.sum()
	}
	return differ
}

// prefixLoop counts the first n words of a block for all rows, eight at a time. It
// destroys n.
func prefixLoop(blocks, rows, n reg.GPVirtual, label string) (differ [group]reg.VecVirtual) {
	var c [group]chainAVX512
	for r := range c {
		c[r] = chainAVX512{last: ZMM(), carries: ZMM(), any: true}
		VPXORQ(c[r].last, c[r].last, c[r].last)
		VPXORQ(c[r].carries, c[r].carries, c[r].carries)
	}
	at, row := GP64(), GP64()
	MOVQ(blocks, at)
	MOVQ(rows, row)

	// Before the first word the chain is all zero, so an odd word can only be the first:
	// it is the chain itself.
	TESTQ(U32(1), n)
	JZ(LabelRef(label + "even"))
	for r := range c {
		xorAVX512(word(at, 0), rowWord(row, 0, r), c[r].last)
	}
	ADDQ(U8(lanes*8), at)
	ADDQ(U8(group*8), row)
	DECQ(n)

	step := func(words int) {
		filters := make([]reg.VecVirtual, words)
		for w := range filters {
			filters[w] = ZMM()
			VMOVDQU64(word(at, w), filters[w])
		}
		for r := range c {
			last := c[r].last
			for w := 0; w < words; w += 2 {
				c[r].two(filters[w], filters[w+1], rowWord(row, w, r), rowWord(row, w+1, r))
			}
			VMOVDQA64(c[r].last, last) // where the next turn of the loop looks for it
			c[r].last = last
		}
		ADDQ(U32(words*lanes*8), at)
		ADDQ(U32(words*group*8), row)
	}
	Label(label + "even")
	SUBQ(U8(8), n)
	JLT(LabelRef(label + "few"))
	Label(label + "eight")
	step(8)
	SUBQ(U8(8), n)
	JGE(LabelRef(label + "eight"))
	Label(label + "few")
	ADDQ(U8(8), n)
	JZ(LabelRef(label + "done"))
	Label(label + "two")
	step(2)
	SUBQ(U8(2), n)
	JNZ(LabelRef(label + "two"))
	Label(label + "done")
	for r := range c {
		differ[r] = c[r].sum()
	}
	return differ
}

func scanAVX512(check int) {
	TEXT(name("AVX512", check), NOSPLIT, scanSignature)
	f := loadFrame(check)
	var limit [group]reg.VecVirtual
	for r := range limit {
		limit[r] = ZMM()
		VPBROADCASTQ(Mem{Base: f.lim, Disp: r * 8}, limit[r])
	}
	saved := AllocLocal(group * 64)
	JMP(LabelRef("begin"))

	Label("block")
	var differ [group]reg.VecVirtual
	if check > 0 {
		differ = prefixUnrolled(f, check)
	} else {
		n := GP64()
		MOVQ(f.check, n)
		differ = prefixLoop(f.blocks, f.rows, n, "prefix")
	}
	var under [group]reg.OpmaskVirtual
	for r := range group {
		under[r] = K()
		VPCMPUQ(U8(lessThan), limit[r], differ[r], under[r])
	}
	KORW(under[0], under[1], under[1])
	KORW(under[2], under[3], under[3])
	KORTESTW(under[1], under[3])
	JNZ(LabelRef("near"))
	Label("next")
	ADDQ(f.size, f.blocks)
	INCQ(f.block)
	Label("begin")
	CMPQ(f.blocks, f.end)
	JNE(LabelRef("block"))
	f.finish()

	// Some row is near the block: count the rest of the words for each that is.
	Label("near")
	for r := range group {
		VMOVDQU64(differ[r], saved.Offset(r*64))
	}
	row := GP64()
	XORQ(row, row)
	Label("row")
	sum, some := ZMM(), K()
	VMOVDQU64(saved.Idx(row, 8), sum)
	VPCMPUQ_BCST(U8(lessThan), Mem{Base: f.lim, Index: row, Scale: 1}, sum, some)
	KORTESTW(some, some)
	JZ(LabelRef("nextrow"))
	restAVX512(f, row, sum)

	Comment("which lanes are under the limit of all words")
	lanesUnder, mask := K(), GP64()
	VPCMPUQ_BCST(U8(lessThan), Mem{Base: f.lim, Index: row, Scale: 1, Disp: group * 8}, sum, lanesUnder)
	KMOVW(lanesUnder, mask.As32())
	TESTL(mask.As32(), mask.As32())
	JZ(LabelRef("nextrow"))
	VPMOVQW(sum, Mem{Base: f.out, Disp: survivorCounts})
	f.survive(mask, row)
	Label("nextrow")
	ADDQ(U8(8), row)
	CMPQ(row, U8(group*8))
	JNE(LabelRef("row"))
	JMP(LabelRef("next"))
}

// restAVX512 adds to sum the bits that differ after the checkpoint. Up to there the sum
// holds popcount(last) + 2·carries; with more words the chain goes on from last, so its
// popcount is taken off again and that of the new last added.
func restAVX512(f *frame, row reg.GPVirtual, sum reg.VecVirtual) {
	at, rows, n := f.rest(row)
	TESTQ(n, n)
	JZ(LabelRef("counted"))
	last, carries, x := ZMM(), ZMM(), ZMM()
	VPXORQ(carries, carries, carries)
	xorAVX512(word(at, -1), rowWord(rows, -1, 0), last)

	Comment("an odd word counts for itself")
	TESTQ(U32(1), n)
	JZ(LabelRef("resteven"))
	next := ZMM()
	xorAVX512(word(at, 0), rowWord(rows, 0, 0), next)
	VPXORQ(next, last, x)
	VPOPCNTQ(x, x)
	VPADDQ(x, sum, sum)
	VMOVDQA64(next, last)
	ADDQ(U8(lanes*8), at)
	ADDQ(U8(group*8), rows)
	DECQ(n)

	Label("resteven")
	VPOPCNTQ(last, x)
	VPSUBQ(x, sum, sum)
	TESTQ(n, n)
	JZ(LabelRef("restdone"))
	Label("resttwo")
	a, b := ZMM(), ZMM()
	xorAVX512(word(at, 0), rowWord(rows, 0, 0), a)
	xorAVX512(word(at, 1), rowWord(rows, 1, 0), b)
	VPTERNLOGQ(U8(carry), b, a, last)
	VPOPCNTQ(last, last)
	VPADDQ(last, carries, carries)
	VMOVDQA64(b, last)
	ADDQ(U8(2*lanes*8), at)
	ADDQ(U8(2*group*8), rows)
	SUBQ(U8(2), n)
	JNZ(LabelRef("resttwo"))
	Label("restdone")
	VPOPCNTQ(last, last)
	VPADDQ(last, sum, sum)
	VPADDQ(carries, carries, carries)
	VPADDQ(carries, sum, sum)
	Label("counted")
}

func countAVX512() {
	TEXT("countAVX512", NOSPLIT, countSignature)
	rows := Load(Param("rows").Base(), GP64()).(reg.GPVirtual)
	blocks := Load(Param("blocks").Base(), GP64()).(reg.GPVirtual)
	end := Load(Param("blocks").Len(), GP64()).(reg.GPVirtual)
	size := Load(Param("words"), GP64()).(reg.GPVirtual)
	ones := Load(Param("ones"), GP64()).(reg.GPVirtual)
	laneOnes := Load(Param("laneOnes").Base(), GP64()).(reg.GPVirtual)
	dst := Load(Param("dst").Base(), GP64()).(reg.GPVirtual)
	stride := Load(Param("stride"), GP64()).(reg.GPVirtual)
	stride3 := GP64()
	SHLQ(U8(3), end)
	ADDQ(blocks, end)
	SHLQ(U8(6), size)
	SHLQ(U8(1), stride)
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	var rowOnes [group]reg.VecVirtual
	for r := range rowOnes {
		rowOnes[r] = XMM()
		VPBROADCASTW(Mem{Base: ones, Disp: r * 8}, rowOnes[r])
	}
	JMP(LabelRef("begin"))

	Label("block")
	n := GP64()
	MOVQ(size, n)
	SHRQ(U8(6), n)
	differ := prefixLoop(blocks, rows, n, "count")
	filterOnes := XMM()
	VMOVDQU64(Mem{Base: laneOnes}, filterOnes)
	to := []Mem{{Base: dst}, {Base: dst, Index: stride, Scale: 1}, {Base: dst, Index: stride, Scale: 2}, {Base: dst, Index: stride3, Scale: 1}}
	for r := range group {
		// (ones of the row + ones of the filter - differing) / 2, in sixteen bits.
		d, sum := XMM(), XMM()
		VPMOVQW(differ[r], d)
		VPADDW(rowOnes[r], filterOnes, sum)
		VPSUBW(d, sum, sum)
		VPSRLW(U8(1), sum, sum)
		VMOVDQU64(sum, to[r])
	}
	ADDQ(size, blocks)
	ADDQ(U8(lanes*2), laneOnes)
	ADDQ(U8(lanes*2), dst)
	Label("begin")
	CMPQ(blocks, end)
	JNE(LabelRef("block"))
	VZEROUPPER()
	RET()
}
