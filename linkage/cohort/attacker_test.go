package cohort_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cohortlink/formats"
	"cohortlink/linkage/cohort"
)

// The attacker of testdata/attacker.py, which shares no code with this package, must
// fail against releases and succeed against the rule alone, and against releases that
// were made without regard to each other. It reads what is published: counts.json.
//
// It needs Python with highspy and numpy: COHORTLINK_PYTHON names the interpreter.
// COHORTLINK_LATTICES=1-200 runs as many lattices as are claimed, of 3 to 8 parties,
// and testdata/attacker.sh does so on two cores; without it there are a few small ones.

// story is a line that the attacker reads: what was released one after the other of
// some persons, and who attacks it.
type story struct {
	Parties []string    `json:"parties"`
	Needs   []storyNeed `json:"needs"`
	People  [][][]any   `json:"people"`
	Docs    []storyDoc  `json:"docs"`
	Attacks []attack    `json:"attacks"`

	Told    bool `json:"told"`    // for optimum.py
	Seconds int  `json:"seconds"` // for optimum.py

	name string
}

type storyNeed struct {
	Name   string   `json:"name"`
	Kind   string   `json:"kind"`
	Values []string `json:"values"`
	By     []int    `json:"by"`
}

type storyDoc struct {
	Counts  json.RawMessage `json:"counts"`
	People  int             `json:"people"`
	Dropped [][]string      `json:"dropped"`
	Beside  bool            `json:"beside"`
	Given   [][2]string     `json:"given"`

	rel *cohort.Release
}

type attack struct {
	Docs  []int    `json:"docs"`
	Who   int      `json:"who"`
	Told  bool     `json:"told"`
	Alone bool     `json:"alone"`
	Whole bool     `json:"whole"`
	Use   []string `json:"use,omitempty"`

	kind string
}

// answer is what the attacker says of an attack.
type answer struct {
	Small     int              `json:"small"`
	Recovered int              `json:"recovered"`
	Tight     []map[string]any `json:"tight"`
	Whole     []map[string]any `json:"whole"`
	Undecided int              `json:"undecided"`
	Wrong     []string         `json:"wrong"`
}

// The kinds of attack, for the account at the end.
const (
	held    = "a release that knows those before it"
	unaware = "releases that know nothing of each other"
	alone   = "the rule alone, to one who uses "
)

// asking is a run of a Python script that reads stories and answers each with a line,
// while the next is made.
type asking[T any] struct {
	t     *testing.T
	in    io.WriteCloser
	asked chan *story
	done  chan error
}

// ask starts a script; hear is called with each answer, one after the other.
func ask[T any](t *testing.T, script string, hear func(*story, T)) *asking[T] {
	t.Helper()
	cmd := exec.Command(cohort.Python(t), script)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &asking[T]{t, in, make(chan *story, 100), make(chan error, 1)}
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<26)
		var failed error
		for s := range a.asked {
			if failed != nil {
				continue
			}
			var one T
			if !lines.Scan() {
				failed = fmt.Errorf("%s: no answer to %s", script, s.name)
			} else if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
				failed = err
			} else {
				hear(s, one)
			}
		}
		a.done <- errors.Join(failed, cmd.Wait())
	}()
	return a
}

func (a *asking[T]) about(s *story) {
	a.t.Helper()
	line, err := json.Marshal(s)
	if err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.in.Write(append(line, '\n')); err != nil {
		a.t.Fatal("the script has ended: ", err)
	}
	a.asked <- s
}

func (a *asking[T]) end() {
	a.t.Helper()
	a.in.Close()
	close(a.asked)
	if err := <-a.done; err != nil {
		a.t.Error(err)
	}
}

func newStory(name string, crowds ...*crowd) *story {
	c := crowds[len(crowds)-1]
	s := &story{name: name, Parties: c.parties, Needs: []storyNeed{}, Docs: []storyDoc{}, Attacks: []attack{}}
	for _, n := range c.needs {
		need := storyNeed{n.Name, n.Kind, n.Values, nil}
		for p := n.By; p != 0; p &= p - 1 {
			need.By = append(need.By, bits.TrailingZeros64(p))
		}
		s.Needs = append(s.Needs, need)
	}
	for _, c := range crowds {
		s.People = append(s.People, c.grouped())
	}
	return s
}

