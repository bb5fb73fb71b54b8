package site

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
)

// Backup copies the site as it is at one moment into a directory, which must
// not be there yet. Others may go on working on the site. The copy holds the
// key that opens the site's secrets.
func (s *Site) Backup(ctx context.Context, to string) error {
	return makeDir(to, func(aside string) error {
		if err := s.store.CopyTo(ctx, filepath.Join(aside, store.File)); err != nil {
			return err
		}
		if err := copyFile(filepath.Join(s.dir, vault.KeyFile), filepath.Join(aside, vault.KeyFile)); err != nil {
			return err
		}
		// Database and key must belong together: the key may have been changed
		// between the two copies.
		copied, err := Open(ctx, aside)
		if err != nil {
			return fmt.Errorf("the backup cannot be opened, try again: %w", err)
		}
		if err := copied.Close(); err != nil {
			return err
		}
		return os.Remove(filepath.Join(aside, store.ReserveFile))
	})
}

// TempDir makes a directory beside the site's files, as private as they are,
// for the caller to remove.
func (s *Site) TempDir() (string, error) { return os.MkdirTemp(s.dir, "aside-*") }

// Restore makes a site of a backup, in a directory that must not be there yet,
// and begins a new epoch in it: readers may hold a later log than the backup
// has. It returns that epoch.
func Restore(ctx context.Context, at clock.Reading, from, to string) (epoch uint64, err error) {
	if _, err := os.Stat(filepath.Join(from, store.File)); errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s holds no backup", from)
	}
	err = makeDir(to, func(aside string) error {
		for _, name := range []string{store.File, vault.KeyFile} {
			if err := copyFile(filepath.Join(from, name), filepath.Join(aside, name)); err != nil {
				return err
			}
		}
		s, err := Open(ctx, aside)
		if err != nil {
			return err
		}
		defer s.Close()
		if _, err := s.Check(ctx); err != nil {
			return fmt.Errorf("the backup is damaged: %w", err)
		}
		epoch, err = s.reissue(ctx, at.Wall, 0, func(tx *store.Tx) error {
			m, err := tx.Clock(at)
			if err != nil {
				return err
			}
			// Sign-ins of the backup are of another time, as its clock is.
			return errors.Join(tx.SetClock(m.Confirmed(at)), tx.ForgetSignIns())
		})
		return err
	})
	return epoch, err
}

// makeDir makes a directory with what fill puts into it, whole and durably, or
// not at all.
func makeDir(path string, fill func(aside string) error) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already; name another directory, or move it away", path)
	}
	parent := filepath.Dir(path)
	aside, err := os.MkdirTemp(parent, filepath.Base(path)+".new-*") // 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside)
	if err := fill(aside); err != nil {
		return err
	}
	for _, dir := range []string{aside, parent} {
		if dir == parent {
			if err := os.Rename(aside, path); err != nil {
				return err
			}
		}
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a file, readable by its owner only, durably.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	return out.Close()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
