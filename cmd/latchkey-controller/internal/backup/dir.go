package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/device/durable"
)

// MakeDir makes a directory with what fill puts into it, whole and durably, or
// not at all. Until it is whole its name is one like .latchkey-restore-…, and
// whoever makes the next one beside it removes what a killed program left.
func MakeDir(path string, fill func(aside string) error) error {
	if err := Free(path); err != nil {
		return err
	}
	parent := filepath.Dir(path)
	removeLeft(parent, unfinishedDir)
	aside, err := unfinished(parent, unfinishedDir)
	if err != nil {
		return err
	}
	defer aside.drop()
	if err := fill(aside.path); err != nil {
		return err
	}
	if err := aside.Sync(); err != nil {
		return err
	}
	if err := os.Rename(aside.path, path); err != nil {
		return err
	}
	aside.path = ""
	return durable.SyncDir(parent)
}

// Free returns an error if something has a path.
func Free(path string) error {
	_, err := os.Lstat(path)
	if err == nil {
		return fmt.Errorf("%s is there already; name another one, or move it away", path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
