package linkage

import (
	"fmt"
	"math"
	"slices"
)

// Every pair is compared, which is exact and needs no thought, as long as that takes
// minutes. What is more than a borough can do with blocking: only pairs that something
// brings together are compared, and some true pairs are lost. What may bring pairs
// together is an equal exact key, and LSH on the filters (lsh.go).
//
// Blocks follow from bits of keyed filters and from places that are drawn for the run,
// both of which the unit has anyhow. They never leave the process, are in no file and
// no message, and none is a digest of an identifier: digests without a key, which other
// tools block by, are looked up in a list of all names or postcodes.

// Methods of blocking.
const (
	BlockNone  = "none"      // every pair is compared
	BlockLSH   = "lsh"       // pairs that filters bring together
	BlockExact = "exact"     // pairs that an equal exact key brings together
	BlockBoth  = "lsh+exact" // pairs that either brings together
)

// BlockMethods are all of them.
var BlockMethods = []string{BlockNone, BlockLSH, BlockExact, BlockBoth}

// BoroughPairs is the most pairs that are compared without blocking where nobody asks for
// it: those of 630,000 records. The 550,000 of a borough in fifteen parties are
// 1.5·10¹¹ pairs, which two cores with AVX-512 compare in under three minutes.
const BoroughPairs = 200_000_000_000

// DefaultBlockingLoss is the share of links that blocking may lose where nobody says
// otherwise: one in two hundred, a fraction of what filters themselves miss.
const DefaultBlockingLoss = 0.005

// Blocking is what is asked for. The zero value compares every pair up to BoroughPairs,
// and above that blocks by whatever the filters allow, where that pays.
type Blocking struct {
	Method string
	Loss   float64 // expected share of links lost at most; 0: DefaultBlockingLoss
	// Secret is what the places of LSH are drawn with: the same files and secret give the
	// same blocks. It should be one that nobody outside the unit knows, who could else
	// make filters that all fall into one.
	Secret []byte
	// Planned is told the plan before pairs are compared. May be nil.
	Planned func(*Plan)
	orNone  bool // compares every pair where the method that is asked for does not pay
}

// A Plan is which pairs of a linkage are compared.
type Plan struct {
	Method string
	Asked  bool         // for this method, by whoever ran the linkage
	Pairs  uint64       // all that there are
	LSH    []FilterPlan // of each filter; those of filters that bring no pairs together are zero
	// Loss is the expected share of links that blocking loses: of the pairs of the sample,
	// Links of them, that reach the threshold, the share that nothing brings together.
	// Wrong links, which are less alike than true ones, are among them, and a person's
	// records can be brought together by a third; so of true pairs it is more likely less.
	// In a Result it is of all links: what was added to an earlier linkage loses that, and
	// what was there before has lost Earlier already, and is not compared again.
	Loss    float64
	Links   int
	Earlier float64
	// Cost is what the plan takes as a share of what comparing every pair takes, and
	// Rate how many pairs the sample took in a second.
	Cost, Rate float64
	// Unblocked says why every pair is compared where blocking was asked for, or there are
	// more than a borough has.
	Unblocked string
}

// A FilterPlan is the LSH of one filter: in each of Tables tables, records that agree in
// Places bits of their filters are compared.
type FilterPlan struct {
	Places, Tables int
	Expected       float64 // pairs that meet, counted as often as they do
	cost           float64 // ns of processor time
}

// A BlockingError says why the blocking that was asked for cannot be.
type BlockingError struct {
	Why  string
	Loss bool // with a larger loss allowed it might be
}

func (e *BlockingError) Error() string { return e.Why }

// blocks is a plan with what is needed to follow it.
type blocks struct {
	Plan
	lsh  []*lshTables // of each filter; nil: it brings no pairs together
	keys bool         // equal exact keys bring pairs together
}

// unblocked is the plan to compare every pair.
func unblocked(pairs uint64) *blocks {
	return &blocks{Plan: Plan{Method: BlockNone, Pairs: pairs, Cost: 1}, keys: true}
}

// A layer is a filter of every record, and what its sample shows.
type layer struct {
	*run
	sample    *sample
	threshold float64 // what a link would need, were there no other filter
	brings    bool    // it tells people apart well enough to bring pairs together
}

