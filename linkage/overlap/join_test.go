package overlap

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func ratio(t testing.TB, s string) Ratio {
	t.Helper()
	r, err := ParseRatio(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// definition finds the hits as the package comment defines them.
func definition(a, b []uint64, words int, rule Rule, within bool) (hits []Hit) {
	for i := range len(a) / words {
		for j := range len(b) / words {
			if within && j <= i {
				continue
			}
			x, y := a[i*words:][:words], b[j*words:][:words]
			c := CommonBits(x, y)
			if rule.Reached(c, onesIn(x), onesIn(y)) {
				hits = append(hits, Hit{int32(i), int32(j), int32(c)})
			}
		}
	}
	return hits
}

func (j *Join) all() (hits []Hit) {
	j.Pairs(0, j.a.Len(), func(h []Hit) { hits = append(hits, h...) })
	return hits
}

// sorted orders hits by row numbers, and within a set puts the smaller first.
func sorted(hits []Hit, within bool) []Hit {
	hits = slices.Clone(hits)
	for i, h := range hits {
		if within && h.A > h.B {
			hits[i].A, hits[i].B = h.B, h.A
		}
	}
	slices.SortFunc(hits, func(x, y Hit) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) })
	return hits
}

// checkJoin compares both joins with the definition, at every checkpoint.
func checkJoin(t testing.TB, a, b []uint64, words int, ratio Ratio, learn bool) {
	t.Helper()
	var sets [][]uint64
	if learn {
		sets = [][]uint64{a, b}
	}
	l, err := NewLayout(words*64, sets...)
	if err != nil {
		t.Fatal(err)
	}
	fa, err := l.Prepare(a)
	if err != nil {
		t.Fatal(err)
	}
	fb, err := l.Prepare(b)
	if err != nil {
		t.Fatal(err)
	}
	between, err := Between(fa, fb, Dice(ratio))
	if err != nil {
		t.Fatal(err)
	}
	within, err := Within(fa, Dice(ratio))
	if err != nil {
		t.Fatal(err)
	}
	wantBetween, wantWithin := definition(a, b, words, Dice(ratio), false), definition(a, a, words, Dice(ratio), true)
	for check := 1; check <= words; check++ {
		between.check, within.check = check, check
		if got := sorted(between.all(), false); !slices.Equal(got, wantBetween) {
			t.Fatalf("%s, %d words, threshold %d/%d, checkpoint %d: %d hits between %d and %d filters, want %d",
				active.name, words, ratio.Num, ratio.Den, check, len(got), fa.Len(), fb.Len(), len(wantBetween))
		}
		if got := sorted(within.all(), true); !slices.Equal(got, wantWithin) {
			t.Fatalf("%s, %d words, threshold %d/%d, checkpoint %d: %d hits within %d filters, want %d",
				active.name, words, ratio.Num, ratio.Den, check, len(got), fa.Len(), len(wantWithin))
		}
	}
}

// near makes n filters around a few centres, at all distances, with a few empty, full and
// equal ones.
func near(r *rand.Rand, n, words int) []uint64 {
	rows := make([]uint64, n*words)
	centres := make([]uint64, 4*words)
	for i := range centres {
		centres[i] = r.Uint64()
		if i%3 == 0 {
			centres[i] &= r.Uint64()
		}
	}
	for i := range n {
		row := rows[i*words:][:words]
		switch r.IntN(20) {
		case 0: // empty
			continue
		case 1:
			for w := range row {
				row[w] = ^uint64(0)
			}
			continue
		}
		copy(row, centres[r.IntN(4)*words:])
		if r.IntN(5) == 0 {
			continue
		}
		for range r.IntN(words * 24) {
			b := r.IntN(words * 64)
			row[b/64] ^= 1 << (b % 64)
		}
	}
	return rows
}

