package linkage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"strings"

	"cohortlink/linkage/overlap"
)

// RecordID is a record's random stand-in, drawn by its partner.
type RecordID = [16]byte

// A Party is what one partner sent: filters under record IDs, the rows of both in
// the same order. Order does not matter.
type Party struct {
	Name string
	// Deduplicated: the party has at most one record of a person. Its records are
	// then never compared with each other, nor joined.
	Deduplicated bool
	IDs          []RecordID
	Bits         []uint64     // Length/64 words for each record
	More         [][]uint64   // of each further filter, the same
	Exact        [][]ExactKey // of each exact key, one for each record
}

// Options says how to link. The zero value chooses everything.
type Options struct {
	Length     int            // bits of a filter, the same for all parties
	Similarity string         // what filters are scored by (similarity.go); "": dice
	More       []Filter       // further filters of a record
	Exact      []string       // names of exact keys
	Threshold  *overlap.Ratio // nil: chosen from the scores
	// Previous is an earlier linkage. All its records are among the parties' again, with the
	// filters of then, and are not compared with each other again (previous.go). May be nil.
	Previous *Result
	Blocking Blocking // which pairs are compared (block.go)
	Workers  int      // 0: one for each core
	MaxPairs int      // candidate pairs kept at most; 0: DefaultMaxPairs
	// Progress is told how far a stage is: "sample", "compare", or "persons", from any
	// goroutine. May be nil.
	Progress func(stage string, done, total uint64)
}

// DefaultMaxPairs bounds the candidate pairs that are held, 16 bytes each, in memory.
const DefaultMaxPairs = 50_000_000

// A Pair is two records, by number, with a score at or above the floor. A < B.
type Pair struct {
	A, B  int32
	Score float64 // 0 to 1, and the offset of their parties (Offsets)
}

// A Result is who is who.
type Result struct {
	Parties []string   // by name
	Clean   []bool     // Clean[i]: party i is deduplicated
	First   []int      // First[i]: number of the first record of party i; one more entry for the end
	IDs     []RecordID // of each record, by number
	Row     []int32    // of each record: its row in the Party it came from
	Person  []int32    // of each record: its person; persons are numbered by their first record
	Persons int
	Pairs   []Pair // candidate pairs, best first
	Threshold
	Offsets  Offsets // added to the scores of Pairs; nil: nothing is
	Floor    float64 // pairs below were not kept
	Compared uint64  // comparisons made: with blocking, a pair as often as it meets
	Plan     Plan    // which pairs were compared
	Rules    RuleCounts
	Evidence *Evidence // where records have several filters or exact keys
	namers   []int32   // of each person: the record that its ID is made of, where Follow chose it
}

// Party returns the party of a record number.
func (r *Result) Party(record int32) int {
	return partyOf(r.First, record)
}

func partyOf(first []int, record int32) int {
	i, found := slices.BinarySearch(first, int(record))
	if found {
		// Parties without records share a first number: the last of them has it.
		for i+1 < len(first)-1 && first[i+1] == int(record) {
			i++
		}
		return i
	}
	return i - 1
}

// Accepted reports whether two records were put with one person.
func (r *Result) Accepted(p Pair) bool { return r.Person[p.A] == r.Person[p.B] }

// run is one linkage under way.
type run struct {
	Options
	words   int
	measure *measure
	parties []party
	layout  *overlap.Layout
	ones    []uint16 // of each record, by number
	first   []int
	old     []bool    // of each record: Previous has it; nil without one
	known   []Pair    // of records that Previous has, best first
	split   []portion // see parts
	offsets Offsets   // added to the scores of pairs (offsets.go)
}

type party struct {
	name    string
	clean   bool
	ids     []RecordID
	row     []int32
	rows    []uint64
	filters *overlap.Filters
}

