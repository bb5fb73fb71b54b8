package device

import (
	"time"

	"latchkey/sync/wire"
)

// open returns whether a schedule is open at a time, in the door's time zone.
// When the clocks change there, a skipped hour is never open, and a repeated
// one is open twice.
func (p Policy) open(schedule *wire.Schedule, wall time.Time) bool {
	local := wall.In(p.zone)
	spans, day := schedule.Week, uint8(local.Weekday())
	if p.holiday(local) {
		spans, day = schedule.Holiday, 0
	}
	minute := uint16(60*local.Hour() + local.Minute())
	for _, span := range spans {
		if span.Day == day && span.From <= minute && minute < span.To {
			return true
		}
	}
	return false
}

// sameDay says whether two times are on one day at the door.
func (p Policy) sameDay(a, b time.Time) bool {
	a, b = a.In(p.zone), b.In(p.zone)
	return a.YearDay() == b.YearDay() && a.Year() == b.Year()
}

// dayEnds returns the end of a day at the door, or of the span that begins at its end, unless
// that lasts all the next day.
func (p Policy) dayEnds(schedule *wire.Schedule, wall time.Time) time.Time {
	year, month, day := wall.In(p.zone).Date()
	midnight := time.Date(year, month, day+1, 0, 0, 0, 0, p.zone)
	end := midnight
	for p.sameDay(midnight, end) && p.open(schedule, end) {
		end = nextMinute(end)
	}
	if !p.sameDay(midnight, end) {
		return midnight
	}
	return end
}

func (p Policy) holiday(local time.Time) bool {
	year, month, day := local.Date()
	for _, h := range p.policy.Holidays {
		if time.Month(h.Month) == month && int(h.Day) == day && (h.Year == 0 || int(h.Year) == year) {
			return true
		}
	}
	return false
}
