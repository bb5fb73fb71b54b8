package store

import "latchkey/sync/wire"

// namesSchema is how things were called when something happened.
const namesSchema = `
-- Each name that an entry of the activity bears, once.
CREATE TABLE names (
	id    INTEGER PRIMARY KEY,
	name  TEXT NOT NULL UNIQUE,
	words TEXT NOT NULL            -- as users.words
) STRICT;
-- Names of then, 0: none.
ALTER TABLE activity ADD COLUMN subject INTEGER NOT NULL DEFAULT 0; -- of the user, or of what an act was done to
ALTER TABLE activity ADD COLUMN door    INTEGER NOT NULL DEFAULT 0; -- of the reader's door
ALTER TABLE activity ADD COLUMN who     INTEGER NOT NULL DEFAULT 0; -- of the administrator
ALTER TABLE activity ADD COLUMN tries   INTEGER NOT NULL DEFAULT 0; -- wrong PINs in a row that would lock PIN entry; 0: not known
CREATE INDEX activity_by_subject ON activity (subject, id) WHERE subject <> 0;
CREATE INDEX activity_by_door ON activity (door, id) WHERE door <> 0;
CREATE INDEX activity_by_who ON activity (who, id) WHERE who <> 0;
-- Users whom an entry names besides.
CREATE TABLE besides (
	activity INTEGER NOT NULL REFERENCES activity (id) ON DELETE CASCADE,
	user_id  INTEGER NOT NULL,
	name     INTEGER NOT NULL REFERENCES names (id),
	PRIMARY KEY (activity, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX besides_by_name ON besides (name, activity);
`

// fillNames gives the entries that are there the names of then, as far as they
// can be known: an act upon a user tells what the user was called before it.
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
	names := map[int64]string{}
	err = t.rows(`SELECT id, name FROM names`, nil, func(r scanner) error {
		var id int64
		var name string
		err := r.Scan(&id, &name)
		names[id] = name
		return err
	})
	if err != nil {
		return err
	}
	for id, name := range names {
		if err := t.exec(`UPDATE names SET words = ? WHERE id = ?`, " "+searched(name), id); err != nil {
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

// olderName is the expression for what a user was called at an entry: by the
// next act upon the user, or else now.
func olderName(user, entry string) string {
	return `coalesce((SELECT next.subject FROM activity AS next WHERE next.user_id = ` + user + ` AND next.user_id <> 0 AND next.class = 'admin' AND next.id >= ` + entry + `
			AND next.subject <> 0 AND next.kind <> 'admin.` + ExportAct + `' ORDER BY next.id LIMIT 1),
		(SELECT n.id FROM users u JOIN names n ON n.name = u.name WHERE u.id = ` + user + `), 0)`
}

// fillNamesInRecords does it for names that stand in records themselves.
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
			if err != nil || r.Who == "" && len(r.Users) == 0 { // one that is damaged is shown as that
				continue
			}
			var entry int64
			if err := t.row(`SELECT id FROM activity INDEXED BY activity_by_time WHERE at = ? AND source = 1 AND row = ?`, []any{row.At, row.ID}, &entry); err != nil {
				continue // was pruned
			}
			who, err := t.nameID(r.Who)
			if err != nil {
				return err
			}
			if err := t.exec(`UPDATE activity SET who = ? WHERE id = ?`, who, entry); err != nil {
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
