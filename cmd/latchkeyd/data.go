package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// The files of a data directory besides epoch-N/, policy.cbor and journal/.
const (
	identityFile   = "identity.cbor"   // the reader's keys
	siteFile       = "site.cbor"       // the site that adopted it
	adoptionFile   = "adoption.cbor"   // a bundle on its way in
	connectionFile = "connection.cbor" // number of the newest connection to the controller
	statusSocket   = "status.sock"     // the running reader answers here
	journalDir     = "journal"
)

// openData makes sure of a data directory that only its owner can read.
func openData(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("data directory: %s is not a directory", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("data directory: %s can be read by others; run: chmod 700 %s", dir, dir)
	}
	return nil
}

// errLocked says that a reader is running on a data directory.
var errLocked = errors.New("another latchkeyd is running on this data directory")

// lockData takes a data directory for this process until unlock.
func lockData(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s: %w", dir, errLocked)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// writeFile replaces a file of a data directory, 0600, by one rename, durably.
func writeFile(dir, name string, b []byte) error { return replaceFile(dir, name, b, 0o600) }

// replaceFile replaces a file by one rename, durably; whoever finds it finds it
// with its mode.
func replaceFile(dir, name string, b []byte, mode fs.FileMode) error {
	f, err := createNew(dir, name)
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
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return syncDir(dir)
}

// createNew makes a file that name is to be replaced with, locked, so that tidy
// leaves it alone.
func createNew(dir, name string) (*os.File, error) {
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
		f.Close() // tidy came first
	}
}

// tidy removes what a power cut has left of files that were being written.
func tidy(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*.new-*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := removeLeft(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeLeft removes a file unless somebody is writing it: latchkeyd adopt may,
// without the directory's lock.
func removeLeft(path string) error {
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

// readSecret reads a file of at most limit bytes, and refuses one that others
// can read.
func readSecret(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others, so its keys are no secret any more: make the reader new, or, if you are sure, run: chmod 600 %s", path, path)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func removeDurably(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(dir)
}
