package linkage

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"cohortlink/linkage/overlap"
)

// How alike two filters are follows from three counts, the ones of each (p and q) and
// the bits they have in common (c), in a way that depends on how the filters were made.
// A filters file names that way, and nothing else of it is known here:
//
//	dice           2c/(p+q)
//	noise:F        each bit was kept with probability 1-F, else drawn by a fair coin
//	xor:T:P        each bit is the XOR of T bits of a filter with a share P of ones
//	xor:T:P:F      the same, and then noise
//	sketch:H       each bit is the XOR of H majority votes
//
// All but the first estimate what the plain filters would have scored, so that a score
// means about the same whatever the encoding, and each is one straight bound on c for a
// given threshold, or two (overlap.Rule), so that joins stay exact.
//
// The estimates are those of randomised response (Warner, J. Am. Stat. Assoc. 60, 1965,
// for a bit; summed over a filter), of the parity of T bits that each differ with
// probability d, which differs with (1-(1-2d)^T)/2 (the piling-up lemma: Matsui,
// EUROCRYPT '93, lemma 3), and of random hyperplanes, which agree on two vectors at an
// angle θ with probability 1-θ/π (Goemans & Williamson, J. ACM 42, 1995, lemma 3.2;
// Charikar, STOC 2002, section 3).

// A measure scores pairs of filters of one length and similarity, from 0 to 1. More bits
// in common never score less for the same ones. Filters without a bit in common score 0,
// two empty ones too. It is immutable.
type measure struct {
	bits  int
	score func(c, p, q int) float64
	// rule is reached by exactly the pairs that score t or more.
	rule func(t overlap.Ratio) overlap.Rule
}

// CheckSimilarity reports whether filters of that many bits can be scored by a
// similarity, as named in a filters file. The error says what to do otherwise.
func CheckSimilarity(similarity string, bits int) error {
	_, err := newMeasure(similarity, bits)
	return err
}

// newMeasure makes the measure of a similarity; "" is dice.
func newMeasure(similarity string, bits int) (*measure, error) {
	if bits <= 0 || bits%64 != 0 || bits > overlap.MaxBits {
		return nil, fmt.Errorf("filters of %d bits cannot be linked: the length must be a multiple of 64, at most %d", bits, overlap.MaxBits)
	}
	name, rest, _ := strings.Cut(similarity, ":")
	args := strings.Split(rest, ":")
	bad := func(want string) error {
		return fmt.Errorf("filters say that they are compared by %q, where %s is expected: the file is damaged, or made by another program", similarity, want)
	}
	switch name {
	case "", "dice":
		if name != similarity {
			return nil, bad("dice")
		}
		return diceMeasure(bits), nil
	case "noise":
		if len(args) == 1 {
			if f, ok := share(args[0]); ok && f.Den <= maxNoiseDen {
				return noiseMeasure(bits, f), nil
			}
		}
		return nil, bad("noise:F with F from 0.0001 to 0.9999 and at most four decimals")
	case "xor":
		if len(args) == 2 || len(args) == 3 {
			t, known := small(args[0])
			fill, filled := share(args[1])
			noise, noisy := overlap.Ratio{Num: 0, Den: 1}, true
			if len(args) == 3 {
				noise, noisy = share(args[2])
			}
			if known && filled && noisy {
				return xorMeasure(bits, t, value(fill), value(noise)), nil
			}
		}
		return nil, bad("xor:T:P or xor:T:P:F with T from 1 to 16, and P and F between 0 and 1")
	case "sketch":
		if h, ok := small(rest); ok {
			return sketchMeasure(bits, h), nil
		}
		return nil, bad("sketch:H with H from 1 to 16")
	}
	return nil, fmt.Errorf("filters are compared by %q, which this cohortlink does not know: they were made by a newer cohortlink, so update it", similarity)
}

// share reads a decimal between 0 and 1, both left out.
func share(s string) (overlap.Ratio, bool) {
	r, err := overlap.ParseRatio(s)
	return r, err == nil && r.Num < r.Den
}

// small reads a whole number from 1 to 16.
func small(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && 1 <= n && n <= 16 && strconv.Itoa(n) == s
}

func diceMeasure(bits int) *measure { return &measure{bits, dice, overlap.Dice} }

// dice is the Dice coefficient of filters with p and q ones and c in common. The
// division is correctly rounded and the terms are small, so equal fractions give
// equal floats and different ones different floats, on every machine.
func dice(c, p, q int) float64 {
	if p+q == 0 {
		return 0
	}
	return float64(2*c) / float64(p+q)
}

// sparse is how many standard deviations of chance a count of ones must lie under what
// a full filter has, or over what noise alone makes, before it is taken to tell how
// much a record holds.
const sparse = 6

// maxNoiseDen keeps the whole numbers below within 64 bits at every length, for
// thresholds of up to six decimals.
const maxNoiseDen = 10_000

