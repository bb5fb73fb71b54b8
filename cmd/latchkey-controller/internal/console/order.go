package console

import (
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
	"latchkey/sync/wire"
)

// orders are the orders that the console can give.
var orders = map[string]wire.Order{"unlock": wire.Unlock, "identify": wire.Identify}

// order sends an order to a reader and waits for the outcome.
func (c *Console) order(r *http.Request, v *visit, f *form) (answer, error) {
	order, ok := orders[f.Get("order")]
	if !ok {
		return answer{}, desk.ErrNotFound
	}
	result, err := c.desk.Order(r.Context(), v.Actor, r.PathValue("reader"), order)
	switch {
	case f.refused(err):
		return c.outcome(r, f, http.StatusUnprocessableEntity, language.Of(err)), nil
	case err != nil:
		return answer{}, err
	case !result.Done:
		return c.outcome(r, f, http.StatusConflict, result.Text), nil
	}
	return c.outcome(r, f, http.StatusOK, result.Text), nil
}

// outcome answers with a sentence by itself: as a toast, or without scripts on the page that the
// form came from.
func (c *Console) outcome(r *http.Request, f *form, status int, text *language.Sentence) answer {
	a := answer{to: local(f.Get("back")), notice: text.Alone()}
	if byScript(r) {
		a.show = func(w http.ResponseWriter, r *http.Request, _ *visit) error {
			c.toast(w, r, status, a.notice)
			return nil
		}
	}
	return a
}
