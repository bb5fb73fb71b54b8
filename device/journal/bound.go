package journal

import (
	"errors"
	"math"

	"latchkey/sync/wire"
)

// makeRoom takes one step to free space if the journal is above its bounds, or if
// the disk has no room to allocate segments ahead. It deletes quarantined files
// first, then expendable records, and others only above the bounds. What a step
// drops is recorded before it is dropped.
func (j *Journal) makeRoom() {
	records, bytes := j.held()
	full := records > j.o.MaxRecords || bytes > j.o.MaxBytes
	if !full && (!j.lacksRoom() || j.dropQuarantined()) {
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

// held returns the journal's size in records and bytes, including segments
// allocated ahead.
func (j *Journal) held() (records uint64, bytes int64) {
	for _, s := range j.segments[:len(j.segments)-1] {
		records += s.count
		bytes += s.bytes
	}
	count, size := j.newest()
	return records + count, bytes + max(size, j.allocated()) + int64(len(j.spares))*j.allocated()
}

// dropOldest drops the oldest segments until a fiftieth of the bounds is free, so
// that a full journal need not do so for each record.
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

// thin drops a segment's expendable records. It first writes the other records to
// a new file; if the disk has no room, it frees a segment allocated ahead for that.
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
		// Nothing can be dropped here; damage is handled when it is read.
		j.segments[i].thin = true
	}
}

var errNothing = errors.New("nothing to drop")
