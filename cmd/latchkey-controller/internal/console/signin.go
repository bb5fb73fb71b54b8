package console

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

type signInPage struct {
	Form  *form
	Note  *language.Sentence // why to sign in again; nil: no reason
	Here  bool               // passkeys work at this address
	Warns bool               // browsers warn of the console unless they trust the site's authority
	At    string             // host of the provider at which administrators may sign in; "": none
}

// showSignIn shows the sign-in page.
func (c *Console) showSignIn(w http.ResponseWriter, r *http.Request, status int, p signInPage) {
	p.Here, p.Warns = c.atOrigin(r), c.trustOf(r).Warns()
	if c.desk.Origin() != "" {
		p.At, _ = c.desk.ProviderHost(r.Context()) // without it the rest of the page is still good
	}
	c.show(w, r, status, "sign-in", &view{visit: c.newVisit(r), Title: language.Say("Sign in"), Page: p})
}

func (c *Console) signInPage(w http.ResponseWriter, r *http.Request) error {
	next := local(r.URL.Query().Get("next"))
	if _, err := c.session(r, true); err == nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	f := newForm("next", next)
	if _, err := r.Cookie(sessionCookie); err != nil && r.URL.Query().Has("given") {
		f.Wrong[""] = language.Say("Name and password were right, but your browser did not send the sign-in cookie back. Allow cookies for this address, then sign in again.")
	}
	c.showSignIn(w, r, http.StatusOK, signInPage{Form: f})
	return nil
}

func (c *Console) signIn(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	defer f.wipe()
	var session *desk.Session
	if passkey := f.secret["passkey"]; len(passkey) > 0 {
		session, err = c.desk.SignInWithPasskey(r.Context(), passkey, client(r))
	} else {
		session, err = c.desk.SignIn(r.Context(), f.Trim("name"), f.secret["password"], client(r))
	}
	var soon *desk.TooSoonError
	var none *desk.NoPasskeysError
	status := http.StatusUnprocessableEntity
	switch {
	case err == nil && f.Get("kept") != "":
		return c.restoreForm(w, r, session, f.Get("kept"), local(f.Get("next")))
	case err == nil:
		c.welcome(w, r, session, local(f.Get("next")))
		return nil
	case errors.As(err, &soon):
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", fmt.Sprint(int(soon.Wait.Seconds())+1))
		f.Wrong[""] = language.Of(err).Alone()
	case errors.Is(err, desk.ErrBusy):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "5")
		f.Wrong[""] = language.Of(err).Alone()
	case errors.Is(err, desk.ErrWrongSignIn), errors.Is(err, desk.ErrWrongPasskey), errors.Is(err, desk.ErrBegunElsewhere), errors.Is(err, desk.ErrPasskeyOnly), errors.As(err, &none):
		f.Wrong[""] = language.Of(err).Alone()
	case !f.refused(err):
		return err
	}
	c.showSignIn(w, r, status, signInPage{Form: f})
	return nil
}

func (c *Console) signOut(w http.ResponseWriter, r *http.Request, v *visit) error {
	if err := c.desk.SignOut(r.Context(), v.token); err != nil {
		return err
	}
	c.clearSession(w)
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	return nil
}

type linkPage struct {
	Link *desk.OneTimeLink // nil: used or expired
	Why  *language.Sentence
	Form *form
	Hint *language.Sentence
}

func (c *Console) linkPage(w http.ResponseWriter, r *http.Request) error {
	return c.showLink(w, r, http.StatusOK, newForm())
}

func (c *Console) showLink(w http.ResponseWriter, r *http.Request, status int, f *form) error {
	page := linkPage{Form: f, Hint: language.Say("At least %d characters. Several words make a good one.", desk.MinPassword)}
	var err error
	page.Link, err = c.desk.OneTimeLink(r.Context(), r.PathValue("token"))
	if errors.Is(err, desk.ErrLinkUsed) {
		page.Why, status = language.Of(err).Alone(), http.StatusGone
	} else if err != nil {
		return err
	}
	c.show(w, r, status, "link", &view{visit: c.newVisit(r), Title: language.Say("Your link"), Page: page})
	return nil
}

func (c *Console) useLink(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	defer f.wipe()
	if !bytes.Equal(f.secret["password"], f.secret["again"]) {
		f.Wrong["again"] = language.Say("The two passwords differ. Type the same one twice.")
		return c.showLink(w, r, http.StatusUnprocessableEntity, f)
	}
	session, err := c.desk.UseOneTimeLink(r.Context(), r.PathValue("token"), f.Trim("name"), f.secret["password"], client(r))
	if err == nil {
		c.welcome(w, r, session, "/")
		return nil
	}
	if errors.Is(err, desk.ErrLinkUsed) || f.refused(err) {
		return c.showLink(w, r, http.StatusUnprocessableEntity, f)
	}
	return err
}
