package cohort

// Audit is what the attacker that Protect plays could and could not do.
type Audit struct {
	Figures   int // figures in the release
	Primary   int // hidden by the rule itself
	Secondary int // hidden to protect those
}
