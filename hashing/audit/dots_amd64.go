//go:build !purego

package audit

import "golang.org/x/sys/cpu"

func init() {
	if cpu.X86.HasAVX2 {
		dots = dotsAVX2
	}
}

//go:noescape
func dotsAVX2(x *[4]*float32, y *[2]*float32, n int, out *[8]float32)
