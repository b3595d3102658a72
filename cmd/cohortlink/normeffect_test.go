//go:build normeffect

package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/norm"
	"cohortlink/linkage"
	"cohortlink/linkage/quality"
)

// What each rule of normalisation and each added token is worth: F1 with everything as it is, less F1 without the rule,
// or F1 with the token less F1 without, on invented people whose truth is known. It fails on nothing; it prints tables,
// which testdata/norm-effect/README.md keeps, and says how to read them. Everything but the bits goes the way of hash and
// link: the same schema, the same threshold, the same persons.
//
//	go test -tags normeffect -run NormEffect -v -timeout 0 ./cmd/cohortlink -args -people 5000 -seeds 3

var (
	effectPeople    = flag.Int("people", 5_000, "people of a borough")
	effectPractices = flag.Int("practices", 5, "its practices")
	effectOf        = flag.String("effects", "", "only the rules and tokens whose name this regular expression matches")
	effectSeeds     = flag.Int("seeds", 3, "boroughs of each setting, and keys of each other set")
	effectOnly      = flag.String("only", "", "only the sets whose name this regular expression matches")
)

// effectSet is one linkage with known truth, read once.
type effectSet struct {
	name    string
	seed    byte // of the key and the record IDs
	fields  []hashing.Field
	parties []effectParty
	within  bool
}

type effectParty struct {
	name      string
	clean     bool
	normalise []norm.Options
	values    [][]string // of each row, for each field
	entity    []int      // of each row
}

// An effect is a way to hash otherwise.
type effect struct {
	group, name string
	with        bool // an addition: its worth is F1 with it less F1 without
	on          func()
	fields      func([]hashing.Field) []hashing.Field
	values      func(s *effectSet, row []string) []string
}

// effects are all that is measured.
func effects() []effect {
	var all []effect
	for _, r := range norm.Rules() {
		all = append(all, effect{group: "rule", name: string(r), on: func() { norm.Without(r) }})
	}
	for _, c := range hashing.Cuts() {
		all = append(all, effect{group: "token", name: string(c), with: true, on: func() { hashing.WithCut(c) }})
	}
	// Names of both fields under one field's key, so that swapped names still share their tokens: a third field of all names
	// takes a third of the weight of the two. A project can do this by itself.
	all = append(all, effect{
		group: "token", name: "a field of all names, for swapped ones", with: true, on: func() {},
		fields: func(fields []hashing.Field) []hashing.Field {
			out := slices.Clone(fields)
			for i, f := range out {
				if f.Kind == norm.Name {
					out[i].Weight = 2
				}
			}
			return append(out, hashing.Field{Name: "all_names", Kind: norm.Name, Weight: 2})
		},
		values: func(s *effectSet, row []string) []string {
			var names []string
			for i, f := range s.fields {
				if f.Kind == norm.Name && row[i] != "" {
					names = append(names, row[i])
				}
			}
			return append(slices.Clone(row), strings.Join(names, " "))
		},
	})
	return all
}

// effectScore is how good a linkage is, by the threshold it chose and by the best one.
type effectScore struct {
	auto, best    quality.Scores
	filters       []uint64 // a digest of each record's filter, in order
	took          time.Duration
	touched, rows int // records whose filter is another than with everything as it is
}

