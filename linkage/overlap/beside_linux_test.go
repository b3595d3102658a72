package overlap

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is the CPU time of this thread: what others do on the machine takes wall
// time from a benchmark, but hardly CPU time.
func threadTime(t *testing.T) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

// TestBeside is this package's half of testdata/beside_anonlink.py, which runs it: with
// COHORTLINK_BESIDE=DIR it writes two sets of filters to DIR, or, once they are there,
// prints for each threshold and kernel the best of many runs, by the thread's CPU time.
func TestBeside(t *testing.T) {
	dir := os.Getenv("COHORTLINK_BESIDE")
	if dir == "" {
		t.Skip("COHORTLINK_BESIDE is not set: see testdata/beside_anonlink.py")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const words, n = 16, 10000
	var sets [2][]uint64
	for i, name := range []string{"a.filters", "b.filters"} {
		path := filepath.Join(dir, name)
		raw, err := os.ReadFile(path)
		if err != nil {
			raw = nil
			for _, w := range people(uint64(i+1), n, words, 24) {
				raw = binary.LittleEndian.AppendUint64(raw, w)
			}
			if err := os.WriteFile(path, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for ; len(raw) > 0; raw = raw[8:] {
			sets[i] = append(sets[i], binary.LittleEndian.Uint64(raw))
		}
	}
	a, b := sets[0], sets[1]
	if a == nil || b == nil {
		return // written, not read
	}
	best := func(f func()) time.Duration {
		best := time.Hour
		for start := threadTime(t); threadTime(t)-start < time.Second; {
			began := threadTime(t)
			f()
			best = min(best, threadTime(t)-began)
		}
		return best
	}
	report := func(what string, hits, check, pairs int, took time.Duration) {
		t.Logf("beside %s %s %d %d %.1f %.3f", active.name, what, hits, check, float64(pairs)/took.Seconds()/1e6, fill(a))
	}

	// What a cycle is: a multiplication waits three of them for the one before, on every
	// CPU that this was tried on.
	x, y := uint64(len(a)), uint64(len(b))|1
	took := best(func() {
		for range 100_000 {
			x *= y
			x *= y
			x *= y
			x *= y
		}
	})
	t.Logf("clock %.2f %d", 3*400_000/took.Seconds()/1e9, x&1)

	defer func(k *kernel) { active = k }(active)
	for _, active = range kernels {
		l, err := NewLayout(words*64, a, b)
		if err != nil {
			t.Fatal(err)
		}
		fa, err := l.Prepare(a)
		if err != nil {
			t.Fatal(err)
		}
		fb, err := l.Prepare(b)
		if err != nil {
			t.Fatal(err)
		}
		rows := a[:64*words]
		dst := make([]uint16, 64*fb.Len())
		took := best(func() {
			if err := fb.Common(rows, dst); err != nil {
				t.Fatal(err)
			}
		})
		report("full", 0, words, len(dst), took)
		for _, text := range []string{"0.75", "0.80", "0.85", "0.90"} {
			j, err := Between(fa, fb, Dice(ratio(t, text)))
			if err != nil {
				t.Fatal(err)
			}
			hits := 0
			took := best(func() {
				hits = 0
				j.Pairs(0, fa.Len(), func(h []Hit) { hits += len(h) })
			})
			report(text, hits, j.check, fa.Len()*fb.Len(), took)
		}
	}
}
