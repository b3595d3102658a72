package cohort

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// stream is a source of random bytes that is the same for the same seed.
func stream(seed uint64) io.Reader {
	var b [32]byte
	for i := range 8 {
		b[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(b)
}

func withNoise(t testing.TB, p *Persons, e Epsilon, seed uint64, qs ...Question) *Release {
	t.Helper()
	rel, err := Protect(Count(p), preset(t, "hes"), Options{Noise: &Noise{Epsilon: e, Random: stream(seed)}, Questions: qs})
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

func TestEpsilon(t *testing.T) {
	for text, want := range map[string]Epsilon{"0.5": 500, "1": 1000, "10": 10_000, "0.001": 1, "2.25": 2250, "1.0": 1000, "01": 1000} {
		if e, err := ParseEpsilon(text); err != nil || e != want {
			t.Errorf("%q: %d, %v", text, e, err)
		}
	}
	for _, text := range []string{"", "0", "0.0", "0.0005", "10.001", "-1", "+1", "1e1", ".5", "1.", "1.2.3", "１", "0x1", "99999999999999999999"} {
		if e, err := ParseEpsilon(text); err == nil {
			t.Errorf("%q was taken for %s", text, e)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		e := Epsilon(rapid.IntRange(1, int(MaxEpsilon)).Draw(t, "epsilon"))
		if again, err := ParseEpsilon(e.String()); err != nil || again != e {
			t.Fatalf("%d is written %s and read as %d, %v", e, e, again, err)
		}
	})
}

func FuzzParseEpsilon(f *testing.F) {
	for _, text := range []string{"0.5", "10", "1.250", "0", ".1", "1.", "-0.5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseEpsilon(text)
		if err != nil {
			return
		}
		again, err := ParseEpsilon(e.String())
		if err != nil || again != e || e < 1 || e > MaxEpsilon {
			t.Fatalf("%q is read as %d, and that as %d, %v", text, e, again, err)
		}
	})
}

// boroughPersons are some thousand persons in four parties.
func boroughPersons(t testing.TB) *Persons {
	p := newPersons(t, borough, boroughNeeds)
	fill(t, p, 412, 0b0001)
	fill(t, p, 1233, 0b0111, Carry{0, 0, 0}, Carry{1, 1, 2}, Carry{2, 0, 0})
	fill(t, p, 801, 0b0011, Carry{0, 2, 0}, Carry{1, 0, 0})
	fill(t, p, 566, 0b1010, Carry{1, 1, 1})
	fill(t, p, 3, 0b1000, Carry{3, 1, 0})
	return p
}

// boroughSize are the counts of boroughPersons, by a second way of counting.
func boroughSize(row Row) int {
	n := 0
	for _, g := range []struct {
		n       int
		parties []string
		needs   []NeedValue
	}{
		{412, []string{"council"}, nil},
		{1233, []string{"council", "ccg", "gp-a"}, []NeedValue{{"frailty", ""}, {"age_band", "65+"}}},
		{801, []string{"council", "ccg"}, []NeedValue{{"housing", ""}, {"frailty", ""}}},
		{566, []string{"ccg", "gp-b"}, []NeedValue{{"age_band", "18-64"}}},
		{3, []string{"gp-b"}, []NeedValue{{"age_band", "0-17"}}},
	} {
		in := len(g.parties) >= row.AtLeast && (row.Table != "combination" || len(g.parties) == len(row.Parties))
		for _, p := range row.Parties {
			in = in && slices.Contains(g.parties, p)
		}
		for _, nv := range row.Needs {
			in = in && slices.Contains(g.needs, nv)
		}
		if in {
			n += g.n
		}
	}
	return n
}

// In 95 of 100 releases the range of a figure, shown or hidden, holds the count.
func TestNoiseRanges(t *testing.T) {
	p := boroughPersons(t)
	const runs = 300
	inside, shownOnes, figures, nobody := 0, 0, 0, 0
	for seed := range uint64(runs) {
		rel := withNoise(t, p, 500, seed)
		if facts, ok := rel.Noise(); !ok || facts.Cells != 15*32 || facts.Parts != 1 || facts.Epsilon != 500 {
			t.Fatalf("noise on %+v", facts)
		}
		for _, row := range rel.Rows() {
			low, high, ok := row.Figure.Range()
			if !ok {
				t.Fatalf("%v has no range", row)
			}
			count := boroughSize(row)
			figures++
			if low <= count && count <= high {
				inside++
			}
			v, shown := row.Figure.Value()
			if shown {
				shownOnes++
				if v < 8 || v%5 != 0 || low > v || high < v || low < 1 {
					t.Fatalf("%v is shown as %d, between %d and %d", row, v, low, high)
				}
				if count == 0 {
					nobody++
				}
			}
		}
	}
	if share := float64(inside) / float64(figures); share < 0.955 || share > 0.999 {
		t.Errorf("%.3f of the ranges hold the count; rounding makes it more than 0.95", share)
	}
	if shownOnes < figures/4 || nobody > figures/40 {
		t.Errorf("of %d figures %d are shown, %d of them of nobody", figures, shownOnes, nobody)
	}
}

// What parts have with their noise is what their whole has: the figures of one draw agree.
func TestNoiseAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"p", "q", "r", "s"}[:rapid.IntRange(1, 4).Draw(t, "parties")]
		p, err := NewPersons(names, []Need{{Name: "n", Kind: YesNo}, {Name: "c", Kind: Category, Values: []string{"x", "y"}}})
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(0, 40).Draw(t, "persons") {
			in := rapid.Uint64Range(1, 1<<len(names)-1).Draw(t, "in")
			if err := p.Add(in, nil); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Custom(5, 5, "")
		if err != nil {
			t.Fatal(err)
		}
		s := newNoisy(Count(p).see(), r, 700)
		if err := s.plan(Options{Questions: []Question{{Where: "n or not c=x", By: "parties"}, {Where: "not n and c=x"}}}); err != nil {
			t.Fatal(err)
		}
		values, err := s.draw(stream(rapid.Uint64().Draw(t, "seed")))
		if err != nil {
			t.Fatal(err)
		}
		sum := func(include func(f figure) bool) int {
			n := 0
			for i, f := range s.list {
				if include(f) {
					n += values[i]
				}
			}
			return n
		}
		value := func(f figure) int { return values[s.index[f]] }
		total := value(figure{table: people})
		if got := sum(func(f figure) bool { return f.table == combinations }); got != total {
			t.Fatalf("combinations have %d, all have %d", got, total)
		}
		for i := range names {
			in := uint64(1) << i
			if got := sum(func(f figure) bool { return f.table == combinations && f.parties&in != 0 }); got != value(figure{table: parties, parties: in}) {
				t.Fatalf("the combinations of party %d have %d", i, got)
			}
		}
		several := 0
		for k := 2; k <= len(names); k++ {
			several += value(figure{table: atLeast, k: k})
		}
		if got := sum(func(f figure) bool { return f.table == parties }); got != total+several {
			t.Fatalf("parties have %d, and all with those in two or more %d", got, total+several)
		}
		if got := values[s.byQuestion[0][0]] + values[s.byQuestion[1][0]]; got != total {
			t.Fatalf("a question and its contrary have %d, all have %d", got, total)
		}
	})
}

