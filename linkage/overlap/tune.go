package overlap

import (
	"math"
	"time"
)

// The checkpoint is the number of words after which a kernel first asks whether a block
// can be left. Too early and most blocks stay, their first words counted for nothing; too
// late and words are counted that told no more. The best place follows the threshold, how
// full the filters are and how alike strangers look, and is worth a factor of two to
// three; a bad one is slower than none. So it is found by trying: each candidate, no
// checkpoint among them, works through the same small sample of the job.

const (
	sampleTiles = 48      // groups of a, each against one tile of b
	tuneRounds  = 3       // the fastest counts: what is slower was disturbed
	tuneFrom    = 1 << 21 // pairs; a smaller join is over before tuning pays
)

// tune returns the fastest checkpoint for the join.
func (j *Join) tune() int {
	words := j.a.words
	if words < 4 || j.a.n*j.b.n < tuneFrom {
		return max(1, min(words, (words+1)/2))
	}

	// Groups evenly spread over a, each with a tile from what it can reach, at a place
	// that runs through the reach by the golden ratio.
	type piece struct {
		p    int
		rows []uint64
		t    *tile
	}
	var pieces []piece
	for i := range sampleTiles {
		p := (2*i + 1) * j.a.n / (2 * sampleTiles)
		least, most := j.bounds.reach(int(j.a.ones[p]))
		var reached []*tile
		for k := range j.b.tiles {
			if t := &j.b.tiles[k]; t.topOnes >= least && t.leastOnes <= most {
				reached = append(reached, t)
			}
		}
		if len(reached) == 0 {
			continue
		}
		_, turn := math.Modf(float64(i) * math.Phi)
		rows := make([]uint64, group*words)
		j.a.gather(p, rows)
		pieces = append(pieces, piece{p, rows, reached[int(turn*float64(len(reached)))]})
	}

	candidates := checkpoints(words)
	best := make([]time.Duration, len(candidates))
	for round := range tuneRounds {
		for c, check := range candidates {
			s := j.newScan(check, func([]Hit) {})
			start := time.Now()
			for _, x := range pieces {
				s.tile(x.p, min(x.p+group, j.a.n), x.rows, x.t)
			}
			if took := time.Since(start); round == 0 || took < best[c] {
				best[c] = took
			}
		}
	}
	fastest := 0
	for c := range best {
		if best[c] < best[fastest] {
			fastest = c
		}
	}
	return candidates[fastest]
}

// checkpoints are the places worth trying: each of the first sixteen words, which the
// kernels unroll, then every eighth, and the end.
func checkpoints(words int) []int {
	var c []int
	for w := 2; w < words; w++ {
		if w <= 16 || w%8 == 0 {
			c = append(c, w)
		}
	}
	return append(c, words)
}
