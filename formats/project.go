package formats

// The project file: what all parties and the unit have agreed, in one YAML file that people write and read.
//
// It is read strictly. A setting that is misspelt and passed over would make filters that fit nobody's, found out when fifteen partners
// have hashed; so whatever is unknown, there twice or out of range is an error that names the line, and guesses what was meant.
// What decides the bits is not decided here: hashing and linkage check the values they are given once more, by their own rules.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"cohortlink/linkage"
)

// Kinds of a need.
const (
	NeedYesNo    = "yes-no"
	NeedCategory = "category"
)

// Project is the content of a project file, with the defaults filled in. Line numbers are those of the file, for messages.
type Project struct {
	Name       string
	Parties    []ProjectParty // in the order of the file; at least one
	Fields     []ProjectField // in the order of the file; at least one, but with the profile clkhash, whose linkage schema has them
	Encoding   ProjectEncoding
	Linkage    ProjectLinkage
	Needs      []ProjectNeed
	Release    ProjectRelease
	Questions  []ProjectQuestion
	Households *ProjectHouseholds // nil: none are formed
	Unit       string             // the linkage unit's age recipient; "" when the file names none, and files are not sealed
	UnitSigns  string             // the linkage unit's signing key, by which its links are known; "" when the file names none
}

// ProjectParty is a party, and how its extract is to be read.
type ProjectParty struct {
	Name         string
	Columns      map[string][]string // field, column of a linkage schema, or need -> the party's own columns for it; what is not in it may be there under its own name, or not at all
	Dates        map[string]string   // field of kind date or year -> form of its dates; "" -> form of all others
	Deduplicated bool                // the party declares that no two of its records are the same person
	TextEncoding string              // "" for UTF-8
	Delimiter    rune                // 0: to be found from the extract
	Share        []string            // needs of this party that may select a cohort for another party
	Line         int
}

// ProjectField is a field.
type ProjectField struct {
	Name   string
	Kind   string  // one of fieldKinds
	Weight float64 // above 0, at most 100; 0: the kind's own
	For    string  // FieldForHouseholds for a field that is in no filter of persons; else ""
	Line   int
}

// ProjectEncoding says how filters are made: by a profile, or by filters spelled out.
type ProjectEncoding struct {
	Profile string          // "standard", "high" or "clkhash"; "" when Filters are spelled out
	Length  int             // of the filter, in bits; 0: the profile's own
	Schema  string          // with profile clkhash: the file of its linkage schema, beside the project file
	Filters []ProjectFilter // spelled out
	Exact   []string        // fields that also travel as exact keys
	Line    int             // 0 when the file does not say
}

// ProjectFilter is a filter spelled out: a Bloom filter and how it is hardened, or a sketch.
type ProjectFilter struct {
	Name   string   // "record" when the file does not say
	Fields []string // nil for all
	Length int      // in bits; 0: hashing's own
	Line   int

	Fill    float64 // share of bits set, above 0 and below 1; 0: hashing's own
	Fold    int     // times
	Rule90  bool
	Balance bool
	Noise   float64 // share of bits replaced, below 1

	Sketch int // hashes of a sketch; 0 for a Bloom filter
}

// ProjectLinkage says how records are linked.
type ProjectLinkage struct {
	Threshold string // "auto", or a number above 0 and at most 1 as it was written, such as "0.85": a binary fraction would not be exact
	PersonIDs string // "shared" or "per-party"
	Blocking  string // which pairs are compared, one of linkage.BlockMethods; "": linkage's own choice
}

// ProjectNeed is a need that parties may declare about their records.
type ProjectNeed struct {
	Name   string
	Kind   string   // NeedYesNo or NeedCategory
	Values []string // of a category, when the project fixes them
	Meets  string   // the need that is met where this one, a service provided, is declared; or ""
	Line   int
}

const maxProject = 1 << 20 // bytes

var (
	fieldKinds     = []string{"name", "date", "year", "sex", "postcode", "nhs-number", "uprn", "phone", "text", "code"}
	profiles       = []string{"standard", "high", "clkhash"}
	releasePresets = []string{"hes", "opensafely", "ten", "gpps", "ons"}

	shortName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	threshold = regexp.MustCompile(`^(0\.[0-9]{1,9}|1(\.0{1,9})?)$`)
	decimal   = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,9})?$`)
	shareForm = regexp.MustCompile(`^0(\.[0-9]{1,3})?$`)
	recipient = regexp.MustCompile(`^age1[0-9a-z]{20,}$`) // the form only; age itself reads it where it is used
	// Microsoft, "Naming Files, Paths, and Namespaces": reserved in every folder, with any extension.
	windowsName = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])$`)
)

