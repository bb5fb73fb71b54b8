package store

import (
	"context"
	"sync"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

// tables is a database of PostgreSQL with the tables.
var tables = sync.OnceValues(func() (address string, err error) {
	address, err = postgrestest.Lasting()
	if err != nil {
		return "", err
	}
	e, err := connectPostgres(address)
	if err == nil {
		err = e.ready(context.Background(), true)
	}
	if err != nil {
		return "", err
	}
	return address, e.close()
})

// newDatabase returns the address of a database with the tables if the flag -postgres is set;
// otherwise "".
func newDatabase(t testing.TB) string {
	t.Helper()
	if !postgrestest.On() {
		return ""
	}
	return newPostgres(t)
}

// newPostgres returns the address of a database of PostgreSQL with the tables.
func newPostgres(t testing.TB) string {
	t.Helper()
	address, err := tables()
	if err != nil {
		t.Fatal(err)
	}
	return postgrestest.Copy(t, address)
}

func TestADatabaseOfPostgreSQLIsMadeAndOpened(t *testing.T) {
	dir, address := t.TempDir(), postgrestest.Database(t)
	for range 2 {
		s, err := Create(t.Context(), dir, address)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A reader, or a browser, may send text that PostgreSQL does not store.
func TestPostgreSQLKeepsWhatIsNoText(t *testing.T) {
	s, err := Create(t.Context(), t.TempDir(), newPostgres(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	update(t, s, func(tx *Tx) error {
		if err := tx.AddAudit(&Audit{Who: "A\x00da", Subject: "Bob\xff", Outcome: Done}); err != nil {
			return err
		}
		return tx.AllowWebhookHost(&WebhookHost{Host: "a\x00b"})
	})
	err = s.View(t.Context(), func(tx *Tx) error {
		events, err := tx.Activity(ActivityFilter{Limit: 9})
		if err == nil && (len(events) != 1 || events[0].Who != "A\ufffdda" || events[0].Subject != "Bob\ufffd") {
			t.Errorf("%+v", events)
		}
		if _, _, err := tx.Notices(0, []string{"a\x00b"}, 1); err != nil {
			return err
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
