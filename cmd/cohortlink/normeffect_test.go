//go:build normeffect

package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"cohortlink/hashing"
	"cohortlink/hashing/norm"
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

// An effect is a way to hash otherwise.
type effect struct {
	group, name string
	with        bool // an addition: its worth is F1 with it less F1 without
	on          func()
	fields      func([]hashing.Field) []hashing.Field
	values      func(s *linkSet, row []string) []string
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
		values: func(s *linkSet, row []string) []string {
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
	sets := linkSets(t, *effectPeople, *effectPractices, 1, *effectSeeds, *effectOnly)
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
	slices.SortStableFunc(sets, func(a, b *linkSet) int { return int(a.seed) - int(b.seed) })
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
func (s *linkSet) measure(t *testing.T, e *effect, base *effectScore) effectScore {
	t.Helper()
	start := time.Now()
	fields := s.fields
	var values func(row []string) []string
	if e != nil && e.fields != nil {
		fields = e.fields(fields)
	}
	if e != nil && e.values != nil {
		values = func(row []string) []string { return e.values(s, row) }
	}
	h := s.hash(t, hashing.Schema{Project: "effect", Fields: fields, Filters: hashing.Plain(hashing.DefaultLength)}, values)
	out := effectScore{filters: h.digests, rows: len(h.digests)}
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
	auto, best := h.link(t)
	out.auto, out.best, out.took = auto.Scores, best.Scores, time.Since(start)
	return out
}

// effectTables are the results as Markdown: F1 as it is; what each effect adds at the best threshold, and at the chosen
// one, in hundredths of F1, with half the range over the seeds; and the records that it touches.
func effectTables(sets []*linkSet, seeds int, all []effect, plain map[string][]effectScore, without []map[string][]effectScore) string {
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
