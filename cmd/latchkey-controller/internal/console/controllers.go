package console

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// nobodyLeads says what it means that no controller leads the site.
const nobodyLeads = "No controller leads this site now: readers cannot be reached, and go on by what they have stored. What is changed here reaches them once a controller leads. One that stands by takes over within seconds. If this stays, look at the logs of the controllers, and at the database."

// noneLeads is nobodyLeads if none of these controllers leads; "": one does, or none runs.
func noneLeads(all []desk.ControllerStatus) string {
	if len(all) > 0 && !all[0].Leads {
		return nobodyLeads
	}
	return ""
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

// readStanding has each page say that this controller stands by. A page is as good without that.
func (c *Console) readStanding(ctx context.Context, v *visit) {
	if c.desk.Leads() {
		return
	}
	s, err := c.desk.Standing(ctx)
	switch {
	case err != nil:
	case s.Nobody:
		v.Standing = "No controller leads this site now."
	case s.Leader != nil && v.Actor.May(desk.SetBrokers):
		v.Standing = "This controller stands by: " + s.Leader.Where() + " leads this site."
	case s.Leader != nil:
		v.Standing = "This controller stands by: another one leads this site."
	}
}
