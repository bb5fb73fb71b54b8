package site

import (
	"bytes"
	"crypto/x509"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// Mosquitto looks at times of validity. A site that a controller made whose clock
// ran ten years ahead is given to it with an authority that has begun; readers keep
// the one that they have, and both are one.
func TestABrokerOfAnotherMakeIsGivenAnAuthorityThatHasBegun(t *testing.T) {
	s, _ := newSite(t)
	ahead := *s.authority.root
	ahead.NotBefore = time.Now().AddDate(10, 0, 0)
	der, err := x509.CreateCertificate(nil, &ahead, &ahead, s.authority.key.Public(), s.authority.key)
	if err != nil {
		t.Fatal(err)
	}
	if s.authority, err = openAuthority(s.authority.key, der); err != nil {
		t.Fatal(err)
	}
	given, err := s.ReissuedRoot()
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(given)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root.RawSubject, s.authority.root.RawSubject) || !bytes.Equal(root.SubjectKeyId, s.authority.root.SubjectKeyId) {
		t.Error("it is another authority")
	}
	own, err := s.ControllerCertificate()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(own.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	for _, at := range []time.Time{time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), time.Now().Add(-48 * time.Hour), time.Now().AddDate(10, 0, 0), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Errorf("at %v: %v", at, err)
		}
	}
	if err := wire.VerifyCertificate([]*x509.Certificate{leaf}, s.Authority(), x509.ExtKeyUsageClientAuth, ""); err != nil {
		t.Error(err)
	}
}
