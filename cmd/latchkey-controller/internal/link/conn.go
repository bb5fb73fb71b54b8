package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"latchkey/sync/wire"
)

// dial opens a connection to a broker.
func (o *Options) dial(ctx context.Context, broker wire.Broker) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := broker.Dial(ctx)
	if err != nil || broker.Plain {
		return conn, err
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
