package cohort

import (
	"errors"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// everyHome is an attacker like everyWorld, for households of at most some persons: it goes
// through every world of them.
type everyHome struct {
	kinds []homeKind
	facts []homeFact
}

type homeKind struct {
	persons []atom
	home    bool
}

type homeFact struct {
	counts    []int // of each kind
	low, high int
}

func newEveryHome(parties, size, persons int) *everyHome {
	w := &everyHome{}
	var atoms []atom
	for p := uint64(1); p < 1<<parties; p++ {
		atoms = append(atoms, atom{p, 0})
		w.kinds = append(w.kinds, homeKind{[]atom{{p, 0}}, false})
	}
	var grow func(from int, of []atom)
	grow = func(from int, of []atom) {
		if len(of) > 0 {
			w.kinds = append(w.kinds, homeKind{slices.Clone(of), true})
		}
		for i := from; i < len(atoms) && len(of) < size; i++ {
			grow(i, append(of, atoms[i]))
		}
	}
	grow(0, nil)
	all := homeFact{high: persons}
	for _, k := range w.kinds {
		all.counts = append(all.counts, len(k.persons))
	}
	w.facts = append(w.facts, all)
	return w
}

func (w *everyHome) counts(row Row, rel *Release) []int {
	var mask uint64
	for _, p := range row.Parties {
		mask |= 1 << slices.Index(rel.Parties(), p)
	}
	meets := func(table string, in uint64) bool {
		return in&mask == mask && bits.OnesCount64(in) >= row.AtLeast && (table != "combination" || in == mask) && (row.Where != "not p1" || in&2 == 0)
	}
	var out []int
	for _, k := range w.kinds {
		table, ofHomes := strings.CutPrefix(row.Table, "household")
		n := 0
		var union uint64
		for _, x := range k.persons {
			union |= x.parties
			if !ofHomes && meets(table, x.parties) {
				n++
			}
		}
		if ofHomes && k.home && meets(table, union) {
			n = 1
		}
		out = append(out, n)
	}
	return out
}

func (w *everyHome) read(rel *Release) {
	r := rel.Rule()
	for _, row := range rel.Rows() {
		f := homeFact{counts: w.counts(row, rel), low: 1, high: math.MaxInt}
		if rel.MarkMayBeZero() || r.HideZero {
			f.low = 0
		}
		if v, ok := row.Figure.Value(); ok {
			f.low, f.high = 0, 0
			if v > 0 {
				f.low, f.high = max(r.Least, v-r.Base/2), v+(r.Base-1)/2
			}
		}
		w.facts = append(w.facts, f)
	}
}

// own takes in what a party has of its own: its persons that no household is known of, and
// the households by how many persons it has in them.
func (w *everyHome) own(party int, truth []homeKind) {
	know := func(count func(k homeKind, own int) bool) {
		f := homeFact{}
		of := func(k homeKind) int {
			own := 0
			for _, x := range k.persons {
				own += int(x.parties >> party & 1)
			}
			if count(k, own) {
				return 1
			}
			return 0
		}
		for _, k := range truth {
			f.low += of(k)
		}
		f.high = f.low
		for _, k := range w.kinds {
			f.counts = append(f.counts, of(k))
		}
		w.facts = append(w.facts, f)
	}
	know(func(k homeKind, own int) bool { return !k.home && own == 1 })
	for size := 1; size <= 3; size++ {
		know(func(k homeKind, own int) bool { return k.home && own == size })
	}
}

// bounds returns the smallest and largest value of each sum over all worlds.
func (w *everyHome) bounds(sums [][]int) [][2]int {
	out := make([][2]int, len(sums))
	for i := range out {
		out[i] = [2]int{math.MaxInt, -1}
	}
	at := make([]int, len(w.facts))
	value := make([]int, len(sums))
	add := func(k, n int) {
		for i, f := range w.facts {
			at[i] += n * f.counts[k]
		}
		for i, s := range sums {
			value[i] += n * s[k]
		}
	}
	// last is the last kind that a fact counts: beyond it the fact can grow no more.
	last := make([]int, len(w.facts))
	for i, f := range w.facts {
		for k, n := range f.counts {
			if n > 0 {
				last[i] = k
			}
		}
	}
	var try func(k int)
	try = func(k int) {
		for i, f := range w.facts {
			if at[i] > f.high || k > last[i] && at[i] < f.low {
				return
			}
		}
		if k == len(w.kinds) {
			for i, v := range value {
				out[i] = [2]int{min(out[i][0], v), max(out[i][1], v)}
			}
			return
		}
		n := 0
		for ; ; n++ {
			try(k + 1)
			add(k, 1)
			over := false
			for i, f := range w.facts {
				over = over || f.counts[k] > 0 && at[i] > f.high
			}
			if over {
				break
			}
		}
		add(k, -n-1)
	}
	try(0)
	return out
}

// tooTight counts the small figures that are bounded more tightly than the mark and what is
// known already tell.
func (w *everyHome) tooTight(rel *Release, known *everyHome) int {
	low, high := rel.Rule().mark()
	if rel.MarkMayBeZero() {
		low = 0
	}
	var sums [][]int
	for _, h := range rel.Account() {
		if h.Why == Primary {
			sums = append(sums, w.counts(h.Row, rel))
		}
	}
	before := known.bounds(sums)
	tight := 0
	for i, b := range w.bounds(sums) {
		if b[0] > max(low, before[i][0]) || b[1] < min(high, before[i][1]) {
			tight++
		}
	}
	return tight
}

// Releases of persons and households of few people are attacked by going through every way
// that they can be: as a stranger, and as each party that knows its own; some beside a
// release that was made before. The same figures with only the small ones hidden are not
// safe.
func TestEveryHouseholdWorld(t *testing.T) {
	most := 12
	if n, err := strconv.Atoi(os.Getenv("COHORTLINK_LATTICES")); err == nil {
		most = n
	}
	rnd := rand.New(rand.NewPCG(5, 11))
	cases, simple, tight, refused, small := 0, 0, 0, 0, 0
	for cases < most {
		p := newPersons(t, []string{"p0", "p1"}, nil)
		p.KnowHouseholds()
		var truth []homeKind
		persons := 0
		for range 3 + rnd.IntN(5) {
			var members []Member
			k := homeKind{home: rnd.IntN(5) > 0}
			for range 1 + rnd.IntN(2) {
				in := uint64(1 + rnd.IntN(3))
				members = append(members, Member{in, nil})
				k.persons = append(k.persons, atom{in, 0})
				persons++
				if !k.home {
					break
				}
			}
			truth = append(truth, k)
			if k.home {
				live(t, p, 1, members...)
			} else {
				fill(t, p, 1, members[0].Parties)
			}
		}
		c := Count(p)
		rule := custom(t, 2+rnd.IntN(2), 1+rnd.IntN(2))
		o := Options{Households: true, Questions: []Question{{Where: "not p1"}}[:rnd.IntN(2)]}
		var first *Release // of persons, or of both under another rule
		if rnd.IntN(2) == 0 {
			var err error
			first, err = Protect(c, custom(t, 3, 1), Options{Households: rnd.IntN(2) == 0})
			if err != nil || first.Audit().InParts > 0 {
				continue
			}
			o.Earlier = []Earlier{asSeen(first, true)}
		}
		rel, err := Protect(c, rule, o)
		var differs *DifferenceError
		if errors.Is(err, ErrUnsafe) || errors.As(err, &differs) {
			refused++
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		if rel.Audit().InParts > 0 {
			continue
		}
		cases++
		small += rel.Audit().Primary
		bare := newSheet(c.see(), rule)
		if err := bare.ask(o); err != nil {
			t.Fatal(err)
		}
		bare.primary()
		ruleAlone := bare.release(newAuditor(bare, false))
		for attacker := stranger; attacker < 2; attacker++ {
			for _, r := range []*Release{ruleAlone, rel} {
				w, known := newEveryHome(2, 2, persons+4), newEveryHome(2, 2, persons+4)
				for _, x := range []*everyHome{w, known} {
					if attacker != stranger {
						x.own(attacker, truth)
					}
					if first != nil {
						x.read(first)
					}
				}
				w.read(r)
				n := w.tooTight(r, known)
				if first != nil {
					n += w.tooTight(first, known)
				}
				if r == ruleAlone {
					simple += n
					continue
				}
				tight += n
				if n > 0 {
					t.Errorf("attacker %d bounds %d figures of %v too tightly: %v", attacker, n, truth, rel.Rows())
				}
			}
		}
	}
	if simple == 0 {
		t.Error("the rule alone is safe: the attacker does not work")
	}
	t.Logf("%d releases with %d small figures, %d refused: %d bounded too tightly under the rule alone, %d as released", cases, small, refused, simple, tight)
}
