package linkage

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A town is invented people whose records have two filters, over different fields, and an
// exact key that is sometimes missing, sometimes wrong, and sometimes somebody else's.
type town struct {
	seed           uint64
	people         int
	parties, size  int
	clean          bool
	missing, wrong float64 // of keys
	placeholder    float64 // of keys: one value for all of them
	noise          float64 // share of bits that a record has otherwise
}

const townBits = 256

// build returns the parties, and the person of each record.
func (s town) build() *world {
	rng := rand.New(rand.NewPCG(s.seed, 21))
	filter := func() []uint64 {
		f := make([]uint64, townBits/64)
		for range townBits * 6 / 10 {
			set(f, rng.IntN(townBits))
		}
		return f
	}
	noisy := func(f []uint64) []uint64 {
		f = slices.Clone(f)
		for range int(s.noise * townBits) {
			b := rng.IntN(townBits)
			f[b/64] ^= 1 << (b % 64)
		}
		return f
	}
	key := func() (k ExactKey) {
		for i := range k {
			k[i] = byte(rng.Uint32())
		}
		return k
	}
	type human struct {
		first, second []uint64
		key           ExactKey
	}
	people := make([]human, s.people)
	names := make([][]uint64, s.people/3+1) // three to a name
	for i := range names {
		names[i] = filter()
	}
	for i := range people {
		people[i] = human{names[rng.IntN(len(names))], filter(), key()}
	}
	placeholder := key()
	w := &world{person: map[RecordID]int{}}
	for p := range s.parties {
		party := Party{Name: fmt.Sprintf("party-%02d", p), Deduplicated: s.clean, More: make([][]uint64, 1), Exact: make([][]ExactKey, 1)}
		for _, i := range rng.Perm(s.people)[:s.size] {
			k := people[i].key
			switch x := rng.Float64(); {
			case x < s.missing:
				k = ExactKey{}
			case x < s.missing+s.wrong:
				k = people[rng.IntN(s.people)].key
			case x < s.missing+s.wrong+s.placeholder:
				k = placeholder
			}
			id := RecordID(key())
			w.person[id] = i
			party.IDs = append(party.IDs, id)
			party.Bits = append(party.Bits, noisy(people[i].first)...)
			party.More[0] = append(party.More[0], noisy(people[i].second)...)
			party.Exact[0] = append(party.Exact[0], k)
		}
		w.parties = append(w.parties, party)
	}
	return w
}

func townOptions() Options {
	return Options{Length: townBits, More: []Filter{{"second", townBits, "dice"}}, Exact: []string{"number"}}
}

func linkTown(t testing.TB, parties []Party, o Options) *Result {
	t.Helper()
	r, err := Link(t.Context(), parties, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEvidenceFindsPeople(t *testing.T) {
	for _, s := range []town{
		{people: 900, parties: 2, size: 600, clean: true, noise: 0.1},
		{people: 900, parties: 3, size: 500, clean: true, noise: 0.1, missing: 0.3, wrong: 0.02},
		{people: 900, parties: 3, size: 500, noise: 0.1, missing: 0.3, wrong: 0.02},
		{people: 900, parties: 2, size: 600, clean: true, noise: 0.15, missing: 0.2, placeholder: 0.1},
		{people: 900, parties: 2, size: 600, clean: true, noise: 0.1, missing: 1},
	} {
		for seed := range uint64(3) {
			s.seed = seed
			t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
				w := s.build()
				r := linkTown(t, w.parties, townOptions())
				p, c := w.score(r)
				e := r.Evidence
				t.Logf("precision %.4f, recall %.4f at %.3f; by weights %.3f %.3f; agreement %.3f, %d contradicted, %d shared", p, c, r.Score(), e.Expected.Precision, e.Expected.Recall, e.Agreement[0], e.Contradicted, e.Shared)
				if p < 0.98 || c < 0.98 {
					t.Errorf("precision %.3f, recall %.3f", p, c)
				}
				if s.wrong > 0 && e.Contradicted == 0 {
					t.Error("no pair with a key that belongs to another was reported")
				}
				if s.placeholder > 0 && e.Shared != 1 {
					t.Errorf("%d values are shared by too many, want the placeholder", e.Shared)
				}
				if s.missing < 1 && s.clean && math.Abs(e.Agreement[0]-(1-s.wrong/(1-s.missing+1e-9))*(1-s.wrong/(1-s.missing+1e-9))) > 0.1 {
					t.Errorf("keys agree in %.3f of a person's pairs, with %.3f of them wrong", e.Agreement[0], s.wrong)
				}
			})
		}
	}
}

