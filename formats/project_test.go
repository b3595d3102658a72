package formats

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cohortlink/linkage"
	"cohortlink/linkage/cohort"
)

// The example of the agreed design, filled in.
const exampleProject = `version: 1
project: wokingham-frailty
parties:
  council: {columns: {forename: "First Name", surname: "Last Name", birth_date: [day, month, year], postcode: "Post Code"}, dates: "DD MM YYYY"}
  ccg:
    columns: {forename: GIVEN, frailty: frailty_flag}
    text: windows-1252
    delimiter: ";"
    share: [frailty]
  gp-k81001: {deduplicated: true}
  gp-k81002:
fields:
  - {name: forename,   kind: name}
  - {name: surname,    kind: name, weight: 1.5}
  - {name: birth_date, kind: date}
  - {name: sex,        kind: sex}
  - {name: postcode,   kind: postcode}
  - {name: nhs_number, kind: nhs-number}
encoding:
  profile: standard            # standard | high | clkhash, or filters: spelled out
  exact: [nhs_number]
linkage:
  threshold: 0.850
  person_ids: per-party
needs:
  - {name: frailty, kind: yes-no}
  - {name: age_band, kind: category, values: [0-17, 18-64, 65]}
release: {preset: hes}
unit: age1pq1qqqqqqqqqqqqqqqqqqqqqqqqqq
unit_signs: ed25519:0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f
`

func TestParseProject(t *testing.T) {
	want := &Project{
		Name: "wokingham-frailty",
		Parties: []ProjectParty{
			{Name: "council", Line: 4, Dates: map[string]string{"": "DD MM YYYY"}, Columns: map[string][]string{
				"forename": {"First Name"}, "surname": {"Last Name"}, "birth_date": {"day", "month", "year"}, "postcode": {"Post Code"}}},
			{Name: "ccg", Line: 5, Columns: map[string][]string{"forename": {"GIVEN"}, "frailty": {"frailty_flag"}}, TextEncoding: "windows-1252", Delimiter: ';', Share: []string{"frailty"}},
			{Name: "gp-k81001", Line: 10, Deduplicated: true},
			{Name: "gp-k81002", Line: 11},
		},
		Fields: []ProjectField{{"forename", "name", 0, "", 13}, {"surname", "name", 1.5, "", 14}, {"birth_date", "date", 0, "", 15}, {"sex", "sex", 0, "", 16},
			{"postcode", "postcode", 0, "", 17}, {"nhs_number", "nhs-number", 0, "", 18}},
		Encoding: ProjectEncoding{Profile: "standard", Exact: []string{"nhs_number"}, Line: 20},
		Linkage:  ProjectLinkage{Threshold: "0.850", PersonIDs: "per-party"},
		Needs:    []ProjectNeed{{Name: "frailty", Kind: NeedYesNo, Line: 26}, {Name: "age_band", Kind: NeedCategory, Values: []string{"0-17", "18-64", "65"}, Line: 27}},
		Release:  ProjectRelease{Preset: "hes"},
		Unit:     "age1pq1qqqqqqqqqqqqqqqqqqqqqqqqqq", UnitSigns: "ed25519:" + strings.Repeat("0f", 32),
	}
	for name, text := range map[string]string{
		"as written": exampleProject,
		"CRLF":       strings.ReplaceAll(exampleProject, "\n", "\r\n"),
		"BOM":        "\ufeff" + exampleProject,
	} {
		got, err := ParseProject("project.yaml", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", name, got, want)
		}
	}
}