// CheckName refuses a name of a project or party (what says which) that cannot be part of a file name everywhere: names are 1 to 63
// lower-case letters, digits and hyphens, and begin with a letter. The error repeats the name only where it is harmless.
func CheckName(what, name string) error {
	switch {
	case windowsName.MatchString(strings.ToLower(name)):
		return fmt.Errorf("the %s cannot have the name %q, which Windows reserves; choose another", what, strings.ToLower(name))
	case shortName.MatchString(name):
		return nil
	case shortName.MatchString(strings.ToLower(name)):
		return fmt.Errorf("the name of the %s has capitals; write %q, because names must differ in more than case", what, strings.ToLower(name))
	}
	return fmt.Errorf("the name of the %s must be 1 to 63 lower-case letters, digits and hyphens, and begin with a letter", what)
}

func isISODate(s string) bool {
	t, err := time.Parse(time.DateOnly, s)
	return err == nil && t.Format(time.DateOnly) == s
}

// Party returns the party of a name, or an error that says which there are.
func (p *Project) Party(name string) (*ProjectParty, error) {
	var names []string
	for i := range p.Parties {
		if p.Parties[i].Name == name {
			return &p.Parties[i], nil
		}
		names = append(names, p.Parties[i].Name)
	}
	return nil, fmt.Errorf("project %q has no party %q%s (its parties: %s)", p.Name, name, didYouMean(name, names), strings.Join(names, ", "))
}

// ReadProject reads a project file.
func ReadProject(path string) (*Project, error) {
	data, err := readSmall(path, maxProject)
	if err != nil {
		return nil, err
	}
	return ParseProject(path, data)
}

// readSmall reads a file of at most max bytes that people or cohortlink wrote: no device, and no extract given by mistake.
func readSmall(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("it is a folder")
	}
	if err != nil {
		return nil, openError(path, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, openError(path, err)
	}
	if int64(len(data)) > max {
		return nil, fmt.Errorf("%s is larger than %d KiB, which no file of this kind is; is it the right one?", shownPath(path), max>>10)
	}
	return data, nil
}

// ParseProject reads the bytes of a project file; name stands in errors.
func ParseProject(name string, data []byte) (*Project, error) {
	y, root, err := parseYAML(name, "project", data)
	if err != nil {
		return nil, err
	}
	if err := y.version(root); err != nil {
		return nil, err
	}
	top := y.section(root, "the project file", "version", "project", "parties", "fields", "encoding", "linkage", "needs", "households", "release", "questions", "unit", "unit_signs")
	p := &Project{Name: y.text(y.need(top, "project"), "project")}
	if y.err == nil {
		y.check(y.line(top["project"].value), CheckName("project", p.Name))
	}
	if top["fields"].value != nil || !y.hasProfile(top["encoding"].value, profileClkhash) {
		p.readFields(y, y.need(top, "fields"))
	}
	p.readNeeds(y, top["needs"].value)
	p.readParties(y, y.need(top, "parties"))
	p.readEncoding(y, top["encoding"].value)
	p.readHouseholds(y, top["households"].value)
	p.checkClkhash(y)
	p.readLinkage(y, top["linkage"].value)
	p.readRelease(y, top["release"].value)
	p.readQuestions(y, top["questions"].value)
	if unit := top["unit"].value; unit != nil {
		p.Unit = y.text(unit, "unit")
		if y.err == nil && !recipient.MatchString(p.Unit) {
			y.fail(y.line(unit), "unit must be the linkage unit's public key, which begins with age1")
		}
	}
	if signs := top["unit_signs"].value; signs != nil {
		p.UnitSigns = y.text(signs, "unit_signs")
		if _, err := ParseSigningKey(p.UnitSigns); y.err == nil && err != nil {
			y.fail(y.line(signs), "unit_signs must be the linkage unit's signing key, which begins with %s", signingKeyPrefix)
		}
	}
	if y.err != nil {
		return nil, y.err
	}
	return p, nil
}

