package audit

import "unsafe"

// Inner products, which the attacks spend nearly all of their time on.

// lanes is how many sums an inner product is made of. A fixed order of additions, none of
// them fused with its product, gives the same bits on every machine, so that what an attack
// recovers does not depend on where it is run.
const lanes = 8

// dots computes the inner products of four rows with two, so that each number that is read
// is used twice or four times: out has that of x[i] and y[j] at 2i+j. n, the length of the
// rows, is a multiple of lanes above 0.
var dots = dotsGo

func dotsGo(x *[4]*float32, y *[2]*float32, n int, out *[8]float32) {
	for i, p := range x {
		for j, q := range y {
			out[2*i+j] = dot(unsafe.Slice(p, n), unsafe.Slice(q, n))
		}
	}
}

func dot(a, b []float32) float32 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for len(a) >= lanes && len(b) >= lanes {
		// The conversions forbid fusing (language specification, "Floating-point operators").
		s0 += float32(a[0] * b[0])
		s1 += float32(a[1] * b[1])
		s2 += float32(a[2] * b[2])
		s3 += float32(a[3] * b[3])
		s4 += float32(a[4] * b[4])
		s5 += float32(a[5] * b[5])
		s6 += float32(a[6] * b[6])
		s7 += float32(a[7] * b[7])
		a, b = a[lanes:], b[lanes:]
	}
	return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
}

// padded are rows of m numbers each with zeros behind them, to a multiple of lanes, and
// their new length.
func padded(rows []float32, n, m int) ([]float32, int) {
	wide := max(1, (m+lanes-1)/lanes) * lanes
	if wide == m {
		return rows, m
	}
	out := make([]float32, n*wide)
	for i := range n {
		copy(out[i*wide:], rows[i*m:][:m])
	}
	return out, wide
}
