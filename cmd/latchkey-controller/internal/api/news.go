package api

import (
	"sync"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// news wakes those who wait for events.
type news struct {
	mu      sync.Mutex
	newest  int64         // event
	changed chan struct{} // closed when there is a newer one
}

func newNews() *news { return &news{changed: make(chan struct{})} }

// publish tells of a change.
func (n *news) publish(change desk.Change) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if change.Activity != n.newest {
		n.newest = change.Activity
		close(n.changed)
		n.changed = make(chan struct{})
	}
}

// next returns a channel that is closed when there are events that were not there yet.
func (n *news) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}
