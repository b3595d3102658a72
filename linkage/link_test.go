package linkage

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cohortlink/linkage/overlap"
)

// world invents people as filters: each has bits of its own, families share some of
// them, and each record of a person loses and gains a few.
type world struct {
	parties []Party
	person  map[RecordID]int
}

type worldSettings struct {
	seed                  uint64
	people, parties, size int // people in all, and in each party
	clean                 bool
	noise                 float64 // share of a person's bits that a record has otherwise
	twice                 int     // one in this many records has a second one; 0: none
	families              bool    // people come in fours who share a quarter of their bits
}

const worldBits = 512

func invent(s worldSettings) *world {
	rng := rand.New(rand.NewPCG(s.seed, 1))
	filter := func() []uint64 {
		f := make([]uint64, worldBits/64)
		for range worldBits * 6 / 10 {
			b := rng.IntN(worldBits)
			f[b/64] |= 1 << (b % 64)
		}
		return f
	}
	family := filter()
	people := make([][]uint64, s.people)
	for i := range people {
		if i%4 == 0 {
			family = filter()
		}
		people[i] = filter()
		for w := range people[i] {
			if s.families {
				people[i][w] = people[i][w]&^0xffff | family[w]&0xffff
			}
		}
	}
	w := &world{person: map[RecordID]int{}}
	for p := range s.parties {
		party := Party{Name: fmt.Sprintf("party-%02d", p), Deduplicated: s.clean}
		add := func(i int) {
			row := slices.Clone(people[i])
			for range int(s.noise * worldBits) {
				b := rng.IntN(worldBits)
				row[b/64] ^= 1 << (b % 64)
			}
			var id RecordID
			binary.LittleEndian.PutUint64(id[:], rng.Uint64())
			binary.LittleEndian.PutUint64(id[8:], rng.Uint64())
			party.IDs = append(party.IDs, id)
			party.Bits = append(party.Bits, row...)
			w.person[id] = i
		}
		for n, i := range rng.Perm(s.people)[:s.size] {
			add(i)
			if s.twice > 0 && n%s.twice == 0 {
				add(i)
			}
		}
		w.parties = append(w.parties, party)
	}
	return w
}

// score is pairwise precision and recall.
func (w *world) score(r *Result) (precision, recall float64) {
	var right, linked, truth float64
	count := func(groups map[[2]int]float64) (n float64) {
		for _, k := range groups {
			n += k * (k - 1) / 2
		}
		return n
	}
	persons, people, both := map[[2]int]float64{}, map[[2]int]float64{}, map[[2]int]float64{}
	for i, id := range r.IDs {
		p, e := int(r.Person[i]), w.person[id]
		persons[[2]int{p, 0}]++
		people[[2]int{e, 0}]++
		both[[2]int{p, e}]++
	}
	right, linked, truth = count(both), count(persons), count(people)
	return right / max(linked, 1), right / max(truth, 1)
}

func linkAll(t testing.TB, parties []Party, o Options) *Result {
	t.Helper()
	o.Length = worldBits
	r, err := Link(context.Background(), parties, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestLinkFindsPeople(t *testing.T) {
	for _, s := range []worldSettings{
		{people: 600, parties: 2, size: 500, clean: true, noise: 0.05},
		{people: 600, parties: 5, size: 200, clean: true, noise: 0.08},
		{people: 2000, parties: 2, size: 700, clean: true, noise: 0.1},
		{people: 600, parties: 4, size: 300, clean: true, noise: 0.05, families: true},
		{people: 600, parties: 3, size: 300, noise: 0.05, twice: 5},
		{people: 500, parties: 1, size: 500, noise: 0.05, twice: 2},
	} {
		for seed := range uint64(3) {
			s.seed = seed
			t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
				w := invent(s)
				r := linkAll(t, w.parties, Options{})
				p, c := w.score(r)
				if p < 0.97 || c < 0.97 {
					t.Errorf("precision %.3f, recall %.3f at threshold %.3f, want 0.97 or more", p, c, r.Score())
				}
				// Brothers in another party pass for partners where nothing else is known, and
				// a second record of the same person for a stranger.
				if e := r.Estimate; s.clean && !s.families && (e.Precision < p-0.05 || e.Recall < c-0.1) {
					t.Errorf("estimated precision %.3f and recall %.3f, but they are %.3f and %.3f", e.Precision, e.Recall, p, c)
				}
			})
		}
	}
}

