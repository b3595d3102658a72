package overlap

// A kernel is one implementation of the two loops that all the time goes into. Every
// kernel has the same contract and runs the same tests; the best one that the machine
// has is picked once, at start-up, and the Go one is always there.
//
// Both loops take a group of four rows and a run of blocks of eight filters:
//
//	rows    words×4: word w of row r is rows[w*4+r]
//	blocks  n×words×8: word w of lane l of block k is blocks[(k*words+w)*8+l]
//
// With stored words w[0], w[1], …, a kernel for which chained is true is given, on both
// sides, P[k] = w[0]^…^w[k] in their place. For t[k], the XOR of two such sequences, and
// x[k], the XOR of the two filters' own words, t[k-1], x[k] and x[k+1] go through a full
// adder whose sum is t[k+1], already there, and whose carry is
//
//	carry(t[k-1], t[k], t[k+1]) = (t[k-1] | t[k]) &^ (t[k] & t[k+1])
//
// (majority of t[k-1], t[k-1]^t[k] and t[k]^t[k+1], by its truth table). So the bits that
// differ are popcount(t[last]) + 2·Σ popcount(carry) over every second k: nine popcounts
// for sixteen words, and one three-input operation for each carry.
type kernel struct {
	name    string
	chained bool

	// scan looks for pairs that differ in few bits. For each block, then each row r: if at
	// least one lane differs from the row in fewer than lim[r] bits, a survivor is written
	// to out. A limit of 0 passes nothing. check, from 1 to words, is the number of words
	// after which a kernel may leave a row and a block if no lane is still under the limit;
	// it does not change what is written. Returns the number of survivors; out must have
	// room for four a block.
	scan func(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int

	// count writes the bits in common of row r and lane l of block k to dst[r*stride+k*8+l].
	// ones has the ones of each row, laneOnes those of each lane of each block.
	count func(rows, blocks []uint64, words int, ones *[group]uint64, laneOnes, dst []uint16, stride int)
}

const (
	lanes = 8 // filters to a block
	group = 4 // rows that meet a block at once
)

// limits of a group of rows against one tile: one more than the bits that may differ.
type limits = [group]uint64

// A survivor is a row and a block with at least one lane under the row's limit.
// The assembly knows its layout: 8 bytes, then 16.
type survivor struct {
	where  uint64        // block<<16 | row<<8 | mask; bit l of mask is set if lane l is under the limit
	differ [lanes]uint16 // the bits in which each lane differs from the row, over all words
}

func (s *survivor) block() int { return int(s.where >> 16) }
func (s *survivor) row() int   { return int(s.where >> 8 & 0xff) }
func (s *survivor) mask() uint { return uint(s.where & 0xff) }

// kernels lists what this machine can run, best first; the last is always the Go one.
// active is the one that filters are prepared for: only tests set it to another.
var (
	kernels = append(machineKernels(), &kernel{name: "go", scan: scanGo, count: countGo})
	active  = kernels[0]
)

// Kernel names the implementation in use: "avx512", "avx2", "neon" or "go".
func Kernel() string { return active.name }
