package board

import (
	"sync"

	"github.com/warthog618/go-gpiocdev"
)

// edges is a requested input with a handler: it turns the kernel's edge events
// into levels.
//
// The kernel numbers the events of a line from 1 and drops some when nobody
// reads them in time (16 wait unless asked for more). An event out of step
// therefore tells only that something happened: the level is read again. So it
// is when the kernel does not number them at all (uAPI v1, before Linux 5.10).
type edges struct {
	on func(active bool)

	mu      sync.Mutex
	line    Input
	seen    uint32 // number of the last event
	closing bool
}

// event is called by gpiocdev, from one goroutine for each line. With
// active-low lines the kernel has swapped the edges already.
func (e *edges) event(ev gpiocdev.LineEvent) {
	if active, ok := e.level(ev); ok {
		e.on(active)
	}
}

func (e *edges) level(ev gpiocdev.LineEvent) (active, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	// Close of a gpiocdev line holds the lock that Value takes while it waits
	// for its handler: once closing, Value must not be called from here.
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

// Value is the level now.
func (e *edges) Value() (int, error) { return e.line.Value() }

// Close gives the line back and waits for the handler.
func (e *edges) Close() error {
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	return e.line.Close()
}
