package audit

import (
	"fmt"
	"math"
)

// What is thought of the outcome of attacks. A pass is the rarest of the grades, and has
// to be earned: the attack recovered next to nothing, from enough people to tell, and the
// same attack on plain filters of the same people recovered many. An attack that breaks
// nothing is no evidence, whatever it was run on.

// PassMeans is said wherever a pass is.
const PassMeans = "A pass means that these attacks failed on these people, and no more: it is a lower bound on the risk. Filters are personal data all the same."

// A Verdict is what one attack, at one setting, did over several seeds, and a grade.
type Verdict struct {
	Attack
	Title   string    `json:"title"`             // in plain words
	Given   string    `json:"given"`             // what the attacker was given, in plain words
	Variant string    `json:"variant,omitempty"` // that recovered most, with the last seed
	Seeds   int       `json:"seeds"`
	Tried   int       `json:"tried"` // over all seeds, as are the next two
	Right   int       `json:"right"`
	Claimed int       `json:"claimed"`
	Shares  []float64 `json:"shares"` // of each seed
	// Share is their mean; of Tokens it is the mean AUC. Low and High are the ends of
	// its 95 % interval, wide enough for the seeds as well as for the number of records.
	Share float64 `json:"share"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Chance is the share that the attack recovers where everybody is taken for somebody
	// else (Outcome.Chance): what it would be with nothing to recover.
	Chance float64 `json:"chance"`
	// Plain is the share that the same attack recovered from plain filters of the same
	// people, -1 where it was not run on them.
	Plain  float64 `json:"plain"`
	Grade  Grade   `json:"grade"`
	Text   string  `json:"text"`
	Detail string  `json:"detail,omitempty"` // the attack's own words
	Do     string  `json:"do,omitempty"`
}

// Gates of the attacks, as shares of the records tried, and of the AUC (ours, from
// encodings-and-attacks.md 2.12).
const (
	AttackPassTo   = 0.01
	AttackFailFrom = 0.05
	// attackPassHigh is how high the interval of a pass may reach.
	attackPassHigh = 0.02
	// StrongFrom is the share that an attack has to recover from plain filters for its
	// failure on others to be evidence.
	StrongFrom = 0.3

	AUCPassTo   = 0.7
	AUCFailFrom = 0.9
)

// Judge grades the outcomes of one attack with several seeds. plain are outcomes of the
// same attack on plain filters of the same people; there may be none.
func Judge(a Attack, outcomes, plain []Outcome) Verdict {
	v := Verdict{Attack: a, Seeds: len(outcomes), Plain: -1}
	v.Title, v.Given = a.words()
	of := func(o *Outcome) float64 {
		if a.Name == Tokens {
			return o.AUC
		}
		return o.Share()
	}
	for i := range outcomes {
		o := &outcomes[i]
		v.Version = o.Version
		v.Tried, v.Right, v.Claimed = v.Tried+o.Tried, v.Right+o.Right, v.Claimed+o.Claimed
		v.Chance += o.Chance
		v.Shares = append(v.Shares, of(o))
		v.Share += of(o) / float64(len(outcomes))
		v.Variant, v.Detail = o.Variant, o.Detail
	}
	v.Chance /= float64(max(1, v.Tried))
	if len(plain) > 0 {
		v.Plain = 0
		for i := range plain {
			v.Plain += of(&plain[i]) / float64(len(plain))
		}
	}
	if len(outcomes) == 0 || v.Tried < leastRecords && a.Name != Tokens {
		v.High, v.Grade = 1, Unknown
		v.Text = fmt.Sprintf("only %d people could have been recovered: too few to tell", v.Tried)
		return v
	}
	if a.Name == Tokens && v.Share == 0 {
		v.High, v.Grade, v.Text = 1, Unknown, "no token was there often enough to be learned"
		return v
	}
	if a.Name == Tokens {
		v.Low, v.High = seedInterval(v.Shares, math.MaxInt32) // a mean over tokens, no count of records
		v.judgeTokens()
		return v
	}
	v.Low, v.High = seedInterval(v.Shares, v.Tried)
	v.judge()
	return v
}

func (v *Verdict) judge() {
	if v.RightKey {
		v.Grade = Info
		v.Text = fmt.Sprintf("whoever has the project key and these filters finds %s of the people they have the values of; this is what a lost key means, for any encoding", shareText(v.Share))
		v.Do = "keep the key with the partners and the filters with the unit, never both in one place"
		return
	}
	strong := v.Plain >= StrongFrom
	switch {
	case v.Right > 0 && v.byChance() && v.High > attackPassHigh:
		v.Grade = Info // no success of the attack, and too few people to be a proof of the filters
	case v.Share > AttackFailFrom:
		v.Grade = Fail
	case v.Share > AttackPassTo || v.High > attackPassHigh && v.Right > 0:
		v.Grade = Warn
	case v.Name == Dictionary:
		v.Grade = Pass // without the key there is nothing to be strong at
	case v.High > attackPassHigh:
		v.Grade = Unknown
	case v.Plain < 0:
		v.Grade = Unknown
	case !strong:
		v.Grade = Info
	default:
		v.Grade = Pass
	}
	v.Text = fmt.Sprintf("recovered %s (95 %% interval %s)", shareText(v.Share), rangeText(v.Low, v.High))
	if v.Right > 0 && v.byChance() {
		v.Text += fmt.Sprintf(", no more than guessing finds (%s)", shareText(v.Chance))
	}
	switch {
	case v.Plain < 0 && v.Name != Dictionary:
		v.Text += "; it was not run on plain filters, so that its strength on these people is not known"
	case v.Name == Dictionary:
	case v.Grade != Info:
		v.Text += fmt.Sprintf("; from plain filters of the same people %s", shareText(v.Plain))
	case strong:
		v.Text += fmt.Sprintf(" among so few people; from plain filters of the same people %s", shareText(v.Plain))
	default:
		v.Text += fmt.Sprintf("; from plain filters of the same people %s, so that its failure says little", shareText(v.Plain))
	}
	if v.Grade == Fail || v.Grade == Warn {
		v.Do = "choose a harder profile; below is what that costs"
	}
}

// byChance tells whether no more was recovered than chance explains: than 95 in 100 draws
// of a Poisson variable have whose mean is what the attack recovers by chance.
func (v *Verdict) byChance() bool {
	mean := v.Chance * float64(v.Tried)
	below, term := 0.0, math.Exp(-mean)
	for k := 0; k < v.Right; k++ {
		below += term
		term *= mean / float64(k+1)
	}
	return mean > 0 && below < 0.95
}

func (v *Verdict) judgeTokens() {
	noise := v.High - v.Share
	v.Grade = gauge(v.Share, noise, AUCPassTo, AUCFailFrom)
	if v.Grade == Unknown && v.Share > AUCPassTo {
		v.Grade = Warn
	}
	v.Text = fmt.Sprintf("tells whether an unseen record has a letter pair or a date part with AUC %.2f, where 0.5 is guessing and 1 is certainty", v.Share)
	if v.Plain >= 0 {
		v.Text += fmt.Sprintf("; on plain filters %.2f", v.Plain)
	}
	if v.Grade == Fail || v.Grade == Warn {
		v.Do = "pieces of values can be learned from known people: they are not people, but keep it in mind where many people are known; a harder profile shows less"
	}
}

// Overall is the grade of everything together. It is a pass only if an attack that breaks
// plain filters of these people failed on theirs.
func Overall(alone []Finding, verdicts []Verdict) Grade {
	worst, earned := Worst(alone), false
	for _, v := range verdicts {
		worst = worse(worst, v.Grade)
		earned = earned || v.Grade == Pass && (v.Name == Anchor || v.Name == Graph)
	}
	if !earned {
		worst = worse(worst, Unknown)
	}
	return worst
}

// Sentence says an overall grade in plain words.
func Sentence(g Grade) string {
	switch g {
	case Fail:
		return "These filters do not withstand attack."
	case Unknown:
		return "It cannot be told whether these filters withstand attack."
	case Warn:
		return "These filters withstood most of what was tried, and showed more than they should."
	default:
		return "These filters withstood what was tried."
	}
}

// words are the attack and what the attacker was given, for people.
func (a Attack) words() (title, given string) {
	title = map[string]string{
		Anchor: "Known people", Graph: "Likeness alone", Dictionary: "Dictionary", Frequency: "Frequency", Pattern: "Patterns", Tokens: "Pieces of values",
	}[a.Name]
	if title == "" {
		title = a.Name
	}
	known := fmt.Sprintf("the names, dates and addresses of %.0f %% of the people", 100*a.Overlap)
	if a.Overlap == 1 {
		known = "the names, dates and addresses of all the people"
	}
	switch a.Name {
	case Dictionary:
		if a.RightKey {
			return title + ", with the key", known + ", and the project key"
		}
		return title, known + ", and no key"
	case Anchor, Tokens:
		return title, fmt.Sprintf("%s, and which filter is whose for %d of them", known, a.Anchors)
	}
	return title, known
}

// t975 are quantiles of Student's t for two-sided 95 % intervals, by degrees of freedom
// from 1; the last stands for all that follow.
var t975 = []float64{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 1.96}

// seedInterval is the 95 % interval of a mean over seeds: from the spread of the seeds,
// and from the number of records as if each had been drawn once (Wilson 1927), whichever
// reaches further. The first alone is 0 wide where every seed recovers nothing, the
// second alone knows nothing of which anchors were drawn.
func seedInterval(shares []float64, tried int) (low, high float64) {
	n := float64(len(shares))
	var mean, squares float64
	for _, s := range shares {
		mean += s / n
	}
	for _, s := range shares {
		squares += (s - mean) * (s - mean)
	}
	const z = 1.959963984540054
	zz := z * z / float64(max(1, tried))
	middle := (mean + zz/2) / (1 + zz)
	half := z / (1 + zz) * math.Sqrt(mean*(1-mean)/float64(max(1, tried))+zz/(4*float64(max(1, tried))))
	low, high = middle-half, middle+half
	if len(shares) > 1 {
		t := t975[min(len(shares)-1, len(t975))-1]
		spread := t * math.Sqrt(squares/(n-1)/n)
		low, high = min(low, mean-spread), max(high, mean+spread)
	}
	return min(max(0, low), mean), max(min(1, high), mean)
}

func rangeText(low, high float64) string {
	return fmt.Sprintf("%.1f to %.1f", 100*low, 100*high)
}
