package linkage

// groups are records that are already joined, where persons are formed.
type groups struct {
	threshold, floor uint64 // in 1/scoreUnit

	// By record. A group goes by its smallest record.
	of    []int32
	size  []int32
	holds []uint64 // words of bits: the deduplicated parties that the group has a record of
	words int

	scratch []uint64
}

// newGroups has each record in a group of its own.
func newGroups(records []int, clean []bool, threshold, floor float64) *groups {
	n := records[len(records)-1]
	g := &groups{
		threshold: units(threshold), floor: units(floor),
		of: newForest(n), size: make([]int32, n), words: (len(clean) + 63) / 64,
	}
	g.holds, g.scratch = make([]uint64, n*g.words), make([]uint64, g.words)
	for p, is := range clean {
		for i := records[p]; i < records[p+1]; i++ {
			g.size[i] = 1
			if is {
				g.holds[i*g.words+p/64] = 1 << (p % 64)
			}
		}
	}
	return g
}

func (g *groups) meet(a, b int32) bool { return meet(g.holds, g.words, a, b) }

// meet reports whether a and b have a bit in common.
func meet(holds []uint64, words int, a, b int32) bool {
	if words == 1 {
		return holds[a]&holds[b] != 0
	}
	x, y := holds[int(a)*words:][:words], holds[int(b)*words:][:words]
	for k, w := range x {
		if w&y[k] != 0 {
			return true
		}
	}
	return false
}

// certain joins the records that any order of joining would put together before
// anything else happens to them, and returns the sets of records that are connected at the
// threshold: nothing outside a set is joined to any of it.
//
// Pairs are taken best first, and the records they connect are a set. Where every two
// records of a set have a pair, and no pair that connects the set with another is as good as
// the worst of its own, the average of any two parts of it is better than that
// of any part and something outside; so they are joined first, all of them. The person of
// most records is found so, whatever strangers it is a little like. And two such groups
// with a record of the same deduplicated party are never joined, nor is what they grow to;
// a pair between them says nothing and connects nothing.
func (g *groups) certain(pairs []Pair) forest {
	n := len(g.of)
	sets := newForest(n)
	ring := newForest(n) // of each record, the next one of its set, all around
	about := make([]setAbout, n)
	for i := range about {
		about[i].size = 1
	}
	for i := range pairs {
		p := &pairs[i]
		u := units(p.Score)
		if u < g.threshold {
			break
		}
		if g.meet(g.of[p.A], g.of[p.B]) {
			continue
		}
		a, b := sets.root(p.A), sets.root(p.B)
		if a == b {
			about[a].pairs++
		} else {
			again := false
			for _, set := range [...]int32{a, b} {
				if about[set].worst > u {
					g.joinSet(set, ring)
					about[set].worst, again = 0, true
				}
			}
			if again && g.meet(g.of[p.A], g.of[p.B]) {
				continue
			}
			ring[a], ring[b] = ring[b], ring[a]
			if b < a {
				a, b = b, a
			}
			sets[b] = a
			about[a].size += about[b].size
			about[a].pairs += about[b].pairs + 1
			about[a].worst = 0
		}
		if s := int64(about[a].size); s <= mostRecords && int64(about[a].pairs) == s*(s-1)/2 {
			about[a].worst = u
		}
	}
	for i := range sets {
		sets[i] = sets[sets[i]] // a set's smallest record comes first
		if about[i].worst > 0 && sets[i] == int32(i) {
			g.joinSet(int32(i), ring)
		}
	}
	return sets
}

// setAbout is what is known of a set of records that pairs connect.
type setAbout struct {
	worst uint64 // the worst of its pairs, where every two records have one; else 0
	size  int32
	pairs int32
}

// joinSet makes a group of a set, if no deduplicated party has two records in it.
func (g *groups) joinSet(set int32, ring []int32) {
	var size int32
	holds := g.scratch
	clear(holds)
	for i, from := set, true; from || i != set; i, from = ring[i], false {
		size++
		if g.of[i] != i {
			continue
		}
		for k, w := range g.holds[int(i)*g.words:][:g.words] {
			if holds[k]&w != 0 {
				return
			}
			holds[k] |= w
		}
	}
	for i, from := set, true; from || i != set; i, from = ring[i], false {
		g.of[i] = set
	}
	g.size[set] = size
	copy(g.holds[int(set)*g.words:], holds)
}
