// Command cohortlink lets public services that help the same person find that
// out without showing each other names or numbers: partners hash their extracts
// at home, a linkage unit links the hashes, and everyone gets back only what is
// theirs.
//
// This package holds flags, files, terminal and the order of steps. It has no
// loop over pairs, and what it knows of filters, links and counts it is told.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cohortlink/formats"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes, as every command's help lists them.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitSetAside = 3
)

// run is the program: it returns the exit code and never exits.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{ui: newUI(in, out, errs)}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(a.ui.out)
	root.SetErr(errs)
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		// What is half written is taken away whatever the work is busy with; then
		// it has a moment to end by itself, since it may have put other things aside.
		formats.AbortAll()
		select {
		case <-done:
		case <-time.After(afterInterrupt):
		}
		formats.AbortAll() // what was begun while the first was at work
		err = ctx.Err()
	}
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted: nothing was left half written")
	}
	return a.ui.finish(err)
}

// afterInterrupt is how long work may go on after an interrupt.
const afterInterrupt = 500 * time.Millisecond

// app is what all commands share: the terminal, and the flags that all have.
type app struct {
	ui *ui
}

// A usageError is a mistake in how the program was called.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{errorf(format, args...)} }

// A setAsideError ends a command that did its work, some rows aside.
type setAsideError struct{ text string }

func (e setAsideError) Error() string { return e.text }

// exitCode is the one place where an error becomes an exit code.
func exitCode(err error) int {
	var usage usageError
	var aside setAsideError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &aside):
		return exitSetAside
	case errors.As(err, &usage):
		return exitUsage
	default:
		return exitFailed
	}
}

const exitHelp = `
Exit codes: 0 done; 1 failed; 2 used wrongly; 3 done, with rows set aside.`

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "cohortlink",
		Short: "Link records across services without sharing names",
		Long: `cohortlink links records about the same person across services that may not
share names: each partner hashes its own extract at home, a linkage unit that
holds no key links the hashes, and counts that are safe to forward come out.

A first look, on an invented borough:   cohortlink demo
A partner:                              cohortlink check, audit, hash, attach
The linkage unit:                       cohortlink project, link, size, cohort
` + exitHelp,
		SilenceUsage:               true,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		Version:                    version(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "\ndid you mean \"cohortlink " + near[0] + "\"?"
			}
			return usagef("there is no command %q%s", args[0], hint)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%s\nsee \"%s --help\"", strings.TrimSuffix(err.Error(), "."), cmd.CommandPath())
	})
	root.PersistentFlags().BoolVarP(&a.ui.quiet, "quiet", "q", false, "say nothing but errors and warnings")
	root.AddCommand(
		newDemo(a), newProject(a), newKey(a), newCheck(a), newHash(a), newInspect(a), newAudit(a),
		newLink(a), newAttach(a), newSize(a), newCohort(a), newLedger(a), newEvaluate(a), newExplain(a), newClkhash(a), newSynth(a),
	)
	return root
}

// args is cobra's check of the number of arguments, in our voice.
func args(least, most int, want string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usagef("%s needs %s\nsee \"%s --help\"", cmd.CommandPath(), want, cmd.CommandPath())
		}
		return nil
	}
}

// expand puts the files that a pattern such as *.filters matches in its place, as shells do, but for those of Windows.
// What is the name of a file already, be it after PARTY=, stays as it is; a pattern that matches nothing is a mistake.
func expand(args []string) ([]string, error) {
	there := func(name string) bool { _, err := os.Lstat(name); return err == nil }
	var out []string
	for _, arg := range args {
		_, file, named := strings.Cut(arg, "=")
		if !strings.ContainsAny(arg, "*?[") || there(arg) || named && there(file) {
			out = append(out, arg)
			continue
		}
		found, err := filepath.Glob(arg)
		if err != nil || len(found) == 0 {
			return nil, errorf("there is no file that matches %q: is this the right folder?", arg)
		}
		out = append(out, found...)
	}
	return out, nil
}

// version is the module's version and revision, as far as the build knows them.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	return v
}

func tool() string { return "cohortlink " + version() }
