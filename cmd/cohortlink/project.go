package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"cohortlink/formats"
)

func newProject(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "project",
		Short: "Begin a project: the file that all partners agree on",
		Args:  args(0, 0, "a command: project new"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newProjectNew(a))
	return cmd
}

func newProjectNew(a *app) *cobra.Command {
	var name string
	var parties, clean []string
	cmd := &cobra.Command{
		Use:   "new DIR",
		Short: "Write a project.yaml to begin with, and the unit's identity",
		Long: `The linkage unit begins a project. Writes

  DIR/project.yaml    the parties, the fields that are hashed, and how counts are
                      released. Agree on it with all partners before anyone hashes;
                      a change to the fields changes every filter. Each partner's own
                      column names go under its party.
  DIR/unit.identity   what opens the partners' filters and signs the links that go
                      back; its public half is in project.yaml. Keep it at the unit,
                      and keep a copy: what is sealed for it opens with nothing else.
  DIR/unit.partners   for the line that each partner sends, made with
                      "cohortlink key new --signing"
` + exitHelp,
		Example: `  cohortlink project new frailty --name wokingham-frailty --party council --party ccg --clean gp-k81001`,
		Args:    args(1, 1, "a folder for the project"),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := args[0]
			if name == "" {
				name = filepath.Base(filepath.Clean(dir))
			}
			p := &formats.Project{Name: name,
				Fields: []formats.ProjectField{
					{Name: "forename", Kind: "name"}, {Name: "surname", Kind: "name"}, {Name: "birth_date", Kind: "date"},
					{Name: "sex", Kind: "sex"}, {Name: "postcode", Kind: "postcode"}, {Name: "nhs_number", Kind: "nhs-number"},
				},
				Encoding: formats.ProjectEncoding{Profile: "standard"},
				Linkage:  formats.ProjectLinkage{Threshold: "auto", PersonIDs: "shared"},
				Release:  formats.ProjectRelease{Preset: "hes"},
			}
			identity, err := formats.NewIdentity("")
			if err != nil {
				return err
			}
			setUnit(p, identity.Public())
			for _, q := range parties {
				p.Parties = append(p.Parties, formats.ProjectParty{Name: q})
			}
			for _, q := range clean {
				p.Parties = append(p.Parties, formats.ProjectParty{Name: q, Deduplicated: true})
			}
			if len(p.Parties) == 0 {
				return usagef("name the parties, for example --party council --clean gp-k81001")
			}
			if err := checkNewNames(p); err != nil {
				return err
			}
			text, err := formats.FormatProject(p)
			if err != nil {
				return usageError{err}
			}
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return errorf("make the folder %s: %w", dir, because(err))
			}
			path, unit, partners := filepath.Join(dir, "project.yaml"), filepath.Join(dir, "unit.identity"), filepath.Join(dir, "unit.partners")
			secret := identity.Text()
			defer clear(secret)
			// The project file last: once it is there, so is what opens what is sealed by it.
			err = writeFiles(
				newFile{path, 0o644, text},
				newFile{partners, 0o644, []byte(partnersHead)},
				newFile{unit, 0o600, secret},
			)
			if err != nil {
				return err
			}
			a.ui.sayf("wrote %s: fill in each partner's column names, then send it to all partners", path)
			a.ui.sayf("wrote %s: keep it at the unit, and a copy in a safe place", unit)
			a.ui.sayf("wrote %s: put into it the line that each partner sends", partners)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "the project's name (default: the folder's)")
	cmd.Flags().StringArrayVar(&parties, "party", nil, "a party; repeat for each")
	cmd.Flags().StringArrayVar(&clean, "clean", nil, "a party that has no person twice; repeat for each")
	return cmd
}

// checkNewNames refuses names before they are in a file: about a file that nobody has seen, a line number says nothing.
func checkNewNames(p *formats.Project) error {
	if err := formats.CheckName("project", p.Name); err != nil {
		return usagef("%w\nname the project with --name", err)
	}
	seen := map[string]bool{}
	for _, q := range p.Parties {
		if err := formats.CheckName("party", q.Name); err != nil {
			return usageError{err}
		}
		if seen[q.Name] {
			return usagef("party %q is named twice", q.Name)
		}
		seen[q.Name] = true
	}
	return nil
}

// writeFile writes a small file whole or not at all, and never over another.
func writeFile(path string, mode fs.FileMode, text []byte) error {
	o, err := formats.Create(path, formats.CreateOptions{Mode: mode})
	if err != nil {
		return err
	}
	defer o.Abort()
	if _, err := o.Write(text); err != nil {
		return err
	}
	return o.Commit()
}

const partnersHead = `# The partners of this project: a line for each, as its "cohortlink key new --signing" printed it.
# Before a line is put here, compare its fingerprint by telephone: "cohortlink inspect" shows it.
# PARTY ed25519:... age1pq1...
`

// setUnit puts the unit's public keys into the project.
func setUnit(p *formats.Project, unit formats.Public) {
	p.Unit, p.UnitSigns = unit.Recipient.String(), unit.Signs.String()
}

// newFile is a file that is not there yet.
type newFile struct {
	path string
	mode fs.FileMode
	text []byte
}

// writeFiles writes small files, none over another, after it has seen that each can
// be begun. They appear in the reverse order.
func writeFiles(files ...newFile) error {
	var outs []*formats.Output
	for _, f := range files {
		o, err := formats.Create(f.path, formats.CreateOptions{Mode: f.mode})
		if err != nil {
			return err
		}
		defer o.Abort()
		if _, err := o.Write(f.text); err != nil {
			return err
		}
		outs = append(outs, o)
	}
	for _, o := range slices.Backward(outs) {
		if err := o.Commit(); err != nil {
			return err
		}
	}
	return nil
}
