package desk

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/store"
	"latchkey/sync/wire"
)

// A setting is a field of what is edited, as text for the audit.
type setting struct{ name, value string }

// changes describes what an edit changes: "limit from 10 to 5". A setting that is
// missing or empty is none.
func changes(was, is []setting) string {
	before, after := values(was), values(is)
	var texts []string
	for _, s := range slices.Concat(was, is) {
		if from, to := before[s.name], after[s.name]; from != to {
			texts = append(texts, s.name+" from "+cmp.Or(from, "none")+" to "+cmp.Or(to, "none"))
			before[s.name] = to // once only
		}
	}
	return strings.Join(texts, "; ")
}

func values(settings []setting) map[string]string {
	values := map[string]string{}
	for _, s := range settings {
		values[s.name] = s.value
	}
	return values
}

// userSettings returns what an edit of a user can change, with times in a zone.
func userSettings(u *store.User, in *time.Location) []setting {
	const layout = "2006-01-02 15:04 MST"
	return []setting{
		{"name", u.Name},
		{"groups", strings.Join(ordinary(u.Groups), ", ")},
		{"beginning", cmp.Or(timeText(u.From, layout, in), "always")},
		{"end", cmp.Or(timeText(u.Until, layout, in), "for ever")},
		{"extended time", onOff(u.Extended)},
		{"email", cmp.Or(u.Email, "none")},
		{"employee number", cmp.Or(u.Employee, "none")},
	}
}

// policySettings returns what an edit of a policy can change. named are the schedules that it
// uses; nil: none.
func policySettings(p *wire.Policy, named map[HoursUse]string) []setting {
	hours := func(use HoursUse, s *wire.Schedule) string {
		if name := named[use]; name != "" {
			return name + " (" + HoursLine(s) + ")"
		}
		return HoursLine(s)
	}
	settings := []setting{
		{"door", p.Door},
		{"location", p.Place},
		{"greeting", p.Greeting},
		{"time zone", p.TimeZone},
		{"language", p.Screen.Language},
		{"wrong PINs in a row", fmt.Sprint(p.Limit)},
		{"guesses", fmt.Sprint(p.GuessLimit)},
		{"opening time", fmt.Sprint(p.Unlock, " s")},
		{"extended time", fmt.Sprint(p.Extended, " s")},
		{"held open after", fmt.Sprint(p.HeldAfter, " s")},
		{"PIN entry", onOff(p.PIN)},
		{"shuffled digits", onOff(p.ShufflePIN)},
		{"release when the door opens", onOff(p.ReleaseOnOpen)},
		{"tamper pauses PIN entry", onOff(p.TamperPauses)},
		{"tamper stops cards", onOff(p.TamperStopsCard)},
		{"tamper stops the exit button", onOff(p.TamperStopsExit)},
		{"cards with older credentials", onOff(p.CardsBehind)},
		{"cards when nothing can be stored", onOff(p.CardsUnstored)},
		{"exit button when nothing can be stored", onOff(p.ExitUnstored)},
		{"only cards that prove themselves open", onOff(p.ProvenOpens)},
		{"only cards that prove themselves end a pause", onOff(p.ProvenEnds)},
		{"trust in the system's clock", onOff(p.SystemTime)},
		{"large text", onOff(p.Screen.LargeText)},
		{"high contrast", onOff(p.Screen.HighContrast)},
		{"holidays", holidaysText(p.Holidays)},
		{"exempt while kept locked", strings.Join(p.Exempt, ", ")},
		{"opening in a lockdown", strings.Join(p.InLockdown, ", ")},
	}
	if o := p.Opening; o != nil {
		settings = append(settings, setting{"unlock schedule", hours(HoursUse{What: OpeningHours}, &o.Schedule)}, setting{"first person", o.First})
		if o.After != 0 {
			settings = append(settings, setting{"locked by hand until", time.Unix(o.After, 0).UTC().Format("2006-01-02 15:04 UTC")})
		}
	}
	if two := p.TwoProofs; two != nil {
		settings = append(settings, setting{"card and PIN", hours(HoursUse{What: TwoProofsHours}, two.Schedule)})
	}
	for _, a := range p.Access {
		settings = append(settings, setting{"access of " + groupText(a.Group), hours(HoursUse{What: AccessHours, Group: a.Group}, a.Schedule)})
	}
	return settings
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// accessText returns who may open, as text: "staff always", or "nobody".
func accessText(access []wire.Access) string {
	groups := make([]string, len(access))
	for i, a := range access {
		groups[i] = groupText(a.Group) + " " + HoursLine(a.Schedule)
	}
	return cmp.Or(strings.Join(groups, "; "), "nobody")
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
