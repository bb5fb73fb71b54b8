package main

import (
	"context"
	"log/slog"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
)

// highWaterEvery is how often it is noted how far the database is.
const highWaterEvery = time.Minute

// checkHighWater begins a new epoch if the database was put back to an older state, and notes how far
// it is. If that fails, as on a full disk, readers still notice.
func checkHighWater(ctx context.Context, s *site.Site, log *slog.Logger) {
	epoch, err := s.CheckHighWater(ctx, clock.Read())
	if epoch != 0 {
		log.Error("the database was restored to an older state than this controller has seen: a new epoch begins", "epoch", epoch)
	}
	if err != nil && ctx.Err() == nil {
		log.Error("note how far the database is", "err", err)
	}
}

// keepHighWater does so until ctx ends.
func keepHighWater(ctx context.Context, s *site.Site, log *slog.Logger) {
	ticker := time.NewTicker(highWaterEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			checkHighWater(ctx, s, log)
		}
	}
}
