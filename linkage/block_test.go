package linkage

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cohortlink/linkage/overlap"
)

// layerOf is a world sampled, at a threshold.
func layerOf(t testing.TB, parties []Party, o Options, threshold float64) layer {
	t.Helper()
	o.Length = worldBits
	r, err := newRun(parties, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.sample(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return layer{r, s, threshold, true}
}

func secretOf(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// What LSH finds is, by definition, the pairs of the whole comparison that agree in all
// places of at least one table, each of them once; whatever the parties, the number of
// places, the size of buckets and the number of workers.
func TestLSHFindsPairsThatMeet(t *testing.T) {
	large := 0
	rapid.Check(t, func(t *rapid.T) {
		s := worldSettings{
			seed: rapid.Uint64().Draw(t, "seed"), parties: rapid.IntRange(1, 4).Draw(t, "parties"), size: rapid.IntRange(1, 200).Draw(t, "size"),
			clean: rapid.Bool().Draw(t, "clean"), noise: rapid.Float64Range(0, 0.15).Draw(t, "noise"), twice: rapid.IntRange(0, 3).Draw(t, "twice"),
		}
		if s.people = s.size + rapid.IntRange(0, 50).Draw(t, "others"); s.clean {
			s.twice = 0
		}
		w := invent(s)
		r, err := newRun(w.parties, Options{Length: worldBits, Workers: rapid.IntRange(1, 3).Draw(t, "workers")})
		if err != nil {
			t.Fatal(err)
		}
		k, n := rapid.SampledFrom([]int{1, 1, 2, 3, 5, 8, 12}).Draw(t, "places"), rapid.IntRange(1, 9).Draw(t, "tables")
		tables := newTables(secretOf(s.seed), 0, worldBits, k, n)
		floor := ratio(rapid.IntRange(400, 900).Draw(t, "floor"))
		all, _, err := r.scan(context.Background(), floor)
		if err != nil {
			t.Fatal(err)
		}
		var want []Pair
		for _, p := range all {
			for j := range n {
				if tables.meet(j, r.filterOf(p.A), r.filterOf(p.B)) {
					want = append(want, p)
					break
				}
			}
		}
		got, compared, err := r.scanBuckets(context.Background(), floor, tables, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d pairs, want %d of %d", len(got), len(want), len(all))
		}
		if compared < uint64(len(got)) {
			t.Fatalf("%d pairs found in %d comparisons", len(got), compared)
		}
		if len(r.ones) > joinFrom<<k {
			large++
		}
	})
	if large == 0 {
		t.Error("no bucket was large enough for the kernels")
	}
}

// The loss that is expected is the loss that is seen, whatever the places that are drawn:
// over many draws the two differ by no more than the draws among themselves would have it.
func TestLSHLosesWhatIsExpected(t *testing.T) {
	const draws = 60
	for _, c := range []struct {
		noise, most float64
		clean       bool
	}{{0.02, 0.005, true}, {0.05, 0.02, true}, {0.05, 0.2, true}, {0.1, 0.05, true}, {0.06, 0.05, false}} {
		s := worldSettings{seed: 5, people: 900, parties: 2, size: 800, clean: c.clean, noise: c.noise}
		if !c.clean {
			s.twice = 4
		}
		l := layerOf(t, invent(s).parties, Options{}, 0.75)
		links := l.links()
		all, _, err := l.scan(t.Context(), ratio(750))
		if err != nil {
			t.Fatal(err)
		}
		isLink := map[[2]int32]bool{}
		var once []seenLink // as two records are each other's best, most links are seen from both sides
		for _, x := range links {
			pair := [2]int32{min(x.a, x.b), max(x.a, x.b)}
			if !isLink[pair] {
				once = append(once, x)
			}
			isLink[pair] = true
		}
		linksAmong := func(pairs []Pair) (n float64) {
			for _, p := range pairs {
				if isLink[[2]int32{p.A, p.B}] {
					n++
				}
			}
			return n
		}
		total := linksAmong(all)
		var sum, squares, expected float64
		for draw := range uint64(draws) {
			p, tables, err := l.tables(0, links, nil, Blocking{Loss: c.most, Secret: secretOf(draw)})
			if err != nil {
				t.Fatal(err)
			}
			b := &blocks{lsh: []*lshTables{tables}}
			b.LSH = []FilterPlan{p}
			if e := b.loss([]layer{l}, links, nil); e > c.most {
				t.Fatalf("noise %v: %d places and %d tables are expected to lose %v, more than %v", c.noise, p.Places, p.Tables, e, c.most)
			}
			e := b.loss([]layer{l}, once, nil)
			found, _, err := l.scanBuckets(t.Context(), ratio(750), tables, p.Expected)
			if err != nil {
				t.Fatal(err)
			}
			seen := 1 - linksAmong(found)/total
			expected += e / draws
			sum, squares = sum+seen-e, squares+(seen-e)*(seen-e)
		}
		mean := sum / draws
		deviation := math.Sqrt((squares/draws - mean*mean) / (draws - 1))
		t.Logf("noise %.2f, at most %.3f: expected %.4f, seen %.4f (standard error %.4f)", c.noise, c.most, expected, expected+mean, deviation)
		if math.Abs(mean) > 4*deviation+0.5/total {
			t.Errorf("noise %v, at most %v: seen are %v more than expected, with a standard error of %v", c.noise, c.most, mean, deviation)
		}
	}
}

// The whole way: people are found, the plan says how, the same secret gives the same
// result in any order with any workers, and what is lost is missing from the estimate.
func TestLinkByLSH(t *testing.T) {
	w := invent(worldSettings{seed: 1, people: 5000, parties: 2, size: 4000, clean: true, noise: 0.02})
	whole := linkAll(t, w.parties, Options{})
	var told *Plan
	block := Blocking{Method: BlockLSH, Loss: 0.01, Secret: []byte("a secret"), Planned: func(p *Plan) { told = p }}
	var done, total uint64 // of the comparisons, as told
	progress := func(stage string, d, of uint64) {
		if stage == "compare" {
			done, total = d, max(total, of)
		}
	}
	first := linkAll(t, w.parties, Options{Blocking: block, Workers: 1, Progress: progress})
	if share := float64(done) / float64(total); share < 0.9 || done < first.Compared*9/10 {
		t.Errorf("in the end %d of %d pairs are told to be done, after %d comparisons", done, total, first.Compared)
	}
	p := first.Plan
	if told == nil || p.Method != BlockLSH || !p.Asked || p.Loss <= 0 || p.Loss > 0.011 || p.Links < leastLinks || p.Cost >= 1 || p.Pairs != whole.Compared {
		t.Errorf("planned %+v", p)
	}
	if first.Compared == 0 || first.Compared > whole.Compared/2 {
		t.Errorf("compared %d pairs of %d", first.Compared, whole.Compared)
	}
	if lost := whole.Estimate.Recall - first.Estimate.Recall; first.Ratio != whole.Ratio || lost <= 0 || lost > 2*p.Loss {
		t.Errorf("threshold %v and recall %v, without blocking %v and %v", first.Ratio, first.Estimate.Recall, whole.Ratio, whole.Estimate.Recall)
	}
	if _, recall := w.score(first); recall < 0.97 {
		t.Errorf("recall %.4f", recall)
	}
	slices.Reverse(w.parties)
	second := linkAll(t, w.parties, Options{Blocking: block, Workers: 5})
	if !slices.Equal(first.Pairs, second.Pairs) || !maps.Equal(names(first), names(second)) {
		t.Error("another order and other workers make another linkage")
	}
	block.Secret = []byte("another")
	if third := linkAll(t, w.parties, Options{Blocking: block}); slices.Equal(first.Pairs, third.Pairs) {
		t.Error("another secret draws the same places")
	}
}

// Old records are not held against each other, blocked or not.
func TestLSHWithPrevious(t *testing.T) {
	w := invent(worldSettings{seed: 2, people: 5000, parties: 3, size: 3000, clean: true, noise: 0.02})
	threshold := ratio(800)
	block := Blocking{Method: BlockLSH, Loss: 0.01}
	old := linkAll(t, w.parties[:2], Options{Threshold: &threshold})
	added := linkAll(t, w.parties, Options{Threshold: &threshold, Previous: old, Blocking: block})
	whole := linkAll(t, w.parties, Options{Threshold: &threshold})
	if want := whole.Compared - old.Compared; added.Plan.Pairs != want {
		t.Errorf("%d pairs in all, want %d", added.Plan.Pairs, want)
	}
	seen := map[[2]int32]bool{}
	for _, p := range added.Pairs {
		if seen[[2]int32{p.A, p.B}] {
			t.Fatalf("pair %v is there twice", p)
		}
		seen[[2]int32{p.A, p.B}] = true
	}
	if got, want := len(added.Pairs), len(whole.Pairs); got > want || float64(got) < 0.97*float64(want) {
		t.Errorf("%d pairs, of %d without blocking", got, want)
	}
}

// What is added to a linkage that lost links carries their loss, by how many links are old and
// how many are new: it is what is seen, compared with everything, and missing from the estimate.
func TestLossIsCarriedOn(t *testing.T) {
	w := invent(worldSettings{seed: 4, people: 4500, parties: 3, size: 3000, clean: true, noise: 0.03})
	threshold := ratio(800)
	lossy := Blocking{Method: BlockLSH, Loss: 0.1, Secret: []byte("lossy")}
	careful := Blocking{Method: BlockLSH, Loss: 0.04, Secret: []byte("careful")}
	old := linkAll(t, w.parties[:2], Options{Threshold: &threshold, Blocking: lossy})
	whole := linkAll(t, w.parties, Options{Threshold: &threshold})
	links := func(r *Result) (n float64) {
		for _, p := range r.Pairs {
			if p.Score >= r.Score() && r.Accepted(p) {
				n++
			}
		}
		return n
	}
	without := linkAll(t, w.parties, Options{Threshold: &threshold, Previous: linkAll(t, w.parties[:2], Options{Threshold: &threshold})})
	if without.Plan.Loss != 0 || without.Plan.Earlier != 0 {
		t.Errorf("nothing was lost, but %+v", without.Plan)
	}
	for _, c := range []struct {
		name   string
		now    Blocking
		lo, hi float64 // of the loss of all, as a share of the loss of then
	}{
		{"every new pair is compared", Blocking{}, 0.2, 0.5}, // a third of the links were there before
		{"new records are blocked too", careful, 0.4, 0.8},
	} {
		more := linkAll(t, w.parties, Options{Threshold: &threshold, Previous: old, Blocking: c.now})
		p := more.Plan
		if p.Earlier != old.Plan.Loss || p.Loss < c.lo*p.Earlier || p.Loss > c.hi*p.Earlier {
			t.Errorf("%s: %+v, after a loss of %v", c.name, p, old.Plan.Loss)
		}
		// A third record of a person can bring two together that were lost, so rather less is.
		seen := 1 - links(more)/links(whole)
		t.Logf("%s: expected %.4f, seen %.4f", c.name, p.Loss, seen)
		if seen > p.Loss+0.01 || seen < p.Loss/3 {
			t.Errorf("%s: %v of the links are lost, expected %v", c.name, seen, p.Loss)
		}
		if lost := whole.Estimate.Recall - more.Estimate.Recall; lost < p.Loss/3 || lost > p.Loss+0.01 {
			t.Errorf("%s: the estimate of recall is %v, without blocking %v; expected to lose %v", c.name, more.Estimate.Recall, whole.Estimate.Recall, p.Loss)
		}
		// And on, with what is known now for all that was there before.
		again := linkAll(t, w.parties, Options{Threshold: &threshold, Previous: more})
		if again.Plan.Earlier != p.Loss || math.Abs(again.Plan.Loss-p.Loss) > 1e-9 {
			t.Errorf("%s: with nothing new the loss is %v, and was %v", c.name, again.Plan.Loss, p.Loss)
		}
	}
}

// A large block of equal or empty filters makes no plan that takes longer than comparing
// everything, and empty ones are in no bucket.
func TestLSHLargeBuckets(t *testing.T) {
	w := invent(worldSettings{seed: 3, people: 8000, parties: 2, size: 6000, clean: true, noise: 0.01})
	rng := rand.New(rand.NewPCG(9, 9))
	add := func(row []uint64, n int) []Party {
		parties := slices.Clone(w.parties)
		for i := range parties {
			parties[i].IDs, parties[i].Bits = slices.Clone(parties[i].IDs), slices.Clone(parties[i].Bits)
			for range n {
				var id RecordID
				binary.LittleEndian.PutUint64(id[:], rng.Uint64())
				binary.LittleEndian.PutUint64(id[8:], rng.Uint64())
				parties[i].IDs, parties[i].Bits = append(parties[i].IDs, id), append(parties[i].Bits, row...)
			}
		}
		return parties
	}
	threshold := ratio(850)
	block := Blocking{Method: BlockLSH, Loss: 0.01}
	plain := linkAll(t, w.parties, Options{Threshold: &threshold, Blocking: block})
	empty := linkAll(t, add(make([]uint64, worldBits/64), 3000), Options{Threshold: &threshold, Blocking: block})
	if empty.Compared > plain.Compared*3/2 {
		t.Errorf("%d comparisons, and %d with 6,000 empty filters", plain.Compared, empty.Compared)
	}
	// 5,000 equal filters in each of the two meet 25 million times in every table.
	_, err := Link(t.Context(), add(w.parties[0].Bits[:worldBits/64], 5000), Options{Length: worldBits, Threshold: &threshold, Blocking: block})
	var refused *BlockingError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "times as long as comparing every pair") {
		t.Errorf("a block of equal filters: %v", err)
	}
}

func TestBlockingByExactKeys(t *testing.T) {
	w := invent(worldSettings{seed: 4, people: 6000, parties: 2, size: 5000, clean: true, noise: 0.03})
	keyed := slices.Clone(w.parties)
	for i, p := range keyed {
		keys := make([]ExactKey, len(p.IDs))
		for j, id := range p.IDs {
			if e := w.person[id]; e%4 > 0 { // three quarters have a number
				binary.LittleEndian.PutUint64(keys[j][:], uint64(e))
			}
		}
		keyed[i].Exact = [][]ExactKey{keys}
	}
	run := func(method string) *Result {
		t.Helper()
		return linkAll(t, keyed, Options{Exact: []string{"number"}, Blocking: Blocking{Method: method, Loss: 0.05}})
	}
	exact, none := run(BlockExact), run(BlockNone)
	if exact.Compared != 0 || math.Abs(exact.Plan.Loss-0.25) > 0.03 {
		t.Errorf("by keys alone %d comparisons, and %v lost", exact.Compared, exact.Plan.Loss)
	}
	_, all := w.score(none)
	if _, recall := w.score(exact); math.Abs(recall-all*(1-exact.Plan.Loss)) > 0.03 {
		t.Errorf("recall %v by keys and %v without blocking, at a loss of %v", recall, all, exact.Plan.Loss)
	}
	both, lsh := run(BlockBoth), run(BlockLSH)
	if both.Plan.Loss > 0.05 || lsh.Plan.Loss > 0.05 || both.Plan.LSH[0].Tables > lsh.Plan.LSH[0].Tables {
		t.Errorf("both %+v, LSH alone %+v", both.Plan, lsh.Plan)
	}
	if _, recall := w.score(both); recall < all-0.08 { // one draw of places
		t.Errorf("recall %v by both, %v without blocking", recall, all)
	}
}

func TestBlockingMethods(t *testing.T) {
	for _, c := range []struct {
		asked string
		pairs uint64
		keys  bool
		want  string // "": refused
	}{
		{"", BoroughPairs, true, BlockNone},
		{"", BoroughPairs + 1, false, BlockLSH},
		{"", BoroughPairs + 1, true, BlockBoth},
		{BlockNone, 1 << 60, true, BlockNone},
		{BlockLSH, 1, true, BlockLSH},
		{BlockExact, 1, true, BlockExact},
		{BlockExact, 1 << 60, false, ""},
		{BlockBoth, 1 << 60, false, ""},
		{"names", 1, true, ""},
	} {
		got, err := methodFor(c.asked, c.pairs, c.keys)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%q of %d pairs, keys %v: %q (%v), want %q", c.asked, c.pairs, c.keys, got, err, c.want)
		}
	}
	few := invent(worldSettings{people: 60, parties: 2, size: 40, clean: true}).parties
	for _, loss := range []float64{-1, 1, math.NaN()} {
		if _, err := Link(t.Context(), few, Options{Length: worldBits, Blocking: Blocking{Method: BlockLSH, Loss: loss}}); err == nil || !strings.Contains(err.Error(), "between 0 and 1") {
			t.Errorf("a loss of %v: %v", loss, err)
		}
	}
	var refused *BlockingError
	if _, err := Link(t.Context(), few, Options{Length: worldBits, Blocking: Blocking{Method: BlockLSH}}); !errors.As(err, &refused) {
		t.Errorf("forty links: %v", err)
	}
}

// More than a borough is blocked without being asked, and compared whole where blocking
// does not pay or its loss is not known, which the plan says.
func TestBlockingBeyondABorough(t *testing.T) {
	p := Party{Name: "large"}
	for i := range 640_000 {
		var id RecordID
		binary.BigEndian.PutUint64(id[:], uint64(i))
		p.IDs, p.Bits = append(p.IDs, id), append(p.Bits, uint64(i)*0x9e3779b97f4a7c15)
	}
	r, err := newRun([]Party{p}, Options{Length: 64, Similarity: "dice"})
	if err != nil {
		t.Fatal(err)
	}
	seen := look{rows: make([]int32, 300), cleanB: true, perRow: 2, weight: 1}
	for i := range seen.rows {
		seen.rows[i] = int32(i)
		seen.best = append(seen.best, best{0.9, int32(i)}, best{-1, -1}) // as good as equal
	}
	var told *Plan
	o := Blocking{Planned: func(p *Plan) { told = p }}
	b, err := plan([]layer{{r, &sample{looks: []look{seen}, rate: 1e9}, 0.8, true}}, nil, o)
	if err != nil || b.Method != BlockLSH || b.Asked || b.Unblocked != "" || math.Abs(told.Rate-1e9) > 1 || b.Cost > 0.01 {
		t.Errorf("equal filters: plan %+v (%v)", b, err)
	}
	b, err = plan([]layer{{r, &sample{}, 0.8, true}}, nil, o)
	if err != nil || b.Method != BlockNone || !strings.Contains(b.Unblocked, "too few to tell") || told.Unblocked != b.Unblocked {
		t.Errorf("a sample without links: plan %+v (%v)", b, err)
	}

	// Records that are added where pairs are weighed are not blocked, which is said, and how long it takes.
	r.Blocking, told = o, nil
	b, err = planMore([]*run{r, r}, &model{filters: []*witness{{floor: 500}, {}}})
	if err != nil || told == nil || b.Method != BlockNone || !strings.Contains(told.Unblocked, "without blocking") || !(told.Rate > 1e6) || math.IsInf(told.Rate, 0) {
		t.Errorf("added to weighed pairs: plan %+v (%v)", b, err)
	}
	r.Blocking.Method, told = BlockNone, nil
	if b, err = planMore([]*run{r}, &model{filters: []*witness{{floor: 500}}}); err != nil || told == nil || told.Unblocked != "" || !b.Asked {
		t.Errorf("asked for no blocking: plan %+v (%v)", b, err)
	}
}

// The numbers that a plan is made from are what they are said to be.
func TestMeetings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := invent(worldSettings{seed: rapid.Uint64().Draw(t, "seed"), people: 300, parties: 2, size: rapid.IntRange(1, 200).Draw(t, "size"), noise: 0.05, families: true})
		clear(w.parties[0].Bits[:worldBits/64]) // one with nothing in it
		r, err := newRun(w.parties, Options{Length: worldBits})
		if err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "some are old") {
			r.old = make([]bool, len(r.ones))
			for i := range r.old {
				r.old[i] = rapid.Uint64Range(0, 9).Draw(t, "old") > 2
			}
		}
		tables := newTables(nil, 1, worldBits, mostPlaces, 2)
		m := r.meetings(tables)
		k := rapid.IntRange(1, mostPlaces).Draw(t, "places")
		var want float64
		for j := range tables.places {
			buckets := map[uint32][]int32{}
			for i := range r.ones {
				if r.ones[i] > 0 {
					at := key(r.filterOf(int32(i)), tables.places[j][:k])
					buckets[at] = append(buckets[at], int32(i))
				}
			}
			for _, in := range buckets {
				if !slices.ContainsFunc(in, func(i int32) bool { return !r.isOld(i) }) {
					continue
				}
				for x, a := range in {
					for _, b := range in[:x] {
						if len(in) >= joinFrom || !r.isOld(a) || !r.isOld(b) {
							want += 1 / float64(len(tables.places))
						}
					}
				}
			}
		}
		if got := m[k].pairs + m[k].joined; math.Abs(got-want) > 1e-6*want {
			t.Fatalf("%d places: %v pairs meet, want %v", k, got, want)
		}
	})
}

