package quality

import "math"

// TooFew is the number of observations below which a rate is not judged: the
// 95 % interval of a rate of 90 % from 30 is still over 20 points wide.
const TooFew = 30

// Share is a part of a whole, counted in pairs, as a rate with its uncertainty.
type Share struct {
	Part  int     `json:"part"`
	Whole int     `json:"whole"`
	Rate  float64 `json:"rate"` // 0 of an empty whole
	// Low and High are the ends of the 95 % interval: where the rate of many more
	// people like these would lie, if these were drawn at random.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Effective is how many independent observations the whole is worth, at most
	// Whole: the pairs of one person are found or missed together.
	Effective float64 `json:"effective"`
	// TooFew says that Effective is below TooFew: too small to judge.
	TooFew bool `json:"too_few"`
}

// z975 is the normal quantile of a two-sided 95 % interval.
const z975 = 1.959963984540054

// newShare makes a share. squares is the sum over persons of the square of how
// many pairs of the whole are theirs.
//
// Pairs are not drawn one by one: who is missed by one party is missed in all
// pairs with it. An interval from the number of pairs would be too narrow, so
// the pairs of a person count as if they were all found or all missed, which is
// the design effect 1+(b-1)ρ of a cluster sample (Kish 1965, "Survey Sampling",
// 5.4 and 8.2) with ρ at its limit of 1; the effective number then stands in the
// interval for the number (Korn & Graubard 1998, Survey Methodology 24:193-201).
func newShare(part, whole int, squares float64) Share {
	s := Share{Part: part, Whole: whole, High: 1, TooFew: true}
	if whole == 0 {
		return s
	}
	s.Rate = float64(part) / float64(whole)
	s.Effective = float64(whole) / squares * float64(whole)
	s.TooFew = s.Effective < TooFew
	s.Low, s.High = wilson(s.Rate, s.Effective)
	return s
}

// wilson is the 95 % score interval of a rate from n observations (Wilson 1927,
// JASA 22:209-212, as in Newcombe 1998, Statistics in Medicine 17:857-872,
// method 3). Unlike rate ± z·error it stays inside 0 to 1 and keeps its
// coverage near the ends, where recall lies.
func wilson(rate, n float64) (low, high float64) {
	zz := z975 * z975 / n
	middle := (rate + zz/2) / (1 + zz)
	half := z975 / (1 + zz) * math.Sqrt(rate*(1-rate)/n+zz/(4*n))
	// At the ends the formula is exact but for the last bit of arithmetic.
	return min(max(0, middle-half), rate), max(min(1, middle+half), rate)
}
