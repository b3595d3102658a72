package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/hashing"
)

func newInspect(a *app) *cobra.Command {
	var asJSON bool
	var identity, partners string
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Say what a file is, and what is in it as a whole",
		Long: `Says what a file of cohortlink is: a filters file with its project, party and
fingerprints, how many records it holds and how full its filters are; a project
file; a project key (its fingerprint, never the key), wrapped or not; an identity or
a file of partners (fingerprints to compare by telephone); a receipt; a linked folder; clks JSON of clkhash.
Nothing about a single record is ever shown.

Of a sealed file anyone can read the header, and nobody has checked what it says. With
--identity the file is opened and its signature checked; with --partners also
that it is by the key that the file of partners has for its party.
` + exitHelp,
		Example: `  cohortlink inspect gp-k81001.filters
  cohortlink inspect gp-k81001.filters --identity unit.identity --partners unit.partners
  cohortlink inspect unit.partners`,
		Args: args(1, 1, "one file"),
		RunE: func(_ *cobra.Command, args []string) error {
			facts, err := a.inspect(args[0], identity, partners)
			if err != nil {
				return err
			}
			if asJSON {
				return a.ui.resultJSON(facts)
			}
			for _, f := range facts.lines() {
				a.ui.resultf("%-22s %s\n", f[0], f[1])
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&identity, "identity", "", "the unit's identity, which opens sealed filters")
	cmd.Flags().StringVar(&partners, "partners", "", "the unit's file of partners, to check who signed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// inspection is what inspect found. Exactly one part beside What is there.
type inspection struct {
	What    string                  `json:"what"`
	Filters *filtersFacts           `json:"filters,omitempty"`
	Sealed  *sealedFacts            `json:"sealed,omitempty"`
	Wrapped *formats.WrappedKey     `json:"wrapped_key,omitempty"`
	Public  []publicFacts           `json:"public,omitempty"`
	Key     *keyFacts               `json:"key,omitempty"`
	Receipt *formats.Receipt        `json:"receipt,omitempty"`
	Project *projectFacts           `json:"project,omitempty"`
	Linked  *formats.LinkedManifest `json:"linked,omitempty"`
	CLKs    *clksFacts              `json:"clks,omitempty"`
	whose   string                  // for whom a key is wrapped, in words
}

type filtersFacts struct {
	formats.FiltersHeader
	formats.FiltersManifest
	KeySpoken string         `json:"key_spoken"`
	Ones      []formats.Ones `json:"ones"`
	Digest    string         `json:"sha256"`
	Pinned    bool           `json:"signer_pinned"` // the signer was held against a file of partners
}

// sealedFacts are what a sealed file says of itself, and what of it could be checked.
type sealedFacts struct {
	formats.FiltersHeader
	KeySpoken string `json:"key_spoken"`
	Checked   string `json:"checked"`
}

// publicFacts are the public keys of a party, or of whoever's identity it is.
type publicFacts struct {
	Party       string `json:"party,omitempty"`
	Fingerprint string `json:"fingerprint"`
	Signs       string `json:"signs"`
	Recipient   string `json:"recipient,omitempty"`
}

func publicOf(party string, p formats.Public) publicFacts {
	f := publicFacts{Party: party, Fingerprint: fingerprintOf(p), Signs: p.Signs.String()}
	if p.Recipient != nil {
		f.Recipient = p.Recipient.String()
	}
	return f
}

type keyFacts struct {
	Project     string `json:"project"`
	Fingerprint string `json:"fingerprint"`
}

type projectFacts struct {
	Name    string   `json:"name"`
	Parties []string `json:"parties"`
	Fields  []string `json:"fields"`
	Needs   []string `json:"needs"`
	Filters []string `json:"filters"`
	Exact   []string `json:"exact"`
	Weak    []string `json:"weak"`
	Schema  string   `json:"schema"`
}

func (a *app) inspect(path, identity, partners string) (*inspection, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, errorf("read %s: %w", path, because(err))
	}
	if info.IsDir() {
		m, err := inspectFolder(path)
		if err != nil {
			return nil, err
		}
		return &inspection{What: "linked folder", Linked: m}, nil
	}
	if filepath.Base(path) == formats.LinkedManifestFile {
		return a.inspect(filepath.Dir(path), identity, partners)
	}
	h, err := formats.ReadFiltersHeader(path)
	if err == nil {
		return a.inspectFilters(path, h, identity, partners)
	} else if !errors.Is(err, formats.ErrNotFilters) {
		return nil, err
	}
	h, err = formats.ReadLinksHeader(path)
	if err == nil {
		if err := formats.CheckSealedLinks(path); err != nil {
			return nil, err
		}
		return &inspection{What: "file of sealed links", Sealed: &sealedFacts{h, spoken(h.Key), "that it has all its bytes; it is opened by \"cohortlink attach\" at party " + h.Party}}, nil
	} else if !errors.Is(err, formats.ErrNotLinks) {
		return nil, err
	}
	first, err := firstLine(path)
	if err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(first, "cohortlink project key"):
		key, err := a.readKey(path)
		if err != nil {
			return nil, err
		}
		return &inspection{What: "project key", Key: &keyFacts{key.Project(), hashing.SpokenFingerprint(key.Fingerprint())}}, nil
	case formats.IsIdentity(first):
		i, err := a.readIdentity(path)
		if err != nil {
			return nil, err
		}
		return &inspection{What: "identity", Public: []publicFacts{publicOf(i.Party(), i.Public())}}, nil
	case formats.IsWrappedKey(first):
		h, _, err := formats.ReadWrappedKey(path)
		if err != nil {
			return nil, err
		}
		found := &inspection{What: "wrapped project key", Wrapped: h}
		found.whose, err = wrappedFor(h, partners)
		return found, err
	case strings.HasSuffix(path, ".partners"):
		p, err := formats.ReadPartners(path)
		if err != nil {
			return nil, err
		}
		found := &inspection{What: "file of partners"}
		for _, q := range p.Parties {
			found.Public = append(found.Public, publicOf(q.Party, q.Public))
		}
		return found, nil
	case knownFile(path, first) != "":
		return nil, errorf("%s is %s", path, knownFile(path, first))
	case strings.HasPrefix(first, "{"):
		if found, err := inspectCLKs(path); err == nil || !errors.Is(err, formats.ErrNotCLKs) {
			return found, err
		}
		r, err := formats.ReadReceipt(path)
		if err != nil {
			return nil, err
		}
		return &inspection{What: "receipt", Receipt: r}, nil
	case strings.HasSuffix(path, ".yaml") || strings.HasSuffix(path, ".yml"):
		p, err := formats.ReadProject(path)
		if err != nil {
			return nil, err
		}
		facts := &projectFacts{Name: p.Name, Needs: []string{}}
		for _, q := range p.Parties {
			facts.Parties = append(facts.Parties, q.Name)
		}
		for _, n := range p.Needs {
			facts.Needs = append(facts.Needs, n.Name)
		}
		e, err := encodingOf(p, path)
		if err != nil {
			return nil, err
		}
		facts.Schema, facts.Fields, facts.Exact, facts.Weak = e.schema, e.fields, append([]string{}, e.exact...), append([]string{}, e.weak...)
		for _, l := range e.filters {
			facts.Filters = append(facts.Filters, l.Name+": "+plural(l.Bits, "bit")+", "+encodingInWords(l.Encoding)+"; "+similarityInWords(l.Similarity))
		}
		return &inspection{What: "project file", Project: facts}, nil
	}
	return nil, errorf("%s is no file of cohortlink\nfor an extract there is \"cohortlink check\"", path)
}

// inspectFolder reads the manifest of a linked folder. Of the other folders that cohortlink writes it says what they are.
func inspectFolder(path string) (*formats.LinkedManifest, error) {
	there := func(name string) bool {
		info, err := os.Stat(filepath.Join(path, name))
		return err == nil && info.Mode().IsRegular()
	}
	switch manifest := there(formats.LinkedManifestFile); {
	case there("counts.json") && there("report.html"):
		return nil, errorf("%s is a release: open its report.html in a browser", path)
	case manifest && !there(formats.LinkedPeopleFile):
		return nil, errorf("%s is not a linked folder: it has no %s\nthe folder of a cohort has a manifest too: read it as it is, and give each party its own file", path, formats.LinkedPeopleFile)
	}
	return formats.ReadLinkedManifest(path)
}

// knownFile says of a file that cohortlink wrote, and of which there is nothing to show, what it is and what is done with it. It goes by
// how the file begins and what it is called; "" is a file of another kind.
func knownFile(path, first string) string {
	base, first := filepath.Base(path), strings.TrimRight(first, "\r\n")
	switch {
	case strings.HasPrefix(first, "row,record_id"):
		return "a map, which row of an extract has which record ID: it stays with its party, for \"cohortlink attach\""
	case first == "row,reason":
		return "a list of the rows that hash set aside, and why: open it as it is"
	case first == "record_id,person_id":
		return "a file of links that are not sealed: \"cohortlink attach\" puts them beside the rows of the extract"
	case strings.HasPrefix(first, `{"format":"cohortlink ledger `):
		return "a ledger of releases\ncohortlink ledger " + path
	case strings.HasPrefix(first, "cohortlink person secret"):
		return "the secret that person IDs were made with: keep it with its linked folder"
	case strings.HasPrefix(first, "cohortlink noise secret"):
		return "the secret that the noise of a party's records is drawn from: it stays with its party, beside the map"
	case strings.HasPrefix(first, "project,party,run,filters,created"):
		return "what a unit has linked before: it stays beside the unit's identity, for \"cohortlink link\""
	case strings.HasPrefix(first, "table,parties,at_least,"), base == "counts.json":
		return "a table of counts, protected for release: open it as it is, or the report.html beside it"
	case slices.Contains([]string{formats.LinkedPeopleFile, formats.LinkedNeedsFile, formats.LinkedPairsFile, formats.LinkedEvidenceFile}, base):
		return "a table of a linked folder, which holds single records: it stays at the unit\ncohortlink inspect " + filepath.Dir(path)
	}
	return ""
}

// inspectFilters opens a filters file as far as it can be opened.
func (a *app) inspectFilters(path string, h formats.FiltersHeader, identity, partners string) (*inspection, error) {
	var f *formats.FiltersFile
	var err error
	switch {
	case h.Seal == "none":
		f, err = formats.ReadFilters(path)
	case identity == "":
		if err := formats.CheckSealedFilters(path); err != nil {
			return nil, err
		}
		only := "that it has all its bytes; this is its clear header, and the rest opens with the unit's --identity"
		if partners != "" {
			only += ", without which --partners checks nothing"
		}
		return &inspection{What: "sealed filters file", Sealed: &sealedFacts{h, spoken(h.Key), only}}, nil
	default:
		o := &formats.Opening{}
		if o.Identity, err = a.readIdentity(identity); err != nil {
			return nil, err
		}
		if partners != "" {
			p, err := formats.ReadPartners(partners)
			if err != nil {
				return nil, err
			}
			o.Trust = p.Trust
		}
		f, err = formats.OpenFilters(path, o)
	}
	if err != nil {
		return nil, err
	}
	facts := &filtersFacts{FiltersHeader: f.Header, FiltersManifest: f.Manifest, KeySpoken: spoken(f.Header.Key), Digest: hex.EncodeToString(f.Digest[:])}
	facts.Pinned = h.Seal != "none" && partners != ""
	for i := range f.Manifest.Filters {
		facts.Ones = append(facts.Ones, f.Ones(i))
	}
	return &inspection{What: "filters file", Filters: facts}, nil
}

// wrappedFor says in words for whom a key is wrapped.
func wrappedFor(h *formats.WrappedKey, partners string) (string, error) {
	if partners == "" || h.NeedsPassphrase() {
		return "the party whose age key has a SHA-256 that begins with " + h.Recipient[:min(12, len(h.Recipient))] + "; --partners says which that is", nil
	}
	p, err := formats.ReadPartners(partners)
	if err != nil {
		return "", err
	}
	for _, q := range p.Parties {
		if h.For(q.Public) {
			return q.Party, nil
		}
	}
	return "nobody in " + partners, nil
}

func firstLine(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", errorf("read %s: %w", path, because(err))
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, 256)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", errorf("read %s: %w", path, because(err))
	}
	return strings.TrimPrefix(line, "\ufeff"), nil
}

