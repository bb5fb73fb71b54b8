package main

import (
	"context"
	"log/slog"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// lookForDatabase is how often it is seen whether the database answers.
const lookForDatabase = 2 * time.Second

// tellDatabaseIsBack logs, until ctx ends, that the database answers again after it did not. That it
// does not, log those who need it.
func tellDatabaseIsBack(ctx context.Context, s *site.Site, log *slog.Logger) {
	var away time.Time // since then; zero: it is there
	for {
		looked := time.Now()
		err := s.View(ctx, func(*store.Tx) error { return nil })
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && away.IsZero():
			away = looked
		case err == nil && !away.IsZero():
			log.Info("the database is back", "after", time.Since(away).Round(time.Second))
			away = time.Time{}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookForDatabase):
		}
	}
}
