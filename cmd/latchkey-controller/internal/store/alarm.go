package store

import (
	"slices"

	"latchkey/cmd/latchkey-controller/internal/language"
)

// An Alarm is a problem with a reader, or with the site, that the controller
// detected; or the end of one.
type Alarm struct {
	ID     int64
	Reader string // "": about the site
	Kind   string
	User   uint64 // whom it concerns; 0: nobody
	At     int64  // Unix milliseconds
	Text   string // in English
	Said   string // language.Kept; "": there is English only
}

// NewAlarm returns an alarm that says something, of a reader or, if reader is "", of the site.
func NewAlarm(reader, kind string, at int64, says *language.Sentence) *Alarm {
	return &Alarm{Reader: reader, Kind: kind, At: at, Text: says.String(), Said: says.Keep()}
}

// Kinds of alarms.
const (
	JournalForked  = "journal.forked"  // two different records have the same number
	JournalGap     = "journal.gap"     // records are missing, and the reader did not report them as dropped
	LogForeign     = "log.foreign"     // a reader holds a signed log position that this site's log does not have
	ClockDoubted   = "clock.doubted"   // the controller's clock was set, or is far off
	CardCopied     = "card.copied"     // a card was not the card that has its UID
	RecordsRefused = "records.refused" // a reader exceeded its daily allowance

	BudgetRefused    = "budget.refused"    // a reader exceeded its daily allowance of PINs for its TPM
	BudgetAgain      = "budget.again"      // a reader's TPM was given another first budget by itself
	BudgetUnrecorded = "budget.unrecorded" // a reader's TPM has checked more PINs than its records show

	LeadTakenOver = "lead.taken-over" // a controller has stopped leading without giving the lead back

	ReaderOffline = "reader.offline" // a reader has been out of reach for a minute
	ReaderOnline  = "reader.online"  // it is connected again
)

// AlarmKinds returns all kinds of alarms.
func AlarmKinds() []string {
	return []string{JournalForked, JournalGap, LogForeign, ClockDoubted, CardCopied, RecordsRefused, BudgetRefused, BudgetAgain, BudgetUnrecorded, LeadTakenOver}
}

// AddAlarm adds an alarm and its event, and fills in its ID.
func (t *Tx) AddAlarm(a *Alarm) error {
	if err := t.insertAlarm(a); err != nil {
		return err
	}
	return t.addEvent(a.event())
}

func (t *Tx) insertAlarm(a *Alarm) error {
	return t.row(`INSERT INTO alarms (reader_id, kind, user_id, at, text, said) VALUES (?, ?, ?, ?, ?, ?) RETURNING id`, []any{a.Reader, a.Kind, a.User, a.At, a.Text, a.Said}, &a.ID)
}

// Alarms returns alarms in the order in which they were raised.
func (t *Tx) Alarms(f Filter) ([]*Alarm, error) {
	where, args := f.where()
	alarms, err := t.alarms(where, args...)
	if f.Last != 0 {
		slices.Reverse(alarms)
	}
	return alarms, err
}

// LastAlarm returns when a reader's last alarm of a kind about a user was raised, in Unix
// milliseconds; 0: never.
func (t *Tx) LastAlarm(reader, kind string, user uint64) (at int64, err error) {
	err = t.rowIfAny(`SELECT at FROM alarms WHERE reader_id = ? AND kind = ? AND user_id = ? ORDER BY id DESC LIMIT 1`, []any{reader, kind, user}, &at)
	return at, err
}

// Out says whether a reader is out of reach, by its last event of that.
func (t *Tx) Out(reader string) (bool, error) {
	var offline, online int64
	for kind, id := range map[string]*int64{ReaderOffline: &offline, ReaderOnline: &online} {
		if err := t.row(`SELECT coalesce(max(id), 0) FROM alarms WHERE reader_id = ? AND kind = ? AND user_id = 0`, []any{reader, kind}, id); err != nil {
			return false, err
		}
	}
	return offline > online, nil
}

func (t *Tx) alarms(where string, args ...any) (alarms []*Alarm, err error) {
	err = t.rows(`SELECT id, reader_id, kind, user_id, at, text, said FROM alarms WHERE `+where, args, func(r scanner) error {
		var a Alarm
		alarms = append(alarms, &a)
		return r.Scan(&a.ID, &a.Reader, &a.Kind, &a.User, &a.At, &a.Text, &a.Said)
	})
	return alarms, err
}
