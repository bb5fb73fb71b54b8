// Package journal is the durable list of what happened at a reader.
package journal

import (
	"context"
	"errors"
	"iter"

	"latchkey/sync/wire"
)

// A Fold is the state that records add up to; *device.Durable is one. The
// journal owns the fold it is opened with and keeps it at the last record
// stored: whoever wants a copy takes it between Open and the first Append.
type Fold interface {
	Apply(wire.Record)
	Encode() []byte
}

// Options of a journal.
type Options struct {
	Dir   string // created if need be
	Fresh bool   // the reader never had a journal, so it is no damage that there is none
	Fold  Fold   // the zero state; Open applies what it reads to it

	SegmentBytes int64  // a new segment is begun above this; 0: 1 MiB
	MaxRecords   uint64 // 0: 1,000,000
	MaxBytes     int64  // 0: 256 MiB
}

// Faults of an Append: the error wraps one of them and what the system said.
var (
	ErrFull     = errors.New("the disk is full")
	ErrReadOnly = errors.New("the disk is read-only")
	ErrDisk     = errors.New("the disk fails")
	ErrBusy     = errors.New("the disk does not keep up")
)

// ErrNotHeld says that an acknowledgement names a record that is not held.
var ErrNotHeld = errors.New("no such record is held")

// Journal is the records on the disk. Its methods may be called from several
// goroutines.
type Journal struct{}

// Open opens a journal or begins a new one. It never fails: what is wrong with
// the one that was there says Began, what is wrong with the disk says the next
// Append, which tries again.
func Open(o Options) *Journal { return &Journal{} }

// Began returns "" if the journal goes on, "new" if it is a fresh reader's
// first, and otherwise what was wrong with the one before, which was set
// aside: PIN is to be locked out.
func (j *Journal) Began() string { return "" }

// ID returns the journal's id.
func (j *Journal) ID() wire.JournalID { return wire.JournalID{} }

// First returns the number of the oldest record held.
func (j *Journal) First() uint64 { return 1 }

// Last returns the number and the hash of the last record stored.
func (j *Journal) Last() (uint64, wire.Hash) { return 0, wire.Hash{} }

// Append stores records durably, all or none, with one write and one
// fdatasync, and returns the number of the first; it fills in Number and
// Before.
func (j *Journal) Append(records ...wire.Record) (first uint64, err error) { return 0, ErrDisk }

// An Entry is a stored record.
type Entry struct {
	Number  uint64
	Hash    wire.Hash // SHA-256 of Encoded
	Encoded []byte
}

// Records iterates over what is stored from a number on, for publishing.
func (j *Journal) Records(from uint64) iter.Seq2[Entry, error] { return nil }

// Ack says that the controller has all records up to a number, whose hash is
// given: whole segments before the newest go. ErrNotHeld: that is not the hash
// of this record here, so nothing goes.
func (j *Journal) Ack(id wire.JournalID, number uint64, hash wire.Hash) error { return ErrNotHeld }

// Stats counts what was done since Open.
type Stats struct {
	Syncs    uint64 // fdatasync and fsync of files
	DirSyncs uint64 // fsync of directories
	Bytes    uint64 // written, framing included
	Records  uint64 // stored
	Segments uint64 // begun
}

// Stats returns what was done since Open.
func (j *Journal) Stats() Stats { return Stats{} }

// Close lets go of the files.
func (j *Journal) Close() error { return nil }

// Stored answers one batch of a Writer.
type Stored struct {
	Batch uint64
	Err   error // nil: its records are stored
}

// A Writer appends for a loop that must not wait.
type Writer struct{}

// NewWriter returns a Writer that hands each batch's answer, in order, to
// stored, on the goroutine of Run.
func NewWriter(j *Journal, stored func(Stored)) *Writer { return &Writer{} }

// Append queues a batch. It never blocks.
func (w *Writer) Append(batch uint64, records []wire.Record) {}

// Run stores what is queued until ctx is done, then what is left.
func (w *Writer) Run(ctx context.Context) error { return nil }
