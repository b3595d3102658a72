package main

import (
	"fmt"

	"cohortlink/formats"
	"cohortlink/linkage"
	"cohortlink/linkage/cohort"
	"cohortlink/linkage/overlap"
)

// What would change at a stricter threshold: the main figures are counted once more
// over persons formed from the pairs that link kept, and are protected as a release of
// its own that knows the first, since one subtracted from the other must tell nothing
// small either.

// stricter is the other threshold, and who the persons are there.
type stricter struct {
	threshold overlap.Ratio
	auto      bool
	persons   *cohort.Persons
	n         int
	release   *cohort.Release
}

const (
	strictAuto = "auto"
	// strictLeaves is the share of links that auto leaves out, those that score lowest.
	strictLeaves = 0.1
	// strictLinks is how few links are too few for auto to speak of a tenth of them.
	strictLinks = 50
)

// findStricter forms the persons of the stricter threshold; nil where none is asked for,
// or auto finds none.
func (r *sizeRun) findStricter(persons *linkedPersons) (*stricter, error) {
	wanted := r.stricter
	if wanted == "" && r.settings != nil {
		wanted = r.settings.Release.Stricter
	}
	if wanted == "" {
		return nil, nil
	}
	if r.noise.epsilon > 0 {
		return nil, usagef("with noise, a stricter threshold cannot be shown beside the other: two counts of the same people would take twice of the budget, and differ by their noise\nleave out --stricter, and stricter: in the project file; or the noise")
	}
	l, err := formats.ReadLinked(r.linked)
	if err != nil {
		return nil, err
	}
	s := &stricter{auto: wanted == strictAuto}
	if s.auto {
		wanted = tenthUp(l.Result)
	}
	if wanted == "" {
		r.app.ui.warnf("there are too few links, or too many score alike, to tell what would change without the lowest tenth of them: the figures at a stricter threshold are left out")
		return nil, nil
	}
	if s.threshold, err = overlap.ParseRatio(wanted); err != nil {
		return nil, usageError{err}
	}
	score := float64(s.threshold.Num) / float64(s.threshold.Den)
	if score <= l.Result.Score() {
		return nil, usagef("%s is no stricter than the threshold of %s, which is %.3f", wanted, r.linked, l.Result.Score())
	}
	person, n, _ := linkage.Persons(l.Result.First, l.Result.Clean, l.Result.Pairs, score, linkage.Least(score, l.Result.Floor, l.Result.Evidence != nil))
	s.n = n
	s.persons, err = persons.as(r.order, person, n)
	return s, err
}

// tenthUp returns the score, in whole thousandths, that leaves out about the lowest
// tenth of the links; "" when there is none.
func tenthUp(res *linkage.Result) string {
	var scores []float64 // of links, falling
	for _, p := range res.Pairs {
		if res.Accepted(p) {
			scores = append(scores, p.Score)
		}
	}
	if len(scores) < strictLinks {
		return ""
	}
	kept := len(scores) - int(strictLeaves*float64(len(scores)))
	thousandths := max(int(1000*scores[kept-1]), int(1000*res.Score())+1)
	if t := float64(thousandths) / 1000; t > 1 || t > scores[0] || t <= scores[len(scores)-1] {
		return ""
	}
	return fmt.Sprintf("%d.%03d", thousandths/1000, thousandths%1000)
}

// linkage names the linkage that the stricter threshold would have given.
func (s *stricter) linkage(m *formats.LinkedManifest) string {
	at := *m
	at.Threshold.Value, at.Persons = fmt.Sprintf("%d/%d", s.threshold.Num, s.threshold.Den), s.n
	return at.Linkage()
}

func (s *stricter) score() string {
	return fmt.Sprintf("%.3f", float64(s.threshold.Num)/float64(s.threshold.Den))
}

// says tells in plain words what is left out.
func (s *stricter) says() string {
	if s.auto {
		return fmt.Sprintf("The tenth of links that stand least firmly are left out: links need a score of %s of 1.", s.score())
	}
	return fmt.Sprintf("Links need a score of %s of 1.", s.score())
}

// as gathers the same records as other persons: person gives that of each record.
func (p *linkedPersons) as(order []string, person []int32, n int) (*cohort.Persons, error) {
	if len(person) != len(p.records) {
		return nil, errorf("the tables of the linked folder do not belong together: link again")
	}
	out, err := cohort.NewPersons(order, p.needs)
	if err != nil {
		return nil, err
	}
	parties := make([]uint64, n)
	carries := make([][]cohort.Carry, n)
	for i, r := range p.records {
		parties[person[i]] |= 1 << r.party
		carries[person[i]] = append(carries[person[i]], r.carries...)
	}
	return out, countPersons(out, parties, carries, p.homesAs(person, n))
}
