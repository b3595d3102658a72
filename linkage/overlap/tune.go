package overlap

import (
	"math"
	"slices"
	"time"
)

// The checkpoint is the number of words after which a kernel first asks whether a block
// can be left. Too early and most blocks stay, their first words counted for nothing; too
// late and words are counted that told no more. The best place follows the threshold, how
// full the filters are and how alike strangers look, and is worth a factor of two to
// three; a bad one is slower than none. So it is found by trying: each candidate, no
// checkpoint among them, works through the same sample of the job.
//
// The first way tried, one small sample timed three times over, chose too early and lost
// up to a quarter: by the third time the branch predictor knew the sample by heart, and
// what a near block costs in earnest did not show. So no round sees a sample again, the
// median of the rounds decides, and the slower half of the candidates is dropped after
// each round until few are left. A sample is few tiles with several groups each, as in the
// join itself: with a tile to each group it was the cache that was timed.

const (
	tuneTiles  = 6       // to a round
	tuneGroups = 8       // to a tile, from one chunk
	tuneRounds = 7       // a few ms in all at 1,024 bits
	tuneKeep   = 4       // candidates that stay to the end
	tuneFrom   = 1 << 24 // pairs; a smaller join is over too soon for tuning to pay
)

// tune returns the fastest checkpoint for the join.
func (j *Join) tune() int {
	words := j.a.words
	if words < 4 || int64(j.a.n)*int64(j.b.n) < tuneFrom {
		return j.guess()
	}
	candidates := checkpoints(words)
	times := make(map[int][]time.Duration)
	scans := make(map[int]*scan)
	for _, check := range candidates {
		scans[check] = j.newScan(check, func([]Hit) {})
	}
	for round := range tuneRounds {
		pieces := j.sample(round)
		try := func(s *scan) {
			for _, x := range pieces {
				s.tile(x.p, min(x.p+group, j.a.n), x.rows, x.tile)
			}
		}
		try(scans[candidates[0]]) // brings the tiles into the cache
		for _, check := range candidates {
			start := time.Now()
			try(scans[check])
			times[check] = append(times[check], time.Since(start))
		}
		slices.SortFunc(candidates, func(x, y int) int { return int(median(times[x]) - median(times[y])) })
		candidates = candidates[:max(min(tuneKeep, len(candidates)), (len(candidates)+1)/2)]
	}
	return candidates[0]
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

// A piece is a group of a and a tile of b that it can reach.
type piece struct {
	p    int
	rows []uint64
	tile *tile
}

// sample picks the pieces of a round: chunks evenly spread over a, other ones each round,
// each with a tile from a place that runs through its reach by the golden ratio.
func (j *Join) sample(round int) (pieces []piece) {
	for i := round; i < tuneTiles*tuneRounds; i += tuneRounds {
		from := (2*i + 1) * j.a.n / (2 * tuneTiles * tuneRounds)
		tiles := j.b.within(j.bounds.reach(int(j.a.ones[from])))
		if len(tiles) == 0 {
			continue
		}
		_, turn := math.Modf(float64(i) * math.Phi)
		tile := &tiles[int(turn*float64(len(tiles)))]
		for g := range tuneGroups {
			p := min(from+g*Chunk/tuneGroups, j.a.n-1)
			rows := make([]uint64, group*j.a.words)
			j.a.gather(p, rows)
			pieces = append(pieces, piece{p, rows, tile})
		}
	}
	return pieces
}

// guess is the checkpoint without timing: where strangers are expected to differ in 1.6
// times the bits that the threshold allows, if their bits were independent. Timing chose
// 1.5 to 1.7 times on filters at half fill and thresholds from 0.75 to 0.90.
func (j *Join) guess() int {
	if j.a.n == 0 || j.b.n == 0 {
		return j.a.words
	}
	p, q := int(j.a.ones[j.a.n/2]), int(j.b.ones[j.b.n/2])
	bits := float64(j.a.Bits())
	differ := (float64(p)*(bits-float64(q)) + float64(q)*(bits-float64(p))) / bits / float64(j.a.words) // in a word
	check := math.Round(1.6 * float64(j.bounds.limit[p+q]) / max(differ, 1))
	return int(max(1, min(check, float64(j.a.words))))
}

// median is the lower one, so that of two times the disturbed one does not count.
func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[(len(d)-1)/2]
}
