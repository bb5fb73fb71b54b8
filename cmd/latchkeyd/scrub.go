package main

import (
	"context"
	"time"

	"latchkey/device/cache"
)

// Scrubbing reads a chunk of 8 KiB each scrubEvery: all of them after the start, and again
// each scrubAgain.
const (
	scrubEvery = 100 * time.Millisecond
	scrubAgain = 24 * time.Hour
)

func (r *reader) scrub(ctx context.Context, c *cache.Cache, damaged func()) error {
	for {
		damages := 0
		err := c.Scrub(ctx, scrubEvery, func(damage *cache.Damage) {
			damages++
			r.log.Error("credentials are damaged"+again, "err", damage)
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			r.log.Error("the credentials on the disk cannot be checked for damage: tried again tomorrow", "err", err)
		}
		if damages > 0 {
			damaged()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(scrubAgain):
		}
	}
}
