package sitetest

import (
	"testing"
)

// Unled has no controller lead the site in a directory, with its database in PostgreSQL, until led is called: the
// last one is gone, and whoever would take over is kept from it.
func Unled(t testing.TB, dir string) (led func()) {
	t.Helper()
	db := Database(t, dir)
	if _, err := db.Exec(`UPDATE lead SET holder = 'latchkey-controller on gone 00000000'`); err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err == nil {
		_, err = tx.Exec(`SELECT 1 FROM lead FOR UPDATE`)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { tx.Rollback() }
}
