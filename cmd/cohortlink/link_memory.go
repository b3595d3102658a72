package main

import (
	"math"
	"os"
	"runtime/debug"

	"cohortlink/formats"
	"cohortlink/linkage"
)

// mappedProgram is what of the limit is left to what Go does not count: the program itself.
const mappedProgram = 32 << 20

// limitMemory holds the process to --memory, and returns what ends that.
func (l *linkRun) limitMemory() (end func(), err error) {
	if l.memory <= 0 {
		return func() {}, nil
	}
	// Filters take about as much memory as disk while they are read, and what the files
	// themselves do not leave room for need not be read to know it.
	var size int64
	for _, path := range l.files {
		if info, err := os.Stat(path); err == nil {
			size += info.Size()
		}
	}
	if size+mappedProgram > l.memory {
		return nil, errorf("the files (%s) and the program (%s) alone do not fit into --memory %d\ngive a larger --memory: the program, and several times what the files are", mebibytes(size), mebibytes(mappedProgram), l.memory>>20)
	}
	before := debug.SetMemoryLimit(max(l.memory-mappedProgram, 1))
	return func() { debug.SetMemoryLimit(before) }, nil
}

// fit bounds the candidate pairs by the memory that there is, and says so where that counts.
func (l *linkRun) fit(parties []linkage.Party, o *linkage.Options) error {
	most, enough, err := linkage.MostPairs(parties, *o, l.memory, l.homesMemory())
	if err != nil {
		return err
	}
	if l.memory < enough {
		l.app.ui.warnf("--memory leaves room for %s, fewer than are kept otherwise, which may change what records are joined; with --memory %d it would not", plural(most, "candidate pair"), (enough+1<<20-1)>>20)
	}
	o.MaxPairs, l.maxPairs = most, most
	return nil
}

// homesMemory is what households add to the most that is held at once, in bytes: filters as
// they were read; in the order of records; and, once the linkage has let go of its own two
// copies, three times more.
func (l *linkRun) homesMemory() (n int64) {
	const copies = 3
	for _, f := range l.homes {
		for _, of := range f.Bits {
			n += copies * 8 * int64(len(of))
		}
		for _, of := range f.Exact {
			n += copies * int64(len(linkage.ExactKey{})) * int64(len(of))
		}
	}
	return n
}

// letGo lets go of filters that the linkage has its own copies of.
func letGo(files []*formats.FiltersFile, previous *previousRun) {
	for _, f := range files {
		f.Bits = nil
	}
	if previous == nil {
		return
	}
	for _, of := range previous.inputs {
		for _, f := range of {
			f.Bits = nil
		}
	}
}

func mebibytes(n int64) string {
	return thousands(int(math.Ceil(float64(n)/(1<<20)))) + " MiB"
}
