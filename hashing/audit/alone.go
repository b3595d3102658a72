package audit

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Filters alone: what can be seen of them without a key, a name or a second file. The
// linkage unit can look, and so can whoever steals its disk. These checks are cheap, and
// they find mistakes; that nothing is found says little, since two encodings that
// look equally random from here differ widely under attack (encodings-and-attacks.md 1.6).

// A Sent is one of the filters of a record as a file carries it, over all records.
type Sent struct {
	Name     string
	Encoding string // as the manifest says it: "bloom/1 fold:2", "sketch/1 hashes:3"
	Fields   []string
	// Household: the filters say where people live, so that those of a family are alike.
	Household bool
	Filters
}

// A Grade is what is thought of a finding. The gates are ours: nobody has published any
// that are agreed on.
type Grade string

// The grades, the worst first. Unknown is no pass: it says that there are too few records
// to tell, or nothing to compare with.
const (
	Fail    Grade = "fail"
	Unknown Grade = "unknown"
	Warn    Grade = "warn"
	Pass    Grade = "pass"
	Info    Grade = "info" // a fact without a gate
)

var badness = map[Grade]int{Info: 0, Pass: 1, Warn: 2, Unknown: 3, Fail: 4}

// Worst is the worst of the grades of findings, Info of none.
func Worst(findings []Finding) Grade {
	worst := Info
	for _, f := range findings {
		worst = worse(worst, f.Grade)
	}
	return worst
}

func worse(a, b Grade) Grade {
	if badness[b] > badness[a] {
		return b
	}
	return a
}

// A Finding is one thing that was looked at.
type Finding struct {
	Check  string `json:"check"`            // what was looked at; one of the Check constants
	Filter string `json:"filter,omitempty"` // of which filter
	Grade  Grade  `json:"grade"`
	// Value is the figure that is judged, Noise how far off it may be by chance (three
	// standard errors), PassTo and FailFrom the gates. All 0 where there is no figure.
	Value    float64 `json:"value,omitempty"`
	Noise    float64 `json:"noise,omitempty"`
	PassTo   float64 `json:"pass_to,omitempty"`
	FailFrom float64 `json:"fail_from,omitempty"`
	Text     string  `json:"text"`         // what was found, in plain words
	Do       string  `json:"do,omitempty"` // what to change
}

// What is looked at.
const (
	CheckEncoding   = "encoding"   // A0: how the filters were made
	CheckFields     = "fields"     // A0: over which fields
	CheckExact      = "exact keys" // A0: whole values that travel as keyed hashes
	CheckRecords    = "records"    // whether there are enough to tell
	CheckRepeats    = "repeats"    // A1: filters that are there more than once
	CheckSkew       = "skew"       // A1: places that are set more often than others
	CheckPlaces     = "places"     // A1: places that never differ
	CheckDependence = "dependence" // A2: places that are set together
	CheckTwins      = "twins"      // A3: places that repeat another, or are its opposite
	CheckTuples     = "tuples"     // A4: records that sum to nothing
)

// Gates of the checks on filters alone.
const (
	// FewestRecords is the fewest distinct filters of which anything is concluded; a
	// smaller file is also one in which people are known by being in it.
	FewestRecords = 100

	repeatsPass, repeatsFail       = 0.01, 0.5
	skewPass, skewFail             = 0.03, 0.1
	dependencePass, dependenceFail = 1.05, 1.5
	placesFail                     = 0.01
)

// gauge grades a figure, low being good. What lies within the noise of a gate is not said
// to be on its good side.
func gauge(value, noise, pass, fail float64) Grade {
	switch {
	case value-noise > fail:
		return Fail
	case value+noise <= pass:
		return Pass
	case value > pass && value+noise <= fail, value-noise > pass && value <= fail:
		return Warn
	}
	return Unknown
}

// Alone is everything that filters alone show.
type Alone struct {
	Findings []Finding     `json:"findings"`
	Filters  []AloneFilter `json:"filters"`
}

