package console

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// settingsPage shows the settings of the site and the administrator's account.
type settingsPage struct {
	Tab         string // "site", "administrators", "audit", "account"
	Form        *form
	Ask         string
	Fingerprint string
	Settings    desk.Settings
	Doubt       string // why the controller's clock is in doubt; "": it is not
	Odds        *desk.GuessOdds
	activityPage
}

func (c *Console) settingsRoutes(page route) {
	page("GET /settings", c.settings)
	page("POST /settings", c.setSettings)
	page("POST /settings/clock", c.confirmClock)
	page("POST /settings/zone", c.setZone)
	for _, pattern := range []string{"POST /settings", "POST /settings/zone"} {
		c.restorable(pattern, func(w http.ResponseWriter, r *http.Request, v *visit, f *form) error {
			return c.showSettings(w, r, v, http.StatusOK, f, "")
		})
	}
	page("POST /settings/backup", c.backup)
	page("POST /settings/epoch", c.newEpoch)
	page("GET /settings/audit", c.audit)
	page("GET /settings/account", c.account)
	page("POST /settings/account", c.changePassword)
	page("POST /settings/account/sign-out", c.signOutElsewhere)
	c.adminRoutes(page)
}

func (c *Console) settings(w http.ResponseWriter, r *http.Request, v *visit) error {
	if !v.Actor.May(desk.EditSettings) {
		http.Redirect(w, r, "/settings/account", http.StatusSeeOther)
		return nil
	}
	return c.showSettings(w, r, v, http.StatusOK, nil, r.URL.Query().Get("ask"))
}

func (c *Console) showSettings(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form, ask string) error {
	p := &settingsPage{Tab: "site", Form: f, Ask: ask, Fingerprint: c.fingerprint}
	var err error
	if p.Settings, err = c.desk.Settings(r.Context(), v.Actor); err != nil {
		return err
	}
	if p.Doubt, err = c.desk.Doubt(r.Context()); err != nil {
		return err
	}
	p.Doubt = sentence(p.Doubt)
	if p.Odds, err = c.desk.Odds(r.Context(), v.Actor, "", nil); err != nil {
		return err
	}
	if f == nil {
		p.Form = newForm()
	}
	for name, value := range map[string]string{"keep-days": fmt.Sprint(p.Settings.KeepDays), "zone": v.zone().String()} {
		if !p.Form.Values.Has(name) {
			p.Form.Values.Set(name, value)
		}
	}
	c.show(w, r, status, "settings", &view{visit: v, Title: "Settings", Section: "settings", Page: p})
	return nil
}

func (c *Console) setSettings(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	days := wholeNumber(f, "keep-days", 3650)
	if len(f.Wrong) == 0 {
		err := c.desk.SetSettings(r.Context(), v.Actor, desk.Settings{KeepDays: int(days)})
		if err == nil {
			c.redirect(w, r, "/settings", "Saved.")
			return nil
		}
		if !f.refused(err) {
			return err
		}
	}
	return c.showSettings(w, r, v, http.StatusUnprocessableEntity, f, "")
}

func (c *Console) confirmClock(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := c.desk.ConfirmClock(r.Context(), v.Actor); err != nil {
		return err
	}
	c.redirect(w, r, "/settings", "The controller's clock is confirmed.")
	return nil
}

func (c *Console) setZone(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v)
	if err != nil {
		return err
	}
	err = c.desk.SetZone(r.Context(), v.Actor, f.Get("zone"))
	if f.refused(err) {
		return c.showSettings(w, r, v, http.StatusUnprocessableEntity, f, "")
	}
	if err != nil {
		return err
	}
	c.redirect(w, r, "/settings", "Saved. Times are now shown in this zone.")
	return nil
}

// withPassword confirms the password in the form, if any, and runs an act that may
// need it. done is false if the form must be shown again with its errors.
func (c *Console) withPassword(r *http.Request, v *visit, f *form, act func() error) (done bool, err error) {
	right, err := c.confirmPassword(r, v, f)
	if err != nil || !right {
		return false, err
	}
	err = act()
	if errors.Is(err, desk.ErrSignInAgain) {
		v.Actor.FreshSignIn = false
	}
	if err == nil {
		return true, nil
	}
	if f.refused(err) {
		return false, nil
	}
	return false, err
}

