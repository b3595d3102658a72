package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/norm"
)

// Which of an extract's records are attacked.
//
// The obvious choice, records drawn at random, would make the attacks fail for the wrong
// reason: people are recognised by who is like them, and a random sample tears families
// apart. So whole postcodes are drawn, by a hash of the postcode that leaves no more of
// them than fit: an extract of any size is read once, in bounded memory (level sampling:
// Gibbons, "Distinct sampling for highly-accurate answers", VLDB 2001, section 3).

// mostRecords is how many records are held at most: what the cheap checks look at.
const mostRecords = 100_000

// recordSample is the records of an extract that are looked at.
type recordSample struct {
	records []sampled
	rows    int // read
	aside   int // that the reader refused
	level   int // of each 2^level groups one is kept
}

type sampled struct {
	values []string
	group  uint64 // hash of its postcode, or of its row where it has none
}

// readRecords reads an extract and keeps whole groups of its records.
func readRecords(ctx context.Context, a *app, x *formats.Extract, cols *columnMap, p *formats.Project, party *formats.ProjectParty) (*recordSample, error) {
	postcode := slices.IndexFunc(p.Fields, func(f formats.ProjectField) bool { return norm.Kind(f.Kind) == norm.Postcode })
	var home *norm.Normaliser
	if postcode >= 0 {
		var err error
		if home, err = norm.New(norm.Postcode, norm.Options{}); err != nil {
			return nil, err
		}
	}
	m := a.ui.meter("read", "bytes")
	defer m.done()
	s := &recordSample{}
	for {
		row, err := x.Next()
		var bad *formats.RowError
		switch {
		case err == io.EOF:
			s.rows = x.Row()
			return s, nil
		case errors.As(err, &bad):
			s.aside++
			continue
		case err != nil:
			return nil, err
		}
		if x.Row()%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			m.set(uint64(x.BytesRead()), uint64(max(x.TotalBytes(), x.BytesRead())))
		}
		r := sampled{values: make([]string, len(cols.fields))}
		for i, c := range cols.fields {
			r.values[i] = join(row, c)
		}
		place := ""
		if home != nil {
			place, _ = home.Value(r.values[postcode])
		}
		r.group = groupHash(place, uint64(x.Row()))
		if bits.TrailingZeros64(r.group) < s.level {
			continue
		}
		s.records = append(s.records, r)
		for len(s.records) > mostRecords && s.level < 63 {
			s.level++
			s.records = slices.DeleteFunc(s.records, func(r sampled) bool { return bits.TrailingZeros64(r.group) < s.level })
		}
	}
}

// groupHash spreads postcodes evenly (FNV-1a, finished by the mixer of SplitMix64). It
// hides nothing and need not: it never leaves the run.
func groupHash(place string, row uint64) uint64 {
	h := uint64(14695981039346656037)
	if place == "" {
		h ^= row * 0x9e3779b97f4a7c15
	}
	for i := range len(place) {
		h = (h ^ uint64(place[i])) * 1099511628211
	}
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// people draws up to n records, whole groups of them, in an order that tells nothing.
func (s *recordSample) people(n int, seed uint64) [][]string {
	r := rand.New(rand.NewPCG(seed, 0x5a3))
	salt := r.Uint64() | 1
	order := slices.Clone(s.records)
	slices.SortStableFunc(order, func(a, b sampled) int { return cmp.Compare(a.group*salt, b.group*salt) })
	var out [][]string
	for _, rec := range order[:min(n, len(order))] {
		out = append(out, rec.values)
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// usable leaves out the records that hash would set aside.
func (s *recordSample) usable(h *hashing.Hasher) {
	unusable := make([]bool, len(s.records))
	eachRun(len(s.records), func(from, to int) {
		w, dst := h.Worker(), make([]uint64, h.Words())
		for i := from; i < to; i++ {
			unusable[i] = w.Hash(s.records[i].values, dst).Unusable
		}
	})
	kept := s.records[:0]
	for i, r := range s.records {
		if !unusable[i] {
			kept = append(kept, r)
		}
	}
	s.records = kept
}

func (s *recordSample) values() [][]string {
	out := make([][]string, len(s.records))
	for i, r := range s.records {
		out[i] = r.values
	}
	return out
}

// eachRun splits 0 to n-1 into runs, for all cores.
func eachRun(n int, do func(from, to int)) {
	workers := runtime.GOMAXPROCS(0)
	step := max(1, (n+workers-1)/workers)
	var wg sync.WaitGroup
	for from := 0; from < n; from += step {
		wg.Go(func() { do(from, min(from+step, n)) })
	}
	wg.Wait()
}
