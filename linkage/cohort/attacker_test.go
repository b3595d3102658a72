package cohort

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The attacker of testdata/attacker.py, which shares no code with this package,
// must fail against releases and succeed against the rule alone.
//
// It needs Python with highspy and numpy: COHORTLINK_PYTHON names the interpreter.
// COHORTLINK_LATTICES=200 -timeout 2h runs as many lattices as are claimed, of 3
// to 8 parties; without it there are a few small ones.

// attackerJob is a line that the attacker reads.
type attackerJob struct {
	Parties    []string       `json:"parties"`
	Needs      [][]any        `json:"needs"`
	Single     bool           `json:"single"`
	Least      int            `json:"least"`
	Base       int            `json:"base"`
	HideZero   bool           `json:"hide_zero"`
	ZeroMarked bool           `json:"zero_marked"`
	All        bool           `json:"all"`
	Rows       [][]any        `json:"rows"`
	Own        map[string]int `json:"own"`
	Said       [][]any        `json:"said"`
	Told       bool           `json:"told"`
	Dropped    [][]string     `json:"dropped"`
}

// python returns an interpreter that has highspy and numpy, or skips.
func python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("COHORTLINK_PYTHON"), "python3"} {
		if name != "" && exec.Command(name, "-c", "import highspy, numpy").Run() == nil {
			return name
		}
	}
	t.Skip("no Python with highspy and numpy: set COHORTLINK_PYTHON to one to run the independent attacker")
	return ""
}

// attack returns the attacker's bounds for each hidden figure of each job.
func attack(t *testing.T, python string, jobs []attackerJob) [][][4]float64 {
	t.Helper()
	var in bytes.Buffer
	for _, j := range jobs {
		line, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command(python, "testdata/attacker.py")
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the attacker failed: %v", err)
	}
	var all [][][4]float64
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var bounds [][4]float64
		if err := json.Unmarshal(lines.Bytes(), &bounds); err != nil {
			t.Fatal(err)
		}
		all = append(all, bounds)
	}
	if len(all) != len(jobs) {
		t.Fatalf("the attacker answered %d of %d jobs", len(all), len(jobs))
	}
	return all
}

