package quality

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawFacts gives records facts at random: overlapping causes, two dimensions,
// relations that cut across each other.
func drawFacts(t *rapid.T, r Records) Facts {
	rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "facts"), 3))
	n := len(r.Person)
	f := Facts{Parties: []string{"council", "ccg", "gp-1", "gp-2"}, Causes: make([][]string, n)}
	words := []string{"moved", "married", "dob-day", "swapped"}
	for i := range n {
		for range rnd.IntN(4) {
			f.Causes[i] = append(f.Causes[i], words[rnd.IntN(len(words))])
		}
	}
	for _, name := range []string{"sex", "age band"} {
		d := Dimension{Name: name, Of: make([]string, n)}
		for i := range n {
			d.Of[i] = []string{"", "a", "b", "c"}[rnd.IntN(4)]
		}
		f.Groups = append(f.Groups, d)
	}
	for _, name := range []string{"twins", "shared number", "same household"} {
		rel := Relation{Name: name, Of: make([]int, n)}
		for i := range n {
			rel.Of[i] = rnd.IntN(6) - 2
		}
		f.Relations = append(f.Relations, rel)
	}
	return f
}

// brute is the same breakdown, pair by pair.
type brute struct {
	truth, linked, right map[string]int
	squares              map[string]map[int]int // by label and entity: true pairs
}

func bruteWhy(r Records, f Facts) brute {
	b := brute{map[string]int{}, map[string]int{}, map[string]int{}, map[string]map[int]int{}}
	eachPair(r, func(i, j int) {
		union := slices.Concat(f.Causes[i], f.Causes[j])
		slices.Sort(union)
		union = slices.Compact(union)
		labels := []string{"all"}
		for _, c := range union {
			labels = append(labels, "cause "+c)
		}
		switch len(union) {
		case 0:
			labels = append(labels, "cause "+None, "alone "+None)
		case 1:
			labels = append(labels, "alone "+union[0])
		}
		p := []int{r.Party[i], r.Party[j]}
		slices.Sort(p)
		labels = append(labels, "parties "+f.Parties[p[0]]+" "+f.Parties[p[1]])
		for _, d := range f.Groups {
			x, y := d.Of[i], d.Of[j]
			labels = append(labels, "group "+d.Name+" "+x)
			if x != y {
				labels = append(labels, "group "+d.Name+" "+y)
			}
		}
		linked, truth := r.Person[i] == r.Person[j], r.Entity[i] == r.Entity[j]
		for _, l := range labels {
			if linked {
				b.linked[l]++
			}
			if truth {
				b.truth[l]++
				if b.squares[l] == nil {
					b.squares[l] = map[int]int{}
				}
				b.squares[l][r.Entity[i]]++
			}
			if linked && truth {
				b.right[l]++
			}
		}
	})
	return b
}

func TestWhyCountsPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		f := drawFacts(t, r)
		got, err := Why(r, f)
		if err != nil {
			t.Fatal(err)
		}
		want := bruteWhy(r, f)
		seen := map[string]bool{}
		recall := func(label string, s Share) {
			seen[label] = true
			if s.Part != want.right[label] || s.Whole != want.truth[label] {
				t.Fatalf("%s: recall %d of %d, want %d of %d", label, s.Part, s.Whole, want.right[label], want.truth[label])
			}
			var squares float64
			for _, n := range want.squares[label] {
				squares += float64(n * n)
			}
			if whole := float64(s.Whole); whole > 0 && math.Abs(s.Effective-whole*whole/squares) > 1e-9 {
				t.Fatalf("%s: effective %v of %v", label, s.Effective, whole)
			}
			if s.TooFew != (s.Effective < TooFew) {
				t.Fatalf("%s: too few is %v with %v", label, s.TooFew, s.Effective)
			}
		}
		both := func(label string, rec, prec Share) {
			recall(label, rec)
			if prec.Part != want.right[label] || prec.Whole != want.linked[label] {
				t.Fatalf("%s: precision %d of %d, want %d of %d", label, prec.Part, prec.Whole, want.right[label], want.linked[label])
			}
		}
		both("all", got.All.Recall, got.All.Precision)
		for i, c := range got.Causes {
			both("cause "+c.Label, c.Recall, c.Precision)
			recall("alone "+c.Label, c.Alone)
			if (i == 0) != (c.Label == None) {
				t.Fatalf("cause %d is %q", i, c.Label)
			}
			if i > 1 && c.Recall.Whole-c.Recall.Part > got.Causes[i-1].Recall.Whole-got.Causes[i-1].Recall.Part {
				t.Fatalf("cause %d is out of order", i)
			}
		}
		for _, p := range got.PartyPairs {
			both("parties "+p.Parties[0]+" "+p.Parties[1], p.Recall, p.Precision)
		}
		for _, g := range got.Groups {
			for _, row := range g.Rows {
				label := row.Label
				if label == NotKnown {
					label = ""
				}
				both("group "+g.Name+" "+label, row.Recall, row.Precision)
			}
		}
		for l := range want.truth {
			if !seen[l] {
				t.Fatalf("%s is left out", l)
			}
		}
		for l := range want.linked {
			if !seen[l] {
				t.Fatalf("%s is left out", l)
			}
		}
		s := Score(r)
		if got.All.Recall.Rate != s.Recall || got.All.Precision.Rate != s.Precision {
			t.Fatalf("the whole is %v %v, scored %v %v", got.All.Recall.Rate, got.All.Precision.Rate, s.Recall, s.Precision)
		}
	})
}

func TestWhyWrongPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		f := drawFacts(t, r)
		got, err := Why(r, f)
		if err != nil {
			t.Fatal(err)
		}
		wrong, possible, all := map[string]int{}, map[string]int{}, 0
		eachPair(r, func(i, j int) {
			if r.Entity[i] == r.Entity[j] {
				return
			}
			kind := Strangers
			for _, rel := range f.Relations {
				if rel.Of[i] >= 0 && rel.Of[i] == rel.Of[j] {
					kind = rel.Name
					break
				}
			}
			possible[kind]++
			if r.Person[i] == r.Person[j] {
				wrong[kind]++
				all++
			}
		})
		if len(got.Wrong) != 4 || got.Wrong[3].Kind != Strangers {
			t.Fatalf("kinds %+v", got.Wrong)
		}
		for _, k := range got.Wrong {
			if k.Wrong != wrong[k.Kind] || k.Possible != possible[k.Kind] {
				t.Fatalf("%s: %d of %d, want %d of %d", k.Kind, k.Wrong, k.Possible, wrong[k.Kind], possible[k.Kind])
			}
			if !near(k.Share, share(float64(k.Wrong), float64(all))) || !near(k.Rate, share(float64(k.Wrong), float64(k.Possible))) || k.TooFew != (k.Possible < TooFew) {
				t.Fatalf("%+v", k)
			}
		}
	})
}

// Shuffling records changes nothing, and records that are left out are as if they had never been.
func TestWhyLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		f := drawFacts(t, r)
		want, err := Why(r, f)
		if err != nil {
			t.Fatal(err)
		}
		order := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 4)).Perm(len(r.Person))
		got, err := Why(pick(r, order), pickFacts(f, order))
		if err != nil {
			t.Fatal(err)
		}
		if !sameCounts(got, want) {
			t.Fatalf("another order, another breakdown:\n%s\n%s", text(got), text(want))
		}
	})
}

func pick(r Records, order []int) Records {
	out := Records{Within: r.Within}
	for _, i := range order {
		out.Person, out.Entity, out.Party = append(out.Person, r.Person[i]), append(out.Entity, r.Entity[i]), append(out.Party, r.Party[i])
		if r.Only != nil {
			out.Only = append(out.Only, r.Only[i])
		}
	}
	return out
}

func pickFacts(f Facts, order []int) Facts {
	out := Facts{Parties: f.Parties, Causes: [][]string{}}
	for _, i := range order {
		out.Causes = append(out.Causes, f.Causes[i])
	}
	for _, d := range f.Groups {
		to := Dimension{Name: d.Name}
		for _, i := range order {
			to.Of = append(to.Of, d.Of[i])
		}
		out.Groups = append(out.Groups, to)
	}
	for _, rel := range f.Relations {
		to := Relation{Name: rel.Name}
		for _, i := range order {
			to.Of = append(to.Of, rel.Of[i])
		}
		out.Relations = append(out.Relations, to)
	}
	return out
}

func sameCounts(a, b *Breakdown) bool { return text(a) == text(b) }

