package site

import (
	"context"
	"log/slog"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// Persist does something until it succeeds or ctx ends, with waits between. It logs each
// reason why it fails once, not at each attempt; that the database is away is logged elsewhere.
func Persist(ctx context.Context, log *slog.Logger, failing string, wait time.Duration, do func() error) {
	for failed := ""; ; {
		err := do()
		if err == nil || ctx.Err() != nil {
			return
		}
		if err.Error() != failed && store.Outage(err) == "" {
			failed = err.Error()
			log.Error(failing+"; will retry", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}
