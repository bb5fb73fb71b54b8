package console

import (
	"context"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// machineOf returns the machine that a controller is on: "garage (192.0.2.7)".
func machineOf(c desk.ControllerStatus) string {
	if c.Address == "" {
		return c.Machine
	}
	return c.Machine + " (" + c.Address + ")"
}

// unledMeans says what it means that no controller leads the site.
func unledMeans() *language.Sentence {
	return language.Say("No controller leads this site now: readers cannot be reached, and go on by what they have stored. What is changed here reaches them once a controller leads. One that stands by takes over within seconds. If this stays, look at the logs of the controllers, and at the database.")
}

// nobodyLeads says what it means that nobody leads the site, or some of its cells; nil: all is led.
func nobodyLeads(s *desk.Standing) *language.Sentence {
	var unled language.List
	for _, c := range s.Cells {
		if !c.Led {
			unled = append(unled, c.Name)
		}
	}
	switch {
	case unled == nil:
		return nil
	case !s.Several:
		return unledMeans()
	}
	means := language.Count(len(unled),
		"Nobody leads the cell %[2]s: the readers there cannot be reached, and go on by what they have stored. What is changed here reaches them once a controller leads there.",
		"Nobody leads the cells %[2]s: the readers there cannot be reached, and go on by what they have stored. What is changed here reaches them once a controller leads there.", unled)
	return both(means, s.Remedy().Alone())
}

// noneLeads is unledMeans if none of these controllers leads; nil: one does, or none runs.
func noneLeads(all []desk.ControllerStatus) *language.Sentence {
	if len(all) > 0 && !all[0].Leads {
		return unledMeans()
	}
	return nil
}

// upgradeNote says that controllers are of several versions, and which to upgrade; nil: they are of one.
func upgradeNote(all []desk.ControllerStatus) *language.Sentence {
	newest := 0
	for _, c := range all {
		newest = max(newest, c.Schema)
	}
	var older language.List
	for _, c := range all {
		if c.Schema != 0 && c.Schema < newest {
			older = append(older, machineOf(c))
		}
	}
	if older == nil {
		return nil
	}
	return language.Count(len(older), "The controllers are of several versions: upgrade the one on %[2]s, too.", "The controllers are of several versions: upgrade those on %[2]s, too.", older)
}

// controllersNote says what the number of controllers means; nil: that one does not lead is more urgent.
func controllersNote(all []desk.ControllerStatus) *language.Sentence {
	switch {
	case noneLeads(all) != nil:
		return nil
	case len(all) > 1:
		return language.Say("One leads: it talks to the readers, and sends mail and webhooks. Those that stand by serve the console and the API as well, and one of them takes over when the one that leads fails.")
	}
	return language.Say("No other one stands by: while this one does not run, readers go on by what they have stored. With the database in PostgreSQL, others can stand by on other machines.")
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
	switch named := v.Actor.May(desk.SetBrokers); {
	case s.Nobody && s.Several:
		v.Standing = language.Say("Nobody leads the cell %s now.", s.Cell)
	case s.Nobody:
		v.Standing = language.Say("No controller leads this site now.")
	case s.Leader == nil:
	case named && s.Several:
		v.Standing = language.Say("This controller stands by: the controller on %s leads the cell %s.", machineOf(*s.Leader), s.Cell)
	case named:
		v.Standing = language.Say("This controller stands by: the controller on %s leads this site.", machineOf(*s.Leader))
	case s.Several:
		v.Standing = language.Say("This controller stands by: another one leads the cell %s.", s.Cell)
	default:
		v.Standing = language.Say("This controller stands by: another one leads this site.")
	}
}
