package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// renewed is the certificate that the console was given, read again when one of
// its files has changed: a renewal needs no restart. While the new pair cannot
// be read, the old one stays.
type renewed struct {
	certificate, key string // PEM files
	log              *slog.Logger

	mu    sync.Mutex
	files [2]os.FileInfo // as they were when they were read last
	pair  *tls.Certificate
}

// newRenewed reads the pair for the first time.
func newRenewed(certificate, key string, log *slog.Logger) (*renewed, error) {
	r := &renewed{certificate: certificate, key: key, log: log}
	if _, err := r.refresh(); err != nil {
		return nil, fmt.Errorf("console's certificate: %w", err)
	}
	if wrong := untimely(r.pair.Leaf, time.Now()); wrong != "" {
		log.Error("browsers do not accept the console's certificate: "+wrong, "certificate", certificate)
	}
	return r, nil
}

// untimely says why a certificate that was given does not count now; "": it does.
// Doors do not wait for it. A clock that is wrong is as likely as a certificate.
func untimely(c *x509.Certificate, now time.Time) string {
	const layout = "2 January 2006 15:04 MST"
	switch {
	case now.After(c.NotAfter):
		return fmt.Sprintf("it ended on %s, and this machine's clock says %s: renew it, or put the clock right", c.NotAfter.UTC().Format(layout), now.UTC().Format(layout))
	case now.Before(c.NotBefore):
		return fmt.Sprintf("it begins on %s, and this machine's clock says %s: put the clock right", c.NotBefore.UTC().Format(layout), now.UTC().Format(layout))
	}
	return ""
}

// get is for tls.Config.GetCertificate.
func (r *renewed) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed, err := r.refresh()
	switch {
	case err != nil && changed:
		r.log.Error("the console's new certificate cannot be used, the old one stays; put both files right", "certificate", r.certificate, "key", r.key, "err", err)
	case changed && untimely(r.pair.Leaf, time.Now()) != "":
		r.log.Error("browsers do not accept the console's new certificate: "+untimely(r.pair.Leaf, time.Now()), "certificate", r.certificate)
	case changed:
		r.log.Info("the console has a renewed certificate", "certificate", r.certificate, "until", r.pair.Leaf.NotAfter)
	}
	return r.pair, nil
}

// refresh reads the pair if one of its files is not what it was, and says
// whether one has changed.
func (r *renewed) refresh() (changed bool, err error) {
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
