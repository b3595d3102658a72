package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/norm"
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
	f.StringVarP(&h.out, "out", "o", ".", "the folder to write to")
	f.StringVar(&h.recordKey, "record-key", "", "a column with your own record number: a later extract can then keep its record IDs")
	f.StringVar(&h.oldMap, "map", "", "an earlier PARTY.map.csv made with --record-key, whose record IDs are kept")
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

// batchRows is how many rows a worker takes at a time.
const batchRows = 1024

// batch is a run of rows on its way through a worker. Its place among the batches
// is fixed when it is read, so that the outcome does not depend on the workers.
type batch struct {
	rows   []int      // row numbers
	values [][]string // of each row, for each field; nil once hashed
	local  []string
	bits   []uint64           // nil where they are spilled
	exact  []formats.ExactKey // of each row, those of the project
	ok     []bool
	codes  []uint16 // needs of each row
	why    []string // of rows not ok
	unread []int    // for each field: values that are there but could not be read as declared
	given  []int    // for each field: values that are there

	spilled int64 // where in the spill file
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
	schema, err := schemaOf(p)
	if err != nil {
		return nil, errorf("%s: %w", h.project, err)
	}
	hasher, err := hashing.NewHasher(schema, key, normaliseOptions(p, party))
	if err != nil {
		return nil, errorf("%s: %w", h.key, err)
	}
	weak, err := h.acceptedWeak(&schema)
	if err != nil {
		return nil, err
	}
	if h.oldMap != "" && slices.ContainsFunc(schema.Filters, func(f hashing.Filter) bool { return f.Noise > 0 }) {
		ui.warnf("noise is drawn anew although record IDs are kept: see that the unit destroys the earlier %s.filters, or it can average the noise away", party.Name)
	}
	to, by, err := h.seal(p, party.Name)
	if err != nil {
		return nil, err
	}
	old, err := h.readOldMap()
	if err != nil {
		return nil, err
	}
	out, err := h.openOutputs(party.Name)
	if err != nil {
		return nil, err
	}
	defer out.abort()

	x, err := formats.OpenExtract(h.extract, extractOptions(party))
	if err != nil {
		return nil, err
	}
	defer x.Close()
	cols, err := mapColumns(h.extract, x.Header(), p, party)
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
		ui.warnf("%s has no column for field %q: its records can only be found by the others", h.extract, f)
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
	batches, aside, err := h.hashRows(ctx, x, cols, local, hasher, left, needs, kept)
	if err != nil {
		return nil, err
	}

	if err := h.checkRead(p, batches); err != nil {
		return nil, err
	}
	h.warnShared(batches, schema.Exact)
	// From here on everything is counted, and nothing can be set aside any more.
	s := &hashSummary{Party: party.Name, Lacks: cols.lacks, Reasons: map[string]int{}, Schema: schema.Fingerprint(), Rows: x.Row(), Sealed: to != nil, Weak: weak}
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

	ids, err := h.drawIDs(batches, old)
	if err != nil {
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
		Filters: layoutsOf(&schema), Exact: schema.Exact, Needs: needs.layouts(), Weak: weak, Created: today, Tool: tool(),
	}
	var fw *formats.FiltersWriter
	if to != nil {
		fw, err = formats.NewSealedFiltersWriter(out.filters, header, manifest, to, by)
	} else {
		fw, err = formats.NewFiltersWriter(out.filters, header, manifest)
	}
	if err != nil {
		return nil, err
	}
	digest, err := writeFilters(fw, manifest, batches, ids, kept)
	if err != nil {
		return nil, err
	}
	mapDigest, err := formats.WriteMap(out.rowMap, mapOf(batches, ids, local >= 0))
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
	if s.Files, err = out.commit(aside); err != nil {
		return nil, err
	}
	return s, h.tell(s, aside)
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
		return nil, err
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

func (h *hashRun) readOldMap() (map[string]formats.RecordID, error) {
	if h.oldMap == "" {
		return nil, nil
	}
	if h.recordKey == "" {
		return nil, usagef("--map keeps record IDs by your own record numbers: name their column with --record-key")
	}
	m, err := formats.ReadMap(h.oldMap)
	if err != nil {
		return nil, err
	}
	if m.LocalIDs == nil {
		return nil, errorf("%s was made without --record-key: it does not say whose record IDs these are", h.oldMap)
	}
	return m.ByLocalID(), nil
}

// hashRows reads every row, and hashes on all cores. Rows that the reader itself
// refused come back beside the batches.
func (h *hashRun) hashRows(ctx context.Context, x *formats.Extract, cols *columnMap, local int, hasher *hashing.Hasher, left *leaveOut, needs *needCoder, kept *spill) ([]*batch, []rowReason, error) {
	workers := h.workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	work := make(chan *batch, 2*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			w := hasher.Worker()
			for b := range work {
				b.hash(w, hasher.Words())
				kept.keep(b, hasher.Words())
			}
		})
	}
	m := h.app.ui.meter("hash "+filepath.Base(h.extract), "bytes")
	defer m.done()

	var batches []*batch
	var aside []rowReason
	err := func() error {
		defer close(work)
		b := &batch{}
		flush := func() {
			if len(b.rows) > 0 {
				batches = append(batches, b)
				work <- b
				b = &batch{}
			}
		}
		for {
			row, err := x.Next()
			var bad *formats.RowError
			switch {
			case err == io.EOF:
				flush()
				return nil
			case errors.As(err, &bad):
				aside = append(aside, rowReason{bad.Row, bad.Reason})
				continue
			case err != nil:
				return err
			}
			if err := cmp.Or(ctx.Err(), kept.failed()); err != nil {
				return err
			}
			values := make([]string, len(cols.fields))
			for i, c := range cols.fields {
				values[i] = join(row, c)
			}
			if left != nil && left.out(values) {
				continue
			}
			var codes []uint16
			var why string
			for i, c := range needs.columns {
				code, err := needs.code(i, join(row, c))
				if err != nil {
					why = err.Error()
				}
				codes = append(codes, code)
			}
			b.rows = append(b.rows, x.Row())
			b.values = append(b.values, values)
			b.codes = append(b.codes, codes...)
			b.why = append(b.why, why)
			if local >= 0 {
				b.local = append(b.local, row[local])
			}
			if len(b.rows) == batchRows {
				flush()
				m.set(uint64(x.BytesRead()), uint64(max(x.TotalBytes(), x.BytesRead())))
			}
		}
	}()
	wg.Wait()
	return batches, aside, cmp.Or(err, kept.failed())
}