func TestNormEffect(t *testing.T) {
	sets := effectSets(t)
	if len(sets) == 0 {
		t.Fatal("there is nothing to measure on")
	}
	of, err := regexp.Compile(*effectOf)
	if err != nil {
		t.Fatal(err)
	}
	all := slices.DeleteFunc(effects(), func(e effect) bool { return !of.MatchString(e.name) })
	plain := map[string][]effectScore{}                   // by set's name, for each seed
	without := make([]map[string][]effectScore, len(all)) // the same of each effect
	for i := range all {
		without[i] = map[string][]effectScore{}
	}
	// Seed by seed, so that a run that is ended early has told something about every set.
	slices.SortStableFunc(sets, func(a, b *effectSet) int { return int(a.seed) - int(b.seed) })
	for k, s := range sets {
		base := s.measure(t, nil, nil)
		plain[s.name] = append(plain[s.name], base)
		fmt.Fprintf(os.Stderr, "%s %d: %d records, F1 %.4f, best %.4f, in %v\n", s.name, s.seed, base.rows, base.auto.F1, base.best.F1, base.took.Round(time.Millisecond))
		for i, e := range all {
			e.on()
			got := s.measure(t, &e, &base)
			norm.Without("")
			hashing.WithCut("")
			without[i][s.name] = append(without[i][s.name], got)
		}
		if k+1 == len(sets) || sets[k+1].seed != s.seed {
			fmt.Print(effectTables(sets, int(s.seed), all, plain, without))
		}
	}
}

