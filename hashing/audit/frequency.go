package audit

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strings"

	"cohortlink/hashing"
)

// frequencyAttack aligns filters with values by how often each occurs (Christen, Schnell,
// Vatsalan & Ranbaduge, PAKDD 2017). The most frequent filter is taken to be the most
// frequent value, and so on down to the first tie on either side. The aligned pairs say
// which tokens may have set a bit (tokens of values whose filter has it, less those of
// values whose filter lacks it), and every other filter is given the values that explain all
// of its bits. A record is recovered when one value is left, and it is the right one.
//
// It needs filters that repeat: filters of one field do, filters of a record hardly.
func frequencyAttack(ctx context.Context, t *Target, _ Attack, _ *rand.Rand) (Outcome, error) {
	words := valueWords(t)
	filters := make([]string, len(t.Values))
	for i := range filters {
		filters[i] = filterText(t.Filters.row(i))
	}
	byFilter, byValue := tally(filters), tally(words.text)
	aligned := map[string]string{} // value of a filter
	for rank := range min(len(byFilter), len(byValue)) {
		if tied(byFilter, rank) || tied(byValue, rank) || byFilter[rank].count < 2 {
			break
		}
		aligned[byFilter[rank].text] = byValue[rank].text
	}
	explains, err := explainers(ctx, t, aligned, filters, words)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{Tried: len(t.Values)}
	several := 0
	left := map[string][]int{} // of a filter, the values left
	for i, f := range filters {
		if values, ok := aligned[f]; ok {
			o.Claimed++
			if values == words.text[i] {
				o.Right++
				o.RightClaims++
			}
			continue
		}
		if len(aligned) == 0 {
			continue
		}
		candidates, ok := left[f]
		if !ok {
			candidates = explains(t.Filters.row(i))
			left[f] = candidates
		}
		switch {
		case len(candidates) == 1:
			o.Claimed++
			if words.distinct[candidates[0]] == words.text[i] {
				o.Right++
				o.RightClaims++
			}
		case len(candidates) <= 10:
			for _, c := range candidates {
				if words.distinct[c] == words.text[i] {
					several++
				}
			}
		}
	}
	o.Detail = fmt.Sprintf("%d values aligned by rank; of %d more records the value is among at most ten", len(aligned), several)
	return o, nil
}

// valueTexts are the values of a target's records, and their tokens.
type valueTexts struct {
	text     []string // of each record
	distinct []string
	at       map[string]int // place in distinct
	tokens   [][]int        // of each distinct value: places in names
	names    []string       // of tokens: the field, then the token
}

func valueWords(t *Target) *valueTexts {
	v := &valueTexts{at: map[string]int{}}
	tokenAt := map[string]int{}
	for _, values := range t.Values {
		text := strings.Join(values, "\x00")
		v.text = append(v.text, text)
		if _, ok := v.at[text]; ok {
			continue
		}
		v.at[text] = len(v.distinct)
		v.distinct = append(v.distinct, text)
		var tokens []int
		for i, value := range values {
			for _, token := range hashing.Tokens(t.Fields[i].Kind, value) {
				name := t.Fields[i].Name + "\x00" + token
				at, ok := tokenAt[name]
				if !ok {
					at = len(v.names)
					tokenAt[name] = at
					v.names = append(v.names, name)
				}
				if !slices.Contains(tokens, at) {
					tokens = append(tokens, at)
				}
			}
		}
		slices.Sort(tokens)
		v.tokens = append(v.tokens, tokens)
	}
	return v
}

func filterText(row []uint64) string {
	var b strings.Builder
	for _, w := range row {
		fmt.Fprintf(&b, "%016x", w)
	}
	return b.String()
}

type counted struct {
	text  string
	count int
}

// tally counts texts, the most frequent first.
func tally(texts []string) []counted {
	count := map[string]int{}
	for _, s := range texts {
		count[s]++
	}
	out := make([]counted, 0, len(count))
	for s, n := range count {
		out = append(out, counted{s, n})
	}
	slices.SortFunc(out, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.text, b.text))
	})
	return out
}

func tied(of []counted, rank int) bool {
	return rank+1 < len(of) && of[rank+1].count == of[rank].count
}

// explainers returns a function that lists the distinct values that explain a filter: for
// every bit set whose tokens the aligned pairs tell, the value has one of them.
func explainers(ctx context.Context, t *Target, aligned map[string]string, filters []string, v *valueTexts) (func(row []uint64) []int, error) {
	record := map[string]int{} // a record with the filter
	for i, f := range filters {
		record[f] = i
	}
	n := t.Filters.Bits
	set := (len(v.distinct) + 63) / 64
	explained := make([][]uint64, n) // by bit: values that explain it; nil where nothing is known
	err := parallel(ctx, n, func(bit int) error {
		may, mayNot := map[int]bool{}, map[int]bool{}
		for f, value := range aligned {
			has := t.Filters.row(record[f])[bit/64]>>(bit%64)&1 == 1
			for _, token := range v.tokens[v.at[value]] {
				if has {
					may[token] = true
				} else {
					mayNot[token] = true
				}
			}
		}
		for token := range mayNot {
			delete(may, token)
		}
		if len(may) == 0 {
			return nil
		}
		values := make([]uint64, set)
		for i, tokens := range v.tokens {
			if slices.ContainsFunc(tokens, func(token int) bool { return may[token] }) {
				values[i/64] |= 1 << (i % 64)
			}
		}
		explained[bit] = values
		return nil
	})
	return func(row []uint64) []int {
		left := make([]uint64, set)
		for i := range left {
			left[i] = ^uint64(0)
		}
		for bit, values := range explained {
			if values != nil && row[bit/64]>>(bit%64)&1 == 1 {
				for w := range left {
					left[w] &= values[w]
				}
			}
		}
		var out []int
		for w, word := range left {
			for ; word != 0; word &= word - 1 {
				if i := w*64 + bits.TrailingZeros64(word); i < len(v.distinct) {
					out = append(out, i)
				}
			}
		}
		return out
	}, err
}
