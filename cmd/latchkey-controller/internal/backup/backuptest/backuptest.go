// Package backuptest has what tests encrypt backups to, and open them with.
package backuptest

import (
	"strings"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/backup"
)

// Recipient is an age recipient of tests.
const Recipient = "age1revq0mxcwlz6phs796yemm7n9ppg294y6t80h62agvd6ucpmmd2sywgj2h"

// Identity is its identity.
const Identity = "AGE-SECRET-KEY-1E2E8NJP28Z3CLA8X4YK67QJS8WKMKWZ83YHPWJZ9FFNVWRK9XW3SZ5C60J"

// Recipients is that recipient alone.
func Recipients(t testing.TB) backup.Recipients {
	t.Helper()
	to, err := backup.ParseRecipients(Recipient)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// Identities is its identity alone.
func Identities(t testing.TB) backup.Identities {
	t.Helper()
	with, err := backup.ReadIdentities(strings.NewReader(Identity))
	if err != nil {
		t.Fatal(err)
	}
	return with
}