func TestJoinsAreTheDefinition(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		thresholds := []string{"0.000000001", "0.1", "0.5", "0.7", "0.75", "0.8", "0.85", "0.9", "0.95", "0.999999999", "1"}
		for _, words := range []int{1, 2, 3, 4, 7, 8, 15, 16, 17, 24, 33, 64, 128} {
			for i, n := range []int{0, 1, 3, 4, 5, 7, 8, 9, 17, 63, 65, 130, 300} {
				if words > 17 && n > 20 {
					continue
				}
				a, b := near(r, n, words), near(r, 40, words)
				copy(b, a) // some are in both
				checkJoin(t, a, b, words, ratio(t, thresholds[(i+words)%len(thresholds)]), i%2 == 0)
			}
		}
	})
}

// Every length that can be prepared, and checkpoints as they are chosen.
func TestEveryLength(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 8))
		for _, words := range lengths() {
			a, b := near(r, 13, words), near(r, 21, words)
			copy(b, a)
			fa, err := Prepare(words*64, a)
			if err != nil {
				t.Fatal(err)
			}
			fb, err := Prepare(words*64, b)
			if err != nil {
				t.Fatal(err)
			}
			j, err := Between(fa, fb, Dice(ratio(t, "0.8")))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := sorted(j.all(), false), definition(a, b, words, Dice(ratio(t, "0.8")), false); !slices.Equal(got, want) {
				t.Fatalf("%d words: %d hits, want %d", words, len(got), len(want))
			}
		}
	})
}

func TestJoinsAreTheDefinitionForAnyFilters(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			words := rapid.IntRange(1, 20).Draw(t, "words")
			seed := rapid.Uint64().Draw(t, "seed")
			rule := drawRule(t, words*64)
			r := rand.New(rand.NewPCG(seed, 0))
			a := near(r, rapid.IntRange(0, 40).Draw(t, "a"), words)
			b := near(r, rapid.IntRange(0, 40).Draw(t, "b"), words)
			l, err := NewLayout(words*64, a, b)
			if err != nil {
				t.Fatal(err)
			}
			fa, err := l.Prepare(a)
			if err != nil {
				t.Fatal(err)
			}
			fb, err := l.Prepare(b)
			if err != nil {
				t.Fatal(err)
			}
			j, err := Between(fa, fb, rule)
			if err != nil {
				t.Fatal(err)
			}
			mirror, err := Between(fb, fa, rule)
			if err != nil {
				t.Fatal(err)
			}
			j.check = rapid.IntRange(1, words).Draw(t, "check")
			got := sorted(j.all(), false)
			if want := definition(a, b, words, rule, false); !slices.Equal(got, want) {
				t.Fatalf("%d hits, want %d", len(got), len(want))
			}
			turned := mirror.all()
			for i, h := range turned {
				turned[i] = Hit{h.B, h.A, h.Common}
			}
			if !slices.Equal(sorted(turned, false), got) {
				t.Fatal("the join of b and a is not the mirror of the join of a and b")
			}
		})
	})
}

// A pair exactly at the threshold is kept, and one bit below is not, for every threshold
// of two decimals. (anonlink's C++ loses such pairs at 35 of 100 thresholds: float64
// arithmetic.)
func TestExactlyAtTheThreshold(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		const words = 16
		pairs := 0
		for hundredths := 1; hundredths <= 100; hundredths++ {
			threshold := Ratio{uint32(hundredths), 100}
			// p = q = 100·k ones make t·(p+q)/2 whole: common bits of exactly t·p.
			for _, p := range []int{100, 200, 300, 400, 500} {
				at := p * hundredths / 100
				if 2*p-at+1 > words*64 {
					continue
				}
				a, b := make([]uint64, words), make([]uint64, 2*words)
				set := func(row []uint64, from, n int) {
					for i := from; i < from+n; i++ {
						row[i/64] |= 1 << (i % 64)
					}
				}
				set(a, 0, p)
				set(b[:words], p-at, p)   // at in common
				set(b[words:], p-at+1, p) // at-1 in common
				fa, err := Prepare(words*64, a)
				if err != nil {
					t.Fatal(err)
				}
				fb, err := Prepare(words*64, b)
				if err != nil {
					t.Fatal(err)
				}
				j, err := Between(fa, fb, Dice(threshold))
				if err != nil {
					t.Fatal(err)
				}
				for check := 1; check <= words; check++ {
					j.check = check
					if got := j.all(); len(got) != 1 || got[0] != (Hit{0, 0, int32(at)}) {
						t.Fatalf("threshold %d/100, %d ones, %d in common: hits %v", hundredths, p, at, got)
					}
				}
				pairs++
			}
		}
		if pairs < 300 {
			t.Errorf("tried only %d pairs", pairs)
		}
	})
}

