package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/sync/wire"
)

// A message is one that came from the broker.
type message struct {
	reader   string // "": on the site's own topic
	channel  wire.Channel
	retained bool
	payload  []byte
}

// An edge is the connection to the broker: made, lost, and made again. Each
// connection begins with nothing left over from the last one.
type edge struct {
	o      *Options
	broker wire.Broker
	log    *slog.Logger
	client atomic.Pointer[mqtt.Client] // of the connection that stands, or nil
	arrive func(message)               // must not block
	up     func()                      // after each connection; must not block
}

var errOffline = errors.New("no connection to the broker")

// Reconnecting waits: the first, and the longest.
const firstWait, longestWait = 500 * time.Millisecond, 15 * time.Second

// run keeps the connection until ctx ends.
func (e *edge) run(ctx context.Context) error {
	wait := firstWait
	said := ""
	for {
		began := time.Now()
		stood, err := e.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > time.Minute {
			wait = firstWait
		}
		level := slog.LevelWarn
		if !stood && err.Error() == said {
			level = slog.LevelDebug // once, not as often as it is tried
		}
		said = err.Error()
		e.log.Log(ctx, level, "the broker is out of reach", "broker", e.o.Broker, "err", err, "again in", wait.Round(time.Millisecond))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(wait*2, longestWait)
	}
}

// connect makes one connection and returns when it is lost, or why it never stood.
func (e *edge) connect(ctx context.Context) (stood bool, err error) {
	lost := make(chan error, 1)
	options := mqtt.NewClientOptions().
		AddBroker("tcp://broker"). // not looked at
		SetClientID(e.o.Name).
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetProtocolVersion(4).
		SetKeepAlive(30 * time.Second).
		SetPingTimeout(10 * time.Second).
		SetConnectTimeout(10 * time.Second).
		SetWriteTimeout(10 * time.Second).
		SetCustomOpenConnectionFn(func(_ *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
			conn, err := e.o.dial(ctx, e.broker)
			if err != nil {
				return nil, err
			}
			return wire.Guard(conn, len(subscribed)), nil
		}).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			if errors.Is(err, io.EOF) {
				err = wire.ErrEnded
			}
			select {
			case lost <- err:
			default:
			}
		})
	client := mqtt.NewClient(options)
	defer client.Disconnect(250) // one that is still connecting, too: it would stand later, and take the next one's place
	if err := finished(ctx, client.Connect()); err != nil {
		return false, err
	}
	if err := e.subscribe(ctx, client); err != nil {
		return false, err
	}
	e.client.Store(&client)
	defer e.client.Store(nil)
	e.log.Info("connected to the broker", "broker", e.o.Broker)
	e.up()
	select {
	case <-ctx.Done():
		return true, ctx.Err()
	case err := <-lost:
		return true, err
	}
}

// subscribed are the channels that the controller listens on, with QoS 1.
var subscribed = [...]wire.Channel{wire.OnHead, wire.OnState, wire.OnRecords, wire.OnFetch}

// subscribe subscribes to all of them, in one packet.
func (e *edge) subscribe(ctx context.Context, client mqtt.Client) error {
	filters := map[string]byte{}
	for _, c := range subscribed {
		filters[c.Topic(e.o.Site.Name, "+")] = 1 // the head's has no reader
	}
	token := client.SubscribeMultiple(filters, e.handle)
	if err := finished(ctx, token); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for filter, granted := range token.(*mqtt.SubscribeToken).Result() {
		if granted != 1 {
			return fmt.Errorf("the broker refuses the controller %s: does its access list know %s? latchkey-controller broker-config writes one that does", filter, e.o.Name)
		}
	}
	return nil
}

// finished waits until a token is complete, ten seconds at most.
func finished(ctx context.Context, token mqtt.Token) error {
	select {
	case <-token.Done():
		return token.Error()
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10 * time.Second):
		return errors.New("no answer from the broker")
	}
}

// handle hands a message on.
func (e *edge) handle(_ mqtt.Client, m mqtt.Message) {
	site, reader, channel, ok := wire.ParseTopic(m.Topic())
	if !ok || site != e.o.Site.Name || len(m.Payload()) > channel.Limit() {
		return
	}
	if len(m.Payload()) == 0 {
		return // what the broker kept is gone
	}
	e.arrive(message{reader, channel, m.Retained(), m.Payload()})
}

// publish hands a message to the broker. That it returns nil says nothing about
// whether it arrives.
func (e *edge) publish(channel wire.Channel, reader string, payload []byte) error {
	_, err := e.send(channel, reader, payload)
	return err
}

// publishSlowly does what publish does, and waits until the broker has the
// message.
func (e *edge) publishSlowly(ctx context.Context, channel wire.Channel, reader string, payload []byte) error {
	token, err := e.send(channel, reader, payload)
	if err != nil {
		return err
	}
	return finished(ctx, token)
}

func (e *edge) send(channel wire.Channel, reader string, payload []byte) (mqtt.Token, error) {
	client := e.client.Load()
	if client == nil {
		return nil, errOffline
	}
	token := (*client).Publish(channel.Topic(e.o.Site.Name, reader), 1, channel.Retained(), payload)
	select {
	case <-token.Done():
		return token, token.Error()
	default:
		return token, nil
	}
}
