package journal

import (
	"fmt"

	"latchkey/sync/wire"
)

// Ack says that the controller has all records up to a number, whose hash is
// given: whole segments before the newest go. wire.ErrUnfit: that is not the hash
// of this record of this journal here, so nothing goes. What went already is no
// error.
func (j *Journal) Ack(id wire.JournalID, number uint64, hash wire.Hash) error {
	held, gone, err := j.hashOf(id, number)
	if err != nil || gone {
		return err
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

// hashOf returns the hash of a record; gone says that it went before.
func (j *Journal) hashOf(id wire.JournalID, number uint64) (hash wire.Hash, gone bool, err error) {
	hash, gone, known, err := j.knownHash(id, number)
	if known || err != nil {
		return hash, gone, err
	}
	p, ok := j.locate(number)
	if !ok {
		return hash, false, wire.ErrUnfit
	}
	found := false
	_, err = j.readPart(p, number, func(e wire.StoredRecord) bool {
		hash, found = e.Hash, e.Number == number
		return false
	})
	if err != nil && err != errStopped {
		return hash, false, fmt.Errorf("journal: record %d: %w", number, err)
	}
	if !found {
		return hash, false, fmt.Errorf("journal: record %d: %w", number, wire.ErrUnfit)
	}
	return hash, false, nil
}

// knownHash answers without reading: for records that went, and for those
// that an acknowledgement mostly names, the one published last and the last
// one of a segment.
func (j *Journal) knownHash(id wire.JournalID, number uint64) (hash wire.Hash, gone, known bool, err error) {
	j.mu.Lock()
	defer j.unlock()
	switch {
	case id != j.id, number == 0, number > j.last:
		return hash, false, false, fmt.Errorf("journal: record %d: %w", number, wire.ErrUnfit)
	case number < j.segments[0].first:
		return hash, true, true, nil
	case number == j.last:
		return j.hash, false, true, nil
	case number == j.read.number-1:
		return j.read.hash, false, true, nil
	}
	for _, s := range j.segments {
		if s.first == number+1 && s.before != (wire.Hash{}) {
			return s.before, false, true, nil
		}
	}
	return hash, false, false, nil
}
