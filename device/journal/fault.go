package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"latchkey/device/durable"
)

// Faults of an Append: the error wraps one of them and what the system said.
var (
	ErrFull     = errors.New("the disk is full")
	ErrReadOnly = errors.New("the disk is read-only")
	ErrDisk     = errors.New("the disk fails")
	ErrBusy     = errors.New("the disk does not keep up")
)

// ErrRecord says that records cannot be stored because of what they are: too
// many in one append, one too long, or of a kind that only the journal writes.
var ErrRecord = errors.New("records that cannot be stored")

// fault says of which kind an error of the system is.
func fault(what string, err error) error {
	kind := ErrDisk
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		kind = ErrFull
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		kind = ErrReadOnly
	}
	return fmt.Errorf("journal: %s: %w: %w", what, kind, err)
}

// noRoom says whether it was for want of room on the disk that something failed.
func noRoom(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// plain returns what the system said without the path it said it of, for a
// reason that people read.
func plain(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// syncData brings a file's content to the disk.
func (j *Journal) syncData(f *os.File) error {
	j.stats.Syncs++
	if j.o.Synced != nil {
		begin := time.Now()
		defer func() { j.o.Synced(time.Since(begin)) }()
	}
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// syncDir brings the names in a directory to the disk.
func (j *Journal) syncDir(path string) error {
	j.stats.DirSyncs++
	return durable.SyncDir(path)
}
