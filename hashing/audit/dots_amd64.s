//go:build !purego

#include "textflag.h"

// SUM adds up the eight lanes of Y(n), X(n) being its lower half, as sum8 does, and stores it.
#define SUM(y, x, at) \
	VEXTRACTF128 $1, y, X14; \
	VADDPS       X14, x, x; \
	VMOVHLPS     x, x, X14; \
	VADDPS       X14, x, x; \
	VMOVSHDUP    x, X14; \
	VADDSS       X14, x, x; \
	VMOVSS       x, at(DI)

// func dotsAVX2(x *[4]*float32, y *[2]*float32, n int, out *[8]float32)
// Requires: AVX
TEXT ·dotsAVX2(SB), NOSPLIT, $0-32
	MOVQ   x+0(FP), AX
	MOVQ   0(AX), R8
	MOVQ   8(AX), R9
	MOVQ   16(AX), R10
	MOVQ   24(AX), R11
	MOVQ   y+8(FP), AX
	MOVQ   0(AX), R12
	MOVQ   8(AX), R13
	MOVQ   n+16(FP), CX
	MOVQ   out+24(FP), DI
	XORQ   BX, BX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7

next:
	VMOVUPS (R12)(BX*4), Y8
	VMOVUPS (R13)(BX*4), Y9
	VMOVUPS (R8)(BX*4), Y10
	VMULPS  Y8, Y10, Y11
	VMULPS  Y9, Y10, Y12
	VADDPS  Y11, Y0, Y0
	VADDPS  Y12, Y1, Y1
	VMOVUPS (R9)(BX*4), Y13
	VMULPS  Y8, Y13, Y14
	VMULPS  Y9, Y13, Y15
	VADDPS  Y14, Y2, Y2
	VADDPS  Y15, Y3, Y3
	VMOVUPS (R10)(BX*4), Y10
	VMULPS  Y8, Y10, Y11
	VMULPS  Y9, Y10, Y12
	VADDPS  Y11, Y4, Y4
	VADDPS  Y12, Y5, Y5
	VMOVUPS (R11)(BX*4), Y13
	VMULPS  Y8, Y13, Y14
	VMULPS  Y9, Y13, Y15
	VADDPS  Y14, Y6, Y6
	VADDPS  Y15, Y7, Y7
	ADDQ    $8, BX
	CMPQ    BX, CX
	JLT     next

	SUM(Y0, X0, 0)
	SUM(Y1, X1, 4)
	SUM(Y2, X2, 8)
	SUM(Y3, X3, 12)
	SUM(Y4, X4, 16)
	SUM(Y5, X5, 20)
	SUM(Y6, X6, 24)
	SUM(Y7, X7, 28)
	VZEROUPPER
	RET