// Link finds the persons among the parties' records. ctx ends it early, with
// ctx's error. Errors otherwise name the party and what is wrong with what it sent.
func Link(ctx context.Context, parties []Party, o Options) (*Result, error) {
	if len(o.More)+len(o.Exact) > 0 {
		return linkEvidence(ctx, parties, o)
	}
	r, err := newRun(parties, o)
	if err != nil {
		return nil, err
	}
	if err := r.adopt(o.Previous); err != nil {
		return nil, err
	}
	sample, err := r.sample(ctx)
	if err != nil {
		return nil, err
	}
	choose := func(m *nullModel) Threshold { return m.choose(nil) }
	plain := sample // before offsets
	if r.Options.Threshold == nil && r.Previous == nil {
		r.offsets = sample.offsets(len(r.parties))
	}
	sample = sample.with(r.offsets)
	null := newNullModel(sample)
	auto := choose(null)
	if auto.Nothing && r.offsets != nil && r.Previous == nil {
		// Equal filters alone are to be linked, and none but those.
		r.offsets, sample = nil, plain
		null = newNullModel(sample)
		auto = choose(null)
	}
	chosen := auto
	if given := r.Options.Threshold; given != nil {
		chosen = null.choose(given)
	}
	floor, err := r.notUnder(sample.floor(chosen.Score()), chosen)
	if err != nil {
		return nil, err
	}
	layers := []layer{{r, sample, chosen.Score(), true}}
	blocks, err := plan(layers, nil, r.Blocking)
	if err != nil {
		return nil, err
	}
	pairs, compared, err := layers[0].compareAll(ctx, 0, blocks, floor)
	if err != nil {
		return nil, err
	}
	auto, null = r.refine(ctx, sample, pairs, auto, null, floor, choose)
	switch judge := r.newJudge(ctx, null, pairs, floor); {
	case !chosen.Auto:
		chosen = judge.at(chosen.Ratio)
	case auto.Nothing:
		chosen = auto
	default:
		chosen = judge.choose(ctx, auto)
	}
	res, err := r.result(ctx, pairs, chosen, floor, compared)
	if err != nil {
		return nil, err
	}
	layers[0].threshold = res.Score()
	r.blocked(res, blocks, layers, nil)
	return res, nil
}

// refine chooses the threshold again where a party may hold a person twice. The first
// estimate had to guess which records are the same person again; now that there are
// pairs, and so persons, it need not.
func (r *run) refine(ctx context.Context, s *sample, pairs []Pair, chosen Threshold, null *nullModel, floor overlap.Ratio, choose func(*nullModel) Threshold) (Threshold, *nullModel) {
	if !r.hasDuplicates() || chosen.Nothing || chosen.Score() < value(floor) {
		return chosen, null
	}
	first := null
	for range refinements {
		if ctx.Err() != nil {
			break
		}
		better := first.regroup(s, r.likelySame(ctx, pairs, chosen.Score(), value(floor)))
		next := choose(better)
		if next.Nothing || next.Score() < value(floor) {
			break
		}
		settled := next.Ratio == chosen.Ratio
		chosen, null = next, better // also for its estimate, which knows better now
		if settled {
			break
		}
	}
	return chosen, null
}

// result forms the persons.
func (r *run) result(ctx context.Context, pairs []Pair, chosen Threshold, floor overlap.Ratio, compared uint64) (*Result, error) {
	res := &Result{Clean: r.clean(), First: r.first, Pairs: pairs, Threshold: chosen, Offsets: r.offsets, Floor: value(floor), Compared: compared}
	for _, p := range r.parties {
		res.Parties = append(res.Parties, p.name)
		res.IDs = append(res.IDs, p.ids...)
		res.Row = append(res.Row, p.row...)
	}
	res.Person, res.Persons, res.Rules = personsOf(ctx, r.first, res.Clean, pairs, chosen.Score(), Least(chosen.Score(), value(floor), r.weighed()))
	return res, ctx.Err()
}

