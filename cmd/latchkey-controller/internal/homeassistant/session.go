package homeassistant

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// A session is one connection to the broker. Its goroutine publishes; paho's calls arrive.
type session struct {
	*Bridge
	client    mqtt.Client
	sent      map[string]string // retained messages as they were published last, by topic
	shown     map[string]bool   // readers that the broker has a description of
	unsettled []sent            // what the broker has not acknowledged yet

	born      chan struct{} // Home Assistant has started
	described chan string   // readers of this site that the broker has a description of
	clear     chan string   // topics whose retained message is to be removed
	nonce     string        // on the marker
	listening atomic.Bool   // the marker has come: commands are taken
}

// A sent message is one that the broker may have; event is what it tells of; 0: none.
type sent struct {
	mqtt.Token
	event int64
}

func newSession(b *Bridge, client mqtt.Client) *session {
	return &session{
		Bridge: b, client: client, sent: map[string]string{}, shown: map[string]bool{}, nonce: rand.Text(),
		born: make(chan struct{}, 1), described: make(chan string, 4096), clear: make(chan string, 256),
	}
}

// marker is a topic on which the controller sends itself a message. The broker delivers it
// after the retained messages that it had when the controller subscribed.
func (b *Bridge) marker() string { return "latchkey-ha/" + b.site + "/listening" }

// arrive takes a message from the broker. It must not block.
func (s *session) arrive(_ mqtt.Client, m mqtt.Message) {
	topic, payload := m.Topic(), m.Payload()
	switch {
	case topic == birth:
		if !m.Retained() && string(payload) == online {
			signal(s.born)
		}
	case topic == s.marker():
		if !m.Retained() && string(payload) == s.nonce {
			s.listening.Store(true)
		}
	case len(payload) == 0: // a retained message was removed
	case s.describedIn(topic) != "":
		if m.Retained() {
			offer(s.described, s.describedIn(topic)) // what is too much comes again with the next connection
		}
	default:
		s.asked(topic, m)
	}
}

func offer(c chan<- string, text string) {
	select {
	case c <- text:
	default:
	}
}

// lookEvery is how often readers are looked at besides: one that falls silent changes nothing
// in the database.
const lookEvery = 10 * time.Second

// run publishes until the connection is lost or ctx ends.
func (s *session) run(ctx context.Context, lost <-chan error) error {
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	due := time.After(0) // when to show the readers; nil: they are as they were
	var next time.Time   // not before
	var born time.Time
	var described <-chan string // nil until the readers were shown
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-lost:
			return err
		case <-s.changed:
			if err := s.events(ctx); err != nil {
				return err
			}
			if due == nil {
				due = time.After(time.Until(next))
			}
		case <-look.C:
			if due == nil {
				due = time.After(0)
			}
		case <-s.born:
			if time.Since(born) > 5*time.Second {
				born = time.Now()
				clear(s.sent)
				due = time.After(0)
			}
		case reader := <-described:
			if (*s.readers.Load())[reader] == nil {
				s.forget(reader)
			}
		case topic := <-s.clear:
			s.publish(topic, true, nil)
		case <-due:
			began := time.Now()
			if err := s.show(ctx); err != nil {
				return err
			}
			next, due = time.Now().Add(4*time.Since(began)), nil // a fifth of the time at most
			if described == nil {
				described = s.described
				if err := s.greet(ctx); err != nil {
					return err
				}
			}
		}
		if err := s.settle(ctx, 0); err != nil {
			return err
		}
	}
}

// greet says that the controller is connected, tells what has happened while it was not, and
// has itself told when it may take commands.
func (s *session) greet(ctx context.Context) error {
	s.publish(s.status(), true, []byte(online))
	if err := s.events(ctx); err != nil {
		return err
	}
	if s.o.Commands {
		s.publish(s.marker(), false, []byte(s.nonce))
	}
	return s.settle(ctx, 0)
}

// farewell says that the controller is not connected any more: a connection that is closed in
// order has no will.
func (s *session) farewell() {
	token := s.client.Publish(s.status(), 1, true, offline)
	token.WaitTimeout(2 * time.Second)
}

