package homeassistant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/sync/wire"
)

// How long to wait before a reconnect: at first, and at most.
const firstWait, longestWait = 500 * time.Millisecond, 30 * time.Second

// keepConnected keeps the broker connected until ctx ends.
func (b *Bridge) keepConnected(ctx context.Context) error {
	wait, logged := firstWait, ""
	for {
		began := time.Now()
		err := b.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > time.Minute {
			wait, logged = firstWait, ""
		}
		level := slog.LevelWarn
		if err.Error() == logged {
			level = slog.LevelDebug // log each reason once, not at each attempt
		}
		logged = err.Error()
		b.log.Log(ctx, level, "not connected to the broker for Home Assistant", "broker", b.o.Broker, "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(wait*2, longestWait)
	}
}

// connect connects once. It returns why the connection ended, or why there was none.
func (b *Bridge) connect(ctx context.Context) error {
	login, err := b.o.credentials()
	if err != nil {
		return err
	}
	id, lost := b.id+"controller", make(chan error, 1)
	if b.o.Own != nil {
		id = b.o.Own.Name // as in its certificate
	}
	options := mqtt.NewClientOptions().
		AddBroker("tcp://broker"). // not used
		SetClientID(id).
		SetUsername(login.user).SetPassword(login.password).
		SetCleanSession(true). // what was sent while nobody listened must open nothing later
		SetAutoReconnect(false).
		SetProtocolVersion(4).
		SetKeepAlive(30*time.Second).
		SetPingTimeout(10*time.Second).
		SetConnectTimeout(10*time.Second).
		SetWriteTimeout(10*time.Second).
		SetWill(b.status(), offline, 1, true).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
			conn, err := login.dial(ctx, b.o.Broker)
			if err != nil {
				return nil, err
			}
			return wire.Guard(conn, len(b.filters())), nil
		}).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			if errors.Is(err, io.EOF) {
				err = errors.New("the broker has closed the connection")
			}
			select {
			case lost <- err:
			default:
			}
		})
	client := mqtt.NewClient(options)
	defer client.Disconnect(250) // also while it is still connecting
	if err := finished(ctx, client.Connect()); err != nil {
		return err
	}
	s := newSession(b, client)
	if err := s.subscribe(ctx); err != nil {
		return err
	}
	b.log.Info("connected to the broker for Home Assistant", "broker", b.o.Broker)
	defer s.farewell()
	return s.run(ctx, lost)
}

// filters are the topics that the controller subscribes to, with QoS 1.
func (b *Bridge) filters() []string {
	filters := []string{birth, discovery + "+/config"}
	if b.o.Commands {
		filters = append(filters, b.marker(), b.topic("+", "command/+"))
	}
	return filters
}

// subscribe subscribes to all of them, in one packet.
func (s *session) subscribe(ctx context.Context) error {
	filters := map[string]byte{}
	for _, filter := range s.filters() {
		filters[filter] = 1
	}
	token := s.client.SubscribeMultiple(filters, s.arrive)
	if err := finished(ctx, token); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for filter, granted := range token.(*mqtt.SubscribeToken).Result() {
		if granted != 1 {
			return fmt.Errorf("the broker refuses the controller %s: look at its access list", filter)
		}
	}
	return nil
}

// finished waits until a token is complete, for at most ten seconds.
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
