package cohort

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// The attacker of testdata/household_attacker.py, which shares no code with this package,
// must fail against releases of persons and households, and succeed against the rule alone.
// See TestIndependentAttacker for what it needs.

type householdJob struct {
	Parties    []string      `json:"parties"`
	Need       string        `json:"need"`
	By         []string      `json:"by"`
	Size       int           `json:"size"`
	Least      int           `json:"least"`
	Base       int           `json:"base"`
	ZeroMarked bool          `json:"zero_marked"`
	Rows       [][]any       `json:"rows"`
	Alone      int           `json:"alone"`
	Own        *householdOwn `json:"own"`
}

type householdOwn struct {
	Party string         `json:"party"`
	Alone int            `json:"alone"`
	Homes map[string]int `json:"homes"`
	Said  [2]int         `json:"said"`
}

// jobOf turns a release into what the attacker reads.
func jobOf(rel *Release, truth []homeKind, party int, by uint64) householdJob {
	j := householdJob{Parties: rel.Parties(), By: []string{}, Size: 3, Least: rel.Rule().Least, Base: rel.Rule().Base,
		ZeroMarked: rel.MarkMayBeZero() || rel.Rule().HideZero, Rows: [][]any{}}
	for i, name := range j.Parties {
		if by>>i&1 == 1 {
			j.Need, j.By = "frailty", append(j.By, name)
		}
	}
	small := map[string]bool{}
	key := func(r Row) string {
		r.Figure = Figure{}
		text, _ := json.Marshal(r)
		return string(text)
	}
	for _, h := range rel.Account() {
		small[key(h.Row)] = h.Why == Primary
	}
	for _, row := range rel.Rows() {
		var count any
		if v, ok := row.Figure.Value(); ok {
			count = v
		}
		in := append([]string{}, row.Parties...)
		with := len(row.Needs) > 0 || row.Where == "frailty"
		j.Rows = append(j.Rows, []any{row.Table, in, row.AtLeast, with, count, small[key(row)]})
	}
	if party != stranger {
		j.Own = &householdOwn{Party: j.Parties[party], Homes: map[string]int{}}
	}
	for _, k := range truth {
		if !k.home {
			j.Alone++
		}
		own, said := 0, 0
		for _, x := range k.persons {
			if party != stranger && x.parties>>party&1 == 1 {
				own++
				said += int(x.needs & 1 & (by >> party))
			}
		}
		switch {
		case own == 0:
			continue
		case k.home:
			j.Own.Homes[strconv.Itoa(own)]++
			j.Own.Said[1] += min(said, 1)
		default:
			j.Own.Alone++
		}
		j.Own.Said[0] += said
	}
	return j
}

// attackHouseholds returns the attacker's bounds for each small figure of each job.
func attackHouseholds(t *testing.T, python string, jobs []householdJob) [][][4]float64 {
	t.Helper()
	var in bytes.Buffer
	out := json.NewEncoder(&in)
	for _, j := range jobs {
		if err := out.Encode(j); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, "testdata/household_attacker.py")
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("the attacker failed: %v", err)
	}
	var all [][][4]float64
	for d := json.NewDecoder(bytes.NewReader(text)); d.More(); {
		var bounds [][4]float64
		if err := d.Decode(&bounds); err != nil {
			t.Fatal(err)
		}
		all = append(all, bounds)
	}
	if len(all) != len(jobs) {
		t.Fatalf("the attacker answered %d of %d jobs", len(all), len(jobs))
	}
	return all
}

func TestIndependentHouseholdAttacker(t *testing.T) {
	interpreter := Python(t)
	most := 6
	if n, err := strconv.Atoi(os.Getenv("COHORTLINK_LATTICES")); err == nil {
		most = n
	}
	rnd := rand.New(rand.NewPCG(17, 4))
	var jobs []householdJob
	var released []bool
	refused := 0
	for l := 0; l < most; {
		by := uint64(rnd.IntN(2)) << rnd.IntN(3) // one party, or no need at all
		var needs []Need
		if by != 0 {
			needs = []Need{{Name: "frailty", Kind: YesNo, By: by}}
		}
		p := newPersons(t, borough[:3], needs)
		p.KnowHouseholds()
		var truth []homeKind
		for range 10 + rnd.IntN(40) {
			k := homeKind{home: rnd.IntN(6) > 0}
			var members []Member
			for range 1 + rnd.IntN(3) {
				x := atom{parties: uint64(1 + min(rnd.IntN(7), rnd.IntN(7)))}
				m := Member{Parties: x.parties}
				if x.parties&by != 0 && rnd.IntN(3) == 0 {
					x.needs = 1
					for i := range 3 {
						if by>>i&1 == 1 {
							m.Carries = []Carry{{i, 0, 0}}
						}
					}
				}
				k.persons, members = append(k.persons, x), append(members, m)
				if !k.home {
					break
				}
			}
			truth = append(truth, k)
			if k.home {
				live(t, p, 1, members...)
			} else if err := p.Add(members[0].Parties, members[0].Carries); err != nil {
				t.Fatal(err)
			}
		}
		rule := Presets()[rnd.IntN(len(presets))]
		if rnd.IntN(3) == 0 {
			rule = custom(t, 4, 1)
		}
		o := Options{Households: true}
		if by != 0 {
			o.Questions = []Question{{Where: "frailty"}}
		}
		rel, err := Protect(Count(p), rule, o)
		if err != nil {
			refused++
			continue
		}
		l++
		bare := newSheet(Count(p).see(), rule)
		if err := bare.ask(o); err != nil {
			t.Fatal(err)
		}
		bare.primary()
		for party := stranger; party < 3; party++ {
			jobs = append(jobs, jobOf(rel, truth, party, by), jobOf(bare.release(newAuditor(bare, false)), truth, party, by))
			released = append(released, true, false)
		}
	}
	tight, simple, small := 0, 0, 0
	for i, bounds := range attackHouseholds(t, interpreter, jobs) {
		low, high := 1.0, float64(jobs[i].Least-1)
		if jobs[i].ZeroMarked {
			low = 0
		}
		n := 0
		for _, b := range bounds {
			if b[0] > math.Max(low, b[2])+1e-6 || b[1] < math.Min(high, b[3])-1e-6 {
				n++
			}
		}
		if !released[i] {
			simple += n
			continue
		}
		small += len(bounds)
		if tight += n; n > 0 {
			t.Errorf("job %d: %d small figures are bounded too tightly: %v", i, n, jobs[i])
		}
	}
	if simple == 0 {
		t.Error("the rule alone is safe: the attacker does not work")
	}
	t.Logf("%d attacks, %d refused: of %d small figures %d bounded too tightly; under the rule alone %d", len(jobs)/2, refused, small, tight, simple)
}
