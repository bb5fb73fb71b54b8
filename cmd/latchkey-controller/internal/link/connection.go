package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"latchkey/sync/wire"
)

// A message is one from the broker.
type message struct {
	reader   string // "": on the site's own topic
	channel  wire.Channel
	retained bool
	payload  []byte
	over     *connection // on which it came
}

// A connection connects to one broker again whenever that is lost, with a new client of paho.
type connection struct {
	o       *Options
	broker  wire.Broker
	log     *slog.Logger
	session atomic.Pointer[session] // while connected; else nil
	status  atomic.Pointer[BrokerStatus]
	same    *sameBroker
	index   int           // among all connections
	arrive  func(message) // gets each message; must not block
	up      func()        // called after each connect; must not block
	senders sync.WaitGroup
}

// A session is a connection while it lasts.
type session struct {
	client  mqtt.Client
	out     *outbox
	away    *away
	lost    chan error   // the first reason to end
	greeted atomic.Bool  // what is retained was sent, or waits
	busy    atomic.Int64 // since when paho has been taking a message, Unix nanoseconds; 0: it is not
}

// stuckAfter is how long paho may take for a message until the broker counts as one that takes
// nothing. That its connection is lost shows later.
const stuckAfter = 2 * time.Second

var errOffline = errors.New("no connection to the broker")

func newConnection(o *Options, broker wire.Broker) *connection {
	c := &connection{o: o, broker: broker, log: o.Log, same: newSameBroker()}
	c.status.Store(&BrokerStatus{URL: broker.String(), Since: time.Now()})
	return c
}

func newSession() *session {
	return &session{out: newOutbox(), away: newAway(), lost: make(chan error, 1)}
}

// end ends a session.
func (s *session) end(err error) {
	select {
	case s.lost <- err:
	default:
	}
}

// run hands what waits to paho, until ctx ends or the broker acknowledges nothing for awayFor.
func (s *session) run(ctx context.Context, site string) {
	late := time.NewTimer(awayFor)
	defer late.Stop()
	for ctx.Err() == nil {
		away, ready := s.away.look(), s.out.ready
		if !away.room {
			ready = nil
		} else if o, ok := s.out.next(away.pace); ok {
			s.send(o, site)
			continue
		}
		var overdue <-chan time.Time
		if away.first != nil {
			late.Reset(time.Until(away.until))
			overdue = late.C
		}
		select {
		case <-ctx.Done():
		case <-ready:
		case <-away.first:
		case <-s.away.added: // a reply
		case <-overdue:
			s.end(errUnacknowledged)
			return
		}
	}
}

// send publishes one that waited.
func (s *session) send(o outgoing, site string) {
	s.busy.Store(time.Now().UnixNano())
	s.publish(o, site)
	s.busy.Store(0)
}

// publish hands a message to paho. The token is complete when the broker has it.
func (s *session) publish(o outgoing, site string) mqtt.Token {
	token := s.client.Publish(o.channel.Topic(site, o.reader), 1, o.channel.Retained(), o.payload)
	s.away.add(token, len(o.payload), o.paced())
	select {
	case <-token.Done():
		if err := token.Error(); err != nil {
			s.end(err) // perhaps it was to be retained
		}
	default:
	}
	return token
}

// stuck says whether the broker takes nothing.
func (s *session) stuck() bool {
	since := s.busy.Load()
	return since != 0 && time.Since(time.Unix(0, since)) > stuckAfter
}

// note notes how the connection is.
func (c *connection) note(up bool, why string) {
	if was := c.status.Load(); was.Up != up {
		c.status.Store(&BrokerStatus{URL: was.URL, Up: up, Since: time.Now(), Why: why})
	} else if was.Why != why {
		c.status.Store(&BrokerStatus{URL: was.URL, Up: up, Since: was.Since, Why: why})
	}
}

// How long to wait before a reconnect: at first, and at most.
const firstWait, longestWait = 500 * time.Millisecond, 15 * time.Second

// run keeps the broker connected until ctx ends.
func (c *connection) run(ctx context.Context) error {
	defer c.senders.Wait()
	wait := firstWait
	logged := ""
	for {
		c.awaitOther(ctx)
		began := time.Now()
		connected, err := c.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > time.Minute {
			wait = firstWait
		}
		if other := (*OtherCellError)(nil); errors.As(err, &other) {
			err, wait = other, otherCellAgain // without what MQTT and TLS say around it
		}
		level := slog.LevelWarn
		if !connected && err.Error() == logged {
			level = slog.LevelDebug // log each reason once, not at each attempt
		}
		logged = err.Error()
		c.note(false, logged)
		c.log.Log(ctx, level, "the broker is out of reach", "broker", c.broker.String(), "err", err, "again in", wait.Round(time.Millisecond))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(wait*2, longestWait)
	}
}

