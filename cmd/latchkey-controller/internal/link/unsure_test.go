package link_test

import (
	"path/filepath"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

func TestAnOrderIsAnsweredThoughItIsUnsureWhetherTheRecordIsStored(t *testing.T) {
	t.Parallel()
	server := postgrestest.NewOwn(t)
	server.New("site")
	cut := postgrestest.NewCut(t, server)
	w := newWorld(t)
	w.site.Close()
	w.dir = filepath.Join(t.TempDir(), "site")
	s, err := site.Create(t.Context(), w.dir, cut.Address("site"), "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	w.site = s
	w.embed()
	w.serve()
	m := w.reader("front-door")
	answer := answers(wire.Record{Kind: wire.AccessGranted, By: "remote", Seconds: 5})
	m.mu.Lock()
	m.obey = func(m *model, c *wire.Command) {
		cut.Commits.Store(2) // one may be another's
		answer(m, c)
	}
	m.mu.Unlock()
	for i := range 4 {
		cut.Before.Store(i%2 == 0)
		if outcome := w.order(store.Order{Reader: "front-door", Order: wire.Unlock}); !outcome.Done || outcome.Text.String() != "opened for 5 s" {
			t.Fatalf("%+v", outcome)
		}
		cut.Commits.Store(0)
		until(t, "all is acknowledged", func() bool {
			m.say()
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.acked == uint64(len(m.records))
		})
	}
	w.holdsAll(m)
}
