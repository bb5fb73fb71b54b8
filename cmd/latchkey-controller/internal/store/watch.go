package store

import (
	"context"
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

// watch is woken by commits of this process; for others it polls SQLite's data_version ten times
// a second.
func (e *sqliteEngine) watch(ctx context.Context, woken <-chan struct{}, changed func() error) error {
	conn, err := e.db.Conn(ctx)
	if err != nil && ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("watch database: %w", err)
	}
	defer conn.Close()
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for last := int64(-1); ; {
		asked := time.Now()
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
			continue
		case <-woken:
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
