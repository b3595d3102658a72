//go:build !purego

package overlap

import "golang.org/x/sys/cpu"

// The assembly is generated, by avo, in a module of its own.
//
//go:generate sh -c "cd _asm && go run . -kernel avx512 > ../kernel_avx512_amd64.s && go run . -kernel avx2 > ../kernel_avx2_amd64.s"

// Up to sixteen words a checkpoint has a scan of its own, with its words unrolled and
// kept in registers; later ones, and the end of longer filters, share a scan that loops.

func machineKernels() (k []*kernel) {
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VPOPCNTDQ {
		k = append(k, &kernel{name: "avx512", chained: true, scan: byCheckpoint(scansAVX512, scanAVX512), count: countAVX512})
	}
	if cpu.X86.HasAVX2 {
		k = append(k, &kernel{name: "avx2", chained: true, scan: byCheckpoint(scansAVX2, scanAVX2), count: countByLengthAVX2})
	}
	return k
}

type scanFunc = func(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

// byCheckpoint is the scan that hands each call to the one unrolled for its checkpoint.
func byCheckpoint(unrolled [17]scanFunc, loop scanFunc) scanFunc {
	return func(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int {
		if check < len(unrolled) && unrolled[check] != nil {
			return unrolled[check](rows, blocks, words, check, lim, out)
		}
		return loop(rows, blocks, words, check, lim, out)
	}
}

// countByLengthAVX2 has the commonest length, 1,024 bits, unrolled.
func countByLengthAVX2(rows, blocks []uint64, words int, ones *[group]uint64, laneOnes, dst []uint16, stride int) {
	if words == 16 {
		countAVX2_16(rows, blocks, words, ones, laneOnes, dst, stride)
	} else {
		countAVX2(rows, blocks, words, ones, laneOnes, dst, stride)
	}
}

var scansAVX512 = [17]scanFunc{
	2:  scanAVX512_2,
	3:  scanAVX512_3,
	4:  scanAVX512_4,
	5:  scanAVX512_5,
	6:  scanAVX512_6,
	7:  scanAVX512_7,
	8:  scanAVX512_8,
	9:  scanAVX512_9,
	10: scanAVX512_10,
	11: scanAVX512_11,
	12: scanAVX512_12,
	13: scanAVX512_13,
	14: scanAVX512_14,
	15: scanAVX512_15,
	16: scanAVX512_16,
}

var scansAVX2 = [17]scanFunc{
	2:  scanAVX2_2,
	3:  scanAVX2_3,
	4:  scanAVX2_4,
	5:  scanAVX2_5,
	6:  scanAVX2_6,
	7:  scanAVX2_7,
	8:  scanAVX2_8,
	9:  scanAVX2_9,
	10: scanAVX2_10,
	11: scanAVX2_11,
	12: scanAVX2_12,
	13: scanAVX2_13,
	14: scanAVX2_14,
	15: scanAVX2_15,
	16: scanAVX2_16,
}

//go:noescape
func scanAVX512(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_2(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_3(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_4(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_5(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_6(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_7(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_8(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_9(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_10(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_11(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_12(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_13(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_14(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_15(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX512_16(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func countAVX512(rows, blocks []uint64, words int, ones *[group]uint64, laneOnes, dst []uint16, stride int)

//go:noescape
func scanAVX2(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_2(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_3(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_4(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_5(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_6(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_7(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_8(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_9(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_10(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_11(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_12(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_13(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_14(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_15(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func scanAVX2_16(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func countAVX2(rows, blocks []uint64, words int, ones *[group]uint64, laneOnes, dst []uint16, stride int)

//go:noescape
func countAVX2_16(rows, blocks []uint64, words int, ones *[group]uint64, laneOnes, dst []uint16, stride int)
