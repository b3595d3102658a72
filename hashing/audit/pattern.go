package audit

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// patternAttack finds the bits that a token sets from their being set together, guided by
// how often tokens occur (Christen, Vidanage, Ranbaduge & Schnell, PAKDD 2018): in a set of
// records whose most frequent token is clearly more frequent than the second, the largest
// set of columns that are all 1 in more records than have the second is that token's.
// The records are split by whether they have all of those columns, and each part is
// mined in turn, its language model being that of the values which agree so far. A record
// is recovered when one value has all the tokens found in its filter and none of those
// found missing, and it is the right one.
func patternAttack(ctx context.Context, t *Target, _ Attack, _ *rand.Rand) (Outcome, error) {
	m := &miner{t: t, values: valueWords(t), must: make([][]int, len(t.Values)), cannot: make([][]int, len(t.Values))}
	m.columns = make([][]uint64, t.Filters.Bits)
	n := len(t.Values)
	for b := range m.columns {
		m.columns[b] = make([]uint64, (n+63)/64)
	}
	for i := range n {
		for w, word := range t.Filters.row(i) {
			for ; word != 0; word &= word - 1 {
				m.columns[w*64+bits.TrailingZeros64(word)][i/64] |= 1 << (i % 64)
			}
		}
	}
	all := make([]int, n)
	rows := make([]uint64, (n+63)/64)
	for i := range all {
		all[i] = i
		rows[i/64] |= 1 << (i % 64)
	}
	m.found = map[int][]int{}
	// The plain values of one side and the filters of the other are the same people, so that
	// the language model is exact: the most that the attack can have.
	if err := m.mine(ctx, rows, all, map[int]bool{}); err != nil {
		return Outcome{}, err
	}
	m.read()
	return m.grade(), nil
}

type miner struct {
	t       *Target
	values  *valueTexts
	columns [][]uint64 // records that have each bit
	found   map[int][]int
	must    [][]int // tokens found in each record's filter
	cannot  [][]int
}

const (
	// leastPart is the fewest records that are mined: in fewer, columns are set together by
	// chance.
	leastPart = 60
	// leastGap is the least difference of the shares of the two most frequent tokens.
	leastGap = 0.01
	// leastColumns is the fewest columns that are taken for a token's.
	leastColumns = 3
)

