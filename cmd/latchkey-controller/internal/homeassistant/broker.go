package homeassistant

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"latchkey/sync/wire"
)

// ParseBroker parses the URL of Home Assistant's broker: ssl://host:port, or tcp://host:port
// of this machine, or with plain of any. The default port is 8883 or 1883.
func ParseBroker(text string, plain bool) (wire.Broker, error) {
	b, err := wire.ParseBroker(text)
	u, wrong := url.Parse(text)
	if err == nil || !plain || wrong != nil || u.Scheme != "tcp" && u.Scheme != "mqtt" {
		return b, err
	}
	if b, err = wire.ParseBroker(strings.Replace(text, u.Scheme, "ssl", 1)); err != nil {
		return b, err
	}
	if u.Port() == "" {
		b.Port = "1883"
	}
	b.Plain = true
	return b, nil
}

// A Login is how the controller proves who it is to the broker, and the broker to it. The
// files are read for each connection, so that renewed ones need no restart.
type Login struct {
	File             string // has the user's name in the first line and the password in the second; "": none
	Authority        string // a PEM file with the certificates that the broker's may come from; "": the system's
	Certificate, Key string // PEM files of the client's own; "": none
}

// A credentials is what a Login's files hold.
type credentials struct {
	user, password string
	tls            tls.Config // without the server's name
}

// Own is how the controller connects to the readers' own broker.
type Own struct {
	Name        string // in its certificate there
	Certificate *tls.Certificate
	Authority   *x509.Certificate // the site's, of the broker's certificate
}

// credentials returns how to connect to the broker.
func (o *Options) credentials() (*credentials, error) {
	if o.Own == nil {
		return o.Login.load()
	}
	return &credentials{tls: tls.Config{
		MinVersion:         tls.VersionTLS13,
		Certificates:       []tls.Certificate{*o.Own.Certificate},
		InsecureSkipVerify: true, // VerifyConnection does it, at any time of validity
		VerifyConnection:   wire.VerifyPeer(o.Own.Authority, x509.ExtKeyUsageServerAuth, o.Broker.Host),
	}}, nil
}

// maxFile is the most bytes of one of the files.
const maxFile = 1 << 20

func (l *Login) load() (*credentials, error) {
	c := &credentials{tls: tls.Config{MinVersion: tls.VersionTLS12}}
	if l.File != "" {
		text, err := read(l.File)
		if err != nil {
			return nil, err
		}
		user, rest, found := strings.Cut(string(text), "\n")
		password, _, _ := strings.Cut(rest, "\n")
		c.user, c.password = strings.TrimSuffix(user, "\r"), strings.TrimSuffix(password, "\r")
		if !found || c.user == "" || c.password == "" {
			return nil, fmt.Errorf("%s: write the user's name into the first line and the password into the second", l.File)
		}
	}
	if l.Authority != "" {
		text, err := read(l.Authority)
		if err != nil {
			return nil, err
		}
		c.tls.RootCAs = x509.NewCertPool()
		if !c.tls.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificate", l.Authority)
		}
	}
	if l.Certificate != "" {
		own, err := tls.LoadX509KeyPair(l.Certificate, l.Key)
		if err != nil {
			return nil, fmt.Errorf("%s and %s: %w", l.Certificate, l.Key, err)
		}
		c.tls.Certificates = []tls.Certificate{own}
	}
	return c, nil
}

// read reads a file of at most maxFile bytes.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxFile)
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), err
}

// dial opens a connection to the broker.
func (c *credentials) dial(ctx context.Context, broker wire.Broker) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := broker.Dial(ctx)
	if err != nil || broker.Plain {
		return conn, err
	}
	config := c.tls.Clone()
	config.ServerName = broker.Host
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		var unknown x509.UnknownAuthorityError
		if errors.As(err, &unknown) {
			err = fmt.Errorf("%w: --homeassistant-ca names the authority of the broker's certificate", err)
		}
		return nil, err
	}
	return secured, nil
}
