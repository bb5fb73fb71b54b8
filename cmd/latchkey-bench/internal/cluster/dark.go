package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// cut has all of a cell lose its power, or stand still, while nothing else is away. It gets it back only once another
// cell has gone on: all readers there have taken a change, one has opened its door, and records of theirs were stored.
func (r *run) cut(ctx context.Context) error {
	if err := errors.Join(r.allBack(ctx), r.flowing(ctx)); err != nil {
		return err
	}
	r.l.moving.Lock() // nobody is moved into the dark
	defer r.l.moving.Unlock()
	if err := errors.Join(r.whole(ctx), r.told(ctx)); err != nil { // who was moved a moment ago
		return err
	}
	i := r.random.IntN(len(r.c.Cells))
	dark, other := r.c.Cells[i], r.c.Cells[(i+1)%len(r.c.Cells)]
	pause, away := r.random.IntN(4) == 0, r.between(500*time.Millisecond, r.Pause)
	does, is := (*Part).Kill, "without power"
	if pause {
		does, is = (*Part).Pause, "paused"
	}
	r.say("the cell %s is %s for %v: %s", dark.Name, is, away, dark.names())
	r.counts.Killed[aCell]++
	each(dark.parts(), does)
	back := time.Now().Add(away)
	err := r.goesOn(ctx, other, back)
	if pause {
		each(dark.parts(), (*Part).Resume)
		return err
	}
	for _, p := range dark.parts() {
		err = errors.Join(err, p.Start(ctx))
	}
	return err
}

// flowing waits until more records of each reader are stored. What could not be stored while the database was away a reader
// sends again up to 20 s later, and until then nobody hears what came of orders.
func (r *run) flowing(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, backWithin, fmt.Errorf("not after %v", backWithin))
	defer cancel()
	before := map[string]int{}
	for _, reader := range r.f.IDs() {
		before[reader] = r.watched.storedOf([]string{reader})
	}
	return await(ctx, "records of all readers are stored", func() bool {
		for reader, n := range before {
			if r.watched.storedOf([]string{reader}) == n {
				return false
			}
		}
		return true
	})
}

// told waits until each reader has its newest policy: one that was moved there and back, and has heard of the one way only,
// would look for a broker in the dark.
func (r *run) told(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, backWithin, fmt.Errorf("not after %v", backWithin))
	defer cancel()
	conn, err := r.c.connect(ctx, "home")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT reader_id, revision FROM policies`)
	if err != nil {
		return err
	}
	newest := map[string]uint64{}
	var reader string
	var revision uint64
	if _, err := pgx.ForEachRow(rows, []any{&reader, &revision}, func() error { newest[reader] = revision; return nil }); err != nil {
		return err
	}
	return await(ctx, "each reader has its newest policy", func() bool {
		has := r.f.Policies()
		for reader, revision := range newest {
			if has[reader] < revision {
				return false
			}
		}
		return true
	})
}

// each does something with parts, with all at once.
func each(parts []*Part, do func(*Part)) {
	var doing sync.WaitGroup
	for _, p := range parts {
		doing.Go(func() { do(p) })
	}
	doing.Wait()
}

// goesOn has things done in a cell, at least once each and until a moment.
func (r *run) goesOn(ctx context.Context, cell *Cell, until time.Time) error {
	ctx, cancel := context.WithTimeoutCause(ctx, backWithin, fmt.Errorf("not after %v, while another cell is away", backWithin))
	defer cancel()
	var readers []string
	for len(readers) == 0 {
		var err error
		if readers, err = r.c.at(ctx, cell, r.f.At()); err != nil {
			return err
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("readers are at the cell %s: %w", cell.Name, err)
		}
	}
	conn, err := r.c.connect(ctx, "home")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	before, went, longest := r.watched.storedOf(readers), r.counts.Dark, time.Duration(0)
	for done := false; !done || time.Now().Before(until); done = true {
		began := time.Now()
		if err := r.once(ctx, conn, cell, readers); err != nil {
			return err
		}
		longest = max(longest, time.Since(began))
	}
	err = await(ctx, "records of the cell "+cell.Name+" are stored", func() bool { return r.watched.storedOf(readers) > before })
	is := &r.counts.Dark
	is.Records += r.watched.storedOf(readers) - before
	is.Longest = max(is.Longest, longest)
	r.say("the cell %s went on with %d changes, %d doors and %d records, a change and a door within %v at most", cell.Name, is.Changes-went.Changes, is.Unlocks-went.Unlocks, is.Records-went.Records, longest.Round(100*time.Millisecond))
	return err
}

// once has a change made at a cell's controllers that all of some readers take, and the door of one opened.
func (r *run) once(ctx context.Context, conn *pgx.Conn, cell *Cell, readers []string) error {
	at := cell.Controllers[r.random.IntN(len(cell.Controllers))]
	err := r.until(ctx, "a user is added at the cell "+cell.Name, func() error { return r.l.addUser(ctx, at) })
	if err != nil {
		return err
	}
	var revision uint64
	if err := conn.QueryRow(ctx, `SELECT max(revision) FROM changes`).Scan(&revision); err != nil {
		return err
	}
	if err := r.f.AwaitHeld(ctx, readers, revision); err != nil {
		return fmt.Errorf("readers of the cell %s hold revision %d: %w", cell.Name, revision, err)
	}
	r.counts.Dark.Changes++
	err = r.until(ctx, "a door of the cell "+cell.Name+" is opened", func() error {
		r.l.asked++
		return r.l.unlockOnce(ctx, at, readers[r.random.IntN(len(readers))], fmt.Sprint("Iris ", r.l.asked))
	})
	if err == nil {
		r.counts.Dark.Unlocks++
	}
	return err
}

// until does something again until it is done.
func (r *run) until(ctx context.Context, what string, do func() error) error {
	for {
		err := do()
		if err == nil {
			return nil
		}
		r.say("%s: %v", what, err)
		if ended := pause(ctx); ended != nil {
			return fmt.Errorf("until %s: %w: %w", what, ended, err)
		}
	}
}

// pause waits for a moment.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}
