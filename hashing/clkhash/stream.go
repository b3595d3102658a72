package clkhash

import (
	"context"
	"errors"
	"io"
	"sync"
)

// A file is encoded on all cores in bounded memory, and comes out in its own order.
//
// The place of a CLK in clkhash's file is all that tells whose it is. So a row that cannot
// be encoded can be neither left out nor filled with anything: the file as a whole is
// refused. clkhash stops at the first such row, and its user mends one row at a time; here
// the rest is still looked at, so that all of them are known after one pass.

// batchRows is how many rows a worker takes at a time: enough that handing them over
// costs nothing, and few enough that the memory of all batches on their way is small.
const batchRows = 512

// maxRefusals is how many of the rows that cannot be encoded are kept; the others are
// counted.
const maxRefusals = 1000

// A Tally is what came of a file.
type Tally struct {
	Rows    int         // read
	Refused int         // of these, rows that cannot be encoded
	First   []*RowError // the first of them in their order, at most 1,000
}

// A batch is a run of rows on its way through a worker.
type batch struct {
	first   int // number of its first row
	rows    [][]string
	clks    []byte
	refused []*RowError
	done    chan struct{}
}

// EncodeAll encodes all rows with so many workers and hands the CLKs, in the order of the
// rows, to write: a run of whole CLKs back to back, which write must not keep. It calls
// write no more once a row was refused, and goes on counting: what was written is then of
// no use. An error is that of reading the rows, of write or of ctx; refused rows are in
// the tally and are no error here.
func (e *Encoder) EncodeAll(ctx context.Context, rows *Rows, workers int, write func(clks []byte) error) (Tally, error) {
	workers = max(workers, 1)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Every batch is put into both: work is where some worker takes it from, ordered
	// where its turn comes. The lengths bound what is held.
	work, ordered := make(chan *batch, 2*workers), make(chan *batch, 2*workers)

	var running sync.WaitGroup
	defer running.Wait()
	for range workers {
		running.Go(func() {
			w := e.Worker()
			defer w.Close()
			for b := range work {
				b.encode(w, e.Size())
				close(b.done)
			}
		})
	}
	var readErr error
	running.Go(func() {
		defer close(ordered)
		defer close(work)
		readErr = readBatches(ctx, rows, func(b *batch) bool {
			if ctx.Err() != nil {
				return false
			}
			select {
			case ordered <- b:
			case <-ctx.Done():
				return false
			}
			work <- b // the workers take every batch there is
			return true
		})
	})

	var t Tally
	var err error
	for b := range ordered {
		<-b.done
		if err != nil {
			continue // let the reader come to its end
		}
		t.Rows += len(b.rows)
		t.Refused += len(b.refused)
		t.First = append(t.First, b.refused[:min(len(b.refused), maxRefusals-len(t.First))]...)
		if t.Refused == 0 {
			if err = write(b.clks); err != nil {
				cancel()
			}
		}
	}
	// ordered is closed after readErr was set.
	if err == nil {
		err = readErr
	}
	return t, err
}

// readBatches reads all rows and gives them out in batches until give says that nobody
// takes them any more.
func readBatches(ctx context.Context, rows *Rows, give func(*batch) bool) error {
	b := newBatch(1)
	for {
		cells, err := rows.Next()
		if err != nil || len(b.rows) == batchRows {
			if len(b.rows) > 0 && !give(b) {
				return ctx.Err()
			}
			b = newBatch(rows.Number())
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		b.rows = append(b.rows, append([]string(nil), cells...))
	}
}

func newBatch(first int) *batch { return &batch{first: first, done: make(chan struct{})} }

func (b *batch) encode(w *Worker, size int) {
	b.clks = make([]byte, 0, len(b.rows)*size)
	for i, cells := range b.rows {
		var err error
		b.clks, err = w.Encode(b.clks, b.first+i, cells)
		var refused *RowError
		if errors.As(err, &refused) {
			b.refused = append(b.refused, refused)
		}
	}
	clear(b.rows)
}
