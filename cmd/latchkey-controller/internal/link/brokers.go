package link

import (
	"context"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// A BrokerStatus is how the controller's connection to a broker is.
type BrokerStatus struct {
	Cell  int64 // of the controller that is connected to it; 0: of the link's own
	URL   string
	Up    bool
	Since time.Time // when that began
	Why   string    // why it is not up; "": it is, or the controller has just started

	Trouble *language.Sentence `json:"-"` // Why, for people, and what to do, as the desk says it; nil: it is up, or nobody has said it yet
}

// Brokers returns how the connections to all brokers are, in their order.
func (l *Link) Brokers(context.Context) ([]BrokerStatus, error) {
	all := make([]BrokerStatus, len(l.connections))
	for i, c := range l.connections {
		all[i] = *c.status.Load()
	}
	return all, nil
}

// reached says whether a broker is connected.
func (l *Link) reached() bool {
	for _, c := range l.connections {
		if c.session.Load() != nil {
			return true
		}
	}
	return false
}

// send publishes a message at all brokers: the sender does not know at which one the reader is,
// and a reader that is about to return to another one listens there. What does not come now
// comes again, or is asked for.
func (l *Link) send(channel wire.Channel, reader string, payload []byte) {
	for _, c := range l.connections {
		c.send(outgoing{channel, reader, payload})
	}
}

// tell publishes a message at all brokers that have what is retained. Others get it with that.
func (l *Link) tell(channel wire.Channel, reader string, payload []byte) {
	for _, c := range l.connections {
		if s := c.session.Load(); s != nil && s.greeted.Load() {
			c.send(outgoing{channel, reader, payload})
		}
	}
}
