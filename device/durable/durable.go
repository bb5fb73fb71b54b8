// Package durable writes files so that a power cut leaves the old content or
// the new one, never a part of it.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// WriteFile replaces a file by one rename and brings it to the disk. Whoever
// finds the file finds it whole and with its mode. What a power cut leaves
// beside it is for Tidy to remove.
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

// create makes the file that will replace name. The file is locked, so that
// Tidy leaves it alone.
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
		f.Close() // Tidy came first
	}
}

// Tidy removes what power cuts during WriteFile have left in a directory. It
// may run while other processes write files there.
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

// removeUnlocked removes a file unless somebody is writing it.
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

// Remove removes a file for good. There need not be one.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir brings to the disk what was made, renamed and removed in a directory:
// fsync(2) of the directory itself.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
