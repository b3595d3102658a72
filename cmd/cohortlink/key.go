package main

import (
	"bufio"
	"crypto/rand"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cohortlink/formats"
	"cohortlink/hashing"
)

func newKey(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Make the keys of partners, and carry the project key between them",
		Args:  args(0, 0, "a command: key new, key wrap or key unwrap"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeyNew(a), newKeyWrap(a), newKeyUnwrap(a))
	return cmd
}

func newKeyNew(a *app) *cobra.Command {
	var project, party, out string
	var signing bool
	cmd := &cobra.Command{
		Use:   "new {--project PROJECT | --signing --party PARTY} -o FILE",
		Short: "Draw a new project key, or a partner's own identity",
		Long: `With --project: draws a random key for the project, writes it to FILE, readable by
you alone, and prints its fingerprint. One partner does this once, and gives it to
the others with "cohortlink key wrap", by a way that the linkage unit does not see;
then all compare fingerprints by telephone. Whoever has the key and another partner's
filters can find people in them, so the unit must never have it.

With --signing: draws a partner's own identity, which signs the filters it sends and
opens the links that come back, and prints the line that the unit puts into its file
of partners. Each partner has one and gives it to nobody.
` + exitHelp,
		Example: `  cohortlink key new --project project.yaml -o project.key
  cohortlink key new --signing --party gp-k81001 -o gp-k81001.identity`,
		Args: args(0, 0, "no arguments, only flags"),
		RunE: func(*cobra.Command, []string) error {
			switch {
			case signing && (party == "" || out == ""):
				return usagef("say which party you are with --party and name the new identity file with -o")
			case signing && project != "":
				return usagef("an identity belongs to a party and not to a project: leave out --project or --signing")
			case signing:
				return a.newSigning(party, out)
			case project == "" || out == "":
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
			text := key.Text()
			defer clear(text)
			if err := writeFile(out, 0o600, text); err != nil {
				return err
			}
			a.ui.resultf("%s\n", hashing.SpokenFingerprint(key.Fingerprint()))
			a.ui.sayf("wrote the key of project %q to %s; its fingerprint is above", p.Name, out)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&project, "project", "", "the project file")
	f.BoolVar(&signing, "signing", false, "make a partner's own identity, not a project key")
	f.StringVar(&party, "party", "", "which party you are, with --signing")
	f.StringVarP(&out, "out", "o", "", "the file to write")
	return cmd
}

// newSigning makes a partner's identity, and prints the line that the unit pins.
func (a *app) newSigning(party, out string) error {
	if err := formats.CheckName("party", party); err != nil {
		return usageError{err}
	}
	identity, err := formats.NewIdentity(party)
	if err != nil {
		return err
	}
	text := identity.Text()
	defer clear(text)
	if err := writeFile(out, 0o600, text); err != nil {
		return err
	}
	a.ui.resultf("%s %s\n", party, identity.Public())
	a.ui.sayf("wrote your identity to %s; keep it, and give it to nobody", out)
	a.ui.sayf("send the line above to the linkage unit, and compare its fingerprint by telephone: %s", fingerprintOf(identity.Public()))
	return nil
}

func newKeyWrap(a *app) *cobra.Command {
	var to, partners, out string
	cmd := &cobra.Command{
		Use:   "wrap KEY -o FILE",
		Short: "Wrap the project key, so that it can travel to another partner",
		Long: `Writes a copy of the project key that may go by mail, but for the linkage unit: it is
encrypted under a new passphrase, which is printed and goes by telephone, or with
--to PARTY for the age key that the party has in a file of partners, and then there
is no passphrase. The unit's file of partners has those lines and nothing secret.
` + exitHelp,
		Example: `  cohortlink key wrap project.key -o project.key.wrapped
  cohortlink key wrap project.key --to gp-k81001 --partners unit.partners -o for-gp-k81001.wrapped`,
		Args: args(1, 1, "the project key"),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" || (to == "") != (partners == "") {
				return usagef("name the file to write with -o, and --to and --partners both or neither")
			}
			key, err := a.readKey(args[0])
			if err != nil {
				return err
			}
			text, fingerprint := key.Text(), hashing.SpokenFingerprint(key.Fingerprint())
			defer clear(text)
			var file []byte
			var passphrase string
			if to == "" {
				file, passphrase, err = formats.WrapKey(key.Project(), fingerprint, text)
			} else {
				var recipient *formats.Recipient
				if recipient, err = recipientOf(partners, to); err == nil {
					file, err = formats.SealKey(key.Project(), fingerprint, text, recipient)
				}
			}
			if err != nil {
				return err
			}
			if err := writeFile(out, 0o600, file); err != nil {
				return err
			}
			if to != "" {
				a.ui.sayf("wrote the key, sealed for party %q, to %s; compare its fingerprint by telephone: %s", to, out, fingerprint)
				return nil
			}
			a.ui.resultf("%s\n", passphrase)
			a.ui.sayf("wrote the wrapped key to %s; its passphrase is above", out)
			a.ui.sayf("send the file to the other partners and not to the unit, tell them the passphrase by telephone, and compare the fingerprint: %s", fingerprint)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&to, "to", "", "the party that the key is sealed for")
	f.StringVar(&partners, "partners", "", "a file of partners with that party's line")
	f.StringVarP(&out, "out", "o", "", "the file to write")
	return cmd
}

func recipientOf(path, party string) (*formats.Recipient, error) {
	p, err := formats.ReadPartners(path)
	if err != nil {
		return nil, err
	}
	public, ok := p.Of(party)
	if !ok || public.Recipient == nil {
		return nil, errorf("%s has no age key for party %q: ask the party for its line", path, party)
	}
	return public.Recipient, nil
}

func newKeyUnwrap(a *app) *cobra.Command {
	var identity, passphraseFile, out string
	cmd := &cobra.Command{
		Use:   "unwrap FILE -o KEY",
		Short: "Unwrap a project key that another partner sent",
		Long: `Writes the project key that another partner wrapped, readable by you alone, and
prints its fingerprint. Compare it by telephone before you use the key: whoever
made up a key could find people in filters that are hashed with it.

The passphrase is asked for; elsewhere than at a terminal it is the first line of
standard input. A key that was sealed for you is opened with your identity.
` + exitHelp,
		Example: `  cohortlink key unwrap project.key.wrapped -o project.key
  cohortlink key unwrap for-gp-k81001.wrapped --identity gp-k81001.identity -o project.key`,
		Args: args(1, 1, "the wrapped key"),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return usagef("name the key file to write with -o")
			}
			text, header, err := a.unwrap(args[0], identity, passphraseFile)
			if err != nil {
				return err
			}
			defer clear(text)
			key, err := hashing.ParseKey(text)
			if err != nil {
				return errorf("%s: what was wrapped is damaged: %w", args[0], err)
			}
			fingerprint := hashing.SpokenFingerprint(key.Fingerprint())
			if key.Project() != header.Project || fingerprint != header.Fingerprint {
				return errorf("%s holds another key than its header says: it was changed, or put together from two files", args[0])
			}
			if err := writeFile(out, 0o600, text); err != nil {
				return err
			}
			a.ui.resultf("%s\n", fingerprint)
			a.ui.sayf("wrote the key of project %q to %s; compare its fingerprint, above, by telephone", key.Project(), out)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&identity, "identity", "", "your identity, when the key was sealed for you")
	f.StringVar(&passphraseFile, "passphrase-file", "", "a file with the passphrase, to use in place of asking")
	f.StringVarP(&out, "out", "o", "", "the key file to write")
	return cmd
}

