package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"
)

// pollEvery is how often a watch asks whether another process has committed something,
// wakeGap the least time between two questions: many commits are one change.
const pollEvery, wakeGap = 100 * time.Millisecond, 20 * time.Millisecond

// RestAfter returns how long who has looked for changes, which took so long, rests before the next look: with a hundred
// thousand readers each look is long, and every controller takes one after each commit of any.
func RestAfter(took time.Duration) time.Duration {
	const most = 250 * time.Millisecond
	return min(max(wakeGap, 4*took), most)
}

// Watch calls changed at once, and again whenever any process has committed a change,
// until ctx ends or changed fails.
func (s *Store) Watch(ctx context.Context, changed func() error) error {
	woken := s.wakes.add()
	defer s.wakes.remove(woken)
	return s.engine.watch(ctx, woken, changed)
}

// watch is woken by commits of this process; for others SQLite's data_version is asked for ten times
// a second, by whichever watch comes first.
func (e *sqliteEngine) watch(ctx context.Context, woken <-chan struct{}, changed func() error) error {
	e.version.join()
	defer e.version.leave()
	since := time.Now() // a question of then will do
	for last := int64(-1); ; {
		asked := time.Now()
		changes, err := e.version.changesSince(ctx, e.db, since)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch database: %w", err)
		}
		if changes != last {
			last = changes
			if err := changed(); err != nil {
				return err
			}
		}
		since = e.version.next()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(since)):
			continue
		case <-woken:
			since = time.Now()
		}
		if rest := wakeGap - time.Since(asked); rest > 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(rest):
			}
		}
	}
}

// dataVersion is SQLite's data_version as all watches of a process see it: on one connection, and asked for
// once where several want it at a time. Its zero value is ready.
type dataVersion struct {
	mu      sync.Mutex
	watches int

	// Of these watches: they stay the same until the last one leaves.
	began time.Time       // the first one
	ctx   context.Context // of the questions
	end   func()
	turn  chan struct{} // has an element while somebody uses what follows

	conn    *sql.Conn // nil: there is none yet, or it failed
	version int64     // of that connection: another's does not compare
	changes int64     // counts what versions there were
	asked   time.Time // for the last one
}

func (d *dataVersion) join() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watches == 0 {
		d.began, d.turn = time.Now(), make(chan struct{}, 1)
		d.ctx, d.end = context.WithCancel(context.Background())
	}
	d.watches++
}

// leave waits, if it is the last one, until the question that somebody left behind has ended.
func (d *dataVersion) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.watches--; d.watches == 0 {
		d.end()
		d.turn <- struct{}{}
		d.disconnect()
	}
}

func (d *dataVersion) disconnect() {
	if d.conn != nil {
		d.conn.Close()
		d.conn = nil
	}
}

// next returns when all watches ask next.
func (d *dataVersion) next() time.Time {
	now := time.Now()
	return now.Add(pollEvery - now.Sub(d.began)%pollEvery)
}

// changesSince returns a number that is another one after a commit, as it was at a time or later. Whoever asks does so for
// all: if its ctx ends meanwhile, the question goes on.
func (d *dataVersion) changesSince(ctx context.Context, db *sql.DB, at time.Time) (int64, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case d.turn <- struct{}{}:
	}
	if d.conn != nil && !d.asked.Before(at) {
		defer func() { <-d.turn }()
		return d.changes, nil
	}
	var changes int64
	answered := make(chan error, 1)
	go func() {
		defer func() { <-d.turn }()
		err := d.ask(db)
		changes = d.changes
		answered <- err
	}()
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case err := <-answered:
		return changes, err
	}
}

func (d *dataVersion) ask(db *sql.DB) error {
	asked, before := time.Now(), d.conn
	if d.conn == nil {
		conn, err := db.Conn(d.ctx)
		if err != nil {
			return err
		}
		d.conn = conn
	}
	var version int64
	if err := d.conn.QueryRowContext(d.ctx, `PRAGMA data_version`).Scan(&version); err != nil {
		d.disconnect()
		return err
	}
	if before == nil || version != d.version {
		d.changes++
	}
	d.version, d.asked = version, asked
	return nil
}

// wakes wakes the watches of this process. Its zero value is ready.
type wakes struct {
	mu  sync.Mutex
	all map[chan struct{}]bool
}

func (w *wakes) add() chan struct{} {
	woken := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[chan struct{}]bool{}
	}
	w.all[woken] = true
	return woken
}

func (w *wakes) remove(woken chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, woken)
}

// wake never blocks.
func (w *wakes) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for woken := range w.all {
		select {
		case woken <- struct{}{}:
		default:
		}
	}
}

// Versions differ if bundles, policies, or the keys that readers get or the cells of which they are have changed.
type Versions struct{ lastBundle, bundles, policies, keys, cells int64 }

// Versions returns the current Versions.
func (t *Tx) Versions() (v Versions, err error) {
	err = t.row(`SELECT (SELECT coalesce(max(number), 0) FROM bundles), (SELECT count(*) FROM bundles WHERE revoked = 0), (SELECT coalesce(sum(revision), 0) FROM policies), (SELECT coalesce(sum(keys), 0) FROM readers), (SELECT coalesce(sum(cell_changes), 0) FROM readers)`,
		nil, &v.lastBundle, &v.bundles, &v.policies, &v.keys, &v.cells)
	return v, err
}
