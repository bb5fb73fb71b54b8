package store

import (
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/clock"
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
type Event struct {
	ID       int64 // rises in the order in which they came
	Source   Source
	Row      int64 // its id in its table
	Class    Class
	Kind     string
	Reader   string
	User     uint64
	At       int64 // Unix milliseconds, by the clock of whoever noted it
	Received int64 // Unix milliseconds

	// What they were called then, "": nothing, or that is not known any more.
	Subject string // the user, or what an act was done to
	Door    string // of the reader; the reader's id if it had none
	Who     string // the administrator
	Tries   int    // wrong PINs in a row that locked PIN entry then; 0: that is not known
}

// list puts an entry at the end of the activity, and keeps with it what
// everything is called now.
func (t *Tx) addEvent(a *Event) (err error) {
	if a.Subject == "" && a.User != 0 {
		if a.Subject, err = t.UserName(a.User); err != nil {
			return err
		}
	}
	if a.Door == "" && a.Reader != "" {
		if a.Door, err = t.nameDoor(a.Reader); err != nil {
			return err
		}
	}
	var names [3]int64
	for i, name := range []string{a.Subject, a.Door, a.Who} {
		if names[i], err = t.nameID(name); err != nil {
			return err
		}
	}
	return t.row(`INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received, subject, door, who, tries) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{a.Source, a.Row, string(a.Class), a.Kind, a.Reader, a.User, a.At, a.Received, names[0], names[1], names[2], a.Tries}, &a.ID)
}

// entryOf returns the entry of a record, without names that it does not hold
// itself.
func recordEvent(r *Record) (*Event, error) {
	decoded, err := wire.ParseRecord(r.Encoded)
	if err != nil {
		return nil, err
	}
	return &Event{Source: FromRecords, Row: r.ID, Class: ClassOf(r.Kind), Kind: string(r.Kind), Reader: r.Reader, User: decoded.User, At: r.At, Received: r.Received, Who: decoded.Who}, nil
}

func (t *Tx) addRecordEvent(r *Record) error {
	decoded, err := wire.ParseRecord(r.Encoded)
	if err != nil {
		return err
	}
	a, err := recordEvent(r)
	if err != nil {
		return err
	}
	if decoded.Wrong > 0 {
		if p, err := t.Policy(r.Reader); err == nil { // otherwise it stays unknown
			a.Tries = int(p.Limit)
		}
	}
	if err := t.addEvent(a); err != nil {
		return err
	}
	for _, user := range decoded.Users {
		name, err := t.UserName(user)
		if err != nil {
			return err
		}
		id, err := t.nameID(name)
		if err != nil {
			return err
		}
		if id == 0 {
			continue
		}
		if err := t.exec(`INSERT OR IGNORE INTO besides (activity, user_id, name) VALUES (?, ?, ?)`, a.ID, user, id); err != nil {
			return err
		}
	}
	return nil
}

// entry returns the entry of an alarm.
func (a *Alarm) event() *Event {
	return &Event{Source: FromAlarms, Row: a.ID, Class: ClassAlarm, Kind: a.Kind, Reader: a.Reader, At: a.At, Received: a.At}
}

// Newest returns the newest entry's id, and a number that is another one after
// whatever a reader said of itself.
func (t *Tx) Newest() (activity, states int64, err error) {
	err = t.row(`SELECT (SELECT coalesce(max(id), 0) FROM activity), (SELECT coalesce(sum(received), 0) + count(*) FROM states)`, nil, &activity, &states)
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
// before another, which is not later, with the records, acts and alarms that they
// list, and returns how many they were.
func (t *Tx) PruneActivity(before, acts clock.Steady, limit int) (n int, err error) {
	newest, _, err := t.OlderThan(before)
	if err != nil {
		return 0, err
	}
	newestAct, _, err := t.OlderThan(acts)
	if err != nil {
		return 0, err
	}
	if err := t.forgetAges(acts); err != nil {
		return 0, err
	}
	old, err := t.activity(`id <= ? AND (source <> 2 OR id <= ?) ORDER BY id LIMIT ?`, newest, newestAct, limit)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	var names []int64
	for _, a := range old {
		err := t.rows(`SELECT subject, door, who FROM activity WHERE id = ?1 UNION ALL SELECT name, 0, 0 FROM besides WHERE activity = ?1`, []any{a.ID}, func(r scanner) error {
			var subject, door, who int64
			err := r.Scan(&subject, &door, &who)
			names = append(names, subject, door, who)
			return err
		})
		if err != nil {
			return 0, err
		}
		table := map[Source]string{FromRecords: "records", FromAudit: "audit", FromAlarms: "alarms"}[a.Source]
		if err := t.exec(`DELETE FROM `+table+` WHERE id = ?`, a.Row); err != nil {
			return 0, err
		}
		if err := t.exec(`DELETE FROM activity WHERE id = ?`, a.ID); err != nil {
			return 0, err
		}
	}
	slices.Sort(names)
	return len(old), t.forgetNames(slices.Compact(names))
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
