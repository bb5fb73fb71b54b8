package main

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

func TestACertificateThatDoesNotCountNowNamesTheClock(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	c := &x509.Certificate{NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(0, 2, 0)}
	for at, want := range map[time.Time]string{
		now:                   "",
		now.AddDate(10, 0, 0): "put the clock right",
		now.AddDate(0, -2, 0): "put the clock right",
	} {
		if got := untimely(c, at); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("at %v: %q", at, got)
		}
	}
}
