package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// consoleCertificate is the file in a site's directory that keeps the console's
// certificate of the site's own authority, with its key: a browser that was told
// to trust it is not to ask again after each start.
const consoleCertificate = "console.pem"

// ownCertificate returns the console's certificate of the site's own authority:
// the one that is kept, if it is good for all names, or a new one, which is kept
// from now on.
func ownCertificate(dir string, s *site.Site, names []string) (*tls.Certificate, error) {
	path := filepath.Join(dir, consoleCertificate)
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if kept, err := tls.X509KeyPair(b, b); err == nil && isFor(&kept, s, names) {
		return &kept, nil
	}
	certificate, err := s.BrokerCertificate(names)
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	b = slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	)
	defer clear(b)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return nil, fmt.Errorf("keep the console's certificate: %w", err)
	}
	kept, err := tls.X509KeyPair(b, b)
	return &kept, err
}

// isFor says whether a certificate is one of the site's authority and good for
// all names.
func isFor(c *tls.Certificate, s *site.Site, names []string) bool {
	if wire.VerifyCertificate([]*x509.Certificate{c.Leaf}, s.Authority(), x509.ExtKeyUsageServerAuth, "") != nil {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool { return c.Leaf.VerifyHostname(name) != nil })
}
