package store

import (
	"errors"
	"fmt"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// fillConsole fills the columns and tables of 03_console.sql from existing data.
func fillConsole(t *Tx) error {
	if err := t.fillUserNames(); err != nil {
		return err
	}
	if err := t.fillPlaces(); err != nil {
		return err
	}
	return t.fillActivity()
}

// fillUserNames fills in what all users are sorted and searched by.
func (t *Tx) fillUserNames() error {
	var users []*User
	err := t.rows(`SELECT u.id, u.name, u.first, u.last, g.name FROM users u LEFT JOIN user_groups g ON g.user_id = u.id ORDER BY u.id, g.name`, nil, func(r scanner) error { // in the schema of 03_console.sql
		var u User
		var group *string
		if err := r.Scan(&u.ID, &u.Name, &u.First, &u.Last, &group); err != nil {
			return err
		}
		if len(users) == 0 || users[len(users)-1].ID != u.ID {
			users = append(users, &u)
		}
		if last := users[len(users)-1]; group != nil {
			last.Groups = append(last.Groups, *group)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, u := range users {
		if err := t.setNames(u); err != nil {
			return err
		}
	}
	return nil
}

// fillGroups gives the groups numbers that policies name.
func (t *Tx) fillGroups() error {
	readers, err := t.texts(`SELECT reader_id FROM policies ORDER BY reader_id`)
	if err != nil {
		return err
	}
	for _, id := range readers {
		p, err := t.Policy(id)
		if err != nil {
			return fmt.Errorf("policy of %s: %w", id, err)
		}
		if err := t.numberGroups(p); err != nil {
			return err
		}
	}
	return nil
}

// fillPlaces assigns each reader the door that its policy names.
func (t *Tx) fillPlaces() error {
	readers, err := t.Readers()
	if err != nil || len(readers) == 0 {
		return err
	}
	for _, id := range readers {
		p, err := t.Policy(id)
		if err != nil {
			return fmt.Errorf("policy of %s: %w", id, err)
		}
		if err := t.PlaceReader(id, p.Place, p.Door); err != nil {
			return err
		}
	}
	return nil
}

// fillActivity adds events for the existing records and alarms.
func (t *Tx) fillActivity() error {
	for after := int64(0); ; {
		records, err := t.Records(Filter{After: after, First: 10_000})
		if err != nil {
			return err
		}
		if len(records) == 0 {
			break
		}
		for _, r := range records {
			decoded, err := wire.ParseRecord(r.Encoded)
			if err != nil {
				return err
			}
			if err := t.addUnnamedEvent(recordEvent(r, decoded)); err != nil {
				return err
			}
			after = r.ID
		}
	}
	var alarms []*Alarm
	err := t.rows(`SELECT id, reader_id, kind, at FROM alarms ORDER BY id`, nil, func(r scanner) error { // in the schema of 03_console.sql
		var a Alarm
		alarms = append(alarms, &a)
		return r.Scan(&a.ID, &a.Reader, &a.Kind, &a.At)
	})
	if err != nil {
		return err
	}
	for _, a := range alarms {
		if err := t.addUnnamedEvent(a.event()); err != nil {
			return err
		}
	}
	return nil
}

// addUnnamedEvent appends an event in the schema of 03_console.sql, without names.
func (t *Tx) addUnnamedEvent(a *Event) error {
	return t.exec(`INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Source, a.Row, string(a.Class), a.Kind, a.Reader, a.User, a.At, a.Received)
}

// fillNames gives existing events the names of their time, as far as they can be
// known: an act on a user records the name that the user had before it.
func (t *Tx) fillNames() error {
	err := t.exec(`INSERT INTO names (name, words)
		SELECT name, '' FROM users WHERE id IN (SELECT user_id FROM activity WHERE user_id <> 0)
		UNION SELECT name, '' FROM doors UNION SELECT reader_id, '' FROM activity
		UNION SELECT subject, '' FROM audit UNION SELECT who, '' FROM audit`)
	if err != nil {
		return err
	}
	if err := t.exec(`DELETE FROM names WHERE name = ''`); err != nil {
		return err
	}
	names, err := t.texts(`SELECT name FROM names`)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := t.exec(`UPDATE names SET words = ? WHERE name = ?`, " "+searchText(name), name); err != nil {
			return err
		}
	}
	for _, fill := range []string{
		`UPDATE activity SET door = coalesce(
			(SELECT n.id FROM readers r JOIN doors d ON d.id = r.door_id JOIN names n ON n.name = d.name WHERE r.id = activity.reader_id),
			(SELECT id FROM names WHERE name = activity.reader_id), 0) WHERE reader_id <> ''`,
		`UPDATE activity SET subject = coalesce((SELECT n.id FROM audit a JOIN names n ON n.name = a.subject WHERE a.id = activity.row), 0),
			who = coalesce((SELECT n.id FROM audit a JOIN names n ON n.name = a.who WHERE a.id = activity.row), 0) WHERE source = 2 AND kind <> 'admin.` + ExportAct + `'`,
		`UPDATE activity SET who = coalesce((SELECT n.id FROM audit a JOIN names n ON n.name = a.who WHERE a.id = activity.row), 0) WHERE source = 2 AND kind = 'admin.` + ExportAct + `'`,
		`UPDATE activity SET subject = ` + olderName(`activity.user_id`, `activity.id`) + ` WHERE subject = 0 AND user_id <> 0`,
	} {
		if err := t.exec(fill); err != nil {
			return err
		}
	}
	return t.fillNamesInRecords()
}

// olderName is the SQL expression for a user's name at an event: from the next act on
// the user, or else the current name.
func olderName(user, entry string) string {
	return `coalesce((SELECT next.subject FROM activity AS next WHERE next.user_id = ` + user + ` AND next.user_id <> 0 AND next.class = 'admin' AND next.id >= ` + entry + `
			AND next.subject <> 0 AND next.kind <> 'admin.` + ExportAct + `' ORDER BY next.id LIMIT 1),
		(SELECT n.id FROM users u JOIN names n ON n.name = u.name WHERE u.id = ` + user + `), 0)`
}

// fillNamesInRecords does the same for names that records themselves hold.
func (t *Tx) fillNamesInRecords() error {
	kinds := []string{string(wire.AccessGranted), string(wire.LockoutStarted), string(wire.LockoutCleared), string(wire.HoldStarted), string(wire.HoldEnded), string(wire.CommandDone), string(wire.CommandRefused)}
	for after := int64(0); ; {
		records, err := t.Records(Filter{After: after, Kinds: kinds, First: 10_000})
		if err != nil || len(records) == 0 {
			return err
		}
		for _, row := range records {
			after = row.ID
			r, err := wire.ParseRecord(row.Encoded)
			if err != nil || r.Who == "" && len(r.Users) == 0 { // damaged records are shown as such
				continue
			}
			var entry int64
			if err := t.row(`SELECT id FROM activity INDEXED BY activity_by_time WHERE at = ? AND source = 1 AND row = ?`, []any{row.At, row.ID}, &entry); err != nil {
				continue // pruned
			}
			who := eventName(r.Who)
			names, err := t.nameIDs([]string{who})
			if err != nil {
				return err
			}
			if err := t.exec(`UPDATE activity SET who = ? WHERE id = ?`, names[who], entry); err != nil {
				return err
			}
			for _, user := range r.Users {
				err := t.exec(`INSERT OR IGNORE INTO besides (activity, user_id, name) SELECT ?1, ?2, name FROM (SELECT `+olderName(`?2`, `?1`)+` AS name) WHERE name <> 0`, entry, user)
				if err != nil {
					return err
				}
			}
		}
	}
}

func (t *Tx) fillClockAndZone() error { return errors.Join(t.fillClock(), t.fillZone()) }

// fillClock takes the site's time from the stored data, and ages from the times of
// arrival, which never run backwards. A time more than a day after the newest event
// may come from a clock that was ahead: then the site's time is that event's, and
// later times are clipped to it.
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
	return t.exec(`INSERT INTO clock (one, boot, since, steady, wall, doubt, off) VALUES (1, '', 0, ?, ?, 0, 0)`, now.Steady, now.Wall)
}

// fillZone gives an existing site the machine's time zone, in which its times were
// shown so far.
func (t *Tx) fillZone() error { return t.SetZone(zone.OfMachine()) }
