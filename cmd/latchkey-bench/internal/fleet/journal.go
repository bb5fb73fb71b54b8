package fleet

import (
	"crypto/rand"
	"iter"
	"sync"
	"time"

	"latchkey/sync/wire"
)

// A journal is a reader's journal without a disk. It keeps what the controller has not
// acknowledged.
type journal struct {
	mu    sync.Mutex
	id    wire.JournalID
	kept  []wire.StoredRecord
	last  uint64
	hash  wire.Hash // of the last one
	acked uint64
	began time.Time
	made  []Made // all of them, if they are wanted
	keeps bool
}

// A Made is a record that a reader of a fleet has made.
type Made struct {
	Journal string
	Number  uint64
	Hash    string // of its encoding, hexadecimal
}

func newJournal(keeps bool) *journal {
	j := &journal{began: time.Now(), keeps: keeps}
	rand.Read(j.id[:])
	return j
}

// append makes a record of a kind at a time by the reader's clock.
func (j *journal) append(kind wire.RecordKind, wall time.Time, trusted bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &wire.Record{Number: j.last + 1, Before: j.hash, Kind: kind, Time: wall.UnixMilli(), Trusted: trusted, Running: uint64(time.Since(j.began).Milliseconds())}
	encoded, err := r.Encode()
	if err != nil {
		return err
	}
	j.last, j.hash = r.Number, wire.Sum(encoded)
	j.kept = append(j.kept, wire.StoredRecord{Number: j.last, Hash: j.hash, Encoded: encoded})
	if j.keeps {
		j.made = append(j.made, Made{j.id.String(), j.last, j.hash.String()})
	}
	return nil
}

func (j *journal) ID() wire.JournalID { return j.id }

func (j *journal) First() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.acked + 1
}

func (j *journal) Last() (uint64, wire.Hash) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last, j.hash
}

func (j *journal) Records(from uint64) iter.Seq2[wire.StoredRecord, error] {
	j.mu.Lock()
	defer j.mu.Unlock()
	kept := j.kept // a record is never changed
	return func(yield func(wire.StoredRecord, error) bool) {
		for _, r := range kept {
			if r.Number >= from && !yield(r, nil) {
				return
			}
		}
	}
}

func (j *journal) Ack(id wire.JournalID, number uint64, hash wire.Hash) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if id != j.id || number > j.last {
		return wire.ErrUnfit
	}
	if number <= j.acked {
		return nil
	}
	i := int(number - j.acked - 1)
	if j.kept[i].Hash != hash {
		return wire.ErrUnfit
	}
	j.acked = number
	if j.kept = j.kept[i+1:]; len(j.kept) == 0 {
		j.kept = nil
	}
	return nil
}

// waiting returns how many records the controller has not acknowledged.
func (j *journal) waiting() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.kept)
}
