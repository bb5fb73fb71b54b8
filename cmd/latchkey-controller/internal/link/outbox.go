package link

import (
	"sync"

	"latchkey/sync/wire"
)

// mostWaiting bounds the bytes that wait for one broker, besides what is retained and waits
// since it was connected. A broker that takes less than is sent loses its connection, and gets
// everything again on the next one.
const mostWaiting = 16 << 20

// An outgoing is a message to be published.
type outgoing struct {
	channel wire.Channel
	reader  string
	payload []byte // shared by all brokers
}

func (o *outgoing) size() int { return len(o.payload) + 64 }

// An outbox is what waits for one broker, so that none has to wait for another.
type outbox struct {
	mu      sync.Mutex
	waiting []outgoing
	size    int
	ready   chan struct{}
}

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

// put adds a message; false: too much waits.
func (b *outbox) put(o outgoing) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size+o.size() > mostWaiting {
		return false
	}
	b.add(o)
	return true
}

// putAll adds what a broker has to retain, however much that is: it is there once a connection.
func (b *outbox) putAll(all []outgoing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range all {
		b.add(o)
		b.size -= o.size()
	}
}

func (b *outbox) add(o outgoing) {
	b.waiting = append(b.waiting, o)
	b.size += o.size()
	signal(b.ready)
}

// take removes all that waits.
func (b *outbox) take() []outgoing {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.waiting
	b.waiting, b.size = nil, 0
	return all
}
