package main

import (
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
values of one need. Answers are on the page, in the tables, and printed.

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
		RunE: func(_ *cobra.Command, args []string) error {
			r.app, r.linked = a, args[0]
			_, err := r.run()
			return err
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
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
	json, invented      bool
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
	rel, err := r.protect(persons.all, rule, cohort.Options{Questions: r.questions()})
	if err != nil {
		return nil, err
	}
	number, err := r.note(formats.EntryOf(rel))
	if err != nil {
		return nil, err
	}
	about := r.about(r.manifest, rel)
	about.Release = r.releaseSays(number, rel)
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"counts.csv", func(w io.Writer) error { return formats.WriteCounts(w, rel) }},
		{"counts.json", func(w io.Writer) error { return formats.WriteCountsJSON(w, rel) }},
		{"report.html", func(w io.Writer) error { return formats.WriteReport(w, rel, about) }},
	} {
		o, err := dir.Create(f.name, 0o644)
		if err != nil {
			return nil, err
		}
		if err := f.write(o); err != nil {
			o.Abort()
			return nil, err
		}
		if err := o.Commit(); err != nil {
			return nil, err
		}
	}
	if err := dir.Commit(); err != nil {
		return nil, err
	}
	r.app.ui.sayf("wrote %s: %s; %s hidden", r.out, strings.TrimSuffix(rel.Says(), "."), plural(rel.Hidden(), "figure"))
	r.app.ui.sayf("it is release %d in %s", number, r.ledger)
	if r.noise.epsilon > 0 {
		r.noiseSays(number)
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

// questions are the project's, and the one of the command.
func (r *sizeRun) questions() []cohort.Question {
	var out []cohort.Question
	if r.settings != nil {
		for _, q := range r.settings.Questions {
			out = append(out, cohort.Question{Name: q.Name, Where: q.Where, By: q.By})
		}
	}
	if r.where != "" || r.by != "" {
		out = append(out, cohort.Question{Where: r.where, By: r.by})
	}
	return out
}

// answer prints the answers, as released.
func (r *sizeRun) answer(rel *cohort.Release) {
	for _, a := range rel.Answers() {
		r.app.ui.resultf("%s: %s%s\n", a.Question.Title(), a.All, rangeBehind(a.All))
		for _, row := range a.By {
			name := strings.Join(row.Parties, " + ")
			for _, n := range row.Needs {
				name = n.Need
				if n.Value != "" {
					name += "=" + n.Value
				}
			}
			r.app.ui.resultf("  %-30s %s%s\n", name, row.Figure, rangeBehind(row.Figure))
		}
	}
}

// rangeBehind is the range of a figure with noise, to stand behind it.
func rangeBehind(f cohort.Figure) string {
	if text := f.RangeText(); text != "" {
		return " (" + text + ")"
	}
	return ""
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
			{Name: "How", Text: "Each service turned names, dates of birth and other details into keyed codes at home. A linkage unit without the key compared the codes of every two records and saw no name or number."},
			{Name: "Score needed for a link", Text: fmt.Sprintf("%.3f of 1: %s.", m.Threshold.Score, m.Threshold.Chosen)},
		},
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
		// The truth is said to lie in the widest range that the estimates allow.
		precision, recall := *e.Precision, *e.Recall
		if i := e.PrecisionInterval; i != nil {
			precision = min(precision, i[0])
		}
		if i := e.RecallInterval; i != nil {
			recall = min(recall, i[0])
		}
		for k := 2; k <= 3; k++ {
			if low, high, ok := rel.Linked(k, precision, recall); ok {
				about.Quality = append(about.Quality, formats.ReportFact{Name: fmt.Sprintf("Known to %d or more", k),
					Text: fmt.Sprintf("Shown are %s. Wrong links would make it too many and missed links too few: the truth is thought to be between %s and %s.", rel.AtLeast(k), thousands(low), thousands(high))})
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
