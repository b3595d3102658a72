package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/linkage/cohort"
)

// release is what size and cohort have in common: a linked folder, the rule for its
// counts, and the ledger in which every release of the project is.
type release struct {
	app                     *app
	linked, project, ledger string
	preset                  string
	hideBelow, roundTo      int
	accept                  string
	where, by               string
	noise                   noising

	manifest *formats.LinkedManifest
	settings *formats.Project // nil without --project
	order    []string         // of the parties
	book     *formats.Ledger
	fresh    bool // the ledger is begun by this release
}

func (r *release) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.project, "project", "", "the project file: its rule, questions and order of parties hold")
	f.StringVar(&r.ledger, "ledger", "", "the ledger of the project's releases (default: PROJECT.ledger, beside the project file or the linked folder)")
	f.StringVar(&r.preset, "preset", "", "release rule: "+presetNames()+" (default: the project's, or hes)")
	f.IntVar(&r.hideBelow, "hide-below", 0, "in place of a preset: hide counts below this, with --round-to")
	f.IntVar(&r.roundTo, "round-to", 0, "in place of a preset: round to the nearest multiple of this, with --hide-below")
	f.StringVar(&r.accept, "accept-disclosure", "", "the reason for a rule below the floor of 5, for counts that can be compared with those of parties that have left, or for counts with noise beside such without; it is kept")
	f.StringVar(&r.where, "where", "", `who is asked about, such as "parties>=3 and frailty"; see "cohortlink size --help"`)
}

const whereHelp = `
A condition names parties and needs: "parties>=3", "council and not frailty",
"age_band=65+ or age_band=85+", "(frailty or falls) and parties=2". Names and values
with spaces stand in quotation marks; where a party and a need have one name, write
party:NAME or need:NAME. A person carries a need when any party says so.

Every release is written down in the project's ledger, and held against all that were
released before: what two of them would tell together is hidden too, or the release is
refused. A linked folder that has released counts does so again only with its ledger.
`

// misasked is an error about the condition or question of the command. Where that names
// what the linkage does not have, the hint says what there is.
func (r *release) misasked(err error, needs []cohort.Need) error {
	if !errors.Is(err, cohort.ErrGone) {
		return usageError{err}
	}
	var names []string
	for _, n := range needs {
		names = append(names, n.Name)
	}
	hint := fmt.Sprintf("the parties are %s; parties>=2 asks in how many somebody is", quoted(r.order))
	if names != nil {
		hint += fmt.Sprintf("\nthe needs are %s; NEED>=2 asks whether two parties or more say a yes-no need", quoted(names))
	}
	return usagef("%w\n%s", err, hint)
}

// begin reads the linked folder's manifest, the project file and the ledger.
func (r *release) begin() (cohort.Rule, error) {
	var rule cohort.Rule
	m, err := formats.ReadLinkedManifest(r.linked)
	if err != nil {
		return rule, err
	}
	r.manifest = m
	if r.project != "" {
		if r.settings, err = formats.ReadProject(r.project); err != nil {
			return rule, err
		}
		if r.settings.Name != m.Project {
			return rule, errorf("%s is the file of project %q, but %s belongs to %q", r.project, r.settings.Name, r.linked, m.Project)
		}
	}
	r.order = partyOrder(m, r.settings)
	if err := r.noise.ask(r.settings); err != nil {
		return rule, err
	}
	if rule, err = r.rule(); err != nil {
		return rule, err
	}
	return rule, r.open()
}

// rule is the one named in the command, else the project's, else hes.
func (r *release) rule() (cohort.Rule, error) {
	preset, hideBelow, roundTo := "hes", 0, 0
	if p := r.settings; p != nil {
		preset, hideBelow, roundTo = p.Release.Preset, p.Release.HideBelow, p.Release.RoundTo
	}
	if r.preset != "" {
		preset, hideBelow, roundTo = r.preset, 0, 0
	}
	if r.hideBelow != 0 || r.roundTo != 0 {
		if r.preset != "" || r.hideBelow == 0 || r.roundTo == 0 {
			return cohort.Rule{}, usagef("a rule of your own needs --hide-below and --round-to, and no --preset")
		}
		preset, hideBelow, roundTo = "", r.hideBelow, r.roundTo
	}
	if preset != "" {
		rule, err := cohort.Preset(preset)
		if err != nil {
			return rule, usageError{err}
		}
		return rule, nil
	}
	rule, err := cohort.Custom(hideBelow, roundTo, r.accept)
	switch {
	case errors.Is(err, cohort.ErrWeakRule):
		return rule, usagef("%w\nsay why with --accept-disclosure \"reason\", which is kept with the release; or use a preset", err)
	case err != nil:
		return rule, usageError{err}
	}
	return rule, nil
}