// add adds a release and returns its place.
func (s *story) add(t testing.TB, rel *cohort.Release, people int, beside bool, given []cohort.Given) int {
	t.Helper()
	var text bytes.Buffer
	if err := formats.WriteCountsJSON(&text, rel); err != nil {
		t.Fatal(err)
	}
	d := storyDoc{text.Bytes(), people, [][]string{}, beside, [][2]string{}, rel}
	for _, h := range rel.Account() {
		if !h.Row.Figure.Released() {
			d.Dropped = append(d.Dropped, h.Row.Parties)
		}
	}
	for _, g := range given {
		d.Given = append(d.Given, [2]string{g.Party, g.Where})
	}
	s.Docs = append(s.Docs, d)
	return len(s.Docs) - 1
}

// attack sends a stranger and a party against the releases.
func (s *story) attack(kind string, party int, docs ...int) {
	told, whole := true, len(s.Parties) <= 4
	for _, d := range docs {
		told = told && s.Docs[d].rel.Audit().Told
		whole = whole && s.Docs[d].rel.Audit().InParts == 0
	}
	for _, who := range []int{-1, party} {
		a := attack{Docs: docs, Who: who, kind: kind, Alone: kind != held, Whole: whole && kind == held}
		s.Attacks = append(s.Attacks, a)
		if a.Told = told; told {
			s.Attacks = append(s.Attacks, a)
		}
	}
}

// attackAlone sends attackers of ever more knowledge against releases by the rule alone.
func (s *story) attackAlone(party int, docs ...int) {
	use := []string{}
	for _, more := range []string{"tables", "needs", "questions", "earlier", "own", "joint", "given"} {
		use = append(use, more)
		who := -1
		if slices.Contains(use, "own") {
			who = party
		}
		s.Attacks = append(s.Attacks, attack{Docs: docs, Who: who, Told: true, Alone: true, Use: slices.Clone(use), kind: alone + strings.Join(use, ", ")})
	}
}

// step is one release of a story: of whose persons, by which rule, with which questions.
type step struct {
	people  int
	rule    cohort.Rule
	options cohort.Options
	beside  bool
}

// plot is a random story of the crowd of today by rule r: who it is about, and what is
// released.
func plot(rnd *rand.Rand, c *crowd, r cohort.Rule, rules []cohort.Rule) (name string, crowds []*crowd, steps []step) {
	questions := func(most int) []cohort.Question {
		qs := c.unmet()
		for range rnd.IntN(most + 1) {
			q := c.question(rnd)
			if cohort.CheckQuestion(q, c.parties, c.needs) == nil {
				qs = append(qs, q)
			}
		}
		return qs
	}
	first := step{rule: r, options: cohort.Options{Questions: questions(2)}}
	other := rules[rnd.IntN(len(rules))]
	switch rnd.IntN(6) {
	case 0, 1:
		return "one release", []*crowd{c}, []step{first}
	case 2:
		again := step{rule: other, options: cohort.Options{Questions: append(questions(2), c.question(rnd)), QuestionsOnly: rnd.IntN(2) == 0}}
		return "another rule, other questions", []*crowd{c}, []step{first, again}
	case 3:
		before := c
		if rnd.IntN(3) == 0 {
			before = c.without()
			first.options.Questions = nil // they name the party
		}
		later := c.later(rnd)
		return "changed extracts", []*crowd{before, later}, []step{first, {people: 1, rule: r, options: cohort.Options{Questions: questions(1)}}}
	case 4:
		strict := step{people: 1, rule: r, beside: true, options: cohort.Options{Coarse: true, Questions: slices.Clone(first.options.Questions)}}
		for i := range strict.options.Questions {
			strict.options.Questions[i].By = ""
		}
		return "a stricter threshold", []*crowd{c, c.split(rnd)}, []step{first, strict}
	}
	where := c.condition(rnd, 1)
	if parsed, err := cohort.ParseWhere(where, c.parties, c.needs); err == nil {
		where = parsed.String()
	} else {
		where = "parties>=2"
	}
	drawn := step{rule: r, options: cohort.Options{QuestionsOnly: true, Questions: []cohort.Question{{Where: where}}}}
	for i, p := range c.parties {
		if rnd.IntN(2) == 0 {
			drawn.options.Given = append(drawn.options.Given, cohort.Given{Party: p, Where: where, Count: c.members(i, where)})
		}
	}
	after := step{rule: other, options: cohort.Options{Questions: append(questions(1), c.question(rnd)), QuestionsOnly: rnd.IntN(2) == 0}}
	return "members of a cohort", []*crowd{c}, []step{first, drawn, after}
}

