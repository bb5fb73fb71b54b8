package journal

import (
	"fmt"

	"latchkey/sync/wire"
)

// Ack says that the controller has all records up to a number, whose hash it gives.
// It removes the segments before the newest that end there. The error wraps
// wire.ErrUnfit, and nothing is removed, if this journal holds no such record. An Ack
// of records that are already removed does nothing.
func (j *Journal) Ack(id wire.JournalID, number uint64, hash wire.Hash) error {
	last, _ := j.Last()
	switch {
	case id != j.id, number == 0, number > last:
		return fmt.Errorf("journal: record %d: %w", number, wire.ErrUnfit)
	case number < j.First():
		return nil
	}
	held, err := j.hashOf(number)
	if err != nil {
		return fmt.Errorf("journal: record %d: %w", number, err)
	}
	if held != hash {
		return fmt.Errorf("journal: record %d with another hash: %w", number, wire.ErrUnfit)
	}
	j.mu.Lock()
	defer j.unlock()
	j.acked = max(j.acked, number)
	for len(j.segments) > 1 && j.segments[1].first <= number+1 {
		if err := j.remove(j.segments[0].first); err != nil {
			return err
		}
		j.segments = j.segments[1:]
	}
	return nil
}

// hashOf returns the hash of a record; wire.ErrUnfit if it is not held.
func (j *Journal) hashOf(number uint64) (hash wire.Hash, err error) {
	if hash, ok := j.knownHash(number); ok {
		return hash, nil
	}
	err = wire.ErrUnfit
	p, ok := j.locate(number)
	if !ok {
		return hash, err
	}
	_, failed := j.readPart(p, number, func(e wire.StoredRecord) bool {
		if e.Number == number {
			hash, err = e.Hash, nil
		}
		return false
	})
	if failed != nil && failed != errStopped {
		err = failed
	}
	return hash, err
}

// knownHash returns the hash of a record if that takes no reading: it does not for
// those that an acknowledgement mostly names, the last one read and the last one of a
// segment.
func (j *Journal) knownHash(number uint64) (hash wire.Hash, ok bool) {
	j.mu.Lock()
	defer j.unlock()
	switch number {
	case j.last:
		return j.hash, true
	case j.read.number - 1:
		return j.read.hash, true
	}
	for _, s := range j.segments {
		if s.first == number+1 && s.before != (wire.Hash{}) {
			return s.before, true
		}
	}
	return hash, false
}
