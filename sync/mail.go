package sync

import (
	"slices"
	"sync"

	"latchkey/sync/wire"
)

// maxWaiting bounds the bytes of messages that wait for the link. What comes
// beyond them is dropped: it may come again, or is asked for.
const maxWaiting = 4 << 20

// mail is what waits for the link. Nobody who puts something into it is ever
// held up.
type mail struct {
	mu       sync.Mutex
	events   []Event // in their order, before all else
	report   *wire.Condition
	recorded bool
	damaged  bool
	messages []Message
	size     int           // of their topics and payloads
	dropped  int           // messages, since they were last asked for
	ready    chan struct{} // holds one when there is something
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

// put puts an event in that must not be lost. There are never many.
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

// size is what a message occupies while it waits: its topic is the broker's to choose too.
func (m *Message) size() int { return len(m.Topic) + len(m.Payload) }

// take takes the next event out; false: there is none. It says how many
// messages had to be dropped since it was last called.
func (m *mail) take() (e Event, ok bool, dropped int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dropped, m.dropped = m.dropped, 0
	switch {
	case len(m.events) > 0:
		e = m.events[0]
		m.events = slices.Delete(m.events, 0, 1)
	case m.report != nil:
		e, m.report = Report{*m.report}, nil
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