// job turns a release into what the attacker reads. party is who attacks, or
// stranger.
func job(rel *Release, t *tally, party int, told bool) attackerJob {
	r := rel.Rule()
	j := attackerJob{
		Parties: rel.Parties(), Needs: [][]any{}, Single: true, Least: r.Least, Base: r.Base, HideZero: r.HideZero,
		ZeroMarked: rel.MarkMayBeZero(), All: rel.AllCombinations(), Told: told,
		Dropped: [][]string{}, Own: map[string]int{}, Said: [][]any{}, Rows: [][]any{},
	}
	for _, n := range rel.Needs() {
		values := n.Values
		if n.Kind == YesNo {
			values = []string{""}
		}
		j.Needs = append(j.Needs, []any{n.Name, values})
	}
	small := make(map[string]bool)
	for _, h := range rel.Account() {
		if !h.Row.Figure.Released() {
			j.Dropped = append(j.Dropped, h.Row.Parties)
			continue
		}
		small[fmt.Sprint(h.Row.Table, h.Row.Parties, h.Row.AtLeast, h.Row.Needs)] = h.Why == Primary
	}
	for _, row := range rel.Rows() {
		needs := [][]string{}
		for _, n := range row.Needs {
			needs = append(needs, []string{n.Need, n.Value})
		}
		var count any
		if v, ok := row.Figure.Value(); ok {
			count = v
		}
		in := append([]string{}, row.Parties...)
		j.Rows = append(j.Rows, []any{row.Table, in, row.AtLeast, needs, count,
			small[fmt.Sprint(row.Table, row.Parties, row.AtLeast, row.Needs)]})
	}
	if party >= 0 {
		j.Own[rel.parties[party]] = t.count(figure{table: parties, parties: 1 << party})
		for n, slots := range t.slots {
			for v, b := range slots {
				if said := t.said[party][b]; said > 0 {
					value := ""
					if t.needs[n].Kind == Category {
						value = t.needs[n].Values[v]
					}
					j.Said = append(j.Said, []any{rel.parties[party], t.needs[n].Name, value, said})
				}
			}
		}
	}
	return j
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

// breach counts small figures that are bounded more tightly than their
// mark and the attacker's own total allow, and of those the recovered ones.
func breach(rel *Release, bounds [][4]float64) (tight, recovered int) {
	r := rel.Rule()
	low, high := r.mark()
	if rel.MarkMayBeZero() {
		low = 0
	}
	for _, b := range bounds {
		goalLow, goalHigh := math.Max(float64(low), b[2]), math.Min(float64(high), b[3])
		if b[0] > goalLow+1e-6 || b[1] < goalHigh-1e-6 {
			tight++
			if b[1]-b[0] < 1e-6 {
				recovered++
			}
		}
	}
	return tight, recovered
}

func TestIndependentAttacker(t *testing.T) {
	py := python(t)
	lattices := 3
	if s := os.Getenv("COHORTLINK_LATTICES"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		lattices = n
	}
	if testing.Short() {
		lattices = 2
	}
	// Without rounding, hiding small figures alone protects least.
	exact, err := Custom(8, 1, "to see the attacker work")
	if err != nil {
		t.Fatal(err)
	}
	rules := append(Presets(), exact)
	rnd := rand.New(rand.NewPCG(20261122, 7))
	attacks, hiddenFigures, extra, told, shownToo := 0, 0, 0, 0, 0
	plainTight, plainRecovered := 0, 0
	slowest := make(map[int]time.Duration)
	for l := range lattices {
		n := 3 + l%6
		var needs []Need
		if l%6 == 3 && l/6%2 == 1 { // so many atoms that Protect looks among some of them only
			n, needs = 5, boroughNeeds[:2]
			needs = append(slices.Clone(needs), Need{Name: "ward", Kind: Category, Values: []string{"a", "b", "c"}})
		}
		if needs == nil && n <= 4 && l/6%2 == 1 || l == 0 {
			needs = boroughNeeds[:2]
		}
		c := lattice(t, rnd, n, needs)
		// One run of the attacker for all rules: it is slow to start.
		type asked struct {
			rule  string
			rel   *Release
			plain bool
		}
		var jobs []attackerJob
		var about []asked
		party := rnd.IntN(n)
		for _, r := range rules {
			start := time.Now()
			rel, err := Protect(c, r, Options{})
			slowest[n] = max(slowest[n], time.Since(start))
			if err != nil {
				t.Errorf("lattice %d, %d parties, %s: %v", l, n, r.Name, err)
				continue
			}
			// The rule alone, as others do it.
			s := newSheet(c.see(), r)
			s.tables()
			s.primary()
			plain := s.release(newAuditor(s, true))
			ask := func(rel *Release, party int, told bool) {
				jobs = append(jobs, job(rel, c.see(), party, told))
				about = append(about, asked{r.Name, rel, rel == plain})
			}
			ask(plain, stranger, true)
			ask(rel, stranger, false)
			ask(rel, party, false)
			if rel.Audit().Told {
				told++
				ask(rel, stranger, true)
				ask(rel, party, true)
			}
			hiddenFigures += rel.Audit().Primary
			extra += rel.Audit().Secondary
			shownToo += rel.Audit().Figures - rel.Hidden()
		}
		for i, bounds := range attack(t, py, jobs) {
			tight, recovered := breach(about[i].rel, bounds)
			if about[i].plain {
				plainTight, plainRecovered = plainTight+tight, plainRecovered+recovered
				continue
			}
			attacks++
			if tight > 0 {
				t.Errorf("lattice %d, %d parties, %s, own totals of %v, told %v: %d hidden figures bounded too tightly, %d recovered",
					l, n, about[i].rule, jobs[i].Own, jobs[i].Told, tight, recovered)
			}
		}
	}
	if attacks == 0 || hiddenFigures == 0 {
		t.Fatal("nothing was attacked")
	}
	if plainTight == 0 || plainRecovered == 0 {
		t.Error("the attacker cannot even break the rule alone: it does not work")
	}
	t.Logf("%d lattices, %d attacks; hidden for being small %d, and %d more to protect them; %d shown; told in %d releases; slowest %v",
		lattices, attacks, hiddenFigures, extra, shownToo, told, slowest)
	t.Logf("against the rule alone: %d figures bounded too tightly, %d of them recovered", plainTight, plainRecovered)
}
