package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"

	"github.com/spf13/cobra"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/clkhash"
)

// A project with the profile clkhash: its partners hash with cohortlink, sealed and
// signed as ever, and the bits are those that clkhash makes of the same cells under the
// same linkage schema. So partners who use clkhash in Python can take part: they get the
// schema, and the secret that follows from the project key.

const clkhashProfile = "clkhash"

// clkhashSchemaOf reads the linkage schema of a project, which lies beside the project file.
func clkhashSchemaOf(p *formats.Project, path string) (*clkhash.Schema, error) {
	file := p.Encoding.Schema
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(path), file)
	}
	return readClkhashSchema(file)
}

// clkhashFingerprint covers the project, as any schema fingerprint does, and all of the
// linkage schema that decides which rows are accepted and which bits they set.
func clkhashFingerprint(project string, schema *clkhash.Schema) string {
	digest := schema.Digest()
	sum := sha256.Sum256([]byte("cohortlink clkhash project, version 1\n" + project + "\n" + hex.EncodeToString(digest[:]) + "\n"))
	return hex.EncodeToString(sum[:])
}

// clkhashFields are the columns of a linkage schema that it does not ignore.
func clkhashFields(schema *clkhash.Schema) []string {
	names := []string{}
	for _, f := range schema.Features() {
		if !f.Ignored {
			names = append(names, fmt.Sprintf("%q (%s)", f.Identifier, f.Type))
		}
	}
	return names
}

// clkhashWeak is what the choice of clkhash leaves in every filters file.
const clkhashWeak = "profile clkhash is not hardened against the published attacks on Bloom filters: choose profile standard where every partner can"

// clkhashEncodingOf is the encoding of a project with the profile clkhash.
func clkhashEncodingOf(p *formats.Project, path string) (*encoding, error) {
	schema, err := clkhashSchemaOf(p, path)
	if err != nil {
		return nil, err
	}
	return &encoding{
		clkhash: schema,
		schema:  clkhashFingerprint(p.Name, schema),
		fields:  clkhashFields(schema),
		filters: []formats.FilterLayout{{Name: "record", Bits: schema.Bits(), Encoding: formats.CLKsEncoding, Similarity: "dice"}},
		weak:    []string{clkhashWeak},
	}, nil
}

// clkhashEncoder binds a linkage schema to the key of a run.
func (h *hashRun) clkhashEncoder(schema *clkhash.Schema, p *formats.Project, party *formats.ProjectParty, key *hashing.Key) (*encoder, error) {
	if key.Project() != p.Name {
		return nil, errorf("%s: the key is that of project %q, not of %q", h.key, key.Project(), p.Name)
	}
	secret := key.ClkhashSecret()
	defer clear(secret)
	made, err := clkhash.New(schema, secret, clkhash.Options{})
	if err != nil {
		return nil, errorf("%s: %w", p.Encoding.Schema, err)
	}
	for _, w := range schema.Warnings() {
		h.app.ui.warnf("%s: %s", p.Encoding.Schema, w)
	}
	words := (schema.Bits() + 63) / 64
	return &encoder{
		words: words,
		columns: func(header []string) (*columnMap, error) {
			return clkhashColumns(h.extract, header, schema, p, party)
		},
		worker: func() (func(*batch), func()) {
			w := made.Worker()
			return func(b *batch) { b.encodeCLKs(w, words) }, w.Close
		},
	}, nil
}

// clkhashColumns finds the columns of a linkage schema in an extract's header, in any order. A
// party's column map may name another for each; columns that the schema ignores
// need not be there.
func clkhashColumns(file string, header []string, schema *clkhash.Schema, p *formats.Project, party *formats.ProjectParty) (*columnMap, error) {
	// What remains is the same as for needs and fields: each has a name, and columns.
	q := &formats.Project{Needs: p.Needs}
	features := schema.Features()
	ignored := map[string]bool{}
	for i, f := range features {
		if before, twice := ignored[f.Identifier]; twice && !(before && f.Ignored) {
			return nil, errorf("%s: column %d has the name of another, %q, so that an extract's columns cannot be told apart\nrename it in the schema, with all partners", p.Encoding.Schema, i+1, f.Identifier)
		}
		ignored[f.Identifier] = f.Ignored
		q.Fields = append(q.Fields, formats.ProjectField{Name: f.Identifier})
	}
	m, err := mapColumns(file, header, q, party)
	if err != nil {
		return nil, err
	}
	for i, f := range q.Fields {
		switch {
		case features[i].Ignored:
			m.fields[i] = nil
		case m.fields[i] == nil:
			return nil, errorf("%s: there is no column %q, which the linkage schema %s has%s", file, f.Name, p.Encoding.Schema, nearest(f.Name, header))
		case len(m.fields[i]) > 1:
			return nil, errorf("%s: column %q of the linkage schema is made of several, and clkhash takes one", file, f.Name)
		}
	}
	m.lacks = nil
	return m, nil
}

// encodeCLKs is hash for the profile clkhash: cells go in as they are.
func (b *batch) encodeCLKs(w *clkhash.Worker, words int) {
	b.bits = make([]uint64, len(b.rows)*words)
	b.ok = make([]bool, len(b.rows))
	clk := make([]byte, 0, 8*words)
	for i, values := range b.values {
		if b.why[i] != "" {
			continue
		}
		var err error
		if clk, err = w.Encode(clk[:0], b.rows[i], values); err != nil {
			b.why[i] = err.Error()
			if refused := (*clkhash.RowError)(nil); errors.As(err, &refused) {
				b.why[i] = fmt.Sprintf("column %q: %s", refused.Name, refused.Reason) // the number of cells is always right
			}
			continue
		}
		row := b.bits[i*words:][:words]
		set := 0
		for k := range row {
			var word [8]byte
			copy(word[:], clk[8*k:])
			row[k] = bits.Reverse64(binary.BigEndian.Uint64(word[:]))
			set += bits.OnesCount64(row[k])
		}
		if set == 0 {
			b.why[i] = "too few usable values to be found by"
			continue
		}
		b.ok[i] = true
	}
	b.values = nil
}

func newClkhashSecret(a *app) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "secret KEY -o FILE",
		Short: "Write the secret that partners who use clkhash need in a project with its profile",
		Long: `Writes, readable by you alone, the secret under which a project with the profile
clkhash hashes: 64 letters and digits that follow from the project key. A partner
who uses clkhash in Python gets it, and the linkage schema, from another partner by a
way that the linkage unit does not see. It tells nothing about the project key itself.
` + exitHelp,
		Example: `  cohortlink clkhash secret project.key -o secret.txt`,
		Args:    args(1, 1, "the project key"),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return usagef("name the file to write with -o")
			}
			key, err := a.readKey(args[0])
			if err != nil {
				return err
			}
			secret := append(key.ClkhashSecret(), '\n')
			defer clear(secret)
			if err := writeFile(out, 0o600, secret); err != nil {
				return err
			}
			a.ui.sayf("wrote the secret of project %q to %s: never let the linkage unit have it", key.Project(), out)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "the file to write")
	return cmd
}
