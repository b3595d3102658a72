package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/linkage"
	"cohortlink/linkage/overlap"
)

func newLink(a *app) *cobra.Command {
	var l linkRun
	var memory int
	cmd := &cobra.Command{
		Use:   "link FILE...",
		Short: "Link the parties' filters: who is the same person",
		Long: `Compares the filters of every two parties (and of one party with itself unless it
declares that it has no person twice), chooses the score that a link needs from
the scores themselves, and forms persons with at most one record of each such
party. Writes the folder linked/:

  links/PARTY.links or links/PARTY.csv   goes back to the party: a person ID for
                    each of its records; sealed for the party (.links) when its age
                    key is in the file of partners
  people.parquet, needs.parquet, pairs.parquet   stay at the unit; so does
                    evidence.parquet, where records have several filters or exact
                    keys: what each of them says of each pair; and
                    households.parquet, where the project asks for households
  manifest.json     what was linked, how, and how good it is thought to be
  person.secret     what person IDs are made with; keep it with the folder

With --previous, files are added to an earlier linkage: give its own files again and
the new ones beside them. Only new records are compared; the threshold stays, unless
you give one, and so do person IDs. Where new records show that two persons are one,
or one is two, changes.csv lists what became of each of their records; and
household-changes.csv does of households.

A party that uses clkhash sends a file of CLKs in place of filters: clks JSON, or the
binary form, whose name must end in .bin. It is the party that the file is named after,
or PARTY=FILE says which. links/PARTY.rows.csv then has a person ID for each row.

Sealed filters are opened with the unit's identity, and each must be signed by the
key that the file of partners has for its party. What was linked is noted beside the
identity (unit.seen), so that a file that its party has replaced is not linked again.

Every pair is compared up to 200 billion of them: fifteen parties with 630,000 records.
Above that, or with --blocking, only pairs that agree in many places of their filters
(LSH), or in an exact key, are: what share of links is expected to be lost by that is
worked out from a sample, kept under --blocking-loss, and told. Encodings that harden
filters more bring fewer pairs together; where comparing every pair is cheaper, that
is done, or said.

The same files give the same persons, in whatever order they are named and on
however many cores; with LSH only if the secret is the same, too.
` + exitHelp,
		Example: `  cohortlink link *.filters --identity unit.identity --partners unit.partners -o linked
  cohortlink link *.filters --identity unit.identity --partners unit.partners --threshold 0.82 -o linked
  cohortlink link *.filters --blocking lsh --memory 4096 -o linked
  cohortlink link council.json gp-03=clks.bin -o linked
  cohortlink link --previous linked council.filters ccg.filters gp-03.filters -o linked-2`,
		Args: args(1, -1, "at least one filters file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if l.files, err = expand(args); err != nil {
				return err
			}
			l.app, l.random, l.memory = a, rand.Reader, int64(memory)<<20
			_, err = l.run(cmd.Context())
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.project, "project", "", "the project file: filters of any other schema are refused, and its linkage settings hold")
	f.StringVar(&l.unit.identity, "identity", "", "the unit's identity, which opens sealed filters and signs links")
	f.StringVar(&l.unit.partners, "partners", "", "the unit's file of partners: a line with the public keys of each")
	f.StringVar(&l.unit.seenFile, "seen", "", "where the unit notes what it has linked (default: beside the identity, ending in .seen)")
	f.BoolVar(&l.unit.older, "accept-older", false, "link filters though their party has replaced them by newer ones")
	f.StringVar(&l.threshold, "threshold", "", "\"auto\", or the score that a link needs, such as 0.85; with several filters or exact keys 0.5 is even odds (default: the project's, or auto)")
	f.StringVarP(&l.out, "out", "o", "linked", "the folder to write")
	f.IntVar(&l.workers, "workers", 0, "cores to work on at most (default: all)")
	f.IntVar(&memory, "memory", 0, "how many MiB of memory to take at most (default: what it takes); with less, fewer candidate pairs are kept")
	f.IntVar(&l.maxPairs, "max-pairs", linkage.DefaultMaxPairs, "candidate pairs held at most, 16 bytes each")
	f.IntVar(&l.clkBits, "clk-bits", 0, "the length of the CLKs in a binary file (default: as in the other files)")
	f.StringArrayVar(&l.clean, "clean", nil, "a party that sends CLKs and has no person twice; repeat for each (default: as the project says)")
	f.StringVar(&l.previous, "previous", "", "an earlier linked folder, to add files to: its own files are given again, and not compared with each other")
	f.StringVar(&l.blocking, "blocking", "", fmt.Sprintf("which pairs are compared: %s (default: the project's; or none up to %s pairs, and above that lsh+exact, where it pays)", strings.Join(linkage.BlockMethods, ", "), short(linkage.BoroughPairs)))
	f.Float64Var(&l.blockingLoss, "blocking-loss", linkage.DefaultBlockingLoss, "the share of links that LSH may be expected to lose")
	f.StringVar(&l.anonlink, "anonlink", "", "also write the candidate pairs and the groups in anonlink's formats, into this folder")
	f.BoolVar(&l.json, "json", false, "print the manifest")
	return cmd
}

