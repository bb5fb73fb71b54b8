package store

import (
	"testing"

	"latchkey/sync/wire"
)

func TestTheUsesOfAPINGoWithIt(t *testing.T) {
	s := newStore(t)
	u := &User{Name: "Ada"}
	c := &Credential{Kind: wire.PIN, Uses: 9}
	update(t, s, func(tx *Tx) error {
		if err := tx.exec(`INSERT INTO readers (id, created) VALUES ('front-door', 1)`); err != nil {
			return err
		}
		if err := tx.AddUser(u); err != nil {
			return err
		}
		if err := tx.AddCredential(1, u, c, seal); err != nil {
			return err
		}
		for _, uses := range []uint8{1, 3, 2} { // 2 comes late
			if total, first, err := tx.CountUses(c, PINUse{"front-door", uses, int64(10 - uses)}); err != nil || total > 3 || first != 9 {
				t.Errorf("%d uses, the first at %d, %v", total, first, err)
			}
		}
		if uses, err := tx.UsesOf(c.ID); err != nil || len(uses) != 1 || uses[0] != (PINUse{"front-door", 3, 9}) {
			t.Errorf("%+v, %v", uses, err)
		}
		if err := tx.RemoveCredential(2, c); err != nil {
			return err
		}
		if uses, err := tx.UsesOf(c.ID); err != nil || len(uses) != 0 {
			t.Errorf("%+v are left, %v", uses, err)
		}
		return nil
	})
}
