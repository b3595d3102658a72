package linkage

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"cohortlink/linkage/overlap"
)

// candidates are pairs that are worth weighing, column by column, in the order of records.
type candidates struct {
	a, b         []int32
	scores       [][]float32 // of each filter
	outcomes     [][]uint8   // of each exact key: absent, disagree, agree and how shared
	contradicted []bool
	shared       int
	earlier      *Evidence // what an earlier linkage knows; nil without one
	known        []int32   // of each candidate: its place there; -1: it is not there
}

// meet adds the pairs whose score by one filter reaches a floor, and says how many were
// compared.
func (c *candidates) meet(ctx context.Context, r *run, floor overlap.Ratio) (compared uint64, err error) {
	pairs, compared, err := r.scan(ctx, floor)
	for _, p := range pairs {
		c.a, c.b = append(c.a, p.A), append(c.b, p.B)
	}
	return compared, err
}

// candidateFloor is the lowest score that brings few enough pairs together, and not far
// under the threshold that a filter would have alone. ok is false where even equal filters
// are too many: a filter of a field with few values says something of a pair, and brings
// none together.
func (s *sample) candidateFloor(threshold, budget float64) (floor overlap.Ratio, ok bool) {
	const reach = grid / 4
	k := grid
	if s.above[k] > budget {
		return floor, false
	}
	for k > 1 && k > step(threshold)-reach && s.above[k-1] <= budget {
		k--
	}
	return ratio(k), true
}

// keysOf has the exact keys of each record, by number.
func (r *run) keysOf(parties []Party) [][]ExactKey {
	out := make([][]ExactKey, len(r.Options.Exact))
	for _, p := range r.parties {
		from := slices.IndexFunc(parties, func(q Party) bool { return q.Name == p.name })
		for k := range out {
			for _, row := range p.row {
				out[k] = append(out[k], parties[from].Exact[k][row])
			}
		}
	}
	return out
}

// mostSharing is the most records that may share a value of an exact key. More of them
// have a placeholder or the number of a switchboard, which says no more of who they are
// than a missing value does, and their pairs would be as many as their square.
const mostSharing = 100

// fill adds the pairs that exact keys bring together, unless they are to bring none, and
// works out what every witness says of every pair.
func (c *candidates) fill(ctx context.Context, layers []*run, keys [][]ExactKey, m *model, bring bool) error {
	r := layers[0]
	shared := make([][]uint8, len(keys)) // of each key and record: agree, or how many share it
	for k, of := range keys {
		shared[k] = c.byKey(r, of, m.keys[k], bring)
	}
	c.sort()
	if len(c.a) > r.MaxPairs {
		return &TooManyPairsError{Most: r.MaxPairs}
	}
	for range layers {
		c.scores = append(c.scores, make([]float32, len(c.a)))
	}
	for range keys {
		c.outcomes = append(c.outcomes, make([]uint8, len(c.a)))
	}
	c.contradicted = make([]bool, len(c.a))
	c.recall(r.known)
	const batch = 1 << 14
	var next atomic.Int64
	var wg sync.WaitGroup
	for range r.Workers {
		wg.Go(func() {
			for {
				from := int(next.Add(batch)) - batch
				if from >= len(c.a) || ctx.Err() != nil {
					return
				}
				for i := from; i < min(from+batch, len(c.a)); i++ {
					c.ask(i, layers, keys, shared, m)
				}
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// ask works out what the witnesses say of pair i.
func (c *candidates) ask(i int, layers []*run, keys [][]ExactKey, shared [][]uint8, m *model) {
	a, b := c.a[i], c.b[i]
	strange, borneOut, agreed := false, false, false
	for f, r := range layers {
		c.scores[f][i] = c.score(i, f, r)
		switch score := float64(c.scores[f][i]); {
		case math.IsNaN(score):
		case step(score) <= m.filters[f].strange:
			strange = true
		default:
			borneOut = true
		}
	}
	for k, of := range keys {
		switch {
		case of[a] == ExactKey{} || of[b] == ExactKey{}:
			c.outcomes[k][i] = absent
		case of[a] != of[b]:
			c.outcomes[k][i] = disagree
		default:
			c.outcomes[k][i], agreed = shared[k][a], true
		}
	}
	c.contradicted[i] = agreed && strange && !borneOut
}

// score is that of candidate i by filter f: NaN where one of the two has nothing in it.
func (c *candidates) score(i, f int, r *run) float32 {
	if c.known != nil && c.known[i] >= 0 {
		return c.earlier.Scores[f][c.known[i]]
	}
	a, b := c.a[i], c.b[i]
	if r.ones[a] == 0 || r.ones[b] == 0 {
		return float32(math.NaN())
	}
	common := overlap.CommonBits(r.filterOf(a), r.filterOf(b))
	return float32(r.measure.score(common, int(r.ones[a]), int(r.ones[b])))
}

func (r *run) filterOf(record int32) []uint64 {
	p := partyOf(r.first, record)
	return r.parties[p].rows[(int(record)-r.first[p])*r.words:][:r.words]
}

// byKey adds the pairs that have a value of one exact key in common, and returns of each
// record how shared its value is. It counts the values in key, and blanks those that too
// many records share.
func (c *candidates) byKey(r *run, of []ExactKey, key *exactKey, bring bool) []uint8 {
	shared := make([]uint8, len(of))
	order := make([]int32, 0, len(of))
	for i := range of {
		if of[i] != (ExactKey{}) {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(x, y int32) int { return cmp.Or(bytes.Compare(of[x][:], of[y][:]), cmp.Compare(x, y)) })
	distinct := 0.0
	for from, to := 0, 0; from < len(order); from = to {
		for to < len(order) && of[order[to]] == of[order[from]] {
			to++
		}
		distinct++
		group := order[from:to]
		// The most that one party has: records of a party are numbered one after the other.
		most, in, last := 0, 0, -1
		for _, i := range group {
			if p := partyOf(r.first, i); p != last {
				in, last = 0, p
			}
			in++
			most = max(most, in)
		}
		how := uint8(min(agree+math.Ceil(math.Log2(float64(most))), mostShared))
		for _, i := range group {
			shared[i] = how
		}
		if len(group) > mostSharing {
			c.shared++
			for _, i := range group {
				of[i] = ExactKey{}
			}
			continue
		}
		if !bring {
			continue
		}
		for x, a := range group {
			for _, b := range group[x+1:] {
				if r.isOld(a) && r.isOld(b) {
					continue // known, or under the floor then
				}
				if p := partyOf(r.first, a); p != partyOf(r.first, b) || !r.parties[p].clean {
					c.a, c.b = append(c.a, a), append(c.b, b)
				}
			}
		}
	}
	if c.earlier == nil {
		key.distinct = distinct // else as it was then, like all that weighs
	}
	return shared
}

// sort puts the pairs in the order of their records, each once.
func (c *candidates) sort() {
	pairs := make([]uint64, len(c.a))
	for i := range pairs {
		pairs[i] = packed(c.a[i], c.b[i])
	}
	slices.Sort(pairs)
	pairs = slices.Compact(pairs)
	c.a, c.b = c.a[:len(pairs)], c.b[:len(pairs)]
	for i, p := range pairs {
		c.a[i], c.b[i] = int32(p>>32), int32(p)
	}
}

// packed is a pair as one number, in the order of records.
func packed(a, b int32) uint64 { return uint64(a)<<32 | uint64(b) }
