package formats

import (
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// FieldForHouseholds marks a field that says where somebody lives and is kept out of what
// finds persons: an address that a whole family shares would make brothers one.
const FieldForHouseholds = "households"

// ProjectHouseholds asks that persons who live together are found too.
type ProjectHouseholds struct {
	Fields []string // at least one
	Line   int
}

// ForHouseholds reports whether a field is in no filter of persons.
func (p *Project) ForHouseholds(field string) bool {
	return slices.ContainsFunc(p.Fields, func(f ProjectField) bool { return f.Name == field && f.For == FieldForHouseholds })
}

// readHouseholds reads which fields say where somebody lives. Which kinds can, hashing decides.
func (p *Project) readHouseholds(y *yamlReader, n ast.Node) {
	if n == nil {
		for _, f := range p.Fields {
			if f.For == FieldForHouseholds {
				y.fail(f.Line, "field %q is for households, and the project has none; add households: {fields: [%s]}, or leave out for", f.Name, f.Name)
			}
		}
		return
	}
	h := &ProjectHouseholds{Line: y.line(n)}
	s := y.section(n, "households", "fields")
	h.Fields = y.texts(y.need(s, "fields"), "fields")
	y.references(s["fields"].value, h.Fields, "fields", "field", p.fieldNames())
	if y.err == nil && len(h.Fields) == 0 {
		y.fail(h.Line, "households are made of at least one field, such as fields: [surname, postcode, address, uprn]")
	}
	if y.err == nil && p.Encoding.Profile == profileClkhash {
		y.fail(h.Line, "a clkhash linkage schema makes one filter of a person and none of a household; leave households out, or choose another profile")
	}
	p.Households = h
	for _, f := range p.Fields {
		if f.For != FieldForHouseholds || y.err != nil {
			continue
		}
		if !slices.Contains(h.Fields, f.Name) {
			y.fail(f.Line, "field %q is for households, and households: fields: does not name it", f.Name)
		}
		for _, filter := range p.Encoding.Filters {
			if slices.Contains(filter.Fields, f.Name) {
				y.fail(filter.Line, "field %q is for households, and filter %q, which is of persons, names it", f.Name, filter.Name)
			}
		}
		if slices.Contains(p.Encoding.Exact, f.Name) {
			y.fail(p.Encoding.Line, "field %q is for households, and exact, which is of persons, names it", f.Name)
		}
	}
}

// formatHouseholds writes what readHouseholds reads.
func (p *Project) formatHouseholds(line func(string, ...any)) {
	line("# Persons who live together can be found too, from where each record says that they do. A field marked for: households is in")
	line("# no filter of persons. Kinds that serve: name, postcode, text (an address) and uprn, which travels as an exact key.")
	if p.Households == nil {
		line("# Such a field: - {name: address, kind: text, for: households}")
		line("# households: {fields: [surname, postcode, address]}")
		return
	}
	line("households: {fields: %s}", yamlList(p.Households.Fields))
}
