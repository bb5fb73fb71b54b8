package sync

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"latchkey/sync/wire"
)

// dialWithin bounds the opening of a connection, TLS included.
const dialWithin = 20 * time.Second

// dial opens a connection to the broker.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.broker.Address())
	if err != nil {
		return nil, err
	}
	if c.broker.Plain {
		if at, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
			conn.Close()
			return nil, errors.New("localhost is not this machine")
		}
		return conn, nil
	}
	secure := tls.Client(conn, c.tlsConfig())
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

// tlsConfig returns how the broker is spoken to.
func (c *Client) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{c.o.Certificate},
		ServerName:         c.broker.Host,
		InsecureSkipVerify: true, // VerifyConnection does it, whatever the time is
		VerifyConnection:   wire.VerifyPeer(c.o.Authority, x509.ExtKeyUsageServerAuth, c.broker.Host),
	}
}
