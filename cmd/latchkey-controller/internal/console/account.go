package console

import (
	"bytes"
	"errors"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

func (c *Console) showAccount(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	if f == nil {
		f = newForm()
	}
	c.show(w, r, status, "settings", &view{visit: v, Title: "Your account", Section: "settings", Page: &settingsPage{Tab: "account", Form: f, Fingerprint: c.fingerprint}})
	return nil
}

func (c *Console) changePassword(r *http.Request, v *visit, f *form) (answer, error) {
	if !bytes.Equal(f.secret["new"], f.secret["again"]) {
		return answer{}, f.wrong("again", "The two passwords differ. Type the same one twice.")
	}
	err := c.desk.ChangePassword(r.Context(), v.token, f.secret["old"], f.secret["new"], client(r))
	var soon *desk.TooSoonError
	switch {
	case errors.Is(err, desk.ErrWrongSignIn):
		err = f.wrong("old", "This is not your password.")
	case errors.As(err, &soon):
		err = f.wrong("old", err.Error())
	}
	return answer{to: "/settings/account", notice: "Your password was changed. You were signed out everywhere else."}, err
}

func (c *Console) signOutElsewhere(r *http.Request, v *visit, _ *form) (answer, error) {
	return answer{to: "/settings/account", notice: "You were signed out everywhere else."}, c.desk.SignOutElsewhere(r.Context(), v.token)
}
