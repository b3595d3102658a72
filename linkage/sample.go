package linkage

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"cohortlink/linkage/overlap"
)

// grid is the number of steps that scores from 0 to 1 are told apart by when a
// threshold is chosen. A threshold is a whole number of them.
const grid = 1000

// step is the grid step that a score has reached: floor(score × grid), exact for
// scores that are whole numbers of steps.
func step(score float64) int {
	k := int(score * grid)
	if k < grid && float64(k+1)/grid <= score {
		k++
	}
	return k
}

// strata is how many groups records are split into by the ones of their filters.
// A record with a missing date of birth has fewer, meets more strangers at the same
// score, and scores less with its true partner; taken together with complete
// records it would make strangers look rarer than they are where it counts.
const strata = 4

func (s *sample) stratum(ones uint16) int {
	k := 0
	for k < len(s.cuts) && ones >= s.cuts[k] {
		k++
	}
	return k
}

// ranks is how many best scores of a record are kept where the other party may
// hold one person several times. The largest groups of duplicates seen in one
// party (splink's fake1000) have up to ten records.
const ranks = 12

// A sample is what a share of the records scores against all others.
type sample struct {
	looks []look
	cuts  [strata - 1]uint16 // ones at which one stratum of records ends and the next begins
	// above[k]: estimated pairs of the whole comparison that score k/grid or more.
	above [grid + 2]float64
	// budget is how many of them are worth holding, where the threshold allows that.
	budget float64
	rate   float64 // pairs compared in a second
	// bottom is the step under which an earlier linkage has kept no pairs; 0 without one.
	bottom int
}

// budget is a small multiple of the records: more pairs are strangers' nearly all.
func (r *run) budget() float64 { return min(float64(r.MaxPairs)/2, ample(len(r.ones))) }

// ample is the budget where nothing bounds it.
func ample(records int) float64 {
	const perRecord = 10
	return max(200_000, perRecord*float64(records))
}

// least is the lowest step with no more pairs than are worth holding.
func (s *sample) least() int {
	k := grid
	for k > 1 && s.above[k-1] <= s.budget {
		k--
	}
	return k
}

// A look is a share of the records of one party held against all of another
// (or of the same, itself left out).
type look struct {
	a, b           int // parties
	cleanA, cleanB bool
	size           int // records of b that each record of a is held against
	weight         float64
	best           []best // of each sampled record, best first, at most ranks
	ones           []uint16
	rows           []int32            // of a: the sampled records
	counts         *[grid + 2]float64 // of the pairs seen, those that score k/grid or more and less than the next step
	perRow         int
	sampled        int
}

// best is a score and the record of b that has it.
type best struct {
	score  float64
	record int32 // number; -1: there is none
}

func (l *look) of(i int) []best { return l.best[i*l.perRow:][:l.perRow] }

// sampleBudget is how many pairs a sample compares at least, where there are so
// many: two hundred million take well under a second with AVX-512, two in plain Go.
// Larger runs sample one pair in a hundred, and those beyond a borough as many as it.
const (
	sampleBudget = 200_000_000
	sampleShare  = 100
	mostSample   = 2 * BoroughPairs / sampleShare // pairs are seen from both of their sides
)

