package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/hashing"
)

func newHash(a *app) *cobra.Command {
	var h hashRun
	var memory int
	cmd := &cobra.Command{
		Use:   "hash EXTRACT",
		Short: "Hash your extract: what leaves is filters, what stays is the map",
		Long: `Reads your extract (CSV, Parquet or Arrow) and writes, into the folder given with
-o or the current one:

  PARTY.filters        for the linkage unit: a filter per record under a random
                       record ID, and the needs that the project asks for; sealed
                       for the unit that the project names, and signed by you
  PARTY.map.csv        stays with you: which row got which record ID
  PARTY.receipt.json   stays with you: what was hashed, for "cohortlink attach"
  PARTY.noise          stays with you: from what the noise of your records is drawn,
                       where a later extract is to keep their IDs (--record-key)
                       and the project's encoding has noise
  PARTY.set-aside.csv  stays with you: rows that could not be used, and why
                       (only if there are any)

Rows that cannot be used are set aside by row number; the others go on (exit 3).
Keep the extract as it is until the links are back: attach refuses any other.
` + exitHelp,
		Example: `  cohortlink hash extract.csv --project project.yaml --party gp-k81001 --key project.key --identity gp-k81001.identity`,
		Args:    args(1, 1, "one extract"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if memory < 1 {
				return usagef("--memory is a number of MiB from 1")
			}
			h.app, h.extract, h.random, h.memory = a, args[0], rand.Reader, int64(memory)<<20
			_, err := h.run(cmd.Context())
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&h.project, "project", "project.yaml", "the project file")
	f.StringVar(&h.party, "party", "", "which party you are")
	f.StringVar(&h.key, "key", "project.key", "the project key")
	f.StringVar(&h.identity, "identity", "", "your identity, which signs: made with \"cohortlink key new --signing\"")
	f.StringVar(&h.columns, "columns", "", "a file with your own column names, in place of those in the project file")
	f.StringVarP(&h.out, "out", "o", ".", "the folder to write to, made if it is not there")
	f.StringVar(&h.recordKey, "record-key", "", "a column with your own record number: a later extract can then keep its record IDs")
	f.StringVar(&h.oldMap, "map", "", "an earlier PARTY.map.csv made with --record-key, whose record IDs are kept, and with PARTY.noise beside it their noise")
	f.StringVar(&h.optOut, "opt-out", "", "a file of NHS numbers, one a line: these people are left out")
	f.StringVar(&h.eligible, "eligible", "", "a file of NHS numbers, one a line: everyone else is left out, as the opt-out service returns them")
	f.IntVar(&memory, "memory", defaultMemory>>20, "how many MiB of filters to keep in memory; more are kept on disk, encrypted, until they are written")
	f.StringVar(&h.acceptWeak, "accept-weak", "", "why you accept a weak choice that the project makes; the reason goes into the filters file")
	f.BoolVar(&h.json, "json", false, "print what was done as JSON")
	return cmd
}

// hashRun is one run of hash.
type hashRun struct {
	app                          *app
	extract, project, party, key string
	identity                     string
	columns, out                 string
	recordKey, oldMap            string
	optOut, eligible             string
	acceptWeak                   string
	json                         bool
	random                       io.Reader // of record IDs and the run's ID
	workers                      int
	memory                       int64 // bytes of filters; 0 for defaultMemory
}

// hashSummary is what hash prints with --json.
type hashSummary struct {
	Party    string         `json:"party"`
	Rows     int            `json:"rows"`
	Records  int            `json:"records"`
	SetAside int            `json:"set_aside"`
	LeftOut  string         `json:"left_out,omitempty"` // by opt-out; protected
	Reasons  map[string]int `json:"reasons,omitempty"`  // of rows set aside
	Lacks    []string       `json:"fields_lacking,omitempty"`
	Weak     []string       `json:"weak,omitempty"` // choices accepted, each with the reason
	Schema   string         `json:"schema"`
	Key      string         `json:"key"`
	Sealed   bool           `json:"sealed"`
	Files    []string       `json:"files"`
}

func (h *hashRun) run(ctx context.Context) (*hashSummary, error) {
	ui := h.app.ui
	p, err := formats.ReadProject(h.project)
	if err != nil {
		return nil, err
	}
	party, err := h.findParty(p)
	if err != nil {
		return nil, err
	}
	key, err := h.app.readKey(h.key)
	if err != nil {
		return nil, err
	}
	e, err := encodingOf(p, h.project)
	if err != nil {
		return nil, err
	}
	weak, err := h.acceptedWeak(e.weak)
	if err != nil {
		return nil, err
	}
	to, by, err := h.seal(p, party.Name)
	if err != nil {
		return nil, err
	}
	old, err := h.readEarlier(e, party.Name)
	if err != nil {
		return nil, err
	}
	encoder, err := h.encoder(e, p, party, key, old.noise)
	if err != nil {
		return nil, err
	}
	out, err := h.openOutputs(party.Name, old)
	if err != nil {
		return nil, err
	}
	defer out.abort()

	x, err := formats.OpenExtract(h.extract, extractOptions(party))
	if err != nil {
		return nil, err
	}
	defer x.Close()
	cols, err := encoder.columns(x.Header())
	if err != nil {
		return nil, err
	}
	local := -1
	if h.recordKey != "" {
		if local = slices.Index(x.Header(), h.recordKey); local < 0 {
			return nil, errorf("%s: there is no column %q for --record-key%s", h.extract, h.recordKey, nearest(h.recordKey, x.Header()))
		}
	}
	for _, f := range cols.lacks {
		what := "its records"
		if p.ForHouseholds(f) {
			what = "the households of its records"
		}
		ui.warnf("%s has no column for field %q: %s can only be found by the others", h.extract, f, what)
	}
	left, err := h.readLists(p, cols)
	if err != nil {
		return nil, err
	}

	needs := newNeedCoder(p.Needs, cols.needs)
	kept := &spill{dir: h.out, limit: h.memory}
	if kept.limit == 0 {
		kept.limit = defaultMemory
	}
	defer kept.close()
	batches, aside, err := h.hashRows(ctx, x, cols, local, encoder, left, needs, old, kept)
	if err != nil {
		return nil, err
	}

	if err := h.checkRead(p, batches); err != nil {
		return nil, err
	}
	h.warnShared(batches, e.exact, len(e.exact)-len(e.homes))
	// From here on everything is counted, and nothing can be set aside any more.
	s := &hashSummary{Party: party.Name, Lacks: cols.lacks, Reasons: map[string]int{}, Schema: e.schema, Rows: x.Row(), Sealed: to != nil}
	for _, b := range batches {
		for i, ok := range b.ok {
			if ok {
				s.Records++
			} else if b.why[i] != "" {
				aside = append(aside, rowReason{b.rows[i], b.why[i]})
			}
		}
	}
	slices.SortFunc(aside, func(a, b rowReason) int { return a.row - b.row })
	for _, r := range aside {
		s.Reasons[r.reason]++
	}
	s.SetAside = len(aside)
	if left != nil {
		s.LeftOut = left.protected()
		if left.unknown > 0 && !left.eligible {
			ui.warnf("%s rows have no valid NHS number, so nobody could look whether these people opted out: they stay in", protectedRows(left.unknown))
		}
	}
	if s.Records == 0 {
		return nil, errorf("%s: none of its %s can be used: nothing was written\n%s", h.extract, plural(s.Rows, "row"), reasonsText(s.Reasons))
	}

	if err := h.checkLocal(batches); err != nil {
		return nil, err
	}
	var run [16]byte
	if _, err := io.ReadFull(h.random, run[:]); err != nil {
		return nil, errorf("draw a run ID: %w", err)
	}
	fingerprint := key.Fingerprint()
	s.Key = hashing.SpokenFingerprint(fingerprint)
	header := formats.FiltersHeader{Project: p.Name, Party: party.Name, Schema: s.Schema, Key: hex.EncodeToString(fingerprint[:]), Run: hex.EncodeToString(run[:]), Seal: "none"}
	today := time.Now().UTC().Format(time.DateOnly)
	manifest := formats.FiltersManifest{
		Records: s.Records, SetAside: s.SetAside, LeftOut: s.LeftOut, Deduplicated: party.Deduplicated,
		Filters: e.filters, Exact: e.exact, HouseholdExact: e.homes, Needs: needs.layouts(), Created: today, Tool: tool(),
	}
	sent, err := sentOfBatches(batches, manifest.Filters, encoder.words, kept.row)
	if err != nil {
		return nil, err
	}
	accepted, err := h.app.checkFilters(sent, h.acceptWeak)
	if err != nil {
		return nil, err
	}
	if manifest.Weak = append(weak, accepted...); len(manifest.Weak) == 0 && h.acceptWeak != "" {
		ui.warnf("nothing weak was chosen or found: --accept-weak is not needed")
	}
	s.Weak = manifest.Weak
	var fw *formats.FiltersWriter
	if to != nil {
		fw, err = formats.NewSealedFiltersWriter(out.filters, header, manifest, to, by)
	} else {
		fw, err = formats.NewFiltersWriter(out.filters, header, manifest)
	}
	if err != nil {
		return nil, err
	}
	digest, err := writeFilters(fw, manifest, batches, kept)
	if err != nil {
		return nil, err
	}
	mapDigest, err := formats.WriteMap(out.rowMap, mapOf(batches, local >= 0))
	if err != nil {
		return nil, err
	}
	extractDigest := x.Digest()
	receipt := formats.Receipt{
		Version: 1, Project: p.Name, Party: party.Name, Schema: header.Schema, Key: header.Key, Run: header.Run,
		Extract: formats.ReceiptExtract{SHA256: hex.EncodeToString(extractDigest[:]), Rows: s.Rows},
		Records: s.Records, SetAside: s.SetAside, RecordKey: h.recordKey,
		Map: hex.EncodeToString(mapDigest[:]), Filters: hex.EncodeToString(digest[:]), Created: today, Tool: tool(),
	}
	if err := formats.WriteReceipt(out.receipt, receipt); err != nil {
		return nil, err
	}
	if s.Files, err = out.commit(aside, old); err != nil {
		return nil, err
	}
	return s, h.tell(s, aside, party)
}

// seal returns for whom the filters are sealed and who signs them; both nil when the
// project names no unit.
func (h *hashRun) seal(p *formats.Project, party string) (*formats.Recipient, *formats.Identity, error) {
	to, err := unitRecipient(p, h.project)
	switch {
	case err != nil:
		return nil, nil, err
	case to == nil && h.identity != "":
		return nil, nil, errorf("%s names no unit to seal the filters for, so that there is nothing to sign\nask the unit for the project file that it wrote with \"cohortlink project new\", or leave out --identity", h.project)
	case to == nil:
		return nil, nil, nil
	case h.identity == "":
		return nil, nil, usagef("the project seals filters: name your identity, which signs them, with --identity\ncohortlink key new --signing --party %s -o %s.identity", party, party)
	}
	by, err := h.app.readIdentity(h.identity)
	if err == nil && by.Party() != "" && by.Party() != party {
		return nil, nil, errorf("%s is the identity of party %q, and the extract is hashed for party %q: the unit would refuse what it signs\nname the identity of %s with --identity, or correct --party", h.identity, by.Party(), party, party)
	}
	return to, by, err
}

func (h *hashRun) findParty(p *formats.Project) (*formats.ProjectParty, error) {
	if h.party == "" {
		var names []string
		for _, q := range p.Parties {
			names = append(names, q.Name)
		}
		return nil, usagef("say which party you are with --party: %s", strings.Join(names, ", "))
	}
	party, err := p.Party(h.party)
	if err != nil {
		return nil, usageError{err}
	}
	if h.columns != "" {
		own, err := p.ReadColumns(h.columns, h.party)
		if err != nil {
			return nil, err
		}
		party = &own
	}
	return party, nil
}

// rowReason is a row that was set aside.
type rowReason struct {
	row    int
	reason string
}

func reasonsText(reasons map[string]int) string {
	var parts []string
	for r, n := range reasons {
		parts = append(parts, fmt.Sprintf("%s: %s", plural(n, "row"), r))
	}
	slices.Sort(parts)
	return strings.Join(parts, "\n")
}

func (h *hashRun) tell(s *hashSummary, aside []rowReason, party *formats.ProjectParty) error {
	ui := h.app.ui
	if h.json {
		if err := ui.resultJSON(s); err != nil {
			return err
		}
	}
	if !s.Sealed {
		ui.warnf("%s names no unit: %s was written unsealed and unsigned, for anyone who gets hold of it", h.project, s.Files[0])
	}
	for _, w := range s.Weak {
		ui.warnf("weak, and accepted: %s", w)
	}
	ui.sayf("hashed %s of %s for party %q", plural(s.Records, "record"), h.extract, s.Party)
	if s.LeftOut != "" {
		list := "opted out"
		if h.eligible != "" {
			list = "not listed as eligible"
		}
		ui.sayf("left out, %s: %s", list, s.LeftOut)
	}
	ui.sayf("send %s to the linkage unit; keep the other files and the extract as it is", s.Files[0])
	if len(aside) == 0 {
		return nil
	}
	const shown = 5
	var rows []string
	for _, r := range aside[:min(shown, len(aside))] {
		rows = append(rows, fmt.Sprintf("row %d: %s", r.row, r.reason))
	}
	more := ""
	if len(aside) > shown {
		more = fmt.Sprintf("\nand %s more", thousands(len(aside)-shown))
	}
	if text := encodingOfAside(h.extract, party, aside); text != "" {
		more += fmt.Sprintf("\nthe extract seems to be in %s: declare text: %s for the party in the project file, and hash again", text, text)
	}
	return setAsideError{fmt.Sprintf("%s set aside, listed in %s\n%s%s", plural(len(aside), "row"), s.Files[len(s.Files)-1], strings.Join(rows, "\n"), more)}
}

// encodingOfAside is the text encoding in which rows can be read that were set aside for
// not being UTF-8; "" where there are none, or that is not certain.
func encodingOfAside(extract string, party *formats.ProjectParty, aside []rowReason) string {
	var broken []int
	for _, r := range aside {
		if strings.Contains(r.reason, notUTF8) && len(broken) < maxBroken {
			broken = append(broken, r.row)
		}
	}
	if broken == nil {
		return ""
	}
	slices.Sort(broken)
	return betterEncoding(extract, party, broken, nil)
}
