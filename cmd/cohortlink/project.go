package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

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
		Short: "Write a project.yaml to begin with",
		Long: `Writes DIR/project.yaml: the parties, the fields that are hashed, and how counts
are released. Agree on it with all partners before anyone hashes; a change to the
fields changes every filter. Each partner's own column names go under its party.
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
			path := filepath.Join(dir, "project.yaml")
			if err := writeFile(path, 0o644, text); err != nil {
				return err
			}
			a.ui.sayf("wrote %s: fill in each partner's column names, then send it to all partners", path)
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
