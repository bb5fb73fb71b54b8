package store

import "slices"

// An Alarm is what the controller noticed about a reader, or the site.
type Alarm struct {
	ID     int64
	Reader string // "": about the site
	Kind   string
	At     int64 // Unix milliseconds
	Text   string
}

// Kinds of alarms.
const (
	JournalForked  = "journal.forked"  // a number came with another hash
	JournalGap     = "journal.gap"     // records never came, and no record says that they were dropped
	LogForeign     = "log.foreign"     // the site's own signature on a place that its log lacks
	ClockDoubted   = "clock.doubted"   // the controller's own clock was put, or is far from where it should be
	RecordsRefused = "records.refused" // more than is kept of one reader in a day
)

// AddAlarm adds an alarm, lists it in the activity and fills in its ID.
func (t *Tx) AddAlarm(a *Alarm) error {
	if err := t.row(`INSERT INTO alarms (reader_id, kind, at, text) VALUES (?, ?, ?, ?) RETURNING id`, []any{a.Reader, a.Kind, a.At, a.Text}, &a.ID); err != nil {
		return err
	}
	return t.addEvent(a.event())
}

// Alarms returns alarms in the order in which they were raised.
func (t *Tx) Alarms(f Filter) ([]*Alarm, error) {
	where, args := f.where()
	order, args, reversed := f.limit(args)
	var alarms []*Alarm
	err := t.rows(`SELECT id, reader_id, kind, at, text FROM alarms WHERE `+where+` ORDER BY `+order, args, func(r scanner) error {
		var a Alarm
		alarms = append(alarms, &a)
		return r.Scan(&a.ID, &a.Reader, &a.Kind, &a.At, &a.Text)
	})
	if reversed {
		slices.Reverse(alarms)
	}
	return alarms, err
}