func newRun(parties []Party, o Options) (*run, error) {
	if len(parties) == 0 {
		return nil, errors.New("there is nothing to link: name at least one filters file")
	}
	measure, err := newMeasure(o.Similarity, o.Length)
	if err != nil {
		return nil, err
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.MaxPairs <= 0 {
		o.MaxPairs = DefaultMaxPairs
	}
	r := &run{Options: o, words: o.Length / 64, measure: measure}

	sorted := slices.Clone(parties)
	slices.SortFunc(sorted, func(a, b Party) int { return strings.Compare(a.Name, b.Name) })
	var total int
	for i, p := range sorted {
		if i > 0 && p.Name == sorted[i-1].Name {
			return nil, fmt.Errorf("party %q is there twice: name one file for each party", p.Name)
		}
		if len(p.Bits) != len(p.IDs)*r.words {
			return nil, fmt.Errorf("party %q has %d records but %d words of filters, where %d bits need %d", p.Name, len(p.IDs), len(p.Bits), o.Length, len(p.IDs)*r.words)
		}
		total += len(p.IDs)
	}
	if total > math.MaxInt32 {
		return nil, fmt.Errorf("%d records: at most %d can be linked in one run", total, math.MaxInt32)
	}

	seen := make(map[RecordID]struct{}, total)
	var sets [][]uint64
	for _, p := range sorted {
		q := party{name: p.Name, clean: p.Deduplicated, row: make([]int32, len(p.IDs))}
		for i := range q.row {
			q.row[i] = int32(i)
		}
		slices.SortFunc(q.row, func(a, b int32) int { return bytes.Compare(p.IDs[a][:], p.IDs[b][:]) })
		q.ids = make([]RecordID, 0, len(p.IDs))
		q.rows = make([]uint64, 0, len(p.Bits))
		for _, i := range q.row {
			id := p.IDs[i]
			if _, again := seen[id]; again {
				return nil, fmt.Errorf("party %q has a record ID that another record has too: hash its extract again", p.Name)
			}
			seen[id] = struct{}{}
			q.ids = append(q.ids, id)
			row := p.Bits[int(i)*r.words:][:r.words]
			q.rows = append(q.rows, row...)
			var ones int
			for _, w := range row {
				ones += bits.OnesCount64(w)
			}
			r.ones = append(r.ones, uint16(ones))
		}
		r.first = append(r.first, len(r.ones)-len(q.ids))
		r.parties = append(r.parties, q)
		sets = append(sets, q.rows)
	}
	r.first = append(r.first, len(r.ones))

	if r.layout, err = overlap.NewLayout(o.Length, sets...); err != nil {
		return nil, err
	}
	for i := range r.parties {
		p := &r.parties[i]
		if p.filters, err = r.layout.Prepare(p.rows); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *run) hasDuplicates() bool {
	return slices.ContainsFunc(r.parties, func(p party) bool { return !p.clean })
}

func (r *run) clean() []bool {
	clean := make([]bool, len(r.parties))
	for i, p := range r.parties {
		clean[i] = p.clean
	}
	return clean
}

// weighed reports whether pairs are scored by their match weight.
func (r *run) weighed() bool { return len(r.More)+len(r.Exact) > 0 }

// likelySame gives records the same number that are not to pass for strangers to each
// other at a threshold: those joined by any chain of pairs. With a threshold too high
// persons fall apart, and their parts, taken for strangers, would hold the threshold up
// there (splink's fake1000). A chain of more than mostChained records is no person, and
// counts as what Persons makes of it: with a threshold too low everybody
// would be joined to everybody, and nobody be left for a stranger.
func (r *run) likelySame(ctx context.Context, pairs []Pair, threshold, floor float64) []int32 {
	same := connected(len(r.ones), pairs, threshold)
	size := make([]int32, len(same))
	for _, first := range same {
		size[first]++
	}
	person, _, _ := personsOf(ctx, r.first, r.clean(), pairs, threshold, Least(threshold, floor, r.weighed()))
	for i, first := range same {
		if size[first] > mostChained {
			same[i] = int32(len(same)) + person[i]
		}
	}
	return same
}

// mostChained leaves room for the largest persons seen in one party, of ten records,
// and a few of their namesakes.
const mostChained = 3 * ranks

// refinements is how often a threshold is chosen again with the persons that it
// made. It hardly moves after the first.
const refinements = 3

func (r *run) progress(stage string, done, total uint64) {
	if r.Progress != nil {
		r.Progress(stage, done, total)
	}
}
