package link_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/errand"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/vault"
	"latchkey/sync/wire"
)

// standBy has a second controller stand by for the one of this world, whose database is PostgreSQL's.
func (w *world) standBy() *errand.Client {
	w.t.Helper()
	s := w.another()
	c := errand.NewClient(s, store.HomeCell)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	beat, err := s.Beat(w.t.Context(), store.HomeCell) // nobody changes it
	if err != nil {
		w.t.Fatal(err)
	}
	go func() {
		ended <- errand.Serve(ctx, w.site, store.HomeCell, w.link, func() store.Beat { return beat }, w.log())
	}()
	go func() { ended <- c.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				w.t.Error(err)
			}
		}
	})
	until(w.t, "the leader answers", func() bool {
		_, err := c.Readers(w.t.Context())
		return err == nil
	})
	return c
}

// another opens the site, whose database is PostgreSQL's, as another machine does.
func (w *world) another() *site.Site {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), "another")
	err := os.Mkdir(dir, 0o700)
	for _, name := range []string{vault.KeyFile, store.AddressFile} {
		b, failed := os.ReadFile(filepath.Join(w.dir, name))
		if err == nil {
			err = failed
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := site.Open(w.t.Context(), dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { s.Close() })
	return s
}

func TestAStandByOpensDoorsAndHasCardsReadAndKeyed(t *testing.T) {
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "site"), expel: func() {}, known: func() {}, cell: store.HomeCell}
	var err error
	if w.site, err = site.Create(t.Context(), w.dir, postgrestest.Database(t), "home", "UTC", clock.Read()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.end()
		w.site.Close()
	})
	w.embed()
	w.serve()
	m := w.reader("front-door")
	c := w.standBy()
	readers, err := c.Readers(t.Context())
	if err != nil || len(readers) != 1 || !readers[0].Online || readers[0].State == nil || readers[0].State.Reader != "front-door" {
		t.Errorf("%+v, %v", readers, err)
	}
	if brokers, err := c.Brokers(t.Context()); err != nil || len(brokers) != 1 || !brokers[0].Up {
		t.Errorf("%+v, %v", brokers, err)
	}

	m.mu.Lock()
	m.level = wire.LevelMaxAge
	m.obey = answers(wire.Record{Kind: wire.AccessGranted, Seconds: 5})
	m.mu.Unlock()
	m.say()
	w.settledStates(m)
	asked := time.Now()
	r, err := c.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Unlock, Who: "Grace", By: asked.Add(4 * time.Second)}, nil)
	if err != nil || !r.Done || r.Record == nil || r.Text.String() != "opened for 5 s" {
		t.Errorf("%+v, %v", r, err)
	}
	m.mu.Lock()
	if last := m.commands[len(m.commands)-1]; last.ID != r.ID || last.By != "Grace" || last.MaxAge == 0 {
		t.Errorf("%+v", last)
	}
	uid := []byte{4, 9, 9, 9, 9, 9, 9}
	card := boardtest.NewCard(uid)
	m.obey = func(m *model, c *wire.Command) {
		if c.Order == wire.Personalise {
			shows(m, c, card)
			return
		}
		m.card, _ = wire.SealCard(c, uid)
		go m.say()
	}
	m.write = func(m *model, keys *wire.CardKeys) {
		if sets := m.unseals(keys); sets == nil || card.Write(sets, -1) != nil {
			t.Errorf("%+v", keys)
		}
		m.wrote(keys)
	}
	m.mu.Unlock()
	var read []byte
	r, err = c.Order(t.Context(), store.Order{Reader: "front-door", Order: wire.Enrol, Who: "Grace"}, func(b []byte) (string, bool) {
		read = bytes.Clone(b)
		return "the card was read", true
	})
	if err != nil || !r.Done || r.Text.String() != "the card was read" || !bytes.Equal(read, uid) {
		t.Errorf("%+v, %v, %x", r, err, read)
	}
	r, err = c.Personalise(t.Context(), store.Order{Reader: "front-door", Who: "Grace"}, keysOf)
	if err != nil || !r.Done || r.Record == nil || card.Keyed() != 3 {
		t.Errorf("%+v, %v, %d keys", r, err, card.Keyed())
	}
}
