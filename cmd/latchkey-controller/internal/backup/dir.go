package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/device/durable"
)

// MakeDir makes a directory with what fill puts into it, durably and completely, or not
// at all. Until then its name is one like .latchkey-restore-…; the next MakeDir beside
// it removes what a killed program left.
func MakeDir(path string, fill func(dir string) error) error {
	if err := Free(path); err != nil {
		return err
	}
	parent := filepath.Dir(path)
	removeLeftovers(parent, unfinishedDir)
	dir, err := createUnfinished(parent, unfinishedDir)
	if err != nil {
		return err
	}
	defer dir.discard()
	if err := fill(dir.path); err != nil {
		return err
	}
	if err := dir.Sync(); err != nil {
		return err
	}
	if err := os.Rename(dir.path, path); err != nil {
		return err
	}
	dir.path = ""
	return durable.SyncDir(parent)
}

// Free returns an error if a path is taken.
func Free(path string) error {
	_, err := os.Lstat(path)
	if err == nil {
		return fmt.Errorf("%s is there already; choose another name, or move it away", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
