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

// What the names of files and directories begin with that are not finished.
const (
	unfinishedFile = ".latchkey-backup-"
	unfinishedDir  = ".latchkey-restore-"
)

// A work is a new file or directory that is not finished. It is locked while
// its maker lives, which tells it from what a killed program left.
type work struct {
	*os.File
	path string // "": it is finished, and has another name
}

// unfinished makes one in a directory, for its owner only.
func unfinished(parent, prefix string) (*work, error) {
	for {
		path := filepath.Join(parent, prefix+rand.Text())
		f, err := create(path, prefix)
		if err != nil {
			return nil, err
		}
		w := &work{f, path}
		ours, err := lock(f)
		if ours {
			return w, nil
		}
		if err != nil {
			w.drop()
			return nil, err
		}
		f.Close() // somebody took it for left before it had its lock
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

// drop removes it unless it is finished.
func (w *work) drop() error {
	if w.path != "" {
		os.RemoveAll(w.path)
		w.path = ""
	}
	return w.Close()
}

// removeLeft removes what killed programs left in a directory: what can be
// locked, nobody is making.
func removeLeft(parent, prefix string) {
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

// lock locks a file or a directory for as long as it is open, and says whether
// it did: others may have it, or it may be gone from where it was opened.
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
