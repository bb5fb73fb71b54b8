package journal

import (
	"context"
	"sync"

	"latchkey/sync/wire"
)

// Stored answers one batch of a Writer.
type Stored struct {
	Batch uint64 // as it was handed to Writer.Append
	First uint64 // number of its first record
	Err   error  // nil: its records are stored
}

// A Writer appends for a loop that must not wait. What is queued while the
// disk is busy is stored together, with one write and one fdatasync.
type Writer struct {
	j      *Journal
	stored func(Stored)

	mu    sync.Mutex
	queue []queued
	held  int           // records in the queue
	wake  chan struct{} // there is something in the queue
}

// queued is a batch that waits for its turn, or to be refused.
type queued struct {
	batch   uint64
	records []wire.Record
	refused bool
}

// maxQueued is how many records wait for a disk that does not answer.
const maxQueued = 1024

// NewWriter returns a Writer that hands each batch's answer, in order, to
// stored, on the goroutine of Run.
func NewWriter(j *Journal, stored func(Stored)) *Writer {
	return &Writer{j: j, stored: stored, wake: make(chan struct{}, 1)}
}

// Append queues a batch. It never blocks; while too many records wait it will
// be answered with ErrBusy. The records are the Writer's from now on.
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

// Run stores what is queued until ctx is done, then what is left.
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

// drain stores what is queued, and tidies up when nobody waits.
func (w *Writer) drain() {
	for {
		waiting := w.take()
		if len(waiting) == 0 {
			return
		}
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
