package cohort

import (
	"os"
	"os/exec"
	"testing"
)

// RuleAlone returns a release by the rule alone, as others do it: what is not small
// itself is shown.
func RuleAlone(c *Counts, r Rule, o Options) (*Release, error) {
	s := newSheet(c.see(), r)
	if err := s.ask(o); err != nil {
		return nil, err
	}
	s.primary()
	return s.release(newAuditor(s, true)), nil
}

// Python returns an interpreter that has highspy and numpy, or skips.
func Python(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("COHORTLINK_PYTHON"), "python3"} {
		if name != "" && exec.Command(name, "-c", "import highspy, numpy").Run() == nil {
			return name
		}
	}
	t.Skip("no Python with highspy and numpy: set COHORTLINK_PYTHON to one to run the independent attacker")
	return ""
}
