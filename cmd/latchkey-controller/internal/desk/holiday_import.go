package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/icalendar"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// MaxCalendar bounds an iCalendar file with holidays, in bytes.
const MaxCalendar = icalendar.MaxFile

// calendarYears is for how many years holidays are taken from a calendar, this one included.
const calendarYears = 5

// maxPlanned bounds how many holidays are taken from a calendar at once.
const maxPlanned = maxHolidays

// A HolidayFate says what an import does with a holiday of the file.
type HolidayFate string

// The fates.
const (
	HolidayAdds    HolidayFate = "add"
	HolidayChanges HolidayFate = "change" // one that is there gets another name, or other days
	HolidayKeeps   HolidayFate = "keep"   // it is there, or another that has its days each year
)

// A PlannedHoliday is a holiday of a file, and what an import does with it.
type PlannedHoliday struct {
	Holiday // Event says which one of the calendar it is; ID is 0
	Fate    HolidayFate
	Tells   *language.Sentence // what changes; nil: nothing

	known *Holiday // the one of the list; nil: it is new
}

// A HolidayPlan is what an import of a file would do.
type HolidayPlan struct {
	From, To int // the years that are taken
	Holidays []PlannedHoliday
	Left     []*language.Sentence // what is left out, and why: "3 events are past"
	Room     int                  // how many more days doors have room for that have none of their own
}

// Count returns how many holidays have a fate.
func (p *HolidayPlan) Count(fate HolidayFate) (n int) {
	for _, h := range p.Holidays {
		if h.Fate == fate {
			n++
		}
	}
	return n
}

// PlanHolidays says what an import of an iCalendar file would do. Nothing is changed. Field: "file".
func (d *Desk) PlanHolidays(ctx context.Context, a Actor, file []byte) (plan *HolidayPlan, err error) {
	if err := a.Refusal(EditHolidays); err != nil {
		return nil, err
	}
	var now time.Time
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		in, err := siteZone(tx)
		now = d.now().In(in)
		return err
	})
	if err != nil {
		return nil, err
	}
	year := now.Year()
	plan = &HolidayPlan{From: year, To: year + calendarYears - 1}
	calendar, err := icalendar.Read(ctx, file, icalendar.Options{From: yesterday(now), To: plan.To, MaxDays: store.MaxHolidayDays})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, wrongField("file", err)
	case len(calendar.Events) > maxPlanned:
		return nil, wrong("file", "The file has %d holidays from %s to %s, and at most %d are possible: it is not a calendar of holidays. Choose another file", len(calendar.Events), strconv.Itoa(plan.From), strconv.Itoa(plan.To), maxPlanned)
	}
	plan.Left = leftOut(calendar, plan)
	var holidays []Holiday
	for _, e := range calendar.Events {
		holidays = append(holidays, calendarHoliday(e))
	}
	err = d.view(ctx, a, ViewReaders, func(tx *store.Tx) error {
		all, err := tx.Holidays()
		if err != nil {
			return err
		}
		plan.Room = max(0, wire.MaxHolidays-len(store.HolidayDays(all)))
		plan.Holidays = planHolidays(holidays, all)
		slices.SortStableFunc(plan.Holidays, func(a, b PlannedHoliday) int {
			return cmp.Or(NextHoliday(&a.Holiday, now).Compare(NextHoliday(&b.Holiday, now)), strings.Compare(a.Name, b.Name))
		})
		return nil
	})
	return plan, err
}

// calendarHoliday returns the holiday that an event is, with a name that a holiday can have.
func calendarHoliday(e icalendar.Event) Holiday {
	h := Holiday{First: e.First, Last: e.Last, Yearly: e.Yearly, Event: e.ID}
	name := TidyName(cut(TidyName(Clean(strings.ToValidUTF8(e.Name, "?"))), wire.MaxName))
	if name == "" || wire.CheckLabel(name) != nil {
		name = "Holiday"
	}
	h.Name = name
	return h
}

// planHolidays says what an import does with holidays, of which those of the same days are one.
// Each changes a holiday of its own. all are those of the list.
func planHolidays(holidays []Holiday, all []*Holiday) (plan []PlannedHoliday) {
	for _, h := range holidays {
		if !slices.ContainsFunc(plan, func(p PlannedHoliday) bool { return sameDays(&p.Holiday, &h) }) {
			plan = append(plan, PlannedHoliday{Holiday: h, Fate: HolidayAdds})
		}
	}
	free := slices.Clone(all)
	claim := func(is func(p, k *Holiday) bool) {
		for i := range plan {
			p := &plan[i]
			at := slices.IndexFunc(free, func(k *Holiday) bool { return p.known == nil && is(&p.Holiday, k) })
			if at < 0 {
				continue
			}
			p.known = free[at]
			free = slices.Delete(free, at, at+1)
			p.compare()
		}
	}
	claim(func(p, k *Holiday) bool { return p.Event != "" && p.Event == k.Event })
	claim(sameDays)
	for i := range plan {
		p := &plan[i]
		if by := coveredBy(&p.Holiday, free); p.known == nil && by != nil {
			p.Fate, p.Tells = HolidayKeeps, hasDays(by.Name, &p.Holiday)
		}
	}
	return plan
}

