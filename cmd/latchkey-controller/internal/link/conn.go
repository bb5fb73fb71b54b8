package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"latchkey/sync/wire"
)

// dial opens a connection to a broker.
func (o *Options) dial(ctx context.Context, broker wire.Broker) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", broker.Address())
	if err != nil {
		return nil, err
	}
	if broker.Plain {
		if at, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
			conn.Close()
			return nil, fmt.Errorf("%s is not this machine, and without TLS no other is spoken to; write ssl://", broker.Host)
		}
		return conn, nil
	}
	secured := tls.Client(conn, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{*o.Certificate},
		ServerName:         broker.Host,
		InsecureSkipVerify: true, // VerifyConnection does it, whatever the time is
		VerifyConnection:   wire.VerifyPeer(o.Site.Authority(), x509.ExtKeyUsageServerAuth, broker.Host),
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}
