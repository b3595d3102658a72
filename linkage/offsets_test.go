package linkage

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// An offset moves a score by whole thousandths, takes none over a threshold, and is taken off
// again to the last bit of what was rounded.
func TestOffsetOfScore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		den := rapid.IntRange(1, 1<<17).Draw(t, "den")
		num := rapid.IntRange(0, den).Draw(t, "num")
		offset := rapid.IntRange(-mostOffset, mostOffset).Draw(t, "offset")
		k := rapid.IntRange(mostOffset, grid-mostOffset).Draw(t, "threshold")
		o := Offsets{{0, offset}, {offset, 0}}
		score := float64(num) / float64(den)
		moved := o.Add(score, 0, 1)
		if reached := num*grid >= (k-offset)*den; (moved >= value(ratio(k))) != reached {
			t.Fatalf("%d/%d with %d is %v: at %d, %v", num, den, offset, moved, k, reached)
		}
		raw := o.Take(moved, 1, 0)
		if math.Abs(raw-score) > 1e-9 || o.Add(raw, 0, 1) != moved || o.Take(o.Add(raw, 0, 1), 0, 1) != raw {
			t.Fatalf("%v, moved to %v, is %v", score, moved, raw)
		}
		if o.Add(score, 0, 0) != score || Offsets(nil).Add(score, 0, 1) != score {
			t.Fatal("a score without an offset was moved")
		}
	})
}

// poorWorld has a party whose records lack three eighths of the bits.
func poorWorld(s worldSettings) *world {
	w := invent(s)
	p := &w.parties[0]
	for i := range p.Bits {
		if i%(worldBits/64) >= 5 {
			p.Bits[i] = 0
		}
	}
	return w
}

var poor = worldSettings{people: 900, parties: 5, size: 300, clean: true, noise: 0.2, families: true}

// Where a party's records hold less, its pairs are lifted to where strangers of others are, and
// no common threshold without offsets gives persons as good.
func TestOffsetsOfPoorParty(t *testing.T) {
	w := poorWorld(poor)
	r := linkAll(t, w.parties, Options{})
	for a := range r.Parties {
		for b := range r.Parties {
			if got := r.Offsets.Of(a, b); (got > 0) != (a != b && (a == 0 || b == 0)) || got != r.Offsets.Of(b, a) {
				t.Errorf("offset %d of %s and %s", got, r.Parties[a], r.Parties[b])
			}
		}
	}
	f1 := func(r *Result) float64 {
		p, c := w.score(r)
		return 2 * p * c / (p + c)
	}
	if given := linkAll(t, w.parties, Options{Threshold: &r.Ratio}); given.Offsets != nil {
		t.Error("a threshold that was given is taken with offsets")
	}
	bare, err := newRun(w.parties, Options{Length: worldBits})
	if err != nil {
		t.Fatal(err)
	}
	floor := ratio(step(r.Floor) - r.Offsets.largest())
	pairs, _, err := bare.scan(t.Context(), floor)
	if err != nil {
		t.Fatal(err)
	}
	best := 0.0
	for k := step(r.Score()) - r.Offsets.largest(); k <= step(r.Score())+100; k += 10 {
		at := *r
		at.Person, at.Persons, at.Rules = Persons(r.First, r.Clean, pairs, float64(k)/grid, Least(float64(k)/grid, value(floor), false))
		best = max(best, f1(&at))
	}
	t.Logf("F1 %.4f at %.3f with offsets %v, at most %.4f without", f1(r), r.Score(), r.Offsets, best)
	if f1(r) < best+0.02 {
		t.Errorf("F1 %.4f with offsets, %.4f without", f1(r), best)
	}
	// What was kept is what the filters say, from the floor of each two parties on.
	raw := map[[2]int32]float64{}
	for _, p := range pairs {
		if r.Offsets.Add(p.Score, r.Party(p.A), r.Party(p.B)) >= r.Floor {
			raw[[2]int32{p.A, p.B}] = p.Score
		}
	}
	if len(raw) != len(r.Pairs) || !slices.IsSortedFunc(r.Pairs, func(x, y Pair) int { return int(math.Copysign(1, y.Score-x.Score)) }) {
		t.Errorf("%d pairs were kept, in order or not, where %d reach the floor", len(r.Pairs), len(raw))
	}
	for _, p := range r.Pairs {
		if math.Abs(r.Raw(p)-raw[[2]int32{p.A, p.B}]) > 1e-9 {
			t.Fatalf("a pair scores %v, and its filters %v", r.Raw(p), raw[[2]int32{p.A, p.B}])
		}
	}
}

