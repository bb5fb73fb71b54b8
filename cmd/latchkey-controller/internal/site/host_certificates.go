package site

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"sync"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// HostCertificates issues the certificates of a listener, so that each covers the
// name or address under which a client connects: the configured names, the broker
// names given to readers, and the local address of the connection, which the machine
// may have got later.
type HostCertificates struct {
	site  *Site
	cell  int64
	names []string

	mu    sync.Mutex
	given []string                    // names given to readers, sorted
	made  map[string]*tls.Certificate // by the local address that it covers as well
}

// maxHostCertificates bounds the cached certificates.
const maxHostCertificates = 64

// HostCertificates returns the certificates of a cell's broker for some names and addresses.
func (s *Site) HostCertificates(names []string, cell int64) *HostCertificates {
	return &HostCertificates{site: s, cell: cell, names: names, made: map[string]*tls.Certificate{}}
}

// Refresh reloads the broker names given to readers.
func (c *HostCertificates) Refresh(ctx context.Context) error {
	var given []string
	err := c.site.View(ctx, func(tx *store.Tx) error {
		brokers, err := tx.Brokers()
		if err != nil {
			return err
		}
		bundles, err := tx.Bundles()
		if err != nil {
			return err
		}
		for _, b := range bundles {
			policy, err := tx.Policy(b.Reader)
			if err != nil {
				return err
			}
			brokers = append(brokers, policy.Brokers...)
		}
		for _, url := range brokers {
			if b, err := wire.ParseBroker(url); err == nil {
				given = append(given, b.Host)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(given)
	c.mu.Lock()
	defer c.mu.Unlock()
	if given = slices.Compact(given); !slices.Equal(given, c.given) {
		c.given = given
		clear(c.made)
	}
	return nil
}

// Certificate is for tls.Config.GetCertificate.
func (c *HostCertificates) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	at := ""
	if hello.Conn != nil {
		if host, _, err := net.SplitHostPort(hello.Conn.LocalAddr().String()); err == nil {
			at, _, _ = strings.Cut(host, "%") // link-local addresses have a zone
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if certificate := c.made[at]; certificate != nil {
		return certificate, nil
	}
	names := slices.Concat(c.names, c.given)
	if at != "" {
		names = append(names, at)
	}
	slices.Sort(names)
	certificate, err := c.site.BrokerCertificate(slices.Compact(names), c.cell)
	if err != nil {
		return nil, err
	}
	if len(c.made) >= maxHostCertificates {
		clear(c.made)
	}
	c.made[at] = certificate
	return certificate, nil
}
