package store

import (
	"errors"
	"fmt"
	"testing"
)

// Names of before they were cut are too long for an index of PostgreSQL, or not as it has them.
func TestWholeNamesOfEventsAreCutAndMoveToPostgreSQL(t *testing.T) {
	dir, s := filled(t)
	random := make([]rune, 1300)
	for i := range random {
		random[i] = rune(0x4e00 + i*7919%20000)
	}
	long := string(random)
	update(t, s, func(tx *Tx) error {
		for i, name := range []string{long + "1", long + "2", "a\x00b", "a\ufffdb"} {
			if err := tx.exec(`INSERT INTO names (id, name, words) VALUES (?, ?, ' whole')`, 100+i, name); err != nil {
				return err
			}
			if err := tx.exec(`UPDATE activity SET subject = ?, door = ?, who = ? WHERE id = (SELECT min(id) FROM activity) + ?`, 100+i, 100+i, 100+i, i); err != nil {
				return err
			}
		}
		if err := tx.exec(`UPDATE besides SET name = 101 WHERE activity = (SELECT min(activity) FROM besides)`); err != nil {
			return err
		}
		for _, later := range append(append(withoutCells[:], withoutHappenings[:]...), `ALTER TABLE bundles DROP COLUMN lost`, `DROP INDEX credentials_exposed`, `ALTER TABLE audit DROP COLUMN said`, `ALTER TABLE alarms DROP COLUMN said`, `DROP INDEX users_seen`, `ALTER TABLE site DROP COLUMN first_steps_over`, `DROP TABLE own_holidays`, `DROP TABLE holidays`, `DROP TABLE waiting_reader`, `DROP TABLE lead`, `ALTER TABLE clock DROP COLUMN shared`) {
			if err := tx.exec(later); err != nil {
				return err
			}
		}
		return tx.engine.setVersion(tx, 26)
	})
	must(t, s.Close())
	s, err := Open(t.Context(), dir)
	must(t, err)
	s = moveTo(t, dir, s, newPostgres(t))
	must(t, s.View(t.Context(), func(tx *Tx) error {
		got, err := tx.texts(`SELECT CAST(n.id AS TEXT) || ' ' || n.name || n.words FROM activity JOIN names n ON n.id = subject AND n.id = door AND n.id = who WHERE n.id >= 100 ORDER BY activity.id`)
		want := fmt.Sprintf("100 %s %s", eventName(long), searchText(eventName(long)))
		if len(got) != 3 || got[0] != want || got[1] != want || got[2] != "103 a\ufffdb whole" {
			t.Errorf("%q", got)
		}
		besides, err2 := tx.texts(`SELECT CAST(name AS TEXT) FROM besides WHERE name BETWEEN 100 AND 200`)
		if len(besides) != 1 || besides[0] != "100" {
			t.Errorf("%q", besides)
		}
		return errors.Join(err, err2)
	}))
}
