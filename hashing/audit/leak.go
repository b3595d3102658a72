package audit

import (
	"cmp"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"

	"cohortlink/linkage/overlap"
)

// What two places, or several records, tell together.
//
// In an encoding that tells nothing two places of a filter are independent of each other
// over the records, and the sum, bit by bit, of several filters is as good as random.
// Both are looked at here. The second is what broke diffusion (Armknecht & Schaefer,
// "Breaking BAD? Better Call SAUL!", PoPETs 2026): an encoding that is linear over XOR
// shows which three or four records are made of the same pieces.

// measureDependence measures the correlation φ of pairs of places. For independent places nφ² has
// mean 1 and variance 2, so what is above 1 is dependence, and so many pairs tell how far
// off it can be by chance.
func (s *Stats) measureDependence(c *columns, places []int, rng *rand.Rand) {
	n := float64(c.n)
	if len(places) < 2 || c.n < 2 {
		s.Dependence, s.DependenceNoise = 1, maxNoise
		return
	}
	var sum float64
	look := func(p, q int) {
		x, y := c.of[p], c.of[q]
		both := 0
		for i, w := range x {
			both += bits.OnesCount64(w & y[i])
		}
		f, g := float64(c.ones[p]), float64(c.ones[q])
		phi := (n*float64(both) - f*g) / math.Sqrt(f*(n-f)*g*(n-g))
		sum += phi * phi
		s.PairsLooked++
		if math.Abs(phi)*math.Sqrt(n) > 5 {
			s.PairsStrong++
		}
	}
	if all := len(places) * (len(places) - 1) / 2; all <= maxPairs {
		for i, p := range places {
			for _, q := range places[:i] {
				look(p, q)
			}
		}
	} else {
		for range maxPairs {
			i, j := rng.IntN(len(places)), rng.IntN(len(places)-1)
			if j >= i {
				j++
			}
			look(places[i], places[j])
		}
	}
	looked := float64(s.PairsLooked)
	excess := sum/looked - 1/(n-1)
	noise := 3 * math.Sqrt(2/looked) / n
	s.Dependence = math.Sqrt(max(0, 1+DependenceRecords*excess))
	s.DependenceNoise = math.Sqrt(max(0, 1+DependenceRecords*(excess+noise))) - s.Dependence
}

// maxNoise is the noise of a figure that nothing was measured for. It is finite, as JSON
// has no other numbers.
const maxNoise = 1e9

// TupleLeak says how many groups of three and of four records have filters that sum, bit
// by bit, to far less or far more than chance and their likeness two by two account for.
type TupleLeak struct {
	Records int `json:"records"` // looked at by threes
	Fours   int `json:"records_by_fours"`
	Triples int `json:"triples"` // found
	Quads   int `json:"quads"`
	// TriplesLooked and QuadsLooked are how many there are among the records.
	TriplesLooked int `json:"triples_looked_at"`
	QuadsLooked   int `json:"quads_looked_at"`
}

const (
	tupleRecords = 400 // by threes: ten million sums
	quadRecords  = 120 // by fours: eight million
	// tupleSigmas is where a random sum of bits lies with a chance of 1e-9 (normal law,
	// both sides).
	tupleSigmas = 6.11
	// tupleWords bounds the bits that are summed: of longer filters the first 8,192.
	tupleWords = 128
	// relatives of a record that are looked at with it: groups of records made of the
	// same pieces are families, which a random sample would tear apart.
	relatives = 9
)

// measureTuples looks at distinct filters: at families, found by their likeness, and at
// random others.
func measureTuples(nbits int, rows []uint64, rng *rand.Rand) (*TupleLeak, error) {
	words := (nbits + 63) / 64
	s := &Stats{Records: len(rows) / words}
	distinct := s.countRepeats(rows, words)
	rng.Shuffle(len(distinct), func(i, j int) { distinct[i], distinct[j] = distinct[j], distinct[i] })
	chosen, err := families(nbits, rows, distinct[:min(len(distinct), maxColumnRecords)], rng)
	if err != nil {
		return nil, err
	}
	used := min(words, tupleWords)
	set := make([][]uint64, len(chosen))
	for i, r := range chosen {
		set[i] = rows[int(r)*words:][:used]
	}
	l := &TupleLeak{Records: len(set), Fours: min(len(set), quadRecords)}
	l.count(set, float64(min(nbits, used*64)))
	return l, nil
}

