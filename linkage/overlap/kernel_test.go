package overlap

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// eachKernel runs a test with every kernel that this machine has.
func eachKernel(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	defer func(k *kernel) { active = k }(active)
	for _, k := range kernels {
		active = k
		t.Run(k.name, f)
	}
}

// A machine that has the instructions must not fall back unseen. Linux says what the CPU
// has in words that this package does not otherwise read; elsewhere the name of the
// architecture is all there is to go by.
func TestKernelIsTheBestThisMachineHas(t *testing.T) {
	if pure {
		if got := Kernel(); got != "go" {
			t.Fatalf("built with purego, and the kernel is %q", got)
		}
		return
	}
	want := "go"
	switch runtime.GOARCH {
	case "arm64":
		want = "neon" // part of every 64-bit ARM
	case "amd64":
		info, err := os.ReadFile("/proc/cpuinfo")
		if err != nil {
			t.Skipf("what this CPU has is not known here: %v", err)
		}
		has := func(flags ...string) bool {
			for _, f := range flags {
				if !strings.Contains(string(info), " "+f+" ") && !strings.Contains(string(info), " "+f+"\n") {
					return false
				}
			}
			return true
		}
		switch {
		case has("avx512f", "avx512vl", "avx512bw", "avx512dq", "avx512_vpopcntdq"):
			want = "avx512"
		case has("avx2"):
			want = "avx2"
		}
	}
	if Kernel() != want {
		t.Errorf("the kernel is %q, and this CPU can run %q", Kernel(), want)
	}
	if names := kernelNames(); names[len(names)-1] != "go" {
		t.Errorf("kernels %q do not end with the Go one", names)
	}
}

func kernelNames() (names []string) {
	for _, k := range kernels {
		names = append(names, k.name)
	}
	return names
}

// A call is what a kernel is given, in the plain terms of its contract.
type call struct {
	words, check int
	rows         [group][]uint64
	filters      [][]uint64 // a whole number of blocks
	lim          limits
}

// stored lays a call out as a kernel wants it.
func (c *call) stored(k *kernel) (rows, blocks []uint64) {
	chain := func(row []uint64) []uint64 {
		row = slices.Clone(row)
		for w := 1; k.chained && w < len(row); w++ {
			row[w] ^= row[w-1]
		}
		return row
	}
	rows = make([]uint64, c.words*group)
	for r, row := range c.rows {
		for w, x := range chain(row) {
			rows[w*group+r] = x
		}
	}
	blocks = make([]uint64, len(c.filters)*c.words)
	for i, f := range c.filters {
		for w, x := range chain(f) {
			blocks[(i/lanes*c.words+w)*lanes+i%lanes] = x
		}
	}
	return rows, blocks
}

// survivors is the contract of scan, said as plainly as can be.
func (c *call) survivors() (out []survivor) {
	differ := func(x, y []uint64) (d uint64) {
		for i := range x {
			for v := x[i] ^ y[i]; v != 0; v &= v - 1 {
				d++
			}
		}
		return d
	}
	for k := range len(c.filters) / lanes {
		for r, row := range c.rows {
			var s survivor
			mask := uint64(0)
			for l := range lanes {
				f := c.filters[k*lanes+l]
				d := differ(row, f)
				s.differ[l] = uint16(d)
				if d < c.lim[r] {
					mask |= 1 << l
				}
			}
			if mask != 0 {
				s.where = uint64(k)<<16 | uint64(r)<<8 | mask
				out = append(out, s)
			}
		}
	}
	return out
}

// randomCall makes a call whose filters lie at all distances from the rows, and whose
// limits lie among those distances.
func randomCall(r *rand.Rand, words, check, blocks int) *call {
	c := &call{words: words, check: check}
	fresh := func() []uint64 {
		row := make([]uint64, words)
		kind := r.IntN(8)
		for w := range row {
			switch kind {
			case 0: // empty
			case 1:
				row[w] = ^uint64(0)
			case 2:
				row[w] = r.Uint64() & r.Uint64() & r.Uint64()
			case 3:
				row[w] = r.Uint64() | r.Uint64() | r.Uint64()
			default:
				row[w] = r.Uint64()
			}
		}
		return row
	}
	for i := range c.rows {
		c.rows[i] = fresh()
	}
	for range blocks * lanes {
		f := fresh()
		if r.IntN(3) > 0 {
			copy(f, c.rows[r.IntN(group)])
			for range r.IntN(words*32 + 1) {
				b := r.IntN(words * 64)
				f[b/64] ^= 1 << (b % 64)
			}
		}
		c.filters = append(c.filters, f)
	}
	for i := range group {
		limit := uint64(r.IntN(words*64 + 2))
		switch r.IntN(6) {
		case 0:
			limit = 0
		case 1:
			limit = uint64(words*64) + 1 // everything
		}
		c.lim[i] = limit
	}
	return c
}