// AloneFilter holds the figures of one filter.
type AloneFilter struct {
	Name       string     `json:"name"`
	Encoding   string     `json:"encoding"`
	Similarity string     `json:"similarity"`
	Stats      *Stats     `json:"stats"`
	Tuples     *TupleLeak `json:"tuples,omitempty"`
}

// Quick is the cheap part: how the filters were made and the statistics of their bits. It
// takes a second or two for 100,000 records and looks at no more than that.
func Quick(sent []Sent, exact []string) *Alone { return lookAlone(sent, exact) }

// LookAlone is Quick, and the search for groups of records that sum to nothing.
func LookAlone(sent []Sent, exact []string) (*Alone, error) {
	a := lookAlone(sent, exact)
	for i, s := range sent {
		if a.Filters[i].Stats.Distinct < FewestRecords {
			continue // said already
		}
		l, err := measureTuples(s.Bits, s.Rows, aloneRandom(2))
		if err != nil {
			return nil, fmt.Errorf("filter %q: %w", s.Name, err)
		}
		a.Filters[i].Tuples = l
		a.Findings = append(a.Findings, tupleFinding(s.Name, l))
	}
	return a, nil
}

// aloneRandom is randomness for samples. What is drawn decides which pairs are looked at, so
// it is the same each time: two looks at one file agree.
func aloneRandom(use uint64) *rand.Rand { return rand.New(rand.NewPCG(use, 0xa10e)) }

func lookAlone(sent []Sent, exact []string) *Alone {
	a := &Alone{Findings: configFindings(sent, exact)}
	for _, s := range sent {
		stats := measureBits(s.Bits, s.Rows, aloneRandom(1))
		a.Filters = append(a.Filters, AloneFilter{Name: s.Name, Encoding: s.Encoding, Similarity: s.Similarity, Stats: stats})
		findings := bitFindings(s.Name, stats)
		if s.Household {
			excuseFamilies(findings)
		}
		a.Findings = append(a.Findings, findings...)
	}
	return a
}

// excuseFamilies takes the grade from what families do to the filters of their homes: these
// are there again and again, and their places are set together, which is what they are
// for. Nothing is said instead about whether tokens show.
func excuseFamilies(findings []Finding) {
	for i := range findings {
		f := &findings[i]
		if f.Check == CheckRepeats || f.Check == CheckDependence {
			f.Grade, f.Do = Info, ""
			f.Text += "; families share the filter of their home, so that this is not judged"
		}
	}
}

// configFindings judges how filters were made (A0).
func configFindings(sent []Sent, exact []string) []Finding {
	var out []Finding
	for _, s := range sent {
		f := encodingFinding(s)
		f.Check, f.Filter = CheckEncoding, s.Name
		out = append(out, f)
		if len(s.Fields) == 1 {
			out = append(out, Finding{Check: CheckFields, Filter: s.Name, Grade: Fail,
				Text: fmt.Sprintf("the filter is made of field %q alone: equal values give equal filters, and the commonest filter is the commonest value", s.Fields[0]),
				Do:   "make one filter of all fields"})
		}
	}
	if len(sent) > 1 {
		out = append(out, Finding{Check: CheckFields, Grade: Warn,
			Text: fmt.Sprintf("a record has %d filters over different fields: each can be attacked for itself, and what is learned of one helps with the next", len(sent)),
			Do:   "make one filter of all fields, unless the better scores are worth it"})
	}
	if len(exact) > 0 {
		out = append(out, Finding{Check: CheckExact, Grade: Warn,
			Text: fmt.Sprintf("%s also travel as exact keys: whoever holds two files sees with certainty which records have the same value, and how often each value occurs", strings.Join(exact, ", ")),
			Do:   "leave out exact keys unless most people can be found only by them"})
	}
	return out
}

// better is what to do about an encoding that shows too much.
const better = "use a hardened profile: standard, or high"

// more is what to do where there are too few records to tell. The encoding is the same for
// all parties, so that what holds for a larger one says more than this one can.
const more = "judge the encoding by a larger extract: the audit of the project's largest party says most"

