package linkage

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cohortlink/linkage/overlap"
)

var similarities = []string{
	"dice", "noise:0.05", "noise:0.2", "noise:0.0001", "noise:0.9999", "xor:1:0.5", "xor:2:0.5", "xor:4:0.5", "xor:8:0.35", "xor:4:0.25:0.05",
	"xor:3:0.7", "xor:16:0.1:0.9", "sketch:1", "sketch:3", "sketch:16",
}

// A pair is a hit by the rule if, and only if, its score reaches the threshold; and more
// bits in common never score less.
func TestRulesAreTheScores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := 64 * rapid.IntRange(1, 40).Draw(t, "words")
		name := rapid.SampledFrom(similarities).Draw(t, "similarity")
		m, err := newMeasure(name, bits)
		if err != nil {
			t.Fatal(err)
		}
		threshold := ratio(rapid.IntRange(1, grid).Draw(t, "threshold"))
		rule := m.rule(threshold)
		p, q := rapid.IntRange(0, bits).Draw(t, "p"), rapid.IntRange(0, bits).Draw(t, "q")
		last := -1.0
		for c := max(0, p+q-bits); c <= min(p, q); c++ {
			score := m.score(c, p, q)
			if score < last || score < 0 || score > 1 {
				t.Fatalf("%s: %d of %d and %d ones in common score %v, one less %v", name, c, p, q, score, last)
			}
			if last = score; rule.Reached(c, p, q) != (score >= value(threshold)) {
				t.Fatalf("%s, %d bits: %d of %d and %d ones in common score %v; reached %v at %v", name, bits, c, p, q, score, !(score >= value(threshold)), value(threshold))
			}
		}
	})
}

func TestScoresByHand(t *testing.T) {
	for _, c := range []struct {
		similarity string
		bits       int
		c, p, q    int
		want       float64
	}{
		{"dice", 1024, 40, 50, 50, 0.8},
		{"dice", 1024, 0, 0, 0, 0},
		{"", 64, 1, 1, 1, 1},
		// (c - 0.1·1000 + 1024·0.01) / (0.8·(1000-204.8)/2), with F = 0.2.
		{"noise:0.2", 1024, 400, 500, 500, (400 - 100 + 10.24) / (0.4 * 795.2)},
		// HD = 160 of 640: 1-2d' = 1/2 = (1-2d)², d = (1-√½)/2, and 1-d with P = 1/2.
		{"xor:2:0.5", 640, 240, 320, 320, 1 - (1-math.Sqrt(0.5))/2},
		{"xor:2:0.5", 640, 160, 320, 320, 0.5}, // half differ: nothing in common
		{"xor:4:0.25", 640, 160, 320, 320, 0},
		// (1-0.5)² of all agreement is what noise leaves: no difference at all.
		{"xor:2:0.5:0.5", 640, 200, 320, 320, 1},
		// cos 60°: a third of a majority's bits differ, 1-2d = 1/3, cubed.
		{"sketch:1", 192, 64, 96, 96, 0.5},
		{"sketch:3", 54 * 64, 54*32 - 52*16, 54 * 32, 54 * 32, 0.5},
		{"sketch:3", 64, 32, 32, 32, 1},
		{"sketch:3", 64, 8, 32, 32, 0},
	} {
		m, err := newMeasure(c.similarity, c.bits)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.score(c.c, c.p, c.q); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%s: %d of %d and %d ones in common score %v, want %v", c.similarity, c.c, c.p, c.q, got, c.want)
		}
	}
}

// Two records that hold next to nothing are not alike for that, under any similarity.
func TestNearlyEmptyFiltersAreStrangers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	const bits = 2048
	for _, e := range encodings {
		if e.kind == "sketch" {
			continue // votes have no empty outcome: a record of few tokens is as full as any
		}
		m, err := newMeasure(e.similarity(bits), e.length(bits))
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			x, y := make([]uint64, bits/64), make([]uint64, bits/64)
			for range 20 + rng.IntN(bits/30) {
				set(x, rng.IntN(bits))
				set(y, rng.IntN(bits))
			}
			a, b := e.harden(x, rng), e.harden(y, rng)
			if score := m.score(overlap.CommonBits(a, b), overlap.CommonBits(a, a), overlap.CommonBits(b, b)); score > 0.55 {
				t.Fatalf("%s: strangers with up to %d of %d bits score %.3f", e.name, 20+bits/30, bits, score)
			}
		}
	}
}

func TestSimilaritiesRefused(t *testing.T) {
	for _, s := range []string{
		"dice:1", "noise", "noise:", "noise:0", "noise:1", "noise:0.00001", "noise:0.1:0.1", "noise:x", "noise:-0.1", "noise:1e-1",
		"xor", "xor:2", "xor:0:0.5", "xor:17:0.5", "xor:2:0", "xor:2:1", "xor:2:0.5:1", "xor:2:0.5:0.1:0.1", "xor:02:0.5", "xor:+2:0.5",
		"sketch", "sketch:", "sketch:0", "sketch:17", "sketch:3:3", ":", " dice", "Dice",
	} {
		if err := CheckSimilarity(s, 1024); err == nil {
			t.Errorf("%q: accepted", s)
		}
	}
	for _, s := range similarities {
		if err := CheckSimilarity(s, overlap.MaxBits); err != nil {
			t.Error(err)
		}
	}
	for _, bits := range []int{-64, 0, 63, 100, overlap.MaxBits + 64} {
		if CheckSimilarity("dice", bits) == nil {
			t.Errorf("%d bits: accepted", bits)
		}
	}
	if err := CheckSimilarity("jaccard:2", 1024); err == nil || !strings.Contains(err.Error(), `"jaccard:2"`) || !strings.Contains(err.Error(), "newer cohortlink") {
		t.Errorf("an unknown similarity is refused with %v", err)
	}
}