func (p *Project) readFields(y *yamlReader, n ast.Node) {
	seen := map[string]int{}
	for _, item := range y.list(n, "fields") {
		f := ProjectField{Line: y.line(item)}
		s := y.section(item, "a field", "name", "kind", "weight", "for")
		f.Name = y.text(y.need(s, "name"), "name")
		f.Kind = y.choice(y.need(s, "kind"), "the kind of a field", fieldKinds, "")
		if w := s["weight"].value; w != nil {
			text := y.text(w, "weight")
			f.Weight, _ = strconv.ParseFloat(text, 64)
			if y.err == nil && (!decimal.MatchString(text) || f.Weight <= 0 || f.Weight > 100) {
				y.fail(y.line(w), "weight must be a number above 0 and at most 100, such as 1.5")
			}
		}
		f.For = y.choice(s["for"].value, "what a field is for", []string{FieldForHouseholds}, "")
		y.ownName(f.Line, "field", f.Name, seen)
		p.Fields = append(p.Fields, f)
	}
	if y.err == nil && len(p.Fields) == 0 {
		y.fail(y.line(n), "there is no field; name at least one, such as {name: surname, kind: name}")
	}
}

func (p *Project) readNeeds(y *yamlReader, n ast.Node) {
	seen := map[string]int{}
	for _, item := range y.list(n, "needs") {
		need := ProjectNeed{Line: y.line(item)}
		s := y.section(item, "a need", "name", "kind", "values", "meets")
		need.Name = y.text(y.need(s, "name"), "name")
		need.Kind = y.choice(y.need(s, "kind"), "the kind of a need", []string{NeedYesNo, NeedCategory}, "")
		if v := s["values"].value; v != nil {
			need.Values = y.texts(v, "values")
			switch err := checkNeedValues(need.Values); {
			case y.err != nil:
			case need.Kind != NeedCategory:
				y.fail(y.line(v), "only a category has values")
			case err != nil:
				y.check(y.line(v), err)
			}
		}
		y.ownName(need.Line, "need", need.Name, seen)
		if y.err == nil && slices.Contains(p.fieldNames(), need.Name) {
			y.fail(need.Line, "%q is a field already; a need must have a name of its own", need.Name)
		}
		if v := s["meets"].value; v != nil {
			need.Meets = y.text(v, "meets")
		}
		p.Needs = append(p.Needs, need)
	}
	p.checkMeets(y, n)
}

// checkMeets refuses services that meet what is no other yes-no need.
func (p *Project) checkMeets(y *yamlReader, n ast.Node) {
	for _, service := range p.Needs {
		if service.Meets == "" || y.err != nil {
			continue
		}
		i := slices.IndexFunc(p.Needs, func(o ProjectNeed) bool { return o.Name == service.Meets })
		switch {
		case i < 0:
			y.fail(service.Line, "meets names %s, which is not a need of the project%s", shownName(service.Meets), didYouMean(service.Meets, p.needNames()))
		case service.Name == service.Meets:
			y.fail(service.Line, "a need cannot meet itself: declare the service that meets it as a need of its own")
		case service.Kind != NeedYesNo || p.Needs[i].Kind != NeedYesNo:
			y.fail(service.Line, "meets goes from a yes-no need to another: that %q is declared means that %q is met", service.Name, service.Meets)
		}
	}
}

func (p *Project) readParties(y *yamlReader, n ast.Node) {
	for _, pair := range y.pairs(n, "parties") {
		y.check(pair.line, CheckName("party", pair.key))
		party := ProjectParty{Name: pair.key, Line: pair.line}
		s := y.section(pair.value, "a party", "columns", "dates", "deduplicated", "text", "delimiter", "share")
		p.readReading(y, &party, s)
		if d := s["deduplicated"].value; d != nil {
			party.Deduplicated = y.boolean(d, "deduplicated")
		}
		if share := s["share"].value; share != nil {
			party.Share = y.texts(share, "share")
			y.references(share, party.Share, "share", "need", p.needNames())
		}
		p.Parties = append(p.Parties, party)
	}
	if y.err == nil && len(p.Parties) == 0 {
		y.fail(y.line(n), "there is no party; name at least one, such as council: {}")
	}
}

