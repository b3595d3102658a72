package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The AVX2 kernels hold half a block's word, four filters, in a register. There is no
// popcount: each nibble is looked up (Muła, Kurz and Lemire, "Faster population counts
// using AVX2 instructions", 2018, section 3.1), in a table that gives a carry its weight
// of two, and the bytes are added up across a filter's word only at the end. Their
// Harley-Seal adder tree (section 3.2) comes after; chained words give its first level for
// three operations instead of five.
//
// At 1,024 bits half a block takes 16 XORs, 8 carries of 3 operations, 4 full adders of 5
// and 5 popcounts of 7: 95 operations for four pairs. Started four a cycle, that would be
// 5.9 cycles a pair.

// tablesAVX2 are the constants that a kernel keeps in registers: the ones of each nibble,
// times one and times two, and a mask of the lower nibbles.
type tablesAVX2 struct{ ones, twos, nibble reg.VecVirtual }

func loadTablesAVX2() *tablesAVX2 {
	t := &tablesAVX2{YMM(), YMM(), YMM()}
	VBROADCASTI128(weighted(1), t.ones)
	VBROADCASTI128(weighted(2), t.twos)
	VBROADCASTI128(table("lowNibble", func(int) int { return 0x0f }), t.nibble)
	return t
}

// weight is the table that counts the ones of each nibble times w. Those that are rarely
// needed are not kept in a register.
func (t *tablesAVX2) weight(w int) reg.VecVirtual {
	switch w {
	case 1:
		return t.ones
	case 2:
		return t.twos
	}
	x := YMM()
	VBROADCASTI128(weighted(w), x)
	return x
}

func weighted(w int) Mem {
	return table(fmt.Sprintf("onesTimes%d", w), func(i int) int { return w * onesIn(i) })
}

var tables = map[string]Mem{}

// table is sixteen bytes of constant data.
func table(name string, of func(i int) int) Mem {
	if _, ok := tables[name]; !ok {
		tables[name] = GLOBL(name, RODATA|NOPTR)
		for i := range 16 {
			DATA(i, U8(of(i)))
		}
	}
	return tables[name]
}

func onesIn(i int) int { return i&1 + i>>1&1 + i>>2&1 + i>>3&1 }

// stepAVX2 is how many words are counted before byte counts are widened: eight ones in
// each byte of sixteen words stay within a byte.
const stepAVX2 = 16

// chainAVX2 is the state of one row's count against half a block.
type chainAVX2 struct {
	*tablesAVX2
	half    int
	last    reg.VecVirtual      // the last chained word
	pending [5][]reg.VecVirtual // not yet counted, by the logarithm of what each bit weighs
}

// add takes in x, whose bits weigh 1<<log. Three of a weight go through a full adder.
func (c *chainAVX2) add(x reg.VecVirtual, log int) {
	p := append(c.pending[log], x)
	if len(p) == 3 {
		// sum = a^b^c, carry = a&b | (a^b)&c
		odd, carry := YMM(), YMM()
		VPXOR(p[0], p[1], odd)
		VPAND(p[0], p[1], carry)
		sum := YMM()
		VPXOR(odd, p[2], sum)
		VPAND(odd, p[2], odd)
		VPOR(odd, carry, carry)
		c.add(carry, log+1)
		p = []reg.VecVirtual{sum}
	}
	c.pending[log] = p
}

// bytes counts what is pending, byte by byte, and leaves nothing.
func (c *chainAVX2) bytes() (sum reg.VecVirtual) {
	for log, p := range c.pending {
		for _, x := range p {
			low, weights := YMM(), c.weight(1<<log)
			VPAND(x, c.nibble, low)
			VPSRLW(U8(4), x, x)
			VPAND(x, c.nibble, x)
			VPSHUFB(low, weights, low)
			VPSHUFB(x, weights, x)
			if sum == nil {
				sum = low
			} else {
				VPADDB(low, sum, sum)
			}
			VPADDB(x, sum, sum)
		}
		c.pending[log] = nil
	}
	return sum
}