// Two people who share a number, and nothing else, are two people, and a pair of records
// that no number joins is one person where both filters say so.
func TestSharedNumberIsNotAPerson(t *testing.T) {
	w := town{people: 600, parties: 2, size: 400, clean: true, noise: 0.05}.build()
	var mine, other int = -1, -1
	for i, a := range w.parties[0].IDs {
		if !slices.ContainsFunc(w.parties[1].IDs, func(b RecordID) bool { return w.person[a] == w.person[b] }) {
			mine = i
			break
		}
	}
	for i, b := range w.parties[1].IDs {
		if !slices.ContainsFunc(w.parties[0].IDs, func(a RecordID) bool { return w.person[a] == w.person[b] }) {
			other = i
			break
		}
	}
	w.parties[1].Exact[0][other] = w.parties[0].Exact[0][mine]
	r := linkTown(t, w.parties, townOptions())
	who := map[RecordID]int32{}
	for i, id := range r.IDs {
		who[id] = r.Person[i]
	}
	if who[w.parties[0].IDs[mine]] == who[w.parties[1].IDs[other]] {
		t.Error("two people were linked for a number that they share")
	}
	if r.Evidence.Contradicted != 1 {
		t.Errorf("%d pairs contradicted, want 1", r.Evidence.Contradicted)
	}
}

// A mistyped number does not keep two records apart that agree in everything else, though
// no other number in the files is wrong.
func TestWrongNumberIsSurvived(t *testing.T) {
	w := town{people: 900, parties: 2, size: 600, clean: true, noise: 0.05}.build()
	wrong := map[RecordID]bool{}
	for i := range 6 {
		w.parties[1].Exact[0][100*i][3] ^= 1
		wrong[w.parties[1].IDs[100*i]] = true
	}
	r := linkTown(t, w.parties, townOptions())
	if p, c := w.score(r); p < 0.99 || c < 0.999 {
		t.Errorf("precision %.4f, recall %.4f with %d numbers mistyped", p, c, len(wrong))
	}
	// And with one filter beside the number.
	for i := range w.parties {
		w.parties[i].Bits, w.parties[i].More = w.parties[i].More[0], nil
	}
	r = linkTown(t, w.parties, Options{Length: townBits, Exact: []string{"number"}})
	if p, c := w.score(r); p < 0.99 || c < 0.999 {
		t.Errorf("one filter: precision %.4f, recall %.4f with %d numbers mistyped", p, c, len(wrong))
	}
}

// Nothing but the records decides: not the order of files and rows, nor the workers.
func TestEvidenceOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(4) {
		w := town{seed: seed, people: 200, parties: 3, size: 120, clean: seed%2 == 0, noise: 0.1, missing: 0.3, wrong: 0.03}.build()
		o := townOptions()
		o.Workers = 1
		first := linkTown(t, w.parties, o)
		rng := rand.New(rand.NewPCG(seed, 2))
		shuffled := slices.Clone(w.parties)
		slices.Reverse(shuffled)
		for i, p := range shuffled {
			q := Party{Name: p.Name, Deduplicated: p.Deduplicated, More: make([][]uint64, 1), Exact: make([][]ExactKey, 1)}
			for _, row := range rng.Perm(len(p.IDs)) {
				const words = townBits / 64
				q.IDs = append(q.IDs, p.IDs[row])
				q.Bits = append(q.Bits, p.Bits[row*words:][:words]...)
				q.More[0] = append(q.More[0], p.More[0][row*words:][:words]...)
				q.Exact[0] = append(q.Exact[0], p.Exact[0][row])
			}
			shuffled[i] = q
		}
		o.Workers = 5
		second := linkTown(t, shuffled, o)
		if first.Ratio != second.Ratio || !slices.Equal(first.Pairs, second.Pairs) || !maps.Equal(names(first), names(second)) {
			t.Fatalf("threshold %v and %v, %d and %d pairs, %d and %d persons", first.Ratio, second.Ratio, len(first.Pairs), len(second.Pairs), first.Persons, second.Persons)
		}
		if !slices.Equal(first.Evidence.Weight, second.Evidence.Weight) || !slices.Equal(first.Evidence.Probability, second.Evidence.Probability) {
			t.Fatal("weights or probabilities differ")
		}
	}
}

