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

// cursor is a place between two records of a segment.
type cursor struct {
	first  uint64    // of the segment
	kept   uint64    // as its header has it: another number is another file
	number uint64    // of the record that comes next, or would if none was taken out
	hash   wire.Hash // of the one before
	offset int64     // in the file
	count  uint64    // records before it in the file
}

// Records returns what is stored from a number on, or from the oldest record
// held if that comes later, for publishing: in order, up to the record that is
// the last when it is reached. It holds one file and one record at a time, and
// appends go on meanwhile. Every entry is checked against its checksum and the
// chain. Damage that it meets is put on record (records.dropped) and gone
// round; an error says that this, or the reading, failed, and ends it.
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
				if err := j.lose(part.first, next, bad.Error()); err != nil {
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

// part is what may be read of a segment.
type part struct {
	first  uint64
	last   uint64    // nothing behind this record is stored in it
	hash   wire.Hash // of that record; zero if it is not known
	limit  int64     // nothing is stored behind this offset either
	cursor cursor    // where reading ended the last time
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

// readPart hands the records of a part from number want on to yield. It returns
// the number to go on with, which after damage is the first that is lost.
// Errors: errStopped, *damage, and what keeps a file from being opened.
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

// unread says what it means that a segment cannot be opened: it went meanwhile,
// or it is damaged from its start, or it cannot be opened now.
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
