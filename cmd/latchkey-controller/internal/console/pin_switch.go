package console

import (
	"bytes"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

func (c *Console) switchPIN(r *http.Request, v *visit, f *form) (answer, error) {
	on := f.Get("on") == "true"
	a := answer{to: local(f.Get("back")), notice: language.Say("PIN entry is switched off. The reader is being updated.")}
	if on {
		a.notice = language.Say("PIN entry is switched on. The reader is being updated.")
	}
	if byScript(r) {
		a.show = func(w http.ResponseWriter, r *http.Request, v *visit) error {
			return c.showSwitch(w, r, v, f.Get("back"), a.notice)
		}
	}
	return a, c.desk.SwitchPIN(r.Context(), v.Actor, r.PathValue("reader"), on)
}

// pinSwitch serves the PIN entry switch alone, for pages that show it.
func (c *Console) pinSwitch(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !byScript(r) {
		to, err := c.rulesAt(r, v, "identification#pin")
		if err != nil {
			return err
		}
		c.redirect(w, r, to, nil)
		return nil
	}
	return c.showSwitch(w, r, v, r.URL.Query().Get("back"), nil)
}

// showSwitch writes a PIN entry switch, with a notice as a toast.
func (c *Console) showSwitch(w http.ResponseWriter, r *http.Request, v *visit, back string, notice *language.Sentence) error {
	reader, err := c.desk.Reader(r.Context(), v.Actor, r.PathValue("reader"))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	row := map[string]any{"Reader": reader, "Back": local(back), "May": v.Actor.May(desk.SwitchPIN)}
	page, err := v.pages.page("door")
	if err != nil {
		return err
	}
	if err := page.ExecuteTemplate(&b, "pin-switch", row); err != nil {
		return err
	}
	if notice != nil {
		if err := page.ExecuteTemplate(&b, "toast", notice); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(b.Bytes())
	return nil
}
