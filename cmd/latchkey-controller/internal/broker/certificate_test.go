package broker

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

	"latchkey/sync/wire"
)

// issuer is a site's authority.
type issuer struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func (i *issuer) issue(name string, use x509.ExtKeyUsage, from, until time.Time) tls.Certificate {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, signer := i.cert, i.key
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		parent, signer = template, key
	} else {
		template.ExtKeyUsage = []x509.ExtKeyUsage{use}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		i.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		i.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func newIssuer(t *testing.T, from, until time.Time) *issuer {
	t.Helper()
	i := &issuer{t: t}
	root := i.issue("home", 0, from, until)
	i.key, i.cert = root.PrivateKey.(*ecdsa.PrivateKey), root.Leaf
	return i
}

// A controller whose clock was ten years ahead made the site, and one whose clock
// is 48 h behind serves it.
func TestTimesOfValidityKeepNobodyOut(t *testing.T) {
	now := time.Now()
	begins, ends := now.AddDate(10, 0, 0), now.AddDate(11, 0, 0)
	home, other := newIssuer(t, begins, ends), newIssuer(t, begins, ends)
	server := home.issue("broker.latchkey", x509.ExtKeyUsageServerAuth, begins, ends)
	b, err := Start(t.Context(), "127.0.0.1:0", Options{
		Site: "home", Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &server, nil }, Authority: home.cert, Controller: "controller.latchkey",
		InForce: func(string, string) bool { return true }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	client := x509.ExtKeyUsageClientAuth
	for name, test := range map[string]struct {
		certificate tls.Certificate
		ok          bool
	}{
		"not begun":       {home.issue("front-door", client, begins, ends), true},
		"over":            {home.issue("front-door", client, now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0)), true},
		"somebody's":      {other.issue("front-door", client, begins, ends), false},
		"for another use": {home.issue("front-door", x509.ExtKeyUsageServerAuth, begins, ends), false},
	} {
		conn, err := tls.Dial("tcp", b.Addr().String(), &tls.Config{
			Certificates: []tls.Certificate{test.certificate}, InsecureSkipVerify: true,
			VerifyConnection: wire.VerifyPeer(home.cert, x509.ExtKeyUsageServerAuth, "127.0.0.1"),
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		// MQTT 3.1.1 §3.1: CONNECT, clean session, client id front-door. A TLS 1.3
		// client learns with the first answer whether its certificate was taken.
		conn.Write([]byte("\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0afront-door"))
		answer := make([]byte, 4)
		conn.SetReadDeadline(now.Add(time.Minute))
		_, err = conn.Read(answer)
		if ok := err == nil && answer[0] == 0x20 && answer[3] == 0; ok != test.ok {
			t.Errorf("%s: % x, %v", name, answer, err)
		}
		conn.Close()
	}
}
