package main

import (
	"encoding/hex"
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
own columns stay as they are, in their order.

The extract must be the very file that was hashed: the receipt knows it.
` + exitHelp,
		Example: `  cohortlink attach extract.csv --links links/gp-k81001.csv --map gp-k81001.map.csv -o gp-k81001.linked.csv`,
		Args:    args(1, 1, "the extract that was hashed"),
		RunE: func(_ *cobra.Command, args []string) error {
			r.app, r.extract = a, args[0]
			return r.run()
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.links, "links", "", "the links that came back: PARTY.csv")
	f.StringVar(&r.rowMap, "map", "", "PARTY.map.csv; the receipt is looked for beside it")
	f.StringVar(&r.project, "project", "", "the project file: needed when it says how your extract is to be read (delimiter, text encoding)")
	f.StringVar(&r.columns, "columns", "", "the file with your own column names, if you hashed with one")
	f.StringVarP(&r.out, "out", "o", "", "the file to write")
	return cmd
}

type attachRun struct {
	app                           *app
	extract, links, rowMap        string
	project, columns, out, column string
}

func (r *attachRun) run() error {
	if r.links == "" || r.rowMap == "" || r.out == "" {
		return usagef("name the links with --links, the map with --map and the file to write with -o")
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
	links, err := formats.ReadLinks(r.links)
	if err != nil {
		return err
	}
	person, err := m.Persons(links)
	if err != nil {
		return errorf("%s: %w", r.links, err)
	}
	options := formats.ExtractOptions{}
	if r.project != "" {
		p, err := formats.ReadProject(r.project)
		if err != nil {
			return err
		}
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
	digest, err := formats.Attach(r.extract, options, out, "person_id", person)
	if err != nil {
		return err
	}
	if hex.EncodeToString(digest[:]) != receipt.Extract.SHA256 {
		return errorf("%s is not the extract that was hashed for party %q: nothing was written\ntake the file that was hashed, or hash this one and link again", r.extract, receipt.Party)
	}
	if err := out.Commit(); err != nil {
		return err
	}
	r.app.ui.sayf("wrote %s: %s now have a person_id", r.out, plural(len(m.Rows), "row"))
	return nil
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
