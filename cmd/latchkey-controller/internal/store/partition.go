package store

import (
	"fmt"
	"slices"
	"time"
)

// PartitionRecords prepares for the records of this month and of the next, and drops the months that
// are over and of which nothing is left. What it would have to wait for, as for a backup, it leaves to
// the next call. Only PostgreSQL keeps each month by itself.
func (t *Tx) PartitionRecords(now time.Time) error { return t.engine.partition(t, now) }

func (*sqliteEngine) partition(*Tx, time.Time) error { return nil }

// partition has the records of each month, by their readers' clocks, in a partition records_YYYY_MM.
// Those of other times, whose clocks may be far off, are in records_other.
func (*postgresEngine) partition(t *Tx, now time.Time) error {
	made, err := t.texts(`SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = CAST('records' AS regclass)`)
	if err != nil {
		return err
	}
	year, month, _ := now.UTC().Date()
	this := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	next := this.AddDate(0, 1, 0)
	for _, begins := range []time.Time{this, next} {
		if slices.Contains(made, partitionOf(begins)) {
			continue
		}
		if err := t.impatiently(func() error { return t.addPartition(begins) }); err != nil {
			return err
		}
	}
	for _, partition := range made {
		if partition >= partitionOf(this) { // records_other, too
			continue
		}
		var used bool
		if err := t.row(`SELECT EXISTS (SELECT 1 FROM `+partition+`)`, nil, &used); err != nil {
			return err
		}
		if used {
			continue
		}
		if err := t.impatiently(func() error { return t.exec(`DROP TABLE ` + partition) }); err != nil {
			return err
		}
	}
	return nil
}

// partitionPatience is how long the tables of records are waited for: everything else waits meanwhile.
const partitionPatience = 50 * time.Millisecond

// impatiently runs act, or nothing of it if it would wait longer than partitionPatience for who uses a
// table. Its error is nil then.
func (t *Tx) impatiently(act func() error) error {
	const patience = `SELECT set_config('lock_timeout', ?, true)`
	err := t.Try(func() error {
		if err := t.exec(patience, milliseconds(partitionPatience)); err != nil {
			return err
		}
		if err := act(); err != nil {
			return err
		}
		return t.exec(patience, milliseconds(busyTimeout))
	})
	if code(err) == lockNotAvailable {
		return nil
	}
	return err
}

func partitionOf(month time.Time) string { return month.Format("records_2006_01") }

// addPartition adds the partition of a month, with its records from records_other: a new partition
// takes none of those itself.
func (t *Tx) addPartition(begins time.Time) error {
	name, from, to := partitionOf(begins), begins.UnixMilli(), begins.AddDate(0, 1, 0).UnixMilli()
	for _, statement := range []string{
		`CREATE TABLE %[1]s (LIKE records INCLUDING ALL EXCLUDING IDENTITY)`,
		`WITH moved AS (DELETE FROM records_other WHERE at >= %[2]d AND at < %[3]d RETURNING *) INSERT INTO %[1]s SELECT * FROM moved`,
		`ALTER TABLE records ATTACH PARTITION %[1]s FOR VALUES FROM (%[2]d) TO (%[3]d)`,
	} {
		if err := t.exec(fmt.Sprintf(statement, name, from, to)); err != nil {
			return fmt.Errorf("partition %s: %w", name, err)
		}
	}
	return nil
}
