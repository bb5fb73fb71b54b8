package store

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Watch calls moved at once, and again whenever any process has committed a
// change, until ctx ends or moved fails. It looks every interval at the counter
// that SQLite keeps in shared memory (PRAGMA data_version).
func (s *Store) Watch(ctx context.Context, interval time.Duration, moved func() error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil && ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch database: %w", err)
	}
	defer conn.Close()
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for last := int64(-1); ; {
		var version int64
		if err := conn.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&version); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return fmt.Errorf("watch database: %w", err)
		}
		if version != last {
			last = version
			if err := moved(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// CopyTo writes the database as it is at one moment to a new file, readable by
// its owner only, durably.
func (s *Store) CopyTo(ctx context.Context, path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("copy database: %w", err)
	}
	defer f.Close()
	if _, err := s.db.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil { // an empty file is as good as none
		return fmt.Errorf("copy database: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("copy database: %w", err)
	}
	return nil
}

// Versions tell whether bundles or policies have changed: then they differ.
type Versions struct{ lastBundle, bundles, policies int64 }

// Versions returns them.
func (t *Tx) Versions() (v Versions, err error) {
	err = t.row(`SELECT (SELECT coalesce(max(number), 0) FROM bundles), (SELECT count(*) FROM bundles WHERE revoked = 0), (SELECT coalesce(sum(revision), 0) FROM policies)`,
		nil, &v.lastBundle, &v.bundles, &v.policies)
	return v, err
}
