package main

import (
	"context"
	"encoding/hex"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/audit"
)

func newAudit(a *app) *cobra.Command {
	u := auditRun{app: a}
	cmd := &cobra.Command{
		Use:   "audit FILE",
		Short: "Attack your own filters before anyone else does",
		Long: `At a partner, given an extract: hashes some of its records as hash would, attacks the
result in the ways that have been published, and says what was recovered, how that
compares with plain Bloom filters of the same people, and what each encoding costs in
links. The extract and the key stay where they are, nothing is sent, and no value of
a person is shown. With 2,000 people it takes minutes.

At the linkage unit, given a filters file: looks at the filters alone, which finds
mistakes and says little about attacks. What needs names can be tried only where the
names are.

A pass means that these attacks failed on these people, and no more.
` + exitHelp,
		Example: `  cohortlink audit extract.csv --key project.key --project project.yaml --party gp-k81001 --html audit.html
  cohortlink audit gp-k81001.filters --identity unit.identity`,
		Args: args(1, 1, "one extract or filters file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			u.file = args[0]
			return u.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&u.key, "key", "", "the project key, for an extract (default: project.key)")
	f.StringVar(&u.project, "project", "project.yaml", "the project file, for an extract")
	f.StringVar(&u.party, "party", "", "which party you are, for an extract")
	f.StringVar(&u.columns, "columns", "", "a file with your own column names, in place of those in the project file")
	f.StringVar(&u.receipt, "receipt", "", "the receipt of a run of hash: the extract, the schema and the key must be those of that run")
	f.IntVar(&u.people, "people", 2000, "records to attack at most; time grows with the square")
	f.IntVar(&u.seeds, "seeds", 3, "times to attack, each with other people and other things known")
	f.StringVar(&u.identity, "identity", "", "the unit's identity, which opens sealed filters")
	f.StringVar(&u.html, "html", "", "also write the result as a page to this file")
	f.BoolVar(&u.json, "json", false, "print the result as JSON")
	return cmd
}

type auditRun struct {
	app                                               *app
	file, key, project, party, columns, receipt, html string
	identity                                          string
	people, seeds                                     int
	json                                              bool
}

// audited is everything an audit found, as --json prints it.
type audited struct {
	File     string        `json:"file"`
	Project  string        `json:"project"`
	Party    string        `json:"party"`
	Schema   string        `json:"schema"`
	Key      string        `json:"key"`
	Program  string        `json:"program"`
	Grade    audit.Grade   `json:"grade"`
	Verdict  string        `json:"verdict"`
	Means    string        `json:"means"`    // what a pass means
	Records  int           `json:"records"`  // that the checks on filters alone looked at
	Attacked int           `json:"attacked"` // records in each run of the attacks; 0 of filters alone
	Seeds    int           `json:"seeds"`
	Alone    *audit.Alone  `json:"alone"`
	Attacks  []auditFilter `json:"attacks,omitempty"`
	// Unique is how unique the values are that the filters are made of, of all fields
	// together first; Suspicion how few people fit a filter for an attacker who knows 200.
	Unique    []audit.Uniqueness `json:"unique,omitempty"`
	Suspicion *audit.Risk        `json:"suspicion,omitempty"`
	Costs     *auditCosts        `json:"costs,omitempty"`
	Weak      []string           `json:"weak,omitempty"` // reasons for weak choices, as the file has them
}

// auditFilter is what attacks did to one of a record's filters.
type auditFilter struct {
	Filter   string          `json:"filter"`
	Encoding string          `json:"encoding"`
	Verdicts []audit.Verdict `json:"verdicts"`
}

func (u *auditRun) run(ctx context.Context) error {
	if u.people < 1 || u.seeds < 1 || u.seeds > 100 {
		return usagef("--people is 1 or more, and --seeds 1 to 100")
	}
	header, err := formats.ReadFiltersHeader(u.file)
	var found *audited
	switch {
	case err == nil:
		found, err = u.atUnit(header)
	case errors.Is(err, formats.ErrNotFilters):
		found, err = u.atPartner(ctx)
	}
	if err != nil {
		return err
	}
	found.File, found.Program, found.Means = filepath.Base(u.file), tool(), audit.PassMeans
	if u.html != "" {
		if err := u.writePage(found); err != nil {
			return err
		}
	}
	if u.json {
		err = u.app.ui.resultJSON(found)
	} else {
		u.app.tellAudit(found)
	}
	if err == nil && u.html != "" {
		u.app.ui.sayf("page written to %q", u.html)
	}
	return err
}

// atUnit looks at a filters file alone.
func (u *auditRun) atUnit(header formats.FiltersHeader) (*audited, error) {
	if u.key != "" || u.party != "" || u.receipt != "" {
		return nil, usagef("%s is a filters file: --key, --party and --receipt go with an extract, at its partner", u.file)
	}
	var file *formats.FiltersFile
	var err error
	if header.Seal == "none" {
		file, err = formats.ReadFilters(u.file)
	} else if u.identity == "" {
		return nil, usagef("%s is sealed: name the unit's identity with --identity", u.file)
	} else {
		opening := &formats.Opening{}
		if opening.Identity, err = u.app.readIdentity(u.identity); err != nil {
			return nil, err
		}
		file, err = formats.OpenFilters(u.file, opening)
	}
	if err != nil {
		return nil, err
	}
	alone, err := audit.LookAlone(sentOf(file.Manifest, file.Bits), file.Manifest.Exact)
	if err != nil {
		return nil, errorf("%s: %w", u.file, err)
	}
	// A pass on bits alone is no pass: nobody has attacked.
	found := &audited{
		Project: header.Project, Party: header.Party, Schema: header.Schema, Key: spoken(header.Key),
		Records: len(file.IDs), Alone: alone, Grade: audit.Overall(alone.Findings, nil), Weak: file.Manifest.Weak,
	}
	found.Verdict = aloneVerdict(found.Grade, alone)
	return found, nil
}

// aloneVerdict says what filters alone can say.
func aloneVerdict(grade audit.Grade, alone *audit.Alone) string {
	if grade == audit.Fail {
		return "These filters show too much, which is seen without any attack."
	}
	if audit.Worst(alone.Findings) == audit.Unknown {
		return "There is too little here to tell anything by."
	}
	return "Nothing is wrong that can be seen of filters alone, which is not to say that they withstand attack: that is found out where the extract is."
}

// atPartner hashes records of an extract and attacks the filters.
func (u *auditRun) atPartner(ctx context.Context) (*audited, error) {
	if u.identity != "" {
		return nil, usagef("%s is no filters file: --identity goes with one, at the linkage unit", u.file)
	}
	if u.party == "" {
		return nil, usagef("say which party you are with --party")
	}
	if u.key == "" {
		u.key = "project.key"
	}
	p, err := formats.ReadProject(u.project)
	if err != nil {
		return nil, err
	}
	party, err := (&hashRun{party: u.party, columns: u.columns}).findParty(p)
	if err != nil {
		return nil, err
	}
	key, err := u.app.readKey(u.key)
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(p)
	if err != nil {
		return nil, errorf("%s: %w", u.project, err)
	}
	normalise := normaliseOptions(p, party)
	hasher, err := hashing.NewHasher(schema, key, normalise)
	if err != nil {
		return nil, errorf("%s: %w", u.key, err)
	}
	x, err := formats.OpenExtract(u.file, extractOptions(party))
	if err != nil {
		return nil, err
	}
	defer x.Close()
	cols, err := mapColumns(u.file, x.Header(), p, party)
	if err != nil {
		return nil, err
	}
	sample, err := readRecords(ctx, u.app, x, cols, p, party)
	if err != nil {
		return nil, err
	}
	if err := u.checkReceipt(p, party, key, schema.Fingerprint(), x); err != nil {
		return nil, err
	}
	sample.usable(hasher)
	if len(sample.records) == 0 {
		return nil, errorf("%s: none of its %s can be used: there is nothing to attack\nsee why: cohortlink check %s --project %s --party %s", u.file, plural(sample.rows, "row"), u.file, u.project, party.Name)
	}
	attack := &auditAttack{app: u.app, key: key, normalise: normalise, sample: sample, people: u.people, seeds: u.seeds}
	found := &audited{Project: p.Name, Party: party.Name, Schema: schema.Fingerprint(), Key: hashing.SpokenFingerprint(key.Fingerprint()), Records: len(sample.records), Seeds: u.seeds}
	return found, attack.all(ctx, schema, p.Encoding.Exact, found)
}

// checkReceipt refuses an extract, a schema or a key that is not that of the run of hash
// whose filters are in question: an audit of others would say nothing about them.
func (u *auditRun) checkReceipt(p *formats.Project, party *formats.ProjectParty, key *hashing.Key, schema string, x *formats.Extract) error {
	if u.receipt == "" {
		return nil
	}
	r, err := formats.ReadReceipt(u.receipt)
	if err != nil {
		return err
	}
	fingerprint, digest := key.Fingerprint(), x.Digest()
	for _, c := range []struct{ what, got, want string }{
		{"project", p.Name, r.Project}, {"party", party.Name, r.Party},
	} {
		if c.got != c.want {
			return errorf("%s is of %s %q, not of %q", u.receipt, c.what, c.want, c.got)
		}
	}
	switch {
	case hex.EncodeToString(digest[:]) != r.Extract.SHA256:
		return errorf("%s is not the extract that was hashed: %s has another digest\naudit the very file, or hash this one", u.file, u.receipt)
	case schema != r.Schema:
		return errorf("%s is not the project file that the extract was hashed with: %s has another schema", u.project, u.receipt)
	case hex.EncodeToString(fingerprint[:]) != r.Key:
		return errorf("%s is not the key that the extract was hashed with: %s has another fingerprint", u.key, u.receipt)
	}
	return nil
}
