package cohort

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// boroughCounts is a made-up borough: a council, a CCG and n-2 practices, most
// people in two to four of them, with needs.
func boroughCounts(t testing.TB, n, people int, needs []Need) *Counts {
	names := []string{"council", "ccg"}
	for i := 2; i < n; i++ {
		names = append(names, fmt.Sprintf("gp-%02d", i))
	}
	p := newPersons(t, names[:n], needs)
	rnd := rand.New(rand.NewPCG(1, uint64(n)))
	for range people {
		var in uint64
		if rnd.IntN(100) < 78 {
			in |= 1
		}
		if rnd.IntN(100) < 92 {
			in |= 2
		}
		if n > 2 && rnd.IntN(100) < 97 {
			in |= 1 << (2 + min(rnd.IntN(n-2), rnd.IntN(n-2)))
		}
		if n > 2 && rnd.IntN(300) == 0 {
			in |= 1 << (2 + rnd.IntN(n-2)) // still registered where they were before
		}
		if in == 0 {
			in = 1
		}
		var c []Carry
		by := bits.Len64(in) - 1
		for i, need := range needs {
			if need.Kind == Category {
				c = append(c, Carry{by, i, rnd.IntN(len(need.Values))})
			} else if rnd.IntN(12) == 0 {
				c = append(c, Carry{by, i, 0})
			}
		}
		if err := p.Add(in, c); err != nil {
			t.Fatal(err)
		}
	}
	return Count(p)
}

// lattice is random persons in n parties, with many small cells.
func lattice(t testing.TB, rnd *rand.Rand, n int, needs []Need) *Counts {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("p", i)
	}
	p := newPersons(t, names, needs)
	for in := uint64(1); in < 1<<n; in++ {
		many := 0
		switch rnd.IntN(5) {
		case 0:
		case 1, 2:
			many = rnd.IntN(8)
		case 3:
			many = rnd.IntN(40)
		case 4:
			many = rnd.IntN(400) / bits.OnesCount64(in)
		}
		for range many {
			by := bits.TrailingZeros64(in)
			var c []Carry
			for i, need := range needs {
				if need.Kind == YesNo && rnd.IntN(6) == 0 {
					c = append(c, Carry{by, i, 0})
				} else if need.Kind == Category && rnd.IntN(5) > 0 {
					c = append(c, Carry{by, i, min(rnd.IntN(len(need.Values)), rnd.IntN(len(need.Values)))})
				}
			}
			if err := p.Add(in, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	return Count(p)
}

var demoNeeds = []Need{
	{Name: "frailty", Kind: YesNo}, {Name: "diabetes", Kind: YesNo}, {Name: "housing_need", Kind: YesNo}, {Name: "social_care", Kind: YesNo},
	{Name: "age_band", Kind: Category, Values: []string{"0-17", "18-44", "45-64", "65-84", "85+"}},
	{Name: "deprivation", Kind: Category, Values: []string{"1", "2", "3", "4", "5"}},
}

// go test -bench Protect ./linkage/cohort
func BenchmarkProtect(b *testing.B) {
	run := func(name string, c *Counts) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				rel, err := Protect(c, presets[0], Options{})
				if err != nil {
					b.Fatal(err)
				}
				a := rel.Audit()
				b.ReportMetric(float64(a.Figures), "figures")
				b.ReportMetric(float64(a.Primary), "small")
				b.ReportMetric(float64(a.Secondary), "more")
				b.ReportMetric(float64(a.InParts), "inparts")
			}
		})
	}
	for _, n := range []int{6, 7} {
		run(fmt.Sprintf("lattice/parties=%d", n), lattice(b, rand.New(rand.NewPCG(3, uint64(n))), n, nil))
	}
	run("borough/parties=15", boroughCounts(b, 15, 20000, nil))
	run("borough/parties=15/needs", boroughCounts(b, 15, 20000, demoNeeds))
}

