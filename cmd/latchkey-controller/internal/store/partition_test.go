package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/sync/wire"
)

// partitioned is a store in PostgreSQL with a reader and its records at some times, whose ids count
// from 1.
func partitioned(t *testing.T, times ...time.Time) *Store {
	t.Helper()
	s, err := Create(t.Context(), t.TempDir(), newPostgres(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	update(t, s, func(tx *Tx) error {
		if err := tx.exec(`INSERT INTO readers (id, created) VALUES ('front-door', 0)`); err != nil {
			return err
		}
		return tx.insertRecords(recordsAt(times...))
	})
	return s
}

func recordsAt(times ...time.Time) (records []*Record) {
	for i, at := range times {
		records = append(records, &Record{Reader: "front-door", Journal: wire.JournalID{1}, Number: uint64(i + 1), Hash: wire.Hash{byte(i)}, Encoded: []byte{1}, Kind: "x", At: at.UnixMilli()})
	}
	return records
}

// partitions returns the partitions with the ids of the records in each, by name.
func partitions(t *testing.T, s *Store) (all []string) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		names, err := tx.texts(`SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = CAST('records' AS regclass) ORDER BY relname`)
		for _, name := range names {
			ids, err := tx.texts(`SELECT CAST(id AS TEXT) FROM ` + name + ` ORDER BY id`)
			if err != nil {
				return err
			}
			all = append(all, fmt.Sprint(name, ids))
		}
		return err
	})
	return all
}

func wantPartitions(t *testing.T, s *Store, want ...string) {
	t.Helper()
	if got := partitions(t, s); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%q, not %q", got, want)
	}
}

func TestEachMonthOfRecordsIsAPartitionAlsoOfThoseThatCameBefore(t *testing.T) {
	december := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	january := december.AddDate(0, 1, 0)
	s := partitioned(t, december.Add(-time.Millisecond), december, january.Add(-time.Millisecond), january, january.AddDate(0, 1, 0), time.UnixMilli(-1000))
	wantPartitions(t, s, "records_other[1 2 3 4 5 6]")
	for range 2 {
		update(t, s, func(tx *Tx) error { return tx.PartitionRecords(december.Add(time.Hour)) })
		wantPartitions(t, s, "records_2026_12[2 3]", "records_2027_01[4]", "records_other[1 5 6]")
	}
	// Ids rise in the order of arrival, wherever a record belongs.
	more := recordsAt(january, time.UnixMilli(0), december)
	for _, r := range more {
		r.Journal[0]++
	}
	update(t, s, func(tx *Tx) error { return tx.insertRecords(more) })
	wantPartitions(t, s, "records_2026_12[2 3 9]", "records_2027_01[4 7]", "records_other[1 5 6 8]")
	for i, r := range more {
		if r.ID != int64(7+i) {
			t.Errorf("record %d has the id %d", i, r.ID)
		}
	}
}

func TestAMonthThatIsOverGoesWithItsLastRecord(t *testing.T) {
	october := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	s := partitioned(t, october, october)
	at := func(now time.Time) {
		t.Helper()
		update(t, s, func(tx *Tx) error { return tx.PartitionRecords(now) })
	}
	at(october)
	wantPartitions(t, s, "records_2026_10[1 2]", "records_2026_11[]", "records_other[]")
	update(t, s, func(tx *Tx) error { return tx.exec(`DELETE FROM records WHERE id = 1`) })
	at(october.AddDate(0, 2, 0))
	wantPartitions(t, s, "records_2026_10[2]", "records_2026_12[]", "records_2027_01[]", "records_other[]")
	update(t, s, func(tx *Tx) error { return tx.exec(`DELETE FROM records WHERE id = 2`) })
	at(october)
	wantPartitions(t, s, "records_2026_10[]", "records_2026_11[]", "records_2026_12[]", "records_2027_01[]", "records_other[]")
	at(october.AddDate(0, 2, 0))
	wantPartitions(t, s, "records_2026_12[]", "records_2027_01[]", "records_other[]")
}

func TestARecordIsFoundByIndexesInEachPartition(t *testing.T) {
	december := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	s := partitioned(t, december, december.AddDate(0, 1, 0), time.UnixMilli(0))
	update(t, s, func(tx *Tx) error {
		if err := tx.PartitionRecords(december); err != nil {
			return err
		}
		if err := tx.exec(`SET LOCAL enable_seqscan = off`); err != nil { // right for so few rows
			return err
		}
		for where, index := range map[string]string{
			`id IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text('[1, 2]'))`: "pkey",
			`reader_id = 'front-door' AND journal = '1' AND number = 7`:                    "reader_id_journal_number_hash_at_key",
			`at >= 7 ORDER BY at LIMIT 1`:                                                  "at_idx",
			`reader_id = 'front-door' AND received >= 7 AND kind = 'attempt.started'`:      "reader_id_received_idx",
		} {
			plan, err := tx.texts(`EXPLAIN SELECT record FROM records WHERE ` + where)
			if err != nil {
				return err
			}
			text := strings.Join(plan, "\n")
			for _, partition := range []string{"records_2026_12", "records_2027_01", "records_other"} {
				if !strings.Contains(text, partition+"_"+index) {
					t.Errorf("%s in %s:\n%s", where, partition, text)
				}
			}
		}
		return nil
	})
}

// A backup reads all records, for as long as it takes.
func TestMonthsDoNotWaitForWhoReadsRecords(t *testing.T) {
	october := time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)
	december := october.AddDate(0, 2, 0)
	s := partitioned(t, december)
	update(t, s, func(tx *Tx) error { return tx.PartitionRecords(october) })
	at := func() {
		t.Helper()
		update(t, s, func(tx *Tx) error {
			if err := tx.SetZone("UTC"); err != nil {
				return err
			}
			if err := tx.PartitionRecords(december); err != nil {
				return err
			}
			var patience string
			if err := tx.row(`SHOW lock_timeout`, nil, &patience); err != nil || patience != "10s" {
				t.Errorf("%s, %v", patience, err)
			}
			return tx.SetZone("Europe/Zurich")
		})
	}
	must(t, s.View(t.Context(), func(tx *Tx) error {
		var n int
		if err := tx.row(`SELECT count(*) FROM records`, nil, &n); err != nil {
			return err
		}
		at() // for 10 s it would wait
		return nil
	}))
	wantPartitions(t, s, "records_2026_10[]", "records_2026_11[]", "records_other[1]")
	at()
	wantPartitions(t, s, "records_2026_12[1]", "records_2027_01[]", "records_other[]")
}
