package clkhash

// Numbers close to each other share tokens: each number is snapped to a grid, and the
// grid's points around it are its tokens (Vatsalan and Christen 2015, "Privacy-preserving
// matching of similar patients", J Biomed Inform 59). clkhash multiplies by twice the
// resolution where the paper divides, so that everything stays an exact integer. The two
// doubles that do enter are Python's: thresholdDistance where it is written with a point,
// and half the grid where Python's / leaves the integers.

import (
	"errors"
	"math"
	"math/big"
	"strconv"
)

type numeric struct {
	step       *big.Int // D: thresholdDistance in units of the last decimal
	resolution int      // r: points to either side
	precision  int      // p: decimals that count
	scale      *big.Int // 10^p
	scaleReal  float64  // 10^p as a double; +Inf beyond 10^308
	half       *big.Int // a remainder below this is snapped down; nil where Python overflows
	tokens     int      // 2r+1
}

func newNumeric(threshold numeral, resolution, precision int) (*numeric, error) {
	n := &numeric{resolution: resolution, precision: precision, tokens: 2*resolution + 1}
	n.scale = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)
	n.scaleReal, _ = new(big.Float).SetInt(n.scale).Float64()
	if threshold.literal {
		n.step = new(big.Int).Mul(threshold.whole, n.scale)
	} else {
		step, ok := roundHalfEven(threshold.double * n.scaleReal)
		if !ok {
			return nil, errors.New("thresholdDistance times 10 to the power of fractional_precision is too large")
		}
		n.step = step
	}
	if n.step.Sign() == 0 {
		return nil, errors.New("thresholdDistance rounds to 0 at this fractional_precision; give more precision or a larger distance")
	}
	// residue < D/2 with D/2 a double: exact up to 2^53, rounded to even beyond.
	if n.step.BitLen() <= 53 {
		n.half = new(big.Int).Add(n.step, big.NewInt(1))
		n.half.Rsh(n.half, 1)
	} else if d, _ := new(big.Float).SetInt(n.step).Float64(); !math.IsInf(d, 0) {
		n.half, _ = big.NewFloat(d / 2).Int(nil)
	}
	return n, nil
}

// value reads a cell as clkhash does: Python's int first, so that no digit is lost, then
// its float.
func (n *numeric) value(s string) (*big.Int, error) {
	var buf [32]byte
	text, err := appendInteger(buf[:0], s)
	if err == nil {
		v := new(big.Int)
		if i, small := strconv.ParseInt(string(text), 10, 64); small == nil {
			v.SetInt64(i)
		} else {
			v.SetString(string(text), 10)
		}
		return v.Mul(v, n.scale), nil
	}
	f, err := parseFloat(s)
	if err != nil {
		return nil, err
	}
	if n.precision == 0 {
		f = math.Trunc(f)
	} else {
		f *= n.scaleReal
	}
	v, ok := roundHalfEven(f)
	if !ok {
		return nil, errNotNumber
	}
	return v, nil
}

// appendTokens appends the tokens of a cell, ascending, and calls end after each.
func (n *numeric) appendTokens(dst []byte, s string, end func([]byte)) ([]byte, error) {
	v, err := n.value(s)
	if err != nil {
		return dst, err
	}
	v.Mul(v, big.NewInt(2*int64(n.resolution)))
	// Euclidean remainder: the step is positive, so it is Python's floor remainder.
	residue := new(big.Int).Mod(v, n.step)
	if residue.Sign() != 0 {
		if n.half == nil {
			return dst, errNotNumber
		}
		v.Sub(v, residue)
		if residue.Cmp(n.half) >= 0 {
			v.Add(v, n.step)
		}
	}
	reach := new(big.Int).Mul(n.step, big.NewInt(int64(n.resolution)))
	first := new(big.Int).Sub(v, reach)
	last := reach.Add(v, reach)
	if first.IsInt64() && last.IsInt64() {
		t, d := first.Int64(), n.step.Int64()
		for i := 0; i < n.tokens; i++ {
			dst = strconv.AppendInt(dst, t+int64(i)*d, 10)
			end(dst)
		}
		return dst, nil
	}
	t := first
	for i := 0; i < n.tokens; i++ {
		start := len(dst)
		dst = t.Append(dst, 10)
		if digits := len(dst) - start - btoi(t.Sign() < 0); digits > maxDigits {
			return dst, errTooLong
		}
		end(dst)
		t.Add(t, n.step)
	}
	return dst, nil
}
