package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A HolidayForm is a holiday as an administrator edits it.
type HolidayForm struct {
	Name        string
	First, Last string // days: 2026-12-24; Last "": it is one day
	Yearly      bool
}

// What an act is done to that changes several holidays, in the audit.
const pastHolidays, holidayList = "past ones", "the list"

// holiday reads the form. Fields: "name", "first", "last".
func (f *HolidayForm) holiday() (*Holiday, error) {
	h := &Holiday{Name: TidyName(f.Name), Yearly: f.Yearly}
	var wrongs FieldErrors
	if h.Name == "" {
		wrongs.add(wrong("name", "Enter a name"))
	}
	wrongs.add(wrongField("name", wire.CheckLabel(h.Name)))
	day := func(field, text string) time.Time {
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			wrongs.add(wrong(field, "Enter a day like 2026-12-25"))
		}
		return t
	}
	h.First = day("first", f.First)
	if h.Last = h.First; f.Last != "" {
		h.Last = day("last", f.Last)
	}
	if len(wrongs) == 0 {
		wrongs.add(wrongField("last", h.Check()))
	}
	return h, wrongs.asMistyped().err()
}

// AddHoliday adds a holiday to the site's list, and so to all doors. Fields: "name", "first",
// "last", "where".
func (d *Desk) AddHoliday(ctx context.Context, a Actor, form HolidayForm) (id int64, err error) {
	target := &auditTarget{subject: cut(TidyName(form.Name), wire.MaxName)}
	err = d.editHolidays(ctx, a, target, func(tx *store.Tx, _ []*Holiday) error {
		h, err := form.holiday()
		if err != nil {
			return err
		}
		target.text = language.Say("was added, %s", HolidayText(h))
		err = tx.AddHoliday(h)
		id = h.ID
		return err
	})
	return id, err
}

// EditHoliday edits a holiday of the site's list, and so of all doors. was is the Revision that was
// edited; if it has changed since, the edit is refused; 0: do not check. Fields: as of AddHoliday,
// and "holiday".
func (d *Desk) EditHoliday(ctx context.Context, a Actor, id, was int64, form HolidayForm) error {
	target := &auditTarget{}
	return d.editHolidays(ctx, a, target, func(tx *store.Tx, all []*Holiday) error {
		h, err := holidayNumbered(all, id)
		if err != nil {
			return err
		}
		target.subject = h.Name
		if was != 0 && h.Revision != was {
			return changedMeanwhile("holiday")
		}
		edited, err := form.holiday()
		if err != nil {
			return err
		}
		target.text = holidayChanges(h, edited)
		edited.ID, edited.Event = h.ID, h.Event
		return tx.SetHoliday(edited)
	})
}

// RemoveHoliday removes a holiday from the site's list, and so from all doors but those that have
// its days of their own. Fields: "where".
func (d *Desk) RemoveHoliday(ctx context.Context, a Actor, id int64) error {
	target := &auditTarget{}
	return d.editHolidays(ctx, a, target, func(tx *store.Tx, all []*Holiday) error {
		h, err := holidayNumbered(all, id)
		if err != nil {
			return err
		}
		target.subject, target.text = h.Name, language.Say("was removed, %s", HolidayText(h))
		return tx.RemoveHoliday(id)
	})
}

// RemovePastHolidays removes the holidays that are past, and returns how many they were.
func (d *Desk) RemovePastHolidays(ctx context.Context, a Actor) (n int, err error) {
	target := &auditTarget{subject: pastHolidays}
	err = d.editHolidays(ctx, a, target, func(tx *store.Tx, all []*Holiday) error {
		in, err := siteZone(tx)
		if err != nil {
			return err
		}
		for _, h := range all {
			if !IsPast(h, d.now().In(in)) {
				continue
			}
			if err := tx.RemoveHoliday(h.ID); err != nil {
				return err
			}
			n++
		}
		target.text = language.Count(n, "%d holiday removed", "%d holidays removed")
		target.same = n == 0
		return nil
	})
	return n, err
}

