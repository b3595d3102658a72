package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Filters that go by way of the disk are the filters that stay in memory, and nothing of them is left behind.
func TestHashSameThroughTheDisk(t *testing.T) {
	borough, _ := synthesise(t, 6000, 2) // several batches
	var want map[string]string
	for _, memory := range []int64{0, 1, 200 << 10} {
		out := filepath.Join(t.TempDir(), "out")
		mustHash(t, hashRun{extract: filepath.Join(borough, "council", "extract.csv"), project: filepath.Join(borough, "project.yaml"), party: "council",
			key: filepath.Join(borough, "project.key"), out: out, random: seeded(3), workers: 3, memory: memory})
		got := digestTree(t, out)
		if want == nil {
			want = got
		}
		sameTree(t, fmt.Sprintf("%d bytes of memory", memory), got, want)
	}
}

// manyBatches are batches of rows with bits of their own.
func manyBatches(words int) []*batch {
	r := rand.New(rand.NewPCG(1, 2))
	var out []*batch
	for n := range 7 {
		b := &batch{rows: make([]int, 5+n), bits: make([]uint64, (5+n)*words)}
		for i := range b.bits {
			b.bits[i] = r.Uint64()
		}
		out = append(out, b)
	}
	return out
}

func TestSpillGivesBack(t *testing.T) {
	const words = 3
	for _, limit := range []int64{0, 500, 1 << 20} {
		s, batches, want := &spill{dir: t.TempDir(), limit: limit}, manyBatches(words), manyBatches(words)
		spilled := 0
		for _, b := range batches {
			s.keep(b, words)
			if b.bits == nil {
				spilled++
			}
		}
		if s.failed() != nil || (spilled > 0) != (limit < 1<<20) {
			t.Fatalf("limit %d: %d batches spilled, error %v", limit, spilled, s.failed())
		}
		dst := make([]uint64, words)
		for n, b := range slices.Backward(batches) {
			for i := range b.rows {
				got, err := s.row(b, i, dst)
				if err != nil || !slices.Equal(got, want[n].bits[i*words:][:words]) {
					t.Fatalf("limit %d: batch %d, row %d is another, or error %v", limit, n, i, err)
				}
			}
		}
		if spilled > 0 {
			text := make([]byte, s.end)
			if _, err := s.file.ReadAt(text, 0); err != nil {
				t.Fatal(err)
			}
			first := want[6].bits[0] // the last batch is among those spilled
			if bytes.Contains(text, []byte{byte(first), byte(first >> 8), byte(first >> 16), byte(first >> 24), byte(first >> 32)}) {
				t.Error("filters can be read from the disk")
			}
		}
		s.close()
		if left, err := os.ReadDir(s.dir); err != nil || len(left) > 0 {
			t.Errorf("limit %d: %d files are left, error %v", limit, len(left), err)
		}
	}
}

// What comes back from the disk is what went there, or an error: each row is sealed, and bound to its place.
func TestSpillNoticesDamage(t *testing.T) {
	const words = 2
	for name, damage := range map[string]func(s *spill, a, b *batch){
		"a bit": func(s *spill, a, _ *batch) {
			one := []byte{0}
			s.file.ReadAt(one, a.spilled+3)
			s.file.WriteAt([]byte{one[0] ^ 4}, a.spilled+3)
		},
		"two moved": func(_ *spill, a, b *batch) { a.spilled = b.spilled + 8 },
		"cut short": func(s *spill, _, _ *batch) { s.file.Truncate(1) },
		"exchanged": func(s *spill, a, b *batch) {
			row := make([]byte, s.rowBytes(words))
			s.file.ReadAt(row, b.spilled)
			s.file.WriteAt(row, a.spilled)
		},
	} {
		s, batches := &spill{dir: t.TempDir()}, manyBatches(words)
		for _, b := range batches {
			s.keep(b, words)
		}
		damage(s, batches[0], batches[1])
		if _, err := s.row(batches[0], 0, make([]uint64, words)); err == nil {
			t.Errorf("%s: no error", name)
		}
		s.close()
	}
}

func TestSpillNeedsItsFolder(t *testing.T) {
	s := &spill{dir: filepath.Join(t.TempDir(), "nowhere")}
	b := manyBatches(1)[0]
	s.keep(b, 1)
	if err := s.failed(); err == nil || !strings.Contains(err.Error(), "keep filters on disk in") {
		t.Errorf("error %v", err)
	}
	s.keep(b, 1) // and nothing is lost by going on
	if b.bits == nil {
		t.Error("filters are gone that could not be kept on disk")
	}
	s.close()
}
