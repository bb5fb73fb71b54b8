package store

import (
	"errors"

	"latchkey/cmd/latchkey-controller/internal/clock"
)

// Clock returns the site's time at a reading of the clocks.
func (t *Tx) Clock(r clock.Reading) (clock.Mark, error) {
	var m clock.Mark
	err := t.row(`SELECT boot, since, steady, wall, doubt, off FROM clock`, nil, &m.Boot, &m.Since, &m.Steady, &m.Wall, &m.Doubt, &m.Off)
	if errors.Is(err, ErrNotFound) { // a new site
		return clock.Begin(r), nil
	}
	return m.At(r), err
}

// Doubt returns why the wall clock was in doubt when SetClock ran last.
func (t *Tx) Doubt() (doubt clock.Doubt, err error) {
	err = t.rowIfAny(`SELECT doubt FROM clock`, nil, &doubt)
	return doubt, err
}

// SetClock stores the site's time.
func (t *Tx) SetClock(m clock.Mark) error {
	return t.exec(`INSERT INTO clock (one, boot, since, steady, wall, doubt, off) VALUES (1, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (one) DO UPDATE SET boot = excluded.boot, since = excluded.since, steady = excluded.steady, wall = excluded.wall, doubt = excluded.doubt, off = excluded.off`,
		m.Boot, m.Since, m.Steady, m.Wall, m.Doubt, m.Off)
}

// ageInterval is the resolution of ages, in seconds.
const ageInterval = 3600

// MarkAge records the newest ids of activity and audit at a time.
func (t *Tx) MarkAge(now clock.Steady) error {
	return t.exec(`INSERT INTO ages (steady, activity, audit)
		SELECT CAST(?1 AS BIGINT), (SELECT coalesce(max(id), 0) FROM activity), (SELECT coalesce(max(id), 0) FROM audit)
		WHERE NOT EXISTS (SELECT 1 FROM ages WHERE steady > ?2 AND steady <> ?1)
		ON CONFLICT (steady) DO UPDATE SET activity = excluded.activity, audit = excluded.audit`, now, now-ageInterval)
}

// OlderThan returns the newest ids of activity and audit that certainly existed
// before a time; 0: none.
func (t *Tx) OlderThan(before clock.Steady) (activity, audit int64, err error) {
	err = t.rowIfAny(`SELECT activity, audit FROM ages WHERE steady <= ? ORDER BY steady DESC LIMIT 1`, []any{before}, &activity, &audit)
	return activity, audit, err
}

// forgetAges deletes all ages before a time but the newest of them.
func (t *Tx) forgetAges(before clock.Steady) error {
	return t.exec(`DELETE FROM ages WHERE steady < (SELECT max(steady) FROM ages WHERE steady <= ?)`, before)
}
