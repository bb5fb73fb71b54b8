package console

import (
	"context"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// unledMeans says what it means that no controller leads the site.
const unledMeans = "No controller leads this site now: readers cannot be reached, and go on by what they have stored. What is changed here reaches them once a controller leads. One that stands by takes over within seconds. If this stays, look at the logs of the controllers, and at the database."

// nobodyLeads says what it means that nobody leads the site, or some of its cells; "": all is led.
func nobodyLeads(s *desk.Standing) string {
	unled := s.Unled()
	switch {
	case unled == "":
		return ""
	case !s.Several:
		return unledMeans
	}
	return "Nobody leads " + unled + ": the readers there cannot be reached, and go on by what they have stored. What is changed here reaches them once a controller leads there. " + sentence(s.Remedy())
}

// noneLeads is unledMeans if none of these controllers leads; "": one does, or none runs.
func noneLeads(all []desk.ControllerStatus) string {
	if len(all) > 0 && !all[0].Leads {
		return unledMeans
	}
	return ""
}

// upgradeNote says that controllers are of several versions, and which to upgrade; "": they are of one.
func upgradeNote(all []desk.ControllerStatus) string {
	newest := 0
	for _, c := range all {
		newest = max(newest, c.Schema)
	}
	var older []string
	for _, c := range all {
		if c.Schema != 0 && c.Schema < newest {
			older = append(older, c.Where())
		}
	}
	if older == nil {
		return ""
	}
	return "The controllers are of several versions: upgrade " + strings.Join(older, ", ") + ", too."
}

// controllersNote says what the number of controllers means; "": that one does not lead is more urgent.
func controllersNote(all []desk.ControllerStatus) string {
	switch {
	case noneLeads(all) != "":
		return ""
	case len(all) > 1:
		return "One leads: it talks to the readers, and sends mail and webhooks. Those that stand by serve the console and the API as well, and one of them takes over when the one that leads fails."
	}
	return "No other one stands by: while this one does not run, readers go on by what they have stored. With the database in PostgreSQL, others can stand by on other machines."
}

// readStanding has each page say that this controller stands by, or that nobody leads. A page is as good without that.
func (c *Console) readStanding(ctx context.Context, v *visit) {
	if c.desk.Leads() {
		return
	}
	s, err := c.desk.Standing(ctx)
	if err != nil {
		return
	}
	what := "this site"
	if s.Several {
		what = "the cell " + s.Cell
	}
	switch {
	case s.Nobody && s.Several:
		v.Standing = "Nobody leads " + what + " now."
	case s.Nobody:
		v.Standing = "No controller leads this site now."
	case s.Leader != nil && v.Actor.May(desk.SetBrokers):
		v.Standing = "This controller stands by: " + s.Leader.Where() + " leads " + what + "."
	case s.Leader != nil:
		v.Standing = "This controller stands by: another one leads " + what + "."
	}
}
