package console

import (
	"fmt"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/zone"
)

// maxSeveral bounds how many names a sentence lists.
const maxSeveral = 5

// several lists names in a sentence: "Lab, Yard and Front door", "Lab, Yard, Hall, Attic and 8 more".
func several(names []string) string {
	if len(names) > maxSeveral {
		names = append(names[:maxSeveral-1:maxSeveral-1], thousands(len(names)-maxSeveral+1)+" more")
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// numberWord writes a number at the beginning of a sentence: "Two", "1,200".
func numberWord(n int) string {
	words := []string{"No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"}
	if n >= 0 && n < len(words) {
		return words[n]
	}
	return thousands(n)
}

// when says when something will be: "at 08:00", "tomorrow at 08:00", "on Friday at 08:00", "on 24 Dec 2026 at 08:00".
func when(t, now time.Time, in *time.Location) string {
	t, now = t.In(in), now.In(in)
	clock := t.Format("15:04")
	if zone.Twice(t) {
		clock = t.Format("15:04 MST")
	}
	for days, day := range []string{"", "tomorrow ", 6: ""} {
		if t.Format(time.DateOnly) == now.AddDate(0, 0, days).Format(time.DateOnly) {
			if days > 1 {
				day = t.Format("on Monday ")
			}
			return day + "at " + clock
		}
	}
	return t.Format("on 2 Jan 2006 at ") + clock
}

// again says when a door opens again: when, and what its own clock shows then if that is another time.
func again(a *desk.Access, now time.Time, in *time.Location) string {
	there, err := zone.Load(a.Zone)
	if err != nil || zone.Same(a.Opens, in, there) {
		return when(a.Opens, now, in)
	}
	return when(a.Opens, now, in) + ", which is " + a.Opens.In(there).Format("15:04") + " in " + a.Zone
}

// seenURL is where the activity shows the event at which a user was last seen.
func seenURL(user uint64, s *desk.Seen) string {
	return fmt.Sprintf("/activity?user=%d&before=%d#event-%d", user, s.Event+1, s.Event)
}
