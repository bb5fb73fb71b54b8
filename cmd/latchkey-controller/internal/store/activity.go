package store

import (
	"slices"
	"strings"

	"latchkey/sync/wire"
)

// A Source is where an entry of the activity comes from.
type Source int

// The sources.
const (
	FromRecords Source = 1
	FromAudit   Source = 2
	FromAlarms  Source = 3
)

// A Class is what kinds of entries people look for.
type Class string

// The classes.
const (
	ClassGranted Class = "granted"
	ClassDenied  Class = "denied"
	ClassLockout Class = "lockout"
	ClassDoor    Class = "door"
	ClassReader  Class = "reader"
	ClassAdmin   Class = "admin"
	ClassAlarm   Class = "alarm"
	ClassQuiet   Class = "quiet" // bookkeeping of the reader: shown only when asked for by kind
)

// ClassOf returns the class of a record.
func ClassOf(kind wire.RecordKind) Class {
	switch kind {
	case wire.AccessGranted:
		return ClassGranted
	case wire.AttemptUnknown, wire.AttemptTakenBack, wire.AttemptInterrupted, wire.AccessDenied, wire.PINRefused:
		return ClassDenied
	case wire.LockoutStarted, wire.LockoutCleared:
		return ClassLockout
	case wire.ExitPressed, wire.DoorOpened, wire.DoorClosed, wire.HoldStarted, wire.HoldEnded:
		return ClassDoor
	case wire.DoorForced, wire.DoorHeld, wire.TamperStarted, wire.TamperEnded, wire.LogForked, wire.RecordsDropped, wire.CacheDamaged, wire.CacheBehind, wire.ClockStepped:
		return ClassAlarm
	case wire.Checkpoint, wire.AttemptStarted, wire.JournalResumed, wire.CredentialsApplied, wire.PolicyApplied:
		return ClassQuiet
	}
	return ClassReader
}

// An Activity is an entry of the one list of records, audit and alarms.
type Activity struct {
	ID       int64 // rises in the order in which they came
	Source   Source
	Row      int64 // its id in its table
	Class    Class
	Kind     string
	Reader   string
	User     uint64
	At       int64 // Unix milliseconds, by the clock of whoever noted it
	Received int64 // Unix milliseconds
}

// list puts an entry at the end of the activity.
func (t *Tx) list(a *Activity) error {
	return t.exec(`INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		a.Source, a.Row, string(a.Class), a.Kind, a.Reader, a.User, a.At, a.Received)
}

func (t *Tx) listRecord(r *Record) error {
	decoded, err := wire.ParseRecord(r.Encoded)
	if err != nil {
		return err
	}
	return t.list(&Activity{Source: FromRecords, Row: r.ID, Class: ClassOf(r.Kind), Kind: string(r.Kind), Reader: r.Reader, User: decoded.User, At: r.At, Received: r.Received})
}

func (t *Tx) listAlarm(a *Alarm) error {
	return t.list(&Activity{Source: FromAlarms, Row: a.ID, Class: ClassAlarm, Kind: a.Kind, Reader: a.Reader, At: a.At, Received: a.At})
}

// Newest returns the newest entry's id, and a number that rises with what
// readers say of themselves.
func (t *Tx) Newest() (activity, states int64, err error) {
	err = t.row(`SELECT (SELECT coalesce(max(id), 0) FROM activity), (SELECT coalesce(max(received), 0) + count(*) FROM states)`, nil, &activity, &states)
	return activity, states, err
}

// An HourCount is what some readers' records of an hour come to.
type HourCount struct {
	Begins          int64 // Unix milliseconds
	Granted, Denied int
}

// Hours counts what happened at readers in the hours that follow a moment,
// each of 3,600,000 ms. Hours in which nothing happened are left out.
func (t *Tx) Hours(readers []string, from, until int64) (hours []HourCount, err error) {
	const hour = 3_600_000
	for _, reader := range readers {
		err = t.rows(`SELECT (at - ?) / ? AS hour, count(*) FILTER (WHERE class = 'granted'), count(*) FILTER (WHERE class = 'denied')
			FROM activity INDEXED BY activity_by_time WHERE at >= ? AND at < ? AND reader_id = ? AND class IN ('granted', 'denied') GROUP BY hour ORDER BY hour`,
			[]any{from, int64(hour), from, until, reader}, func(r scanner) error {
				var n int64
				var h HourCount
				err := r.Scan(&n, &h.Granted, &h.Denied)
				h.Begins = from + n*hour
				hours = append(hours, h)
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	return hours, nil
}

// PruneActivity forgets up to limit entries that came before a time, of acts
// before another, with the records, acts and alarms that they list, and returns
// how many they were.
func (t *Tx) PruneActivity(before, acts int64, limit int) (n int, err error) {
	const first = `coalesce((SELECT id FROM activity WHERE received >= ? ORDER BY id LIMIT 1), 9223372036854775807)`
	old, err := t.activity(`id < `+first+` AND (source <> 2 OR id < `+first+`) ORDER BY id LIMIT ?`, before, acts, limit)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	for _, a := range old {
		table := map[Source]string{FromRecords: "records", FromAudit: "audit", FromAlarms: "alarms"}[a.Source]
		if err := t.exec(`DELETE FROM `+table+` WHERE id = ?`, a.Row); err != nil {
			return 0, err
		}
		if err := t.exec(`DELETE FROM activity WHERE id = ?`, a.ID); err != nil {
			return 0, err
		}
	}
	return len(old), nil
}

// RecordsOf returns the records of some ids, by these.
func (t *Tx) RecordsOf(ids []int64) (map[int64]*Record, error) {
	byID := make(map[int64]*Record, len(ids))
	err := t.inBatches(ids, func(in string, args []any) error {
		records, err := t.records(`id IN `+in, args, `id`)
		for _, r := range records {
			byID[r.ID] = r
		}
		return err
	})
	return byID, err
}

// AlarmsOf returns the alarms of some ids, by these.
func (t *Tx) AlarmsOf(ids []int64) (map[int64]*Alarm, error) {
	byID := make(map[int64]*Alarm, len(ids))
	err := t.inBatches(ids, func(in string, args []any) error {
		return t.rows(`SELECT id, reader_id, kind, at, text FROM alarms WHERE id IN `+in, args, func(r scanner) error {
			var a Alarm
			err := r.Scan(&a.ID, &a.Reader, &a.Kind, &a.At, &a.Text)
			byID[a.ID] = &a
			return err
		})
	})
	return byID, err
}

// inBatches calls each with ids as the right side of an IN, some at a time.
func (t *Tx) inBatches(ids []int64, each func(in string, args []any) error) error {
	for batch := range slices.Chunk(ids, 500) {
		args := make([]any, len(batch))
		for i, id := range batch {
			args[i] = id
		}
		if err := each(`(?`+strings.Repeat(`, ?`, len(args)-1)+`)`, args); err != nil {
			return err
		}
	}
	return nil
}
