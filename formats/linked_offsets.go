package formats

import (
	"fmt"
	"math"
	"slices"

	"cohortlink/linkage"
)

// LinkedOffset is what is added to the scores of pairs of two parties, in whole thousandths.
// A party's pairs with itself have it twice as a name.
type LinkedOffset struct {
	Parties [2]string `json:"parties"`
	Added   float64   `json:"added"`
}

// Offsets are those of the threshold, by the numbers of parties in the manifest; nil where there
// are none.
func (m *LinkedManifest) Offsets() (linkage.Offsets, error) {
	if len(m.Threshold.Offsets) == 0 {
		return nil, nil
	}
	o := make(linkage.Offsets, len(m.Parties))
	for i := range o {
		o[i] = make([]int, len(o))
	}
	for _, x := range m.Threshold.Offsets {
		var at [2]int
		for k, name := range x.Parties {
			if at[k] = slices.IndexFunc(m.Parties, func(p LinkedParty) bool { return p.Name == name }); at[k] < 0 {
				return nil, fmt.Errorf("an offset is of party %q, which was not linked", name)
			}
		}
		if !(x.Added >= -1 && x.Added <= 1) {
			return nil, fmt.Errorf("an offset is %g: want a number from -1 to 1", x.Added)
		}
		thousandths := int(math.Round(1000 * x.Added))
		o[at[0]][at[1]], o[at[1]][at[0]] = thousandths, thousandths
	}
	return o, nil
}

// SetOffsets notes offsets by the numbers of parties in the manifest.
func (m *LinkedManifest) SetOffsets(o linkage.Offsets) {
	for a := range o {
		for b := range a + 1 {
			if x := o.Of(a, b); x != 0 {
				m.Threshold.Offsets = append(m.Threshold.Offsets, LinkedOffset{[2]string{m.Parties[b].Name, m.Parties[a].Name}, float64(x) / 1000})
			}
		}
	}
}
