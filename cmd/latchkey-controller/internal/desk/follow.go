package desk

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Change says what has moved since the last one.
type Change struct {
	Activity int64 // the newest entry's id
	Acts     bool  // entries have come: users, places, policies may have changed
	States   bool  // readers have said something of themselves
}

// Watch calls moved at once, and again whenever something has changed, by
// whichever process, until ctx ends or moved fails. It looks ten times a
// second.
func (d *Desk) Watch(ctx context.Context, moved func(Change) error) error {
	activity, states := int64(-1), int64(-1)
	return d.site.Watch(ctx, func() error {
		var c Change
		var said int64
		err := d.site.View(ctx, func(tx *store.Tx) (err error) {
			c.Activity, said, err = tx.Newest()
			return err
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		c.Acts, c.States = c.Activity != activity, said != states
		if !c.Acts && !c.States {
			return nil
		}
		activity, states = c.Activity, said
		return moved(c)
	})
}

// pruneAtOnce is how many entries are forgotten in one transaction: others may
// write in between.
const pruneAtOnce = 1000

// Prune forgets entries that came before the days that the site's settings
// keep, and sign-ins that are over.
func (d *Desk) Prune(ctx context.Context) error {
	now := d.now()
	for {
		var n int
		err := d.site.Update(ctx, func(tx *store.Tx) error {
			days, err := tx.KeepDays()
			if err != nil {
				return err
			}
			before, acts := now.AddDate(0, 0, -days), now.AddDate(0, 0, -max(days, KeepActs))
			if n, err = tx.PruneActivity(before.UnixMilli(), acts.UnixMilli(), pruneAtOnce); err != nil {
				return err
			}
			return tx.PruneSignIns(now.Unix(), now.Add(-SessionEnds).Unix(), now.Add(-SessionIdle).Unix(), now.Add(-BrowserEnds).Unix())
		})
		if err != nil || n < pruneAtOnce {
			return err
		}
	}
}

// pruneAgain is when a pruning that failed is tried again: most likely the disk
// is full, which is no reason for anything else to end.
const pruneAgain = time.Minute

// PruneDaily prunes at once and then every day, until ctx ends.
func (d *Desk) PruneDaily(ctx context.Context) error {
	for {
		wait := 24 * time.Hour
		if err := d.Prune(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("forget old activity", "err", err)
			wait = pruneAgain
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}