// With nobody in common, nobody may be linked, and the result says so.
func TestLinkNobodyShared(t *testing.T) {
	for seed := range uint64(5) {
		w := invent(worldSettings{seed: seed, people: 2000, parties: 2, size: 1000, clean: true, noise: 0.05})
		// Of the second party keep who is not in the first.
		in := map[int]bool{}
		for _, id := range w.parties[0].IDs {
			in[w.person[id]] = true
		}
		var other Party
		for i, id := range w.parties[1].IDs {
			if !in[w.person[id]] {
				other.IDs = append(other.IDs, id)
				other.Bits = append(other.Bits, w.parties[1].Bits[i*worldBits/64:(i+1)*worldBits/64]...)
			}
		}
		other.Name, other.Deduplicated = "other", true
		r := linkAll(t, []Party{w.parties[0], other}, Options{})
		if !r.Nothing || r.Persons != len(r.IDs) {
			t.Errorf("seed %d: nothing shared: %v; %d persons of %d records at threshold %.3f", seed, r.Nothing, r.Persons, len(r.IDs), r.Score())
		}
	}
}

// names gives each record ID its person ID.
func names(r *Result) map[RecordID]PersonID {
	ids := r.PersonIDs([]byte("a secret"), "")
	out := map[RecordID]PersonID{}
	for i, id := range r.IDs {
		out[id] = ids[r.Person[i]]
	}
	return out
}

// Neither the order of files, nor of rows, nor the number of workers changes a
// person, a pair or the threshold.
func TestLinkOrderDoesNotMatter(t *testing.T) {
	for seed := range uint64(12) {
		s := worldSettings{seed: seed, people: 120, parties: 1 + int(seed)%4, size: 60, clean: seed%3 > 0, noise: 0.02 * float64(seed%7)}
		if !s.clean {
			s.twice = int(seed) % 4
		}
		w := invent(s)
		first := linkAll(t, w.parties, Options{Workers: 1})

		shuffled := slices.Clone(w.parties)
		rng := rand.New(rand.NewPCG(s.seed, 2))
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for i, p := range shuffled {
			q := Party{Name: p.Name, Deduplicated: p.Deduplicated}
			for _, row := range rng.Perm(len(p.IDs)) {
				q.IDs = append(q.IDs, p.IDs[row])
				q.Bits = append(q.Bits, p.Bits[row*worldBits/64:(row+1)*worldBits/64]...)
			}
			shuffled[i] = q
		}
		second := linkAll(t, shuffled, Options{Workers: 2 + int(seed)%6})
		if first.Ratio != second.Ratio || !slices.Equal(first.Pairs, second.Pairs) || !maps.Equal(names(first), names(second)) {
			t.Fatalf("threshold %v and %v, %d and %d pairs, %d and %d persons", first.Ratio, second.Ratio, len(first.Pairs), len(second.Pairs), first.Persons, second.Persons)
		}
		for i, id := range second.IDs {
			p := shuffledParty(shuffled, second.Parties[second.Party(int32(i))])
			if p.IDs[second.Row[i]] != id {
				t.Fatalf("record %d is not in the row it is said to come from", i)
			}
		}
	}
}

func shuffledParty(parties []Party, name string) Party {
	return parties[slices.IndexFunc(parties, func(p Party) bool { return p.Name == name })]
}

// A person has at most one record of each deduplicated party, whatever the threshold.
func TestPersonsKeepCleanPartiesClean(t *testing.T) {
	for k := 440; k <= 1000; k += 35 {
		w := invent(worldSettings{seed: uint64(k), people: 40, parties: 4, size: 30, clean: true, noise: 0.1})
		w.parties[3].Deduplicated = false
		threshold := ratio(k)
		r := linkAll(t, w.parties, Options{Threshold: &threshold})
		seen := map[[2]int]bool{}
		for i := range r.IDs {
			party := r.Party(int32(i))
			at := [2]int{int(r.Person[i]), party}
			if r.Clean[party] && seen[at] {
				t.Fatalf("threshold %d/1000: two records of %q in one person", k, r.Parties[party])
			}
			seen[at] = true
		}
	}
}

// Pairs are exactly those of the definition, at the floor and above.
func TestPairsAreThoseOfTheDefinition(t *testing.T) {
	w := invent(worldSettings{seed: 7, people: 80, parties: 3, size: 50, noise: 0.1, twice: 4})
	r := linkAll(t, w.parties, Options{Workers: 3})
	rows := map[RecordID][]uint64{}
	for _, p := range w.parties {
		for i, id := range p.IDs {
			rows[id] = p.Bits[i*worldBits/64 : (i+1)*worldBits/64]
		}
	}
	got := map[[2]int32]float64{}
	for _, p := range r.Pairs {
		if p.A >= p.B {
			t.Fatalf("pair %v is not in order", p)
		}
		got[[2]int32{p.A, p.B}] = p.Score
	}
	var want int
	for i := range r.IDs {
		for j := i + 1; j < len(r.IDs); j++ {
			x, y := rows[r.IDs[i]], rows[r.IDs[j]]
			score := dice(overlap.CommonBits(x, y), overlap.CommonBits(x, x), overlap.CommonBits(y, y))
			s, found := got[[2]int32{int32(i), int32(j)}]
			if score >= r.Floor {
				want++
			}
			if found != (score >= r.Floor) || found && s != score {
				t.Fatalf("records %d and %d score %v: found %v with %v, floor %v", i, j, score, found, s, r.Floor)
			}
		}
	}
	if want == 0 || len(got) != want {
		t.Errorf("%d pairs, want %d", len(got), want)
	}
}