// The very same release comes out again from its figures, without a draw.
func TestNoiseAgain(t *testing.T) {
	many := make([]string, 15)
	for i := range many {
		many[i] = fmt.Sprintf("p%d", i)
	}
	wide := newPersons(t, many, boroughNeeds)
	nine := newPersons(t, many[:9], nil)
	for i := range 2000 {
		fill(t, wide, 1, uint64(i%500+1)|3, Carry{0, 0, 0})
		fill(t, nine, 1, uint64(i%3+1))
	}
	for name, p := range map[string]*Persons{"four": boroughPersons(t), "nine": nine, "fifteen": wide} {
		asked := []Question{{Name: "both", Where: "parties>=2", By: "parties"}, {Where: "parties=1"}}
		rel := withNoise(t, p, 2000, 5, asked...)
		var drawn []Seen
		for _, row := range rel.Rows() {
			n, ok := row.Figure.Value()
			drawn = append(drawn, Seen{Table: row.Table, Where: row.Where, Parties: row.Parties, AtLeast: row.AtLeast, Needs: row.Needs, Count: n, Hidden: !ok})
		}
		o := Options{Questions: asked, Noise: &Noise{Epsilon: 2000, Drawn: drawn, Random: bytes.NewReader(nil)}}
		facts, _ := rel.Noise()
		o.Noise.Cells = facts.Cells
		again, err := Protect(Count(p), preset(t, "hes"), o)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", rel.Rows()) != fmt.Sprintf("%+v", again.Rows()) || fmt.Sprint(rel.Combinations()) != fmt.Sprint(again.Combinations()) ||
			fmt.Sprint(rel.Answers()) != fmt.Sprint(again.Answers()) || len(drawn) < 20 {
			t.Errorf("%s: the same release came out otherwise", name)
		}
		for i := range drawn {
			if a, b := rel.Rows()[i].Figure.RangeText(), again.Rows()[i].Figure.RangeText(); a != b {
				t.Fatalf("%s: figure %d has another range", name, i)
			}
		}
		for _, bad := range [][]Seen{drawn[1:], append(slices.Clone(drawn), drawn[0]), {}} {
			o.Noise.Drawn = bad
			if _, err := Protect(Count(p), preset(t, "hes"), o); err == nil {
				t.Errorf("%s: %d figures of %d were taken", name, len(bad), len(drawn))
			}
		}
		o.Noise.Drawn, o.Noise.Cells = drawn, facts.Cells+1
		if _, err := Protect(Count(p), preset(t, "hes"), o); err == nil {
			t.Errorf("%s: figures drawn from other cells were taken", name)
		}
		if other := withNoise(t, p, 2000, 6, asked...); fmt.Sprint(rel.Rows()) == fmt.Sprint(other.Rows()) {
			t.Errorf("%s: another draw gives the same figures", name)
		}
	}
}

