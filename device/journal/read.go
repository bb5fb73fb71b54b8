package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"

	"latchkey/sync/wire"
)

// cursor is a point between two records of a segment.
type cursor struct {
	first  uint64    // of the segment
	kept   uint64    // from its header: another value means another file
	number uint64    // of the next record, if none was dropped
	hash   wire.Hash // of the record before
	offset int64     // in the file
	count  uint64    // records before it in the file
}

// Records returns the stored records in order: from a number on, or from the oldest
// one held if that is higher, up to the last. It holds one file and one record at a
// time, and appends go on meanwhile. It checks each record's checksum and the chain.
// It drops what is damaged (records.dropped) and goes on after it. If that or the
// reading fails, the error ends the sequence.
func (j *Journal) Records(from uint64) iter.Seq2[wire.StoredRecord, error] {
	return func(yield func(wire.StoredRecord, error) bool) {
		want := from
		for {
			part, ok := j.locate(want)
			if !ok {
				return
			}
			next, err := j.readPart(part, max(want, part.first), func(e wire.StoredRecord) bool { return yield(e, nil) })
			var bad *damage
			switch {
			case err == errStopped:
				return
			case errors.As(err, &bad):
				if err := j.dropDamaged(part.first, next, bad.Error()); err != nil {
					yield(wire.StoredRecord{}, err)
					return
				}
				next = max(want, next)
			case err != nil:
				yield(wire.StoredRecord{}, fmt.Errorf("journal: %w", err))
				return
			}
			want = next
		}
	}
}

// part is what is stored in a segment, and may be read.
type part struct {
	first  uint64
	last   uint64    // the last record
	hash   wire.Hash // of that record; zero if not known
	limit  int64     // the end of what is stored
	cursor cursor    // where the last reading ended
}

// locate returns the segment that holds record number, or the next one held.
func (j *Journal) locate(number uint64) (p part, ok bool) {
	j.mu.Lock()
	defer j.unlock()
	n := len(j.segments)
	if n == 0 || number > j.last {
		return p, false
	}
	i := n - 1
	for i > 0 && j.segments[i].first > number {
		i--
	}
	p = part{first: j.segments[i].first, last: j.last, hash: j.hash, limit: j.end, cursor: j.read}
	if i < n-1 {
		next := j.segments[i+1]
		p.last, p.hash, p.limit = next.first-1, next.before, math.MaxInt64
	}
	return p, true
}

// damage says that a segment does not hold what was stored in it.
type damage struct{ err error }

func (d *damage) Error() string { return plain(d.err).Error() }

var errStopped = errors.New("stopped")

// readPart passes the records of a part from number want on to yield. It returns the
// number to go on with; after damage that is the first damaged record. Errors:
// errStopped, *damage, and that of opening the file.
func (j *Journal) readPart(p part, want uint64, yield func(wire.StoredRecord) bool) (next uint64, err error) {
	s, err := j.scan(p.first, p.limit)
	if err != nil {
		return j.unread(p, err)
	}
	defer s.close()
	if c := p.cursor; c.first == p.first && c.kept == s.header.kept && c.number <= want {
		s.number, s.before, s.count = c.number, c.hash, c.count
		s.seek(c.offset, p.limit)
	}
	for s.number <= p.last {
		e, _, _, err := s.next()
		if s.ended(err) {
			break
		}
		if err != nil {
			if err == io.EOF {
				err = errors.New("ends too early")
			}
			return s.number, &damage{err}
		}
		if e.Number < want {
			continue
		}
		if !yield(e) {
			j.mark(s)
			return e.Number + 1, errStopped
		}
	}
	if s.number == p.last+1 && s.before != p.hash && p.hash != (wire.Hash{}) {
		return p.first, &damage{errors.New("does not lead to what follows it")}
	}
	j.mark(s)
	return p.last + 1, nil
}

// mark remembers where reading ended.
func (j *Journal) mark(s *scanner) {
	j.mu.Lock()
	defer j.unlock()
	j.read = cursor{s.header.first, s.header.kept, s.number, s.before, s.frames.end, s.count}
}

// unread says why a segment cannot be opened: it was removed meanwhile, it is damaged,
// or opening it fails.
func (j *Journal) unread(p part, err error) (next uint64, _ error) {
	if errors.Is(err, fs.ErrNotExist) && !j.holds(p.first) {
		return p.last + 1, nil
	}
	var of *fs.PathError
	if errors.As(err, &of) && of.Op == "open" && !errors.Is(err, fs.ErrNotExist) {
		return p.first, err
	}
	return p.first, &damage{err}
}

// holds says whether the segment that begins with record first is held.
func (j *Journal) holds(first uint64) bool {
	j.mu.Lock()
	defer j.unlock()
	return j.index(first) >= 0
}

func (j *Journal) index(first uint64) int {
	for i := range j.segments {
		if j.segments[i].first == first {
			return i
		}
	}
	return -1
}
