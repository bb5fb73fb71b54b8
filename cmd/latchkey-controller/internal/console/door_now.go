package console

import (
	"strings"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// invitedVisitors is how the desk names the group of a door's visitors.
const invitedVisitors = "invited visitors"

// namedGroup returns a group as the desk names it for people.
func namedGroup(name string) *language.Sentence {
	if name == invitedVisitors {
		return language.Say("invited visitors")
	}
	return language.Data(name)
}

// openNow says who may open a reader's door now, of the groups on its list.
func openNow(r *desk.Reader, all []*desk.Access) *language.Sentence {
	if r.Live.Strike == wire.StrikeHeld {
		return language.Say("The door is unlocked for everybody now.")
	}
	var hows []*language.Sentence
	groups := map[string][]string{} // by how, in English
	for _, a := range all {
		how, group := withWhat(a), a.Groups[0]
		if how == nil {
			continue
		}
		if group == wire.Everyone { // among them all others
			return language.Say("Everyone may open it now, %s.", how)
		}
		if groups[how.String()] == nil {
			hows = append(hows, how)
		}
		groups[how.String()] = append(groups[how.String()], group)
	}
	if len(hows) == 0 {
		return language.Say("Nobody may open it now.")
	}
	says := mayOpen(groups[hows[0].String()], hows[0])
	for _, how := range hows[1:] {
		says = language.Say("%s %s", says, mayOpen(groups[how.String()], how))
	}
	return says
}

// mayOpen says that groups may open a door now, and with what.
func mayOpen(groups []string, how *language.Sentence) *language.Sentence {
	of, visitors := groups, false
	if last := len(groups) - 1; groups[last] == invitedVisitors {
		of, visitors = groups[:last], true
	}
	switch n := len(of); {
	case n == 0:
		return language.Say("Invited visitors may open it now, %s.", how)
	case n == 1 && visitors:
		return language.Say("The group %s and invited visitors may open it now, %s.", of[0], how)
	case n == 1:
		return language.Say("The group %s may open it now, %s.", of[0], how)
	case visitors:
		return language.Say("The groups %s and invited visitors may open it now, %s.", strings.Join(of, ", "), how)
	}
	return language.Say("The groups %s may open it now, %s.", language.List(of), how)
}

// opensWhen says when the door of an access opens: "Always", "Mon-Fri 08:00-18:00 (Asia/Tokyo)".
func opensWhen(a *desk.Access, in *time.Location) *language.Sentence {
	if a.Hours == nil {
		return language.Say("Always")
	}
	return zoned(language.Say("%s", a.When()), a.Zone, in).Capital()
}

// withWhat says with what an access opens its door now; nil: with nothing.
func withWhat(a *desk.Access) *language.Sentence {
	opens := map[wire.Means]bool{}
	first := false
	for _, way := range a.Now {
		if way.Why == "" {
			opens[way.Means], first = true, first || way.CardFirst
		}
	}
	switch {
	case opens[wire.ByBoth] && first:
		return language.Say("with a card and then a PIN")
	case opens[wire.ByBoth]:
		return language.Say("with a card and a PIN")
	case opens[wire.ByPIN] && opens[wire.ByCard]:
		return language.Say("with a PIN or a card")
	case opens[wire.ByPIN]:
		return language.Say("with a PIN")
	case opens[wire.ByCard]:
		return language.Say("with a card")
	}
	return nil
}
