package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/device/durable"
)

// nextFile is the file of a new storage key until the database is encrypted with it.
const nextFile = KeyFile + ".next"

// Next makes a new storage key and stores it beside the one in use, durably, in place of
// one that an interrupted change left. Promote puts it into use.
func Next(dir string) (*Vault, error) {
	if err := durable.Tidy(dir); err != nil {
		return nil, fmt.Errorf("make storage key: %w", err)
	}
	if err := writeKey(filepath.Join(dir, nextFile)); err != nil {
		return nil, err
	}
	return OpenNext(dir)
}

// OpenNext returns the storage key that Next made, if it is not promoted yet; the error
// wraps fs.ErrNotExist if there is none.
func OpenNext(dir string) (*Vault, error) {
	path := filepath.Join(dir, nextFile)
	if err := CheckPrivate(path); err != nil {
		return nil, err
	}
	v, key, err := read(path)
	clear(key)
	return v, err
}

// Promote replaces the key in use with the one that Next made. It may be called again.
func Promote(dir string) error {
	err := os.Rename(filepath.Join(dir, nextFile), filepath.Join(dir, KeyFile))
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = durable.SyncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("change storage key: %w", err)
	}
	return nil
}
