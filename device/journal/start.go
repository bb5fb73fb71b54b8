package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"latchkey/sync/wire"
)

// start takes up the journal that lies in the directory, or begins a new one.
func (j *Journal) start() {
	j.findSpares()
	defer j.makeSpares() // what cannot be had now is tried for after each append
	j.began, j.aside = j.takeUp()
	if j.began == "" {
		return
	}
	j.id, j.segments, j.end, j.last, j.hash, j.stamp = wire.JournalID{}, nil, 0, 0, wire.Hash{}, stamp{}
	rand.Read(j.id[:])
	j.reset()
	// What fails here is tried again by Append, which says so.
	j.begin()
}

// reset takes the fold back to the zero state.
func (j *Journal) reset() {
	j.o.Fold.Apply(wire.Record{Kind: wire.Checkpoint, State: j.zero})
}

// takeUp reads the newest segment. It returns why a new journal must begin, and
// if files must be set aside before, why.
func (j *Journal) takeUp() (began, aside string) {
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

// list returns the first numbers of the segments, ascending, and removes what
// was being written aside when the reader stopped.
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

// remember returns what can be known of a segment without reading it through.
// A header that cannot be read is found damaged when the segment is read.
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
	b := make([]byte, headerSize)
	if _, err := io.ReadFull(f, b); err != nil {
		return s
	}
	if h, err := decodeHeader(b); err == nil && h.first == first {
		s.before, s.thin = h.before, h.kept > 0
		if s.thin {
			s.count = h.kept - 1
		}
	}
	return s
}

// replay folds the newest segment, and opens it for appending if it ends
// cleanly. Frames of an append that was not written to its end are not records.
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
		return errors.New("not a segment that was appended to")
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
			j.o.Fold.Apply(r)
		}
		batch = batch[:0]
		j.last, j.hash, j.end = e.Number, e.Hash, s.frames.end
		j.stamp = stamp{r.Time, r.Trusted, r.Running}
	}
	if j.last == 0 {
		return errors.New("holds no record")
	}
	if !clean {
		j.begin() // what fails is tried again by Append
		return nil
	}
	// What a process wrote before it was killed may not be on the disk yet.
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
