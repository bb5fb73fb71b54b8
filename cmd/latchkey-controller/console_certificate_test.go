package main

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func TestABrowserMeetsTheSameCertificateAfterEachStart(t *testing.T) {
	dir := t.TempDir()
	sites := make([]*site.Site, 2)
	for i := range sites {
		s, err := site.Create(t.Context(), filepath.Join(dir, string(rune('a'+i))), "", "home", "UTC", clock.Read())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		sites[i] = s
	}
	certificate := func(s *site.Site, names ...string) []byte {
		t.Helper()
		c, err := ownCertificate(dir, s, names)
		if err != nil {
			t.Fatal(err)
		}
		if is := c.Leaf.Subject; !validFor(c, s, names) || is.CommonName != "console.latchkey" || len(is.OrganizationalUnit) > 0 {
			t.Errorf("%s is not good for %v", is, names)
		}
		return c.Certificate[0]
	}
	first := certificate(sites[0], "localhost", "127.0.0.1")
	if !bytes.Equal(certificate(sites[0], "127.0.0.1", "localhost"), first) || !bytes.Equal(certificate(sites[0], "localhost"), first) {
		t.Error("it changes though it is good")
	}
	if info, err := os.Stat(filepath.Join(dir, consoleCertificate)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	named := certificate(sites[0], "localhost", "doors.example")
	if bytes.Equal(named, first) || !bytes.Equal(certificate(sites[0], "doors.example"), named) {
		t.Error("it does not follow its names")
	}
	other := certificate(sites[1], "localhost")
	if bytes.Equal(other, named) {
		t.Error("one site has the certificate of another")
	}
	if err := os.WriteFile(filepath.Join(dir, consoleCertificate), []byte("cut short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(certificate(sites[1], "localhost"), other) {
		t.Error("it is back from nowhere")
	}
}

func TestARenewedCertificateIsServedAndABrokenOneIsNot(t *testing.T) {
	dir := t.TempDir()
	s, err := site.Create(t.Context(), filepath.Join(dir, "site"), "", "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pem := filepath.Join(dir, "given.pem") // certificate and key in one file
	renew := func() {
		t.Helper()
		unfinished := t.TempDir()
		if _, err := ownCertificate(unfinished, s, []string{"doors.example"}); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(unfinished, consoleCertificate), pem); err != nil {
			t.Fatal(err)
		}
	}
	var logged bytes.Buffer
	renew()
	r, err := newCertificateFiles(pem, pem, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	served := func() []byte {
		t.Helper()
		c, err := r.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Certificate[0]
	}
	first := served()
	renew()
	second := served()
	if bytes.Equal(first, second) {
		t.Error("the old certificate is served after its renewal")
	}
	if err := os.WriteFile(pem, []byte("cut short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if !bytes.Equal(served(), second) {
			t.Error("a broken certificate took the place of a good one")
		}
	}
	if n := strings.Count(logged.String(), "the old one stays"); n != 1 {
		t.Errorf("logged %d times that the new one is broken:\n%s", n, &logged)
	}
	if err := os.Remove(pem); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(served(), second) {
		t.Error("a certificate is gone with its file")
	}
	renew()
	if bytes.Equal(served(), second) {
		t.Error("nothing is served anew after a broken renewal")
	}
}

func TestACertificateThatIsNotValidNowNamesTheClock(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	c := &x509.Certificate{NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(0, 2, 0)}
	for at, want := range map[time.Time]string{
		now:                   "",
		now.AddDate(10, 0, 0): "correct the clock",
		now.AddDate(0, -2, 0): "correct the clock",
	} {
		if got := notValidNow(c, at); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("at %v: %q", at, got)
		}
	}
}
