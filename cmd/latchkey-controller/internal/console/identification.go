package console

import (
	"fmt"
	"net/http"

	"latchkey/sync/wire"
)

func authenticationForm(p *wire.Policy) *form {
	f := newForm("revision", fmt.Sprint(p.Revision), "limit", fmt.Sprint(p.Limit), "guess-limit", fmt.Sprint(p.GuessLimit))
	tick(f, "shuffle", p.ShufflePIN)
	tick(f, "tamper-pauses", p.TamperPauses)
	tick(f, "copyable-opens", !p.ProvenOpens)
	tick(f, "copyable-ends", !p.ProvenEnds)
	return f
}

// authentication reads the form of limits and cards.
func authentication(f *form) func(*wire.Policy) {
	limit, guesses := wholeNumber(f, "limit", 10), wholeNumber(f, "guess-limit", 65535)
	return func(p *wire.Policy) {
		p.Limit, p.GuessLimit = uint8(limit), uint16(guesses)
		p.ShufflePIN, p.TamperPauses = f.Has("shuffle", "on"), f.Has("tamper-pauses", "on")
		p.ProvenOpens, p.ProvenEnds = !f.Has("copyable-opens", "on"), !f.Has("copyable-ends", "on")
	}
}

func (c *Console) setAuthentication(r *http.Request, v *visit, f *form) (answer, error) {
	return c.setPolicy(r, v, f, "identification#limits", authentication(f))
}

// odds shows the odds of guessing with the current values of the form.
func (c *Console) odds(r *http.Request, v *visit, f *form) (answer, error) {
	edit := authentication(f)
	if len(f.Wrong) > 0 {
		return answer{show: func(w http.ResponseWriter, _ *http.Request, _ *visit) error {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}}, nil
	}
	odds, err := c.desk.Odds(r.Context(), v.Actor, r.PathValue("reader"), edit)
	return answer{show: func(w http.ResponseWriter, r *http.Request, v *visit) error {
		c.show(w, r, http.StatusOK, "door", &view{visit: v, Page: &doorPage{rules: rules{Odds: odds}}})
		return nil
	}}, err
}
