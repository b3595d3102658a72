package cohort

import (
	"fmt"
	"slices"
)

// Question asks how many persons meet a condition, all together and, if By is
// given, by party, by need, or by the values of one need.
type Question struct {
	Name  string // as it is shown; "" shows the condition
	Where string // a condition (see where.go); "" for everybody
	By    string // "", "parties", "needs", or the name of a need
}

// Answer is a question with its figures.
type Answer struct {
	Question Question // its condition in its one spelling
	Words    string   // who the persons are, for readers: see Condition.Words
	All      Figure
	// Households is how many meet the condition, all persons of one taken together; not
	// released where they were not counted, or for everybody.
	Households Figure
	By         []Row // a row for each party or need value; none without By
}

// MaxQuestions is how many questions can be asked of one release.
const MaxQuestions = 100

// Title returns the question as it is shown.
func (q Question) Title() string {
	switch {
	case q.Name != "":
		return q.Name
	case q.Where == "":
		return "everybody"
	}
	return q.Where
}

// ask adds the tables that every release has, and the figures of the questions.
func (s *sheet) ask(o Options) error {
	if len(o.Questions) > MaxQuestions {
		return fmt.Errorf("%d questions are more than the %d that one release answers", len(o.Questions), MaxQuestions)
	}
	s.coarse, s.precise, s.complete = o.Coarse, o.Precision, o.Recall
	if !o.QuestionsOnly {
		s.tables()
	}
	for _, q := range o.Questions {
		c, err := s.condition(q.Where)
		if err != nil {
			return fmt.Errorf("question %q: %w", q.Title(), err)
		}
		q.Where = c.text
		all := figure{table: asked, where: c}
		fs := []figure{all}
		n := slices.IndexFunc(s.needs, func(n Need) bool { return n.Name == q.By })
		switch {
		case q.By == "":
		case q.By == "parties":
			for i := range s.parties {
				f := all
				f.parties = 1 << i
				fs = append(fs, f)
			}
		case q.By == "needs" || n >= 0:
			for m, slots := range s.slots {
				for _, b := range slots {
					if q.By == "needs" || m == n {
						f := all
						f.needs = 1 << b
						fs = append(fs, f)
					}
				}
			}
			if len(fs) == 1 {
				return fmt.Errorf("question %q: no party has declared a need", q.Title())
			}
		default:
			return fmt.Errorf("question %q: persons cannot be counted by %q; use parties, needs, or the name of a need", q.Title(), q.By)
		}
		var is []int
		for _, f := range fs {
			is = append(is, s.add(f, open))
		}
		s.questions = append(s.questions, q)
		s.byQuestion = append(s.byQuestion, is)
	}
	return s.askHomes(o)
}

// CheckQuestion says what is wrong with a question about persons of these parties and needs.
func CheckQuestion(q Question, parties []string, needs []Need) error {
	p, err := NewPersons(parties, needs)
	if err != nil {
		return err
	}
	return newSheet(Count(p).see(), Rule{}).ask(Options{Questions: []Question{q}, QuestionsOnly: true})
}

// condition returns the condition of a text, the same one for the same spelling.
func (s *sheet) condition(text string) (*Condition, error) {
	c, err := parseWhere(text, whereNames{s.parties, s.needs, s.slots, s.twice}, nil)
	if err != nil {
		return nil, err
	}
	if known := s.conditions[c.text]; known != nil {
		return known, nil
	}
	s.conditions[c.text] = c
	return c, nil
}

// Answers returns the questions that were asked, with their figures.
func (r *Release) Answers() []Answer {
	var out []Answer
	for i, q := range r.questions {
		a := Answer{Question: q, Words: r.answers[i][0].where.words, All: r.figures[r.answers[i][0]],
			Households: r.figures[figure{table: homeAsked, where: r.answers[i][0].where}]}
		for _, f := range r.answers[i][1:] {
			row := r.describe(f)
			row.Figure = r.figures[f]
			a.By = append(a.By, row)
		}
		out = append(out, a)
	}
	return out
}
