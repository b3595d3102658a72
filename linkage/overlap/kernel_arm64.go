//go:build !purego

package overlap

// Every 64-bit ARM has these instructions, so there is nothing to ask the CPU.
//
// NEON counts the ones of bytes (VCNT), so that chained words would save nothing: the
// words are stored as they are.

func machineKernels() []*kernel {
	return []*kernel{{name: "neon", scan: scanNEON, count: countNEON}}
}

//go:noescape
func scanNEON(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

//go:noescape
func countNEON(rows, blocks []uint64, words int, ones *[group]uint64, laneOnes, dst []uint16, stride int)
