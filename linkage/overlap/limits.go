package overlap

// Dice ≥ t in terms of the bits that differ. With p and q ones, c in common and d
// different, p+q = 2c+d, and
//
//	2c/(p+q) ≥ t  ⇔  c ≥ need(p+q) = ⌈t(p+q)/2⌉  ⇔  d ≤ (p+q) - 2·need(p+q)
//
// so both bounds are functions of the sum p+q alone, worked out once for each sum.
type bounds struct {
	t    Ratio
	bits int
	need []uint16 // by sum: the fewest bits in common that reach t; at least 1
	// limit by sum: one more than the most bits that may differ for this sum or any
	// smaller one; 0 if none may. The running maximum is there because rounding need up
	// makes the bound go down by one now and then, and a tile is held to the bound of
	// its largest sum.
	limit []uint16
}

func newBounds(t Ratio, bits int) *bounds {
	b := &bounds{t, bits, make([]uint16, 2*bits+1), make([]uint16, 2*bits+1)}
	num, den := uint64(t.Num), uint64(t.Den)
	highest := 0
	for sum := range b.need {
		need := max(1, int((num*uint64(sum)+2*den-1)/(2*den)))
		highest = max(highest, sum-2*need+1)
		b.need[sum], b.limit[sum] = uint16(need), uint16(highest)
	}
	return b
}

// reach gives the least and the most ones that a filter can have to reach t with one
// of p ones: the common bits are at most the smaller of the two. An empty filter
// reaches none, and the range is empty.
func (b *bounds) reach(p int) (least, most int) {
	if p == 0 {
		return 1, 0
	}
	// 2q/(p+q) ≥ t ⇔ q ≥ tp/(2-t), and 2p/(p+q) ≥ t ⇔ q ≤ p(2-t)/t.
	num, rest := uint64(b.t.Num), 2*uint64(b.t.Den)-uint64(b.t.Num)
	least = int((num*uint64(p) + rest - 1) / rest)
	return least, int(min(uint64(b.bits), uint64(p)*rest/num))
}
