package link

import (
	"log/slog"
	"sync"
	"time"

	"latchkey/sync/wire"
)

// refusals are the messages that were refused, by their channels.
type refusals struct {
	log   *slog.Logger
	began time.Time

	mu      sync.Mutex
	minutes map[wire.Channel]wire.Minute
}

func newRefusals(log *slog.Logger) *refusals {
	return &refusals{log: log, began: time.Now(), minutes: map[wire.Channel]wire.Minute{}}
}

func (r *refusals) note(reader string, channel wire.Channel, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Since(r.began)
	for channel, minute := range r.minutes {
		if now < minute.End() {
			continue
		}
		if more := minute.More(); more > 0 {
			r.log.Warn("more messages were refused", "kind", string(channel), "count", more)
		}
		delete(r.minutes, channel)
	}
	minute := r.minutes[channel]
	if minute.Tell(now) {
		r.log.Warn("message refused", "reader", reader, "kind", string(channel), "reason", reason)
	}
	r.minutes[channel] = minute
}
