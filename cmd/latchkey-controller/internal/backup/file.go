package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"latchkey/device/durable"
)

// A File is a new file, readable by its owner only, that has no name until Commit: if
// the program or the machine stops before, nothing is left of it.
//
// FAT and NFS have no files without a name. There it has one like .latchkey-backup-…
// until Commit; the next Create in the directory removes what a killed program left.
type File struct {
	*os.File
	dir   string
	named *unfinished // nil: it has no name
}

// Create makes a File in a directory.
func Create(dir string) (*File, error) {
	removeLeftovers(dir, unfinishedFile)
	f, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return createNamed(dir)
	}
	return &File{File: f, dir: dir}, err
}

func createNamed(dir string) (*File, error) {
	u, err := createUnfinished(dir, unfinishedFile)
	if err != nil {
		return nil, err
	}
	return &File{u.File, dir, u}, nil
}

// Commit gives the file a name in its directory, durably. The error wraps fs.ErrExist
// if the name is taken.
func (f *File) Commit(name string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	path := filepath.Join(f.dir, name)
	if f.named == nil {
		fd := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
		if err := unix.Linkat(unix.AT_FDCWD, fd, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err != nil {
			return &os.LinkError{Op: "link", Old: fd, New: path, Err: err}
		}
	} else {
		if err := renameNew(f.named.path, path); err != nil {
			return err
		}
		f.named.path = ""
	}
	return durable.SyncDir(f.dir)
}

// Close closes the file, and discards it unless it was committed.
func (f *File) Close() error {
	if f.named != nil {
		return f.named.discard()
	}
	return f.File.Close()
}

// renameNew renames a file, but never replaces one.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) { // as on NFS, which has links
		if err := os.Link(from, to); err != nil {
			return err
		}
		return os.Remove(from)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}
