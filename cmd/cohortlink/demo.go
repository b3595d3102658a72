package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"cohortlink/cmd/cohortlink/internal/borough"
	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/linkage/cohort"
)

func newDemo(a *app) *cobra.Command {
	d := demoRun{app: a}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole story on an invented borough: hash, link, attach, size",
		Long: `Invents a borough of 15 services (a council, a CCG, 13 GP practices) and plays
everyone in turn: each partner hashes its extract, the linkage unit links, each
partner attaches person IDs, the commissioner gets a page of protected counts, and
the truth, which no real project has, says how good it was.

Everything it made stays in one folder, by who holds it, so that you can open each
file and see what crosses the wall. The same seed gives the same story; the project
key and record IDs are drawn from the seed too, which is for the demo alone. What
crosses is sealed and signed with identities that are drawn anew.
` + exitHelp,
		Example: `  cohortlink demo
  cohortlink demo --people 5000 --seed 7 -o another`,
		Args: args(0, 0, "no arguments, only flags"),
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.IntVar(&d.people, "people", 20_000, "people to invent")
	f.Uint64Var(&d.seed, "seed", 1, "the same seed gives the same story")
	f.StringVar(&d.setting, "setting", "clean", "clean or dirty")
	f.StringVarP(&d.out, "out", "o", "cohortlink-demo", "the folder to make")
	return cmd
}

type demoRun struct {
	app          *app
	people       int
	seed         uint64
	setting, out string
	random       io.Reader
	steps        *app // what the steps would say themselves is told here instead
}

// Folders of the demo, one for each who holds what is in it.
const (
	demoPartners     = "partners"
	demoUnit         = "unit"
	demoCommissioner = "commissioner"
	demoTruth        = "truth"
)

func (d *demoRun) path(parts ...string) string {
	return filepath.Join(append([]string{d.out}, parts...)...)
}

func (d *demoRun) run(ctx context.Context) error {
	start := time.Now()
	ui := d.app.ui
	seed := [32]byte{}
	copy(seed[:], fmt.Sprintf("cohortlink demo %d", d.seed))
	d.random = rand.NewChaCha8(seed)
	d.steps = &app{ui: ui.hushed()}
	s := d.synth()
	if _, err := s.settings(); err != nil {
		return err
	}
	if err := os.Mkdir(d.out, 0o755); err != nil {
		if os.IsExist(err) {
			return errorf("%s exists already\nremove it, or name another folder with -o", d.out)
		}
		return errorf("make the folder %s: %w", d.out, because(err))
	}
	sum, err := d.invent(ctx)
	if err != nil {
		return err
	}
	ui.resultf("An invented borough: %s people, known to %d services by %s records.\n\n", thousands(sum.People), len(sum.Parties), thousands(sum.Records))
	if err := d.hash(ctx, sum); err != nil {
		return err
	}
	m, err := d.link(ctx, sum)
	if err != nil {
		return err
	}
	if err := d.attach(sum); err != nil {
		return err
	}
	rel, err := d.size()
	if err != nil {
		return err
	}
	e, err := d.evaluate(sum)
	if err != nil {
		return err
	}
	d.tell(sum, m, rel, e, time.Since(start))
	return nil
}

func (d *demoRun) synth() synthRun {
	return synthRun{app: d.steps, people: d.people, seed: d.seed, setting: d.setting, council: string(borough.CouncilIndex)}
}

// invent makes the borough and gives each partner its extract.
func (d *demoRun) invent(ctx context.Context) (*borough.Summary, error) {
	s := d.synth()
	sum, err := s.run(ctx, d.path(demoPartners))
	if err != nil {
		return nil, err
	}
	for _, move := range [][2]string{
		{d.path(demoPartners, sum.TruthFile), d.path(demoTruth, "truth.csv")},
		{d.path(demoPartners, sum.EventsFile), d.path(demoTruth, "events.csv")},
	} {
		if err := moveFile(move[0], move[1]); err != nil {
			return nil, err
		}
	}
	if err := d.identities(sum); err != nil {
		return nil, err
	}
	key, err := hashing.NewKey("borough", d.random)
	if err != nil {
		return nil, err
	}
	return sum, writeFile(d.keyFile(), 0o600, key.Text())
}

