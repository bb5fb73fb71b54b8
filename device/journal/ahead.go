package journal

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"latchkey/device/durable"
	"latchkey/sync/wire"
)

// spares is how many segments are allocated ahead: the next one, and one that can be
// freed for a moment to make room.
const spares = 2

func spareName(n int) string { return "spare-" + strconv.Itoa(n) }

// allocated returns the size of a segment's file, which is more than SegmentBytes:
// only above that a new segment begins.
func (j *Journal) allocated() int64 {
	return j.o.SegmentBytes + min(j.o.SegmentBytes/4, 16<<10)
}

// A segment has its blocks and its size before anything is appended to it, and so has
// the next one: an append needs no free block, and its fdatasync no new size.
// Copy-on-write file systems (btrfs, F2FS) promise less.

// allocate allocates the blocks of a file, as zeros, from its end up to a size.
func allocate(f *os.File, end, size int64) error {
	if size <= end {
		return nil
	}
	err := durable.Allocate(f, end, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		_, err = f.WriteAt(make([]byte, size-end), end)
	}
	return err
}

// makeSpares allocates the spare segments that are missing.
func (j *Journal) makeSpares() error {
	for n := range spares {
		name := j.path(spareName(n))
		if slices.ContainsFunc(j.spares, func(f *os.File) bool { return f.Name() == name }) {
			continue
		}
		f := j.findSpare(name)
		if f == nil {
			var err error
			if f, err = j.makeSpare(name); err != nil {
				return err
			}
		}
		j.spares = append(j.spares, f)
	}
	return nil
}

func (j *Journal) makeSpare(name string) (*os.File, error) {
	f, err := create(name)
	if err != nil {
		return nil, err
	}
	return f, j.finish(f, allocate(f, 0, j.allocated()))
}

func create(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

// finish syncs a new file, unless writing it has failed. On an error it removes the
// file.
func (j *Journal) finish(f *os.File, err error) error {
	if err == nil {
		j.stats.Syncs++
		err = f.Sync()
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
	}
	return err
}

// findSpares opens the spare segments of the last start: their room stays the
// journal's while no reader runs.
func (j *Journal) findSpares() {
	for n := range spares {
		if f := j.findSpare(j.path(spareName(n))); f != nil {
			j.spares = append(j.spares, f)
		}
	}
}

// findSpare opens a spare segment. It returns nil if there is none, or one that would
// not be allocated like that now.
func (j *Journal) findSpare(name string) *os.File {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil
	}
	if !j.isSpare(f) {
		f.Close()
		return nil
	}
	return f
}

// isSpare says whether a file has the size and the blocks of a spare segment, and
// zeros where a segment that was begun has its header and its checkpoint.
func (j *Journal) isSpare(f *os.File) bool {
	var is unix.Stat_t
	if unix.Fstat(int(f.Fd()), &is) != nil || is.Size != j.allocated() || is.Blocks*512 < is.Size {
		return false
	}
	b := make([]byte, min(is.Size, headerSize+frameHead+wire.MaxRecord+frameTail))
	_, err := f.ReadAt(b, 0)
	return err == nil && len(bytes.TrimLeft(b, "\x00")) == 0
}

// takeSpare returns a spare segment, nil if there is none.
func (j *Journal) takeSpare() *os.File {
	n := len(j.spares)
	if n == 0 {
		return nil
	}
	f := j.spares[n-1]
	j.spares = j.spares[:n-1]
	return f
}

// freeSpare removes a spare segment, so that its blocks are free.
func (j *Journal) freeSpare() {
	if f := j.takeSpare(); f != nil {
		f.Close()
		os.Remove(f.Name())
	}
}

// lacksRoom says whether the disk is too full for the spare segments.
func (j *Journal) lacksRoom() bool { return noRoom(j.makeSpares()) }
