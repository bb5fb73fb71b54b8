package store

import (
	"strings"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/postgrestest"
)

func TestAPoolerThatSharesConnectionsIsRefused(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	for _, c := range []struct {
		mode string
		size int
		says string
	}{
		{"transaction", 20, "set pool_mode=session"},
		{"transaction", 1, "set pool_mode=session"},
		{"statement", 20, "set pool_mode=session"},
		{"session", 1, "had no second connection to give"},
	} {
		if said := refused(t, server.Pooled("site", c.mode, c.size)); !strings.Contains(said, c.says) {
			t.Errorf("%s, %d: %s", c.mode, c.size, said)
		}
	}
	if n := server.Ask("site", `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`); n != "0" {
		t.Error("tables were made")
	}
}

func TestAPoolerOfSessionsDoes(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	s, err := Create(t.Context(), t.TempDir(), server.Pooled("site", "session", 20))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	heard := make(chan struct{}, 1)
	go s.Watch(t.Context(), func() error {
		heard <- struct{}{}
		return nil
	})
	for range 4 { // at once, when it listens, and for commits
		if err := s.Update(t.Context(), func(tx *Tx) error { return tx.exec(`UPDATE schema_version SET version = version`) }); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
		case <-time.After(20 * time.Second):
			t.Fatal("the watch hears nothing")
		}
	}
}
