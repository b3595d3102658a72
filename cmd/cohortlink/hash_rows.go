package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"sync"

	"cohortlink/formats"
	"cohortlink/hashing"
	"cohortlink/hashing/norm"
)

// batchRows is how many rows a worker takes at a time.
const batchRows = 1024

// batch is a run of rows on its way through a worker. Its place among the batches
// is fixed when it is read, so that the outcome does not depend on the workers.
type batch struct {
	rows   []int      // row numbers
	values [][]string // of each row, for each field; nil once hashed
	local  []string
	ids    []formats.RecordID // of each row, also where it is set aside
	bits   []uint64           // nil where they are spilled
	exact  []formats.ExactKey // of each row, those of the project
	ok     []bool
	codes  []uint16 // needs of each row
	why    []string // of rows not ok
	unread []int    // for each field: values that are there but could not be read as declared
	given  []int    // for each field: values that are there

	spilled int64 // where in the spill file
}

// hashRows reads every row, and hashes on all cores. Rows that the reader itself
// refused come back beside the batches.
func (h *hashRun) hashRows(ctx context.Context, x *formats.Extract, cols *columnMap, local int, e *encoder, left *leaveOut, needs *needCoder, old *earlier, kept *spill) ([]*batch, []rowReason, error) {
	workers := h.workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	work := make(chan *batch, 2*workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			hash, done := e.worker()
			defer done()
			for b := range work {
				hash(b)
				kept.keep(b, e.words)
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
		flush := func() error {
			if len(b.rows) == 0 {
				return nil
			}
			if err := b.drawIDs(h.random, old.ids); err != nil {
				return err
			}
			batches = append(batches, b)
			work <- b
			b = &batch{}
			return nil
		}
		for {
			row, err := x.Next()
			var bad *formats.RowError
			switch {
			case err == io.EOF:
				return flush()
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
				if err := flush(); err != nil {
					return err
				}
				m.set(uint64(x.BytesRead()), uint64(max(x.TotalBytes(), x.BytesRead())))
			}
		}
	}()
	wg.Wait()
	return batches, aside, cmp.Or(err, kept.failed())
}

func (b *batch) hash(w *hashing.Worker, words int, declared []norm.Options) {
	b.bits = make([]uint64, len(b.rows)*words)
	b.ok = make([]bool, len(b.rows))
	for i, values := range b.values {
		if b.why[i] != "" {
			continue
		}
		outcome := w.HashRecord(hashing.RecordID(b.ids[i]), values, b.bits[i*words:][:words])
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
			if misread(p, declared[f]) {
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