// unwrap returns the bytes of the key file in a wrapped key.
func (a *app) unwrap(path, identity, passphraseFile string) ([]byte, *formats.WrappedKey, error) {
	h, body, err := formats.ReadWrappedKey(path)
	if err != nil {
		if first, _ := firstLine(path); strings.HasPrefix(first, "cohortlink project key") {
			return nil, nil, errorf("%s is a project key already: there is nothing to unwrap", path)
		}
		return nil, nil, err
	}
	var text []byte
	if h.NeedsPassphrase() {
		var typed string
		if typed, err = a.passphrase(passphraseFile); err == nil {
			text, err = h.Unwrap(body, typed)
		}
	} else {
		if identity == "" {
			return nil, nil, usagef("%s was sealed for a partner: name your identity with --identity\ncohortlink key unwrap %s --identity PARTY.identity -o project.key", path, path)
		}
		var i *formats.Identity
		if i, err = a.readIdentity(identity); err == nil {
			text, err = h.OpenKey(body, i)
		}
	}
	if err != nil {
		return nil, nil, errorf("%s: %w", path, err)
	}
	return text, h, nil
}

// passphrase asks for a passphrase where somebody can answer.
func (a *app) passphrase(file string) (string, error) {
	in := a.ui.in
	if file != "" {
		text, err := a.readSecret("passphrase", file)
		return string(text), err
	}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		a.ui.line("", "type the passphrase; it is not shown")
		text, err := term.ReadPassword(int(f.Fd()))
		return string(text), err
	}
	line, err := bufio.NewReader(io.LimitReader(in, 1<<10)).ReadString('\n')
	if err != nil && err != io.EOF || strings.TrimSpace(line) == "" {
		return "", usagef("there is no passphrase on standard input; give it there, or in a file with --passphrase-file")
	}
	return line, nil
}
