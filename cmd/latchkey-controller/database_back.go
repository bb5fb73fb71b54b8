package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// lookForDatabase is how often it is seen whether the database answers.
const lookForDatabase = 2 * time.Second

// watchDatabase logs, until ctx ends, that the database does not answer, and that it answers again. It returns an error if
// the site's storage key was changed in the directory of another controller: this one cannot go on.
func watchDatabase(ctx context.Context, s *site.Site, log *slog.Logger) error {
	var away time.Time // since then; zero: it is there
	for {
		looked := time.Now()
		err := s.StorageKeyChanged(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, new(*site.ResealedError)):
			return err
		case err != nil && away.IsZero():
			away = looked
			what := store.Outage(err)
			if what == "" {
				what = err.Error()
			}
			log.Warn("the database does not answer", "err", what)
		case err == nil && !away.IsZero():
			log.Info("the database is back", "after", time.Since(away).Round(time.Second))
			away = time.Time{}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookForDatabase):
		}
	}
}