// Each case leaks under the rule alone, and must not under Protect.
func TestKnownLeaks(t *testing.T) {
	exact, err := Custom(8, 1, "to have differences without rounding")
	if err != nil {
		t.Fatal(err)
	}
	hes := preset(t, "hes")
	for _, c := range []struct {
		name    string
		rule    Rule
		parties []string
		cells   map[uint64]int
	}{
		{"the total minus all that is shown", exact, borough[:2], map[uint64]int{0b01: 100, 0b10: 200, 0b11: 3}},
		{"a party's own number minus its other cell", hes, borough[:2], map[uint64]int{0b01: 100, 0b10: 200, 0b11: 3}},
		{"three parties, one small cell", exact, borough[:3], map[uint64]int{1: 50, 2: 60, 3: 70, 4: 80, 5: 90, 6: 100, 7: 2}},
		{"two small cells of one party", exact, borough[:3], map[uint64]int{1: 50, 2: 60, 3: 4, 4: 80, 5: 3, 6: 100, 7: 110}},
	} {
		p := newPersons(t, c.parties, nil)
		for in, n := range c.cells {
			fill(t, p, n, in)
		}
		s := newSheet(Count(p).see(), c.rule)
		s.tables()
		s.primary()
		a, leaks, hidden := newAuditor(s, true), 0, 0
		for i, w := range a.why {
			if w == primary {
				hidden++
				if a.secure(i, 0) != nil || a.secure(i, 1) != nil {
					leaks++
				}
			}
		}
		if hidden == 0 || leaks == 0 {
			t.Errorf("%s: of %d hidden figures none leaks; the case tests nothing", c.name, hidden)
		}
		rel := protect(t, p, c.rule)
		if rel.Audit().Secondary == 0 && rel.Audit().Told {
			t.Errorf("%s: nothing more was hidden", c.name)
		}
		for _, h := range rel.Account() {
			if h.Why != Primary && h.Why != Secondary {
				t.Errorf("%s: hidden for %q", c.name, h.Why)
			}
		}
	}
}

// Odd but possible linkages are protected too, and quickly.
func TestOddLinkages(t *testing.T) {
	many := make([]string, MaxParties)
	for i := range many {
		many[i] = fmt.Sprint("p", i)
	}
	for name, c := range map[string]struct {
		parties []string
		needs   []Need
		cells   map[uint64]int
		carry   map[uint64]Carry
	}{
		"nobody":                      {parties: borough, needs: boroughNeeds},
		"one person":                  {parties: borough, needs: boroughNeeds, cells: map[uint64]int{0b0101: 1}},
		"one party":                   {parties: borough[:1], cells: map[uint64]int{1: 1000}},
		"a party with three people":   {parties: borough, cells: map[uint64]int{1: 500, 2: 600, 3: 700, 0b100: 1, 0b110: 2}},
		"all parties identical":       {parties: borough, cells: map[uint64]int{0b1111: 900}},
		"no overlap at all":           {parties: borough, cells: map[uint64]int{1: 500, 2: 400, 4: 300, 8: 200}},
		"a need of one person":        {parties: borough, needs: boroughNeeds, cells: map[uint64]int{1: 1, 3: 800}, carry: map[uint64]Carry{1: {0, 0, 0}}},
		"everybody has the need":      {parties: borough, needs: boroughNeeds, cells: map[uint64]int{1: 300, 3: 800}, carry: map[uint64]Carry{1: {0, 0, 0}, 3: {1, 0, 0}}},
		"24 parties, one of them":     {parties: many[:24], cells: map[uint64]int{1 << 23: 30}},
		"64 parties, all identical":   {parties: many, cells: map[uint64]int{math.MaxUint64: 300}},
		"small cells throughout":      {parties: borough[:3], cells: map[uint64]int{1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1}},
		"sevens that give themselves": {parties: borough[:2], cells: map[uint64]int{1: 7, 2: 400, 3: 7}},
	} {
		p := newPersons(t, c.parties, c.needs)
		for in, n := range c.cells {
			if k, ok := c.carry[in]; ok {
				fill(t, p, n, in, k)
			} else {
				fill(t, p, n, in)
			}
		}
		for _, r := range Presets() {
			rel, err := Protect(Count(p), r, Options{})
			if err != nil {
				t.Errorf("%s, %s: %v", name, r.Name, err)
				continue
			}
			marks := 0
			for _, h := range rel.Account() {
				if h.Row.Figure.Hidden() {
					marks++
				}
			}
			if a := rel.Audit(); a.Figures != len(rel.Rows()) || a.Primary+a.Secondary != len(rel.Account()) || marks != rel.Hidden() {
				t.Errorf("%s, %s: the account does not add up: %+v", name, r.Name, a)
			}
		}
	}
}

func TestLargestCombinations(t *testing.T) {
	names := make([]string, 9)
	for i := range names {
		names[i] = fmt.Sprint("p", i)
	}
	p := newPersons(t, names, nil)
	for in := uint64(1); in <= 60; in++ {
		fill(t, p, 10*int(in), in)
	}
	rel := protect(t, p, preset(t, "hes"))
	if n := len(rel.Combinations()); n != maxCombinations || rel.AllCombinations() {
		t.Errorf("%d combinations listed, want the %d largest", n, maxCombinations)
	}
	// All alike: none is larger than the others, so none is listed.
	p = newPersons(t, names, nil)
	for in := uint64(1); in <= 60; in++ {
		fill(t, p, 50, in)
	}
	rel = protect(t, p, preset(t, "hes"))
	if n := len(rel.Combinations()); n != 0 {
		t.Errorf("%d combinations listed of 60 that are alike", n)
	}
}

