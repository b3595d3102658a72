package overlap

import "math/bits"

// scanGo and countGo are the twins of the assembly in plain Go. They keep the eight
// counts of a block in registers and read each word of the row once for all eight,
// which is what makes them twice as fast as a loop over pairs. Chaining would only cost
// them: a popcount is one instruction here.

func scanGo(rows, blocks []uint64, words, check int, lim *limits, out []survivor) int {
	n := 0
	for k := 0; len(blocks) > 0; k++ {
		block := blocks[:words*lanes]
		blocks = blocks[words*lanes:]
		for r := range group {
			if lim[r] == 0 {
				continue
			}
			var differ [lanes]uint64
			differences(rows[r:], block[:check*lanes], &differ)
			if under(&differ, lim[r]) == 0 {
				continue
			}
			if check < words {
				differences(rows[check*group+r:], block[check*lanes:], &differ)
			}
			mask := under(&differ, lim[r])
			if mask == 0 {
				continue
			}
			s := &out[n]
			n++
			s.where = uint64(k)<<16 | uint64(r)<<8 | mask
			for l, d := range differ {
				s.differ[l] = uint16(d)
			}
		}
	}
	return n
}

func countGo(rows, blocks []uint64, words int, ones *[group]uint64, laneOnes []uint16, dst []uint16, stride int) {
	for k := 0; len(blocks) > 0; k++ {
		block := blocks[:words*lanes]
		blocks = blocks[words*lanes:]
		q := (*[lanes]uint16)(laneOnes[k*lanes:])
		for r := range group {
			var differ [lanes]uint64
			differences(rows[r:], block, &differ)
			d := (*[lanes]uint16)(dst[r*stride+k*lanes:])
			for l := range d {
				d[l] = uint16((ones[r] + uint64(q[l]) - differ[l]) / 2)
			}
		}
	}
}

// differences adds to sum the bits in which each lane of the words in block differs
// from every fourth word of row.
func differences(row, block []uint64, sum *[lanes]uint64) {
	c0, c1, c2, c3 := sum[0], sum[1], sum[2], sum[3]
	c4, c5, c6, c7 := sum[4], sum[5], sum[6], sum[7]
	for i := 0; len(block) >= lanes; i += group {
		a, b := row[i], (*[lanes]uint64)(block)
		c0 += uint64(bits.OnesCount64(a ^ b[0]))
		c1 += uint64(bits.OnesCount64(a ^ b[1]))
		c2 += uint64(bits.OnesCount64(a ^ b[2]))
		c3 += uint64(bits.OnesCount64(a ^ b[3]))
		c4 += uint64(bits.OnesCount64(a ^ b[4]))
		c5 += uint64(bits.OnesCount64(a ^ b[5]))
		c6 += uint64(bits.OnesCount64(a ^ b[6]))
		c7 += uint64(bits.OnesCount64(a ^ b[7]))
		block = block[lanes:]
	}
	*sum = [lanes]uint64{c0, c1, c2, c3, c4, c5, c6, c7}
}

// under returns the lanes, as a mask, whose count is less than the limit.
func under(count *[lanes]uint64, limit uint64) (mask uint64) {
	for l, c := range count {
		// Both are far below 2^63, so the sign of the difference is the answer, without
		// a branch that would be guessed wrong.
		mask |= (c - limit) >> 63 << l
	}
	return mask
}
