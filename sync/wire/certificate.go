package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

// VerifyPeer returns a function for tls.Config.VerifyConnection that checks that
// the peer's certificate is one of a site's authority, for a use, and for a host
// unless that is "": chain and names as RFC 5280 §6 and RFC 9525 have it. It does
// not look at times of validity: the site's certificates never end, a newer bundle
// revokes them, and a door must not close because a clock is wrong.
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

// endless returns a certificate without bounds of time. Its signature is over
// the bytes as they came.
func endless(c *x509.Certificate) *x509.Certificate {
	always := *c
	always.NotBefore, always.NotAfter = time.Unix(0, 0), time.Unix(1<<40, 0)
	return &always
}
