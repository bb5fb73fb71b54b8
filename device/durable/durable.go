// Package durable writes files so that a power cut leaves the old content or the new
// one, never a mixture.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WriteFile replaces a file with one rename and syncs it to the disk. The file is
// always whole and has its mode. Tidy removes what a power cut leaves beside it.
func WriteFile(path string, b []byte, mode fs.FileMode) error {
	dir, name := filepath.Dir(path), filepath.Base(path)
	f, err := create(dir, name)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := errors.Join(f.Chmod(mode), f.Sync()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return SyncDir(dir)
}

// create makes the file that will replace name, and locks it against Tidy.
func create(dir, name string) (*os.File, error) {
	for {
		f, err := os.CreateTemp(dir, name+".new-*")
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
		if _, err := os.Stat(f.Name()); err == nil {
			return f, nil
		}
		f.Close() // Tidy has removed it
	}
}

// Tidy removes what power cuts during WriteFile left in a directory. Other processes
// may write files there meanwhile.
func Tidy(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*.new-*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := removeUnlocked(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeUnlocked removes a file unless a process is writing it.
func removeUnlocked(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	} else if err != nil {
		return err
	}
	return os.Remove(path)
}

// Remove removes a file durably, if there is one.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncData syncs the content and the size of a file to the disk: fdatasync(2).
func SyncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// Allocate allocates the blocks of a file from an offset up to a size, and sets that
// size: fallocate(2). The error wraps EOPNOTSUPP if the file system cannot do so.
func Allocate(f *os.File, from, size int64) error {
	for {
		if err := unix.Fallocate(int(f.Fd()), 0, from, size-from); err != unix.EINTR {
			return os.NewSyscallError("fallocate", err)
		}
	}
}

// SyncDir syncs the names in a directory to the disk: fsync(2) of the directory.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