func text(b *Breakdown) string {
	j, err := json.Marshal(b)
	if err != nil {
		panic(err)
	}
	return string(j)
}

// A story with known figures: Ann moved and is missed by the GP, Bob is found
// everywhere, and the twins Cy and Di are one person.
func TestWhyStory(t *testing.T) {
	r := Records{
		Entity: []int{1, 1, 1, 2, 2, 3, 4},
		Person: []int{1, 1, 9, 2, 2, 5, 5},
		Party:  []int{0, 1, 2, 0, 1, 0, 1},
	}
	f := Facts{
		Parties: []string{"council", "ccg", "gp"},
		Causes:  [][]string{nil, nil, {"moved"}, nil, nil, {"twin"}, {"twin"}},
		Groups: []Dimension{
			{"sex", []string{"F", "F", "F", "M", "M", "M", "F"}},
			{"age band", []string{"10-14", "10-14", "10-14", "5-9", "5-9", "", ""}},
		},
		Relations: Kin([]int{1, 1, 1, 2, 2, 3, 3}, []bool{5: true, 6: true}, make([]bool, 7), []int{-1, -1, -1, -1, -1, 8, 8}),
	}
	b, err := Why(r, f)
	if err != nil {
		t.Fatal(err)
	}
	counts := func(s Share) string { return fmt.Sprintf("%d/%d", s.Part, s.Whole) }
	var lines []string
	for _, c := range b.Causes {
		lines = append(lines, fmt.Sprintf("%s recall %s precision %s alone %s", c.Label, counts(c.Recall), counts(c.Precision), counts(c.Alone)))
	}
	for _, p := range b.PartyPairs {
		lines = append(lines, fmt.Sprintf("%s+%s recall %s precision %s", p.Parties[0], p.Parties[1], counts(p.Recall), counts(p.Precision)))
	}
	for _, g := range b.Groups {
		for _, row := range g.Rows {
			lines = append(lines, fmt.Sprintf("%s %s recall %s precision %s", g.Name, row.Label, counts(row.Recall), counts(row.Precision)))
		}
	}
	for _, k := range b.Wrong {
		lines = append(lines, fmt.Sprintf("%s %d of %d", k.Kind, k.Wrong, k.Possible))
	}
	want := []string{
		"none recall 2/2 precision 2/2 alone 2/2",
		"moved recall 0/2 precision 0/0 alone 0/2",
		"twin recall 0/0 precision 0/1 alone 0/0",
		"council+ccg recall 2/2 precision 2/3",
		"council+gp recall 0/1 precision 0/0",
		"ccg+gp recall 0/1 precision 0/0",
		"sex F recall 1/3 precision 1/2",
		"sex M recall 1/1 precision 1/2",
		"age band 5-9 recall 1/1 precision 1/1",
		"age band 10-14 recall 1/3 precision 1/1",
		"age band not known recall 0/0 precision 0/1",
		"twins 1 of 1",
		"father and son 0 of 0",
		"shared number 0 of 0",
		"same household 0 of 0",
		"strangers 0 of 10",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	for _, g := range b.Groups {
		if g.RecallGap != (Gap{}) || g.PrecisionGap != (Gap{}) {
			t.Errorf("groups of %q are too small to compare, but %+v", g.Name, g)
		}
	}
}

// Kin leaves out what it was not told.
func TestKin(t *testing.T) {
	names := func(rs []Relation) string {
		var out []string
		for _, r := range rs {
			out = append(out, r.Name)
		}
		return strings.Join(out, ", ")
	}
	one, yes := []int{1}, []bool{true}
	for _, c := range []struct {
		got  []Relation
		want string
	}{
		{Kin(one, yes, yes, one), "twins, father and son, shared number, same household"},
		{Kin(one, nil, nil, nil), "same household"},
		{Kin(nil, yes, yes, one), "shared number"},
		{Kin(nil, nil, nil, nil), ""},
	} {
		if names(c.got) != c.want {
			t.Errorf("relations %q, want %q", names(c.got), c.want)
		}
	}
}

// Linkage bias shows: one group in ten is missed twice as often.
func TestWhyGap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	var r Records
	d := Dimension{Name: "ethnic group"}
	for e := range 4000 {
		group, found := "A", 0.95
		switch {
		case e%10 == 0:
			group, found = "B", 0.80
		case e%400 == 1:
			group, found = "C", 0
		}
		for p := range 2 {
			person := 2 * e
			if p == 1 && rnd.Float64() >= found {
				person++
			}
			r.Person, r.Entity, r.Party, d.Of = append(r.Person, person), append(r.Entity, e), append(r.Party, p), append(d.Of, group)
		}
	}
	b, err := Why(r, Facts{Parties: []string{"a", "b"}, Groups: []Dimension{d}})
	if err != nil {
		t.Fatal(err)
	}
	g := b.Groups[0]
	if gap := g.RecallGap; gap.Lowest != "B" || gap.Highest != "A" || !gap.Apart || gap.Gap < 0.1 || gap.Gap > 0.2 {
		t.Errorf("%+v", gap)
	}
	if gap := g.PrecisionGap; gap.Gap != 0 || gap.Apart {
		t.Errorf("nothing was joined wrongly, but %+v", gap)
	}
	if c := g.Rows[2]; c.Label != "C" || !c.Recall.TooFew || c.Recall.Whole != 10 {
		t.Errorf("the small group: %+v", c)
	}
	if len(b.Causes) != 0 || len(b.Wrong) != 1 {
		t.Errorf("causes %v and kinds %v of no facts", b.Causes, b.Wrong)
	}
}

