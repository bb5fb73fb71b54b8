package sync

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"latchkey/sync/wire"
)

// dialWithin is the time limit for opening a connection, TLS included.
const dialWithin = 20 * time.Second

// dial opens a connection to a broker.
func (c *Client) dial(ctx context.Context, broker wire.Broker) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := broker.Dial(ctx)
	if err == nil && c.o.Wrap != nil {
		conn = c.o.Wrap(conn)
	}
	if err != nil || broker.Plain {
		return conn, err
	}
	secure := tls.Client(conn, c.tlsConfig(broker))
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// tlsConfig returns the TLS configuration for a broker: each must have a certificate of the
// site's authority for the name or address under which the reader knows it.
func (c *Client) tlsConfig(broker wire.Broker) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{c.o.Certificate},
		ServerName:         broker.Host,
		InsecureSkipVerify: true, // VerifyConnection verifies without regard to the time
		VerifyConnection:   wire.VerifyPeer(c.o.Authority, x509.ExtKeyUsageServerAuth, broker.Host),
	}
}