// noiseMeasure estimates Dice under permanent randomised response F = a/b. Of the ones of
// a filter of L bits LF/2 are expected to be coins, and of the bits in common
// (F/2)(p+q) - LF²/4, so that
//
//	score = 2(c - (F/2)(p+q) + LF²/4) / ((1-F)(p+q-LF))
//
// (both terms unbiased up to the same factor (1-F)²). Where hardly a bit but noise is set
// the divisor would be chance, and so would the score, up to 1 for two empty records: it
// is never taken below what noise makes of itself.
func noiseMeasure(bits int, f overlap.Ratio) *measure {
	a, b, l := int64(f.Num), int64(f.Den), int64(bits)
	half := value(f) / 2
	least := int64(math.Ceil(sparse * math.Sqrt(2*float64(bits)*half*(1-half))))

	// Both terms times 2b², in whole numbers.
	above := func(c, s int64) int64 { return 4*b*b*c - 2*a*b*s + a*a*l }
	below := func(s int64) int64 { return 2 * (b - a) * max(b*s-a*l, b*least) }
	score := func(c, p, q int) float64 {
		if c == 0 {
			return 0
		}
		s := int64(p + q)
		return clamp(float64(above(int64(c), s)) / float64(below(s)))
	}
	// above·Den ≥ below·Num, solved for c, for each of the two that below is the larger of.
	rule := func(t overlap.Ratio) overlap.Rule {
		num, den := int64(t.Num), int64(t.Den)
		return overlap.Rule{
			lowest(2*b*(a*den+num*(b-a)), 2*b*b*den, -a*l*(a*den+2*num*(b-a))),
			lowest(2*a*b*den, 2*b*b*den, 2*num*(b-a)*b*least-a*a*l*den),
		}
	}
	return &measure{bits, score, rule}
}

// lowest is a line in lowest terms.
func lowest(num, den, off int64) overlap.Line {
	g := den
	for _, x := range []int64{num, off} {
		for x %= g; x != 0; {
			g, x = x, g%x
		}
		g = max(g, -g)
	}
	return overlap.Line{Num: num / g, Den: den / g, Off: off / g}
}

// xorMeasure estimates Dice from the bits that differ, HD of L, where each bit is the
// XOR of t bits of filters with a share fill of ones, and then noise was laid on:
//
//	1-2·HD/L = (1-noise)² (1-2d)^t    and    score = 1 - d/(2·fill)
//
// for d, the share of the plain bits that differ. Two records that hold next to nothing
// differ in few bits whoever they are: for them the distance is taken as a share of their
// ones, as in Dice, and not of all bits.
func xorMeasure(bits, t int, fill, noise float64) *measure {
	ones := noise/2 + (1-noise)*(1-math.Pow(1-2*fill, float64(t)))/2 // expected share of a full record
	full := 2*ones*float64(bits) - sparse*math.Sqrt(2*float64(bits)*ones*(1-ones))
	return distanceMeasure(bits, int(max(0, full)), func(agree float64) float64 {
		plain := math.Pow(min(1, agree/(1-noise)/(1-noise)), 1/float64(t)) // 1-2d
		return 1 - (1-plain)/(4*fill)
	})
}

// sketchMeasure is the cosine of two records' tokens, estimated from the XOR of h
// majorities each (Armknecht & Schäfer, PoPETs 2026(2), "SAUL"): a majority is a random
// hyperplane, so that 1-2·HD/L = (1-2θ/π)^h. Strangers differ in Binomial(L, 1/2) bits.
func sketchMeasure(bits, h int) *measure {
	return distanceMeasure(bits, 0, func(agree float64) float64 {
		return math.Cos(math.Pi / 2 * (1 - math.Pow(agree, 1/float64(h))))
	})
}

// distanceMeasure scores by the Hamming distance: estimate is given 1-2·HD/L, at least 0,
// and must rise with it. Pairs with fewer than full ones in all have their distance scaled
// up to as many; 0 scales none.
//
// Scores are worked out once, for each distance, and rounded to a millionth: far finer
// than a threshold, and far coarser than how machines differ in powers and cosines.
func distanceMeasure(bits, full int, estimate func(agree float64) float64) *measure {
	table := make([]float64, bits+1)
	for d := range table {
		agree := max(0, 1-2*float64(d)/float64(bits))
		table[d] = math.Round(clamp(estimate(agree))*1e6) / 1e6
	}
	score := func(c, p, q int) float64 {
		if c == 0 {
			return 0
		}
		sum := p + q
		d := sum - 2*c
		if sum < full {
			d = (d*full + sum - 1) / sum
		}
		return table[min(d, bits)]
	}
	rule := func(t overlap.Ratio) overlap.Rule {
		most := sort.Search(bits, func(d int) bool { return table[d+1] < value(t) })
		r := overlap.Hamming(most)
		if most < full && most < bits {
			// d·full ≤ most·sum, with d = sum - 2c.
			r = append(r, overlap.Line{Num: int64(full - most), Den: int64(full)})
		}
		return r
	}
	return &measure{bits, score, rule}
}
