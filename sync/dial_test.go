package sync

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"testing"
	"time"
)

// authority is a certificate authority.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

var (
	begins = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ends   = begins.AddDate(1, 0, 0)
)

func newAuthority(t *testing.T, begins time.Time) *authority {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "home"}, NotBefore: begins, NotAfter: ends.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return &authority{key, must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))))}
}

func (a *authority) issue(usage x509.ExtKeyUsage, change func(*x509.Certificate)) tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: readerID}, NotBefore: begins, NotAfter: ends,
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"broker.example"},
	}
	if change != nil {
		change(template)
	}
	der := must(x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Whatever the clocks say, at either end and when the certificates were made:
// chain, name and use decide.
func TestTheBrokersCertificateIsCheckedAndItsTimesAreNot(t *testing.T) {
	home := newAuthority(t, begins)
	late := newAuthority(t, begins.AddDate(0, 1, 0))
	server := x509.ExtKeyUsageServerAuth
	bound := func(from, until time.Time) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, until }
	}
	nameless := func(c *x509.Certificate) { c.IPAddresses = nil }
	for name, test := range map[string]struct {
		authority   *authority
		certificate tls.Certificate
		version     uint16
		ok          bool
	}{
		"as it should be":                      {home, home.issue(server, nil), 0, true},
		"over":                                 {home, home.issue(server, bound(begins.AddDate(-20, 0, 0), begins.AddDate(-10, 0, 0))), 0, true},
		"made by a controller ten years ahead": {home, home.issue(server, bound(begins.AddDate(20, 0, 0), begins.AddDate(30, 0, 0))), 0, true},
		"older than its authority":             {late, late.issue(server, nil), 0, true},
		"of another authority":                 {home, late.issue(server, nil), 0, false},
		"of another name":                      {home, home.issue(server, nameless), 0, false},
		"a reader's":                           {home, home.issue(x509.ExtKeyUsageClientAuth, nil), 0, false},
		"TLS 1.2":                              {home, home.issue(server, nil), tls.VersionTLS12, false},
	} {
		reader := home.issue(x509.ExtKeyUsageClientAuth, nil)
		pool := x509.NewCertPool()
		pool.AddCert(home.cert)
		listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
			Certificates: []tls.Certificate{test.certificate}, MaxVersion: test.version,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, Time: func() time.Time { return begins.AddDate(0, 2, 0) },
		})
		if err != nil {
			t.Fatal(err)
		}
		named := make(chan string, 1)
		go func() {
			defer close(named)
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			if secure := conn.(*tls.Conn); secure.Handshake() == nil {
				named <- secure.ConnectionState().PeerCertificates[0].Subject.CommonName
			}
		}()
		client := must(NewClient(Config{
			Log:     slog.New(slog.DiscardHandler),
			Options: newWorldOptions(), Brokers: []string{"ssl://" + listener.Addr().String()}, Certificate: reader, Authority: test.authority.cert,
			Now: func() time.Duration { return 0 },
		}))
		conn, err := client.open(t.Context(), client.route.bundle[0])
		if (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
		if conn != nil {
			if got := <-named; got != readerID && test.authority == home {
				t.Errorf("%s: the broker sees %q", name, got)
			}
			conn.Close()
		}
		listener.Close()
	}
}
