package link

import (
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

// maxPacket is the most bytes of an MQTT packet after its fixed header.
const maxPacket = 1 << 20

// A bounded connection reads the fixed headers of the MQTT packets that come
// (MQTT 3.1.1 §2.2) and fails at one that a broker does not send to this
// client: paho would make room for whatever is claimed, keep what comes with
// QoS 2, and panic at a SUBACK with more return codes than topics were asked
// for.
type bounded struct {
	net.Conn
	kind   byte // of the packet: its first byte
	left   int  // bytes of the packet that are still to come
	header int  // bytes of the next header that have come
	length int  // as far as they have
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if b.left > 0 {
			skip := min(b.left, len(rest))
			b.left, rest = b.left-skip, rest[skip:]
			continue
		}
		c := rest[0]
		rest = rest[1:]
		if b.header++; b.header == 1 {
			b.kind = c
			continue
		}
		b.length |= int(c&0x7f) << (7 * (b.header - 2))
		if c&0x80 != 0 {
			if b.header == 5 || b.length > maxPacket {
				return 0, b.refuse()
			}
			continue
		}
		if !expected(b.kind, b.length) {
			return 0, b.refuse()
		}
		b.left, b.header, b.length = b.length, 0, 0
	}
	return n, err
}

func (b *bounded) refuse() error {
	b.Conn.Close()
	return fmt.Errorf("%w: %#02x with %d bytes", errPacket, b.kind, b.length)
}

var errPacket = errors.New("the broker sent what is no MQTT packet for this client")

// expected says whether a broker sends a packet of a first byte and a remaining
// length to a client that has subscribed to subscribed at once, with QoS 1.
func expected(kind byte, length int) bool {
	const connack, publish, puback, suback, pingresp = 2, 3, 4, 9, 13
	switch kind >> 4 {
	case publish:
		return kind>>1&3 <= 1 && length <= maxPacket
	case connack, puback:
		return length == 2
	case suback:
		return length == 2+len(subscribed)
	case pingresp:
		return length == 0
	}
	return false
}

// CheckBroker says whether a broker's URL can be used: ssl://host:port, or
// tcp://host:port on this machine.
func CheckBroker(broker string) error {
	u, err := url.Parse(broker)
	if err != nil {
		return err
	}
	switch u.Scheme {
	case "ssl", "tls", "mqtts":
	case "tcp", "mqtt":
		if ip := net.ParseIP(u.Hostname()); ip == nil && u.Hostname() != "localhost" || ip != nil && !ip.IsLoopback() {
			return fmt.Errorf("%s: without TLS only on this machine; write ssl://", broker)
		}
	default:
		return fmt.Errorf("%s: write ssl://host:port", broker)
	}
	if u.Port() == "" || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" {
		return fmt.Errorf("%s: write ssl://host:port", broker)
	}
	return nil
}

// dial opens a connection to a broker.
func (o *Options) dial(ctx context.Context, broker *url.URL) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", broker.Host)
	if err != nil {
		return nil, err
	}
	if broker.Scheme == "tcp" || broker.Scheme == "mqtt" {
		if at, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
			conn.Close()
			return nil, fmt.Errorf("%s is not this machine, and without TLS no other is spoken to; write ssl://", broker.Hostname())
		}
		return conn, nil
	}
	secured := tls.Client(conn, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{*o.Certificate},
		ServerName:         broker.Hostname(),
		InsecureSkipVerify: true, // VerifyConnection does it, whatever the time is
		VerifyConnection:   wire.VerifyPeer(o.Site.Authority(), x509.ExtKeyUsageServerAuth, broker.Hostname()),
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}
