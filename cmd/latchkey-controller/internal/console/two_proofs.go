package console

import (
	"fmt"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
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

// lockdownWay says who gets in at a door in a lockdown, and with what.
func lockdownWay(p *wire.Policy) *language.Sentence {
	switch two := p.TwoProofs; {
	case len(p.InLockdown) == 0:
		return language.Say("In a lockdown nobody gets in here: no group is chosen for it under Access.")
	case two == nil:
		return language.Say("In a lockdown only the groups chosen under Access get in, and only by card.")
	case two.Schedule == nil:
		return language.Say("In a lockdown only the groups chosen under Access get in, with card and PIN, the card first.")
	}
	return language.Say("In a lockdown only the groups chosen under Access get in, by card; while card and PIN are needed, with both, the card first.")
}

// lockdownHint says with what the groups get in that are chosen for a lockdown.
func lockdownHint(p *wire.Policy) *language.Sentence {
	switch two := p.TwoProofs; {
	case two == nil:
		return language.Say("They get in by card only, at their usual times.")
	case two.Schedule == nil:
		return language.Say("They need card and PIN, the card first, at their usual times.")
	}
	return language.Say("They get in by card, at their usual times; while card and PIN are needed, with both, the card first.")
}

// twoProofsText says when a reader demands card and PIN; nil: never.
func twoProofsText(r *desk.Reader) *language.Sentence {
	switch two := r.Policy.TwoProofs; {
	case two == nil:
		return nil
	case two.Schedule == nil:
		return language.Say("card and PIN")
	}
	return language.Say("card and PIN at set times")
}
