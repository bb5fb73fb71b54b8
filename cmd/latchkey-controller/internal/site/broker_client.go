package site

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
)

// HomeAssistantName is the name in the certificate with which the controller shows readers to
// broker clients. No reader can have it.
const HomeAssistantName = "home-assistant.latchkey"

// BrokerClientCommonName returns the name in a broker client's certificate. No reader can have
// it: it contains a dot.
func BrokerClientCommonName(name string) string { return name + ".client" }

// HomeAssistantCertificate returns a new certificate for the connection over which the
// controller shows readers to broker clients.
func (s *Site) HomeAssistantCertificate() (*tls.Certificate, error) {
	return s.clientOf(HomeAssistantName)
}

// clientOf returns a new key and its certificate for a client of the broker.
func (s *Site) clientOf(name string) (*tls.Certificate, error) {
	return s.authority.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// NewBrokerClient adds a broker client, and returns its key and certificate, PEM. The site keeps
// no copy of the key. The error is store.ErrNameTaken if there is one of the same name.
func (s *Site) NewBrokerClient(tx *store.Tx, now time.Time, name string) (key, certificate []byte, err error) {
	made, err := s.clientOf(BrokerClientCommonName(name))
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParseCertificate(made.Certificate[0])
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		return nil, nil, err
	}
	row := &store.BrokerClient{Name: name, Certificate: parsed.Raw, Serial: parsed.SerialNumber.Text(16), Created: now.Unix()}
	if err := tx.AddBrokerClient(row); err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: parsed.Raw}), nil
}

// BrokerClients returns the serial numbers of the broker clients' certificates in force,
// hexadecimal, by the names in them.
func (s *Site) BrokerClients(ctx context.Context) (serials map[string]string, err error) {
	serials = map[string]string{}
	err = s.View(ctx, func(tx *store.Tx) error {
		all, err := tx.BrokerClients()
		for _, i := range all {
			serials[BrokerClientCommonName(i.Name)] = i.Serial
		}
		return err
	})
	return serials, err
}

// checkBrokerClients checks that the certificates in force are of the site's authority, and
// those that are stored.
func (s *Site) checkBrokerClients(tx *store.Tx) error {
	all, err := tx.BrokerClients()
	for _, i := range all {
		c, err := x509.ParseCertificate(i.Certificate)
		if err == nil {
			err = c.CheckSignatureFrom(s.authority.root)
		}
		if err == nil && (c.Subject.CommonName != BrokerClientCommonName(i.Name) || c.SerialNumber.Text(16) != i.Serial) {
			err = errors.New("it is another one's")
		}
		if err != nil {
			return fmt.Errorf("certificate of the broker client %s: %w", i.Name, err)
		}
	}
	return err
}
