package linkage

import (
	"fmt"
	"runtime"
)

// What a linkage holds in memory is known before it starts, but for the candidate pairs,
// of which there may be any number up to a bound (Options.MaxPairs). So a limit on memory
// becomes a bound on pairs, and the floor under which pairs are not kept rises with it.

// Bytes that are held, by what they are held for. They are sums over the fields of run,
// overlap.Filters, candidates and solver at the moment when they are largest, rounded up;
// TestLinkMemory in cmd/cohortlink holds them against what a process takes.
const (
	bytesFixed    = 96 << 20 // the program, tables of a sample, buffers of what is written
	bytesRecord   = 320      // IDs four times over, the index of them, and what persons are formed in
	bytesWorker   = 16       // in each worker: a table of LSH, or counts of a sample
	bytesWeighed  = 240      // the same, with what every witness said, and rivals
	pairsOfRecord = 2        // of a record: with fewer pairs links themselves would be lost
)

// BytesPerPair is what a candidate pair takes at most: found, gathered and sorted, and in
// the links of two records.
const BytesPerPair = 80

// A MemoryError is that records take more memory than may be used.
type MemoryError struct {
	Records       int
	Needed, Given int64 // bytes
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("to link %d records takes %d MiB of memory at least, and %d may be used", e.Records, (e.Needed+1<<20-1)>>20, e.Given>>20)
}

// MostPairs is how many candidate pairs may be held so that linking the parties takes no
// more than memory bytes, of which those beside are for what else is held: o.MaxPairs at
// most. With less than enough bytes they are so few that the floor rises, and with it can
// what is chosen and who is joined. It is a *MemoryError where there would be too few for
// the links.
func MostPairs(parties []Party, o Options, memory, beside int64) (pairs int, enough int64, err error) {
	most := int64(o.MaxPairs)
	if most <= 0 {
		most = DefaultMaxPairs
	}
	if memory <= 0 {
		return int(most), 0, nil
	}
	var records int64
	for _, p := range parties {
		records += int64(len(p.IDs))
	}
	words, pair := int64(o.Length)/64, int64(BytesPerPair)
	for _, f := range o.More {
		words += int64(f.Length) / 64
	}
	copies := int64(2) // of filters: in the order of record IDs, and as the kernels want them
	if len(o.More)+len(o.Exact) > 0 {
		pair, copies = bytesWeighed, copies+1 // as they were sent
	}
	if o.Previous != nil {
		copies += 2 // old and new ones apart
	}
	workers := int64(o.Workers)
	if workers <= 0 {
		workers = int64(runtime.GOMAXPROCS(0))
	}
	held := bytesFixed + beside + records*(bytesRecord+bytesWorker*workers+8*copies*words+48*int64(len(o.Exact)))
	needed := held + pair*pairsOfRecord*records
	if needed > memory {
		return 0, 0, &MemoryError{int(records), needed, memory}
	}
	enough = held + pair*min(most, int64(2*ample(int(records))))
	return int(min(most, (memory-held)/pair)), enough, nil
}
