package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/linkage/cohort"
)

func newSize(a *app) *cobra.Command {
	var r sizeRun
	cmd := &cobra.Command{
		Use:   "size LINKED",
		Short: "Count persons by services and needs, protected for release",
		Long: `Counts the persons of a linked folder by the parties they are in and the needs
they carry, protects the counts, and writes the folder release/:

  report.html   a page for the commissioner: one file, nothing from the network
  counts.csv    the same figures as a table
  counts.json   the same for programs

Small counts are hidden and the rest rounded by a published rule; more is hidden
until nobody, not even a party that knows its own total, can work out what was.
Nothing else that this command prints or writes holds a count of persons that was not
protected.

With --where and --by a question of your own is answered, beside those that the project
file names: how many persons meet a condition, in all and by parties, needs, or the
values of one need. Answers are on the page, in the tables, and printed. Where the
project says which needs are met by which services (meets:), every release answers how
many have a need and none of them.

Where households were linked, they are counted too, and protected together with persons:
how many each party knows somebody of, each two parties, and two or three or more; and
how many meet the condition of a question, all persons of one taken together.

With --stricter the main figures are shown a second time, for persons formed at a
stricter threshold, in stricter.csv and stricter.json too: "auto" leaves out the tenth
of links that score lowest. They are protected together with the first ones.

With --noise-epsilon, or noise: in the project file, every count is changed by
a random amount, and its range is told. Then nobody, whatever else they know, can tell
from the counts whether one person is among them, but for odds that epsilon bounds: the
smaller, the more noise. What releases take of the project's budget adds up in the
ledger, and none is made over it. The same release comes out again as it was drawn, and
takes nothing.
` + whereHelp + exitHelp,
		Example: `  cohortlink size linked --project project.yaml -o release
  cohortlink size linked --project project.yaml --by needs --where "parties>=3" -o answer`,
		Args: args(1, 1, "one linked folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.app, r.linked, r.householdsAsked = a, args[0], cmd.Flags().Changed("households")
			_, err := r.run()
			return err
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&r.stricter, "stricter", "", "show what would change at a stricter threshold: \"auto\", or a score (default: the project's, or none)")
	f.BoolVar(&r.households, "households", true, "count households too, where they were linked; --households=false leaves them out")
	f.StringVar(&r.by, "by", "", "count by \"parties\", \"needs\", or the name of a need")
	f.StringVarP(&r.out, "out", "o", "release", "the folder to write")
	f.StringVar(&r.title, "title", "", "the page's title")
	f.StringVar(&r.contact, "contact", "", "who to ask about the figures")
	f.BoolVar(&r.json, "json", false, "print counts.json")
	f.StringVar(&r.noise.epsilonFlag, "noise-epsilon", "", "put noise on every count: the release's privacy loss, such as 0.5 (default: the project's, or no noise)")
	f.StringVar(&r.noise.budgetFlag, "noise-budget", "", "what all releases of the project together may take, such as 2 (default: the project's)")
	return cmd
}

func presetNames() string {
	s := ""
	for i, r := range cohort.Presets() {
		if i > 0 {
			s += ", "
		}
		s += r.Name
	}
	return s
}

type sizeRun struct {
	release
	out, title, contact string
	stricter            string // a score, or "auto"
	json, invented      bool
	households          bool
	householdsAsked     bool // by the flag
}

func (r *sizeRun) run() (*cohort.Release, error) {
	rule, err := r.begin()
	if err != nil {
		return nil, err
	}
	dir, err := formats.CreateDir(r.out, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Abort()

	persons, err := readPersons(r.linked, r.manifest, r.order)
	if err != nil {
		return nil, err
	}
	if r.where != "" || r.by != "" {
		if err := cohort.CheckQuestion(cohort.Question{Where: r.where, By: r.by}, r.order, persons.needs); err != nil {
			return nil, r.misasked(err, persons.needs)
		}
	}
	strict, err := r.findStricter(persons)
	if err != nil {
		return nil, err
	}
	options := r.options(persons)
	if options.Households, err = r.countsHouseholds(persons); err != nil {
		return nil, err
	}
	rel, entry, err := r.count(persons.all, rule, options, nil, nil)
	if err != nil {
		return nil, err
	}
	entries := []formats.LedgerEntry{entry}
	if strict != nil {
		if entries, err = r.countStricter(strict, rule, options, entries); err != nil {
			return nil, err
		}
	}
	var numbers []int
	for _, e := range entries {
		number, err := r.note(e)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, number)
	}
	about := r.about(r.manifest, rel)
	about.Release = r.releaseSays(numbers[0], rel)
	files := []releaseFile{
		{"counts.csv", func(w io.Writer) error { return formats.WriteCounts(w, rel) }},
		{"counts.json", func(w io.Writer) error { return formats.WriteCountsJSON(w, rel) }},
		{"report.html", func(w io.Writer) error { return formats.WriteReport(w, rel, about) }},
	}
	if strict != nil && strict.release != nil {
		about.Stricter = &formats.ReportStricter{Says: strict.says(), Release: strict.release}
		files = append(files, releaseFile{"stricter.csv", func(w io.Writer) error { return formats.WriteCounts(w, strict.release) }},
			releaseFile{"stricter.json", func(w io.Writer) error { return formats.WriteCountsJSON(w, strict.release) }})
	}
	for _, f := range files {
		if err := f.into(dir); err != nil {
			return nil, err
		}
	}
	if err := dir.Commit(); err != nil {
		return nil, err
	}
	r.app.ui.sayf("wrote %s: %s; %s hidden", r.out, strings.TrimSuffix(rel.Says(), "."), plural(rel.Hidden(), "figure"))
	r.app.ui.sayf("it is release %d in %s", numbers[0], r.ledger)
	if r.noise.epsilon > 0 {
		r.noiseSays(numbers[0])
	}
	if len(numbers) > 1 {
		r.app.ui.sayf("what would change at the stricter threshold %s is release %d", strict.score(), numbers[1])
	}
	if rel.HouseholdsLeftOut() {
		r.app.ui.warnf("households are left out: with so few persons for so many parties and needs no way was found to show them safely")
	}
	if len(rel.Audit().Hurried) > 0 {
		r.app.ui.warnf("with so few persons for so many parties and needs, whole tables had to be hidden to be safe: the page names them\nfewer needs, or needs with fewer values, would leave more to show")
	}
	if r.json {
		return rel, formats.WriteCountsJSON(r.app.ui.out, rel)
	}
	r.answer(rel)
	return rel, nil
}

// releaseFile is a file of the folder of a release.
type releaseFile struct {
	name  string
	write func(io.Writer) error
}

func (f releaseFile) into(dir *formats.OutputDir) error {
	o, err := dir.Create(f.name, 0o644)
	if err != nil {
		return err
	}
	defer o.Abort()
	if err := f.write(o); err != nil {
		return err
	}
	return o.Commit()
}

// options are the questions, and how good the links are thought to be at the least.
func (r *sizeRun) options(persons *linkedPersons) cohort.Options {
	o := cohort.Options{Questions: r.questions(persons)}
	if e := r.manifest.Estimate; e.Precision != nil && e.Recall != nil {
		o.Precision, o.Recall = *e.Precision, *e.Recall
		if i := e.PrecisionInterval; i != nil {
			o.Precision = min(o.Precision, i[0])
		}
		if i := e.RecallInterval; i != nil {
			o.Recall = min(o.Recall, i[0])
		}
	}
	return o
}

// count makes a release, and its entry in the ledger. One that was made before comes out
// the same: it is held against what there was before it. before are releases that are
// not in the ledger yet.
func (r *sizeRun) count(persons *cohort.Persons, rule cohort.Rule, o cohort.Options, at *stricter, before []formats.LedgerEntry) (*cohort.Release, formats.LedgerEntry, error) {
	linkage, threshold := r.manifest.Linkage(), ""
	if at != nil {
		linkage, threshold = at.linkage(r.manifest), at.score()
	}
	try := func(entries []formats.LedgerEntry, after int) (*cohort.Release, formats.LedgerEntry, error) {
		o := o
		for _, e := range entries {
			if e.Noise != nil {
				continue // a figure with noise rules nothing out
			}
			seen := e.Earlier(linkage)
			seen.Beside = at != nil && e.Threshold == "" && e.Manifest == r.manifest.Digest()
			o.Earlier = append(o.Earlier, seen)
		}
		rel, err := r.protect(persons, rule, o, after)
		if err != nil {
			return nil, formats.LedgerEntry{}, err
		}
		e := r.entry(rel)
		e.Linkage, e.Threshold = linkage, threshold
		return rel, e, nil
	}
	for k, old := range r.book.Entries {
		if r.noise.epsilon > 0 {
			break // such a release is held against none, and comes out as it was drawn
		}
		if old.Manifest != r.manifest.Digest() || old.Threshold != threshold || old.Rule.Name != rule.Name || old.HasHouseholds() && !o.Households || !slices.Equal(questionsOf(old), o.Questions) {
			continue
		}
		if rel, e, err := try(r.book.Entries[:k], k); err == nil && r.book.Same(e) == k+1 {
			return rel, e, nil
		}
	}
	return try(append(slices.Clone(r.book.Entries), before...), len(r.book.Entries))
}

func questionsOf(e formats.LedgerEntry) []cohort.Question {
	var out []cohort.Question
	for _, q := range e.Questions {
		out = append(out, cohort.Question(q))
	}
	return out
}

// countStricter counts at the stricter threshold, beside the release of entries, and
// returns the entries of both. Where nothing is safe there, it is left out.
func (r *sizeRun) countStricter(s *stricter, rule cohort.Rule, o cohort.Options, entries []formats.LedgerEntry) ([]formats.LedgerEntry, error) {
	o.Coarse, o.Households, o.Precision, o.Recall = true, false, 0, 0
	o.Questions = slices.Clone(o.Questions)
	for i := range o.Questions {
		o.Questions[i].By = "" // as a whole only
	}
	rel, e, err := r.count(s.persons, rule, o, s, entries)
	var differs *cohort.DifferenceError
	if errors.Is(err, cohort.ErrUnsafe) || errors.As(err, &differs) {
		r.app.ui.warnf("what would change at the stricter threshold %s is left out: beside the other figures no way was found to show it safely", s.score())
		return entries, nil
	} else if err != nil {
		return nil, err
	}
	s.release = rel
	return append(entries, e), nil
}

// questions are the project's, those that follow from its services, and the one of the
// command.
func (r *sizeRun) questions(persons *linkedPersons) []cohort.Question {
	var out []cohort.Question
	if r.settings != nil {
		out = unmet(r.settings.Needs, persons.needs)
		for _, q := range r.settings.Questions {
			out = append(out, cohort.Question{Name: q.Name, Where: q.Where, By: q.By})
		}
	}
	if r.where != "" || r.by != "" {
		out = append(out, cohort.Question{Where: r.where, By: r.by})
	}
	for i, q := range out { // in the one spelling, which the ledger has; what cannot be read is refused later
		if c, err := cohort.ParseWhere(q.Where, r.order, persons.needs); err == nil {
			out[i].Where = c.String()
		}
	}
	return out
}

// unmet asks for each need that services meet, as far as parties declare both, how many
// have the need and none of the services.
func unmet(declared []formats.ProjectNeed, linked []cohort.Need) []cohort.Question {
	there := func(name string) bool {
		return slices.ContainsFunc(linked, func(n cohort.Need) bool { return n.Name == name && n.Kind == cohort.YesNo })
	}
	var out []cohort.Question
	for _, need := range declared {
		var services, conditions []string
		for _, s := range declared {
			if s.Meets == need.Name && there(s.Name) {
				services = append(services, strings.ReplaceAll(s.Name, "_", " "))
				conditions = append(conditions, fmt.Sprintf("not need:%q", s.Name))
			}
		}
		if services != nil && there(need.Name) {
			out = append(out, cohort.Question{
				Name:  fmt.Sprintf("With %s, and no %s", strings.ReplaceAll(need.Name, "_", " "), strings.Join(services, " or ")),
				Where: fmt.Sprintf("need:%q and %s", need.Name, strings.Join(conditions, " and ")), By: "parties",
			})
		}
	}
	return out
}

// answer prints the answers, as released.
func (r *sizeRun) answer(rel *cohort.Release) {
	text := func(f cohort.Figure) string {
		if likely := f.LikelyText(); likely != "" {
			return fmt.Sprintf("%s (probably %s)", f, likely)
		}
		if text := f.RangeText(); text != "" {
			return fmt.Sprintf("%s (%s)", f, text)
		}
		return f.String()
	}
	for _, a := range rel.Answers() {
		r.app.ui.resultf("%s: %s\n", a.Question.Title(), text(a.All))
		if a.Households.Released() {
			r.app.ui.resultf("  households, taken together: %s\n", a.Households)
		}
		for _, row := range a.By {
			name := strings.Join(row.Parties, " + ")
			for _, n := range row.Needs {
				name = n.Need
				if n.Value != "" {
					name += "=" + n.Value
				}
			}
			r.app.ui.resultf("  %-30s %s\n", name, text(row.Figure))
		}
	}
}

// partyOrder is the project's order of the linked parties, or theirs by name.
func partyOrder(m *formats.LinkedManifest, p *formats.Project) []string {
	order := make([]string, len(m.Parties))
	for i, q := range m.Parties {
		order[i] = q.Name
	}
	if p != nil {
		place := func(name string) int {
			return slices.IndexFunc(p.Parties, func(q formats.ProjectParty) bool { return q.Name == name })
		}
		slices.SortStableFunc(order, func(a, b string) int { return place(a) - place(b) })
	}
	return order
}

// about is what the page says beside the figures: nothing in it is a count of
// persons that was not protected.
func (r *sizeRun) about(m *formats.LinkedManifest, rel *cohort.Release) formats.ReportAbout {
	about := formats.ReportAbout{
		Title: r.title, Project: m.Project, Made: time.Now(), Program: tool(), Contact: r.contact, Invented: r.invented,
		Linkage: []formats.ReportFact{
			{Name: "Score needed for a link", Text: fmt.Sprintf("%.3f of 1: %s.", m.Threshold.Score, m.Threshold.Chosen)},
		},
	}
	if n := len(m.Threshold.Offsets); n > 0 {
		about.Linkage = append(about.Linkage, formats.ReportFact{Name: "Where another score is needed", Text: fmt.Sprintf("In %s, whose strangers score lower or higher than elsewhere, as where the records of one hold less; scores are lifted or lowered there by as much.", plural(n, "pair")+" of parties")})
	}
	for _, name := range rel.Parties() {
		p := formats.ReportParty{}
		for _, q := range m.Parties {
			if q.Name == name {
				p.AsOf = q.Created
				if q.Deduplicated {
					p.Note = "says that it has no person twice"
				}
			}
		}
		about.Parties = append(about.Parties, p)
	}
	if e := m.Estimate; e.Precision != nil && e.Recall != nil {
		about.Quality = []formats.ReportFact{
			{Name: "Right links", Text: fmt.Sprintf("About %s in 100 links%s are thought to join records of one person.", perHundred(*e.Precision), between(e.PrecisionInterval))},
			{Name: "Found links", Text: fmt.Sprintf("About %s in 100 pairs of records of one person%s are thought to have been found.", perHundred(*e.Recall), between(e.RecallInterval))},
		}
		for k := 2; k <= 3; k++ {
			if likely := rel.AtLeast(k).LikelyText(); likely != "" {
				about.Quality = append(about.Quality, formats.ReportFact{Name: fmt.Sprintf("Known to %d or more", k),
					Text: fmt.Sprintf("Shown are %s. Wrong links would make it too many and missed links too few: the truth is thought to be %s.", rel.AtLeast(k), likely)})
			}
		}
		about.Quality = append(about.Quality,
			formats.ReportFact{Name: "Basis", Text: "Estimated from the scores alone, without knowing who is who."})
	}
	rule := rel.Rule()
	parties := m.Parties
	if _, noisy := rel.Noise(); noisy { // no count without it stands on such a page
		about.Missing = append(about.Missing, "People who opted out, and rows with too little in them to be linked, are in no figure.")
		parties = nil
	}
	for _, p := range parties {
		if p.LeftOut != "" {
			about.Missing = append(about.Missing, fmt.Sprintf("%s left out people who have opted out: %s.", p.Name, p.LeftOut))
		}
		if p.SetAside > 0 {
			about.Missing = append(about.Missing, fmt.Sprintf("%s had rows with too little in them to be linked: %s.", p.Name, rule.Figure(p.SetAside).Text()))
		}
	}
	if rel.HouseholdsLeftOut() {
		about.Missing = append(about.Missing, "Households are not counted: with so few people for so many services and needs, no way was found to show them safely.")
	}
	if rel.Households().Released() {
		about.Missing = append(about.Missing, "People of whom no record says where they live are in no household.")
		about.Quality = append(about.Quality, householdFacts(m.Households)...)
	}
	about.Missing = append(about.Missing, "People whom none of these services knows are in no figure.")
	about.Cautions = []string{"A link that was missed counts one person as two, each known to fewer services: overlaps are rather too small than too large."}
	return about
}

// between says how far a share may lie from its estimate.
func between(interval *[2]float64) string {
	if interval == nil {
		return ""
	}
	return fmt.Sprintf(" (between %.0f and %.0f)", 100*interval[0], 100*interval[1])
}

func perHundred(x float64) string {
	if x > 0.995 {
		return "99 or more"
	}
	return fmt.Sprintf("%.0f", 100*x)
}
