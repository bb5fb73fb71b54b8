package sync

import (
	"cmp"
	"iter"

	"latchkey/sync/wire"
)

// Cache is the credentials on the reader's disk. Errors of Apply, Begin and
// PutChunks that are not the disk's wrap wire.ErrForked or wire.ErrUnfit.
type Cache interface {
	// Held returns the position of the credentials in use; epoch 0: there are none.
	Held() wire.Position
	// Fault returns what is wrong with it.
	Fault() error
	// Lack returns why the disk has no room for a newer snapshot.
	Lack() error
	// WantsSnapshot says that there are too many deltas, or that some are damaged.
	WantsSnapshot() bool
	// Apply stores a delta; false: it was nothing new.
	Apply(delta *wire.VerifiedDelta) (applied bool, err error)
	// PutKey stores the keys of an epoch.
	PutKey(epoch uint64, keys *wire.EpochKeys) (switched bool, err error)
	// Begin begins to receive a snapshot.
	Begin(manifest *wire.VerifiedManifest) (switched bool, err error)
	// Resume continues the one that was being received before a start.
	Resume() (of wire.Position, switched bool, err error)
	// Missing returns the first chunks that are wanted, and of which snapshot.
	Missing(limit int) (of wire.Position, chunks []int)
	// PutChunks stores as many of the chunks as possible; the error is about the
	// others.
	PutChunks(epoch, revision uint64, chunks []wire.ChunkPart) (switched bool, err error)
}

// Journal is the reader's records.
type Journal interface {
	ID() wire.JournalID
	First() uint64
	Last() (uint64, wire.Hash)
	// Records returns the stored records from a number on.
	Records(from uint64) iter.Seq2[wire.StoredRecord, error]
	// Ack releases records that the controller has; wire.ErrUnfit: not of this journal.
	Ack(id wire.JournalID, number uint64, hash wire.Hash) error
}

// A disk carries out the actions that read or write it.
type disk struct {
	cache       Cache
	journal     Journal
	storePolicy func(*wire.VerifiedPolicy) error
}

// carryOut carries out an action and returns the event that answers it; nil: the
// action is not for the disk.
func (d *disk) carryOut(a Action) Event {
	switch a := a.(type) {
	case Resume:
		of, switched, err := d.cache.Resume()
		return d.cached(Cached{Switched: switched, Resumed: of.Epoch != 0 && !switched, Err: err})
	case Survey:
		return d.cached(Cached{})
	case Apply:
		return d.cached(Cached{Err: d.apply(a.Deltas)})
	case PutKey:
		switched, err := d.cache.PutKey(a.Epoch, a.Keys)
		a.Keys.Wipe()
		return d.cached(Cached{Switched: switched, Err: err})
	case Begin:
		switched, err := d.cache.Begin(a.Manifest)
		return d.cached(Cached{Switched: switched, Err: err})
	case PutChunks:
		switched, err := d.cache.PutChunks(a.Of.Epoch, a.Of.Revision, a.Chunks)
		return d.cached(Cached{Switched: switched, Err: err})
	case StorePolicy:
		return PolicyStored{a.Policy, d.storePolicy(a.Policy)}
	case ReadRecords:
		return d.readRecords(a)
	case TrimRecords:
		err := d.journal.Ack(a.Ack.Journal, a.Ack.Number, a.Ack.Hash)
		return RecordsTrimmed{d.backlog(), err}
	}
	return nil
}

func (d *disk) cached(e Cached) Cached {
	e.CacheState = CacheState{Held: d.cache.Held(), Fault: cmp.Or(d.cache.Fault(), d.cache.Lack()), WantsSnapshot: d.cache.WantsSnapshot()}
	e.Missing, e.Chunks = d.cache.Missing(chunkLimit)
	return e
}

func (d *disk) apply(deltas []*wire.VerifiedDelta) error {
	for _, delta := range deltas {
		if _, err := d.cache.Apply(delta); err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) backlog() Backlog {
	last, _ := d.journal.Last()
	return Backlog{d.journal.ID(), d.journal.First(), last}
}

// readRecords reads one batch.
func (d *disk) readRecords(a ReadRecords) RecordsRead {
	e := RecordsRead{Backlog: d.backlog()}
	if a.Most == 0 {
		return e
	}
	size := 0
	for entry, err := range d.journal.Records(a.From) {
		if err != nil {
			e.Err = err
			break
		}
		size += len(entry.Encoded) + 5
		if len(e.Entries) > 0 && size > batchBytes {
			break
		}
		if e.Entries = append(e.Entries, entry); len(e.Entries) == a.Most {
			break
		}
	}
	return e
}
