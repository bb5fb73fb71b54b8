package vault

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/device/durable"
)

// nextFile is where a new storage key lies until what it encrypts is on the
// disk.
const nextFile = KeyFile + ".next"

// Next makes another storage key and keeps it beside the one in force, durably.
// It takes its place with Promote.
func Next(dir string) (*Vault, error) {
	path := filepath.Join(dir, nextFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a change that was cut short
		return nil, fmt.Errorf("make storage key: %w", err)
	}
	if err := writeKey(path); err != nil {
		return nil, fmt.Errorf("make storage key: %w", err)
	}
	if err := durable.SyncDir(dir); err != nil {
		return nil, fmt.Errorf("make storage key: %w", err)
	}
	v, key, err := read(path)
	clear(key)
	return v, err
}

// OpenNext returns the storage key that Next made and that is not promoted; the
// error wraps fs.ErrNotExist if there is none.
func OpenNext(dir string) (*Vault, error) {
	path := filepath.Join(dir, nextFile)
	if err := CheckPrivate(path); err != nil {
		return nil, err
	}
	v, key, err := read(path)
	clear(key)
	return v, err
}

// Promote puts the key that Next made in the place of the one in force, which
// is gone then. It may be done already.
func Promote(dir string) error {
	err := os.Rename(filepath.Join(dir, nextFile), filepath.Join(dir, KeyFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("change storage key: %w", err)
	}
	if err := durable.SyncDir(dir); err != nil {
		return fmt.Errorf("change storage key: %w", err)
	}
	return nil
}
