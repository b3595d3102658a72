package main

import (
	"fmt"
	"slices"
	"strings"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/norm"
)

// schemaOf is the hashing side of a project file.
func schemaOf(p *formats.Project) (hashing.Schema, error) {
	s := hashing.Schema{Project: p.Name, Exact: p.Encoding.Exact}
	for _, f := range p.Fields {
		s.Fields = append(s.Fields, hashing.Field{Name: f.Name, Kind: norm.Kind(f.Kind), Weight: f.Weight})
	}
	var err error
	if s.Filters, err = filtersOf(&p.Encoding); err != nil {
		return s, err
	}
	if err := addHouseholds(&s, p); err != nil {
		return s, err
	}
	return s, s.Check()
}

// normaliseOptions are the party's own: its date form for each field.
func normaliseOptions(p *formats.Project, party *formats.ProjectParty) []norm.Options {
	out := make([]norm.Options, len(p.Fields))
	for i, f := range p.Fields {
		if k := norm.Kind(f.Kind); k != norm.Date && k != norm.Year {
			continue
		}
		form, own := party.Dates[f.Name]
		if !own {
			form = party.Dates[""]
		}
		out[i].Dates = form
	}
	return out
}

func extractOptions(party *formats.ProjectParty) formats.ExtractOptions {
	return formats.ExtractOptions{Delimiter: party.Delimiter, Encoding: party.TextEncoding}
}

// columnMap says where in a party's rows the project's fields and needs are.
type columnMap struct {
	fields [][]int // for each field: its columns; none where the party lacks it
	needs  [][]int
	lacks  []string // fields that the extract does not have
}

// mapColumns finds the columns of each field and need in an extract's header. A
// field that the party's column map names must be there; one that it does not
// name is looked for under its own name.
func mapColumns(file string, header []string, p *formats.Project, party *formats.ProjectParty) (*columnMap, error) {
	at := make(map[string]int, len(header))
	for i, h := range header {
		at[h] = i
	}
	find := func(what, name string) ([]int, error) {
		own, mapped := party.Columns[name]
		if !mapped {
			if i, ok := at[name]; ok {
				return []int{i}, nil
			}
			return nil, nil
		}
		var cols []int
		for _, c := range own {
			i, ok := at[c]
			if !ok {
				hint := "\nnone of the columns that the project names is there: is the first line of the file the names of its columns?"
				if others := otherParties(p, party, header); len(others) > 0 {
					hint = "\nits columns are those of party " + quoted(others) + ": is that who you are? then name it with --party"
				} else if anyKnown(p, party, at) {
					hint = nearest(c, header)
				}
				return nil, errorf("%s: there is no column %q, which the project names for %s %q of party %q%s", file, c, what, name, party.Name, hint)
			}
			cols = append(cols, i)
		}
		return cols, nil
	}
	m := &columnMap{}
	for _, f := range p.Fields {
		cols, err := find("field", f.Name)
		if err != nil {
			return nil, err
		}
		if cols == nil {
			m.lacks = append(m.lacks, f.Name)
		}
		m.fields = append(m.fields, cols)
	}
	for _, n := range p.Needs {
		cols, err := find("need", n.Name)
		if err != nil {
			return nil, err
		}
		m.needs = append(m.needs, cols)
	}
	if len(m.lacks) == len(p.Fields) {
		return nil, errorf("%s: none of the project's fields is among its columns\nif its first line holds the names of its columns, name them under \"parties: %s: columns:\" in the project file, or in a file given with --columns", file, party.Name)
	}
	return m, nil
}

// anyKnown reports whether an extract has at least one column that the project
// names. Where it has none, its first line may be a person and not a header, and
// nothing of it is shown.
func anyKnown(p *formats.Project, party *formats.ProjectParty, at map[string]int) bool {
	for _, columns := range party.Columns {
		for _, c := range columns {
			if _, ok := at[c]; ok {
				return true
			}
		}
	}
	return slices.ContainsFunc(p.Fields, func(f formats.ProjectField) bool { _, ok := at[f.Name]; return ok })
}

// nearest is a hint naming the header that differs from a name only in case and
// punctuation, if one does.
func nearest(name string, header []string) string {
	fold := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == ' ' || r == '_' || r == '-' || r == '.' {
				return -1
			}
			return r
		}, strings.ToLower(s))
	}
	if i := slices.IndexFunc(header, func(h string) bool { return fold(h) == fold(name) }); i >= 0 {
		return fmt.Sprintf("\ndid you mean %q?", header[i])
	}
	return "\nits columns are " + quoted(header)
}

// quoted lists names for a message, the first few of many.
func quoted(names []string) string {
	const most = 12
	var b strings.Builder
	for i, n := range names {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(names)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", n)
	}
	return b.String()
}

// join puts the cells of a field's columns together with single spaces, also
// where one is empty: in a date of three columns the place tells which part is
// missing.
func join(row []string, cols []int) string {
	switch len(cols) {
	case 0:
		return ""
	case 1:
		return row[cols[0]]
	}
	parts := make([]string, len(cols))
	empty := true
	for i, c := range cols {
		parts[i] = row[c]
		empty = empty && strings.TrimSpace(row[c]) == ""
	}
	if empty {
		return ""
	}
	return strings.Join(parts, " ")
}