// readReading reads the settings that say how an extract is to be read, from the project file or from a party's own file.
func (p *Project) readReading(y *yamlReader, party *ProjectParty, s map[string]yamlPair) {
	if columns := s["columns"].value; columns != nil {
		party.Columns = map[string][]string{}
		for _, pair := range y.pairs(columns, "columns") {
			if known := append(p.fieldNames(), p.needNames()...); y.err == nil && len(p.Fields) > 0 && !slices.Contains(known, pair.key) {
				y.fail(pair.line, "columns names %s, which is neither a field nor a need of the project%s", shownName(pair.key), didYouMean(pair.key, known))
			}
			names := y.texts(pair.value, "columns")
			for i, name := range names {
				if y.err == nil && (name == "" || len(name) > 1000 || slices.Contains(names[:i], name)) {
					y.fail(pair.line, "a column of %q has no name, a name of more than 1000 bytes, or is there twice", pair.key)
				}
			}
			if y.err == nil && len(names) == 0 {
				y.fail(pair.line, "%q has no column; leave it out when the party lacks it", pair.key)
			}
			party.Columns[pair.key] = names
		}
	}
	if dates := s["dates"].value; dates != nil {
		party.Dates = map[string]string{}
		if y.isMapping(dates) {
			for _, pair := range y.pairs(dates, "dates") {
				if y.err == nil && !slices.Contains(p.dateNames(), pair.key) {
					y.fail(pair.line, "dates names %s, which is not a field of kind date or year%s", shownName(pair.key), didYouMean(pair.key, p.dateNames()))
				}
				party.Dates[pair.key] = y.dateForm(pair.value)
			}
		} else {
			party.Dates[""] = y.dateForm(dates)
		}
	}
	if text := s["text"].value; text != nil {
		party.TextEncoding = y.text(text, "text")
		if y.err == nil && !isPlainText(party.TextEncoding, 40) {
			y.fail(y.line(text), "text must name a text encoding, such as windows-1252")
		}
	}
	if d := s["delimiter"].value; d != nil {
		switch text := y.text(d, "delimiter"); {
		case text == "tab":
			party.Delimiter = '\t'
		case utf8.RuneCountInString(text) == 1 && strings.ContainsAny(text, ",;|\t:^~#!/&%$*+@"):
			party.Delimiter, _ = utf8.DecodeRuneInString(text)
		case y.err == nil:
			y.fail(y.line(d), `delimiter must be one sign in quotation marks, such as ";", or tab`)
		}
	}
}

func (y *yamlReader) dateForm(n ast.Node) string {
	form := y.text(n, "dates")
	if y.err == nil && !isPlainText(form, 40) {
		y.fail(y.line(n), "dates must give the form of the dates, such as DD/MM/YYYY")
	}
	return form
}

func (p *Project) readEncoding(y *yamlReader, n ast.Node) {
	e := &p.Encoding
	if n != nil {
		e.Line = y.line(n)
	}
	s := y.section(n, "encoding", "profile", "length", "schema", "filters", "exact")
	e.Profile = y.choice(s["profile"].value, "the profile of the encoding", profiles, "")
	e.Length = y.bits(s["length"].value, "length")
	if v := s["filters"].value; v != nil && len(y.list(v, "filters")) == 0 {
		y.fail(y.line(v), "filters are spelled out, but there are none: name one at least, or leave filters out")
	}
	for _, item := range y.list(s["filters"].value, "filters") {
		e.Filters = append(e.Filters, p.readFilter(y, item))
	}
	seen := map[string]int{}
	for _, f := range e.Filters {
		y.ownName(f.Line, "filter", f.Name, seen)
	}
	if exact := s["exact"].value; exact != nil {
		e.Exact = y.texts(exact, "exact")
		y.references(exact, e.Exact, "exact", "field", p.fieldNames())
	}
	if schema := s["schema"].value; schema != nil {
		e.Schema = y.text(schema, "schema")
		if y.err == nil && !isPlainText(e.Schema, 1000) {
			y.fail(y.line(schema), "schema must name the file of a clkhash linkage schema")
		}
	}
	switch {
	case y.err != nil:
	case len(e.Filters) == 0 && e.Profile == "":
		e.Profile = "standard"
		fallthrough
	case len(e.Filters) == 0:
		if (e.Profile == "clkhash") != (e.Schema != "") {
			y.fail(e.Line, "a clkhash linkage schema is named by profile: clkhash and schema: together")
		}
	case e.Profile != "" || e.Length != 0 || e.Schema != "":
		y.fail(e.Line, "filters are spelled out, so that profile, length and schema have nothing to say; leave them out")
	}
}