// Empty filters are like nothing, not even each other; equal ones are alike at 1.
func TestEmptyFullAndEqualFilters(t *testing.T) {
	eachKernel(t, func(t *testing.T) {
		const words, n = 4, 50
		for _, c := range []struct {
			name string
			word uint64
			want int
		}{
			{"all empty", 0, 0},
			{"all full", ^uint64(0), n * n},
			{"all the same", 0x0123456789abcdef, n * n},
		} {
			rows := slices.Repeat([]uint64{c.word}, n*words)
			f, err := Prepare(words*64, rows)
			if err != nil {
				t.Fatal(err)
			}
			for _, threshold := range []string{"0.000000001", "0.8", "1"} {
				j, err := Between(f, f, Dice(ratio(t, threshold)))
				if err != nil {
					t.Fatal(err)
				}
				if got := len(j.all()); got != c.want {
					t.Errorf("%s, threshold %s: %d hits, want %d", c.name, threshold, got, c.want)
				}
				w, err := Within(f, Dice(ratio(t, threshold)))
				if err != nil {
					t.Fatal(err)
				}
				if got, want := len(w.all()), (c.want-c.want/n)/2; got != want {
					t.Errorf("%s, threshold %s: %d hits within, want %d", c.name, threshold, got, want)
				}
			}
		}
	})
}

// A million hits arrive through a buffer that does not grow.
func TestHitsAreEmittedInPieces(t *testing.T) {
	const n = 1100
	f, err := Prepare(64, slices.Repeat([]uint64{1}, n))
	if err != nil {
		t.Fatal(err)
	}
	j, err := Between(f, f, Dice(ratio(t, "1")))
	if err != nil {
		t.Fatal(err)
	}
	hits := 0
	j.Pairs(0, n, func(h []Hit) {
		if len(h) == 0 || len(h) > hitBuffer {
			t.Fatalf("emitted %d hits at once", len(h))
		}
		hits += len(h)
	})
	if hits != n*n {
		t.Errorf("%d hits, want %d", hits, n*n)
	}
}

// The same hits in the same order from every kernel and checkpoint, from ranges and from
// calls that overlap.
func TestOrderIsFixed(t *testing.T) {
	const words, n = 16, 1000
	a, b := people(1, n, words, 24), people(2, n, words, 24)
	var want []Hit
	eachKernel(t, func(t *testing.T) {
		l, err := NewLayout(words*64, a, b)
		if err != nil {
			t.Fatal(err)
		}
		fa, err := l.Prepare(a)
		if err != nil {
			t.Fatal(err)
		}
		fb, err := l.Prepare(b)
		if err != nil {
			t.Fatal(err)
		}
		j, err := Between(fa, fb, Dice(ratio(t, "0.75")))
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = j.all()
			if len(want) < n/4 {
				t.Fatalf("only %d hits to compare", len(want))
			}
		}
		for _, check := range checkpoints(words) {
			j.check = check
			if !slices.Equal(j.all(), want) {
				t.Fatalf("checkpoint %d changed the hits or their order", check)
			}
		}

		parts := make([][]Hit, (n+Chunk-1)/Chunk)
		var wait sync.WaitGroup
		for i := range parts {
			wait.Go(func() {
				j.Pairs(i*Chunk, min((i+1)*Chunk, n), func(h []Hit) { parts[i] = append(parts[i], h...) })
			})
		}
		wait.Wait()
		if !slices.Equal(slices.Concat(parts...), want) {
			t.Error("chunks, one after the other, do not give what one call gives")
		}

		var odd []Hit
		for lo := 0; lo < n; lo += 37 {
			j.Pairs(lo, min(lo+37, n), func(h []Hit) { odd = append(odd, h...) })
		}
		if !slices.Equal(sorted(odd, false), sorted(want, false)) {
			t.Error("ranges of 37 do not give the hits of one call")
		}
	})
}