// SetHolidays replaces the site's list. One that was there with the same days stays as it is,
// unless it gets another name; "": its days say what it is called. Fields: "holidays", "where".
func (d *Desk) SetHolidays(ctx context.Context, a Actor, holidays []Holiday) error {
	target := &auditTarget{subject: holidayList}
	return d.editHolidays(ctx, a, target, func(tx *store.Tx, all []*Holiday) error {
		kept := map[int64]bool{}
		for i, h := range holidays {
			if err := wrongField("holidays", h.Check()); err != nil {
				return err
			}
			if slices.ContainsFunc(holidays[:i], func(k Holiday) bool { return sameDays(&k, &h) && (h.Name == "" || h.Name == k.Name) }) {
				continue
			}
			known := slices.IndexFunc(all, func(k *Holiday) bool { return !kept[k.ID] && sameDays(k, &h) })
			h.Name = TidyName(h.Name)
			switch {
			case h.Name != "":
			case known >= 0:
				h.Name = all[known].Name
			default:
				h.Name = HolidayText(&h).String()
			}
			if known < 0 {
				if err := wrongField("holidays", tx.AddHoliday(&h)); err != nil {
					return err
				}
				continue
			}
			k := all[known]
			kept[k.ID] = true
			if k.Name == h.Name {
				continue
			}
			k.Name = h.Name
			if err := tx.SetHoliday(k); err != nil {
				return err
			}
		}
		for _, h := range all {
			if kept[h.ID] {
				continue
			}
			if err := tx.RemoveHoliday(h.ID); err != nil {
				return err
			}
		}
		now, err := tx.Holidays()
		target.text = language.Say("is empty now¦a list")
		if days := cut(holidaysText(store.HolidayDays(now)), maxAuditText/2); days != "" {
			target.text = language.Say("is %s now¦a list of days", days)
		}
		return err
	})
}

// maxHolidays bounds how many holidays a site has.
const maxHolidays = wire.MaxHolidays

// editHolidays edits the site's list, and puts it into the policies of all readers. Fields: those of
// edit, "holidays" and "where".
func (d *Desk) editHolidays(ctx context.Context, a Actor, target *auditTarget, edit func(*store.Tx, []*Holiday) error) error {
	target.at = []Where{{}}
	return d.act(ctx, a, EditHolidays, target, func(tx *store.Tx, now time.Time) error {
		all, err := tx.Holidays()
		if err != nil {
			return err
		}
		before := store.HolidayDays(all)
		if err := edit(tx, all); err != nil {
			return err
		}
		if all, err = tx.Holidays(); err != nil {
			return err
		}
		after := store.HolidayDays(all)
		if len(all) > maxHolidays || len(after) > wire.MaxHolidays {
			return wrong("holidays", "These would be %d days, and doors keep at most %d: remove past ones first", max(len(all), len(after)), wire.MaxHolidays)
		}
		return spreadHolidays(tx, now, a, before, after)
	})
}

// spreadHolidays puts the site's holidays, which were others before, into the policies of all
// readers: of those that were removed, too, which may come back.
func spreadHolidays(tx *store.Tx, now time.Time, a Actor, before, after []wire.Holiday) error {
	readers, err := tx.Readers()
	if err != nil {
		return err
	}
	for _, reader := range readers {
		p, err := tx.Policy(reader)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		was := p.Holidays
		if err := site.SpreadHolidays(tx, p, before, after); errors.Is(err, site.ErrHolidays) {
			return wrong("holidays", "%s would have more than %d holidays with those of its own: remove some first", p.Door, wire.MaxHolidays)
		} else if err != nil {
			return err
		}
		if slices.Equal(was, p.Holidays) {
			continue
		}
		if err := a.setPolicy(tx, now, p); err != nil {
			return atDoor(p.Door, err)
		}
	}
	return nil
}

func holidayNumbered(all []*Holiday, id int64) (*Holiday, error) {
	for _, h := range all {
		if h.ID == id {
			return h, nil
		}
	}
	return nil, ErrNotFound
}
