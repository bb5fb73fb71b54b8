package wire

import (
	"slices"
	"time"
)

// InSchedule says whether a schedule is open at a time in the door's time zone. When the
// clocks change there, a skipped hour is never open, and a repeated one is open twice.
func (p *Policy) InSchedule(s *Schedule, local time.Time) bool {
	year, month, day := local.Date()
	spans, weekday := s.Week, uint8(local.Weekday())
	if slices.ContainsFunc(p.Holidays, func(h Holiday) bool {
		return (h.Year == 0 || int(h.Year) == year) && time.Month(h.Month) == month && int(h.Day) == day
	}) {
		spans, weekday = s.Holiday, 0
	}
	minute := uint16(60*local.Hour() + local.Minute())
	return slices.ContainsFunc(spans, func(span Span) bool { return span.Day == weekday && span.From <= minute && minute < span.To })
}
