package console

import (
	"net/http"
	"slices"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// secretly wraps the act of a form about duress: for those who may not know of it, the
// form does not exist.
func secretly(act func(*http.Request, *visit, *form) (answer, error)) func(*http.Request, *visit, *form) (answer, error) {
	return func(r *http.Request, v *visit, f *form) (answer, error) {
		if !v.Actor.May(desk.ViewDuress) {
			return answer{}, desk.ErrNotFound
		}
		return act(r, v, f)
	}
}

func (c *Console) setDuressPIN(r *http.Request, v *visit, f *form) (answer, error) {
	choice, err := newPINChoice(f)
	if err != nil {
		return answer{}, err
	}
	digits, err := c.desk.SetDuressPIN(r.Context(), v.Actor, uint64(v.id), choice)
	return c.pinGiven(uint64(v.id), "duress-pin", digits, language.Say("The PIN for duress was set. Readers are being updated.")), err
}

func (c *Console) showDuressPIN(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if !v.Actor.May(desk.ViewDuress) {
		return desk.ErrNotFound
	}
	return c.showAdding("duress-pin")(w, r, v, status, f)
}

func (c *Console) removeDuressPIN(r *http.Request, v *visit, _ *form) (answer, error) {
	err := c.desk.RemoveDuressPIN(r.Context(), v.Actor, uint64(v.id))
	return removed(err, userURL(uint64(v.id), "credentials"), language.Say("The PIN for duress was removed. Readers are being updated."), language.Say("The PIN for duress was already removed."))
}

// The overview shows as many alarms of duress, for so long: over a weekend.
const (
	maxDuressAlarms = 5
	duressAlarmFor  = 72 * time.Hour
)

// readDuress reads the newest alarms of duress, for those who may see them. It goes by when
// they came: the clock of a reader may be wrong.
func (c *Console) readDuress(r *http.Request, v *visit, p *overviewPage) error {
	if !v.Actor.May(desk.ViewDuress) {
		return nil
	}
	page, err := c.desk.Activity(r.Context(), v.Actor, desk.Query{Kind: string(wire.Duress), Limit: maxDuressAlarms + 1})
	if err != nil {
		return err
	}
	now := c.desk.Now()
	p.Duress = slices.DeleteFunc(page.Events, func(e *desk.Event) bool { return now.Sub(e.Received) > duressAlarmFor })
	if p.MoreDuress = len(p.Duress) > maxDuressAlarms; p.MoreDuress {
		p.Duress = p.Duress[:maxDuressAlarms]
	}
	return nil
}