// xor is the XOR of the chained word w of half a block and of a row.
func (c *chainAVX2) xor(at, row reg.GPVirtual, w int) reg.VecVirtual {
	x := YMM()
	VPBROADCASTQ(rowWord(row, w, 0), x)
	m := word(at, w)
	m.Disp += c.half * 32
	VPXOR(m, x, x)
	return x
}

// two counts two more words.
func (c *chainAVX2) two(a, b reg.VecVirtual) {
	either, both := YMM(), YMM()
	VPOR(a, c.last, either)
	VPAND(a, b, both)
	VPANDN(either, both, either)
	c.add(either, 1)
	c.last = b
}

// sum is the bits that differ in each lane so far, in 64 bits. It destroys the state.
func (c *chainAVX2) sum() reg.VecVirtual {
	c.add(c.last, 0)
	zero, sum := YMM(), c.bytes()
	VPXOR(zero, zero, zero)
	VPSADBW(sum, zero, sum)
	return sum
}

// unrolledAVX2 counts the first check words of half a block for a row.
func (t *tablesAVX2) unrolledAVX2(at, row reg.GPVirtual, half, check int) reg.VecVirtual {
	c := &chainAVX2{tablesAVX2: t, half: half}
	c.last = c.xor(at, row, 0)
	w := 1
	for ; w+1 < check; w += 2 {
		c.two(c.xor(at, row, w), c.xor(at, row, w+1))
	}
	if w < check {
		next, carry := c.xor(at, row, w), YMM()
		VPANDN(c.last, next, carry)
		c.add(carry, 1)
		c.last = next
	}
	return c.sum()
}

// loopAVX2 counts the words of half a block for a row: as many as parameter n says.
func (t *tablesAVX2) loopAVX2(blocks, rows reg.GPVirtual, half int, n, label string) reg.VecVirtual {
	at, row, left := GP64(), GP64(), param(n, false)
	MOVQ(blocks, at)
	MOVQ(rows, row)
	c := &chainAVX2{tablesAVX2: t, half: half, last: YMM()}
	total, zero, last := YMM(), YMM(), c.last
	VPXOR(total, total, total)
	VPXOR(zero, zero, zero)
	VPXOR(last, last, last)

	TESTQ(U32(1), left)
	JZ(LabelRef(label + "even"))
	VMOVDQA(c.xor(at, row, 0), last)
	ADDQ(U8(lanes*8), at)
	ADDQ(U8(group*8), row)
	DECQ(left)
	step := func(words int) {
		for w := 0; w < words; w += 2 {
			c.two(c.xor(at, row, w), c.xor(at, row, w+1))
		}
		VMOVDQA(c.last, last)
		c.last = last
		sum := c.bytes()
		VPSADBW(sum, zero, sum)
		VPADDQ(sum, total, total)
		ADDQ(U32(words*lanes*8), at)
		ADDQ(U32(words*group*8), row)
	}
	Label(label + "even")
	SUBQ(U8(stepAVX2), left)
	JLT(LabelRef(label + "few"))
	Label(label + "many")
	step(stepAVX2)
	SUBQ(U8(stepAVX2), left)
	JGE(LabelRef(label + "many"))
	Label(label + "few")
	ADDQ(U8(stepAVX2), left)
	JZ(LabelRef(label + "done"))
	Label(label + "two")
	step(2)
	SUBQ(U8(2), left)
	JNZ(LabelRef(label + "two"))
	Label(label + "done")
	sum := c.sum()
	VPADDQ(total, sum, sum)
	return sum
}

// underAVX2 is a mask of the lanes whose count is less than the limit in every lane of
// another register.
func underAVX2(differ [2]reg.VecVirtual, limit reg.VecVirtual) reg.GPVirtual {
	mask, high := GP64(), GP64()
	for half, to := range []reg.GPVirtual{mask, high} {
		less := YMM()
		VPCMPGTQ(differ[half], limit, less)
		VMOVMSKPD(less, to.As32())
	}
	SHLL(U8(4), high.As32())
	ORL(high.As32(), mask.As32())
	return mask
}