// The solver's answers carry their own proof: what it reached is possible, and
// by the prices at its last step (weak duality) nothing beyond it is.
func TestSimplexProof(t *testing.T) {
	reachedGoal, fellShort := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 8).Draw(t, "rows")
		cols := make([][]int32, rapid.IntRange(1, 14).Draw(t, "cols"))
		for j := range cols {
			for i := range rows {
				if rapid.IntRange(0, 2).Draw(t, "in") == 0 {
					cols[j] = append(cols[j], int32(i))
				}
			}
		}
		p := newProgram(cols, rows)
		for j := range p.low {
			p.low[j] = -float64(rapid.IntRange(0, 6).Draw(t, "low"))
			p.high[j] = float64(rapid.IntRange(0, 6).Draw(t, "high"))
			if j < len(cols) && rapid.IntRange(0, 3).Draw(t, "free") == 0 {
				p.high[j] = math.Inf(1)
			}
		}
		target := rapid.IntRange(0, len(p.low)-1).Draw(t, "target")
		sign := rapid.SampledFrom([]float64{1, -1}).Draw(t, "sign")
		goal := float64(rapid.IntRange(1, 9).Draw(t, "goal"))
		reached, _ := p.push(target, sign, goal)
		sums := make([]float64, rows)
		for j, col := range cols {
			for _, i := range col {
				sums[i] += p.value[j]
			}
		}
		for i, sum := range sums {
			if math.Abs(sum-p.value[len(cols)+i]) > 1e-7 {
				t.Fatalf("row %d does not add up", i)
			}
		}
		for j, v := range p.value {
			if v < p.low[j]-1e-7 || v > p.high[j]+1e-7 {
				t.Fatalf("variable %d is %g, outside %g to %g", j, v, p.low[j], p.high[j])
			}
		}
		if math.Abs(reached-sign*p.value[target]) > 1e-7 {
			t.Fatal("it did not get as far as it says")
		}
		if reached >= goal-1e-7 {
			reachedGoal++
			return
		}
		fellShort++
		most := 0.0
		for j := range p.value {
			// No tolerance: whatever the prices, this bounds the target.
			switch d := p.price(j, target, sign); {
			case math.Abs(d) < 1e-9:
			case d > 0:
				most += d * p.high[j]
			default:
				most += d * p.low[j]
			}
		}
		if math.Abs(most-reached) > 1e-6 {
			t.Fatalf("it stopped at %g, but %g is not ruled out", reached, most)
		}
	})
	if reachedGoal == 0 || fellShort == 0 {
		t.Errorf("%d programs reached the goal and %d fell short: one kind was not tested", reachedGoal, fellShort)
	}
}

// When its patience is gone, Protect hides whole tables, and what it then releases is
// safe, and comes out again.
func TestProtectInAHurry(t *testing.T) {
	c := boroughCounts(t, 9, 1500, demoNeeds)
	slow := protectWith(t, c, Options{})
	if h := slow.Audit().Hurried; len(h) > 0 {
		t.Fatalf("tables %q were hidden although there was time", h)
	}
	o, fast := Options{patience: usualPatience}, slow
	for len(fast.Audit().Hurried) == 0 {
		o.patience /= 2
		fast = protectWith(t, c, o)
	}
	whole := fast.Audit().Hurried
	marks := 0
	for _, row := range fast.Rows() {
		if v, ok := row.Figure.Value(); ok && v > 0 && slices.Contains(whole, row.Table) {
			t.Errorf("a figure of table %q is shown as %d", row.Table, v)
		} else if !ok {
			marks++
		}
	}
	if marks <= slow.Hidden() {
		t.Errorf("%d figures are hidden in a hurry, %d at leisure", marks, slow.Hidden())
	}
	o.Earlier = []Earlier{asSeen(fast, true)}
	if again := protectWith(t, c, o); !reflect.DeepEqual(again.Rows(), fast.Rows()) {
		t.Error("the second release differs from the first")
	}
}

func protectWith(t *testing.T, c *Counts, o Options) *Release {
	t.Helper()
	rel, err := Protect(c, presets[0], o)
	if err != nil {
		t.Fatal(err)
	}
	return rel
}

func TestProtectReportsProgress(t *testing.T) {
	calls := 0
	c := boroughCounts(t, 6, 3000, nil)
	if _, err := Protect(c, presets[0], Options{Progress: func(safe, hidden int) {
		if safe < 0 || safe > hidden {
			t.Errorf("%d of %d figures are safe", safe, hidden)
		}
		calls++
	}}); err != nil && !errors.Is(err, ErrUnsafe) {
		t.Fatal(err)
	}
	if calls == 0 {
		t.Error("no progress was reported")
	}
}
