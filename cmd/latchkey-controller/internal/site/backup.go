package site

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"latchkey/cmd/latchkey-controller/internal/backup"
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
	"latchkey/sync/wire"
)

// Backup writes a consistent copy of the site, encrypted to some recipients. Others
// may use the site meanwhile. A backup holds everything, including the storage key. It is the same
// whichever database the site is in.
func (s *Site) Backup(ctx context.Context, now time.Time, to backup.Recipients, w io.Writer) error {
	return s.View(ctx, func(tx *store.Tx) error {
		row, err := tx.Site()
		if err != nil {
			return err
		}
		v, key, err := vault.OpenWithKey(s.dir)
		if err != nil {
			return err
		}
		defer clear(key)
		// Database and key must match.
		if !opensSigning(v, row.Signing) {
			return errResealed
		}
		image, err := tx.Image(s.dir)
		if err != nil {
			return err
		}
		defer image.Close()
		return backup.Write(w, now, to,
			backup.Member{Name: vault.KeyFile, Size: int64(len(key)), Write: func(w io.Writer) error {
				_, err := w.Write(key)
				return err
			}},
			backup.Member{Name: store.File, Size: image.Size, Write: image.Write},
		)
	})
}

// TempFile creates a file without a name in the site's directory, readable by its
// owner only. The caller closes it.
func (s *Site) TempFile() (*backup.File, error) { return backup.Create(s.dir) }

// RemoveLeftovers deletes unencrypted copies of the site that older versions left
// when they were killed during a backup. Call it only while serving the site: then
// nobody else makes one.
func (s *Site) RemoveLeftovers() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "aside-") {
			if err := os.RemoveAll(filepath.Join(s.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// A Restored site describes what a backup held.
type Restored struct {
	Name       string            // the site's
	Controller string            // fingerprint of its signing key
	Epoch      uint64            // the new one
	Doubt      string            // why the machine's clock is in doubt; "": it is not
	Ended      map[wire.Mode]int // how many modes held doors open, and are not wanted any more
	Wanted     map[wire.Mode]int // how many modes are still wanted
}

// Restore creates a site from a backup, in a directory that must not exist and an empty database at an
// address of a PostgreSQL server, or, if that is "", SQLite's in the directory, and
// begins a new epoch: readers may hold a later log than the backup. Modes that hold doors
// open end: what they were wanted for may be over since.
func Restore(ctx context.Context, at clock.Reading, from string, with backup.Identities, to, database string) (restored *Restored, err error) {
	f, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := backup.Open(f, with)
	if err != nil {
		return nil, err
	}
	err = backup.MakeDir(to, func(dir string) (err error) {
		if err := extract(r, vault.KeyFile, chacha20poly1305.KeySize, dir); err != nil {
			return err
		}
		if err := extract(r, store.File, r.Size(), dir); err != nil {
			return err
		}
		if err := r.End(); err != nil {
			return err
		}
		s, err := Open(ctx, dir)
		if err != nil {
			return err
		}
		defer func() {
			err = errors.Join(err, s.Close())
			if err == nil && database != "" {
				err = store.RemoveSQLite(dir)
			}
		}()
		if _, err := s.Check(ctx); err != nil {
			return fmt.Errorf("the backup is damaged: %w", err)
		}
		if database == "" {
			err := s.store.View(ctx, func(tx *store.Tx) error {
				return oneCell(tx, "restore it into an empty database there, with --database URL")
			})
			if err != nil {
				return err
			}
		}
		restored = &Restored{Name: s.Name, Controller: s.Fingerprint()}
		restored.Epoch, err = s.reissue(ctx, at.Wall, 0, func(tx *store.Tx) error {
			m, err := tx.Clock(at)
			if err != nil {
				return err
			}
			if at.Wall.UnixMilli() > m.Wall { // the age of the backup is no reason to doubt the clock
				m = m.Confirmed(at)
			}
			restored.Doubt = m.Says(at).String()
			restored.Ended, restored.Wanted, err = endOpenModes(tx, at.Wall)
			// Sign-ins in the backup are out of date, and receivers may have got what waits in it.
			return errors.Join(err, tx.SetClock(m), tx.ForgetSignIns(), tx.ForgetDeliveries(), tx.SkipNotices())
		})
		if err != nil || database == "" {
			return err
		}
		_, err = s.Move(ctx, database, at.Wall, func(*store.Tx) error { return nil })
		return err
	})
	return restored, err
}

// extract writes the next file of a backup into a directory, durably and readable by
// its owner only.
func extract(r *backup.Reader, name string, limit int64, dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.Extract(name, limit, f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}
