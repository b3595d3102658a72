package cohort_test

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"cohortlink/linkage/cohort"
)

// crowd is persons of whom everything is known: those that the attacker of
// testdata/attacker.py is to learn nothing small about.
type crowd struct {
	parties []string
	needs   []cohort.Need
	people  []someone
}

type someone struct {
	in   uint64 // parties
	says []cohort.Carry
}

func (c *crowd) persons(t testing.TB) *cohort.Persons {
	t.Helper()
	p, err := cohort.NewPersons(c.parties, c.needs)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range c.people {
		if err := p.Add(x.in, x.says); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// randomCrowd is random persons in n parties, with many small cells.
func randomCrowd(rnd *rand.Rand, n, needs int) *crowd {
	c := &crowd{}
	for i := range n {
		c.parties = append(c.parties, fmt.Sprint("p", i))
	}
	c.needs = randomNeeds(rnd, n, needs)
	speaks := 0.5 + rnd.Float64()/2 // how often a party that declares a category says one
	if rnd.IntN(3) == 0 {
		speaks = 1
	}
	differs := 0.0 // how often two parties say different values
	if rnd.IntN(3) == 0 {
		differs = 0.1
	}
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
		carried := make([]float64, len(c.needs))
		for i := range carried {
			carried[i] = rnd.Float64() * rnd.Float64() * 0.6
		}
		for range many {
			c.people = append(c.people, someone{in, c.says(rnd, in, carried, speaks, differs)})
		}
	}
	return c
}

// says is what parties say of one person.
func (c *crowd) says(rnd *rand.Rand, in uint64, carried []float64, speaks, differs float64) []cohort.Carry {
	var says []cohort.Carry
	for i, need := range c.needs {
		value := 0
		if need.Kind == cohort.Category {
			value = min(rnd.IntN(len(need.Values)), rnd.IntN(len(need.Values)))
		} else if rnd.Float64() >= carried[i] {
			continue
		}
		for p := range c.parties {
			if in>>p&1 == 0 || need.By != 0 && need.By>>p&1 == 0 || rnd.Float64() >= speaks {
				continue
			}
			v := value
			if need.Kind == cohort.Category && rnd.Float64() < differs {
				v = rnd.IntN(len(need.Values))
			}
			says = append(says, cohort.Carry{Party: p, Need: i, Value: v})
		}
	}
	return says
}

// Sets of needs, by how many kinds of person they make.
const (
	noNeeds = iota
	oneNeed
	twoNeeds
	manyNeeds // so many that Protect looks at some kinds of person only
)

func randomNeeds(rnd *rand.Rand, n, many int) []cohort.Need {
	some := func() uint64 { // parties that declare a need; 0: nobody knows which
		switch rnd.IntN(4) {
		case 0:
			return 0
		case 1:
			return 1 << rnd.IntN(n)
		case 2:
			one := rnd.IntN(n)
			return 1<<one | 1<<rnd.IntN(n)
		}
		return 1<<n - 1
	}
	housing := cohort.Need{Name: "housing_need", Kind: cohort.YesNo, By: some()}
	service := cohort.Need{Name: "home care", Kind: cohort.YesNo, By: some()}
	age := cohort.Need{Name: "age_band", Kind: cohort.Category, Values: []string{"0-17", "18 to 64", "65+"}, By: some()}
	ward := cohort.Need{Name: "ward", Kind: cohort.Category, Values: []string{"north", "south", "and"}, By: 1 << rnd.IntN(n)}
	switch many {
	case noNeeds:
		return nil
	case oneNeed:
		return []cohort.Need{housing}
	case manyNeeds:
		age.By = 1 << rnd.IntN(n)
		return []cohort.Need{housing, age, ward}
	}
	return [][]cohort.Need{{housing, service}, {housing, age}, {age, service}}[rnd.IntN(3)]
}

// later is the same crowd some months on: some have left, some have come, some are
// known to another party, and of some something else is said.
func (c *crowd) later(rnd *rand.Rand) *crowd {
	l := &crowd{parties: c.parties, needs: c.needs}
	for _, x := range c.people {
		switch rnd.IntN(25) {
		case 0:
		case 1:
			l.people = append(l.people, x, x)
		case 2:
			in := x.in | 1<<rnd.IntN(len(c.parties))
			l.people = append(l.people, someone{in, x.says})
		case 3:
			l.people = append(l.people, someone{in: x.in})
		default:
			l.people = append(l.people, x)
		}
	}
	return l
}

// without is the crowd as it was before the last party came.
func (c *crowd) without() *crowd {
	last := len(c.parties) - 1
	b := &crowd{parties: c.parties[:last]}
	for _, n := range c.needs {
		by := n.By &^ (1 << last)
		if n.By != 0 && by == 0 {
			by = 1 // it has to be declared by somebody, who says it of nobody
		}
		n.By = by
		b.needs = append(b.needs, n)
	}
	for _, x := range c.people {
		if x.in &^= 1 << last; x.in == 0 {
			continue
		}
		x.says = slices.DeleteFunc(slices.Clone(x.says), func(k cohort.Carry) bool { return k.Party == last })
		b.people = append(b.people, x)
	}
	return b
}

// split is the crowd at a stricter threshold: some persons are told into two.
func (c *crowd) split(rnd *rand.Rand) *crowd {
	s := &crowd{parties: c.parties, needs: c.needs}
	for _, x := range c.people {
		if bits.OnesCount64(x.in) < 2 || rnd.IntN(15) > 0 {
			s.people = append(s.people, x)
			continue
		}
		apart := x.in & -x.in
		one, other := someone{in: apart}, someone{in: x.in &^ apart}
		for _, k := range x.says {
			if apart>>k.Party&1 == 1 {
				one.says = append(one.says, k)
			} else {
				other.says = append(other.says, k)
			}
		}
		s.people = append(s.people, one, other)
	}
	return s
}

// grouped is the crowd as testdata/attacker.py reads it: parties, what is said, and how
// many persons of each kind.
func (c *crowd) grouped() [][]any {
	type kind struct {
		in   uint64
		says string
	}
	at := map[kind]int{}
	var out [][]any
	for _, x := range c.people {
		says := [][]int{}
		for _, k := range x.says {
			says = append(says, []int{k.Party, k.Need, k.Value})
		}
		k := kind{x.in, fmt.Sprint(says)}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, []any{x.in, says, 0})
		}
		out[i][2] = out[i][2].(int) + 1
	}
	return out
}

