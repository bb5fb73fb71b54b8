package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/link"
	"latchkey/cmd/latchkey-controller/internal/postgrestest"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/site/boardtest"
	"latchkey/cmd/latchkey-controller/internal/store"
)

// One that has lost the policy that tells it of its cell's brokers goes by its bundle.
func TestTheOwnBrokerLetsInReadersOfOtherCells(t *testing.T) {
	t.Parallel()
	s, err := site.Create(t.Context(), filepath.Join(t.TempDir(), "site"), postgrestest.Database(t), "home", "UTC", clock.Read())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	south := &store.Cell{Name: "south", Brokers: []string{"ssl://south.example:8883"}}
	change := func(act func(*store.Tx) error) {
		t.Helper()
		if err := s.Update(t.Context(), act); err != nil {
			t.Fatal(err)
		}
	}
	change(func(tx *store.Tx) error { return tx.AddCell(south) })
	for _, id := range []string{"here", "there", "lost"} {
		change(func(tx *store.Tx) error {
			policy, _, err := site.PolicyOrNew(tx, id)
			if err == nil {
				_, _, err = s.Adopt(tx, time.Now(), boardtest.New(t).Signed, []string{"ssl://broker.example:8883"}, policy)
			}
			if err == nil && id != "here" {
				err = tx.SetCellOf(id, store.ReaderCell{Cell: south.ID})
			}
			return err
		})
	}
	o := link.Options{Site: s, Cell: store.HomeCell, Name: site.ControllerName, Log: slog.New(slog.DiscardHandler)}
	own, err := startBroker(t.Context(), s, "127.0.0.1:0", nil, &o)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	all, err := s.Serials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	admits := func(want ...string) {
		t.Helper()
		peers, _, err := s.NewPeers(t.Context(), o.Cell, nil)
		if err == nil {
			err = o.Readers(t.Context(), peers)
		}
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, id := range want {
			if own.readers.have(id, all[id]) {
				n++
			}
			if own.readers.have(id, "00") {
				t.Errorf("%s comes with a former certificate", id)
			}
		}
		if got := len(*own.readers.Load()); n != len(want) || got != n {
			t.Errorf("of %q %d may come, of %d", want, n, got)
		}
	}
	admits("here", "there", "lost")
	change(func(tx *store.Tx) error {
		_, err := s.RemoveReader(tx, time.Now(), "lost", true)
		return err
	})
	admits("here", "there")
}
