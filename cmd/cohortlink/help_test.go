package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command says how it ends and shows how it is used, and what it shows can be typed: the command is there, it
// takes that many arguments, and it has those flags.
func TestHelpShowsAnExample(t *testing.T) {
	seen := 0
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			visit(sub)
		}
		if c.HasParent() && c.HasSubCommands() {
			return // only holds others
		}
		if !strings.Contains(c.Long, "Exit codes: 0 done; 1 failed; 2 used wrongly; 3 done, with rows set aside") {
			t.Errorf("%s: the help does not list the exit codes", c.CommandPath())
		}
		if !c.HasParent() {
			return
		}
		seen++
		if c.Example == "" {
			t.Errorf("%s: the help shows no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			words := strings.Fields(line)
			root := newRoot(quietApp(new(bytes.Buffer)))
			if len(words) < 2 || words[0] != root.Name() {
				t.Errorf("%s: the example does not begin with the program: %s", c.CommandPath(), line)
				continue
			}
			found, rest, err := root.Find(words[1:])
			if err != nil || found.CommandPath() != c.CommandPath() {
				t.Errorf("%s: the example is of another command: %s", c.CommandPath(), line)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%s: the example cannot be typed: %v", c.CommandPath(), err)
			} else if err := found.ValidateArgs(found.Flags().Args()); err != nil {
				t.Errorf("%s: the example cannot be typed: %v", c.CommandPath(), err)
			}
		}
		if strings.HasSuffix(c.Short, ".") || c.Short == "" {
			t.Errorf("%s: its one line of help is %q", c.CommandPath(), c.Short)
		}
	}
	visit(newRoot(quietApp(new(bytes.Buffer))))
	if seen < 10 {
		t.Fatalf("found only %d commands", seen)
	}
}
