package linkage

import (
	"math"
	"slices"

	"cohortlink/linkage/overlap"
)

// One threshold for all is wrong where a party's records hold less than others'. If a
// council has no dates of birth, its filters lack those bits: with other parties all
// of its pairs score lower than they would, strangers and true pairs alike, and under an
// encoding that hides how full a filter is, pairs within it score higher. A threshold that
// suits the others then cuts its true pairs off, or joins its brothers.
//
// How high strangers score can be seen for each two parties by themselves, and without a
// guess at how many true pairs they share: in a party that has each person once, who
// comes second is somebody else (null.go). So pairs of each two parties get an offset, which is
// added to their scores so that strangers of all parties reach a score as often as each
// other, per pair compared. From there on everything is as it was: there is one threshold, the
// null model may take strangers for alike in all parties, as it does, and persons are
// averages of scores. In effect the threshold of two parties is the common one less
// their offset.
//
// On boroughs of 5,000 people (seed 1, 40 % of NHS numbers withheld) whose council has
// neither dates of birth nor numbers, F1 by the chosen threshold is, without offsets and with them,
//
//	clean, plain filters of 1,024 bits   .859 .908
//	clean, standard                      .730 .884
//	dirty, plain                         .777 .825
//	dirty, standard                      .579 .795
//
// and where the council has what the others have, .987 .988, .987 .987, .951 .951, .943 .943. More is to
// be had by looking at how high true pairs score too: with an offset of .060 for the council, and
// -.060 within it, found with the truth, the first row has .951 at its best threshold.

// Offsets are what is added to the scores of the pairs of each two parties, in
// thousandths, by the parties' numbers; the same both ways. Nil: nothing is added.
type Offsets [][]int

// Of is the offset of two parties.
func (o Offsets) Of(a, b int) int {
	if o == nil {
		return 0
	}
	return o[a][b]
}

// Add is the score of a pair of two parties with their offset. It can be more than 1, or less
// than 0. A score that gets an offset is rounded to 1e-9 on the way, which takes none over a
// threshold in whole thousandths: it would have to be nearer to it than the fractions of
// filters of 2^17 bits are. So Take finds it again, to the last bit.
func (o Offsets) Add(score float64, a, b int) float64 { return shift(score, o.Of(a, b)) }

// Take is the score that a pair of two parties had before its offset was added.
func (o Offsets) Take(score float64, a, b int) float64 { return shift(score, -o.Of(a, b)) }

func shift(score float64, thousandths int) float64 {
	if thousandths == 0 {
		return score
	}
	const fine = 1_000_000 // of a thousandth
	return math.Round(score*fine*1000+float64(thousandths)*fine) / (fine * 1000)
}

// largest is the largest offset, at least 0.
func (o Offsets) largest() (most int) {
	for _, row := range o {
		most = max(most, slices.Max(row))
	}
	return most
}

// Raw is the score of a pair without the offset of its parties.
func (r *Result) Raw(p Pair) float64 {
	if r.Offsets == nil {
		return p.Score
	}
	return r.Offsets.Take(p.Score, r.Party(p.A), r.Party(p.B))
}

// score is what two records score that have so many ones in common, with their offset.
func (r *run) score(common int, a, b int32) float64 {
	score := r.measure.score(common, int(r.ones[a]), int(r.ones[b]))
	if r.offsets == nil {
		return score
	}
	return r.offsets.Add(score, partyOf(r.first, a), partyOf(r.first, b))
}

// lowered is what the filters of two parties must reach for their offset to take them to a floor, in
// whole thousandths where there are offsets. It is never above 1: equal filters reach it, and may
// yet lie under the floor.
func lowered(floor overlap.Ratio, offset int) overlap.Ratio {
	if offset == 0 {
		return floor
	}
	return ratio(step(value(floor)) - offset)
}

// with is the sample as it is with offsets added. Scores stay from 0 to 1.
func (s *sample) with(o Offsets) *sample {
	if o == nil {
		return s
	}
	out := *s
	out.looks = slices.Clone(s.looks)
	clear(out.above[:])
	for i := range out.looks {
		l := &out.looks[i]
		offset := o.Of(l.a, l.b)
		l.best = slices.Clone(l.best)
		for j := range l.best {
			if b := &l.best[j]; b.record >= 0 {
				b.score = clamp(shift(b.score, offset))
			}
		}
		for k, n := range l.counts {
			out.above[min(max(k+offset, 0), grid)] += n * l.weight / 2
		}
	}
	for k := grid; k >= 0; k-- {
		out.above[k] += out.above[k+1]
	}
	return &out
}

// Strangers are looked at where a record expects about so many of them in another party of
// mean size: few enough to lie near where a threshold would, and still so many that two
// parties of a thousand records show a hundred or more. strangersSeen is how many of them two
// parties must have to be told.
var strangersExpected = [...]float64{0.6, 0.3, 0.15}

const strangersSeen = 30

// leastOffset is the least worth having: below it what is seen is chance, and that records
// of one party are better kept than another's. Boroughs of parties with the same fields
// differ by up to 15. mostOffset bounds what a mistake can do: floors reach 150 down.
const (
	leastOffset = 20
	mostOffset  = 100
	offsetStep  = 5
)