// sample holds records evenly drawn from each party against all other parties.
// Record IDs are random, but files of other tools need not be shuffled, so rows
// are drawn with a fixed seed: the same files give the same sample.
func (r *run) sample(ctx context.Context) (*sample, error) {
	var pairs float64
	for a := range r.parties {
		for b := range r.parties {
			if a != b || !r.parties[a].clean {
				pairs += float64(len(r.parties[a].ids)) * float64(len(r.parties[b].ids))
			}
		}
	}
	share := min(1, min(max(sampleBudget, pairs/sampleShare), mostSample)/max(pairs, 1))

	s := r.newSample()
	parts, err := r.parts()
	if err != nil {
		return nil, err
	}
	type job struct {
		look *look
		rows []int32
	}
	var jobs []*job
	of := map[[2]int]*job{}
	place := make([]int32, len(r.ones)) // of each record, in its party's rows that are drawn, from 1
	for a := range r.parties {
		n := len(r.parties[a].ids)
		// Small parties are read whole: their estimate would be mostly noise otherwise.
		m := min(n, max(int(share*float64(n)+0.5), 500))
		rows := drawRows(n, m, uint64(a))
		for i, row := range rows {
			place[r.first[a]+int(row)] = int32(i + 1)
		}
		for b := range r.parties {
			size := len(r.parties[b].ids)
			if a == b {
				size--
			}
			if a == b && r.parties[a].clean || size < 1 || n == 0 {
				continue
			}
			l := r.newLook(a, b, size, rows)
			j := &job{look: &l, rows: rows}
			jobs, of[[2]int{a, b}] = append(jobs, j), j
		}
	}

	began := time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for range r.Workers {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(jobs) || ctx.Err() != nil || failed.Load() != nil {
					return
				}
				if err := r.takeLook(ctx, jobs[i].look, jobs[i].rows, parts); err != nil {
					failed.Store(&err)
				}
				r.progress("sample", uint64(i+1), uint64(len(jobs)))
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	took := time.Since(began).Seconds()
	// What old records have to say to each other is known, from the floor of then.
	for _, p := range r.known {
		score := p.Score
		if r.offsets != nil {
			score = r.offsets.Take(score, partyOf(r.first, p.A), partyOf(r.first, p.B))
		}
		for _, side := range [...][2]int32{{p.A, p.B}, {p.B, p.A}} {
			if i := place[side[0]]; i > 0 {
				j := of[[2]int{partyOf(r.first, side[0]), partyOf(r.first, side[1])}]
				j.look.counts[step(score)]++
				j.look.see(int(i-1), best{score, side[1]})
			}
		}
	}
	for _, j := range jobs {
		s.looks = append(s.looks, *j.look)
		s.rate += float64(j.look.sampled) * float64(j.look.size) / max(took, 1e-9)
		for k, n := range j.look.counts {
			// Every pair is seen from both of its sides.
			s.above[k] += n * j.look.weight / 2
		}
	}
	for k := grid; k >= 0; k-- {
		s.above[k] += s.above[k+1]
	}
	return s, nil
}

// newSample is one that has looked at nothing.
func (r *run) newSample() *sample {
	s := &sample{cuts: r.cuts(), budget: r.budget()}
	if r.Previous != nil {
		s.bottom = step(r.Previous.Floor)
	}
	return s
}

// cuts splits all records into strata of one size.
func (r *run) cuts() (cuts [strata - 1]uint16) {
	sorted := slices.Clone(r.ones)
	slices.Sort(sorted)
	for i := range cuts {
		if len(sorted) > 0 {
			cuts[i] = sorted[len(sorted)*(i+1)/strata]
		}
	}
	return cuts
}

// newLook is a look of rows of party a against size records of party b, with nothing
// seen yet.
func (r *run) newLook(a, b, size int, rows []int32) look {
	n, m := len(r.parties[a].ids), len(rows)
	l := look{a: a, b: b, cleanA: r.parties[a].clean, cleanB: r.parties[b].clean, size: size, weight: float64(n) / float64(m), rows: rows, counts: new([grid + 2]float64), perRow: 2, sampled: m}
	if !r.parties[b].clean {
		l.perRow = ranks
	}
	l.best = make([]best, m*l.perRow)
	for i := range l.best {
		l.best[i] = best{-1, -1}
	}
	for _, row := range rows {
		l.ones = append(l.ones, r.ones[r.first[a]+int(row)])
	}
	return l
}

func drawRows(n, m int, stream uint64) []int32 {
	rows := make([]int32, n)
	for i := range rows {
		rows[i] = int32(i)
	}
	if m < n {
		rng := rand.New(rand.NewPCG(0x636f686f72746c6e, stream))
		rng.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		rows = rows[:m]
		slices.Sort(rows)
	}
	return rows
}

// takeLook fills in the best scores of rows of party l.a against party l.b, but for those
// of two records that an earlier linkage has compared.
func (r *run) takeLook(ctx context.Context, l *look, rows []int32, parts []portion) error {
	for i := range parts {
		b := &parts[i]
		if b.party != l.b {
			continue
		}
		places := make([]int, 0, len(rows))
		for place, row := range rows {
			if !b.old || !r.isOld(int32(r.first[l.a])+row) {
				places = append(places, place)
			}
		}
		if err := r.lookAt(ctx, l, rows, places, b); err != nil {
			return err
		}
	}
	return nil
}

// lookAt is takeLook for some of the rows, by their places, against some of party l.b.
func (r *run) lookAt(ctx context.Context, l *look, rows []int32, places []int, b *portion) error {
	const batch = 16
	a := &r.parties[l.a]
	n := b.filters.Len()
	position := make([]int32, n) // record number at each position
	ones := make([]uint16, n)
	for p := range position {
		position[p] = b.number(int32(b.filters.Row(p)))
		ones[p] = r.ones[position[p]]
	}
	words := make([]uint64, 0, batch*r.words)
	common := make([]uint16, batch*n)
	for len(places) > 0 && ctx.Err() == nil {
		now := places[:min(batch, len(places))]
		places = places[len(now):]
		words = words[:0]
		for _, place := range now {
			words = append(words, a.rows[int(rows[place])*r.words:][:r.words]...)
		}
		if err := b.filters.Common(words, common[:len(now)*n]); err != nil {
			return err
		}
		for i, place := range now {
			self := int32(r.first[l.a]) + rows[place]
			mine := int(r.ones[self])
			for p, c := range common[i*n:][:n] {
				if position[p] == self {
					continue
				}
				score := r.measure.score(int(c), mine, int(ones[p]))
				l.counts[step(score)]++
				l.see(place, best{score, position[p]})
			}
		}
	}
	return nil
}

// see puts a score among the best of a row, by its place, if it is one of them.
func (l *look) see(place int, b best) {
	top := l.of(place)
	if b.score > top[len(top)-1].score {
		insert(top, b)
	}
}

// insert puts b in its place and drops the last. Of equal scores the one seen
// first stays ahead; positions are in a canonical order, so this is one too.
func insert(top []best, b best) {
	k := len(top) - 1
	for ; k > 0 && top[k-1].score < b.score; k-- {
		top[k] = top[k-1]
	}
	top[k] = b
}

// floor chooses how far under the threshold pairs are kept: so far that a sweep
// shows what a lower threshold would have done, and so near that the pairs stay
// a small multiple of the records.
func (s *sample) floor(threshold float64) overlap.Ratio {
	const reach = grid * 15 / 100 // how far under the threshold at most
	top := step(threshold)
	return ratio(min(top, max(s.least(), top-reach)))
}

// ratio is the grid step as an exact threshold.
func ratio(k int) overlap.Ratio {
	r, err := overlap.ParseRatio(strconv.FormatFloat(float64(min(max(k, 1), grid))/grid, 'f', 3, 64))
	if err != nil {
		panic("linkage: " + err.Error()) // a number from 0.001 to 1.000
	}
	return r
}

// value is the float nearest to a threshold. A score that equals the threshold as a
// fraction equals it as a float, since both divisions are correctly rounded.
func value(r overlap.Ratio) float64 { return float64(r.Num) / float64(r.Den) }
