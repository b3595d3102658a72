package cohort

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// Drawing noise, exactly.
//
// The obvious way, the logarithm of a floating-point number, gives away the count: which
// sums can come out and which cannot depends on it (Mironov 2012, "On Significance of the
// Least Significant Bits for Differential Privacy"). So noise is drawn with whole numbers
// and coins only: Canonne, Kamath and Steinke 2020, "The Discrete Gaussian for
// Differential Privacy", algorithms 1 and 2. How long a draw takes depends on the draw, so
// that one who can time single draws learns of it.

// coins draws whole numbers from a source of random bytes. After an error of the source
// it draws 0.
type coins struct {
	source *bufio.Reader
	err    error
}

func newCoins(source io.Reader) *coins { return &coins{source: bufio.NewReader(source)} }

// below returns a whole number from 0 and below n, each as probable as another. n is at least 1.
func (c *coins) below(n uint64) uint64 {
	// Of 2^64 numbers the first 2^64 mod n would make some remainders likelier.
	for over := -n % n; c.err == nil; {
		var b [8]byte
		if _, err := io.ReadFull(c.source, b[:]); err != nil {
			c.err = fmt.Errorf("draw noise: %w", err)
			break
		}
		if x := binary.LittleEndian.Uint64(b[:]); x >= over {
			return x % n
		}
	}
	return 0
}

// exp is true with probability exp(-num/den); num is at most den, which is at most 2^40
// (algorithm 1, for γ at most 1).
func (c *coins) exp(num, den uint64) bool {
	k := uint64(1)
	for c.err == nil && c.below(den*k) < num {
		k++
	}
	return k%2 == 1
}

// laplace returns k with a probability proportional to exp(-|k| num/den); both are at
// least 1 and at most 2^40 (algorithm 2, where t is den and s is num).
func (c *coins) laplace(num, den uint64) int {
	for c.err == nil {
		u := c.below(den)
		if !c.exp(u, den) {
			continue
		}
		v := uint64(0)
		for c.err == nil && c.exp(1, 1) {
			v++
		}
		y := int((u + den*v) / num)
		negative := c.below(2) == 1
		switch {
		case negative && y == 0: // or 0 would come out twice as often
			continue
		case negative:
			return -y
		}
		return y
	}
	return 0
}

// cap leaves each person at most so many of its parties, drawn for each by itself.
func (c *coins) cap(atoms []weighed, most int) []weighed {
	var out []weighed
	for _, w := range atoms {
		if bits.OnesCount64(w.parties) <= most {
			out = append(out, w)
			continue
		}
		for range w.n {
			one := weighed{w.atom, 1}
			for n := bits.OnesCount64(one.parties); n > most; n-- {
				at := one.parties
				for range c.below(uint64(n)) {
					at &= at - 1
				}
				one.parties &^= at & -at
			}
			out = append(out, one)
		}
	}
	return out
}

// reach returns the smallest q such that the sum of the dose's draws is from -q to q with
// at least this probability, below 1.
func (d dose) reach(probability float64) int {
	rate := float64(d.num) / float64(d.den)
	a := math.Exp(-rate)
	if d.draws == 1 {
		// What is beyond q on either side sums up to 2a^(q+1)/(1+a).
		return max(0, int(math.Ceil(math.Log((1-probability)*(1+a)/2)/-rate))-1)
	}
	// No closed form for a sum: from its characteristic function, that of a draw to the
	// power of draws, at the points of a discrete Fourier transform. It takes what is n
	// apart together, so n is so large that next to nothing is out there.
	deviation := math.Sqrt(2*float64(d.draws)*a) / (1 - a)
	n := 2*int(20*deviation+40/rate) + 1001
	var powers []float64
	for j := 1; j <= n/2; j++ {
		t := 2 * math.Pi * float64(j) / float64(n)
		p := math.Pow((1-a)*(1-a)/(1-2*a*math.Cos(t)+a*a), float64(d.draws))
		if p < 1e-17 {
			break
		}
		powers = append(powers, p)
	}
	within := func(q int) float64 {
		sum := float64(2*q + 1)
		for j, p := range powers {
			half := math.Pi * float64(j+1) / float64(n)
			sum += 2 * p * math.Sin(float64(2*q+1)*half) / math.Sin(half)
		}
		return sum / float64(n)
	}
	low, high := -1, n/2 // not enough, enough
	for high-low > 1 {
		q := (low + high) / 2
		if within(q) >= probability {
			high = q
		} else {
			low = q
		}
	}
	return high
}