type linkRun struct {
	app                     *app
	files                   []string
	project, threshold, out string
	unit                    unit
	workers, maxPairs       int
	memory                  int64 // bytes; 0: as many as it takes
	json                    bool
	random                  io.Reader
	anonlink, previous      string // folders
	blocking                string
	blockingLoss            float64

	clkBits  int                    // of a CLK in a binary file; 0: as in the other files
	clean    []string               // parties that send CLKs and have no person twice
	clksFrom map[string]*clksParty  // the parties that sent CLKs
	homes    []*formats.FiltersFile // what files say of households, each file apart
}

func (l *linkRun) run(ctx context.Context) (*formats.LinkedManifest, error) {
	if err := l.checkFlags(); err != nil {
		return nil, err
	}
	if l.workers > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(l.workers))
	}
	unlimited, err := l.limitMemory()
	if err != nil {
		return nil, err
	}
	defer unlimited()
	ui := l.app.ui
	settings := formats.ProjectLinkage{Threshold: "auto", PersonIDs: "shared"}
	schema := ""
	var p *formats.Project
	if l.project != "" {
		if p, err = formats.ReadProject(l.project); err != nil {
			return nil, err
		}
		settings = p.Linkage
		e, err := encodingOf(p, l.project)
		if err != nil {
			return nil, err
		}
		schema = e.schema
	}
	if l.threshold != "" {
		settings.Threshold = l.threshold
	}
	if l.blocking != "" {
		settings.Blocking = l.blocking
	}
	if err := l.unit.open(l.app, p, l.project); err != nil {
		return nil, err
	}
	options := linkage.Options{Workers: l.workers, MaxPairs: l.maxPairs}
	if settings.Threshold != "auto" {
		t, err := overlap.ParseRatio(settings.Threshold)
		if err != nil {
			return nil, usageError{err}
		}
		options.Threshold = &t
	}
	// The folder is begun before hours of work, so that one that exists is seen now.
	dir, err := formats.CreateDir(l.out, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Abort()
	forAnonlink, err := l.beginAnonlink()
	if err != nil {
		return nil, err
	}
	defer forAnonlink.abort()

	previous, err := l.readPrevious()
	if err != nil {
		return nil, err
	}
	files, err := l.readFilters(p, schema, previous)
	if err != nil {
		return nil, err
	}
	if err := l.unit.check(l.sealable(previous.sent(files, true))); err != nil {
		return nil, err
	}
	describe(&options, &files[0].Manifest)
	previous.apply(&options, l.threshold != "")
	var parties []linkage.Party
	for _, f := range files {
		parties = append(parties, partyOf(f))
		if len(f.IDs) == 0 {
			ui.warnf("party %q has no records", f.Header.Party)
		}
	}

	letGo(files, previous)
	if err := l.fit(parties, &options); err != nil {
		return nil, l.hinted(err)
	}
	secret, err := l.secret(previous)
	if err != nil {
		return nil, err
	}
	options.Blocking = linkage.Blocking{Method: settings.Blocking, Loss: l.blockingLoss, Secret: secret, Planned: l.tellPlan}

	stages := &stages{meters: map[string]*meter{"sample": ui.meter("look at a sample", "looks"), "compare": ui.meter("compare", "pairs"),
		"persons": ui.meter("form persons", "thresholds")}}
	options.Progress = stages.set
	if len(parties) == 1 {
		ui.warnf("%s: what one party has twice is looked for, and nobody else's records are", oneParty(files[0]))
	}
	res, err := linkage.Link(ctx, parties, options)
	stages.done()
	if err != nil {
		return nil, l.hinted(err)
	}

	m := manifestOf(files, res, settings)
	l.noteCLKs(m)
	if err := previous.follow(res, m, l.threshold != ""); err != nil {
		return nil, err
	}
	households, err := l.households(ctx, res, m, options.Blocking)
	if err != nil {
		return nil, err
	}
	if err := previous.followHouseholds(res, households, m); err != nil {
		return nil, err
	}
	w := &linkedWriter{dir: dir, res: res, files: files, clks: l.clksFrom, secret: secret, perParty: settings.PersonIDs == "per-party", m: m, unit: &l.unit, previous: previous, households: households}
	if err := w.write(); err != nil {
		return nil, err
	}
	if err := forAnonlink.write(res, l.clksFrom); err != nil {
		return nil, err
	}
	if err := dir.Commit(); err != nil {
		return nil, err
	}
	if err := forAnonlink.commit(); err != nil {
		return nil, err
	}
	if err := l.unit.note(l.sealable(previous.sent(files, false))); err != nil {
		return nil, err
	}
	if l.json {
		return m, ui.resultJSON(m)
	}
	l.tell(m)
	return m, nil
}

