package site

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
)

// checkNotLost refuses a directory that has a storage key but not the file that says where its database
// is: a creation makes that first, so it was there, and the key opens a site.
func checkNotLost(dir string) error {
	for _, name := range []string{store.AddressFile, store.File} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, vault.KeyFile)); err != nil {
		return nil
	}
	return fmt.Errorf(`%s has the storage key of a site, but not its database: if that is in PostgreSQL, write its address, like postgres://latchkey@db.example/home, into %s, readable by its owner only (mode 0600); otherwise bring %s back from a backup`,
		dir, filepath.Join(dir, store.AddressFile), store.File)
}
