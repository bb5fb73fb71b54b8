package console

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// atOrigin says whether a browser that sent a request shows the console at the origin at
// which passkeys work.
func (c *Console) atOrigin(r *http.Request) bool {
	return c.desk.Origin() == "https://"+strings.TrimSuffix(r.Host, ":443")
}

// askPasskey answers with what a browser needs to ask for a passkey. Who is signed in
// gets it for an act that needs a fresh sign-in.
func (c *Console) askPasskey(w http.ResponseWriter, r *http.Request) error {
	options, err := c.desk.AskPasskey(r.Context(), "")
	return c.passkeyOptions(w, options, err)
}

func (c *Console) askPasskeyAgain(w http.ResponseWriter, r *http.Request, v *visit) error {
	options, err := c.desk.AskPasskey(r.Context(), v.token)
	return c.passkeyOptions(w, options, err)
}

func (c *Console) newPasskey(w http.ResponseWriter, r *http.Request, v *visit) error {
	options, err := c.desk.NewPasskey(r.Context(), v.token)
	return c.passkeyOptions(w, options, err)
}

func (c *Console) passkeyOptions(w http.ResponseWriter, options []byte, err error) error {
	if none := (*desk.NoPasskeysError)(nil); errors.As(err, &none) {
		return desk.ErrNotFound
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(options)
	return err
}

// signInAgain makes the sign-in fresh with what the form has for it, and does nothing else.
func (c *Console) signInAgain(_ *http.Request, v *visit, _ *form) (answer, error) {
	if !v.Actor.FreshSignIn {
		return answer{}, desk.ErrSignInAgain
	}
	return answer{to: "/settings/account?ask=add"}, nil
}

func (c *Console) addPasskey(r *http.Request, v *visit, f *form) (answer, error) {
	return answer{to: "/settings/account", notice: language.Say("The passkey was added.")}, c.desk.AddPasskey(r.Context(), v.token, f.Get("name"), f.secret["passkey"])
}

// changePasskey runs the act in the URL.
func (c *Console) changePasskey(r *http.Request, v *visit, f *form) (answer, error) {
	switch r.PathValue("act") {
	case "rename":
		return answer{to: "/settings/account", notice: language.Say("The passkey has another name now.")}, c.desk.RenamePasskey(r.Context(), v.token, v.id, f.Get("name"))
	case "remove":
		return removed(c.desk.RemovePasskey(r.Context(), v.token, v.id), "/settings/account", language.Say("The passkey was removed. Delete it on your device, too."), language.Say("The passkey was removed before."))
	}
	return answer{}, desk.ErrNotFound
}

// showPasskey shows the account with the dialog of the act in the URL.
func (c *Console) showPasskey(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showAccountAsking(r.PathValue("act"), v.id)(w, r, v, status, f)
}

// rulesPage shows how administrators sign in.
type rulesPage struct {
	Tab   string
	Form  *form
	Rules *desk.SignInRules

	Provider     *desk.Provider
	ProviderForm *form
	Ask          string // open dialog: "provider", "remove"
}

// showRules shows how administrators sign in, with a form of which one part was refused.
func (c *Console) showRules(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showRulesWith(w, r, v, status, f, nil)
}

func (c *Console) showProvider(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
	return c.showRulesWith(w, r, v, status, nil, f)
}

// showRulesWith shows the page with its two forms; nil: as it is set.
func (c *Console) showRulesWith(w http.ResponseWriter, r *http.Request, v *visit, status int, f, of *form) error {
	p, err := c.desk.Provider(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	ask := r.URL.Query().Get("ask")
	if of == nil {
		of = providerForm(p)
	} else if ask = "provider"; strings.HasSuffix(r.URL.Path, "/remove") {
		ask = "remove"
	}
	if meanwhile := of.Wrong["provider"]; meanwhile != nil {
		of.Wrong[""] = language.Say("%s Saving again overwrites that change.", meanwhile)
		of.Values.Set("provider-revision", fmt.Sprint(p.Revision))
	}
	s, err := c.desk.SignInRules(r.Context(), v.Actor)
	if err != nil {
		return err
	}
	if f == nil {
		f = newForm("revision", fmt.Sprint(s.Revision))
		for _, role := range s.PasskeyRoles {
			f.Values.Add("role", string(role))
		}
	}
	f.warn("rules", fmt.Sprint(s.Revision))
	c.show(w, r, status, "sign-in-rules", &view{visit: v, Title: language.Say("Sign-in"), Section: "settings", Page: &rulesPage{"sign-in", f, s, p, of, ask}})
	return nil
}

func (c *Console) setRules(r *http.Request, v *visit, f *form) (answer, error) {
	was, err := strconv.ParseInt(f.Get("revision"), 10, 64)
	if err != nil {
		return answer{}, errBadForm
	}
	var roles []desk.Role
	for _, role := range f.Values["role"] {
		roles = append(roles, desk.Role(role))
	}
	return answer{to: "/settings/sign-in", notice: language.Say("Saved. It holds from the next sign-in on.")}, c.desk.SetPasskeyRoles(r.Context(), v.Actor, was, roles)
}