// members counts the persons of a party who meet a condition.
func (c *crowd) members(party int, where string) int {
	w, err := cohort.ParseWhere(where, c.parties, c.needs)
	if err != nil {
		panic(err)
	}
	n := 0
	for _, x := range c.people {
		if x.in>>party&1 == 1 && w.Holds(x.in, x.says) {
			n++
		}
	}
	return n
}

// told is what became of the stories.
type told struct {
	stories, releases, refused map[string]int
	primary, secondary, shown  int
	attacks                    map[string]int
	small, tight, recovered    map[string]int
	undecided, whole           int
}

// tell makes the releases of a story and sends the attackers.
func (n *told) tell(t *testing.T, py *asking[[]answer], c *crowd, r cohort.Rule, rules []cohort.Rule, rnd *rand.Rand, lattice int) {
	name, crowds, steps := plot(rnd, c, r, rules)
	n.stories[name]++
	party := rnd.IntN(len(c.parties))
	s := newStory(fmt.Sprintf("lattice %d, %d parties, %s, %s", lattice, len(c.parties), r.Name, name), crowds...)
	// A release is held against the ledger, as size and cohort do.
	var earlier []formats.LedgerEntry
	var aware, apart, plain []int
	for k, st := range steps {
		people := cohort.Count(crowds[st.people].persons(t))
		o := st.options
		for _, e := range earlier {
			seen := e.Earlier(fmt.Sprint(st.people))
			seen.Beside = st.beside
			o.Earlier = append(o.Earlier, seen)
		}
		rel, err := cohort.Protect(people, st.rule, o)
		var differs *cohort.DifferenceError
		if k > 0 && errors.As(err, &differs) || errors.Is(err, cohort.ErrUnsafe) {
			n.refused[name]++
			break
		} else if err != nil {
			t.Errorf("%s, release %d: %v", s.name, k+1, err)
			break
		}
		a := rel.Audit()
		n.releases[name]++
		n.primary, n.secondary, n.shown = n.primary+a.Primary, n.secondary+a.Secondary, n.shown+a.Figures-rel.Hidden()
		e := formats.EntryOf(rel)
		e.Linkage = fmt.Sprint(st.people)
		for _, g := range o.Given {
			e.Given = append(e.Given, formats.LedgerGiven(g))
		}
		e.Number = len(earlier) + 1
		earlier = append(earlier, e)
		aware = append(aware, s.add(t, rel, st.people, st.beside, o.Given))
		if k > 0 || len(steps) == 1 {
			s.attack(held, party, aware...)
		}
		rule, err := cohort.RuleAlone(people, st.rule, cohort.Options{Questions: o.Questions, QuestionsOnly: o.QuestionsOnly, Coarse: o.Coarse})
		if err != nil {
			t.Fatal(err)
		}
		plain = append(plain, s.add(t, rule, st.people, st.beside, o.Given))
		o.Earlier, o.Given = nil, nil
		if rel, err := cohort.Protect(people, st.rule, o); k > 0 && err == nil {
			apart = append(apart, s.add(t, rel, st.people, st.beside, st.options.Given))
		}
	}
	if len(aware) == 0 {
		return
	}
	if len(apart) > 0 {
		s.attack(unaware, party, append([]int{aware[0]}, apart...)...)
	}
	if lattice%3 == 1 {
		s.attackAlone(party, plain...)
	}
	py.about(s)
}