func TestWhyRefuses(t *testing.T) {
	r := Records{Person: []int{1, 1}, Entity: []int{1, 1}, Party: []int{0, 1}}
	two := []string{"a", "b"}
	if _, err := Why(r, Facts{Parties: two}); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]Facts{
		"party not named": {Parties: two[:1]},
		"causes":          {Parties: two, Causes: make([][]string, 3)},
		"cause none":      {Parties: two, Causes: [][]string{nil, {None}}},
		"cause empty":     {Parties: two, Causes: [][]string{{""}, nil}},
		"group":           {Parties: two, Groups: []Dimension{{"sex", two[:1]}}},
		"relation":        {Parties: two, Relations: []Relation{{"twins", nil}}},
	} {
		if _, err := Why(r, f); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for _, broken := range []Records{
		{Person: []int{1}, Entity: []int{1, 1}, Party: []int{0, 1}},
		{Person: []int{1, 1}, Entity: []int{1, 1}, Party: []int{0, -1}},
		{Person: []int{1, 1}, Entity: []int{1, 1}, Party: []int{0, 1}, Only: []bool{true}},
	} {
		if _, err := Why(broken, Facts{Parties: two}); err == nil {
			t.Errorf("%+v: taken", broken)
		}
	}
	b, err := Why(Records{}, Facts{})
	if err != nil || b.All.Recall.Whole != 0 || !b.All.Recall.TooFew {
		t.Errorf("no records: %+v, %v", b, err)
	}
}

