// Package broker brings readers and controller together: an MQTT broker inside
// the controller's own process, and the configuration of a Mosquitto that does
// the same.
//
// Both let in only who has a certificate of the site's authority, over TLS 1.3,
// under the name in that certificate, and confine each reader to its own topics.
// Neither is trusted with more than delivery: what they carry is signed.
package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"

	"latchkey/sync/wire"
)

// Limits of the embedded broker. Readers are at most 1,024; each sends and is
// sent one thing at a time.
const (
	maxClients   = 1024
	maxPacket    = 1 << 20
	maxInflight  = 1024
	maxPending   = 2048             // messages waiting to be written to one client
	maxQueued    = 16 << 20         // bytes of messages that one reader was sent and has not taken
	handshakeFor = 10 * time.Second // from the connection to CONNECT
	keepAlive    = 120              // seconds, the most that a client may ask for
)

// Options say whom a broker lets in.
type Options struct {
	Site string // name
	// Certificate returns the broker's own for a connection.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Authority   *x509.Certificate // the site's
	Controller  string            // name in the controller's certificate, which may use every topic of the site
	// InForce says whether a reader's certificate with a serial number,
	// hexadecimal, is the one that counts.
	InForce func(reader, serial string) bool
	Log     *slog.Logger
}

// A Broker is a running broker.
type Broker struct {
	server *mqtt.Server
	access *access
	addr   net.Addr
}

// Start starts a broker on a TCP address.
func Start(ctx context.Context, address string, o Options) (*Broker, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	o.Log = wire.PlainLog(o.Log)
	capabilities := mqtt.NewDefaultServerCapabilities()
	capabilities.MaximumClients = maxClients
	capabilities.MaximumPacketSize = maxPacket
	capabilities.MaximumInflight = maxInflight
	capabilities.ReceiveMaximum = maxInflight
	capabilities.MaximumClientWritesPending = maxPending
	capabilities.MaximumMessageExpiryInterval = 1 << 40 // what is retained stays
	capabilities.MaximumSessionExpiryInterval = 0
	capabilities.TopicAliasMaximum = 0
	capabilities.SharedSubAvailable = 0
	capabilities.MinimumProtocolVersion = 4
	capabilities.MaximumQos = 1
	log := slog.New(quiet{o.Log.Handler()})
	b := &Broker{addr: listener.Addr(), access: &access{o: o}}
	b.server = mqtt.New(&mqtt.Options{Capabilities: capabilities, Logger: log, SysTopicResendInterval: 3600})
	for _, hook := range []mqtt.Hook{b.access, &owed{controller: o.Controller, log: o.Log, debts: map[*mqtt.Client]*debt{}}} {
		if err := b.server.AddHook(hook, nil); err != nil {
			listener.Close()
			return nil, fmt.Errorf("broker: %w", err)
		}
	}
	door := newHandshaker(&patient{Listener: listener, within: handshakeFor, log: o.Log}, &tls.Config{
		MinVersion:             tls.VersionTLS13,
		GetCertificate:         o.Certificate,
		ClientAuth:             tls.RequireAnyClientCert, // VerifyConnection checks it, whatever the time is
		VerifyConnection:       wire.VerifyPeer(o.Authority, x509.ExtKeyUsageClientAuth, ""),
		SessionTicketsDisabled: true, // each connection shows its certificate anew
	}, o.Log)
	if err := b.server.AddListener(listeners.NewNet("tls", door)); err != nil {
		listener.Close()
		return nil, fmt.Errorf("broker: %w", err)
	}
	if err := b.server.Serve(); err != nil {
		listener.Close()
		return nil, fmt.Errorf("broker: %w", err)
	}
	return b, nil
}

// Addr returns the address that the broker listens on.
func (b *Broker) Addr() net.Addr { return b.addr }

// Expel ends the connections whose certificates do not count any more.
func (b *Broker) Expel() {
	for _, client := range b.server.Clients.GetAll() {
		if !client.Closed() && !b.access.admits(client) {
			client.Stop(errRevoked)
		}
	}
}

var errRevoked = errors.New("the certificate was revoked")

// Close ends all connections and the broker.
func (b *Broker) Close() error { return b.server.Close() }

// A patient listener gives each connection a limited time to say who it is, lets few wait
// that have not, and goes on when a connection cannot be taken, which happens when files run
// out.
type patient struct {
	net.Listener
	within    time.Duration
	log       *slog.Logger
	strangers strangers
}

func (p *patient) Accept() (net.Conn, error) {
	for {
		conn, err := p.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil {
			p.log.Warn("broker: take a connection", "err", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		leave := p.strangers.enter(conn.RemoteAddr())
		if leave == nil {
			p.log.Debug("broker: too many connections do not say who they are; one more is ended", "from", conn.RemoteAddr())
			conn.Close()
			continue
		}
		conn.SetReadDeadline(time.Now().Add(p.within)) // the broker sets another one later, for reading only: outbox
		return newOutbox(conn, leave), nil
	}
}

// quiet keeps what the broker says below the controller's own words, and
// payloads out of the log.
type quiet struct{ slog.Handler }

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	level := r.Level
	if level < slog.LevelError {
		level = slog.LevelDebug
	}
	if !q.Enabled(ctx, level) {
		return nil
	}
	out := slog.NewRecord(r.Time, level, "broker: "+r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "pk" && a.Key != "packet" {
			out.AddAttrs(a)
		}
		return true
	})
	return q.Handler.Handle(ctx, out)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }
