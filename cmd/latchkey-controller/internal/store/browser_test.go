package store

import (
	"errors"
	"testing"

	"latchkey/sync/wire"
)

func TestBrowsersOfBeforeAreStillKnown(t *testing.T) {
	dir := older(t, 6, `INSERT INTO admins (id, name, folded, role, password, created, seen) VALUES (1, 'Ada', 'ada', 'owner', x'', 1, 1), (2, 'Grace', 'grace', 'owner', x'', 1, 1)`,
		`INSERT INTO browsers (hash, admin_id, seen) VALUES (zeroblob(32), 1, 7)`)
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	update(t, s, func(tx *Tx) error {
		if b, err := tx.Browser(wire.Hash{}, 1); err != nil || b.Seen != 7 {
			t.Errorf("%+v, %v", b, err)
		}
		if _, err := tx.Browser(wire.Hash{}, 2); !errors.Is(err, ErrNotFound) {
			t.Error("it is another's:", err)
		}
		if err := tx.SetBrowser(&Browser{Admin: 2, Seen: 8}, 20); err != nil {
			return err
		}
		if b, err := tx.Browser(wire.Hash{}, 1); err != nil || b.Seen != 7 {
			t.Errorf("%+v, %v: another took it over", b, err)
		}
		return nil
	})
}
