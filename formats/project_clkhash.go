package formats

// A project with the profile clkhash. What is compared, and how, is in the linkage schema, which is not read here. So such a project has no
// fields of its own, which would say the same again or something else; and a party's columns may name any of the schema's.

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

const profileClkhash = "clkhash"

// hasProfile reports whether an encoding has a profile, before the encoding is read.
func (y *yamlReader) hasProfile(encoding ast.Node, profile string) bool {
	if !y.isMapping(encoding) {
		return false
	}
	for _, pair := range y.pairs(encoding, "encoding") {
		if t, ok := y.resolve(pair.value).(*ast.StringNode); ok && pair.key == "profile" {
			return t.Value == profile
		}
	}
	return false
}

// checkClkhash refuses what a linkage schema says already.
func (p *Project) checkClkhash(y *yamlReader) {
	if e := &p.Encoding; y.err == nil && e.Profile == profileClkhash && (len(p.Fields) > 0 || len(e.Exact) > 0 || e.Length != 0) {
		y.fail(e.Line, "the linkage schema says what is compared and how long the filters are; leave out fields, exact and length")
	}
}

// columnNames are the names for which a party may name its own columns, in the order in which they are written.
func (p *Project) columnNames(party *ProjectParty) []string {
	if p.Encoding.Profile != profileClkhash {
		return append(p.fieldNames(), p.needNames()...)
	}
	var names []string
	for name := range party.Columns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