// Which figures there are, and their noise, follows from names alone.
func TestNoiseOfNobody(t *testing.T) {
	many := make([]string, 15)
	for i := range many {
		many[i] = fmt.Sprintf("p%d", i)
	}
	for _, names := range [][]string{borough, many[:9], many} {
		empty, full := newPersons(t, names, boroughNeeds), newPersons(t, names, boroughNeeds)
		fill(t, full, 5000, 0b0111, Carry{0, 0, 0})
		q := Question{Where: "frailty", By: "needs"}
		a, b := withNoise(t, empty, 1000, 1, q), withNoise(t, full, 1000, 1, q)
		x, _ := a.Noise()
		y, _ := b.Noise()
		rows := func(r *Release) []Row { // but which of many combinations are listed follows from figures
			return slices.DeleteFunc(r.Rows(), func(row Row) bool { return row.Table == "combination" && !r.AllCombinations() })
		}
		of, others := rows(a), rows(b)
		if len(of) != len(others) || fmt.Sprint(x) != fmt.Sprint(y) || len(of) < 30 {
			t.Fatalf("%d parties: %d figures of nobody and %d of many", len(names), len(of), len(others))
		}
		for i, row := range of {
			other := others[i]
			row.Figure, other.Figure = Figure{}, Figure{}
			if fmt.Sprint(row) != fmt.Sprint(other) {
				t.Fatalf("figure %d is %v of nobody and %v of many", i, row, other)
			}
		}
		want := map[int]string{4: "[] 1", 9: "[need-pair] 5", 15: "[combination need-party need-pair] 7"}[len(names)]
		if got := fmt.Sprint(x.LeftOut, x.Parts); got != want {
			t.Errorf("%d parties: left out and made in parts: %s, want %s", len(names), got, want)
		}
	}
}

// Whoever is there or not, the draws that the person is behind spend no more than epsilon,
// and every figure is the sum of its cells: all that a release tells is made of them.
func TestNoiseSpends(t *testing.T) {
	whole := 0
	rapid.Check(t, func(t *rapid.T) {
		names := make([]string, rapid.SampledFrom([]int{1, 2, 3, 5, 7, 9, 13, 30, 64}).Draw(t, "parties"))
		for i := range names {
			names[i] = fmt.Sprintf("p%d", i)
		}
		var ns []Need
		for i, kind := range rapid.SliceOfN(rapid.IntRange(0, 12), 0, 5).Draw(t, "needs") {
			n := Need{Name: fmt.Sprintf("n%d", i), Kind: YesNo}
			for v := range kind {
				n.Kind = Category
				n.Values = append(n.Values, fmt.Sprintf("v%d", v))
			}
			ns = append(ns, n)
		}
		p, err := NewPersons(names, ns)
		if err != nil {
			t.Fatal(err)
		}
		rule, err := Preset("hes")
		if err != nil {
			t.Fatal(err)
		}
		s := newNoisy(Count(p).see(), rule, 730)
		qs := []Question{{Where: "parties>2", By: "parties"}, {Where: "p0"}, {Where: "parties>2"}, {Where: "p0", By: "parties"}}
		if len(ns) > 0 {
			qs = append(qs, Question{Where: "p0", By: "needs"}, Question{By: ns[0].Name})
		}
		if err := s.plan(Options{Questions: qs}); err != nil {
			t.Fatal(err)
		}
		if len(s.parts) == 1 {
			whole++
		}
		a := atom{rapid.Uint64Range(1, 1<<len(names)-1).Draw(t, "in"), rapid.Uint64Range(0, 1<<s.width-1).Draw(t, "carries")}
		spent, figures := 0.0, make(map[int]bool)
		for _, p := range s.parts {
			rate := float64(p.rate[0]) / float64(p.rate[1])
			counted := a
			if p.capped {
				counted = newCoins(stream(1)).cap([]weighed{{a, 1}}, s.facts.MostParties)[0].atom
			}
			draws := 0
			for _, i := range p.figures {
				if figures[i] {
					t.Fatalf("figure %v is made twice", s.list[i].String(s.sheet))
				}
				figures[i] = true
				if s.list[i].covers(counted) {
					draws++
				}
			}
			if !p.cells && draws > p.apart {
				t.Fatalf("a person is in %d figures of a part that reckons with %d", draws, p.apart)
			}
			draws = p.apart
			if p.cells {
				draws = 1
				cell := atom{a.parties, a.needs & p.needs}
				if p.sizes {
					cell.parties = 1<<min(maxAtLeast, bits.OnesCount64(a.parties)) - 1
				}
				none := !p.without && cell.needs == 0
				for _, i := range p.figures {
					if f := s.list[i]; f.covers(a) != (f.covers(cell) && !none) {
						t.Fatalf("a person is counted for %v, and the cell is not, or the other way about", f.String(s.sheet))
					}
				}
			}
			spent += rate * float64(draws)
		}
		if len(figures) != len(s.list) || math.Abs(spent-0.73) > 1e-9 {
			t.Fatalf("%d of %d figures are made, and they spend %v of 0.73", len(figures), len(s.list), spent)
		}
	})
	if whole == 0 {
		t.Error("in no case were there few cells: nothing to test")
	}
}

