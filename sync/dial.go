package sync

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"latchkey/sync/wire"
)

// dialWithin bounds the opening of a connection, TLS included.
const dialWithin = 20 * time.Second

// CheckBroker says what is wrong with a broker's URL: ssl://host:port, or
// tcp://host:port of this machine itself. Without a port it is 8883, or 1883.
func CheckBroker(broker string) error {
	_, err := parseBroker(broker)
	return err
}

// endpoint is where a broker is.
type endpoint struct {
	host, port string
	plain      bool
}

func parseBroker(broker string) (endpoint, error) {
	u, err := url.Parse(broker)
	if err != nil {
		return endpoint{}, fmt.Errorf("broker %.80q: not a URL", broker)
	}
	e := endpoint{host: u.Hostname()}
	switch u.Scheme {
	case "ssl", "tls", "mqtts":
		e.port = cmp.Or(u.Port(), "8883")
	case "tcp", "mqtt":
		e.port, e.plain = cmp.Or(u.Port(), "1883"), true
	default:
		return endpoint{}, fmt.Errorf("broker %.80q: write ssl://host:port", broker)
	}
	if e.host == "" {
		return endpoint{}, fmt.Errorf("broker %.80q: no host", broker)
	}
	if ip := net.ParseIP(e.host); e.plain && e.host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return endpoint{}, fmt.Errorf("broker %.80q: without TLS only this machine itself is spoken to; write ssl://host:port", broker)
	}
	return e, nil
}

// dial opens a connection to the broker.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(c.broker.host, c.broker.port))
	if err != nil {
		return nil, err
	}
	if c.broker.plain {
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
		ServerName:         c.broker.host,
		InsecureSkipVerify: true, // VerifyConnection does it, whatever the time is
		VerifyConnection:   wire.VerifyPeer(c.o.Authority, x509.ExtKeyUsageServerAuth, c.broker.host),
	}
}
