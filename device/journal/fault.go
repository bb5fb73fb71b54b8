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

// Faults of an Append: the error wraps one of them and the system's error.
var (
	ErrFull     = errors.New("the disk is full")
	ErrReadOnly = errors.New("the disk is read-only")
	ErrDisk     = errors.New("the disk fails")
	ErrBusy     = errors.New("the disk does not keep up")
)

// ErrRecord says that records are invalid: too many in one append, one too long, or of
// a kind that only the journal writes.
var ErrRecord = errors.New("records that cannot be stored")

// fault wraps an error of the system with its kind.
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

// noRoom says whether something failed because the disk is full.
func noRoom(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// plain returns an error of the system without its path, for a reason that people
// read.
func plain(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// syncData syncs the content of a file to the disk.
func (j *Journal) syncData(f *os.File) error {
	j.stats.Syncs++
	if j.o.Synced != nil {
		begin := time.Now()
		defer func() { j.o.Synced(time.Since(begin)) }()
	}
	return durable.SyncData(f)
}

// syncDir syncs the names in a directory to the disk.
func (j *Journal) syncDir(path string) error {
	j.stats.DirSyncs++
	return durable.SyncDir(path)
}
