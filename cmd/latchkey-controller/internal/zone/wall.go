package zone

import (
	"fmt"
	"time"
)

// At returns the moment at which clocks in a zone show the date and time of wall, whose own
// zone is ignored. If they show it twice, because they go back, it is the first moment. If
// they skip it, because they go forward, it is an error.
func At(wall time.Time, zone *time.Location) (time.Time, error) {
	wall = read(wall)
	if first, _ := moments(wall, zone); !first.IsZero() {
		return first, nil
	}
	change := skipped(wall, zone)
	_, offset := change.Add(-time.Second).Zone()
	return time.Time{}, fmt.Errorf("there is no %s in %s: clocks go from %s to %s then",
		wall.Format("15:04 on 2 Jan 2006"), zone, change.UTC().Add(time.Duration(offset)*time.Second).Format("15:04"), change.Format("15:04"))
}

// Begin returns the beginning of the day of wall in a zone. If clocks skip midnight then,
// it is the moment at which they go forward.
func Begin(wall time.Time, zone *time.Location) time.Time {
	midnight := time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
	if first, _ := moments(midnight, zone); !first.IsZero() {
		return first
	}
	return skipped(midnight, zone)
}

// Twice says whether clocks in the zone of t show its time of day twice.
func Twice(t time.Time) bool {
	first, second := moments(read(t), t.Location())
	return !first.Equal(second)
}

// Same says whether clocks in two zones show the same at a moment.
func Same(t time.Time, a, b *time.Location) bool {
	_, one := t.In(a).Zone()
	_, other := t.In(b).Zone()
	return one == other
}

// read returns what a clock shows, as if in UTC.
func read(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// offsets returns how far a zone is ahead of UTC a day before and a day after what a clock
// shows.
func offsets(wall time.Time, zone *time.Location) (before, after time.Duration) {
	_, b := wall.AddDate(0, 0, -1).In(zone).Zone()
	_, a := wall.AddDate(0, 0, 1).In(zone).Zone()
	return time.Duration(b) * time.Second, time.Duration(a) * time.Second
}

// moments returns the first and the last moment at which clocks in a zone show a time;
// zero: never.
func moments(wall time.Time, zone *time.Location) (first, last time.Time) {
	before, after := offsets(wall, zone)
	for _, offset := range []time.Duration{max(before, after), min(before, after)} {
		t := wall.Add(-offset).In(zone)
		if !read(t).Equal(wall) {
			continue
		}
		if first.IsZero() {
			first = t
		}
		last = t
	}
	return first, last
}

// skipped returns the moment at which clocks in a zone go forward over a time.
func skipped(wall time.Time, zone *time.Location) time.Time {
	before, _ := offsets(wall, zone)
	change, _ := wall.Add(-before).In(zone).ZoneBounds()
	return change
}