// hear adds the answers to a story up.
func (n *told) hear(t *testing.T, s *story, answers []answer) {
	if len(answers) != len(s.Attacks) {
		t.Errorf("%s: %d answers to %d attacks", s.name, len(answers), len(s.Attacks))
		return
	}
	for i, a := range s.Attacks {
		x := answers[i]
		n.attacks[a.kind]++
		n.small[a.kind] += x.Small
		n.tight[a.kind] += len(x.Tight)
		n.recovered[a.kind] += x.Recovered
		n.undecided += x.Undecided
		n.whole += len(x.Whole)
		for _, w := range x.Wrong {
			t.Errorf("%s: %s", s.name, w)
		}
		if a.kind == held && len(x.Tight)+len(x.Whole) > 0 {
			t.Errorf("%s, attacker %d, told %v, releases %v: bounded too tightly %v; by whole numbers %v", s.name, a.Who, a.Told, a.Docs, x.Tight, x.Whole)
			if dir := os.Getenv("COHORTLINK_BREACHES"); dir != "" {
				line, err := json.Marshal(s)
				if err == nil {
					err = os.WriteFile(fmt.Sprintf("%s/%s.json", dir, strings.ReplaceAll(s.name, " ", "-")), line, 0o600)
				}
				if err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// latticeRange reads "200" or "101-200".
func latticeRange(t *testing.T, usual int) (from, to int) {
	t.Helper()
	text := os.Getenv("COHORTLINK_LATTICES")
	if text == "" {
		return 1, usual
	}
	first, last, ok := strings.Cut(text, "-")
	if !ok {
		first, last = "1", text
	}
	from, err := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	if err != nil || err2 != nil || from < 1 || to < from {
		t.Fatalf("COHORTLINK_LATTICES is %q: want such as 200 or 101-200", text)
	}
	return from, to
}

func TestIndependentAttacker(t *testing.T) {
	// Without rounding, hiding small figures alone protects least.
	exact, err := cohort.Custom(8, 1, "to see the attacker work")
	if err != nil {
		t.Fatal(err)
	}
	rules := append(cohort.Presets(), exact)
	n := &told{stories: map[string]int{}, releases: map[string]int{}, refused: map[string]int{},
		attacks: map[string]int{}, small: map[string]int{}, tight: map[string]int{}, recovered: map[string]int{}}
	py := ask(t, "testdata/attacker.py", func(s *story, a []answer) { n.hear(t, s, a) })
	usual := 6
	if testing.Short() {
		usual = 2
	}
	from, to := latticeRange(t, usual)
	for l := from; l <= to; l++ {
		rnd := rand.New(rand.NewPCG(20261122, uint64(l)))
		size, needs := sizes[(l-1)%len(sizes)].parties, sizes[(l-1)%len(sizes)].needs
		c := randomCrowd(rnd, size, needs)
		for _, r := range rules {
			n.tell(t, py, c, r, rules, rnd, l)
		}
	}
	py.end()
	if n.attacks[held] == 0 || n.small[held] == 0 {
		t.Fatal("nothing was attacked")
	}
	for kind, attacks := range n.attacks {
		if kind != held && attacks > 30 && n.tight[kind] == 0 {
			t.Errorf("the attacker cannot even break %s: it does not work", kind)
		}
	}
	n.log(t, from, to)
}

// sizes are the lattices that are gone through, again and again.
var sizes = []struct{ parties, needs int }{
	{3, twoNeeds}, {4, oneNeed}, {5, noNeeds}, {6, noNeeds}, {3, oneNeed}, {4, twoNeeds},
	{7, noNeeds}, {5, oneNeed}, {3, twoNeeds}, {8, noNeeds}, {4, twoNeeds}, {6, oneNeed},
	{5, twoNeeds}, {3, manyNeeds}, {7, oneNeed}, {4, manyNeeds},
}

func (n *told) log(t *testing.T, from, to int) {
	t.Logf("lattices %d to %d; hidden for being small %d, and %d more to protect them; %d shown; not decided by whole numbers %d, bounded by them %d",
		from, to, n.primary, n.secondary, n.shown, n.undecided, n.whole)
	for _, name := range keys(n.stories) {
		t.Logf("story %q: told %d times, %d releases, %d refused", name, n.stories[name], n.releases[name], n.refused[name])
	}
	kinds := keys(n.attacks)
	slices.SortFunc(kinds, func(a, b string) int { return len(a) - len(b) })
	for _, k := range kinds {
		t.Logf("%s: %d attacks on %d small figures, %d bounded too tightly, %d of them recovered", k, n.attacks[k], n.small[k], n.tight[k], n.recovered[k])
	}
}

func keys(m map[string]int) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