// encodingFinding judges an encoding by what its similarity says: the curve from people's
// likeness to that of their filters is what similarity attacks live on. Gates: measured
// success of the anchor attack, encodings-and-attacks.md 1.6.
func encodingFinding(s Sent) Finding {
	method, rest, _ := strings.Cut(s.Similarity, ":")
	scheme := s.Encoding
	if i := strings.IndexAny(scheme, "/ ,"); i >= 0 {
		scheme = scheme[:i]
	}
	switch scheme {
	case "bloom", "sketch", "clkhash":
	default:
		return Finding{Grade: Unknown, Text: fmt.Sprintf("encoding %q is not known to this version: nothing is said about it", s.Encoding), Do: "look with the version of cohortlink that made it"}
	}
	first, _, _ := strings.Cut(rest, ":")
	arity, err := strconv.Atoi(first)
	switch {
	case method == "dice":
		return Finding{Grade: Fail, Text: "a keyed Bloom filter without hardening: published attacks re-identify most of such filters by their likeness alone, without the key (Schäfer, Armknecht & Heng, ACSAC 2024)", Do: better}
	case method == "xor" && err == nil && arity == 1:
		return Finding{Grade: Fail, Text: "a keyed Bloom filter that is balanced, or has noise, and no other hardening: balancing hides no more than how many bits a record sets", Do: better}
	case method == "noise":
		return Finding{Grade: Fail, Text: "a Bloom filter with noise and no other hardening: noise that leaves enough to link by leaves enough to attack by", Do: better}
	case method == "xor" && err == nil && arity >= 4:
		return Finding{Grade: Pass, Text: fmt.Sprintf("each bit is the sum of %d bits of a Bloom filter: only people who are nearly the same look alike", arity)}
	case method == "xor" && err == nil && arity >= 2:
		return Finding{Grade: Warn, Text: "each bit is the sum of two bits of a Bloom filter: with some known pairs part of the records can be re-identified", Do: better + ", or fold twice"}
	case method == "sketch" && err == nil && arity >= 3:
		return Finding{Grade: Pass, Text: fmt.Sprintf("each bit is the sum of %d votes over all of a record's tokens: only people who are nearly the same look alike", arity)}
	case method == "sketch" && err == nil && arity >= 1:
		return Finding{Grade: Warn, Text: fmt.Sprintf("a sketch of %d votes a bit, where three or more hide all but near-duplicates", arity), Do: better + ", or three votes"}
	}
	return Finding{Grade: Unknown, Text: fmt.Sprintf("similarity %q is not known to this version: nothing is said about it", s.Similarity), Do: "look with the version of cohortlink that made it"}
}

