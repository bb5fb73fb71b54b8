package journal

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"latchkey/sync/wire"
)

// spares is how many segments are allocated ahead: the next one, and one whose
// blocks are given back for a moment when room is made.
const spares = 2

// spareName is that of a segment that is allocated ahead.
func spareName(n int) string { return "spare-" + strconv.Itoa(n) }

// allocated returns the size of a segment's file from its beginning on: a new one
// is begun above SegmentBytes.
func (j *Journal) allocated() int64 {
	return j.o.SegmentBytes + min(j.o.SegmentBytes/4, 16<<10)
}

// A segment's blocks and its size are there before anything is appended to it, and
// those of the next one are, too: an append needs no free block, and its fdatasync
// no new size. A file system that writes elsewhere what it changes (btrfs, F2FS)
// keeps some room for that, and promises less.

// allocate gives a file, which ends at an offset, its blocks up to a size, as zeros.
func allocate(f *os.File, end, size int64) error {
	if size <= end {
		return nil
	}
	for {
		err := unix.Fallocate(int(f.Fd()), 0, end, size-end)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP):
			_, err = f.WriteAt(make([]byte, size-end), end)
			return err
		}
		return os.NewSyscallError("fallocate", err)
	}
}

// makeSpares allocates the segments that are to be there ahead.
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
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err = allocate(f, 0, j.allocated()); err == nil {
		j.stats.Syncs++
		err = f.Sync()
	}
	if err != nil {
		f.Close()
		os.Remove(name)
		return nil, err
	}
	return f, nil
}

// findSpares takes up the segments that were allocated ahead before a start: their
// room stays the journal's while no reader runs.
func (j *Journal) findSpares() {
	for n := range spares {
		if f := j.findSpare(j.path(spareName(n))); f != nil {
			j.spares = append(j.spares, f)
		}
	}
}

// findSpare opens a segment that was allocated ahead; nil: it is not there, or it is
// not as it would be allocated now.
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

// isSpare says whether a file has the size of a segment that is allocated ahead, its
// blocks, and zeros wherever one that was being begun has something.
func (j *Journal) isSpare(f *os.File) bool {
	var is unix.Stat_t
	if unix.Fstat(int(f.Fd()), &is) != nil || is.Size != j.allocated() || is.Blocks*512 < is.Size {
		return false
	}
	b := make([]byte, min(is.Size, headerSize+frameHead+wire.MaxRecord+frameTail))
	_, err := f.ReadAt(b, 0)
	return err == nil && len(bytes.TrimLeft(b, "\x00")) == 0
}

// takeSpare returns a segment that was allocated ahead, or nil.
func (j *Journal) takeSpare() *os.File {
	n := len(j.spares)
	if n == 0 {
		return nil
	}
	f := j.spares[n-1]
	j.spares = j.spares[:n-1]
	return f
}

// freeSpare gives the blocks of a segment that was allocated ahead back.
func (j *Journal) freeSpare() {
	if f := j.takeSpare(); f != nil {
		f.Close()
		os.Remove(f.Name())
	}
}

// lacksRoom says whether a segment cannot be allocated ahead for want of room.
func (j *Journal) lacksRoom() bool { return noRoom(j.makeSpares()) }