// Numbers survive JSON under the names that are written in the doc comments.
func TestWhyJSON(t *testing.T) {
	r := Records{Person: []int{1, 1, 2}, Entity: []int{1, 1, 1}, Party: []int{0, 1, 2}}
	b, err := Why(r, Facts{Parties: []string{"a", "b", "c"}, Causes: make([][]string, 3), Groups: []Dimension{{"sex", []string{"F", "F", "F"}}}})
	if err != nil {
		t.Fatal(err)
	}
	j := text(b)
	for _, want := range []string{
		`"all":{"label":"all","recall":{"part":1,"whole":3,"rate":0.333`, `"causes":[{"label":"none","recall":{`, `"alone":{"part":1`,
		`"party_pairs":[{"parties":["a","b"],"recall":`, `"groups":[{"name":"sex","rows":[{"label":"F"`, `"wrong":[{"kind":"strangers","wrong":0`,
	} {
		if !strings.Contains(j, want) {
			t.Errorf("%s is not in %s", want, j)
		}
	}
	var back Breakdown
	if err := json.Unmarshal([]byte(j), &back); err != nil || !reflect.DeepEqual(&back, b) {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func TestCompareLabels(t *testing.T) {
	labels := []string{NotKnown, "80+", "18 to 39", "under 18", "10-14", "5-9", "0-4", "B", "A", "A1", "A02", "a", "100+"}
	slices.SortFunc(labels, compareLabels)
	want := []string{"0-4", "5-9", "10-14", "under 18", "18 to 39", "80+", "100+", "A", "A1", "A02", "B", "a", NotKnown}
	if !slices.Equal(labels, want) {
		t.Errorf("%q, want %q", labels, want)
	}
	some := rapid.StringMatching(`(under )?[0-2a]{0,4}(not known)?`)
	rapid.Check(t, func(t *rapid.T) {
		x, y, z := some.Draw(t, "x"), some.Draw(t, "y"), some.Draw(t, "z")
		sign := func(n int) int { return max(-1, min(1, n)) }
		if sign(compareLabels(x, y)) != -sign(compareLabels(y, x)) || compareLabels(x, y) == 0 && x != y {
			t.Fatalf("%q and %q", x, y)
		}
		if compareLabels(x, y) <= 0 && compareLabels(y, z) <= 0 && compareLabels(x, z) > 0 {
			t.Fatalf("%q, %q, %q go round", x, y, z)
		}
	})
}

// A threshold that is far too low joins all into one person: 1.25e11 pairs, which
// nobody can walk through.
func TestWhyOnePerson(t *testing.T) {
	r, f := borough(100_000)
	for i := range r.Person {
		r.Person[i] = 1
	}
	b, err := Why(r, f)
	if err != nil {
		t.Fatal(err)
	}
	if p := b.All.Precision; p.Whole < 1e9 || p.Part != b.All.Recall.Whole || b.All.Recall.Rate != 1 || p.Effective != 1 {
		t.Errorf("%+v", b.All)
	}
	var wrong int
	for _, k := range b.Wrong {
		if k.Wrong != k.Possible {
			t.Errorf("%s: %d of %d joined, want all", k.Kind, k.Wrong, k.Possible)
		}
		wrong += k.Wrong
	}
	if s := Score(r); wrong != s.FalsePositives {
		t.Errorf("%d wrong pairs by kind, %d in all", wrong, s.FalsePositives)
	}
}

// borough is n records of fifteen parties with facts such as an invented borough
// has: two or three records an entity, households of four, some errors.
func borough(n int) (Records, Facts) {
	rnd := rand.New(rand.NewPCG(5, 5))
	r := Records{Person: make([]int, n), Entity: make([]int, n), Party: make([]int, n)}
	f := Facts{Causes: make([][]string, n)}
	for i := range 15 {
		f.Parties = append(f.Parties, fmt.Sprint("party-", i))
	}
	words := strings.Fields("moved married typo-forename nickname initial swapped dob-day dob-month nhs-missing twin junior")
	sex, age, ethnic, deprivation := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	household, number := make([]int, n), make([]int, n)
	twin, junior := make([]bool, n), make([]bool, n)
	for i := range n {
		e := i * 2 / 5
		r.Entity[i], r.Party[i], r.Person[i] = e, rnd.IntN(15), e
		switch k := rnd.IntN(100); {
		case k < 8:
			r.Person[i] = n + i
		case k < 9:
			r.Person[i] = e ^ 1
		}
		for range rnd.IntN(3) {
			f.Causes[i] = append(f.Causes[i], words[rnd.IntN(len(words))])
		}
		sex[i] = []string{"F", "M"}[e%2]
		age[i] = []string{"0-17", "18-39", "40-64", "65-79", "80+"}[e%5]
		ethnic[i] = string(rune('A' + e%17))
		deprivation[i] = string(rune('1' + e%5))
		household[i], number[i], twin[i], junior[i] = e/4, e, e%80 < 2, e%200 < 2
		if rnd.IntN(100) == 0 {
			number[i] = e ^ 1
		}
		if rnd.IntN(5) == 0 {
			number[i] = -1
		}
	}
	f.Groups = []Dimension{{"sex", sex}, {"age band", age}, {"ethnic group", ethnic}, {"deprivation", deprivation}}
	f.Relations = Kin(household, twin, junior, number)
	return r, f
}

func BenchmarkWhy(b *testing.B) {
	r, f := borough(500_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Why(r, f); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(r.Person))*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkScore(b *testing.B) {
	r, _ := borough(500_000)
	b.ReportAllocs()
	for b.Loop() {
		Score(r)
	}
	b.ReportMetric(float64(len(r.Person))*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
