package store

import (
	"cmp"

	"latchkey/sync/wire"
)

// A PINUse is how often a PIN with limits was used at a reader.
type PINUse struct {
	Reader string
	Uses   uint8
	First  int64 // the first that it told of, Unix seconds
}

// CountUses takes a reader's word that it has counted a PIN's uses, and returns those at all
// readers, and when the reader told of the first. A lower number than before, and another
// time, change nothing.
func (t *Tx) CountUses(c *Credential, u PINUse) (total int, first int64, err error) {
	err = t.row(`INSERT INTO pin_uses (credential_id, reader_id, uses, first) VALUES (?, ?, ?, ?)
		ON CONFLICT (credential_id, reader_id) DO UPDATE SET uses = CASE WHEN pin_uses.uses > excluded.uses THEN pin_uses.uses ELSE excluded.uses END RETURNING first`,
		[]any{c.ID, u.Reader, u.Uses, u.First}, &first)
	if err != nil {
		return 0, 0, err
	}
	err = t.row(`SELECT sum(before + uses) FROM pin_uses WHERE credential_id = ?`, []any{c.ID}, &total)
	return total, first, err
}

// UsesOf returns how often a PIN with limits was used, by reader.
func (t *Tx) UsesOf(credential uint64) (uses []PINUse, err error) {
	err = t.rows(`SELECT reader_id, CASE WHEN before + uses < 255 THEN before + uses ELSE 255 END, first FROM pin_uses WHERE credential_id = ? ORDER BY reader_id`, []any{credential}, func(r scanner) error {
		var u PINUse
		err := r.Scan(&u.Reader, &u.Uses, &u.First)
		uses = append(uses, u)
		return err
	})
	return uses, err
}

// CountAnew has the uses at a reader counted from nothing, besides those until now: it gets
// another board.
func (t *Tx) CountAnew(reader string) error {
	return t.exec(`UPDATE pin_uses SET before = before + uses, uses = 0 WHERE reader_id = ?`, reader)
}

// SetFirstUsed sets when a PIN with limits was used first, in Unix seconds, and appends to the
// log what changes for it.
func (t *Tx) SetFirstUsed(now int64, u *User, c *Credential, at int64) error {
	last := u.change(c)
	c.FirstUsed = at
	if err := t.exec(`UPDATE credentials SET first_used = ? WHERE id = ?`, at, c.ID); err != nil {
		return err
	}
	return t.appendIfChanged(now, last, u.change(c))
}

// Ends returns when the time from a PIN's first use is over, in Unix seconds; 0: it has not
// begun, or there is no such limit.
func (c *Credential) Ends() int64 {
	if c.Within == 0 || c.FirstUsed == 0 {
		return 0
	}
	return min(c.FirstUsed+int64(c.Within), wire.MaxTime)
}

// earlier returns the earlier of two ends, of which 0 is none.
func earlier(a, b int64) int64 {
	if a == 0 || b == 0 {
		return cmp.Or(a, b)
	}
	return min(a, b)
}
