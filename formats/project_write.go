package formats

// Writing the project file: for `project new`, which gives people a file to fill in, and for the invented borough.
// The comments are for those who have never seen one; they are the same in every file and no part of the project.

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// FormatProject writes a project file that ParseProject reads as p again, line numbers aside. It fails where ParseProject would.
func FormatProject(p *Project) ([]byte, error) {
	var b bytes.Buffer
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }

	line("# One linkage for one purpose, agreed by all its parties: every party uses the same copy of this file.")
	line("# What decides the filters (project, fields, encoding) must not change once a party has hashed.")
	line("version: 1")
	line("project: %s", yamlText(p.Name))
	line("")
	line("# Who takes part, and what each party's extract calls the fields and needs. A party whose columns have the names of the fields")
	line("# needs none: {}. A field may be made of several columns: [Day, Month, Year]. Other settings of a party:")
	line(`#   dates: "DD/MM/YYYY"     the form of its dates, of all or of each: {birth_date: "DD/MM/YYYY"}`)
	line("#   deduplicated: true      it promises that no two of its records are the same person")
	line("#   text: windows-1252      the encoding of its text, when it is not UTF-8")
	line(`#   delimiter: ";"          what stands between columns, when it cannot be guessed; or tab`)
	line("#   share: [frailty]        its needs that may select a cohort for another party")
	line("parties:")
	for _, party := range p.Parties {
		p.formatParty(line, &party)
	}
	line("")
	line("# What is compared. Kinds: %s.", strings.Join(fieldKinds, ", "))
	if len(p.Fields) > 0 {
		line("fields:")
	}
	for _, f := range p.Fields {
		weight := ""
		if f.Weight != 0 {
			weight = ", weight: " + strconv.FormatFloat(f.Weight, 'f', -1, 64)
		}
		line("  - {name: %s, kind: %s%s%s}", yamlText(f.Name), yamlText(f.Kind), weight, optional("for", f.For))
	}
	line("")
	p.formatEncoding(line)
	line("")
	line("# threshold: auto is chosen from the scores; or a number above 0 and at most 1. person_ids: shared, or per-party, a different ID for each party.")
	line("linkage:")
	line("  threshold: %s", yamlText(p.Linkage.Threshold))
	line("  person_ids: %s", yamlText(p.Linkage.PersonIDs))
	if p.Linkage.Blocking != "" {
		line("  blocking: %s", yamlText(p.Linkage.Blocking))
	}
	line("")
	line("# What parties may declare about their records beside the filters, never inside them: yes-no or category. Without needs nothing but filters")
	line("# leaves a party.")
	if len(p.Needs) == 0 {
		line("# needs:")
		line("#   - {name: frailty, kind: yes-no}")
		line("#   - {name: age_band, kind: category}")
		line("#   - {name: home_care, kind: yes-no, meets: frailty}   # a service: who has the need without it is counted")
	} else {
		line("needs:")
	}
	for _, n := range p.Needs {
		values := ""
		if n.Values != nil {
			values = ", values: " + yamlList(n.Values)
		}
		line("  - {name: %s, kind: %s%s%s}", yamlText(n.Name), yamlText(n.Kind), values, optional("meets", n.Meets))
	}
	line("")
	p.formatHouseholds(line)
	line("")
	line("# The rule that protects counts before anybody sees them: %s;", strings.Join(releasePresets, ", "))
	line("# or one of the project's own: {hide_below: 10, round_to: 5}.")
	line("# stricter: auto shows the main figures also as they would be without the tenth of links that score lowest.")
	line("# noise: {epsilon: 0.5, budget: 2} changes counts by a random amount before that; budget is what all releases together may take.")
	more := optional("stricter", p.Release.Stricter)
	if n := p.Release.Noise; n != (ProjectNoise{}) {
		more += fmt.Sprintf(", noise: {epsilon: %s, budget: %s}", n.Epsilon, n.Budget)
	}
	if p.Release.Preset != "" {
		line("release: {preset: %s%s}", yamlText(p.Release.Preset), more)
	} else {
		line("release: {hide_below: %d, round_to: %d%s}", p.Release.HideBelow, p.Release.RoundTo, more)
	}
	line("")
	line("# Questions that every release answers: who meets a condition; by parties, needs, or the values of a need.")
	if len(p.Questions) == 0 {
		line("# questions:")
		line(`#   - {name: "known to three services or more", where: "parties>=3", by: needs}`)
	} else {
		line("questions:")
	}
	for _, q := range p.Questions {
		line("  - {name: %s%s%s}", yamlText(q.Name), optional("where", q.Where), optional("by", q.By))
	}
	line("")
	line("# The linkage unit's public keys: filters are sealed for the first, and links that come back are signed by the second.")
	if p.Unit == "" {
		line("# unit: age1pq1…")
	} else {
		line("unit: %s", yamlText(p.Unit))
	}
	if p.UnitSigns == "" {
		line("# unit_signs: %s…", signingKeyPrefix)
	} else {
		line("unit_signs: %s", yamlText(p.UnitSigns))
	}
	if _, err := ParseProject("the project", b.Bytes()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (p *Project) formatParty(line func(string, ...any), party *ProjectParty) {
	var settings []string
	add := func(format string, a ...any) { settings = append(settings, fmt.Sprintf(format, a...)) }
	if party.Columns != nil {
		var columns []string
		for _, name := range p.columnNames(party) { // a map has no order of its own
			switch c := party.Columns[name]; len(c) {
			case 0:
			case 1:
				columns = append(columns, yamlKey(name)+": "+yamlText(c[0]))
			default:
				columns = append(columns, yamlKey(name)+": "+yamlList(c))
			}
		}
		add("columns: {%s}", strings.Join(columns, ", "))
	}
	var dates []string
	for _, name := range p.dateNames() {
		if form, ok := party.Dates[name]; ok {
			dates = append(dates, name+": "+yamlText(form))
		}
	}
	if form, ok := party.Dates[""]; ok && len(party.Dates) == 1 {
		add("dates: %s", yamlText(form))
	} else if party.Dates != nil {
		add("dates: {%s}", strings.Join(dates, ", "))
	}
	if party.Deduplicated {
		add("deduplicated: true")
	}
	if party.TextEncoding != "" {
		add("text: %s", yamlText(party.TextEncoding))
	}
	if party.Delimiter == '\t' {
		add("delimiter: tab")
	} else if party.Delimiter != 0 {
		add("delimiter: %s", yamlText(string(party.Delimiter)))
	}
	if party.Share != nil {
		add("share: %s", yamlList(party.Share))
	}
	if len(settings) == 0 {
		line("  %s: {}", party.Name)
		return
	}
	line("  %s:\n    %s", party.Name, strings.Join(settings, "\n    "))
}

func (p *Project) formatEncoding(line func(string, ...any)) {
	e := &p.Encoding
	line("# How filters are made: a profile (%s), or filters spelled out, each over some fields:", strings.Join(profiles, ", "))
	line("#   filters: [{name: all, length: 8192, fold: 2}, {name: person, fields: [forename, surname, birth_date], sketch: 3, length: 4096}]")
	line("# exact: [nhs_number] also sends a field as an exact key. hash refuses weak choices without --accept-weak and a reason.")
	line("encoding:")
	if e.Profile != "" {
		line("  profile: %s", yamlText(e.Profile))
	}
	if e.Length != 0 {
		line("  length: %d", e.Length)
	}
	if e.Schema != "" {
		line("  schema: %s", yamlText(e.Schema))
	}
	if len(e.Filters) > 0 {
		line("  filters:")
	}
	for _, f := range e.Filters {
		line("    - {%s}", strings.Join(f.settings(), ", "))
	}
	if e.Exact != nil {
		line("  exact: %s", yamlList(e.Exact))
	}
}

// settings writes those of a filter that are not what they would be without.
func (f *ProjectFilter) settings() []string {
	out := []string{"name: " + yamlText(f.Name)}
	add := func(there bool, format string, value any) {
		if there {
			out = append(out, fmt.Sprintf(format, value))
		}
	}
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	add(f.Sketch != 0, "sketch: %d", f.Sketch)
	add(f.Length != 0, "length: %d", f.Length)
	add(f.Fill != 0, "fill: %s", number(f.Fill))
	add(f.Fold != 0, "fold: %d", f.Fold)
	add(f.Rule90, "rule90: %t", true)
	add(f.Balance, "balance: %t", true)
	add(f.Noise != 0, "noise: %s", number(f.Noise))
	add(f.Fields != nil, "fields: %s", yamlList(f.Fields))
	return out
}

// optional is a setting of a list's item, left out when it has no value.
func optional(name, value string) string {
	if value == "" {
		return ""
	}
	return ", " + name + ": " + yamlText(value)
}

// yamlText writes a text so that YAML cannot take it for anything else: names and numbers of ours bare, all else in quotation marks.
func yamlText(s string) string {
	if shortName.MatchString(s) && s != "true" && s != "false" && s != "null" || fieldName.MatchString(s) && strings.Contains(s, "_") || threshold.MatchString(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\ufeff':
			fmt.Fprintf(&b, `\u%04x`, r) // YAML 1.2.2, rule 59: legal in every double-quoted text
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

// yamlKey is yamlText for the name of a setting, or a text in a list, which may be no number.
func yamlKey(s string) string {
	if threshold.MatchString(s) {
		return `"` + s + `"`
	}
	return yamlText(s)
}

func yamlList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = yamlKey(t)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
