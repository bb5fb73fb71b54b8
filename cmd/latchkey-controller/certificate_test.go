package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func TestABrowserMeetsTheSameCertificateAfterEachStart(t *testing.T) {
	dir := t.TempDir()
	sites := make([]*site.Site, 2)
	for i := range sites {
		s, err := site.Create(t.Context(), filepath.Join(dir, string(rune('a'+i))), "home", "UTC", clock.Read())
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
		if !isFor(c, s, names) {
			t.Errorf("it is not good for %v", names)
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
