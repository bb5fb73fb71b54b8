package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// highWaterEvery is how often it is noted how far the database is, and highWaterGap the least time
// between two looks at it.
const highWaterEvery, highWaterGap = time.Minute, 200 * time.Millisecond

// A highWater keeps a site's HighWater while it is served.
type highWater struct {
	*site.HighWater
	log    *slog.Logger
	home   bool   // the home cell is this controller's: who leads that begins the epoch
	leads  bool   // that
	behind bool   // it was said, while another one leads, that the database was put back
	failed string // why it could not look or note last; "": it could
}

// look begins a new epoch if the database was put back to an older state, and this controller leads.
func (h *highWater) look(ctx context.Context) error {
	if !h.leads {
		behind, err := h.Follow(ctx)
		if behind && !h.behind {
			next := "this one leads"
			if !h.home {
				next = "one that has seen it, too, leads the home cell"
			}
			h.log.Error("the database was restored to an older state than this controller has seen: unless the controller that leads notices, a new epoch begins as soon as " + next)
		}
		h.behind = behind
		return err
	}
	epoch, err := h.Look(ctx, clock.Read())
	if epoch != 0 {
		h.log.Error("the database was restored to an older state than this controller has seen: a new epoch begins", "epoch", epoch)
	}
	return err
}

// lookAndNote notes how far the database is, too. If it fails, as on a full disk, readers still notice.
func (h *highWater) lookAndNote(ctx context.Context) {
	h.said(ctx, errors.Join(h.look(ctx), h.Note()))
}

// said logs why it failed; each reason once.
func (h *highWater) said(ctx context.Context, err error) {
	if err == nil {
		h.failed = ""
	} else if ctx.Err() == nil && err.Error() != h.failed {
		h.failed = err.Error()
		if store.Outage(err) != "" {
			return // watchDatabase logs it
		}
		h.log.Error("note how far the database is", "err", err)
	}
}

// keep looks after each change, and notes what it sees each minute, until ctx ends.
func (h *highWater) keep(ctx context.Context, s *site.Site) {
	changed := make(chan struct{}, 1)
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() {
		site.Persist(ctx, h.log, "cannot watch how far the database is", lookForDatabase, func() error {
			return s.Watch(ctx, func() error {
				select {
				case changed <- struct{}{}:
				default:
				}
				return nil
			})
		})
	})
	ticker := time.NewTicker(highWaterEvery)
	defer ticker.Stop()
	for {
		var again <-chan time.Time
		if h.failed != "" { // as of a database that is just being restored, which nobody tells of later
			again = time.After(lookForDatabase)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			h.lookAndNote(ctx)
		case <-again:
			h.lookAndNote(ctx)
		case <-changed:
			h.said(ctx, h.look(ctx))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(highWaterGap):
		}
	}
}
