package clkhash

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"os"
	"strings"
	"testing"
)

// BenchmarkFile is this side of testdata/speed.py: from CSV to CLKs on one core, checked
// against what clkhash made of the same file. Each pass begins with an empty cache.
func BenchmarkFile(b *testing.B) {
	where := strings.Split(os.Getenv("CLKHASH_SPEED"), "\n")
	if len(where) != 4 {
		b.Skip("CLKHASH_SPEED is not set; testdata/speed.py sets it")
	}
	source, err := os.ReadFile(where[0])
	if err != nil {
		b.Fatal(err)
	}
	csv, err := os.ReadFile(where[1])
	if err != nil {
		b.Fatal(err)
	}
	want, err := os.Open(where[3])
	if err != nil {
		b.Fatal(err)
	}
	defer want.Close()
	e := mustEncoder(b, mustSchema(b, source), where[2], Options{})

	lines := bufio.NewScanner(want)
	lines.Buffer(nil, 1<<20)
	lines.Scan() // count and time
	clks := encodeAll(b, e, csv)
	for i := 0; i < len(clks); i += e.Size() {
		if !lines.Scan() || lines.Text() != base64.StdEncoding.EncodeToString(clks[i:i+e.Size()]) {
			b.Fatalf("row %d differs from clkhash's", i/e.Size()+1)
		}
	}
	rows := len(clks) / e.Size()
	b.ReportAllocs()
	for b.Loop() {
		encodeAll(b, e, csv)
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

func encodeAll(b *testing.B, e *Encoder, csv []byte) (clks []byte) {
	rows, err := NewRows(bytes.NewReader(csv), e.keyed().schema, HeaderCheck)
	if err != nil {
		b.Fatal(err)
	}
	w := e.Worker()
	defer w.Close()
	for {
		cells, err := rows.Next()
		if err == io.EOF {
			return clks
		}
		if err != nil {
			b.Fatal(err)
		}
		if clks, err = w.Encode(clks, rows.Number(), cells); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBlake2b hashes one token that no cache has seen.
func BenchmarkBlake2b(b *testing.B) {
	s := newBlake(make([]byte, 64), [16]byte{'0'})
	token := []byte("SM")
	for b.Loop() {
		s.sum(token)
	}
}
