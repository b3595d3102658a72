package main

import (
	"slices"
	"strings"
	"unicode"

	"cohortlink/formats"
)

// maxReason bounds the reason for a weak choice, in bytes: what it is beside the choice must
// fit one entry of a manifest.
const maxReason = 200

// acceptedWeak returns the weak choices of an encoding, each with the reason for which the
// party accepts them. Without a reason there may be none.
func (h *hashRun) acceptedWeak(weak []string) ([]string, error) {
	reason := strings.TrimSpace(h.acceptWeak)
	switch {
	case len(weak) == 0:
		return nil, nil
	case h.acceptWeak == "":
		return nil, errorf("%s: %s\nif it must be so: --accept-weak \"the reason\"", h.project, weak[0])
	case reason == "" || len(reason) > maxReason || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }):
		return nil, usagef("the reason for --accept-weak is written into the filters file: give some words, at most %d bytes of plain text", maxReason)
	}
	weak = slices.Clone(weak)
	for i, w := range weak {
		what, _, _ := strings.Cut(w, ": ") // what to choose instead is no news any more
		weak[i] = what + "; accepted because: " + reason
	}
	return weak, nil
}

// An exact key that many records share says little about who they are, and its frequency
// says which value it is: a practice's own telephone number in place of the patient's, a
// code that is of a place and not of a person. Hash warns where one is of at least so many
// records, and of at least such a share of those that have one.
const (
	sharedRecords = 20
	sharedShare   = 0.01
)

// warnShared looks whether an exact key tells people apart at all. It looks at the first of
// the names alone: those after are of households, which are shared.
func (h *hashRun) warnShared(batches []*batch, names []string, first int) {
	for e, name := range names[:first] {
		count := map[formats.ExactKey]int{}
		given, most := 0, 0
		for _, b := range batches {
			for i := range b.ok {
				key := formats.ExactKey{}
				if b.ok[i] {
					key = b.exact[i*len(names)+e]
				}
				if key == (formats.ExactKey{}) {
					continue
				}
				count[key]++
				given++
				most = max(most, count[key])
			}
		}
		if most >= sharedRecords && float64(most) >= sharedShare*float64(given) {
			h.app.ui.warnf("exact key %q: %s of the %s that have one share a single value, which the unit can tell by that: is it of a person at all?", name, thousands(most), plural(given, "record"))
		}
	}
}
