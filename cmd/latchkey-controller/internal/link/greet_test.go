package link

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/site/sitetest"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// newPublisher returns the publisher of a site with readers, and the session of its first broker.
func newPublisher(t *testing.T, readers ...string) (*publisher, *session) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "site")
	sitetest.Once(func(dir, database string) error {
		s, err := site.Create(context.Background(), dir, database, "home", "UTC", clock.Read())
		if err != nil {
			return err
		}
		return s.Close()
	})(t, dir)
	s, err := site.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l, err := New(Options{Site: s, Cell: store.HomeCell, Brokers: []string{"tcp://127.0.0.1:1", "tcp://127.0.0.1:2"}, Log: slog.New(slog.DiscardHandler), Readers: func(context.Context, map[string]*site.Peer) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := &publisher{Link: l, keys: map[string][]byte{}, gone: map[string]bool{}}
	for _, reader := range readers {
		adopt(t, p, reader)
	}
	first := newSession()
	l.connections[0].session.Store(first)
	return p, first
}

func adopt(t *testing.T, p *publisher, reader string) *boardtest.Board {
	t.Helper()
	b := boardtest.New(t)
	err := p.o.Site.Update(t.Context(), func(tx *store.Tx) error {
		policy, _, err := site.PolicyOrNew(tx, reader)
		if err == nil {
			_, _, err = p.o.Site.Adopt(tx, time.Now(), b.Signed, []string{"ssl://broker.example:8883"}, policy)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keysIn takes all that waits, and returns the keys.
func keysIn(b *outbox) map[string][]byte {
	keys := map[string][]byte{}
	for _, o := range takeAll(b) {
		if o.channel == wire.OnKey {
			keys[o.reader] = o.payload
		}
	}
	return keys
}

// Sealing the keys of ten thousand readers takes seconds, in which no change would reach anybody.
func TestABrokerThatComesAndGoesHasNothingMadeAnew(t *testing.T) {
	p, first := newPublisher(t, "front-door", "back-door")
	if err := p.bring(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys := keysIn(first.out)
	if len(keys) != 2 || len(keys["front-door"]) == 0 || len(keys["back-door"]) == 0 {
		t.Fatalf("%d keys", len(keys))
	}
	again := func() map[string][]byte {
		t.Helper()
		s := newSession()
		p.connections[1].session.Store(s)
		if err := p.bring(t.Context()); err != nil {
			t.Fatal(err)
		}
		return keysIn(s.out)
	}
	for range 3 {
		got := again()
		for reader, key := range keys {
			if !bytes.Equal(got[reader], key) {
				t.Errorf("the key of %s is another one", reader)
			}
		}
	}
	adopt(t, p, "back-door") // another board
	got := again()
	if !bytes.Equal(got["front-door"], keys["front-door"]) || len(got["back-door"]) == 0 || bytes.Equal(got["back-door"], keys["back-door"]) {
		t.Error("only the key of the new board is another one")
	}
	if told := keysIn(first.out); len(told) != 1 || !bytes.Equal(told["back-door"], got["back-door"]) {
		t.Errorf("the other broker hears of %d keys", len(told))
	}
	err := p.o.Site.Update(t.Context(), func(tx *store.Tx) error {
		_, err := p.o.Site.RemoveReader(tx, time.Now(), "front-door", false)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := again(); len(p.keys) != 1 || len(got["back-door"]) == 0 || len(got["front-door"]) != 0 {
		t.Errorf("%d keys are kept", len(p.keys))
	}
}
