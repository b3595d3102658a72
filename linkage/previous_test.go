package linkage

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// part is the records of a party that are wanted.
func (p Party) part(want func(row int) bool) Party {
	out := Party{Name: p.Name, Deduplicated: p.Deduplicated}
	for row, id := range p.IDs {
		if want(row) {
			out.IDs = append(out.IDs, id)
			out.Bits = append(out.Bits, p.Bits[row*worldBits/64:][:worldBits/64]...)
		}
	}
	return out
}

// old is what an earlier linkage has of a world: no record of the last party, and not the last records of the one before.
func (w *world) old() (old []Party) {
	for i, p := range w.parties[:len(w.parties)-1] {
		old = append(old, p.part(func(row int) bool { return i < len(w.parties)-2 || row < len(p.IDs)*3/4 }))
	}
	return old
}

// A new party, and new records of a party, added to an earlier linkage: the same pairs and persons as if all were
// compared again, with fewer comparisons, in whatever order and by however many workers.
func TestPreviousIsAsIfAllWereCompared(t *testing.T) {
	for _, s := range []worldSettings{
		{seed: 1, people: 600, parties: 4, size: 300, clean: true, noise: 0.08},
		{seed: 2, people: 600, parties: 4, size: 300, noise: 0.06, twice: 5},
		{seed: 3, people: 400, parties: 3, size: 300, clean: true, noise: 0.05, families: true},
	} {
		w := invent(s)
		threshold := ratio(780)
		o := Options{Threshold: &threshold}
		whole := linkAll(t, w.parties, o)
		old := w.old()
		previous := linkAll(t, old, o)
		if whole.Floor != previous.Floor {
			t.Fatalf("the floors are %v and %v", whole.Floor, previous.Floor)
		}
		for _, workers := range []int{1, 3} {
			o.Workers, o.Previous = workers, previous
			parties := shuffledParties(w.parties, uint64(workers))
			r := linkAll(t, parties, o)
			if !slices.Equal(r.Pairs, whole.Pairs) || !slices.Equal(r.Person, whole.Person) || r.Persons != whole.Persons || r.Threshold.Ratio != whole.Threshold.Ratio || r.Floor != whole.Floor {
				t.Errorf("%+v: %d pairs and %d persons with an earlier linkage, %d and %d without", s, len(r.Pairs), r.Persons, len(whole.Pairs), whole.Persons)
			}
			if want := whole.Compared - previous.Compared; r.Compared != want {
				t.Errorf("%+v: %d pairs were compared, want the new %d", s, r.Compared, want)
			}
		}
	}
}