// plan decides which pairs are compared. keys are the exact keys of each record, none
// where files have none.
func plan(layers []layer, keys [][]ExactKey, o Blocking) (*blocks, error) {
	pairs, asked := layers[0].allPairs(), o.Method != ""
	var err error
	if o.Method, err = methodFor(o.Method, pairs, len(keys) > 0); err != nil {
		return nil, err
	}
	if o.Loss == 0 {
		o.Loss = DefaultBlockingLoss
	}
	if !(o.Loss > 0 && o.Loss < 1) {
		return nil, fmt.Errorf("the share of links that blocking may lose must be between 0 and 1, not %g", o.Loss)
	}
	b := unblocked(pairs)
	if o.Method != BlockNone {
		blocked, err := newBlocks(layers, keys, o)
		if err == nil {
			b = blocked
		} else if asked && !o.orNone {
			return nil, err
		} else {
			b.Unblocked = err.Error()
		}
	}
	b.Asked, b.Pairs, b.Rate = asked, pairs, rate(layers)
	if o.Planned != nil {
		o.Planned(&b.Plan)
	}
	return b, nil
}

// rate is how many pairs are compared in a second by all filters that are to compare them.
func rate(layers []layer) float64 {
	var seconds float64 // that a pair takes
	for _, l := range layers {
		if l.brings {
			seconds += 1 / l.sample.rate
		}
	}
	return 1 / seconds
}

// methodFor is the method for so many pairs: the one asked for, if any.
func methodFor(asked string, pairs uint64, keys bool) (string, error) {
	switch {
	case asked == "" && pairs <= BoroughPairs:
		return BlockNone, nil
	case asked == "" && keys:
		return BlockBoth, nil
	case asked == "":
		return BlockLSH, nil
	case !slices.Contains(BlockMethods, asked):
		return "", fmt.Errorf("blocking %q is not known: it is one of %q", asked, BlockMethods)
	case !keys && (asked == BlockExact || asked == BlockBoth):
		return "", &BlockingError{fmt.Sprintf("blocking by %s needs exact keys, and the filters have none", asked), false}
	}
	return asked, nil
}

// newBlocks plans a linkage with blocking, or says why it does not pay.
func newBlocks(layers []layer, keys [][]ExactKey, o Blocking) (*blocks, error) {
	b := &blocks{Plan: Plan{Method: o.Method, LSH: make([]FilterPlan, len(layers))}, lsh: make([]*lshTables, len(layers)), keys: o.Method != BlockLSH}
	if !b.keys {
		keys = nil
	}
	var links []seenLink
	var full, cost float64
	for i, l := range layers {
		if !l.brings {
			continue
		}
		found := l.links()
		links = append(links, found...)
		if o.Method == BlockExact {
			continue
		}
		full += l.fullCost()
		p, t, err := l.tables(i, found, keys, o)
		if err != nil {
			return nil, err
		}
		b.LSH[i], b.lsh[i] = p, t
		cost += p.cost
	}
	if full > 0 {
		b.Cost = cost / full
	}
	if len(links) < leastLinks {
		return nil, &BlockingError{fmt.Sprintf("the sample has %d links, too few to tell what blocking would lose", len(links)), false}
	}
	if o.Method != BlockExact && cost > full {
		return nil, &BlockingError{fmt.Sprintf("at a loss of at most %.3g of the links, LSH would take %.3g times as long as comparing every pair", o.Loss, b.Cost), true}
	}
	b.Loss, b.Links = b.loss(layers, links, keys), len(links)
	return b, nil
}

// leastLinks is how many links a sample must show before what is lost of them means
// anything: with a hundred, a loss of 0.005 is half a link.
const leastLinks = 100

// allPairs counts the pairs that a linkage is over: those of two parties, and of one that
// may hold a person twice, but for pairs that an earlier linkage has compared.
func (r *run) allPairs() uint64 {
	all, old := make([]uint64, len(r.parties)), make([]uint64, len(r.parties))
	for i := range r.parties {
		for n := r.first[i]; n < r.first[i+1]; n++ {
			all[i]++
			if r.isOld(int32(n)) {
				old[i]++
			}
		}
	}
	return r.pairsAmong(all) - r.pairsAmong(old)
}

