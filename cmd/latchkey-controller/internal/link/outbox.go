package link

import (
	"sync"

	"latchkey/sync/wire"
)

// mostWaiting bounds the bytes that wait for one broker, besides keys and policies, of which
// only the newest of each reader waits. A broker that takes less than is sent loses its
// connection, and gets everything again on the next one.
const mostWaiting = 16 << 20

// An outgoing is a message to be published.
type outgoing struct {
	channel wire.Channel
	reader  string
	payload []byte // shared by all brokers
}

func (o *outgoing) size() int { return len(o.payload) + 64 }

// paced says whether the broker gets it only once it has acknowledged earlier ones: keys and
// policies, which with ten thousand readers may come for all of them at once.
func (o *outgoing) paced() bool { return o.channel == wire.OnKey || o.channel == wire.OnPolicy }

// replaced says whether a newer one takes its place while it waits.
func (o *outgoing) replaced() bool { return o.paced() || o.channel == wire.OnState }

// An outbox is what waits for one broker, so that what is sent to one waits for no other. Only
// replies pass it by: who answers a fetch waits until its broker has the reply.
type outbox struct {
	mu      sync.Mutex
	waiting []outgoing               // what a reader waits for
	site    []outgoing               // all else, which goes out after that: keys before the deltas that need them
	newest  map[retainedTopic][]byte // payloads of those in site that are replaced
	size    int                      // of all that are not
	ready   chan struct{}
}

// A retainedTopic is one whose newest message alone counts.
type retainedTopic struct {
	channel wire.Channel
	reader  string
}

func newOutbox() *outbox {
	return &outbox{newest: map[retainedTopic][]byte{}, ready: make(chan struct{}, 1)}
}

// put adds a message; false: too much waits.
func (b *outbox) put(o outgoing) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	topic := retainedTopic{o.channel, o.reader}
	switch {
	case o.replaced():
		_, waits := b.newest[topic]
		b.newest[topic] = o.payload
		if waits {
			return true
		}
		b.site = append(b.site, outgoing{channel: o.channel, reader: o.reader})
	case b.size+o.size() > mostWaiting:
		return false
	case o.channel == wire.OnCredentials || o.channel == wire.OnHead:
		b.size += o.size()
		b.site = append(b.site, o)
	default:
		b.size += o.size()
		b.waiting = append(b.waiting, o)
	}
	signal(b.ready)
	return true
}

// next removes the next message; false: there is none, or, without room, none that needs no room.
func (b *outbox) next(room bool) (o outgoing, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.waiting) > 0:
		o, b.waiting = b.waiting[0], b.waiting[1:]
	case len(b.site) > 0 && (room || !b.site[0].paced()):
		o, b.site = b.site[0], b.site[1:]
	default:
		return o, false
	}
	if !o.replaced() {
		b.size -= o.size()
		return o, true
	}
	topic := retainedTopic{o.channel, o.reader}
	o.payload = b.newest[topic]
	delete(b.newest, topic)
	return o, true
}
