package main

import (
	"encoding/hex"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"cohortlink/formats"
)

func newAttach(a *app) *cobra.Command {
	var r attachRun
	cmd := &cobra.Command{
		Use:   "attach EXTRACT",
		Short: "Add the person IDs that came back to your own extract",
		Long: `Writes a copy of your extract with one more column, person_id. Rows with the same
person ID are the same person; rows of other partners with that ID are too. Your
own columns stay as they are, in their order. Where the project asks for households,
household_id comes after it: persons who live together, empty where that is not known.

The extract must be the very file that was hashed: the receipt knows it. Links that
are sealed (PARTY.links) are opened with your identity, and must be signed by the
unit that the project file names.

With --cohort the links are the members of a cohort that the unit drew: rows of others
get an empty person_id.
` + exitHelp,
		Example: `  cohortlink attach extract.csv --links gp-k81001.links --map gp-k81001.map.csv --project project.yaml --identity gp-k81001.identity -o gp-k81001.linked.csv`,
		Args:    args(1, 1, "the extract that was hashed"),
		RunE: func(_ *cobra.Command, args []string) error {
			r.app, r.extract = a, args[0]
			return r.run()
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.links, "links", "", "the links that came back: PARTY.links, or PARTY.csv when they are not sealed")
	f.StringVar(&r.identity, "identity", "", "your identity, which opens sealed links")
	f.StringVar(&r.rowMap, "map", "", "PARTY.map.csv; the receipt is looked for beside it")
	f.StringVar(&r.project, "project", "", "the project file: needed when it says how your extract is to be read (delimiter, text encoding), and for sealed links")
	f.BoolVar(&r.cohort, "cohort", false, "the links are the members of a cohort, so that not every row has one")
	f.StringVar(&r.columns, "columns", "", "the file with your own column names, if you hashed with one")
	f.StringVarP(&r.out, "out", "o", "", "the file to write")
	return cmd
}

type attachRun struct {
	app                    *app
	extract, links, rowMap string
	identity               string
	project, columns, out  string
	cohort                 bool
}

func (r *attachRun) run() error {
	if r.links == "" || r.rowMap == "" || r.out == "" {
		return usagef("name the links with --links, the map with --map and the file to write with -o")
	}
	if r.columns != "" && r.project == "" {
		return usagef("--columns goes with the project file: name it with --project")
	}
	m, err := formats.ReadMap(r.rowMap)
	if err != nil {
		return err
	}
	receipt, err := formats.ReadReceipt(receiptBeside(r.rowMap))
	if err != nil {
		return err
	}
	if hex.EncodeToString(m.Digest[:]) != receipt.Map {
		return errorf("%s is not the map of %s: it was changed, or belongs to another run", r.rowMap, receiptBeside(r.rowMap))
	}
	var p *formats.Project
	if r.project != "" {
		if p, err = formats.ReadProject(r.project); err != nil {
			return err
		}
	}
	links, err := r.readLinks(p, receipt)
	if err != nil {
		return err
	}
	join := m.Persons
	if r.cohort {
		join = m.Members
	}
	person, err := join(links)
	if err != nil && !r.cohort && len(links.Records) < len(m.Rows) {
		return errorf("%s: %w\nif they are the members of a cohort, add --cohort", r.links, err)
	} else if err != nil {
		return errorf("%s: %w", r.links, err)
	}
	options := formats.ExtractOptions{}
	if p != nil {
		h := hashRun{party: receipt.Party, columns: r.columns}
		party, err := h.findParty(p)
		if err != nil {
			return err
		}
		options = extractOptions(party)
	}
	out, err := formats.Create(r.out, formats.CreateOptions{Mode: 0o600, Inputs: []string{r.extract, r.links, r.rowMap}})
	if err != nil {
		return err
	}
	defer out.Abort()
	columns := []formats.Attached{{Column: "person_id", Value: person}}
	if links.Households != nil {
		columns = append(columns, formats.Attached{Column: "household_id", Value: m.Households(links)})
	}
	digest, err := formats.Attach(r.extract, options, out, columns...)
	if err != nil {
		return err
	}
	if hex.EncodeToString(digest[:]) != receipt.Extract.SHA256 {
		return errorf("%s is not the extract that was hashed for party %q: nothing was written\ntake the file that was hashed, or hash this one and link again", r.extract, receipt.Party)
	}
	if err := out.Commit(); err != nil {
		return err
	}
	r.app.ui.sayf("wrote %s: %s now have a person_id", r.out, plural(len(links.Records), "row"))
	return nil
}

// readLinks reads the links that came back, sealed or not, and refuses those that
// answer other filters than the receipt's.
func (r *attachRun) readLinks(p *formats.Project, receipt *formats.Receipt) (*formats.Links, error) {
	h, err := formats.ReadLinksHeader(r.links)
	if errors.Is(err, formats.ErrNotLinks) {
		if p != nil && p.Unit != "" {
			r.app.ui.warnf("%s is not sealed: that it comes from the unit is not known", r.links)
		}
		return formats.ReadLinks(r.links)
	} else if err != nil {
		return nil, err
	}
	if r.identity == "" || p == nil {
		return nil, usagef("%s is sealed: name your identity with --identity and the project file with --project", r.links)
	}
	if p.UnitSigns == "" {
		return nil, errorf("%s has no unit_signs, by which the unit's links are known: ask the unit for its project file", r.project)
	}
	signs, err := formats.ParseSigningKey(p.UnitSigns)
	if err != nil {
		return nil, errorf("%s: unit_signs is %w", r.project, err)
	}
	identity, err := r.app.readIdentity(r.identity)
	if err != nil {
		return nil, err
	}
	h, links, err := formats.OpenLinks(r.links, &formats.Opening{Identity: identity, Trust: formats.TrustUnit(signs)})
	switch {
	case err != nil:
		return nil, err
	case h.Project != receipt.Project:
		return nil, errorf("%s has the links of project %q, and the map is of project %q", r.links, h.Project, receipt.Project)
	case h.Party != receipt.Party:
		return nil, errorf("%s has the links of party %q, and the map is of party %q", r.links, h.Party, receipt.Party)
	case h.Run != receipt.Run:
		return nil, errorf("%s answers other filters than those of %s: it is of another run of hash\ntake the map and the receipt of that run, or have the unit link the newest filters", r.links, r.rowMap)
	}
	return links, nil
}

// receiptBeside is the receipt that hash wrote with a map.
func receiptBeside(rowMap string) string {
	const end = ".map.csv"
	base := filepath.Base(rowMap)
	if len(base) > len(end) && base[len(base)-len(end):] == end {
		base = base[:len(base)-len(end)]
	}
	return filepath.Join(filepath.Dir(rowMap), base+".receipt.json")
}
