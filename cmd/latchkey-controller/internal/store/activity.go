package store

import (
	"slices"

	"latchkey/cmd/latchkey-controller/internal/clock"
	"latchkey/sync/wire"
)

// A Source is where an event comes from.
type Source int

// The sources.
const (
	FromRecords Source = 1
	FromAudit   Source = 2
	FromAlarms  Source = 3
)

// ClassAdmin is the class of administrators' acts. Those of records are wire's; alarms
// are in wire.ClassAlarm.
const ClassAdmin wire.RecordClass = "admin"

// An Event is an entry of the activity list: a record, an audit entry or an alarm.
type Event struct {
	ID       int64 // rises in the order of arrival
	Source   Source
	Row      int64 // its id in its table
	Class    wire.RecordClass
	Kind     string
	Reader   string
	User     uint64
	At       int64 // Unix milliseconds, by the clock of its source
	Received int64 // Unix milliseconds

	// Names at that time; "": none, or no longer known.
	Subject string // the user, or the target of an act
	Door    string // of the reader; the reader's id if it had no door
	Who     string // the administrator
	Tries   int    // the policy's limit of wrong PINs in a row at that time; 0: not known
}

// addEvent appends an event to the activity and stores the current names with it. An event that
// grants a user access is the newest at which they were seen.
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
	err = t.row(`INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received, subject, door, who, tries) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{a.Source, a.Row, string(a.Class), a.Kind, a.Reader, a.User, a.At, a.Received, names[0], names[1], names[2], a.Tries}, &a.ID)
	if err != nil || a.Class != wire.ClassGranted || a.User == 0 {
		return err
	}
	return t.exec(`UPDATE users SET seen = ? WHERE id = ?`, a.ID, a.User)
}

// recordEvent returns the event of a record, without the names that the record does
// not hold.
func recordEvent(r *Record) (*Event, error) {
	decoded, err := wire.ParseRecord(r.Encoded)
	if err != nil {
		return nil, err
	}
	return &Event{Source: FromRecords, Row: r.ID, Class: r.Kind.Class(), Kind: string(r.Kind), Reader: r.Reader, User: decoded.User, At: r.At, Received: r.Received, Who: decoded.Who}, nil
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
		if p, err := t.Policy(r.Reader); err == nil { // otherwise Tries stays unknown
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
		if err := t.exec(`INSERT INTO besides (activity, user_id, name) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, a.ID, user, id); err != nil {
			return err
		}
	}
	return nil
}

// event returns the event of an alarm.
func (a *Alarm) event() *Event {
	class := wire.ClassAlarm
	if a.Kind == ReaderOffline || a.Kind == ReaderOnline {
		class = wire.ClassReader
	}
	return &Event{Source: FromAlarms, Row: a.ID, Class: class, Kind: a.Kind, Reader: a.Reader, User: a.User, At: a.At, Received: a.At}
}

// Newest returns the newest event's id, and a number that differs after any change to
// the readers' states, or to what they have confirmed of modes.
func (t *Tx) Newest() (activity, states int64, err error) {
	err = t.row(`SELECT (SELECT coalesce(max(id), 0) FROM activity), (SELECT coalesce(sum(received), 0) + count(*) FROM states) + (SELECT coalesce(sum(confirmed), 0) FROM mode_readers)`, nil, &activity, &states)
	return activity, states, err
}

// An HourCount counts the access events of one hour.
type HourCount struct {
	Begins          int64 // Unix milliseconds
	Granted, Denied int
}

// Hours counts the access events at some readers in [from, until), Unix milliseconds,
// in steps of one hour from from on. Hours without events are left out.
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

// PruneActivity deletes up to limit events that arrived before a time, and administrators' acts
// that arrived before acts, which is not later, with the records, audit entries and alarms behind
// them, and what programs said of acts. It returns how many it deleted.
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
	if err := t.exec(`DELETE FROM unlock_notes WHERE activity <= ?`, newestAct); err != nil {
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
		// It was the newest: older ones are pruned before it.
		if err := t.exec(`UPDATE users SET seen = 0 WHERE id = ? AND seen = ?`, a.User, a.ID); err != nil {
			return 0, err
		}
		if err := t.exec(`DELETE FROM activity WHERE id = ?`, a.ID); err != nil {
			return 0, err
		}
	}
	slices.Sort(names)
	return len(old), t.forgetNames(slices.Compact(names))
}

// RecordsOf returns the records of some ids, by id.
func (t *Tx) RecordsOf(ids []int64) (map[int64]*Record, error) {
	byID := make(map[int64]*Record, len(ids))
	records, err := t.records(`id IN `+listedIDs, list(ids))
	for _, r := range records {
		byID[r.ID] = r
	}
	return byID, err
}

// AlarmsOf returns the alarms of some ids, by id.
func (t *Tx) AlarmsOf(ids []int64) (map[int64]*Alarm, error) {
	byID := make(map[int64]*Alarm, len(ids))
	alarms, err := t.alarms(`id IN `+listedIDs, list(ids))
	for _, a := range alarms {
		byID[a.ID] = a
	}
	return byID, err
}