// secret is what person IDs are made with: that of the earlier linkage, or a new one.
func (l *linkRun) secret(previous *previousRun) ([]byte, error) {
	if previous != nil {
		return previous.secret, nil
	}
	secret := make([]byte, 32)
	if _, err := io.ReadFull(l.random, secret); err != nil {
		return nil, errorf("draw the secret of the person IDs: %w", err)
	}
	return secret, nil
}

// readFilters reads the files, in the order of their parties, and refuses those that do not belong together.
func (l *linkRun) readFilters(project *formats.Project, schema string, previous *previousRun) ([]*formats.FiltersFile, error) {
	files, clks, err := l.readAll(project)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		p := f.Name
		if project != nil && f.Header.Project != project.Name {
			return nil, errorf("%s is of project %q, and %s of project %q", p, f.Header.Project, l.project, project.Name)
		}
		if schema != "" && f.Header.Schema != schema {
			return nil, errorf("%s was hashed by another schema than that of %s\nhave the partner hash again with the project file of today", p, l.project)
		}
		if err := checkFilters(f); err != nil {
			return nil, errorf("%s: %w", p, err)
		}
	}
	if files, err = l.joinCLKs(l.takeHouseholds(files), clks, project); err != nil {
		return nil, err
	}
	if files, err = previous.join(files); err != nil {
		return nil, err
	}
	if err := formats.CheckTogether(files); err != nil {
		return nil, errorf("%w%s", err, keysOf(files))
	}
	// In what order they were named must show nowhere.
	slices.SortFunc(files, func(a, b *formats.FiltersFile) int { return strings.Compare(a.Header.Party, b.Header.Party) })
	return files, nil
}

// oneParty says why there is little to link.
func oneParty(f *formats.FiltersFile) string {
	s := fmt.Sprintf("only party %q is there", f.Header.Party)
	if f.Manifest.Deduplicated {
		s += ", which declares that it has no person twice"
	}
	return s
}

// keysOf is a hint at who has which key, and "" where all have one.
func keysOf(files []*formats.FiltersFile) string {
	var keys []string
	who := map[string][]string{}
	for _, f := range files {
		if who[f.Header.Key] == nil {
			keys = append(keys, f.Header.Key)
		}
		who[f.Header.Key] = append(who[f.Header.Key], f.Header.Party)
	}
	if len(keys) == 1 {
		return ""
	}
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "\nkey %s: %s", spoken(k), strings.Join(who[k], ", "))
	}
	return b.String()
}

// checkFilters refuses filters that cannot be linked.
func checkFilters(f *formats.FiltersFile) error {
	for _, l := range f.Manifest.Filters {
		if err := linkage.CheckSimilarity(l.Similarity, wholeWords(l.Bits)); err != nil {
			return errorf("filter %q: %w", l.Name, err)
		}
	}
	return nil
}

