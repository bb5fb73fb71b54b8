// Package broker connects readers with the controller: an MQTT broker inside the
// controller's own process, or the configuration of a Mosquitto that does the same.
//
// Both admit only clients with a certificate of the site's authority, over TLS 1.3, under
// the name in that certificate, and confine each reader to its own topics. They are
// trusted with delivery only: what they carry between readers and controller is signed.
// Broker clients come with certificates of their own, and are confined to other topics.
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

// Limits of the embedded broker. There are at most 1,024 readers; each has one exchange at
// a time. The controller and broker clients have six connections at most; two are spare.
const (
	maxClients   = 1024 + 8
	maxPacket    = 1 << 20
	maxInflight  = 1024
	maxPending   = 2048             // messages that wait to be written to one client
	maxQueued    = 16 << 20         // bytes that wait to be written to one client, or to be acknowledged by it
	handshakeFor = 10 * time.Second // from the connection to CONNECT
	keepAlive    = 120              // seconds, the longest that a client may ask for
)

// Options say whom a broker admits.
type Options struct {
	Site string // name
	// Certificate returns the broker's certificate for a connection.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	Authority   *x509.Certificate // the site's
	Controller  string            // name in the controller's certificate, which may use every topic of the site
	Bridge      string            // name in the certificate with which the controller shows readers to broker clients
	// InForce says whether a reader's or a broker client's certificate, by the name in it
	// and its serial number, hexadecimal, is the one that is valid now.
	InForce func(name, serial string) bool
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
	capabilities.MaximumMessageExpiryInterval = 1 << 40 // retained messages stay
	capabilities.MaximumSessionExpiryInterval = 0
	capabilities.TopicAliasMaximum = 0
	capabilities.SharedSubAvailable = 0
	capabilities.MinimumProtocolVersion = 4
	capabilities.MaximumQos = 1
	log := slog.New(quiet{o.Log.Handler()})
	b := &Broker{addr: listener.Addr(), access: &access{o: o}}
	b.server = mqtt.New(&mqtt.Options{Capabilities: capabilities, Logger: log, SysTopicResendInterval: 3600})
	secured := newTLSListener(&limitedListener{Listener: listener, within: handshakeFor, log: o.Log}, &tls.Config{
		MinVersion:             tls.VersionTLS13,
		GetCertificate:         o.Certificate,
		ClientAuth:             tls.RequireAnyClientCert, // VerifyConnection checks it, at any time of validity
		VerifyConnection:       wire.VerifyPeer(o.Authority, x509.ExtKeyUsageClientAuth, ""),
		SessionTicketsDisabled: true, // each connection shows its certificate
	}, o.Log)
	err = errors.Join(
		b.server.AddHook(b.access, nil),
		b.server.AddHook(newBrokerClients(b.access), nil),
		b.server.AddHook(&unacknowledged{controller: o.Controller, log: o.Log, of: map[*mqtt.Client]*waiting{}}, nil),
		b.server.AddListener(listeners.NewNet("tls", secured)),
	)
	if err == nil {
		err = b.server.Serve()
	}
	if err != nil {
		listener.Close()
		return nil, fmt.Errorf("broker: %w", err)
	}
	return b, nil
}

// Addr returns the address that the broker listens on.
func (b *Broker) Addr() net.Addr { return b.addr }

// Expel closes the connections whose certificates are not valid any more.
func (b *Broker) Expel() {
	for _, client := range b.server.Clients.GetAll() {
		if !client.Closed() && !b.access.admits(client) {
			client.Stop(errRevoked)
		}
	}
}

var errRevoked = errors.New("the certificate was revoked")

// closeWithin is how long Close waits.
const closeWithin = 10 * time.Second

// Close closes all connections and stops the broker. When a client leaves at that very
// moment, mochi 2.7.9 may wait for itself (GetByListener locks for reading twice): then Close
// returns an error, and the broker ends with the program.
func (b *Broker) Close() error {
	closed := make(chan error, 1)
	go func() { closed <- b.server.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(closeWithin):
		return errors.New("the embedded broker did not stop in time")
	}
}

// quiet logs what mochi reports at debug level, except errors, and keeps payloads out of
// the log.
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
