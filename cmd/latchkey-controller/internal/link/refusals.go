package link

import (
	"log/slog"
	"sync"
	"time"

	"latchkey/sync/wire"
)

// refusals are the messages that were refused: the first ones of a kind in a
// minute are logged, the rest are counted.
type refusals struct {
	log *slog.Logger

	mu     sync.Mutex
	began  time.Time
	counts map[wire.Channel]int
}

const refusalsLogged = 10

func newRefusals(log *slog.Logger) *refusals {
	return &refusals{log: log, counts: map[wire.Channel]int{}}
}

func (r *refusals) note(reader string, channel wire.Channel, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.began) > time.Minute {
		for channel, n := range r.counts {
			if n > refusalsLogged {
				r.log.Warn("more messages were refused", "kind", string(channel), "count", n-refusalsLogged)
			}
		}
		r.began = now
		clear(r.counts)
	}
	if r.counts[channel]++; r.counts[channel] <= refusalsLogged {
		r.log.Warn("message refused", "reader", reader, "kind", string(channel), "reason", reason)
	}
}
