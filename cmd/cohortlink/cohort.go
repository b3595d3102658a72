package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/linkage"
	"cohortlink/linkage/cohort"
)

func newCohort(a *app) *cobra.Command {
	var r cohortRun
	cmd := &cobra.Command{
		Use:   "cohort LINKED --where CONDITION",
		Short: "Give each party its own members of a cohort",
		Long: `Draws the cohort of all persons who meet a condition, and writes the folder cohort/:

  PARTY.links or PARTY.csv   goes to the party: record ID and person ID of its own
                    members of the cohort and of nobody else's; sealed for the party
                    (.links) when its age key is in the file of partners. The party
                    puts it beside its rows with "cohortlink attach --cohort"
  manifest.json     stays at the unit: the condition, the size as released, and who
                    was given what

A cohort whose size may not be released is not given to anybody. One that is chosen by
a need which another party declares is refused, unless that party shares the need in the
project file (share:). Each party learns of its own members that they meet the
condition; how many they are counts as known to it in every later release. In a small
borough, draw the cohorts that are needed before counts are released: what they tell can
then be hidden in the counts, and counts that are out cannot be taken back.
` + whereHelp + exitHelp,
		Example: `  cohortlink cohort linked --project project.yaml --where "parties>=3" -o cohort
  cohortlink cohort linked --project project.yaml --where frailty --party gp-k81001`,
		Args: args(1, 1, "one linked folder"),
		RunE: func(_ *cobra.Command, args []string) error {
			r.app, r.linked = a, args[0]
			return r.run()
		},
	}
	r.flags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&r.to, "party", nil, "a party to give its members to; repeat for each (default: all)")
	f.StringVar(&r.unit.identity, "identity", "", "the unit's identity, which signs what goes to the parties")
	f.StringVar(&r.unit.partners, "partners", "", "the unit's file of partners, for whom their files are sealed")
	f.StringVarP(&r.out, "out", "o", "cohort", "the folder to write")
	return cmd
}

type cohortRun struct {
	release
	to   []string
	out  string
	unit unit
}

// cohortManifest stays at the unit.
type cohortManifest struct {
	Version int           `json:"version"`
	Tool    string        `json:"tool"`
	Project string        `json:"project"`
	Linkage string        `json:"linkage"`
	Where   string        `json:"where"`
	Size    string        `json:"size"`    // as released
	Release int           `json:"release"` // its number in the ledger
	Rule    string        `json:"rule"`
	Given   []cohortGiven `json:"given"`
}

type cohortGiven struct {
	Party   string `json:"party"`
	Members int    `json:"members"` // persons
	Records int    `json:"records"` // of them; more where a party has a person twice
	File    string `json:"file"`
	SHA256  string `json:"sha256"`
}

func (r *cohortRun) run() error {
	if r.where == "" {
		return usagef("say who belongs to the cohort with --where, such as --where \"parties>=3\"")
	}
	rule, err := r.begin()
	if err != nil {
		return err
	}
	if err := r.unit.open(r.app, r.settings, r.project); err != nil {
		return err
	}
	if len(r.to) == 0 {
		r.to = r.order
	}
	for i, name := range r.to {
		if !slices.Contains(r.order, name) || slices.Contains(r.to[:i], name) {
			return usagef("--party %q is not a party of %s, or is named twice", name, r.linked)
		}
	}
	dir, err := formats.CreateDir(r.out, 0)
	if err != nil {
		return err
	}
	defer dir.Abort()
	persons, err := readPersons(r.linked, r.manifest, r.order)
	if err != nil {
		return err
	}
	condition, err := cohort.ParseWhere(r.where, r.order, persons.needs)
	if err != nil {
		return r.misasked(err, persons.needs)
	}
	if err := r.mayBeChosenBy(condition, persons); err != nil {
		return err
	}
	links, err := r.members(condition, persons)
	if err != nil {
		return err
	}
	var given []cohort.Given
	for i, name := range r.to {
		given = append(given, cohort.Given{Party: name, Where: condition.String(), Count: distinct(links[i].Persons)})
	}
	rel, err := r.protect(persons.all, rule, cohort.Options{QuestionsOnly: true, Questions: []cohort.Question{{Where: condition.String()}}, Given: given, Earlier: r.book.Earlier(r.manifest.Linkage())}, len(r.book.Entries))
	if err != nil {
		return err
	}
	size := rel.Answers()[0].All
	if n, ok := size.Value(); !ok || n == 0 {
		return errorf("so few meet the condition that their number may not be released, or would tell another that may not (%s): no cohort was given\nask for a wider cohort", strings.TrimSuffix(rule.Says(), "."))
	}
	m := &cohortManifest{Version: 1, Tool: tool(), Project: r.manifest.Project, Linkage: r.manifest.Linkage(), Where: condition.String(), Size: size.Text(), Rule: rule.Name}
	var files []newFile
	for i, name := range r.to {
		f, err := r.file(name, links[i])
		if err != nil {
			return err
		}
		sum := sha256.Sum256(f.text)
		m.Given = append(m.Given, cohortGiven{name, given[i].Count, len(links[i].Records), f.path, hex.EncodeToString(sum[:])})
		files = append(files, f)
	}
	entry := r.entry(rel)
	entry.Kind = formats.LedgerCohort
	for _, g := range given {
		entry.Given = append(entry.Given, formats.LedgerGiven(g))
	}
	if m.Release, err = r.note(entry); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := encodeJSON(&text, m); err != nil {
		return err
	}
	for _, f := range append(files, newFile{formats.LinkedManifestFile, 0o600, text.Bytes()}) {
		if err := writeInto(dir, f); err != nil {
			return err
		}
	}
	if err := dir.Commit(); err != nil {
		return err
	}
	r.app.ui.sayf("wrote %s: a cohort of %s persons; send each party its file", r.out, size)
	r.app.ui.sayf("it is release %d in %s", m.Release, r.ledger)
	if named, number := condition.Parties(); len(named) > 0 || number {
		r.app.ui.warnf("each party learns of its own members that other parties know them, as the condition says")
	}
	return nil
}

