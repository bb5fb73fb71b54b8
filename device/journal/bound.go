package journal

import (
	"errors"
	"math"

	"latchkey/sync/wire"
)

// makeRoom takes one step towards the bounds if the journal is above them, or if
// the disk has no room to allocate segments ahead: what was set aside goes first,
// then what is expendable; the rest goes at the bounds only. The step is on record
// before it is taken.
func (j *Journal) makeRoom() {
	records, bytes := j.held()
	full := records > j.o.MaxRecords || bytes > j.o.MaxBytes
	if !full && (!j.lacksRoom() || j.dropAside()) {
		return
	}
	if full && len(j.segments) == 1 && j.begin() != nil {
		return
	}
	for i := range len(j.segments) - 1 {
		if !j.segments[i].thin {
			j.thin(i, !full)
			j.makeSpares()
			return
		}
	}
	if full {
		j.dropOldest(records, bytes)
	}
}

// held returns how many records the journal holds, in how many bytes, those that
// are allocated ahead included.
func (j *Journal) held() (records uint64, bytes int64) {
	for _, s := range j.segments[:len(j.segments)-1] {
		records += s.count
		bytes += s.bytes
	}
	count, size := j.newest()
	return records + count, bytes + max(size, j.allocated()) + int64(len(j.spares))*j.allocated()
}

// dropOldest drops the oldest segments, until a fiftieth of the bounds is free:
// not one record for each that comes.
func (j *Journal) dropOldest(records uint64, bytes int64) {
	n, count := 0, uint64(0)
	for n < len(j.segments)-1 && (n == 0 || records > j.o.MaxRecords-j.o.MaxRecords/50 || bytes > j.o.MaxBytes-j.o.MaxBytes/50) {
		records -= j.segments[n].count
		bytes -= j.segments[n].bytes
		count += j.segments[n].count
		n++
	}
	r := wire.Record{First: j.segments[0].first, Last: j.segments[n].first - 1, Hash: j.segments[n].before, Count: count, Reason: "full"}
	if j.drop(r) != nil {
		return
	}
	for range n {
		if j.remove(j.segments[0].first) != nil {
			return
		}
		j.segments = j.segments[1:]
	}
}

// thin drops from a segment what is expendable. What is kept is written aside first:
// if the disk has no room for that, in the place of a segment allocated ahead.
func (j *Journal) thin(i int, noRoom bool) {
	first := j.segments[i].first
	r := wire.Record{Reason: "full"}
	s, err := j.scan(first, math.MaxInt64)
	if err != nil {
		j.segments[i].thin = true
		return
	}
	defer s.close()
	kept, err := j.rewrite(s, j.segments[i+1].first-1, func(e wire.StoredRecord, record *wire.Record) bool {
		if !record.Expendable() {
			return true
		}
		if r.Count++; r.First == 0 {
			r.First = e.Number
		}
		r.Last, r.Hash = e.Number, e.Hash
		return false
	}, func() error {
		if r.Count == 0 {
			return errNothing
		}
		if err := j.drop(r); err != nil {
			return err
		}
		if noRoom {
			j.freeSpare()
		}
		return nil
	})
	var bad *damage
	switch {
	case err == nil:
		j.segments[i] = *kept
	case err == errNothing, errors.As(err, &bad):
		// There is nothing to gain here; damage is seen to when it is read.
		j.segments[i].thin = true
	}
}

var errNothing = errors.New("nothing to drop")
