package main

import (
	"cohortlink/formats"
)

const clkhashProfile = "clkhash"

// schemaFingerprint is the fingerprint that filters of a project carry.
func schemaFingerprint(p *formats.Project, path string) (string, error) {
	s, err := schemaOf(p)
	if err != nil {
		return "", errorf("%s: %w", path, err)
	}
	return s.Fingerprint(), nil
}
