package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/audit"
	"cohortlink/hashing/norm"
)

// auditAttack runs everything that needs an extract.
type auditAttack struct {
	app           *app
	key           *hashing.Key
	normalise     []norm.Options
	sample        *recordSample
	people, seeds int
}

// all attacks each filter that the schema asks for, and fills in what was found.
func (t *auditAttack) all(ctx context.Context, schema hashing.Schema, exact []string, found *audited) error {
	encodings := filtersApart(schema)
	others := comparisons(schema)
	sent, err := t.hash(encodings)
	if err != nil {
		return err
	}
	if found.Alone, err = audit.LookAlone(sent, exact); err != nil {
		return err
	}
	found.Attacked = min(t.people, len(t.sample.records))
	var verdicts []audit.Verdict
	m := t.app.ui.meter("attack", "steps")
	var done, steps uint64
	for _, a := range audit.Attacks() {
		steps += effort(a) * uint64(len(encodings)*(t.seeds+1))
	}
	step := func(a audit.Attack) { done += effort(a); m.set(done, steps) }
	m.set(0, steps) // the time that is left is reckoned from here, not from the end of the first attack
	for i := range encodings {
		e := &encodings[i]
		v, err := t.attack(ctx, e, plainOf(others, e), step)
		if err != nil {
			m.done()
			return err
		}
		found.Attacks = append(found.Attacks, auditFilter{e.layout.Name, e.layout.Encoding, v})
		verdicts = append(verdicts, v...)
	}
	m.done()
	if err := t.risks(ctx, &encodings[0], found); err != nil {
		return err
	}
	if found.Costs, err = t.costs(ctx, encodings, others); err != nil {
		return err
	}
	found.Grade = audit.Overall(found.Alone.Findings, verdicts)
	found.Verdict = audit.Sentence(found.Grade)
	return nil
}

// effort is how long an attack takes, in times of the shortest, for the time that is left:
// of 1,000 people of an invented council, graph took 8 to 17 s of processor time and no other
// more than 1.4.
func effort(a audit.Attack) uint64 {
	if a.Name == audit.Graph {
		return 30
	}
	return 1
}

// hash makes the filters that are looked at alone.
func (t *auditAttack) hash(encodings []oneFilter) ([]audit.Sent, error) {
	var out []audit.Sent
	records := t.sample.values()
	for i := range encodings {
		e := &encodings[i]
		f, err := e.encode(own(t.normalise, e.fields))(t.key, ownOf(records, e.fields))
		if err != nil {
			return nil, err
		}
		s := audit.Sent{Name: e.layout.Name, Encoding: e.layout.Encoding, Household: e.layout.Role == formats.RoleHousehold, Filters: f}
		for _, field := range e.fieldsOf() {
			s.Fields = append(s.Fields, field.Name)
		}
		out = append(out, s)
	}
	return out, nil
}

// attack runs all attacks on one filter, with each seed on other people, and once on
// plain filters of the people of the first seed.
func (t *auditAttack) attack(ctx context.Context, e, plain *oneFilter, step func(audit.Attack)) ([]audit.Verdict, error) {
	attacks := audit.Attacks()
	outcomes := make([][]audit.Outcome, len(attacks))
	baseline := make([][]audit.Outcome, len(attacks))
	for seed := range uint64(t.seeds) {
		target, err := t.target(e, seed)
		if err != nil {
			return nil, err
		}
		if err := runAttacks(ctx, attacks, target, seed, outcomes, step); err != nil {
			return nil, err
		}
	}
	target, err := t.target(plain, 0)
	if err != nil {
		return nil, err
	}
	if err := runAttacks(ctx, attacks, target, 0, baseline, step); err != nil {
		return nil, err
	}
	var out []audit.Verdict
	for i, a := range attacks {
		out = append(out, audit.Judge(a, outcomes[i], baseline[i]))
	}
	return out, nil
}

func (t *auditAttack) target(e *oneFilter, seed uint64) (*audit.Target, error) {
	normalise := own(t.normalise, e.fields)
	return audit.NewTarget(e.fieldsOf(), normalise, ownOf(t.sample.people(t.people, seed), e.fields), t.key, e.encode(normalise), seed)
}

// suspicionAnchors is how many known people the probability of suspicion is told for: as many
// as the strongest of the anchor attacks is given.
const suspicionAnchors = 200

// risks says how unique people's values are, and how few people fit a filter.
func (t *auditAttack) risks(ctx context.Context, e *oneFilter, found *audited) error {
	target, err := t.target(e, 0)
	if err != nil {
		return err
	}
	found.Unique = audit.Unique(target)
	if differ(target.Values) < audit.FewestRecords+suspicionAnchors {
		return nil
	}
	risk, err := audit.Suspicion(ctx, target, suspicionAnchors, 1, 0)
	if err != nil {
		return err
	}
	found.Suspicion = &risk
	return nil
}