// open finds the ledger: one that is named, or that lies where the unit's project is.
func (r *release) open() error {
	mark, err := formats.ReadLedgerMark(r.linked)
	if err != nil {
		return err
	}
	if r.ledger == "" {
		beside := filepath.Clean(r.linked)
		if r.project != "" {
			beside = r.project
		}
		r.ledger = filepath.Join(filepath.Dir(beside), r.manifest.Project+".ledger")
	}
	r.book, err = formats.ReadLedger(r.ledger)
	if errors.Is(err, os.ErrNotExist) && mark.Number == 0 {
		r.fresh = true
		r.book, err = formats.NewLedger(r.manifest.Project)
		return err
	} else if errors.Is(err, os.ErrNotExist) {
		return errorf("%s has released counts, and there is no ledger %s to hold new ones against\nname the ledger of the project with --ledger", r.linked, r.ledger)
	} else if err != nil {
		return err
	}
	if r.book.Project != r.manifest.Project {
		return errorf("%s is the ledger of project %q, but %s belongs to %q", r.ledger, r.book.Project, r.linked, r.manifest.Project)
	}
	if !r.book.Has(mark) {
		return errorf("%s does not hold release %d, which was made from %s: it is another ledger, or an old copy\nname the ledger of the project with --ledger", r.ledger, mark.Number, r.linked)
	}
	if mark.Number > 0 && !r.book.HasFolder(r.manifest) {
		return errorf("%s has released counts, and no release in %s was made from its %s: it was changed since\nlink again, or take a copy of the folder as it was", r.linked, r.ledger, formats.LinkedManifestFile)
	}
	return nil
}

// protect turns counts into a release that is safe beside the earlier ones, the first so
// many of the ledger.
func (r *release) protect(persons *cohort.Persons, rule cohort.Rule, o cohort.Options, after int) (*cohort.Release, error) {
	if err := r.settleNoise(&o, rule, after); err != nil {
		return nil, err
	}
	meter := r.app.ui.meter("protect the counts", "hidden figures")
	defer meter.done()
	o.Progress = func(safe, hidden int) { meter.set(uint64(safe), uint64(hidden)) }
	o.Forget = r.accept != ""
	rel, err := cohort.Protect(cohort.Count(persons), rule, o)
	var differs *cohort.DifferenceError
	switch {
	case errors.Is(err, cohort.ErrParted):
		return nil, errorf("%w\nlink the parties of then too; or say why with --accept-disclosure \"reason\", which is kept in the ledger", err)
	case errors.As(err, &differs) && len(o.Given) > 0:
		return nil, errorf("%w\neach party would learn how many of its own persons meet the condition: give the cohort to fewer parties with --party, or ask for a wider one\nof a linkage whose counts are not released yet, draw cohorts first: \"cohortlink size\" then hides what they would tell", err)
	case errors.As(err, &differs):
		return nil, errorf("%w\nask what was asked before, or something wider", err)
	}
	return rel, err
}

// entry is what the ledger will hold of a release.
func (r *release) entry(rel *cohort.Release) formats.LedgerEntry {
	e := formats.EntryOf(rel)
	e.Tool, e.Made, e.Linkage, e.Manifest, e.Accepted = tool(), time.Now().UTC().Format(time.DateOnly), r.manifest.Linkage(), r.manifest.Digest(), r.accept
	if e.Noise != nil {
		e.Noise.Budget = r.noise.budget.String()
	}
	return e
}

