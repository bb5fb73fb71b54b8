package site

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
)

// Join makes a directory for one more controller of a site in PostgreSQL, and opens the site there. keyFile is a copy
// of the site's storage key. Nothing is changed unless the key opens the site that is at the address.
func Join(ctx context.Context, dir, database, keyFile string) (*Site, error) {
	for _, name := range []string{store.AddressFile, store.File} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return nil, fmt.Errorf("%s already holds a site; choose another directory", dir)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	v, key, err := vault.ReadFile(keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the storage key: %w; copy %s from the directory of another controller to this machine and name that file", err, vault.KeyFile)
	}
	if err != nil {
		return nil, err
	}
	defer clear(key)
	row, place, err := store.SiteAt(ctx, database)
	if err != nil {
		return nil, err
	}
	if !opensSigning(v, row.Signing) {
		return nil, fmt.Errorf("%s does not open the site %s that is in the database %s: bring the %s that the site's controllers have now, or correct the address", keyFile, row.Name, place, vault.KeyFile)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := vault.Install(dir, key); err != nil {
		return nil, err
	}
	if err := store.PointTo(dir, database); err != nil {
		return nil, err
	}
	return Open(ctx, dir)
}
