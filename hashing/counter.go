package hashing

// levels bounds the counts of a counter: fields of 256 bytes, 32 of them, at eight votes a
// token.
const levels = 20

// numbers are slices of words, by what a bit in them is worth: 2^level.
type numbers [levels][][]uint64

// A counter counts how many of some slices of words have each bit set, for 64 bits at a
// time: counts stand upright, their binary digits in as many words ("vertical counters"), and
// are added by carry-save adders (Warren, Hacker's Delight, 2nd edition, 5-1).
// It keeps its memory from count to count.
type counter struct {
	class, total numbers
	length       int        // of the slices, in words
	spare        [][]uint64 // slices for sums and carries
	used         int        // of these
}

// begin forgets what was counted.
func (c *counter) begin(length int) {
	if length != c.length {
		c.length, c.spare = length, nil
	}
	c.used = 0
	for level := range levels {
		c.class[level], c.total[level] = c.class[level][:0], c.total[level][:0]
	}
}

func (c *counter) take() []uint64 {
	if c.used == len(c.spare) {
		c.spare = append(c.spare, make([]uint64, c.length))
	}
	c.used++
	return c.spare[c.used-1]
}

// reduce adds up, until no level has more than one slice. It does not change
// what the slices hold.
func (c *counter) reduce(n *numbers) {
	for level := 0; level < levels; level++ {
		for len(n[level]) > 1 {
			in := n[level]
			rest := max(0, len(in)-7)
			if len(in) < 7 {
				rest = max(0, len(in)-3)
			}
			ones, twos := c.take(), c.take()
			switch many := in[rest:]; len(many) {
			case 7:
				fours := c.take()
				addSeven((*[7][]uint64)(many), ones, twos, fours)
				n[level+2] = append(n[level+2], fours)
			case 3:
				addThree(many[0], many[1], many[2], ones, twos)
			default:
				addTwo(many[0], many[1], ones, twos)
			}
			n[level] = append(in[:rest], ones)
			n[level+1] = append(n[level+1], twos)
		}
	}
}

// addSeven counts seven slices into binary digits, as four full adders.
func addSeven(in *[7][]uint64, ones, twos, fours []uint64) {
	n := len(ones)
	a, b, c, d, e, f, g := in[0][:n], in[1][:n], in[2][:n], in[3][:n], in[4][:n], in[5][:n], in[6][:n]
	twos, fours = twos[:n], fours[:n]
	for i := range ones {
		ab := a[i] ^ b[i]
		abc, t1 := ab^c[i], a[i]&b[i]|ab&c[i]
		de := d[i] ^ e[i]
		def, t2 := de^f[i], d[i]&e[i]|de&f[i]
		x := abc ^ def
		ones[i] = x ^ g[i]
		t3 := abc&def | x&g[i]
		y := t1 ^ t2
		twos[i] = y ^ t3
		fours[i] = t1&t2 | y&t3
	}
}

// addThree is one full adder.
func addThree(a, b, c, ones, twos []uint64) {
	n := len(ones)
	a, b, c, twos = a[:n], b[:n], c[:n], twos[:n]
	for i := range ones {
		ab := a[i] ^ b[i]
		ones[i], twos[i] = ab^c[i], a[i]&b[i]|ab&c[i]
	}
}

// addTwo is one half adder.
func addTwo(a, b, ones, twos []uint64) {
	n := len(ones)
	a, b, twos = a[:n], b[:n], twos[:n]
	for i := range ones {
		ones[i], twos[i] = a[i]^b[i], a[i]&b[i]
	}
}
