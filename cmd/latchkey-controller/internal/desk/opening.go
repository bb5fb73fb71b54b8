package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/cmd/latchkey-controller/internal/zone"
	"latchkey/sync/wire"
)

// EndEarly locks the doors at a place that an unlock schedule holds open now, until the
// schedule's next span begins. The error says so if there are none. Field: "where".
func (d *Desk) EndEarly(ctx context.Context, a Actor, where Where) error {
	target, err := d.target(ctx, where)
	if err != nil {
		return err
	}
	return d.act(ctx, a, EndEarly, target, func(tx *store.Tx, now time.Time) error {
		if target.subject, err = where.name(tx); err != nil {
			return err
		}
		readers, err := where.readers(tx)
		if err != nil {
			return err
		}
		in, err := siteZone(tx)
		if err != nil {
			return err
		}
		last, endless, err := endEarly(tx, now, readers)
		switch {
		case err != nil:
			return err
		case last.IsZero() && endless != "":
			return neverCloses(endless)
		case last.IsZero():
			return wrong("where", "No unlock schedule holds a door open there now")
		}
		target.text = language.Say("instead of on %s¦a door is locked", language.Moment(last.In(in)))
		return nil
	})
}

// endEarly ends the present span of the unlock schedules of readers. It returns when the last
// of them would have ended, zero: there is none; and a door whose schedule never closes.
func endEarly(tx *store.Tx, now time.Time, readers []string) (last time.Time, endless string, err error) {
	for _, id := range readers {
		if _, err := tx.BundleOf(id); errors.Is(err, store.ErrNotFound) {
			continue // it was removed
		} else if err != nil {
			return last, "", err
		}
		p, err := tx.Policy(id)
		if err != nil {
			return last, "", err
		}
		end, err := presentEnd(p, now)
		if err != nil {
			return last, "", err
		}
		switch {
		case end.IsZero():
			continue
		case end.Equal(never):
			endless = p.Door
			continue
		}
		p.Opening.After = end.Unix()
		if err := site.SetPolicy(tx, now, p); err != nil {
			return last, "", err
		}
		if end.After(last) {
			last = end
		}
	}
	return last, endless, nil
}

func neverCloses(door string) error {
	return wrong("where", "The unlock schedule of %s never closes: change the schedule, or set the mode locked", door)
}

// never is the end of a schedule that is always open.
var never = time.Unix(wire.MaxTime, 0)

// presentEnd returns when the span of the unlock schedule ends in which now is: spans that
// follow without a gap count as one. Zero: the schedule does not unlock now; never: it has
// no end.
func presentEnd(p *wire.Policy, now time.Time) (time.Time, error) {
	if p.Opening == nil || now.Unix() < p.Opening.After {
		return time.Time{}, nil
	}
	in, err := zone.Load(p.TimeZone)
	if err != nil {
		return time.Time{}, fmt.Errorf("the time zone of %s: %w", p.Reader, err)
	}
	const most = 8 * 24 * 60 // minutes: a week repeats, and a day can have an hour more
	t := now.In(in).Truncate(time.Minute)
	for n := 0; p.InSchedule(&p.Opening.Schedule, t); n++ {
		if n > most {
			return never, nil
		}
		t = t.Add(time.Minute)
	}
	if t.After(now) {
		return t, nil
	}
	return time.Time{}, nil
}
