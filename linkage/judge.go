package linkage

import (
	"context"
	"slices"

	"cohortlink/linkage/overlap"
)

// The null model (null.go) tells how many pairs of strangers reach a score, and how many
// of them would be linked if pairs were all there is. But persons are formed, and that
// changes both sides. A stranger has to be like all records of a person on average, so
// that far fewer are joined where persons have records in several parties: on boroughs one in
// eight. And true pairs that score low are joined through others.
//
// What thresholds make of the pairs can be counted, though. Persons are formed at a row
// of thresholds, and A(t) is how many pairs are accepted by them. Going down from where nearly
// all true pairs are accepted, A rises by strangers only, so that the slope of A over
// the strangers W that the model expects says what share c of these is joined:
//
//	A(t) = R(t) + c W(t)
//
// with R(t), the right ones, hardly rising any more. As R does rise a little, and more so
// in noisy sets, a slope is too steep rather than too flat; c is the steepest of the slopes,
// at most 1, so that the model's word is only softened where the persons show it at every
// threshold. With two parties c is 1 too: a person has one record of the other, and it takes
// a pair to be joined; that A hardly rises far down says only that everybody has a partner
// by then. Where no party has each person once, W had to guess who is a stranger, and is
// too low where it matters and too high below: there c is 1. Then A - cW pairs are right.
type judge struct {
	ctx       context.Context // ends it early, with what is known then
	run       *run
	null      *nullModel
	pairs     []Pair
	floor     float64
	accepted  map[int]float64 // pairs by step of the threshold, as far as they were counted
	joined    float64         // c
	truePairs float64
}

// Persons are formed at steps judgeStep apart, as long as the model expects at most mostWrong
// times as many strangers as true pairs, and more than a trifle. Further down it can hardly
// tell them, and persons that grow too large are dissolved. Of thresholds that differ by less
// than asGood in expected F1 the highest is taken: less than nullModel.choose gives up, since
// what is accepted is counted here. With its 0.0005 dirty boroughs lost 0.004 of F1.
const (
	judgeStep = 10
	mostWrong = 5
	trifle    = 0.0005
	asGood    = 0.0002
)

// newJudge forms persons at a row of thresholds from the floor up. ctx ends it early, with
// what is known then.
func (r *run) newJudge(ctx context.Context, null *nullModel, pairs []Pair, floor overlap.Ratio) *judge {
	j := &judge{ctx: ctx, run: r, null: null, pairs: pairs, floor: value(floor), accepted: map[int]float64{}, joined: 1, truePairs: null.total}
	var steps []int
	for k := step(value(floor)); k <= grid; k += judgeStep {
		if null.wrong[k] > mostWrong*null.total {
			continue
		}
		steps = append(steps, k)
		if null.wrong[k] <= trifle*null.total {
			break
		}
	}
	for i, k := range steps {
		if ctx.Err() != nil {
			steps = steps[:i]
			break
		}
		r.progress("persons", uint64(i), uint64(len(steps)))
		j.count(k)
	}
	if len(r.parties) > 2 && slices.Contains(r.clean(), true) {
		j.calibrate(steps)
	}
	return j
}

// leastJoined is the least that c is taken for. What is seen of it is seen far down, where
// those who have a partner are joined to nobody else; nearer the threshold c is larger. On a
// dirty borough of 50,000 without NHS numbers precision was .862 (F1 .892) with 0.3 for it, .950
// (.925) with 0.6 and with 1; clean ones of 1,500 to 6,000 win up to .005 of F1 with 0.3.
const leastJoined = 0.6

// calibrate takes the steepest slope of the accepted pairs, each over two steps, where
// there are strangers enough to see them by.
func (j *judge) calibrate(steps []int) {
	const span, enough = 2, 0.05
	steepest := -1.0
	for i := 0; i+span < len(steps); i++ {
		low, high := steps[i], steps[i+span]
		strangers := j.null.wrong[low] - j.null.wrong[high]
		if min(strangers, j.null.wrong[high]) < enough*j.null.total {
			continue
		}
		steepest = max(steepest, (j.count(low)-j.count(high))/strangers)
	}
	if steepest >= 0 && steepest < 1 {
		j.joined = max(leastJoined, steepest)
	}
}

// count is how many pairs the persons of a threshold accept.
func (j *judge) count(k int) float64 {
	n, ok := j.accepted[k]
	if !ok {
		person, persons, _ := personsOf(j.ctx, j.run.first, j.run.clean(), j.pairs, float64(k)/grid, Least(float64(k)/grid, j.floor, false))
		n = acceptedPairs(j.run.first, person, persons, j.null.alone)
		j.accepted[k] = n
	}
	return n
}

// acceptedPairs counts the pairs of records of one person: of different parties, and of the
// same where there is no other.
func acceptedPairs(first []int, person []int32, persons int, alone bool) (pairs float64) {
	before := make([]int32, persons) // records of each person, in the parties before
	for p := 0; p+1 < len(first); p++ {
		of := person[first[p]:first[p+1]]
		for _, x := range of {
			pairs += float64(before[x])
			if alone {
				before[x]++
			}
		}
		if !alone {
			for _, x := range of {
				before[x]++
			}
		}
	}
	return pairs
}

// wrong is how many accepted pairs are expected to be of strangers.
func (j *judge) wrong(k int) float64 { return min(j.joined*j.null.wrong[k], j.count(k)) }

// right is how many are expected to be right.
func (j *judge) right(k int) float64 { return min(j.truePairs, j.count(k)-j.wrong(k)) }

func (j *judge) f1(k int) float64 { return 2 * j.right(k) / (j.count(k) + j.truePairs) }

// choose takes the step with the best expected F1, first of those at which persons were
// formed, and then of some around it. Of steps that promise as much it takes the highest, as
// nullModel.choose does. instead is what it returns where there was nothing to see.
func (j *judge) choose(ctx context.Context, instead Threshold) Threshold {
	if len(j.accepted) == 0 {
		return instead
	}
	const finer = 5
	at := j.best()
	for k := max(at-judgeStep, step(j.floor)); k <= min(at+judgeStep, grid) && ctx.Err() == nil; k += finer {
		j.count(k)
	}
	t := j.at(ratio(j.best()))
	t.Auto = true
	return t
}

func (j *judge) best() (at int) {
	top := 0.0
	for k := range j.accepted {
		top = max(top, j.f1(k))
	}
	for k := range j.accepted {
		if j.f1(k) >= top-asGood {
			at = max(at, k)
		}
	}
	return at
}

// at is what is expected of the persons of a threshold.
func (j *judge) at(r overlap.Ratio) Threshold {
	k := step(value(r))
	if j.truePairs == 0 || value(r) < j.floor {
		t := j.null.at(r)
		t.Auto = false
		return t
	}
	return Threshold{Ratio: r, Estimate: j.null.estimate(k, j.right(k), j.count(k), j.truePairs)}
}