func (i *inspection) lines() [][2]string {
	out := [][2]string{{"this is a", i.What}}
	add := func(name, value string) { out = append(out, [2]string{name, value}) }
	switch {
	case i.Filters != nil:
		f := i.Filters
		add("project", f.Project)
		add("party", f.Party)
		add("schema", f.Schema)
		add("key", f.KeySpoken)
		add("run", f.Run)
		switch {
		case f.Seal == "none":
			add("sealed", "no, and nobody signed it")
		case f.Pinned:
			add("sealed", "yes, and signed by the key that is pinned for its party")
		default:
			add("sealed", "yes, and signed by ed25519:"+f.Signer+"; whose key that is was not asked (--partners)")
		}
		add("records", thousands(f.Records))
		add("rows set aside", thousands(f.SetAside))
		if f.LeftOut != "" {
			add("left out by opt-out", f.LeftOut)
		}
		add("no person twice", yesNo(f.Deduplicated))
		for k, l := range f.FiltersManifest.Filters {
			add("filter "+l.Name, plural(l.Bits, "bit")+": "+encodingInWords(l.Encoding))
			add("", similarityInWords(l.Similarity)+" ("+l.Encoding+", "+l.Similarity+")")
			if l.Role == formats.RoleHousehold {
				add("", "says where a person lives; not weighed for persons")
			}
			if o := f.Ones[k]; f.Records > 0 {
				add("", fmt.Sprintf("%.1f %% of bits set on average, %d to %d a record", 100*o.Mean/float64(l.Bits), o.Min, o.Max))
			}
		}
		if len(f.FiltersManifest.Exact) > 0 {
			add("exact keys", strings.Join(exactKeysInWords(&f.FiltersManifest), ", "))
		}
		for _, w := range f.Weak {
			add("weak", w)
		}
		var needs []string
		for _, n := range f.FiltersManifest.Needs {
			needs = append(needs, n.Name)
		}
		if len(needs) > 0 {
			add("needs", strings.Join(needs, ", "))
		}
		add("written by", f.Tool+", "+f.Created)
	case i.Sealed != nil:
		h := i.Sealed
		add("project", h.Project)
		add("party", h.Party)
		add("schema", h.Schema)
		add("key", h.KeySpoken)
		add("run", h.Run)
		add("sealed", thousands(int(h.Bytes))+" bytes, for the recipient with SHA-256 "+h.Recipient)
		add("signer", "ed25519:"+h.Signer)
		add("checked", h.Checked)
	case i.Wrapped != nil:
		add("project", i.Wrapped.Project)
		add("fingerprint", i.Wrapped.Fingerprint+", it says; \"cohortlink key unwrap\" checks it")
		if i.Wrapped.NeedsPassphrase() {
			add("wrapped", "under a passphrase")
		} else {
			add("wrapped", "for "+i.whose)
		}
	case i.What == "file of partners" && len(i.Public) == 0:
		add("parties", "none yet: a line for each, as its \"cohortlink key new --signing\" printed it")
	case i.Public != nil:
		for _, p := range i.Public {
			if p.Party != "" {
				add("party", p.Party)
			}
			add("fingerprint", p.Fingerprint)
			if p.Recipient == "" {
				add("", "no age key: its links go back unsealed")
			}
		}
	case i.Key != nil:
		add("project", i.Key.Project)
		add("fingerprint", i.Key.Fingerprint)
	case i.Receipt != nil:
		r := i.Receipt
		add("project", r.Project)
		add("party", r.Party)
		add("run", r.Run)
		add("rows of the extract", thousands(r.Extract.Rows))
		add("records", thousands(r.Records))
		add("rows set aside", thousands(r.SetAside))
		add("written by", r.Tool+", "+r.Created)
	case i.Project != nil:
		p := i.Project
		add("project", p.Name)
		add("parties", strings.Join(p.Parties, ", "))
		add("fields", strings.Join(p.Fields, ", "))
		if len(p.Needs) > 0 {
			add("needs", strings.Join(p.Needs, ", "))
		}
		for _, f := range p.Filters {
			name, what, _ := strings.Cut(f, ": ")
			add("filter "+name, what)
		}
		if len(p.Exact) > 0 {
			add("exact keys", strings.Join(p.Exact, ", "))
		}
		for _, w := range p.Weak {
			add("weak", w)
		}
		add("schema", p.Schema)
	case i.CLKs != nil:
		out = append(out, i.CLKs.lines()...)
	case i.Linked != nil:
		m := i.Linked
		add("project", m.Project)
		add("parties", thousands(len(m.Parties)))
		add("records", thousands(m.Records))
		add("persons", thousands(m.Persons))
		if h := m.Households; h != nil {
			add("households", thousands(h.Households)+" of "+plural(h.Persons, "person"))
			if h.Blocking != nil {
				add("", "blocking of homes "+blockingInWords(h.Blocking, h.Compared))
			}
		}
		add("threshold", fmt.Sprintf("%.3f", m.Threshold.Score)+", "+m.Threshold.Chosen)
		if len(m.Threshold.Offsets) > 0 {
			add("offsets", offsetsText(m.Threshold.Offsets))
		}
		if m.Estimate.Precision != nil && m.Estimate.Recall != nil {
			e := m.Estimate
			add("estimate", "precision "+estimateText(*e.Precision, e.PrecisionInterval)+", recall "+estimateText(*e.Recall, e.RecallInterval)+", made without truth")
		}
		if m.Blocking != nil {
			add("blocking", blockingInWords(m.Blocking, m.Compared))
		} else {
			add("blocking", "none: every pair was compared")
		}
		if p := m.Previous; p != nil {
			add("added to", fmt.Sprintf("an earlier linkage of %s, whose pairs were not compared again", plural(p.Records, "record")))
		}
		add("written by", m.Tool+", "+m.Created)
	}
	return out
}

func yesNo(b bool) string {
	if b {
		return "yes, the party says"
	}
	return "not declared"
}