func (b *batch) hash(w *hashing.Worker, words int) {
	b.bits = make([]uint64, len(b.rows)*words)
	b.ok = make([]bool, len(b.rows))
	for i, values := range b.values {
		if b.why[i] != "" {
			continue
		}
		outcome := w.Hash(values, b.bits[i*words:][:words])
		if n := len(outcome.Exact); n > 0 {
			if b.exact == nil {
				b.exact = make([]formats.ExactKey, n*len(b.rows))
			}
			for e, key := range outcome.Exact {
				b.exact[n*i+e] = key
			}
		}
		if b.unread == nil {
			b.unread, b.given = make([]int, len(values)), make([]int, len(values))
		}
		for f, p := range outcome.Problems {
			if p != norm.Empty && p != norm.Placeholder {
				b.given[f]++
			}
			if misread(p) {
				b.unread[f]++
			}
		}
		if outcome.Unusable {
			b.why[i] = "too few usable values to be found by"
			continue
		}
		b.ok[i] = true
	}
	b.values = nil
}

// misread reports problems that a whole column has when it is not what the project
// says: another date form, a column that slipped, a spreadsheet's damage.
func misread(p norm.Problem) bool {
	switch p {
	case norm.Invalid, norm.ImpossibleDate, norm.PartialDate, norm.OtherForm, norm.AmbiguousDate, norm.TwoDigitYear,
		norm.SerialDate, norm.Scientific, norm.LostZero, norm.PartialPostcode, norm.CheckDigit:
		return true
	}
	return false
}