func shuffledParties(parties []Party, seed uint64) []Party {
	rng := rand.New(rand.NewPCG(seed, 7))
	var out []Party
	for _, p := range parties {
		order := rng.Perm(len(p.IDs))
		q := Party{Name: p.Name, Deduplicated: p.Deduplicated}
		for _, row := range order {
			q.IDs = append(q.IDs, p.IDs[row])
			q.Bits = append(q.Bits, p.Bits[row*worldBits/64:][:worldBits/64]...)
		}
		out = append(out, q)
	}
	rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func TestPreviousRefused(t *testing.T) {
	w := invent(worldSettings{people: 200, parties: 3, size: 100, clean: true, noise: 0.05})
	high, low := ratio(900), ratio(500)
	previous := linkAll(t, w.old(), Options{Threshold: &high})
	less := slices.Clone(w.parties)
	less[0] = less[0].part(func(row int) bool { return row > 0 })
	dirty := slices.Clone(w.parties)
	dirty[0].Deduplicated = false
	moved := slices.Clone(w.parties)
	moved[0].Name = "party-09"
	for _, c := range []struct {
		parties []Party
		o       Options
		want    string
	}{
		{less, Options{Threshold: &high}, `party "party-00" lacks a record`},
		{moved, Options{Threshold: &high}, `party "party-00" lacks a record`},
		{dirty, Options{Threshold: &high}, "each person once"},
		{w.parties, Options{Threshold: &low}, "kept no pairs"},
	} {
		c.o.Length, c.o.Previous = worldBits, previous
		if _, err := Link(t.Context(), c.parties, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("linked with error %v, want %q", err, c.want)
		}
	}
}

// The sample that an earlier linkage spares comparing is the one that compares everything, down to its floor.
func TestPreviousSparesTheSample(t *testing.T) {
	for _, clean := range []bool{true, false} {
		w := invent(worldSettings{seed: 4, people: 500, parties: 4, size: 300, clean: clean, noise: 0.06, twice: 4})
		threshold := ratio(780)
		previous := linkAll(t, w.old(), Options{Threshold: &threshold})
		var samples []*sample
		for _, o := range []Options{{Length: worldBits}, {Length: worldBits, Previous: previous}} {
			r, err := newRun(w.parties, o)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.adopt(o.Previous); err != nil {
				t.Fatal(err)
			}
			s, err := r.sample(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			samples = append(samples, s)
		}
		whole, added := samples[0], samples[1]
		if want := step(previous.Floor); added.bottom != want || whole.bottom != 0 {
			t.Errorf("all is counted from steps %d and %d, want %d and 0", added.bottom, whole.bottom, want)
		}
		if got, want := added.above[added.bottom:], whole.above[added.bottom:]; !slices.Equal(got, want) || want[0] == 0 || added.above[0] >= whole.above[0] {
			t.Errorf("clean %v: %v pairs at the floor, want %v; %v of %v in all", clean, got[0], want[0], added.above[0], whole.above[0])
		}
		scores := func(s *sample) (all []float64) {
			for i := range s.looks {
				for _, b := range s.looks[i].best {
					if b.score < previous.Floor {
						b.score = -1
					}
					all = append(all, b.score)
				}
			}
			return all
		}
		if !slices.Equal(scores(added), scores(whole)) {
			t.Errorf("clean %v: the best scores are others", clean)
		}
	}
}

// Records with two filters and an exact key, added to an earlier linkage: the same pairs, weights and persons as if all were
// compared and weighed as in the earlier one, in whatever order, and as little is compared.
func TestPreviousWeighsAlike(t *testing.T) {
	for _, s := range []town{
		{seed: 1, people: 900, parties: 4, size: 500, clean: true, noise: 0.1, missing: 0.3, wrong: 0.02},
		{seed: 2, people: 900, parties: 4, size: 500, noise: 0.1, missing: 0.3, wrong: 0.05},
		{seed: 3, people: 900, parties: 4, size: 500, clean: true, noise: 0.12, missing: 0.2, placeholder: 0.06}, // in common, the placeholder becomes too common
	} {
		w := s.build()
		o := townOptions()
		threshold := ratio(560)
		o.Threshold = &threshold
		part := func(p Party, rows int) Party {
			return Party{Name: p.Name, Deduplicated: p.Deduplicated, IDs: p.IDs[:rows], Bits: p.Bits[:rows*townBits/64], More: [][]uint64{p.More[0][:rows*townBits/64]}, Exact: [][]ExactKey{p.Exact[0][:rows]}}
		}
		old := []Party{w.parties[0], w.parties[1], part(w.parties[2], 300)}
		previous := linkTown(t, old, o)
		// To link all of them in the same way is to add all of them to a linkage of nobody.
		nobody := &Result{First: []int{0}, Floor: previous.Floor, Threshold: previous.Threshold, Evidence: &Evidence{Scores: make([][]float32, 2), Weighing: previous.Evidence.Weighing}}
		o.Previous = nobody
		whole := linkTown(t, w.parties, o)
		o.Previous = previous
		parties := slices.Clone(w.parties)
		slices.Reverse(parties)
		r := linkTown(t, parties, o)
		if !slices.Equal(r.Pairs, whole.Pairs) || !slices.Equal(r.Person, whole.Person) || r.Persons != whole.Persons || r.Floor != whole.Floor {
			t.Errorf("%+v: %d pairs and %d persons with an earlier linkage, %d and %d without", s, len(r.Pairs), r.Persons, len(whole.Pairs), whole.Persons)
		}
		if p := r.Plan; p.Method != BlockNone || p.Pairs != r.Compared/2 {
			t.Errorf("%+v: the plan is %+v, where every pair of %d was compared by two filters", s, p, r.Compared/2)
		}
		if !slices.Equal(r.Evidence.Weight, whole.Evidence.Weight) || !slices.EqualFunc(r.Evidence.Outcomes, whole.Evidence.Outcomes, slices.Equal) || !reflect.DeepEqual(r.Evidence.Weighing, previous.Evidence.Weighing) {
			t.Errorf("%+v: pairs are weighed otherwise", s)
		}
		if r.Plan.Method != BlockNone || r.Plan.Pairs == 0 {
			t.Errorf("%+v: the plan is %+v, want one that compares every pair", s, r.Plan)
		}
		compared := func(old []Party) uint64 {
			again := o
			again.Previous = nobody
			return linkTown(t, old, again).Compared
		}
		if want := whole.Compared - compared(old); r.Compared != want || want == 0 {
			t.Errorf("%+v: %d pairs were compared, want the new %d", s, r.Compared, want)
		}
		if precision, recall := w.score(r); precision < 0.98 || recall < 0.95 {
			t.Errorf("%+v: precision %.3f, recall %.3f", s, precision, recall)
		}

		// What cannot be weighed alike is refused.
		for _, spoil := range []func(e *Evidence){
			func(e *Evidence) { e.Weighing = nil },
			func(e *Evidence) { e.Scores = e.Scores[:1] },
			func(e *Evidence) { e.Weighing.Agreement[0] = 1 },
			func(e *Evidence) { e.Weighing.Levels[1] = slices.Clone(e.Weighing.Levels[1][1:]) },
			func(e *Evidence) { e.Weighing.Weights[0] = nil },
		} {
			spoilt, e, weighing := *previous, *previous.Evidence, *previous.Evidence.Weighing
			weighing.Agreement, weighing.Levels, weighing.Weights = slices.Clone(weighing.Agreement), slices.Clone(weighing.Levels), slices.Clone(weighing.Weights)
			e.Weighing, spoilt.Evidence = &weighing, &e
			spoil(&e)
			again := o
			again.Previous = &spoilt
			if _, err := Link(t.Context(), w.parties, again); err == nil || !strings.Contains(err.Error(), "link all files without it") {
				t.Errorf("linked with error %v", err)
			}
		}
	}
}
