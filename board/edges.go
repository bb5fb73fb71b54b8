package board

import (
	"sync"

	"github.com/warthog618/go-gpiocdev"
)

// edges is an input with a handler: it turns the kernel's edge events into levels.
//
// The kernel numbers the events of a line from 1 and drops some when they are not read
// in time (its queue holds 16). After a gap in the numbers the level is read again. The
// same goes for a kernel that does not number events (uAPI v1, before Linux 5.10).
type edges struct {
	on func(active bool)

	mu sync.Mutex
	line
	seen    uint32 // number of the last event
	closing bool
}

// event is called by gpiocdev, from one goroutine for each line. For active-low lines
// the kernel has already swapped the edges.
func (e *edges) event(ev gpiocdev.LineEvent) {
	if active, ok := e.level(ev); ok {
		e.on(active)
	}
}

// level returns the level after an event; false if the line is not open.
func (e *edges) level(ev gpiocdev.LineEvent) (active, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	// Close of a gpiocdev line waits for the handler and meanwhile holds the lock that
	// Value takes: so once closing, Value must not be called from here.
	if e.closing || e.line == nil {
		return false, false
	}
	gap := ev.LineSeqno != e.seen+1
	e.seen = ev.LineSeqno
	active = ev.Type == gpiocdev.LineEventRisingEdge
	if gap {
		if v, err := e.line.Value(); err == nil {
			active = v != 0
		}
	}
	return active, true
}

// Close releases the line and waits for the handler.
func (e *edges) Close() error {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	return e.line.Close()
}