// runAttacks adds the outcome of each attack to outcomes. Too few records that differ
// leave it without one, which is graded as unknown.
func runAttacks(ctx context.Context, attacks []audit.Attack, target *audit.Target, seed uint64, outcomes [][]audit.Outcome, step func(audit.Attack)) error {
	if differ(target.Values) < audit.FewestRecords {
		return nil // one person a thousand times is one person
	}
	for i, a := range attacks {
		o, err := audit.Run(ctx, target, a, seed)
		step(a)
		switch {
		case errors.Is(err, audit.ErrTooFew):
			continue
		case err != nil:
			return err
		}
		outcomes[i] = append(outcomes[i], o)
	}
	return nil
}

// differ is how many records differ.
func differ(records [][]string) int {
	seen := map[string]bool{}
	for _, values := range records {
		seen[strings.Join(values, "\x00")] = true
	}
	return len(seen)
}

// auditCosts is what each encoding is worth in links on this extract.
type auditCosts struct {
	People   int         `json:"people"` // in each of the two files that are linked
	Both     int         `json:"both"`   // in both
	Settings []string    `json:"settings"`
	Lines    []auditCost `json:"encodings"`
}

type auditCost struct {
	Name     string       `json:"name"`
	Encoding string       `json:"encoding"`
	Bits     int          `json:"bits"`
	This     bool         `json:"this"`  // the project's own
	Costs    []audit.Cost `json:"costs"` // for each setting
}

// Linking is measured on up to so many records: 25 million comparisons for an encoding.
const costRecords = 7500

// fewestCost is the fewest people in both files of which F1 is told.
const fewestCost = 100

// costs links records of the extract to others of it and to spoilt copies, under each
// encoding.
func (t *auditAttack) costs(ctx context.Context, encodings, others []oneFilter) (*auditCosts, error) {
	records := t.sample.people(costRecords, 0)
	third := len(records) / 3
	own, err := canonical(encodings, t.normalise, records)
	if err != nil {
		return nil, err
	}
	if third < fewestCost || differ(own) < fewestCost {
		return nil, nil
	}
	out := &auditCosts{People: 2 * third, Both: third}
	m := t.app.ui.meter("link", "encodings")
	defer m.done()
	all := append([]oneFilter(nil), others...)
	if len(encodings) == 1 {
		all = append(all, encodings[0])
	}
	type made struct { // what decides how well it links, whatever it is called
		encoding string
		bits     int
	}
	seen := map[made]int{}
	for i := range all {
		e := &all[i]
		this := i >= len(others)
		how := made{e.layout.Encoding, e.layout.Bits}
		if at, again := seen[how]; again {
			out.Lines[at].This = out.Lines[at].This || this
			continue
		}
		seen[how] = len(out.Lines)
		line := auditCost{Name: e.name, Encoding: e.layout.Encoding, Bits: e.layout.Bits, This: this}
		for s := range errorSettings {
			c, err := t.cost(ctx, e, &errorSettings[s], own, third)
			if err != nil {
				return nil, err
			}
			line.Costs = append(line.Costs, c)
		}
		out.Lines = append(out.Lines, line)
		m.set(uint64(i+1), uint64(len(all)))
	}
	for i := range errorSettings {
		out.Settings = append(out.Settings, errorSettings[i].Words)
	}
	return out, nil
}

// cost links the first two thirds of records to spoilt copies of the last two: the middle
// third is in both.
func (t *auditAttack) cost(ctx context.Context, e *oneFilter, s *errorSetting, records [][]string, third int) (audit.Cost, error) {
	r := rand.New(rand.NewPCG(11, 0xc057))
	fields := e.fieldsOf()
	records = ownOf(records, e.fields)
	var spoilt [][]string
	truth := make([]int, 2*third)
	for i := range truth {
		truth[i] = -1
		if i < third {
			truth[i] = third + i
		}
		spoilt = append(spoilt, s.spoil(r, fields, records[third+i], records))
	}
	encode := e.encode(canonicalOptions(fields))
	x, err := encode(t.key, records[:2*third])
	if err != nil {
		return audit.Cost{}, err
	}
	y, err := encode(t.key, spoilt)
	if err != nil {
		return audit.Cost{}, err
	}
	return audit.Link(ctx, x, y, truth)
}

// canonical normalises records as their party's options say; canonicalOptions read what
// comes out.
func canonical(encodings []oneFilter, normalise []norm.Options, records [][]string) ([][]string, error) {
	out := make([][]string, len(records))
	for i, r := range records {
		out[i] = make([]string, len(r))
	}
	for i := range encodings {
		for k, f := range encodings[i].fieldsOf() {
			at := encodings[i].fields[k]
			n, err := norm.New(f.Kind, normalise[at])
			if err != nil {
				return nil, err
			}
			for j, r := range records {
				out[j][at], _ = n.Value(r[at])
			}
		}
	}
	return out, nil
}

func canonicalOptions(fields []hashing.Field) []norm.Options {
	out := make([]norm.Options, len(fields))
	for i, f := range fields {
		if f.Kind == norm.Date {
			out[i].Dates = "YYYYMMDD"
		}
	}
	return out
}

// plainOf is the plain Bloom filter over the fields of an encoding.
func plainOf(others []oneFilter, e *oneFilter) *oneFilter {
	plain := others[0]
	if len(e.fields) == len(plain.fields) {
		return &plain
	}
	plain.fields = e.fields
	plain.schema.Fields = e.schema.Fields
	return &plain
}