// packAVX2 narrows eight counts to sixteen bits, in the order of the lanes. It destroys
// them.
func packAVX2(differ [2]reg.VecVirtual) reg.VecVirtual {
	low, high := differ[0], differ[1]
	// Each pack works within 128 bits, so after two of them the four quarters of the
	// result hold lanes 01 45 in the lower half and 23 67 in the upper.
	VPACKUSDW(high, low, low)
	VPACKUSDW(low, low, low)
	upper, packed := XMM(), XMM()
	VEXTRACTI128(U8(1), low, upper)
	VPUNPCKLDQ(upper, low.AsX(), packed)
	return packed
}

func scanAVX2(check int) {
	TEXT(numbered("scanAVX2", check), NOSPLIT, scanSignature)
	f := loadFrame()
	t := loadTablesAVX2()
	f.scan(func() reg.GPVirtual {
		near, row, limits, left := GP64(), GP64(), param("lim", false), GP64()
		MOVQ(f.rows, row)
		MOVQ(U32(group), left)
		XORQ(near, near)
		Label("prefixrow")
		var differ [2]reg.VecVirtual
		for half := range differ {
			if check > 0 {
				differ[half] = t.unrolledAVX2(f.blocks, row, half, check)
			} else {
				differ[half] = t.loopAVX2(f.blocks, row, half, "check", []string{"lower", "upper"}[half])
			}
		}
		limit := YMM()
		VPBROADCASTQ(Mem{Base: limits}, limit)
		mask := underAVX2(differ, limit)
		SHLL(U8(24), mask.As32())
		SHRL(U8(8), near.As32())
		ORL(mask.As32(), near.As32())
		ADDQ(U8(8), row)
		ADDQ(U8(8), limits)
		DECQ(left)
		JNZ(LabelRef("prefixrow"))
		return near
	}, func(block, row reg.GPVirtual) (reg.GPVirtual, func(Mem)) {
		at := GP64()
		LEAQ(Mem{Base: f.rows, Index: row, Scale: 8}, at)
		var differ [2]reg.VecVirtual
		for half := range differ {
			differ[half] = t.loopAVX2(block, at, half, "words", []string{"alllower", "allupper"}[half])
		}
		limit := YMM()
		VPBROADCASTQ(Mem{Base: param("lim", false), Index: row, Scale: 8}, limit)
		mask := underAVX2(differ, limit)
		return mask, func(counts Mem) { VMOVDQU(packAVX2(differ), counts) }
	})
}

// countAVX2 is for filters of any length, or of unrolled words if that is not 0.
func countAVX2(unrolled int) {
	TEXT(numbered("countAVX2", unrolled), NOSPLIT, countSignature)
	t := loadTablesAVX2()
	blocks, size := param("blocks", true), param("words", false)
	end := GP64()
	Load(Param("blocks").Len(), end)
	SHLQ(U8(3), end)
	ADDQ(blocks, end)
	SHLQ(U8(6), size)
	laneOnes, dst, stride := param("laneOnes", true), param("dst", true), param("stride", false)
	SHLQ(U8(1), stride)
	JMP(LabelRef("begin"))

	Label("block")
	row, ones, to, left := param("rows", true), param("ones", false), GP64(), GP64()
	MOVQ(dst, to)
	MOVQ(U32(group), left)
	Label("row")
	var differ [2]reg.VecVirtual
	for half := range differ {
		if unrolled > 0 {
			differ[half] = t.unrolledAVX2(blocks, row, half, unrolled)
		} else {
			differ[half] = t.loopAVX2(blocks, row, half, "words", []string{"lower", "upper"}[half])
		}
	}
	// (ones of the row + ones of the filter - differing) / 2, in sixteen bits.
	packed, sum := packAVX2(differ), XMM()
	VPBROADCASTW(Mem{Base: ones}, sum)
	VPADDW(Mem{Base: laneOnes}, sum, sum)
	VPSUBW(packed, sum, sum)
	VPSRLW(U8(1), sum, sum)
	VMOVDQU(sum, Mem{Base: to})
	ADDQ(U8(8), row)
	ADDQ(U8(8), ones)
	ADDQ(stride, to)
	DECQ(left)
	JNZ(LabelRef("row"))
	ADDQ(size, blocks)
	ADDQ(U8(lanes*2), laneOnes)
	ADDQ(U8(lanes*2), dst)
	Label("begin")
	CMPQ(blocks, end)
	JNE(LabelRef("block"))
	VZEROUPPER()
	RET()
}
