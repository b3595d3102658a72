package formats

import (
	"fmt"
	"math"

	"cohortlink/linkage/cohort"
)

// pageNoise is what the page says of noise.
type pageNoise struct {
	Epsilon string
	Odds    string // by which factor the counts can change a guess at most
	Parts   int    // in which the figures were made
	Most    int    // of its parties in which a person is counted; 0 for all
	LeftOut string // the tables that were not made, in words
}

func newPageNoise(rel *cohort.Release) *pageNoise {
	facts, ok := rel.Noise()
	if !ok {
		return nil
	}
	return &pageNoise{
		Epsilon: facts.Epsilon.String(), Odds: oddsFactor(facts.Epsilon), Parts: facts.Parts, Most: facts.MostParties, LeftOut: tablesInWords(facts.LeftOut),
	}
}

// oddsFactor writes e to the power of epsilon, rounded up.
func oddsFactor(e cohort.Epsilon) string {
	factor := math.Exp(float64(e) / 1000)
	if factor > 20 {
		return fmt.Sprintf("%.0f", math.Ceil(factor))
	}
	return fmt.Sprintf("%.2f", math.Ceil(factor*100)/100)
}

// withRange is a figure with its range, if it has one.
func withRange(f cohort.Figure) string {
	if text := f.RangeText(); text != "" {
		return f.Text() + " (" + text + ")"
	}
	return f.Text()
}