// identities gives the unit and each partner an identity, and writes the project
// file that names the unit and the file in which the unit pins the partners.
func (d *demoRun) identities(sum *borough.Summary) error {
	project := d.path(demoPartners, "project.yaml") // as synth wrote it
	p, err := formats.ReadProject(project)
	if err != nil {
		return err
	}
	for _, dir := range []string{demoUnit, demoPartners} {
		if err := os.MkdirAll(d.path(dir), 0o755); err != nil {
			return errorf("make the folder %s: %w", d.path(dir), because(err))
		}
	}
	unit, err := newIdentityFile("", d.unitFile("identity"))
	if err != nil {
		return err
	}
	setUnit(p, unit.Public())
	lines := partnersHead
	for _, q := range sum.Parties {
		partner, err := newIdentityFile(q.Name, d.identityFile(q.Name))
		if err != nil {
			return err
		}
		lines += q.Name + " " + partner.Public().String() + "\n"
	}
	text, err := formats.FormatProject(p)
	if err != nil {
		return err
	}
	if err := os.Remove(project); err != nil {
		return errorf("remove %s: %w", project, because(err))
	}
	return writeFiles(newFile{d.path("project.yaml"), 0o644, text}, newFile{d.unitFile("partners"), 0o644, []byte(lines)})
}

func newIdentityFile(party, path string) (*formats.Identity, error) {
	identity, err := formats.NewIdentity(party)
	if err != nil {
		return nil, err
	}
	return identity, writeFile(path, 0o600, identity.Text())
}

func (d *demoRun) unitFile(kind string) string { return d.path(demoUnit, "unit."+kind) }

func (d *demoRun) identityFile(party string) string {
	return d.path(demoPartners, party, party+".identity")
}

func (d *demoRun) keyFile() string { return d.path(demoPartners, "project.key") }

// moveFile moves a file into a folder that is made if need be.
func moveFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return errorf("make the folder %s: %w", filepath.Dir(to), because(err))
	}
	if err := os.Rename(from, to); err != nil {
		return errorf("move %s to %s: %w", from, to, because(err))
	}
	return nil
}

// hash plays each partner, and sends its filters to the unit.
func (d *demoRun) hash(ctx context.Context, sum *borough.Summary) error {
	d.app.ui.resultf("Each partner, at home, with the key that only partners hold:\n")
	for _, p := range sum.Parties {
		dir := d.path(demoPartners, p.Name)
		h := hashRun{app: d.steps, extract: d.path(demoPartners, filepath.FromSlash(p.File)), project: d.path("project.yaml"), party: p.Name, key: d.keyFile(), identity: d.identityFile(p.Name), out: dir, random: d.random}
		s, err := h.run(ctx)
		if s == nil {
			return err
		}
		if err := moveFile(filepath.Join(dir, p.Name+".filters"), d.path(demoUnit, "inbox", p.Name+".filters")); err != nil {
			return err
		}
		aside := ""
		if s.SetAside > 0 {
			aside = fmt.Sprintf(", %s set aside", plural(s.SetAside, "row"))
		}
		d.app.ui.resultf("  %-12s %7s records hashed%s\n", p.Name, thousands(s.Records), aside)
	}
	return nil
}

func (d *demoRun) link(ctx context.Context, sum *borough.Summary) (*formats.LinkedManifest, error) {
	l := linkRun{app: d.steps, project: d.path("project.yaml"), out: d.path(demoUnit, "linked"), random: d.random}
	l.unit.identity, l.unit.partners = d.unitFile("identity"), d.unitFile("partners")
	for _, p := range sum.Parties {
		l.files = append(l.files, d.path(demoUnit, "inbox", p.Name+".filters"))
	}
	m, err := l.run(ctx)
	if err != nil {
		return nil, err
	}
	ui := d.app.ui
	ui.resultf("\nThe linkage unit, which saw no name, date or number, only %d bits a record\nunder random record IDs, and no key:\n", m.Settings.Bits)
	ui.resultf("  compared     %s pairs of records (%s)\n", short(float64(m.Compared)), m.Settings.Kernel)
	ui.resultf("  threshold    %.3f, chosen from the scores without knowing who is who\n", m.Threshold.Score)
	if m.Estimate.Precision != nil && m.Estimate.Recall != nil {
		ui.resultf("  its estimate precision %.3f, recall %.3f\n", *m.Estimate.Precision, *m.Estimate.Recall)
	}
	return m, nil
}

func (d *demoRun) linkedExtract(p borough.Party) string {
	return d.path(demoPartners, p.Name, p.Name+".linked.csv")
}