// readFilter reads a filter spelled out. Which settings go together, and how far they go, hashing decides.
func (p *Project) readFilter(y *yamlReader, n ast.Node) ProjectFilter {
	f := ProjectFilter{Name: "record", Line: y.line(n)}
	s := y.section(n, "a filter", "name", "fields", "length", "fill", "fold", "rule90", "balance", "noise", "sketch")
	if name := s["name"].value; name != nil {
		f.Name = y.text(name, "name")
	}
	f.Length = y.bits(s["length"].value, "length")
	if fields := s["fields"].value; fields != nil {
		f.Fields = y.texts(fields, "fields")
		y.references(fields, f.Fields, "fields", "field", p.fieldNames())
		if y.err == nil && len(f.Fields) == 0 {
			y.fail(f.Line, "a filter must be made of at least one field; leave fields out for all of them")
		}
	}
	f.Fill = y.share(s["fill"].value, "fill")
	f.Fold = y.digit(s["fold"].value, "fold")
	f.Noise = y.share(s["noise"].value, "noise")
	f.Sketch = y.digit(s["sketch"].value, "sketch")
	if v := s["rule90"].value; v != nil {
		f.Rule90 = y.boolean(v, "rule90")
	}
	if v := s["balance"].value; v != nil {
		f.Balance = y.boolean(v, "balance")
	}
	if y.err == nil && f.Sketch > 0 && (f.Fill != 0 || f.Fold != 0 || f.Rule90 || f.Balance || f.Noise != 0) {
		y.fail(f.Line, "a sketch has no fill, fold, rule90, balance or noise; leave them out")
	}
	return f
}

func (p *Project) readLinkage(y *yamlReader, n ast.Node) {
	s := y.section(n, "linkage", "threshold", "person_ids", "blocking")
	p.Linkage.Threshold = "auto"
	if t := s["threshold"].value; t != nil {
		p.Linkage.Threshold = y.text(t, "threshold")
		if y.err == nil {
			y.check(y.line(t), CheckThreshold(p.Linkage.Threshold))
		}
	}
	p.Linkage.PersonIDs = y.choice(s["person_ids"].value, "person_ids", []string{"shared", "per-party"}, "shared")
	p.Linkage.Blocking = y.choice(s["blocking"].value, "blocking", linkage.BlockMethods, "")
}

// CheckThreshold refuses a threshold that is neither "auto" nor a decimal number above 0 and at most 1, of at most 9 decimals.
func CheckThreshold(t string) error {
	if t == "auto" || threshold.MatchString(t) && strings.Trim(t, "0.") != "" {
		return nil
	}
	return errors.New("threshold must be auto, or a number above 0 and at most 1, such as 0.85")
}

func (p *Project) fieldNames() (names []string) {
	for _, f := range p.Fields {
		names = append(names, f.Name)
	}
	return names
}

func (p *Project) dateNames() (names []string) {
	for _, f := range p.Fields {
		if f.Kind == "date" || f.Kind == "year" {
			names = append(names, f.Name)
		}
	}
	return names
}

func (p *Project) needNames() (names []string) {
	for _, n := range p.Needs {
		names = append(names, n.Name)
	}
	return names
}

// ReadColumns reads a party's own file of settings (columns, dates, text, delimiter) and returns the party with them. A setting that the
// file has replaces the project's as a whole; others stay.
func (p *Project) ReadColumns(path, party string) (ProjectParty, error) {
	data, err := readSmall(path, maxProject)
	if err != nil {
		return ProjectParty{}, err
	}
	return p.ParseColumns(path, data, party)
}

// ParseColumns is ReadColumns for bytes from anywhere; name stands in errors.
func (p *Project) ParseColumns(name string, data []byte, party string) (ProjectParty, error) {
	known, err := p.Party(party)
	if err != nil {
		return ProjectParty{}, err
	}
	y, root, err := parseYAML(name, "columns", data)
	if err != nil {
		return ProjectParty{}, err
	}
	own := *known
	p.readReading(y, &own, y.section(root, "a columns file", "columns", "dates", "text", "delimiter"))
	if y.err != nil {
		return ProjectParty{}, y.err
	}
	return own, nil
}
