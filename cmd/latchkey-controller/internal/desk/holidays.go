package desk

import (
	"cmp"
	"context"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// Holidays are those of a site's doors.
type Holidays struct {
	Days []wire.Holiday // that all doors have, in order
	More []string       // the doors that have others besides, by their names
}

// Holidays returns the holidays of all doors in the actor's reach with a reader.
func (d *Desk) Holidays(ctx context.Context, a Actor) (h *Holidays, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		policies, err := r.policies(tx)
		if err != nil {
			return err
		}
		places, err := tx.ReaderPlaces()
		if err != nil {
			return err
		}
		h = new(Holidays)
		for i, p := range policies {
			if i == 0 {
				h.Days = p.Holidays
			}
			h.Days = slices.DeleteFunc(slices.Clone(h.Days), func(day wire.Holiday) bool { return !slices.Contains(p.Holidays, day) })
		}
		for _, p := range policies {
			if len(p.Holidays) > len(h.Days) {
				h.More = append(h.More, doorName(places, p.Reader))
			}
		}
		slices.Sort(h.More)
		h.More = slices.Compact(h.More)
		return nil
	})
	return h, err
}

// SetHolidays makes days, in any order, the holidays of all doors with a reader, and of these
// only. It returns them in order. Fields: "holidays", "where".
func (d *Desk) SetHolidays(ctx context.Context, a Actor, days []wire.Holiday) (*Holidays, error) {
	days = slices.Clone(days)
	slices.SortFunc(days, func(a, b wire.Holiday) int {
		return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Month, b.Month), cmp.Compare(a.Day, b.Day))
	})
	days = slices.Compact(days)
	target := &auditTarget{subject: "all doors", at: []Where{{}}}
	err := d.act(ctx, a, EditPolicy, target, func(tx *store.Tx, now time.Time) error {
		if err := wrongField("holidays", wire.CheckHolidays(days)); err != nil {
			return err
		}
		policies, err := policiesInForce(tx)
		if err != nil {
			return err
		}
		if len(policies) == 0 {
			return wrong("holidays", "No reader serves a door yet, and doors keep the holidays: adopt one first")
		}
		places, err := tx.ReaderPlaces()
		if err != nil {
			return err
		}
		for _, p := range policies {
			p.Holidays = days
			if err := a.setPolicy(tx, now, p); err != nil {
				return atDoor(doorName(places, p.Reader), err)
			}
		}
		target.text = "holidays " + cmp.Or(holidaysText(days), "none")
		return nil
	})
	return &Holidays{Days: days}, err
}
