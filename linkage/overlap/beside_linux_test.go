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
	na, nb := len(a)/words, len(b)/words
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
		for _, text := range []string{"0.75", "0.80", "0.85", "0.90"} {
			j, err := Between(fa, fb, ratio(t, text))
			if err != nil {
				t.Fatal(err)
			}
			best, hits := time.Hour, 0
			for start := threadTime(t); threadTime(t)-start < time.Second; {
				hits = 0
				began := threadTime(t)
				j.Pairs(0, na, func(h []Hit) { hits += len(h) })
				best = min(best, threadTime(t)-began)
			}
			t.Logf("beside %s %s %d %d %.1f %d %.3f", active.name, text, hits, j.check, float64(na)*float64(nb)/best.Seconds()/1e6, na, fill(a))
		}
	}
}