// measure hashes and links. base is the measurement with everything as it is: where no filter differs from it,
// nothing is linked again.
func (s *effectSet) measure(t *testing.T, e *effect, base *effectScore) effectScore {
	t.Helper()
	start := time.Now()
	fields := s.fields
	if e != nil && e.fields != nil {
		fields = e.fields(fields)
	}
	key, err := hashing.NewKey("effect", seeded(s.seed))
	if err != nil {
		t.Fatal(err)
	}
	schema := hashing.Schema{Project: "effect", Filters: hashing.Plain(hashing.DefaultLength), Fields: fields}
	random := seeded(s.seed + 100)
	var out effectScore
	var parties []linkage.Party
	var aside []effectRow // rows without a filter are persons of their own
	rows := map[linkage.RecordID]effectRow{}
	for pi, p := range s.parties {
		options := p.normalise
		for len(options) < len(fields) {
			options = append(slices.Clone(options), norm.Options{})
		}
		h, err := hashing.NewHasher(schema, key, options)
		if err != nil {
			t.Fatal(err)
		}
		w, bits := h.Worker(), make([]uint64, h.Words())
		q := linkage.Party{Name: p.name, Deduplicated: p.clean}
		for i, row := range p.values {
			if e != nil && e.values != nil {
				row = e.values(s, row)
			}
			var id linkage.RecordID
			if _, err := io.ReadFull(random, id[:]); err != nil { // also of rows set aside, so that the others keep theirs
				t.Fatal(err)
			}
			unusable := w.Hash(row, bits).Unusable
			out.filters = append(out.filters, maphash.Comparable(effectHash, fmt.Sprint(bits, unusable)))
			r := effectRow{entity: p.entity[i], party: pi}
			if unusable {
				aside = append(aside, r)
				continue
			}
			rows[id] = r
			q.IDs = append(q.IDs, id)
			q.Bits = append(q.Bits, bits...)
		}
		parties = append(parties, q)
	}
	out.rows = len(out.filters)
	if base != nil {
		for i, f := range out.filters {
			if f != base.filters[i] {
				out.touched++
			}
		}
		out.filters = nil
		if out.touched == 0 {
			out.auto, out.best = base.auto, base.best
			return out
		}
	}
	res, err := linkage.Link(t.Context(), parties, linkage.Options{Length: hashing.DefaultLength})
	if err != nil {
		t.Fatal(err)
	}
	r := quality.Records{Within: s.within}
	add := func(row effectRow, person int) {
		r.Entity, r.Party, r.Person = append(r.Entity, row.entity), append(r.Party, row.party), append(r.Person, person)
	}
	for i, id := range res.IDs {
		add(rows[id], int(res.Person[i]))
	}
	for i, row := range aside {
		add(row, res.Persons+i)
	}
	out.auto = quality.Score(r)

	// The best threshold is looked for around the chosen one.
	const step, steps = 0.015, 6
	var thresholds []float64
	for k := -steps; k <= steps; k++ {
		if at := res.Score() + step*float64(k); at >= res.Floor && at <= 1 {
			thresholds = append(thresholds, at)
		}
	}
	persons := slices.Clone(r.Person)
	points, err := quality.Sweep(r, thresholds, func(threshold float64) ([]int, error) {
		person, n, _ := linkage.Persons(res.First, res.Clean, res.Pairs, threshold, res.Floor)
		for i := range persons {
			if persons[i] = n + i; i < len(person) {
				persons[i] = int(person[i])
			}
		}
		return persons, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	best, _ := quality.Best(points)
	out.best, out.took = best.Scores, time.Since(start)
	return out
}

type effectRow struct{ entity, party int }

var effectHash = maphash.MakeSeed()

// effectSets reads or invents everything that is measured on: boroughs, one of each setting for each seed, and the sets
// of people with known truth, under one key for each seed.
func effectSets(t *testing.T) []*effectSet {
	var sets []*effectSet
	only, err := regexp.Compile(*effectOnly)
	if err != nil {
		t.Fatal(err)
	}
	wanted := only.MatchString
	for _, setting := range []string{"clean", "dirty"} {
		for seed := range *effectSeeds {
			if !wanted(setting) {
				continue
			}
			dir := filepath.Join(t.TempDir(), "borough")
			// NHS numbers are known for 60 %, so that the other fields count too.
			b := synthRun{app: quietApp(new(bytes.Buffer)), people: *effectPeople, practices: *effectPractices, seed: uint64(seed + 1), setting: setting, council: "index", withheld: 0.4}
			sum, err := b.run(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for _, p := range sum.Parties {
				found, err := filepath.Glob(filepath.Join(dir, p.Name, "extract.*"))
				if err != nil || len(found) != 1 {
					t.Fatalf("%d extracts of party %q (%v)", len(found), p.Name, err)
				}
				files[p.Name] = found[0]
			}
			sets = append(sets, readEffectSet(t, setting, byte(seed+1), filepath.Join(dir, "project.yaml"), filepath.Join(dir, "truth.csv"), files))
		}
	}
	projects, err := filepath.Glob(filepath.Join("..", "..", "testdata", "people", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, project := range projects {
		name := strings.TrimSuffix(filepath.Base(project), ".yaml")
		if !wanted(name) {
			continue
		}
		people := filepath.Join(sharedFolder(t), "data", "people", name)
		extracts, err := filepath.Glob(filepath.Join(people, "party_*.csv"))
		if err != nil || len(extracts) == 0 {
			t.Fatalf("no extracts in %s (%v)", people, err)
		}
		files := map[string]string{}
		for _, x := range extracts {
			files["party-"+strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(x), "party_"), ".csv"))] = x
		}
		truth := filepath.Join(t.TempDir(), "truth.csv")
		writeTruth(t, filepath.Join(people, "truth.csv"), truth)
		s := readEffectSet(t, name, 1, project, truth, files)
		for seed := range *effectSeeds {
			again := *s
			again.seed = byte(seed + 1)
			sets = append(sets, &again)
		}
	}
	return sets
}

func readEffectSet(t *testing.T, name string, seed byte, project, truthFile string, files map[string]string) *effectSet {
	t.Helper()
	p, err := formats.ReadProject(project)
	if err != nil {
		t.Fatal(err)
	}
	truth, err := readTruth(truthFile)
	if err != nil {
		t.Fatal(err)
	}
	s := &effectSet{name: name, seed: seed, within: len(files) == 1}
	for _, f := range p.Fields {
		s.fields = append(s.fields, hashing.Field{Name: f.Name, Kind: norm.Kind(f.Kind), Weight: f.Weight})
	}
	for i := range p.Parties {
		party := &p.Parties[i]
		q := effectParty{name: party.Name, clean: party.Deduplicated, normalise: normaliseOptions(p, party)}
		x, err := formats.OpenExtract(files[party.Name], extractOptions(party))
		if err != nil {
			t.Fatal(err)
		}
		cols, err := mapColumns(files[party.Name], x.Header(), p, party)
		if err != nil {
			t.Fatal(err)
		}
		known, rid := truth.row[party.Name], -1
		for {
			row, err := x.Next()
			var bad *formats.RowError
			if err == io.EOF {
				break
			} else if errors.As(err, &bad) {
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			if rid < 0 {
				rid = slices.IndexFunc(row, func(cell string) bool { _, ok := known[cell]; return ok })
			}
			if rid < 0 {
				t.Fatalf("%s: no column holds a record number of the truth", files[party.Name])
			}
			at, ok := known[row[rid]]
			if !ok {
				t.Fatalf("%s: row %d is not in the truth", files[party.Name], x.Row())
			}
			values := make([]string, len(cols.fields))
			for i, c := range cols.fields {
				values[i] = join(row, c)
			}
			q.values, q.entity = append(q.values, values), append(q.entity, truth.entity[at])
		}
		x.Close()
		s.parties = append(s.parties, q)
	}
	return s
}

// effectTables are the results as Markdown: F1 as it is; what each effect adds at the best threshold, and at the chosen
// one, in hundredths of F1, with half the range over the seeds; and the records that it touches.
func effectTables(sets []*effectSet, seeds int, all []effect, plain map[string][]effectScore, without []map[string][]effectScore) string {
	var names []string
	for _, s := range sets {
		if !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	var b strings.Builder
	table := func(title, first string) {
		fmt.Fprintf(&b, "\n%s\n\n| %s | %s |\n|---|%s\n", title, first, strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	}
	f1 := func(title string, of func(effectScore) float64) {
		fmt.Fprintf(&b, "| %s", title)
		for _, n := range names {
			var x []float64
			for _, s := range plain[n] {
				x = append(x, of(s))
			}
			fmt.Fprintf(&b, " | %.4f ± %.4f", mean(x), spread(x))
		}
		fmt.Fprintln(&b, " |")
	}
	best := func(s effectScore) float64 { return s.best.F1 }
	auto := func(s effectScore) float64 { return s.auto.F1 }
	fmt.Fprintf(&b, "\n%s, %s, %d CPU, boroughs of %d people in %d parties, seeds and keys 1 to %d\n", time.Now().Format(time.DateOnly), runtime.GOARCH, runtime.NumCPU(), *effectPeople, *effectPractices+2, seeds)
	table("F1 as it is", "threshold")
	f1("best", best)
	f1("chosen", auto)
	for _, at := range []struct {
		name string
		of   func(effectScore) float64
	}{{"best", best}, {"chosen", auto}} {
		for _, group := range []string{"rule", "token"} {
			table(fmt.Sprintf("What each %s adds to F1 at the %s threshold, in hundredths", group, at.name), group)
			for i, e := range all {
				if e.group != group {
					continue
				}
				fmt.Fprintf(&b, "| %s", e.name)
				for _, n := range names {
					var x []float64
					touched := 0
					for k, s := range without[i][n] {
						d := at.of(plain[n][k]) - at.of(s)
						if e.with {
							d = -d
						}
						x = append(x, 100*d)
						touched += s.touched
					}
					if touched == 0 {
						fmt.Fprint(&b, " | ·")
						continue
					}
					fmt.Fprintf(&b, " | %+.2f ± %.2f", mean(x), spread(x))
				}
				fmt.Fprintln(&b, " |")
			}
		}
	}
	table("Records whose filter a rule changes, per thousand", "rule")
	for i, e := range all {
		if e.with {
			continue
		}
		fmt.Fprintf(&b, "| %s", e.name)
		for _, n := range names {
			var x []float64
			for _, s := range without[i][n] {
				x = append(x, 1000*float64(s.touched)/float64(s.rows))
			}
			if mean(x) == 0 {
				fmt.Fprint(&b, " | ·")
				continue
			}
			fmt.Fprintf(&b, " | %.1f", mean(x))
		}
		fmt.Fprintln(&b, " |")
	}
	return b.String()
}

func mean(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// spread is half of the range.
func spread(x []float64) float64 { return (slices.Max(x) - slices.Min(x)) / 2 }
