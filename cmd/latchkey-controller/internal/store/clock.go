package store

import (
	"latchkey/cmd/latchkey-controller/internal/clock"
)

// Clock returns the site's time at a reading of the clocks.
func (t *Tx) Clock(r clock.Reading) (clock.Mark, error) {
	m, err := t.KeptClock()
	if err == nil && m == (clock.Mark{}) { // a new site
		return clock.Begin(r), nil
	}
	if err == nil && r.Shared == 0 && (r.Boot != m.Boot || m.At(r).Doubt != clock.None) { // perhaps of another machine
		r.Shared, err = t.engine.sharedClock(t)
	}
	return m.At(r), err
}

// KeptClock returns the site's time as SetClock stored it last; its zero value: it never did.
func (t *Tx) KeptClock() (m clock.Mark, err error) {
	err = t.rowIfAny(`SELECT boot, since, steady, wall, doubt, off, shared FROM clock`, nil, &m.Boot, &m.Since, &m.Steady, &m.Wall, &m.Doubt, &m.Off, &m.Shared)
	return m, err
}

// Doubt returns why the wall clock was in doubt when SetClock ran last.
func (t *Tx) Doubt() (doubt clock.Doubt, err error) {
	err = t.rowIfAny(`SELECT doubt FROM clock`, nil, &doubt)
	return doubt, err
}

// SetClock stores the site's time, with what a clock says that all machines see.
func (t *Tx) SetClock(m clock.Mark) error {
	if m.Shared == 0 {
		var err error
		if m.Shared, err = t.engine.sharedClock(t); err != nil {
			return err
		}
	}
	return t.exec(`INSERT INTO clock (one, boot, since, steady, wall, doubt, off, shared) VALUES (1, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (one) DO UPDATE SET boot = excluded.boot, since = excluded.since, steady = excluded.steady, wall = excluded.wall, doubt = excluded.doubt, off = excluded.off, shared = excluded.shared`,
		m.Boot, m.Since, m.Steady, m.Wall, m.Doubt, m.Off, m.Shared)
}

// SharedClock returns what a clock says that all machines see, clock.Reading.Shared.
func (t *Tx) SharedClock() (int64, error) { return t.engine.sharedClock(t) }

func (*sqliteEngine) sharedClock(*Tx) (int64, error) { return 0, nil }

func (*postgresEngine) sharedClock(t *Tx) (now int64, err error) {
	return now, t.row(`SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)`, nil, &now)
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
