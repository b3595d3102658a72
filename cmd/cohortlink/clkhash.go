package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cohortlink/formats"
	"cohortlink/hashing/clkhash"
)

// The commands for partners who come from clkhash, or who must link with those who stay
// with it. They are named and behave as its own do, with these differences: the secret
// comes from a file or a prompt, and never from the command line, where every user of
// the machine can read it; every row that cannot be encoded is named, and not the first
// alone; and what fails does not exit with 0.

func newClkhash(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "clkhash",
		Short: "Make the CLKs of clkhash, for those who link with its users",
		Args:  args(0, 0, "a command: clkhash hash, clkhash schema or clkhash secret"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newClkhashHash(a), newClkhashSchema(a), newClkhashSecret(a))
	return cmd
}

func newClkhashHash(a *app) *cobra.Command {
	var c clkhashRun
	cmd := &cobra.Command{
		Use:   "hash DATA.csv",
		Short: "Turn a CSV file into CLKs, bit for bit as clkhash 0.18 does",
		Long: `Encodes every row of a CSV file under a linkage schema of clkhash (version 1, 2 or 3)
and writes the file that "anonlink encode" writes, byte for byte: clks JSON, or with
--binary the CLKs back to back. The n-th CLK belongs to the n-th row, so keep the file
as it is: what comes back from the unit goes by row.

The file is read as clkhash reads it: UTF-8, commas, the schema's columns in its order.
Nothing is trimmed or normalised. A row that cannot be encoded stops the whole file,
since the others would lose their places; all such rows are named.

The secret is what clkhash takes as text on its command line: the content of the
secret file without the line end that it may end with. Where no file is given it is
asked for; elsewhere than at a terminal it is the first line of standard input.

A CLK is not hardened against the published attacks on Bloom filters, and clks files
are neither sealed nor signed. Partners who can all use cohortlink are better off with
"cohortlink hash".
` + exitHelp,
		Example: `  cohortlink clkhash hash people.csv --schema schema.json --secret-file secret.txt -o clks.json
  cohortlink clkhash hash people.csv --schema schema.json --secret-file secret.txt --no-header --binary -o clks.bin`,
		Args: args(1, 1, "one CSV file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.app, c.data = a, args[0]
			return c.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.schema, "schema", "", "the linkage schema, a JSON file")
	f.StringVar(&c.secret, "secret-file", "", "the file with the secret that the partners share, to use in place of asking")
	f.StringVarP(&c.out, "out", "o", "", "the file to write")
	f.BoolVar(&c.binary, "binary", false, "write the CLKs back to back, and no JSON")
	f.BoolVar(&c.noHeader, "no-header", false, "the first row is data already")
	f.BoolVar(&c.checkHeader, "check-header", true, "the names in the first row must be the schema's")
	f.BoolVar(&c.validate, "validate", true, "values must be as the schema demands")
	f.BoolVar(&c.json, "json", false, "print what was done as JSON")
	return cmd
}

// clkhashRun is one run of clkhash hash.
type clkhashRun struct {
	app                             *app
	data, schema, secret, out       string
	binary                          bool
	noHeader, checkHeader, validate bool
	json                            bool
}

// clkhashSummary is what clkhash hash prints with --json.
type clkhashSummary struct {
	Rows     int      `json:"rows"`
	Bits     int      `json:"bits"`
	Schema   string   `json:"schema"` // digest, of what decides the bits
	Warnings []string `json:"warnings"`
	File     string   `json:"file"`
}

func (c *clkhashRun) run(ctx context.Context) error {
	ui := c.app.ui
	if c.schema == "" || c.out == "" {
		return usagef("name the linkage schema with --schema and the file to write with -o")
	}
	schema, err := readClkhashSchema(c.schema)
	if err != nil {
		return err
	}
	inputs := []string{c.data, c.schema}
	if c.secret != "" {
		inputs = append(inputs, c.secret)
	}
	out, err := formats.Create(c.out, formats.CreateOptions{Inputs: inputs})
	if err != nil {
		return err
	}
	defer out.Abort()
	data, err := os.Open(c.data)
	if err != nil {
		return errorf("read %s: %w", c.data, because(err))
	}
	defer data.Close()
	counted := &countedReader{r: data}
	rows, err := clkhash.NewRows(counted, schema, c.header())
	if err != nil {
		return errorf("%s: %w", c.data, err)
	}
	encoder, err := c.encoder(schema)
	if err != nil {
		return err
	}
	s := &clkhashSummary{Bits: schema.Bits(), Warnings: []string{}, File: c.out}
	digest := schema.Digest()
	s.Schema = hex.EncodeToString(digest[:])
	for _, w := range schema.Warnings() {
		s.Warnings = append(s.Warnings, w.String())
		ui.warnf("%s: %s", c.schema, w)
	}

	write, end := c.writer(out, encoder.Size())
	m := ui.meter("hash "+filepath.Base(c.data), "bytes")
	total := uint64(0)
	if info, err := data.Stat(); err == nil && info.Mode().IsRegular() {
		total = uint64(info.Size())
	}
	tally, err := encoder.EncodeAll(ctx, rows, runtime.GOMAXPROCS(0), func(clks []byte) error {
		m.set(counted.n.Load(), max(total, counted.n.Load()))
		return write(clks)
	})
	m.done()
	switch {
	case err != nil:
		return errorf("%s: %w", c.data, err)
	case tally.Refused > 0:
		return c.refuse(tally)
	case tally.Rows == 0:
		return errorf("%s has no row of data: nothing was written", c.data)
	}
	if err := end(); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	if s.Rows = tally.Rows; c.json {
		return ui.resultJSON(s)
	}
	ui.sayf("wrote %s of %s to %s", plural(s.Rows, "CLK"), plural(s.Bits, "bit"), c.out)
	ui.sayf("schema digest %s: compare it with the other partners'", s.Schema[:16])
	ui.sayf("a CLK is not hardened, and the file is neither sealed nor signed: let nobody have it but the linkage unit")
	return nil
}

func (c *clkhashRun) header() clkhash.Header {
	switch {
	case c.noHeader:
		return clkhash.HeaderNone
	case c.checkHeader:
		return clkhash.HeaderCheck
	default:
		return clkhash.HeaderIgnore
	}
}

// shortSecret is a length in bytes below which a secret is likely to be a word that
// somebody made up.
const shortSecret = 16

func (c *clkhashRun) encoder(schema *clkhash.Schema) (*clkhash.Encoder, error) {
	secret, err := c.app.readClkhashSecret(c.secret)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	if len(secret) < shortSecret {
		c.app.ui.warnf("the secret is short: whoever holds CLKs can try all secrets of that length; draw one of at least %d random characters", shortSecret)
	}
	e, err := clkhash.New(schema, secret, clkhash.Options{SkipValidation: !c.validate})
	if err != nil {
		return nil, errorf("%s: %w", c.schema, err)
	}
	return e, nil
}

// readClkhashSecret reads the secret from a file, or asks for it.
func (a *app) readClkhashSecret(path string) ([]byte, error) {
	var text []byte
	var err error
	if f, ok := a.ui.in.(*os.File); path != "" {
		text, err = a.readSecret("secret", path)
	} else if ok && term.IsTerminal(int(f.Fd())) {
		a.ui.line("", "type the secret; it is not shown")
		text, err = term.ReadPassword(int(f.Fd()))
	} else {
		text, err = bufio.NewReader(io.LimitReader(a.ui.in, 64<<10)).ReadBytes('\n')
		if err == io.EOF {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(text, []byte("cohortlink ")) {
		return nil, errorf("%s is a file of cohortlink, and not the secret of clkhash's users", path)
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if len(text) == 0 {
		return nil, usagef("there is no secret; put the one that the partners share into a file and name it with --secret-file")
	}
	return text, nil
}

// writer gives what writes whole CLKs, and what ends the file.
func (c *clkhashRun) writer(out io.Writer, size int) (write func(clks []byte) error, end func() error) {
	if c.binary {
		return func(clks []byte) error {
			_, err := out.Write(clks)
			return err
		}, func() error { return nil }
	}
	j := clkhash.NewJSONWriter(out)
	return func(clks []byte) error {
		for ; len(clks) > 0; clks = clks[size:] {
			if err := j.Write(clks[:size]); err != nil {
				return err
			}
		}
		return nil
	}, j.Close
}

// refuse names the rows that cannot be encoded, the first few of many.
func (c *clkhashRun) refuse(t clkhash.Tally) error {
	const shown = 5
	var b strings.Builder
	for i, r := range t.First {
		if i == shown {
			break
		}
		b.WriteString("\n" + r.Error())
	}
	if t.Refused > shown {
		b.WriteString("\nand " + thousands(t.Refused-shown) + " more")
	}
	return errorf("%s: %s of %s cannot be encoded under %s: nothing was written%s", c.data, thousands(t.Refused), plural(t.Rows, "row"), c.schema, b.String())
}

// countedReader counts the bytes read through it, for those who look on from elsewhere.
type countedReader struct {
	r io.Reader
	n atomic.Uint64
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(uint64(n))
	return n, err
}

// maxClkhashSchema is well above clkhash.ParseSchema's own limit, which words the refusal.
const maxClkhashSchema = 32 << 20

func readClkhashSchema(path string) (*clkhash.Schema, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errorf("read %s: %w", path, because(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxClkhashSchema))
	if err != nil {
		return nil, errorf("read %s: %w", path, because(err))
	}
	schema, err := clkhash.ParseSchema(text)
	if err != nil {
		return nil, errorf("%s: %w", path, err)
	}
	return schema, nil
}

func newClkhashSchema(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "schema SCHEMA.json",
		Short: "Say what a linkage schema of clkhash does, and where it does something else than it reads",
		Long: `Checks a linkage schema of clkhash and shows its columns, the length of its CLKs, and
its digest: two partners whose digests are the same make the same CLKs of the same
rows, however their schemas are written, if their secret is the same too. Warns of
the places where clkhash silently does something else than the schema seems to say.
` + exitHelp,
		Example: `  cohortlink clkhash schema schema.json`,
		Args:    args(1, 1, "one linkage schema"),
		RunE: func(_ *cobra.Command, args []string) error {
			facts, err := a.clkhashSchema(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return a.ui.resultJSON(facts)
			}
			a.ui.resultf("%-10s %d\n%-10s %s\n%-10s %s\n", "version", facts.Version, "CLK", plural(facts.Bits, "bit"), "digest", facts.Digest)
			for _, c := range facts.Columns {
				a.ui.resultf("%-10s %q, %s\n", "column", c.Name, c.Type)
			}
			for _, w := range facts.Warnings {
				a.ui.warnf("%s: %s", args[0], w)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// clkhashFacts are what clkhash schema prints.
type clkhashFacts struct {
	Version  int             `json:"version"`
	Bits     int             `json:"bits"`
	Digest   string          `json:"digest"`
	Columns  []clkhashColumn `json:"columns"`
	Warnings []string        `json:"warnings"`
}

type clkhashColumn struct {
	Name string `json:"name"`
	Type string `json:"type"` // string, integer, date, enum, or ignored
}

func (a *app) clkhashSchema(path string) (*clkhashFacts, error) {
	schema, err := readClkhashSchema(path)
	if err != nil {
		return nil, err
	}
	// A schema that loads and can encode no row is no better than one that does not load.
	if _, err := clkhash.New(schema, []byte("any"), clkhash.Options{}); err != nil {
		return nil, errorf("%s: %w", path, err)
	}
	digest := schema.Digest()
	facts := &clkhashFacts{Version: schema.Version(), Bits: schema.Bits(), Digest: hex.EncodeToString(digest[:]), Columns: []clkhashColumn{}, Warnings: []string{}}
	for _, f := range schema.Features() {
		c := clkhashColumn{Name: f.Identifier, Type: f.Type}
		if f.Ignored {
			c.Type = "ignored"
		}
		facts.Columns = append(facts.Columns, c)
	}
	for _, w := range schema.Warnings() {
		facts.Warnings = append(facts.Warnings, w.String())
	}
	return facts, nil
}
