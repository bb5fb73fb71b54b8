package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/sync/wire"
)

// consoleCertificate is the file in a site's directory with the console's certificate
// of the site's own authority, and its key. It is kept so that a browser that was told
// to trust it does not ask again after each start.
const consoleCertificate = "console.pem"

// ownCertificate returns the console's certificate of the site's own authority: the
// one in the file, if it is valid for all names, or else a new one, which it stores
// there.
func ownCertificate(dir string, s *site.Site, names []string) (*tls.Certificate, error) {
	path := filepath.Join(dir, consoleCertificate)
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if kept, err := tls.X509KeyPair(b, b); err == nil && validFor(&kept, s, names) {
		return &kept, nil
	}
	certificate, err := s.ConsoleCertificate(names)
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
		return nil, fmt.Errorf("store the console's certificate: %w", err)
	}
	kept, err := tls.X509KeyPair(b, b)
	return &kept, err
}

// validFor says whether a certificate is one of the site's authority and valid for all
// names.
func validFor(c *tls.Certificate, s *site.Site, names []string) bool {
	if wire.VerifyCertificate([]*x509.Certificate{c.Leaf}, s.Authority(), x509.ExtKeyUsageServerAuth, "") != nil {
		return false
	}
	return !slices.ContainsFunc(names, func(name string) bool { return c.Leaf.VerifyHostname(name) != nil })
}

// certificateFiles are the files of the certificate that the console was given. They
// are read again when one of them has changed: a renewal needs no restart. While the
// new pair cannot be read, the old one stays in use.
type certificateFiles struct {
	certificate, key string // PEM files
	log              *slog.Logger

	mu    sync.Mutex
	files [2]os.FileInfo // when they were read last
	pair  *tls.Certificate
}

// newCertificateFiles reads the pair for the first time.
func newCertificateFiles(certificate, key string, log *slog.Logger) (*certificateFiles, error) {
	r := &certificateFiles{certificate: certificate, key: key, log: log}
	if _, err := r.refresh(); err != nil {
		return nil, fmt.Errorf("console's certificate: %w", err)
	}
	if wrong := notValidNow(r.pair.Leaf, time.Now()); wrong != "" {
		log.Error("browsers do not accept the console's certificate: "+wrong, "certificate", certificate)
	}
	return r, nil
}

// notValidNow says why a certificate is not valid now; "" if it is. The doors work
// without it, and the clock may as well be wrong as the certificate.
func notValidNow(c *x509.Certificate, now time.Time) string {
	const layout = "2 January 2006 15:04 MST"
	switch {
	case now.After(c.NotAfter):
		return fmt.Sprintf("it ended on %s, and this machine's clock says %s: renew it, or correct the clock", c.NotAfter.UTC().Format(layout), now.UTC().Format(layout))
	case now.Before(c.NotBefore):
		return fmt.Sprintf("it begins on %s, and this machine's clock says %s: correct the clock", c.NotBefore.UTC().Format(layout), now.UTC().Format(layout))
	}
	return ""
}

// get is for tls.Config.GetCertificate.
func (r *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed, err := r.refresh()
	switch {
	case err != nil && changed:
		r.log.Error("the console's new certificate cannot be used, the old one stays; correct both files", "certificate", r.certificate, "key", r.key, "err", err)
	case changed && notValidNow(r.pair.Leaf, time.Now()) != "":
		r.log.Error("browsers do not accept the console's new certificate: "+notValidNow(r.pair.Leaf, time.Now()), "certificate", r.certificate)
	case changed:
		r.log.Info("the console has a renewed certificate", "certificate", r.certificate, "until", r.pair.Leaf.NotAfter)
	}
	return r.pair, nil
}

// refresh reads the pair if one of its files has changed, and says whether one has.
func (r *certificateFiles) refresh() (changed bool, err error) {
	var files [2]os.FileInfo
	for i, name := range []string{r.certificate, r.key} {
		info, err := os.Stat(name)
		if err != nil {
			changed = r.files[i] != nil
			r.files[i] = nil
			return changed, err
		}
		files[i] = info
		old := r.files[i]
		changed = changed || old == nil || !os.SameFile(old, info) || !old.ModTime().Equal(info.ModTime()) || old.Size() != info.Size()
	}
	if !changed {
		return false, nil
	}
	r.files = files
	pair, err := tls.LoadX509KeyPair(r.certificate, r.key)
	if err != nil {
		return true, err
	}
	r.pair = &pair
	return true, nil
}
