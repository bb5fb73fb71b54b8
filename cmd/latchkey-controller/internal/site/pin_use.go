package site

import (
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// countUse takes a reader's word that a PIN with limits was used: once the uses at all readers
// are as many as it may have, or its time from the first use is over, it is taken away; until
// then readers get the end that the first use has set. So a reader that lies can take a PIN
// with limits away, and nothing else. Records come late, and again: of those of one reader the
// highest Count is the number of its uses, and the first to come tells when it was used first:
// a reader changes the end, which all readers get, once. Records of before a restore may be
// about a credential that had the same ID: the time at which it was made tells them apart.
func countUse(tx *store.Tx, now time.Time, reader string, r *wire.Record) error {
	if r.Kind != wire.UseCounted || r.Count == 0 {
		return nil
	}
	c, err := tx.Credential(r.Credential)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.User != r.User || !c.Limited() || r.From != c.Made()*1000 {
		return nil
	}
	at := now.Unix()
	if r.Trusted {
		at = max(min(r.Time/1000, at), c.Created)
	}
	total, first, err := tx.CountUses(c, store.PINUse{Reader: reader, Uses: uint8(min(r.Count, wire.MaxUses)), First: at})
	if err != nil {
		return err
	}
	if c.Uses != 0 && total >= int(c.Uses) {
		return tx.RemoveCredential(now.Unix(), c)
	}
	if c.FirstUsed == 0 || first < c.FirstUsed {
		u, err := tx.User(c.User)
		if err != nil {
			return err
		}
		if err := tx.SetFirstUsed(now.Unix(), u, c, first); err != nil {
			return err
		}
	}
	if end := c.Ends(); end != 0 && end <= now.Unix() {
		return tx.RemoveCredential(now.Unix(), c)
	}
	return nil
}
