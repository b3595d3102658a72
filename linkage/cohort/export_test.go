package cohort

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
