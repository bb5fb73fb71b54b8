package desk

import (
	"context"
	"errors"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// A Change says what has changed since the last one.
type Change struct {
	Activity int64 // the newest event's id
	Acts     bool  // there are new events: users, places and policies may have changed
	States   bool  // readers have reported a new state
}

// lookAgain is how long after a change of readers' states Watch tells of them again where other controllers are asked for them: what it has from one
// that leads may be a second old, so that pages and programs together ask for it once a second at most.
const lookAgain = 1500 * time.Millisecond

// watchAgain is how long after the database failed it is tried again.
const watchAgain = 2 * time.Second

// Watch calls changed at once, and again whenever any process has changed something,
// until ctx ends, one call after another. Of what another process does it hears within 100 ms. While the database
// fails, it tries again, and logs each reason once.
func (d *Desk) Watch(ctx context.Context, changed func(Change)) {
	ctx, stop := context.WithCancel(ctx)
	var calls sync.Mutex // guards what follows
	var newest int64     // activity that was told of
	var again bool       // is to come
	defer func() {
		stop()
		calls.Lock() // a last call has ended
		defer calls.Unlock()
	}()
	tell := func(c Change) {
		calls.Lock()
		defer calls.Unlock()
		newest = c.Activity
		changed(c)
		if !c.States || again || d.live == nil || !d.site.Shared() {
			return
		}
		again = true
		time.AfterFunc(lookAgain, func() {
			calls.Lock()
			defer calls.Unlock()
			if again = false; ctx.Err() == nil && d.asksOthers(ctx) {
				changed(Change{Activity: newest, States: true})
			}
		})
	}
	activity, states := int64(-1), int64(-1)
	site.Persist(ctx, d.log, "cannot watch what changes", watchAgain, func() error { return d.watch(ctx, &activity, &states, tell) })
}

// asksOthers says whether other controllers are asked for what some readers do.
func (d *Desk) asksOthers(ctx context.Context) bool {
	if !d.Leads() {
		return true
	}
	several, _ := d.several(ctx)
	return several
}

// watch is Watch until the database fails. activity and states are the newest that were told of.
func (d *Desk) watch(ctx context.Context, activity, states *int64, changed func(Change)) error {
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
		c.Acts, c.States = c.Activity != *activity, latest != *states
		if !c.Acts && !c.States {
			return nil
		}
		*activity, *states = c.Activity, latest
		changed(c)
		return nil
	})
}

// pruneBatch is how many events one transaction deletes: others may write in between.
const pruneBatch = 1000

// Prune deletes events older than the site's settings keep, expired sign-ins, and boards that wait no longer. It
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
			if err := errors.Join(tx.PruneDeliveries(keptDelivered, keptFailed), tx.PruneWaitingReaders(now)); err != nil {
				return err
			}
			return tx.PruneSignIns(now, now.Add(-SessionEnds), now.Add(-SessionIdle), now.Add(-BrowserEnds))
		})
		if err != nil {
			return err
		}
		if n < pruneBatch {
			return d.partitionRecords(ctx)
		}
	}
}

// partitionRecords is store.Tx.PartitionRecords, unless the clock is in doubt.
func (d *Desk) partitionRecords(ctx context.Context) error {
	return d.site.Update(ctx, func(tx *store.Tx) error {
		m, err := tx.Clock(d.read())
		if err != nil || m.Doubt != clock.None {
			return err
		}
		return tx.PartitionRecords(d.now())
	})
}
