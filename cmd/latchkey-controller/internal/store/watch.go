package store

import (
	"context"
	"fmt"
	"time"
)

// Watch calls changed at once, and again whenever any process has committed a change,
// until ctx ends or changed fails. It polls SQLite's data_version ten times a second.
func (s *Store) Watch(ctx context.Context, changed func() error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil && ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch database: %w", err)
	}
	defer conn.Close()
	ticker := time.NewTicker(100 * time.Millisecond)
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
			if err := changed(); err != nil {
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

// Versions differ if bundles, policies, or the keys that readers get have changed.
type Versions struct{ lastBundle, bundles, policies, keys int64 }

// Versions returns the current Versions.
func (t *Tx) Versions() (v Versions, err error) {
	err = t.row(`SELECT (SELECT coalesce(max(number), 0) FROM bundles), (SELECT count(*) FROM bundles WHERE revoked = 0), (SELECT coalesce(sum(revision), 0) FROM policies), (SELECT coalesce(sum(keys), 0) FROM readers)`,
		nil, &v.lastBundle, &v.bundles, &v.policies, &v.keys)
	return v, err
}