func (c *call) test(t *testing.T, k *kernel) {
	t.Helper()
	rows, blocks := c.stored(k)
	n := len(c.filters) / lanes

	want := c.survivors()
	const guard = 0x5ead5ead5ead5ead
	out := make([]survivor, n*group+1)
	out[n*group].where = guard
	got := out[:k.scan(rows, blocks, c.words, c.check, &c.lim, out[:n*group])]
	if !slices.Equal(got, want) {
		t.Fatalf("%s: %d words, checkpoint %d, %d blocks, limits %v: %d survivors, want %d", k.name, c.words, c.check, n, c.lim, len(got), len(want))
	}
	if out[n*group].where != guard {
		t.Fatalf("%s: %d words, checkpoint %d: wrote past the survivors", k.name, c.words, c.check)
	}

	var ones [group]uint64
	for r, row := range c.rows {
		ones[r] = uint64(onesIn(row))
	}
	laneOnes := make([]uint16, len(c.filters))
	for i, f := range c.filters {
		laneOnes[i] = uint16(onesIn(f))
	}
	stride := len(c.filters) + 3
	dst := slices.Repeat([]uint16{0xdead}, group*stride)
	k.count(rows, blocks, c.words, &ones, laneOnes, dst, stride)
	for i, got := range dst {
		want := 0xdead
		if r, f := i/stride, i%stride; f < len(c.filters) {
			want = CommonBits(c.rows[r], c.filters[f])
		}
		if int(got) != want {
			t.Fatalf("%s: %d words: count %d is %d, want %d", k.name, c.words, i, got, want)
		}
	}
}

// lengths are all that can be prepared, in words, up to 8,192 bits, and beyond it those
// around whole runs of the kernels' loops.
func lengths() (words []int) {
	for w := 1; w <= 128; w++ {
		words = append(words, w)
	}
	return append(words, 129, 143, 144, 160, 191, 192, 193, 224, 255, MaxBits/64)
}

// Every kernel, every length, every checkpoint up to the last that is unrolled and some
// after, against the contract.
func TestKernelsKeepTheContract(t *testing.T) {
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			tested := 0
			for _, words := range lengths() {
				for check := 1; check <= words; check++ {
					if check > 17 && check%8 != 0 && check < words-1 {
						continue
					}
					if words > 34 && words%16 != 0 && check%5 != 0 && check != words || words > 128 && check%40 != 0 && check != words {
						continue // a share of the long ones, to keep the test short
					}
					randomCall(r, words, check, 1+r.IntN(3)).test(t, k)
					tested++
				}
			}
			if tested < 1000 {
				t.Errorf("tested only %d cases", tested)
			}
		})
	}
}

// No block at all, many blocks, and filters that do not begin on a cache line.
func TestKernelsAtTheEdges(t *testing.T) {
	for _, k := range kernels {
		t.Run(k.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			for _, words := range []int{1, 2, 5, 16, 33} {
				for _, blocks := range []int{0, 1, 2, 31, 100} {
					randomCall(r, words, (words+1)/2, blocks).test(t, k)
				}
			}
			c := randomCall(r, 16, 7, 4)
			rows, blocks := c.stored(k)
			want := c.survivors()
			for shift := range 8 {
				out := make([]survivor, 16)
				moved := append(make([]uint64, shift), blocks...)[shift:]
				movedRows := append(make([]uint64, shift), rows...)[shift:]
				if got := out[:k.scan(movedRows, moved, 16, 7, &c.lim, out)]; !slices.Equal(got, want) {
					t.Errorf("shifted by %d words: %d survivors, want %d", shift, len(got), len(want))
				}
			}
		})
	}
}

func FuzzKernels(f *testing.F) {
	f.Add(uint64(1), uint16(15), uint16(7), uint8(2))
	f.Add(uint64(2), uint16(0), uint16(0), uint8(1))
	f.Add(uint64(3), uint16(255), uint16(63), uint8(1))
	f.Add(uint64(4), uint16(16), uint16(16), uint8(9))
	f.Fuzz(func(t *testing.T, seed uint64, words, check uint16, blocks uint8) {
		w := int(words)%(MaxBits/64) + 1
		c := randomCall(rand.New(rand.NewPCG(seed, 0)), w, int(check)%w+1, int(blocks)%12)
		for _, k := range kernels {
			c.test(t, k)
		}
	})
}

func TestCheckpointsEndWithNone(t *testing.T) {
	for words := 1; words <= MaxBits/64; words++ {
		c := checkpoints(words)
		if c[len(c)-1] != words || !slices.IsSorted(c) || len(slices.Compact(slices.Clone(c))) != len(c) {
			t.Fatalf("%d words: checkpoints %v", words, c)
		}
	}
}

func ExampleKernel() {
	k := Kernel()
	fmt.Println(k == "avx512" || k == "avx2" || k == "neon" || k == "go")
	// Output: true
}
