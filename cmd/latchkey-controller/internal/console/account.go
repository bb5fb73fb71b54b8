package console

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// accountPage shows the administrator's own account.
type accountPage struct {
	settingsPage
	Passkeys []*desk.Passkey
	Unusable *language.Sentence // why passkeys do not work at this controller; nil: they do
	Here     bool               // they do at this address
	About    *desk.Passkey      // of the open dialog; nil: none
}

func (c *Console) account(w http.ResponseWriter, r *http.Request, v *visit) error {
	q := r.URL.Query()
	about, _ := strconv.ParseInt(q.Get("about"), 10, 64)
	return c.showAccountAsking(q.Get("ask"), about)(w, r, v, http.StatusOK, nil)
}

func (c *Console) showAccount(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showAccountAsking("", 0)(w, r, v, status, f)
}

// showAccountAsking returns the account with an open dialog, "add", or "rename" or "remove"
// about a passkey; "": none.
func (c *Console) showAccountAsking(ask string, about int64) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		p := &accountPage{settingsPage: settingsPage{Tab: "account", Form: f, Ask: ask, Fingerprint: c.fingerprint}, Here: c.atOrigin(r)}
		all, unusable, err := c.desk.Passkeys(r.Context(), v.token)
		if err != nil {
			return err
		}
		p.Passkeys = all
		if unusable != nil {
			p.Unusable = language.Of(unusable).Alone()
		}
		if at := slices.IndexFunc(all, func(key *desk.Passkey) bool { return key.ID == about }); at >= 0 {
			p.About = all[at]
		} else if ask != "add" {
			p.Ask = ""
		}
		if p.Form == nil {
			p.Form = newForm()
			if p.About != nil {
				p.Form.Values.Set("name", p.About.Name)
			}
		}
		c.show(w, r, status, "settings", &view{visit: v, Title: language.Say("Your account"), Section: "settings", Page: p})
		return nil
	}
}

func (c *Console) changePassword(r *http.Request, v *visit, f *form) (answer, error) {
	if !bytes.Equal(f.secret["new"], f.secret["again"]) {
		return answer{}, f.wrong("again", "The two passwords differ. Type the same one twice.")
	}
	err := c.desk.ChangePassword(r.Context(), v.token, f.secret["old"], f.secret["new"], client(r))
	var soon *desk.TooSoonError
	switch {
	case errors.Is(err, desk.ErrWrongSignIn):
		err = f.wrong("old", "This is not your password: type it again.")
	case errors.As(err, &soon):
		err = f.says("old", language.Of(err))
	}
	return answer{to: "/settings/account", notice: language.Say("Your password was changed. You were signed out everywhere else.")}, err
}

func (c *Console) signOutElsewhere(r *http.Request, v *visit, _ *form) (answer, error) {
	return answer{to: "/settings/account", notice: language.Say("You were signed out everywhere else.")}, c.desk.SignOutElsewhere(r.Context(), v.token)
}
