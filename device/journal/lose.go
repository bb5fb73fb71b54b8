package journal

import (
	"errors"
	"fmt"
	"math"
	"os"

	"latchkey/sync/wire"
)

// lose gives up the records of a damaged segment from number on: it puts on
// record that they are lost, keeps what comes before them and sets the damaged
// segment aside. The fold does not depend on it: if it is the newest, a new one
// is begun before.
func (j *Journal) lose(first, number uint64, reason string) error {
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
		// An empty one in its place says that the gap is known.
		s = &scanner{header: header{id: j.id, first: first}, number: number}
	}
	defer s.close()
	why := fmt.Sprintf("%s: record %d: %s", segmentName(first), number, reason)
	if err := j.withRoom(func() error { return j.setAside(why, first) }); err != nil {
		return fault("set aside", err)
	}
	j.freeSpare() // what is kept is written anew; it is allocated ahead again after an append
	kept, err := j.rewrite(s, number-1, func(wire.StoredRecord, *wire.Record) bool { return true }, func() error { return nil })
	if err != nil {
		return err
	}
	j.segments[i] = *kept
	return nil
}

// drop puts on record that records go.
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
	if err := os.Remove(j.path(segmentName(first))); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault("remove a segment", err)
	}
	if err := j.syncDir(j.o.Dir); err != nil {
		return fault("remove a segment", err)
	}
	return nil
}

// rewrite replaces an older segment by those of its records up to number last
// that are to be kept. Before it does, it asks
// whether it may. Errors: *damage, that of may, a fault of the disk.
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
	f, err := j.writeAside(h.first, b, int64(len(b)))
	if err != nil {
		return nil, fault("rewrite a segment", err)
	}
	f.Close()
	name := j.path(segmentName(h.first))
	if err := os.Rename(name+newSuffix, name); err != nil {
		return nil, fault("rewrite a segment", err)
	}
	if err := j.syncDir(j.o.Dir); err != nil {
		return nil, fault("rewrite a segment", err)
	}
	return &segment{first: h.first, before: h.before, count: h.kept - 1, bytes: int64(len(b)), thin: true}, nil
}
