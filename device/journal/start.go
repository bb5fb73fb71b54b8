package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"latchkey/sync/wire"
)

// start continues the journal in the directory, or begins a new one.
func (j *Journal) start() {
	j.findSpares()
	defer j.makeSpares() // if it fails, an append tries again
	zero := j.o.State.Encode()
	j.began, j.damaged = j.resume()
	if j.began == "" {
		return
	}
	j.id, j.segments, j.end, j.last, j.hash, j.stamp = wire.JournalID{}, nil, 0, 0, wire.Hash{}, stamp{}
	rand.Read(j.id[:])
	j.o.State.Apply(wire.Record{Kind: wire.Checkpoint, State: zero})
	j.begin() // if it fails, Append tries again and returns the error
}

// resume reads the newest segment. It returns why a new journal must begin, and what
// is wrong with the files that must be quarantined before.
func (j *Journal) resume() (began, damaged string) {
	firsts, err := j.list()
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(firsts) == 0:
		if j.o.Fresh {
			return string(wire.ReasonNew), ""
		}
		return "there is no journal", ""
	case err != nil:
		reason := fmt.Sprintf("the journal cannot be read: %v", plain(err))
		return reason, reason
	}
	for _, first := range firsts {
		j.segments = append(j.segments, j.remember(first))
	}
	for i := range len(firsts) - 1 {
		if s := &j.segments[i]; !s.thin {
			s.count = firsts[i+1] - s.first
		}
	}
	newest := firsts[len(firsts)-1]
	if err := j.replay(newest); err != nil {
		reason := fmt.Sprintf("%s: %v", segmentName(newest), plain(err))
		return reason, reason
	}
	return "", ""
}

// list returns the first numbers of the segments, in ascending order. It removes
// segments that were not written to their end.
func (j *Journal) list() (firsts []uint64, err error) {
	entries, err := os.ReadDir(j.o.Dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if first, ok := segmentFirst(entry.Name()); ok {
			firsts = append(firsts, first)
		} else if strings.HasSuffix(entry.Name(), segmentSuffix+newSuffix) {
			os.Remove(j.path(entry.Name()))
		}
	}
	slices.Sort(firsts)
	return firsts, nil
}

// remember returns what can be known of a segment without reading its records. A
// damaged header is found when the segment is read.
func (j *Journal) remember(first uint64) segment {
	s := segment{first: first}
	f, err := os.Open(j.path(segmentName(first)))
	if err != nil {
		return s
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		s.bytes = info.Size()
	}
	if h, err := readHeader(f); err == nil && h.first == first {
		s.before, s.thin = h.before, h.kept > 0
		if s.thin {
			s.count = h.kept - 1
		}
	}
	return s
}

// replay applies the records of the newest segment to the state, and opens the segment
// for appending if it ends cleanly. It ignores an append that was not written to its
// end.
func (j *Journal) replay(first uint64) error {
	info, err := os.Stat(j.path(segmentName(first)))
	if err != nil {
		return err
	}
	s, err := j.scan(first, info.Size())
	if err != nil {
		return err
	}
	defer s.close()
	if s.header.kept != 0 {
		return errors.New("records were dropped from it, so it is not the newest")
	}
	j.id = s.header.id
	var batch []wire.Record
	clean := true
	for {
		e, r, more, err := s.next()
		if err != nil && !s.broken {
			return err
		}
		if err != nil {
			how, reading := s.ending()
			if reading != nil {
				return reading
			}
			if how == damaged {
				return err
			}
			clean = how == ended && len(batch) == 0
			break
		}
		if batch = append(batch, *r); len(batch) > maxBatch {
			return fmt.Errorf("more than %d records in one append", maxBatch)
		}
		if more {
			continue
		}
		for _, r := range batch {
			j.o.State.Apply(r)
		}
		batch = batch[:0]
		j.last, j.hash, j.end = e.Number, e.Hash, s.frames.end
		j.stamp = stampOf(*r)
	}
	if j.last == 0 {
		return errors.New("holds no record")
	}
	if !clean {
		j.begin() // if it fails, Append tries again
		return nil
	}
	// A process that was killed may have left its last append in memory only.
	f, err := os.OpenFile(j.path(segmentName(first)), os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	allocate(f, info.Size(), j.allocated())
	if err := j.syncData(f); err != nil {
		f.Close()
		return nil
	}
	j.file = f
	return nil
}
