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
	keeps bool
	all   []wire.StoredRecord                   // if keeps
	told  func(from, to uint64, hash wire.Hash) // the controller says that it has those records
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

// append adds a record, made at a time by the reader's clock.
func (j *journal) append(r wire.Record, wall time.Time, trusted bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r.Number, r.Before, r.Time, r.Trusted, r.Running = j.last+1, j.hash, wall.UnixMilli(), trusted, uint64(time.Since(j.began).Milliseconds())
	encoded, err := r.Encode()
	if err != nil {
		return err
	}
	j.last, j.hash = r.Number, wire.Sum(encoded)
	stored := wire.StoredRecord{Number: j.last, Hash: j.hash, Encoded: encoded}
	j.kept = append(j.kept, stored)
	if j.keeps {
		j.all = append(j.all, stored)
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
	if first := j.First(); id == j.id && number >= first {
		j.told(first, number, hash)
	}
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
