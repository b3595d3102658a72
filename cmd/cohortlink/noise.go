package main

import (
	"fmt"
	"slices"

	"cohortlink/formats"
	"cohortlink/linkage/cohort"
)

// noising is the noise of a release: what was asked for, and what came of it.
type noising struct {
	epsilonFlag, budgetFlag string

	epsilon, budget cohort.Epsilon // 0 for no noise
	again           int            // the number of the release that this one is over again; 0 for a new one
}

// ask reads the flags, and what the project says where there are none.
func (n *noising) ask(p *formats.Project) error {
	if p != nil {
		n.epsilon, n.budget = p.Release.Noise.Epsilon, p.Release.Noise.Budget
	}
	for _, f := range []struct {
		name, text string
		to         *cohort.Epsilon
	}{{"--noise-epsilon", n.epsilonFlag, &n.epsilon}, {"--noise-budget", n.budgetFlag, &n.budget}} {
		if f.text == "" {
			continue
		}
		e, err := cohort.ParseEpsilon(f.text)
		if err != nil {
			return usagef("%s: %w", f.name, err)
		}
		if f.to == &n.budget && n.budget != 0 && e > n.budget {
			return usagef("--noise-budget %s is more than the %s of the project file\nwhere all have agreed to more, change it there", e, n.budget)
		}
		*f.to = e
	}
	switch {
	case n.budget != 0 && n.epsilon == 0:
		return usagef("--noise-budget is what all releases together may take: say how much this one takes with --noise-epsilon")
	case n.epsilon != 0 && n.budget == 0:
		return usagef("say what all releases of the project together may take with --noise-budget, such as %s for four like this\nor in the project file: release: {noise: {epsilon: %s, budget: %s}}", 4*n.epsilon, n.epsilon, 4*n.epsilon)
	}
	return nil
}

// settleNoise finds out whether a release may be made with the noise that was asked for,
// or without any, after so many of the ledger, and puts the noise into its options. Members
// that are given out are known exactly, so that a cohort has none.
func (r *release) settleNoise(o *cohort.Options, rule cohort.Rule, after int) error {
	with, without := r.book.Noisy(after)
	if len(o.Given) > 0 || r.noise.epsilon == 0 {
		if (with > 0 || r.noise.epsilon != 0) && r.accept == "" {
			what := "counts"
			if len(o.Given) > 0 {
				what = "the members of a cohort and their number"
			}
			return errorf("the releases of this project have noise: %s as they are would take from them what the noise protects\nif that is worth it, say why with --accept-disclosure \"reason\", which is kept in the ledger", what)
		}
		return nil
	}
	if err := r.valuesAreFixed(); err != nil {
		return err
	}
	o.Noise = &cohort.Noise{Epsilon: r.noise.epsilon}
	like := formats.LedgerEntry{Kind: formats.LedgerRelease, Linkage: r.manifest.Linkage(), Parties: r.order,
		Rule:  formats.LedgerRule{Name: rule.Name, Least: rule.Least, Base: rule.Base, HideZero: rule.HideZero},
		Noise: &formats.LedgerNoise{Epsilon: r.noise.epsilon.String()}}
	needs := r.needs()
	for _, q := range o.Questions {
		c, err := cohort.ParseWhere(q.Where, r.order, needs)
		if err != nil {
			return fmt.Errorf("question %q: %w", q.Title(), err)
		}
		like.Questions = append(like.Questions, formats.LedgerQuestion{Name: q.Name, Where: c.String(), By: q.By})
	}
	if r.noise.again, o.Noise.Drawn, o.Noise.Cells = r.book.Drawn(&like); r.noise.again > 0 {
		return nil
	}
	if without > 0 && r.accept == "" {
		return errorf("%s holds releases without noise: beside them, noise on this one protects less than it says\nif that is known to all who are in it, say so with --accept-disclosure \"reason\", which is kept in the ledger", r.ledger)
	}
	spent, was := r.book.Spent(len(r.book.Entries))
	switch {
	case spent > 0 && r.noise.budget > was && r.accept == "":
		return errorf("the budget of this project was %s when it last released, and is %s now\nif all have agreed to more, say so with --accept-disclosure \"reason\", which is kept in the ledger", was, r.noise.budget)
	case spent+r.noise.epsilon > r.noise.budget:
		return errorf("the privacy budget of this project is %s, and %s of it is spent: a release with epsilon %s is over it\nask what was asked before, which takes nothing; or less exactly, with a smaller epsilon", r.noise.budget, spentText(spent), r.noise.epsilon)
	}
	return nil
}

func spentText(e cohort.Epsilon) string {
	if e == 0 {
		return "nothing"
	}
	return e.String()
}

// needs are those of the linked folder.
func (r *release) needs() []cohort.Need {
	var out []cohort.Need
	for _, n := range r.manifest.Needs {
		need := cohort.Need{Name: n.Name, Kind: n.Kind}
		if n.Kind == formats.NeedCategory {
			need.Values = n.Values
		}
		out = append(out, need)
	}
	return out
}

// valuesAreFixed refuses categories whose values come from the records: that a value is
// counted at all would tell of the one person who has it, whatever the noise.
func (r *release) valuesAreFixed() error {
	for _, n := range r.needs() {
		if n.Kind != cohort.Category {
			continue
		}
		if r.settings == nil {
			return usagef("with noise, the values of need %q must be those of the project: name the project file with --project", n.Name)
		}
		i := slices.IndexFunc(r.settings.Needs, func(p formats.ProjectNeed) bool { return p.Name == n.Name })
		if i < 0 || !slices.Equal(r.settings.Needs[i].Values, n.Values) {
			return errorf("with noise, the values of need %q must be listed in %s before records are hashed: that a value is there tells of the one person who has it\nlist them there (values: [...]), hash and link again; or release without noise", n.Name, r.project)
		}
	}
	return nil
}

// noiseSays tells on the terminal what a release with noise took.
func (r *release) noiseSays(number int) {
	spent, budget := r.book.Spent(number)
	if r.noise.again > 0 {
		r.app.ui.sayf("this is release %d over again, with the noise that was drawn for it then; it takes nothing of the budget", number)
		return
	}
	r.app.ui.sayf("every count has noise of epsilon %s; of the project's budget of %s, %s is spent", r.noise.epsilon, budget, spent)
}

// releaseSays is what the page says of the ledger.
func (r *release) releaseSays(number int, rel *cohort.Release) string {
	with, without := r.book.Noisy(number)
	if _, noisy := rel.Noise(); noisy {
		spent, budget := r.book.Spent(number)
		s := fmt.Sprintf("This is release %d of the project. What releases with noise give away adds up: of the budget of %s, %s was spent with this one.", number, budget, spent)
		if without > 0 {
			s += " The project has also released counts without noise. Those who have both know more than the noise alone would let them."
		}
		return s
	}
	s := "This is the first release of the project. Later ones will be held against it."
	if number > 1 {
		s = fmt.Sprintf("This is release %d of the project. It was held against the earlier ones, so that what they tell together is no more than what each may tell.", number)
	}
	if with > 0 {
		s += " The project has also released counts with noise, which were not held against it: they make some numbers that a hidden figure could be likelier than others."
	}
	return s
}
