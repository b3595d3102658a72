package formats

import (
	"slices"

	"cohortlink/linkage/cohort"
)

// Noise in the ledger: what each release with noise took of the privacy budget of the project. Losses add up over the releases, whatever
// was linked anew between them, since most persons are in all of them (Dwork and Roth 2014, "The Algorithmic Foundations of Differential
// Privacy", theorem 3.16).

// LedgerNoise is the noise of a release: decimal numbers, as cohort.Epsilon writes them.
type LedgerNoise struct {
	Epsilon string `json:"epsilon"`
	Budget  string `json:"budget"`          // of all releases together, as it was then
	Cells   int    `json:"cells,omitempty"` // that had a draw each (cohort.NoiseFacts)
}

func (n *LedgerNoise) valid() bool {
	if n.Cells < 0 {
		return false
	}
	for _, s := range []string{n.Epsilon, n.Budget} {
		if e, err := cohort.ParseEpsilon(s); err != nil || e.String() != s {
			return false
		}
	}
	return true
}

// Spent is what the releases with noise, up to that of a number, have taken together, and the budget that the last of them kept to; 0 without any.
func (l *Ledger) Spent(number int) (spent, budget cohort.Epsilon) {
	for _, e := range l.Entries[:number] {
		if e.Noise != nil {
			epsilon, _ := cohort.ParseEpsilon(e.Noise.Epsilon) // of an entry that is valid
			budget, _ = cohort.ParseEpsilon(e.Noise.Budget)
			spent += epsilon
		}
	}
	return spent, budget
}

// Noisy returns how many of the entries, up to that of a number, have noise, and how many tell counts as they are.
func (l *Ledger) Noisy(number int) (with, without int) {
	for _, e := range l.Entries[:number] {
		if e.Noise != nil {
			with++
		} else {
			without++
		}
	}
	return with, without
}

// Drawn returns the number, the figures and the cells of the release with noise that was made from the linkage of e, by its rule, for its questions and
// with its epsilon; 0 for none. That is the very same release, and it is not drawn again: a reader of two draws could take their mean. Its
// figures are kept, and not something to draw them from again, with which whoever has it could take the noise off.
func (l *Ledger) Drawn(e *LedgerEntry) (number int, figures []cohort.Seen, cells int) {
	for i := range l.Entries {
		old := &l.Entries[i]
		if old.Noise != nil && old.Noise.Epsilon == e.Noise.Epsilon && old.Kind == e.Kind && old.Linkage == e.Linkage && old.Rule == e.Rule &&
			slices.Equal(old.Parties, e.Parties) && slices.Equal(old.Questions, e.Questions) {
			return old.Number, old.seen(), old.Noise.Cells
		}
	}
	return 0, nil, 0
}
