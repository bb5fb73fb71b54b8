package journal

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"latchkey/sync/wire"
)

// maxBatch is the most records of one append.
const maxBatch = 64

// Append stores records durably, all or none, with one write and one fdatasync. It
// fills in Number and Before, and returns the number of the first. After a fault the
// next Append begins a new segment.
func (j *Journal) Append(records ...wire.Record) (first uint64, err error) {
	j.mu.Lock()
	defer j.unlock()
	answers, err := j.store([][]wire.Record{records})
	if err != nil {
		return 0, err
	}
	j.tidy()
	return answers[0].first, answers[0].err
}

// answer is the result for one batch.
type answer struct {
	first uint64
	err   error // of this batch alone
}

// store stores batches with one write and one fdatasync. An error is a fault of the
// disk: no batch is stored.
func (j *Journal) store(batches [][]wire.Record) ([]answer, error) {
	if j.file == nil {
		if err := j.begin(); err != nil {
			return nil, err
		}
	}
	answers, stored, b, last, hash := j.encode(batches)
	if j.end > j.o.SegmentBytes/2 && j.end+int64(len(b)) > j.allocated() && j.begin() == nil {
		answers, stored, b, last, hash = j.encode(batches)
	}
	if len(stored) == 0 {
		return answers, nil
	}
	if err := j.write(b); err != nil {
		j.retire()
		return nil, err
	}
	j.end += int64(len(b))
	j.last, j.hash = last, hash
	for _, r := range stored {
		j.o.State.Apply(r)
		j.stamp = stampOf(r)
	}
	j.stats.Records += uint64(len(stored))
	return answers, nil
}

// encode returns the frames of batches as they would be appended now, the records in
// them, and the number and the hash of the last record. It leaves out a batch that
// cannot be stored, and says so in its answer.
func (j *Journal) encode(batches [][]wire.Record) (answers []answer, stored []wire.Record, b []byte, last uint64, hash wire.Hash) {
	last, hash = j.last, j.hash
	answers = make([]answer, len(batches))
	for i, batch := range batches {
		if answers[i].err = check(batch); answers[i].err != nil {
			continue
		}
		mark, markLast, markHash := len(b), last, hash
		for k, r := range batch {
			r.Number, r.Before = last+1, hash
			encoded, err := r.Encode()
			if err != nil {
				answers[i].err = fmt.Errorf("journal: %w: %s: %w", ErrRecord, r.Kind, err)
				break
			}
			flags := uint32(0)
			if k+1 < len(batch) {
				flags = moreFollows
			}
			if len(b) == 0 {
				flags |= writeBegins
			}
			b = appendFrame(b, encoded, flags)
			last, hash = r.Number, wire.Sum(encoded)
		}
		if answers[i].err != nil {
			b, last, hash = b[:mark], markLast, markHash
			continue
		}
		answers[i].first = markLast + 1
		stored = append(stored, batch...)
	}
	return answers, stored, b, last, hash
}

// check refuses a batch that a reader of the journal would take for damage.
func check(batch []wire.Record) error {
	if len(batch) == 0 || len(batch) > maxBatch {
		return fmt.Errorf("journal: %w: %d in one append, not 1 to %d", ErrRecord, len(batch), maxBatch)
	}
	for _, r := range batch {
		if r.Kind == "" || r.Kind == wire.Checkpoint || len(r.Kind) > 32 || len(r.Tag) > 8 {
			return fmt.Errorf("journal: %w: %.32q", ErrRecord, r.Kind)
		}
	}
	return nil
}

// write adds to the newest segment and syncs it to the disk.
func (j *Journal) write(b []byte) error {
	n, err := j.file.WriteAt(b, j.end)
	j.stats.Bytes += uint64(n)
	if err == nil {
		err = j.syncData(j.file)
	}
	if err != nil {
		return fault("append", err)
	}
	return nil
}

// reserve is what must be free on the disk to begin a segment that was not allocated
// ahead. Otherwise a nearly full disk would fill up with segments that hold nothing
// but a checkpoint.
const reserve = 64 << 10

// begin begins a new segment with a checkpoint. If it fails before the new segment has
// its name, appends may go on in the old one; after that, nothing may be added to it.
func (j *Journal) begin() error { return j.withRoom(j.beginSegment) }

func (j *Journal) beginSegment() error {
	if err := j.prepareDir(); err != nil {
		return fault("begin", err)
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(j.o.Dir, &disk); len(j.spares) == 0 && err == nil && disk.Blocks > 0 && disk.Bavail*uint64(disk.Bsize) < reserve {
		return fault("begin a segment", unix.ENOSPC)
	}
	first := j.last + 1
	checkpoint := wire.Record{
		Number: first, Before: j.hash, Kind: wire.Checkpoint,
		Time: j.stamp.time, Trusted: j.stamp.trusted, Running: j.stamp.running,
		State: j.o.State.Encode(),
	}
	encoded, err := checkpoint.Encode()
	if err != nil {
		return fmt.Errorf("journal: %w: a state of %d bytes: %w", ErrRecord, len(checkpoint.State), err)
	}
	h := header{id: j.id, first: first, before: j.hash}
	b := appendFrame(h.encode(), encoded, writeBegins)
	f, err := j.writeBeginning(first, b)
	if err != nil {
		return fault("begin a segment", err)
	}
	if j.file != nil { // frees what is left of it; if it fails, that is freed with the segment
		j.file.Truncate(j.end)
	}
	j.retire()
	err = os.Rename(f.Name(), j.path(segmentName(first)))
	if err == nil {
		err = j.syncDir(j.o.Dir)
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return fault("begin a segment", err)
	}
	if n := len(j.segments); n > 0 {
		j.segments[n-1].count, j.segments[n-1].bytes = j.newest()
	}
	j.segments = append(j.segments, segment{first: first, before: j.hash})
	j.file, j.end = f, int64(len(b))
	j.last, j.hash = first, wire.Sum(encoded)
	j.o.State.Apply(checkpoint)
	j.stats.Segments++
	j.stats.Records++
	return nil
}

// writeBeginning writes the beginning of a segment into a spare one, or else into a
// new file, and syncs it to the disk.
func (j *Journal) writeBeginning(first uint64, b []byte) (*os.File, error) {
	f := j.takeSpare()
	if f == nil {
		return j.writeSegment(first, b, j.allocated())
	}
	n, err := f.WriteAt(b, 0)
	j.stats.Bytes += uint64(n)
	return f, j.finish(f, err)
}

// writeSegment writes a new segment under a temporary name and syncs it to the disk.
// It allocates the file up to a size if the disk has room for that.
func (j *Journal) writeSegment(first uint64, b []byte, size int64) (*os.File, error) {
	f, err := create(j.path(segmentName(first) + newSuffix))
	if err != nil {
		return nil, err
	}
	n, err := f.Write(b)
	j.stats.Bytes += uint64(n)
	if err == nil {
		allocate(f, int64(n), size)
	}
	return f, j.finish(f, err)
}

// newest returns how many records the newest segment holds, in how many bytes.
func (j *Journal) newest() (count uint64, bytes int64) {
	return j.last - j.segments[len(j.segments)-1].first + 1, j.end
}

// tidy does what no append waits for: it begins a new segment if the newest is long
// enough, and makes room if the journal is full. The next append tries again what
// fails.
func (j *Journal) tidy() {
	if j.file == nil {
		return
	}
	if j.end >= j.o.SegmentBytes && j.begin() != nil {
		return
	}
	j.makeRoom()
}
