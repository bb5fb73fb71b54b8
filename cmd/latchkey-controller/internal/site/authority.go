package site

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"latchkey/sync/wire"
)

// never is the end of a certificate that does not expire (RFC 5280 §4.1.2.5, as for
// devices in IEEE 802.1AR): a door must not fail on a date that nobody remembers. A
// newer bundle revokes a certificate.
var never = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// always is when all certificates of a site become valid: before any clock's time.
var always = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// An authority is a site's certificate authority: ECDSA P-256, only for its readers
// and its broker.
type authority struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

// newAuthority creates a site's authority.
func newAuthority(id wire.SiteID, name string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: "latchkey site " + name, SerialNumber: id.String()},
		NotBefore:             always,
		NotAfter:              never,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make certificate authority: %w", err)
	}
	return openAuthority(key, der)
}

// openAuthority returns the authority with a key and a certificate, DER.
func openAuthority(key *ecdsa.PrivateKey, root []byte) (*authority, error) {
	certificate, err := x509.ParseCertificate(root)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		return nil, fmt.Errorf("certificate authority: key and certificate do not match")
	}
	return &authority{key, certificate}, nil
}

// reader returns a reader's certificate. It takes only the public key from the
// request; the name is the reader's id.
func (a *authority) reader(id string, request *wire.Request) (*x509.Certificate, error) {
	csr, err := x509.ParseCertificateRequest(request.CSR)
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	der, err := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: id}, DNSNames: []string{id}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, csr.PublicKey)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// issue creates a key and its certificate.
func (a *authority) issue(template *x509.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := a.sign(template, key.Public())
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// sign returns the certificate of a public key, DER, for TLS and of no end.
func (a *authority) sign(template *x509.Certificate, public any) ([]byte, error) {
	template.SerialNumber = serial()
	template.NotBefore, template.NotAfter = always, never
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, public, a.key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	return der, nil
}

// serial returns a serial number with 126 random bits, 16 bytes long and
// positive (RFC 5280 §4.1.2.2).
func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}