// show publishes what the readers are and how they are, and removes those that are gone.
func (s *session) show(ctx context.Context) error {
	all, err := s.o.Desk.Readers(ctx, s.actor)
	if err != nil {
		return err
	}
	readers, at := map[string]*desk.Reader{}, map[int64]int{}
	for _, r := range all {
		if r.Removed == "" && r.Bundle != 0 {
			readers[r.ID] = r
			at[r.DoorID]++
		}
	}
	s.readers.Store(&readers)
	for id, r := range readers {
		if err := s.recall(ctx, id); err != nil {
			return err
		}
		if r.Live.Version != "" {
			s.keep(s.topic(id, "firmware"), s.firmware(r))
		}
		s.keep(s.topic(id, "link"), []byte(onlineText(r.Live.Online)))
		// A description must not promise a name that the state lacks.
		config := s.config(r, at[r.DoorID] == 1)
		if !s.o.Names {
			s.keep(s.configTopic(id), config)
		}
		s.keep(s.topic(id, "state"), s.state(r))
		s.keep(s.configTopic(id), config)
		s.shown[id] = true
		if err := s.settle(ctx, window); err != nil {
			return err
		}
	}
	for reader := range s.shown {
		if readers[reader] == nil {
			s.forget(reader)
		}
	}
	return nil
}

// forget removes a reader from the broker, its description last: as long as the broker has
// that, the next connection removes the rest.
func (s *session) forget(reader string) {
	for _, topic := range []string{s.topic(reader, "state"), s.topic(reader, "firmware"), s.topic(reader, "link"), s.configTopic(reader)} {
		s.publish(topic, true, nil)
		delete(s.sent, topic)
	}
	delete(s.shown, reader)
	delete(s.lastUsers, reader)
}

// recall looks up who opened last at a reader, once.
func (s *session) recall(ctx context.Context, reader string) error {
	if _, known := s.lastUsers[reader]; known || !s.o.Names {
		return nil
	}
	page, err := s.o.Desk.Activity(ctx, s.actor, desk.Query{Reader: reader, Kind: string(wire.ClassGranted), Limit: 1})
	if err != nil {
		return err
	}
	s.lastUsers[reader] = ""
	for _, e := range page.Events {
		s.lastUsers[reader] = e.Named()
	}
	return nil
}

// events publishes what has happened since.
func (s *session) events(ctx context.Context) error {
	for {
		feed, err := s.o.Desk.EventsAfter(ctx, s.actor, s.cursor, 500)
		if err != nil {
			return err
		}
		for _, e := range feed.Events {
			if topic, told := s.event(e, s.o.Desk.Now()); topic != "" {
				s.publish(s.topic(e.Reader, topic), false, marshal(told))
				s.unsettled[len(s.unsettled)-1].event = e.ID
			}
			if r := e.Record; r != nil && r.Kind == wire.AccessGranted && e.Named() != "" && s.o.Names {
				s.lastUsers[e.Reader] = e.Named()
			}
			if err := s.settle(ctx, window); err != nil {
				return err
			}
		}
		if err := s.settle(ctx, 0); err != nil {
			return err
		}
		s.cursor = feed.Next
		if !feed.More {
			return nil
		}
	}
}

// keep publishes a retained message unless the broker has it.
func (s *session) keep(topic string, payload []byte) {
	if s.sent[topic] != string(payload) {
		s.publish(topic, true, payload)
		s.sent[topic] = string(payload)
	}
}

// window is how many messages may be on their way.
const window = 64

func (s *session) publish(topic string, retained bool, payload []byte) {
	s.unsettled = append(s.unsettled, sent{Token: s.client.Publish(topic, 1, retained, payload)})
}

// settle waits until the broker has acknowledged all but some of the messages. The events that
// these tell of are not told again.
func (s *session) settle(ctx context.Context, but int) error {
	for len(s.unsettled) > but {
		if err := finished(ctx, s.unsettled[0]); err != nil {
			return err
		}
		s.cursor = max(s.cursor, s.unsettled[0].event)
		s.unsettled = s.unsettled[1:]
	}
	return nil
}
