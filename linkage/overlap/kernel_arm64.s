//go:build !purego

#include "textflag.h"

// Four rows meet a block of eight filters at once. Word by word, the eight filters' words
// fill V16-V19 and each row's word both halves of one of V20-V23; the ones of each byte of
// their XOR are added up in V0-V15, four registers to a row. After at most 31 words, before
// a byte can overflow, they are added across into V28-V31: sixteen bits for each filter, a
// register to a row, filters in order.

// UADDLP Vn.16B, Vn.8H: pairs of bytes to sixteen bits (Arm ARM C7.2.344). The assembler
// does not know it.
#define UADDLP(n) WORD $(0x6e202800 | (n)<<5 | (n))

#define CLEAR(a, b, c, d) \
	VEOR a.B16, a.B16, a.B16 \
	VEOR b.B16, b.B16, b.B16 \
	VEOR c.B16, c.B16, c.B16 \
	VEOR d.B16, d.B16, d.B16

#define CLEARBYTES \
	CLEAR(V0, V1, V2, V3)    \
	CLEAR(V4, V5, V6, V7)    \
	CLEAR(V8, V9, V10, V11)  \
	CLEAR(V12, V13, V14, V15)

#define CLEARSUMS CLEAR(V28, V29, V30, V31)

// ROW counts the word in V16-V19 against a row's.
#define ROW(row, a, b, c, d) \
	VEOR V16.B16, row.B16, V24.B16 \
	VEOR V17.B16, row.B16, V25.B16 \
	VEOR V18.B16, row.B16, V26.B16 \
	VEOR V19.B16, row.B16, V27.B16 \
	VCNT V24.B16, V24.B16          \
	VCNT V25.B16, V25.B16          \
	VCNT V26.B16, V26.B16          \
	VCNT V27.B16, V27.B16          \
	VADD V24.B16, a.B16, a.B16     \
	VADD V25.B16, b.B16, b.B16     \
	VADD V26.B16, c.B16, c.B16     \
	VADD V27.B16, d.B16, d.B16

// NEXTWORD counts one word for all rows and moves R8 and R9 on.
#define NEXTWORD \
	VLD1.P  64(R9), [V16.D2, V17.D2, V18.D2, V19.D2] \
	VLD4R.P 32(R8), [V20.D2, V21.D2, V22.D2, V23.D2] \
	ROW(V20, V0, V1, V2, V3)     \
	ROW(V21, V4, V5, V6, V7)     \
	ROW(V22, V8, V9, V10, V11)   \
	ROW(V23, V12, V13, V14, V15)

// ACROSS adds the byte counts of a row into its sums.
#define ACROSS(a, b, c, d, na, nb, nc, nd, sum) \
	UADDLP(na)                \
	UADDLP(nb)                \
	UADDLP(nc)                \
	UADDLP(nd)                \
	VADDP b.H8, a.H8, a.H8    \
	VADDP d.H8, c.H8, c.H8    \
	VADDP c.H8, a.H8, a.H8    \
	VADD  a.H8, sum.H8, sum.H8

#define ALLACROSS \
	ACROSS(V0, V1, V2, V3, 0, 1, 2, 3, V28)         \
	ACROSS(V4, V5, V6, V7, 4, 5, 6, 7, V29)         \
	ACROSS(V8, V9, V10, V11, 8, 9, 10, 11, V30)     \
	ACROSS(V12, V13, V14, V15, 12, 13, 14, 15, V31)

// ATLEAST sets lanes of to that are not less than the limit in a general register.
#define ATLEAST(sum, limit, to) \
	VDUP  limit, to.H8         \
	VUMAX sum.H8, to.H8, to.H8 \
	VCMEQ sum.H8, to.H8, to.H8

// EMIT writes a survivor for a row if some lane is below the limit over all words.
#define EMIT(row, sum, limit, skip) \
	ATLEAST(sum, limit, V24)   \
	VAND  V27.B16, V24.B16, V24.B16 \
	VADDV V24.H8, V24          \
	VMOV  V24.H[0], R15        \
	EOR   $255, R15, R15       \
	CBZ   R15, skip            \
	ORR   R7<<16, R15, R15     \
	ADD   $(row<<8), R15, R15  \
	MOVD  R15, (R6)            \
	ADD   $8, R6, R6           \
	VST1.P [sum.H8], 16(R6)

DATA ·laneBits<>+0(SB)/8, $0x0008000400020001
DATA ·laneBits<>+8(SB)/8, $0x0080004000200010
GLOBL ·laneBits<>(SB), RODATA|NOPTR, $16