func (c *Console) backup(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v, "password", "passphrase", "passphrase-again")
	if err != nil {
		return err
	}
	defer f.wipe()
	if !bytes.Equal(f.secret["passphrase"], f.secret["passphrase-again"]) {
		f.Wrong["passphrase-again"] = "The two passphrases differ. Type the same one twice."
		return c.showSettings(w, r, v, http.StatusUnprocessableEntity, f, "backup")
	}
	name := fmt.Sprintf("%s-%s.tar.age", c.site, time.Now().In(v.zone()).Format("2006-01-02-1504"))
	form := &desk.BackupForm{Passphrase: f.secret["passphrase"], Recipients: f.Trim("recipients")}
	done, err := c.withPassword(r, v, f, func() error {
		return c.download(w, r, "application/octet-stream", name, func(to http.ResponseWriter) error {
			return c.desk.WriteBackup(r.Context(), v.Actor, form, to)
		})
	})
	if err != nil || done {
		return err
	}
	return c.showSettings(w, r, v, http.StatusUnprocessableEntity, f, "backup")
}

func (c *Console) newEpoch(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v, "password")
	if err != nil {
		return err
	}
	defer f.wipe()
	var epoch uint64
	done, err := c.withPassword(r, v, f, func() (err error) {
		epoch, err = c.desk.NewEpoch(r.Context(), v.Actor)
		return err
	})
	if err != nil {
		return err
	}
	if done {
		c.redirect(w, r, "/settings", fmt.Sprintf("Epoch %d has begun. Readers switch to it one after another.", epoch))
		return nil
	}
	return c.showSettings(w, r, v, http.StatusUnprocessableEntity, f, "epoch")
}

// audit shows the acts of administrators.
func (c *Console) audit(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := v.refusal(desk.ViewActs); err != nil {
		return err
	}
	p := &settingsPage{Tab: "audit"}
	p.Filter, p.Audit = newForm(), true
	if err := c.readActivity(r, v, &p.activityPage, desk.Query{Kind: "admin"}); err != nil {
		return err
	}
	c.show(w, r, http.StatusOK, "settings", &view{visit: v, Title: "Audit", Section: "settings", Page: p})
	return nil
}

func (c *Console) account(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showAccount(w, r, v, http.StatusOK, newForm())
}

func (c *Console) showAccount(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	c.show(w, r, status, "settings", &view{visit: v, Title: "Your account", Section: "settings", Page: &settingsPage{Tab: "account", Form: f, Fingerprint: c.fingerprint}})
	return nil
}

func (c *Console) changePassword(w http.ResponseWriter, r *http.Request, v *visit) error {
	f, err := c.formOf(r, v, "old", "new", "again")
	if err != nil {
		return err
	}
	defer f.wipe()
	if !bytes.Equal(f.secret["new"], f.secret["again"]) {
		f.Wrong["again"] = "The two passwords differ. Type the same one twice."
		return c.showAccount(w, r, v, http.StatusUnprocessableEntity, f)
	}
	err = c.desk.ChangePassword(r.Context(), v.token, f.secret["old"], f.secret["new"], client(r))
	var soon *desk.TooSoonError
	switch {
	case err == nil:
		c.redirect(w, r, "/settings/account", "Your password was changed. You were signed out everywhere else.")
		return nil
	case errors.Is(err, desk.ErrWrongSignIn):
		f.Wrong["old"] = "This is not your password."
	case errors.As(err, &soon):
		f.Wrong["old"] = sentence(err.Error())
	case !f.refused(err):
		return err
	}
	return c.showAccount(w, r, v, http.StatusUnprocessableEntity, f)
}

func (c *Console) signOutElsewhere(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := c.desk.SignOutElsewhere(r.Context(), v.token); err != nil {
		return err
	}
	c.redirect(w, r, "/settings/account", "You were signed out everywhere else.")
	return nil
}
