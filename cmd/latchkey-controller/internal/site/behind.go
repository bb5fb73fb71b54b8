package site

import (
	"context"
	"path/filepath"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// Behind says whether the database is behind what this directory has noted, so that it was put back to
// an older state. It changes nothing: CheckHighWater does what is to be done then.
func (s *Site) Behind(ctx context.Context) (behind bool, err error) {
	noted, err := readHighWater(filepath.Join(s.dir, highWaterFile))
	if err != nil || noted == nil || noted.Site != s.ID.String() {
		return false, err
	}
	position, err := noted.position()
	if err != nil {
		return false, err
	}
	if behind, err = s.Lacks(ctx, position); err != nil || behind {
		return behind, err
	}
	err = s.View(ctx, func(tx *store.Tx) error {
		last, err := tx.LastEventID()
		behind = last < noted.Activity
		return err
	})
	return behind, err
}