// Odd inputs have answers.
func TestLinkOddInputs(t *testing.T) {
	id := func(i int) (r RecordID) { binary.BigEndian.PutUint32(r[:], uint32(i)); return r }
	same := func(name string, from, n int, word uint64, clean bool) Party {
		p := Party{Name: name, Deduplicated: clean}
		for i := range n {
			p.IDs = append(p.IDs, id(from+i))
			for range worldBits / 64 {
				p.Bits = append(p.Bits, word)
			}
		}
		return p
	}
	const half = 0x5555555555555555
	for _, c := range []struct {
		name    string
		parties []Party
		persons int // -1: any
	}{
		{"one record in all", []Party{same("a", 0, 1, half, true)}, 1},
		{"one record each", []Party{same("a", 0, 1, half, true), same("b", 10, 1, half, true)}, -1},
		{"an empty party", []Party{same("a", 0, 0, half, true), same("b", 10, 3, half, true)}, 3},
		{"two empty parties", []Party{same("a", 0, 0, 0, true), same("b", 10, 0, 0, true)}, 0},
		{"empty filters", []Party{same("a", 0, 50, 0, true), same("b", 1000, 50, 0, true)}, 100},
		{"empty filters, not clean", []Party{same("a", 0, 50, 0, false)}, 50},
		{"full filters", []Party{same("a", 0, 50, ^uint64(0), true), same("b", 1000, 50, ^uint64(0), true)}, -1},
		{"hundreds alike in one party", []Party{same("a", 0, 700, half, false)}, 700},
		{"hundreds alike in two parties", []Party{same("a", 0, 500, half, true), same("b", 5000, 500, half, true)}, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, threshold := range []string{"", "0.8", "1"} {
				o := Options{}
				if threshold != "" {
					r, err := overlap.ParseRatio(threshold)
					if err != nil {
						t.Fatal(err)
					}
					o.Threshold = &r
				}
				r := linkAll(t, c.parties, o)
				if c.persons >= 0 && r.Persons != c.persons {
					t.Errorf("threshold %q: %d persons, want %d", threshold, r.Persons, c.persons)
				}
			}
		})
	}
}

