package site

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// ControllerName is the name in the controller's certificate for its broker. No
// reader can have it: it contains a dot.
const ControllerName = "controller.latchkey"

// Authority returns the certificate of the site's authority.
func (s *Site) Authority() *x509.Certificate { return s.authority.root }

// ReissuedRoot returns the certificate of the site's authority, DER, with the
// validity that it would get now. One that was made while the clock ran ahead is not
// valid yet, which brokers of another make check.
func (s *Site) ReissuedRoot() ([]byte, error) {
	template := *s.authority.root
	template.NotBefore, template.NotAfter = always, never
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, s.authority.key.Public(), s.authority.key)
	if err != nil {
		return nil, fmt.Errorf("make certificate authority: %w", err)
	}
	return der, nil
}

// BrokerCertificate returns a new certificate for a broker of a cell with these names and
// addresses. It names the cell, by its id, as the organizational unit; that of the home cell names none.
func (s *Site) BrokerCertificate(hosts []string, cell int64) (*tls.Certificate, error) {
	name := pkix.Name{CommonName: "broker.latchkey"}
	if cell != store.HomeCell {
		name.OrganizationalUnit = []string{cellUnit + strconv.FormatInt(cell, 10)}
	}
	return s.serverCertificate(name, hosts)
}

// ConsoleCertificate returns a new certificate for the console with these names and addresses.
func (s *Site) ConsoleCertificate(hosts []string) (*tls.Certificate, error) {
	return s.serverCertificate(pkix.Name{CommonName: "console.latchkey"}, hosts)
}

func (s *Site) serverCertificate(name pkix.Name, hosts []string) (*tls.Certificate, error) {
	template := &x509.Certificate{Subject: name, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return s.authority.issue(template)
}

// cellUnit is what a cell's id follows in the organizational unit of its brokers.
const cellUnit = "cell "

// BrokerCell returns the id of the cell that a broker's certificate names, see BrokerCertificate.
func BrokerCell(c *x509.Certificate) (cell int64, err error) {
	units := c.Subject.OrganizationalUnit
	if len(units) == 0 {
		return store.HomeCell, nil
	}
	id, is := strings.CutPrefix(units[0], cellUnit)
	if is && len(units) == 1 {
		cell, err = strconv.ParseInt(id, 10, 64)
	}
	if cell <= store.HomeCell || err != nil {
		return 0, fmt.Errorf("the certificate names no cell of this site, but %.80q", units)
	}
	return cell, nil
}

// ControllerCertificate returns a new certificate for the controller itself.
func (s *Site) ControllerCertificate() (*tls.Certificate, error) {
	return s.clientOf(ControllerName)
}

// Revoked returns the certificate revocation list (RFC 5280 §5), DER.
func (s *Site) Revoked(ctx context.Context, now time.Time) ([]byte, error) {
	list := &x509.RevocationList{Number: big.NewInt(now.Unix()), ThisUpdate: always, NextUpdate: never}
	err := s.store.View(ctx, func(tx *store.Tx) error {
		return tx.RevokedSerials(func(serial string, revoked int64) error {
			n, ok := new(big.Int).SetString(serial, 16)
			if !ok {
				return fmt.Errorf("serial number %q", serial)
			}
			list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: time.Unix(revoked, 0)})
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list revoked certificates: %w", err)
	}
	return x509.CreateRevocationList(rand.Reader, list, s.authority.root, s.authority.key)
}
