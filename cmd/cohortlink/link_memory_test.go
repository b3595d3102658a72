package main

import (
	"bytes"
	"io"
	"path/filepath"
	"runtime"
	"testing"
)

// A readerFunc is a reader that is asked for bytes in the middle of a run.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// --workers holds for all of the run, forming persons and collecting garbage included, and for nothing after it.
func TestWorkersAreKept(t *testing.T) {
	dir, files := hashBorough(t, 60, 2)
	before, during := runtime.GOMAXPROCS(0), 0
	source := seeded(40)
	l := linkRun{app: quietApp(new(bytes.Buffer)), threshold: "0.8", out: filepath.Join(dir, "linked"), workers: before + 3, random: readerFunc(func(p []byte) (int, error) {
		during = runtime.GOMAXPROCS(0)
		return io.ReadFull(source, p)
	})}
	for _, f := range files {
		l.files = append(l.files, f)
	}
	if _, err := l.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if during != before+3 || runtime.GOMAXPROCS(0) != before {
		t.Errorf("%d cores while it ran and %d after, want %d and %d", during, runtime.GOMAXPROCS(0), before+3, before)
	}
}
