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

// dial opens a connection to the broker.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := c.broker.Dial(ctx)
	if err != nil || c.broker.Plain {
		return conn, err
	}
	secure := tls.Client(conn, c.tlsConfig())
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// tlsConfig returns the TLS configuration for the broker.
func (c *Client) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{c.o.Certificate},
		ServerName:         c.broker.Host,
		InsecureSkipVerify: true, // VerifyConnection verifies without regard to the time
		VerifyConnection:   wire.VerifyPeer(c.o.Authority, x509.ExtKeyUsageServerAuth, c.broker.Host),
	}
}
