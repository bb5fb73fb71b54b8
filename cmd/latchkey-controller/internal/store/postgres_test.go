package store

import (
	"testing"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

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
