package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"
)

// What must come out the same: whatever an extract is wrapped in, in whatever order files are named, on however many
// cores, and in a demo told twice.

// The same table as CSV, as Parquet and as Arrow, there with the types that a database would give it, gives the same
// filters and the same map, byte for byte.
func TestSameFiltersFromEveryFormat(t *testing.T) {
	borough, parties := synthesise(t, 600, 2)
	party := parties[3] // the second practice: dates as YYYY-MM-DD, a comma
	text, err := os.ReadFile(filepath.Join(borough, party, "extract.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	table := typedColumns(t, rows)
	kinds := map[string]bool{}
	for _, c := range table {
		kinds[c.kind] = true
	}
	if !kinds["whole"] || !kinds["date"] || !kinds["text"] {
		t.Fatalf("the table has only columns of %v", kinds)
	}
	files := map[string][]byte{
		"extract.csv":            text,
		"extract-snappy.parquet": parquetOf(t, table, compress.Codecs.Snappy),
		"extract-zstd.parquet":   parquetOf(t, table, compress.Codecs.Zstd),
		"extract.arrow":          arrowOf(t, table),
	}
	var want map[string]string
	for _, name := range []string{"extract.csv", "extract-snappy.parquet", "extract-zstd.parquet", "extract.arrow"} {
		dir := t.TempDir()
		extract := filepath.Join(dir, name)
		if err := os.WriteFile(extract, files[name], 0o600); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, "out")
		s := mustHash(t, hashRun{extract: extract, project: filepath.Join(borough, "project.yaml"), party: party, key: filepath.Join(borough, "project.key"), out: out, random: seeded(2)})
		if s.Records < 100 {
			t.Fatalf("%s: only %d records", name, s.Records)
		}
		got := digestTree(t, out)
		delete(got, party+".receipt.json") // names the digest of the extract
		if want == nil {
			want = got
		}
		sameTree(t, name, got, want)
	}
}

// typedColumn is a column with the narrowest type that all of its cells have. An empty cell is a null.
type typedColumn struct {
	name, kind string // kind: whole, date or text
	cells      []string
}

func typedColumns(t *testing.T, rows [][]string) []typedColumn {
	t.Helper()
	var out []typedColumn
	for i, name := range rows[0] {
		c := typedColumn{name: name}
		whole, date := true, true
		for _, row := range rows[1:] {
			c.cells = append(c.cells, row[i])
			if row[i] == "" {
				continue
			}
			n, err := strconv.ParseInt(row[i], 10, 64)
			whole = whole && err == nil && strconv.FormatInt(n, 10) == row[i]
			_, err = time.Parse(time.DateOnly, row[i])
			date = date && err == nil
		}
		switch {
		case whole:
			c.kind = "whole"
		case date:
			c.kind = "date"
		default:
			c.kind = "text"
		}
		out = append(out, c)
	}
	return out
}

func arrowOf(t *testing.T, table []typedColumn) []byte {
	t.Helper()
	kinds := map[string]arrow.DataType{"whole": arrow.PrimitiveTypes.Int64, "date": arrow.FixedWidthTypes.Date32, "text": arrow.BinaryTypes.String}
	var fields []arrow.Field
	for _, c := range table {
		fields = append(fields, arrow.Field{Name: c.name, Type: kinds[c.kind], Nullable: true})
	}
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(arrow.NewSchema(fields, nil)))
	const batch = 64
	for from := 0; from < len(table[0].cells); from += batch {
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
		for i, c := range table {
			for _, cell := range c.cells[from:min(from+batch, len(c.cells))] {
				if cell == "" {
					b.Field(i).AppendNull()
				} else if err := b.Field(i).AppendValueFromString(cell); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Write(b.NewRecord()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func parquetOf(t *testing.T, table []typedColumn, codec compress.Compression) []byte {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var fields schema.FieldList
	for _, c := range table {
		physical, logical := parquet.Types.ByteArray, schema.LogicalType(schema.StringLogicalType{})
		switch c.kind {
		case "whole":
			physical, logical = parquet.Types.Int64, schema.NewIntLogicalType(64, true)
		case "date":
			physical, logical = parquet.Types.Int32, schema.DateLogicalType{}
		}
		node, err := schema.NewPrimitiveNodeLogical(c.name, parquet.Repetitions.Optional, logical, physical, -1, -1)
		must(err)
		fields = append(fields, node)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	must(err)
	var out bytes.Buffer
	w := file.NewParquetWriter(&out, root, file.WithWriterProps(parquet.NewWriterProperties(parquet.WithCompression(codec))))
	const group = 100
	for from := 0; from < len(table[0].cells); from += group {
		rows := w.AppendRowGroup()
		for _, c := range table {
			chunk, err := rows.NextColumn()
			must(err)
			var levels []int16
			var wholes []int64
			var days []int32
			var texts []parquet.ByteArray
			for _, cell := range c.cells[from:min(from+group, len(c.cells))] {
				if cell == "" {
					levels = append(levels, 0)
					continue
				}
				levels = append(levels, 1)
				switch c.kind {
				case "whole":
					n, err := strconv.ParseInt(cell, 10, 64)
					must(err)
					wholes = append(wholes, n)
				case "date":
					day, err := time.Parse(time.DateOnly, cell)
					must(err)
					days = append(days, int32(day.Unix()/(24*60*60)))
				default:
					texts = append(texts, parquet.ByteArray(cell))
				}
			}
			switch chunk := chunk.(type) {
			case *file.Int64ColumnChunkWriter:
				_, err = chunk.WriteBatch(wholes, levels, nil)
			case *file.Int32ColumnChunkWriter:
				_, err = chunk.WriteBatch(days, levels, nil)
			case *file.ByteArrayColumnChunkWriter:
				_, err = chunk.WriteBatch(texts, levels, nil)
			}
			must(err)
			must(chunk.Close())
		}
		must(rows.Close())
	}
	must(w.Close())
	return out.Bytes()
}

// A run on one core writes what a run on many does.
func TestHashSameOnAnyNumberOfCores(t *testing.T) {
	borough, _ := synthesise(t, 6000, 2) // several batches
	var want map[string]string
	for _, workers := range []int{1, 2, 7} {
		out := filepath.Join(t.TempDir(), "out")
		s := mustHash(t, hashRun{extract: filepath.Join(borough, "council", "extract.csv"), project: filepath.Join(borough, "project.yaml"), party: "council",
			key: filepath.Join(borough, "project.key"), out: out, random: seeded(3), workers: workers})
		if s.Rows < 2*batchRows {
			t.Fatalf("%d rows are not several batches", s.Rows)
		}
		got := digestTree(t, out)
		if want == nil {
			want = got
		}
		sameTree(t, fmt.Sprintf("%d workers", workers), got, want)
	}
}

// The same files and secret give the same linked folder, in any order of files, on any number of cores.
func TestLinkSameInAnyOrder(t *testing.T) {
	borough, parties := synthesise(t, 1500, 3)
	dir := t.TempDir()
	// A category whose values the project does not fix: each party lists them in its own order.
	project := filepath.Join(borough, "project.yaml")
	text, err := os.ReadFile(project)
	if err != nil {
		t.Fatal(err)
	}
	open := regexp.MustCompile(`(name: age_band, kind: category), values: \[[^]]*\]`).ReplaceAll(text, []byte("$1"))
	if bytes.Equal(open, text) {
		t.Fatal("the project has no age bands to leave open")
	}
	if err := os.WriteFile(project, open, 0o600); err != nil {
		t.Fatal(err)
	}
	var files []string
	for i, p := range parties {
		extract, err := filepath.Glob(filepath.Join(borough, p, "extract.*"))
		if err != nil || len(extract) != 1 {
			t.Fatalf("party %s has the extracts %q (%v)", p, extract, err)
		}
		mustHash(t, hashRun{extract: extract[0], project: project, party: p, key: filepath.Join(borough, "project.key"), out: dir, random: seeded(byte(10 + i))})
		files = append(files, filepath.Join(dir, p+".filters"))
	}
	reversed := slices.Clone(files)
	slices.Reverse(reversed)
	turned := append(slices.Clone(files[2:]), files[:2]...)
	for _, personIDs := range []string{"shared", "per-party"} {
		project := filepath.Join(dir, personIDs+".yaml")
		if err := os.WriteFile(project, bytes.Replace(open, []byte("person_ids: shared"), []byte("person_ids: "+personIDs), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		var want map[string]string
		for _, run := range []struct {
			name    string
			files   []string
			workers int
		}{{"as named", files, 1}, {"two cores", files, 2}, {"reversed", reversed, 7}, {"turned", turned, 1}, {"turned, all cores", turned, 0}} {
			out := filepath.Join(t.TempDir(), "linked")
			l := linkRun{app: quietApp(new(bytes.Buffer)), files: run.files, project: project, out: out, workers: run.workers, random: seeded(4)}
			m, err := l.run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if m.Persons >= m.Records {
				t.Fatalf("%d records are %d persons: nothing was linked", m.Records, m.Persons)
			}
			got := digestTree(t, out)
			if want == nil {
				want = got
			}
			sameTree(t, personIDs+", "+run.name, got, want)
		}
	}
}

// drawnAnew reports whether a file of the demo differs each time it is told: keys that
// seal and sign are never drawn from a seed, and what they made, or names them, follows.
func drawnAnew(path string) bool {
	name := filepath.Base(path)
	for _, end := range []string{".identity", ".filters", ".links", ".receipt.json", ".partners", ".seen"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return slices.Contains([]string{"project.yaml", "manifest.json", "borough.ledger", "release.mark"}, name)
}

// A demo told twice from one seed is the same story, with the same files but for
// those that keys drawn anew go into.
func TestDemoSameFromItsSeed(t *testing.T) {
	if testing.Short() {
		t.Skip("tells the demo three times")
	}
	type story struct {
		tree map[string]string
		text string
	}
	tell := func(seed uint64) story {
		t.Chdir(t.TempDir())
		var out, errs bytes.Buffer
		a := &app{ui: newUI(strings.NewReader(""), &out, &errs)}
		d := demoRun{app: a, people: 2000, seed: seed, setting: "clean", out: "demo"}
		if err := d.run(context.Background()); err != nil {
			t.Fatalf("%v\n%s", err, &errs)
		}
		var lines []string
		for line := range strings.Lines(out.String()) {
			if !strings.Contains(line, "it took") {
				lines = append(lines, line)
			}
		}
		tree := digestTree(t, "demo")
		maps.DeleteFunc(tree, func(path, _ string) bool { return drawnAnew(path) })
		return story{tree, strings.Join(lines, "")}
	}
	// Files say the day they were made.
	var first, second story
	for day := ""; day != time.Now().UTC().Format(time.DateOnly); {
		day = time.Now().UTC().Format(time.DateOnly)
		first, second = tell(1), tell(1)
	}
	sameTree(t, "told again", second.tree, first.tree)
	if first.text != second.text {
		t.Errorf("the story is\n%s\nand then\n%s", first.text, second.text)
	}
	other := tell(2)
	for path, sum := range other.tree {
		if strings.HasSuffix(path, ".map.csv") && first.tree[path] == sum {
			t.Errorf("another seed gives the same %s", path)
		}
	}
}
