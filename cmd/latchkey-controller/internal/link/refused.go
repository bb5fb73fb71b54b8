package link

import (
	"log/slog"
	"sync"
	"time"

	"latchkey/sync/wire"
)

// refused logs messages that were refused: of each channel the first ten in a minute; the
// others are counted.
type refused struct {
	to    *slog.Logger
	began time.Time

	mu      sync.Mutex
	minutes map[wire.Channel]wire.Minute
}

func newRefused(to *slog.Logger) *refused {
	return &refused{to: to, began: time.Now(), minutes: map[wire.Channel]wire.Minute{}}
}

func (r *refused) log(reader string, channel wire.Channel, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Since(r.began)
	for channel, minute := range r.minutes {
		if now < minute.End() {
			continue
		}
		if more := minute.More(); more > 0 {
			r.to.Warn("more messages were refused", "kind", string(channel), "count", more)
		}
		delete(r.minutes, channel)
	}
	minute := r.minutes[channel]
	if minute.Tell(now) {
		r.to.Warn("message refused", "reader", reader, "kind", string(channel), "reason", reason)
	}
	r.minutes[channel] = minute
}
