package sync

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/sync/wire"
)

const (
	keepAlive    = 30 * time.Second
	pubackWithin = 30 * time.Second
	farewell     = time.Second // to say that the reader is offline
	outboxSize   = 64
)

// qos is that of every subscription and publication. With QoS 0 a broker drops
// what a busy receiver has no room for. QoS 2 would keep doubles away that do
// no harm here, at twice the packets and with state at both ends. And with
// neither does a PUBACK mean that a message got through: that only an answer of
// the controller says.
const qos = 1

// A session is one connection to the broker.
type session struct {
	client mqtt.Client
	outbox chan Action // Publish and Resubscribe
	lost   chan error  // the first reason to end
}

// openSession speaks MQTT over a connection, which it closes in the end, and
// subscribes to the topics. The library is given no say in what is kept,
// retried or reconnected: a connection that is lost is over.
func openSession(ctx context.Context, conn net.Conn, clientID string, will *Publish, topics []string, deliver func(Message)) (*session, error) {
	s := &session{outbox: make(chan Action, outboxSize), lost: make(chan error, 1)}
	o := mqtt.NewClientOptions().
		AddBroker("tcp://broker"). // not looked at
		SetCustomOpenConnectionFn(func(_ *url.URL, _ mqtt.ClientOptions) (net.Conn, error) { return &guard{Conn: conn}, nil }).
		SetProtocolVersion(4). // 3.1.1
		SetClientID(clientID).
		SetCleanSession(true).
		SetBinaryWill(will.Topic, will.Payload, qos, true).
		SetStore(mqtt.NewMemoryStore()).
		SetAutoReconnect(false).
		SetConnectRetry(false).
		SetOrderMatters(true).
		SetKeepAlive(keepAlive).
		SetPingTimeout(keepAlive / 3).
		SetConnectTimeout(dialWithin).
		SetWriteTimeout(keepAlive / 3).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { s.end(err) }).
		SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
			deliver(Message{m.Topic(), m.Payload(), m.Retained()})
		})
	s.client = mqtt.NewClient(o)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err := wait(ctx, s.client.Connect())
	for _, topic := range topics {
		if err == nil {
			err = s.subscribe(ctx, topic)
		}
	}
	if err != nil {
		conn.Close()
		s.close()
		return nil, err
	}
	return s, nil
}

// wait waits for the broker.
func wait(ctx context.Context, token mqtt.Token) error {
	timeout := time.NewTimer(pubackWithin)
	defer timeout.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return errors.New("the broker does not answer")
	}
}

// subscribe subscribes to one topic: the library could not tell apart what of
// several was refused.
func (s *session) subscribe(ctx context.Context, topic string) error {
	token := s.client.Subscribe(topic, qos, nil)
	if err := wait(ctx, token); err != nil {
		return fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	if granted, ok := token.(*mqtt.SubscribeToken).Result()[topic]; !ok || granted != qos {
		return fmt.Errorf("subscribe to %s: the broker refuses it: does its access list know this reader?", topic)
	}
	return nil
}

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

// run sends until the session ends, and returns why.
func (s *session) run(ctx context.Context) error {
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-s.lost:
			return err
		case a := <-s.outbox:
			switch a := a.(type) {
			case Publish:
				err = s.publish(ctx, a)
			case Resubscribe:
				err = s.subscribe(ctx, a.Topic)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (s *session) publish(ctx context.Context, p Publish) error {
	if err := wait(ctx, s.client.Publish(p.Topic, qos, p.Retained, p.Payload)); err != nil {
		_, _, channel, _ := wire.ParseTopic(p.Topic)
		return fmt.Errorf("publish %s: %w", channel, err)
	}
	return nil
}

// close tells the broker, if the connection is still open, that it is not to
// publish the will, and ends what the library has running.
func (s *session) close() { s.client.Disconnect(uint(farewell.Milliseconds())) }
