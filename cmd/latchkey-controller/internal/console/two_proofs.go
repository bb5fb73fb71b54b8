package console

import (
	"fmt"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/sync/wire"
)

// twoProofsForm returns the form of when a door demands card and PIN, with the week of it.
func twoProofsForm(p *wire.Policy, w *week) *form {
	f := newForm("revision", fmt.Sprint(p.Revision), "when", "off")
	if p.TwoProofs != nil {
		fillWeek(f, w)
	}
	return f
}

// demandingBoth is where the hours stand in which card and PIN are demanded.
var demandingBoth = desk.HoursUse{What: desk.TwoProofsHours}

// readTwoProofs fills in when card and PIN are demanded.
func readTwoProofs(p *doorPage) {
	schedule := new(wire.Schedule)
	if two := p.Reader.Policy.TwoProofs; two != nil {
		schedule = two.Schedule
	}
	p.Edit = p.week(demandingBoth, wire.Access{Schedule: schedule})
	if p.Both == nil {
		p.Both = twoProofsForm(p.Reader.Policy, p.Edit)
	}
}

func (c *Console) setTwoProofs(r *http.Request, v *visit, f *form) (answer, error) {
	times, by := readTimes(f)
	by.HoursUse = demandingBoth
	var two *wire.TwoProofs
	switch f.Get("when") {
	case "off":
	case "always", "times", "schedule":
		two = &wire.TwoProofs{Schedule: times}
	default: // not off because nothing was chosen
		return answer{}, f.wrong("two-proofs", "Choose when card and PIN are demanded.")
	}
	return c.setPolicy(r, v, f, "identification#two-proofs", func(p *wire.Policy) { p.TwoProofs = two }, by)
}

// lockdownWay says with what a door opens in a lockdown, to groups that may open it then.
func lockdownWay(p *wire.Policy) string {
	switch two := p.TwoProofs; {
	case two == nil:
		return "In a lockdown a card opens the door, and a PIN does not."
	case two.Schedule == nil:
		return "In a lockdown card and PIN open the door, the card first."
	}
	return "In a lockdown a card opens the door, and a PIN alone does not. While both are demanded, card and PIN open it, the card first."
}

// twoProofsText says when a reader demands card and PIN; "": never.
func twoProofsText(r *desk.Reader) string {
	switch two := r.Policy.TwoProofs; {
	case two == nil:
		return ""
	case two.Schedule == nil:
		return "card and PIN"
	}
	return "card and PIN at set times"
}