func distinct(ids []formats.PersonID) int {
	seen := map[formats.PersonID]bool{}
	for _, id := range ids {
		seen[id] = true
	}
	return len(seen)
}

func writeInto(dir *formats.OutputDir, f newFile) error {
	o, err := dir.Create(f.path, f.mode)
	if err != nil {
		return err
	}
	defer o.Abort()
	if _, err := io.Copy(o, bytes.NewReader(f.text)); err != nil {
		return err
	}
	return o.Commit()
}

// mayBeChosenBy refuses a cohort that would tell a party what another party
// declared of a person, unless that one shares the need.
func (r *cohortRun) mayBeChosenBy(c *cohort.Condition, persons *linkedPersons) error {
	needs := c.Needs()
	if len(needs) == 0 {
		return nil
	}
	if r.settings == nil {
		return usagef("the condition names a need: name the project file with --project, where parties say which of their needs they share")
	}
	owners := make([]uint64, len(persons.needs)) // need -> parties that say it of somebody
	for _, carries := range persons.carries {
		for _, k := range carries {
			owners[k.Need] |= 1 << k.Party
		}
	}
	for _, n := range needs {
		name := persons.needs[n].Name
		var keep []string
		for i, owner := range r.order {
			others := slices.ContainsFunc(r.to, func(to string) bool { return to != owner })
			if owners[n]>>i&1 == 0 || !others {
				continue
			}
			p, err := r.settings.Party(owner)
			if err != nil {
				return err
			}
			if !slices.Contains(p.Share, name) {
				keep = append(keep, owner)
			}
		}
		switch len(keep) {
		case 0:
		case 1:
			return errorf("party %q declares the need %q and does not share it: a cohort chosen by it would tell other parties who carries it\nhave %s agree with \"share: [%s]\" in the project file, or give the cohort to %s only, with --party", keep[0], name, keep[0], name, keep[0])
		default:
			return errorf("the parties %s declare the need %q and do not share it: a cohort chosen by it would tell other parties who carries it\nhave each of them agree with \"share: [%s]\" in the project file", strings.Join(keep, ", "), name, name)
		}
	}
	return nil
}

// members returns, for each party that is given any, its own records of the cohort.
func (r *cohortRun) members(c *cohort.Condition, persons *linkedPersons) ([]*formats.Links, error) {
	in := make([]bool, len(persons.ids))
	for k := range in {
		in[k] = c.Holds(persons.parties[k], persons.carries[k])
	}
	res := &linkage.Result{Persons: len(persons.ids)}
	for _, rec := range persons.records {
		id, err := formats.ParseRecordID(rec.id)
		if err != nil {
			return nil, errorf("%s holds what link does not write: link again", r.linked)
		}
		res.IDs, res.Person = append(res.IDs, linkage.RecordID(id)), append(res.Person, rec.person)
	}
	secret, err := formats.ReadPersonSecret(r.linked)
	if err != nil {
		return nil, err
	}
	shared := res.PersonIDs(secret, "")
	for k, id := range shared {
		if formats.PersonID(id).String() != persons.ids[k] {
			return nil, errorf("the %s of %s is not what its person IDs were made with: link again", formats.LinkedSecretFile, r.linked)
		}
	}
	var out []*formats.Links
	for _, name := range r.to {
		ids := shared
		if r.manifest.Settings.PersonIDs == "per-party" {
			ids = res.PersonIDs(secret, name)
		}
		party := int32(slices.Index(r.order, name))
		var own []int
		for i, rec := range persons.records {
			if rec.party == party && in[rec.person] {
				own = append(own, i)
			}
		}
		slices.SortFunc(own, func(i, j int) int { return bytes.Compare(res.IDs[i][:], res.IDs[j][:]) })
		l := &formats.Links{}
		for _, i := range own {
			l.Records, l.Persons = append(l.Records, formats.RecordID(res.IDs[i])), append(l.Persons, formats.PersonID(ids[res.Person[i]]))
		}
		out = append(out, l)
	}
	return out, nil
}

// file makes what a party is given, sealed for it when its key is known.
func (r *cohortRun) file(party string, l *formats.Links) (newFile, error) {
	var b bytes.Buffer
	to := r.unit.recipient(party)
	if to == nil {
		err := formats.WriteLinks(&b, l)
		return newFile{party + ".csv", 0o644, b.Bytes()}, err
	}
	i := slices.IndexFunc(r.manifest.Parties, func(p formats.LinkedParty) bool { return p.Name == party })
	answers := formats.FiltersHeader{Project: r.manifest.Project, Party: party, Schema: r.manifest.Schema, Key: r.manifest.Key, Run: r.manifest.Parties[i].Run}
	err := formats.SealLinks(&b, answers, l, to, r.unit.key)
	return newFile{party + ".links", 0o644, b.Bytes()}, err
}
