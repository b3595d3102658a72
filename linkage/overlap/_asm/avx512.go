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
	TEXT(numbered("scanAVX512", check), NOSPLIT, scanSignature)
	f := loadFrame()
	lim := param("lim", false)
	var limit [group]reg.VecVirtual
	for r := range limit {
		limit[r] = ZMM()
		VPBROADCASTQ(Mem{Base: lim, Disp: r * 8}, limit[r])
	}
	f.scan(func() reg.GPVirtual {
		var differ [group]reg.VecVirtual
		if check > 0 {
			differ = prefixUnrolled(f, check)
		} else {
			differ = prefixLoop(f.blocks, f.rows, param("check", false), "prefix")
		}
		var under [group]reg.OpmaskVirtual
		for r := range group {
			under[r] = K()
			VPCMPUQ(U8(lessThan), limit[r], differ[r], under[r])
		}
		KUNPCKBW(under[0], under[1], under[1])
		KUNPCKBW(under[2], under[3], under[3])
		KUNPCKWD(under[1], under[3], under[3])
		near := GP64()
		KMOVD(under[3], near.As32())
		return near
	}, func(block, row reg.GPVirtual) (reg.GPVirtual, func(Mem)) {
		sum := oneRowAVX512(f, block, row)
		under, mask := K(), GP64()
		VPCMPUQ_BCST(U8(lessThan), Mem{Base: param("lim", false), Index: row, Scale: 8}, sum, under)
		KMOVW(under, mask.As32())
		return mask, func(counts Mem) { VPMOVQW(sum, counts) }
	})
}

// oneRowAVX512 counts all words of a block for one row. It destroys block.
func oneRowAVX512(f *frame, block, row reg.GPVirtual) (differ reg.VecVirtual) {
	c := chainAVX512{last: ZMM(), carries: ZMM(), any: true}
	VPXORQ(c.last, c.last, c.last)
	VPXORQ(c.carries, c.carries, c.carries)
	at, rows, n := block, GP64(), param("words", false)
	LEAQ(Mem{Base: f.rows, Index: row, Scale: 8}, rows)
	TESTQ(U32(1), n)
	JZ(LabelRef("alleven"))
	xorAVX512(word(at, 0), rowWord(rows, 0, 0), c.last)
	ADDQ(U8(lanes*8), at)
	ADDQ(U8(group*8), rows)
	DECQ(n)
	JZ(LabelRef("alldone"))
	Label("alleven")
	last := c.last
	c.two(word(at, 0), word(at, 1), rowWord(rows, 0, 0), rowWord(rows, 1, 0))
	VMOVDQA64(c.last, last)
	c.last = last
	ADDQ(U8(2*lanes*8), at)
	ADDQ(U8(2*group*8), rows)
	SUBQ(U8(2), n)
	JNZ(LabelRef("alleven"))
	Label("alldone")
	return c.sum()
}

func countAVX512() {
	TEXT("countAVX512", NOSPLIT, countSignature)
	rows, blocks := param("rows", true), param("blocks", true)
	end := GP64()
	Load(Param("blocks").Len(), end)
	size, ones, laneOnes := param("words", false), param("ones", false), param("laneOnes", true)
	dst, stride := param("dst", true), param("stride", false)
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
