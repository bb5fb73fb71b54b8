package desk

import (
	"cmp"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A describer describes events in sentences, with the names of their time.
type describer struct{ tx *store.Tx }

// events returns the described events of rows, in the same order.
func events(tx *store.Tx, rows []*store.Event) ([]*Event, error) {
	ids := map[store.Source][]int64{}
	for _, row := range rows {
		ids[row.Source] = append(ids[row.Source], row.Row)
	}
	records, err := tx.RecordsOf(ids[store.FromRecords])
	if err != nil {
		return nil, err
	}
	audit, err := tx.Audit(ids[store.FromAudit])
	if err != nil {
		return nil, err
	}
	alarms, err := tx.AlarmsOf(ids[store.FromAlarms])
	if err != nil {
		return nil, err
	}
	desc := &describer{tx}
	all := make([]*Event, len(rows))
	for i, row := range rows {
		e := &Event{ID: row.ID, At: time.UnixMilli(row.At), Received: time.UnixMilli(row.Received), Trusted: true, Kind: row.Kind, Reader: row.Reader, Door: row.Door, User: row.User}
		if e.User != 0 {
			e.Person = called(row.Subject, e.User)
		}
		switch {
		case row.Source == store.FromRecords && records[row.Row] != nil:
			err = desc.record(e, row, records[row.Row])
		case row.Source == store.FromAudit && audit[row.Row] != nil:
			desc.act(e, audit[row.Row])
		case row.Source == store.FromAlarms && alarms[row.Row] != nil:
			e.Source, e.Result, e.Word = "alarm", Alarm, wordAlarm
			e.Text = alarmText(e, alarms[row.Row])
			switch row.Kind {
			case store.CardCopied:
				e.Word = language.Say("Copied card")
			case store.ReaderOffline:
				e.Word = wordOffline
			case store.ReaderOnline:
				e.Result, e.Word = Plain, wordOnline
			}
		default:
			desc.unreadable(e, language.Say("event %s", fmt.Sprint(row.ID)), language.Say("its row is missing"))
		}
		if err != nil {
			return nil, err
		}
		all[i] = e
	}
	return all, nil
}

// alarmText says what an alarm tells.
func alarmText(e *Event, a *store.Alarm) *language.Sentence {
	text := keptOr(a.Said, a.Text)
	switch {
	case e.Reader == "":
		return language.Say("%s", text)
	case a.Kind == store.CardCopied:
		return language.Say("%s at %s¦that a copy of a card was shown, and the door", text, named(e.Door))
	}
	return language.Say("%s: %s", named(e.Door), text)
}

// unreadable fills in a damaged event. It must not hide the others.
func (desc *describer) unreadable(e *Event, what *language.Sentence, why error) {
	e.Result, e.Word, e.Trusted = Alarm, language.Say("Unreadable"), false
	text := language.Say("%s cannot be read: %s. The database is damaged; a backup may have it.", what, language.Data(Clean(why.Error())))
	if e.Door == "" {
		e.Text = text.Capital()
		return
	}
	e.Text = language.Say("%s: %s", named(e.Door), text)
}

// called returns a user's name at the time, or a placeholder.
func called(name string, user uint64) string {
	if name == "" {
		return fmt.Sprintf("user %d (removed)", user)
	}
	return name
}

// Named returns the name that the event's user had at the time; "": there is none, or it is
// not known any more.
func (e *Event) Named() string {
	if e.User == 0 || e.Person == called("", e.User) {
		return ""
	}
	return e.Person
}

// record fills in the event of a reader's record.
func (desc *describer) record(e *Event, listed *store.Event, row *store.Record) error {
	e.Source, e.Number, e.Journal = "reader", row.Number, row.Journal.String()
	r, err := wire.ParseRecord(row.Encoded)
	if err != nil {
		desc.unreadable(e, language.Say("record %s", fmt.Sprint(row.Number)), err)
		return nil
	}
	e.Record, e.Trusted, e.Who = r, r.Trusted, r.Who
	e.Lockout = r.Kind == wire.LockoutStarted
	e.Result, e.Word = result(listed.Class, r)
	if r.Kind == wire.AccessGranted && r.By == wire.ByRemote {
		if e.Note, err = desc.tx.UnlockNote(e.Reader, r.Command); err != nil {
			return err
		}
	}
	e.Text, err = desc.sentence(e, r, listed.Tries)
	return err
}

// result returns how a record is displayed, and the word for its chip.
func result(class wire.RecordClass, r *wire.Record) (how Result, word *language.Sentence) {
	switch class {
	case wire.ClassGranted:
		how, word = Granted, wordEntered
	case wire.ClassDenied:
		how, word = Denied, wordRefused
	case wire.ClassLockout:
		if how = Plain; r.Kind == wire.LockoutStarted {
			how = Paused
		}
	case wire.ClassAlarm:
		if how, word = Alarm, wordAlarm; r.Kind == wire.TamperEnded || r.Kind == wire.FireEnded {
			how = Plain
		}
	case wire.ClassDoor:
		how, word = Plain, wordDoor
	default:
		how, word = Plain, wordReader
	}
	return how, cmp.Or(recordWord(r), word)
}
