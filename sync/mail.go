package sync

import (
	"slices"
	"sync"
)

// maxWaiting is the most bytes of messages that wait for the link. Further ones
// are dropped: they come again, or the link asks for them.
const maxWaiting = 4 << 20

// mail is the queue of events for the link. Adding to it never blocks.
type mail struct {
	mu       sync.Mutex
	events   []Event // in order, before all others
	report   *Report
	recorded bool
	damaged  bool
	messages []Message
	size     int           // of their topics and payloads
	dropped  int           // messages, since the last take
	ready    chan struct{} // full while there are events
}

func newMail() *mail { return &mail{ready: make(chan struct{}, 1)} }

func (m *mail) change(f func()) {
	m.mu.Lock()
	f()
	m.mu.Unlock()
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

// put adds an event that must not be dropped. There are never many.
func (m *mail) put(e Event) { m.change(func() { m.events = append(m.events, e) }) }

func (m *mail) deliver(message Message) {
	m.change(func() {
		if m.size+message.size() > maxWaiting || len(m.messages) == maxWaiting>>10 {
			m.dropped++
			return
		}
		m.messages = append(m.messages, message)
		m.size += message.size()
	})
}

// size returns the bytes of a waiting message. The broker chooses its topic, so that counts too.
func (m *Message) size() int { return len(m.Topic) + len(m.Payload) }

// take removes the next event; false: there is none. It returns how many
// messages were dropped since the last call.
func (m *mail) take() (e Event, ok bool, dropped int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dropped, m.dropped = m.dropped, 0
	switch {
	case len(m.events) > 0:
		e = m.events[0]
		m.events = slices.Delete(m.events, 0, 1)
	case m.report != nil:
		e, m.report = *m.report, nil
	case m.recorded:
		e, m.recorded = Recorded{}, false
	case m.damaged:
		e, m.damaged = Damaged{}, false
	case len(m.messages) > 0:
		message := m.messages[0]
		m.messages[0] = Message{}
		m.messages = m.messages[1:]
		m.size -= message.size()
		e = message
	default:
		return nil, false, dropped
	}
	return e, true, dropped
}
