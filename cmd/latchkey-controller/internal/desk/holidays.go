package desk

import (
	"context"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/site"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A Holiday is one or several days of the site's list, on which the doors use their hours of
// holidays.
type Holiday = store.Holiday

// Holidays are those of a site.
type Holidays struct {
	All  []*Holiday     // by date
	Days []wire.Holiday // that these are: all doors have them
	More []string       // the doors that have others besides, by their names
	Lack []string       // the doors that have not got all of them: an older program has changed them
}

// Room is how many more days a door can have that has no others.
func (h *Holidays) Room() int { return max(0, wire.MaxHolidays-len(h.Days)) }

// Holidays returns the site's holidays, and which doors in the actor's reach have others.
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
		if h.All, err = tx.Holidays(); err != nil {
			return err
		}
		h.Days = store.HolidayDays(h.All)
		for _, p := range policies {
			all := store.JoinHolidays(p.Holidays, h.Days)
			if len(all) > len(h.Days) {
				h.More = append(h.More, doorName(places, p.Reader))
			}
			if len(all) > len(p.Holidays) {
				h.Lack = append(h.Lack, doorName(places, p.Reader))
			}
		}
		for _, doors := range []*[]string{&h.More, &h.Lack} {
			slices.Sort(*doors)
			*doors = slices.Compact(*doors)
		}
		return nil
	})
	return h, err
}

// OwnHolidays returns the holidays that a door has of its own, besides the site's.
func (d *Desk) OwnHolidays(ctx context.Context, a Actor, reader string) (own []wire.Holiday, err error) {
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		r, err := a.reach(tx)
		if err != nil {
			return err
		}
		if !r.hasReader(reader) {
			return ErrNotFound
		}
		p, err := site.Policy(tx, reader)
		if err != nil {
			return err
		}
		all, err := tx.Holidays()
		if err != nil {
			return err
		}
		own, err = site.OwnHolidays(tx, p, store.HolidayDays(all))
		return err
	})
	return own, err
}

// IsPast says whether a holiday is over everywhere and does not come again, by the site's clock.
func IsPast(h *Holiday, now time.Time) bool { return !h.Yearly && h.Last.Before(yesterday(now)) }

// yesterday is a day that is not over yet somewhere on earth.
func yesterday(now time.Time) time.Time {
	year, month, day := now.Date()
	return time.Date(year, month, day-1, 0, 0, 0, 0, time.UTC)
}

// sameDays says whether two holidays are on the same days.
func sameDays(a, b *Holiday) bool {
	switch {
	case a.Yearly != b.Yearly || a.First.Month() != b.First.Month() || a.First.Day() != b.First.Day():
		return false
	case a.Yearly: // the end of February may be among them
		return slices.Equal(a.Days(), b.Days())
	}
	return a.First.Equal(b.First) && a.Last.Equal(b.Last)
}

// HolidayText returns the days of a holiday: "25 December each year", "24 to 26 December 2026".
func HolidayText(h *Holiday) *language.Sentence {
	first, last := h.First, h.Last
	var end any = language.LongDate(last)
	if h.Yearly {
		end = language.YearDay(last)
	}
	text := language.Say("%s", end)
	switch {
	case first.Equal(last):
	case first.AddDate(0, 0, 1).Equal(last) && first.Month() == last.Month():
		text = language.Say("%s and %s¦of a month, as in 24 and 25 December", first.Format("2"), end)
	case first.Month() == last.Month() && first.Year() == last.Year():
		text = language.Say("%s to %s¦of a month, as in 24 to 26 December", first.Format("2"), end)
	case first.Year() == last.Year() || h.Yearly:
		text = language.Say("%s to %s¦two dates", language.YearDay(first), end)
	default:
		text = language.Say("%s to %s¦two dates", language.LongDate(first), end)
	}
	if h.Yearly {
		return language.Say("%s each year¦one date or several", text)
	}
	return text
}

// holidayChanges says what an edit changes.
func holidayChanges(was, is *Holiday) *language.Sentence {
	before, after := HolidayText(was), HolidayText(is)
	called := language.Say("is called %s now", is.Name)
	moved := language.Say("is on %s now, was on %s¦a holiday", after, before)
	switch {
	case is.Name == was.Name && before.String() == after.String():
		return language.Say("was saved without a change")
	case is.Name == was.Name:
		return moved
	case before.String() == after.String():
		return called
	}
	return language.Say("%s and %s", called, moved)
}
