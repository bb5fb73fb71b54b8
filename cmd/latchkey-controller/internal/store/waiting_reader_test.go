package store

import (
	"errors"
	"testing"

	"latchkey/cmd/latchkey-controller/internal/clock"
)

func TestAWaitingReaderIsKeptUntilItsTimeComesOnEitherEngine(t *testing.T) {
	for name, address := range map[string]string{"SQLite": "", "PostgreSQL": newPostgres(t)} {
		t.Run(name, func(t *testing.T) {
			s, err := Create(t.Context(), t.TempDir(), address)
			must(t, err)
			defer s.Close()
			newest := func() (n int64) {
				must(t, s.View(t.Context(), func(tx *Tx) (err error) { _, n, err = tx.Newest(); return err }))
				return n
			}
			before := newest()
			w := &WaitingReader{Board: "AAAA", Request: []byte("request"), Named: "front", Address: "192.0.2.7", First: 1000, Heard: 2000, Until: 50}
			update(t, s, func(tx *Tx) error { return tx.AddWaitingReader(10, w) })
			if newest() == before {
				t.Error("nobody is told of one that waits")
			}
			read := func(now clock.Steady) (got *WaitingReader, err error) {
				t.Helper()
				err = s.View(t.Context(), func(tx *Tx) error { got, err = tx.WaitingReader(now, w.ID); return err })
				return got, err
			}
			if got, err := read(49); err != nil || got.Board != "AAAA" || string(got.Request) != "request" || got.Named != "front" || got.Address != "192.0.2.7" || got.First != 1000 || got.Heard != 2000 || !got.Waits() {
				t.Errorf("%+v, %v", got, err)
			}
			if _, err := read(50); !errors.Is(err, ErrNotFound) {
				t.Error("it is there when its time has come:", err)
			}
			before = newest()
			w.Reader, w.Number, w.Revoked, w.Moved, w.Fetched, w.Fetcher, w.Until = "front", 7, true, "side", 3000, "192.0.2.8", 90
			update(t, s, func(tx *Tx) error {
				return errors.Join(tx.SetWaitingReader(w), tx.SetWaitingBundle(w.ID, []byte("bundle")))
			})
			if got, err := read(89); err != nil || got.Waits() || got.Number != 7 || !got.Revoked || got.Moved != "side" || got.Fetched != 3000 || got.Fetcher != "192.0.2.8" || newest() == before {
				t.Errorf("%+v, %v", got, err)
			}
			must(t, s.View(t.Context(), func(tx *Tx) error {
				bundle, err := tx.WaitingBundle(w.ID)
				if string(bundle) != "bundle" {
					t.Errorf("%q", bundle)
				}
				return err
			}))
			// Its time has come, and it is heard again: under another number.
			again := &WaitingReader{Board: "AAAA", Request: []byte("request"), Until: 200}
			update(t, s, func(tx *Tx) error { return tx.AddWaitingReader(90, again) })
			if again.ID <= w.ID {
				t.Errorf("%d after %d", again.ID, w.ID)
			}
			update(t, s, func(tx *Tx) error { return tx.PruneWaitingReaders(200) })
			must(t, s.View(t.Context(), func(tx *Tx) error {
				all, err := tx.WaitingReaders(0)
				if len(all) != 0 {
					t.Errorf("%+v", all)
				}
				return err
			}))
		})
	}
}
