package main

import (
	"crypto/rand"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/hashing"
)

func newKey(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make the project key that the partners share",
		Args:  args(0, 0, "a command: key new"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeyNew(a))
	return cmd
}

func newKeyNew(a *app) *cobra.Command {
	var project, out string
	cmd := &cobra.Command{
		Use:   "new --project PROJECT -o FILE",
		Short: "Draw a new project key",
		Long: `Draws a random key for the project, writes it to FILE, readable by you alone, and
prints its fingerprint. One partner does this once. Give the file to the other
partners by a way that the linkage unit does not see, and compare fingerprints by
telephone. Whoever has the key and another partner's filters can find people in
them, so the unit must never have it.
` + exitHelp,
		Example: `  cohortlink key new --project project.yaml -o project.key`,
		Args:    args(0, 0, "no arguments, only flags"),
		RunE: func(*cobra.Command, []string) error {
			if project == "" || out == "" {
				return usagef("name the project file with --project and the new key file with -o")
			}
			p, err := formats.ReadProject(project)
			if err != nil {
				return err
			}
			key, err := hashing.NewKey(p.Name, rand.Reader)
			if err != nil {
				return err
			}
			if err := writeFile(out, 0o600, key.Text()); err != nil {
				return err
			}
			a.ui.resultf("%s\n", hashing.SpokenFingerprint(key.Fingerprint()))
			a.ui.sayf("wrote the key of project %q to %s; its fingerprint is above", p.Name, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "the project file")
	cmd.Flags().StringVarP(&out, "out", "o", "", "the key file to write")
	return cmd
}

// readKey reads a key file. On Unix one that others can read is refused: it has
// to be treated as known to them.
func (a *app) readKey(path string) (*hashing.Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, errorf("read the key %s: %w", path, because(err))
	}
	if info.Size() > 64<<10 {
		return nil, errorf("%s: not a key file: it is far too long", path)
	}
	if runtime.GOOS == "windows" {
		a.ui.warnf("see to it that only you can read %s: Windows does not tell", path)
	} else if info.Mode().Perm()&0o077 != 0 {
		return nil, errorf("%s can be read by others on this machine\nchmod 600 %s", path, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, errorf("read the key %s: %w", path, because(err))
	}
	key, err := hashing.ParseKey(text)
	if err != nil {
		return nil, errorf("%s: %w", path, err)
	}
	return key, nil
}