// question is a random question that can be asked of the crowd.
func (c *crowd) question(rnd *rand.Rand) cohort.Question {
	q := cohort.Question{Where: c.condition(rnd, 2)}
	by := []string{"", "", "parties"}
	if len(c.needs) > 0 {
		by = append(by, "needs", c.needs[rnd.IntN(len(c.needs))].Name)
	}
	q.By = by[rnd.IntN(len(by))]
	return q
}

func (c *crowd) condition(rnd *rand.Rand, depth int) string {
	if depth > 0 {
		switch rnd.IntN(5) {
		case 0, 1:
			return c.condition(rnd, depth-1) + " and " + c.condition(rnd, depth-1)
		case 2:
			return "(" + c.condition(rnd, depth-1) + " or " + c.condition(rnd, depth-1) + ")"
		}
	}
	text := ""
	switch k := rnd.IntN(6); {
	case k < 2 || k > 3 && len(c.needs) == 0:
		text = c.parties[rnd.IntN(len(c.parties))]
	case k < 4:
		text = fmt.Sprintf("parties%s%d", []string{">=", "=", "<=", "!=", ">", "<"}[rnd.IntN(6)], 1+rnd.IntN(3))
	default:
		n := c.needs[rnd.IntN(len(c.needs))]
		text = fmt.Sprintf("need:%q", n.Name)
		switch {
		case n.Kind == cohort.Category:
			text += fmt.Sprintf("%s%q", []string{"=", "!="}[rnd.IntN(2)], n.Values[rnd.IntN(len(n.Values))])
		case bits.OnesCount64(n.By) > 1 && rnd.IntN(3) == 0:
			text += ">=2"
		}
	}
	if rnd.IntN(4) == 0 {
		text = "not " + text
	}
	return text
}

// unmet asks how many have a need and not the service that meets it, as size does where
// the project says which service that is.
func (c *crowd) unmet() []cohort.Question {
	if len(c.needs) < 2 || c.needs[0].Name != "housing_need" || c.needs[1].Kind != cohort.YesNo {
		return nil
	}
	return []cohort.Question{{Name: "With housing need, and no home care", Where: fmt.Sprintf("need:%q and not need:%q", c.needs[0].Name, c.needs[1].Name), By: "parties"}}
}

// The crowds are what they are said to be.
func TestCrowd(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		c := randomCrowd(rnd, 3+rnd.IntN(2), twoNeeds)
		for name, x := range map[string]*crowd{"itself": c, "later": c.later(rnd), "without a party": c.without(), "split": c.split(rnd)} {
			if cohort.Count(x.persons(t)) == nil || len(x.people) == 0 {
				t.Errorf("%s: nobody", name)
			}
			n := 0
			for _, g := range x.grouped() {
				n += g[2].(int)
			}
			if n != len(x.people) {
				t.Errorf("%s: %d persons in groups of %d", name, n, len(x.people))
			}
			q := x.question(rnd)
			if err := cohort.CheckQuestion(q, x.parties, x.needs); err != nil && !strings.Contains(err.Error(), "not declared by two parties") {
				t.Errorf("%s: %q: %v", name, q.Where, err)
			}
		}
	}
}
