package desk

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Change says what has changed since the last one.
type Change struct {
	Activity int64 // the newest event's id
	Acts     bool  // there are new events: users, places and policies may have changed
	States   bool  // readers have reported a new state
}

// Watch calls changed at once, and again whenever any process has changed something,
// until ctx ends or changed fails. Of what another process does it hears within 100 ms.
func (d *Desk) Watch(ctx context.Context, changed func(Change) error) error {
	activity, states := int64(-1), int64(-1)
	return d.site.Watch(ctx, func() error {
		var c Change
		var latest int64
		err := d.site.View(ctx, func(tx *store.Tx) (err error) {
			c.Activity, latest, err = tx.Newest()
			return err
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		c.Acts, c.States = c.Activity != activity, latest != states
		if !c.Acts && !c.States {
			return nil
		}
		activity, states = c.Activity, latest
		return changed(c)
	})
}

// pruneBatch is how many events one transaction deletes: others may write in between.
const pruneBatch = 1000

// Prune deletes events older than the site's settings keep, and expired sign-ins. It
// deletes nothing while the clock is in doubt.
func (d *Desk) Prune(ctx context.Context) error {
	for {
		var n int
		err := d.site.Update(ctx, func(tx *store.Tx) error {
			m, err := tx.Clock(d.read())
			if err != nil || m.Doubt != clock.None {
				return err
			}
			days, err := tx.KeepDays()
			if err != nil {
				return err
			}
			const day = 24 * time.Hour
			now := m.Time()
			before, acts := now.Add(-time.Duration(days)*day), now.Add(-time.Duration(max(days, KeepActs))*day)
			if n, err = tx.PruneActivity(before, acts, pruneBatch); err != nil {
				return err
			}
			if err := tx.PruneModes(d.now().Add(-time.Duration(days) * day).UnixMilli()); err != nil {
				return err
			}
			if err := tx.PruneDeliveries(keptDelivered, keptFailed); err != nil {
				return err
			}
			return tx.PruneSignIns(now, now.Add(-SessionEnds), now.Add(-SessionIdle), now.Add(-BrowserEnds))
		})
		if err != nil || n < pruneBatch {
			return err
		}
	}
}