// Of a column's values, the share that cannot be read as declared at which hash
// warns, and at which it refuses: no real column is as bad as that by errors alone
// (in scanned forms 15 % of days and 13 % of months are wrong, most of them dates all
// the same).
const (
	warnUnread   = 0.05
	refuseUnread = 0.5
	fewestUnread = 20 // values; of fewer nothing is concluded
)

// checkRead looks whether each column is what the project says it is.
func (h *hashRun) checkRead(p *formats.Project, batches []*batch) error {
	for i, f := range p.Fields {
		if norm.Kind(f.Kind) == norm.Phone {
			continue // numbers of other countries and lost zeros are kept as they are written
		}
		var unread, given int
		for _, b := range batches {
			if b.unread != nil {
				unread, given = unread+b.unread[i], given+b.given[i]
			}
		}
		if given < fewestUnread || float64(unread) < warnUnread*float64(given) {
			continue
		}
		hint := fmt.Sprintf("cohortlink check %s --project %s --party %s", h.extract, h.project, h.party)
		if float64(unread) >= refuseUnread*float64(given) {
			return errorf("%s: field %q: %d %% of its values are not what the project says they are: nothing was written\nsee what they are, and mend the column or the date form: %s", h.extract, f.Name, 100*unread/given, hint)
		}
		h.app.ui.warnf("%s: field %q: %d %% of its values are not quite what the project says they are; see \"%s\"", h.extract, f.Name, 100*unread/given, hint)
	}
	return nil
}

// drawIDs gives each usable record a random ID, or the one that its local ID had.
func (h *hashRun) drawIDs(batches []*batch, old map[string]formats.RecordID) ([][]formats.RecordID, error) {
	seen := map[string]int{}
	out := make([][]formats.RecordID, len(batches))
	for i, b := range batches {
		out[i] = make([]formats.RecordID, len(b.rows))
		for j := range b.rows {
			if !b.ok[j] {
				continue
			}
			if b.local != nil && b.local[j] != "" {
				if first, again := seen[b.local[j]]; again {
					return nil, errorf("%s: rows %d and %d have the same value in column %q, so it is no record number\nchoose another --record-key, or leave it out", h.extract, first, b.rows[j], h.recordKey)
				}
				seen[b.local[j]] = b.rows[j]
				if id, ok := old[b.local[j]]; ok {
					out[i][j] = id
					continue
				}
			}
			if _, err := io.ReadFull(h.random, out[i][j][:]); err != nil {
				return nil, errorf("draw record IDs: %w", err)
			}
		}
	}
	return out, nil
}

// writeFilters writes the records in the order of their random IDs, so that their
// order tells nothing about the extract's.
func writeFilters(fw *formats.FiltersWriter, manifest formats.FiltersManifest, batches []*batch, ids [][]formats.RecordID, kept *spill) ([32]byte, error) {
	type place struct{ batch, row int32 }
	order := make([]place, 0, manifest.Records)
	for i, b := range batches {
		for j, ok := range b.ok {
			if ok {
				order = append(order, place{int32(i), int32(j)})
			}
		}
	}
	slices.SortFunc(order, func(a, b place) int {
		return slices.Compare(ids[a.batch][a.row][:], ids[b.batch][b.row][:])
	})
	words := make([]int, len(manifest.Filters))
	all := 0
	for f, l := range manifest.Filters {
		words[f] = l.Bits / 64
		all += words[f]
	}
	needs, exact := len(manifest.Needs), len(manifest.Exact)
	row, read := formats.FiltersRow{Bits: make([][]uint64, len(words))}, make([]uint64, all)
	for _, at := range order {
		b, j := batches[at.batch], int(at.row)
		row.ID, row.Needs = ids[at.batch][j], b.codes[j*needs:][:needs]
		bits, err := kept.row(b, j, read)
		if err != nil {
			return [32]byte{}, err
		}
		for f, n := range words {
			row.Bits[f], bits = bits[:n], bits[n:]
		}
		if exact > 0 {
			row.Exact = b.exact[j*exact:][:exact]
		}
		if err := fw.Write(row); err != nil {
			return [32]byte{}, err
		}
	}
	return fw.Close()
}

