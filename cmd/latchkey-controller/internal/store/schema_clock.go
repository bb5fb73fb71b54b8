package store

import "latchkey/cmd/latchkey-controller/internal/clock"

// clockSchema is how far time has come, and how old what happened is.
const clockSchema = `
-- How far time had come when somebody looked (package clock). Sessions, browsers,
-- links, throttles, allowances, gaps, journals.led and site.claimed count by its
-- steady.
CREATE TABLE clock (
	one    INTEGER PRIMARY KEY CHECK (one = 1),
	boot   TEXT NOT NULL,
	since  INTEGER NOT NULL,     -- milliseconds
	steady INTEGER NOT NULL,     -- milliseconds
	wall   INTEGER NOT NULL,     -- Unix milliseconds
	doubt  INTEGER NOT NULL,
	off    INTEGER NOT NULL      -- milliseconds
) STRICT;

-- The newest entries there were at a time: those up to them are older.
CREATE TABLE ages (
	steady   INTEGER PRIMARY KEY, -- seconds
	activity INTEGER NOT NULL,    -- id
	audit    INTEGER NOT NULL     -- id
) STRICT;
UPDATE gaps SET at = at / 1000;
ALTER TABLE journals ADD COLUMN led INTEGER NOT NULL DEFAULT 0; -- since when its reader is told to go back; 0: it is not
DROP INDEX audit_clashes;
CREATE INDEX audit_clashes ON audit (id, admin_id) WHERE outcome = 'clash';
`

// fillClock takes the time from what is stored, and ages from the times at which
// it came: never from one that lies before another's of earlier. What is more than
// a day later than the newest entry may be by a clock that was ahead: time has come
// no farther than to that entry then, and nothing is of later.
func (t *Tx) fillClock() error {
	var newest, last int64
	err := t.row(`SELECT last, max(last, coalesce((SELECT max(received) FROM states), 0), coalesce((SELECT max(seen) FROM sessions), 0) * 1000) FROM
		(SELECT coalesce((SELECT received FROM activity ORDER BY id DESC LIMIT 1), 0) AS last)`, nil, &last, &newest)
	if err != nil || newest == 0 {
		return err
	}
	now := clock.Mark{Steady: newest, Wall: newest}
	if last != 0 && newest-last > 86400000 {
		now.Steady = last
	}
	err = t.exec(`INSERT INTO ages (steady, activity, audit)
		SELECT max(came) / 1000, max(id), coalesce(max(act), 0) FROM
			(SELECT id, min(max(received) OVER (ORDER BY id), ?) AS came, max(CASE source WHEN 2 THEN row END) OVER (ORDER BY id) AS act FROM activity)
		WHERE true GROUP BY came / 86400000`, now.Steady)
	if err != nil {
		return err
	}
	for _, clip := range []string{
		`UPDATE sessions SET began = min(began, ?1), seen = min(seen, ?1), given = min(given, ?1)`,
		`UPDATE browsers SET seen = min(seen, ?1)`,
		`UPDATE links SET ends = min(ends, ?1 + 86400)`,
		`UPDATE throttles SET last = ?1, until = ?1 WHERE last > ?1`,
		`UPDATE gaps SET at = min(at, ?1)`,
		`UPDATE site SET claimed = min(claimed, ?1)`,
	} {
		if err := t.exec(clip, now.Time()); err != nil {
			return err
		}
	}
	return t.SetClock(now)
}
