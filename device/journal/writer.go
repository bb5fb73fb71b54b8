package journal

import (
	"context"
	"sync"

	"latchkey/sync/wire"
)

// Stored is the result of one batch of a Writer.
type Stored struct {
	Batch uint64 // from Writer.Append
	First uint64 // number of its first record
	Err   error  // nil: its records are stored
}

// A Writer appends for a loop that must not wait. Batches that are queued while the
// disk is busy are stored together, with one write and one fdatasync.
type Writer struct {
	j      *Journal
	stored func(Stored)

	mu    sync.Mutex
	queue []queued
	held  int           // records in the queue
	wake  chan struct{} // holds one while there is something in the queue
}

// queued is a batch that waits to be stored or refused.
type queued struct {
	batch   uint64
	records []wire.Record
	refused bool
}

// maxQueued is how many records may wait for a disk that does not answer.
const maxQueued = 1024

// NewWriter returns a Writer that calls stored with the result of each batch, in
// order, on the goroutine of Run.
func NewWriter(j *Journal, stored func(Stored)) *Writer {
	return &Writer{j: j, stored: stored, wake: make(chan struct{}, 1)}
}

// Append queues a batch and never blocks. If too many records wait, the result is
// ErrBusy. The Writer owns the records from now on.
func (w *Writer) Append(batch uint64, records []wire.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	q := queued{batch, records, w.held+len(records) > maxQueued}
	if q.refused {
		q.records = nil
	}
	w.held += len(q.records)
	w.queue = append(w.queue, q)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run stores what is queued until ctx is done, and then what is left.
func (w *Writer) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			w.drain()
			return ctx.Err()
		case <-w.wake:
			w.drain()
		}
	}
}

func (w *Writer) drain() {
	for waiting := w.take(); len(waiting) > 0; waiting = w.take() {
		w.store(waiting)
	}
}

func (w *Writer) take() []queued {
	w.mu.Lock()
	defer w.mu.Unlock()
	waiting := w.queue
	w.queue, w.held = nil, 0
	return waiting
}

func (w *Writer) store(waiting []queued) {
	batches := make([][]wire.Record, 0, len(waiting))
	for _, q := range waiting {
		if !q.refused {
			batches = append(batches, q.records)
		}
	}
	w.j.mu.Lock()
	answers, err := w.j.store(batches)
	w.j.unlock()
	for _, q := range waiting {
		switch {
		case q.refused:
			w.stored(Stored{Batch: q.batch, Err: ErrBusy})
		case err != nil:
			w.stored(Stored{Batch: q.batch, Err: err})
		default:
			w.stored(Stored{q.batch, answers[0].first, answers[0].err})
			answers = answers[1:]
		}
	}
	w.j.mu.Lock()
	w.j.tidy()
	w.j.unlock()
}
