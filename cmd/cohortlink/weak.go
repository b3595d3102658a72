package main

import (
	"strings"
	"unicode"

	"cohortlink/hashing"
)

// maxReason bounds the reason for a weak choice, in bytes: what it is beside the choice must fit
// one entry of a manifest.
const maxReason = 200

// acceptedWeak returns the weak choices of the project, each with the reason for which the party accepts them. Without
// a reason there may be none.
func (h *hashRun) acceptedWeak(s *hashing.Schema) ([]string, error) {
	weak := s.Weak()
	reason := strings.TrimSpace(h.acceptWeak)
	switch {
	case len(weak) == 0 && h.acceptWeak != "":
		h.app.ui.warnf("%s makes no weak choice: --accept-weak is not needed", h.project)
		return nil, nil
	case len(weak) == 0:
		return nil, nil
	case h.acceptWeak == "":
		return nil, errorf("%s: %s\nif it must be so: --accept-weak \"the reason\"", h.project, weak[0])
	case reason == "" || len(reason) > maxReason || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }):
		return nil, usagef("the reason for --accept-weak is written into the filters file: give some words, at most %d bytes of plain text", maxReason)
	}
	for i, w := range weak {
		what, _, _ := strings.Cut(w, ": ") // what to choose instead is no news any more
		weak[i] = what + "; accepted because: " + reason
	}
	return weak, nil
}