// compare says what an import does with a holiday that is known.
func (p *PlannedHoliday) compare() {
	p.Fate = HolidayKeeps
	renamed, moved := p.known.Name != p.Name, !sameDays(p.known, &p.Holiday)
	switch {
	case renamed && moved:
		p.Tells = language.Say("was called %s and was on %s¦a holiday", p.known.Name, HolidayText(p.known))
	case renamed:
		p.Tells = language.Say("was called %s¦a holiday", p.known.Name)
	case moved:
		p.Tells = language.Say("was on %s¦a holiday", HolidayText(p.known))
	default:
		return
	}
	p.Fate = HolidayChanges
}

// coveredBy returns a yearly holiday that has all days of another one; nil: there is none.
func coveredBy(h *Holiday, all []*Holiday) *Holiday {
	has := h.Days()
	for _, k := range all {
		days := k.Days()
		if k.Yearly && !slices.ContainsFunc(has, func(d wire.Holiday) bool {
			return !slices.Contains(days, wire.Holiday{Month: d.Month, Day: d.Day})
		}) {
			return k
		}
	}
	return nil
}

// hasDays says that a holiday, by its name, has the days of another one.
func hasDays(name string, h *Holiday) *language.Sentence {
	if h.First.Equal(h.Last) {
		return language.Say("%s has this day each year", name)
	}
	return language.Say("%s has these days each year", name)
}

// leftOut says what a plan leaves out.
func leftOut(c *icalendar.Calendar, p *HolidayPlan) (all []*language.Sentence) {
	for _, reason := range icalendar.Reasons() {
		if n := c.Left[reason]; n > 0 {
			all = append(all, leftFor(reason, n, p.To))
		}
	}
	return all
}

// leftFor says that events were left out for a reason.
func leftFor(reason icalendar.Reason, n, lastYear int) *language.Sentence {
	switch reason {
	case icalendar.Past:
		return language.Count(n, "%d event is past", "%d events are past")
	case icalendar.Far:
		return language.Count(n, "%d event is of a year after %s", "%d events are of years after %s", fmt.Sprint(lastYear))
	case icalendar.Timed:
		return language.Count(n, "%d event is not a whole day", "%d events are not whole days")
	case icalendar.Repeats:
		return language.Count(n, "%d event repeats otherwise than once a year", "%d events repeat otherwise than once a year")
	case icalendar.Long:
		return language.Count(n, "%d event is longer than 100 days", "%d events are longer than 100 days")
	case icalendar.Cancelled:
		return language.Count(n, "%d event is cancelled", "%d events are cancelled")
	}
	return language.Count(n, "%d event has no date", "%d events have no date")
}

// NextHoliday returns the first day of a holiday's next time; of one that is over, of its only one.
func NextHoliday(h *Holiday, now time.Time) time.Time {
	if !h.Yearly {
		return h.First
	}
	year, month, day := now.Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	long := h.Last.Sub(h.First)
	for y := year - 1; ; y++ {
		next := time.Date(y, h.First.Month(), h.First.Day(), 0, 0, 0, 0, time.UTC)
		if next.Day() == h.First.Day() && !next.Add(long).Before(today) {
			return next
		}
	}
}

// TakeHolidays adds holidays of a calendar to the site's list, and changes those that are there from
// it: what PlanHolidays said, of those that were chosen. It returns how many it has added and
// changed. Fields: "holidays", "where".
func (d *Desk) TakeHolidays(ctx context.Context, a Actor, chosen []Holiday) (added, changed int, err error) {
	target := &auditTarget{subject: holidayList}
	err = d.editHolidays(ctx, a, target, func(tx *store.Tx, all []*Holiday) error {
		added, changed = 0, 0 // it may be done again
		if len(chosen) > maxPlanned {
			return wrong("holidays", "These are more than %d holidays: choose fewer", maxPlanned)
		}
		var holidays []Holiday
		for _, h := range chosen {
			h.Name = TidyName(h.Name)
			if err := wrongField("holidays", h.Check()); err != nil {
				return err
			}
			holidays = append(holidays, h)
		}
		for _, p := range planHolidays(holidays, all) {
			switch p.Fate {
			case HolidayAdds:
				if err := tx.AddHoliday(&p.Holiday); err != nil {
					return err
				}
				added++
			case HolidayChanges:
				p.ID, p.Event = p.known.ID, cmp.Or(p.Event, p.known.Event)
				if err := tx.SetHoliday(&p.Holiday); err != nil {
					return err
				}
				changed++
			}
		}
		target.text = language.Say("was filled from a calendar, %d added, %d changed", added, changed)
		target.same = added+changed == 0
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return added, changed, nil
}
