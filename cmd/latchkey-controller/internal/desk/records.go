package desk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Record is a record as received from a reader.
type Record struct {
	*store.Record
	Decoded *wire.Record // nil: it cannot be decoded
	Text    string       // what it holds besides kind and time, or why it cannot be decoded
}

// Records returns the records and the alarms that a filter selects, each in order of arrival;
// records of duress only if the actor may see them. f.After applies to records, alarmsAfter to
// alarms. Times in Text are in the zone in.
func (d *Desk) Records(ctx context.Context, a Actor, f store.Filter, alarmsAfter int64, in *time.Location) (records []*Record, alarms []*store.Alarm, err error) {
	err = d.view(ctx, a, ViewActivity, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		f.Readers = r.readerIDs()
		rows, err := tx.Records(f)
		if err != nil {
			return err
		}
		desc := &describer{tx}
		for _, row := range rows {
			if row.Kind == wire.Duress && !a.May(ViewDuress) {
				continue
			}
			r := &Record{Record: row}
			if r.Decoded, err = wire.ParseRecord(row.Encoded); err != nil { // a damaged record must not hide the others
				r.Decoded, r.Text = nil, err.Error()
			} else if r.Text, err = desc.fields(r.Decoded, in); err != nil {
				return err
			}
			records = append(records, r)
		}
		f.After = alarmsAfter
		alarms, err = tx.Alarms(f)
		return err
	})
	return records, alarms, err
}

// fields describes what a record holds besides its kind and its time, with times in a
// zone.
func (desc *describer) fields(r *wire.Record, in *time.Location) (string, error) {
	var parts []string
	say := func(is bool, format string, args ...any) {
		if is {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	names := make([]string, len(r.Users))
	for i, id := range r.Users {
		name, err := desc.tx.UserName(id)
		if err != nil {
			return "", err
		}
		names[i] = called(name, id)
	}
	if r.User != 0 {
		name, err := desc.tx.UserName(r.User)
		if err != nil {
			return "", err
		}
		say(true, "%s", called(name, r.User))
	}
	say(r.By != "", "%s", r.By)
	say(r.Order != "", "%s", r.Order)
	say(r.Mode != "", "%s", r.Mode)
	say(r.Who != "", "by %s", r.Who)
	say(r.Cause != "", "%s", r.Cause)
	say(r.Reason != "", "%s", r.Reason)
	say(r.Subject != "", "%s", r.Subject)
	say(r.Text != "", "%s", r.Text)
	say(r.Seconds != 0, "%d s", r.Seconds)
	say(r.Wrong != 0, "%d wrong in a row", r.Wrong)
	say(len(names) > 0, "reset by %s", strings.Join(names, ", "))
	say(len(r.Tag) > 0, "unknown card %x", r.Tag)
	say(r.Epoch != 0, "epoch %d, revision %d", r.Epoch, r.Revision)
	say(r.PolicyRevision != 0, "policy %d", r.PolicyRevision)
	say(r.First != 0, "records %d to %d", r.First, r.Last)
	say(r.Count != 0 && r.Kind != wire.LinkUp, "count %d", r.Count)
	say(r.Kind == wire.ClockStepped, "from %s to %s", time.UnixMilli(r.From).In(in).Format(time.DateTime), time.UnixMilli(r.To).In(in).Format(time.DateTime))
	say(r.Kind != wire.ClockStepped && r.To != 0, "until %s", time.UnixMilli(r.To).In(in).Format(time.DateTime))
	say(r.Version != "", "version %s", r.Version)
	return strings.Join(parts, ", "), nil
}
