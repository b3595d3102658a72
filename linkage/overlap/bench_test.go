package overlap

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// people makes filters the way a plain CLK is made, without a person: each has a forename
// and a surname drawn by a skewed law from a pool of invented words, a date of birth and a
// postcode, cut into bigrams, each bigram setting k bits of its own. Bigrams are shared
// by strangers as those of real names are, and half the filters are another's with a few
// bigrams changed, as between two extracts.
func people(seed uint64, n, words, k int) []uint64 {
	r := rand.New(rand.NewPCG(seed, 1))
	pool := rand.New(rand.NewPCG(7, 7)) // the same words for every set
	const letters = "EEEEEEAAAAAIIIIOOOUUTTTNNNSSSRRRLLLHHHDDDCMMPBGKWYFVJZQX"
	word := func(least, most int) string {
		b := make([]byte, least+pool.IntN(most-least+1))
		for i := range b {
			b[i] = letters[pool.IntN(len(letters))]
		}
		return string(b)
	}
	var forenames, surnames, towns []string
	for range 800 {
		forenames = append(forenames, word(3, 9))
	}
	for range 6000 {
		surnames = append(surnames, word(4, 11))
	}
	for range 300 {
		towns = append(towns, word(2, 2)+fmt.Sprint(pool.IntN(20)))
	}
	draw := func(from []string) string { // a few are common, most are rare
		u := r.Float64()
		return from[int(u*u*u*float64(len(from)))]
	}

	bitsOf := map[string][]int{}
	set := func(row []uint64, field int, value string) {
		value = " " + value + " "
		for i := range len(value) - 1 {
			token := fmt.Sprint(field, value[i:i+2])
			places, ok := bitsOf[token]
			if !ok {
				h := uint64(14695981039346656037)
				for _, c := range []byte(token) {
					h = (h ^ uint64(c)) * 1099511628211
				}
				own := rand.New(rand.NewPCG(h, 3))
				for range k {
					places = append(places, own.IntN(words*64))
				}
				bitsOf[token] = places
			}
			for _, p := range places {
				row[p/64] |= 1 << (p % 64)
			}
		}
	}

	rows := make([]uint64, n*words)
	same := rand.New(rand.NewPCG(99, 99)) // whom the sets share
	for i := range n {
		source := r
		if i%2 == 0 {
			source = same
		}
		r0 := r
		r = source
		fields := []string{
			draw(forenames), draw(surnames),
			fmt.Sprintf("%04d%02d%02d", 1920+r.IntN(100), 1+r.IntN(12), 1+r.IntN(28)),
			[]string{"M", "F"}[r.IntN(2)],
			draw(towns) + fmt.Sprint(r.IntN(10)) + draw(towns)[:2],
		}
		r = r0
		for f, v := range fields {
			if x := r.IntN(40); x == 0 {
				v = "" // missing
			} else if x < 3 && len(v) > 2 {
				at := r.IntN(len(v) - 1)
				v = v[:at] + strings.ToLower(v[at+1:at+2]) + v[at:] // mistyped
			}
			set(rows[i*words:][:words], f, v)
		}
	}
	return rows
}

func fill(rows []uint64) float64 { return float64(onesIn(rows)) / float64(len(rows)*64) }

func eachKernelB(b *testing.B, f func(b *testing.B)) {
	defer func(k *kernel) { active = k }(active)
	for _, k := range kernels {
		active = k
		b.Run(k.name, f)
	}
}

func report(b *testing.B, pairs float64) {
	b.ReportMetric(pairs*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mpairs/s")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkPairs(b *testing.B) {
	const n, words = 8192, 16
	x, y := people(1, n, words, 24), people(2, n, words, 24)
	b.Logf("fill %.3f", fill(x))
	eachKernelB(b, func(b *testing.B) {
		l, err := NewLayout(words*64, x, y)
		if err != nil {
			b.Fatal(err)
		}
		fx, _ := l.Prepare(x)
		fy, _ := l.Prepare(y)
		for _, t := range []string{"0.75", "0.80", "0.85", "0.90"} {
			b.Run(t, func(b *testing.B) {
				ratio, _ := ParseRatio(t)
				j, err := Between(fx, fy, Dice(ratio))
				if err != nil {
					b.Fatal(err)
				}
				hits := 0
				for b.Loop() {
					hits = 0
					j.Pairs(0, n, func(h []Hit) { hits += len(h) })
				}
				report(b, n*n)
				b.ReportMetric(float64(hits), "hits")
				b.ReportMetric(float64(j.check), "check")
			})
		}
	})
}

func BenchmarkCommon(b *testing.B) {
	const n, words, k = 8192, 16, 64
	x, y := people(1, n, words, 24), people(2, k, words, 24)
	eachKernelB(b, func(b *testing.B) {
		f, err := Prepare(words*64, x)
		if err != nil {
			b.Fatal(err)
		}
		dst := make([]uint16, n*k)
		for b.Loop() {
			if err := f.Common(y, dst); err != nil {
				b.Fatal(err)
			}
		}
		report(b, n*k)
	})
}

// BenchmarkLarge is a join that does not fit any cache, with a goroutine for each core.
func BenchmarkLarge(b *testing.B) {
	const n, words = 100_000, 16
	x, y := people(1, n, words, 22), people(2, n, words, 22)
	l, err := NewLayout(words*64, x, y)
	if err != nil {
		b.Fatal(err)
	}
	fx, err := l.Prepare(x)
	if err != nil {
		b.Fatal(err)
	}
	fy, err := l.Prepare(y)
	if err != nil {
		b.Fatal(err)
	}
	for _, t := range []string{"0.80", "0.85", "0.90"} {
		b.Run(t, func(b *testing.B) {
			j, err := Between(fx, fy, Dice(ratio(b, t)))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				var next, hits atomic.Int64
				var wait sync.WaitGroup
				for range runtime.GOMAXPROCS(0) {
					wait.Go(func() {
						for lo := int(next.Add(Chunk)) - Chunk; lo < n; lo = int(next.Add(Chunk)) - Chunk {
							j.Pairs(lo, min(lo+Chunk, n), func(h []Hit) { hits.Add(int64(len(h))) })
						}
					})
				}
				wait.Wait()
				b.ReportMetric(float64(hits.Load()), "hits")
			}
			report(b, n*n)
			b.ReportMetric(float64(j.check), "check")
		})
	}
}

func BenchmarkPrepare(b *testing.B) {
	const n, words = 100_000, 16
	rows := people(1, n, words, 22)
	l, err := NewLayout(words*64, rows)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := l.Prepare(rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mfilters/s")
	b.ReportMetric(0, "ns/op")
}
