package formats

// The part of a project file that says what leaves the unit: by which rule counts are protected, and which questions every release answers.

import (
	"github.com/goccy/go-yaml/ast"

	"cohortlink/linkage/cohort"
)

// ProjectRelease says by which rule counts are protected: a published one, or the project's own.
type ProjectRelease struct {
	Preset    string // "hes", "opensafely", "ten", "gpps" or "ons"; "" where HideBelow and RoundTo are spelled out
	HideBelow int    // counts from 1 up to it are hidden
	RoundTo   int    // the others are rounded to the nearest multiple of it
	Stricter  string // "auto", or a score above the threshold at which the main figures are shown too; "" for none
	Noise     ProjectNoise
}

// ProjectNoise says how much noise every release has: both are 0 for none.
type ProjectNoise struct {
	Epsilon cohort.Epsilon // of each release
	Budget  cohort.Epsilon // of all releases of the project together
}

// ProjectQuestion is a question that every release answers. Its condition is read where counts are: only there is known what parties declared.
type ProjectQuestion struct {
	Name  string
	Where string // "" for everybody
	By    string // "", "parties", "needs", or the name of a need
	Line  int
}

func (p *Project) readRelease(y *yamlReader, n ast.Node) {
	r := &p.Release
	s := y.section(n, "release", "preset", "hide_below", "round_to", "stricter", "noise")
	if v := s["stricter"].value; v != nil {
		r.Stricter = y.text(v, "stricter")
		if y.err == nil && CheckThreshold(r.Stricter) != nil {
			y.fail(y.line(v), "stricter must be auto, or a number above 0 and at most 1, such as 0.9")
		}
	}
	r.HideBelow = y.number(s["hide_below"].value, "hide_below", "a whole number", maxReleaseNumber)
	r.RoundTo = y.number(s["round_to"].value, "round_to", "a whole number", maxReleaseNumber)
	if noise := s["noise"].value; noise != nil {
		s := y.section(noise, "noise", "epsilon", "budget")
		r.Noise = ProjectNoise{y.epsilon(y.need(s, "epsilon"), "epsilon"), y.epsilon(y.need(s, "budget"), "budget")}
		if y.err == nil && r.Noise.Budget < r.Noise.Epsilon {
			y.fail(y.line(noise), "the budget is less than one release takes; epsilon is what each takes, and budget what all together may")
		}
	}
	if r.Noise.Epsilon != 0 {
		for _, need := range p.Needs {
			if need.Kind == NeedCategory && need.Values == nil && y.err == nil {
				y.fail(need.Line, "with noise, a category lists its values, such as values: [0-64, 65+]: that a value is there at all tells of the one person who has it")
			}
		}
	}
	own := r.HideBelow != 0 || r.RoundTo != 0
	if !own {
		r.Preset = "hes"
	}
	r.Preset = y.choice(s["preset"].value, "the preset of the release", releasePresets, r.Preset)
	switch {
	case y.err != nil || !own:
	case r.Preset != "":
		y.fail(y.line(n), "a preset says what is hidden and how the rest is rounded; leave out either it or hide_below and round_to")
	case r.HideBelow == 0 || r.RoundTo == 0:
		y.fail(y.line(n), "a rule of the project's own needs both hide_below and round_to, such as {hide_below: 10, round_to: 5}")
	}
}

// epsilon returns a privacy loss.
func (y *yamlReader) epsilon(n ast.Node, what string) cohort.Epsilon {
	if y.err != nil {
		return 0
	}
	e, err := cohort.ParseEpsilon(y.text(n, what))
	if err != nil && y.err == nil {
		y.fail(y.line(n), "%s: %v", what, err)
	}
	return e
}

// maxReleaseNumber is above every threshold and rounding that leaves anything to release.
const maxReleaseNumber = 1_000_000

func (p *Project) readQuestions(y *yamlReader, n ast.Node) {
	first := map[string]int{}
	for _, item := range y.list(n, "questions") {
		q := ProjectQuestion{Line: y.line(item)}
		s := y.section(item, "a question", "name", "where", "by")
		q.Name = y.text(y.need(s, "name"), "name")
		if y.err == nil && !isPlainText(q.Name, 200) {
			y.fail(q.Line, "the name of a question must be a text of at most 200 bytes on one line")
		} else if line, twice := first[q.Name]; twice && y.err == nil {
			y.fail(q.Line, "the question is already in line %d", line)
		}
		first[q.Name] = q.Line
		for _, part := range []struct {
			key string
			to  *string
		}{{"where", &q.Where}, {"by", &q.By}} {
			if v := s[part.key].value; v != nil {
				*part.to = y.text(v, part.key)
				if y.err == nil && !isPlainText(*part.to, 1000) {
					y.fail(y.line(v), "%s must be a text of at most 1000 bytes on one line", part.key)
				}
			}
		}
		if y.err == nil && q.Where == "" && q.By == "" {
			y.fail(q.Line, "a question has where, or by, or both, such as {where: \"parties>=3\", by: needs}")
		}
		p.Questions = append(p.Questions, q)
	}
}
