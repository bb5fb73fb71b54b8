package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/sync/wire"
)

const (
	keepAlive    = 30 * time.Second
	pingWithin   = 20 * time.Second // not all readers at once leave a broker that pauses
	pubackWithin = 30 * time.Second
	farewell     = time.Second // to say that the reader is offline
	outboxSize   = 64
	mostAway     = 8 // unacknowledged publications
)

// qos is the QoS of every subscription and publication. With QoS 0 a broker
// drops messages for a busy receiver. QoS 2 would prevent duplicates, which are
// harmless here, at twice the packets and with state at both ends. With neither
// does the broker's acknowledgement mean that the controller has the message.
const qos = 1

// A session is one connection to the broker.
type session struct {
	conn   net.Conn
	client mqtt.Client
	will   *Publish // nil: it has none
	topics []string
	outbox chan Action   // Publish and Resubscribe
	lost   chan error    // the first reason to end
	left   atomic.Bool   // another session has taken its place
	within time.Duration // for each acknowledgement
}

// openSession speaks MQTT over a connection, which the session closes, and
// subscribes to the topics; without a will the broker tells nobody when it ends. The library
// neither stores, retries nor reconnects: a lost connection ends the session.
func openSession(ctx context.Context, conn net.Conn, clientID string, will *Publish, topics []string, deliver func(Message)) (*session, error) {
	s := &session{conn: conn, will: will, topics: topics, outbox: make(chan Action, outboxSize), lost: make(chan error, 1), within: pubackWithin}
	o := mqtt.NewClientOptions().
		AddBroker("tcp://broker"). // not used
		SetCustomOpenConnectionFn(func(_ *url.URL, _ mqtt.ClientOptions) (net.Conn, error) { return wire.Guard(conn, len(topics)), nil }).
		SetProtocolVersion(4). // 3.1.1
		SetClientID(clientID).
		SetCleanSession(true).
		SetStore(mqtt.NewMemoryStore()).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetOrderMatters(true).
		SetKeepAlive(keepAlive).
		SetPingTimeout(pingWithin).
		SetConnectTimeout(dialWithin).
		SetWriteTimeout(keepAlive / 3).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			if errors.Is(err, io.EOF) {
				err = wire.ErrEnded
			}
			s.end(err)
		}).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			if !s.left.Load() {
				deliver(Message{m.Topic(), m.Payload(), m.Retained()})
			}
		})
	if will != nil {
		o.SetBinaryWill(will.Topic, will.Payload, qos, true)
	}
	s.client = mqtt.NewClient(o)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err := wait(ctx, s.client.Connect())
	if err == nil {
		err = s.subscribe(ctx)
	}
	if err != nil {
		conn.Close()
		s.close()
		return nil, err
	}
	return s, nil
}

// wait waits for the broker's answer.
func wait(ctx context.Context, token mqtt.Token) error {
	timeout := time.NewTimer(pubackWithin)
	defer timeout.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return errSilent
	}
}

var errSilent = errors.New("the broker does not answer")

// subscribe subscribes to all topics, in one packet: ten thousand readers may do so at once.
func (s *session) subscribe(ctx context.Context) error {
	filters := make(map[string]byte, len(s.topics))
	for _, topic := range s.topics {
		filters[topic] = qos
	}
	token := s.client.SubscribeMultiple(filters, nil)
	if err := wait(ctx, token); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	granted := token.(*mqtt.SubscribeToken).Result()
	for _, topic := range s.topics {
		if level, ok := granted[topic]; ok && level == qos {
			continue
		}
		if _, _, c, _ := wire.ParseTopic(topic); c == wire.OnCard {
			continue // an access list from before this topic: no card gets keys here, and all else works
		}
		return fmt.Errorf("subscribe to %s: %w: check this reader in its access list", topic, errRefused)
	}
	return nil
}

var errRefused = errors.New("the broker refuses it")

// send hands a Publish or Resubscribe to run.
func (s *session) send(a Action) {
	select {
	case s.outbox <- a:
	default:
		s.end(errors.New("the broker does not take what is sent"))
	}
}

// end ends the session.
func (s *session) end(err error) {
	select {
	case s.lost <- err:
	default:
	}
}

// away is an unacknowledged publication.
type away struct {
	mqtt.Token
	topic string
	until time.Time
}

// run sends until the session ends, and returns why. It has several publications
// under way at once, to save waiting for each acknowledgement.
func (s *session) run(ctx context.Context) error {
	var sent []away
	timeout := time.NewTimer(s.within)
	defer timeout.Stop()
	for {
		outbox := s.outbox
		var acknowledged <-chan struct{}
		var late <-chan time.Time
		if len(sent) > 0 {
			acknowledged = sent[0].Done()
			timeout.Reset(time.Until(sent[0].until))
			late = timeout.C
		}
		if len(sent) == mostAway {
			outbox = nil
		}
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.lost:
			return err
		case <-acknowledged:
			if err = sent[0].Error(); err != nil {
				err = failed(sent[0].topic, err)
			}
			sent = sent[1:]
		case <-late:
			err = failed(sent[0].topic, errSilent)
		case a := <-outbox:
			switch a := a.(type) {
			case Publish:
				sent = append(sent, away{s.client.Publish(a.Topic, qos, a.Retained, a.Payload), a.Topic, time.Now().Add(s.within)})
			case Resubscribe:
				err = s.subscribe(ctx)
			}
		}
		if err != nil {
			return err
		}
	}
}

// publish publishes and waits for the acknowledgement.
func (s *session) publish(ctx context.Context, p Publish) error {
	if err := wait(ctx, s.client.Publish(p.Topic, qos, p.Retained, p.Payload)); err != nil {
		return failed(p.Topic, err)
	}
	return nil
}

func failed(topic string, err error) error {
	_, _, channel, _ := wire.ParseTopic(topic)
	return fmt.Errorf("publish %s: %w", channel, err)
}

// close ends the library's goroutines. If the connection is still open, it
// disconnects cleanly, so that the broker does not publish the will.
func (s *session) close() { s.client.Disconnect(uint(farewell.Milliseconds())) }

// farewell says that the reader is offline, and disconnects.
func (s *session) farewell(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := s.publish(ctx, *s.will); err == nil {
		s.close()
	}
	s.conn.Close()
	s.close()
}

// leave ends a session of which nobody needs to be told: it disconnects cleanly.
func (s *session) leave() {
	s.left.Store(true)
	s.close()
	s.conn.Close()
}
