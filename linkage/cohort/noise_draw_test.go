package cohort

import (
	"bytes"
	"math"
	"math/bits"
	"testing"
)

// chiSquare compares how often values came with how often they should have: it returns
// how many standard deviations the statistic is above its mean (Wilson and Hilferty 1931).
func chiSquare(t testing.TB, seen map[int]int, n int, mass func(k int) float64) float64 {
	t.Helper()
	sum, bins, left, leftSeen := 0.0, 0, float64(n), n
	for k := -4000; k <= 4000; k++ {
		if want := float64(n) * mass(k); want >= 10 {
			sum += (float64(seen[k]) - want) * (float64(seen[k]) - want) / want
			bins++
			left -= want
			leftSeen -= seen[k]
		}
	}
	if left > 1 {
		sum += (float64(leftSeen) - left) * (float64(leftSeen) - left) / left
		bins++
	}
	if bins < 3 {
		t.Fatalf("%d bins: nothing to test", bins)
	}
	free := float64(bins - 1)
	return (math.Cbrt(sum/free) - (1 - 2/(9*free))) / math.Sqrt(2/(9*free))
}

func laplaceMass(rate float64) func(k int) float64 {
	a := math.Exp(-rate)
	return func(k int) float64 { return (1 - a) / (1 + a) * math.Pow(a, math.Abs(float64(k))) }
}

// The distribution is that of the definition. The same test fails when the negative zero
// is not rejected, the likeliest mistake.
func TestLaplace(t *testing.T) {
	const n = 100_000
	for i, r := range [][2]uint64{{1, 2}, {1, 1}, {3, 1}, {7, 3}, {1, 20}, {500, 1000 * 21 * 105}} {
		c := newCoins(stream(uint64(i)))
		seen, twice := map[int]int{}, map[int]int{}
		for range n {
			k := c.laplace(r[0], r[1])
			seen[k]++
			if twice[k]++; k == 0 && c.below(4) == 0 {
				twice[k]++
			}
		}
		mass := laplaceMass(float64(r[0]) / float64(r[1]))
		if r[1] > 1000 { // too wide for single values: its deciles by sign
			outer := int(math.Log(2) * float64(r[1]) / float64(r[0]))
			got := 0
			for k, m := range seen {
				if k > outer {
					got += m
				}
			}
			if want := 0.25 * n; math.Abs(float64(got)-want) > 4*math.Sqrt(n*0.25*0.75) {
				t.Errorf("scale %d/%d: %d draws above the median of their size, want about %.0f", r[1], r[0], got, want)
			}
			continue
		}
		if z := chiSquare(t, seen, n, mass); z > 4 {
			t.Errorf("scale %d/%d: %.1f standard deviations from the distribution", r[1], r[0], z)
		}
		if z := chiSquare(t, twice, n, mass); r[0] >= r[1] && z < 4 {
			t.Errorf("scale %d/%d: too many zeros are not noticed", r[1], r[0])
		}
		if c.err != nil {
			t.Fatal(c.err)
		}
	}
}

func TestCoins(t *testing.T) {
	const n = 100_000
	c := newCoins(stream(9))
	for _, r := range [][2]uint64{{0, 5}, {1, 5}, {1, 2}, {1, 1}} {
		yes := 0
		for range n {
			if c.exp(r[0], r[1]) {
				yes++
			}
		}
		p := math.Exp(-float64(r[0]) / float64(r[1]))
		if math.Abs(float64(yes)-n*p) > 4*math.Sqrt(n*p*(1-p)) {
			t.Errorf("exp(-%d/%d) came %d of %d times, want about %.0f", r[0], r[1], yes, n, n*p)
		}
	}
	seen := map[int]int{}
	for range n {
		seen[int(c.below(7))]++
	}
	if z := chiSquare(t, seen, n, func(k int) float64 {
		if k < 0 || k > 6 {
			return 0
		}
		return 1.0 / 7
	}); z > 4 || len(seen) != 7 {
		t.Errorf("whole numbers below 7 are not equally probable: %v", seen)
	}
	// Of the 64-bit numbers those that would make a remainder likelier are drawn again.
	c = newCoins(bytes.NewReader(append(make([]byte, 8), 9, 0, 0, 0, 0, 0, 0, 0)))
	if got := c.below(7); got != 2 || c.err != nil {
		t.Errorf("0, then 9, give %d below 7, want 2", got)
	}
	if c.below(7); c.err == nil {
		t.Error("a source that has ended is not noticed")
	}
}