// bitFindings judges the statistics of a filter's bits (A1 to A3).
func bitFindings(name string, s *Stats) []Finding {
	var out []Finding
	add := func(f Finding) {
		f.Filter = name
		out = append(out, f)
	}
	few := s.Distinct < FewestRecords
	if s.Records > 0 {
		repeats := Finding{Check: CheckRepeats, Grade: gauge(s.Repeated, 0, repeatsPass, repeatsFail), Value: s.Repeated, PassTo: repeatsPass, FailFrom: repeatsFail,
			Text: fmt.Sprintf("%s of the records have the filter of another record too; the commonest filter is there %s", shareText(s.Repeated), timesText(s.LargestRepeat))}
		switch {
		case repeats.Grade == Pass && few:
			repeats.Grade = Unknown
		case s.Records < FewestRecords:
			repeats.Grade = Warn // in so small a file it may be chance
		case repeats.Grade != Pass:
			repeats.Do = "take repeated rows out of the extract, or make the filter of more fields: how often a filter occurs can give away whose it is"
		}
		add(repeats)
	}
	if few {
		add(Finding{Check: CheckRecords, Grade: Unknown, Value: float64(s.Distinct), PassTo: FewestRecords,
			Text: fmt.Sprintf("different filters: %d, too few to say anything about their bits; and in so small a file a person is known by being in it", s.Distinct),
			Do:   more})
		return out
	}
	skew := Finding{Check: CheckSkew, Grade: gauge(s.Skew, s.SkewNoise, skewPass, skewFail), Value: s.Skew, Noise: s.SkewNoise, PassTo: skewPass, FailFrom: skewFail,
		Text: fmt.Sprintf("some places are set more often than others: Gini coefficient %.3f, of which %.3f is more than chance", s.Gini, s.Skew)}
	if skew.Grade == Unknown {
		skew.Text = fmt.Sprintf("some places are set more often than others: Gini coefficient %.3f; so few records do not tell whether that is more than chance", s.Gini)
		skew.Do = more
	} else if skew.Grade == Pass {
		skew.Text = fmt.Sprintf("all places are set about equally often: Gini coefficient %.3f, hardly more than chance", s.Gini)
	} else {
		skew.Text += "; such places belong to something common, as a frequent surname is"
		skew.Do = better
	}
	add(skew)
	if s.Constant > 0 {
		// What all patients of a practice share (the first letters of their postcodes) can
		// meet in a place of a folded filter by chance: a few such places are no fault.
		share := float64(s.Constant) / float64(s.Bits)
		grade := Warn
		if share >= placesFail {
			grade = Fail
		}
		add(Finding{Check: CheckPlaces, Grade: grade, Value: share, FailFrom: placesFail,
			Text: fmt.Sprintf("%d of %d places are the same in all records: they carry nothing, and say that all records have something in common", s.Constant, s.Bits),
			Do:   "leave out a field that has one value only; where it is the beginning of a postcode that all share, use a hardened profile"})
	}
	dependence := Finding{Check: CheckDependence, Grade: gauge(s.Dependence, s.DependenceNoise, dependencePass, dependenceFail),
		Value: s.Dependence, Noise: s.DependenceNoise, PassTo: dependencePass, FailFrom: dependenceFail,
		Text: fmt.Sprintf("places are set together %.2f times as strongly as independent ones (scaled to %d records); of %d pairs looked at, %d cannot be chance", s.Dependence, DependenceRecords, s.PairsLooked, s.PairsStrong)}
	if dependence.Grade == Unknown {
		dependence.Text = fmt.Sprintf("places are set together %.2f ± %.2f times as strongly as independent ones (scaled to %d records): too few records to tell", s.Dependence, s.DependenceNoise, DependenceRecords)
		dependence.Do = more
	} else if dependence.Grade == Pass {
		dependence.Text = fmt.Sprintf("places are set independently of each other, as far as %d pairs of them show: %.2f, where chance gives 1", s.PairsLooked, s.Dependence)
	} else {
		dependence.Text += "; such places belong to one token, or one value"
		dependence.Do = better
	}
	add(dependence)
	if s.Equal+s.Complement > 0 {
		add(Finding{Check: CheckTwins, Grade: Info, Value: float64(s.Equal + s.Complement),
			Text: fmt.Sprintf("%d places are the opposite of another and %d repeat another: balancing makes opposites, and hides no more than how many bits a record sets", s.Complement, s.Equal)})
	}
	return out
}

func tupleFinding(name string, l *TupleLeak) Finding {
	f := Finding{Check: CheckTuples, Filter: name, Grade: Pass, Value: float64(l.Triples + l.Quads),
		Text: fmt.Sprintf("no group of three or four among %d records sums to less or more than chance and their likeness account for", l.Records)}
	if l.Triples+l.Quads > 0 {
		f.Grade = Warn
		f.Text = fmt.Sprintf("%d groups of three of %d records and %d groups of four of %d sum to far less or more than chance: the encoding shows who is made of the same pieces", l.Triples, l.Records, l.Quads, l.Fours)
		f.Do = "this is what broke encodings that are linear over XOR (PoPETs 2026): a sketch, spelled out in the project file, shows less of it"
	}
	return f
}

func shareText(share float64) string {
	switch p := 100 * share; {
	case share == 0:
		return "none"
	case p < 0.1:
		return "under 0.1 %"
	case p < 10:
		return fmt.Sprintf("%.1f %%", p)
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}

func timesText(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}
