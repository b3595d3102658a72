package audit

import (
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// tokenAttack learns from known pairs what each bit says about each token, and reads the
// tokens of the other filters from their bits. For every token, a bit's weight is the
// difference of its share set among the known records with the token and among those
// without, over its variance: naive Bayes for bits that are set about half of the time. AUC is how
// often a record with the token scores above one without. A person is then recovered by
// the tokens read: the values whose tokens have the greatest sum of scores.
//
// The learned models of Mildenberger et al. (NEPAL) read tokens better than naive Bayes
// where there are very many known pairs; with a few hundred there is little to learn from.
func tokenAttack(ctx context.Context, t *Target, a Attack, r *rand.Rand) (Outcome, error) {
	a.Overlap = 1
	s, err := newScene(t, a, r)
	if err != nil {
		return Outcome{}, err
	}
	v := valueWords(t)
	place := func(record int) []int { return v.tokens[v.at[v.text[record]]] }

	// Tokens that known records have, and lack, often enough to learn from.
	count := make([]int, len(v.names))
	for _, q := range s.seeds {
		for _, token := range place(s.known[q.p]) {
			count[token]++
		}
	}
	most := len(s.seeds)
	var learned []int
	column := make([]int, len(v.names))
	for token, n := range count {
		column[token] = -1
		if n >= 5 && most-n >= 5 {
			column[token] = len(learned)
			learned = append(learned, token)
		}
	}
	o := Outcome{Tried: len(s.overlapped)}
	if len(learned) == 0 {
		o.Detail = "no token was frequent enough among the known records to learn from"
		return o, nil
	}

	weights, err := s.learn(ctx, learned, place)
	if err != nil {
		return o, err
	}
	n, k := len(s.overlapped), len(learned)
	scores := make([]float32, n*k)
	err = parallel(ctx, n, func(i int) error {
		row := t.Filters.row(s.encoded[s.overlapped[i].e])
		out := scores[i*k:][:k]
		for bit, w := range weights {
			if row[bit/64]>>(bit%64)&1 == 1 {
				for j, x := range w {
					out[j] += x
				}
			}
		}
		return nil
	})
	if err != nil {
		return o, err
	}
	o.AUC, o.Detail = s.tokenAUC(scores, k, column, place, learned)
	standardise(scores, n, k)

	// A token's score says the more the rarer it is, so it enters less its mean.
	guesses := slices.Repeat([]nearest{unseen}, s.e.n)
	rate := make([]float32, k)
	for j, token := range learned {
		rate[j] = float32(count[token]) / float32(most)
	}
	err = parallel(ctx, n, func(i int) error {
		row := scores[i*k:][:k]
		var base float32
		for j, x := range row {
			base -= x * rate[j]
		}
		g := &guesses[s.overlapped[i].e]
		for p, record := range s.known {
			sum, size := base, float32(0)
			for _, token := range place(record) {
				if j := column[token]; j >= 0 {
					sum += row[j]
					size += 1 - rate[j]
				}
			}
			g.see(int32(p), sum-size/2)
		}
		return nil
	})
	if err != nil {
		return o, err
	}
	graded := s.grade(guesses, nil)
	o.Tried, o.Right, o.byChance = graded.Tried, graded.Right, graded.byChance
	return o, nil
}

// learn returns for each bit its weight for each learned token.
func (s *scene) learn(ctx context.Context, learned []int, place func(record int) []int) ([][]float32, error) {
	f := &s.t.Filters
	words := (len(s.seeds) + 63) / 64
	has := make([]uint64, len(learned)*words) // by token, a bit for each seed
	with := make([]float32, len(learned))
	for i, q := range s.seeds {
		for _, token := range place(s.known[q.p]) {
			if j, ok := slices.BinarySearch(learned, token); ok {
				has[j*words+i/64] |= 1 << (i % 64)
				with[j]++
			}
		}
	}
	weights := make([][]float32, f.Bits)
	all := float32(len(s.seeds))
	return weights, parallel(ctx, f.Bits, func(bit int) error {
		set := make([]uint64, words) // a bit for each seed
		for i, q := range s.seeds {
			set[i/64] |= f.row(s.encoded[q.e])[bit/64] >> (bit % 64) & 1 << (i % 64)
		}
		count := float32(ones(set))
		share := (count + 1) / (all + 2)
		w := make([]float32, len(learned))
		for j := range learned {
			n := 0
			for k, word := range has[j*words:][:words] {
				n += bits.OnesCount64(word & set[k])
			}
			both := float32(n)
			w[j] = (both/with[j] - (count-both)/(all-with[j])) / (share * (1 - share))
		}
		weights[bit] = w
		return nil
	})
}

// tokenAUC is the mean over tokens of the area under the curve, on the records that were
// not learned from.
func (s *scene) tokenAUC(scores []float32, k int, column []int, place func(record int) []int, learned []int) (mean float64, detail string) {
	n := len(s.overlapped)
	type scored struct {
		score float32
		has   bool
	}
	best, tokens := 0.0, 0
	has := make([][]bool, n)
	for i, q := range s.overlapped {
		has[i] = make([]bool, k)
		for _, token := range place(s.encoded[q.e]) {
			if j := column[token]; j >= 0 {
				has[i][j] = true
			}
		}
	}
	for j := range learned {
		all := make([]scored, n)
		with := 0
		for i := range all {
			all[i] = scored{scores[i*k+j], has[i][j]}
			if has[i][j] {
				with++
			}
		}
		if with < 5 || n-with < 5 {
			continue
		}
		slices.SortFunc(all, func(a, b scored) int {
			switch {
			case a.score < b.score:
				return -1
			case a.score > b.score:
				return 1
			}
			return 0
		})
		ranks := 0.0
		for i, v := range all {
			if v.has {
				ranks += float64(i + 1)
			}
		}
		auc := (ranks - float64(with)*float64(with+1)/2) / (float64(with) * float64(n-with))
		mean += auc
		best = max(best, auc)
		tokens++
	}
	if tokens == 0 {
		return 0, "no token was frequent enough among the unseen records to be tested"
	}
	return mean / float64(tokens), fmt.Sprintf("%d tokens, the best at %.3f", tokens, best)
}