func FuzzCheckSimilarity(f *testing.F) {
	for _, s := range append(similarities, "xor:2", "noise:1") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := newMeasure(s, 128)
		if err != nil {
			return
		}
		for c := range 65 {
			if score := m.score(c, 64, 64); !(0 <= score && score <= 1) {
				t.Fatalf("%q: a score of %v", s, score)
			}
		}
	})
}

// An encoding makes of a set of tokens what a partner's own program makes of a record's:
// written again from the definitions, since the real ones are behind the wall.
type encoding struct {
	name, kind string
	fold       int
	noise      float64
}

var encodings = []encoding{
	{name: "plain", kind: "bloom"},
	{name: "noise", kind: "bloom", noise: 0.05},
	{name: "fold once", kind: "bloom", fold: 1},
	{name: "fold twice", kind: "bloom", fold: 2},
	{name: "fold once and noise", kind: "bloom", fold: 1, noise: 0.05},
	{name: "sketch", kind: "sketch"},
}

func (e encoding) length(bits int) int { return bits >> e.fold }

func (e encoding) similarity(bits int) string {
	switch {
	case e.kind == "sketch":
		return "sketch:3"
	case e.fold > 0 && e.noise > 0:
		return fmt.Sprintf("xor:%d:0.5:%g", 1<<e.fold, e.noise)
	case e.fold > 0:
		return fmt.Sprintf("xor:%d:0.5", 1<<e.fold)
	case e.noise > 0:
		return fmt.Sprintf("noise:%g", e.noise)
	}
	return "dice"
}

// encode makes the filter of tokens, a half full one of 30.
func (e encoding) encode(tokens []uint64, bits int, rng *rand.Rand) []uint64 {
	row := make([]uint64, bits/64)
	if e.kind == "sketch" {
		for h := range uint64(3) {
			votes := make([]int, bits)
			for _, token := range tokens {
				own := rand.New(rand.NewPCG(token, h))
				for w := range row {
					word := own.Uint64()
					for b := range 64 {
						votes[64*w+b] += int(word>>b&1)*2 - 1
					}
				}
			}
			for i, v := range votes {
				if v > 0 || v == 0 && (i+int(h))%2 == 0 {
					row[i/64] ^= 1 << (i % 64)
				}
			}
		}
		return row
	}
	for _, token := range tokens {
		own := rand.New(rand.NewPCG(token, 9))
		for range int(math.Ln2 * float64(bits) / 30) {
			set(row, own.IntN(bits))
		}
	}
	return e.harden(row, rng)
}

func (e encoding) harden(row []uint64, rng *rand.Rand) []uint64 {
	row = slices.Clone(row)
	for range e.fold {
		half := len(row) / 2
		for i := range half {
			row[i] ^= row[half+i]
		}
		row = row[:half]
	}
	for i := range 64 * len(row) {
		if rng.Float64() < e.noise {
			row[i/64] = row[i/64]&^(1<<(i%64)) | rng.Uint64N(2)<<(i%64)
		}
	}
	return row
}

func set(row []uint64, bit int) { row[bit/64] |= 1 << (bit % 64) }

// The same invented people link well under every encoding, with thresholds that are
// chosen from the scores.
func TestLinkUnderEveryEncoding(t *testing.T) {
	const bits, people, size = 2048, 900, 600
	for _, e := range encodings {
		t.Run(e.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(11, 5))
			w := &world{person: map[RecordID]int{}}
			tokens := make([][]uint64, people)
			for i := range tokens {
				for range 26 + rng.IntN(9) {
					tokens[i] = append(tokens[i], 1000+rng.Uint64N(2000)) // strangers share a few
				}
			}
			noise := rand.New(rand.NewPCG(12, 5))
			for p := range 3 {
				party := Party{Name: fmt.Sprintf("party-%d", p), Deduplicated: true}
				for _, i := range rng.Perm(people)[:size] {
					record := slices.Clone(tokens[i])
					for range rng.IntN(5) { // mistyped: a token or two lost for each gained
						record[rng.IntN(len(record))] = rng.Uint64()
					}
					id := RecordID{byte(p), byte(len(party.IDs) >> 8), byte(len(party.IDs))}
					w.person[id] = i
					party.IDs = append(party.IDs, id)
					party.Bits = append(party.Bits, e.encode(record, bits, noise)...)
				}
				w.parties = append(w.parties, party)
			}
			r, err := Link(t.Context(), w.parties, Options{Length: e.length(bits), Similarity: e.similarity(bits)})
			if err != nil {
				t.Fatal(err)
			}
			p, c := w.score(r)
			t.Logf("precision %.4f, recall %.4f at threshold %.3f; estimated %.4f, %.4f", p, c, r.Score(), r.Estimate.Precision, r.Estimate.Recall)
			if p < 0.99 || c < 0.99 {
				t.Errorf("precision %.3f, recall %.3f at threshold %.3f, want 0.99 or more", p, c, r.Score())
			}
		})
	}
}
