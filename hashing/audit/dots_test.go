package audit

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The machine's inner products are those of the definition, to the bit, and near the sums
// that exact arithmetic gives.
func TestDots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := lanes * rapid.IntRange(1, 40).Draw(t, "lanes")
		number := rapid.Float32Range(-100, 100)
		rows := rapid.SliceOfN(number, 6*n, 6*n).Draw(t, "rows")
		var x [4]*float32
		var y [2]*float32
		for i := range x {
			x[i] = &rows[i*n]
		}
		for j := range y {
			y[j] = &rows[(4+j)*n]
		}
		var got, want [8]float32
		dots(&x, &y, n, &got)
		dotsGo(&x, &y, n, &want)
		for k := range got {
			if math.Float32bits(got[k]) != math.Float32bits(want[k]) {
				t.Fatalf("product %d of rows of %d: %v, want %v", k, n, got[k], want[k])
			}
			var exact, size float64
			for l := range n {
				p := float64(rows[k/2*n+l]) * float64(rows[(4+k%2)*n+l])
				exact += p
				size += math.Abs(p)
			}
			if math.Abs(float64(got[k])-exact) > 1e-5*size {
				t.Fatalf("product %d of rows of %d: %v, exactly %v", k, n, got[k], exact)
			}
		}
	})
}

func BenchmarkDots(b *testing.B) {
	const n = 200
	rows := make([]float32, 6*n)
	x := [4]*float32{&rows[0], &rows[n], &rows[2*n], &rows[3*n]}
	y := [2]*float32{&rows[4*n], &rows[5*n]}
	var out [8]float32
	for b.Loop() {
		dots(&x, &y, n, &out)
	}
	b.ReportMetric(8*n*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gproducts/s")
}
