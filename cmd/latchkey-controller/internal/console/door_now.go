package console

import (
	"slices"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// openNow says who may open a reader's door now, of the groups on its list, as sentences.
func openNow(r *desk.Reader, all []*desk.Access) string {
	if r.Live.Strike == wire.StrikeHeld {
		return "The door is unlocked for everybody now."
	}
	var hows []string
	groups := map[string][]string{}
	for _, a := range all {
		how := a.ByNow()
		if a.Never != "" || a.Not != "" {
			continue
		}
		group := a.Groups[0]
		if group == wire.Everyone { // among them all others
			return "Everyone may open it now, " + withWhat(how) + "."
		}
		if !slices.Contains(hows, how) {
			hows = append(hows, how)
		}
		groups[how] = append(groups[how], group)
	}
	if len(hows) == 0 {
		return "Nobody may open it now."
	}
	var says []string
	for _, how := range hows {
		says = append(says, whoOf(groups[how])+" may open it now, "+withWhat(how)+".")
	}
	return strings.Join(says, " ")
}

// whoOf names groups at the beginning of a sentence.
func whoOf(groups []string) string {
	of, visitors := groups, ""
	if last := len(groups) - 1; groups[last] == "invited visitors" {
		of, visitors = groups[:last], "invited visitors"
	}
	switch n := len(of); {
	case n == 0:
		return capital(visitors)
	case n == 1 && visitors == "":
		return "The group " + of[0]
	case n == 1:
		return "The group " + of[0] + " and " + visitors
	case visitors == "":
		return "The groups " + strings.Join(of[:n-1], ", ") + " and " + of[n-1]
	}
	return "The groups " + strings.Join(of, ", ") + " and " + visitors
}

// withWhat says for a sentence what desk.Access.ByNow says.
func withWhat(how string) string {
	switch how {
	case "PIN or card":
		return "with a PIN or a card"
	case "PIN", "card":
		return "with a " + how
	case "card and PIN":
		return "with a card and a PIN"
	case "card and PIN, the card first":
		return "with a card and then a PIN"
	}
	return "by " + how
}