func TestMeets(t *testing.T) {
	// Of eight bits three differ; two places of eight miss them with 5/8·4/7.
	if got := meets(8, 2, 3); math.Abs(got-20.0/56) > 1e-12 {
		t.Errorf("two places meet with probability %v", got)
	}
	if meets(64, 3, 62) != 0 || meets(64, 32, 0) != 1 {
		t.Error("what differs everywhere meets, or what is equal does not")
	}
	for _, places := range newTables([]byte("x"), 0, 64, mostPlaces, 50).places {
		slices.Sort(places[:])
		if slices.Compact(places[:])[len(slices.Compact(places[:]))-1] > 63 || len(slices.Compact(places[:])) != mostPlaces {
			t.Fatal("the places of a table are not distinct, or outside the filter")
		}
	}
}

func TestSortHigh(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.IntRange(1, 32).Draw(t, "bits")
		keys := rapid.SliceOf(rapid.Uint32Max(1<<bits-1)).Draw(t, "keys")
		a := make([]uint64, len(keys))
		for i, k := range keys {
			a[i] = uint64(k)<<32 | uint64(i)
		}
		want := slices.Clone(a)
		slices.SortFunc(want, cmp.Compare[uint64])
		if got := sortHigh(a, make([]uint64, len(a)), bits); !slices.Equal(got, want) {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}

func TestAllPairs(t *testing.T) {
	for seed := range uint64(6) {
		w := invent(worldSettings{seed: seed, people: 90, parties: 3, size: 50, twice: 3})
		for i := range w.parties {
			w.parties[i].Deduplicated = seed>>i&1 == 1
		}
		r, err := newRun(w.parties, Options{Length: worldBits, Workers: 1, MaxPairs: math.MaxInt32})
		if err != nil {
			t.Fatal(err)
		}
		_, compared, err := r.scan(t.Context(), overlap.Ratio{Num: 1, Den: 1})
		if err != nil || r.allPairs() != compared {
			t.Errorf("%d pairs, compared %d (%v)", r.allPairs(), compared, err)
		}
	}
}
