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
Nothing else that this command prints or writes holds a count of persons.
` + exitHelp,
		Example: `  cohortlink size linked --project project.yaml -o release`,
		Args:    args(1, 1, "one linked folder"),
		RunE: func(_ *cobra.Command, args []string) error {
			r.app, r.linked = a, args[0]
			_, err := r.run()
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.project, "project", "", "the project file: its release preset holds, and its order of parties")
	f.StringVar(&r.preset, "preset", "", "release rule: "+presetNames()+" (default: the project's, or hes)")
	f.StringVarP(&r.out, "out", "o", "release", "the folder to write")
	f.StringVar(&r.title, "title", "", "the page's title")
	f.StringVar(&r.contact, "contact", "", "who to ask about the figures")
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
	app                                          *app
	linked, project, preset, out, title, contact string
	invented                                     bool
}

func (r *sizeRun) run() (*cohort.Release, error) {
	m, err := formats.ReadLinkedManifest(r.linked)
	if err != nil {
		return nil, err
	}
	preset := "hes"
	order := make([]string, len(m.Parties))
	for i, p := range m.Parties {
		order[i] = p.Name
	}
	if r.project != "" {
		p, err := formats.ReadProject(r.project)
		if err != nil {
			return nil, err
		}
		if p.Name != m.Project {
			return nil, errorf("%s is the file of project %q, but %s belongs to %q", r.project, p.Name, r.linked, m.Project)
		}
		if p.Release.Preset != "" {
			preset = p.Release.Preset
		}
		place := func(name string) int {
			return slices.IndexFunc(p.Parties, func(q formats.ProjectParty) bool { return q.Name == name })
		}
		slices.SortStableFunc(order, func(a, b string) int { return place(a) - place(b) })
	}
	if r.preset != "" {
		preset = r.preset
	}
	rule, err := cohort.Preset(preset)
	if err != nil {
		return nil, usageError{err}
	}
	dir, err := formats.CreateDir(r.out, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Abort()

	persons, err := readPersons(r.linked, m, order)
	if err != nil {
		return nil, err
	}
	meter := r.app.ui.meter("protect the counts", "hidden figures")
	rel, err := cohort.Protect(cohort.Count(persons), rule, cohort.Options{Progress: func(safe, hidden int) { meter.set(uint64(safe), uint64(hidden)) }})
	meter.done()
	if err != nil {
		return nil, err
	}
	about := r.about(m, rel)
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
	r.app.ui.sayf("wrote %s: %s; %s hidden", r.out, strings.TrimSuffix(rule.Says(), "."), plural(rel.Hidden(), "figure"))
	return rel, nil
}

// readPersons gathers from the tables of a linked folder which parties each person
// is in and which needs they carry.
func readPersons(dir string, m *formats.LinkedManifest, order []string) (*cohort.Persons, error) {
	var needs []cohort.Need
	values := map[string]map[string]int{}
	at := map[string]int{}
	for i, n := range m.Needs {
		need := cohort.Need{Name: n.Name, Kind: n.Kind}
		values[n.Name] = map[string]int{}
		if n.Kind == formats.NeedYesNo {
			values[n.Name]["yes"] = 0 // only a yes is carried
		} else {
			need.Values = n.Values
			for k, v := range n.Values {
				values[n.Name][v] = k
			}
		}
		needs = append(needs, need)
		at[n.Name] = i
	}
	persons, err := cohort.NewPersons(order, needs)
	if err != nil {
		return nil, err
	}
	partyAt := map[string]int{}
	for i, p := range order {
		partyAt[p] = i
	}

	type where struct{ person, party int32 }
	records := map[string]where{}
	index := map[string]int32{}
	var in []uint64
	var a, b, c []string
	damaged := errorf("%s holds what link does not write: link again", dir)
	err = m.ReadLinkedTable(dir, formats.LinkedPeopleFile, formats.PeopleColumns, func(t *formats.TableReader) error {
		n, err := t.Next(&a, &b, &c)
		for i := range n {
			party, ok := partyAt[b[i]]
			if !ok {
				return damaged
			}
			p, ok := index[a[i]]
			if !ok {
				p = int32(len(in))
				index[a[i]] = p
				in = append(in, 0)
			}
			in[p] |= 1 << party
			records[c[i]] = where{p, int32(party)}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	carries := make([][]cohort.Carry, len(in))
	err = m.ReadLinkedTable(dir, formats.LinkedNeedsFile, formats.NeedsColumns, func(t *formats.TableReader) error {
		n, err := t.Next(&a, &b, &c)
		for i := range n {
			w, ok := records[a[i]]
			need, known := at[b[i]]
			if !ok || !known {
				return damaged
			}
			if v, carried := values[b[i]][c[i]]; carried {
				carries[w.person] = append(carries[w.person], cohort.Carry{Party: int(w.party), Need: need, Value: v})
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range in {
		if err := persons.Add(in[i], carries[i]); err != nil {
			return nil, err
		}
	}
	return persons, nil
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
			{Name: "Right links", Text: fmt.Sprintf("About %s in 100 links are thought to join records of one person.", perHundred(*e.Precision))},
			{Name: "Found links", Text: fmt.Sprintf("About %s in 100 pairs of records of one person are thought to have been found.", perHundred(*e.Recall))},
			{Name: "Basis", Text: "Estimated from the scores alone, without knowing who is who."},
		}
	}
	rule := rel.Rule()
	for _, p := range m.Parties {
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

func perHundred(x float64) string {
	if x > 0.995 {
		return "99 or more"
	}
	return fmt.Sprintf("%.0f", 100*x)
}