// note writes a release down, before anybody can have it, and returns its number.
func (r *release) note(e formats.LedgerEntry) (int, error) {
	number := r.noise.again
	if number == 0 {
		number = r.book.Same(e)
	}
	if number == 0 {
		if err := r.book.Append(e); err != nil {
			return 0, err
		}
		number = len(r.book.Entries)
		// Somebody else may have released meanwhile.
		now, err := formats.ReadLedger(r.ledger)
		if err == nil && len(now.Entries) != number-1 || err != nil && !(r.fresh && errors.Is(err, os.ErrNotExist)) {
			return 0, errorf("%s was written to while this release was made: make it again", r.ledger)
		}
		if err := replaceFile(r.ledger, 0o600, r.book.Text()); err != nil {
			return 0, err
		}
		if r.fresh {
			r.fresh = false
			r.app.ui.sayf("began %s: keep it at the unit; every later release is held against it", r.ledger)
		}
	}
	return number, replaceFile(filepath.Join(r.linked, formats.LedgerMarkFile), 0o600, r.book.Mark().Text())
}

func newLedger(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ledger FILE",
		Short: "What has been released in a project, and whether its ledger is whole",
		Long: `Follows the chain of a ledger of releases, and lists them: when, by which rule, which
questions, and which cohorts were given to whom. It shows no count.
` + exitHelp,
		Example: `  cohortlink ledger unit/frailty.ledger`,
		Args:    args(1, 1, "one ledger"),
		RunE: func(_ *cobra.Command, args []string) error {
			book, err := formats.ReadLedger(args[0])
			if err != nil {
				return err
			}
			return tellLedger(a.ui, book, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

// ledgerLine is an entry without its figures.
type ledgerLine struct {
	Number    int                      `json:"number"`
	Kind      string                   `json:"kind"`
	Made      string                   `json:"made"`
	Rule      string                   `json:"rule"`
	Parties   []string                 `json:"parties"`
	Threshold string                   `json:"threshold,omitempty"`
	Figures   int                      `json:"figures"`
	Homes     bool                     `json:"households,omitempty"` // households are counted too
	Hurried   []string                 `json:"hurried,omitempty"`
	Questions []formats.LedgerQuestion `json:"questions"`
	GivenTo   []string                 `json:"given_to"`
	Noise     *formats.LedgerNoise     `json:"noise,omitempty"`
	Accepted  string                   `json:"accepted,omitempty"`
}

func tellLedger(u *ui, book *formats.Ledger, asJSON bool) error {
	lines := []ledgerLine{}
	for _, e := range book.Entries {
		l := ledgerLine{Number: e.Number, Kind: e.Kind, Made: e.Made, Rule: e.Rule.Name, Parties: e.Parties, Figures: len(e.Figures),
			Homes: e.HasHouseholds(), Threshold: e.Threshold, Hurried: e.Hurried, Questions: e.Questions, GivenTo: []string{}, Noise: e.Noise, Accepted: e.Accepted}
		for _, g := range e.Given {
			l.GivenTo = append(l.GivenTo, g.Party)
		}
		lines = append(lines, l)
	}
	if asJSON {
		return u.resultJSON(map[string]any{"project": book.Project, "releases": lines})
	}
	u.resultf("project %q, %s, chain whole\n", book.Project, plural(len(lines), "release"))
	if spent, budget := book.Spent(len(book.Entries)); spent > 0 {
		u.resultf("of the privacy budget of %s, %s is spent\n", budget, spent)
	}
	for _, l := range lines {
		u.resultf("%3d  %s  %-7s  rule %s, %s, %s\n", l.Number, l.Made, l.Kind, l.Rule, parties(len(l.Parties)), plural(l.Figures, "figure"))
		if l.Noise != nil {
			u.resultf("     with noise of epsilon %s\n", l.Noise.Epsilon)
		}
		if l.Homes {
			u.resultf("     of households too\n")
		}
		for _, q := range l.Questions {
			u.resultf("     asked: %s\n", questionText(q.Name, q.Where, q.By))
		}
		if l.Threshold != "" {
			u.resultf("     persons formed at the stricter threshold %s\n", l.Threshold)
		}
		if len(l.Hurried) > 0 {
			u.resultf("     hidden as whole tables: %s\n", strings.Join(l.Hurried, ", "))
		}
		if len(l.GivenTo) > 0 {
			u.resultf("     members given to: %s\n", strings.Join(l.GivenTo, ", "))
		}
		if l.Accepted != "" {
			u.resultf("     accepted: %q\n", l.Accepted)
		}
	}
	return nil
}

func questionText(name, where, by string) string {
	s := fmt.Sprintf("where %q", where)
	if where == "" {
		s = "everybody"
	}
	if by != "" {
		s += " by " + by
	}
	if name != "" {
		s = fmt.Sprintf("%q: %s", name, s)
	}
	return s
}