func mapOf(batches []*batch, ids [][]formats.RecordID, local bool) *formats.Map {
	m := &formats.Map{}
	for i, b := range batches {
		for j, ok := range b.ok {
			if !ok {
				continue
			}
			m.Rows = append(m.Rows, b.rows[j])
			m.IDs = append(m.IDs, ids[i][j])
			if local {
				m.LocalIDs = append(m.LocalIDs, b.local[j])
			}
		}
	}
	return m
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

func (h *hashRun) tell(s *hashSummary, aside []rowReason) error {
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
		more = fmt.Sprintf("\nand %d more", len(aside)-shown)
	}
	return setAsideError{fmt.Sprintf("%s set aside, listed in %s\n%s%s", plural(len(aside), "row"), s.Files[len(s.Files)-1], strings.Join(rows, "\n"), more)}
}

// hashOutputs are the files of one run, which appear together or not at all.
type hashOutputs struct {
	dir, party               string
	filters, rowMap, receipt *formats.Output
	setAside                 *formats.Output // given up where no row is
}

func (h *hashRun) openOutputs(party string) (*hashOutputs, error) {
	o := &hashOutputs{dir: h.out, party: party}
	inputs := []string{h.extract, h.project, h.key, h.oldMap, h.optOut, h.eligible}
	inputs = slices.DeleteFunc(inputs, func(s string) bool { return s == "" })
	var err error
	open := func(suffix string, mode uint32) *formats.Output {
		if err != nil {
			return nil
		}
		var f *formats.Output
		f, err = formats.Create(filepath.Join(h.out, party+suffix), formats.CreateOptions{Mode: fsMode(mode), Inputs: inputs})
		return f
	}
	o.filters = open(".filters", 0o644)
	o.rowMap = open(".map.csv", 0o600)
	o.receipt = open(".receipt.json", 0o600)
	o.setAside = open(".set-aside.csv", 0o600)
	if err != nil {
		o.abort()
		return nil, err
	}
	return o, nil
}

func (o *hashOutputs) abort() {
	for _, f := range []*formats.Output{o.filters, o.rowMap, o.receipt, o.setAside} {
		if f != nil {
			f.Abort()
		}
	}
}

// commit puts the files in their places: what stays with the partner first, and
// what may be sent last, so that filters are never there without their map.
func (o *hashOutputs) commit(aside []rowReason) ([]string, error) {
	name := func(suffix string) string { return filepath.Join(o.dir, o.party+suffix) }
	files := []string{name(".filters"), name(".map.csv"), name(".receipt.json")}
	outputs := []*formats.Output{o.rowMap, o.receipt, o.filters}
	if len(aside) > 0 {
		if err := writeSetAside(o.setAside, aside); err != nil {
			return nil, err
		}
		files = append(files, name(".set-aside.csv"))
		outputs = slices.Insert(outputs, 0, o.setAside)
	}
	return files, formats.CommitAll(outputs...)
}

func writeSetAside(w io.Writer, aside []rowReason) error {
	if _, err := io.WriteString(w, "row,reason\n"); err != nil {
		return err
	}
	for _, r := range aside {
		if _, err := fmt.Fprintf(w, "%d,\"%s\"\n", r.row, strings.ReplaceAll(r.reason, `"`, `""`)); err != nil {
			return err
		}
	}
	return nil
}