// Ranges hold the count also of those who are in more parties than they are counted in.
func TestNoiseRangesOfMany(t *testing.T) {
	many := make([]string, 16)
	for i := range many {
		many[i] = fmt.Sprintf("p%d", i)
	}
	p := newPersons(t, many, nil)
	fill(t, p, 3000, 0b11)
	fill(t, p, 700, 0b1111_1111)
	inside, figures := 0, 0
	for seed := range uint64(60) {
		rel := withNoise(t, p, 3000, seed)
		if facts, _ := rel.Noise(); facts.MostParties != 4 || facts.Parts != 3 {
			t.Fatalf("noise on %+v", facts)
		}
		for i := range many {
			for j := range i + 1 {
				want := 0
				if i < 8 && j < 8 {
					want = 700
				}
				if i < 2 && j < 2 {
					want = 3700
				}
				low, high, ok := rel.Overlap(i, j).Range()
				if !ok {
					t.Fatal("no range")
				}
				figures++
				if low <= want && want <= high {
					inside++
				}
			}
		}
	}
	if share := float64(inside) / float64(figures); share < 0.96 {
		t.Errorf("%.3f of the ranges hold the count", share)
	}
}

// The cells of a part are different, and as many as there are.
func TestNoiseCells(t *testing.T) {
	p := newPersons(t, borough, boroughNeeds)
	s := newNoisy(Count(p).see(), preset(t, "hes"), 500)
	for _, c := range []struct {
		part noisePart
		want int
	}{
		{noisePart{cells: true, without: true}, 15},
		{noisePart{cells: true, without: true, needs: 0b10110}, 15 * 8},
		{noisePart{cells: true, needs: 0b10110}, 15 * 7},
		{noisePart{needs: 0b10110}, 0},
	} {
		seen := map[atom]bool{}
		for a := range s.cells(&c.part) {
			if seen[a] || a.parties == 0 || a.needs&^c.part.needs != 0 {
				t.Errorf("%v is no cell, or there twice", a)
			}
			seen[a] = true
		}
		if len(seen) != c.want {
			t.Errorf("%d cells, want %d", len(seen), c.want)
		}
	}
}