func (d *demoRun) attach(sum *borough.Summary) error {
	for _, p := range sum.Parties {
		dir := d.path(demoPartners, p.Name)
		links := filepath.Join(dir, p.Name+".links")
		text, err := os.ReadFile(d.path(demoUnit, "linked", formats.LinkedLinksFolder, p.Name+".links"))
		if err != nil {
			return errorf("read the links of %s: %w", p.Name, because(err))
		}
		if err := writeFile(links, 0o600, text); err != nil {
			return err
		}
		r := attachRun{app: d.steps, extract: d.path(demoPartners, filepath.FromSlash(p.File)), links: links, rowMap: filepath.Join(dir, p.Name+".map.csv"), project: d.path("project.yaml"), identity: d.identityFile(p.Name), out: d.linkedExtract(p)}
		if err := r.run(); err != nil {
			return err
		}
	}
	return nil
}

func (d *demoRun) size() (*cohort.Release, error) {
	r := sizeRun{release: release{app: d.steps, linked: d.path(demoUnit, "linked"), project: d.path("project.yaml"), ledger: d.path(demoUnit, "borough.ledger")},
		out: d.path(demoCommissioner), invented: true, stricter: strictAuto, title: "An invented borough: who is known to which services", contact: "nobody: these people are invented"}
	return r.run()
}

func (d *demoRun) evaluate(sum *borough.Summary) (*evaluation, error) {
	e := evaluateRun{app: d.steps, truth: d.path(demoTruth, "truth.csv"), events: d.path(demoTruth, "events.csv"), project: d.path("project.yaml"),
		complete: true, html: d.whyPage(), invented: true}
	for _, p := range sum.Parties {
		e.files = append(e.files, d.linkedExtract(p))
	}
	return e.run()
}

func (d *demoRun) whyPage() string { return d.path(demoTruth, "why.html") }

func (d *demoRun) tell(sum *borough.Summary, m *formats.LinkedManifest, rel *cohort.Release, e *evaluation, took time.Duration) {
	ui := d.app.ui
	names := rel.Parties()
	ui.resultf("\nThe commissioner, from counts that are safe to forward (%s hidden):\n", plural(rel.Hidden(), "figure"))
	ui.resultf("  %s people are known to at least one service, %s to two or more, %s to three or more\n", rel.Total(), rel.AtLeast(2), rel.AtLeast(3))
	for i, shown := 0, 0; i < len(names) && shown < 1; i++ {
		for j := i + 1; j < len(names); j++ {
			if sum.Parties[i].Kind != "gp" {
				ui.resultf("  %-30s %9s\n", names[i]+" and "+names[j], rel.Overlap(i, j))
				if shown++; shown >= 4 {
					break
				}
			}
		}
	}
	s := e.Scores
	ui.resultf("\nThe truth, which only an invented borough has:\n")
	ui.resultf("  precision %.4f: of 10,000 pairs joined, %s are two people\n", s.Precision, thousands(int(10000*(1-s.Precision)+0.5)))
	ui.resultf("  recall    %.4f: of 10,000 pairs that are one person, %s were missed\n", s.Recall, thousands(int(10000*(1-s.Recall)+0.5)))
	if c := e.Complete; c != nil {
		ui.resultf("  Of pairs whose two records both hold names, a date of birth, and a postcode or an\n  NHS number: precision %.4f, recall %.4f\n", c.Scores.Precision, c.Scores.Recall)
	}
	ui.resultf("\nAll of it lies in %s, by who holds it; it took %s:\n", d.out, took.Round(100*time.Millisecond))
	for _, f := range [][2]string{
		{d.path(demoPartners, "council"), "what a partner has: extract, identity, map, receipt, links, linked extract"},
		{d.path(demoUnit, "inbox"), "what crossed the wall: filters, sealed for the unit and signed by each partner"},
		{d.path(demoUnit, "linked"), "what the unit made: links, sealed for each partner, and the manifest"},
		{d.path(demoCommissioner, "report.html"), "what the commissioner gets: open it in a browser"},
		{d.path(demoTruth), "who is who, and what is wrong in each record and why"},
		{d.whyPage(), "whose links were missed, and why: open it in a browser"},
	} {
		ui.resultf("  %-*s  %s\n", len(d.path(demoCommissioner, "report.html")), f[0], f[1])
	}
}
