package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// changes collects, for the audit, what an edit changes: "limit from 10 to 5".
type changes []string

// add adds a field if its displayed values differ; "" means none.
func (c *changes) add(field, was, is string) {
	if was == is {
		return
	}
	if was == "" {
		was = "none"
	}
	if is == "" {
		is = "none"
	}
	*c = append(*c, field+" from "+was+" to "+is)
}

func (c changes) String() string { return strings.Join(c, "; ") }

// userChanges describes what an edit of a user changes, with times in a zone.
func userChanges(was, is *store.User, in *time.Location) string {
	var c changes
	at := func(seconds int64, open string) string {
		if seconds == 0 {
			return open
		}
		return time.Unix(seconds, 0).In(in).Format("2006-01-02 15:04 MST")
	}
	c.add("name", was.Name, is.Name)
	c.add("groups", strings.Join(was.Groups, ", "), strings.Join(is.Groups, ", "))
	c.add("beginning", at(was.From, "always"), at(is.From, "always"))
	c.add("end", at(was.Until, "for ever"), at(is.Until, "for ever"))
	c.add("extended time", onOff(was.Extended), onOff(is.Extended))
	return c.String()
}

// policyChanges describes what an edit of a policy changes.
func policyChanges(was, is *wire.Policy) string {
	var c changes
	c.add("door", was.Door, is.Door)
	c.add("location", was.Place, is.Place)
	c.add("greeting", was.Greeting, is.Greeting)
	c.add("time zone", was.TimeZone, is.TimeZone)
	c.add("language", was.Screen.Language, is.Screen.Language)
	for _, n := range []struct {
		field   string
		was, is uint16
		unit    string
	}{
		{"wrong PINs in a row", uint16(was.Limit), uint16(is.Limit), ""},
		{"guesses", was.GuessLimit, is.GuessLimit, ""},
		{"opening time", was.Unlock, is.Unlock, " s"},
		{"extended time", was.Extended, is.Extended, " s"},
		{"held open after", was.HeldAfter, is.HeldAfter, " s"},
	} {
		c.add(n.field, fmt.Sprint(n.was, n.unit), fmt.Sprint(n.is, n.unit))
	}
	for _, s := range []struct {
		field   string
		was, is bool
	}{
		{"PIN entry", was.PIN, is.PIN},
		{"shuffled digits", was.ShufflePIN, is.ShufflePIN},
		{"release when the door opens", was.ReleaseOnOpen, is.ReleaseOnOpen},
		{"tamper pauses PIN entry", was.TamperPauses, is.TamperPauses},
		{"tamper stops cards", was.TamperStopsCard, is.TamperStopsCard},
		{"tamper stops the exit button", was.TamperStopsExit, is.TamperStopsExit},
		{"cards with older credentials", was.CardsBehind, is.CardsBehind},
		{"cards when nothing can be stored", was.CardsUnstored, is.CardsUnstored},
		{"exit button when nothing can be stored", was.ExitUnstored, is.ExitUnstored},
		{"trust in the system's clock", was.SystemTime, is.SystemTime},
		{"large text", was.Screen.LargeText, is.Screen.LargeText},
		{"high contrast", was.Screen.HighContrast, is.Screen.HighContrast},
	} {
		c.add(s.field, onOff(s.was), onOff(s.is))
	}
	before, after := hoursByGroup(was.Access), hoursByGroup(is.Access)
	var groups []string
	for _, a := range slices.Concat(was.Access, is.Access) {
		if !slices.Contains(groups, a.Group) {
			groups = append(groups, a.Group)
		}
	}
	for _, group := range groups {
		c.add("access of "+group, before[group], after[group])
	}
	c.add("holidays", holidaysText(was.Holidays), holidaysText(is.Holidays))
	return c.String()
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// hoursByGroup returns, as text, when each group may open.
func hoursByGroup(access []wire.Access) map[string]string {
	hours := map[string]string{}
	for _, a := range access {
		if a.Schedule == nil {
			hours[a.Group] = "always"
			continue
		}
		var spans []string
		for _, s := range a.Schedule.Week {
			spans = append(spans, time.Weekday(s.Day).String()[:3]+" "+spanText(s))
		}
		for _, s := range a.Schedule.Holiday {
			spans = append(spans, "holidays "+spanText(s))
		}
		if hours[a.Group] = strings.Join(spans, ", "); len(spans) == 0 {
			hours[a.Group] = "never"
		}
	}
	return hours
}

// accessText returns who may open, as text: "staff always", or "nobody".
func accessText(access []wire.Access) string {
	if len(access) == 0 {
		return "nobody"
	}
	hours := hoursByGroup(access)
	groups := make([]string, len(access))
	for i, a := range access {
		groups[i] = a.Group + " " + hours[a.Group]
	}
	return strings.Join(groups, "; ")
}

func spanText(s wire.Span) string {
	return fmt.Sprintf("%02d:%02d-%02d:%02d", s.From/60, s.From%60, s.To/60, s.To%60)
}

func holidaysText(holidays []wire.Holiday) string {
	days := make([]string, len(holidays))
	for i, h := range holidays {
		if days[i] = fmt.Sprintf("%02d-%02d", h.Month, h.Day); h.Year != 0 {
			days[i] = fmt.Sprintf("%04d-%s", h.Year, days[i])
		}
	}
	return strings.Join(days, ", ")
}
