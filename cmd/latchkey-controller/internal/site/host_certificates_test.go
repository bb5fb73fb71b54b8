package site

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A reader is adopted under a name and one under an address that nobody told the
// running controller of.
func TestTheBrokersCertificateCoversWhatReadersWereGiven(t *testing.T) {
	s, _ := newSite(t)
	c := s.HostCertificates([]string{"localhost"}, store.HomeCell)
	conn, other := net.Pipe()
	defer conn.Close()
	defer other.Close()
	covers := func(host string, at net.Conn) bool {
		t.Helper()
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		certificate, err := c.Certificate(&tls.ClientHelloInfo{Conn: at})
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(certificate.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return wire.VerifyCertificate([]*x509.Certificate{leaf}, s.Authority(), x509.ExtKeyUsageServerAuth, host) == nil
	}
	if !covers("localhost", conn) || covers("door.example", conn) || covers("203.0.113.7", conn) {
		t.Error("it does not cover just what it was told of")
	}
	for reader, url := range map[string]string{"front-door": "ssl://door.example:8883", "back-door": "ssl://203.0.113.7:18883", "side-door": "ssl://[fd00::2]"} {
		if _, _, err := tryAdopt(t.Context(), s, noon, reader, newBoard(t).signed, url, noEdit); err != nil {
			t.Fatal(err)
		}
	}
	for _, host := range []string{"localhost", "door.example", "203.0.113.7", "fd00::2"} {
		if !covers(host, conn) {
			t.Errorf("%s was given to a reader, and is not covered", host)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.9:0") // an address that came later
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if accepted, err := listener.Accept(); err == nil {
			defer accepted.Close()
			accepted.Read(make([]byte, 1))
		}
	}()
	reached, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer reached.Close()
	if !covers("127.0.0.9", local{reached}) {
		t.Error("an address of this machine that a connection came to is not covered")
	}
}

// local is the other end of a connection.
type local struct{ net.Conn }

func (l local) LocalAddr() net.Addr { return l.RemoteAddr() }
