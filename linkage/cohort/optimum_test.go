package cohort_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"cohortlink/linkage/cohort"
)

// nearest is what testdata/optimum.py says of a release.
type nearest struct {
	Small  int  `json:"small"`
	Hidden int  `json:"hidden"`
	Safe   bool `json:"safe"`
	Least  *int `json:"least"` // nil: nothing that may be hidden would do
	Most   *int `json:"most"`  // nil: the time ran out
}

// beside is the distribution of how much is hidden beyond the small figures, beside the
// fewest that would do.
type beside struct {
	releases, none, unknown int
	hidden, fewest          int
	more                    []int     // hidden beyond the fewest
	ratios                  []float64 // where the fewest is above 0
}

// How much is hidden beyond the small figures, beside the fewest that would do, which
// another hand finds (testdata/optimum.py). COHORTLINK_LATTICES=1-40 runs as many as are
// told of; see TestIndependentAttacker for what it needs.
func TestBesideTheOptimum(t *testing.T) {
	account := map[string]*beside{}
	py := ask(t, "testdata/optimum.py", func(s *story, n nearest) {
		b := account[s.name]
		if b == nil {
			b = &beside{}
			account[s.name] = b
		}
		b.releases++
		switch {
		case !n.Safe:
			t.Errorf("%s: what was released is not safe", s.name)
		case n.Least == nil || *n.Least > n.Hidden:
			t.Errorf("%s: %d figures are hidden beside the small ones, below what is said to be the fewest", s.name, n.Hidden)
		case n.Hidden == 0:
			b.none++
		case n.Most == nil:
			b.unknown++
		default:
			b.hidden, b.fewest = b.hidden+n.Hidden, b.fewest+*n.Most
			b.more = append(b.more, n.Hidden-*n.Most)
			if *n.Most > 0 {
				b.ratios = append(b.ratios, float64(n.Hidden)/float64(*n.Most))
			}
		}
	})
	exact, err := cohort.Custom(8, 1, "to see what is hidden without rounding")
	if err != nil {
		t.Fatal(err)
	}
	from, to := latticeRange(t, 4)
	for l := from; l <= to; l++ {
		rnd := rand.New(rand.NewPCG(5, uint64(l)))
		n, needs := 3+l%2, noNeeds
		if l%4 > 1 {
			needs = oneNeed
		}
		c := randomCrowd(rnd, n, needs)
		for _, name := range []string{"hes", "ten", "opensafely", ""} {
			r := exact
			if name != "" {
				if r, err = cohort.Preset(name); err != nil {
					t.Fatal(err)
				}
			}
			rel, err := cohort.Protect(cohort.Count(c.persons(t)), r, cohort.Options{})
			if err != nil {
				t.Errorf("lattice %d, %s: %v", l, r.Name, err)
				continue
			}
			s := newStory(fmt.Sprintf("%s, %d parties, %s", r.Name, n, []string{"no need", "a need"}[needs]), c)
			s.add(t, rel, 0, false, nil)
			s.Told, s.Seconds = rel.Audit().Told, 60
			py.about(s)
		}
	}
	py.end()
	total := &beside{}
	var names []string
	for name, b := range account {
		names = append(names, name)
		total.releases, total.none, total.unknown = total.releases+b.releases, total.none+b.none, total.unknown+b.unknown
		total.hidden, total.fewest = total.hidden+b.hidden, total.fewest+b.fewest
		total.more, total.ratios = append(total.more, b.more...), append(total.ratios, b.ratios...)
	}
	if len(total.more) == 0 {
		t.Fatal("no release hid more than the small figures")
	}
	slices.Sort(names)
	for _, name := range names {
		account[name].log(t, name)
	}
	total.log(t, "all")
}

func (b *beside) log(t *testing.T, name string) {
	t.Helper()
	slices.Sort(b.more)
	slices.Sort(b.ratios)
	at := func(share float64) string {
		if len(b.ratios) == 0 {
			return "-"
		}
		return fmt.Sprintf("%.2f", b.ratios[int(share*float64(len(b.ratios)-1))])
	}
	worst := 0
	if len(b.more) > 0 {
		worst = b.more[len(b.more)-1]
	}
	t.Logf("%s: %d releases; %d hid nothing more; %d without an answer; else %d hidden, %d at the optimum; as many as the fewest in %d, at most %d more; ratio median %s, nine in ten %s, worst %s",
		name, b.releases, b.none, b.unknown, b.hidden, b.fewest, count(b.more, 0), worst, at(0.5), at(0.9), at(1))
}

func count(xs []int, x int) int {
	n := 0
	for _, y := range xs {
		if x == y {
			n++
		}
	}
	return n
}