func TestProjectDefaults(t *testing.T) {
	p, err := ParseProject("project.yaml", []byte("version: 1\nproject: p\nparties: {a: }\nfields: [{name: f, kind: text}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p.Encoding.Profile != "standard" || p.Linkage.Threshold != "auto" || p.Linkage.PersonIDs != "shared" || p.Release.Preset != "hes" {
		t.Errorf("defaults: %+v", p)
	}
}

// Practices on the same system share their columns by an anchor.
func TestProjectAliases(t *testing.T) {
	p, err := ParseProject("project.yaml", []byte("version: 1\nproject: p\nparties: {a: {columns: &emis {f: Name}}, b: {columns: *emis}, c: &all {dates: YYYY, columns: *emis}, d: *all}\nfields: [{name: f, kind: text}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, party := range p.Parties {
		if !reflect.DeepEqual(party.Columns, map[string][]string{"f": {"Name"}}) {
			t.Errorf("party %q: columns %v", party.Name, party.Columns)
		}
	}
}

// Each mistake is made in the example by replacing a piece of it; the message is the whole message.
func TestProjectMistakes(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"version: 1\n", "", `project.yaml is not a project file: it has no setting version (a project file begins with version: 1)`},
		{"version: 1", "version: 2", `project.yaml is a project file of version 2, and this cohortlink reads version 1; update cohortlink`},
		{"version: 1", "version: one", `project.yaml line 1: version must be 1`},
		{"project: wok", "projet: wok", `project.yaml line 2: unknown setting in the project file; did you mean "project"? (known there: version, project, parties, fields, encoding, linkage, needs, households, release, questions, unit, unit_signs)`},
		{"project: wokingham-frailty", "project: Wokingham", `project.yaml line 2: the name of the project has capitals; write "wokingham", because names must differ in more than case`},
		{"project: wokingham-frailty", "project:", `project.yaml line 1: the setting project is missing, or has no value`},
		{"  gp-k81002:", "  gp-k81001:", `project.yaml line 11: the same name as in line 10; each may be there once`},
		{"  gp-k81002:", "  GP-k81001:", `project.yaml line 11: the name of the party has capitals; write "gp-k81001", because names must differ in more than case`},
		{"  gp-k81002:", "  nul:", `project.yaml line 11: the party cannot have the name "nul", which Windows reserves; choose another`},
		{"  gp-k81002:", "  COM1:", `project.yaml line 11: the party cannot have the name "com1", which Windows reserves; choose another`},
		{"  gp-k81002:", "  ../gp:", `project.yaml line 11: the name of the party must be 1 to 63 lower-case letters, digits and hyphens, and begin with a letter`},
		{"  gp-k81002:", "  12: {}", `project.yaml line 11: the name of a setting in parties must be plain text`},
		{"{forename: GIVEN,", "{fornename: GIVEN,", `project.yaml line 6: columns names "fornename", which is neither a field nor a need of the project; did you mean "forename"?`},
		{"{forename: GIVEN,", "{John Smith 1970: GIVEN,", `project.yaml line 6: columns names something, which is neither a field nor a need of the project`},
		{"{forename: GIVEN,", "{forename: [],", `project.yaml line 6: "forename" has no column; leave it out when the party lacks it`},
		{"{forename: GIVEN,", "{forename: [a, a],", `project.yaml line 6: a column of "forename" has no name, a name of more than 1000 bytes, or is there twice`},
		{"{forename: GIVEN,", "{forename: {a: b},", `project.yaml line 6: columns must be a word, a number or a text on one line`},
		{`dates: "DD MM YYYY"`, `dates: {surname: DDMM}`, `project.yaml line 4: dates names "surname", which is not a field of kind date or year`},
		{`dates: "DD MM YYYY"`, `dates: [DDMM]`, `project.yaml line 4: dates must be a word, a number or a text on one line`},
		{`delimiter: ";"`, `delimiter: ";;"`, `project.yaml line 8: delimiter must be one sign in quotation marks, such as ";", or tab`},
		{"share: [frailty]", "share: [frailti]", `project.yaml line 9: share names "frailti", which is not a need of the project; did you mean "frailty"?`},
		{"share: [frailty]", "share: [frailty, frailty]", `project.yaml line 9: share names "frailty" twice`},
		{"deduplicated: true", "deduplicated: yes", `project.yaml line 10: deduplicated must be true or false`},
		{"deduplicated: true", "deduplicate: true", `project.yaml line 10: unknown setting in a party; did you mean "deduplicated"? (known there: columns, dates, deduplicated, text, delimiter, share)`},
		{"kind: name, weight", "kind: names, weight", `project.yaml line 14: the kind of a field is not known; did you mean "name"? (known: name, date, year, sex, postcode, nhs-number, uprn, phone, text, code)`},
		{"name: surname", "name: forename", `project.yaml line 14: the field "forename" is already in line 13`},
		{"name: surname", "name: Sur Name", `project.yaml line 14: the name of a field must be lower-case letters, digits and _, begin with a letter, and have at most 63 of them`},
		{"weight: 1.5", "weight: 0", `project.yaml line 14: weight must be a number above 0 and at most 100, such as 1.5`},
		{"weight: 1.5", "weight: .inf", `project.yaml line 14: weight must be a word, a number or a text on one line`},
		{"{name: sex,        kind: sex}", "{kind: sex}", `project.yaml line 16: the setting name is missing, or has no value`},
		{"{name: sex,        kind: sex}", "sex", `project.yaml line 16: a field must hold settings, each with a name and a colon`},
		{"profile: standard", "profile: standart", `project.yaml line 20: the profile of the encoding is not known; did you mean "standard"? (known: standard, high, clkhash)`},
		{"profile: standard", "filters: []", `project.yaml line 20: filters are spelled out, but there are none: name one at least, or leave filters out`},
		{"profile: standard", "profile: clkhash", `project.yaml line 20: a clkhash linkage schema is named by profile: clkhash and schema: together`},
		{"profile: standard", "schema: s.json", `project.yaml line 20: a clkhash linkage schema is named by profile: clkhash and schema: together`},
		{"profile: standard", "schema: s.json\n  profile: clkhash", `project.yaml line 20: the linkage schema says what is compared and how long the filters are; leave out fields, exact and length`},
		{"exact: [nhs_number]", "length: 1e3", `project.yaml line 21: length must be a number of bits from 1 to 131072`},
		{"exact: [nhs_number]", "exact: nhs_no", `project.yaml line 21: exact names "nhs_no", which is not a field of the project`},
		{"exact: [nhs_number]", "filters: [{name: a, fields: [sex]}]", `project.yaml line 20: filters are spelled out, so that profile, length and schema have nothing to say; leave them out`},
		{"profile: standard", "filters: [{name: a, fields: [sex, age]}]", `project.yaml line 20: fields names "age", which is not a field of the project`},
		{"profile: standard", "filters: [{name: a, fields: sex}, {name: a, fields: sex}]", `project.yaml line 20: the filter "a" is already in line 20`},
		{"profile: standard", "filters: [{name: a, fields: []}]", `project.yaml line 20: a filter must be made of at least one field; leave fields out for all of them`},
		{"profile: standard", "filters: [{length: 64}, {name: record}]", `project.yaml line 20: the filter "record" is already in line 20`},
		{"profile: standard", "filters: [{fold: 2, folds: 2}]", `project.yaml line 20: unknown setting in a filter; did you mean "fold"? (known there: name, fields, length, fill, fold, rule90, balance, noise, sketch)`},
		{"profile: standard", "filters: [{fill: 50%}]", `project.yaml line 20: fill must be a number from 0 and below 1 with at most three decimals, such as 0.25`},
		{"profile: standard", "filters: [{noise: 1}]", `project.yaml line 20: noise must be a number from 0 and below 1 with at most three decimals, such as 0.25`},
		{"profile: standard", "filters: [{fold: twice}]", `project.yaml line 20: fold must be a number from 0 to 9`},
		{"profile: standard", "filters: [{balance: yes please}]", `project.yaml line 20: balance must be true or false`},
		{"profile: standard", "filters: [{sketch: 3, fold: 1}]", `project.yaml line 20: a sketch has no fill, fold, rule90, balance or noise; leave them out`},
		{"threshold: 0.850", "threshold: 85%", `project.yaml line 23: threshold must be auto, or a number above 0 and at most 1, such as 0.85`},
		{"threshold: 0.850", "threshold: 0.000", `project.yaml line 23: threshold must be auto, or a number above 0 and at most 1, such as 0.85`},
		{"threshold: 0.850", "threshold: 1.01", `project.yaml line 23: threshold must be auto, or a number above 0 and at most 1, such as 0.85`},
		{"person_ids: per-party", "person_ids: per_party", `project.yaml line 24: person_ids is not known; did you mean "per-party"? (known: shared, per-party)`},
		{"person_ids: per-party", "blocking: surname", `project.yaml line 24: blocking is not known (known: none, lsh, exact, lsh+exact)`},
		{"name: frailty", "name: sex", `project.yaml line 26: "sex" is a field already; a need must have a name of its own`},
		{"kind: yes-no", "kind: yes-no, values: [a]", `project.yaml line 26: only a category has values`},
		{"values: [0-17, 18-64, 65]", "values: [a, a]", `project.yaml line 27: value 2 is there twice`},
		{"values: [0-17, 18-64, 65]", `values: ["a\tb"]`, `project.yaml line 27: value 1 is empty, longer than 64 bytes or not plain text`},
		{"preset: hes", "preset: none", `project.yaml line 28: the preset of the release is not known (known: hes, opensafely, ten, gpps, ons)`},
		{"preset: hes", "preset: hes, round_to: 5", `project.yaml line 28: a preset says what is hidden and how the rest is rounded; leave out either it or hide_below and round_to`},
		{"preset: hes", "hide_below: 10", `project.yaml line 28: a rule of the project's own needs both hide_below and round_to, such as {hide_below: 10, round_to: 5}`},
		{"preset: hes", "hide_below: 0, round_to: 5", `project.yaml line 28: hide_below must be a whole number from 1 to 1000000`},
		{"release: {preset: hes}", "release: {}\nquestions: [{name: a, by: needs}, {name: a, by: needs}]", `project.yaml line 29: the question is already in line 29`},
		{"preset: hes", "stricter: 2", `project.yaml line 28: stricter must be auto, or a number above 0 and at most 1, such as 0.9`},
		{"name: frailty, kind: yes-no", "name: frailty, kind: yes-no, meets: falls", `project.yaml line 26: meets names "falls", which is not a need of the project`},
		{"name: frailty, kind: yes-no", "name: frailty, kind: yes-no, meets: frailty", `project.yaml line 26: a need cannot meet itself: declare the service that meets it as a need of its own`},
		{"name: frailty, kind: yes-no", "name: frailty, kind: yes-no, meets: age_band", `project.yaml line 26: meets goes from a yes-no need to another: that "frailty" is declared means that "age_band" is met`},
		{"release: {preset: hes}", "release: {}\nquestions: [{name: a}]", `project.yaml line 29: a question has where, or by, or both, such as {where: "parties>=3", by: needs}`},
		{"release: {preset: hes}", "release: {}\nquestions: [{where: a}]", `project.yaml line 29: the setting name is missing, or has no value`},
		{"unit: age1pq", "unit: AGE-SECRET-KEY-1", `project.yaml line 29: unit must be the linkage unit's public key, which begins with age1`},
		{"release: {preset: hes}", "release: {noise: {epsilon: 0.5}}", `project.yaml line 28: the setting budget is missing, or has no value`},
		{"release: {preset: hes}", "release: {noise: {budget: 2}}", `project.yaml line 28: the setting epsilon is missing, or has no value`},
		{"release: {preset: hes}", "release: {noise: {epsilon: 0.5, budget: 0.4}}", `project.yaml line 28: the budget is less than one release takes; epsilon is what each takes, and budget what all together may`},
		{"release: {preset: hes}", "release: {noise: {epsilon: 0, budget: 1}}", `project.yaml line 28: epsilon: "0" is not a number above 0 and at most 10 with at most three decimals, such as 0.5`},
		{"release: {preset: hes}", "release: {noise: {epsilon: 1, budget: 12}}", `project.yaml line 28: budget: "12" is not a number above 0 and at most 10 with at most three decimals, such as 0.5`},
		{"release: {preset: hes}", "release: {noise: {epsilon: 1, buget: 1}}", `project.yaml line 28: unknown setting in noise; did you mean "budget"? (known there: epsilon, budget)`},
		{", values: [0-17, 18-64, 65]}\nrelease: {preset: hes}", "}\nrelease: {noise: {epsilon: 1, budget: 1}}", `project.yaml line 27: with noise, a category lists its values, such as values: [0-64, 65+]: that a value is there at all tells of the one person who has it`},
		{"release: {preset: hes}", "release: {noise: 0.5}", `project.yaml line 28: noise must hold settings, each with a name and a colon`},
		{"release: {preset: hes}", "release: {preset: hes", `project.yaml line 29: not YAML, here or just before; look for a missing colon, quotation mark or bracket`},
		{"  person_ids: per-party", "\tperson_ids: per-party", `project.yaml line 24: the line begins with a tab; indent it with spaces`},
		{"release: {preset: hes}", "release: !!map {preset: hes}", `project.yaml line 28: tags (!) and directives (%) are not used in this file`},
		{"release: {preset: hes}", "release: *r", `project.yaml line 28: there is no anchor (&) for this alias (*)`},
		{"release: {preset: hes}", "release: &r {preset: *r}", `project.yaml line 28: the preset of the release must be a word, a number or a text on one line`},
		{"release: {preset: hes}", "release: {preset: hes, <<: {}}", `project.yaml line 28: merge keys (<<) are not used in this file; repeat a whole value with an anchor (&) and an alias (*)`},
		{"release: {preset: hes}", "release: {preset: |\n  hes\n}", ``},
	} {
		text := strings.Replace(exampleProject, c.old, c.new, 1)
		if text == exampleProject {
			t.Fatalf("%q is not in the example", c.old)
		}
		_, err := ParseProject("project.yaml", []byte(text))
		if err == nil {
			t.Errorf("%q for %q: no error", c.new, c.old)
		} else if c.want != "" && err.Error() != c.want {
			t.Errorf("%q for %q:\n got %v\nwant %s", c.new, c.old, err, c.want)
		}
	}
}

