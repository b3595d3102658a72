package audit

import (
	"hash/maphash"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// Statistics of the bits of a set of filters. The obvious way, a walk over the bits of
// each filter and each pair of places, takes minutes at 100,000 records. So the filters
// are turned on their side once, 64 by 64 bits at a time: a place is then a row of bits,
// one for each record, and whatever is asked of two places is a count of ones.

// Stats are the figures of the bits of one filter, all of them to be had without a key,
// an extract or a second file. Shares are from 0 to 1.
type Stats struct {
	Records  int `json:"records"`
	Distinct int `json:"distinct"` // filters that differ
	Bits     int `json:"bits"`
	Looked   int `json:"looked_at"` // distinct filters that the figures below are of

	// Repeated is the share of records whose filter another record has too.
	Repeated float64 `json:"repeated"`
	// LargestRepeat is how many records the commonest filter has.
	LargestRepeat int `json:"largest_repeat"`

	Fill     float64 `json:"fill"`              // mean share of ones
	OnesSD   float64 `json:"ones_sd"`           // of the number of ones in a filter, in bits
	OnesPure float64 `json:"ones_sd_by_chance"` // what it would be if each bit were drawn for itself

	// How unevenly the places are filled: the Gini coefficient of the number of ones
	// by place, the entropy of their distribution over places as a share of the most
	// it can be, and its Jensen-Shannon divergence from an even one, in bits (Franke,
	// Sehili, Rohde & Rahm, EDBT 2021, evaluate hardening by these). Skew is the Gini
	// coefficient that is left after what so few records would show by chance.
	Gini       float64 `json:"gini"`
	Entropy    float64 `json:"entropy"`
	Divergence float64 `json:"divergence"`
	Skew       float64 `json:"skew"`
	SkewNoise  float64 `json:"skew_noise"` // three standard errors of it

	Constant   int `json:"constant_places"`   // places that all records have set, or none
	Equal      int `json:"equal_places"`      // places that repeat another
	Complement int `json:"complement_places"` // places that are another's opposite

	// Dependence is the root mean square of the correlation of two places, in units of
	// what chance gives among [DependenceRecords] independent filters: 1 is
	// independence.
	Dependence      float64 `json:"dependence"`
	DependenceNoise float64 `json:"dependence_noise"` // three standard errors
	PairsLooked     int     `json:"pairs_looked_at"`
	PairsStrong     int     `json:"pairs_strong"` // beyond five standard errors

	// ColumnHistogram counts places by their share of ones, in HistogramBins equal
	// parts from 0 to 1; ByChance is what it would be if all places were alike.
	ColumnHistogram [HistogramBins]int     `json:"column_histogram"`
	ByChance        [HistogramBins]float64 `json:"column_histogram_by_chance"`
}

// HistogramBins is how many parts the histogram of places has.
const HistogramBins = 40

// DependenceRecords is the number of records at which dependence is told. The root
// mean square of a correlation that is there grows with the records it is measured on,
// so that one gate could not hold for a practice and for a borough; the gates in
// encodings-and-attacks.md 2.12 were chosen beside measurements of 4,000 people.
const DependenceRecords = 4000

// Bounds of the work: 100,000 records are looked at in seconds, and the filters on
// their side take 128 MiB at most.
const (
	maxColumnRecords = 100_000
	maxColumnBytes   = 128 << 20
	maxPairs         = 200_000
)

// measureBits takes the statistics of rows of the given number of bits.
func measureBits(nbits int, rows []uint64, rng *rand.Rand) *Stats {
	words := (nbits + 63) / 64
	s := &Stats{Bits: nbits, Records: len(rows) / words}
	if s.Records == 0 {
		return s
	}
	distinct := s.countRepeats(rows, words)
	s.Distinct = len(distinct)
	most := min(maxColumnRecords, max(64, maxColumnBytes/(8*words)))
	if len(distinct) > most {
		// What stands first in an extract may be one street.
		rng.Shuffle(len(distinct), func(i, j int) { distinct[i], distinct[j] = distinct[j], distinct[i] })
		distinct = distinct[:most]
	}
	s.Looked = len(distinct)
	columns := newColumns(nbits, rows, distinct)
	s.measureFill(columns, rows, distinct)
	s.measureDependence(columns, s.dropTwins(columns), rng)
	return s
}

// countRepeats returns the first row of each distinct filter. Filters are told apart by
// 64 random bits of hash: among a million, two that differ are taken for one with a
// chance of one in 37 million.
func (s *Stats) countRepeats(rows []uint64, words int) []int32 {
	seed := maphash.MakeSeed()
	times := make(map[uint64]int32, s.Records)
	first := make([]int32, 0, s.Records)
	hashes := make([]uint64, s.Records)
	for i := range s.Records {
		var h maphash.Hash
		h.SetSeed(seed)
		for _, w := range rows[i*words:][:words] {
			maphash.WriteComparable(&h, w)
		}
		hashes[i] = h.Sum64()
		if times[hashes[i]]++; times[hashes[i]] == 1 {
			first = append(first, int32(i))
		}
	}
	repeated := 0
	for _, n := range times {
		if n > 1 {
			repeated += int(n)
		}
		s.LargestRepeat = max(s.LargestRepeat, int(n))
	}
	s.Repeated = float64(repeated) / float64(s.Records)
	return first
}

// columns are filters on their side: for each place a bit for each record.
type columns struct {
	n, words int // records, and words of a column
	of       [][]uint64
	ones     []int
}

func newColumns(nbits int, rows []uint64, chosen []int32) *columns {
	rowWords := (nbits + 63) / 64
	c := &columns{n: len(chosen), words: (len(chosen) + 63) / 64}
	flat := make([]uint64, rowWords*64*c.words)
	c.of, c.ones = make([][]uint64, nbits), make([]int, nbits)
	for p := range c.of {
		c.of[p] = flat[p*c.words:][:c.words]
	}
	var block [64]uint64
	for from := 0; from < c.n; from += 64 {
		for w := range rowWords {
			clear(block[:])
			for i := from; i < min(from+64, c.n); i++ {
				block[i-from] = rows[int(chosen[i])*rowWords+w]
			}
			transpose(&block)
			for b, word := range block {
				flat[(w*64+b)*c.words+from/64] = word
			}
		}
	}
	for p, column := range c.of {
		for _, w := range column {
			c.ones[p] += bits.OnesCount64(w)
		}
	}
	return c
}

// transpose turns a block of 64 by 64 bits on its side, halves first (Warren, Hacker's
// Delight, 2nd edition, section 7-3).
func transpose(a *[64]uint64) {
	mask := uint64(0x00000000ffffffff)
	for j := 32; j != 0; j, mask = j/2, mask^mask<<(j/2) {
		for k := 0; k < 64; k = (k + j + 1) &^ j {
			t := (a[k]>>j ^ a[k+j]) & mask
			a[k] ^= t << j
			a[k+j] ^= t
		}
	}
}

func (s *Stats) measureFill(c *columns, rows []uint64, chosen []int32) {
	n, l := float64(c.n), float64(len(c.of))
	total := 0
	for _, f := range c.ones {
		total += f
		if f == 0 || f == c.n {
			s.Constant++
		}
		s.ColumnHistogram[min(HistogramBins-1, f*HistogramBins/c.n)]++
	}
	s.Fill = float64(total) / (n * l)
	s.ByChance = binomialHistogram(c.n, s.Fill, len(c.of))

	words := (s.Bits + 63) / 64
	var squares float64
	mean := s.Fill * l
	for _, i := range chosen {
		ones := 0
		for _, w := range rows[int(i)*words:][:words] {
			ones += bits.OnesCount64(w)
		}
		squares += (float64(ones) - mean) * (float64(ones) - mean)
	}
	s.OnesSD = math.Sqrt(squares / n)
	s.OnesPure = math.Sqrt(l * s.Fill * (1 - s.Fill))
	if total == 0 {
		return
	}

	sorted := slices.Sorted(slices.Values(c.ones))
	var weighted, entropy, divergence, variance float64
	for i, f := range sorted {
		weighted += (2*float64(i+1) - l - 1) * float64(f)
		if q := float64(f) / float64(total); q > 0 {
			entropy -= q * math.Log2(q)
			divergence += q * math.Log2(2*q/(q+1/l)) / 2
		}
		q := float64(f) / float64(total)
		divergence += math.Log2(2/l/(q+1/l)) / l / 2
		variance += (float64(f)/n - s.Fill) * (float64(f)/n - s.Fill) / l
	}
	s.Gini = weighted / (l * float64(total))
	s.Entropy, s.Divergence = 1, max(0, divergence)
	if l > 1 {
		s.Entropy = entropy / math.Log2(l)
	}

	// Chance alone spreads the shares of n records with variance p(1-p)/n, the Gini
	// coefficient goes with the standard deviation, and the variance of l places is
	// known to within √(2/l) of itself.
	chance := s.Fill * (1 - s.Fill) / n
	if variance > 0 {
		left := func(v float64) float64 { return s.Gini * math.Sqrt(max(0, v)/variance) }
		s.Skew = left(variance - chance)
		s.SkewNoise = left(variance-chance+3*max(variance, chance)*math.Sqrt(2/l)) - s.Skew
	}
}

// binomialHistogram is how many of so many places would fall into each part if each
// record had each of them with the same chance.
func binomialHistogram(n int, p float64, places int) (out [HistogramBins]float64) {
	if p <= 0 || p >= 1 {
		out[min(HistogramBins-1, int(p*HistogramBins))] = float64(places)
		return out
	}
	sd := math.Sqrt(p * (1 - p) / float64(n))
	below := func(x float64) float64 { return 0.5 * math.Erfc((p-x)/(sd*math.Sqrt2)) }
	for b := range out {
		low, high := float64(b)/HistogramBins, float64(b+1)/HistogramBins
		share := below(high) - below(low)
		switch b {
		case 0:
			share = below(high)
		case HistogramBins - 1:
			share = 1 - below(low)
		}
		out[b] = share * float64(places)
	}
	return out
}

// dropTwins counts places that repeat another or are its opposite, as balancing makes
// them, and returns one of each. Constant places are left out too: they are correlated
// with nothing.
func (s *Stats) dropTwins(c *columns) []int {
	type group struct {
		at       int
		opposite bool
	}
	seed := maphash.MakeSeed()
	last := uint64(math.MaxUint64) >> ((64 - c.n%64) % 64)
	groups := map[uint64]group{}
	var kept []int
	for p, column := range c.of {
		if c.ones[p] == 0 || c.ones[p] == c.n {
			continue
		}
		// A place and its opposite get one hash, that of the one whose first record is 0.
		opposite := column[0]&1 != 0
		var h maphash.Hash
		h.SetSeed(seed)
		for i, w := range column {
			if opposite {
				if w = ^w; i == len(column)-1 {
					w &= last
				}
			}
			maphash.WriteComparable(&h, w)
		}
		switch g, found := groups[h.Sum64()]; {
		case !found:
			groups[h.Sum64()] = group{p, opposite}
			kept = append(kept, p)
		case g.opposite == opposite:
			s.Equal++
		default:
			s.Complement++
		}
	}
	return kept
}
