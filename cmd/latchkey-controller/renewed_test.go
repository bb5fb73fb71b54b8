package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
)

func TestARenewedCertificateIsServedAndABrokenOneIsNot(t *testing.T) {
	dir := t.TempDir()
	s, err := site.Create(t.Context(), filepath.Join(dir, "site"), "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pem := filepath.Join(dir, "given.pem") // certificate and key in one file
	renew := func() {
		t.Helper()
		aside := t.TempDir()
		if _, err := ownCertificate(aside, s, []string{"doors.example"}); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(aside, consoleCertificate), pem); err != nil {
			t.Fatal(err)
		}
	}
	var said bytes.Buffer
	renew()
	r, err := newRenewed(pem, pem, slog.New(slog.NewTextHandler(&said, nil)))
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
	if n := strings.Count(said.String(), "the old one stays"); n != 1 {
		t.Errorf("said %d times that the new one is broken:\n%s", n, &said)
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

func TestSIGHUPEndsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "site")
	r := newReporter(t, dir)
	served := serveProcess(t, dir)
	defer served.kill()
	for range 2 {
		if err := served.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		r.connect(served.broker).Disconnect(0)
	}
	if err := served.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := served.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM ends it with %v", err)
	}
}
