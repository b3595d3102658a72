package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"cohortlink/cmd/cohortlink/internal/borough"
	"cohortlink/formats"
)

func newSynth(a *app) *cobra.Command {
	s := synthRun{app: a}
	cmd := &cobra.Command{
		Use:   "synth DIR",
		Short: "Invent a borough, with the truth about who is who",
		Long: `Invents a borough and writes what its services would have: PARTY/extract.csv for
a council, a CCG and GP practices, each in its own form and with its own errors,
truth.csv (which records are one person), events.csv (what each record has wrong,
and why) and a project.yaml that fits. Nobody in it exists: NHS numbers are from
the test range and postcodes from areas that do not exist.
` + exitHelp,
		Example: `  cohortlink synth borough --people 20000
  cohortlink synth borough --people 50000 --setting dirty --seed 7`,
		Args: args(1, 1, "a folder to write to"),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := s.run(cmd.Context(), args[0])
			return err
		},
	}
	f := cmd.Flags()
	f.IntVar(&s.people, "people", 20_000, "people to invent")
	f.Uint64Var(&s.seed, "seed", 1, "the same seed gives the same borough")
	f.StringVar(&s.setting, "setting", "clean", "clean (two well-run NHS systems) or dirty (scanned forms)")
	f.StringVar(&s.council, "council", string(borough.CouncilIndex), "the council's extract: index, social-care or council-tax")
	f.Float64Var(&s.withheld, "nhs-withheld", 0, "share of NHS numbers taken out, 0 to 1")
	f.IntVar(&s.practices, "practices", 0, "GP practices (default 13)")
	f.BoolVar(&s.addresses, "addresses", false, "give records an address and a UPRN, write households.csv, and have the project ask for households")
	f.BoolVar(&s.json, "json", false, "print what was made as JSON")
	return cmd
}

type synthRun struct {
	app               *app
	people, practices int
	seed              uint64
	setting, council  string
	withheld          float64
	json, addresses   bool
}

func (s *synthRun) settings() (borough.Settings, error) {
	var out borough.Settings
	switch s.setting {
	case "clean":
		out = borough.Clean()
	case "dirty":
		out = borough.Dirty()
	default:
		return out, usagef("--setting is clean or dirty")
	}
	switch {
	case s.people < 1:
		return out, usagef("--people is 1 or more")
	case !(s.withheld >= 0 && s.withheld <= 1):
		return out, usagef("--nhs-withheld is a share, from 0 to 1")
	}
	out.People, out.Seed, out.NHSWithheld = s.people, s.seed, s.withheld
	switch c := borough.Council(s.council); c {
	case borough.CouncilIndex, borough.CouncilSocialCare, borough.CouncilTax:
		out.Council = c
	default:
		return out, usagef("--council is index, social-care or council-tax")
	}
	if s.addresses {
		out.Addresses = borough.CleanAddresses()
		if s.setting == "dirty" {
			out.Addresses = borough.DirtyAddresses()
		}
	}
	if s.practices > 0 {
		out.Practices = s.practices
	}
	return out, nil
}

func (s *synthRun) run(ctx context.Context, dir string) (*borough.Summary, error) {
	settings, err := s.settings()
	if err != nil {
		return nil, err
	}
	out, err := formats.CreateDir(dir, 0)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(out.Folder()) // an interrupt aborts out, perhaps while the next file is begun
	defer out.Abort()
	m := s.app.ui.meter("invent people", "people")
	sum, err := borough.Generate(out.Folder(), settings, func(done, total int) error {
		m.set(uint64(done), uint64(total))
		return ctx.Err()
	})
	m.done()
	if err != nil {
		return nil, errorf("invent a borough in %s: %w", dir, because(err))
	}
	text, err := formats.FormatProject(boroughProject("borough", &sum))
	if err != nil {
		return nil, err
	}
	project, err := out.Create("project.yaml", 0o644)
	if err != nil {
		return nil, err
	}
	if _, err := project.Write(text); err != nil {
		return nil, err
	}
	if err := project.Commit(); err != nil {
		return nil, err
	}
	if err := out.Commit(); err != nil {
		return nil, err
	}
	if s.json {
		return &sum, s.app.ui.resultJSON(sum)
	}
	s.app.ui.sayf("invented %s in %s; %s in %s; wrote %s", plural(sum.People, "person"), plural(sum.Households, "household"), plural(sum.Records, "record"), parties(len(sum.Parties)), dir)
	return &sum, nil
}

// boroughProject is the project file of an invented borough.
func boroughProject(name string, sum *borough.Summary) *formats.Project {
	p := &formats.Project{Name: name,
		Fields: []formats.ProjectField{
			{Name: "forename", Kind: "name"}, {Name: "surname", Kind: "name"}, {Name: "birth_date", Kind: "date"},
			{Name: "sex", Kind: "sex"}, {Name: "postcode", Kind: "postcode"}, {Name: "nhs_number", Kind: "nhs-number"},
		},
		Encoding: formats.ProjectEncoding{Profile: "standard"},
		Linkage:  formats.ProjectLinkage{Threshold: "auto", PersonIDs: "shared"},
		Release:  formats.ProjectRelease{Preset: "hes"},
	}
	if sum.HouseholdsFile != "" {
		p.Fields = append(p.Fields,
			formats.ProjectField{Name: "address", Kind: "text", For: formats.FieldForHouseholds},
			formats.ProjectField{Name: "uprn", Kind: "uprn", For: formats.FieldForHouseholds})
		p.Households = &formats.ProjectHouseholds{Fields: []string{"surname", "postcode", "address", "uprn"}}
	}
	for _, n := range sum.Needs {
		p.Needs = append(p.Needs, formats.ProjectNeed{Name: n.Name, Kind: n.Kind, Values: n.Values})
	}
	for _, q := range sum.Parties {
		party := formats.ProjectParty{Name: q.Name, Columns: map[string][]string{}, Dates: map[string]string{"": q.Dates}, Deduplicated: q.Deduplicated}
		for field, cols := range q.Columns {
			party.Columns[field] = cols
		}
		for need, cols := range q.Needs {
			party.Columns[need] = cols
		}
		if q.TextEncoding != "utf-8" {
			party.TextEncoding = q.TextEncoding
		}
		if q.Delimiter != "," {
			party.Delimiter = rune(q.Delimiter[0])
		}
		p.Parties = append(p.Parties, party)
	}
	return p
}