// connect connects once. It returns when the connection is lost, or why there was none.
func (c *connection) connect(ctx context.Context) (connected bool, err error) {
	s := newSession()
	var opened atomic.Bool
	defer func() {
		if opened.Load() {
			c.same.ended(c.index)
		}
	}()
	options := mqtt.NewClientOptions().
		AddBroker("tcp://broker"). // not used
		SetClientID(c.o.Name).
		SetCleanSession(true).
		SetAutoReconnect(false).
		SetProtocolVersion(4).
		SetKeepAlive(30 * time.Second).
		SetPingTimeout(20 * time.Second).
		SetConnectTimeout(10 * time.Second).
		SetWriteTimeout(10 * time.Second).
		SetCustomOpenConnectionFn(func(_ *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
			conn, err := c.o.dial(ctx, c.broker)
			if err != nil {
				return nil, err
			}
			c.same.opened(c.index)
			opened.Store(true)
			return wire.Guard(writeTogether(conn), len(subscribed)), nil
		}).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) {
			if errors.Is(err, io.EOF) {
				err = wire.ErrEnded
			}
			s.end(err)
		})
	client := mqtt.NewClient(options)
	defer client.Disconnect(250) // also while it is still connecting: it would succeed later and replace the next one
	if err := finished(ctx, client.Connect()); err != nil {
		return false, err
	}
	if err := c.subscribe(ctx, client); err != nil {
		return false, err
	}
	s.client = client
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	c.senders.Go(func() { s.run(sending, c.o.Site.Name) })
	c.session.Store(s)
	defer c.session.Store(nil)
	c.note(true, "")
	c.log.Info("connected to the broker", "broker", c.broker.String())
	c.up()
	select {
	case <-ctx.Done():
		return true, ctx.Err()
	case err := <-s.lost:
		return true, err
	}
}

// subscribed are the channels that the controller subscribes to, with QoS 1.
var subscribed = [...]wire.Channel{wire.OnHead, wire.OnState, wire.OnRecords, wire.OnFetch}

// subscribe subscribes to all of them, in one packet.
func (c *connection) subscribe(ctx context.Context, client mqtt.Client) error {
	filters := map[string]byte{}
	for _, channel := range subscribed {
		filters[channel.Topic(c.o.Site.Name, "+")] = 1 // the topic of the head has no reader in it
	}
	token := client.SubscribeMultiple(filters, c.handle)
	if err := finished(ctx, token); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for filter, granted := range token.(*mqtt.SubscribeToken).Result() {
		if granted != 1 {
			return fmt.Errorf("the broker refuses the controller %s: does its access list know %s? latchkey-controller broker-config writes one that does", filter, c.o.Name)
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

// handle passes a message on, if its topic and length are right.
func (c *connection) handle(_ mqtt.Client, m mqtt.Message) {
	site, reader, channel, ok := wire.ParseTopic(m.Topic())
	if !ok || site != c.o.Site.Name || len(m.Payload()) > channel.Limit() {
		return
	}
	if len(m.Payload()) == 0 {
		return // a retained message was removed
	}
	c.arrive(message{reader, channel, m.Retained(), m.Payload(), c})
}

// send has a message published as soon as the broker takes it, if it is connected.
func (c *connection) send(o outgoing) {
	if s := c.session.Load(); s != nil && !s.out.put(o) {
		s.end(errors.New("the broker takes less than is sent"))
	}
}

// publish hands a message to paho. The token is complete when the broker has it.
func (c *connection) publish(channel wire.Channel, reader string, payload []byte) (mqtt.Token, error) {
	s := c.session.Load()
	if s == nil || s.stuck() {
		return nil, errOffline
	}
	token := s.publish(outgoing{channel, reader, payload}, c.o.Site.Name)
	select {
	case <-token.Done():
		return token, token.Error()
	default:
		return token, nil
	}
}

// dialWithin is the time limit for opening a connection, TLS included. After a broker's death thousands of readers are before the
// controller, and who begins anew is behind all of them again.
const dialWithin = 30 * time.Second

// dial opens a connection to the broker, unless that is of another cell by its certificate: its controller has the same client
// id, and would lose its connection. A broker without TLS, on this machine, shows none, and is not told from others.
func (o *Options) dial(ctx context.Context, broker wire.Broker) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := broker.Dial(ctx)
	if err != nil || broker.Plain {
		return conn, err
	}
	secured := tls.Client(conn, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{*o.Certificate},
		ServerName:         broker.Host,
		InsecureSkipVerify: true, // VerifyConnection does it, at any time of validity
		VerifyConnection: func(state tls.ConnectionState) error {
			if err := wire.VerifyPeer(o.Site.Authority(), x509.ExtKeyUsageServerAuth, broker.Host)(state); err != nil {
				return err
			}
			return o.ofOwnCell(ctx, state.PeerCertificates[0])
		},
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}