func TestProjectNoPartyNoField(t *testing.T) {
	for text, want := range map[string]string{
		"version: 1\nproject: p\nparties: {}\nfields: [{name: a, kind: text}]":                            "p.yaml line 3: there is no party; name at least one, such as council: {}",
		"version: 1\nproject: p\nparties: {a: {}}\nfields: []":                                            "p.yaml line 4: there is no field; name at least one, such as {name: surname, kind: name}",
		"version: 1\nproject: p\nparties: [a]\nfields: [{name: a, kind: text}]":                           "p.yaml line 3: parties must hold settings, each with a name and a colon",
		"version: 1\nproject: p\nparties: {a: {}}\nfields: {name: a, kind: text}":                         "p.yaml line 4: fields must be a list: [one, two], or a line with a hyphen for each",
		"version: 1\nproject: p\nfields: [{name: a, kind: text}]":                                         "p.yaml line 1: the setting parties is missing, or has no value",
		"version: 1\nproject: p\nparties: {a: {}}\nfields: [{name: a, kind: text}]\n---\nversion: 1\n":    "p.yaml is not a project file: it is empty, or holds several documents",
		"version: 1\nproject: p\nparties: {a: {}}\nfields: [{name: a, kind: text}, {name: a, kind: text}": "",
	} {
		if _, err := ParseProject("p.yaml", []byte(text)); err == nil || want != "" && err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

// Whatever else is taken for a project file: the message says that it is none, and repeats nothing of it.
func TestProjectIsSomethingElse(t *testing.T) {
	secret := "zqxsecretzqx"
	files := map[string]string{
		"empty":    "",
		"comment":  "# " + secret,
		"key":      "cohortlink-key-1-" + secret,
		"extract":  "forename,surname\n" + secret + "," + secret + "\n",
		"yamlish":  "name: " + secret + "\n" + secret + ": 1\n",
		"versions": "version: " + secret + "\n",
		"broken":   "version: 1\nproject: [" + secret,
		"quoted":   "version: 1\nproject: \"" + secret,
		"inside":   "version: 1\nproject: " + secret + " " + secret + "\nparties: {" + secret + " " + secret + ": {}}",
		"unknown":  "version: 1\n" + secret + ": 1",
		"list":     "- " + secret,
		"tag":      "version: 1\nproject: !" + secret + " x",
		"alias":    "version: 1\nproject: *" + secret,
		"json":     `{"` + secret + `": "` + secret + `"}`,
		"filters":  "cohortlink filters 1\n{\"project\":\"" + secret + "\"}\n\x00\x01",
		"parquet":  "PAR1\x00\xff" + secret,
		"utf16":    "\xff\xfev\x00e\x00",
		"large":    strings.Repeat("# "+secret+"\n", 1<<17),
		"parts":    strings.Repeat("- "+secret+"\n", 1<<15),
		"deep":     strings.Repeat("[", 1<<19) + secret,
		"bomb": "version: 1\nproject: &a [" + strings.Repeat(secret+",", 99) + "]\nparties: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n" +
			"fields: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nneeds: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n",
	}
	var many strings.Builder // of a shape that is allowed: 3,000 parties with 64 columns each, by alias
	many.WriteString("version: 1\nproject: p\nfields:\n")
	for i := range 64 {
		fmt.Fprintf(&many, "  - {name: f%d, kind: text}\n", i)
	}
	many.WriteString("parties:\n  p: {columns: &a {")
	for i := range 64 {
		fmt.Fprintf(&many, "f%d: %s, ", i, secret)
	}
	many.WriteString("}}\n")
	for i := range 3000 {
		fmt.Fprintf(&many, "  p%d: {columns: *a}\n", i)
	}
	files["aliases"] = many.String()
	for name, text := range files {
		path := filepath.Join(t.TempDir(), "p.yaml")
		os.WriteFile(path, []byte(text), 0o600)
		_, err := ReadProject(path)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if name == "aliases" && !strings.Contains(err.Error(), "once its aliases (*) are followed") {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), "p.yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadProject(t.TempDir()); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := ReadProject(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "there is no file") {
		t.Errorf("no file: %v", err)
	}
}

func TestProjectParty(t *testing.T) {
	p, err := ParseProject("project.yaml", []byte(exampleProject))
	if err != nil {
		t.Fatal(err)
	}
	if party, err := p.Party("ccg"); err != nil || party.Name != "ccg" {
		t.Errorf("got %v, %v", party, err)
	}
	want := `project "wokingham-frailty" has no party "gp-k8101"; did you mean "gp-k81001"? (its parties: council, ccg, gp-k81001, gp-k81002)`
	if _, err := p.Party("gp-k8101"); err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

func TestReadColumns(t *testing.T) {
	p, err := ParseProject("project.yaml", []byte(exampleProject))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "ccg.yaml")
	os.WriteFile(path, []byte("columns: {surname: Family}\ndates: {birth_date: YYYYMMDD}\ndelimiter: tab\n"), 0o600)
	own, err := p.ReadColumns(path, "ccg")
	if err != nil {
		t.Fatal(err)
	}
	want := ProjectParty{Name: "ccg", Line: 5, Columns: map[string][]string{"surname": {"Family"}}, Dates: map[string]string{"birth_date": "YYYYMMDD"},
		TextEncoding: "windows-1252", Delimiter: '\t', Share: []string{"frailty"}}
	if !reflect.DeepEqual(own, want) {
		t.Errorf("got\n%+v\nwant\n%+v", own, want)
	}
	if kept := p.Parties[1]; kept.Delimiter != ';' || len(kept.Columns) != 2 {
		t.Errorf("the project was changed: %+v", kept)
	}
	for text, want := range map[string]string{
		"deduplicated: true": `c.yaml line 1: unknown setting in a columns file (known there: columns, dates, text, delimiter)`,
		"columns: {age: x}":  `c.yaml line 1: columns names "age", which is neither a field nor a need of the project`,
		"a,b,c":              `c.yaml is not a columns file: it should hold settings, one to a line, such as version: 1`,
	} {
		if _, err := p.ParseColumns("c.yaml", []byte(text), "ccg"); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
	if _, err := p.ParseColumns("c.yaml", nil, "nobody"); err == nil {
		t.Error("an unknown party was accepted")
	}
}

// drawProject makes any project that a file can hold.
func drawProject(t *rapid.T) *Project {
	name := rapid.StringMatching(`[a-z][a-z0-9-]{0,20}`).Filter(func(s string) bool { return CheckName("x", s) == nil })
	field := rapid.StringMatching(`[a-z][a-z0-9_]{0,20}`)
	text := rapid.StringMatching(`[^\x00-\x1f\x7f-\x9f]{1,20}`).Filter(func(s string) bool { return isPlainText(s, 40) })
	anyText := rapid.String().Filter(func(s string) bool { return s != "" && len(s) < 100 })
	bits := rapid.IntRange(0, maxFilterBits)

	p := &Project{Name: name.Draw(t, "project")}
	names := rapid.SliceOfNDistinct(field, 2, 8, rapid.ID).Draw(t, "names")
	cut := rapid.IntRange(1, len(names)-1).Draw(t, "cut")
	for _, n := range names[:cut] {
		p.Fields = append(p.Fields, ProjectField{Name: n, Kind: rapid.SampledFrom(fieldKinds).Draw(t, "kind"), Weight: float64(rapid.IntRange(0, 1000).Draw(t, "weight")) / 16})
	}
	for _, n := range names[cut:] {
		need := ProjectNeed{Name: n, Kind: rapid.SampledFrom([]string{NeedYesNo, NeedCategory}).Draw(t, "need")}
		if need.Kind == NeedCategory && rapid.Bool().Draw(t, "fixed") {
			need.Values = rapid.SliceOfNDistinct(text, 1, 4, rapid.ID).Draw(t, "values")
		}
		p.Needs = append(p.Needs, need)
	}
	if len(p.Needs) > 1 && p.Needs[0].Kind == NeedYesNo && p.Needs[1].Kind == NeedYesNo && rapid.Bool().Draw(t, "meets") {
		p.Needs[1].Meets = p.Needs[0].Name
	}
	for _, n := range rapid.SliceOfNDistinct(name, 1, 4, rapid.ID).Draw(t, "parties") {
		party := ProjectParty{Name: n, Deduplicated: rapid.Bool().Draw(t, "dedup"), Delimiter: rapid.SampledFrom([]rune{0, ',', ';', '\t', '|'}).Draw(t, "delimiter")}
		if rapid.Bool().Draw(t, "columns") {
			party.Columns = rapid.MapOf(rapid.SampledFrom(names), rapid.SliceOfNDistinct(anyText, 1, 3, rapid.ID)).Draw(t, "map")
		}
		if dates := p.dateNames(); len(dates) > 0 && rapid.Bool().Draw(t, "each") {
			party.Dates = rapid.MapOfN(rapid.SampledFrom(dates), text, 1, -1).Draw(t, "dates")
		} else if rapid.Bool().Draw(t, "all") {
			party.Dates = map[string]string{"": text.Draw(t, "form")}
		}
		if rapid.Bool().Draw(t, "text") {
			party.TextEncoding = text.Draw(t, "encoding")
		}
		if rapid.Bool().Draw(t, "share") {
			party.Share = rapid.SliceOfNDistinct(rapid.SampledFrom(names[cut:]), 1, 2-min(1, 2-len(names[cut:])), rapid.ID).Draw(t, "needs")
		}
		p.Parties = append(p.Parties, party)
	}
	fields := rapid.SliceOfNDistinct(rapid.SampledFrom(names[:cut]), 1, cut, rapid.ID)
	if rapid.Bool().Draw(t, "spelled out") {
		for _, n := range rapid.SliceOfNDistinct(field, 1, 3, rapid.ID).Draw(t, "filters") {
			f := ProjectFilter{Name: n, Length: bits.Draw(t, "length")}
			if rapid.Bool().Draw(t, "of some") {
				f.Fields = fields.Draw(t, "of")
			}
			if rapid.Bool().Draw(t, "sketch") {
				f.Sketch = rapid.IntRange(1, 9).Draw(t, "hashes")
			} else {
				f.Fill, f.Noise = float64(rapid.IntRange(0, 999).Draw(t, "fill"))/1000, float64(rapid.IntRange(0, 999).Draw(t, "noise"))/1000
				f.Fold, f.Rule90, f.Balance = rapid.IntRange(0, 9).Draw(t, "fold"), rapid.Bool().Draw(t, "rule 90"), rapid.Bool().Draw(t, "balance")
			}
			p.Encoding.Filters = append(p.Encoding.Filters, f)
		}
	} else if p.Encoding.Profile = rapid.SampledFrom(profiles).Draw(t, "profile"); p.Encoding.Profile == "clkhash" {
		p.Encoding.Schema = text.Draw(t, "schema")
		// The linkage schema has the fields, under whatever names.
		p.Fields = nil
		for i := range p.Parties {
			party := &p.Parties[i]
			if party.Columns != nil {
				party.Columns = rapid.MapOf(anyText, rapid.SliceOfNDistinct(anyText, 1, 3, rapid.ID)).Draw(t, "columns of the schema")
			}
			if _, all := party.Dates[""]; !all {
				party.Dates = nil
			}
		}
	} else {
		p.Encoding.Length = bits.Draw(t, "length")
	}
	if p.Fields != nil && rapid.Bool().Draw(t, "exact") {
		p.Encoding.Exact = fields.Draw(t, "keys")
	}
	p.Linkage = ProjectLinkage{rapid.SampledFrom([]string{"auto", "0.1", "1", "0.850", "1.0"}).Draw(t, "threshold"), rapid.SampledFrom([]string{"shared", "per-party"}).Draw(t, "ids"), rapid.SampledFrom(append(linkage.BlockMethods, "")).Draw(t, "blocking")}
	if rapid.Bool().Draw(t, "noise") {
		budget := cohort.Epsilon(rapid.IntRange(1, int(cohort.MaxEpsilon)).Draw(t, "budget"))
		for i, need := range p.Needs {
			if need.Kind == NeedCategory && need.Values == nil {
				p.Needs[i].Values = []string{"18-64", "65+"}
			}
		}
		p.Release.Noise = ProjectNoise{cohort.Epsilon(rapid.IntRange(1, int(budget)).Draw(t, "epsilon")), budget}
	}
	if rapid.Bool().Draw(t, "own rule") {
		p.Release.HideBelow, p.Release.RoundTo = rapid.IntRange(1, 1_000_000).Draw(t, "hide below"), rapid.IntRange(1, 1_000_000).Draw(t, "round to")
	} else {
		p.Release.Preset = rapid.SampledFrom(releasePresets).Draw(t, "preset")
	}
	p.Release.Stricter = rapid.SampledFrom([]string{"", "auto", "0.9"}).Draw(t, "stricter")
	for _, name := range rapid.SliceOfNDistinct(text, 0, 3, rapid.ID).Draw(t, "questions") {
		p.Questions = append(p.Questions, ProjectQuestion{Name: name, Where: rapid.SampledFrom([]string{"", "parties>=3", `council and not "age band"=65+`}).Draw(t, "where"), By: rapid.SampledFrom([]string{"parties", "needs", "frailty"}).Draw(t, "by")})
	}
	if rapid.Bool().Draw(t, "unit") {
		p.Unit = "age1" + rapid.StringMatching(`[a-z0-9]{20,60}`).Draw(t, "key")
	}
	if rapid.Bool().Draw(t, "unit signs") {
		p.UnitSigns = signingKeyPrefix + rapid.StringMatching(`[a-f0-9]{64}`).Draw(t, "signing key")
	}
	return p
}

func withoutLines(p *Project) *Project {
	for i := range p.Parties {
		p.Parties[i].Line = 0
	}
	for i := range p.Fields {
		p.Fields[i].Line = 0
	}
	for i := range p.Needs {
		p.Needs[i].Line = 0
	}
	for i := range p.Encoding.Filters {
		p.Encoding.Filters[i].Line = 0
	}
	for i := range p.Questions {
		p.Questions[i].Line = 0
	}
	p.Encoding.Line = 0
	if p.Households != nil {
		p.Households.Line = 0
	}
	return p
}

func TestFormatProject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProject(t)
		text, err := FormatProject(p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseProject("p.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !reflect.DeepEqual(withoutLines(got), p) {
			t.Fatalf("got\n%+v\nwant\n%+v\nfrom\n%s", got, p, text)
		}
	})
	if _, err := FormatProject(&Project{Name: "Bad"}); err == nil {
		t.Error("a project that cannot be read was written")
	}
}

func FuzzProject(f *testing.F) {
	f.Add([]byte(exampleProject))
	f.Add([]byte("version: 1\nproject: p\nparties: {a: &x {columns: {f: [1, b]}}, b: *x}\nfields: [{name: f, kind: date, weight: 2}]\nencoding: {filters: [{name: a, fields: f, length: 64, fill: 0.25, fold: 1, rule90: true, balance: true, noise: 0.05}, {sketch: 3}], exact: f}\n"))
	f.Add([]byte("version: 1\nproject: p\nparties: {a: {}}\nfields: [{name: s, kind: name}, {name: u, kind: uprn, for: households}]\nhouseholds: {fields: [s, u]}\n"))
	f.Add([]byte("version: 1\n? a\n: - !b &c 'd\n'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProject("p.yaml", data)
		if err != nil {
			return
		}
		text, err := FormatProject(p)
		if err != nil {
			t.Fatalf("%v\n%q", err, data)
		}
		again, err := ParseProject("p.yaml", text)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(withoutLines(again), withoutLines(p)) {
			t.Fatalf("got\n%+v\nwant\n%+v\nfrom\n%s", again, p, text)
		}
	})
}
