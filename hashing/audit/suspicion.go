package audit

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Risk is the probability of suspicion (Vatsalan, Christen, O'Keefe & Verykios 2014) over
// the records that an attacker could recover: one over the number of people whose values
// fit a filter at least as well as the right ones do. 1 is certainty.
type Risk struct {
	Records  int     `json:"records"`
	Max      float64 `json:"max"`
	Mean     float64 `json:"mean"`
	Median   float64 `json:"median"`
	Marketer float64 `json:"marketer"` // share of the records at 1
}

// Suspicion measures the risk that is left after one round of the anchor attack: how well
// a person's values fit is how alike their similarities to the anchors are.
func Suspicion(ctx context.Context, t *Target, anchors int, overlap float64, seed uint64) (Risk, error) {
	if err := t.check(); err != nil {
		return Risk{}, err
	}
	if len(t.Values) < leastRecords {
		return Risk{}, ErrTooFew
	}
	s, err := newScene(t, Attack{Anchors: anchors, Overlap: overlap}, rand.New(rand.NewPCG(seed, 0xa77ac)))
	if err != nil {
		return Risk{}, err
	}
	var best Risk
	for _, v := range views(t.Filters.Similarity) {
		x, y, _, err := s.descriptors(ctx, s.seeds, v, correlation)
		if err != nil {
			return Risk{}, err
		}
		r, err := s.risk(ctx, x, y)
		if err != nil {
			return Risk{}, err
		}
		if r.Mean > best.Mean {
			best = r
		}
	}
	return best, nil
}

func (s *scene) risk(ctx context.Context, x, y []float32) (Risk, error) {
	m := len(s.seeds)
	suspicion := make([]float64, len(s.overlapped))
	err := parallel(ctx, len(s.overlapped), func(i int) error {
		q := s.overlapped[i]
		row := x[int(q.e)*m:][:m]
		score := func(p int) float32 {
			var sum float32
			for a, v := range y[p*m:][:m] {
				d := v - row[a]
				sum -= d * d
			}
			return sum
		}
		right, fit := score(int(q.p)), 0
		for p := range s.p.n {
			if score(p) >= right {
				fit++
			}
		}
		suspicion[i] = 1 / float64(fit)
		return nil
	})
	if err != nil || len(suspicion) == 0 {
		return Risk{}, err
	}
	slices.Sort(suspicion)
	r := Risk{Records: len(suspicion), Max: suspicion[len(suspicion)-1], Median: suspicion[len(suspicion)/2]}
	for _, v := range suspicion {
		r.Mean += v / float64(len(suspicion))
		if v == 1 {
			r.Marketer += 1 / float64(len(suspicion))
		}
	}
	return r, nil
}

// A Uniqueness says how many records are told apart by the values of a field, or of all.
type Uniqueness struct {
	Field   string  `json:"field"`   // "" for all fields together
	Alone   float64 `json:"alone"`   // share of records whose value no other record has
	Few     float64 `json:"few"`     // share whose value fewer than five have
	Without float64 `json:"without"` // share still told apart by all the other fields together
}

// Unique measures how unique the plain values are, and which fields make them so: all
// fields together first, then each. Records that lack a field's value are not counted
// among those that it tells apart. Where records are unique in plain values an attack on
// their filters has something to find.
func Unique(t *Target) []Uniqueness {
	share := func(key func(values []string) string) (alone, few float64) {
		count := map[string]int{}
		for _, values := range t.Values {
			count[key(values)]++
		}
		for k, n := range count {
			if k == "" {
				continue
			}
			if n == 1 {
				alone++
			}
			if n < 5 {
				few += float64(n)
			}
		}
		n := float64(max(1, len(t.Values)))
		return alone / n, few / n
	}
	without := func(field int) func([]string) string {
		return func(values []string) string {
			kept := slices.Clone(values)
			if field >= 0 {
				kept[field] = ""
			}
			return strings.Join(kept, "\x00")
		}
	}
	var all Uniqueness
	all.Alone, all.Few = share(without(-1))
	out := []Uniqueness{all}
	for i, f := range t.Fields {
		u := Uniqueness{Field: f.Name}
		u.Alone, u.Few = share(func(values []string) string { return values[i] })
		u.Without, _ = share(without(i))
		out = append(out, u)
	}
	return out
}
