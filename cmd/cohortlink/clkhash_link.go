package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"cohortlink/formats"
)

// What link does for parties that send files of CLKs, as clkhash's users do, in place of
// filters files. Such a file says nothing of itself. So its party is named by whoever
// links or by the file's name, the length of the CLKs in a binary file is that of the
// others, and the manifest notes of which parties nobody could check project, schema
// and key.

// clksParty is what is known of a party that sent CLKs.
type clksParty struct {
	form string
	rows []int // of each record, in the order of record IDs
}

// clksArgument is an argument of link that names a file of CLKs.
type clksArgument struct{ party, path, form string }

// asCLKs tells whether an argument names a file of CLKs: FILE or PARTY=FILE, where FILE is
// clks JSON, or binary and ends in .bin. It returns nil for any other.
func asCLKs(arg string) (*clksArgument, error) {
	c := &clksArgument{path: arg}
	if party, file, ok := strings.Cut(arg, "="); ok && formats.CheckName("party", party) == nil {
		if _, err := os.Lstat(arg); err != nil {
			c.party, c.path = party, file
		}
	}
	if strings.EqualFold(filepath.Ext(c.path), ".bin") {
		c.form = formats.CLKsBinary
	} else if isJSON, err := formats.IsCLKs(c.path); err == nil && isJSON {
		c.form = formats.CLKsJSON
	}
	switch {
	case c.form == "" && c.party != "":
		return nil, usagef("%s is no file of CLKs: a party is named for those alone, as a filters file says whose it is\nname the file without %s=", c.path, c.party)
	case c.form == "":
		return nil, nil
	case c.party == "":
		name := strings.TrimSuffix(filepath.Base(c.path), filepath.Ext(c.path))
		c.party = strings.TrimSuffix(name, ".clks")
		if err := formats.CheckName("party", c.party); err != nil {
			return nil, usagef("%s is not named after its party, and a file of CLKs does not say whose it is\nput the party before it, such as gp-03=%s", c.path, c.path)
		}
	}
	return c, nil
}

// readAll reads the files to link: filters files, and the parties' files of CLKs.
func (l *linkRun) readAll(project *formats.Project) (files, clks []*formats.FiltersFile, err error) {
	var arguments []*clksArgument
	for _, arg := range l.files {
		c, err := asCLKs(arg)
		if err != nil {
			return nil, nil, err
		}
		if c != nil {
			arguments = append(arguments, c)
			continue
		}
		f, err := l.unit.read(arg)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, f)
	}
	for _, name := range l.clean {
		if !slices.ContainsFunc(arguments, func(c *clksArgument) bool { return c.party == name }) {
			return nil, nil, usagef("--clean names %q, which sends no file of CLKs; other parties declare it themselves", name)
		}
	}
	size, err := l.sizeOfCLKs(project, files)
	if err != nil {
		return nil, nil, err
	}
	// Those that say how long their CLKs are come first.
	for _, form := range []string{formats.CLKsJSON, formats.CLKsBinary} {
		for _, c := range arguments {
			if c.form != form {
				continue
			}
			var read *formats.CLKs
			switch {
			case form == formats.CLKsJSON:
				read, err = formats.ReadCLKs(c.path)
			case size == 0:
				return nil, nil, usagef("%s does not say how long its CLKs are, and nor does another file\nadd --clk-bits with the length that the linkage schema gives them, such as --clk-bits 1024", c.path)
			default:
				read, err = formats.ReadBinaryCLKs(c.path, size)
			}
			if err != nil {
				return nil, nil, err
			}
			if size == 0 {
				size = read.Size
			} else if read.Size != size {
				return nil, nil, errorf("%s has CLKs of %s, where %s are due; all parties must use the same linkage schema", c.path, plural(8*read.Size, "bit"), plural(8*size, "bit"))
			}
			f, err := l.addCLKs(c, read, project)
			if err != nil {
				return nil, nil, err
			}
			clks = append(clks, f)
		}
	}
	return files, clks, nil
}

// sizeOfCLKs is the length of CLKs in bytes as it is known before any file of them is read; 0 where it is not.
func (l *linkRun) sizeOfCLKs(project *formats.Project, files []*formats.FiltersFile) (int, error) {
	switch {
	case l.clkBits < 0:
		return 0, usagef("--clk-bits must be the length of a CLK, such as 1024")
	case l.clkBits > 0:
		return (l.clkBits + 7) / 8, nil
	case project != nil && project.Encoding.Profile == clkhashProfile:
		schema, err := clkhashSchemaOf(project, l.project)
		if err != nil {
			return 0, err
		}
		return (schema.Bits() + 7) / 8, nil
	case len(files) > 0 && files[0].Manifest.Filters[0].Encoding == formats.CLKsEncoding:
		return (files[0].Manifest.Filters[0].Bits + 7) / 8, nil
	}
	return 0, nil
}