func manifestOf(files []*formats.FiltersFile, res *linkage.Result, settings formats.ProjectLinkage) *formats.LinkedManifest {
	h, layout := files[0].Header, files[0].Manifest.Filters[0]
	m := &formats.LinkedManifest{
		Version: 1, Tool: tool(), Project: h.Project, Schema: h.Schema, Key: h.Key, Created: time.Now().UTC().Format(time.DateOnly),
		Settings: formats.LinkedSettings{Threshold: settings.Threshold, PersonIDs: settings.PersonIDs, Bits: layout.Bits, Encoding: layout.Encoding, Similarity: layout.Similarity, Kernel: overlap.Kernel()},
		Compared: res.Compared, Floor: res.Floor, Kept: len(res.Pairs), Persons: res.Persons, Records: len(res.IDs),
		Rules: formats.LinkedRules{SameParty: res.Rules.SameParty, TooLarge: res.Rules.TooLarge},
	}
	m.Threshold = formats.LinkedThreshold{Value: fmt.Sprintf("%d/%d", res.Num, res.Den), Score: res.Score(), Chosen: howChosen(res)}
	e := res.Estimate
	m.Estimate = formats.LinkedEstimate{
		Precision: finite(e.Precision), PrecisionInterval: estimateInterval(e.PrecisionLow, e.PrecisionHigh),
		Recall: finite(e.Recall), RecallInterval: estimateInterval(e.RecallLow, e.RecallHigh),
		TruePairs: math.Round(e.TruePairs), Basis: estimateBasis,
	}
	byName := map[string]*formats.FiltersFile{}
	for _, f := range files {
		byName[f.Header.Party] = f
	}
	for _, name := range res.Parties {
		f := byName[name]
		m.Parties = append(m.Parties, formats.LinkedParty{
			Name: name, Filters: hex.EncodeToString(f.Digest[:]), Run: f.Header.Run, Records: f.Manifest.Records, SetAside: f.Manifest.SetAside,
			LeftOut: f.Manifest.LeftOut, Deduplicated: f.Manifest.Deduplicated, Created: f.Manifest.Created, Weak: f.Manifest.Weak,
			Needs: needNames(f.Manifest.Needs),
		})
	}
	m.SetOffsets(res.Offsets)
	m.Needs = needsOf(files)
	m.Blocking = blockingOf(&files[0].Manifest, &res.Plan)
	m.Evidence = evidenceOf(&files[0].Manifest, res)
	return m
}

func needNames(needs []formats.NeedLayout) []string {
	var names []string
	for _, n := range needs {
		names = append(names, n.Name)
	}
	return names
}

// needsOf merges the lists of values, in the order of files.
func needsOf(files []*formats.FiltersFile) []formats.NeedLayout {
	out := []formats.NeedLayout{}
	at := map[string]int{}
	for _, f := range files {
		for _, n := range f.Manifest.Needs {
			i, ok := at[n.Name]
			if !ok {
				i = len(out)
				at[n.Name] = i
				out = append(out, formats.NeedLayout{Name: n.Name, Kind: n.Kind, Values: []string{}})
			}
			for _, v := range n.Values {
				if !slices.Contains(out[i].Values, v) {
					out[i].Values = append(out[i].Values, v)
				}
			}
		}
	}
	return out
}

func finite(x float64) *float64 {
	if math.IsNaN(x) {
		return nil
	}
	return &x
}

// estimateInterval is nil where there is nothing to say.
func estimateInterval(low, high float64) *[2]float64 {
	if math.IsNaN(low) || math.IsNaN(high) {
		return nil
	}
	return &[2]float64{low, high}
}

const estimateBasis = `expected precision and recall of the pairs between parties (within the party, where there is one), without truth: the best score of a record in another party (in its own, where there is one) was held against its second best, which belongs to somebody else, and the pairs that persons accept were counted at a row of thresholds, which shows how many of such strangers are joined; the 95 % intervals allow for chance and for how far such estimates were off on files with known truth`

// howChosen tells in words, for a board, where the threshold comes from: before the colon
// what an analyst repeats, after it how it is done.
func howChosen(res *linkage.Result) string {
	shared, stranger := "the parties share anybody", "in another party that holds each person once, a record's second-best match is somebody else"
	if len(res.Parties) == 1 {
		shared, stranger = "anybody is there twice", "the best match of a record that does not belong with its better ones is somebody else"
	}
	switch {
	case !res.Auto:
		return "given by the analyst"
	case res.Nothing && res.Evidence != nil:
		return "no sign was found that " + shared + ", or there are too few records to tell; only pairs of overwhelming weight are linked"
	case res.Nothing:
		return "no sign was found that " + shared + ", or there are too few records to tell; only records whose filters are equal are linked"
	case res.Evidence != nil:
		return "chosen without truth, where the expected balance of wrong and missed links (F1) is best: each pair was weighed by all filters and exact keys, and " + stranger + ", which tells how high strangers weigh"
	default:
		return "chosen without truth, where the expected balance of wrong and missed links (F1) is best: " + stranger + ", which tells how high strangers score, and persons were formed at a row of thresholds, which shows how many strangers are joined"
	}
}

