package audit

import (
	"context"
	"math"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"cohortlink/linkage/overlap"
)

// A view is one way to say how alike two filters are, from c bits in common, p and q
// ones, and their length. Where the attacker has several sets of its own, one is the mean
// over them: after is applied to the mean.
type view struct {
	name  string
	one   func(c, p, q, bits int) float64
	after func(x float64) float64
}

func agreement(c, p, q, bits int) float64 { return 1 - 2*float64(p+q-2*c)/float64(bits) }

func dice(c, p, q, _ int) float64 { return 2 * float64(c) / float64(max(1, p+q)) }

func same(x float64) float64 { return x }

// views are those that are worth trying on an encoding. Agreement has the same noise for
// near and far pairs, which the sum over anchors wants; Dice takes out what the number of
// ones does; the root undoes the XOR of several bits or hashes, and so spreads the far
// pairs at the price of their noise.
func views(similarity string) []view {
	agree := view{"agreement", agreement, same}
	kind, rest, _ := strings.Cut(similarity, ":")
	switch kind {
	case "xor", "sketch":
		first, _, _ := strings.Cut(rest, ":")
		terms, err := strconv.Atoi(first)
		if err != nil || terms < 1 {
			break
		}
		root := func(x float64) float64 { return math.Copysign(math.Pow(math.Abs(x), 1/float64(terms)), x) }
		return []view{agree, {"root", agreement, root}}
	}
	return []view{{"dice", dice, same}, agree}
}

// A side is a set of records that are compared with each other: those that are encoded,
// or those that the attacker has the values of.
type side struct {
	n    int
	sets []preparedSet // one for each key
}

type preparedSet struct {
	bits     int
	rows     []uint64
	prepared *overlap.Filters
}

func newSide(records []int, sets ...Filters) (*side, error) {
	s := &side{n: len(records)}
	for i := range sets {
		rows := sets[i].some(records)
		p, err := overlap.Prepare(sets[i].Bits, rows)
		if err != nil {
			return nil, err
		}
		s.sets = append(s.sets, preparedSet{sets[i].Bits, rows, p})
	}
	return s, nil
}

// columnRun is how many columns a worker counts at a time: few enough that its counts for
// 10,000 records stay in the cache.
const columnRun = 32

// columns returns how alike each record is to each of the given ones, record by record:
// that of record i to of[a] is at i*len(of)+a.
func (s *side) columns(ctx context.Context, of []int, v view) ([]float32, error) {
	m := len(of)
	out := make([]float32, s.n*m)
	err := parallel(ctx, (m+columnRun-1)/columnRun, func(run int) error {
		from, to := run*columnRun, min(m, (run+1)*columnRun)
		counts := make([]uint16, (to-from)*s.n)
		sums := make([]float64, (to-from)*s.n)
		for i := range s.sets {
			set := &s.sets[i]
			words := set.bits / 64
			rows := make([]uint64, 0, (to-from)*words)
			for _, r := range of[from:to] {
				rows = append(rows, set.rows[r*words:][:words]...)
			}
			if err := set.prepared.Common(rows, counts); err != nil {
				return err
			}
			for a, r := range of[from:to] {
				p := set.prepared.Ones(r)
				for at, c := range counts[a*s.n:][:s.n] {
					row := set.prepared.Row(at)
					sums[a*s.n+row] += v.one(int(c), p, set.prepared.Ones(row), set.bits)
				}
			}
		}
		for a := range to - from {
			for i, sum := range sums[a*s.n:][:s.n] {
				out[i*m+from+a] = float32(v.after(sum / float64(len(s.sets))))
			}
		}
		return nil
	})
	return out, err
}

// parallel calls do for 0 to n-1 on all cores, and returns the first error, or that of ctx.
func parallel(ctx context.Context, n int, do func(i int) error) error {
	var mu sync.Mutex
	var first error
	next := 0
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = ctx.Err()
		}
		if first != nil || next == n {
			return 0, false
		}
		next++
		return next - 1, true
	}
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for {
				i, more := take()
				if !more {
					return
				}
				if err := do(i); err != nil {
					mu.Lock()
					first = err
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return first
}