// Where it is known who declares a need, the cells are those that somebody can be in: each
// person is in one of them, and they are fewer.
func TestNoiseCellsThatCanBe(t *testing.T) {
	fewer := 0
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"p", "q", "r", "s"}[:rapid.IntRange(2, 4).Draw(t, "parties")]
		by := func(what string) uint64 { return rapid.Uint64Range(1, 1<<len(names)-1).Draw(t, what) }
		ns := []Need{{Name: "n", Kind: YesNo, By: by("n")}, {Name: "c", Kind: Category, Values: []string{"x", "y"}, By: by("c")}, {Name: "o", Kind: YesNo}}
		p, err := NewPersons(names, ns)
		if err != nil {
			t.Fatal(err)
		}
		in := rapid.Uint64Range(1, 1<<len(names)-1).Draw(t, "in")
		var carries []Carry
		for party := range names {
			for n, need := range ns {
				if in>>party&1 == 1 && (need.By == 0 || need.By>>party&1 == 1) && rapid.Bool().Draw(t, "says") {
					carries = append(carries, Carry{party, n, rapid.IntRange(0, need.values()-1).Draw(t, "value")})
				}
			}
		}
		if err := p.Add(in, carries); err != nil {
			t.Fatal(err)
		}
		rule, err := Preset("hes")
		if err != nil {
			t.Fatal(err)
		}
		s := newNoisy(Count(p).see(), rule, 500)
		for n := range ns {
			var own uint64
			for _, b := range s.slots[n] {
				own |= 1 << b
			}
			for _, part := range []noisePart{{cells: true, needs: 1<<s.width - 1, without: true}, {cells: true, needs: own}} {
				person := atom{in, s.atoms[0].needs & part.needs}
				cells, found := 0, 0
				for a := range s.cells(&part) {
					cells++
					if a == person {
						found++
					}
				}
				if want := person.needs != 0 || part.without; found > 1 || (found == 1) != want {
					t.Fatalf("a person is in %d cells", found)
				}
				if all := s.cellsOf(part.needs); cells > all {
					t.Fatalf("%d cells of %d", cells, all)
				} else if part.without && cells < all {
					fewer++
				}
			}
		}
	})
	if fewer == 0 {
		t.Error("there was no cell that nobody can be in: nothing to test")
	}
}

// Small counts: many releases of a set with and without one person are about as likely.
func TestNoiseNeighbours(t *testing.T) {
	const runs = 8000
	e := math.Exp(1.0)
	counts := [2]map[string]int{{}, {}}
	exact, err := Custom(1, 1, "to see the noise itself")
	if err != nil {
		t.Fatal(err)
	}
	for with := range 2 {
		p := newPersons(t, []string{"a"}, nil)
		fill(t, p, 11+with, 1)
		for seed := range uint64(runs) {
			rel, err := Protect(Count(p), exact, Options{Noise: &Noise{Epsilon: 1000, Random: stream(seed<<1 | uint64(with))}})
			if err != nil {
				t.Fatal(err)
			}
			counts[with][rel.Total().Text()]++
		}
	}
	tested := 0
	for text, n := range counts[0] {
		m := counts[1][text]
		if n < 150 || m < 150 {
			continue
		}
		tested++
		if ratio := float64(m) / float64(n); ratio > e*1.5 || ratio < 1/(e*1.5) {
			t.Errorf("%q came %d times with 11 and %d with 12 persons", text, n, m)
		}
	}
	if tested < 5 {
		t.Fatalf("%d outcomes: nothing to test", tested)
	}
}

func TestNoiseRefuses(t *testing.T) {
	c := Count(boroughPersons(t))
	rule := preset(t, "hes")
	for name, o := range map[string]Options{
		"no epsilon":       {Noise: &Noise{}},
		"below 0":          {Noise: &Noise{Epsilon: -500}},
		"too much":         {Noise: &Noise{Epsilon: MaxEpsilon + 1}},
		"a cohort":         {Noise: &Noise{Epsilon: 500}, QuestionsOnly: true},
		"a wrong question": {Noise: &Noise{Epsilon: 500}, Questions: []Question{{Where: "nowhere"}}},
	} {
		if _, err := Protect(c, rule, o); err == nil {
			t.Errorf("%s: a release was made", name)
		}
	}
	broken := errors.New("broken")
	if _, err := Protect(c, rule, Options{Noise: &Noise{Epsilon: 500, Random: io.MultiReader(io.LimitReader(stream(1), 100), failing{broken})}}); !errors.Is(err, broken) {
		t.Errorf("a source that fails gave %v", err)
	}
	// Without a source of its own it draws from the system's: no two alike.
	a, err := Protect(c, rule, Options{Noise: &Noise{Epsilon: 500}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Protect(c, rule, Options{Noise: &Noise{Epsilon: 500}})
	if err != nil || fmt.Sprint(a.Rows()) == fmt.Sprint(b.Rows()) {
		t.Errorf("two draws are alike, %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// The words for a rule do not say of a release with noise what is not so.
func TestNoiseSays(t *testing.T) {
	rel := withNoise(t, boroughPersons(t), 500, 3)
	if s := rel.Says(); s != "counts that are below 8 with their noise are hidden, and those that cannot be told from 0; all others are rounded to the nearest 5." {
		t.Error(s)
	}
}