// func scanNEON(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int
TEXT ·scanNEON(SB), NOSPLIT, $0-104
	MOVD rows_base+0(FP), R0
	MOVD blocks_base+24(FP), R1
	MOVD blocks_len+32(FP), R2
	ADD  R2<<3, R1, R2
	MOVD words+48(FP), R3
	MOVD check+56(FP), R4
	MOVD lim+64(FP), R5
	MOVD out_base+72(FP), R6
	MOVD ZR, R7
	LDP  (R5), (R20, R21)
	LDP  16(R5), (R22, R23)
	B    begin

block:
	MOVD R0, R8
	MOVD R1, R9
	MOVD R4, R10             // words to go
	MOVD ZR, R12             // 0 up to the checkpoint, 1 after it
	CLEARSUMS

count:
	CLEARBYTES
	MOVD $31, R11
	CMP  R11, R10
	CSEL LO, R10, R11, R11   // words until bytes could overflow
	SUB  R11, R10, R10

word:
	NEXTWORD
	SUBS $1, R11, R11
	BNE  word
	ALLACROSS
	CBNZ R10, count
	CBNZ R12, all

	ATLEAST(V28, R20, V24)
	ATLEAST(V29, R21, V25)
	ATLEAST(V30, R22, V26)
	ATLEAST(V31, R23, V27)
	VAND V24.B16, V25.B16, V16.B16
	VAND V26.B16, V27.B16, V17.B16
	VAND V16.B16, V17.B16, V16.B16
	VMOV V16.D[0], R15
	VMOV V16.D[1], R16
	AND  R15, R16
	CMN  $1, R16
	BEQ  next                // every lane of every row is at its limit already
	MOVD $1, R12
	SUBS R4, R3, R10
	BNE  count               // R8 and R9 stand after the checkpoint

all:
	MOVD $·laneBits<>(SB), R15
	VLD1 (R15), [V27.H8]
	EMIT(0, V28, R20, row1)

row1:
	EMIT(1, V29, R21, row2)

row2:
	EMIT(2, V30, R22, row3)

row3:
	EMIT(3, V31, R23, next)

next:
	ADD R3<<6, R1, R1
	ADD $1, R7, R7

begin:
	CMP  R1, R2
	BNE  block
	MOVD out_base+72(FP), R8
	SUB  R8, R6, R6
	MOVD $24, R8             // the size of a survivor
	UDIV R8, R6, R6
	MOVD R6, ret+96(FP)
	RET

// func countNEON(rows, blocks []uint64, words int, ones *[group]uint64, laneOnes, dst []uint16, stride int)
TEXT ·countNEON(SB), NOSPLIT, $0-120
	MOVD rows_base+0(FP), R0
	MOVD blocks_base+24(FP), R1
	MOVD blocks_len+32(FP), R2
	ADD  R2<<3, R1, R2
	MOVD words+48(FP), R3
	MOVD ones+56(FP), R5
	MOVD laneOnes_base+64(FP), R6
	MOVD dst_base+88(FP), R7
	MOVD stride+112(FP), R4
	LSL  $1, R4, R4
	LDP  (R5), (R20, R21)
	LDP  16(R5), (R22, R23)
	B    begin

block:
	MOVD R0, R8
	MOVD R1, R9
	MOVD R3, R10
	CLEARSUMS

count:
	CLEARBYTES
	MOVD $31, R11
	CMP  R11, R10
	CSEL LO, R10, R11, R11
	SUB  R11, R10, R10

word:
	NEXTWORD
	SUBS $1, R11, R11
	BNE  word
	ALLACROSS
	CBNZ R10, count

	// (ones of the row + ones of the filter - differing) / 2
	VLD1.P 16(R6), [V16.H8]
	VDUP   R20, V20.H8
	VDUP   R21, V21.H8
	VDUP   R22, V22.H8
	VDUP   R23, V23.H8
	VADD   V16.H8, V20.H8, V20.H8
	VADD   V16.H8, V21.H8, V21.H8
	VADD   V16.H8, V22.H8, V22.H8
	VADD   V16.H8, V23.H8, V23.H8
	VSUB   V28.H8, V20.H8, V20.H8
	VSUB   V29.H8, V21.H8, V21.H8
	VSUB   V30.H8, V22.H8, V22.H8
	VSUB   V31.H8, V23.H8, V23.H8
	VUSHR  $1, V20.H8, V20.H8
	VUSHR  $1, V21.H8, V21.H8
	VUSHR  $1, V22.H8, V22.H8
	VUSHR  $1, V23.H8, V23.H8
	MOVD   R7, R8
	VST1   [V20.H8], (R8)
	ADD    R4, R8, R8
	VST1   [V21.H8], (R8)
	ADD    R4, R8, R8
	VST1   [V22.H8], (R8)
	ADD    R4, R8, R8
	VST1   [V23.H8], (R8)
	ADD    R3<<6, R1, R1
	ADD    $16, R7, R7

begin:
	CMP R1, R2
	BNE block
	RET
