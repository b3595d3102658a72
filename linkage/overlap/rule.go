package overlap

import (
	"errors"
	"fmt"
	"math"
)

// A Rule says which pairs of filters are hits, in whole numbers: those that have at least
// one bit in common and reach every one of its lines. Two filters without a one have
// nothing in common: nothing is known of either, which is no reason to call them the same.
//
// Any similarity that rises with the bits in common, and whose bound on them is straight in
// the sum of the ones, is such a rule at a threshold: Dice ([Dice]), the Hamming distance
// ([Hamming]), estimates of Dice from filters with noise. Several lines are for one whose
// bound bends.
type Rule []Line

// A Line is reached by filters with p and q ones and c of them in common if
//
//	2·Den·c ≥ Num·(p+q) + Off
//
// with 0 ≤ Num ≤ Den, so that of two filters that share c bits the one with fewer ones
// is never further from the other.
type Line struct{ Num, Den, Off int64 }

// Dice is the rule for a Dice coefficient 2c/(p+q) of at least t.
func Dice(t Ratio) Rule { return Rule{{int64(t.Num), int64(t.Den), 0}} }

// Hamming is the rule for a Hamming distance p+q-2c of at most h.
func Hamming(h int) Rule { return Rule{{1, 1, -int64(h)}} }

// Reached reports whether two filters with p and q ones and c of them in common are a hit.
// It is the definition that [Join] is tested against.
func (r Rule) Reached(c, p, q int) bool {
	for _, l := range r {
		if 2*l.Den*int64(c) < l.Num*int64(p+q)+l.Off {
			return false
		}
	}
	return c > 0
}

// check refuses what is no rule, and terms whose products with sums of ones do not fit
// into 64 bits.
func (r Rule) check(bits int) error {
	if len(r) == 0 {
		return errors.New("a rule needs at least one line")
	}
	const quarter = math.MaxInt64 / 4
	for _, l := range r {
		switch {
		case l.Den <= 0 || l.Num < 0 || l.Num > l.Den:
			return fmt.Errorf("the slope %d/%d of a rule must be from 0 to 1", l.Num, l.Den)
		case l.Den > quarter/int64(bits) || l.Off > quarter || l.Off < -quarter:
			return fmt.Errorf("the rule %d/%d%+d is too fine for filters of %d bits: use a threshold with fewer digits", l.Num, l.Den, l.Off, bits)
		}
	}
	return nil
}
