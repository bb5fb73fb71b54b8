package console

import (
	"fmt"
	"net/http"

	"latchkey/sync/wire"
)

func doorForm(p *wire.Policy) *form {
	f := newForm("revision", fmt.Sprint(p.Revision), "unlock", fmt.Sprint(p.Unlock), "extended", fmt.Sprint(p.Extended), "held-after", fmt.Sprint(p.HeldAfter))
	for name, field := range doorToggles(p) {
		tick(f, name, *field)
	}
	return f
}

// doorToggles are the on-off settings of a door.
func doorToggles(p *wire.Policy) map[string]*bool {
	return map[string]*bool{
		"release-on-open": &p.ReleaseOnOpen, "tamper-stops-card": &p.TamperStopsCard, "tamper-stops-exit": &p.TamperStopsExit,
		"cards-behind": &p.CardsBehind, "cards-unstored": &p.CardsUnstored, "exit-unstored": &p.ExitUnstored,
	}
}

func (c *Console) setDoor(r *http.Request, v *visit, f *form) (answer, error) {
	unlock, extended, held := wholeNumber(f, "unlock", 60), wholeNumber(f, "extended", 300), wholeNumber(f, "held-after", 65535)
	return c.setPolicy(r, v, f, "door", func(p *wire.Policy) {
		p.Unlock, p.Extended, p.HeldAfter = uint16(unlock), uint16(extended), uint16(held)
		for name, field := range doorToggles(p) {
			*field = f.Has(name, "on")
		}
	})
}
