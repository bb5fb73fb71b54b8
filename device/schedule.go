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

func (p Policy) holiday(local time.Time) bool {
	year, month, day := local.Date()
	for _, h := range p.policy.Holidays {
		if time.Month(h.Month) == month && int(h.Day) == day && (h.Year == 0 || int(h.Year) == year) {
			return true
		}
	}
	return false
}
