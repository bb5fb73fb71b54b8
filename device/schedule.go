package device

import (
	"time"

	"latchkey/sync/wire"
)

// open says whether a schedule is open at a time.
func (p Policy) open(schedule *wire.Schedule, wall time.Time) bool {
	return p.policy.InSchedule(schedule, wall.In(p.zone))
}

// sameDay says whether two times are on one day at the door.
func (p Policy) sameDay(a, b time.Time) bool {
	a, b = a.In(p.zone), b.In(p.zone)
	return a.YearDay() == b.YearDay() && a.Year() == b.Year()
}

// day returns the bounds of a day at the door: [begin, end). A span that goes on over its end
// belongs to it, unless that lasts all the next day. It goes by minutes: where the clocks
// change at midnight, a day begins at 1:00.
func (p Policy) day(schedule *wire.Schedule, wall time.Time) (begin, end time.Time) {
	begin, midnight := wall.Truncate(time.Minute), nextMinute(wall)
	for before := begin; p.sameDay(wall, before); before = before.Add(-time.Minute) {
		begin = before
	}
	for p.sameDay(wall, midnight) {
		midnight = nextMinute(midnight)
	}
	end = midnight
	if !p.open(schedule, midnight.Add(-time.Minute)) {
		return begin, end
	}
	for p.sameDay(midnight, end) && p.open(schedule, end) {
		end = nextMinute(end)
	}
	if !p.sameDay(midnight, end) {
		end = midnight
	}
	return begin, end
}
