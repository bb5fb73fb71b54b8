package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// VerifyPeer returns a function for tls.Config.VerifyConnection. It checks that a
// site's authority issued the peer's certificate for a use and, unless host is "",
// for that host (RFC 5280 §6, RFC 9525). It ignores the times of validity: a newer
// bundle revokes a certificate, and a wrong clock must not close a door.
func VerifyPeer(authority *x509.Certificate, use x509.ExtKeyUsage, host string) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return errors.New("no certificate was shown")
		}
		return VerifyCertificate(state.PeerCertificates, authority, use, host)
	}
}

// VerifyCertificate checks the first certificate of a chain as VerifyPeer does.
func VerifyCertificate(chain []*x509.Certificate, authority *x509.Certificate, use x509.ExtKeyUsage, host string) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(endless(authority))
	for _, certificate := range chain[1:] {
		between.AddCert(endless(certificate))
	}
	_, err := endless(chain[0]).Verify(x509.VerifyOptions{
		DNSName: host, Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{use}, CurrentTime: time.Unix(0, 0),
	})
	return err
}

// endless returns a certificate that never expires. Its signature still covers the
// bytes as they came.
func endless(c *x509.Certificate) *x509.Certificate {
	always := *c
	always.NotBefore, always.NotAfter = time.Unix(0, 0), time.Unix(1<<40, 0)
	return &always
}