// addCLKs makes a party of a file of CLKs.
func (l *linkRun) addCLKs(c *clksArgument, read *formats.CLKs, project *formats.Project) (*formats.FiltersFile, error) {
	f, rows := read.Filters(c.party)
	if project != nil {
		if project.Encoding.Profile != clkhashProfile {
			return nil, errorf("%s holds CLKs, and project %q makes filters of another kind", c.path, project.Name)
		}
		party, err := project.Party(c.party)
		if err != nil {
			return nil, errorf("%s: %w", c.path, err)
		}
		f.Manifest.Deduplicated = party.Deduplicated
	}
	if slices.Contains(l.clean, c.party) {
		f.Manifest.Deduplicated = true
	}
	if l.clksFrom == nil {
		l.clksFrom = map[string]*clksParty{}
	}
	if l.previous != "" && l.clksFrom[c.party] != nil {
		return nil, errorf("party %q sends two files of CLKs: put its rows into one", c.party)
	}
	l.clksFrom[c.party] = &clksParty{form: c.form, rows: rows}
	return f, nil
}

// joinCLKs puts the parties' files of CLKs to the filters files, and says what nobody can check.
func (l *linkRun) joinCLKs(files, clks []*formats.FiltersFile, project *formats.Project) ([]*formats.FiltersFile, error) {
	if len(clks) == 0 {
		return files, nil
	}
	name := clkhashProfile // of a project that nobody named
	if project != nil {
		name = project.Name
	}
	if err := formats.JoinCLKs(files, clks, name); err != nil {
		return nil, err
	}
	l.app.ui.warnf("%s of CLKs: such a file does not say by which schema and with which secret it was made, and nobody signed it; if these differ between parties, nobody is found", plural(len(clks), "file"))
	return append(files, clks...), nil
}

// sealable are the files that can have been sealed: all but those of CLKs.
func (l *linkRun) sealable(files []*formats.FiltersFile) []*formats.FiltersFile {
	var own []*formats.FiltersFile
	for _, f := range files {
		if l.clksFrom[f.Header.Party] == nil {
			own = append(own, f)
		}
	}
	return own
}

// noteCLKs marks the parties of a manifest that sent CLKs.
func (l *linkRun) noteCLKs(m *formats.LinkedManifest) {
	for i := range m.Parties {
		if c := l.clksFrom[m.Parties[i].Name]; c != nil {
			m.Parties[i].CLKs = c.form
		}
	}
}

// rowLinks writes what a party that sent CLKs can use: it knows its records by their rows
// alone, and has no identity that links could be sealed for.
func (w *linkedWriter) rowLinks(party string, c *clksParty, l *formats.Links) error {
	persons := make([]formats.PersonID, len(l.Persons))
	for i, row := range c.rows {
		persons[row-1] = l.Persons[i]
	}
	at := path.Join(formats.LinkedLinksFolder, party)
	err := w.file(at+".csv", 0o644, func(f io.Writer) error { return formats.WriteLinks(f, l) })
	if err != nil {
		return err
	}
	return w.file(at+formats.LinkedRowsSuffix, 0o644, func(f io.Writer) error { return formats.WriteRowLinks(f, persons) })
}

// clksFacts are what inspect tells of a file of CLKs.
type clksFacts struct {
	Records int          `json:"records"`
	Bits    int          `json:"bits"` // up to a whole byte: the file does not say more
	Ones    formats.Ones `json:"ones"`
	Digest  string       `json:"sha256"`
}

func inspectCLKs(path string) (*inspection, error) {
	c, err := formats.ReadCLKs(path)
	if err != nil {
		return nil, err
	}
	f, _ := c.Filters("nobody")
	return &inspection{What: "file of CLKs, of clkhash", CLKs: &clksFacts{
		Records: c.Rows, Bits: 8 * c.Size, Ones: f.Ones(0), Digest: hex.EncodeToString(c.Digest[:]),
	}}, nil
}

func (c *clksFacts) lines() [][2]string {
	return [][2]string{
		{"records", thousands(c.Records)},
		{"filter", plural(c.Bits, "bit") + ", " + formats.CLKsEncoding},
		{"", fmt.Sprintf("%.1f %% of bits set on average, %d to %d a record", 100*c.Ones.Mean/float64(c.Bits), c.Ones.Min, c.Ones.Max)},
		{"not known", "party, project, schema and key: such a file does not say"},
	}
}

// tellCLKs says where the parties that sent CLKs find their persons.
func (l *linkRun) tellCLKs() {
	if len(l.clksFrom) > 0 {
		l.app.ui.resultf("by row     %s that sent CLKs: send links/PARTY%s, a person for each row of the file\n", parties(len(l.clksFrom)), formats.LinkedRowsSuffix)
	}
}
