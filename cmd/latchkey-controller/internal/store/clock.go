package store

import (
	"errors"

	"latchkey/cmd/latchkey-controller/internal/clock"
)

// Clock returns how far time has come at a reading.
func (t *Tx) Clock(r clock.Reading) (clock.Mark, error) {
	var m clock.Mark
	err := t.row(`SELECT boot, since, steady, wall, doubt, off FROM clock`, nil, &m.Boot, &m.Since, &m.Steady, &m.Wall, &m.Doubt, &m.Off)
	if errors.Is(err, ErrNotFound) { // nothing has happened here yet
		return clock.Begin(r), nil
	}
	return m.At(r), err
}

// Doubt says whether the wall clock was doubted when time was kept last.
func (t *Tx) Doubt() (doubt clock.Doubt, err error) {
	err = t.row(`SELECT doubt FROM clock`, nil, &doubt)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return doubt, err
}

// SetClock keeps how far time has come.
func (t *Tx) SetClock(m clock.Mark) error {
	return t.exec(`INSERT INTO clock (one, boot, since, steady, wall, doubt, off) VALUES (1, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET boot = excluded.boot, since = excluded.since, steady = excluded.steady, wall = excluded.wall, doubt = excluded.doubt, off = excluded.off`,
		m.Boot, m.Since, m.Steady, m.Wall, m.Doubt, m.Off)
}

// agesEvery is how finely ages are told apart, in seconds.
const ageInterval = 3600

// MarkAge notes how far time has come with what has happened until then.
func (t *Tx) MarkAge(now clock.Steady) error {
	return t.exec(`INSERT INTO ages (steady, activity, audit)
		SELECT ?1, (SELECT coalesce(max(id), 0) FROM activity), (SELECT coalesce(max(id), 0) FROM audit)
		WHERE NOT EXISTS (SELECT 1 FROM ages WHERE steady > ?1 - ?2 AND steady <> ?1)
		ON CONFLICT DO UPDATE SET activity = excluded.activity, audit = excluded.audit`, now, ageInterval)
}

// OlderThan returns the newest entry of the activity, and of the audit, that is
// certain to have been there before a time; 0: none.
func (t *Tx) OlderThan(before clock.Steady) (activity, audit int64, err error) {
	err = t.row(`SELECT activity, audit FROM ages WHERE steady <= ? ORDER BY steady DESC LIMIT 1`, []any{before}, &activity, &audit)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return activity, audit, err
}

// forgetAges forgets all but the newest age that lies before a time.
func (t *Tx) forgetAges(before clock.Steady) error {
	return t.exec(`DELETE FROM ages WHERE steady < (SELECT max(steady) FROM ages WHERE steady <= ?)`, before)
}
