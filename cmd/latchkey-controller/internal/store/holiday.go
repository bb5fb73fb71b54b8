package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"latchkey/sync/wire"
)

// A Holiday is one or several days of the site's list, on which schedules use their hours of
// holidays. Readers do not get its name.
type Holiday struct {
	ID          int64
	Name        string
	First, Last time.Time // days: midnight, UTC
	Yearly      bool      // on these days of each year
	Event       string    // of the calendar that it was imported from; "": it was entered
	Revision    int64     // rises with each change, from 1
}

// MaxHolidayDays bounds how many days a holiday has.
const MaxHolidayDays = 100

// maxEventID bounds the id of an event, in bytes.
const maxEventID = 256

// Days returns the days of the holiday as policies have them. Those of a yearly one that goes
// over the end of February have the 29th.
func (h *Holiday) Days() (days []wire.Holiday) {
	first, last := h.First, h.Last
	if h.Yearly { // in a leap year
		shift := 2000 - first.Year()
		if first.Month() > time.February {
			shift-- // the February that may come is that of 2000
		}
		first, last = first.AddDate(shift, 0, 0), last.AddDate(shift, 0, 0)
	}
	for day := first; !day.After(last); day = day.AddDate(0, 0, 1) {
		d := wire.Holiday{Year: uint16(day.Year()), Month: uint8(day.Month()), Day: uint8(day.Day())}
		if h.Yearly {
			d.Year = 0
		}
		days = append(days, d)
	}
	return days
}

// Check refuses a holiday that is on no day, or on too many.
func (h *Holiday) Check() error {
	days := int(h.Last.Sub(h.First)/(24*time.Hour)) + 1
	switch {
	case h.First.Year() < 1 || h.Last.Year() > 9999:
		return errors.New("holidays are in the years 1 to 9999")
	case days < 1:
		return errors.New("a holiday cannot end before it begins")
	case days > MaxHolidayDays:
		return fmt.Errorf("%d days are too many for one holiday: at most %d", days, MaxHolidayDays)
	case len(h.Event) > maxEventID || !utf8.ValidString(h.Event) || strings.ContainsRune(h.Event, 0):
		return errors.New("this is no id of an event")
	}
	return wire.CheckLabel(h.Name)
}

// Holidays returns the site's holidays, by date.
func (t *Tx) Holidays() (all []*Holiday, err error) {
	err = t.rows(`SELECT id, name, first_day, last_day, yearly <> 0, event, revision FROM holidays ORDER BY first_day, last_day, id`, nil, func(r scanner) error {
		h := new(Holiday)
		var first, last string
		if err := r.Scan(&h.ID, &h.Name, &first, &last, &h.Yearly, &h.Event, &h.Revision); err != nil {
			return err
		}
		var err1, err2 error
		h.First, err1 = time.Parse(time.DateOnly, first)
		h.Last, err2 = time.Parse(time.DateOnly, last)
		if err := cmp.Or(err1, err2); err != nil {
			return fmt.Errorf("holiday %d: %w", h.ID, err)
		}
		if err := h.Check(); err != nil {
			return fmt.Errorf("holiday %d: %w", h.ID, err)
		}
		all = append(all, h)
		return nil
	})
	return all, err
}

// HolidayDays returns the days of holidays as a policy has them: in order, none twice.
func HolidayDays(holidays []*Holiday) (days []wire.Holiday) {
	for _, h := range holidays {
		days = append(days, h.Days()...)
	}
	return JoinHolidays(days)
}

// JoinHolidays returns days in the order in which a policy has them, each once.
func JoinHolidays(lists ...[]wire.Holiday) []wire.Holiday {
	days := slices.Concat(lists...)
	slices.SortFunc(days, func(a, b wire.Holiday) int {
		return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Month, b.Month), cmp.Compare(a.Day, b.Day))
	})
	return slices.Compact(days)
}

// AddHoliday adds a holiday to the site's list, and fills in its ID and Revision. No policy is
// changed.
func (t *Tx) AddHoliday(h *Holiday) error {
	if err := h.Check(); err != nil {
		return err
	}
	h.Revision = 1
	return t.row(`INSERT INTO holidays (name, first_day, last_day, yearly, event, revision) VALUES (?, ?, ?, ?, ?, 1) RETURNING id`,
		[]any{h.Name, h.First.Format(time.DateOnly), h.Last.Format(time.DateOnly), h.Yearly, h.Event}, &h.ID)
}

// SetHoliday changes a holiday, and raises its Revision. No policy is changed.
func (t *Tx) SetHoliday(h *Holiday) error {
	if err := h.Check(); err != nil {
		return err
	}
	return t.row(`UPDATE holidays SET name = ?, first_day = ?, last_day = ?, yearly = ?, event = ?, revision = revision + 1 WHERE id = ? RETURNING revision`,
		[]any{h.Name, h.First.Format(time.DateOnly), h.Last.Format(time.DateOnly), h.Yearly, h.Event, h.ID}, &h.Revision)
}

// RemoveHoliday removes a holiday from the site's list. No policy is changed.
func (t *Tx) RemoveHoliday(id int64) error { return t.exec(`DELETE FROM holidays WHERE id = ?`, id) }

// OwnHolidays returns the days of the site's holidays that a reader's policy has of its own, too.
func (t *Tx) OwnHolidays(reader string) (days []wire.Holiday, err error) {
	err = t.rows(`SELECT year, month, day FROM own_holidays WHERE reader_id = ? ORDER BY year, month, day`, []any{reader}, func(r scanner) error {
		var d wire.Holiday
		err := r.Scan(&d.Year, &d.Month, &d.Day)
		days = append(days, d)
		return err
	})
	return days, err
}

// SetOwnHolidays replaces them.
func (t *Tx) SetOwnHolidays(reader string, days []wire.Holiday) error {
	was, err := t.OwnHolidays(reader)
	if err != nil || slices.Equal(was, days) {
		return err
	}
	if err := t.exec(`DELETE FROM own_holidays WHERE reader_id = ?`, reader); err != nil {
		return err
	}
	for _, d := range days {
		if err := t.exec(`INSERT INTO own_holidays (reader_id, year, month, day) VALUES (?, ?, ?, ?)`, reader, d.Year, d.Month, d.Day); err != nil {
			return err
		}
	}
	return nil
}