// mine looks for the most frequent token's columns among rows, whose values (as far as the
// attacker can tell) are those of the given records, and splits.
func (m *miner) mine(ctx context.Context, rows []uint64, values []int, used map[int]bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n := ones(rows)
	if n < leastPart || len(values) < leastPart {
		return nil
	}
	count := map[int]int{}
	for _, r := range values {
		for _, token := range m.values.tokens[m.values.at[m.values.text[r]]] {
			if !used[token] {
				count[token]++
			}
		}
	}
	top := make([]int, 0, len(count))
	for token := range count {
		top = append(top, token)
	}
	slices.SortFunc(top, func(a, b int) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	if len(top) < 2 {
		return nil
	}
	token := top[0]
	first, second := float64(count[token])/float64(len(values)), float64(count[top[1]])/float64(len(values))
	if first-second < leastGap || first*float64(n) < 10 {
		return nil
	}
	least := int((first + second) / 2 * float64(n))
	columns := m.together(rows, least)
	used = clone(used)
	used[token] = true
	if len(columns) < leastColumns {
		return nil
	}
	if old := m.found[token]; len(columns) > len(old) {
		m.found[token] = columns
	}
	with := slices.Clone(rows)
	for _, c := range columns {
		for w := range with {
			with[w] &= m.columns[c][w]
		}
	}
	without := make([]uint64, len(rows))
	for w := range rows {
		without[w] = rows[w] &^ with[w]
	}
	var having, lacking []int
	for _, r := range values {
		if slices.Contains(m.values.tokens[m.values.at[m.values.text[r]]], token) {
			having = append(having, r)
		} else {
			lacking = append(lacking, r)
		}
	}
	if err := m.mine(ctx, with, having, used); err != nil {
		return err
	}
	return m.mine(ctx, without, lacking, used)
}

func clone(of map[int]bool) map[int]bool {
	out := make(map[int]bool, len(of)+1)
	for k := range of {
		out[k] = true
	}
	return out
}

// together returns the largest set of columns found that are all 1 in at least so many of
// the rows. Columns that are 1 in nearly all of the rows belong to a token that the split before
// this one found, and are left out.
func (m *miner) together(rows []uint64, least int) []int {
	n := ones(rows)
	var among []int
	in := make([][]uint64, len(m.columns))
	size := make([]int, len(m.columns))
	for c, column := range m.columns {
		in[c] = make([]uint64, len(rows))
		for w := range rows {
			in[c][w] = column[w] & rows[w]
		}
		if size[c] = ones(in[c]); size[c] >= least && size[c] < n-n/100 {
			among = append(among, c)
		}
	}
	slices.SortStableFunc(among, func(a, b int) int { return cmp.Compare(size[a], size[b]) })
	var best []int
	type candidate struct{ column, both int }
	for _, start := range among {
		set, all := []int{start}, slices.Clone(in[start])
		candidates := make([]candidate, 0, len(among))
		for _, c := range among {
			if c != start {
				candidates = append(candidates, candidate{column: c})
			}
		}
		for {
			next, kept := candidate{column: -1}, candidates[:0]
			for _, c := range candidates {
				c.both = 0
				for w, word := range in[c.column] {
					c.both += bits.OnesCount64(all[w] & word)
				}
				// A column that is too rare within the set stays so as the set grows.
				if c.both >= least {
					kept = append(kept, c)
					if c.both > next.both {
						next = c
					}
				}
			}
			if next.column < 0 || len(set)+len(kept) <= len(best) {
				break
			}
			candidates = slices.DeleteFunc(kept, func(c candidate) bool { return c.column == next.column })
			set = append(set, next.column)
			for w := range all {
				all[w] &= in[next.column][w]
			}
		}
		if len(set) > len(best) {
			best = set
		}
	}
	slices.Sort(best)
	return best
}

// read gives each filter the tokens that it has all bits of, and those that it has not.
func (m *miner) read() {
	tokens := make([]int, 0, len(m.found))
	for token := range m.found {
		tokens = append(tokens, token)
	}
	slices.Sort(tokens)
	for i := range m.t.Values {
		row := m.t.Filters.row(i)
		for _, token := range tokens {
			has := true
			for _, c := range m.found[token] {
				has = has && row[c/64]>>(c%64)&1 == 1
			}
			if has {
				m.must[i] = append(m.must[i], token)
			} else {
				m.cannot[i] = append(m.cannot[i], token)
			}
		}
	}
}

func (m *miner) grade() Outcome {
	o := Outcome{Tried: len(m.t.Values)}
	several, tokens, tokensRight := 0, 0, 0
	for i := range m.t.Values {
		own := m.values.tokens[m.values.at[m.values.text[i]]]
		for _, token := range m.must[i] {
			tokens++
			if slices.Contains(own, token) {
				tokensRight++
			}
		}
		if len(m.must[i]) == 0 {
			continue
		}
		var left []int
		for v, has := range m.values.tokens {
			if contains(has, m.must[i]) && !slices.ContainsFunc(m.cannot[i], func(token int) bool { return slices.Contains(has, token) }) {
				left = append(left, v)
			}
			if len(left) > 10 {
				break
			}
		}
		right := slices.Contains(left, m.values.at[m.values.text[i]])
		switch {
		case len(left) == 1:
			o.Claimed++
			if right {
				o.Right++
				o.RightClaims++
			}
		case len(left) <= 10 && right:
			several++
		}
	}
	o.Detail = fmt.Sprintf("the bits of %d tokens found; %d tokens read in filters, %d of them rightly; of %d more records the value is among at most ten", len(m.found), tokens, tokensRight, several)
	return o
}

func contains(all, some []int) bool {
	for _, x := range some {
		if !slices.Contains(all, x) {
			return false
		}
	}
	return true
}

func ones(row []uint64) int {
	n := 0
	for _, w := range row {
		n += bits.OnesCount64(w)
	}
	return n
}