// A filter that is given twice is worth what it is worth once.
func TestOverlappingFiltersCountOnce(t *testing.T) {
	w := town{people: 900, parties: 2, size: 600, clean: true, noise: 0.1, missing: 0.2, wrong: 0.02}.build()
	o := townOptions()
	once := linkTown(t, w.parties, o)
	twice := slices.Clone(w.parties)
	for i := range twice {
		twice[i].More = [][]uint64{twice[i].More[0], twice[i].More[0], twice[i].Bits}
	}
	o.More = append(o.More, Filter{"again", townBits, "dice"}, Filter{"first again", townBits, "dice"})
	again := linkTown(t, twice, o)
	p, c := w.score(again)
	if p < 0.98 || c < 0.98 {
		t.Errorf("precision %.3f, recall %.3f", p, c)
	}
	if a, b := once.Evidence.Agreement[0], again.Evidence.Agreement[0]; math.Abs(a-b) > 0.02 {
		t.Errorf("keys agree in %.3f of a person's pairs, and in %.3f once filters are there twice", a, b)
	}
}

// Few records, none, and values that say nothing.
func TestEvidenceOfLittle(t *testing.T) {
	for _, s := range []town{
		{people: 1, parties: 1, size: 0}, {people: 2, parties: 2, size: 0}, {people: 2, parties: 2, size: 1, clean: true},
		{people: 5, parties: 2, size: 5, clean: true}, {people: 30, parties: 3, size: 20}, {people: 30, parties: 1, size: 30, missing: 1},
		{people: 300, parties: 2, size: 200, placeholder: 1},
	} {
		s.noise = 0.1
		w := s.build()
		for _, p := range w.parties {
			if len(p.Bits) > 0 {
				clear(p.Bits[:townBits/64]) // a record without the first filter
			}
		}
		r := linkTown(t, w.parties, townOptions())
		// Namesakes among thirty records are a sign like any other: there, that it ends is all.
		if p, _ := w.score(r); p < 0.9 && s.people >= 100 {
			t.Errorf("%+v: precision %.3f", s, p)
		}
		for i, x := range r.Evidence.Probability {
			if !(0 <= x && x <= 1) || math.IsNaN(r.Evidence.Weight[i]) {
				t.Errorf("%+v: probability %v at weight %v", s, x, r.Evidence.Weight[i])
			}
		}
	}
}

func TestEvidenceRefused(t *testing.T) {
	w := town{people: 20, parties: 2, size: 10}.build()
	for name, spoil := range map[string]func(*Party, *Options){
		"filter missing":     func(p *Party, _ *Options) { p.More = nil },
		"exact key missing":  func(p *Party, _ *Options) { p.Exact = nil },
		"too few exact keys": func(p *Party, _ *Options) { p.Exact = [][]ExactKey{p.Exact[0][:3]} },
		"filter too short":   func(p *Party, _ *Options) { p.More = [][]uint64{p.More[0][:8]} },
		"unknown similarity": func(_ *Party, o *Options) { o.More = []Filter{{"second", townBits, "wave:3"}} },
	} {
		parties, o := slices.Clone(w.parties), townOptions()
		spoil(&parties[1], &o)
		if _, err := Link(t.Context(), parties, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