func TestLinkRefuses(t *testing.T) {
	good := invent(worldSettings{people: 10, parties: 2, size: 5, clean: true}).parties
	renamed := slices.Clone(good)
	renamed[1].Name = renamed[0].Name
	repeated := slices.Clone(good)
	repeated[1].IDs = slices.Clone(repeated[0].IDs)
	short := slices.Clone(good)
	short[1].Bits = short[1].Bits[1:]
	for _, c := range []struct {
		name    string
		parties []Party
		length  int
		want    string
	}{
		{"nothing", nil, worldBits, "nothing to link"},
		{"odd length", good, 100, "multiple of 64"},
		{"no length", good, 0, "multiple of 64"},
		{"one party twice", renamed, worldBits, "there twice"},
		{"one record ID twice", repeated, worldBits, "another record has too"},
		{"too few words", short, worldBits, "words of filters"},
	} {
		_, err := Link(context.Background(), c.parties, Options{Length: c.length})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}

	low, err := overlap.ParseRatio("0.01")
	if err != nil {
		t.Fatal(err)
	}
	w := invent(worldSettings{people: 300, parties: 2, size: 300, clean: true})
	if _, err := Link(context.Background(), w.parties, Options{Length: worldBits, Threshold: &low, MaxPairs: 1000}); err == nil || !strings.Contains(err.Error(), "raise the threshold") {
		t.Errorf("a threshold that keeps everything: error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Link(ctx, w.parties, Options{Length: worldBits}); err != context.Canceled {
		t.Errorf("cancelled: error %v", err)
	}
	// In the middle of forming persons too, of which it tells.
	ctx, cancel = context.WithCancel(context.Background())
	told := 0
	o := Options{Length: worldBits, Progress: func(stage string, _, _ uint64) {
		if stage == "persons" {
			told++
			cancel()
		}
	}}
	if _, err := Link(ctx, w.parties, o); err != context.Canceled || told != 1 {
		t.Errorf("cancelled when told %d times that persons are formed: error %v", told, err)
	}
}

// Average linkage does not let one strong pair glue two families together, and
// does not let one weak pair keep a person apart.
func TestPersonsByAverage(t *testing.T) {
	first := []int{0, 1, 2, 3, 4, 5, 6}
	clean := make([]bool, 6)
	triangle := func(a, b, c int32, s float64) []Pair { return []Pair{{a, b, s}, {a, c, s}, {b, c, s}} }
	glue := append(append(triangle(0, 1, 2, 0.95), triangle(3, 4, 5, 0.94)...), Pair{2, 3, 0.9})
	sorted := func(p []Pair) []Pair {
		slices.SortFunc(p, func(x, y Pair) int {
			if x.Score != y.Score {
				if x.Score > y.Score {
					return -1
				}
				return 1
			}
			return int(x.A - y.A)
		})
		return p
	}
	if _, n, _ := Persons(first, clean, sorted(glue), 0.8, 0.6); n != 2 {
		t.Errorf("two families with one strong pair between them: %d persons, want 2", n)
	}
	weak := []Pair{{0, 1, 0.95}, {1, 2, 0.93}, {0, 2, 0.75}}
	if _, n, _ := Persons([]int{0, 1, 2, 3}, clean[:3], sorted(weak), 0.8, 0.6); n != 1 {
		t.Errorf("one weak pair among three records: %d persons, want 1", n)
	}
	// Records 0 and 1 are of one clean party: the better of the two gets record 2.
	if person, n, rules := Persons([]int{0, 2, 3}, []bool{true, true}, sorted([]Pair{{0, 2, 0.9}, {1, 2, 0.95}}), 0.8, 0.75); n != 2 || person[1] != person[2] || rules.SameParty != 1 {
		t.Errorf("two rivals for one record: persons %v, rules %+v", person, rules)
	}
}

func TestPersonIDs(t *testing.T) {
	w := invent(worldSettings{people: 50, parties: 2, size: 40, clean: true, noise: 0.05})
	r := linkAll(t, w.parties, Options{})
	shared, again := r.PersonIDs([]byte("secret"), ""), r.PersonIDs([]byte("secret"), "")
	if !slices.Equal(shared, again) {
		t.Error("the same secret gives other IDs")
	}
	seen := map[PersonID]bool{}
	for _, ids := range [][]PersonID{shared, r.PersonIDs([]byte("another"), ""), r.PersonIDs([]byte("secret"), "party-00"), r.PersonIDs([]byte("secret"), "party-01")} {
		for _, id := range ids {
			if seen[id] {
				t.Fatal("two persons, secrets or parties share an ID")
			}
			seen[id] = true
		}
	}
	if want := 4 * r.Persons; len(seen) != want {
		t.Errorf("%d IDs, want %d", len(seen), want)
	}
}

// A threshold as a fraction and as a float accept the same pairs.
func TestScoresAtTheThreshold(t *testing.T) {
	for k := 1; k <= 100; k++ {
		r := ratio(10 * k)
		for den := 1; den <= 400; den++ {
			for num := 1; num <= den; num++ {
				score := dice(num, den, den)
				if exact := overlap.Dice(r).Reached(num, den, den); exact != (score >= value(r)) {
					t.Fatalf("score %d/%d at threshold %v: exactly %v, as floats %v", num, den, r, exact, !exact)
				}
			}
		}
	}
}

// Two files that are the same are linked record by record, whatever their size.
func TestLinkIdenticalFiles(t *testing.T) {
	for _, size := range []int{1, 2, 5, 50, 3000} {
		w := invent(worldSettings{people: size, parties: 2, size: size, clean: true})
		if p, c := w.score(linkAll(t, w.parties, Options{})); p != 1 || c != 1 {
			t.Errorf("%d records in each: precision %v, recall %v", size, p, c)
		}
	}
}

func TestStep(t *testing.T) {
	for k := range grid + 1 {
		if got := step(float64(k) / grid); got != k {
			t.Errorf("step(%d/%d) = %d", k, grid, got)
		}
	}
}

func BenchmarkLink(b *testing.B) {
	w := invent(worldSettings{people: 8000, parties: 4, size: 4000, clean: true, noise: 0.05})
	var compared uint64
	for b.Loop() {
		compared += linkAll(b, w.parties, Options{}).Compared
	}
	b.ReportMetric(float64(compared)/b.Elapsed().Seconds()/1e6, "Mpairs/s")
}
