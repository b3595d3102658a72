package cohort

import (
	"errors"
	"fmt"
	"strings"
)

// Floor is the weakest rule that is applied without a reason: no count from 1
// to Floor-1 is shown, and the rest are rounded to Floor or coarser.
const Floor = 5

// Rule is a published rule for which counts may be shown, and how.
type Rule struct {
	Name   string // as the project file and the command line write it
	Source string // who published it, and where
	Least  int    // the smallest count above 0 that is shown; smaller ones are hidden
	Base   int    // shown counts are rounded to the nearest multiple of Base, halves up
	// HideZero hides 0 like a small count. Otherwise 0 is shown as 0.
	HideZero bool
	// NextLowest hides the next lowest count of a table too, when only one of
	// the table was hidden.
	NextLowest bool
	// BaseIsOurs says that the published rule leaves rounding open, and that
	// Base is this program's choice.
	BaseIsOurs bool
	// Reason is why a rule below the Floor was accepted. It is kept with the
	// release. A rule below the Floor without a reason is refused.
	Reason string
}

// presets are the rules as published; see Rule.Says for each in plain words.
var presets = []Rule{
	{
		// 0 stays 0; 1 to 7 become "*"; all else to the nearest 5. The numbers
		// are as in NHS analysts' codonPython, suppression.py at 4514a2bf and
		// 3072ce75. Country-wide counts are exempt there and are not here.
		Name: "hes", Least: 8, Base: 5,
		Source: "NHS Digital, change to disclosure control methodology for HES and ECDS from September 2018 (digital.nhs.uk)",
	},
	{
		// Counts up to 7 redacted, then every count rounded to the nearest 5.
		// "Up to 7" includes 0.
		Name: "opensafely", Least: 8, Base: 5, HideZero: true,
		Source: "OpenSAFELY, disclosure control in ehrQL (github.com/opensafely-core/ehrql, pull request 1746)",
	},
	{
		// "No count below 10, including zero"; it says nothing of rounding.
		Name: "ten", Least: 10, Base: 5, HideZero: true, BaseIsOurs: true,
		Source: "UK Longitudinal Linkage Collaboration, statistical disclosure control (guidebook.ukllc.ac.uk)",
	},
	{
		// Counts below 5, but not 0, are suppressed, and the next lowest too if
		// only one is; it says nothing of rounding.
		Name: "gpps", Least: 5, Base: 5, NextLowest: true, BaseIsOurs: true,
		Source: "GP Patient Survey, suppression of organisations with up to 1,000 eligible patients (analysistool.gp-patient.co.uk)",
	},
	{
		// The Longitudinal Study's threshold of 10 observations, "judged in
		// context"; it says nothing of rounding.
		Name: "ons", Least: 10, Base: 5, BaseIsOurs: true,
		Source: "Office for National Statistics, Longitudinal Study, threshold of 10 observations (celsius.lshtm.ac.uk/onscell.html)",
	},
}

// Presets returns the published rules, the default first.
func Presets() []Rule { return append([]Rule(nil), presets...) }

// Preset returns the published rule of that name.
func Preset(name string) (Rule, error) {
	var known []string
	for _, r := range presets {
		if r.Name == name {
			return r, nil
		}
		known = append(known, r.Name)
	}
	return Rule{}, fmt.Errorf("unknown release preset %q; use one of %s", name, strings.Join(known, ", "))
}

// Custom returns a project's own rule: counts from 1 to least-1 are hidden, the
// rest rounded to the nearest multiple of base. A rule below the Floor needs a
// reason, which is kept with the release.
func Custom(least, base int, reason string) (Rule, error) {
	r := Rule{Name: "custom", Least: least, Base: base, Reason: reason, Source: "this project's own choice"}
	return r, r.check()
}

// ErrWeakRule is returned for a rule below the Floor that comes without a reason.
var ErrWeakRule = errors.New("which needs a reason")

func (r Rule) check() error {
	switch {
	case r.Least < 1 || r.Base < 1:
		return fmt.Errorf("release rule %q: the threshold and the rounding must be at least 1", r.Name)
	case r.Least > 1_000_000 || r.Base > 1_000_000:
		return fmt.Errorf("release rule %q: a threshold or rounding above 1,000,000 leaves nothing to release", r.Name)
	case 2*r.Least < r.Base:
		// Else a count that is shown could be rounded to 0, and 0 means nobody.
		return fmt.Errorf("release rule %q: the rounding must be at most twice the threshold", r.Name)
	case (r.Least < Floor || r.Base < Floor) && strings.TrimSpace(r.Reason) == "":
		return fmt.Errorf("counts from %d on would be shown, rounded to %d, below the floor of %d, %w",
			r.Least, r.Base, Floor, ErrWeakRule)
	}
	return nil
}

// Says tells the rule in plain words, in one sentence.
func (r Rule) Says() string {
	var b strings.Builder
	switch {
	case r.Least == 1 && !r.HideZero:
		b.WriteString("No count is hidden for being small")
	case r.HideZero:
		fmt.Fprintf(&b, "Counts from 0 to %d are hidden", r.Least-1)
	default:
		fmt.Fprintf(&b, "0 stays 0; counts from 1 to %d are hidden", r.Least-1)
	}
	if r.NextLowest {
		b.WriteString(", and the next lowest too where only one of a table would be")
	}
	if r.Base > 1 {
		fmt.Fprintf(&b, "; all others are rounded to the nearest %d", r.Base)
		if r.BaseIsOurs {
			b.WriteString(" (the published rule leaves rounding open)")
		}
	}
	b.WriteString(".")
	return b.String()
}

// hides reports whether a count of n is too small to be shown.
func (r Rule) hides(n int) bool {
	if n == 0 {
		return r.HideZero
	}
	return n < r.Least
}

// round returns a count as it is shown.
func (r Rule) round(n int) int { return (n + r.Base/2) / r.Base * r.Base }

// meaning returns the counts that a shown figure may stand for, both ends
// included.
func (r Rule) meaning(shown int) (low, high int) {
	if shown == 0 {
		return 0, 0
	}
	return max(r.Least, shown-r.Base/2), shown + (r.Base-1)/2
}

// mark returns the counts that are hidden for being small, both ends included.
func (r Rule) mark() (low, high int) {
	if r.HideZero {
		return 0, r.Least - 1
	}
	return 1, r.Least - 1
}

// Figure returns a count under the rule, for counts that stand beside a
// release and are not counts of its persons, such as rows that a party set
// aside. The audit of Protect does not cover it.
func (r Rule) Figure(n int) Figure {
	if r.check() != nil || n < 0 || r.hides(n) {
		return Figure{state: hidden}
	}
	return Figure{value: r.round(n), state: shown}
}
