package overlap

import (
	"fmt"
	"strconv"
	"strings"
)

// A Ratio is a similarity threshold held exactly: Num/Den, greater than 0 and at most 1.
// A threshold is decimal text in a project file and stays decimal: 0.85 as a float64 is
// a little less than 17/20, 0.7 a little less than 7/10 and 0.8 a little more than 4/5,
// and a pair exactly at the threshold would be kept or lost by the accident of which.
type Ratio struct{ Num, Den uint32 }

// maxDecimals keeps Den within 10^9 and so every product with a sum of ones in 64 bits.
const maxDecimals = 9

// ParseRatio reads a threshold written as a plain decimal, such as "0.85" or "1", with at
// most nine digits after the point. The result is in lowest terms, so equal thresholds
// compare equal. A threshold of 0 is refused: every pair would reach it.
func ParseRatio(s string) (Ratio, error) {
	whole, decimals, point := strings.Cut(s, ".")
	if !digits(whole) || point && !digits(decimals) || len(whole) > 9 {
		return Ratio{}, fmt.Errorf("threshold %q is not a decimal number such as 0.85", s)
	}
	decimals = strings.TrimRight(decimals, "0")
	if len(decimals) > maxDecimals {
		return Ratio{}, fmt.Errorf("threshold %q has more than %d digits after the point", s, maxDecimals)
	}
	den := uint64(1)
	for range decimals {
		den *= 10
	}
	// At most 18 digits: it cannot fail, and cannot overflow.
	num, err := strconv.ParseUint(whole+decimals, 10, 64)
	if err != nil {
		return Ratio{}, fmt.Errorf("threshold %q: %w", s, err)
	}
	if num == 0 || num > den {
		return Ratio{}, fmt.Errorf("threshold %q must be greater than 0 and at most 1", s)
	}
	g := gcd(num, den)
	return Ratio{uint32(num / g), uint32(den / g)}, nil
}

func digits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