// Parties that hold the same have no offsets, whether they are clean or not; nor do files that
// share nobody, of which equal filters alone are linked.
func TestNoOffsets(t *testing.T) {
	for seed := range uint64(3) {
		for _, s := range []worldSettings{
			{seed: seed, people: 900, parties: 4, size: 500, clean: true, noise: 0.16, families: true},
			{seed: seed, people: 900, parties: 3, size: 500, noise: 0.12, twice: 6, families: true},
			{seed: seed, people: 400, parties: 1, size: 400, noise: 0.12, twice: 3},
		} {
			if r := linkAll(t, invent(s).parties, Options{}); r.Offsets != nil {
				t.Errorf("%+v: offsets %v", s, r.Offsets)
			}
		}
	}
	s := poor
	a := poorWorld(s)
	s.seed = 99
	b := invent(s)
	b.parties[1].Name = "stranger"
	if r := linkAll(t, []Party{a.parties[0], b.parties[1], invent(worldSettings{seed: 7, people: 500, parties: 1, size: 500, clean: true}).parties[0]}[:2], Options{}); !r.Nothing || r.Offsets != nil {
		t.Errorf("parties that share nobody: threshold %v, offsets %v", r.Score(), r.Offsets)
	}
}

// A linkage that is added to keeps its offsets, and a party that is new has none.
func TestPreviousKeepsOffsets(t *testing.T) {
	w := poorWorld(poor)
	old := linkAll(t, w.parties[:4], Options{})
	if old.Offsets == nil {
		t.Fatal("there are no offsets to keep")
	}
	added := linkAll(t, w.parties, Options{Previous: old, Threshold: &old.Ratio})
	for a := range added.Parties {
		for b := range added.Parties {
			want := 0
			if a < 4 && b < 4 {
				want = old.Offsets.Of(a, b)
			}
			if got := added.Offsets.Of(a, b); got != want {
				t.Errorf("offset %d of %s and %s, was %d", got, added.Parties[a], added.Parties[b], want)
			}
		}
	}
	kept := 0
	for _, p := range added.Pairs {
		if added.Party(p.A) < 4 && added.Party(p.B) < 4 {
			if p.Score != old.Pairs[kept].Score {
				t.Fatalf("a pair scores %v, was %v", p.Score, old.Pairs[kept].Score)
			}
			kept++
		}
	}
	if kept == 0 {
		t.Error("no pair of old records is there still")
	}
}

// LSH finds the scores that comparing every pair does, down to the same floor.
func TestOffsetsByLSH(t *testing.T) {
	w := poorWorld(poor)
	r, err := newRun(w.parties, Options{Length: worldBits})
	if err != nil {
		t.Fatal(err)
	}
	r.offsets = Offsets{{0, 40, 40, -30, 40}, {40, 0, 0, 0, 0}, {40, 0, 0, 0, 0}, {-30, 0, 0, 0, -20}, {40, 0, 0, -20, 0}}
	floor := ratio(600)
	all, _, err := r.scan(t.Context(), floor)
	if err != nil {
		t.Fatal(err)
	}
	scores := map[[2]int32]float64{}
	for _, p := range all {
		scores[[2]int32{p.A, p.B}] = p.Score
	}
	found, _, err := r.scanBuckets(t.Context(), floor, newTables([]byte("a secret of a test"), 0, worldBits, 6, 40), 1)
	if err != nil {
		t.Fatal(err)
	}
	if found, _, err = r.complete(t.Context(), found, 0.65, floor); err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		if scores[[2]int32{p.A, p.B}] != p.Score {
			t.Fatalf("a pair scores %v by LSH, %v by comparing all", p.Score, scores[[2]int32{p.A, p.B}])
		}
	}
	if len(found) < len(all)/2 {
		t.Errorf("%d of %d pairs were found", len(found), len(all))
	}
}

// Λ comes out of the shares that it makes.
func TestExpectedStrangers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		strangers := rapid.Float64Range(0, 5).Draw(t, "strangers")
		partner := rapid.Float64Range(0, 0.99).Draw(t, "partner") // share with a partner above
		f := math.Exp(-strangers)
		got := expectedStrangers((1-partner)*f, partner*f+(1-partner)*f*(1+strangers))
		if math.Abs(got-strangers) > 1e-3 {
			t.Fatalf("%v strangers, %v found", strangers, got)
		}
	})
	if got := expectedStrangers(0, 1); got > 1e-6 {
		t.Errorf("%v strangers where none comes second", got)
	}
}