// The reach of a sum is that of the distribution added up term by term.
func TestReach(t *testing.T) {
	for _, d := range []dose{{1, 2, 1}, {3, 1, 1}, {1, 50, 1}, {10, 1, 1}, {1, 2, 2}, {1, 1, 7}, {3, 1, 16}, {1, 4, 64}, {10, 1, 300}} {
		mass := laplaceMass(float64(d.num) / float64(d.den))
		wide := 600
		if d.draws == 1 {
			wide = 2000
		}
		reach := int(40 * d.den / d.num) // of one draw, but for e^-40
		masses := make([]float64, reach+2)
		for k := range masses {
			masses[k] = mass(k)
		}
		sum := make([]float64, 2*wide+1)
		sum[wide] = 1
		for range d.draws {
			next := make([]float64, len(sum))
			for i, p := range sum {
				if p < 1e-30 {
					continue
				}
				for k := -min(i, reach+1); k <= min(reach+1, len(sum)-1-i); k++ {
					next[i+k] += p * masses[max(k, -k)]
				}
			}
			sum = next
		}
		for _, p := range []float64{0.5, Confidence, 1 - 1e-6} {
			q, got := 0, sum[wide]
			for got < p {
				q++
				got += sum[wide-q] + sum[wide+q]
			}
			if r := d.reach(p); r != q {
				t.Errorf("%v: %g of the sum is within %d, want %d", d, p, r, q)
			}
		}
	}
	// Wider than can be added up: the closed form for one draw against the series.
	one, two := dose{1, 30_000, 1}.reach(Confidence), dose{1, 30_000, 2}.reach(Confidence)
	if one < 89_000 || one > 90_500 || two < one || two > 2*one {
		t.Errorf("one draw reaches %d and two %d", one, two)
	}
	// By the central limit theorem, 1.96 standard deviations.
	many := dose{1, 2, maxCells}
	a := math.Exp(-0.5)
	if want := 1.96 * math.Sqrt(2*maxCells*a) / (1 - a); math.Abs(float64(many.reach(Confidence))-want) > want/200 {
		t.Errorf("%d draws reach %d, want about %.0f", maxCells, many.reach(Confidence), want)
	}
}

// A person in many parties is counted in some of them only, any as often as another, and
// all else about it stays.
func TestNoiseCaps(t *testing.T) {
	const persons = 30_000
	many := weighed{atom{0b1011_0110_1001, 5}, persons}
	few := weighed{atom{0b1111, 1}, 7}
	seen, n := map[int]int{}, 0
	for i, w := range newCoins(stream(4)).cap([]weighed{few, many}, 4) {
		if i == 0 && w != few {
			t.Errorf("%v became %v", few, w)
		} else if i > 0 {
			if bits.OnesCount64(w.parties) != 4 || w.parties&^many.parties != 0 || w.needs != 5 {
				t.Fatalf("%v became %v", many, w)
			}
			n += w.n
			for p := w.parties; p != 0; p &= p - 1 {
				seen[bits.TrailingZeros64(p)] += w.n
			}
		}
	}
	if n != persons || len(seen) != 7 {
		t.Fatalf("%d persons in %d parties", n, len(seen))
	}
	for p, k := range seen {
		if want := persons * 4.0 / 7; math.Abs(float64(k)-want) > 4*math.Sqrt(want*3/7) {
			t.Errorf("party %d has %d of them, want about %.0f", p, k, want)
		}
	}
}