// Shuffling rows shuffles the hits.
func TestRowsInAnyOrder(t *testing.T) {
	const words, n = 16, 400
	a, b := people(1, n, words, 24), people(2, n, words, 24)
	shuffle := rand.New(rand.NewPCG(9, 9)).Perm(n)
	shuffled := make([]uint64, len(a))
	for to, from := range shuffle {
		copy(shuffled[to*words:][:words], a[from*words:])
	}
	find := func(rows []uint64) []Hit {
		l, err := NewLayout(words*64, rows, b)
		if err != nil {
			t.Fatal(err)
		}
		fa, err := l.Prepare(rows)
		if err != nil {
			t.Fatal(err)
		}
		fb, err := l.Prepare(b)
		if err != nil {
			t.Fatal(err)
		}
		j, err := Between(fa, fb, Dice(ratio(t, "0.7")))
		if err != nil {
			t.Fatal(err)
		}
		return j.all()
	}
	want, got := find(a), find(shuffled)
	for i, h := range got {
		got[i].A = int32(shuffle[h.A])
	}
	if len(want) == 0 || !slices.Equal(sorted(got, false), sorted(want, false)) {
		t.Errorf("%d hits from shuffled rows are not the %d from the rows in order", len(got), len(want))
	}
}

func TestJoinsRefused(t *testing.T) {
	rows := slices.Repeat([]uint64{0xff, 1}, 20)
	rows[1] = 0 // so that a layout has something to learn
	f, err := Prepare(128, rows)
	if err != nil {
		t.Fatal(err)
	}
	short, err := Prepare(64, rows)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLayout(128, rows)
	if err != nil {
		t.Fatal(err)
	}
	learned, err := l.Prepare(rows)
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() (*Join, error){
		"other length":     func() (*Join, error) { return Between(f, short, Dice(Ratio{1, 2})) },
		"other layout":     func() (*Join, error) { return Between(f, learned, Dice(Ratio{1, 2})) },
		"no threshold":     func() (*Join, error) { return Within(f, Dice(Ratio{})) },
		"threshold over 1": func() (*Join, error) { return Within(f, Dice(Ratio{3, 2})) },
	} {
		if _, err := try(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, rule := range map[string]Rule{
		"no line":         {},
		"slope over 1":    {{3, 2, 0}},
		"slope under 0":   {{-1, 2, 0}},
		"no denominator":  {{0, 0, 5}},
		"beyond 64 bits":  {{1, 1 << 60, 0}},
		"offset too big":  {{1, 2, 1 << 62}},
		"one line of two": {{1, 2, 0}, {3, 2, 0}},
	} {
		if _, err := Within(f, rule); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := Between(f, f, Dice(Ratio{1, 2})); err != nil {
		t.Error(err)
	}
	j, err := Within(f, Dice(Ratio{1, 2}))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][2]int{{-1, 2}, {3, 2}, {0, 21}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("positions %d to %d of 20 accepted", bad[0], bad[1])
				}
			}()
			j.Pairs(bad[0], bad[1], func([]Hit) {})
		}()
	}
}
