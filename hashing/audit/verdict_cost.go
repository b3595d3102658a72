package audit

import (
	"cmp"
	"context"
	"errors"
	"math/bits"
	"slices"
	"strings"

	"cohortlink/linkage/overlap"
)

// What protection costs. An encoding that shows less of people's likeness to an attacker
// shows less of it to the linkage unit too, and how much less depends on the people: it is
// measured on this extract, against a copy of it with errors put in. The links are each
// record's best match where both are each other's, with the best threshold that the truth
// can give: so every encoding is seen at its best, and the figures compare encodings. They
// are no promise of how well two real parties will link.

// A Cost is how well an encoding links, in rates of right links.
type Cost struct {
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Link links the records of y to those of x and scores the links. truth has, for each
// record of y, the record of x that is the same person, or -1. It ends early with ctx's
// error.
func Link(ctx context.Context, x, y Filters, truth []int) (Cost, error) {
	if x.Bits != y.Bits || len(truth) != y.Len() {
		return Cost{}, errors.New("audit: filters to be linked are not of one length, or without truth")
	}
	prepared, err := overlap.Prepare(x.Bits, x.Rows)
	if err != nil {
		return Cost{}, err
	}
	score := linkScore(x.Similarity, x.Bits)
	n, words := prepared.Len(), x.Bits/64
	if n == 0 || len(truth) == 0 {
		return Cost{}, nil
	}
	toX, toY := make([]match, y.Len()), make([]match, n) // best of x for each of y, and of y for each of x
	for i := range toX {
		toX[i].other = -1
	}
	for i := range toY {
		toY[i].other = -1
	}
	const run = 32
	counts := make([]uint16, run*n)
	for from := 0; from < y.Len(); from += run {
		if err := ctx.Err(); err != nil {
			return Cost{}, err
		}
		to := min(from+run, y.Len())
		if err := prepared.Common(y.Rows[from*words:to*words], counts[:(to-from)*n]); err != nil {
			return Cost{}, err
		}
		for j := from; j < to; j++ {
			q := 0
			for _, w := range y.Rows[j*words:][:words] {
				q += bits.OnesCount64(w)
			}
			for at, c := range counts[(j-from)*n:][:n] {
				i := prepared.Row(at)
				s := score(int(c), prepared.Ones(i), q)
				toX[j].see(i, s)
				toY[i].see(j, s)
			}
		}
	}
	return bestThreshold(toX, toY, truth), nil
}

// linkScore is how alike two filters are, from c bits in common of p and q ones. Only the
// order matters here, so that every encoding whose score falls with the bits that differ
// is taken by those.
func linkScore(similarity string, length int) func(c, p, q int) float64 {
	if method, _, _ := strings.Cut(similarity, ":"); method == "dice" || method == "noise" {
		return func(c, p, q int) float64 { return 2 * float64(c) / float64(max(1, p+q)) }
	}
	return func(c, p, q int) float64 { return 1 - float64(p+q-2*c)/float64(length) }
}

// match is the best of the other side that a record has seen, the first of equals.
type match struct {
	other int
	score float64
}

func (m *match) see(other int, score float64) {
	if m.other < 0 || score > m.score || score == m.score && other < m.other {
		m.other, m.score = other, score
	}
}

// bestThreshold scores the links of records that are each other's best match, at the
// threshold with the best F1.
func bestThreshold(toX, toY []match, truth []int) Cost {
	type link struct {
		score float64
		right bool
	}
	var links []link
	people := 0
	for j, m := range toX {
		if truth[j] >= 0 {
			people++
		}
		if m.other >= 0 && toY[m.other].other == j {
			links = append(links, link{m.score, truth[j] == m.other})
		}
	}
	slices.SortFunc(links, func(a, b link) int { return cmp.Compare(b.score, a.score) })
	var best Cost
	right := 0
	for i, l := range links {
		if l.right {
			right++
		}
		if i+1 < len(links) && links[i+1].score == l.score {
			continue // a threshold takes equal scores together
		}
		c := Cost{Precision: float64(right) / float64(i+1)}
		if people > 0 {
			c.Recall = float64(right) / float64(people)
		}
		if right > 0 {
			c.F1 = 2 * c.Precision * c.Recall / (c.Precision + c.Recall)
		}
		if c.F1 > best.F1 {
			best = c
		}
	}
	return best
}
