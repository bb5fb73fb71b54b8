package backup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Prefixes of the names of unfinished files and directories.
const (
	unfinishedFile = ".latchkey-backup-"
	unfinishedDir  = ".latchkey-restore-"
)

// An unfinished file or directory is locked while the program that makes it lives,
// which tells it from what a killed program left.
type unfinished struct {
	*os.File
	path string // "": it is finished, and has another name
}

// createUnfinished makes one in a directory, for its owner only.
func createUnfinished(parent, prefix string) (*unfinished, error) {
	for {
		path := filepath.Join(parent, prefix+rand.Text())
		f, err := create(path, prefix)
		if err != nil {
			return nil, err
		}
		u := &unfinished{f, path}
		ours, err := lock(f)
		if ours {
			return u, nil
		}
		if err != nil {
			u.discard()
			return nil, err
		}
		f.Close() // another program took it for a leftover before it was locked
	}
}

func create(path, prefix string) (*os.File, error) {
	if prefix == unfinishedFile {
		return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return nil, err
	}
	return os.Open(path)
}

// discard closes it, and removes it unless it is finished.
func (u *unfinished) discard() error {
	if u.path != "" {
		os.RemoveAll(u.path)
		u.path = ""
	}
	return u.Close()
}

// removeLeftovers removes what killed programs left in a directory: what it can lock,
// no program is making.
func removeLeftovers(parent, prefix string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		path := filepath.Join(parent, e.Name())
		f, err := os.OpenFile(path, unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			continue
		}
		if ours, _ := lock(f); ours {
			os.RemoveAll(path)
		}
		f.Close()
	}
}

// lock locks a file or a directory for as long as it is open, and says whether it did:
// another program may hold the lock, or may have removed the file meanwhile.
func lock(f *os.File) (ours bool, err error) {
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	opened, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(opened, there), err
}
