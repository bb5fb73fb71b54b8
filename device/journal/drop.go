package journal

import (
	"errors"
	"fmt"
	"math"
	"os"

	"latchkey/sync/wire"
)

// dropDamaged drops the records of a damaged segment from number on. It stores the
// record that says so, quarantines the segment, and writes what comes before the
// damage anew. If the segment is the newest, it begins a new one first.
func (j *Journal) dropDamaged(first, number uint64, reason string) error {
	j.mu.Lock()
	defer j.unlock()
	i := j.index(first)
	if i < 0 {
		return nil
	}
	if j.file == nil || i == len(j.segments)-1 {
		if err := j.begin(); err != nil {
			return err
		}
	}
	j.read = cursor{}
	next := j.segments[i+1]
	if err := j.drop(wire.Record{First: number, Last: next.first - 1, Hash: next.before, Count: next.first - number, Reason: wire.ReasonDamaged}); err != nil {
		return err
	}
	s, err := j.scan(first, math.MaxInt64)
	if err != nil {
		// An empty segment takes its place: the gap is known.
		s = &scanner{header: header{id: j.id, first: first}, number: number}
	}
	defer s.close()
	why := fmt.Sprintf("%s: record %d: %s", segmentName(first), number, reason)
	if err := j.withRoom(func() error { return j.quarantine(why, first) }); err != nil {
		return fault("quarantine", err)
	}
	j.freeSpare() // for what is kept, which is written anew; an append allocates it again
	kept, err := j.rewrite(s, number-1, func(wire.StoredRecord, *wire.Record) bool { return true }, func() error { return nil })
	if err != nil {
		return err
	}
	j.segments[i] = *kept
	return nil
}

// drop stores the record that says which records go.
func (j *Journal) drop(r wire.Record) error {
	r.Kind = wire.RecordsDropped
	r.Time, r.Trusted, r.Running = j.stamp.time, j.stamp.trusted, j.stamp.running
	answers, err := j.store([][]wire.Record{{r}})
	if err != nil {
		return err
	}
	return answers[0].err
}

// remove removes a segment durably.
func (j *Journal) remove(first uint64) error {
	err := os.Remove(j.path(segmentName(first)))
	if err == nil || errors.Is(err, os.ErrNotExist) {
		err = j.syncDir(j.o.Dir)
	}
	if err != nil {
		return fault("remove a segment", err)
	}
	return nil
}

// rewrite replaces an older segment by those of its records up to number last that
// keep accepts. It calls may once it knows them, and stops on an error. Errors:
// *damage, that of may, a fault of the disk.
func (j *Journal) rewrite(s *scanner, last uint64, keep func(wire.StoredRecord, *wire.Record) bool, may func() error) (*segment, error) {
	h := s.header
	h.kept = 1
	b := h.encode()
	for s.number <= last {
		e, r, _, err := s.next()
		if s.ended(err) {
			break
		}
		if err != nil {
			return nil, &damage{err}
		}
		if keep(e, r) {
			b = appendFrame(b, e.Encoded, 0)
			h.kept++
		}
	}
	if err := may(); err != nil {
		return nil, err
	}
	copy(b, h.encode())
	f, err := j.writeSegment(h.first, b, int64(len(b)))
	if err == nil {
		f.Close()
		err = os.Rename(f.Name(), j.path(segmentName(h.first)))
	}
	if err == nil {
		err = j.syncDir(j.o.Dir)
	}
	if err != nil {
		return nil, fault("rewrite a segment", err)
	}
	return &segment{first: h.first, before: h.before, count: h.kept - 1, bytes: int64(len(b)), thin: true}, nil
}
