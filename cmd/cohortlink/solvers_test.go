package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cohortlink/hashing"
	"cohortlink/linkage"
	"cohortlink/linkage/quality"
)

// Three ways to form persons from the same pairs of the same sets of people, each at its own best threshold and all at the
// one that auto chose. Prints the table of testdata/solver/README.md with -v.
//
//   - components: everybody whom any chain of pairs connects is one person.
//   - greedy: pairs best first; two groups are joined where all their records have pairs with each other and no
//     deduplicated party has two (anonlink's greedy_solve).
//   - average: linkage.Persons.
func TestSolversOnPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("links 43,000 records")
	}
	type solver = func(s *sweep, threshold float64) []int32
	solvers := []solver{components, greedy, func(s *sweep, threshold float64) []int32 {
		person, _, _ := linkage.Persons(s.first, s.clean, s.pairs, threshold, linkage.Least(threshold, s.floor, false))
		return person
	}}
	t.Log("| set | auto | components | greedy | average | components, at its best | greedy | average |")
	for _, set := range []string{"febrl4", "anonlink-5party", "anonlink-3party", "ons-mock-census-pes", "febrl3-dedup", "splink-fake1000-dedup"} {
		s := sweepOfPeople(t, set)
		records := quality.Records{Entity: s.entity, Party: s.party, Within: len(s.clean) == 1}
		at := func(solve solver, thresholds []float64) []quality.Point {
			persons := make([]int, len(s.entity))
			points, err := quality.Sweep(records, thresholds, func(threshold float64) ([]int, error) {
				person := solve(s, threshold)
				for i := range persons {
					// A row that was set aside is a person of its own.
					if persons[i] = len(persons) + i; i < len(person) {
						persons[i] = int(person[i])
					}
				}
				return persons, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return points
		}
		var thresholds []float64
		for k := int(s.floor/sweepStep) + 1; float64(k)*sweepStep <= 1; k++ {
			thresholds = append(thresholds, float64(k)*sweepStep)
		}
		auto, best := make([]float64, len(solvers)), make([]float64, len(solvers))
		for i, solve := range solvers {
			auto[i] = at(solve, []float64{s.threshold})[0].F1
			if p, ok := quality.Best(at(solve, thresholds)); ok {
				best[i] = p.F1
			}
		}
		t.Logf("| %s | %.3f | %.4f | %.4f | %.4f | %.4f | %.4f | %.4f |", set, s.threshold, auto[0], auto[1], auto[2], best[0], best[1], best[2])
		// Not so beside components: see testdata/solver/README.md.
		if !(auto[2] > auto[1]-0.01) {
			t.Errorf("%s: F1 %.4f at threshold %.3f, where greedy merging has %.4f", set, auto[2], s.threshold, auto[1])
		}
	}
}

// components gives each record the smallest record that pairs connect it with.
func components(s *sweep, threshold float64) []int32 {
	of := eachAlone(s)
	for _, p := range s.pairs {
		if p.Score >= threshold {
			of.join(p.A, p.B)
		}
	}
	return of.flat()
}

func greedy(s *sweep, threshold float64) []int32 {
	of := eachAlone(s)
	members := make([][]int32, len(of))
	for i := range members {
		members[i] = []int32{int32(i)}
	}
	type two struct{ a, b int32 }
	between := map[two]int{} // pairs seen so far between two groups, by their smallest records
	others := make([]map[int32]bool, len(of))
	note := func(a, b int32, pairs int) int {
		for _, x := range []two{{a, b}, {b, a}} {
			if others[x.a] == nil {
				others[x.a] = map[int32]bool{}
			}
			others[x.a][x.b] = true
		}
		between[two{min(a, b), max(a, b)}] += pairs
		return between[two{min(a, b), max(a, b)}]
	}
	for _, p := range s.pairs {
		if p.Score < threshold {
			break
		}
		a, b := of.root(p.A), of.root(p.B)
		if a == b || note(a, b, 1) < len(members[a])*len(members[b]) || s.share(members[a], members[b]) {
			continue
		}
		a, b = min(a, b), max(a, b)
		of.join(a, b)
		members[a] = append(members[a], members[b]...)
		for c := range others[b] {
			n := between[two{min(b, c), max(b, c)}]
			delete(between, two{min(b, c), max(b, c)})
			delete(others[c], b)
			if c != a {
				note(a, c, n)
			}
		}
	}
	return of.flat()
}

// share reports whether a deduplicated party has a record in both groups.
func (s *sweep) share(a, b []int32) bool {
	for _, i := range a {
		p := s.party[i]
		if s.clean[p] && slices.ContainsFunc(b, func(j int32) bool { return s.party[j] == p }) {
			return true
		}
	}
	return false
}

// sets are sets of records, each by its smallest.
type sets []int32

func eachAlone(s *sweep) sets {
	of := make(sets, s.first[len(s.first)-1])
	for i := range of {
		of[i] = int32(i)
	}
	return of
}

func (of sets) root(i int32) int32 {
	for of[i] != i {
		of[i] = of[of[i]]
		i = of[i]
	}
	return i
}

func (of sets) join(a, b int32) {
	a, b = of.root(a), of.root(b)
	of[max(a, b)] = min(a, b)
}

func (of sets) flat() []int32 {
	for i := range of {
		of[i] = of.root(int32(i))
	}
	return of
}

// sweepOfPeople hashes and links a set, and reads it back with its truth.
func sweepOfPeople(t *testing.T, set string) *sweep {
	t.Helper()
	people := filepath.Join(sharedFolder(t), "data", "people", set)
	project, err := filepath.Abs(filepath.Join("..", "..", "testdata", "people", set+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	table := func(path string) [][]string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	entity, number := map[string]int{}, map[string]int{}
	for _, row := range table(filepath.Join(people, "truth.csv"))[1:] {
		if _, ok := number[row[0]]; !ok {
			number[row[0]] = len(number)
		}
		entity[row[1]+" "+row[2]] = number[row[0]]
	}
	extracts, err := filepath.Glob(filepath.Join(people, "party_*.csv"))
	if err != nil || len(extracts) == 0 {
		t.Fatalf("no extracts in %s (%v)", people, err)
	}
	dir := t.TempDir()
	key, err := hashing.NewKey(set, seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(dir, "project.key"), key.Text())
	var errs bytes.Buffer
	l := linkRun{app: quietApp(&errs), project: project, out: filepath.Join(dir, "linked"), random: seeded(40)}
	entities := map[string][]int{}
	for i, extract := range extracts {
		theirs := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(extract), "party_"), ".csv")
		p := "party-" + strings.ToLower(theirs)
		mustHash(t, hashRun{extract: extract, project: project, party: p, key: filepath.Join(dir, "project.key"), out: dir, acceptWeak: "a test", random: seeded(110 + byte(i))})
		l.files = append(l.files, filepath.Join(dir, p+".filters"))
		rows := table(extract)
		rid := slices.Index(rows[0], "rid")
		for _, row := range rows[1:] {
			entities[p] = append(entities[p], entity[theirs+" "+row[rid]])
		}
	}
	if _, err := l.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := readSweep(l.out, dir, entities)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