// offsets are those that make strangers of all parties alike; nil where they are.
func (s *sample) offsets(parties int) Offsets {
	all := s.strangers()
	var pairs, records float64
	for i := range s.looks {
		pairs += float64(s.looks[i].sampled) * float64(s.looks[i].size)
		records += float64(s.looks[i].sampled)
	}
	type sum struct{ offset, levels int }
	found := map[[2]int]sum{}
	for _, expected := range strangersExpected {
		rate := expected * records / max(pairs, 1)
		low, high := usualLevel(all, few, rate), usualLevel(all, many, rate)
		for between, v := range all {
			if rate*v.pairs < strangersSeen {
				continue
			}
			was := found[between]
			found[between] = sum{was.offset + v.offset(low, high, rate), was.levels + 1}
		}
	}
	o := make(Offsets, parties)
	for a := range o {
		o[a] = make([]int, parties)
	}
	any := false
	for between, f := range found {
		offset := int(math.Round(float64(f.offset)/float64(f.levels*offsetStep))) * offsetStep
		offset = min(max(offset, -mostOffset), mostOffset)
		if max(offset, -offset) >= leastOffset {
			a, b := between[0], between[1]
			o[a][b], o[b][a], any = offset, offset, true
		}
	}
	if !any {
		return nil
	}
	return o
}

// strangerRates say how often strangers of two parties reach a score. Where both may hold a
// person twice, one has to guess who is a stranger: some of those that come second are
// the person again, so that they are taken for too many, and of those that come after the widest gap
// too few. Both guesses are kept.
type strangerRates struct {
	clean   bool                 // a party that has each person once tells, and both guesses are one
	pairs   float64              // compared
	guesses [2][grid + 1]float64 // few and many: strangers at k/grid or above, for each pair compared
}

// The guesses.
const (
	few = iota
	many
)

// strangers are those of each two parties, by number, the smaller one first.
func (s *sample) strangers() map[[2]int]*strangerRates {
	out := map[[2]int]*strangerRates{}
	for i := range s.looks {
		l := &s.looks[i]
		between := [2]int{min(l.a, l.b), max(l.a, l.b)}
		v := out[between]
		if v == nil || l.cleanB && !v.clean {
			v = &strangerRates{clean: l.cleanB}
			out[between] = v
		}
		if l.cleanB || !v.clean {
			v.add(l)
		}
	}
	for _, v := range out {
		for g := range v.guesses {
			of := &v.guesses[g]
			for k := grid; k >= 0; k-- {
				of[k] /= v.pairs
				if k < grid {
					of[k] = max(of[k], of[k+1]) // more can only be above a lower score
				}
			}
		}
	}
	return out
}

// add counts the strangers of a look.
func (v *strangerRates) add(l *look) {
	var first [grid + 1]float64
	var others [2][grid + 1]float64
	for j := range l.sampled {
		top := l.of(j)
		first[below(top[0].score)]++
		others[few][below(top[widestGap(top)].score)]++
		others[many][below(top[1].score)]++
	}
	n := float64(l.sampled)
	v.pairs += n * float64(l.size)
	for g := range others {
		var best, other float64 // records whose best is under k/grid, and whose best stranger but perhaps that
		for k := range grid + 1 {
			best += first[k]
			other += others[g][k]
			v.guesses[g][k] += n * expectedStrangers(best/n, other/n)
		}
	}
}

// expectedStrangers is Λ of null.go where a share of records has its best score under t, and a
// share its second best. With F = exp(-Λ) for π taken out of the two equations there it is
//
//	P(second < t) = F + Λ P(best < t)
//
// of which the right side falls from 1 as Λ rises to where F = P(best < t) and nobody has a
// partner.
func expectedStrangers(best, second float64) float64 {
	const most = 10.0
	lo, hi := 0.0, most
	if best > 0 {
		hi = min(most, -math.Log(best))
	}
	for range 30 {
		mid := (lo + hi) / 2
		if math.Exp(-mid)+best*mid > second {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// level is the lowest step that no more strangers than rate reach, by a guess.
func (v *strangerRates) level(guess int, rate float64) int {
	for k, of := range v.guesses[guess] {
		if of <= rate {
			return k
		}
	}
	return grid
}

// offset takes the step that a rate of strangers reaches to the usual one, which lies from low
// to high, by as much as is certain whatever one guesses.
func (v *strangerRates) offset(low, high int, rate float64) int {
	up, down := low-v.level(many, rate), high-v.level(few, rate)
	return max(up, 0) + min(down, 0)
}

// usualLevel is the step that a rate of strangers reaches, by a guess, in the middle one of all
// pairs compared. It is told by parties that have each person once, if there is one.
func usualLevel(all map[[2]int]*strangerRates, guess int, rate float64) int {
	clean := false
	for _, v := range all {
		clean = clean || v.clean
	}
	var at [grid + 1]float64 // pairs compared, by the step
	var total, under float64
	for _, v := range all {
		if v.clean == clean {
			at[v.level(guess, rate)] += v.pairs
			total += v.pairs
		}
	}
	for k, pairs := range at {
		if under += pairs; 2*under >= total {
			return k
		}
	}
	return grid
}