// pairsAmong counts the pairs of as many records of each party.
func (r *run) pairsAmong(records []uint64) (pairs uint64) {
	var before uint64
	for i, n := range records {
		pairs += n * before
		before += n
		if n > 0 && !r.parties[i].clean {
			pairs += n * (n - 1) / 2
		}
	}
	return pairs
}

// A seenLink is a link of a sample: two records, and how many such links it stands for.
type seenLink struct {
	a, b   int32
	weight float64
}

// links are the pairs of the sample that would be links: a record's best in a party that
// has each person once, and all others that reach the threshold elsewhere. Two records
// that an earlier linkage had are none: they are not compared, so blocking cannot lose them.
func (l *layer) links() (links []seenLink) {
	for i := range l.sample.looks {
		k := &l.sample.looks[i]
		for j, row := range k.rows {
			top := k.of(j)
			if k.cleanB {
				top = top[:1]
			}
			mine := int32(l.first[k.a]) + row
			for _, t := range top {
				if t.record >= 0 && t.score >= l.threshold && !(l.isOld(mine) && l.isOld(t.record)) {
					links = append(links, seenLink{mine, t.record, k.weight})
				}
			}
		}
	}
	return links
}

// agreeOn reports whether an exact key brings two records together.
func agreeOn(keys [][]ExactKey, a, b int32) bool {
	for _, of := range keys {
		if of[a] == of[b] && of[a] != (ExactKey{}) {
			return true
		}
	}
	return false
}

// loss is the expected share of links that nothing brings together.
func (b *blocks) loss(layers []layer, links []seenLink, keys [][]ExactKey) float64 {
	var lost, all float64
	for _, x := range links {
		all += x.weight
		if agreeOn(keys, x.a, x.b) {
			continue
		}
		miss := x.weight
		for i, t := range b.lsh {
			if t != nil {
				miss *= math.Pow(1-t.meets(layers[i].distance(x)), float64(len(t.places)))
			}
		}
		lost += miss
	}
	return lost / max(all, 1)
}

// blocked notes the plan that a result was made by, with the loss at its threshold where
// layers are given. Then the estimate comes from the pairs that were accepted (judge.go), of
// which those that were lost are none; without, it knows nothing of them, and the loss is
// taken off. Of what an earlier linkage lost it knows nothing either way.
func (r *run) blocked(res *Result, b *blocks, layers []layer, keys [][]ExactKey) {
	res.Plan = b.Plan
	p := &res.Plan
	if b.Method != BlockNone && layers != nil {
		var links []seenLink
		for i := range layers {
			links = append(links, layers[i].links()...)
		}
		p.Loss, p.Links = b.loss(layers, links, keys), len(links)
	}
	unknown := p.Loss
	if layers != nil {
		unknown = 0
	}
	if r.Previous != nil {
		var before float64
		p.Loss, before = r.lossOfAll(res, p.Loss, r.Previous.Plan.Loss)
		if p.Earlier = r.Previous.Plan.Loss; layers != nil {
			unknown = before
		} else {
			unknown = p.Loss
		}
	}
	e := &res.Estimate
	e.Recall, e.RecallLow, e.RecallHigh = e.Recall*(1-unknown), e.RecallLow*(1-unknown), e.RecallHigh*(1-unknown)
}

// lossOfAll is the share of all links that was lost, where new records' links lose one share
// and those of an earlier linkage have lost another; and which share of all was lost before.
// There are as many of either as were found and lost: n found at a loss of x are n/(1-x).
func (r *run) lossOfAll(res *Result, now, earlier float64) (all, before float64) {
	const most = 0.999 // what is found was not lost
	now, earlier = min(now, most), min(earlier, most)
	var fresh, old float64
	for _, p := range res.Pairs {
		switch {
		case p.Score < res.Score():
		case !res.Accepted(p):
		case r.isOld(p.A) && r.isOld(p.B):
			old++
		default:
			fresh++
		}
	}
	links := fresh/(1-now) + old/(1-earlier)
	if links == 0 {
		return now, 0
	}
	before = earlier * old / (1 - earlier) / links
	return before + now*fresh/(1-now)/links, before
}