// families chooses up to tupleRecords records: the first quadRecords of them are records
// drawn at random, each with the records most like it behind it, the rest random.
func families(nbits int, rows []uint64, distinct []int32, rng *rand.Rand) ([]int32, error) {
	if len(distinct) <= tupleRecords/4 || nbits%64 != 0 || nbits > overlap.MaxBits {
		return distinct[:min(len(distinct), tupleRecords)], nil
	}
	words := nbits / 64
	taken := map[int32]bool{}
	var chosen []int32
	take := func(r int32) {
		if !taken[r] {
			taken[r] = true
			chosen = append(chosen, r)
		}
	}
	seeds := distinct[:quadRecords/(relatives+1)]
	var seedRows []uint64
	for _, r := range seeds {
		seedRows = append(seedRows, rows[int(r)*words:][:words]...)
	}
	all := make([]uint64, 0, len(distinct)*words)
	for _, r := range distinct {
		all = append(all, rows[int(r)*words:][:words]...)
	}
	filters, err := overlap.Prepare(nbits, all)
	if err != nil {
		return nil, err
	}
	common := make([]uint16, len(seeds)*filters.Len())
	if err := filters.Common(seedRows, common); err != nil {
		return nil, err
	}
	for i, r := range seeds {
		ones := filters.Ones(i) // seeds are the first of distinct
		differ := func(p int32) int {
			return ones + filters.Ones(filters.Row(int(p))) - 2*int(common[i*filters.Len()+int(p)])
		}
		order := make([]int32, filters.Len())
		for p := range order {
			order[p] = int32(p)
		}
		slices.SortFunc(order, func(a, b int32) int { return cmp.Or(differ(a)-differ(b), int(a-b)) })
		take(r)
		for _, p := range order[:min(len(order), relatives+1)] {
			take(distinct[filters.Row(int(p))])
		}
	}
	for len(chosen) < min(tupleRecords, len(distinct)) {
		take(distinct[rng.IntN(len(distinct))])
	}
	return chosen, nil
}

// count sums all triples, and all quads of the first Fours. A filter is taken as a row of
// signs, +1 and -1, whose product is XOR; the sum of the signs of a product is its length
// less twice its ones.
func (l *TupleLeak) count(set [][]uint64, length float64) {
	words := 0
	if len(set) > 0 {
		words = len(set[0])
	}
	sum := func(ones int) float64 { return length - 2*float64(ones) }
	single := make([]float64, len(set))
	pair := make([][]float64, len(set))
	both := make([]uint64, words)
	for i, x := range set {
		ones := 0
		for _, w := range x {
			ones += bits.OnesCount64(w)
		}
		single[i] = sum(ones)
		pair[i] = make([]float64, len(set))
		for j, y := range set {
			ones := 0
			for w := range words {
				ones += bits.OnesCount64(x[w] ^ y[w])
			}
			pair[i][j] = sum(ones)
		}
	}
	limit := tupleSigmas * math.Sqrt(length)
	// What a tuple's parts account for: each of its parts may be alike, or lean to ones.
	beyond := func(got, a, b, c float64) bool {
		return math.Abs(got) > limit+max(math.Abs(a), math.Abs(b), math.Abs(c))/length
	}
	for i, x := range set {
		for j := range i {
			y := set[j]
			sij := pair[i][j]
			for w := range words {
				both[w] = x[w] ^ y[w]
			}
			for k := range j {
				z := set[k][:len(both)]
				ones := 0
				for w, v := range both {
					ones += bits.OnesCount64(v ^ z[w])
				}
				l.TriplesLooked++
				if beyond(sum(ones), sij*single[k], pair[i][k]*single[j], pair[j][k]*single[i]) {
					l.Triples++
				}
			}
		}
	}
	three := make([]uint64, words)
	for i := range l.Fours {
		for j := range i {
			for k := range j {
				for w := range words {
					three[w] = set[i][w] ^ set[j][w] ^ set[k][w]
				}
				for m := range k {
					z := set[m][:len(three)]
					ones := 0
					for w, v := range three {
						ones += bits.OnesCount64(v ^ z[w])
					}
					l.QuadsLooked++
					if beyond(sum(ones), pair[i][j]*pair[k][m], pair[i][k]*pair[j][m], pair[i][m]*pair[j][k]) {
						l.Quads++
					}
				}
			}
		}
	}
}
