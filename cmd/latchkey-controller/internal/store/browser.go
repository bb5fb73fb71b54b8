package store

import (
	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/sync/wire"
)

// A Browser is a browser in which an administrator has signed in. Several
// administrators may share one.
type Browser struct {
	Hash  wire.Hash // of its token
	Admin int64
	Seen  clock.Steady
}

// Browser returns the browser with a token's hash if the administrator has signed in
// there, or ErrNotFound.
func (t *Tx) Browser(hash wire.Hash, admin int64) (*Browser, error) {
	b := Browser{Hash: hash, Admin: admin}
	return &b, t.row(`SELECT seen FROM browsers WHERE hash = ? AND admin_id = ?`, []any{hash[:], admin}, &b.Seen)
}

// RenewBrowser replaces a browser's token for all administrators who have signed in
// there.
func (t *Tx) RenewBrowser(was, now wire.Hash) error {
	return t.exec(`UPDATE browsers SET hash = ? WHERE hash = ?`, now[:], was[:])
}

// SetBrowser adds or updates a browser, and deletes all but the newest keep of its
// administrator.
func (t *Tx) SetBrowser(b *Browser, keep int) error {
	if err := t.exec(`INSERT INTO browsers (hash, admin_id, seen) VALUES (?, ?, ?) ON CONFLICT (hash, admin_id) DO UPDATE SET seen = excluded.seen`, b.Hash[:], b.Admin, b.Seen); err != nil {
		return err
	}
	return t.exec(`DELETE FROM browsers WHERE admin_id = ? AND hash NOT IN (SELECT hash FROM browsers WHERE admin_id = ? ORDER BY seen DESC, hash = ? DESC LIMIT ?)`, b.Admin, b.Admin, b.Hash[:], keep)
}

// ForgetBrowsers deletes an administrator's browsers except one; the zero hash: all
// of them.
func (t *Tx) ForgetBrowsers(admin int64, but wire.Hash) error {
	return t.exec(`DELETE FROM browsers WHERE admin_id = ? AND hash <> ?`, admin, but[:])
}
