package store

import (
	"errors"
	"time"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/sync/wire"
)

// A Session is a signed-in administrator.
type Session struct {
	Hash          wire.Hash // of its token
	Admin         int64
	Began         clock.Steady
	Seen          clock.Steady
	Authenticated clock.Steady // when the password was entered last
	Address       string
	Agent         string
}

// AddSession adds a session and updates when its administrator was last seen, by the
// wall clock. It ends all but the newest keep sessions of that administrator.
func (t *Tx) AddSession(s *Session, wall time.Time, keep int) error {
	err := t.exec(`INSERT INTO sessions (hash, admin_id, began, seen, given, address, agent) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		s.Hash[:], s.Admin, s.Began, s.Seen, s.Authenticated, s.Address, s.Agent)
	if err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM sessions WHERE admin_id = ? AND hash NOT IN (SELECT hash FROM sessions WHERE admin_id = ? ORDER BY seen DESC, began DESC LIMIT ?)`, s.Admin, s.Admin, keep); err != nil {
		return err
	}
	return t.exec(`UPDATE admins SET seen = ? WHERE id = ?`, wall.Unix(), s.Admin)
}

// Session returns the session with a token's hash, or ErrNotFound.
func (t *Tx) Session(hash wire.Hash) (*Session, error) {
	s := Session{Hash: hash}
	return &s, t.row(`SELECT admin_id, began, seen, given, address, agent FROM sessions WHERE hash = ?`, []any{hash[:]},
		&s.Admin, &s.Began, &s.Seen, &s.Authenticated, &s.Address, &s.Agent)
}

// TouchSession stores a session's times and updates when its administrator was last
// seen, by the wall clock.
func (t *Tx) TouchSession(s *Session, wall time.Time) error {
	if err := t.exec(`UPDATE sessions SET seen = ?, given = ? WHERE hash = ?`, s.Seen, s.Authenticated, s.Hash[:]); err != nil {
		return err
	}
	return t.exec(`UPDATE admins SET seen = ? WHERE id = ?`, wall.Unix(), s.Admin)
}

// EndSession ends a session.
func (t *Tx) EndSession(hash wire.Hash) error {
	return t.exec(`DELETE FROM sessions WHERE hash = ?`, hash[:])
}

// EndSessions ends an administrator's sessions except one, and invalidates sign-ins
// in progress; the zero hash: all sessions.
func (t *Tx) EndSessions(admin int64, but wire.Hash) error {
	return errors.Join(
		t.exec(`DELETE FROM sessions WHERE admin_id = ? AND hash <> ?`, admin, but[:]),
		t.exec(`UPDATE admins SET generation = generation + 1 WHERE id = ?`, admin),
	)
}

// ForgetSignIns ends all sessions, one-time links and tokens, and forgets all browsers,
// after a restore: some may have been ended since the backup.
func (t *Tx) ForgetSignIns() error {
	return errors.Join(t.exec(`DELETE FROM sessions`), t.exec(`DELETE FROM browsers`), t.exec(`DELETE FROM links`), t.exec(`DELETE FROM tokens`))
}

// OpenSessions counts each administrator's sessions that began after a time and were
// last used after another.
func (t *Tx) OpenSessions(began, seen clock.Steady) (open map[int64]int, err error) {
	open = map[int64]int{}
	err = t.rows(`SELECT admin_id, count(*) FROM sessions WHERE began > ? AND seen > ? GROUP BY admin_id`, []any{began, seen}, func(r scanner) error {
		var admin int64
		var n int
		err := r.Scan(&admin, &n)
		open[admin] = n
		return err
	})
	return open, err
}

// PruneSignIns deletes sessions that began, or were last used, at or before the given
// times, browsers last seen at or before a third, expired one-time links, and
// throttles that ended a day ago.
func (t *Tx) PruneSignIns(now, began, seen, browsers clock.Steady) error {
	return errors.Join(
		t.exec(`DELETE FROM sessions WHERE began <= ? OR seen <= ?`, began, seen),
		t.exec(`DELETE FROM browsers WHERE seen <= ?`, browsers),
		t.exec(`DELETE FROM links WHERE ends <= ?`, now),
		t.exec(`DELETE FROM throttles WHERE until < ? AND last < ?`, now, now.Add(-24*time.Hour)),
	)
}

// A OneTimeLink lets an administrator set a password once.
type OneTimeLink struct {
	Hash  wire.Hash // of its token
	Admin int64     // whose password it sets; 0: it creates the first Owner
	Ends  clock.Steady
}

// firstOwnerLinks is how many one-time links for the first Owner there are at most: each controller prints one when it
// starts.
const firstOwnerLinks = 8

// AddOneTimeLink adds a one-time link and removes the administrator's previous one, or the oldest of too many for the
// first Owner.
func (t *Tx) AddOneTimeLink(l *OneTimeLink) error {
	var admin any
	replaced := `DELETE FROM links WHERE admin_id IS NULL AND hash NOT IN (SELECT hash FROM links WHERE admin_id IS NULL ORDER BY ends DESC, hash LIMIT ?)`
	with := any(firstOwnerLinks - 1)
	if l.Admin != 0 {
		admin, with, replaced = l.Admin, l.Admin, `DELETE FROM links WHERE admin_id = ?`
	}
	if err := t.exec(replaced, with); err != nil {
		return err
	}
	return t.exec(`INSERT INTO links (hash, admin_id, ends) VALUES (?, ?, ?)`, l.Hash[:], admin, l.Ends)
}

// OneTimeLink returns the link with a token's hash, or ErrNotFound.
func (t *Tx) OneTimeLink(hash wire.Hash) (*OneTimeLink, error) {
	l := OneTimeLink{Hash: hash}
	return &l, t.row(`SELECT coalesce(admin_id, 0), ends FROM links WHERE hash = ?`, []any{hash[:]}, &l.Admin, &l.Ends)
}

// RemoveOneTimeLink removes a link that was used, and all for the first Owner: there is one then.
func (t *Tx) RemoveOneTimeLink(hash wire.Hash) error {
	return t.exec(`DELETE FROM links WHERE hash = ? OR admin_id IS NULL`, hash[:])
}

// A Throttle counts the wrong passwords for an account, from an address, and so on.
type Throttle struct {
	What     string
	Failures int
	Last     clock.Steady
	Until    clock.Steady // no password is checked before then
}

// Throttle returns a throttle, empty if there is none.
func (t *Tx) Throttle(what string) (*Throttle, error) {
	th := Throttle{What: what}
	return &th, t.rowIfAny(`SELECT failures, last, until FROM throttles WHERE what = ?`, []any{what}, &th.Failures, &th.Last, &th.Until)
}

// SetThrottle stores a throttle; one without failures is deleted.
func (t *Tx) SetThrottle(th *Throttle) error {
	if th.Failures == 0 {
		return t.exec(`DELETE FROM throttles WHERE what = ?`, th.What)
	}
	return t.exec(`INSERT INTO throttles (what, failures, last, until) VALUES (?, ?, ?, ?)
		ON CONFLICT (what) DO UPDATE SET failures = excluded.failures, last = excluded.last, until = excluded.until`, th.What, th.Failures, th.Last, th.Until)
}
