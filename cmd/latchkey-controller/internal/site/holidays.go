package site

import (
	"slices"

	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A policy's Holidays are the days of the site's list, and its door's own. A day that is both is
// noted (store.Tx.OwnHolidays): the door keeps it when the site's list loses it.

// OwnHolidays returns those of a policy's holidays that its door has of its own, with the site's
// days as they were when the policy was stored.
func OwnHolidays(tx *store.Tx, p *wire.Policy, sites []wire.Holiday) ([]wire.Holiday, error) {
	both, err := tx.OwnHolidays(p.Reader)
	return slices.DeleteFunc(slices.Clone(p.Holidays), func(day wire.Holiday) bool {
		return slices.Contains(sites, day) && !slices.Contains(both, day)
	}), err
}

// takeHolidays adds the site's holidays to a policy, and notes which of them it had of its own.
func takeHolidays(tx *store.Tx, p *wire.Policy) error {
	all, err := tx.Holidays()
	if err != nil {
		return err
	}
	sites := store.HolidayDays(all)
	own, err := OwnHolidays(tx, p, sites)
	if err != nil {
		return err
	}
	return setHolidays(tx, p, own, sites)
}

// ErrHolidays is in the refusal of a policy that would have more days than a reader keeps. It is a
// store.ErrPolicy.
var ErrHolidays = language.Say("%s: with those of the site these are more than %d holidays", store.ErrPolicy, wire.MaxHolidays)

// setHolidays makes the holidays of a policy its door's own and the site's.
func setHolidays(tx *store.Tx, p *wire.Policy, own, sites []wire.Holiday) error {
	if p.Holidays = store.JoinHolidays(own, sites); len(p.Holidays) > wire.MaxHolidays {
		return ErrHolidays
	}
	return noteOwnHolidays(tx, p.Reader, own, sites)
}

// SpreadHolidays puts the site's holidays, which were others before, into a policy that is not
// stored yet.
func SpreadHolidays(tx *store.Tx, p *wire.Policy, before, now []wire.Holiday) error {
	own, err := OwnHolidays(tx, p, before)
	if err != nil {
		return err
	}
	return setHolidays(tx, p, own, now)
}

func noteOwnHolidays(tx *store.Tx, reader string, own, sites []wire.Holiday) error {
	return tx.SetOwnHolidays(reader, slices.DeleteFunc(slices.Clone(own), func(day wire.Holiday) bool { return !slices.Contains(sites, day) }))
}