// mostOffsetsTold is how many pairs of parties are told one by one.
const mostOffsetsTold = 3

// offsetsText tells which pairs of parties need another score than the threshold.
func offsetsText(offsets []formats.LinkedOffset) string {
	another := func(added float64) string {
		if added < 0 {
			return fmt.Sprintf("%.3f more", -added)
		}
		return fmt.Sprintf("%.3f less", added)
	}
	low, high := offsets[0].Added, offsets[0].Added
	for _, o := range offsets {
		low, high = min(low, o.Added), max(high, o.Added)
	}
	where := "lower or higher"
	if low > 0 {
		where = "lower"
	} else if high < 0 {
		where = "higher"
	}
	why := fmt.Sprintf(", because strangers score that much %s there", where)
	if len(offsets) > mostOffsetsTold {
		return fmt.Sprintf("links of %d pairs of parties need another score, from %s to %s%s (listed in the manifest)", len(offsets), another(high), another(low), why)
	}
	var all []string
	for _, o := range offsets {
		if a, b := o.Parties[0], o.Parties[1]; a == b {
			all = append(all, fmt.Sprintf("links within %s need %s", a, another(o.Added)))
		} else {
			all = append(all, fmt.Sprintf("links between %s and %s need %s", a, b, another(o.Added)))
		}
	}
	return strings.Join(all, ", ") + why
}

func (l *linkRun) tell(m *formats.LinkedManifest) {
	ui := l.app.ui
	ui.resultf("linked %s of %s into %s, comparing %s pairs\n", plural(m.Records, "record"), parties(len(m.Parties)), plural(m.Persons, "person"), short(float64(m.Compared)))
	chosen, _, _ := strings.Cut(m.Threshold.Chosen, ":")
	ui.resultf("threshold  %.3f, %s\n", m.Threshold.Score, chosen)
	if len(m.Threshold.Offsets) > 0 {
		ui.resultf("           %s\n", offsetsText(m.Threshold.Offsets))
	}
	if m.Estimate.Precision != nil && m.Estimate.Recall != nil {
		l.tellEstimate(&m.Estimate)
	}
	l.tellBlocking(m)
	l.tellEvidence(m)
	l.tellPrevious(m)
	l.tellHouseholds(m)
	if m.Rules.TooLarge > 0 {
		ui.warnf("%s would have had too many records to be one person, and were left apart", plural(m.Rules.TooLarge, "group"))
	}
	ui.resultf("wrote      %s: send links/%s back to each party\n", l.out, l.unit.linksName())
	l.tellCLKs()
}

// tellEstimate tells the estimate with its intervals, and says which is no use.
func (l *linkRun) tellEstimate(e *formats.LinkedEstimate) {
	ui := l.app.ui
	ui.resultf("estimate   precision %s, recall %s, made without truth: see the manifest\n", estimateText(*e.Precision, e.PrecisionInterval), estimateText(*e.Recall, e.RecallInterval))
	for _, w := range []struct {
		of string
		in *[2]float64
	}{{"precision", e.PrecisionInterval}, {"recall", e.RecallInterval}} {
		if w.in != nil && w.in[1]-w.in[0] > linkage.TooWide {
			ui.resultf("           the interval of %s is too wide to judge the linkage by: have a sample of its links and near misses looked at\n", w.of)
		}
	}
}

// estimateText is an estimate with its interval, where there is one.
func estimateText(x float64, interval *[2]float64) string {
	if interval == nil {
		return fmt.Sprintf("%.3f", x)
	}
	return fmt.Sprintf("%.3f (95 %% interval %.3f to %.3f)", x, interval[0], interval[1])
}

func parties(n int) string {
	if n == 1 {
		return "1 party"
	}
	return fmt.Sprintf("%d parties", n)
}
