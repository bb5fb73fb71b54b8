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

// actKind is what the event of an act has before the act's name as its Kind.
const actKind = "admin."

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

	PartOf int64  // id of the event of which it is a part; 0: it stands by itself
	partOf *Event // of one that is to be added: the same; nil: PartOf says it

	record *wire.Record // that is to be added; nil: it is of another source, or stored
}

// others returns the users whom an event that is to be added names besides its own.
func (e *Event) others() []uint64 {
	if e.record == nil {
		return nil
	}
	return e.record.Users
}

// addEvent appends an event to the activity and stores the current names with it.
func (t *Tx) addEvent(e *Event) error { return t.addEvents([]*Event{e}) }

// addEvents appends events to the activity, in order, and stores the current names with them. An
// event that grants a user access is the newest at which they were seen.
func (t *Tx) addEvents(events []*Event) error {
	if len(events) == 0 {
		return nil
	}
	users, err := t.nameEvents(events)
	if err != nil {
		return err
	}
	var used []string
	for _, e := range events {
		used = append(used, e.Subject, e.Door, e.Who)
		for _, user := range e.others() {
			used = append(used, users[user])
		}
	}
	names, err := t.nameIDs(used)
	if err != nil {
		return err
	}
	if err := t.numberParts(events); err != nil {
		return err
	}
	rows, numbered := make([][]any, len(events)), events[0].ID != 0
	for i, e := range events {
		rows[i] = []any{int64(e.Source), e.Row, string(e.Class), e.Kind, e.Reader, e.User, e.At, e.Received, names[e.Subject], names[e.Door], names[e.Who], e.Tries, e.PartOf}
		if numbered {
			rows[i] = append(rows[i], e.ID)
		}
	}
	statement := `INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received, subject, door, who, tries, part_of) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	if numbered {
		statement = `INSERT INTO activity (source, row, class, kind, reader_id, user_id, at, received, subject, door, who, tries, part_of, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	}
	ids, err := t.insertNew(statement, rows)
	if err != nil {
		return err
	}
	seen, besides := false, [][]any(nil)
	for i, e := range events {
		e.ID = ids[i]
		seen = seen || e.Class == wire.ClassGranted && e.User != 0
		for n, user := range e.others() {
			if name := names[users[user]]; name != 0 && !slices.Contains(e.others()[:n], user) {
				besides = append(besides, []any{e.ID, user, name})
			}
		}
	}
	if err := t.insert(`INSERT INTO besides (activity, user_id, name) VALUES (?, ?, ?)`, besides); err != nil || !seen {
		return err
	}
	err = t.exec(`UPDATE users SET seen = latest.id FROM (SELECT user_id, max(id) AS id FROM activity WHERE id BETWEEN ? AND ? AND class = 'granted' AND user_id <> 0 GROUP BY user_id) latest
		WHERE users.id = latest.user_id`, ids[0], ids[len(ids)-1])
	if err != nil {
		return err
	}
	return t.EndFirstSteps()
}

// nameEvents fills in the current names that events do not have, and returns those of the users
// whom they are about.
func (t *Tx) nameEvents(events []*Event) (users map[uint64]string, err error) {
	var ids []int64
	var readers []string
	for _, e := range events {
		if e.Subject == "" && e.User != 0 {
			ids = append(ids, int64(e.User))
		}
		for _, user := range e.others() {
			ids = append(ids, int64(user))
		}
		if e.Door == "" && e.Reader != "" {
			readers = append(readers, e.Reader)
		}
	}
	if users, err = t.userNames(ids); err != nil {
		return nil, err
	}
	doors, err := t.nameDoors(readers)
	for _, e := range events {
		if e.Subject == "" {
			e.Subject = users[e.User]
		}
		if e.Door == "" {
			e.Door = doors[e.Reader]
		}
		e.Subject, e.Door, e.Who = eventName(e.Subject), eventName(e.Door), eventName(e.Who)
	}
	return users, err
}

// recordEvent returns the event of a record, without its row, and without the names that the
// record does not hold.
func recordEvent(r *Record, decoded *wire.Record) *Event {
	return &Event{Source: FromRecords, Row: r.ID, Class: r.Kind.Class(), Kind: string(r.Kind), Reader: r.Reader, User: decoded.User, At: r.At, Received: r.Received, Who: decoded.Who, record: decoded}
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
// the readers' states, to what they have confirmed of modes, or to who waits to be adopted.
func (t *Tx) Newest() (activity, states int64, err error) {
	err = t.row(`SELECT (SELECT coalesce(max(id), 0) FROM activity), (SELECT coalesce(sum(received), 0) + count(*) FROM states) + (SELECT coalesce(sum(confirmed), 0) FROM mode_readers)
		+ (SELECT coalesce(sum(first + number + fetched + refused + disputed), 0) FROM waiting_reader)`, nil, &activity, &states)
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
	if err := t.exec(`DELETE FROM act_orders WHERE act <= ?`, newestAct); err != nil {
		return 0, err
	}
	old, err := t.activity(`id <= ? AND (source <> 2 OR id <= ?) ORDER BY id LIMIT ?`, newest, newestAct, limit)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	ids, behind := make([]int64, len(old)), map[Source][]int64{}
	for i, a := range old {
		ids[i], behind[a.Source] = a.ID, append(behind[a.Source], a.Row)
	}
	var names []int64
	err = t.rows(`SELECT subject, door, who FROM activity WHERE id IN `+listedIDs+` UNION SELECT name, 0, 0 FROM besides WHERE activity IN `+listedIDs, []any{list(ids), list(ids)}, func(r scanner) error {
		var subject, door, who int64
		err := r.Scan(&subject, &door, &who)
		names = append(names, subject, door, who)
		return err
	})
	if err != nil {
		return 0, err
	}
	for source, table := range map[Source]string{FromRecords: "records", FromAudit: "audit", FromAlarms: "alarms"} {
		if len(behind[source]) == 0 {
			continue
		}
		if err := t.exec(`DELETE FROM `+table+` WHERE id IN `+listedIDs, list(behind[source])); err != nil {
			return 0, err
		}
	}
	// Of users whose newest event goes, all go: older ones are pruned before it.
	err = t.exec(`UPDATE users SET seen = 0 WHERE id IN (SELECT user_id FROM activity WHERE id IN `+listedIDs+`) AND seen IN `+listedIDs, list(ids), list(ids))
	if err != nil {
		return 0, err
	}
	if err := t.exec(`DELETE FROM activity WHERE id IN `+listedIDs, list(ids)); err != nil {
		return 0, err
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
