package site

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// Move moves the site to another database, at an address of a PostgreSQL server; "": SQLite's, in its
// directory. No controller may run on it. first writes before anything is copied. The site must be
// closed then. It is the same site, with the same keys and the same log: readers notice nothing.
func (s *Site) Move(ctx context.Context, address string, now time.Time, first func(*store.Tx) error) (*store.Moved, error) {
	return s.store.MoveTo(ctx, store.Move{Dir: s.dir, To: address, At: now, First: func(tx *store.Tx) error {
		if err := s.checkStorageKey(tx); err != nil {
			return err
		}
		if address == "" {
			if err := oneCell(tx, "move their readers to the home cell, and remove the others, before you move the site to SQLite"); err != nil {
				return err
			}
		}
		return first(tx)
	}})
}
