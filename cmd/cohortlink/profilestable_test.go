package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"cohortlink/hashing/audit"
)

// The tables of testdata/profiles/README.md, from the file of measurements that COHORTLINK_PROFILES names: with
// COHORTLINK_PROFILES_TABLE set they are printed as Markdown.
func TestProfilesTable(t *testing.T) {
	file := os.Getenv("COHORTLINK_PROFILES")
	if file == "" || os.Getenv("COHORTLINK_PROFILES_TABLE") == "" {
		t.Skip("COHORTLINK_PROFILES_TABLE is not set")
	}
	m := openMeasurements(t, file)
	fmt.Print(m.linkTable("best", func(one *measurement) *linkScore { return one.Best }))
	fmt.Print(m.linkTable("chosen", func(one *measurement) *linkScore { return one.Auto }))
	var sizes []int
	for _, one := range m.all {
		if one.Attack != nil && !slices.Contains(sizes, one.Records) {
			sizes = append(sizes, one.Records)
		}
	}
	slices.Sort(sizes)
	for _, n := range sizes {
		fmt.Print(m.attackTable(n))
	}
}

// linkTable has F1 of every encoding on every set: the mean over seeds, and half of the range where there are several.
func (m *measurements) linkTable(threshold string, of func(*measurement) *linkScore) string {
	var sets []string
	seen := map[string][]float64{} // by encoding and set
	for i := range m.all {
		one := &m.all[i]
		if s := of(one); s != nil {
			if !slices.Contains(sets, one.Set) {
				sets = append(sets, one.Set)
			}
			at := one.Encoding + "|" + one.Set
			seen[at] = append(seen[at], s.F1)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nF1 at the %s threshold\n\n| encoding | bits | %s |\n|---|---|%s\n", threshold, strings.Join(sets, " | "), strings.Repeat("---|", len(sets)))
	for _, e := range profileEncodings {
		line, some := fmt.Sprintf("| %s | %d", e.name, e.filter.Bits()), false
		for _, s := range sets {
			cell := ""
			if x := seen[e.name+"|"+s]; len(x) > 0 {
				cell, some = fmt.Sprintf("%.4f", meanOf(x)), true
				if len(x) > 1 {
					cell += fmt.Sprintf(" ± %.4f", (slices.Max(x)-slices.Min(x))/2)
				}
			}
			line += " | " + cell
		}
		if some {
			fmt.Fprintln(&b, line+" |")
		}
	}
	return b.String()
}

// attackTable has what each attack recovered from each encoding, in percent: the mean over seeds, and their range.
func (m *measurements) attackTable(records int) string {
	shares := map[string][]float64{} // by encoding and attack
	for i := range m.all {
		one := &m.all[i]
		if one.Attack == nil || one.Records != records {
			continue
		}
		at := one.Encoding + "|" + attackName(one.Attack.Attack)
		shares[at] = append(shares[at], 100*one.Attack.Share())
	}
	var encodings []string
	for _, e := range profileEncodings {
		for _, a := range audit.Attacks() {
			if shares[e.name+"|"+attackName(a)] != nil {
				encodings = append(encodings, e.name)
				break
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nRecovered from %d records, in percent\n\n| attack | known pairs | overlap | %s |\n|---|---|---|%s\n", records, strings.Join(encodings, " | "), strings.Repeat("---|", len(encodings)))
	for _, a := range audit.Attacks() {
		name := fmt.Sprintf("%s/%d", a.Name, a.Version)
		if a.RightKey {
			name += ", with the key"
		}
		fmt.Fprintf(&b, "| %s | %d | %g %%", name, a.Anchors, 100*a.Overlap)
		for _, e := range encodings {
			cell := ""
			if x := shares[e+"|"+attackName(a)]; len(x) > 0 {
				if cell = fmt.Sprintf("%.1f", meanOf(x)); len(x) > 1 {
					cell += fmt.Sprintf(" (%.1f to %.1f)", slices.Min(x), slices.Max(x))
				}
			}
			b.WriteString(" | " + cell)
		}
		fmt.Fprintln(&b, " |")
	}
	return b.String()
}

func meanOf(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
