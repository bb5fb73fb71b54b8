package console

import (
	"fmt"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/cmd/latchkey-controller/internal/zone"
)

// sameDay says whether two times are of the same day in the zone of the first.
func sameDay(a, b time.Time) bool {
	return a.Format(time.DateOnly) == b.In(a.Location()).Format(time.DateOnly)
}

// when says when something will be: "at 08:00", "tomorrow at 08:00", "on Friday at 08:00", "on 24 Dec 2026 at 08:00".
func when(t, now time.Time, in *time.Location) *language.Sentence {
	t, now = t.In(in), now.In(in)
	clock := language.Clock(t)
	for days := range 7 {
		if !sameDay(t, now.AddDate(0, 0, days)) {
			continue
		}
		switch days {
		case 0:
			return language.Say("at %s¦o'clock", clock)
		case 1:
			return language.Say("tomorrow at %s¦o'clock", clock)
		}
		return language.Say("on %s at %s¦weekday, o'clock", language.Weekday(t.Weekday()), clock)
	}
	return language.Say("on %s at %s¦date, o'clock", language.Date(t), clock)
}

// again says when a door opens again: when, and what its own clock shows then if that is another time.
func again(a *desk.Access, now time.Time, in *time.Location) *language.Sentence {
	there, err := zone.Load(a.Zone)
	if err != nil || zone.Same(a.Opens, in, there) {
		return when(a.Opens, now, in)
	}
	return language.Say("%s, which is %s in %s¦when, o'clock, time zone", when(a.Opens, now, in), language.Clock(a.Opens.In(there)), a.Zone)
}

// shortly says a time for somebody in a hurry: of today without the date.
func shortly(t, now time.Time, in *time.Location) *language.Sentence {
	if t = t.In(in); sameDay(t, now) {
		return language.Say("%s", language.Clock(t))
	}
	return language.Say("%s", language.Moment(t))
}

// then says when something happened that belongs to what happened first: the time of day, with the date if that
// differs.
func then(t, first time.Time, in *time.Location) *language.Sentence {
	if t = t.In(in); sameDay(t, first) {
		return language.Say("%s", language.Second(t))
	}
	return language.Say("%s", language.Moment(t))
}

// clockThere says the time of day there, with the date if that differs from here.
func clockThere(t time.Time, here, there *time.Location) *language.Sentence {
	clock := language.Second(t.In(there))
	if t.In(here).Day() == t.In(there).Day() {
		return language.Say("%s", clock)
	}
	return language.Say("%s on %s¦o'clock, date", clock, language.Date(t.In(there)))
}

// ago says how long ago something happened.
func ago(d time.Duration) *language.Sentence {
	switch {
	case d < 10*time.Second:
		return language.Say("just now")
	case d < time.Minute:
		return language.Count(int(d/time.Second), "%d second ago", "%d seconds ago")
	case d < time.Hour:
		return language.Count(int(d/time.Minute), "%d minute ago", "%d minutes ago")
	case d < 24*time.Hour:
		return language.Count(int(d/time.Hour), "%d hour ago", "%d hours ago")
	case d < 48*time.Hour:
		return language.Say("yesterday")
	}
	return language.Count(int(d/(24*time.Hour)), "%d day ago", "%d days ago")
}

// oneIn says a probability.
func oneIn(chance float64) *language.Sentence {
	switch {
	case chance <= 0:
		return language.Say("none¦of odds")
	case chance >= 0.5:
		return language.Say("likely¦of odds")
	}
	return language.Say("1 in %d¦odds", rounded(1/chance))
}

// rounded rounds to two significant digits.
func rounded(x float64) int {
	n, unit := int(x), 1
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// years says how long something takes.
func years(n float64) *language.Sentence {
	switch {
	case n <= 0 || n > 1e9:
		return language.Say("never¦of what is to happen")
	case n < 1.0/12:
		return language.Count(max(int(n*365), 1), "%d day", "%d days")
	case n < 2:
		return language.Count(int(n*12), "%d month", "%d months")
	}
	return language.Count(rounded(n), "%d year", "%d years")
}

// seenURL is where the activity shows the event at which a user was last seen.
func seenURL(user uint64, s *desk.Seen) string {
	return fmt.Sprintf("/activity?user=%d&before=%d#event-%d", user, s.Event+1, s.Event)
}
